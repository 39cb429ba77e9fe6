"""``tf.config``: which devices there are, and settings; ``tf.config.experimental`` has the same names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple


class PhysicalDevice(NamedTuple):
    """A device of this machine.

    Attributes:
        name: ``"/physical_device:GPU:0"``.
        device_type: "CPU" or "GPU".
    """

    name: str
    device_type: str


class LogicalDevice(NamedTuple):
    """A device as programs name it.

    Attributes:
        name: ``"/device:GPU:0"``.
        device_type: "CPU" or "GPU".
    """

    name: str
    device_type: str


class LogicalDeviceConfiguration(NamedTuple):
    """Part of a device; accepted, and without effect: a device is used as a whole.

    Attributes:
        memory_limit: megabytes.
        experimental_priority: accepted.
    """

    memory_limit: float | None = None
    experimental_priority: int | None = None


def _kinds() -> list[tuple[str, int]]:
    """Each device's kind and number; CPUs alone where torch is not installed."""
    try:
        from ...torch_bridge import devices
    except ModuleNotFoundError:
        return [("CPU", 0)]
    found = [name.partition(":") for name in devices.available()]
    return [(kind.upper(), int(number or 0)) for kind, _, number in found]


def list_physical_devices(device_type: str | None = None) -> list[PhysicalDevice]:
    """The devices of this machine, of one type ("CPU", "GPU", "TPU") or all."""
    return [
        PhysicalDevice(f"/physical_device:{kind}:{n}", kind)
        for kind, n in _kinds()
        if device_type in (None, kind)
    ]


def list_logical_devices(device_type: str | None = None) -> list[LogicalDevice]:
    """The devices by the names that ``tf.device`` takes, of one type or all."""
    return [LogicalDevice(f"/device:{kind}:{n}", kind) for kind, n in _kinds() if device_type in (None, kind)]


get_visible_devices = list_physical_devices


def set_visible_devices(devices: Any, device_type: str | None = None) -> None:
    """Accepted for the devices that are there; CUDA_VISIBLE_DEVICES chooses others.

    Raises:
        ValueError: for a device that is not there.
    """
    for device in devices if isinstance(devices, Sequence) else [devices]:
        if device not in list_physical_devices():
            raise ValueError(f"{device!r} is not here; there are {list_physical_devices()}.")


def get_device_details(device: Any) -> dict[str, Any]:
    """What is known of a device: nothing of a CPU."""
    if device.device_type != "GPU":
        return {}
    from ...torch_bridge import devices

    return {"device_name": devices.title(int(device.name.rpartition(":")[2]))}


def set_memory_growth(device: Any, enable: bool) -> None:
    """Accepted: PyTorch takes memory as it needs it."""


def get_memory_growth(device: Any) -> bool:
    """True: PyTorch takes memory as it needs it."""
    return True


def set_logical_device_configuration(device: Any, logical_devices: Any) -> None:
    """Accepted: a device is used as a whole."""


def get_logical_device_configuration(device: Any) -> None:
    """None: a device is used as a whole."""


set_virtual_device_configuration = set_logical_device_configuration
VirtualDeviceConfiguration = LogicalDeviceConfiguration


class _Eagerly:
    everywhere = False


def run_functions_eagerly(run_eagerly: bool) -> None:
    """Whether ``tf.function`` runs its function as it is."""
    _Eagerly.everywhere = bool(run_eagerly)


def functions_run_eagerly() -> bool:
    """What ``run_functions_eagerly`` said."""
    return _Eagerly.everywhere


class _Placement:
    soft = True


def set_soft_device_placement(enabled: bool) -> None:
    """Whether the CPU stands for devices that are not there; it does unless told otherwise."""
    _Placement.soft = bool(enabled)


def get_soft_device_placement() -> bool:
    """What ``set_soft_device_placement`` said."""
    return _Placement.soft


def enable_op_determinism() -> None:
    """Operators that give the same numbers in every run, by ``torch.use_deterministic_algorithms``."""
    from ...torch_bridge import devices

    devices.compute_reproducibly()


def experimental_connect_to_cluster(cluster_spec_or_resolver: Any, **options: Any) -> None:
    """Not here: NotImplementedError says what is."""
    raise NotImplementedError(
        "There are no clusters of TensorFlow here; `torchrun script.py` starts processes on several machines."
    )


class optimizer:
    """``tf.config.optimizer``: what TensorFlow's graph optimizer is told; nothing here reads it."""

    _options: ClassVar[dict[str, bool]] = {}
    _jit: ClassVar[Any] = ""

    @classmethod
    def set_experimental_options(cls, options: Any) -> None:
        """Accepted: the options are kept."""
        cls._options |= options

    @classmethod
    def get_experimental_options(cls) -> dict[str, bool]:
        """The options that were set."""
        return dict(cls._options)

    @classmethod
    def set_jit(cls, enabled: Any) -> None:
        """Accepted: graphs are compiled in one way here."""
        cls._jit = "autoclustering" if enabled else ""

    @classmethod
    def get_jit(cls) -> Any:
        """What was set: "autoclustering", or nothing."""
        return cls._jit


class threading:
    """``tf.config.threading``: how many threads PyTorch computes with."""

    @staticmethod
    def set_intra_op_parallelism_threads(num_threads: int) -> None:
        """So many threads for one operator; 0 leaves it to PyTorch."""
        from ...torch_bridge import devices

        devices.use_threads(int(num_threads))

    @staticmethod
    def get_intra_op_parallelism_threads() -> int:
        """How many threads compute one operator."""
        from ...torch_bridge import devices

        return devices.threads()

    @staticmethod
    def set_inter_op_parallelism_threads(num_threads: int) -> None:
        """Accepted: operators are computed one after the other."""

    @staticmethod
    def get_inter_op_parallelism_threads() -> int:
        """1: operators are computed one after the other."""
        return 1


__all__ = [
    "LogicalDevice", "LogicalDeviceConfiguration", "PhysicalDevice", "experimental_connect_to_cluster",
    "functions_run_eagerly", "get_logical_device_configuration", "get_soft_device_placement",
    "get_visible_devices", "list_logical_devices", "list_physical_devices", "optimizer",
    "run_functions_eagerly", "set_logical_device_configuration", "set_soft_device_placement",
    "set_visible_devices", "threading",
]  # fmt: skip
EXPERIMENTAL = [
    "VirtualDeviceConfiguration", "enable_op_determinism", "get_device_details", "get_memory_growth",
    "get_visible_devices", "list_logical_devices", "list_physical_devices", "set_memory_growth",
    "set_virtual_device_configuration", "set_visible_devices",
]  # fmt: skip
