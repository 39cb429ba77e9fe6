"""Keras's weights as the tensors of PyTorch's modules, and back.

A *unit* is what one PyTorch module holds: nn.Linear's ``weight`` and ``bias``. Most layers are one unit; a
separable convolution is two, a bidirectional layer is one (nn.LSTM keeps both directions).

Source of names and layouts: the documentation of torch.nn, section "Variables" of each module.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ...ir import Parameter
from ...ir.identifiers import Identifiers, identifier
from ..core.layer import Layer
from ..core.network import Network
from ..layers.recurrent.cudnn_layouts import from_cudnn, to_cudnn
from .flattening import turned_layers

Arrays = dict[str, np.ndarray]
Move = Callable[[np.ndarray], np.ndarray]
Moves = tuple[Move, Move, str]
"""Keras's layout to PyTorch's, the way back, and the way back as what follows a tensor in PyTorch source."""


@dataclass
class Unit:
    """The tensors of one PyTorch module, and the Keras weights that they are made of.

    Attributes:
        name: dotted path of the module; the tensors are ``name.suffix``.
        kind: the PyTorch module, for messages.
        layer: the Keras layer.
        parameters: the Keras weights, by what ``encode`` calls them.
        encode: Keras arrays -> tensors by suffix.
        decode: tensors by suffix -> Keras arrays.
        note: what a reader of the tensors should know, or "".
        optional: suffixes that a file may leave out.
        expressions: what ``decode`` computes in the source of a PyTorch module: key of a Keras weight ->
            expression, in which {suffix} stands for a tensor. By default the tensor of the same name.
    """

    name: str
    kind: str
    layer: Layer
    parameters: dict[str, Parameter]
    encode: Callable[[Arrays], Arrays]
    decode: Callable[[Arrays], Arrays]
    note: str = ""
    optional: frozenset[str] = field(default_factory=frozenset)
    expressions: dict[str, str] = field(default_factory=dict)

    def path(self, suffix: str) -> str:
        """The full name of a tensor."""
        return f"{self.name}.{suffix}" if self.name else suffix

    def tensors(self) -> Arrays:
        """The present values, by suffix."""
        arrays = self.encode({name: p.numpy() for name, p in self.parameters.items()})
        return {suffix: np.asarray(array, order="C") for suffix, array in arrays.items()}

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each tensor, by suffix."""
        zeros = {name: np.broadcast_to(np.zeros((), p.dtype), p.shape) for name, p in self.parameters.items()}
        return {suffix: array.shape for suffix, array in self.encode(zeros).items()}

    def weights(self, tensors: Mapping[str, np.ndarray]) -> list[tuple[Parameter, np.ndarray]]:
        """The Keras weights that tensors of these suffixes stand for.

        Raises:
            ValueError: if the layer cannot represent them.
        """
        arrays = self.decode(dict(tensors))
        return [(parameter, arrays[name]) for name, parameter in self.parameters.items()]


def state_dict(model: Network) -> Arrays:
    """All weights of a model under PyTorch's names: ``conv1.weight``, ``lstm.weight_ih_l0`` ...

    A layer that PyTorch has no module for keeps Keras's names and layouts.
    """
    return tensors_of(units_of(model))


def tensors_of(units: Iterable[Unit]) -> Arrays:
    """The present values of units, by their full names."""
    return {unit.path(s): array for unit in units for s, array in unit.tensors().items()}


def units_of(model: Network, flattened: bool = True) -> list[Unit]:
    """The units of a model, layer by layer; those of nested models under their names.

    The initializers of an ONNX graph that is the whole model keep their names as they are.

    Args:
        model: a built model.
        flattened: whether layers behind a Flatten have PyTorch's order of features, or else Keras's.
    """
    holding = [layer for layer in model.layers if layer.weights]
    if len(holding) == 1 and type(holding[0]).__name__ == "ONNXGraph":
        graph: Any = holding[0]
        own = {w.name: p for w, p in zip(graph._template.weights, graph._onnx_weights, strict=True)}
        return [Unit("", "ONNXGraph", graph, own, dict, dict, "names and layouts are the ONNX file's")]
    return attribute_units(model, flattened)


