"""Calls spelled as in Keras 1, converted to Keras 2 with the warnings that Keras 2.3 gives.

One table, ``LAYERS``, says for each class how its constructor arguments were called; ``METHODS`` says the
same of the methods of Model. Each built-in layer is handed to ``support`` when it is registered, which
wraps what has a row. The tables also serve configurations in files of Keras 1: ``upgrade_class_name``
and ``upgrade_arguments``.
"""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .. import rules
from ..utils.generic_utils import close_names, did_you_mean

# classes under the names that Keras 1 gave them
CLASS_NAMES = {
    "AtrousConvolution1D": "Conv1D",
    "AtrousConvolution2D": "Conv2D",
    "Convolution1D": "Conv1D",
    "Convolution2D": "Conv2D",
    "Convolution3D": "Conv3D",
    "Deconvolution2D": "Conv2DTranspose",
    "Deconvolution3D": "Conv3DTranspose",
    "SeparableConvolution2D": "SeparableConv2D",
    "TimeDistributedDense": "Dense",
}

# arguments whose values had other names
_VALUES: dict[str, dict[Any, Any]] = {
    "dim_ordering": {"tf": "channels_last", "th": "channels_first", "default": None},
    "consume_less": {"cpu": 0, "mem": 1, "gpu": 2},
}


@dataclass
class Call:
    """The arguments of one call while they are converted.

    Attributes:
        name: of the class or method, as the warning shows it.
        args, kwargs: the arguments, without self.
        converted: whether anything was called as in Keras 1.
        notes: texts of warnings, in order.
    """

    name: str
    args: list[Any]
    kwargs: dict[str, Any]
    converted: bool = False
    notes: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """``Conv2D(32, (3, 3), padding="same")``; long values are cut."""
        keywords = [f"{name}={_shown(value)}" for name, value in self.kwargs.items()]
        return f"{self.name}({', '.join([*map(_shown, self.args), *keywords])})"


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    text = "array" if type(value).__name__ == "ndarray" else str(value)
    return text if len(text) <= 10 else text[:10] + "..."


@dataclass(frozen=True)
class ArgumentRenames:
    """How Keras 1 spelled the arguments of a class or method.

    Attributes:
        renamed: old name -> new name, in the order in which the new call is shown.
        prepare: what is done before, where a new name is not enough; each changes the Call.
        finish: what is done to the call in its new spelling.
        values: by old name, the values that had other names.
    """

    renamed: Mapping[str, str]
    prepare: tuple[Callable[[Call], None], ...] = ()
    finish: tuple[Callable[[Call], None], ...] = ()
    values: Mapping[str, Mapping[Any, Any]] = field(default_factory=lambda: _VALUES)

    def convert(self, call: Call) -> None:
        """Converts the call in place and notes how to write it today.

        Raises:
            TypeError: if an argument is given under both names, or what it asks for no longer exists.
            ValueError: if kernel size and strides cannot be told apart.
        """
        for step in self.prepare:
            step(call)
        for old, new in self.renamed.items():
            if old not in call.kwargs:
                continue
            value = call.kwargs.pop(old)
            if new in call.kwargs:
                raise TypeError(
                    f"For the `{new}` argument, the layer received both the legacy keyword argument `{old}` "
                    f"and the Keras 2 keyword argument `{new}`. Stick to the latter!"
                )
            named = isinstance(value, Hashable) and value in (names := self.values.get(old, {}))
            call.kwargs[new] = names[value] if named else value
            call.converted = True
        if call.converted:
            call.notes.append(f"Update your `{call.name}` call to the Keras 2 API: `{call}`")
        for step in self.finish:
            step(call)


# --- where a new name is not enough ------------------------------------------------------------------------


