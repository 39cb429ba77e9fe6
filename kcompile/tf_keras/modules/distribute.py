"""``tf.distribute``: strategies, on what trains on several devices here.

``MirroredStrategy`` divides each batch of ``fit`` over devices of this machine, as ``multi_gpu_model`` does;
``MultiWorkerMirroredStrategy`` names the processes that ``torchrun script.py`` started, where every model
trains together with those of the others.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from enum import Enum
from typing import Any

from ...ir import device_name
from ...keras import backend as K
from ...keras.utils.launch import launched, spread_over
from ..tensorflow.per_replica import DistributedDataset, PerReplica, shared
from ..tensorflow.tensors import convert_to_tensor


class ReduceOp(Enum):
    """How values of several replicas become one."""

    SUM = "SUM"
    MEAN = "MEAN"


class Strategy:
    """Where models are trained: on one device, unless a subclass says more.

    Attributes:
        devices: names of the devices that share the work.
    """

    def __init__(self, devices: Sequence[str] = ()) -> None:
        self.devices = list(devices)

    @property
    def num_replicas_in_sync(self) -> int:
        """How many parts a batch is divided into."""
        return max(len(self.devices), 1)

    @property
    def _shares(self) -> bool:
        return self.num_replicas_in_sync > 1

    @property
    def _sharing(self) -> tuple[str, ...]:
        """torch's names of the devices that share batches; none for processes of torchrun."""
        return () if launched() else tuple(self.devices)

    @contextlib.contextmanager
    def scope(self) -> Iterator[Strategy]:
        """What is compiled within is trained by this strategy."""
        token = _current.set(self)
        try:
            with spread_over(self.devices if len(self.devices) > 1 else ()):
                yield self
        finally:
            _current.reset(token)

    def run(self, fn: Callable[..., Any], args: Any = (), kwargs: Any = None, options: Any = None) -> Any:
        """What a function gives of whole batches; in a ``tf.function`` each device computes its part of them.

        Batches are shared that ``experimental_distribute_dataset`` gave. What the function returns is of the
        whole batch: a loss that is divided by the global number of samples, or a mean, needs no ``reduce``
        any more, which leaves it as it is.
        """
        return fn(*args, **(kwargs or {}))

    def reduce(self, reduce_op: Any, value: Any, axis: Any = None) -> Any:
        """A value of all replicas: as it is, or summed or averaged along an axis."""
        if axis is None:
            return value
        mean = str(getattr(reduce_op, "value", reduce_op)).upper() == "MEAN"
        return (K.mean if mean else K.sum)(value, axis=axis)

    def gather(self, value: Any, axis: int) -> Any:
        """The values of all replicas along an axis."""
        return value

    def experimental_local_results(self, value: Any) -> tuple[Any, ...]:
        """The value of each replica of this process: the parts of what is shared, else the value."""
        return value.values if isinstance(value, PerReplica) else (value,)

    def experimental_distribute_dataset(self, dataset: Any, options: Any = None) -> Any:
        """The dataset, whose batches the devices share: in ``fit``, and in loops of the user's own by
        ``tf.function`` and ``run``."""
        return DistributedDataset(dataset, self._sharing) if self._shares else dataset

    def distribute_datasets_from_function(self, dataset_fn: Callable[[Any], Any], options: Any = None) -> Any:
        """The dataset that a function makes for this process, whose batches the devices share."""
        return self.experimental_distribute_dataset(dataset_fn(InputContext()))

    def experimental_distribute_values_from_function(self, value_fn: Callable[[Any], Any]) -> Any:
        """What a function gives for each replica, one after the other as a batch that they share."""
        made = [
            value_fn(ValueContext(i, self.num_replicas_in_sync)) for i in range(self.num_replicas_in_sync)
        ]
        rows = [convert_to_tensor(x) for x in made]
        rows = [x if x.shape else K.expand_dims(x, 0) for x in rows]
        return shared(K.concatenate(rows, axis=0), self._sharing)

    @property
    def extended(self) -> Strategy:
        """The strategy."""
        return self


class ValueContext:
    """Which replica a value is for.

    Attributes:
        replica_id_in_sync_group: its number.
        num_replicas_in_sync: how many there are.
    """

    def __init__(self, replica_id_in_sync_group: int, num_replicas_in_sync: int) -> None:
        self.replica_id_in_sync_group = replica_id_in_sync_group
        self.num_replicas_in_sync = num_replicas_in_sync


class InputContext:
    """Which part of the data a process reads."""

    @property
    def num_input_pipelines(self) -> int:
        """How many processes read."""
        launch = launched()
        return launch.world if launch else 1

    @property
    def input_pipeline_id(self) -> int:
        """Which of them this is."""
        launch = launched()
        return launch.rank if launch else 0

    num_replicas_in_sync = num_input_pipelines

    def get_per_replica_batch_size(self, global_batch_size: int) -> int:
        """Samples of a batch for each process."""
        return global_batch_size // self.num_input_pipelines