def attribute_units(model: Network, flattened: bool = True) -> list[Unit]:
    """The units of a model, each under the attribute that its layer is of a PyTorch module."""
    return [
        unit
        for name, layer, image in _named_layers(model)
        for unit in layer_units(layer, name, image if flattened else None)
    ]


def _named_layers(model: Network, prefix: str = "") -> Iterator[tuple[str, Layer, list[int] | None]]:
    """(dotted name, layer, image that it reads flattened) of every layer that holds weights itself.

    Nested models are taken apart.
    """
    names = attribute_names(model)
    images = turned_layers(model) if getattr(model, "_network_nodes", None) else {}
    for layer in model.layers:
        name = prefix + names[layer]
        if isinstance(layer, Network):
            yield from _named_layers(layer, f"{name}.")
        elif layer.weights:
            yield name, layer, images.get(layer)


# Attributes of nn.Module, and of the classes that convert writes, that a submodule or a tensor must not hide.
_TAKEN = frozenset(
    """T_destination add_module apply bfloat16 buffers call_super_init children compile cpu cuda double
    dump_patches eval extra_repr float forward get_buffer get_extra_state get_parameter get_submodule half
    ipu load_state_dict modules mtia named_buffers named_children named_modules named_parameters parameters
    register_backward_hook register_buffer register_forward_hook register_forward_pre_hook
    register_full_backward_hook register_full_backward_pre_hook register_load_state_dict_post_hook
    register_load_state_dict_pre_hook register_module register_parameter register_state_dict_post_hook
    register_state_dict_pre_hook requires_grad_ set_extra_state set_submodule share_memory state_dict to
    to_empty train training type xpu zero_grad self F torch nn math STATES meta""".split()
)


class AttributeNames(Identifiers):
    """Names for attributes of one nn.Module."""

    def __init__(self) -> None:
        super().__init__(_TAKEN)

    def free(self, hint: str) -> str:
        name = identifier(hint)
        hidden = name in _TAKEN or re.fullmatch(r"forward_\d+", name)  # methods of written classes
        return super().free(f"{name}_" if hidden else name)


def attribute_names(model: Network) -> dict[Layer, str]:
    """Python identifiers for the layers of one model, each once."""
    names = AttributeNames()
    own = [*getattr(model, "_input_layers", ()), *model.layers]  # Sequential.layers is without its input
    return {layer: names.free(layer.name) for layer in dict.fromkeys(own)}


def layer_units(layer: Layer, name: str, image: list[int] | None = None) -> list[Unit]:
    """The units of one layer; ``image`` is what its features are, flattened, see ``flattening``."""
    if image is not None:
        return [_turned(unit, image) for unit in layer_units(layer, name)]
    kind = type(layer).__name__
    if kind == "TimeDistributed":
        inner = layer.layer
        return list(units_of_network(inner, name)) if isinstance(inner, Network) else layer_units(inner, name)
    maker = MAKERS.get(kind)
    if maker is None or not layer.weights:
        return [_as_it_is(layer, name)] if layer.weights else []
    return maker(layer, name)


