"""What every architecture does around its own layers: arguments, input, top, Model, weights."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, ParamSpec, TypeVar

from ...ir import Value
from .. import backend as K
from .. import layers as L
from ..backend.tensors import static_sizes
from ..declaration import configured
from ..training.model import Model
from ..utils.layer_utils import get_source_inputs
from ._arguments import MODULES, refuse_unknown
from ._weights import Files, load_weights
from .imagenet_utils import CLASSES, _obtain_input_shape

Arguments = ParamSpec("Arguments")


class Application:
    """The arguments that all architectures share, checked, and the steps that they share.

    Args:
        include_top: whether the classifier is part of the model.
        weights: None (random), "imagenet", or the path of a file.
        input_tensor: a value to build on, instead of a new Input.
        input_shape: of one image; by default the one that the network was trained on.
        pooling: without the top, "avg" or "max" over the positions, or None for none.
        classes: number of classes of the top.
        classifier_activation: of the top, "softmax" by default; None for logits.
        name: of the model.

    Raises:
        ValueError: for weights that are neither, an unknown pooling, or another number of classes than 1000
            for the top of ImageNet.
    """

    #: values of ``weights`` that stand for published files
    PUBLISHED: ClassVar[tuple[str, ...]] = ("imagenet",)

    input_tensor: Any
    name: str | None

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...  # the arguments that the constructor declares

    @configured
    def __init__(
        self,
        include_top: bool = True,
        weights: Any = "imagenet",
        input_tensor: Any = None,
        input_shape: Any = None,
        pooling: str | None = None,
        classes: int = 1000,
        classifier_activation: Any = "softmax",
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        if weights not in (None, *self.PUBLISHED) and not os.path.exists(weights):
            raise ValueError(
                "The `weights` argument should be either `None` (random initialization), `imagenet` "
                f"(pre-training on ImageNet), or the path to the weights file to be loaded; "
                f"found {weights!r}, and there is no such file."
            )
        if weights in self.PUBLISHED and include_top and classes != CLASSES:
            raise ValueError(
                "If using `weights` as `'imagenet'` with `include_top` as true, `classes` should be 1000; "
                f"found {classes}."
            )
        if pooling not in (None, "avg", "max"):
            raise ValueError(f"`pooling` must be None, 'avg' or 'max'; found {pooling!r}.")
        self.shape: tuple[int | None, ...] = ()

    @classmethod
    def _prepare(cls, arguments: dict[str, Any]) -> None:
        for module in MODULES:
            arguments.pop(module, None)

    def start(self, default_size: int, min_size: int, needs_size: bool | None = None) -> Value:
        """The image that the first layer reads, (batch, height, width, channels) or channels first.

        Args:
            default_size, min_size: height and width.
            needs_size: whether they must be known (default: with the top).
        """
        needs_size = self.include_top if needs_size is None else needs_size
        # only a classifier ties the published weights to a size
        weights = self.weights if self.include_top or not needs_size else None
        self.shape = _obtain_input_shape(
            self.input_shape, default_size, min_size, K.image_data_format(), needs_size, weights
        )
        if self.input_tensor is None:
            self.input_tensor = L.Input(shape=self.shape)
        elif not hasattr(self.input_tensor, "_keras_history"):
            self.input_tensor = L.Input(tensor=self.input_tensor, shape=self.shape)
        return self.input_tensor

    def top(self, x: Value, name: str, pool_name: str | None = "avg_pool") -> Value:
        """The mean over positions and the classifier; without the top, the pooling that was asked for."""
        if not self.include_top:
            return self.pool(x)
        x = L.GlobalAveragePooling2D(name=pool_name)(x)
        return L.Dense(self.classes, activation=self.classifier_activation, name=name)(x)

    def pool(self, x: Value) -> Value:
        """Positions pooled as asked for."""
        if self.pooling == "avg":
            return L.GlobalAveragePooling2D()(x)
        if self.pooling == "max":
            return L.GlobalMaxPooling2D()(x)
        return x

    def model(self, x: Value, files: Files | None) -> Model:
        """The Model from the input to ``x``, with its weights."""
        model = Model(get_source_inputs(self.input_tensor), x, name=self.name)
        weights = "imagenet" if self.weights in self.PUBLISHED else self.weights
        load_weights(model, weights, self.include_top, files)
        return model


Given = TypeVar("Given", bound=Application)


def architecture(
    arguments: Callable[Arguments, Given], name: str
) -> Callable[[Callable[[Given], Model]], Callable[Arguments, Model]]:
    """The function that users call, of the one that builds a network from its arguments.

    Args:
        arguments: ``Application``, or a subclass where the network has more of them. The function takes what
            it takes, and its docstring explains them.
        name: of the model by default; the argument for it is ``name``, or ``model_name`` where there is one.

    Raises:
        TypeError: when the function is called with an argument that it lacks.
    """
    signature = inspect.signature(arguments)
    key = "model_name" if "model_name" in signature.parameters else "name"
    default = signature.parameters[key].replace(default=name, annotation="str")
    parameters = {**signature.parameters, key: default}.values()
    signature = signature.replace(parameters=list(parameters), return_annotation="Model")
    explained = inspect.getdoc(arguments) or ""

    def declare(build: Callable[[Given], Model]) -> Callable[Arguments, Model]:
        @functools.wraps(build)
        def function(*args: Any, **kwargs: Any) -> Model:
            refuse_unknown(build.__name__, signature, kwargs)
            try:
                given = signature.bind(*args, **kwargs)
            except TypeError as error:
                raise TypeError(f"{build.__name__}(): {error}") from None
            given.apply_defaults()
            return build(arguments(*given.args, **given.kwargs))

        function.__doc__ = f"{inspect.getdoc(build)}\n\n{explained[explained.index('Args:') :]}"
        vars(function)["__signature__"] = signature
        return function

    return declare


def family(
    arguments: Callable[Arguments, Given], build: Callable[..., Model]
) -> Callable[..., Callable[Arguments, Model]]:
    """What makes the functions of a family of networks, each as ``architecture`` does.

    It takes the name of the function, that of the model, height and width of the images that it was trained
    on, and settings. ``build`` is given the arguments, the model's name, the size and the settings.
    """

    def network(name: str, model_name: str, size: int, *settings: Any) -> Callable[Arguments, Model]:
        def function(app: Given) -> Model:
            return build(app, model_name, size, *settings)

        function.__name__ = function.__qualname__ = name
        function.__module__ = build.__module__
        function.__doc__ = f"{name} for images of {size}x{size}, 0 to 255."
        return architecture(arguments, model_name)(function)

    return network


def channel_axis() -> int:
    """The axis of channels in the layout that images have now."""
    return 1 if K.image_data_format() == "channels_first" else -1


def channels_of(x: Value) -> int:
    """How many channels a feature map has.

    Raises:
        ValueError: if that is not known.
    """
    channels = static_sizes(x)[channel_axis()]
    if channels is None:
        raise ValueError(f"the number of channels must be known; found the shape {x.shape}.")
    return channels


def as_image(channels: int) -> tuple[int, int, int]:
    """The shape of an image of one position, in the layout that images have now."""
    return (channels, 1, 1) if K.image_data_format() == "channels_first" else (1, 1, channels)


def batch_norm(x: Value, name: str | None, epsilon: float = 1.001e-5, **kwargs: Any) -> Value:
    """BatchNormalization of the channels."""
    return L.BatchNormalization(axis=channel_axis(), epsilon=epsilon, name=name, **kwargs)(x)