def _kernel_size(*dimensions: str) -> Callable[[Call], None]:
    """Puts ``(filters, 3, 3)``, or a keyword for each dimension, together to ``(filters, (3, 3))``."""
    rank = len(dimensions)

    def prepare(call: Call) -> None:
        if rules.in_force().strides_by_place:
            return
        sizes = call.args[1:]
        by_keyword = [name for name in dimensions[len(sizes) :] if name in call.kwargs]
        if len(sizes) > rank or not all(_is_int(size) for size in sizes):
            return
        if len(sizes) + len(by_keyword) < rank:
            return  # the kernel size of Keras 2, or one too few
        if not by_keyword and any(name in call.kwargs for name in ("padding", "strides", "data_format")):
            raise ValueError(
                f"`{call.name}` got {len(sizes)} integers behind the filters together with arguments of "
                f"Keras 2. They could be `kernel_size` and `strides`, or the {rank} sizes of a kernel as in "
                "Keras 1. Pass `kernel_size` as a tuple, and `strides` as a keyword argument."
            )
        size = (*sizes, *(call.kwargs.pop(name) for name in by_keyword))
        if call.args:
            call.args[1:] = [size]
        else:
            call.kwargs["kernel_size"] = size
        call.converted = True

    return prepare


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _sequence_shape(note: str | None = None) -> Callable[[Call], None]:
    """``input_dim`` and ``input_length`` become ``input_shape``."""

    def prepare(call: Call) -> None:
        if "input_dim" not in call.kwargs:
            return
        length = call.kwargs.pop("input_length", None)
        call.kwargs["input_shape"] = (length, call.kwargs.pop("input_dim"))
        call.converted = True
        if note:
            call.notes.append(note)

    return prepare


def _forget_bias(call: Call) -> None:
    if "forget_bias_init" not in call.kwargs:
        return
    if call.kwargs.pop("forget_bias_init") == "one":
        call.kwargs["unit_forget_bias"] = True
        call.converted = True
    else:
        call.notes.append(
            "The `forget_bias_init` argument has been ignored. Use `unit_forget_bias=True` instead to "
            "initialize with ones."
        )


def _separable_initializers(call: Call) -> None:
    if "init" in call.kwargs:
        init = call.kwargs.pop("init")
        call.kwargs.update(depthwise_initializer=init, pointwise_initializer=init)
        call.converted = True


def _without_output_shape(call: Call) -> None:
    """The output shape of a transposed convolution follows from the input's."""
    if len(call.args) == 4 and isinstance(call.args[3], tuple):
        del call.args[3]
        call.converted = True
    if "output_shape" in call.kwargs:
        del call.kwargs["output_shape"]
        call.converted = True


def _batch_mode(call: Call) -> None:
    if "mode" not in call.kwargs:
        return
    if call.kwargs.pop("mode") != 0:
        raise TypeError(
            "The `mode` argument of `BatchNormalization` no longer exists. `mode=1` and `mode=2` are no "
            "longer supported."
        )
    call.converted = True


def _embedding_dropout(call: Call) -> None:
    if "dropout" in call.kwargs:
        del call.kwargs["dropout"]
        call.notes.append(
            "The `dropout` argument is no longer support in `Embedding`. You can apply a "
            "`keras.layers.SpatialDropout1D` layer right after the `Embedding` layer to get the "
            "same behavior."
        )


def _no_implementation(call: Call) -> None:
    if "implementation" in call.kwargs:
        del call.kwargs["implementation"]
        call.notes.append(
            f"The `implementation` argument in `{call.name}` has been deprecated. Please remove "
            "it from your layer call."
        )


def _implementation_zero(call: Call) -> None:
    if call.kwargs.get("implementation") == 0:
        call.notes.append(
            "`implementation=0` has been deprecated, and now defaults to `implementation=1`."
            "Please update your layer call."
        )


def _input_of_later(call: Call) -> None:
    """An InputLayer as tf.keras and Keras 3 call it, without a warning: this is how it is spelled today."""
    for today, own in (("batch_shape", "batch_input_shape"), ("shape", "input_shape")):
        shape = call.kwargs.pop(today, None)
        if shape is not None:
            call.kwargs[own] = shape
    call.kwargs.pop("optional", None)  # an input that may be left out may be given
    if call.kwargs.pop("ragged", None):
        raise ValueError("Inputs with ragged=True are not supported; pass arrays of one shape.")
    spec = call.kwargs.pop("type_spec", None)
    if spec is not None:
        if not hasattr(spec, "shape") or not hasattr(spec, "dtype"):
            raise ValueError(f"type_spec: expected a TensorSpec, with shape and dtype; found {spec!r}.")
        call.kwargs["batch_input_shape"] = tuple(spec.shape)
        call.kwargs["dtype"] = call.kwargs.get("dtype") or spec.dtype