def _turned(unit: Unit, image: list[int]) -> Unit:
    """A unit whose tensors are in PyTorch's order of a flattened image."""
    count = int(np.prod(image))
    order = np.moveaxis(np.arange(count).reshape([*image[1:], image[0]]), -1, 0).reshape(-1)
    back = np.argsort(order)
    dense = unit.kind == "nn.Linear"

    def take(arrays: Arrays, places: np.ndarray) -> Arrays:
        if dense:
            return {**arrays, "weight": arrays["weight"][:, places]}
        return {key: a[places] if a.shape == (count,) else a for key, a in arrays.items()}

    axis = 1 if dense else 0
    rest = [axis + 1 + i for i in range(len(image) - 1)]
    place = f".unflatten({axis}, {tuple(image)}).permute({(*range(axis), *rest, axis)}).flatten({axis})"
    keys = ["weight"] if dense else [key for key, p in unit.parameters.items() if p.shape == (count,)]
    expressions = dict(unit.expressions)
    for key in keys:
        text = expressions.get(key, f"{{{key}}}")
        expressions[key] = text.replace(f"{{{key}}}", f"{{{key}}}{place}")
    what = "columns are" if dense else "features are"
    note = f"its {what} in PyTorch's order, of (channels, sizes...) = {tuple(image)} flattened"
    return replace(
        unit,
        encode=lambda arrays: take(unit.encode(arrays), order),
        decode=lambda tensors: unit.decode(take(tensors, back)),
        expressions=expressions,
        note=f"{unit.note}; {note}" if unit.note else note,
    )


def units_of_network(model: Network, prefix: str) -> Iterator[Unit]:
    """The units of a model inside another."""
    for name, layer, image in _named_layers(model, f"{prefix}."):
        yield from layer_units(layer, name, image)


def local_name(parameter: Parameter) -> str:
    """``dense_1/kernel`` -> ``kernel``."""
    return parameter.name.rpartition("/")[2].removesuffix(":0")


def _own(layer: Layer) -> dict[str, Parameter]:
    return {local_name(parameter): parameter for parameter in layer.weights}


def _as_it_is(layer: Layer, name: str) -> Unit:
    paths = _Paths()
    parameters = {paths.add(local_name(parameter)): parameter for parameter in layer.weights}
    note = f"PyTorch has no module for {type(layer).__name__}: names and layouts are Keras's"
    return Unit(name, type(layer).__name__, layer, parameters, dict, dict, note)


class _Paths:
    """Dotted paths of tensors in a module, from names of any form; every part is an identifier."""

    def __init__(self) -> None:
        self._names: dict[str, AttributeNames] = {"": AttributeNames()}
        self._modules: dict[tuple[str, str], str] = {}

    def add(self, name: str) -> str:
        """A path like the name; no path is given twice, or is the beginning of another one."""
        *modules, last = [part for part in name.split(".") if part][-_DEEPEST:] or ["weight"]
        holder = ""
        for part in modules:
            if (holder, part) not in self._modules:
                path = self._modules[holder, part] = self._leaf(holder, part)
                self._names[path] = AttributeNames()
            holder = self._modules[holder, part]
        return self._leaf(holder, last)

    def _leaf(self, holder: str, name: str) -> str:
        return f"{holder}.{self._names[holder].free(name)}".lstrip(".")


_DEEPEST = 16
"""Parts of a path: its last ones."""


# --- Linear, convolutions, tables ---------------------------------------------------------------------------


def _kernel_unit(
    layer: Layer,
    name: str,
    kind: str,
    kernel: str,
    moves: Moves,
    bias: bool = True,
) -> Unit:
    own = _own(layer)
    there, back, source = moves
    parameters = {"weight": own[kernel]}
    if bias and "bias" in own:
        parameters["bias"] = own["bias"]

    def encode(arrays: Arrays) -> Arrays:
        return {**arrays, "weight": there(arrays["weight"])}

    def decode(tensors: Arrays) -> Arrays:
        return {**tensors, "weight": back(tensors["weight"])}

    return Unit(name, kind, layer, parameters, encode, decode, expressions={"weight": f"{{weight}}{source}"})


_AS_IT_IS: Moves = (np.asarray, np.asarray, "")


def _dense(layer: Any, name: str) -> list[Unit]:
    return [_kernel_unit(layer, name, "nn.Linear", "kernel", (np.transpose, np.transpose, ".t()"))]


def _moved(order: Sequence[int]) -> Moves:
    order, inverse = tuple(order), tuple(int(i) for i in np.argsort(order))
    source = f".permute{inverse}"
    return (lambda array: array.transpose(order)), (lambda array: array.transpose(inverse)), source


