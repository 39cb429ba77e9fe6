"""What is done with a lowered module: run on arrays, updates written into parameters, copies on devices."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kcompile.ir import Graph, Parameter, Storage, op
from kcompile.torch_bridge import apply_updates, lower, refresh, run, signature, tensor_of, weights
from tests.torch_bridge.one_layer import X, dense


def test_the_signature_says_what_is_returned() -> None:
    x, y, kernel, bias = dense()
    count = Parameter(np.zeros((), np.int64), "count", trainable=False)
    module = lower(Graph([y, y], [x], updates=[(count, count + 1)], phase="train"))
    described = signature(module)
    assert (described.inputs, described.outputs, described.updates) == (("x",), 2, (count,))
    assert described.parameters == {"dense_1_kernel": kernel, "dense_1_bias": bias, "count": count}


def test_a_wrong_number_of_arrays_is_an_error_that_names_the_inputs() -> None:
    x, y, *_ = dense()
    with pytest.raises(ValueError, match=r"1 inputs \(x\); 2 arrays"):
        run(lower(Graph([y], [x])), X, X)


def test_updates_are_written_in_place_and_counted() -> None:
    x, y, *_ = dense()
    mean = Parameter(np.zeros(3, np.float32), "mean", trainable=False)
    new = mean * 0.5 + op.ReduceMean(y, [0], keepdims=0)
    module = lower(Graph([y], [x], updates=[(mean, new)], phase="train"))
    before = mean.storage.version
    out, value = module(torch.from_numpy(X))
    out.sum().backward()
    assert not mean.numpy().any()
    apply_updates(module, [value])
    np.testing.assert_allclose(mean.numpy(), out.detach().numpy().mean(0), rtol=1e-6)
    assert mean.storage.version == before + 1
    run(module, X, update=True)
    np.testing.assert_allclose(mean.numpy(), 1.5 * out.detach().numpy().mean(0), rtol=1e-6)


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> torch.device:
    """A device whose tensors are copies, on machines without one: cpu:0."""
    monkeypatch.setattr(weights, "_is_host", lambda device: device.index is None)
    return torch.device("cpu:0")


def test_a_device_copy_leads_after_it_was_written(device: torch.device) -> None:
    storage = Storage(np.arange(6, dtype=np.float32).reshape(2, 3), order=(1, 0))
    parameter = Parameter(storage, "p")
    copy = tensor_of(parameter, device)
    assert copy.stride() == tensor_of(parameter).stride()
    copy.mul_(2)
    assert parameter.storage._array[1, 2] == 5
    weights.written([parameter], device)
    assert parameter.storage.array[1, 2] == 10
    assert tensor_of(parameter, device) is copy


def test_a_device_copy_follows_what_was_assigned_on_the_host(device: torch.device) -> None:
    x, y, kernel, bias = dense()
    module = lower(Graph([y], [x]), device)
    kernel.assign(np.zeros((4, 3)))
    bias.assign(np.ones(3))
    assert (run(module, X)[0] == 1).all()
    module.dense_1_bias.data.fill_(4)
    weights.written([bias], device)
    refresh(module)  # the device leads: nothing is lost
    assert (run(module, X)[0] == 4).all()
    assert (bias.numpy() == 4).all()


def test_updates_on_a_device_reach_the_host_when_it_reads(device: torch.device) -> None:
    count = Parameter(np.zeros((), np.int64), "count", trainable=False)
    module = lower(Graph([], updates=[(count, count + 1)]), device)
    run(module, update=True)
    run(module, update=True)
    assert count.numpy() == 2
    count.assign(np.array(10))
    run(module, update=True)
    assert count.numpy() == 11
