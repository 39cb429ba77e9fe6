"""Configurations of live layers, in which the user's own things have names.

What of the user's own stands in a configuration (a layer in a wrapper, an activation, a regularizer) is made
by the one who translates it; the configuration names it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from ..keras.core.layer_configs import deserialize
from ..keras.saving.versions.upgrade import upgrade
from ..keras.saving.versions.writer import Writer


class Configurations:
    """Makes layers of ours of live ones; a program of Keras says in a subclass what is its own.

    Args:
        layer: a layer of ours for one of the user's.
        function: a function of values for one of the user's.
        wide: the floating type of the model.

    Attributes:
        program: the module ``keras`` or ``tf_keras``.
        serialization: its module that writes configurations.
        writer: whose files have such configurations.
        shape: the entry that says what a layer was built for.
        zeros: the entry of the initializer that stands for the user's own: the weights are there.
        dropped: entries that say nothing of a layer here.
    """

    program: ClassVar[Any]
    serialization: ClassVar[Any]
    writer: ClassVar[Writer]
    shape: ClassVar[str]
    zeros: ClassVar[dict[str, Any]]
    dropped: tuple[str, ...] = ()

    def __init__(
        self, layer: Callable[[Any], Any], function: Callable[[Callable[..., Any]], Any], wide: str
    ) -> None:
        self._layer, self._function, self._wide = layer, function, wide
        self._own: dict[str, Any] = {}
        self._kept: list[Any] = []

    # Of each program

    def _has_counterpart(self, live: Any) -> bool:
        """Whether a layer is made from its configuration."""
        raise NotImplementedError

    def _is_built_in(self, kind: type) -> bool:
        """Whether a class is the program's own."""
        raise NotImplementedError

    def _is_known(self, function: Any) -> bool:
        """Whether a function goes by its name in configurations."""
        raise NotImplementedError

    def _type_of(self, live: Any) -> str:
        """The type or policy that the layer of ours has."""
        raise NotImplementedError

    def _learnt(self, live: Any, config: dict[str, Any]) -> dict[str, Any]:
        """The vocabulary that a layer has learnt, which its configuration leaves out."""
        raise NotImplementedError

    # Of all

    def made(self, live: Any) -> Any:
        """A layer of ours, without weights, for one of the program's.

        Raises:
            ValueError: for a configuration that is not read.
        """
        with self._naming():
            entry = self.serialization.serialize_keras_object(live)
        config = {**entry["config"], "dtype": self._type_of(live)}
        for name in (self.shape, *self.dropped):
            config.pop(name, None)
        config.update(self._learnt(live, config))
        known = dict(self._own)
        return deserialize(upgrade({**entry, "config": config}, self.writer, known), custom_objects=known)

    @contextmanager
    def _naming(self) -> Iterator[None]:
        original = self.serialization.serialize_keras_object

        def serialize(obj: Any) -> Any:
            named = self._named(obj)
            return original(obj) if named is None else named

        self.serialization.serialize_keras_object = serialize
        try:
            yield
        finally:
            self.serialization.serialize_keras_object = original

    def _named(self, obj: Any) -> Any:
        """How the user's own object stands in a configuration; None for others."""
        program = self.program
        if isinstance(obj, program.layers.Layer):
            return None if self._has_counterpart(obj) else self._entry(obj, lambda: self._layer(obj))
        if isinstance(obj, program.initializers.Initializer):
            return None if self._is_built_in(type(obj)) else {**self.zeros}
        if isinstance(obj, program.regularizers.Regularizer | program.constraints.Constraint):
            return None if self._is_built_in(type(obj)) else self._entry(obj, lambda: self._function(obj))
        if callable(obj) and hasattr(obj, "__name__") and not isinstance(obj, type):
            if self._is_known(obj):
                return None
            name = self._name(obj, obj.__name__)
            self._own[name] = self._function(obj)
            return {"module": "builtins", "class_name": "function", "config": name, "registered_name": name}
        return None

    def _name(self, obj: Any, name: str) -> str:
        self._kept.append(obj)  # so that its id stays its own
        return f"{name}_{id(obj)}"

    def _entry(self, obj: Any, make: Callable[[], Any]) -> dict[str, Any]:
        name = self._name(obj, type(obj).__name__)
        self._own[name] = type(name, (), {"from_config": classmethod(lambda cls, config: make())})
        config = {"name": obj.name} if isinstance(obj, self.program.layers.Layer) else {}
        return {"module": None, "class_name": name, "config": config, "registered_name": name}
