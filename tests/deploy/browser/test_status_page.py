"""The server's page for people in headless Chromium: a model is chosen and asked."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from kcompile import keras
from kcompile.keras import layers
from kcompile_runtime import Executor

pytest.importorskip("starlette", reason="starlette: pip install 'kcompile[serve]'")
SECOND = 1000
IMAGES = {"colours": (2, 4, 3), "grey": (2, 4, 1), "channels first": (3, 2, 4)}


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Address of a server of two models, and the Executor of the first."""
    folder = tmp_path_factory.mktemp("models")
    for name, units in (("first", 3), ("second", 2)):
        keras.models.Sequential([layers.Dense(units, input_shape=(4,))]).export(
            folder / f"{name}.onnx", verify=False
        )
    for shape in IMAGES.values():
        picture = keras.models.Sequential([layers.Flatten(input_shape=shape)])
        picture.export(folder / f"{'x'.join(map(str, shape))}.onnx", verify=False)
    command = [sys.executable, "-m", "kcompile_runtime.serving", str(folder), "--port", "0", "--no-grpc"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    yield server.stdout.readline().split()[0].rstrip(":"), Executor(folder / "first.onnx")
    server.terminate()
    assert server.wait(60) == 0


def test_the_form_sends_an_array_and_shows_the_answer(served, visit):
    address, executor = served
    page = visit(f"{address}/")
    assert page.locator("table").first.text_content().count(": float32[batch, 4]") == 2
    page.locator("select[name=model]").select_option("first")
    x = np.arange(8, dtype=np.float32).reshape(2, 4)
    [info] = executor.inputs
    tensor = {"name": info.name, "datatype": "FP32", "shape": [2, 4], "data": x.ravel().tolist()}
    page.locator("textarea[name=body]").fill(json.dumps({"inputs": [tensor]}))
    page.get_by_role("button", name="Send").click()
    page.locator("#answer", has_text="outputs").wait_for(timeout=30 * SECOND)
    [output] = json.loads(page.locator("#answer").text_content())["outputs"]
    np.testing.assert_allclose(np.reshape(output["data"], output["shape"]), executor.predict(x), rtol=1e-5)


def test_a_refusal_is_shown(served, visit):
    page = visit(f"{served[0]}/")
    page.locator("textarea[name=body]").fill("{}")
    page.get_by_role("button", name="Send").click()
    page.locator("#answer", has_text="error").wait_for(timeout=30 * SECOND)


@pytest.mark.parametrize("range_, scale", [("1", 255.0), ("2", 127.5), ("255", 1.0)])
@pytest.mark.parametrize("kind", sorted(IMAGES))
def test_the_form_sends_an_image_in_the_models_size(served, visit, tmp_path, kind, range_, scale):
    Image = pytest.importorskip("PIL.Image", reason="Pillow: pip install Pillow")
    pixels = np.random.default_rng(0).integers(0, 256, (2, 4, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "image.png")
    page = visit(f"{served[0]}/")
    shape = IMAGES[kind]
    page.locator("select[name=model]").select_option("first")
    assert page.locator("#image").is_hidden()
    page.locator("select[name=model]").select_option("x".join(map(str, shape)))
    page.locator("input[name=file]").set_input_files(tmp_path / "image.png")
    page.locator("select[name=range]").select_option(range_)
    page.get_by_role("button", name="Send").click()
    page.locator("#answer", has_text="outputs").wait_for(timeout=30 * SECOND)
    [output] = json.loads(page.locator("#answer").text_content())["outputs"]
    expected = pixels / scale - (range_ == "2")
    if kind == "grey":
        expected = expected @ [0.299, 0.587, 0.114]
    if kind == "channels first":
        expected = expected.transpose(2, 0, 1)
    np.testing.assert_allclose(output["data"], expected.ravel(), rtol=1e-5, atol=1e-6)
