from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kcompile.formats import Archive, LayerWeights

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "formats"


@pytest.fixture
def golden() -> Path:
    return GOLDEN


@pytest.fixture
def archive() -> Archive:
    """A compiled two-layer model with one layer that has no weights, and an optimizer with a scalar."""
    rng = np.random.default_rng(0)
    kernel, bias = rng.normal(size=(4, 3)).astype("float32"), np.zeros(3, "float32")
    config = {
        "class_name": "Sequential",
        "config": {
            "name": "model",
            "layers": [
                {
                    "class_name": "Dense",
                    "config": {"name": "d", "units": 3, "batch_input_shape": [None, 4]},
                },
                {"class_name": "Dropout", "config": {"name": "drop", "rate": 0.5}},
            ],
        },
    }
    training = {
        "optimizer_config": {"class_name": "SGD", "config": {"learning_rate": 0.1}},
        "loss": "mse",
        "metrics": ["accuracy"],
    }
    return Archive(
        config=config,
        layer_weights=[
            LayerWeights("d", [("d/kernel:0", kernel), ("d/bias:0", bias)]),
            LayerWeights("drop", []),
        ],
        training_config=training,
        optimizer_weights=[("SGD/iterations:0", np.asarray(7, "int64")), ("SGD/m:0", kernel * 2)],
        metadata={"keras_version": "2.3.1", "backend": "tensorflow"},
    )
