"""A live model as layers and models of kcompile: what holds for stock Keras 3 and tf_keras alike."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from ..ir import Value
from ..keras import backend as K
from ..keras import rules
from ..keras.core.call_frames import call_frame, keep
from ..keras.core.phases import take_over
from ..keras.saving.versions.writer import Writer
from ..keras.training.model import Model
from .live_layer import Form, LiveLayer
from .optimizer_state import OptimizerState
from .training import Training
from .weights import Links, Objects

#: Arguments behind the first that are inputs to layers here.
_INPUTS = ("value", "key")
HALF = ("float16", "bfloat16")
_WIDTHS = {"float16": 2, "bfloat16": 4, "float32": 4, "float64": 8}
_TYPES = {2: "float16", 4: "float32", 8: "float64"}


def widest_type(dtypes: set[str]) -> str:
    """The one floating type that a model is made in here: the widest of its variables."""
    return _TYPES[max((_WIDTHS[name] for name in dtypes if name in _WIDTHS), default=4)]


class Translation(ABC):
    """The layers that stand for those of a live model, each once, and their weights.

    Args:
        live: a built model.
        links: none yet.

    Attributes:
        links: the weights and their variables.
        wide: the floating type of the model.
        writer: the program that the live model is of.
        nest: ``flatten`` and ``map_structure`` of that program.
    """

    writer: Writer
    nest: Any

    def __init__(self, live: Any, links: Links) -> None:
        layers = list(live._flatten_layers())
        self.live, self.inputs = live, None
        self.links = links
        self.wide = widest_type({dtype for layer in layers for _, _, dtype in self.variables_of(layer)})
        self._layers: dict[int, Any] = {}
        self._linked: set[int] = set()
        self._within: list[LiveLayer] = []
        self._owners = {id(variable): layer for layer in layers for variable, *_ in self.variables_of(layer)}

    # --- what differs ---------------------------------------------------------------------------------------

    @staticmethod
    @abstractmethod
    def is_network(live: Any) -> bool:
        """Whether a model is a graph of layers, and not code."""

    @abstractmethod
    def has_counterpart(self, live: Any) -> bool:
        """Whether a layer is made from its configuration."""

    @staticmethod
    @abstractmethod
    def variables_of(live: Any) -> list[tuple[Any, bool, str]]:
        """A layer's own variables, each with whether it is trainable, and its type."""

    @staticmethod
    @abstractmethod
    def objects_of(live: Any) -> Objects:
        """The variables of a layer and of what it owns, by path, as files have them."""

    @abstractmethod
    def made(self, live: Any) -> Any:
        """A layer without weights for a live one, from its configuration.

        Raises:
            ValueError, NotImplementedError, TypeError: for a configuration that is not read.
        """

    @abstractmethod
    def constant(self, variable: Any) -> Value:
        """The numbers of a variable that is no weight of the model."""

    @abstractmethod
    def network(self, live: Any) -> Model:
        """A model for a graph of layers."""

    @abstractmethod
    def code(self, live: Any, inputs: Any) -> Model:
        """A model for one whose structure is code.

        Args:
            inputs: what it is called on, None for what it was called on first.

        Raises:
            ValueError: if it has not been called, and no inputs are given.
        """

    @abstractmethod
    def in_line(self, live: Any, args: Any, kwargs: Any) -> Any:
        """What a layer of Keras's gives, by its ``call``: for arguments that the one here does not take."""

    @abstractmethod
    def called_live(self, layer: LiveLayer, args: Any, kwargs: Any) -> Any:
        """What a live layer's own ``call`` gives for values, in the form in which it returns them."""

    @abstractmethod
    def mask_of_live(self, layer: LiveLayer, inputs: Any, mask: Any) -> Any:
        """The mask of what a live layer gave."""

    @staticmethod
    @abstractmethod
    def is_compiled(live: Any) -> bool:
        """Whether the live model is compiled."""

    @staticmethod
    @abstractmethod
    def optimizer_state(live: Any) -> OptimizerState | None:
        """The state of a compiled model's optimizer, None for one that has made no step."""

    @staticmethod
    @abstractmethod
    def built_shape(live: Any) -> Any:
        """The shape that a layer was built for, None if it is not known."""

    # --- layers ---------------------------------------------------------------------------------------------

    def translated(self, live: Any, inputs: Any) -> Model:
        """The model for the live one."""
        self.inputs = inputs
        self._model = self.layer(live) if self.is_network(live) else self.code(live, inputs)
        return self._model

    def in_numbers(self, model: Model) -> Model | None:
        """The model made again with layers of numbers in place of those that compute with integers; None if
        there are none of these."""
        return None

    def layer(self, live: Any) -> Any:
        """The layer that stands for a live one; a model for a network."""
        if id(live) not in self._layers:
            outside, self._within = self._within, []
            try:
                self._layers[id(live)] = self._made(live)
            finally:
                self._within = outside
        return self._layers[id(live)]

    def _made(self, live: Any) -> Any:
        if self.is_network(live):
            return self.network(live)
        if self.has_counterpart(live):
            try:
                layer = self.made(live)
            except (ValueError, NotImplementedError, TypeError):
                return self._live_layer(live)
            layer.trainable = bool(live.trainable)
            return layer
        return self._live_layer(live)

    def _live_layer(self, live: Any) -> LiveLayer:
        layer = LiveLayer(live, self, self.wide)
        for variable, trainable, dtype in self.variables_of(live):
            parameter = layer.add_variable_of(variable, variable.name, trainable, self.typed(dtype))
            self.links.add(parameter, variable)
        return layer

    def typed(self, dtype: str) -> str:
        """A type as it is here: half ones are the model's."""
        return self.wide if dtype in HALF else dtype

    # --- weights --------------------------------------------------------------------------------------------

    def parameter(self, variable: Any) -> Value:
        """What stands for a variable: a parameter, or its numbers where it has none."""
        found = self.links.parameter_of(variable)
        if found is None and id(variable) in self._owners:
            self._build(self._owners[id(variable)])
            found = self.links.parameter_of(variable)
        return self.constant(variable) if found is None else found

    def _build(self, live: Any) -> None:
        """Makes the weights of a layer that has not been called yet."""
        layer, shape = self.layer(live), self.built_shape(live)
        if self._within:
            self._within[-1].has_within(layer)
        if not layer.built and shape is not None:
            layer.build(shape)
            layer.built = True
        self._link(live, layer)

    def _link(self, live: Any, layer: Any) -> None:
        """The weights of a layer made from a configuration, once they are there."""
        if id(live) in self._linked or isinstance(layer, LiveLayer | Model):
            return
        self._linked.add(id(live))
        own = [inner for inner in live._flatten_layers() if self._layers.get(id(inner)) is not None]
        if any(isinstance(self._layers[id(inner)], LiveLayer) for inner in own):
            self._link_within(live, layer)
        elif layer.weights:
            self.links.add_layer(layer, self.objects_of(live))

    def _link_within(self, live: Any, layer: Any) -> None:
        """A wrapper around a user's layer, which has its weights: those besides."""
        if layer._trainable_weights or layer._non_trainable_weights:
            raise ValueError(
                f"The layer {live.name!r} ({type(live).__name__}) has weights besides those of the layer of "
                "the user's own in it, which is not read."
            )

    # --- calls ----------------------------------------------------------------------------------------------

    def called(self, live: Any, args: Any, kwargs: Any) -> Any:
        """What a live layer gives for values."""
        layer = self.layer(live)
        if self._within:
            self._within[-1].has_within(layer)
        with rules.following(self.writer.rules):
            if isinstance(layer, LiveLayer):
                form = Form(args, {k: None if isinstance(v, Training) else v for k, v in kwargs.items()})
                return layer.as_returned(layer(single(form.tensors), form=form))
            inputs, arguments = self._for_ours(live, layer, args, kwargs)
            if isinstance(layer, Model):
                inputs = single(self.nest.flatten(inputs))
            if not all(layer._call_takes(name) for name in arguments):
                given = {k: v for k, v in kwargs.items() if not isinstance(v, Training)}
                return self.in_line(live, args, given)
            outputs = layer(inputs, **arguments)
            self._link(live, layer)
        return outputs

    def _for_ours(self, live: Any, layer: Any, args: Any, kwargs: Any) -> tuple[Any, dict[str, Any]]:
        """The arguments of a call as a layer here takes them: its inputs, and others by name."""
        names = [name for name in inspect.signature(live.call).parameters if name != "self"]
        by_name = {**dict(zip(names, args, strict=False)), **kwargs}
        by_name = {k: v for k, v in by_name.items() if not self._says_nothing(v)}
        if isinstance(by_name.get("mask"), dict):
            by_name["mask"] = self.nest.flatten(by_name["mask"])
        if "training" in by_name and not layer._call_takes("training"):
            del by_name["training"]
        inputs = by_name.pop(names[0])
        others = [by_name.pop(name) for name in names[1:3] if name in _INPUTS and name in by_name]
        return ([inputs, *others] if others else inputs), by_name

    def _says_nothing(self, argument: Any) -> bool:
        return isinstance(argument, Training) or all(x is None for x in self.nest.flatten(argument))

    def unnested(self, tensors: Any) -> Any:
        """Inputs or outputs as a model here takes them: one, a list, or a dict by names."""
        if isinstance(tensors, dict):
            is_flat = all(isinstance(x, Value) for x in tensors.values())
            return tensors if is_flat else self.nest.flatten(tensors)
        return self.nest.flatten(tensors) if isinstance(tensors, list | tuple) else tensors

    def in_both_phases(self, traced: Callable[[Training], Any]) -> Any:
        """What a call gives that takes ``training``: in training another thing than else, where it asks."""
        inference = Training(False)
        with call_frame(kept=False) as frame:
            outputs = traced(inference)
        if not inference.was_asked:
            keep(frame)
            return outputs
        return self.by_phase(lambda phase: traced(Training(phase)))

    def by_phase(self, traced: Callable[[bool], Any]) -> Any:
        """What a call gives that does one thing in training and another else."""
        found, frames = [], []
        for value in (True, False):
            with K.learning_phase_scope(value), call_frame(kept=False) as frame:
                found.append(traced(value))
            frames.append(frame)
        take_over(*frames)
        return self.nest.map_structure(_in_train_phase, *found)


def _in_train_phase(training: Any, inference: Any) -> Any:
    values = isinstance(training, Value) or isinstance(inference, Value)
    return K.in_train_phase(training, inference) if values else inference


def takes(live: Any, argument: str) -> bool:
    """Whether a layer's call has an argument."""
    return argument in inspect.signature(live.call).parameters


def where(live: Any) -> str:
    """A layer, for errors."""
    return f"{live.name!r} ({type(live).__name__})"


def single(tensors: Any) -> Any:
    """The one tensor of a list, or the list."""
    return tensors[0] if len(tensors) == 1 else list(tensors)
