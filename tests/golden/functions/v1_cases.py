"""Calls of TensorFlow 1's functions on the inputs ``t``, held to ``tf.compat.v1`` by ``v1.npz``, which
``make_v1.py`` writes. Each gives a tensor or several.
"""

# ruff: noqa: E501
import numpy as np


def arrays():
    """The inputs by name."""
    rng = np.random.default_rng(0)
    return {
        "x": rng.normal(size=(5, 3)).astype("float32"), "y": rng.normal(size=(5, 3)).astype("float32"),
        "p": rng.random((5, 3)).astype("float32"), "q": (rng.random((5, 3)) > 0.4).astype("float32"),
        "i": np.array([7, -7, 3, 8, 2], "int32"), "j": np.array([2, 2, -2, 3, 5], "int32"),
        "rows": np.array([True, False, False, True, True]), "one_hot": np.eye(3, dtype="float32")[[0, 2, 1, 1, 0]],
        "ids": np.array([0, 2, 1, 1, 0], "int32"), "m": np.eye(3, dtype="float32")[None] * 2 + 0.5,
        "g": rng.random((1, 6, 6, 2)).astype("float32"), "k": rng.random((3, 3, 2, 1)).astype("float32"),
        "w": np.array([[1.0], [0.0], [2.0], [0.5], [0.0]], "float32"),
    }  # fmt: skip


