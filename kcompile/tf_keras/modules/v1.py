"""``tf.compat.v1``: what programs of the Keras 2 era call; ``tf`` has it, too, where no name of today stands
in its place. What has another name today is in ``tensorflow/old_names.py``.
"""

from __future__ import annotations

import contextlib
import logging as _logging
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from ...ir import Value, op
from ...keras import backend as K
from ...keras import initializers
from ...keras.backend import loops
from ...keras.backend.assignments import is_recorded
from ...keras.backend.sessions import Graph, Operation, Session, get_default_graph
from ..tensorflow import tensors
from ..tensorflow.functions import function_of
from .config import run_functions_eagerly
from .debugging import check_numerics
from .random_numbers import set_seed


class ConfigProto:
    """Settings of a session, and of what is in them, to any depth; accepted, since PyTorch takes memory as it
    needs it.
    """

    def __init__(self, *names: Any, **settings: Any) -> None:
        self.__dict__.update(settings)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self.__dict__.setdefault(name, ConfigProto())


GPUOptions = GraphOptions = OptimizerOptions = RunOptions = RunMetadata = ConfigProto


class InteractiveSession(Session):
    """A session that is the default one from the moment that it is made."""

    def __init__(self, target: str = "", graph: Any = None, config: Any = None) -> None:
        super().__init__(target, graph, config)
        K.set_session(self)


get_default_session = K.get_session


def reset_default_graph() -> None:
    """Forgets the numbers that names end with; what nobody refers to is freed by itself."""
    K.clear_session()


def placeholder(dtype: Any, shape: Any = None, name: str | None = None) -> Value:
    """An input of a graph."""
    return K.placeholder(shape=shape, dtype=str(getattr(dtype, "name", dtype)), name=name)


def global_variables_initializer() -> Operation:
    """Nothing to do: variables have their values when they are made."""
    return Operation()


local_variables_initializer = tables_initializer = global_variables_initializer
initialize_all_variables = initialize_local_variables = initialize_all_tables = global_variables_initializer


def variables_initializer(var_list: Any, name: str = "init") -> Operation:
    """Nothing to do: variables have their values when they are made."""
    return Operation()


initialize_variables = variables_initializer


def set_random_seed(seed: int) -> None:
    """``tf.random.set_seed``."""
    set_seed(seed)


def disable_eager_execution() -> None:
    """Accepted: numbers are computed at once, and symbolic tensors make graphs, in any case."""


def enable_eager_execution(config: Any = None, device_policy: Any = None, execution_mode: Any = None) -> None:
    """``tf.function`` runs its function as it is."""
    run_functions_eagerly(False)


def disable_v2_behavior() -> None:
    """Accepted; see ``disable_eager_execution``."""


enable_v2_behavior = disable_v2_tensorshape = enable_v2_tensorshape = disable_v2_behavior
disable_control_flow_v2 = enable_control_flow_v2 = disable_v2_behavior
disable_resource_variables = enable_resource_variables = disable_v2_behavior
disable_tensor_equality = enable_tensor_equality = disable_v2_behavior


def executing_eagerly_outside_functions() -> bool:
    """True."""
    return True


def get_variable(
    name: str, shape: Any = None, dtype: Any = None, initializer: Any = None, regularizer: Any = None,
    trainable: bool = True, **options: Any,
) -> Any:  # fmt: skip
    """A new variable.

    Args:
        initializer: an initializer of Keras or its name, or the value; glorot_uniform by default.
    """
    if not callable(initializer) and not isinstance(initializer, str | None):
        return K.variable(initializer, name=name)
    made = initializers.get(initializer or "glorot_uniform")
    return K.variable(made(tuple(shape), dtype=dtype), dtype=dtype, name=name)


glorot_normal_initializer = initializers.GlorotNormal
glorot_uniform_initializer = initializers.GlorotUniform
orthogonal_initializer = initializers.Orthogonal
truncated_normal_initializer = initializers.TruncatedNormal
variance_scaling_initializer = initializers.VarianceScaling


