"""GPUs for machines without one: tensors that torch takes for CUDA's, computed on the CPU by CUDA's rules.

A tensor on the simulated device reports ``cuda:0`` and holds a CPU tensor. Every operator that torch
dispatches to it is checked as a GPU would check it, then computed:

- operands on different devices are refused, CPU scalars excepted;
- numpy cannot see the memory; a copy to the CPU is needed;
- what has no CUDA kernel is refused (products, convolutions and pooling of integers);
- cudnn's rules for recurrent layers hold: ``train`` where gradients are wanted, no second derivatives;
- a random generator must belong to the device;
- under "nccl", collectives take what is on the GPU of the process.

So a test that passes here has its tensors and constants where a GPU wants them. It says nothing of numerical
differences, speed, NCCL, memory limits, and of kernels whose rules are not listed here.

``pytest --simulated-gpu`` runs tests so; tests/test_simulated_gpu.py says which pass in every run.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import torch
import torch.distributed as dist
from torch import nn
from torch.autograd.function import once_differentiable
from torch.utils import backend_registration
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

from tests import simulated_graphs

CPU = torch.device("cpu")

# operators that read or write several devices by design
_ACROSS = {"_to_copy", "copy_", "copy", "_foreach_copy_"}
# indices may come from the host
_INDEXING = {"index", "index_put", "index_put_", "_unsafe_index", "_index_put_impl_"}
# lengths of packed sequences belong to the host
_PACKING = {"_pack_padded_sequence", "_pack_padded_sequence_backward"}
# computed by cublas, cudnn or kernels that are compiled for floating types alone
_FLOATING_ONLY = {
    *("mm", "addmm", "bmm", "baddbmm", "addbmm", "addmv", "mv", "dot", "vdot", "_addmm_activation"),
    *("convolution", "avg_pool2d", "avg_pool3d", "max_pool2d_with_indices", "max_pool3d_with_indices"),
    *("_adaptive_avg_pool2d", "_adaptive_avg_pool3d", "im2col", "col2im"),
    *("grid_sampler_2d", "grid_sampler_3d"),
    *("reflection_pad1d", "reflection_pad2d", "reflection_pad3d"),
    *("replication_pad1d", "replication_pad2d", "replication_pad3d"),
    *("upsample_bilinear2d", "upsample_linear1d", "upsample_trilinear3d", "upsample_bicubic2d"),
}  # fmt: skip
_RECURRENT = {"lstm", "gru", "rnn_tanh", "rnn_relu"}
_WORKERS = Path(__file__).with_name("simulated_gpu_workers")


class GpuTensor(torch.Tensor):
    """A tensor on a simulated GPU."""

    host: torch.Tensor

    @staticmethod
    def __new__(cls, host: torch.Tensor, device: torch.device) -> GpuTensor:
        assert not isinstance(host, GpuTensor)
        self = torch.Tensor._make_wrapper_subclass(
            cls,
            host.size(),
            strides=host.stride(),
            storage_offset=host.storage_offset(),
            dtype=host.dtype,
            device=CPU,
            dispatch_device=True,
        )
        self.host, self._device = host, device
        return self

    @property
    def device(self) -> torch.device:
        return self._device

    @property
    def is_cuda(self) -> bool:
        return True

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        return f"GpuTensor({self.host!r}, device='{self._device}')"

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__name__", "") in _RECURRENT:
            return _recurrent(func, args)
        if func is torch.Tensor.tolist:
            return args[0].host.tolist()
        with torch._C.DisableTorchFunctionSubclass():
            return func(*args, **(kwargs or {}))

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _dispatch(func, args, kwargs or {})


class Generator(torch.Generator):
    """A random generator of the CPU or of a simulated GPU."""

    homes: dict[int, torch.device] = {}  # by address: operators are handed another Python object

    def __new__(cls, device: Any = "cpu") -> Generator:
        self = super().__new__(cls)
        cls.homes[self._cdata] = _device(device)
        return self


class _Factories(TorchDispatchMode):
    """Sees also the operators without a tensor among their operands, such as zeros."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _dispatch(func, args, kwargs or {})


def register() -> None:
    """Tells torch of the device, once a process and before anything is differentiated."""
    backend_registration._setup_privateuseone_for_python_backend(rename="simulated_gpu")


@contextmanager
def simulated_gpus(count: int = 2) -> Iterator[None]:
    """A machine with so many GPUs, for torch in this thread and for the processes that it starts."""
    cuda = {
        "is_available": lambda: True,
        "device_count": lambda: count,
        "current_device": lambda: 0,
        "get_device_capability": lambda device=None: (8, 0),
        "set_device": lambda device: None,
        "mem_get_info": lambda device=None: (1 << 30, 1 << 30),
        "manual_seed_all": lambda seed: None,
        "_lazy_init": lambda: None,
        **simulated_graphs.functions(),
    }
    with ExitStack() as stack:
        for name, function in cuda.items():
            stack.enter_context(mock.patch.object(torch.cuda, name, function))
        stack.enter_context(mock.patch.object(torch, "Generator", Generator))
        stack.enter_context(mock.patch.object(torch, "tensor", _tensor))
        stack.enter_context(mock.patch.object(torch.Tensor, "pin_memory", lambda tensor: tensor))
        for name, function in _collectives().items():
            stack.enter_context(mock.patch.object(dist, name, function))
        stack.enter_context(mock.patch.object(nn.parallel, "DistributedDataParallel", DataParallel))
        stack.enter_context(mock.patch.object(sys, "path", [str(_WORKERS), *sys.path]))
        stack.enter_context(_Factories())
        yield


