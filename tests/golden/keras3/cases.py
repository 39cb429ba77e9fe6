"""What Keras 3.15 was asked about layers, activations, optimizers and schedules that Keras 2.3 lacks.

Rows are as in ``tests.golden.cases``, and numbers follow its rule. ``call`` may be "spread" (inputs as
positional arguments), ``call_kwargs`` go to the call, and ``masked`` lists inputs that pass a Masking layer.
"""

from __future__ import annotations

from tests.golden.cases import floats, integers, layer
from tests.golden.keras3 import augmentation
from tests.golden.keras3.training_cases import LATER as LATER
from tests.golden.keras3.training_cases import OPTIMIZERS, SCHEDULES
from tests.golden.keras3.training_cases import STEPS as STEPS

LAYERS = []


def _case(name, layer_spec, *inputs, **options):
    options = {"call": "one", "probe": False, "train": True, "call_kwargs": {}, "masked": [], **options}
    LAYERS.append({"name": name, "layer": layer_spec, "inputs": list(inputs), **options})


def _weightless(name, layer_spec, *inputs, **options):
    _case(name, layer_spec, *inputs, **{"probe": True, **options})


def _normalization():
    _case("layer_norm", layer("LayerNormalization"), floats(5))
    _case("layer_norm_3d", layer("LayerNormalization", epsilon=1e-5), floats(4, 5))
    _case("layer_norm_two_axes", layer("LayerNormalization", axis=[1, 2]), floats(4, 5))
    _case("layer_norm_first_axis", layer("LayerNormalization", axis=1), floats(4, 3, 2))
    _case("layer_norm_outer_axes", layer("LayerNormalization", axis=[1, 3]), floats(4, 3, 2))
    _case("layer_norm_no_scale", layer("LayerNormalization", scale=False), floats(4, 5))
    _case("layer_norm_no_center", layer("LayerNormalization", center=False), floats(4, 5))
    _weightless("layer_norm_plain", layer("LayerNormalization", center=False, scale=False), floats(4, 5))
    _case("layer_norm_unknown_steps", layer("LayerNormalization"), floats(4, 5, unknown_steps=True))
    _case("group_norm", layer("GroupNormalization", groups=2), floats(3, 4, 6))
    _case("group_norm_2d", layer("GroupNormalization", groups=3), floats(6))
    _case("group_norm_first", layer("GroupNormalization", groups=2, axis=1), floats(4, 3, 5))
    _case("group_norm_instance", layer("GroupNormalization", groups=-1), floats(3, 4, 2))
    _case("group_norm_no_scale", layer("GroupNormalization", groups=1, scale=False), floats(3, 4))
    _weightless("unit_norm", layer("UnitNormalization"), floats(4, 5))
    _weightless("unit_norm_axes", layer("UnitNormalization", axis=[1, 2]), floats(4, 5))
    _case("rms_norm", layer("RMSNormalization"), floats(4, 5))
    _case("rms_norm_axis", layer("RMSNormalization", axis=1, epsilon=1e-3), floats(4, 5))


def _einsum():
    _case(
        "einsum_dense", layer("EinsumDense", equation="ab,bc->ac", output_shape=4, bias_axes="c"), floats(3)
    )
    _case(
        "einsum_dense_3d",
        layer(
            "EinsumDense", equation="abc,cd->abd", output_shape=[None, 4], bias_axes="d", activation="relu"
        ),
        floats(2, 3),
    )
    _case(
        "einsum_dense_two_axes",
        layer("EinsumDense", equation="abc,cde->abde", output_shape=[2, 3, 2], bias_axes="de"),
        floats(2, 3),
    )
    _case(
        "einsum_dense_bias_inner",
        layer("EinsumDense", equation="abc,bd->adc", output_shape=[4, 3], bias_axes="d"),
        floats(2, 3),
    )
    _case(
        "einsum_dense_first",
        layer("EinsumDense", equation="...x,xy->...y", output_shape=4, bias_axes="y"),
        floats(2, 3, 5),
    )
    _case(
        "einsum_dense_last",
        layer("EinsumDense", equation="ab...,bc->ac...", output_shape=4, bias_axes="c"),
        floats(3, 2, 5),
    )
    _case("einsum_dense_no_bias", layer("EinsumDense", equation="ab,bc->ac", output_shape=4), floats(3))


