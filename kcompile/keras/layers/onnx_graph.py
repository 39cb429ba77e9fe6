"""A graph from an ONNX file as a layer: anyone's network, trainable and part of a Keras model."""

from __future__ import annotations

import base64
import binascii
import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from kcompile_runtime.tensors import samples_first

from ...ir import Names, Value
from ...onnx_io import load
from ...onnx_io.stored_integers import stores_integers, with_numbers
from ...onnx_io.templates import Template, emit_template, foreign_operators, read_template, split
from .. import registry
from ..core.layer import Layer
from ..utils.generic_utils import to_list, unpack_singleton

__all__ = ["ONNXGraph"]

MAX_WEIGHT_BYTES = 1 << 34
"""What the weights of one graph may take: a configuration declares their shapes, and could declare any."""


class ONNXGraph(Layer):
    """The nodes of an ONNX graph, with the floats that were learnt as weights.

    Which these are, the operators that read them say, not their names, nor whether they are initializers or
    Constant nodes: kernels, tables, biases and gains are trained, scalars of formulas, masks and bounds are
    constants (see ``kcompile/onnx_io/roles.py``). The averages of BatchNormalization are weights that are
    not trainable.

    Called on other inputs, the nodes are emitted anew with the same weights. They compute in training what
    they compute in inference: a file for inference has no dropout and no updates any more.

    Args:
        graph: the bytes of an ONNX model, its path, or what ``get_config`` has: base64 text of the graph
            without the values of the weights, which then start as zeros.
        external_data: whether a path's weights may lie in other files of its folder.

    Input and output: one tensor, or a list, as the graph has; ``input_signature`` names them.
    Weights: in the order of the file.

    Raises:
        kcompile.onnx_io.FormatError: if it is no ONNX model, or damaged.
        kcompile.ir.OperatorError: for operators that are not in the ONNX standard set.
    """

    _casts_inputs = False

    def __init__(self, graph: Any, external_data: bool | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._template = _template(graph, external_data)
        total = sum(int(np.prod(w.shape, dtype=object)) * w.dtype.itemsize for w in self._template.weights)
        if total > MAX_WEIGHT_BYTES:
            raise ValueError(
                f"Layer {self.name}: the graph declares {total} bytes of weights; at most {MAX_WEIGHT_BYTES} "
                "are allowed."
            )
        self._onnx_weights: list[Any] = []

    @property
    def input_signature(self) -> list[Value]:
        """Name, dtype and shape of each input, as the file declares them."""
        return list(self._template.inputs)

    @property
    def samples_first(self) -> bool:
        """Whether axis 0 of all inputs counts samples, as far as the file says."""
        shapes = [value.dims for value in self._template.inputs]
        return samples_first(shapes) and len({shape[0] for shape in shapes if shape}) <= 1

    @property
    def inference_only(self) -> list[str]:
        """The operators that only onnxruntime computes: with them a graph predicts and does not train."""
        return foreign_operators(self._template)

    @property
    def stores_integers(self) -> bool:
        """Whether there are weights in integers, which cannot be trained as they are."""
        return stores_integers(self._template)

    def with_numbers(self) -> ONNXGraph:
        """A layer of the same graph whose weights in integers are numbers that are rounded to them."""
        arrays = [weight.numpy() for weight in self._onnx_weights] or [
            w.array for w in self._template.weights
        ]
        return ONNXGraph(with_numbers(self._template, arrays), name=self.name)

    def build(self, input_shape: Any) -> None:
        names = Names()
        for weight in self._template.weights:
            name = names.unique(file_name(weight.name))
            array = weight.array
            parameter = self.add_weight(
                name,
                weight.shape,
                dtype=weight.dtype.name,
                initializer="zeros" if array is None else _as_it_is(array),
                trainable=weight.trainable,
            )
            self._onnx_weights.append(parameter)
        self.built = True

    def call(self, inputs: Any) -> Any:
        return unpack_singleton(emit_template(self._template, to_list(inputs), self._onnx_weights))

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> ONNXGraph:
        """A layer from what ``get_config`` returned, or a file holds: its graph is bytes or their text.

        Raises:
            ValueError: for a path or ``external_data``; a configuration does not name files.
        """
        graph = config.get("graph")
        if config.get("external_data") is not None or not isinstance(graph, str | bytes):
            raise ValueError(
                f"ONNXGraph (layer {config.get('name')!r}): a configuration holds the bytes of its graph, or "
                f"their base64 text, and no external_data; found {type(graph).__name__} and "
                f"external_data={config.get('external_data')!r}."
            )
        if isinstance(graph, str) and graph.endswith(".onnx"):
            raise ValueError(
                f"ONNXGraph (layer {config.get('name')!r}): a configuration holds the bytes of its graph "
                f"and names no file; found {graph!r}. Read the file in code: ONNXGraph({graph!r})."
            )
        return cls(**config)

    def get_config(self) -> dict[str, Any]:
        data = self._template.proto.SerializeToString()
        return {**super().get_config(), "graph": base64.b64encode(data).decode("ascii")}


def _template(graph: Any, external_data: bool | None) -> Any:
    if isinstance(graph, Template):
        return graph
    if isinstance(graph, str) and not graph.endswith(".onnx"):
        try:
            return read_template(base64.b64decode(graph, validate=True))
        except (binascii.Error, ValueError) as error:
            raise ValueError(
                f"ONNXGraph: expected the bytes or path of an ONNX model, or a saved layer's text ({error})."
            ) from error
    if isinstance(graph, str | os.PathLike):
        graph = load(Path(graph), external_data=external_data)
    return split(graph)


def _as_it_is(array: np.ndarray) -> Any:
    """An initializer that gives an array."""
    return lambda shape, dtype=None: array


def file_name(wanted: str) -> str:
    """A weight's name from an initializer's; ``/`` would read as a path in files."""
    return re.sub(r"[/:\s]+", "_", wanted).strip("_") or "weight"


registry.register(globals())
