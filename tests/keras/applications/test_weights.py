"""``weights=``: None, a path, or "imagenet" through the cache, against a server of our own."""

from __future__ import annotations

import functools
import hashlib
import http.server
import json
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from kcompile import keras
from kcompile.keras import applications
from kcompile.keras.applications import (
    MobileNetV2,
    _resnet_common,
    mobilenet,
    mobilenet_v2,
    resnet,
    resnet50,
)
from kcompile.keras.applications._weights import WeightsFile
from kcompile.keras.utils import download

SMALL = {"alpha": 0.35, "input_shape": (96, 96, 3), "include_top": False}


class _Handler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder. /moved/NAME redirects, /slow/NAME trickles, /cut/NAME breaks off half way,
    /cut-once/NAME does so the first time, /silent/NAME says no more after the first half."""

    def do_GET(self):
        self.server.asked.append(self.path)
        _, *way, name = self.path.split("/")
        if way == ["moved"]:
            self.send_response(302)
            self.send_header("Location", f"/{name}")
            self.end_headers()
        elif way:
            content = Path(self.translate_path(name)).read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.send(way[0], content)
        else:
            super().do_GET()

    def send(self, way, content):
        if way == "slow":
            for start in range(0, len(content), len(content) // 8):
                time.sleep(0.1)
                self.wfile.write(content[start : start + len(content) // 8])
        elif way == "cut-once" and self.server.asked.count(self.path) > 1:
            self.wfile.write(content)
        else:
            self.wfile.write(content[: len(content) // 2])
            if way == "silent":
                self.server.silence.wait(30)

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A model, and the folder with its weights as they would be published."""
    folder = tmp_path_factory.mktemp("published")
    model = MobileNetV2(weights=None, **SMALL)
    model.save_weights(folder / "weights.h5")
    return model, folder


@pytest.fixture
def serve(published, tmp_path, monkeypatch):
    """``serve(prefix, hash)`` makes "imagenet" come from a local server; returns its list of requests."""
    _, folder = published
    handler = functools.partial(_Handler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.asked, server.silence = [], threading.Event()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))

    def publish(path="/weights.h5", file_hash=None):
        file_hash = file_hash or hashlib.md5((folder / "weights.h5").read_bytes()).hexdigest()
        file = WeightsFile("weights.h5", f"http://127.0.0.1:{server.server_port}{path}", file_hash)
        monkeypatch.setattr(mobilenet_v2, "_files", lambda alpha, size: (file, file))
        return server.asked

    yield publish
    server.silence.set()
    server.shutdown()
    server.server_close()


def assert_same(model, other):
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("path", ["/weights.h5", "/moved/weights.h5", "/cut-once/weights.h5"])
def test_imagenet_is_downloaded_once_checked_and_read(serve, published, tmp_path, path):
    asked = serve(path)
    assert_same(MobileNetV2(weights="imagenet", **SMALL), published[0])
    count = len(asked)
    assert_same(MobileNetV2(weights="imagenet", **SMALL), published[0])
    assert len(asked) == count  # the cache needs no network
    assert [p.name for p in (tmp_path / "home" / "models").iterdir()] == ["weights.h5"]


def test_a_slow_server_may_take_its_time_and_a_bar_shows_it(serve, published, monkeypatch, capsys):
    monkeypatch.setattr(download, "TIMEOUT_SECONDS", 0.5)  # less than all of it takes
    asked = serve("/slow/weights.h5")
    assert_same(MobileNetV2(weights="imagenet", **SMALL), published[0])
    assert asked == ["/slow/weights.h5"]
    size = (published[1] / "weights.h5").stat().st_size
    shown = capsys.readouterr().out
    assert "Downloading data from http://127.0.0.1" in shown
    assert f"{size}/{size} [==============================]" in shown
    assert shown.count(f"/{size} [") > 3


def test_a_server_that_says_nothing_more_is_given_up(serve, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "TIMEOUT_SECONDS", 0.2)
    asked = serve("/silent/weights.h5")
    start = time.monotonic()
    with pytest.raises(OSError, match="Without a network, fetch http"):
        MobileNetV2(weights="imagenet", **SMALL)
    assert time.monotonic() - start < 20
    assert asked == ["/silent/weights.h5"] * 2  # tried again once
    assert not list((tmp_path / "home" / "models").iterdir())


def test_a_file_put_where_the_error_says_is_used_without_a_network(serve, published, tmp_path):
    asked = serve("/missing.h5")
    with pytest.raises(OSError) as error:
        MobileNetV2(weights="imagenet", **SMALL)
    place = Path(str(error.value).split("put it at ")[1].split("; or pass")[0])
    place.write_bytes((published[1] / "weights.h5").read_bytes())
    asked.clear()
    assert_same(MobileNetV2(weights="imagenet", **SMALL), published[0])
    assert not asked and place.parent == tmp_path / "home" / "models"


def test_a_damaged_file_in_the_cache_is_fetched_again(serve, published, tmp_path, capsys):
    serve()
    place = tmp_path / "home" / "models" / "weights.h5"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"half a file")
    assert_same(MobileNetV2(weights="imagenet", **SMALL), published[0])
    assert "incomplete or outdated" in capsys.readouterr().out
    assert place.read_bytes() == (published[1] / "weights.h5").read_bytes()