def _attention():
    two = {"call": "spread"}
    heads = {"num_heads": 2, "key_dim": 3}
    q, v = floats(3, 4), floats(5, 4)
    _case("mha", layer("MultiHeadAttention", **heads), q, v, **two)
    _case("mha_key", layer("MultiHeadAttention", **heads), q, v, floats(5, 2), **two)
    _case("mha_value_dim", layer("MultiHeadAttention", value_dim=2, output_shape=5, **heads), q, v, **two)
    _case("mha_no_bias", layer("MultiHeadAttention", use_bias=False, **heads), q, v, **two)
    _case(
        "mha_causal", layer("MultiHeadAttention", **heads), q, v, call_kwargs={"use_causal_mask": True}, **two
    )
    _case(
        "mha_unknown",
        layer("MultiHeadAttention", **heads),
        floats(3, 4, unknown_steps=True),
        floats(5, 4, unknown_steps=True),
        call_kwargs={"use_causal_mask": True},
        **two,
    )
    scores = {"return_attention_scores": True}
    _case("mha_scores", layer("MultiHeadAttention", **heads), q, v, call_kwargs=scores, train=False, **two)
    _case("mha_4d", layer("MultiHeadAttention", **heads), floats(2, 3, 4), floats(2, 5, 4), **two)
    _case(
        "mha_4d_axes",
        layer("MultiHeadAttention", attention_axes=[2], **heads),
        floats(2, 3, 4),
        floats(2, 5, 4),
        **two,
    )
    _case(
        "mha_4d_scores",
        layer("MultiHeadAttention", attention_axes=[1, 2], **heads),
        floats(2, 3, 4),
        floats(3, 2, 4),
        call_kwargs=scores,
        train=False,
        **two,
    )
    masks = [[1, 1, 0, 1, 0], [1, 1, 1, 1, 1]]
    _case(
        "mha_masked",
        layer("MultiHeadAttention", **heads),
        q,
        dict(v, mask=masks),
        masked=[1],
        train=False,
        **two,
    )
    _case(
        "mha_masked_both",
        layer("MultiHeadAttention", **heads),
        dict(q, mask=[[1, 0, 1], [1, 1, 0]]),
        dict(v, mask=masks),
        masked=[0, 1],
        train=False,
        **two,
    )
    _case(
        "mha_attention_mask",
        layer("MultiHeadAttention", **heads),
        q,
        v,
        integers(3, 5, low=0, high=2),
        call="mask_last",
    )
    group = {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2}
    _case("gqa", layer("GroupQueryAttention", **group), q, v, **two)
    _case(
        "gqa_causal",
        layer("GroupQueryAttention", **group),
        q,
        v,
        call_kwargs={"use_causal_mask": True},
        **two,
    )
    for name, options in (
        ("attention", {}),
        ("attention_scale", {"use_scale": True}),
        ("attention_concat", {"use_scale": True, "score_mode": "concat"}),
    ):
        _case(name, layer("Attention", **options), q, v, call="list", probe=True)
    _case("attention_key", layer("Attention"), q, floats(5, 2), floats(5, 4), call="list", probe=True)
    _case(
        "attention_causal",
        layer("Attention", use_scale=True),
        q,
        v,
        call="list",
        call_kwargs={"use_causal_mask": True},
    )
    _case("attention_scores", layer("Attention"), q, v, call="list", call_kwargs=scores, train=False)
    _case(
        "attention_masked",
        layer("Attention"),
        dict(q, mask=[[1, 0, 1], [1, 1, 0]]),
        dict(v, mask=masks),
        call="list",
        masked=[0, 1],
        train=False,
    )
    _case("additive_attention", layer("AdditiveAttention"), q, v, call="list", probe=True)
    _case(
        "additive_attention_no_scale",
        layer("AdditiveAttention", use_scale=False),
        q,
        v,
        call="list",
        probe=True,
    )