_PADS = ("top_pad", "bottom_pad", "left_pad", "right_pad")


def _padding_by_side(call: Call) -> None:
    by_keyword = "padding" in call.kwargs
    padding = call.kwargs.get("padding") if by_keyword else call.args[0] if len(call.args) == 1 else None
    if not isinstance(padding, dict) or not set(padding) <= set(_PADS):
        return
    top, bottom, left, right = (padding.get(side, 0) for side in _PADS)
    sides = ((top, bottom), (left, right))
    if by_keyword:
        call.kwargs["padding"] = sides
        form = "`padding=(top_pad, bottom_pad, left_pad, right_pad)`."
    else:
        call.args[0] = sides
        form = "`padding=((top_pad, bottom_pad), (left_pad, right_pad))`"
    call.notes.append(
        "The `padding` argument in the Keras 2 API no longeraccepts dict types. "  # as Keras has it
        f"You can now input argument as: {form}"
    )


def _steps_per_epoch(call: Call) -> None:
    old = {"samples_per_epoch", "val_samples", "nb_epoch", "nb_val_samples", "nb_worker"}
    if "samples_per_epoch" in call.kwargs and len(call.args) < 2:
        samples = call.kwargs.pop("samples_per_epoch")
        generator = call.args[0] if call.args else call.kwargs.get("generator")
        batch_size = getattr(generator, "batch_size", None)
        call.kwargs["steps_per_epoch"] = samples if batch_size is None else samples // batch_size
        call.converted = True
        old.discard("samples_per_epoch")
    if old & set(call.kwargs):
        call.notes.append(
            "The semantics of the Keras 2 argument `steps_per_epoch` is not the same as the Keras 1 argument "
            "`samples_per_epoch`. `steps_per_epoch` is the number of batches to draw from the generator at "
            "each epoch. Basically steps_per_epoch = samples_per_epoch/batch_size. Similarly "
            "`nb_val_samples`->`validation_steps` and `val_samples`->`steps` arguments have changed. Update "
            "your method calls accordingly."
        )


# --- the tables --------------------------------------------------------------------------------------------

_WEIGHTS = {
    "init": "kernel_initializer",
    "W_regularizer": "kernel_regularizer",
    "b_regularizer": "bias_regularizer",
    "W_constraint": "kernel_constraint",
    "b_constraint": "bias_constraint",
    "bias": "use_bias",
}
_WINDOW = {"border_mode": "padding", "dim_ordering": "data_format"}
_FILTERS = {"nb_filter": "filters", "subsample": "strides", **_WINDOW}
_POOL_1D = {"pool_length": "pool_size", "stride": "strides", "border_mode": "padding"}
_IMAGE = ArgumentRenames({"dim_ordering": "data_format"})
_RATE = ArgumentRenames({"p": "rate"})
_KERNEL_2D = _kernel_size("nb_row", "nb_col")
_KERNEL_3D = _kernel_size("kernel_dim1", "kernel_dim2", "kernel_dim3")
_CONV_1D = ArgumentRenames(
    {
        "nb_filter": "filters",
        "filter_length": "kernel_size",
        "subsample_length": "strides",
        "border_mode": "padding",
        **_WEIGHTS,
    },
    (_sequence_shape(),),
)
_CONV_2D = ArgumentRenames({**_FILTERS, **_WEIGHTS}, (_KERNEL_2D,))
_RECURRENT = {
    "output_dim": "units",
    "init": "kernel_initializer",
    "inner_init": "recurrent_initializer",
    "inner_activation": "recurrent_activation",
    "W_regularizer": "kernel_regularizer",
    "b_regularizer": "bias_regularizer",
    "U_regularizer": "recurrent_regularizer",
    "dropout_W": "dropout",
    "dropout_U": "recurrent_dropout",
    "consume_less": "implementation",
}
_SEQUENCE = (
    _forget_bias,
    _sequence_shape(
        "The `input_dim` and `input_length` arguments in recurrent layers are deprecated. Use "
        "`input_shape` instead."
    ),
)

#: What the recurrent layers have in common.
RECURRENT = ArgumentRenames(_RECURRENT, _SEQUENCE)