def test_another_file_in_the_cache_is_kept_and_named_without_a_network(serve, tmp_path):
    """Both ResNet50 of Keras are published under one name."""
    serve("/missing.h5")
    place = tmp_path / "home" / "models" / "weights.h5"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"the other one")
    with pytest.raises(OSError, match="what lies there now has another hash"):
        MobileNetV2(weights="imagenet", **SMALL)
    assert place.read_bytes() == b"the other one"


def test_nobody_at_the_address(serve, monkeypatch, tmp_path):
    serve()
    file = WeightsFile("weights.h5", "http://127.0.0.1:9/weights.h5", None)
    monkeypatch.setattr(mobilenet_v2, "_files", lambda alpha, size: (file, file))
    with pytest.raises(OSError, match="fetch http://127.0.0.1:9/weights.h5 elsewhere and put it at") as error:
        MobileNetV2(weights="imagenet", **SMALL)
    assert str(tmp_path / "home" / "models" / "weights.h5") in str(error.value)


@pytest.mark.parametrize("path", ["/missing.h5", "/cut/weights.h5"])
def test_what_cannot_be_downloaded_says_which_file_to_put_where(serve, tmp_path, path):
    serve(path)
    with pytest.raises(OSError) as error:
        MobileNetV2(weights="imagenet", **SMALL)
    assert str(tmp_path / "home" / "models" / "weights.h5") in str(error.value)
    assert path in str(error.value)
    assert not list((tmp_path / "home" / "models").iterdir())


def test_a_file_with_another_hash_is_refused_and_not_kept(serve, tmp_path):
    serve(file_hash="0" * 32)
    with pytest.raises(ValueError, match="is not the published file weights.h5, or was damaged.*hash"):
        MobileNetV2(weights="imagenet", **SMALL)
    assert not list((tmp_path / "home" / "models").iterdir())


def test_a_path_is_read(published):
    model, folder = published
    assert_same(MobileNetV2(weights=str(folder / "weights.h5"), **SMALL), model)


def test_arguments_without_published_weights_are_refused(published):
    with pytest.raises(ValueError, match="alpha must be one of"):
        MobileNetV2(weights="imagenet", alpha=0.9)


def files_in(module):
    """All published files that a module of an architecture lists."""

    def within(value):
        if isinstance(value, WeightsFile):
            yield value
        elif isinstance(value, dict | tuple):
            for inner in value.values() if isinstance(value, dict) else value:
                yield from within(inner)

    return {file for value in vars(module).values() for file in within(value)}


def our_files():
    """(name, address, hash) of all published files, those of MobileNets by their arguments."""
    modules = [getattr(applications, name) for name in sorted(set(applications.ARCHITECTURES.values()))]
    files = set().union(*map(files_in, modules))
    for name in _resnet_common._HASHES:
        files |= set(_resnet_common.published(name))
    for module, alphas, sizes in (
        (mobilenet, mobilenet._ALPHAS, (128, 160, 192, 224)),
        (mobilenet_v2, mobilenet_v2._ALPHAS, (96, 128, 160, 192, 224)),
    ):
        files |= {file for a in alphas for size in sizes for file in module._files(a, size)}
    return {(file.name, file.origin, file.file_hash) for file in files}


def test_published_files_are_those_of_keras():
    """The committed facts have every file, of the MobileNets those of size 224 or alpha 1."""
    facts = json.loads((Path(__file__).parent / "published_files.json").read_text(encoding="utf-8"))
    published, ours = {tuple(file) for file in facts["files"].values()}, our_files()
    assert not published - ours
    assert not [name for name, _, file_hash in ours - published if file_hash is not None]
    assert {name.split("_")[0] for name, _, _ in ours - published} == {"mobilenet"}


@pytest.mark.parametrize(
    "ours, other, place", [(resnet50, resnet, "resnet.ResNet50"), (resnet, resnet50, "resnet50.ResNet50")]
)
def test_a_file_of_the_other_resnet50_is_named(ours, other, place, tmp_path):
    arguments = {"include_top": False, "input_shape": (32, 32, 3)}
    other.ResNet50(weights=None, **arguments).save_weights(tmp_path / "weights.h5")
    with pytest.raises(ValueError, match=rf"other ResNet50 layout.*keras\.applications\.{place}"):
        ours.ResNet50(weights=str(tmp_path / "weights.h5"), **arguments)


def test_an_input_tensor_is_built_upon_and_the_bottom_is_fine_tuned():
    """The FAQ's recipe: a frozen bottom under a new head, then the last layers of the bottom as well."""
    tensor = keras.layers.Input((96, 96, 3))
    base = MobileNetV2(weights=None, input_tensor=tensor, alpha=0.35, include_top=False, pooling="avg")
    assert base.inputs[0] is tensor
    model = keras.Model(base.input, keras.layers.Dense(3, activation="softmax")(base.output))
    x = np.random.default_rng(0).standard_normal((4, 96, 96, 3)).astype("float32")
    y = np.eye(3, dtype="float32")[[0, 1, 2, 0]]
    for layer in base.layers:
        layer.trainable = False
    model.compile("adam", "categorical_crossentropy")
    before = [w.copy() for w in model.get_weights()]
    model.fit(x, y, batch_size=4, verbose=0)
    changed = [not np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert changed == [False] * (len(changed) - 2) + [True, True]
    for layer in base.layers:
        layer.trainable = True
    model.compile("adam", "categorical_crossentropy")
    before = [w.copy() for w in model.get_weights()]
    model.fit(x, y, batch_size=4, verbose=0)
    changed = [not np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert all(changed)