#: Names of version 1 for what has another one today, and arguments by their names of version 1.
CASES = {
    "arg_max": lambda tf, t: tf.arg_max(t.x, 1),
    "argmax_dimension": lambda tf, t: tf.argmax(t.x, dimension=1),
    "atrous_conv2d": lambda tf, t: tf.nn.atrous_conv2d(t.g, t.k, 2, "SAME"),
    "ceil": lambda tf, t: tf.ceil(t.x),
    "cond_fn1": lambda tf, t: tf.cond(tf.constant(True), lambda: t.x, lambda: t.y),
    "count_nonzero": lambda tf, t: tf.count_nonzero(t.q, axis=1),
    "cumprod": lambda tf, t: tf.cumprod(t.x, axis=1),
    "diag": lambda tf, t: tf.diag(t.x[:, 0]),
    "diag_part": lambda tf, t: tf.diag_part(t.m[0]),
    "div": lambda tf, t: (tf.div(t.i, t.j), tf.div(t.x, t.y)),
    "div_no_nan": lambda tf, t: tf.div_no_nan(t.x, t.q),
    "dropout_none": lambda tf, t: tf.nn.dropout(t.x, keep_prob=1.0),
    "erf": lambda tf, t: tf.erf(t.x),
    "expand_dims_dim": lambda tf, t: tf.expand_dims(t.x, dim=1),
    "floordiv": lambda tf, t: tf.floordiv(t.i, t.j),
    "global_norm": lambda tf, t: tf.global_norm([t.x, t.y]),
    "invert_permutation": lambda tf, t: tf.invert_permutation(tf.constant([2, 0, 1])),
    "is_finite": lambda tf, t: (tf.is_finite(t.x), tf.is_nan(t.x), tf.is_inf(t.x)),
    "lin_space": lambda tf, t: tf.lin_space(0.0, 1.0, 5),
    "log": lambda tf, t: (tf.log(t.p), tf.log1p(t.p), tf.log_sigmoid(t.x)),
    "log_softmax_dim": lambda tf, t: tf.nn.log_softmax(t.x, dim=0),
    "logical_xor": lambda tf, t: tf.logical_xor(t.q > 0, t.p > 0.5),
    "manip": lambda tf, t: tf.manip.roll(t.x, shift=1, axis=0),
    "matrix_band_part": lambda tf, t: tf.matrix_band_part(t.m, 0, 1),
    "matrix_determinant": lambda tf, t: tf.matrix_determinant(t.m),
    "matrix_diag": lambda tf, t: (tf.matrix_diag(t.x), tf.matrix_diag_part(t.m)),
    "matrix_inverse": lambda tf, t: tf.matrix_inverse(t.m),
    "matrix_transpose": lambda tf, t: tf.matrix_transpose(t.m),
    "mod": lambda tf, t: (tf.mod(t.i, t.j), tf.floormod(t.x, t.p)),
    "moments": lambda tf, t: tf.nn.moments(t.x, [0], keep_dims=True),
    "norm_keep_dims": lambda tf, t: tf.norm(t.x, axis=1, keep_dims=True),
    "pool_value": lambda tf, t: tf.nn.max_pool(value=t.g, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="SAME"),
    "reciprocal": lambda tf, t: (tf.reciprocal(t.p), tf.rsqrt(t.p), tf.rint(t.x)),
    "reduce_keep_dims": lambda tf, t: [getattr(tf, f"reduce_{name}")(t.x, 1, keep_dims=True) for name in ("sum", "mean", "max", "min", "prod", "logsumexp")],
    "reduction_indices": lambda tf, t: [getattr(tf, f"reduce_{name}")(t.x, reduction_indices=[1]) for name in ("sum", "mean", "max", "min", "prod", "logsumexp")],
    "reduce_truth": lambda tf, t: [getattr(tf, f"reduce_{name}")(t.q > 0, reduction_indices=1, keep_dims=True) for name in ("any", "all")],
    "resize": lambda tf, t: (tf.image.resize_bilinear(t.g, [9, 4]), tf.image.resize_nearest_neighbor(t.g, [9, 4]), tf.image.resize_images(t.g, [9, 4])),
    "segments": lambda tf, t: (tf.segment_sum(t.x, [0, 0, 1, 3, 3]), tf.unsorted_segment_max(t.x, [0, 0, 1, 2, 2], 3)),
    "conv_filter": lambda tf, t: tf.nn.conv2d(t.g, filter=t.k, strides=[1, 1, 1, 1], padding="SAME"),
    "depthwise_native": lambda tf, t: tf.nn.depthwise_conv2d_native(t.g, t.k, [1, 1, 1, 1], "VALID"),
    "separable_rate": lambda tf, t: tf.nn.separable_conv2d(t.g, t.k, np.ones((1, 1, 2, 3), "float32"), [1, 1, 1, 1], "SAME", rate=[2, 2]),
    "crop_box_ind": lambda tf, t: tf.image.crop_and_resize(t.g, np.float32([[0.1, 0.2, 0.8, 0.9]]), box_ind=np.int32([0]), crop_size=[3, 3]),
    "softmax_dim": lambda tf, t: tf.nn.softmax(t.x, dim=0),
    "scattered": lambda tf, t: (tf.sparse_to_dense([1, 3], [5], [2.0, 3.0], -1.0), tf.sparse_to_dense([[0, 1], [1, 0]], [2, 2], 7)),
    "sparse_to_dense": lambda tf, t: tf.sparse_tensor_to_dense(tf.SparseTensor([[0, 1], [2, 0]], [1.0, 2.0], [3, 2])),
    "squared_difference": lambda tf, t: tf.squared_difference(t.x, t.y),
    "squeeze_dims": lambda tf, t: tf.squeeze(t.g, squeeze_dims=[0]),
    "to_types": lambda tf, t: (tf.to_float(t.i), tf.to_double(t.i), tf.to_int32(t.x), tf.to_int64(t.x)),
    "weighted_targets": lambda tf, t: tf.nn.weighted_cross_entropy_with_logits(targets=t.q, logits=t.x, pos_weight=2.0),
    "where_rows": lambda tf, t: tf.where(t.rows, t.x, t.y),
    "where_all": lambda tf, t: (tf.where(t.x > 0, t.x, t.y), tf.where(t.rows)),
    "in_top_k": lambda tf, t: (tf.nn.in_top_k(t.x, t.ids, 2), tf.math.in_top_k(t.x, t.ids, 1)),
    "cross_entropy_v2": lambda tf, t: tf.nn.softmax_cross_entropy_with_logits_v2(labels=t.one_hot, logits=t.x),
    "zeros_like_tensor": lambda tf, t: (tf.zeros_like(tensor=t.x), tf.ones_like(tensor=t.x)),
    "Print": lambda tf, t: tf.Print(t.x, [t.y, t.i], message="seen: "),
}  # fmt: skip
for _name in ("NONE", "SUM", "MEAN", "SUM_OVER_BATCH_SIZE", "SUM_BY_NONZERO_WEIGHTS"):
    CASES[f"losses_{_name}"] = lambda tf, t, name=_name: tf.losses.compute_weighted_loss(
        t.p, t.w, reduction=getattr(tf.losses.Reduction, name)
    )
for _weights in ("all", "some"):

    def _losses(tf, t, weights=_weights):
        w = {"all": 1.0, "some": t.w}[weights]
        flat = {"all": 1.0, "some": t.w[:, 0]}[weights]
        return [
            tf.losses.absolute_difference(t.y, t.x, w), tf.losses.mean_squared_error(t.y, t.x, w),
            tf.losses.huber_loss(t.y, t.x, w, delta=0.7), tf.losses.log_loss(t.q, t.p, w),
            tf.losses.hinge_loss(t.q, t.x, w), tf.losses.cosine_distance(t.y, t.x, 1, w),
            tf.losses.sigmoid_cross_entropy(t.q, t.x, w, label_smoothing=0.1),
            tf.losses.softmax_cross_entropy(t.one_hot, t.x, flat, label_smoothing=0.1),
            tf.losses.sparse_softmax_cross_entropy(t.ids, t.x, flat),
        ]  # fmt: skip

    CASES[f"losses_{_weights}_weights"] = _losses