LAYERS: dict[str, ArgumentRenames] = {
    "Dense": ArgumentRenames({"output_dim": "units", **_WEIGHTS}),
    "Dropout": _RATE,
    "SpatialDropout1D": _RATE,
    "SpatialDropout2D": ArgumentRenames({"p": "rate", "dim_ordering": "data_format"}),
    "SpatialDropout3D": ArgumentRenames({"p": "rate", "dim_ordering": "data_format"}),
    "GaussianDropout": _RATE,
    "GaussianNoise": ArgumentRenames({"sigma": "stddev"}),
    "PReLU": ArgumentRenames({"init": "alpha_initializer"}),
    "BatchNormalization": ArgumentRenames(
        {"beta_init": "beta_initializer", "gamma_init": "gamma_initializer"}, (_batch_mode,)
    ),
    "Embedding": ArgumentRenames(
        {
            "init": "embeddings_initializer",
            "W_regularizer": "embeddings_regularizer",
            "W_constraint": "embeddings_constraint",
        },
        (_embedding_dropout,),
    ),
    "Conv1D": _CONV_1D,
    "LocallyConnected1D": _CONV_1D,
    "Conv2D": _CONV_2D,
    "LocallyConnected2D": _CONV_2D,
    "Conv2DTranspose": ArgumentRenames({**_FILTERS, **_WEIGHTS}, (_without_output_shape, _KERNEL_2D)),
    "SeparableConv2D": ArgumentRenames(
        {**_FILTERS, **{old: _WEIGHTS[old] for old in ("b_regularizer", "b_constraint", "bias")}},
        (_separable_initializers, _KERNEL_2D),
    ),
    "Conv3D": ArgumentRenames({**_FILTERS, **_WEIGHTS}, (_KERNEL_3D,)),
    "ConvLSTM2D": ArgumentRenames(
        {
            **_FILTERS,
            "init": "kernel_initializer",
            "inner_init": "recurrent_initializer",
            "W_regularizer": "kernel_regularizer",
            "U_regularizer": "recurrent_regularizer",
            "b_regularizer": "bias_regularizer",
            "inner_activation": "recurrent_activation",
            "dropout_W": "dropout",
            "dropout_U": "recurrent_dropout",
            "bias": "use_bias",
        },
        (_forget_bias, _KERNEL_2D),
    ),
    "SimpleRNN": ArgumentRenames(_RECURRENT, _SEQUENCE, (_no_implementation,)),
    "GRU": ArgumentRenames(_RECURRENT, _SEQUENCE, (_implementation_zero,)),
    "LSTM": ArgumentRenames(_RECURRENT, _SEQUENCE, (_implementation_zero,)),
    **{f"{kind}Pooling1D": ArgumentRenames(_POOL_1D) for kind in ("Max", "Average")},
    **{f"{kind}Pooling{rank}D": ArgumentRenames(_WINDOW) for kind in ("Max", "Average") for rank in (2, 3)},
    **{f"Global{kind}Pooling{rank}D": _IMAGE for kind in ("Max", "Average") for rank in (2, 3)},
    "UpSampling1D": ArgumentRenames({"length": "size"}),
    **{f"{kind}{rank}D": _IMAGE for kind in ("UpSampling", "Cropping") for rank in (2, 3)},
    "ZeroPadding2D": ArgumentRenames(_IMAGE.renamed, (_padding_by_side,)),
    "ZeroPadding3D": _IMAGE,
    "InputLayer": ArgumentRenames({"input_dtype": "dtype"}, (_input_of_later,)),
    **dict.fromkeys(("Model", "Network"), ArgumentRenames({"input": "inputs", "output": "outputs"})),
}

GENERATOR = ArgumentRenames(
    {
        "samples_per_epoch": "steps_per_epoch",
        "val_samples": "steps",
        "nb_epoch": "epochs",
        "nb_val_samples": "validation_steps",
        "nb_worker": "workers",
        "pickle_safe": "use_multiprocessing",
        "max_q_size": "max_queue_size",
    },
    (_steps_per_epoch,),
)

METHODS: dict[str, dict[str, ArgumentRenames]] = {
    "Model": dict.fromkeys(("fit_generator", "evaluate_generator", "predict_generator"), GENERATOR)
}


# --- putting them to work ----------------------------------------------------------------------------------

_AS_IT_IS = ArgumentRenames({})