_true_tensor = torch.tensor


def _tensor(
    data: Any, *, dtype: Any = None, device: Any = "cpu", requires_grad: bool = False
) -> torch.Tensor:
    """torch.tensor, which makes the tensor where no operator is dispatched."""
    made = _true_tensor(data, dtype=dtype).to(_device(device))
    return made.requires_grad_(requires_grad)


def _device(wanted: Any) -> torch.device:
    device = torch.device(wanted)
    if device.type == "simulated_gpu":  # asked for by C++, beside a tensor that it has just looked at
        return _seen.device
    return CPU if device.type == "cpu" else torch.device("cuda", device.index or 0)


class _Seen(threading.local):
    device = torch.device("cuda", 0)


_seen = _Seen()


def _dispatch(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    name = func.overloadpacket.__name__
    if func is torch.ops.prim.device.default:
        _seen.device = args[0].device
        return torch.device("simulated_gpu", 0)  # one to C++, whatever its number
    if name.startswith("_foreach_"):
        return _for_each(func, args, kwargs)
    tensors = [x for x in tree_flatten((args, kwargs))[0] if isinstance(x, torch.Tensor)]
    if func.namespace == "c10d" and _group.nccl and any(x.device.type == "cpu" for x in tensors):
        raise RuntimeError(f"{func}: No backend type associated with device type cpu")
    here = _common_device(name, func, tensors)
    wanted = kwargs.get("device")
    if here.type == "cuda" or any(x.device.type == "cuda" for x in tensors):
        simulated_graphs.check_waiting(name, name in _ACROSS and _moves(tensors, wanted), kwargs)
    if here.type == "cuda":
        _check_kernel(name, tensors)
    _check_generator(name, kwargs.get("generator"), here if wanted is None else _device(wanted))
    inner_args, inner_kwargs = tree_map(_host, args), tree_map(_host, kwargs)
    if wanted is not None:
        inner_kwargs["device"] = CPU
    result = simulated_graphs.computed(func, inner_args, inner_kwargs)
    if func._schema.is_mutable:
        return _written(func, args, kwargs, result)
    home = here if wanted is None else _device(wanted)
    if name == "_pack_padded_sequence":
        return _at(result[0], home), result[1]
    return _at(result, home)


def _moves(tensors: list[torch.Tensor], wanted: Any) -> bool:
    """Whether an operator takes what it reads to another device."""
    homes = {x.device.type for x in tensors} | ({_device(wanted).type} if wanted is not None else set())
    return len(homes) > 1


def _host(x: Any) -> Any:
    return x.host if isinstance(x, GpuTensor) else x


def _at(result: Any, device: torch.device) -> Any:
    if device.type == "cpu":
        return result
    return tree_map(lambda x: GpuTensor(x, device) if isinstance(x, torch.Tensor) else x, result)


def _common_device(name: str, func: Any, tensors: list[torch.Tensor]) -> torch.device:
    """Where an operator computes.

    Raises:
        RuntimeError: if its operands are on several devices.
    """
    if name in _ACROSS:
        return tensors[0].device
    homes = [x.device for x in (tensors[:1] if name in _INDEXING | _PACKING else tensors)]
    leading = {home for x, home in zip(tensors, homes, strict=False) if x.dim() or home.type != "cpu"}
    if len(leading) > 1:
        raise RuntimeError(f"{func}: Expected all tensors to be on the same device, found {homes}")
    if name in _PACKING:
        assert all(x.device == CPU for x in tensors[1:]), f"{func}: lengths belong to the host"
    here = leading.pop() if leading else CPU
    if name.endswith("_") and tensors and tensors[0].device != here:
        raise RuntimeError(f"{func}: writes what is on {here} to a tensor on {tensors[0].device}")
    return here


def _for_each(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """An operator on lists, the n-th of each on one device; a list may span several."""
    lists = [x for x in (*args, *kwargs.values()) if isinstance(x, list | tuple)]
    lists = [x for x in lists if any(isinstance(entry, torch.Tensor) for entry in x)]
    homes = [x.device for x in lists[0]]
    if func.overloadpacket.__name__ not in _ACROSS and any(
        [x.device for x in more] != homes for more in lists
    ):
        raise RuntimeError(f"{func}: Expected all tensors to be on the same device")
    results = simulated_graphs.computed(func, tree_map(_host, args), tree_map(_host, kwargs))
    if results is None:
        return None
    return [_at(result, home) for result, home in zip(results, homes, strict=True)]


def _check_kernel(name: str, tensors: list[torch.Tensor]) -> None:
    kind = tensors[0].dtype
    if name in _FLOATING_ONLY and not (kind.is_floating_point or kind.is_complex):
        raise RuntimeError(f'"{name}_cuda" not implemented for {kind}')


def _check_generator(name: str, generator: torch.Generator | None, here: torch.device) -> None:
    home = here if generator is None else Generator.homes.get(generator._cdata, CPU)
    if home != here:
        raise RuntimeError(f"{name}: Expected a '{here}' device type for generator but found '{home}'")


def _written(func: Any, args: Any, kwargs: dict[str, Any], result: Any) -> Any:
    """The operands that an operator wrote to, in place of the host tensors that it returned."""
    arguments = func._schema.arguments
    targets = []
    for i, argument in enumerate(arguments):
        if argument.alias_info is not None and argument.alias_info.is_write:
            targets.append(args[i] if i < len(args) else kwargs.get(argument.name))
    if not func._schema.returns:
        return None
    return targets[0] if len(targets) == 1 else tuple(targets)


def _recurrent(func: Any, args: Any) -> Any:
    """A recurrent operator of cudnn's, computed by the CPU's."""
    device = next(x.device for x in tree_flatten(args)[0] if isinstance(x, GpuTensor))
    packed = isinstance(args[1], torch.Tensor) and args[1].device == CPU
    wrong = [x for i, arg in enumerate(args) if not (packed and i == 1) for x in tree_flatten(arg)[0]]
    if any(isinstance(x, torch.Tensor) and x.device != device for x in wrong):
        raise RuntimeError(f"{func.__name__}: Input and parameter tensors are not at the same device")
    training = args[-3] if not packed else args[-2]
    wanted = torch.is_grad_enabled() and any(
        isinstance(x, torch.Tensor) and x.requires_grad for x in tree_flatten(args)[0]
    )
    assert training or not wanted, "cudnn RNN backward can only be called in training mode"
    once = _Once.apply if torch.backends.cudnn.enabled else (lambda x: x)
    given = tree_map(lambda x: once(_ToHost.apply(x)) if isinstance(x, GpuTensor) else x, args)
    return tuple(_ToGpu.apply(once(x), device) for x in func(*given))


class _ToHost(torch.autograd.Function):
    """What a GPU's tensor holds, without the copy that a program would have to ask for."""

    @staticmethod
    def forward(ctx: Any, x: GpuTensor) -> torch.Tensor:
        ctx.device = x.device
        return x.host.view_as(x.host)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        return _ToGpu.apply(gradient, ctx.device)


class _ToGpu(torch.autograd.Function):
    """The way back."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, device: torch.device) -> GpuTensor:
        return GpuTensor(x.view_as(x), device)

    @staticmethod
    def backward(ctx: Any, gradient: GpuTensor) -> tuple[torch.Tensor, None]:
        return _ToHost.apply(gradient), None


class _Once(torch.autograd.Function):
    """x, whose gradient has no gradient: cudnn computes none for recurrent layers."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        return x.view_as(x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        return gradient


class _Group(threading.local):
    """What torch.distributed was asked for in place of gloo."""

    nccl = False


_group = _Group()


def _collectives() -> dict[str, Any]:
    """Functions of torch.distributed with gloo in the part of NCCL."""
    start, stop, of_objects = dist.init_process_group, dist.destroy_process_group, dist.broadcast_object_list

    def init_process_group(backend: str, *args: Any, **kwargs: Any) -> None:
        start("gloo", *args, **kwargs)
        _group.nccl = backend == "nccl"

    def destroy_process_group(*args: Any) -> None:
        stop(*args)
        _group.nccl = False

    def broadcast_object_list(*args: Any, **kwargs: Any) -> None:
        with mock.patch.object(_group, "nccl", False):  # torch itself takes the objects to the GPU
            of_objects(*args, **kwargs)

    own = (init_process_group, destroy_process_group, broadcast_object_list)
    return {function.__name__: function for function in own}


class DataParallel(nn.Module):
    """DistributedDataParallel as far as it concerns us: gradients are means over the processes.

    The one of torch asks for streams, which the simulated device does not have.
    """

    def __init__(
        self, module: nn.Module, device_ids: list[int] | None, find_unused_parameters: bool = False
    ) -> None:
        super().__init__()
        self.module = module
        homes = {p.device for p in module.parameters()}
        assert homes == ({torch.device("cuda", i) for i in device_ids} if device_ids else {CPU})
        for p in module.parameters():
            p.register_post_accumulate_grad_hook(self._averaged)

    @staticmethod
    def _averaged(p: torch.Tensor) -> None:
        dist.all_reduce(p.grad)
        p.grad /= dist.get_world_size()

    def forward(self, *args: Any) -> Any:
        return self.module(*args)
