"""``tf.GradientTape`` over what stock Keras computes: its variables, and tensors of PyTorch."""

from __future__ import annotations

from typing import Any

from keras.src import tree
from keras.src.backend.common import KerasVariable

from kcompile.ir import EagerTensor, Value
from kcompile.tf_keras.tensorflow import gradient_tape

from ..backend.tensors import computing, is_tracing
from ..backend.variables import is_tensor


class GradientTape(gradient_tape.GradientTape):
    """As its base; targets and sources may be Keras's, and gradients then are, too."""

    def watch(self, tensor: Any) -> None:
        """Lets gradients be asked for with respect to tensors, or lists of them."""
        for leaf in tree.flatten(tensor):
            if _is_of_pytorch(leaf) and leaf.is_leaf:
                leaf.requires_grad_()
        super().watch(tree.map_structure(_as_value, tensor))

    def gradient(
        self,
        target: Any,
        sources: Any,
        output_gradients: Any = None,
        unconnected_gradients: Any = "none",
    ) -> Any:
        """The gradients of ``sum(target)`` with respect to each of ``sources``, nested as these are.

        Args:
            target, sources, output_gradients, unconnected_gradients: as its base has them.
        """
        target, wanted, given = (
            None if x is None else tree.map_structure(_as_value, x)
            for x in (target, sources, output_gradients)
        )
        found = super().gradient(target, wanted, given, unconnected_gradients)
        asked = iter(tree.flatten(sources))
        return tree.map_structure(lambda g: _as_given(g, next(asked)), found, none_is_leaf=True)


def _is_of_pytorch(x: Any) -> bool:
    return is_tensor(x) and not isinstance(x, Value)


def _as_value(x: Any) -> Any:
    """What the base knows, over the same memory, so that gradients pass."""
    if isinstance(x, KerasVariable):
        x = x.parameter if is_tracing() else x._value
    return computing().eager(x) if _is_of_pytorch(x) else x


def _as_given(gradient: Any, source: Any) -> Any:
    """A gradient as a tensor of PyTorch, unless its source is one of the small tensorflow."""
    is_keras = isinstance(source, KerasVariable) or _is_of_pytorch(source)
    return gradient.tensor if is_keras and isinstance(gradient, EagerTensor) else gradient