def _preprocessing():
    image = floats(5, 6, 3)
    _weightless("rescaling", layer("Rescaling", scale=0.5, offset=-1.0), image)
    _case("rescaling_integers", layer("Rescaling", scale=1 / 255), integers(4, 4, 3, high=256), train=False)
    _weightless(
        "rescaling_channels", layer("Rescaling", scale=[1.0, 2.0, 3.0], offset=[0.0, 1.0, 2.0]), image
    )
    _weightless(
        "normalization_given", layer("Normalization", mean=[1.0, 2.0], variance=[4.0, 0.0]), floats(3, 2)
    )
    _weightless(
        "normalization_number", layer("Normalization", axis=None, mean=2.0, variance=3.0), floats(3, 2)
    )
    _weightless(
        "normalization_invert",
        layer("Normalization", mean=[1.0, 2.0], variance=[4.0, 2.0], invert=True),
        floats(3, 2),
    )
    adapted = {
        "adapt": [{"shape": [20, 3, 2], "low": -2.0, "high": 7.0}],
        "keep_weights": True,
        "train": False,
    }
    _case("normalization_adapted", layer("Normalization"), floats(3, 2), **adapted)
    _case("normalization_adapted_axes", layer("Normalization", axis=[1, 2]), floats(3, 2), **adapted)
    _case("normalization_adapted_whole", layer("Normalization", axis=None), floats(3, 2), **adapted)
    for interpolation in ("bilinear", "nearest"):
        for height, width in ((8, 9), (3, 4), (2, 11)):
            name = f"resizing_{interpolation}_{height}_{width}"
            spec = layer("Resizing", height=height, width=width, interpolation=interpolation)
            _weightless(name, spec, image)
    _weightless(
        "resizing_crop", layer("Resizing", height=4, width=9, crop_to_aspect_ratio=True), floats(7, 6, 2)
    )
    _weightless(
        "resizing_crop_high", layer("Resizing", height=9, width=4, crop_to_aspect_ratio=True), floats(7, 8, 2)
    )
    _weightless(
        "resizing_pad",
        layer("Resizing", height=4, width=9, pad_to_aspect_ratio=True, fill_value=0.5),
        floats(7, 6, 2),
    )
    _weightless("center_crop", layer("CenterCrop", height=3, width=2), image)
    _weightless("center_crop_odd", layer("CenterCrop", height=2, width=3), image)
    _weightless("center_crop_small", layer("CenterCrop", height=7, width=4), image)
    categories = {"train": False}
    ids = integers(4, low=0, high=5)
    _case("encoding_multi_hot", layer("CategoryEncoding", num_tokens=5), ids, **categories)
    _case("encoding_count", layer("CategoryEncoding", num_tokens=5, output_mode="count"), ids, **categories)
    _case(
        "encoding_one_hot",
        layer("CategoryEncoding", num_tokens=5, output_mode="one_hot"),
        integers(1, low=0, high=5),
        **categories,
    )
    _case(
        "encoding_one_hot_wide",
        layer("CategoryEncoding", num_tokens=5, output_mode="one_hot"),
        ids,
        **categories,
    )
    bins = {"bin_boundaries": [-0.5, 0.0, 0.25]}
    _case("discretization", layer("Discretization", **bins), floats(6), **categories)
    for mode in ("multi_hot", "count", "one_hot"):
        _case(
            "discretization_" + mode,
            layer("Discretization", output_mode=mode, **bins),
            floats(6),
            **categories,
        )


