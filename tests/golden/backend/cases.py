"""Calls of backend functions, whoever runs them: name -> (input arrays, function of K and the inputs).

The file keeps to syntax that Python 3.7 reads. Inputs become placeholders whose first axis is dynamic.
"""

import numpy as np


def _normal(seed, *shape):
    return np.random.RandomState(seed).normal(size=shape).astype("float32")


def _unit(seed, *shape):
    return np.random.RandomState(seed).uniform(0.02, 0.98, size=shape).astype("float32")


def _softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return (e / e.sum(-1, keepdims=True)).astype("float32")


A23, B23 = _normal(1, 2, 3), _normal(2, 2, 3)
A234 = _normal(3, 2, 3, 4)
SPECIAL = np.array([[-3.5, -2.5, -1.0, -0.2], [0.0, 0.3, 1.5, 7.5]], "float32")
ONE_HOT = np.eye(4, dtype="float32")[[1, 3, 0]]
PROBABILITIES = _softmax(_normal(4, 3, 4))
BINARY = np.array([[0, 1, 1, 0], [1, 1, 0, 0], [0, 0, 1, 1]], "float32")
IMAGE = _normal(5, 2, 7, 6, 3)
FIRST = np.ascontiguousarray(IMAGE.transpose(0, 3, 1, 2))
STEPS = _normal(6, 2, 9, 3)
VOLUME = _normal(7, 2, 5, 4, 6, 2)
MASK = np.array([[1, 1, 0, 1, 0], [0, 1, 1, 0, 0]], "float32")
SEQUENCE = _normal(8, 2, 5, 3)

CASES = {}


def case(name, inputs, call):
    assert name not in CASES, name
    CASES[name] = (inputs, call)


# Reductions: every kind of axis
for _name in ("max", "min", "sum", "prod", "mean", "var", "std", "logsumexp"):
    for _axis in (None, 0, -1, [0, 2], (1, -1)):
        for _keep in (False, True):
            case(
                "%s axis=%s keepdims=%s" % (_name, _axis, _keep),
                [A234],
                lambda K, x, n=_name, a=_axis, k=_keep: getattr(K, n)(x, axis=a, keepdims=k),
            )
for _name in ("any", "all"):
    for _axis in (None, 1):
        case(
            "%s axis=%s" % (_name, _axis),
            [BINARY],
            lambda K, x, n=_name, a=_axis: K.cast(getattr(K, n)(x, axis=a), "float32"),
        )
case("mean of bools", [BINARY], lambda K, x: K.mean(K.equal(x, 1.0), axis=1))
for _axis in (0, 1, -1):
    case("argmax %d" % _axis, [A234], lambda K, x, a=_axis: K.cast(K.argmax(x, a), "float32"))
    case("argmin %d" % _axis, [A234], lambda K, x, a=_axis: K.cast(K.argmin(x, a), "float32"))
    case("cumsum %d" % _axis, [A234], lambda K, x, a=_axis: K.cumsum(x, a))
    case("cumprod %d" % _axis, [A234], lambda K, x, a=_axis: K.cumprod(x, a))

# Element by element
for _name in ("square", "abs", "sqrt", "exp", "round", "sign", "sin", "cos", "elu", "softplus", "softsign"):
    case(_name, [SPECIAL], lambda K, x, n=_name: getattr(K, n)(x))
for _name in ("sigmoid", "hard_sigmoid", "tanh", "softmax", "relu", "transpose", "flatten", "l2_normalize"):
    case(_name, [SPECIAL], lambda K, x, n=_name: getattr(K, n)(x))
case("log", [PROBABILITIES], lambda K, x: K.log(x))
case("pow", [PROBABILITIES], lambda K, x: K.pow(x, 2.5))
case("pow 2", [SPECIAL], lambda K, x: K.pow(x, 2))
case("clip", [SPECIAL], lambda K, x: K.clip(x, -1.0, 2.0))
case("clip ints", [SPECIAL], lambda K, x: K.clip(x, -1, 2))
case("clip crossed", [SPECIAL], lambda K, x: K.clip(x, 2.0, 1.0))
case("clip open", [SPECIAL], lambda K, x: K.clip(x, None, 1.0))
for _name in ("equal", "not_equal", "greater", "greater_equal", "less", "less_equal"):
    case(
        _name,
        [A23, np.where(B23 > 0, A23, B23)],
        lambda K, x, y, n=_name: K.cast(getattr(K, n)(x, y), "float32"),
    )
