"""Operators on torch tensors, one by one and at once: the second interpreter of the IR's vocabulary.

``op.X`` within ``ir.eagerly(TorchInterpreter())`` runs the very function that lowering puts into a module.
Parameters are their nn.Parameters, so torch's autograd records what is computed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kcompile.ir import (
    KCOMPILE_DOMAIN,
    Body,
    Constant,
    Depends,
    EagerTensor,
    Graph,
    OperatorError,
    Parameter,
    UpdateRule,
    Value,
    changing,
    current_precision,
    current_scope,
    depends,
    format_type,
    schema_of,
)
from kcompile.ir.eager import note_variable
from kcompile.ir.inference import infer

from . import devices, linear_algebra, weights
from .arguments import as_number, computed_in, fits, has_tensor_operand, is_scalar, keyword_attributes
from .arrays import as_array, as_tensor, numpy_dtype, torch_dtype
from .debugging import print_tensor
from .gradients import gradients, stop_gradient
from .lowering import lower_body
from .ops import OPERATORS, Operator
from .ops.random import new_generator
from .optimizers import single_updates
from .precision import half_of, is_widened, takes_half
from .readings import reading, readings

Types = tuple[torch.dtype, ...]


class TorchInterpreter:
    """Computes operators on torch tensors.

    Args:
        device: where it computes.
        training: which branch ``Phase`` takes.
        frozen: whether what computes is part of something that is not trained.
    """

    def __init__(
        self, device: torch.device | str = "cpu", training: bool = False, frozen: bool = False
    ) -> None:
        self.device = weights.canonical_device(device)
        self.training = training
        self.frozen = frozen

    def behaving(self, training: bool, frozen: bool) -> TorchInterpreter:
        """See ``ir.eager.Interpreter``."""
        return TorchInterpreter(self.device, training, frozen)

    def tensor(self, value: Value) -> Tensor:
        """A value that has numbers as a tensor on the device, on which gradients arrive."""
        if isinstance(value, EagerTensor):
            found: Tensor = value.tensor
            return found if found.device == self.device else found.to(self.device)
        if isinstance(value, Parameter):
            if value.trainable and value.dtype.kind == "f":
                note_variable(value)
                return reading(value, self.device)
            # a state may be overwritten before it is looked at
            return weights.tensor_of(value, self.device).detach().clone()
        if isinstance(value, Constant):
            return as_tensor(value.array.copy()).to(self.device)
        return self._emitted_before(value)

    def _emitted_before(self, value: Value) -> Tensor:
        """A value of weights and constants that was emitted when nobody computed, as it is now."""
        graph = Graph([value], phase="train" if self.training else "inference")
        known: dict[Value, Value] = {}
        for node in graph.nodes:
            inputs = [None if x is None else known.get(x, x) for x in graph.operands(node)]
            found = self.compute(node.op_type, node.domain, inputs, node.attributes, len(node.outputs))
            known.update(zip(node.outputs, found, strict=True))
        resolved = graph.resolve(value)
        return self.tensor(known.get(resolved, resolved))

    def takes(self, value: Value) -> bool:
        """See ``ir.eager.Interpreter``."""
        return depends(value) is not Depends.ON_INPUTS

    def assign(self, pairs: Sequence[tuple[Parameter, Value]]) -> None:
        """See ``ir.eager.Interpreter``."""
        found = [self.tensor(new) for _, new in pairs]
        found = [
            x.clone() if isinstance(new, Parameter) else x for (_, new), x in zip(pairs, found, strict=True)
        ]
        for (parameter, _), tensor in zip(pairs, found, strict=True):
            if tuple(tensor.shape) != parameter.shape:
                raise ValueError(
                    f"Weight {parameter.name} has shape {parameter.shape}; got a value of shape "
                    f"{tuple(tensor.shape)}."
                )
        with torch.no_grad(), changing():
            for (parameter, _), tensor in zip(pairs, found, strict=True):
                weights.tensor_of(parameter, self.device).copy_(tensor)
            weights.written([parameter for parameter, _ in pairs], self.device)

    def eager(self, tensor: Tensor, name: str = "") -> EagerTensor:
        """A torch tensor as a value."""
        return EagerTensor(tensor, numpy_dtype(tensor.dtype), tuple(tensor.shape), self, name)

    def eager_array(self, array: np.ndarray) -> EagerTensor:
        """Numbers as a value; the array's memory is shared on the CPU."""
        return self.eager(as_tensor(array).to(self.device))

    def watch(self, value: EagerTensor) -> None:
        """Lets gradients be asked for with respect to a value, of what is computed from it after this."""
        if value.tensor.is_floating_point() and not value.tensor.requires_grad:
            value.tensor = value.tensor.detach().requires_grad_()

    def gradients(
        self,
        targets: Sequence[Value],
        sources: Sequence[Value],
        given: Sequence[Value | None] | None = None,
        again: bool = False,
    ) -> list[EagerTensor | None]:
        """See ``ir.eager.Interpreter``."""
        ys = [self.tensor(y) for y in targets]
        weights_of = [None if w is None else self.tensor(w) for w in given or [None] * len(ys)]
        pairs = [(y, w) for y, w in zip(ys, weights_of, strict=True) if y.requires_grad]
        read = [self._readings(x) for x in sources]
        asked = [x for each in read for x in each if x.requires_grad]
        if not pairs or not asked:
            return [None] * len(read)
        starts = [torch.ones_like(y) if w is None else w for y, w in pairs]
        found = torch.autograd.grad(
            [y for y, _ in pairs], asked, starts, retain_graph=True, create_graph=again, allow_unused=True
        )
        of = {id(x): g for x, g in zip(asked, found, strict=True) if g is not None}
        sums = [_sum([of[id(x)] for x in each if id(x) in of]) for each in read]
        return [None if total is None else self.eager(total) for total in sums]

    def update(self, rule: UpdateRule, params: Sequence[Parameter], grads: Sequence[Value]) -> bool:
        """See ``ir.eager.Interpreter``."""
        if not single_updates.has_kernel(rule):
            return False
        single_updates.update(rule, params, [self.tensor(grad) for grad in grads], self.device)
        return True

    def unrecorded(self) -> AbstractContextManager[Any]:
        """See ``ir.eager.Interpreter``."""
        return torch.no_grad()

    def has_kernel(self, rule: UpdateRule) -> bool:
        """Whether there is a kernel of a built-in optimizer."""
        return single_updates.has_kernel(rule)

    def _readings(self, source: Value) -> list[Tensor]:
        """What a source was in computations: a weight may have been read before and after assignments."""
        if isinstance(source, Parameter) and source.trainable:
            return readings(source, self.device)
        return [self.tensor(source)]

    def with_gradient(self, function: Callable[..., Any], inputs: Sequence[Value]) -> Any:
        """What a function gives of values, with a gradient of its own.

        Args:
            function: returns a result or several, and a function of their gradients that gives those of the
                inputs.
        """
        found = _OwnGradient.apply(function, self, *(self.tensor(x) for x in inputs))
        return tuple(map(self.eager, found)) if isinstance(found, tuple) else self.eager(found)

    def linear_algebra(self, name: str, inputs: Sequence[Value], options: Mapping[str, Any]) -> Any:
        """What a function of ``linear_algebra`` gives; gradients flow through it.

        Raises:
            OperatorError: where it does not take these tensors.
        """
        try:
            found = getattr(linear_algebra, name)(*(self.tensor(x) for x in inputs), **options)
        except (RuntimeError, ValueError, TypeError) as error:
            raise OperatorError(_refused(name, inputs, error)) from error
        return tuple(map(self.eager, found)) if isinstance(found, tuple) else self.eager(found)

    def array(self, tensor: Tensor) -> np.ndarray:
        """The numbers of a tensor."""
        return as_array(tensor)

    def device_name(self, tensor: Tensor) -> str:
        """See ``ir.eager.Interpreter``."""
        return devices.name_of(tensor.device)

    def compute(
        self,
        op_type: str,
        domain: str,
        inputs: Sequence[Value | None],
        attributes: Mapping[str, Any],
        outputs: int,
    ) -> tuple[EagerTensor, ...]:
        """See ``ir.eager.Interpreter``."""
        try:
            if domain == KCOMPILE_DOMAIN:
                found = self._own(op_type, [self.tensor(x) for x in inputs if x is not None], attributes)
            else:
                found = self._standard(op_type, inputs, attributes, outputs)
        except (RuntimeError, ValueError, IndexError, TypeError) as error:
            raise OperatorError(_refused(op_type, inputs, error)) from error
        return tuple(self.eager(x) for x in found)

    def _own(self, op_type: str, tensors: list[Tensor], attributes: Mapping[str, Any]) -> Sequence[Tensor]:
        if op_type == "StopGradient":
            return (stop_gradient(*tensors),)
        if op_type == "Print":
            return (print_tensor(tensors[0], **attributes),)
        return gradients(*tensors)

    def _standard(
        self, op_type: str, inputs: Sequence[Value | None], attributes: Mapping[str, Any], outputs: int
    ) -> Sequence[Tensor]:
        if op_type in _OF_ONE_TYPE and len({x.dtype.name for x in inputs if x is not None}) > 1:
            raise OperatorError(_refused(op_type, inputs, "it takes one element type; cast one of them"))
        operator = OPERATORS.get(op_type)
        if operator is None:
            raise OperatorError(f"the PyTorch bridge has no operator {op_type}; docs/operators.md lists all")
        wider = computed_in(op_type, self.device)
        half = half_of(op_type, current_precision(), self.device)
        widened = is_widened(op_type, half, self.device)
        args = self._arguments(operator, inputs, wider, _roundings(op_type, inputs, half, widened))
        kwargs = self._keywords(operator, inputs, attributes, outputs)
        types: Sequence[Any] = ()
        if "output_dtype" in operator.extras or any(x is not None and x.dtype.name in wider for x in inputs):
            inferred = infer(schema_of(op_type), inputs, attributes, outputs, current_scope())
            types = [torch_dtype(dtype) for dtype, _ in inferred]
        if "output_dtype" in operator.extras:
            kwargs["output_dtype"] = types[0]
        found = operator.function(*args, **kwargs)
        results = found if isinstance(found, tuple | list) else (found,)
        if half is not None:
            results = [_declared(x, half, widened) for x in results]
        return [x.to(dtype) for x, dtype in zip(results, types, strict=True)] if types else results

    def _arguments(
        self, operator: Operator, inputs: Sequence[Value | None], wider: Any, roundings: Sequence[Types]
    ) -> list[Any]:
        tensors = sum([x is not None and not is_scalar(x) for x in inputs])
        typed = tensors == len(inputs) or has_tensor_operand(operator.static, inputs)
        args: list[Any] = []
        for i, value in enumerate(inputs):
            kind = operator.static_kind(i)
            if value is None:
                args.append(None)
            elif type(value) is Constant and fits(kind, value, tensors, typed):
                args.append(as_number(kind, value))
            elif value.dtype.name in wider:
                args.append(self.tensor(value).to(wider[value.dtype.name]))
            else:
                tensor = self.tensor(value)
                for dtype in roundings[i]:
                    tensor = tensor.to(dtype)
                args.append(tensor)
        return args

    def _keywords(
        self,
        operator: Operator,
        inputs: Sequence[Value | None],
        attributes: Mapping[str, Any],
        outputs: int,
    ) -> dict[str, Any]:
        kwargs = keyword_attributes(attributes)
        for name, body in attributes.items():
            if isinstance(body, Body):
                graph = body.sliced("train" if self.training else "inference")
                kwargs[name] = lower_body(graph, self.device)
                kwargs[f"{name}_captures"] = tuple(self.tensor(value) for value in graph.captures)
        if "outputs" in operator.extras and outputs > 1:
            kwargs["outputs"] = outputs
        if "device" in operator.extras and self.device.type != "cpu":
            kwargs["device"] = str(self.device)
        if "generator" in operator.extras and "seed" in kwargs:
            kwargs["generator"] = new_generator(kwargs.pop("seed"), self.device)
        return kwargs