def uniform_unit_scaling_initializer(factor: float = 1.0, seed: Any = None, dtype: Any = None) -> Any:
    """Uniform numbers whose variance is that of the inputs, times the square of a factor."""
    return initializers.VarianceScaling(factor**2, "fan_in", "uniform", seed)


@contextlib.contextmanager
def variable_scope(name_or_scope: Any, *arguments: Any, **options: Any) -> Iterator[Any]:
    """Names of what is made inside begin with a name."""
    with K.name_scope(str(name_or_scope)):
        yield name_or_scope


def assign(ref: Any, value: Any, **options: Any) -> Any:
    """Overwrites a variable: an update, or where assignments are recorded, in a step, the new value."""
    return ref.assign(value) if is_recorded() else K.update(ref, value)


def assign_add(ref: Any, value: Any, **options: Any) -> Any:
    """Adds to a variable; see ``assign``."""
    return ref.assign_add(value) if is_recorded() else K.update_add(ref, value)


def assign_sub(ref: Any, value: Any, **options: Any) -> Any:
    """Subtracts from a variable; see ``assign``."""
    return ref.assign_sub(value) if is_recorded() else K.update_sub(ref, value)


def gradients(ys: Any, xs: Any, grad_ys: Any = None, name: str = "gradients", **options: Any) -> list[Any]:
    """The gradients of the sum of ``ys`` with respect to each of ``xs``."""
    total = sum((K.sum(y) for y in ys[1:]), K.sum(ys[0])) if isinstance(ys, list | tuple) else ys
    return K.gradients(total, xs if isinstance(xs, list | tuple) else [xs])


def SummaryMetadata() -> Any:
    """Which plugin of TensorBoard reads a record, and what it is told: TensorBoard's own message.

    Raises:
        ImportError: tensorboard is not installed.
    """
    from ...torch_bridge.summary import summary_metadata

    return summary_metadata()


def _cast_to(dtype: str) -> Callable[..., Any]:
    def to(x: Any, name: str | None = None) -> Any:
        return _function("cast")(tensors.convert_to_tensor(x), dtype)

    to.__name__ = to.__qualname__ = f"to_{dtype}"
    to.__doc__ = f"``tf.cast`` to {dtype}; of the shape of ``x``."
    return to


to_float, to_double, to_bfloat16 = _cast_to("float32"), _cast_to("float64"), _cast_to("bfloat16")
to_int32, to_int64 = _cast_to("int32"), _cast_to("int64")
to_complex64, to_complex128 = _cast_to("complex64"), _cast_to("complex128")


def div(x: Any, y: Any, name: str | None = None) -> Any:
    """The quotient, rounded down of whole numbers, as Python 2 has it."""
    x = tensors.convert_to_tensor(x)
    return _function("math.floordiv" if x.dtype.kind in "iu" else "math.divide")(x, y)


