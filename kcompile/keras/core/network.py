"""Network: a DAG of layers between inputs and outputs, and what can be asked of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ... import ir
from ...ir import TextStage, Value, op
from .. import backend as K
from .. import registry, rules
from ..backend.tensors import static_sizes
from ..utils.generic_utils import to_list, unpack_singleton
from ..utils.layer_utils import print_summary
from ..utils.nested import packed
from ..utils.summary_html import model_html
from .call_frames import call_frame
from .called_on_numbers import cast_numbers
from .changed_attributes import lies_within
from .composite_layer import CompositeLayer
from .inner_inputs import with_own_inputs
from .keras_history import create_keras_history
from .layer import Layer
from .layer_graph import (
    LayerMap,
    check_ends,
    flat_like,
    map_layers,
    nesting_of,
    plain_keys,
    tensor_list,
)
from .network_calls import emit_again
from .network_config import called_as_in_keras_3, network_config, network_from_config
from .node import (
    Node,
    OldName,
    as_nested,
    keras_history,
    static_shape,
)


class Network(CompositeLayer):
    """Layers as one layer: built from input and output tensors, or by a subclass that overrides ``call``.

    Args:
        inputs: input tensor(s), made by ``Input``; a dict gives them the names by which they are fed.
        outputs: output tensor(s), made by calling layers on them; of a dict, ``predict`` and calls give one,
            and ``compile`` and ``fit`` know the outputs by its keys.
        name: unique within a model that contains this one.

    Raises:
        ValueError: if the graph is disconnected, an input is not an Input, or two layers have the same name;
            the message names the tensor and the layer.
    """

    _casts_inputs = False
    input_layers = OldName("_input_layers")
    output_layers = OldName("_output_layers")
    layers_by_depth = OldName("_layers_by_depth")
    nodes_by_depth = OldName("_nodes_by_depth")

    _kind_of_object = "model"

    def __init__(
        self, inputs: Any = None, outputs: Any = None, name: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.supports_masking = True
        # None until they are known, which for users' annotations they always are
        self.inputs: list[Value] = None  # type: ignore[assignment]
        self._network_nodes: list[Node] = []
        self.outputs = None
        if outputs is None and inputs is self:  # super().__init__(self), which tf.keras takes
            inputs = None
        self._is_graph_network = inputs is not None or outputs is not None
        self._input_keys: list[str] | None = None
        self._output_keys: list[str] | None = None
        self._input_nesting: Any = None
        self._output_nesting: Any = None
        if self._is_graph_network:
            self._init_graph_network(inputs, outputs)

    def _init_graph_network(self, inputs: Any, outputs: Any) -> None:
        tracking, self._tracks_attributes = self._tracks_attributes, False
        self._is_graph_network = True
        self._input_keys, self._output_keys = plain_keys(inputs, "inputs"), plain_keys(outputs, "outputs")
        self._input_nesting = nesting_of(inputs, False) if self._input_keys is None else None
        self._output_nesting = nesting_of(outputs, rules.of_layer(self).keeps_nests)
        self.inputs, self._output_values = tensor_list(inputs, "inputs"), tensor_list(outputs, "outputs")
        create_keras_history(self.outputs)
        check_ends(self.name, self.inputs, self.outputs)
        self.inputs, self._output_values = with_own_inputs(self.inputs, self.outputs)
        self._layers = []
        self._mapped_layers: list[Layer] = []
        self._take_layer_map(map_layers(self.inputs, self.outputs, self.name))
        self.output_names = sorted(self._output_keys or ()) or self._names_of_outputs()
        self.built = True
        self._tracks_attributes = tracking

    def _take_layer_map(self, layer_map: LayerMap) -> None:
        """Becomes what lies between inputs and outputs; what somebody took off ``layers``, or put there,
        stays so."""
        before, listed = set(self._mapped_layers), set(self._layers)
        kept = [layer for layer in layer_map.layers if layer in listed or layer not in before]
        self._layers[:] = kept + [layer for layer in self._layers if layer not in before]
        self._mapped_layers = layer_map.layers
        for layer in layer_map.layers:
            lies_within(layer, self)
        self._network_nodes = layer_map.nodes
        self._nodes_by_depth = layer_map.nodes_by_depth
        self._layers_by_depth = layer_map.layers_by_depth
        self._input_layers = [keras_history(tensor).layer for tensor in self.inputs]
        self._input_coordinates = [tuple(keras_history(tensor)) for tensor in self.inputs]
        self._output_layers = [keras_history(tensor).layer for tensor in self.outputs]
        self._output_coordinates = [tuple(keras_history(tensor)) for tensor in self.outputs]
        self.input_names = sorted(self._input_keys or ()) or [layer.name for layer in self._input_layers]
        self._inbound_nodes[:1] = [
            Node.own(self, self.inputs, self.outputs)
        ]  # calls on other inputs come after it
        self._first_call = 1

    @property
    def outputs(self) -> list[Value]:
        """The output tensors; None before they are known.

        A model between tensors may be given others, as Keras 2 allows: from then on it is what lies between
        its inputs and these. It trains with them once it is compiled again.
        """
        return self._output_values

    @outputs.setter
    def outputs(self, tensors: Any) -> None:
        if not (self._network_nodes and self._is_graph_network and tensors):
            self._output_values = tensors
            return
        tracking, self._tracks_attributes = self._tracks_attributes, False
        try:
            tensors = tensor_list(tensors, "outputs")
            create_keras_history(tensors)
            check_ends(self.name, self.inputs, tensors)
            layer_map = map_layers(self.inputs, tensors, self.name)
            self._output_values = tensors
            self._take_layer_map(layer_map)
            if len(tensors) != len(self.output_names):
                self._output_keys = self._output_nesting = None
                self.output_names = self._names_of_outputs()
        finally:
            self._tracks_attributes = tracking

    def _names_of_outputs(self) -> list[str]:
        """Those of their layers, numbered by tf.keras's rules where a layer has several."""
        names = [layer.name for layer in self._output_layers]
        if not rules.of_layer(self).numbers_outputs:
            return names
        unique = ir.Names()
        return [unique.unique(name) for name in names]

    @property
    def _feed_inputs(self) -> list[Value]:
        """The inputs that data is fed to: all but ``Input(tensor=...)`` of what has a value of its own."""
        return [value for value in self.inputs or () if K.is_placeholder(value)]

    @property
    def _graph_inputs(self) -> list[Value]:
        """What graphs of the model read: the inputs that data is fed to, and what is found for text."""
        stage = self._text_stage
        return self._feed_inputs if stage is None else list(stage.values)

    @property
    def _text_stage(self) -> TextStage | None:
        """What Python computes of text before a graph runs; None for a model that reads none."""
        inputs, outputs = self._feed_inputs, self.outputs
        if outputs is None or all(value.dtype != object for value in inputs):
            return None
        stage = self.__dict__.get("_kept_text_stage")
        if stage is None or (stage.inputs, stage.outputs) != (tuple(inputs), tuple(outputs)):
            stage = self.__dict__["_kept_text_stage"] = TextStage(outputs, inputs)
        return stage if stage.nodes else None

    @property
    def _feed_input_names(self) -> list[str]:
        """The names of the inputs that data is fed to."""
        pairs = zip(self.input_names, self.inputs or (), strict=True)
        return [name for name, value in pairs if K.is_placeholder(value)]

    @property
    def input(self) -> Any:
        """The model's own input tensor(s), whatever else it was called on."""
        return self._as_nested_inputs(list(self.inputs)) if self.inputs else super().input

    @property
    def output(self) -> Any:
        """The model's own output tensor(s); those of a call on other inputs are at ``get_output_at(1)`` and
        on."""
        return self._as_given(list(self.outputs)) if self.outputs else super().output

    def _as_given(self, outputs: list[Any]) -> Any:
        """One entry per output in the form in which the model was given its outputs: single, (nested) list or
        dict."""
        if self._output_nesting is not None:
            return packed(self._output_nesting, iter(outputs))
        if self._output_keys is None:
            return unpack_singleton(outputs)
        by_name = dict(zip(self.output_names, outputs, strict=True))
        return {key: by_name[key] for key in self._output_keys}

    @property
    def input_shape(self) -> Any:
        """Shape(s) of the model's own inputs."""
        shapes = [static_shape(x) for x in self.inputs or ()]
        return self._as_nested_inputs(shapes) if shapes else super().input_shape

    def _as_nested_inputs(self, entries: list[Any]) -> Any:
        """One entry for each input: single, or nested as the model was given its inputs."""
        nesting = self._input_nesting
        return unpack_singleton(entries) if nesting is None else as_nested(entries, nesting)

    def _flat_inputs(self, given: Any) -> Any:
        """What the model is fed: a flat list where it was made of nested inputs, or a dict of their names."""
        by_name = isinstance(given, dict) and set(self.input_names) <= given.keys()
        if self._input_nesting is None or by_name:
            return given
        return flat_like(self._input_nesting, given)

    @property
    def output_shape(self) -> Any:
        """Shape(s) of the model's own outputs."""
        if not self.outputs:
            return super().output_shape
        return unpack_singleton([static_shape(x) for x in self.outputs])

    def _include_layers(self, tensors: list[Value]) -> None:
        """Makes the layers part of the model, behind its own, that lead to tensors beside the outputs."""
        layer_map = map_layers(self.inputs, [*self.outputs, *tensors], self.name)
        tracking, self._tracks_attributes = self._tracks_attributes, False
        self._layers = list(dict.fromkeys([*self._layers, *layer_map.layers]))
        self._network_nodes = layer_map.nodes
        self._nodes_by_depth = layer_map.nodes_by_depth
        self._layers_by_depth = layer_map.layers_by_depth
        self._tracks_attributes = tracking

    def save_spec(self, dynamic_batch: bool = True) -> tuple[Any, dict[str, Any]] | None:
        """The inputs that the model is called on, as ``(args, kwargs)``; None while they are not known.

        Args:
            dynamic_batch: whether the size of the batch is left open.

        Returns:
            a symbolic tensor, with ``shape`` and ``dtype``, for each input, in a list; and no kwargs.
        """
        if not self.inputs:
            return None
        sizes = [static_sizes(x) for x in self.inputs]
        open_sizes = [(None, *shape[1:]) if dynamic_batch else shape for shape in sizes]
        specs = [
            K.placeholder(shape, dtype=x.dtype.name, name=name)
            for x, shape, name in zip(self.inputs, open_sizes, self.input_names, strict=True)
        ]
        return specs, {}

    # --- calling --------------------------------------------------------------------------------------------

    @property
    def input_spec(self) -> Any:
        """How many inputs a model takes as a layer; what they may be, its own layers say as they are called
        on them."""
        return [None] * len(self._input_layers) if self._is_graph_network else None

    @input_spec.setter
    def input_spec(self, value: Any) -> None:
        """Layer.__init__ sets it; a network has that of its layers."""

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Calls the model as a layer; inputs come as a dict where it was made of one."""
        if self._is_graph_network:
            inputs = self._flat_inputs(inputs)
        if isinstance(inputs, dict) and self._is_graph_network:
            inputs = unpack_singleton(self._inputs_by_name(inputs))
        outputs = super().__call__(inputs, *args, **kwargs)
        flat = self._output_keys is None and self._output_nesting is None
        if flat or not self._is_graph_network or isinstance(outputs, dict):
            return outputs
        return self._as_given(to_list(outputs))

    def _taken_apart(self, inputs: Any) -> tuple[Any, Any]:
        """A graph takes its inputs one after the other, however they are nested."""
        flat, nesting = super()._taken_apart(inputs)
        return flat, None if self._is_graph_network else nesting

    def _inputs_by_name(self, given: dict[str, Any]) -> list[Any]:
        missing = [name for name in self.input_names if name not in given]
        if missing:
            raise ValueError(
                f"Model {self.name} was called on a dict without {', '.join(map(repr, missing))}; its inputs "
                f"are {', '.join(map(repr, self.input_names))}, the keys given {', '.join(map(repr, given))}."
            )
        return [given[name] for name in self.input_names]

    def _in_own_type(self, inputs: Any) -> Any:
        if not self._is_graph_network or len(to_list(inputs)) != len(self.inputs):
            return inputs
        return cast_numbers(inputs, [tensor.dtype for tensor in self.inputs])

    def call(self, inputs: Any, mask: Any = None, training: bool | None = None) -> Any:
        """Emits all layers anew on other inputs, with the same weights.

        Args:
            training: True or False for layers to behave so in any case, dropout for instance; by default
                as they do in training and in test.
        """
        if not self._is_graph_network:
            raise NotImplementedError(f"{type(self).__name__} must override call(self, inputs).")
        tensors = to_list(inputs)
        masks = [None] * len(tensors) if mask is None else to_list(mask)
        outputs, _ = self.run_internal_graph(tensors, masks, training)
        return unpack_singleton(outputs)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Masks of the outputs for given inputs and masks."""
        if not self._is_graph_network:
            return None
        cached = self.__dict__.get("_last_run")
        if cached is not None and all(x is y for x, y in zip(cached[0], to_list(inputs), strict=False)):
            return unpack_singleton(cached[1])
        tensors = to_list(inputs)
        with call_frame(kept=False):
            given = [None] * len(tensors) if mask is None else to_list(mask)
            _, masks = self.run_internal_graph(tensors, given)
        return unpack_singleton(masks)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Shape(s) of the outputs for input shape(s)."""
        if not self._is_graph_network:
            return Layer.compute_output_shape(self, input_shape)
        shapes = input_shape if isinstance(input_shape, list) else [input_shape]
        if shapes == [static_shape(tensor) for tensor in self.inputs]:
            return unpack_singleton([static_shape(tensor) for tensor in self.outputs])
        return Layer.compute_output_shape(self, input_shape)

    def run_internal_graph(
        self, inputs: list[Value], masks: list[Any] | None = None, training: bool | None = None
    ) -> tuple[list, list]:
        """Emits the layers on other inputs.

        Args:
            inputs: one value per input of the network.
            masks: one mask or None per input.
            training: passed to the layers whose call() takes it and that were called without.

        Returns:
            the output values and the output masks.

        Raises:
            ValueError: if the number of inputs differs, or one does not fit a layer.
        """
        if len(inputs) != len(self.inputs):
            raise ValueError(
                f"Model {self.name} expects {len(self.inputs)} inputs, but was called on {len(inputs)}."
            )
        masks = masks or [None] * len(inputs)
        values: dict[Value, tuple[Value, Any]] = {
            own: (self._with_axes_of(own, given), mask)
            for own, given, mask in zip(self.inputs, inputs, masks, strict=True)
        }
        with call_frame(inputs):  # what the layers add belongs to the enclosing call, if there is one
            emit_again(self._network_nodes, values, training)
        results = [values[tensor] for tensor in self.outputs]
        output_masks = [mask for _, mask in results]
        self.__dict__["_last_run"] = (list(inputs), output_masks)
        return [value for value, _ in results], output_masks

    def _with_axes_of(self, own: Value, given: Value) -> Value:
        """What stands for an input, with or without a last axis of size 1 as the input has it or not, by
        tf.keras's rules."""
        shape, found = static_shape(own), static_shape(given)
        if shape is None or found is None or len(found) == len(shape):
            return given
        if not rules.holds(self, lambda its: its.fits_axes_of_one):
            return given
        gains = len(found) == len(shape) - 1 and shape[-1] == 1
        if not gains and not (len(found) == len(shape) + 1 and found[-1] == 1):
            return given
        if isinstance(given, ir.StringTensor):
            return given[..., None] if gains else given[..., 0]
        return op.Unsqueeze(given, [-1]) if gains else op.Squeeze(given, [-1])

    # --- configuration --------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """The DAG as plain data: layers, who is called on what, inputs and outputs.

        Of a subclassed model that overrides this method nothing is known here: an empty dict.

        Raises:
            NotImplementedError: for one that does not, whose call() is code.
        """
        if not self._is_graph_network:
            if self._says_its_config:
                return {}
            raise NotImplementedError(
                f"{type(self).__name__} is a subclassed model: its structure is Python code and cannot be "
                "written to a file. Save its weights with save_weights, or export it to ONNX; with "
                "get_config() of its own, which returns its constructor's arguments, a .keras file holds it."
            )
        return network_config(self)

    @property
    def _says_its_config(self) -> bool:
        """Whether a user's class overrides ``get_config``."""
        defined = next(cls for cls in type(self).__mro__ if "get_config" in vars(cls))
        return not registry.is_built_in(defined)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        """A new network without trained weights from what ``get_config`` returned; of a subclass whose
        configuration has no layers, made with it as keyword arguments.

        Raises:
            ValueError: if the configuration names an unknown class or refers to a layer that is not in it.
        """
        if called_as_in_keras_3(config):
            entry = cls._upgraded_to(config, custom_objects)
            with rules.following(rules.said_in(entry)):
                return cls.from_config(entry["config"], custom_objects)
        if "layers" not in config and not registry.is_built_in(cls):
            return cls(**config)
        inputs, outputs, name, ends = network_from_config(config, custom_objects)
        network = cls(inputs=inputs, outputs=outputs, name=name)
        if ends:
            network._include_layers(ends)
        network._trainable = config.get("trainable", True)  # the layers in it say so themselves
        return network

    def summary(
        self,
        line_length: int | None = None,
        positions: list[float] | None = None,
        print_fn: Callable[[str], Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Any = None,
    ) -> None:
        """Prints a table of the layers with output shapes and parameter counts; see
        ``keras.utils.print_summary``.

        Raises:
            ValueError: if the model is not built yet.
        """
        if not self.built:
            raise ValueError(
                f"Model {self.name} has not been built yet: its input shape is not known. Give the first "
                "layer an input_shape, call model.build(batch_input_shape), or fit it with some data."
            )
        self._check_trainable_weights_consistency()
        print_summary(self, line_length, positions, print_fn, expand_nested, show_trainable, layer_range)

    def _repr_html_(self) -> str:
        """What a notebook shows of the model: its layers as a table."""
        return model_html(self)

    def _check_trainable_weights_consistency(self) -> None:
        """Models that are compiled warn of what compile() has not seen."""


registry.register(globals())
