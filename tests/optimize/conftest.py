"""A network that learnt real digits, once for all tests."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import pytest

from kcompile import keras, onnx_io
from kcompile.optimize import OptimizeError
from kcompile_runtime.session import load_onnxruntime, older
from tests.optimize.networks import Digits, digits_network


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    return (yield from _skipped_where_refused())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    return (yield from _skipped_where_refused())


def _skipped_where_refused() -> Generator[None, object, object]:
    """What an older onnxruntime, as Python 3.10 has it, lacks tools for is refused by name, which
    test_old_releases.py asks for; all else has to work there."""
    try:
        return (yield)
    except OptimizeError as error:
        if "needs onnxruntime" in str(error) and older(load_onnxruntime(), 1, 27):
            pytest.skip(str(error))
        raise


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Digits:
    pytest.importorskip("sklearn")
    from sklearn.datasets import load_digits

    keras.utils.set_random_seed(0)
    found = load_digits()
    images = (found.images / 16).astype(np.float32)[..., np.newaxis]
    order = np.random.default_rng(0).permutation(len(images))
    x, y = images[order], found.target[order]
    model = digits_network()
    model.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy")
    model.fit(x[:1400], y[:1400], batch_size=50, epochs=6, verbose=0)
    path = tmp_path_factory.mktemp("digits") / "digits.onnx"
    model.export(path, verify=False)
    return Digits(model, path, onnx_io.load(path), x[:1400], y[:1400], x[1400:], y[1400:])