for _name in ("maximum", "minimum"):
    case(_name, [A23, B23], lambda K, x, y, n=_name: getattr(K, n)(x, y))
    case("%s of a number" % _name, [A23], lambda K, x, n=_name: getattr(K, n)(x, 0.1))
for _alpha in (0.0, 0.3):
    for _max in (None, 1.2, 6):
        for _threshold in (0.0, 0.5, -1.5):
            case(
                "relu alpha=%s max=%s threshold=%s" % (_alpha, _max, _threshold),
                [SPECIAL],
                lambda K, x, a=_alpha, m=_max, t=_threshold: K.relu(x, alpha=a, max_value=m, threshold=t),
            )
case("elu alpha", [SPECIAL], lambda K, x: K.elu(x, 0.4))
case("softmax axis", [A234], lambda K, x: K.softmax(x, axis=1))
case("l2_normalize axis", [A234], lambda K, x: K.l2_normalize(x, axis=1))
case("arithmetic", [A23, B23], lambda K, x, y: (1.0 - x) * y / (x * x + 2) - (-y) ** 2 + 3)

# Products
case("dot 2 2", [A23], lambda K, x: K.dot(x, K.constant(_normal(9, 3, 5))))
case("dot 3 2", [A234], lambda K, x: K.dot(x, K.constant(_normal(9, 4, 5))))
case("dot 2 3", [A23], lambda K, x: K.dot(x, K.constant(_normal(9, 4, 3, 5))))
case("dot 3 4", [A234], lambda K, x: K.dot(x, K.constant(_normal(9, 2, 3, 4, 5))))
for _shapes in (
    ((2, 3), (2, 3), None),
    ((2, 3), (2, 3), 1),
    ((2, 3, 4), (2, 4, 5), None),
    ((2, 3, 4), (2, 5, 4), (2, 2)),
    ((2, 3, 4), (2, 5, 3), (1, 2)),
    ((2, 4, 3), (2, 4, 5), 1),
    ((2, 3), (2, 4, 3), (1, 2)),
    ((2, 3, 4), (2, 4), None),
    ((2, 3, 4), (2, 3), (1, 1)),
    ((2, 3, 4, 5), (2, 5, 6), (3, 1)),
    ((2, 3, 4), (2, 5, 4, 6), (2, 2)),
    ((2, 3, 4, 5), (2, 4, 6, 7), (2, 1)),
    ((2, 3), (2, 3, 4, 5), (1, 1)),
):
    case(
        "batch_dot %s %s axes=%s" % _shapes,
        [_normal(10, *_shapes[0]), _normal(11, *_shapes[1])],
        lambda K, x, y, a=_shapes[2]: K.batch_dot(x, y, axes=a),
    )

# Shapes
case("reshape", [A234], lambda K, x: K.reshape(x, (-1, 12)))
case("reshape by shape", [A234], lambda K, x: K.reshape(x, (K.shape(x)[0], 4, 3)))
case("reshape merged batch", [A234], lambda K, x: K.reshape(x, (-1, 4)))
case("concatenate", [A234, A234], lambda K, x, y: K.concatenate([x, y], axis=1))
case("concatenate last", [A23, B23], lambda K, x, y: K.concatenate([x, y]))
case("permute_dimensions", [A234], lambda K, x: K.permute_dimensions(x, (2, 0, 1)))
for _axis in (0, 1, 2, -1):
    case(
        "repeat_elements %d" % _axis,
        [A234],
        lambda K, x, a=_axis: K.repeat_elements(x, 3, a if a >= 0 else 2),
    )
    case("stack %d" % _axis, [A23, B23], lambda K, x, y, a=_axis: K.stack([x, y], axis=a))
    case("expand_dims %d" % _axis, [A23], lambda K, x, a=_axis: K.expand_dims(x, a))
