"""The page of ``kcompile web`` in headless Chromium: its answers are the Executor's."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from kcompile import keras
from kcompile.deploy.web import write_page
from kcompile.keras import layers
from kcompile_runtime import Executor

SECOND = 1000


def cnn():
    return [
        layers.Conv2D(4, 3, activation="relu", input_shape=(8, 8, 1)),
        layers.Flatten(),
        layers.Dense(10, activation="softmax"),
    ]


def scaled_cnn():
    return [
        layers.Rescaling(1 / 127.5, offset=-1.0, input_shape=(12, 10, 3)),
        layers.Conv2D(3, 3),
        layers.GlobalAveragePooling2D(),
    ]


def lstm():
    return [
        layers.LSTM(5, stateful=True, return_sequences=True, batch_input_shape=(2, None, 3)),
        layers.Dense(2),
    ]


def words():
    return [layers.Embedding(50, 4, input_length=6), layers.GlobalAveragePooling1D(), layers.Dense(3)]


NETWORKS = {"cnn": cnn, "scaled": scaled_cnn, "lstm": lstm, "words": words}


@pytest.fixture(scope="module")
def made(runtime, address_of, tmp_path_factory):
    """Name of a network -> address of its page and an Executor."""
    folder = tmp_path_factory.mktemp("pages")
    found = {}

    def make(name):
        if name not in found:
            path = folder / f"{name}.onnx"
            keras.models.Sequential(NETWORKS[name]()).export(path, verify=False)
            found[name] = page_of(path, runtime, address_of), Executor(path)
        return found[name]

    return make


@pytest.fixture(scope="module")
def opened(made, kept):
    """Name of a network -> its page, open and ready for one test after the other, and an Executor."""
    pages = {}

    def page_and_executor(name):
        address, executor = made(name)
        if name not in pages:
            pages[name] = ready(kept.open(address))
        return pages[name], executor

    return page_and_executor


def page_of(path: Path, runtime, address_of, **options) -> str:
    write_page(path, path.with_suffix(""), runtime=runtime, **options)
    return address_of(path.with_suffix(""))


def wait_for(page, text: str) -> None:
    page.locator("#status", has_text=text).wait_for(timeout=60 * SECOND)


def ready(page):
    wait_for(page, "Ready.")
    return page


def run(page, *values, button: str = "#run") -> list[np.ndarray]:
    """Types the values, of which each may be an array or a text, and reads the outputs."""
    for index, value in enumerate(values):
        numbers = page.locator(f"input[name=source-{index}][value=numbers]")
        if numbers.is_visible():
            numbers.check()
        text = value if isinstance(value, str) else json.dumps(value.tolist())
        page.locator(f"#values-{index}").fill(text)
    page.evaluate("document.getElementById('status').textContent = ''")
    page.locator(button).click()
    wait_for(page, "Computed in")
    return read(page, "pre.values")


def read(page, selector: str) -> list[np.ndarray]:
    return [np.array(json.loads(text)) for text in page.locator(selector).all_text_contents()]


def close(found: np.ndarray, expected: np.ndarray) -> None:
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "x"),
    [
        ("cnn", np.random.default_rng(0).random((3, 8, 8, 1), np.float32)),
        ("words", np.random.default_rng(1).integers(0, 50, (2, 6)).astype(np.float32)),
        ("scaled", np.random.default_rng(2).integers(0, 256, (1, 12, 10, 3)).astype(np.float32)),
    ],
)
def test_typed_numbers_give_the_answers_of_the_executor(opened, name, x):
    page, executor = opened(name)
    close(run(page, x)[0], executor.predict(x))
    flat = " ".join(str(value) for value in x.ravel().tolist())
    close(run(page, flat)[0], executor.predict(x))


def test_states_go_on_from_run_to_run_until_they_are_reset(made, visit):
    address, executor = made("lstm")
    page = ready(visit(address))
    steps = np.random.default_rng(3).random((3, 2, 4, 3), np.float32)
    executor.reset_states()
    for x in steps:
        close(run(page, x)[0], executor.predict(x))
    page.locator("#reset").click()
    wait_for(page, "start anew")
    executor.reset_states()
    close(run(page, steps[1])[0], executor.predict(steps[1]))


def test_an_image_file_is_given_as_the_model_has_it(opened, tmp_path):
    image = pytest.importorskip("PIL.Image")
    page, executor = opened("scaled")
    page.locator("input[name=source-0][value=image]").check()
    rng = np.random.default_rng(4)
    for height, width in [(12, 10), (40, 57), (5, 4)]:
        picture = image.fromarray(rng.integers(0, 256, (height, width, 3), np.uint8))
        file = tmp_path / f"{height}x{width}.png"
        picture.save(file)
        page.evaluate("document.getElementById('status').textContent = ''")
        page.locator("input[type=file]").set_input_files(file)
        wait_for(page, "Computed in")
        [given] = read(page, "pre.given")
        resized = np.asarray(picture.resize((10, 12), image.Resampling.BILINEAR), np.float32)[None]
        assert np.abs(given - resized).max() <= 1.0  # Pillow computes in whole numbers
        close(read(page, "pre.values")[0], executor.predict(given.astype(np.float32)))


def test_a_digit_is_drawn(opened):
    page, executor = opened("cnn")
    page.locator("input[name=source-0][value=draw]").check()
    page.evaluate("document.getElementById('status').textContent = ''")
    box = page.locator("canvas.pad").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] - 20, steps=5)
    page.mouse.up()
    wait_for(page, "Computed in")
    [given] = read(page, "pre.given")
    assert given.shape == (1, 8, 8, 1) and given.min() == 0 and given.max() <= 1
    assert given[0, 1:7, 3:5].min() > 0.3 and not given[0, :, :2].any() and not given[0, :, 6:].any()
    [found] = read(page, "pre.values")
    close(found, executor.predict(given.astype(np.float32)))
    best = page.locator("table.classes th").first.text_content()
    assert int(best) == found.argmax()


def test_webgpu_computes_the_same(opened):
    page, executor = opened("cnn")
    if not page.evaluate("navigator.gpu?.requestAdapter().then((found) => found !== null) ?? false"):
        pytest.skip("this Chromium has no device for WebGPU")
    x = np.random.default_rng(5).random((1, 8, 8, 1), np.float32)
    page.evaluate("document.getElementById('status').textContent = ''")
    page.locator("#backend").select_option("webgpu")
    ready(page)
    np.testing.assert_allclose(run(page, x)[0], executor.predict(x), rtol=1e-3, atol=1e-4)
    page.evaluate("document.getElementById('status').textContent = ''")
    page.locator("#backend").select_option("wasm")
    ready(page)


def mixed_model(path: Path, name: str) -> Path:
    """Inputs of several types that come back as they are, one of them a state with its first value."""
    kinds = {
        "int64": TensorProto.INT64,
        "uint8": TensorProto.UINT8,
        "bool": TensorProto.BOOL,
        "string": TensorProto.STRING,
        "double": TensorProto.DOUBLE,
    }
    made = [helper.make_tensor_value_info(f"{name}{kind}", t, ["n"]) for kind, t in kinds.items()]
    outs = [helper.make_tensor_value_info(f"{name}{kind}!", t, ["n"]) for kind, t in kinds.items()]
    nodes = [helper.make_node("Identity", [a.name], [b.name]) for a, b in zip(made, outs, strict=True)]
    state = helper.make_tensor_value_info("count", TensorProto.INT64, [2, 1])
    after = helper.make_tensor_value_info("after", TensorProto.INT64, [2, 1])
    shown = helper.make_tensor_value_info("shown", TensorProto.INT64, [2, 1])
    nodes += [helper.make_node("Add", ["count", "one"], ["after"])]
    nodes += [helper.make_node("Identity", ["count"], ["shown"])]
    one = numpy_helper.from_array(np.array(1, np.int64), "one")
    graph = helper.make_graph(nodes, "g", [*made, state], [*outs, after, shown], [one])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    entry = {"input": "count", "output": "after", "shape": [2, 1], "dtype": "int64", "initial": [[7], [-9]]}
    helper.set_model_props(model, {"kcompile.states": json.dumps([entry])})
    onnx.save(model, path)
    return path


HOSTILE = "<img src=x onerror=alert(1)>\"'`${alert(2)}</script><script>alert(3)</script>"


@pytest.mark.parametrize("name", ["", HOSTILE], ids=["plain", "hostile"])
def test_every_type_comes_back_whatever_it_is_called(name, visit, runtime, address_of, tmp_path):
    path = mixed_model(tmp_path / "mixed.onnx", name)
    address = page_of(path, runtime, address_of, title=name or None, labels=None)
    page = ready(visit(address))
    great = str(2**63 - 1)
    given = (f"{great} -5", "[0, 255]", "true 0", 'a "b"\n<b>c</b>', "1e300 -inf")
    expected = [
        f"[{great}, -5]",
        "[0, 255]",
        "[true, false]",
        json.dumps(['a "b"', "<b>c</b>"]),
        "[1e+300, -Infinity]",
    ]
    for count in range(2):
        for index, text in enumerate(given):
            page.locator(f"#values-{index}").fill(text)
        page.evaluate("document.getElementById('status').textContent = ''")
        page.locator("#run").click()
        wait_for(page, "Computed in")
        shown = page.locator("pre.values").all_text_contents()
        assert shown == [*expected, f"[[{7 + count}], [{-9 + count}]]"]
    assert page.locator("main img, main script, main b").count() == 0
    legends = page.locator("legend").all_text_contents()
    assert legends[0] == f"{name}int64: int64[n]"
    assert page.title() == page.locator("h1").text_content() == (name or "mixed")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 2 x", 'expected float32, found "x"'),
        ("0x10", 'expected float32, found "0x10"'),
        ("1 2 3", "expected the shape [batch, 6], found 3 values"),
        ("[[1, 2], [3]]", "expected rows of equal length and depth"),
        ("[1, 2", "the brackets do not match"),
        ("[[1, 2, 3]]", "expected the shape [batch, 6], found [1, 3]"),
        ("", "found 0 values"),
    ],
)
def test_what_does_not_fit_is_said_and_the_page_goes_on(opened, text, message):
    page, executor = opened("words")
    page.locator("#values-0").fill(text)
    page.locator("#run").click()
    wait_for(page, message)
    x = np.arange(6, dtype=np.float32)[None]
    close(run(page, x)[0], executor.predict(x))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_nothing_runs_over_and_everything_has_a_label(made, visit, scheme, width):
    address, _ = made("cnn")
    page = ready(visit(address, color_scheme=scheme, viewport={"width": width, "height": 800}))
    for source in ("image", "numbers", "draw"):
        page.locator(f"input[name=source-0][value={source}]").check()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    run(page, np.zeros((1, 8, 8, 1), np.float32))
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    fields = "[...document.querySelectorAll('input, select, textarea')]"
    assert page.evaluate(f"{fields}.every((field) => field.labels.length || field.ariaLabel)")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(251, 251, 249)"
    assert light == (scheme == "light")
