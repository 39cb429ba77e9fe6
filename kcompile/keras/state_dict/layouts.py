"""Keras's weights as the tensors of PyTorch's modules, and back: how either lays them out, per class.

Source of names and layouts: the documentation of torch.nn, section "Variables" of each module.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ...ir import Parameter
from ..core.layer import Layer
from ..layers.recurrent.cudnn_layouts import from_cudnn, to_cudnn
from .names import TensorPaths
from .spec import Arrays, TorchModuleSpec

Move = Callable[[np.ndarray], np.ndarray]
Moves = tuple[Move, Move]
"""Keras's layout to PyTorch's, and the way back."""


def local_name(parameter: Parameter) -> str:
    """``dense_1/kernel`` -> ``kernel``."""
    return parameter.name.rpartition("/")[2].removesuffix(":0")


def _own(layer: Layer) -> dict[str, Parameter]:
    return {local_name(parameter): parameter for parameter in layer.weights}


def as_it_is(layer: Layer, name: str) -> TorchModuleSpec:
    paths = TensorPaths()
    parameters = {paths.add(local_name(parameter)): parameter for parameter in layer.weights}
    note = f"PyTorch has no module for {type(layer).__name__}: names and layouts are Keras's"
    return TorchModuleSpec(name, type(layer).__name__, layer, parameters, dict, dict, note=note)


# --- Linear, convolutions, tables ---------------------------------------------------------------------------


def _of_kernel(
    layer: Layer, name: str, kind: str, kernel: str, moves: Moves, bias: bool = True, note: str = ""
) -> TorchModuleSpec:
    """A module with a ``weight``, which is one Keras weight moved, and perhaps a ``bias``."""
    own = _own(layer)
    there, back = moves
    parameters = {"weight": own[kernel]}
    if bias and "bias" in own:
        parameters["bias"] = own["bias"]

    def encode(arrays: Arrays) -> Arrays:
        return {**arrays, "weight": there(arrays["weight"])}

    def decode(tensors: Arrays) -> Arrays:
        return {**tensors, "weight": back(tensors["weight"])}

    return TorchModuleSpec(name, kind, layer, parameters, encode, decode, note=note)


def _unmoved(array: np.ndarray) -> np.ndarray:
    return array


_AS_IT_IS: Moves = (_unmoved, _unmoved)


def _moved(order: Sequence[int]) -> Moves:
    order, inverse = tuple(order), tuple(int(i) for i in np.argsort(order))
    return (lambda array: array.transpose(order)), (lambda array: array.transpose(inverse))


def _dense(layer: Any, name: str) -> list[TorchModuleSpec]:
    return [_of_kernel(layer, name, "nn.Linear", "kernel", _moved((1, 0)))]


def _conv(layer: Any, name: str) -> list[TorchModuleSpec]:
    rank = layer.rank
    moves = _moved((rank + 1, rank, *range(rank)))
    kind = f"nn.Conv{rank}d"
    if "Transpose" in type(layer).__name__ or "Deconv" in type(layer).__name__:
        kind = f"nn.ConvTranspose{rank}d"  # Keras: (sizes..., out, in); PyTorch: (in, out, sizes...)
    return [_of_kernel(layer, name, kind, "kernel", moves)]


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

    return there, back


def _depthwise(layer: Any, name: str) -> list[TorchModuleSpec]:
    kind = f"nn.Conv{len(layer.depthwise_kernel.shape) - 2}d(groups)"
    return [_of_kernel(layer, name, kind, "depthwise_kernel", _depthwise_moves(layer))]


def _separable(layer: Any, name: str) -> list[TorchModuleSpec]:
    rank = len(layer.depthwise_kernel.shape) - 2
    depthwise = _of_kernel(
        layer,
        f"{name}.depthwise",
        f"nn.Conv{rank}d(groups)",
        "depthwise_kernel",
        _depthwise_moves(layer),
        bias=False,
    )
    moves = _moved((rank + 1, rank, *range(rank)))
    pointwise = _of_kernel(layer, f"{name}.pointwise", f"nn.Conv{rank}d", "pointwise_kernel", moves)
    return [depthwise, pointwise]


def _embedding(layer: Any, name: str) -> list[TorchModuleSpec]:
    return [_of_kernel(layer, name, "nn.Embedding", "embeddings", _AS_IT_IS)]


def _prelu(layer: Any, name: str) -> list[TorchModuleSpec]:
    shape = layer.alpha.shape
    if prelu_is_torchs(layer):
        moves = ((lambda a: a.reshape(-1)), (lambda a: a.reshape(shape)))
        return [_of_kernel(layer, name, "nn.PReLU", "alpha", moves)]
    note = "nn.PReLU has one slope for each channel, this layer more: the shape is Keras's"
    return [_of_kernel(layer, name, "nn.PReLU", "alpha", _AS_IT_IS, note=note)]


def prelu_is_torchs(layer: Any) -> bool:
    """Whether the slopes vary along the last axis, or none, alone."""
    return all(size == 1 for size in layer.alpha.shape[:-1])


# --- normalization ------------------------------------------------------------------------------------------


def _normalization(layer: Any, name: str, kind: str, renamed: Mapping[str, str]) -> list[TorchModuleSpec]:
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
        return {key: array for key, array in tensors.items() if key in parameters}

    def check(tensors: Arrays) -> None:
        for key, make in {"weight": np.ones, "bias": np.zeros}.items():
            if key not in parameters and key in tensors and not np.array_equal(tensors[key], make(size)):
                option = {"weight": "scale", "bias": "center"}[key]
                raise ValueError(f"the layer has {option}=False, and {key} does something; set {option}=True")

    optional = frozenset({"num_batches_tracked", *(key for key in fill if key not in parameters)})
    return [TorchModuleSpec(name, kind, layer, parameters, encode, decode, check, optional=optional)]


def _batch_normalization(layer: Any, name: str) -> list[TorchModuleSpec]:
    renamed = {
        "gamma": "weight",
        "beta": "bias",
        "moving_mean": "running_mean",
        "moving_variance": "running_var",
    }
    return _normalization(layer, name, "nn.BatchNorm", renamed)


def _layer_normalization(layer: Any, name: str) -> list[TorchModuleSpec]:
    kind = {"GroupNormalization": "nn.GroupNorm"}.get(type(layer).__name__, "nn.LayerNorm")
    return _normalization(layer, name, kind, {"gamma": "weight", "beta": "bias"})


def _rms_normalization(layer: Any, name: str) -> list[TorchModuleSpec]:
    return [_of_kernel(layer, name, "nn.RMSNorm", "scale", _AS_IT_IS)]


# --- recurrence ---------------------------------------------------------------------------------------------

# Keras's gates in PyTorch's order: LSTM i f c o is PyTorch's i f g o; GRU z r h becomes r z n.
_GATES = {"LSTM": (0, 1, 2, 3), "GRU": (1, 0, 2), "SimpleRNN": (0,)}
_MODULES = {"LSTM": "nn.LSTM", "GRU": "nn.GRU", "SimpleRNN": "nn.RNN"}


def recurrent_kind(layer: Layer) -> str | None:
    """ "LSTM", "GRU" or "SimpleRNN"; None for another layer."""
    kind = type(layer).__name__.removeprefix("CuDNN")
    return kind if kind in _GATES else None


def _reordered(array: np.ndarray, gates: Sequence[int], axis: int = 0) -> np.ndarray:
    """Gates along an axis in another order."""
    if tuple(gates) == tuple(range(len(gates))):
        return array
    parts = np.split(array, len(gates), axis)
    return np.concatenate([parts[i] for i in gates], axis)


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
            f"weight_ih_l0{end}": _reordered(arrays[f"kernel{end}"], self.gates, -1).T,
            f"weight_hh_l0{end}": _reordered(arrays[f"recurrent_kernel{end}"], self.gates, -1).T,
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
            f"kernel{end}": _reordered(tensors[f"weight_ih_l0{end}"], self.back).T,
            f"recurrent_kernel{end}": _reordered(tensors[f"weight_hh_l0{end}"], self.back).T,
        }
        if f"bias{end}" in self.parameters:
            halves = [_reordered(tensors[f"bias_{which}_l0{end}"], self.back) for which in ("ih", "hh")]
            if self.cudnn:
                arrays[f"bias{end}"] = np.concatenate(halves)
            else:
                arrays[f"bias{end}"] = np.stack(halves) if self.reset_after else halves[0] + halves[1]
        if self.cudnn:
            arrays.update({key: to_cudnn(a, len(self.gates)) for key, a in arrays.items() if "kernel" in key})
        return arrays

    def check(self, tensors: Arrays) -> None:
        second = tensors.get(f"bias_hh_l0{self.ending}")
        if self.kind == "GRU" and not self.reset_after and second is not None and second.any():
            raise ValueError(
                "nn.GRU applies the reset gate after the product with the state, and its second bias "
                "with it; build the layer as GRU(..., reset_after=True)"
            )

    def _from_cudnn(self, arrays: Arrays) -> Arrays:
        """The layout of LSTM and GRU, with both biases, one below the other."""
        found = {key: from_cudnn(a, len(self.gates)) for key, a in arrays.items() if "kernel" in key}
        bias = arrays[f"bias{self.ending}"]
        return {**found, f"bias{self.ending}": bias.reshape(2, -1)}


def _recurrent(directions: Sequence[_Recurrence], layer: Any, name: str) -> list[TorchModuleSpec]:
    parameters = {key: p for direction in directions for key, p in direction.parameters.items()}

    def encode(arrays: Arrays) -> Arrays:
        return {key: a for direction in directions for key, a in direction.encode(arrays).items()}

    def decode(tensors: Arrays) -> Arrays:
        return {key: a for direction in directions for key, a in direction.decode(tensors).items()}

    def check(tensors: Arrays) -> None:
        for direction in directions:
            direction.check(tensors)

    kind = _MODULES[directions[0].kind]
    note = ""
    if directions[0].kind == "GRU" and not directions[0].reset_after:
        note = "reset_after=False: nn.GRU computes something else with these weights"
    return [TorchModuleSpec(name, kind, layer, parameters, encode, decode, check, note)]


def _one_direction(layer: Any, name: str) -> list[TorchModuleSpec]:
    return _recurrent([_Recurrence(layer, "")], layer, name)


def _bidirectional(layer: Any, name: str) -> list[TorchModuleSpec]:
    directions = [_Recurrence(layer.forward_layer, ""), _Recurrence(layer.backward_layer, "_reverse")]
    return _recurrent(directions, layer, name)


# --- attention ----------------------------------------------------------------------------------------------


_PROJECTED = ("query", "key", "value")


def _by_role(layer: Any) -> dict[str, Parameter]:
    """The weights of a MultiHeadAttention as "query/kernel", ..., "attention_output/bias"."""
    roles = [f"{role}/{what}" for role in (*_PROJECTED, "attention_output") for what in ("kernel", "bias")]
    by_path = {parameter.name.split(":")[0]: parameter for parameter in layer.weights}
    found = ((role, [p for path, p in by_path.items() if path.endswith(role)]) for role in roles)
    return {role: parameters[0] for role, parameters in found if parameters}


def _attention(layer: Any, name: str) -> list[TorchModuleSpec]:
    """Query, key and value of Keras, (features, heads, size) each, as nn.MultiheadAttention stacks them."""
    parameters = _by_role(layer)
    features = {parameters[f"{role}/kernel"].shape[0] for role in _PROJECTED}
    heads = [parameters[f"{role}/kernel"].shape[1:] for role in _PROJECTED]
    width = int(np.prod(heads[0]))
    others = set(layer.weights) - set(parameters.values())  # those of a gate
    if len(features) > 1 or len(set(heads)) > 1 or width not in features or others:
        return [as_it_is(layer, name)]

    def encode(arrays: Arrays) -> Arrays:
        stacked = [arrays[f"{role}/kernel"].reshape(width, -1).T for role in _PROJECTED]
        tensors = {
            "in_proj_weight": np.concatenate(stacked),
            "out_proj.weight": arrays["attention_output/kernel"].reshape(width, -1).T,
        }
        if "query/bias" in arrays:
            biases = [arrays[f"{role}/bias"].reshape(-1) for role in _PROJECTED]
            tensors["in_proj_bias"] = np.concatenate(biases)
            tensors["out_proj.bias"] = arrays["attention_output/bias"]
        return tensors

    def decode(tensors: Arrays) -> Arrays:
        arrays = {}
        for i, role in enumerate(_PROJECTED):
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

    return [TorchModuleSpec(name, "nn.MultiheadAttention", layer, parameters, encode, decode)]


LAYOUTS: dict[str, Callable[[Any, str], list[TorchModuleSpec]]] = {
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
"""Keras's class name -> the modules of such a layer."""