@tensors.computes_at_once
def where(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Any:
    """``tf.where``; a vector of conditions chooses whole rows of ``x`` and ``y``.

    Args:
        condition: bool, of the shape of ``x``, or (rows,).
        x, y: of one shape; without them the places where ``condition`` holds are given.
    """
    if x is None or y is None:
        return _function("where")(condition)
    condition, x = tensors.convert_to_tensor(condition), tensors.convert_to_tensor(x)
    if condition.rank == 1 and x.rank is not None and x.rank > 1:
        condition = _function("reshape")(condition, [-1] + [1] * (x.rank - 1))
    return _function("where")(condition, x, y)


@tensors.computes_at_once
def dropout(
    x: Any, keep_prob: Any = None, noise_shape: Any = None, seed: Any = None, name: str | None = None,
    rate: Any = None,
) -> Any:  # fmt: skip
    """``tf.nn.dropout`` by the part that is kept.

    Args:
        keep_prob: from 0 to 1; ``rate`` is what is left.

    Raises:
        ValueError: where neither or both are said.
    """
    if (keep_prob is None) == (rate is None):
        raise ValueError("tf.nn.dropout takes keep_prob or rate, and one of both.")
    return _function("nn.dropout")(x, 1.0 - keep_prob if rate is None else rate, noise_shape, seed)


def _dropout_by_place(x: Any, *by_place: Any, **by_name: Any) -> Any:
    """``dropout``, which says what a number by place is taken for: it is ``rate`` since TensorFlow 2."""
    if by_place and by_place[0] != 0.5:
        warnings.warn(
            f"tf.nn.dropout(x, {by_place[0]!r}) keeps that part, as in TensorFlow 1, since the program "
            "imports keras; rate= and keep_prob= say it in every version.",
            stacklevel=2,
        )
    return dropout(x, *by_place, **by_name)


def in_top_k(predictions: Any, targets: Any, k: Any, name: str | None = None) -> Any:
    """``tf.math.in_top_k``, predictions (batch, classes) first, targets (batch,): bool, (batch,)."""
    return _function("math.in_top_k")(targets, predictions, k)


@tensors.computes_at_once
def atrous_conv2d(value: Any, filters: Any, rate: int, padding: str, name: str | None = None) -> Any:
    """``tf.nn.conv2d`` of images (batch, rows, columns, channels) by a dilated kernel."""
    return _function("nn.conv2d")(value, filters, [1, 1, 1, 1], padding, dilations=[1, rate, rate, 1])


@tensors.computes_at_once
def sparse_to_dense(
    sparse_indices: Any, output_shape: Any, sparse_values: Any, default_value: Any = 0,
    validate_indices: bool = True, name: str | None = None,
) -> Any:  # fmt: skip
    """A tensor that has values at some places.

    Args:
        sparse_indices: the places, (values,) of a vector or (values, axes); a number for one.
        output_shape: sizes.
        sparse_values: (values,), or one for all.
        default_value: of the other places.
    """
    places = tensors.convert_to_tensor(sparse_indices)
    while (places.rank or 0) < 2:
        places = _function("expand_dims")(places, -1)
    values = tensors.convert_to_tensor(sparse_values)
    if values.rank == 0:
        values = _function("fill")(_function("shape")(places)[:1], values)
    filled = _function("fill")(output_shape, _function("cast")(default_value, str(values.dtype)))
    return _function("tensor_scatter_nd_update")(filled, places, values)


@tensors.computes_at_once
def Print(
    input_: Any, data: Any, message: str | None = None, first_n: int | None = None,
    summarize: int | None = None, name: str | None = None,
) -> Any:  # fmt: skip
    """``input_``; whenever it is computed, ``data`` is printed behind a message.

    Args:
        data: a list of tensors.
        first_n: of TensorFlow, accepted.
        summarize: how many numbers of each end of an axis are shown (default 3).
    """
    found = tensors.convert_to_tensor(input_)
    for x in map(tensors.convert_to_tensor, data):
        # only what the result is computed from is computed: it is made to depend on what is printed
        size = op.Size(K.print_tensor(x, message or "", summarize or 3))
        found = found + K.cast(size - size, str(found.dtype))
    return found


def Dimension(value: Any) -> int | None:
    """A size, which is a number here, or None."""
    return None if value is None else int(value)


def dimension_value(dimension: Any) -> int | None:
    """The size of a ``Dimension``."""
    return Dimension(dimension)


def dimension_at_index(shape: Any, index: int) -> int | None:
    """The size of an axis; None where it is open."""
    return shape[index]


def verify_tensor_all_finite(
    t: Any = None, msg: str | None = None, name: str | None = None, x: Any = None, message: str | None = None
) -> Any:
    """``tf.debugging.check_numerics``.

    Args:
        t, x: the tensor, by its name of 2017 and of today.
        msg, message: what an error says, as well.
    """
    found = tensors.convert_to_tensor(x if t is None else t)
    return found if loops.is_symbolic(found) else check_numerics(found, message or msg or "")


def _function(name: str) -> Callable[..., Any]:
    """TensorFlow's function of a name that is known to be here."""
    found = function_of(name)
    assert found is not None
    return found


class GraphKeys:
    """Names of collections."""

    TRAINABLE_VARIABLES, GLOBAL_VARIABLES = "trainable_variables", "variables"
    UPDATE_OPS, REGULARIZATION_LOSSES = "update_ops", "regularization_losses"


def get_collection(key: Any, scope: Any = None) -> list[Any]:
    """Nothing of updates and losses, which a model has itself.

    Raises:
        NotImplementedError: for variables, of which there is no list.
    """
    if key in (GraphKeys.UPDATE_OPS, GraphKeys.REGULARIZATION_LOSSES):
        return []
    raise NotImplementedError(
        f"tf.get_collection({key!r}): variables are not listed; model.weights are those of a model."
    )


class logging:
    """``tf.logging``."""

    DEBUG, INFO, WARN, WARNING, ERROR, FATAL = 10, 20, 30, 30, 40, 50
    _logger = _logging.getLogger("tensorflow")
    debug, info, warning, warn = _logger.debug, _logger.info, _logger.warning, _logger.warning
    error, fatal, log = _logger.error, _logger.critical, _logger.log

    @classmethod
    def set_verbosity(cls, v: int) -> None:
        """From which level on messages are shown."""
        cls._logger.setLevel(v)

    @classmethod
    def get_verbosity(cls) -> int:
        """From which level on messages are shown."""
        return cls._logger.getEffectiveLevel()


class app:
    """``tf.app``."""

    @staticmethod
    def run(main: Any = None, argv: Any = None) -> None:
        """Calls the program's ``main`` with its arguments, and ends.

        Flags of ``tf.app.flags`` are those of absl-py; argparse reads a program's own.
        """
        import sys

        function = main or sys.modules["__main__"].main  # type: ignore[attr-defined]
        sys.exit(function(argv or sys.argv))


__all__ = [
    "ConfigProto", "Dimension", "GPUOptions", "Graph", "GraphKeys", "GraphOptions", "InteractiveSession",
    "OptimizerOptions", "Print", "RunMetadata", "RunOptions", "Session", "SummaryMetadata", "app", "assign",
    "assign_add", "assign_sub", "dimension_at_index", "dimension_value", "disable_control_flow_v2",
    "disable_eager_execution", "disable_resource_variables", "disable_tensor_equality", "disable_v2_behavior",
    "disable_v2_tensorshape", "div", "enable_control_flow_v2", "enable_eager_execution",
    "enable_resource_variables", "enable_tensor_equality", "enable_v2_behavior", "enable_v2_tensorshape",
    "executing_eagerly_outside_functions", "get_collection", "get_default_graph", "get_default_session",
    "get_variable", "global_variables_initializer", "glorot_normal_initializer", "glorot_uniform_initializer",
    "gradients", "initialize_all_tables", "initialize_all_variables", "initialize_local_variables",
    "initialize_variables", "local_variables_initializer", "logging", "orthogonal_initializer", "placeholder",
 "reset_default_graph", "set_random_seed", "sparse_to_dense", "tables_initializer", "to_bfloat16",
    "to_complex128", "to_complex64", "to_double", "to_float", "to_int32", "to_int64",
    "truncated_normal_initializer", "uniform_unit_scaling_initializer", "variable_scope",
    "variables_initializer", "variance_scaling_initializer", "verify_tensor_all_finite", "where",
]  # fmt: skip
#: What there is of ``tf.nn`` in another form.
NN = ["atrous_conv2d", "dropout", "in_top_k"]
#: What the same call means otherwise today, by its name there: in programs of Keras 2.3 it is read so.
READ_OTHERWISE = {
    "math.in_top_k": in_top_k,
    "nn.dropout": _dropout_by_place,
    "nn.in_top_k": in_top_k,
    "where": where,
}