case("repeat", [A23], lambda K, x: K.repeat(x, 4))
case("tile", [A23], lambda K, x: K.tile(x, [2, 3]))
case("batch_flatten", [A234], lambda K, x: K.batch_flatten(x))
case("squeeze", [_normal(1, 2, 1, 3)], lambda K, x: K.squeeze(x, 1))
case("temporal_padding", [STEPS], lambda K, x: K.temporal_padding(x, (2, 1)))
case("spatial_2d_padding", [IMAGE], lambda K, x: K.spatial_2d_padding(x, ((1, 2), (0, 3)), "channels_last"))
case(
    "spatial_2d_padding first",
    [FIRST],
    lambda K, x: K.spatial_2d_padding(x, ((1, 2), (0, 3)), "channels_first"),
)
case(
    "spatial_3d_padding",
    [VOLUME],
    lambda K, x: K.spatial_3d_padding(x, ((1, 0), (0, 1), (2, 1)), "channels_last"),
)
case("one_hot", [np.array([[0, 2], [3, 1]], "float32")], lambda K, x: K.one_hot(K.cast(x, "int32"), 4))
case("one_hot outside", [np.array([-1, 4, 2], "float32")], lambda K, x: K.one_hot(K.cast(x, "int32"), 4))
case("reverse", [A234], lambda K, x: K.reverse(x, (1, 2)))
case("reverse one", [A234], lambda K, x: K.reverse(x, 0))
case("slice", [A234], lambda K, x: K.slice(x, [0, 1, 1], [2, 2, 3]))
case("gather", [A234], lambda K, x: K.gather(x, K.constant([[1, 0], [1, 1]], dtype="int32")))
case("zeros_like", [A23], lambda K, x: K.zeros_like(x) + K.ones_like(x))
case("arange", [A23], lambda K, x: K.cast(K.arange(1, 7, 2), "float32") + x)
case("indexing", [A234], lambda K, x: x[:, -1, ::2] + x[:, 0, :2])
for _mode in ("nearest", "bilinear"):
    case(
        "resize_images %s" % _mode,
        [IMAGE],
        lambda K, x, m=_mode: K.resize_images(x, 2, 3, "channels_last", interpolation=m),
    )
case("resize_images first", [FIRST], lambda K, x: K.resize_images(x, 3, 1, "channels_first"))
case("resize_volumes", [VOLUME], lambda K, x: K.resize_volumes(x, 2, 1, 2, "channels_last"))
case("eye", [A23], lambda K, x: K.dot(x, K.eye(3)))
case("switch scalar", [A23, B23], lambda K, x, y: K.switch(K.sum(x) > 0, lambda: x, lambda: y))
case("switch rows", [A23, B23], lambda K, x, y: K.switch(K.sum(x, axis=1) > 0, x, y))
case("switch broadcast", [A234, A234], lambda K, x, y: K.switch(K.sum(x, axis=2) > 0, x, -y))
case("cast", [SPECIAL], lambda K, x: K.cast(K.cast(x, "int32"), "float32"))

# Losses
case("categorical_crossentropy", [ONE_HOT, PROBABILITIES], lambda K, t, o: K.categorical_crossentropy(t, o))
case(
    "categorical_crossentropy axis",
    [_softmax(_normal(1, 2, 3, 4)), _unit(1, 2, 3, 4)],
    lambda K, t, o: K.categorical_crossentropy(t, o, axis=1),
)
case(
    "categorical_crossentropy logits",
    [ONE_HOT, _normal(1, 3, 4)],
    lambda K, t, o: K.categorical_crossentropy(t, o, from_logits=True),
)
case(
    "categorical_crossentropy of softmax",
    [ONE_HOT, 30 * _normal(1, 3, 4)],
    lambda K, t, o: K.categorical_crossentropy(t, K.softmax(o)),
)
case("binary_crossentropy", [BINARY, _unit(2, 3, 4)], lambda K, t, o: K.binary_crossentropy(t, o))
case(
    "binary_crossentropy saturated",
    [BINARY, BINARY[::-1].copy()],
    lambda K, t, o: K.binary_crossentropy(t, o),
)
case(
    "binary_crossentropy logits",
    [BINARY, _normal(2, 3, 4)],
    lambda K, t, o: K.binary_crossentropy(t, o, from_logits=True),
)
case(
    "binary_crossentropy of sigmoid",
    [BINARY, 5 * _normal(2, 3, 4)],
    lambda K, t, o: K.binary_crossentropy(t, K.sigmoid(o)),
)
for _shape in ((3,), (3, 1)):
    case(
        "sparse_categorical_crossentropy %s" % (_shape,),
        [np.array([1, 3, 0], "float32").reshape(_shape), PROBABILITIES],
        lambda K, t, o: K.sparse_categorical_crossentropy(t, o),
    )
