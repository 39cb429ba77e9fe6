"""Input: where a model begins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...ir import Value
from .. import backend as K
from .. import registry, rules
from ..backend.tensors import static_sizes
from .call_frames import current_frame
from .layer import Layer
from .node import KerasHistory, Node, keras_fields, static_shape


class InputLayer(Layer):
    """The layer behind an ``Input``: it has one output and no operators.

    Args:
        input_shape: shape of one sample.
        batch_size: fixed batch size, None for any.
        batch_input_shape: the same as one tuple with the batch axis.
        dtype: element type (default ``K.floatx()``).
        input_tensor: an existing value to use instead of a new placeholder.
        sparse: whether it is fed with sparse matrices, which are made dense at the border.
        name: name of the layer and of the model's input.

    Raises:
        ValueError: without a shape.
    """

    @rules.with_arguments
    def __init__(
        self,
        input_shape: Sequence[int | None] | None = None,
        batch_size: int | None = None,
        batch_input_shape: Sequence[int | None] | None = None,
        dtype: str | None = None,
        input_tensor: Value | None = None,
        sparse: bool = False,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(dtype=dtype, name=name or f"input_{K.get_uid('input')}", **kwargs)
        self.trainable = False
        self.built = True
        self.sparse = bool(sparse)
        if input_tensor is not None:
            batch_input_shape = static_sizes(input_tensor)
            self.dtype = dtype or K.dtype(input_tensor)
        elif batch_input_shape is None:
            if input_shape is None:
                raise ValueError(
                    f"Input {self.name}: give shape=(...) of one sample, or batch_shape=(None, ...)."
                )
            batch_input_shape = (batch_size, *input_shape)
        self.dtype = self.dtype or K.floatx()
        self.batch_input_shape = tuple(batch_input_shape)
        self.is_placeholder = input_tensor is None or K.is_placeholder(input_tensor)
        if input_tensor is None:
            input_tensor = K.placeholder(
                self.batch_input_shape, dtype=self.dtype, sparse=self.sparse, name=self.name
            )
            frame = current_frame()
            if frame is not None:
                frame.add_input(input_tensor)
        if not hasattr(input_tensor, "_keras_history"):
            _make_source_node(self, input_tensor)

    def get_config(self) -> dict[str, Any]:
        return {
            "batch_input_shape": self.batch_input_shape,
            "dtype": self.dtype,
            "sparse": self.sparse,
            "name": self.name,
        }


def _make_source_node(layer: InputLayer, tensor: Value) -> None:
    """A Node whose input is its own output, as Keras has it for input layers."""
    fields = keras_fields(tensor)
    fields["_keras_history"] = KerasHistory(layer, 0, 0)
    fields["_keras_mask"] = None
    fields["_keras_shape"] = static_shape(tensor)
    fields["_uses_learning_phase"] = False
    layer._inbound_nodes.append(Node.own(layer, [tensor], [tensor]))


@rules.with_arguments
def Input(
    shape: Sequence[int | None] | None = None,
    batch_shape: Sequence[int | None] | int | None = None,
    name: str | None = None,
    dtype: str | None = None,
    sparse: bool = False,
    tensor: Value | None = None,
    batch_size: int | None = None,
    ragged: bool | None = None,
    type_spec: Any = None,
    optional: bool = False,
) -> Value:
    """A symbolic input of a model.

    Args:
        shape: sizes of one sample, without the batch axis; None for an axis of any size.
        batch_shape: sizes with the batch axis, ``(32, 10)`` or ``(None, 10)``; a number, which tf.keras has
            in this place, is batch_size.
        name: name of the input, also in an exported file.
        dtype: element type (default ``K.floatx()``).
        sparse: whether it is fed with sparse matrices, which are made dense at the border.
        tensor: an existing value to wrap instead.
        batch_size: fixed batch size to go with shape.
        ragged, optional: must be False.
        type_spec: a ``tf.TensorSpec``, which has batch_shape and dtype.

    Raises:
        ValueError: if neither shape, batch_shape nor tensor is given; for ragged or optional inputs.
    """
    if ragged or optional:
        raise ValueError(
            "An input cannot be ragged or optional here: pad sequences to one length, with a mask (Masking, "
            "Embedding(mask_zero=True)) where it matters."
        )
    if isinstance(batch_shape, int):
        batch_shape, batch_size = None, batch_shape
    if type_spec is not None:
        batch_shape, dtype = tuple(type_spec.shape), dtype or type_spec.dtype
    if shape is None and batch_shape is None and tensor is None:
        raise ValueError(
            "Input needs shape=(...) of one sample (without the batch axis), or batch_shape=(...)."
        )
    if isinstance(shape, int):
        shape = (shape,)
    layer = InputLayer(
        input_shape=shape,
        batch_size=batch_size,
        batch_input_shape=batch_shape,
        dtype=dtype,
        input_tensor=tensor,
        sparse=sparse,
        name=name,
    )
    if not layer._inbound_nodes:
        assert tensor is not None
        return tensor
    return layer._inbound_nodes[0].output_tensors[0]


registry.register(globals())