def _conv(layer: Any, name: str) -> list[Unit]:
    rank = layer.rank
    moves = _moved((rank + 1, rank, *range(rank)))
    kind = f"nn.Conv{rank}d"
    if "Transpose" in type(layer).__name__ or "Deconv" in type(layer).__name__:
        kind = f"nn.ConvTranspose{rank}d"  # Keras: (sizes..., out, in); PyTorch: (in, out, sizes...)
    return [_kernel_unit(layer, name, kind, "kernel", moves)]


def _depthwise_moves(layer: Any) -> Moves:
    """(sizes..., in, multiplier) <-> (in * multiplier, 1, sizes...)."""
    shape = layer.depthwise_kernel.shape
    sizes = len(shape) - 2
    order = (sizes, sizes + 1, *range(sizes))
    inverse = tuple(int(i) for i in np.argsort(order))

    def there(array: np.ndarray) -> np.ndarray:
        return array.transpose(order).reshape(-1, 1, *shape[:-2])

    def back(array: np.ndarray) -> np.ndarray:
        return array.reshape(*shape[-2:], *shape[:-2]).transpose(inverse)

    source = f".reshape{(*shape[-2:], *shape[:-2])}.permute{inverse}"
    return there, back, source


def _depthwise(layer: Any, name: str) -> list[Unit]:
    kind = f"nn.Conv{len(layer.depthwise_kernel.shape) - 2}d(groups)"
    return [_kernel_unit(layer, name, kind, "depthwise_kernel", _depthwise_moves(layer))]


def _separable(layer: Any, name: str) -> list[Unit]:
    rank = len(layer.depthwise_kernel.shape) - 2
    depthwise = _kernel_unit(
        layer,
        f"{name}.depthwise",
        f"nn.Conv{rank}d(groups)",
        "depthwise_kernel",
        _depthwise_moves(layer),
        bias=False,
    )
    moves = _moved((rank + 1, rank, *range(rank)))
    pointwise = _kernel_unit(layer, f"{name}.pointwise", f"nn.Conv{rank}d", "pointwise_kernel", moves)
    return [depthwise, pointwise]


def _embedding(layer: Any, name: str) -> list[Unit]:
    return [_kernel_unit(layer, name, "nn.Embedding", "embeddings", _AS_IT_IS)]


def _prelu(layer: Any, name: str) -> list[Unit]:
    shape = layer.alpha.shape
    if prelu_is_torchs(layer):
        moves = (
            (lambda a: a.reshape(-1)),
            (lambda a: a.reshape(shape)),
            f".reshape({', '.join(map(str, shape))})",
        )
        return [_kernel_unit(layer, name, "nn.PReLU", "alpha", moves)]
    unit = _kernel_unit(layer, name, "nn.PReLU", "alpha", _AS_IT_IS)
    unit.note = "nn.PReLU has one slope for each channel, this layer more: the shape is Keras's"
    return [unit]


def prelu_is_torchs(layer: Any) -> bool:
    """Whether the slopes vary along the last axis, or none, alone."""
    return all(size == 1 for size in layer.alpha.shape[:-1])


# --- normalization ------------------------------------------------------------------------------------------


def _normalization(layer: Any, name: str, kind: str, renamed: Mapping[str, str]) -> list[Unit]:
    own = _own(layer)
    parameters = {there: own[here] for here, there in renamed.items() if here in own}
    size = next(iter(parameters.values())).shape
    affine = "weight" in parameters or "bias" in parameters
    fill = {"weight": np.ones, "bias": np.zeros} if affine else {}
    counted = "running_mean" in parameters

    def encode(arrays: Arrays) -> Arrays:
        filled = {key: make(size, np.float32) for key, make in fill.items()}
        counter = {"num_batches_tracked": np.zeros((), np.int64)} if counted else {}
        return {**filled, **arrays, **counter}

    def decode(tensors: Arrays) -> Arrays:
        for key, make in {"weight": np.ones, "bias": np.zeros}.items():
            if key not in parameters and key in tensors and not np.array_equal(tensors[key], make(size)):
                option = {"weight": "scale", "bias": "center"}[key]
                raise ValueError(f"the layer has {option}=False, and {key} does something; set {option}=True")
        return {key: array for key, array in tensors.items() if key in parameters}

    optional = frozenset({"num_batches_tracked", *(key for key in fill if key not in parameters)})
    return [Unit(name, kind, layer, parameters, encode, decode, optional=optional)]


