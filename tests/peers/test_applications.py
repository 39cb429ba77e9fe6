"""Weights of applications that real Keras saves load here, and outputs agree; run by `make peers-test`.

The large ones run with `-m "peers and slow"`. With KCOMPILE_PEERS_RECORD=PATH what was found is merged into
that JSON file; the table of docs/applications.md reads tests/golden/applications/loaded.json.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kcompile import keras
from tests.golden.applications import checking, rule

PEERS = os.environ.get("KCOMPILE_PEERS_PYTHON")
RECORD = os.environ.get("KCOMPILE_PEERS_RECORD")
SCRIPT = Path(__file__).with_name("applications_of_keras.py")

pytestmark = [
    pytest.mark.peers,
    pytest.mark.skipif(not PEERS, reason="needs KCOMPILE_PEERS_PYTHON: run `make peers-test`"),
]

QUICK = {
    "ConvNeXtTiny",
    "DenseNet121",
    "EfficientNetB0",
    "EfficientNetV2B0",
    "InceptionV3",
    "MobileNet",
    "MobileNetV2",
    "MobileNetV3Large",
    "MobileNetV3Small",
    "NASNetMobile",
    "RegNetX002",
    "RegNetY002",
    "ResNet50",
    "ResNet50V2",
    "ResNetRS50",
    "ResNeXt50",
    "VGG16",
    "Xception",
    "resnet.ResNet50",
}
# layers without names are numbered, from 1 in Keras 2.3 and from 0 in tf_keras
NUMBERED = {"InceptionResNetV2", "InceptionV3", "Xception"}
# keras-applications has these, and is written for tf_keras
OF_THE_OLD_PACKAGE = ("ResNet50", "ResNeXt50", "ResNeXt101")
OF_TF_KERAS = ("RegNet", "ResNetRS")


class RealKeras:
    """A process that builds networks with a real Keras, one request after the other."""

    def __init__(self, module: str, folder: Path) -> None:
        self._log = open(folder / f"{module}.log", "w+")
        self._process = subprocess.Popen(
            [str(PEERS), str(SCRIPT), module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        self.judge = self._read()["judge"]

    def save(self, name: str, case: str, folder: Path) -> dict[str, str]:
        """Paths of the files of weights, by format; the outputs are in output.npy."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"name": name, "case": case, "folder": str(folder)}) + "\n")
        self._process.stdin.flush()
        answer = self._read()
        assert "error" not in answer, answer["error"]
        return answer["files"]

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._log.seek(0)
            raise RuntimeError(f"Real Keras ended with {self._process.wait()}: {self._log.read()[-2000:]}")
        return json.loads(line)

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(30)
        finally:
            self._process.kill()
            self._log.close()


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Real Keras by the name of its module, started when first asked for."""
    started: dict[str, RealKeras] = {}

    def get(module: str) -> RealKeras:
        if module not in started:
            started[module] = RealKeras(module, tmp_path_factory.mktemp("real"))
        return started[module]

    yield get
    for process in started.values():
        process.close()


def cases() -> list[Any]:
    return [
        pytest.param(name, module, marks=() if name in QUICK else (pytest.mark.slow,), id=f"{name}-{module}")
        for name in checking.ANSWERS
        for module in ("tf_keras", "keras")
        if not (module == "keras" and (name in OF_THE_OLD_PACKAGE or name.startswith(OF_TF_KERAS)))
    ]


def fresh(name: str, case: str) -> keras.Model:
    return checking.build(name, input_shape=rule.images(name).shape[1:], **checking.CASES[case])


def difference(model: keras.Model, name: str, expected: np.ndarray) -> float:
    """Largest difference of the outputs, relative to the largest magnitude."""
    found = model.predict(rule.images(name))
    assert found.shape == expected.shape
    return float(np.abs(found - expected).max() / np.abs(expected).max())


@pytest.mark.parametrize("name, module", cases())
def test_weights_that_real_keras_saved_load_and_outputs_agree(name, module, real, tmp_path):
    peer = real(module)
    found: dict[str, float] = {}
    for case in checking.CASES:
        files = peer.save(name, case, tmp_path)
        expected = np.load(tmp_path / "output.npy")
        for ending, path in files.items():
            model = fresh(name, case)
            model.load_weights(path)
            found[f"{ending} by order, {case}"] = difference(model, name, expected)
        if has_our_names(module, name, case):
            model = fresh(name, case)
            model.load_weights(files[".h5"], by_name=True)
            found[f".h5 by name, {case}"] = difference(model, name, expected)
        for path in files.values():
            os.remove(path)
    if RECORD:
        record(Path(RECORD), name, peer.judge, found)
    assert max(found.values()) < checking.TOLERANCE, found


def has_our_names(module: str, name: str, case: str) -> bool:
    """Whether this Keras gives layers the names that they have here: those of Keras 2.3, for later networks
    those of Keras 3, or of tf_keras for those that it alone has. The others load by order.
    """
    if name.startswith(OF_TF_KERAS):
        return module == "tf_keras"
    if name.startswith(rule.RESCALING):
        return module == "keras"
    renamed_tops = ("DenseNet", "MobileNetV2", "ResNet1", "ResNet50V2", "resnet.")
    renamed = case == "top" and name.startswith(renamed_tops)
    return module == "tf_keras" and name not in NUMBERED and not renamed


def record(path: Path, name: str, judge: str, found: dict[str, float]) -> None:
    stored = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    stored.setdefault(name, {})[judge] = {key: float(f"{value:.2g}") for key, value in found.items()}
    path.write_text(json.dumps(stored, indent=1, sort_keys=True) + "\n", encoding="utf-8")
