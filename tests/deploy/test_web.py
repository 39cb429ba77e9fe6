"""``kcompile web``: what is in the folder and in model.json, and what is refused.

tests/deploy/browser runs the page.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import tarfile
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from kcompile import keras
from kcompile.cli import main
from kcompile.deploy import onnxruntime_web
from kcompile.deploy.images import PIXELS, image_input
from kcompile.deploy.web import PAGE, write_page
from kcompile.keras import applications, layers
from kcompile_runtime import Executor, TensorInfo

PAGE_FILES = {"index.html", "style.css", "main.js", "model.js", "tensors.js", "images.js", "view.js"}
HOSTILE = "</script><img src=x onerror=alert(1)>"


@pytest.fixture
def archive(tmp_path, monkeypatch):
    """An archive as npm makes them, small, taken for the pinned one."""
    path = tmp_path / "package.tgz"
    with tarfile.open(path, "w:gz") as made:
        for name in (*onnxruntime_web.FILES, "../../outside", "dist/not-needed.js"):
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size = len(name)
            made.addfile(entry, io.BytesIO(name.encode()))
    digest = hashlib.sha512(path.read_bytes()).digest()
    monkeypatch.setattr(onnxruntime_web, "SHA512", base64.b64encode(digest).decode())
    return path


def exported(path: Path, *stack) -> Path:
    keras.models.Sequential(list(stack)).export(path, verify=False)
    return path


def described(path: Path, archive: Path, **options) -> dict:
    write_page(path, path.with_suffix(""), runtime=archive, **options)
    return json.loads((path.with_suffix("") / "model.json").read_text(encoding="utf-8"))


def test_the_folder_holds_page_model_and_the_runtime_that_is_needed(tmp_path, archive):
    path = exported(tmp_path / "m.onnx", layers.Dense(2, input_shape=(3,)))
    write_page(path, tmp_path / "page", runtime=archive)
    files = {
        file.relative_to(tmp_path / "page").as_posix()
        for file in (tmp_path / "page").rglob("*")
        if file.is_file()
    }
    runtime = {f"onnxruntime-web/{Path(name).name}" for name in onnxruntime_web.FILES}
    assert files == PAGE_FILES | runtime | {"model.json", "model.onnx"}
    assert (tmp_path / "page/model.onnx").read_bytes() == path.read_bytes()
    assert {file.name for file in PAGE.iterdir()} == PAGE_FILES


def test_weights_beside_the_model_come_along(tmp_path, archive):
    model = keras.models.Sequential([layers.Dense(40, input_shape=(30,))])
    model.export(tmp_path / "m.onnx", verify=False, external_data=True)
    found = described(tmp_path / "m.onnx", archive)
    [name] = found["weights"]
    assert (tmp_path / "m" / name).read_bytes() == (tmp_path / name).read_bytes()


def test_only_the_description_knows_the_model_and_all_of_it_is_json(tmp_path, archive):
    info = helper.make_tensor_value_info(HOSTILE, TensorProto.FLOAT, ["<b>", 2])
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["<b>", 2])
    graph = helper.make_graph([helper.make_node("Relu", [HOSTILE], ["y"])], "g", [info], [out])
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10),
        tmp_path / "m.onnx",
    )
    found = described(tmp_path / "m.onnx", archive, title=HOSTILE)
    assert found["inputs"] == [{"name": HOSTILE, "dtype": "float32", "shape": ["<b>", 2]}]
    assert found["title"] == HOSTILE
    for name in PAGE_FILES:
        assert (tmp_path / "m" / name).read_bytes() == (PAGE / name).read_bytes()


def test_the_page_runs_no_text_as_script_or_markup():
    text = "".join((PAGE / name).read_text(encoding="utf-8") for name in PAGE_FILES)
    makers = r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\(|new Function|https?://"
    assert not re.search(makers, text)
    assert "script-src 'self' 'wasm-unsafe-eval';" in (PAGE / "index.html").read_text(encoding="utf-8")


def test_states_are_told_with_their_first_values(tmp_path, archive):
    path = exported(tmp_path / "m.onnx", layers.GRU(2, stateful=True, batch_input_shape=(1, None, 3)))
    [state] = described(path, archive)["states"]
    [expected] = Executor(path).states
    assert (state["input"], state["output"], state["shape"]) == (expected.input, expected.output, [1, 2])
    assert state["initial"] is None


@pytest.mark.parametrize(
    ("stack", "expected"),
    [
        ([layers.Conv2D(2, 3, input_shape=(9, 7, 3))], (9, 7, 3, False, 1 / 255)),
        (
            [layers.Conv2D(2, 3, input_shape=(1, 9, 8), data_format="channels_first")],
            (9, 8, 1, True, 1 / 255),
        ),
        (
            [layers.Conv2D(2, 1, input_shape=(3, 9, 3), data_format="channels_first")],
            (9, 3, 3, True, 1 / 255),
        ),
        ([layers.Rescaling(1 / 255, input_shape=(None, None, 4))], (None, None, 4, False, 1.0)),
        ([layers.Conv2D(2, 3, input_shape=(9, 7, 5))], None),
        ([layers.Dense(2, input_shape=(3,))], None),
    ],
    ids=[
        "channels_last",
        "channels_first",
        "told_by_the_layer",
        "scales_itself",
        "five_channels",
        "no_image",
    ],
)
def test_images_are_told_as_the_model_has_them(stack, expected, tmp_path, archive):
    image = described(exported(tmp_path / "m.onnx", *stack), archive)["inputs"][0].get("image")
    found = image and (
        image["height"], image["width"], image["channels"], image["channelsFirst"], image["scale"][0]
    )  # fmt: skip
    assert found == expected


IMAGES = TensorInfo("x", "float32", ("batch", 224, 224, 3))
NETWORKS = {
    "resnet50": "resnet",
    "mobilenetv2": "mobilenet_v2",
    "densenet121": "densenet",
    "convnexttiny": "convnext",
}


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_pixels_of_applications_are_as_their_preprocess_input_has_them(name):
    config = {"class_name": "Model", "config": {"name": name, "layers": []}}
    found = image_input(IMAGES, {"kcompile.config": json.dumps(config)})
    x = np.random.default_rng(0).integers(0, 256, (5, 4, 3)).astype(np.float64)
    module = getattr(applications, NETWORKS[name])
    expected = module.preprocess_input(x.copy(), data_format="channels_last")
    np.testing.assert_allclose(found.pixels.apply(x), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("pixels", PIXELS)
def test_pixels_may_be_chosen(pixels):
    x = np.random.default_rng(0).integers(0, 256, (5, 4, 3)).astype(np.float64)
    preprocess = applications.imagenet_utils.preprocess_input
    expected = {"0-255": lambda: x, "0-1": lambda: x / 255}.get(
        pixels, lambda: preprocess(x.copy(), data_format="channels_last", mode=pixels)
    )()
    found = image_input(IMAGES, {}, pixels).pixels.apply(x)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    "text", ["", "{", "[1]", '{"class_name": 1}', "[" * 10_000, '{"config": {"layers": [null]}}']
)
def test_a_config_that_is_none_tells_nothing(text):
    assert image_input(IMAGES, {"kcompile.config": text}) == image_input(IMAGES, {})


def test_a_range_of_colors_is_none_of_gray_images():
    with pytest.raises(ValueError, match="'caffe' is of 3 channels, the model's images have 1"):
        image_input(TensorInfo("x", "float32", (None, 8, 8, 1)), {}, "caffe")


def test_another_archive_is_refused(tmp_path, archive):
    path = exported(tmp_path / "m.onnx", layers.Dense(2, input_shape=(3,)))
    (tmp_path / "other.tgz").write_bytes(b"other")
    with pytest.raises(ValueError, match=r"expected onnxruntime-web 1\.30\.0 as npm has it"):
        write_page(path, tmp_path / "page", runtime=tmp_path / "other.tgz")
    with pytest.raises(FileNotFoundError):
        write_page(path, tmp_path / "page", runtime=tmp_path / "none.tgz")
    assert not (tmp_path / "page").exists()


def test_a_download_is_checked_and_kept(tmp_path, archive, monkeypatch):
    monkeypatch.setenv("KCOMPILE_CACHE", str(tmp_path / "cache"))
    asked = []

    def npm(command, folder):
        asked.append(command)
        Path(folder, onnxruntime_web.ARCHIVE).write_bytes(archive.read_bytes())

    monkeypatch.setattr(onnxruntime_web, "_by_npm", npm)
    monkeypatch.setattr(onnxruntime_web.shutil, "which", lambda name: f"/bin/{name}")
    assert onnxruntime_web.archive().read_bytes() == archive.read_bytes()
    assert onnxruntime_web.archive() == onnxruntime_web.cached() and len(asked) == 1
    onnxruntime_web.cached().write_bytes(b"damaged")
    with pytest.raises(ValueError, match="remove it"):
        onnxruntime_web.archive()


def test_a_damaged_download_is_not_kept(tmp_path, archive, monkeypatch):
    monkeypatch.setenv("KCOMPILE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(onnxruntime_web.shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setattr(
        onnxruntime_web,
        "_by_npm",
        lambda npm, folder: Path(folder, onnxruntime_web.ARCHIVE).write_bytes(b"x"),
    )
    with pytest.raises(ValueError, match="found another file"):
        onnxruntime_web.archive()
    assert not onnxruntime_web.cached().exists()


def test_without_npm_the_registry_of_its_configuration_is_asked(tmp_path, archive, monkeypatch):
    from http.server import BaseHTTPRequestHandler, HTTPServer
    from threading import Thread

    paths = []

    class Registry(BaseHTTPRequestHandler):
        def do_GET(self):
            paths.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(archive.read_bytes())

        def log_message(self, *arguments):
            pass

    server = HTTPServer(("127.0.0.1", 0), Registry)
    Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("KCOMPILE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("npm_config_registry", f"http://127.0.0.1:{server.server_port}/npm/")
    monkeypatch.setattr(onnxruntime_web.shutil, "which", lambda name: None)
    try:
        assert onnxruntime_web.archive().read_bytes() == archive.read_bytes()
    finally:
        server.shutdown()
        server.server_close()
    assert paths == [f"/npm/onnxruntime-web/-/{onnxruntime_web.ARCHIVE}"]


def test_labels_go_to_the_output_that_has_so_many_classes(tmp_path, archive):
    path = exported(tmp_path / "m.onnx", layers.Dense(2, input_shape=(3,)))
    assert described(path, archive, labels=["<a>", "b"])["outputs"][0]["labels"] == ["<a>", "b"]
    with pytest.raises(ValueError, match="expected one for each class of an output .* found 3"):
        write_page(path, tmp_path / "page", labels=["a", "b", "c"], runtime=archive)


def test_types_that_browsers_lack_are_refused(tmp_path, archive):
    x, y = (helper.make_tensor_value_info(name, TensorProto.BFLOAT16, [2]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", [x], [y])
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10),
        tmp_path / "m.onnx",
    )
    with pytest.raises(ValueError, match="of a type that browsers have"):
        write_page(tmp_path / "m.onnx", tmp_path / "page", runtime=archive)


def test_the_command_writes_a_page_of_a_keras_file(tmp_path, archive, capsys):
    model = keras.models.Sequential([layers.Dense(2, input_shape=(3,))])
    model.save(tmp_path / "Iris.h5")
    (tmp_path / "labels.txt").write_text("no\nyes\n")
    command = ["web", str(tmp_path / "Iris.h5"), "-o", str(tmp_path / "page"), "--runtime", str(archive)]
    assert main([*command, "--labels", str(tmp_path / "labels.txt"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"folder": str(tmp_path / "page"), "title": "Iris"}
    assert json.loads((tmp_path / "page/model.json").read_text())["outputs"][0]["labels"] == ["no", "yes"]
    assert main(command) == 2
    assert main([*command, "--replace"]) == 0