#: Metrics, which count over several batches.
METRICS = {
    "accuracy": lambda tf, t: tf.metrics.accuracy(t.q, t.r),
    "auc": lambda tf, t: tf.metrics.auc(t.q, t.p),
    **{
        f"auc_{curve}_{method}": lambda tf, t, curve=curve, method=method: tf.metrics.auc(
            t.q, t.p, curve=curve, summation_method=method
        )
        for curve in ("ROC", "PR")
        for method in ("trapezoidal", "minoring", "majoring")
    },
    "auc_PR_careful": lambda tf, t: tf.metrics.auc(
        t.q, t.p, curve="PR", summation_method="careful_interpolation"
    ),
    "false_negatives": lambda tf, t: tf.metrics.false_negatives(t.q, t.r),
    "false_positives": lambda tf, t: tf.metrics.false_positives(t.q, t.r),
    "mean": lambda tf, t: tf.metrics.mean(t.p),
    "mean_absolute_error": lambda tf, t: tf.metrics.mean_absolute_error(t.q, t.p),
    "mean_iou": lambda tf, t: tf.metrics.mean_iou(t.q, t.r, 2),
    "mean_squared_error": lambda tf, t: tf.metrics.mean_squared_error(t.q, t.p),
    "precision": lambda tf, t: tf.metrics.precision(t.q, t.r),
    "precision_of_numbers": lambda tf, t: tf.metrics.precision(t.q, t.p),
    "recall": lambda tf, t: tf.metrics.recall(t.q, t.r),
    "root_mean_squared_error": lambda tf, t: tf.metrics.root_mean_squared_error(t.q, t.p),
    "true_negatives": lambda tf, t: tf.metrics.true_negatives(t.q, t.r),
    "true_positives": lambda tf, t: tf.metrics.true_positives(t.q, t.r),
}
#: Optimizers, each of five steps on one weight.
OPTIMIZERS = {
    "AdadeltaOptimizer": lambda tf: tf.train.AdadeltaOptimizer(1.0),
    "AdagradOptimizer": lambda tf: tf.train.AdagradOptimizer(0.1),
    "AdamOptimizer": lambda tf: tf.train.AdamOptimizer(0.1),
    "FtrlOptimizer": lambda tf: tf.train.FtrlOptimizer(0.1),
    "GradientDescentOptimizer": lambda tf: tf.train.GradientDescentOptimizer(0.1),
    "MomentumOptimizer": lambda tf: tf.train.MomentumOptimizer(0.1, 0.9),
    "MomentumOptimizer_nesterov": lambda tf: tf.train.MomentumOptimizer(0.1, 0.9, use_nesterov=True),
    "RMSPropOptimizer": lambda tf: tf.train.RMSPropOptimizer(0.1),
    "RMSPropOptimizer_centered": lambda tf: tf.train.RMSPropOptimizer(0.1, momentum=0.5, centered=True),
    "RMSPropOptimizer_momentum": lambda tf: tf.train.RMSPropOptimizer(0.1, momentum=0.5),
}
BATCHES, STEPS = 3, 5


def batches():
    """Batches for the metrics: labels 0 and 1, predictions 0 and 1, and numbers between."""
    rng = np.random.default_rng(1)
    for _ in range(BATCHES):
        p = rng.random(20).astype("float32")
        yield {"q": (rng.random(20) < p).astype("float32"), "r": (p > 0.5).astype("float32"), "p": p}


def counted(tf, name):
    """What the update of a metric gives for each batch, where it is a number, and its value after each."""
    from types import SimpleNamespace

    inputs = {key: tf.placeholder(tf.float32, [None]) for key in "qrp"}
    value, update = METRICS[name](tf, SimpleNamespace(**inputs))
    found = []
    with tf.Session() as session:
        session.run(tf.local_variables_initializer())
        for batch in batches():
            updated = session.run(update, {inputs[key]: x for key, x in batch.items()})
            found += [updated if np.ndim(updated) == 0 else 0.0, session.run(value)]
    # the update of mean_iou gives the matrix that it has counted in
    return np.array(found if name != "mean_iou" else found[1::2])


def trained(tf, name):
    """A weight after five steps, and the loss before the last one, by a session."""
    rng = np.random.default_rng(2)
    start, x, y = (rng.normal(size=shape).astype("float32") for shape in ((3, 2), (8, 3), (8, 2)))
    weight = tf.Variable(start)
    inputs = [tf.placeholder(tf.float32, [None, 3]), tf.placeholder(tf.float32, [None, 2])]
    loss = tf.reduce_mean(tf.square(tf.matmul(inputs[0], weight) - inputs[1]))
    step = OPTIMIZERS[name](tf).minimize(loss, var_list=[weight])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(STEPS):
            _, last = session.run([step, loss], dict(zip(inputs, (x, y), strict=True)))
        return np.append(session.run(weight), last)