def _batch_normalization(layer: Any, name: str) -> list[Unit]:
    renamed = {
        "gamma": "weight",
        "beta": "bias",
        "moving_mean": "running_mean",
        "moving_variance": "running_var",
    }
    return _normalization(layer, name, "nn.BatchNorm", renamed)


def _layer_normalization(layer: Any, name: str) -> list[Unit]:
    kind = {"GroupNormalization": "nn.GroupNorm"}.get(type(layer).__name__, "nn.LayerNorm")
    return _normalization(layer, name, kind, {"gamma": "weight", "beta": "bias"})


def _rms_normalization(layer: Any, name: str) -> list[Unit]:
    return [_kernel_unit(layer, name, "nn.RMSNorm", "scale", _AS_IT_IS)]


# --- recurrence ---------------------------------------------------------------------------------------------

# Keras's gates in PyTorch's order: LSTM i f c o is PyTorch's i f g o; GRU z r h becomes r z n.
_GATES = {"LSTM": (0, 1, 2, 3), "GRU": (1, 0, 2), "SimpleRNN": (0,)}
_MODULES = {"LSTM": "nn.LSTM", "GRU": "nn.GRU", "SimpleRNN": "nn.RNN"}


def recurrent_kind(layer: Layer) -> str | None:
    """ "LSTM", "GRU" or "SimpleRNN"; None for another layer."""
    kind = type(layer).__name__.removeprefix("CuDNN")
    return kind if kind in _GATES else None


def _reordered(array: np.ndarray, gates: Sequence[int]) -> np.ndarray:
    """Gates along the last axis in another order."""
    parts = np.split(array, len(gates), axis=-1)
    return np.concatenate([parts[i] for i in gates], axis=-1)


