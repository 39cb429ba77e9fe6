"""The benchmark of transformers measures what it says, on a tiny one."""

from __future__ import annotations

import numpy as np
import torch

from benchmarks import optimize_transformers as transformers

SMALL = transformers.Size(1, 8, 2, 16, 1000, 6)


def test_latency_and_training_are_measured_next_to_pytorch():
    rows = list(transformers.rows(rounds=1, size=SMALL))
    assert [row.target for row in rows] == [0.95, None, 0.95, None, 0.95, None, 1.0]
    assert all(row.ours > 0 and row.other > 0 for row in rows)


def test_both_networks_are_of_one_size():
    keras_model, network = transformers.bert(SMALL), transformers.TorchBert(SMALL)
    assert keras_model.count_params() == sum(p.numel() for p in network.parameters())
    words = np.ones((2, 6), np.int32)
    assert keras_model.predict(words).shape == tuple(network(torch.from_numpy(words)).shape)