def _convolution():
    for padding in ("valid", "same"):
        for strides in (1, 2):
            name = f"conv1d_transpose_{padding}_{strides}"
            spec = layer("Conv1DTranspose", filters=3, kernel_size=3, strides=strides, padding=padding)
            _case(name, spec, floats(5, 2))
            name = f"depthwise_conv1d_{padding}_{strides}"
            spec = layer(
                "DepthwiseConv1D", kernel_size=3, strides=strides, padding=padding, depth_multiplier=2
            )
            _case(name, spec, floats(6, 2))
    _case(
        "conv1d_transpose_padding",
        layer(
            "Conv1DTranspose",
            filters=3,
            kernel_size=4,
            strides=3,
            output_padding=1,
            activation="relu",
            use_bias=False,
        ),
        floats(5, 2),
    )
    _case("depthwise_conv1d_dilated", layer("DepthwiseConv1D", kernel_size=3, dilation_rate=2), floats(8, 2))


def _resizing():
    image = floats(5, 6, 3)
    for interpolation in ("bicubic", "lanczos3", "lanczos5"):
        for height, width in ((8, 9), (3, 4), (2, 11)):
            spec = layer("Resizing", height=height, width=width, interpolation=interpolation)
            _weightless(f"resizing_{interpolation}_{height}_{width}", spec, image)
    for interpolation in ("bilinear", "bicubic", "lanczos3", "nearest"):
        spec = layer("Resizing", height=3, width=8, interpolation=interpolation, antialias=True)
        _weightless(f"resizing_{interpolation}_smooth", spec, floats(7, 6, 2))
    for interpolation in ("area", "gaussian", "mitchellcubic"):
        for height, width in ((8, 9), (3, 4)):
            spec = layer("Resizing", height=height, width=width, interpolation=interpolation)
            _case(f"resizing_{interpolation}_{height}_{width}", spec, image, judge="tf_keras", train=False)
    first = layer("Resizing", height=4, width=3, interpolation="bicubic", data_format="channels_first")
    _weightless("resizing_first", first, floats(3, 5, 6))


def _lookup():
    ids = integers(4, low=-3, high=9)
    known = {"vocabulary": [7, -1, 4, 0, 5]}
    off = {"train": False}
    _case("lookup", layer("IntegerLookup", oov_token=-9, **known), ids, **off)
    _case("lookup_mask", layer("IntegerLookup", mask_token=2, oov_token=-9, **known), ids, **off)
    _case("lookup_oov", layer("IntegerLookup", num_oov_indices=3, oov_token=-9, **known), ids, **off)
    _case(
        "lookup_oov_mask",
        layer("IntegerLookup", num_oov_indices=2, mask_token=2, oov_token=-9, max_tokens=12, **known),
        ids,
        **off,
    )
    _case("lookup_invert", layer("IntegerLookup", invert=True, oov_token=-9, **known), ids, **off)
    for mode in ("multi_hot", "count", "one_hot"):
        spec = layer("IntegerLookup", output_mode=mode, mask_token=2, oov_token=-9, **known)
        _case("lookup_" + mode, spec, ids, **off)
    padded = {"max_tokens": 9, "pad_to_max_tokens": True, "output_mode": "count", "oov_token": -9}
    _case("lookup_padded", layer("IntegerLookup", **padded, **known), ids, **off)
    weighted = {"output_mode": "tf_idf", "idf_weights": [0.5, 1.0, 2.0, 0.25, 3.0], "oov_token": -9}
    _case("lookup_tf_idf", layer("IntegerLookup", **weighted, **known), ids, **off)
    data = {"adapt": [{"shape": [30, 3], "low": 0, "high": 7, "dtype": "int64"}], "keep_weights": True, **off}
    _case("lookup_adapted", layer("IntegerLookup"), ids, **data)
    _case("lookup_adapted_few", layer("IntegerLookup", max_tokens=4, mask_token=3), ids, **data)
    _case("lookup_adapted_tf_idf", layer("IntegerLookup", output_mode="tf_idf"), ids, **data)