class _Recurrence:
    """One direction of a recurrent layer."""

    def __init__(self, layer: Any, ending: str) -> None:
        self.kind = recurrent_kind(layer) or ""
        self.cudnn = type(layer).__name__.startswith("CuDNN")
        self.gates = _GATES[self.kind]
        self.back = tuple(int(i) for i in np.argsort(self.gates))
        self.reset_after = self.kind == "GRU" and bool(layer.cell.reset_after)
        self.ending = ending
        self.parameters = {f"{key}{ending}": parameter for key, parameter in _own(layer).items()}

    def encode(self, arrays: Arrays) -> Arrays:
        end = self.ending
        if self.cudnn:
            arrays = self._from_cudnn(arrays)
        tensors = {
            f"weight_ih_l0{end}": _reordered(arrays[f"kernel{end}"], self.gates).T,
            f"weight_hh_l0{end}": _reordered(arrays[f"recurrent_kernel{end}"], self.gates).T,
        }
        bias = arrays.get(f"bias{end}")
        if bias is not None:
            halves = bias if bias.ndim == 2 else (bias, np.zeros_like(bias))
            tensors[f"bias_ih_l0{end}"] = _reordered(np.asarray(halves[0]), self.gates)
            tensors[f"bias_hh_l0{end}"] = _reordered(np.asarray(halves[1]), self.gates)
        return tensors

    def decode(self, tensors: Arrays) -> Arrays:
        end = self.ending
        arrays = {
            f"kernel{end}": _reordered(tensors[f"weight_ih_l0{end}"].T, self.back),
            f"recurrent_kernel{end}": _reordered(tensors[f"weight_hh_l0{end}"].T, self.back),
        }
        if f"bias{end}" in self.parameters:
            inner, outer = (_reordered(tensors[f"bias_{which}_l0{end}"], self.back) for which in ("ih", "hh"))
            arrays[f"bias{end}"] = np.stack([inner, outer]) if self.reset_after else inner + outer
            if self.kind == "GRU" and not self.reset_after and outer.any():
                raise ValueError(
                    "nn.GRU applies the reset gate after the product with the state, and its second bias "
                    "with it; build the layer as GRU(..., reset_after=True)"
                )
        return self._to_cudnn(arrays, tensors) if self.cudnn else arrays

    def expressions(self) -> dict[str, str]:
        """``decode`` in PyTorch source; none for CuDNN's layout."""
        end = self.ending
        if self.cudnn:
            return {}

        def reordered(suffix: str, turned: str = "") -> str:
            name = f"{{{suffix}{end}}}"
            if self.back == tuple(range(len(self.back))):
                return f"{name}{turned}"
            parts = [f"{name}.chunk({len(self.back)})[{i}]" for i in self.back]
            return f"torch.cat([{', '.join(parts)}]){turned}"

        inner, outer = reordered("bias_ih_l0"), reordered("bias_hh_l0")
        bias = f"torch.stack([{inner}, {outer}])" if self.reset_after else f"({inner} + {outer})"
        return {
            f"kernel{end}": reordered("weight_ih_l0", ".t()"),
            f"recurrent_kernel{end}": reordered("weight_hh_l0", ".t()"),
            f"bias{end}": bias,
        }

    def _from_cudnn(self, arrays: Arrays) -> Arrays:
        """The layout of LSTM and GRU, with both biases, one below the other."""
        found = {key: from_cudnn(a, len(self.gates)) for key, a in arrays.items() if "kernel" in key}
        bias = arrays[f"bias{self.ending}"]
        return {**found, f"bias{self.ending}": bias.reshape(2, -1)}

    def _to_cudnn(self, arrays: Arrays, tensors: Arrays) -> Arrays:
        found = {key: to_cudnn(a, len(self.gates)) for key, a in arrays.items() if "kernel" in key}
        halves = [_reordered(tensors[f"bias_{which}_l0{self.ending}"], self.back) for which in ("ih", "hh")]
        return {**found, f"bias{self.ending}": np.concatenate(halves)}


def _recurrent(directions: Sequence[_Recurrence], layer: Any, name: str) -> list[Unit]:
    parameters = {key: p for direction in directions for key, p in direction.parameters.items()}

    def encode(arrays: Arrays) -> Arrays:
        return {key: a for direction in directions for key, a in direction.encode(arrays).items()}

    def decode(tensors: Arrays) -> Arrays:
        return {key: a for direction in directions for key, a in direction.decode(tensors).items()}

    kind = _MODULES[directions[0].kind]
    note = ""
    if directions[0].kind == "GRU" and not directions[0].reset_after:
        note = "reset_after=False: nn.GRU computes something else with these weights"
    expressions = {key: text for direction in directions for key, text in direction.expressions().items()}
    return [Unit(name, kind, layer, parameters, encode, decode, note, expressions=expressions)]


def _one_direction(layer: Any, name: str) -> list[Unit]:
    return _recurrent([_Recurrence(layer, "")], layer, name)


def _bidirectional(layer: Any, name: str) -> list[Unit]:
    if recurrent_kind(layer.forward_layer) is None:
        forward = layer_units(layer.forward_layer, f"{name}.forward_layer")
        return [*forward, *layer_units(layer.backward_layer, f"{name}.backward_layer")]
    directions = [_Recurrence(layer.forward_layer, ""), _Recurrence(layer.backward_layer, "_reverse")]
    return _recurrent(directions, layer, name)


# --- attention ----------------------------------------------------------------------------------------------


