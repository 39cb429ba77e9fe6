"""``tf.train`` of TensorFlow 1: its optimizers, which a session runs, and which ``compile`` takes.

Each is the optimizer of Keras that computes the same, with the arguments of TensorFlow 1; in files that.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ...ir import Graph, Parameter, Value
from ...keras import backend as K
from ...keras import optimizers
from ...keras.backend import loops
from ...keras.backend.sessions import Operation
from ...keras.optimizers.base import Optimizer


class RunBySessions(Optimizer):
    """What optimizers of TensorFlow 1 do of a symbolic loss: operations for ``session.run``."""

    def minimize(  # type: ignore[override]
        self, loss: Any, global_step: Any = None, var_list: Any = None, *unused: Any, **options: Any
    ) -> Any:
        """The training step, as an operation; of a loss that is computed at once it is done.

        Args:
            loss: scalar.
            global_step: a variable that counts the steps.
            var_list: the variables to train (default: all trainable ones that the loss depends on).
        """
        if not isinstance(loss, Value) or not loops.is_symbolic(loss):
            return super().minimize(loss, global_step if var_list is None else var_list, **options)
        return self.apply_gradients(self.compute_gradients(loss, var_list), global_step)

    def compute_gradients(self, loss: Any, var_list: Any = None, *unused: Any, **options: Any) -> Any:  # type: ignore[override]
        """Pairs (gradient, variable); see ``minimize``."""
        if not isinstance(loss, Value) or not loops.is_symbolic(loss):
            return super().compute_gradients(loss, var_list, *unused, **options)
        variables = list(var_list) if var_list is not None else _trained(loss)
        return list(zip(K.gradients(loss, variables), variables, strict=True))

    def apply_gradients(  # type: ignore[override]
        self, grads_and_vars: Iterable[Any], global_step: Any = None, *unused: Any, **options: Any
    ) -> Any:
        """The training step of pairs (gradient, variable), as an operation; see ``minimize``."""
        pairs = [(gradient, variable) for gradient, variable in grads_and_vars if gradient is not None]
        if not any(loops.is_symbolic(gradient) for gradient, _ in pairs):
            return super().apply_gradients(pairs, **options)
        updates = self._updates_of([gradient for gradient, _ in pairs], [variable for _, variable in pairs])
        return Operation(updates if global_step is None else [*updates, K.update_add(global_step, 1)])


def _trained(loss: Value) -> list[Parameter]:
    """The trainable variables that a loss depends on."""
    graph = Graph([loss], phase="train")
    return [parameter for parameter in graph.parameters if getattr(parameter, "trainable", True)]


class GradientDescentOptimizer(RunBySessions, optimizers.SGD):
    """Plain gradient descent."""

    written_as = "SGD"

    def __init__(self, learning_rate: Any, use_locking: bool = False, name: str = "GradientDescent") -> None:
        super().__init__(learning_rate)


class MomentumOptimizer(RunBySessions, optimizers.SGD):
    """Gradient descent with momentum, of Nesterov if asked."""

    written_as = "SGD"

    def __init__(
        self, learning_rate: Any, momentum: float, use_locking: bool = False, name: str = "Momentum",
        use_nesterov: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(learning_rate, momentum, use_nesterov)


class AdamOptimizer(RunBySessions, optimizers.Adam):
    """Adam (Kingma and Ba, 2014)."""

    written_as = "Adam"

    def __init__(
        self, learning_rate: Any = 0.001, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8,
        use_locking: bool = False, name: str = "Adam",
    ) -> None:  # fmt: skip
        super().__init__(learning_rate, beta1, beta2, epsilon=epsilon)


class AdagradOptimizer(RunBySessions, optimizers.Adagrad):
    """Adagrad, whose sums begin with a number in place of an epsilon."""

    written_as = "Adagrad"

    def __init__(
        self, learning_rate: Any, initial_accumulator_value: float = 0.1, use_locking: bool = False,
        name: str = "Adagrad",
    ) -> None:  # fmt: skip
        super().__init__(learning_rate, initial_accumulator_value=initial_accumulator_value, epsilon=0.0)


class AdadeltaOptimizer(RunBySessions, optimizers.Adadelta):
    """Adadelta."""

    written_as = "Adadelta"

    def __init__(
        self, learning_rate: Any = 0.001, rho: float = 0.95, epsilon: float = 1e-8, use_locking: bool = False,
        name: str = "Adadelta",
    ) -> None:  # fmt: skip
        super().__init__(learning_rate, rho, epsilon=epsilon)


class RMSPropOptimizer(RunBySessions, optimizers.RMSprop):
    """RMSprop, whose averages begin with 1."""

    written_as = "RMSprop"
    epsilon_inside = True

    def __init__(
        self, learning_rate: Any, decay: float = 0.9, momentum: float = 0.0, epsilon: float = 1e-10,
        use_locking: bool = False, centered: bool = False, name: str = "RMSProp",
    ) -> None:  # fmt: skip
        super().__init__(learning_rate, decay, momentum=momentum, epsilon=epsilon, centered=centered)

    def _initial_slot(self, name: str, p: Parameter) -> tuple[np.ndarray, tuple[int, ...] | None]:
        return np.full_like(p.storage.array, 1.0 if name == "accumulator" else 0.0), p.storage.order


class FtrlOptimizer(RunBySessions, optimizers.Ftrl):
    """FTRL-Proximal."""

    written_as = "Ftrl"

    def __init__(
        self, learning_rate: Any, learning_rate_power: float = -0.5, initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0, l2_regularization_strength: float = 0.0,
        use_locking: bool = False, name: str = "Ftrl",
    ) -> None:  # fmt: skip
        super().__init__(
            learning_rate, learning_rate_power, initial_accumulator_value, l1_regularization_strength,
            l2_regularization_strength,
        )  # fmt: skip


_step: list[Any] = []


def get_or_create_global_step(graph: Any = None) -> Any:
    """The variable that counts training steps, which is made at the first call."""
    if not _step:
        _step.append(K.variable(0, dtype="int64", name="global_step"))
    return _step[0]


def get_global_step(graph: Any = None) -> Any:
    """The variable that counts training steps; None before it is made."""
    return _step[0] if _step else None


create_global_step = get_or_create_global_step
#: The name that programs ask for the class by.
OPTIMIZER = RunBySessions

__all__ = [
    "AdadeltaOptimizer", "AdagradOptimizer", "AdamOptimizer", "FtrlOptimizer", "GradientDescentOptimizer",
    "MomentumOptimizer", "RMSPropOptimizer", "create_global_step", "get_global_step",
    "get_or_create_global_step",
]  # fmt: skip
