"""One model as the class of a torch.nn.Module: a statement or a few for each call of a layer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..ir import Body, Graph, GraphError, Value
from ..keras import layers
from ..keras.core.input_layer import InputLayer
from ..keras.core.network import Network
from ..keras.core.node import static_shape
from ..keras.state_dict.flattening import turned_layers
from ..keras.state_dict.names import attribute_names
from .errors import ConversionError
from .fragments import Fragment
from .layer_call import KERAS, Call, Tensor
from .templates import TEMPLATES

if TYPE_CHECKING:
    from .module_source import SourceWriter


class ClassWriter:
    """Writes the class of one model."""

    def __init__(self, source: SourceWriter, model: Network, name: str) -> None:
        self.source, self.name = source, name
        self.model: Any = model  # a built one: its inputs and outputs are there
        self.attributes = attribute_names(model)
        self.turned = turned_layers(model)
        self.body = Fragment(source.functions.variables(), self.attributes.values())

    def text(self) -> str:
        """The class."""
        body = self.body
        tensors: dict[Any, Tensor] = {}
        arguments = []
        for layer, value in zip(self.model._input_layers, self.model.inputs, strict=True):
            name = body.free(self.attributes[layer])
            arguments.append(name)
            tensors[value] = Tensor(_shape(value), {KERAS: name})
        for node in self.model._network_nodes:
            if all(value in tensors for value in node.output_tensors):
                continue
            self._call(node, tensors)
        outputs = [self._read(body, tensors[value]) for value in self.model.outputs]
        built = [line for name, text in body.constructors.items() for line in _construction(name, text)]
        lines = [
            f"class {self.name}(nn.Module):",
            *([f"    STATES = {tuple(body.states)}", ""] if body.states else []),
            "    def __init__(self):",
            "        super().__init__()",
            *(f"        {line}" for line in built),
            *(
                f'        self.register_buffer("{name}", {zeros}, persistent=False)'
                for name, zeros in body.states.items()
            ),
            "",
            f"    def forward(self, {', '.join(arguments)}):",
            *(f"        {line}" for line in body.lines),
            f"        return {', '.join(outputs)}",
        ]
        return "\n".join(lines)

    def _read(self, part: Fragment, tensor: Tensor) -> str:
        """The variable that holds a tensor as Keras has it."""
        return Call(self, part, None, [tensor], [], "", "output").x(KERAS)

    def _call(self, node: Any, tensors: dict[Any, Tensor]) -> None:
        layer = node.outbound_layer
        if isinstance(layer, InputLayer):
            return
        inputs = [tensors[value] for value in node.input_tensors]
        attribute = self.attributes[layer]
        try:
            results = self._by_template(node, layer, inputs, attribute)
        except ConversionError as error:
            if isinstance(layer, Network):
                raise
            results = self._by_operators(node, inputs, attribute, error)
        for value, mask, result in zip(node.output_tensors, node.output_masks, results, strict=True):
            if mask is not None and result.mask is None:
                result.mask = self._mask_behind(node, mask, inputs)
            tensors[value] = result

    def _by_template(self, node: Any, layer: Any, inputs: list[Tensor], attribute: str) -> list[Tensor]:
        """Writes one call of a layer by its template, or nothing.

        Raises:
            ConversionError: if it has none for this call.
        """
        shapes = [_shape(value) for value in node.output_tensors]
        part = self.body.begin()
        part.reads_mask = isinstance(layer, Network)
        copies = {id(tensor): replace(tensor, forms=dict(tensor.forms)) for tensor in inputs}
        given = [copies[id(tensor)] for tensor in inputs]
        call = Call(self, part, layer, given, shapes, attribute, attribute)
        for key, value in node.arguments.items():
            known = key == "mask" and any(value is mask for mask in node.input_masks)
            if value is not None and value is not False and not known:
                call.fail(f"it is called with the argument {key!r}")
        results = self.emit(call)
        if not part.reads_mask and any(
            mask is not None and _reads(node.output_tensors, node.input_tensors, mask)
            for mask in node.input_masks
        ):
            call.fail("its outputs depend on a mask, which its template does not read")
        self.body.commit(part)
        for tensor, written in zip(inputs, given, strict=True):
            tensor.forms, tensor.mask, tensor.image = written.forms, written.mask, written.image
        return results

    def emit(self, call: Call) -> list[Tensor]:
        """Writes one call of a layer by its template; gives its outputs.

        Raises:
            ConversionError: if it has none, or none for these options.
        """
        layer = call.layer
        if any(p.dtype.kind == "f" and p.dtype.name != "float32" for p in layer.weights):
            call.fail("its weights are not float32")
        if isinstance(layer, Network):
            module = call.module(f"{self.source.class_for(layer)}()")
            given = ", ".join(call.x(KERAS, i) for i in range(len(call.inputs)))
            names = call.part.unpack(f"{module}({given})", [call.hint] * len(call.output_shapes))
            return [Tensor(s, {KERAS: name}) for s, name in zip(call.output_shapes, names, strict=True)]
        template = TEMPLATES.get(type(layer).__name__)
        if template is None or getattr(layers, type(layer).__name__, None) is not type(layer):
            call.fail("there is no template for this class")
        call.check_options(layer)
        template.write(call)
        return call.results

    def written_options(self, layer: Any) -> list[str]:
        """The options that the template of a layer writes."""
        template = TEMPLATES.get(type(layer).__name__)
        return [] if template is None else template.options.split()

    # --- by operators ---

    def _by_operators(
        self, node: Any, inputs: list[Tensor], attribute: str, why: ConversionError
    ) -> list[Tensor]:
        """Writes one call of a layer by the operators that it emits."""
        from ..torch_bridge.source import NoSource

        layer = node.outbound_layer
        try:
            given, arguments, hints = self._operands(self.body, node, inputs)
            states = {parameter for parameter, _ in self.model.state_updates}
            updates = [update for update in node.updates if update[0] in states]
            graph = Graph(node.output_tensors, given, updates, phase="inference")
            if not graph.parameters:
                outputs = self._inline(self.body, graph, arguments, attribute)
                if outputs is not None:
                    return self._results(node, outputs)
            written = self.source.operator_class(layer, attribute, self.turned.get(layer))
            method = written.add_call(graph, hints)
        except (ConversionError, NoSource, GraphError) as error:
            raise ConversionError(f"{why} Nor by its operators: {error}.") from error
        module = self.body.submodule(attribute, f"{written.name}()") + (f".{method}" if method else "")
        hints = [attribute] * len(node.output_tensors)
        return self._results(node, self.body.unpack(f"{module}({', '.join(arguments)})", hints))

    def _operands(
        self, part: Fragment, node: Any, inputs: list[Tensor]
    ) -> tuple[list[Value], list[str], list[str]]:
        """Values that a call reads, the variables that hold them, and names for them: inputs and masks."""
        found: dict[Value, tuple[str, str]] = {}
        for i, value in enumerate(node.input_tensors):
            found.setdefault(value, (self._read(part, inputs[i]), "x"))
        for tensor, mask in zip(inputs, node.input_masks, strict=True):
            if (
                mask is not None
                and mask not in found
                and _reads(
                    [*node.output_tensors, *(m for m in node.output_masks if m is not None)],
                    list(found),
                    mask,
                )
            ):
                found[mask] = (tensor.written_mask(part) or "None", "mask")
        return list(found), [name for name, _ in found.values()], [hint for _, hint in found.values()]

    def _results(self, node: Any, names: list[str]) -> list[Tensor]:
        return [Tensor(_shape(v), {KERAS: name}) for v, name in zip(node.output_tensors, names, strict=True)]

    def _inline(self, part: Fragment, graph: Graph, arguments: list[str], attribute: str) -> list[str] | None:
        """Writes a few operators without weights among the statements; None if that takes a class."""
        from ..torch_bridge.source import GraphPrinter

        def refused(*given: Any) -> str:
            raise NotInline

        def constant(hint: str, source: str) -> str:
            if len(source) > 100:
                raise NotInline
            return f"{source[:-1]}, device={arguments[0]}.device)"

        inside = part.begin()
        printer = GraphPrinter(self.source.functions, refused, inside.free, attribute, refused, constant)
        try:
            outputs, _ = printer.graph(graph, arguments)
        except NotInline:
            return None
        if len(printer.lines) > 6:
            return None
        inside.lines = printer.lines
        part.commit(inside)
        return [part.let(output, attribute) for output in outputs]

    def _mask_behind(self, node: Any, mask: Value, inputs: list[Tensor]) -> Any:
        """The mask of an output: an input's, or what writes its operators where a layer reads it."""
        for tensor, known in zip(inputs, node.input_masks, strict=True):
            if known is mask:
                return tensor.mask

        def write(part: Fragment) -> str:
            from ..torch_bridge.source import NoSource

            values, arguments, _ = self._operands(part, node, inputs)
            hint = f"{self.attributes[layer]}_mask"
            try:
                outputs = self._inline(part, Graph([mask], values), arguments, hint)
            except (NoSource, GraphError) as error:
                raise ConversionError(
                    f"The mask behind the layer {layer.name!r} has no source: {error}"
                ) from error
            if outputs is None:
                raise ConversionError(
                    f"The mask behind the layer {layer.name!r} ({type(layer).__name__}) has no source, and a "
                    "layer behind it reads it."
                )
            return outputs[0]

        layer = node.outbound_layer
        return write


def _construction(name: str, text: str) -> list[str]:
    first, *others = text.split("\n")
    return [f"self.{name} = {first}", *(line.replace("{}", f"self.{name}") for line in others)]


def _shape(value: Any) -> tuple[int | None, ...]:
    return static_shape(value) or ()


class NotInline(Exception):
    """Operators that need a class of their own."""


def _reads(outputs: Iterable[Value], given: Iterable[Value], mask: Value) -> bool:
    """Whether outputs depend on a mask other than by the values given."""
    seen: set[Value] = set(given)
    open_: list[Value] = list(outputs)
    while open_:
        value = open_.pop()
        if value is mask:
            return True
        if value in seen:
            continue
        seen.add(value)
        if value.node is not None:
            open_ += [v for v in value.node.inputs if v is not None]
            open_ += [v for a in value.node.attributes.values() if isinstance(a, Body) for v in a.outputs]
    return False
