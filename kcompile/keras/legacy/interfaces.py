"""The decorators with which layers and optimizers of Keras 2 took calls spelled as in Keras 1.

Copies of Keras's own classes in other people's programs carry them. What each converts is in ``spellings``.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from .spellings import GENERATOR, LAYERS, RECURRENT, ArgumentRenames, Call, accepting

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
Preprocessor = Callable[[Sequence[Any], dict[str, Any]], tuple[Sequence[Any], dict[str, Any], list[Any]]]


def generate_legacy_interface(
    allowed_positional_args: Sequence[str] | None = None,
    conversions: Iterable[tuple[str, str]] | None = None,
    preprocessor: Preprocessor | None = None,
    value_conversions: Mapping[str, Mapping[Any, Any]] | None = None,
    object_type: str = "class",
) -> Decorator:
    """A decorator for a method that converts keyword arguments and warns of how to spell them.

    Args:
        allowed_positional_args: names of those that may be positional, None for any.
        conversions: pairs (old name, new name).
        preprocessor: function (args with self, kwargs) -> (args, kwargs, list of what it converted), called
            first.
        value_conversions: for an old name, what its values are called now.
        object_type: "class" for a constructor, whose class the warning names, or "method".
    """

    def prepare(call: Call) -> None:
        if preprocessor is not None:
            args, kwargs, converted = preprocessor([None, *call.args], call.kwargs)
            call.args, call.kwargs = list(args[1:]), kwargs
            call.converted = call.converted or bool(converted)
        if allowed_positional_args is not None and len(call.args) > len(allowed_positional_args):
            raise TypeError(
                f"`{call.name}` can accept only {len(allowed_positional_args)} positional arguments "
                f"{tuple(allowed_positional_args)}, but you passed the following positional arguments: "
                f"{call.args}"
            )

    renames = ArgumentRenames(dict(conversions or ()), (prepare,), values=value_conversions or {})
    return functools.partial(accepting, renames, constructor=object_type == "class")


generate_legacy_method_interface = functools.partial(generate_legacy_interface, object_type="method")


def raise_duplicate_arg_error(old_arg: str, new_arg: str) -> None:
    """TypeError for an argument that is given under both its names."""
    ArgumentRenames({old_arg: new_arg}).convert(Call("layer", [], {old_arg: None, new_arg: None}))


def _constructor(renames: ArgumentRenames) -> Decorator:
    return functools.partial(accepting, renames, constructor=True)


def _method(renames: ArgumentRenames) -> Decorator:
    return functools.partial(accepting, renames, constructor=False)


def _preprocessor(renames: ArgumentRenames) -> Preprocessor:
    """What a decorator does first, for ``generate_legacy_interface``."""

    def preprocess(args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        call = Call(type(args[0]).__name__, list(args[1:]), kwargs)
        for step in renames.prepare:
            step(call)
        for note in call.notes:
            warnings.warn(note, stacklevel=3)
        return [args[0], *call.args], call.kwargs, [tuple(call.kwargs)] if call.converted else []

    return preprocess


# --- methods ------------------------------------------------------------------------------------------------


def _shape_first(call: Call) -> None:
    """``add_weight(shape, name)``."""
    if call.args and isinstance(call.args[0], tuple | list):
        call.kwargs["shape"] = call.args.pop(0)
        if call.args and isinstance(call.args[0], str):
            call.kwargs["name"] = call.args.pop(0)


def _parameters_first(call: Call) -> None:
    """``get_updates(params, constraints, loss)``."""
    if len(call.args) > 3:
        raise TypeError("`get_updates` received more arguments than loss and params.")
    if len(call.args) == 3:
        call.kwargs["loss"] = call.args.pop()
    if len(call.args) == 2 and "loss" in call.kwargs:
        call.args, call.kwargs["params"] = [], call.args[0]


_ADD_WEIGHT = ArgumentRenames({}, (_shape_first,))
_GET_UPDATES = ArgumentRenames({}, (_parameters_first,))

legacy_add_weight_support = _method(_ADD_WEIGHT)
legacy_get_updates_support = _method(_GET_UPDATES)
legacy_generator_methods_support = _method(GENERATOR)

# --- constructors -------------------------------------------------------------------------------------------

legacy_dense_support = _constructor(LAYERS["Dense"])
legacy_dropout_support = _constructor(LAYERS["Dropout"])
legacy_embedding_support = _constructor(LAYERS["Embedding"])
legacy_lambda_support = _constructor(ArgumentRenames({}))
legacy_prelu_support = _constructor(LAYERS["PReLU"])
legacy_batchnorm_support = _constructor(LAYERS["BatchNormalization"])
legacy_gaussiannoise_support = _constructor(LAYERS["GaussianNoise"])
legacy_gaussiandropout_support = _constructor(LAYERS["GaussianDropout"])
legacy_spatialdropout1d_support = _constructor(LAYERS["SpatialDropout1D"])
legacy_spatialdropoutNd_support = _constructor(LAYERS["SpatialDropout2D"])
legacy_recurrent_support = _constructor(RECURRENT)
legacy_convlstm2d_support = _constructor(LAYERS["ConvLSTM2D"])
legacy_conv1d_support = _constructor(LAYERS["Conv1D"])
legacy_conv2d_support = _constructor(LAYERS["Conv2D"])
legacy_conv3d_support = _constructor(LAYERS["Conv3D"])
legacy_deconv2d_support = _constructor(LAYERS["Conv2DTranspose"])
legacy_separable_conv2d_support = _constructor(LAYERS["SeparableConv2D"])
legacy_pooling1d_support = _constructor(LAYERS["MaxPooling1D"])
legacy_pooling2d_support = _constructor(LAYERS["MaxPooling2D"])
legacy_pooling3d_support = _constructor(LAYERS["MaxPooling3D"])
legacy_global_pooling_support = _constructor(LAYERS["GlobalMaxPooling2D"])
legacy_upsampling1d_support = _constructor(LAYERS["UpSampling1D"])
legacy_upsampling2d_support = _constructor(LAYERS["UpSampling2D"])
legacy_upsampling3d_support = _constructor(LAYERS["UpSampling3D"])
legacy_cropping2d_support = _constructor(LAYERS["Cropping2D"])
legacy_cropping3d_support = _constructor(LAYERS["Cropping3D"])
legacy_zeropadding2d_support = _constructor(LAYERS["ZeroPadding2D"])
legacy_zeropadding3d_support = _constructor(LAYERS["ZeroPadding3D"])
legacy_input_support = _constructor(LAYERS["InputLayer"])
legacy_model_constructor_support = _constructor(LAYERS["Model"])

embedding_kwargs_preprocessor = _preprocessor(LAYERS["Embedding"])
recurrent_args_preprocessor = _preprocessor(RECURRENT)
conv1d_args_preprocessor = _preprocessor(LAYERS["Conv1D"])
conv2d_args_preprocessor = _preprocessor(LAYERS["Conv2D"])
conv3d_args_preprocessor = _preprocessor(LAYERS["Conv3D"])
deconv2d_args_preprocessor = _preprocessor(LAYERS["Conv2DTranspose"])
separable_conv2d_args_preprocessor = _preprocessor(LAYERS["SeparableConv2D"])
convlstm2d_args_preprocessor = _preprocessor(LAYERS["ConvLSTM2D"])
batchnorm_args_preprocessor = _preprocessor(LAYERS["BatchNormalization"])
zeropadding2d_args_preprocessor = _preprocessor(LAYERS["ZeroPadding2D"])
generator_methods_args_preprocessor = _preprocessor(GENERATOR)
add_weight_args_preprocessing = _preprocessor(_ADD_WEIGHT)
get_updates_arg_preprocessing = _preprocessor(_GET_UPDATES)
