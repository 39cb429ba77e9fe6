"""What the benchmarks compare is alike: networks of Keras, and the same written by hand in PyTorch."""

from __future__ import annotations

import math

import keras
import pytest

from benchmarks import keras3_networks, torch_networks


@pytest.mark.parametrize("name", sorted(keras3_networks.NETWORKS))
def test_a_network_by_hand_has_the_same_weights_and_batch(name):
    model, x, y = keras3_networks.NETWORKS[name](keras)
    by_hand = torch_networks.NETWORKS[name]()
    kernels = [w for w in model.trainable_weights if len(w.shape) > 1 and w.name != "bias"]  # torch has more
    sizes = [math.prod(w.shape) for w in kernels]
    assert sum(p.numel() for p in by_hand.parameters() if p.dim() > 1) == sum(sizes)
    inputs, labels = torch_networks.batch(name)
    assert (inputs.shape, labels.shape) == (x.shape, y.shape)


def test_its_step_trains():
    step = torch_networks.training_step("mlp")
    assert step() > step() > step()
    epoch = torch_networks.epoch("mlp", 3)
    assert epoch() > epoch() > epoch()