case(
    "sparse_categorical_crossentropy logits",
    [np.array([1, 3, 0], "float32"), _normal(3, 3, 4)],
    lambda K, t, o: K.sparse_categorical_crossentropy(t, o, from_logits=True),
)
case(
    "sparse_categorical_crossentropy steps",
    [np.array([[1, 3], [0, 2]], "float32"), _softmax(_normal(3, 2, 2, 4))],
    lambda K, t, o: K.sparse_categorical_crossentropy(t, o),
)
case(
    "sparse_categorical_crossentropy steps of one",
    [np.array([[[1], [3]], [[0], [2]]], "float32"), _softmax(_normal(3, 2, 2, 4))],
    lambda K, t, o: K.sparse_categorical_crossentropy(t, o),
)
case(
    "sparse_categorical_crossentropy axis",
    [np.array([[1, 2], [0, 2]], "float32"), _softmax(_normal(3, 2, 2, 3)).transpose(0, 2, 1).copy()],
    lambda K, t, o: K.sparse_categorical_crossentropy(t, o, axis=1),
)
case(
    "in_top_k",
    [_normal(12, 3, 5), np.array([1, 4, 2], "float32")],
    lambda K, p, t: K.cast(K.in_top_k(p, K.cast(t, "int32"), 2), "float32"),
)
case(
    "in_top_k ties",
    [np.array([[1, 1, 0], [2, 1, 1], [0, 0, 0]], "float32"), np.array([1, 2, 2], "float32")],
    lambda K, p, t: K.cast(K.in_top_k(p, K.cast(t, "int32"), 1), "float32"),
)

# Normalisation
case(
    "batch_normalization 2",
    [A23],
    lambda K, x: K.batch_normalization(
        x,
        K.constant(_normal(1, 3)),
        K.constant(_unit(2, 3)),
        K.constant(_normal(3, 3)),
        K.constant(_normal(4, 3)),
    ),
)
case(
    "batch_normalization 4",
    [IMAGE],
    lambda K, x: K.batch_normalization(
        x,
        K.constant(_normal(1, 3)),
        K.constant(_unit(2, 3)),
        K.constant(_normal(3, 3)),
        K.constant(_normal(4, 3)),
        axis=-1,
        epsilon=1e-2,
    ),
)
case(
    "batch_normalization first",
    [FIRST],
    lambda K, x: K.batch_normalization(
        x,
        K.constant(_normal(1, 1, 3, 1, 1)),
        K.constant(_unit(2, 1, 3, 1, 1)),
        None,
        K.constant(_normal(4, 1, 3, 1, 1)),
        axis=1,
    ),
)
for _axes in ([0, 1], [0, 2]):
    for _which in range(3):
        case(
            "normalize_batch_in_training %s %d" % (_axes, _which),
            [A234],
            lambda K, x, a=_axes, i=_which: K.normalize_batch_in_training(
                x, K.constant(_unit(1, 4 if a == [0, 1] else 3)), None, a
            )[i],
        )
case("bias_add", [IMAGE], lambda K, x: K.bias_add(x, K.constant(_normal(1, 3)), "channels_last"))
case("bias_add first", [FIRST], lambda K, x: K.bias_add(x, K.constant(_normal(1, 3)), "channels_first"))
case("bias_add full", [IMAGE], lambda K, x: K.bias_add(x, K.constant(_normal(1, 7, 6, 3)), "channels_last"))
case(
    "bias_add full first",
    [FIRST],
    lambda K, x: K.bias_add(x, K.constant(_normal(1, 7, 6, 3)), "channels_first"),
)
case("bias_add 3", [STEPS], lambda K, x: K.bias_add(x, K.constant(_normal(1, 3)), "channels_last"))
case("bias_add 2", [A23], lambda K, x: K.bias_add(x, K.constant(_normal(1, 3))))