def _attention(layer: Any, name: str) -> list[Unit]:
    """Query, key and value of Keras, (features, heads, size) each, as nn.MultiheadAttention stacks them."""
    by_path = {parameter.name.split(":")[0]: parameter for parameter in layer.weights}
    parameters: dict[str, Parameter] = {}
    for role in ("query", "key", "value", "attention_output"):
        for what in ("kernel", "bias"):
            found = [p for path, p in by_path.items() if path.endswith(f"{role}/{what}")]
            if found:
                parameters[f"{role}/{what}"] = found[0]
    features = {parameters[f"{role}/kernel"].shape[0] for role in ("query", "key", "value")}
    heads = [parameters[f"{role}/kernel"].shape[1:] for role in ("query", "key", "value")]
    width = int(np.prod(heads[0]))
    others = set(layer.weights) - set(parameters.values())  # those of a gate
    if len(features) > 1 or len(set(heads)) > 1 or width not in features or others:
        return [_as_it_is(layer, name)]

    def encode(arrays: Arrays) -> Arrays:
        stacked = [arrays[f"{role}/kernel"].reshape(width, -1).T for role in ("query", "key", "value")]
        tensors = {
            "in_proj_weight": np.concatenate(stacked),
            "out_proj.weight": arrays["attention_output/kernel"].reshape(width, -1).T,
        }
        if "query/bias" in arrays:
            tensors["in_proj_bias"] = np.concatenate(
                [arrays[f"{role}/bias"].reshape(-1) for role in ("query", "key", "value")]
            )
            tensors["out_proj.bias"] = arrays["attention_output/bias"]
        return tensors

    def decode(tensors: Arrays) -> Arrays:
        arrays = {}
        for i, role in enumerate(("query", "key", "value")):
            rows = slice(i * width, (i + 1) * width)
            for what, source in (("kernel", "in_proj_weight"), ("bias", "in_proj_bias")):
                if f"{role}/{what}" in parameters:
                    shape = parameters[f"{role}/{what}"].shape
                    arrays[f"{role}/{what}"] = tensors[source][rows].T.reshape(shape)
        shape = parameters["attention_output/kernel"].shape
        arrays["attention_output/kernel"] = tensors["out_proj.weight"].T.reshape(shape)
        if "attention_output/bias" in parameters:
            arrays["attention_output/bias"] = tensors["out_proj.bias"]
        return arrays

    def shaped(key: str) -> str:
        return f".reshape({', '.join(map(str, parameters[key].shape))})"

    expressions = {
        "attention_output/kernel": "{out_proj.weight}.t()" + shaped("attention_output/kernel"),
        "attention_output/bias": "{out_proj.bias}",
    }
    for i, role in enumerate(("query", "key", "value")):
        for what, turned in (("kernel", ".t()"), ("bias", "")):
            if (key := f"{role}/{what}") in parameters:
                source = f"{{in_proj_{'weight' if what == 'kernel' else 'bias'}}}"
                expressions[key] = f"{source}[{i * width}:{(i + 1) * width}]{turned}{shaped(key)}"
    return [Unit(name, "nn.MultiheadAttention", layer, parameters, encode, decode, expressions=expressions)]


MAKERS: dict[str, Callable[[Any, str], list[Unit]]] = {
    "Dense": _dense,
    **dict.fromkeys(("Conv1D", "Conv2D", "Conv3D"), _conv),
    **dict.fromkeys(("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"), _conv),
    **dict.fromkeys(("DepthwiseConv1D", "DepthwiseConv2D"), _depthwise),
    **dict.fromkeys(("SeparableConv1D", "SeparableConv2D"), _separable),
    "Embedding": _embedding,
    "PReLU": _prelu,
    "BatchNormalization": _batch_normalization,
    **dict.fromkeys(("LayerNormalization", "GroupNormalization"), _layer_normalization),
    "RMSNormalization": _rms_normalization,
    **dict.fromkeys(("LSTM", "GRU", "SimpleRNN", "CuDNNLSTM", "CuDNNGRU"), _one_direction),
    "Bidirectional": _bidirectional,
    "MultiHeadAttention": _attention,
}
"""Keras's class name -> the units of such a layer."""
