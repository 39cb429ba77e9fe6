"""Sequences, texts, images, flows and word lists come out as Keras 2.3.1 makes them, seed for seed."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kcompile import keras
from tests.golden.preprocessing import cases

FOLDER = Path(cases.__file__).parent
# Float32 sums and singular vectors differ in the last places.
RTOL, ATOL = 1e-5, 2e-4
# Pillow 9.5, which made the answers, rounds the weights of its filters otherwise than Pillow 13: up to 3 of
# 255.
RESAMPLED = {f"to_{name}": 3.0 for name in ("bilinear", "bicubic", "lanczos", "box", "hamming")}
RESAMPLED |= {f"sparse_batch{index}.0": 3.0 / 255 for index in range(3)}  # flows_of_folders


def _expected() -> dict[str, dict[str, Any]]:
    stored = json.loads((FOLDER / "golden.json").read_text())
    with np.load(FOLDER / "golden.npz") as file:
        packed = {dtype: file[dtype] for dtype in file.files}
    starts = dict.fromkeys(packed, 0)
    found = dict(stored["values"])
    for name, (dtype, shape) in stored["index"].items():
        size = int(np.prod(shape))
        found[name] = packed[dtype][starts[dtype] : starts[dtype] + size].reshape(shape)
        starts[dtype] += size
    assert all(start == len(packed[dtype]) for dtype, start in starts.items())
    by_case: dict[str, dict[str, Any]] = {}
    for name, value in found.items():
        case, key = name.split("/", 1)
        by_case.setdefault(case, {})[key] = value
    return by_case


EXPECTED = _expected()


class Tools:
    """What a case may use besides Keras: a folder, tables (a dictionary of lists will do here), data set
    files.
    """

    table = staticmethod(dict)

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = str(folder)
        self._monkeypatch = monkeypatch

    @contextlib.contextmanager
    def files(self, name: str, **arrays: np.ndarray) -> Iterator[None]:
        path = Path(self.folder, f"{name}.npz")
        np.savez(path, **arrays)
        module = getattr(keras.datasets, name)
        with self._monkeypatch.context() as patch:
            patch.setattr(module, "get_file", lambda *args, **kwargs: str(path))
            yield


def _jsonable(value: Any) -> Any:
    return json.loads(json.dumps(value, default=lambda array: array.tolist()))


def _differences(expected: dict[str, Any], found: dict[str, Any]) -> Iterator[str]:
    if expected.keys() != found.keys():
        yield f"keys: {sorted(expected.keys() ^ found.keys())}"
    for key in expected.keys() & found.keys():
        one, other = expected[key], found[key]
        if not isinstance(one, np.ndarray):
            if isinstance(one, float) and one != pytest.approx(other, rel=1e-12):
                yield f"{key}: {one} != {other}"
            elif not isinstance(one, float) and one != _jsonable(other):
                yield f"{key}: {one} != {other}"
        elif one.shape != other.shape or one.dtype != other.dtype:
            yield f"{key}: {one.dtype} {one.shape} != {other.dtype} {other.shape}"
        elif not np.allclose(other, one, rtol=RTOL, atol=RESAMPLED.get(key, ATOL)):
            yield f"{key}: largest difference {np.abs(np.subtract(one, other, dtype='float64')).max()}"


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("name", list(cases.CASES))
def test_the_answers_are_keras_own(name, tmp_path, monkeypatch):
    found = cases.CASES[name](keras, Tools(tmp_path, monkeypatch))
    assert list(_differences(EXPECTED[name], found)) == []


def test_every_case_has_answers_and_no_answer_is_without_case():
    assert EXPECTED.keys() == cases.CASES.keys()


def test_a_difference_is_found():
    expected = {"a": np.zeros(3), "b": 1.5, "c": [1, 2]}
    assert list(_differences(expected, {"a": np.zeros(3), "b": 1.5, "c": (1, 2)})) == []
    assert len(list(_differences(expected, {"a": np.full(3, 1e-3), "b": 1.6, "c": [2, 1]}))) == 3
    assert len(list(_differences(expected, {"a": np.zeros(3, "float32"), "b": 1.5}))) == 2