# Convolutions and pooling
for _padding in ("valid", "same"):
    for _strides, _dilation in ((1, 1), (2, 1), (3, 1), (1, 2)):
        _tag = "%s strides=%d dilation=%d" % (_padding, _strides, _dilation)
        _args = dict(padding=_padding, data_format="channels_last")
        case(
            "conv1d " + _tag,
            [STEPS],
            lambda K, x, s=_strides, d=_dilation, a=_args: K.conv1d(
                x, K.constant(_normal(20, 4, 3, 5)), strides=s, dilation_rate=d, **a
            ),
        )
        case(
            "conv2d " + _tag,
            [IMAGE],
            lambda K, x, s=_strides, d=_dilation, a=_args: K.conv2d(
                x, K.constant(_normal(21, 3, 2, 3, 4)), strides=(s, s), dilation_rate=(d, d), **a
            ),
        )
        case(
            "conv3d " + _tag,
            [VOLUME],
            lambda K, x, s=_strides, d=_dilation, a=_args: K.conv3d(
                x, K.constant(_normal(22, 2, 2, 3, 2, 3)), strides=(s, s, s), dilation_rate=(d, d, d), **a
            ),
        )
        case(
            "depthwise_conv2d " + _tag,
            [IMAGE],
            lambda K, x, s=_strides, d=_dilation, a=_args: K.depthwise_conv2d(
                x, K.constant(_normal(23, 3, 2, 3, 2)), strides=(s, s), dilation_rate=(d, d), **a
            ),
        )
        case(
            "separable_conv2d " + _tag,
            [IMAGE],
            lambda K, x, s=_strides, d=_dilation, a=_args: K.separable_conv2d(
                x,
                K.constant(_normal(23, 3, 2, 3, 2)),
                K.constant(_normal(24, 1, 1, 6, 4)),
                strides=(s, s),
                dilation_rate=(d, d),
                **a,
            ),
        )
        case(
            "separable_conv1d " + _tag,
            [STEPS],
            lambda K, x, s=_strides, d=_dilation, a=_args: K.separable_conv1d(
                x,
                K.constant(_normal(25, 3, 3, 2)),
                K.constant(_normal(26, 1, 6, 4)),
                strides=s,
                dilation_rate=d,
                **a,
            ),
        )
    for _strides in (1, 2, 3):
        for _mode in ("max", "avg"):
            _tag = "%s %s strides=%d" % (_mode, _padding, _strides)
            _args = dict(padding=_padding, pool_mode=_mode)
            case(
                "pool2d " + _tag,
                [IMAGE],
                lambda K, x, s=_strides, a=_args: K.pool2d(
                    x, (3, 2), strides=(s, s), data_format="channels_last", **a
                ),
            )
            case(
                "pool3d " + _tag,
                [VOLUME],
                lambda K, x, s=_strides, a=_args: K.pool3d(
                    x, (2, 2, 3), strides=(s, s, s), data_format="channels_last", **a
                ),
            )
case(
    "conv1d causal",
    [STEPS],
    lambda K, x: K.conv1d(
        x, K.constant(_normal(20, 3, 3, 5)), padding="causal", data_format="channels_last", dilation_rate=2
    ),
)
for _size in (7, 8):  # odd and even sizes under stride 2 pad differently
    case(
        "conv2d same stride 2 size %d" % _size,
        [_normal(5, 1, _size, _size, 2)],
        lambda K, x: K.conv2d(
            x,
            K.constant(_normal(21, 3, 3, 2, 2)),
            strides=(2, 2),
            padding="same",
            data_format="channels_last",
        ),
    )
for _kernel in (2, 3, 4, 5):
    for _stride in (1, 2, 3):
        case(
            "conv2d_transpose same kernel=%d stride=%d" % (_kernel, _stride),
            [_normal(30, 2, 4, 3, 2)],
            lambda K, x, k=_kernel, s=_stride: K.conv2d_transpose(
                x,
                K.constant(_normal(31, k, k, 3, 2)),
                (K.shape(x)[0], 4 * s, 3 * s, 3),
                strides=(s, s),
                padding="same",
                data_format="channels_last",
            ),
        )
        case(
            "conv2d_transpose valid kernel=%d stride=%d" % (_kernel, _stride),
            [_normal(30, 2, 4, 3, 2)],
            lambda K, x, k=_kernel, s=_stride: K.conv2d_transpose(
                x,
                K.constant(_normal(31, k, k, 3, 2)),
                (K.shape(x)[0], 4 * s + max(k - s, 0), 3 * s + max(k - s, 0), 3),
                strides=(s, s),
                padding="valid",
                data_format="channels_last",
            ),
        )