class _OwnGradient(torch.autograd.Function):
    """A function on values as one step of autograd."""

    @staticmethod
    def forward(
        ctx: Any, function: Callable[..., Any], interpreter: TorchInterpreter, *tensors: Tensor
    ) -> Any:
        found, ctx.gradient = function(*(interpreter.eager(x.detach()) for x in tensors))
        ctx.interpreter = interpreter
        several = isinstance(found, tuple | list)
        results = [interpreter.tensor(y).detach() for y in (found if several else [found])]
        return tuple(results) if several else results[0]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        found = ctx.gradient(*(ctx.interpreter.eager(g) for g in gradients))
        listed = found if isinstance(found, tuple | list) else [found]
        return (None, None, *(None if g is None else ctx.interpreter.tensor(g) for g in listed))


def _roundings(
    op_type: str, inputs: Sequence[Value | None], half: torch.dtype | None, widened: bool
) -> list[Types]:
    """The types through which each operand goes before an operator takes it."""
    if half is None:
        return [()] * len(inputs)
    types = takes_half(op_type, [None if x is None else x.dtype for x in inputs])
    through: Types = (half, torch.float32) if widened else (half,)
    return [through if takes else () for takes in types]


def _declared(result: Tensor, half: torch.dtype, widened: bool) -> Tensor:
    """What an operator in half precision gave, as float32, the type that it is declared to be."""
    if widened:
        result = result.to(half)
    return result.to(torch.float32) if result.dtype == half else result


def _sum(gradients: Sequence[Tensor]) -> Tensor | None:
    total = None
    for gradient in gradients:
        total = gradient if total is None else total + gradient
    return total


#: Operators that torch would compute of two types, and ONNX does not.
_OF_ONE_TYPE = frozenset(
    "Add Div Equal Greater GreaterOrEqual Less LessOrEqual MatMul Max Min Mod Mul Sub Sum".split()
)


def _refused(op_type: str, inputs: Sequence[Value | None], error: Exception | str) -> str:
    where = f"{current_scope()}/{op_type}" if current_scope() else op_type
    given = ", ".join("none" if x is None else format_type(x) for x in inputs)
    return f"{where}({given}): {error}"
