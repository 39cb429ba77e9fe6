"""``weights=``: None, a path, or "imagenet" through the cache, against a server of our own."""

from __future__ import annotations

import functools
import hashlib
import http.server
import threading

import numpy as np
import pytest

from kcompile import keras
from kcompile.keras.applications import MobileNetV2, mobilenet_v2
from kcompile.keras.applications._weights import WeightsFile

SMALL = {"alpha": 0.35, "input_shape": (96, 96, 3), "include_top": False}


class _Handler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder; /moved/NAME redirects, /cut/NAME breaks off half way."""

    def do_GET(self):
        self.server.asked.append(self.path)
        if self.path.startswith("/moved/"):
            self.send_response(302)
            self.send_header("Location", self.path[len("/moved") :])
            self.end_headers()
        elif self.path.startswith("/cut/"):
            content = open(self.translate_path(self.path[len("/cut") :]), "rb").read()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2])
        else:
            super().do_GET()

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
    server.asked = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))

    def publish(path="/weights.h5", file_hash=None):
        file_hash = file_hash or hashlib.md5((folder / "weights.h5").read_bytes()).hexdigest()
        file = WeightsFile("weights.h5", f"http://127.0.0.1:{server.server_port}{path}", file_hash)
        monkeypatch.setattr(mobilenet_v2, "_files", lambda alpha, size: (file, file))
        return server.asked

    yield publish
    server.shutdown()
    server.server_close()


def assert_same(model, other):
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("path", ["/weights.h5", "/moved/weights.h5"])
def test_imagenet_is_downloaded_once_checked_and_read(serve, published, tmp_path, path):
    asked = serve(path)
    assert_same(MobileNetV2(weights="imagenet", **SMALL), published[0])
    count = len(asked)
    assert_same(MobileNetV2(weights="imagenet", **SMALL), published[0])
    assert len(asked) == count  # the cache needs no network
    assert [p.name for p in (tmp_path / "home" / "models").iterdir()] == ["weights.h5"]


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
    with pytest.raises(ValueError, match="hash"):
        MobileNetV2(weights="imagenet", **SMALL)
    assert not list((tmp_path / "home" / "models").iterdir())


def test_a_path_is_read(published):
    model, folder = published
    assert_same(MobileNetV2(weights=str(folder / "weights.h5"), **SMALL), model)


def test_arguments_without_published_weights_are_refused(published):
    with pytest.raises(ValueError, match="alpha must be one of"):
        MobileNetV2(weights="imagenet", alpha=0.9)


def test_every_published_file_has_an_https_address_and_most_a_hash():
    from kcompile.keras.applications import densenet, nasnet, vgg16, xception
    from kcompile.keras.applications._resnet_common import _HASHES, published

    files = [*vgg16._FILES, *xception._FILES, *nasnet._LARGE, *nasnet._MOBILE]
    files += [file for name in _HASHES for file in published(name)]
    assert {len(v) for pair in densenet._HASHES.values() for v in pair} == {32}
    for file in files:
        assert file.origin.startswith("https://") and len(file.file_hash) == 32
    assert len({file.origin for file in files}) == len(files)


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