def _audio():
    short = {"fft_length": 16, "sequence_stride": 6, "num_mel_bins": 5, "sampling_rate": 800}
    sound = floats(60)
    off = {"train": False}
    _case("mel", layer("MelSpectrogram", **short), sound, **off)
    _case(
        "mel_power", layer("MelSpectrogram", power_to_db=False, mag_exp=1.0, window="hamming", **short), sound
    )
    options = {"sequence_length": 11, "max_freq": 300.0, "ref_power": 3.0, "top_db": 20.0, "min_freq": 5.0}
    _case("mel_options", layer("MelSpectrogram", **options, **short), sound, **off)
    two = floats(50, 2)
    kept = {"keep_weights": True}
    for mode in ("log", "magnitude", "psd", "real", "imag", "stft"):
        trains = {} if mode in ("psd", "real", "imag", "stft") else off
        _case("stft_" + mode, layer("STFTSpectrogram", mode=mode, frame_length=12), two, **kept, **trains)
    options = {"frame_length": 10, "frame_step": 4, "fft_length": 32, "periodic": True, "padding": "same"}
    _case("stft_options", layer("STFTSpectrogram", mode="real", scaling="spectrum", **options), two, **kept)
    wide = {"mode": "magnitude", "frame_length": 8, "expand_dims": True, "window": None}
    _case("stft_expanded", layer("STFTSpectrogram", **wide), two, **kept, **off)
    for window in ("blackman", "boxcar", "flattop", "nuttall", "blackmanharris", "hamming"):
        spec = layer("STFTSpectrogram", mode="imag", frame_length=9, window=window, scaling=None)
        _case("stft_" + window, spec, two, **kept, **off)


def _wrappers():
    dense = layer("Dense", units=4, use_bias=False)  # with a bias, its place differs from tf_keras
    _case("spectral_dense", layer("SpectralNormalization", layer=dense), floats(3))
    more = layer(
        "SpectralNormalization",
        layer=layer("Conv2D", filters=2, kernel_size=3, use_bias=False),
        power_iterations=3,
    )
    _case("spectral_conv", more, floats(5, 5, 2))
    pipeline = layer("Pipeline", layers=[layer("Rescaling", scale=2.0), layer("Dense", units=2)])
    _case("pipeline", pipeline, floats(3))
    _weightless("identity", layer("Identity"), floats(3, 2))
    ids = integers(4, low=0, high=5)
    _case("reversible", layer("ReversibleEmbedding", input_dim=5, output_dim=3), ids)
    back = {"call_kwargs": {"reverse": True}}
    _case("reversible_back", layer("ReversibleEmbedding", input_dim=5, output_dim=3), floats(2, 3), **back)
    untied = layer(
        "ReversibleEmbedding",
        input_dim=5,
        output_dim=3,
        tie_weights=False,
        logit_soft_cap=0.5,
        mask_zero=True,
    )
    _case("reversible_untied", untied, floats(2, 3), **back)


def _adaptive():
    for kind in ("Average", "Max"):
        for size in (2, 4, 5):
            spec = layer(f"Adaptive{kind}Pooling1D", output_size=size)
            _weightless(f"adaptive_{kind.lower()}_1d_{size}", spec, floats(7, 2))
        spec = layer(f"Adaptive{kind}Pooling2D", output_size=[3, 2])
        _weightless(f"adaptive_{kind.lower()}_2d", spec, floats(5, 7, 2))
        spec = layer(f"Adaptive{kind}Pooling2D", output_size=3, data_format="channels_first")
        _weightless(f"adaptive_{kind.lower()}_2d_first", spec, floats(2, 5, 4))
        spec = layer(f"Adaptive{kind}Pooling3D", output_size=[2, 2, 3])
        _weightless(f"adaptive_{kind.lower()}_3d", spec, floats(4, 3, 5, 2))