case(
    "conv2d_transpose odd output",
    [_normal(30, 2, 4, 3, 2)],
    lambda K, x: K.conv2d_transpose(
        x,
        K.constant(_normal(31, 3, 3, 3, 2)),
        (K.shape(x)[0], 7, 5, 3),
        strides=(2, 2),
        padding="same",
        data_format="channels_last",
    ),
)
case(
    "conv3d_transpose",
    [_normal(32, 2, 3, 2, 4, 2)],
    lambda K, x: K.conv3d_transpose(
        x,
        K.constant(_normal(33, 3, 2, 3, 4, 2)),
        (K.shape(x)[0], 6, 4, 8, 4),
        strides=(2, 2, 2),
        padding="same",
        data_format="channels_last",
    ),
)
case(
    "local_conv1d",
    [STEPS],
    lambda K, x: K.local_conv1d(x, K.constant(_normal(40, 4, 9, 5)), (3,), (2,), "channels_last"),
)
case(
    "local_conv2d",
    [IMAGE],
    lambda K, x: K.local_conv2d(
        x, K.constant(_normal(41, 15, 18, 4)), (3, 2), (1, 2), (5, 3), "channels_last"
    ),
)
case(
    "local_conv2d first",
    [FIRST],
    lambda K, x: K.local_conv2d(
        x, K.constant(_normal(41, 15, 18, 4)), (3, 2), (1, 2), (5, 3), "channels_first"
    ),
)


# Loops
def _cell(K):
    w, u = K.constant(_normal(50, 3, 4)), K.constant(_normal(51, 4, 4))

    def step(x, states):
        h = K.tanh(K.dot(x, w) + K.dot(states[0], u))
        return 2 * h, [h]

    return step


def _rnn(K, x, mask=None, which=0, **kwargs):
    start = K.zeros_like(K.dot(x[:, 0], K.constant(np.zeros((3, 4), "float32"))))
    last, outputs, states = K.rnn(_cell(K), x, [start], mask=mask, **kwargs)
    return (last, outputs, states[0])[which]


for _which, _name in enumerate(("last", "outputs", "state")):
    for _unroll in (False, True):
        for _back in (False, True):
            _args = dict(which=_which, unroll=_unroll, go_backwards=_back)
            _tag = "%s unroll=%s backwards=%s" % (_name, _unroll, _back)
            case("rnn " + _tag, [SEQUENCE], lambda K, x, a=_args: _rnn(K, x, **a))
            case(
                "rnn masked " + _tag,
                [SEQUENCE, MASK],
                lambda K, x, m, a=_args: _rnn(K, x, K.cast(m, "bool"), **a),
            )
case(
    "rnn constants",
    [SEQUENCE, A23],
    lambda K, x, c: K.rnn(
        lambda i, s: (i * s[1] + s[0], [i * s[1] + s[0]]), x, [K.zeros_like(c)], constants=[c]
    )[0],
)
case("foldl", [A23], lambda K, x: K.foldl(lambda a, v: 2 * a + v, x))
case("foldl initializer", [A23], lambda K, x: K.foldl(lambda a, v: 2 * a + v, x, K.constant([1.0, 2.0, 3.0])))
case("foldr", [_normal(1, 4, 3)], lambda K, x: K.foldr(lambda a, v: 2 * a + v, x))
case("map_fn", [A23], lambda K, x: K.map_fn(lambda v: K.sum(v) * v, x))
case("gradients", [A23], lambda K, x: K.gradients(K.sum(K.square(x) * K.exp(x)), [x])[0])

# Connectionist temporal classification
LABELS = np.array([[0, 1, 1], [2, 0, 0], [1, 2, 1]], "float32")
LABEL_LENGTHS = np.array([[3], [1], [2]], "float32")
FRAMES = _softmax(3 * _normal(60, 3, 7, 4))
FRAME_LENGTHS = np.array([[7], [4], [6]], "float32")
case(
    "ctc_batch_cost",
    [LABELS, FRAMES, FRAME_LENGTHS, LABEL_LENGTHS],
    lambda K, y, p, n, m: K.ctc_batch_cost(y, p, n, m),
)
for _which in (0, 1):
    case(
        "ctc_decode greedy %d" % _which,
        [FRAMES, FRAME_LENGTHS],
        lambda K, p, n, w=_which: K.cast(
            K.ctc_decode(p, K.flatten(n), greedy=True)[w][0] if w == 0 else K.ctc_decode(p, K.flatten(n))[1],
            "float32",
        ),
    )
    for _top in (0, 1):
        case(
            "ctc_decode beam %d path %d" % (_which, _top),
            [FRAMES, FRAME_LENGTHS],
            lambda K, p, n, w=_which, t=_top: K.cast(
                K.ctc_decode(p, K.flatten(n), greedy=False, beam_width=20, top_paths=2)[w][t]
                if w == 0
                else K.ctc_decode(p, K.flatten(n), greedy=False, beam_width=20, top_paths=2)[1][:, t],
                "float32",
            ),
        )