class OneDeviceStrategy(Strategy):
    """Computes on one device.

    Args:
        device: its name, "/gpu:0".
    """

    def __init__(self, device: str) -> None:
        super().__init__([device_name(device)])

    @contextlib.contextmanager
    def scope(self) -> Iterator[Strategy]:
        """What is called within computes on the device."""
        from ...devices import device_scope

        with device_scope(self.devices[0]), super().scope():
            yield self


class MirroredStrategy(Strategy):
    """Divides each batch over devices of this machine.

    Args:
        devices: their names, ["GPU:0", "GPU:1"]; None for all GPUs, or the CPU where there is none. CPUs, as
            ["CPU:0", "CPU:1"], are processes that share the cores.

    Raises:
        ValueError: for a device that is not there.
    """

    def __init__(self, devices: Any = None, cross_device_ops: Any = None) -> None:
        from ...torch_bridge import devices as here

        if launched():
            super().__init__()
            return
        gpus = [name for name in here.available() if name.startswith("gpu")]
        given = [device_name(name) for name in ([devices] if isinstance(devices, str) else devices or gpus)]
        for name in given:
            if not name.startswith("cpu"):
                here.check(name)
        super().__init__(given or ["cpu:0"])

    @property
    def num_replicas_in_sync(self) -> int:
        """How many parts a batch is divided into; under torchrun, its processes."""
        launch = launched()
        return launch.world if launch else len(self.devices)


class MultiWorkerMirroredStrategy(MirroredStrategy):
    """Divides each batch over the processes that torchrun started; else over this machine's devices."""

    def __init__(
        self, cluster_resolver: Any = None, communication_options: Any = None, **options: Any
    ) -> None:
        super().__init__()


class ReplicaContext:
    """What a function that runs on a replica knows of it."""

    @property
    def replica_id_in_sync_group(self) -> int:
        """Its number."""
        launch = launched()
        return launch.rank if launch else 0

    @property
    def num_replicas_in_sync(self) -> int:
        """How many there are."""
        return get_strategy().num_replicas_in_sync

    @property
    def strategy(self) -> Strategy:
        """The strategy that is in force."""
        return get_strategy()

    def all_reduce(self, reduce_op: Any, value: Any, options: Any = None) -> Any:
        """The value of all replicas, of which this process has one."""
        return value

    def merge_call(self, merge_fn: Callable[..., Any], args: Any = (), kwargs: Any = None) -> Any:
        """Calls a function with the strategy and arguments."""
        return merge_fn(get_strategy(), *args, **(kwargs or {}))


_current: ContextVar[Strategy | None] = ContextVar("strategy", default=None)


def get_strategy() -> Strategy:
    """The strategy whose scope this is; else one for one device."""
    return _current.get() or Strategy()


def has_strategy() -> bool:
    """Whether this is within the scope of a strategy."""
    return _current.get() is not None


def in_cross_replica_context() -> bool:
    """Whether this is within the scope of a strategy."""
    return has_strategy()


def get_replica_context() -> ReplicaContext:
    """The replica that this process is."""
    return ReplicaContext()


class _NoCluster:
    """Machines of another kind: ValueError, which programs catch to go on without."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        raise ValueError(
            "There are no TPUs and no clusters of TensorFlow here; tf.distribute.get_strategy() goes on."
        )

    @classmethod
    def connect(cls, *arguments: Any, **options: Any) -> Any:
        """Not here: ValueError."""
        return cls()


class TPUStrategy(_NoCluster):
    """Not here: ValueError."""


class ParameterServerStrategy(_NoCluster):
    """Not here: ValueError."""


class cluster_resolver:
    """``tf.distribute.cluster_resolver``."""

    class TPUClusterResolver(_NoCluster):
        """Not here: ValueError."""

    class TFConfigClusterResolver(_NoCluster):
        """Not here: ValueError."""

    class SimpleClusterResolver(_NoCluster):
        """Not here: ValueError."""


class _Accepted:
    """How processes exchange gradients: PyTorch decides it."""

    NCCL = RING = AUTO = "AUTO"

    def __init__(self, *arguments: Any, **options: Any) -> None:
        pass


HierarchicalCopyAllReduce = NcclAllReduce = ReductionToOneDevice = InputOptions = RunOptions = _Accepted


class experimental:
    """``tf.distribute.experimental``."""

    MultiWorkerMirroredStrategy = MultiWorkerMirroredStrategy
    ValueContext = ValueContext
    CentralStorageStrategy = MirroredStrategy
    TPUStrategy = TPUStrategy
    ParameterServerStrategy = ParameterServerStrategy
    CommunicationImplementation = CollectiveCommunication = CommunicationOptions = CollectiveHints = _Accepted


__all__ = [
    "DistributedDataset", "HierarchicalCopyAllReduce", "InputContext", "InputOptions", "MirroredStrategy",
    "MultiWorkerMirroredStrategy", "NcclAllReduce", "OneDeviceStrategy", "ParameterServerStrategy",
    "ReduceOp", "ReductionToOneDevice", "ReplicaContext", "RunOptions", "Strategy", "TPUStrategy",
    "cluster_resolver", "experimental", "get_replica_context", "get_strategy", "has_strategy",
    "in_cross_replica_context",
]  # fmt: skip