def _later_arguments():
    two = {"call": "spread"}
    heads = {"num_heads": 2, "key_dim": 3}
    q, v = floats(5, 4), floats(6, 4)
    _case("mha_window", layer("MultiHeadAttention", sliding_window=2, **heads), q, v, **two)
    causal = {"call_kwargs": {"use_causal_mask": True}, **two}
    _case("mha_window_causal", layer("MultiHeadAttention", sliding_window=3, **heads), q, v, **causal)
    _case("mha_gate", layer("MultiHeadAttention", use_gate=True, value_dim=2, **heads), q, v, **two)
    group = {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2}
    _case(
        "gqa_window_gate", layer("GroupQueryAttention", sliding_window=2, use_gate=True, **group), q, v, **two
    )
    _case("layer_norm_rms", layer("LayerNormalization", rms_scaling=True), floats(4, 5))
    _case("layer_norm_rms_axes", layer("LayerNormalization", rms_scaling=True, axis=[1, 2]), floats(4, 5))
    for n, steps in ((1, (3, 5, 2)), (3, (3, 3, 4, 3, 2))):
        spec = {"filters": 2, "kernel_size": 2, "recurrent_activation": "sigmoid"}
        _case(f"conv_lstm_{n}d", layer(f"ConvLSTM{n}D", **spec), floats(*steps))
        options = {"padding": "same", "return_sequences": True, "use_bias": False, "activation": "relu"}
        _case(f"conv_lstm_{n}d_sequences", layer(f"ConvLSTM{n}D", **options, **spec), floats(*steps))
    one = layer("LSTM", units=2, return_sequences=True)
    other = layer("SimpleRNN", units=3, return_sequences=True, go_backwards=True, activation="relu")
    _case("bidirectional_own", layer("Bidirectional", layer=one, backward_layer=other), floats(3, 2))
    options = {"strides": 2, "go_backwards": True, "unit_forget_bias": False}
    _case("conv_lstm_1d_options", layer("ConvLSTM1D", **options, **spec), floats(3, 6, 2))


_normalization()


_later_arguments()


_adaptive()


_wrappers()


_resizing()


_lookup()


_audio()


_preprocessing()


_convolution()


_einsum()


_attention()


NUMBERS = {"low": -4.0, "high": 4.0}


ACTIVATIONS = [
    {
        "name": f"activation_{name}" + "".join(f"_{value}" for value in kwargs.values()),
        "function": name,
        "kwargs": kwargs,
        "shape": shape,
    }  # fmt: skip
    for name, kwargs, shape in [
        ("celu", {}, [3, 8]),
        ("celu", {"alpha": 0.5}, [3, 8]),
        ("gelu", {}, [3, 8]),
        ("gelu", {"approximate": True}, [3, 8]),
        ("glu", {}, [3, 8]),
        ("glu", {"axis": 1}, [3, 4, 2]),
        ("hard_shrink", {}, [3, 8]),
        ("hard_shrink", {"threshold": 1.5}, [3, 8]),
        ("hard_silu", {}, [3, 8]),
        ("hard_swish", {}, [3, 8]),
        ("hard_tanh", {}, [3, 8]),
        ("leaky_relu", {}, [3, 8]),
        ("log_sigmoid", {}, [3, 8]),
        ("log_softmax", {}, [3, 8]),
        ("log_softmax", {"axis": 1}, [3, 4, 2]),
        ("mish", {}, [3, 8]),
        ("relu6", {}, [3, 8]),
        ("silu", {}, [3, 8]),
        ("swish", {}, [3, 8]),
        ("soft_shrink", {}, [3, 8]),
        ("soft_shrink", {"threshold": 1.5}, [3, 8]),
        ("sparse_plus", {}, [3, 8]),
        ("sparse_sigmoid", {}, [3, 8]),
        ("sparsemax", {}, [3, 8]),
        ("sparsemax", {"axis": 1}, [3, 4, 2]),
        ("squareplus", {}, [3, 8]),
        ("squareplus", {"b": 1}, [3, 8]),
        ("tanh_shrink", {}, [3, 8]),
        ("threshold", {"threshold": 0.5, "default_value": -2.0}, [3, 8]),
    ]
]


GROUPS = {
    "keras3_layers": LAYERS,
    "keras3_activations": ACTIVATIONS,
    "keras3_schedules": SCHEDULES,
    "keras3_optimizers": OPTIMIZERS,
    **augmentation.GROUPS,
}