def support(cls: type) -> None:
    """Lets the constructor and the methods of a built-in layer accept what its rows say."""
    name = cls.__name__
    if name.startswith("_"):
        return
    if name in LAYERS or "__init__" in vars(cls):
        cls.__init__ = accepting(LAYERS.get(name, _AS_IT_IS), cls.__init__, True)  # type: ignore[misc]
    for method, renames in METHODS.get(name, {}).items():
        setattr(cls, method, accepting(renames, getattr(cls, method), False))


def accepting(
    renames: ArgumentRenames, function: Callable[..., Any], constructor: bool
) -> Callable[..., Any]:
    """A method that takes its arguments in either spelling; of a constructor warnings name the class.

    ``_original_function`` is the method as it was.
    """
    parameters = list(inspect.signature(function).parameters.values())[1:]
    named = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    required = [p.name for p in named if p.default is p.empty]

    @functools.wraps(function)
    def wrapped(self: Any, *args: Any, **kwargs: Any) -> Any:
        name = type(self).__name__ if constructor else function.__name__
        call = Call(name, list(args), kwargs)
        renames.convert(call)
        if call.kwargs.get("quantization_config", 0) is None:  # of layers in Keras 3
            del call.kwargs["quantization_config"]
        for note in call.notes:
            warnings.warn(note, stacklevel=2)
        missing = [parameter for parameter in required[len(call.args) :] if parameter not in call.kwargs]
        if missing:
            _refuse_missing(call, missing[0], {p.name for p in named})
        return function(self, *call.args, **call.kwargs)

    wrapped._original_function = function  # type: ignore[attr-defined]
    return wrapped


def _refuse_missing(call: Call, missing: str, named: set[str]) -> None:
    """TypeError for an argument that must be given, with the one that may have been meant."""
    meant = [given for given in call.kwargs if given not in named and close_names(given, [missing])]
    found = f" (found {meant[0]!r}; did you mean {missing!r}?)" if meant else ""
    raise TypeError(f"{call.name}: the argument {missing!r} is missing{found}. The call was {call}.")


def refuse_unknown(cls: type, unknown: Collection[str], base_arguments: Collection[str]) -> None:
    """Suggests what a mistyped constructor argument of a layer may have meant.

    Args:
        cls: class of the layer.
        unknown: the arguments that nobody took.
        base_arguments: what every layer takes.

    Raises:
        TypeError: if there are unknown arguments.
    """
    if not unknown:
        return
    name = min(unknown)
    own = [argument for argument in _constructor_arguments(cls) if argument not in base_arguments]
    hint = did_you_mean(name, {*own, *base_arguments})
    takes = f"It takes {', '.join(own)}, and what every layer takes: " if own else "Every layer takes "
    raise TypeError(
        f"{cls.__name__}: keyword argument not understood: {name!r}.{hint} {takes}"
        f"{', '.join(sorted(base_arguments))}."
    )


def _constructor_arguments(cls: type) -> list[str]:
    """Arguments of the constructor, and optional ones of the constructors it passes keywords on to."""
    found: dict[str, None] = {}
    constructors = [
        vars(ancestor)["__init__"] for ancestor in cls.__mro__[:-1] if "__init__" in vars(ancestor)
    ]
    for i, constructor in enumerate(constructors):
        for parameter in list(inspect.signature(constructor).parameters.values())[1:]:
            given_by_subclass = i and parameter.default is parameter.empty
            if (
                parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
                and not given_by_subclass
            ):
                found[parameter.name] = None
    return list(found)


def upgrade_class_name(name: str) -> str:
    """The Keras 2 name of a layer class of Keras 1."""
    return CLASS_NAMES.get(name, name)


def upgrade_arguments(class_name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """A layer's configuration with the argument names of Keras 2, without warnings: for files.

    Args:
        class_name: the class, by its name in either version.
        config: its constructor arguments in either spelling; it is not changed.

    Raises:
        TypeError: as ``ArgumentRenames.convert``.
    """
    call = Call(class_name, [], dict(config))
    if class_name.startswith("Atrous"):
        call.kwargs["dilation_rate"] = call.kwargs.pop("atrous_rate", 1)
    renames = LAYERS.get(upgrade_class_name(class_name))
    if renames is not None:
        renames.convert(call)
    return call.kwargs
