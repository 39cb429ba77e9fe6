"""``tf.compat.v1``: what add-ons of the Keras 2 era call; other names are those of ``tf``."""

from __future__ import annotations

import contextlib
import logging as _logging
from collections.abc import Iterator
from typing import Any

from ...ir import Value
from ...keras import backend as K
from ...keras import initializers
from ...keras.backend.assignments import is_recorded
from .config import run_functions_eagerly
from .random_numbers import set_seed


class ConfigProto:
    """Settings of a session; accepted, since PyTorch takes memory as it needs it.

    Attributes:
        gpu_options: settings that are accepted as well.
    """

    def __init__(self, **settings: Any) -> None:
        self.gpu_options = GPUOptions()
        self.__dict__.update(settings)


class GPUOptions:
    """See ``ConfigProto``."""

    def __init__(self, **settings: Any) -> None:
        self.allow_growth = False
        self.__dict__.update(settings)


class Session:
    """``run`` computes tensors from placeholders, as ``K.function`` does."""

    def __init__(self, target: str = "", graph: Any = None, config: Any = None) -> None:
        self.graph = graph or get_default_graph()

    def run(self, fetches: Any, feed_dict: Any = None, options: Any = None, run_metadata: Any = None) -> Any:
        """The numbers of tensors, or of lists of them; None for what was done at once.

        Args:
            feed_dict: arrays for the placeholders.
        """
        listed = list(fetches) if isinstance(fetches, list | tuple) else [fetches]
        fed = dict(feed_dict or {})
        tensors = [x for x in listed if isinstance(x, Value)]
        numbers = iter(K.function(list(fed), tensors)(list(fed.values())) if tensors else ())
        found = [next(numbers) if isinstance(x, Value) else None for x in listed]
        return found if isinstance(fetches, list | tuple) else found[0]

    @contextlib.contextmanager
    def as_default(self) -> Iterator[Session]:
        """The session."""
        yield self

    def close(self) -> None:
        """Nothing."""

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *exception: object) -> None:
        return None


InteractiveSession = Session


class Graph:
    """Stands for TensorFlow's graph; values here know what makes them, and there is no other graph."""

    @contextlib.contextmanager
    def as_default(self) -> Iterator[Graph]:
        """The graph."""
        yield self

    @contextlib.contextmanager
    def device(self, name: Any) -> Iterator[None]:
        """Nothing."""
        yield

    def finalize(self) -> None:
        """Nothing."""


_graph = Graph()


def get_default_graph() -> Graph:
    """The one graph."""
    return _graph


def reset_default_graph() -> None:
    """Forgets the numbers that names end with; what nobody refers to is freed by itself."""
    K.clear_session()


def placeholder(dtype: Any, shape: Any = None, name: str | None = None) -> Value:
    """An input of a graph."""
    return K.placeholder(shape=shape, dtype=str(getattr(dtype, "name", dtype)), name=name)


def global_variables_initializer() -> None:
    """Nothing to do: variables have their values when they are made."""


local_variables_initializer = tables_initializer = global_variables_initializer


def variables_initializer(var_list: Any, name: str = "init") -> None:
    """Nothing to do: variables have their values when they are made."""


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
disable_control_flow_v2 = enable_control_flow_v2 = enable_resource_variables = disable_v2_behavior
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


#: Names of version 1 for what has another one today.
OLD_NAMES = {
    "FixedLenFeature": "io.FixedLenFeature", "VarLenFeature": "io.VarLenFeature", "ceil": "math.ceil",
    "decode_raw": "io.decode_raw", "encode_base64": "io.encode_base64", "log": "math.log",
    "multinomial": "random.categorical", "parse_single_example": "io.parse_single_example",
    "parse_tensor": "io.parse_tensor", "py_func": "numpy_function", "random_normal": "random.normal",
    "random_shuffle": "random.shuffle", "random_uniform": "random.uniform", "read_file": "io.read_file",
    "serialize_tensor": "io.serialize_tensor", "string_join": "strings.join",
    "string_split": "strings.split", "string_to_number": "strings.to_number",
    "truncated_normal": "random.truncated_normal", "write_file": "io.write_file", "erf": "math.erf",
    "is_nan": "math.is_nan", "rsqrt": "math.rsqrt", "log1p": "math.log1p", "digamma": "math.digamma",
    "lgamma": "math.lgamma", "diag": "linalg.tensor_diag", "matrix_inverse": "linalg.inv",
    "cholesky": "linalg.cholesky", "svd": "linalg.svd", "segment_sum": "math.segment_sum",
    "unsorted_segment_sum": "math.unsorted_segment_sum", "confusion_matrix": "math.confusion_matrix",
    "sparse_to_dense": "sparse.to_dense", "bincount": "math.bincount", "mod": "math.floormod",
    "floormod": "math.floormod", "squared_difference": "math.squared_difference",
}  # fmt: skip


class GraphKeys:
    """Names of collections."""

    TRAINABLE_VARIABLES, GLOBAL_VARIABLES = "trainable_variables", "variables"
    UPDATE_OPS, REGULARIZATION_LOSSES = "update_ops", "regularization_losses"


def get_collection(key: Any, scope: Any = None) -> list[Any]:
    """Nothing: a model has its weights, updates and losses itself."""
    return []


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
    "ConfigProto", "GPUOptions", "Graph", "GraphKeys", "InteractiveSession", "Session",
    "SummaryMetadata", "app", "assign", "assign_add", "assign_sub", "disable_control_flow_v2",
    "disable_eager_execution",
    "disable_tensor_equality", "disable_v2_behavior", "disable_v2_tensorshape", "enable_control_flow_v2",
    "enable_eager_execution", "enable_resource_variables", "enable_tensor_equality", "enable_v2_behavior",
    "enable_v2_tensorshape", "executing_eagerly_outside_functions", "get_collection", "get_default_graph",
    "get_variable", "global_variables_initializer", "gradients", "local_variables_initializer", "logging",
    "placeholder", "reset_default_graph", "set_random_seed",
    "tables_initializer", "variable_scope", "variables_initializer",
]  # fmt: skip
