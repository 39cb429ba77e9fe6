"""LiveLayer: a layer of the user's own, by what its ``call`` does with symbolic tensors."""

from __future__ import annotations

from typing import Any, Protocol

from ..ir import Parameter, Storage, Value
from ..keras.backend.assignments import Variable
from ..keras.core.layer import Layer
from ..keras.utils.generic_utils import to_list


class Translator(Protocol):
    """What a LiveLayer needs of the one who made it."""

    def called_live(self, layer: LiveLayer, args: Any, kwargs: Any) -> Any:
        """What the live layer's ``call`` gives for values."""

    def mask_of_live(self, layer: LiveLayer, inputs: Any, mask: Any) -> Any:
        """The mask of what it gave."""

    def in_numbers(self, model: Any) -> Any:
        """The model with layers of numbers in place of those that compute with integers, or None."""


class Form:
    """Arguments of a call with numbers in the places of their tensors.

    Args:
        args, kwargs: nested lists, tuples and dicts, with values in them.
    """

    def __init__(self, args: Any, kwargs: Any) -> None:
        self.tensors: list[Value] = []
        self._form = self._taken([list(args), dict(kwargs)])

    def _taken(self, value: Any) -> Any:
        if isinstance(value, Value):
            self.tensors.append(value)
            return _Place(len(self.tensors) - 1)
        return _mapped(value, self._taken)

    def filled(self, tensors: list[Value]) -> tuple[list[Any], dict[str, Any]]:
        """The arguments with these tensors."""

        def fill(value: Any) -> Any:
            return tensors[value.index] if isinstance(value, _Place) else _mapped(value, fill)

        args, kwargs = fill(self._form)
        return args, kwargs


class _Place:
    def __init__(self, index: int) -> None:
        self.index = index


def _mapped(value: Any, function: Any) -> Any:
    if isinstance(value, dict):
        return {key: function(entry) for key, entry in value.items()}
    if isinstance(value, tuple) and type(value) is not tuple:
        return type(value)(*(function(entry) for entry in value))
    return type(value)(function(entry) for entry in value) if type(value) in (list, tuple) else value


class LiveLayer(Layer):
    """Calls a live layer of Keras's on symbolic tensors and emits what it records.

    Args:
        live: the layer of Keras.
        translator: who emits what is recorded.
        dtype: of the model.

    Attributes:
        returned: the outputs of the last call.
    """

    has_config = False
    returned: Form

    def __init__(self, live: Any, translator: Translator, dtype: str) -> None:
        super().__init__(name=live.name, trainable=bool(live.trainable), dtype=dtype)
        self.__dict__.update(live=live, translator=translator)
        self.supports_masking = True
        self.built = True
        for name in ("state_size", "output_size"):  # of cells
            if hasattr(live, name):
                object.__setattr__(self, name, getattr(live, name))

    def add_variable_of(self, live: Any, name: str, trainable: bool, dtype: Any) -> Parameter:
        """A parameter for a variable of the live layer, of its shape."""
        storage = Storage.zeros(tuple(live.shape), dtype)
        parameter = Variable(storage, f"{self.name}/{name}", trainable)
        (self._trainable_weights if trainable else self._non_trainable_weights).append(parameter)
        return parameter

    def has_within(self, layer: Layer) -> None:
        """Counts a layer that the call uses, with its weights, as belonging to this one."""
        if layer is not self and not any(layer is known for known in self._layers):
            self._layers.append(layer)

    def call(self, inputs: Any, *args: Any, form: Form | None = None, mask: Any = None, **kwargs: Any) -> Any:
        if form is None:
            given: Any = (inputs, *args)
        else:
            given, kwargs = form.filled(to_list(inputs))
        if mask is not None:
            kwargs = {"mask": mask, **kwargs}
        outputs = self.translator.called_live(self, given, kwargs)
        if form is None:
            return outputs
        self.__dict__["returned"] = Form([outputs], {})
        return self.returned.tensors

    def as_returned(self, outputs: Any) -> Any:
        """The outputs of the last call in the form in which the live layer returned them."""
        return self.returned.filled(to_list(outputs))[0][0]

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return self.translator.mask_of_live(self, inputs, mask)

    def model_in_numbers(self, model: Any) -> Any:
        """The model that the layer is in, made again with layers of numbers, which train, in place of those
        that Keras quantized; None if there are none."""
        return self.translator.in_numbers(model)

    def get_config(self) -> dict[str, Any]:
        raise NotImplementedError(
            f"The layer {self.name!r} is code of the user's own ({type(self.live).__name__}), which no "
            "configuration can hold. Export the model to .onnx, save its weights (.weights.h5), or push them "
            "back by kcompile.push_weights and let Keras save the live model."
        )
