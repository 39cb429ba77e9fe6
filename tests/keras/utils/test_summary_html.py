"""A model as HTML in a notebook: its layers, and nothing that a name could add."""

from __future__ import annotations

import os
from html.parser import HTMLParser
from pathlib import Path

import pytest

from kcompile import keras
from kcompile.keras import layers as L
from tests.golden.summaries import models

ROOT = Path(__file__).parents[3]


class Seen(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.tags, self.text = [], [], ""

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.tags.append(tag)
        assert {name for name, _ in attrs} <= {"style", "colspan"}

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += f"{data}\n"


def seen(model):
    parser = Seen()
    parser.feed(model._repr_html_())
    parser.close()
    assert not parser.open
    return parser


ALLOWED = {"div", "strong", "table", "thead", "tbody", "tr", "th", "td", "em", "details", "summary"}


@pytest.mark.parametrize("name", list(models.MODELS))
def test_every_layer_is_shown_nested_ones_too(name):
    model = models.MODELS[name](keras)
    found = seen(model)
    assert set(found.tags) <= ALLOWED
    layers = [*model.layers, *(x for layer in model.layers for x in getattr(layer, "layers", ()))]
    assert all(layer.name in found.text for layer in layers)
    assert f"{model.count_params():,} parameters" in found.text
    assert found.tags.count("details") == sum(bool(getattr(layer, "layers", ())) for layer in model.layers)


def test_names_are_text():
    evil = "<script>alert(1)</script>\x1b[2J&amp;\"'"
    model = keras.Sequential([L.Dense(1, input_shape=(2,), name=evil)], name="<img src=x onerror=alert(1)>")
    html = model._repr_html_()
    assert "<script" not in html and "<img" not in html and "\x1b" not in html
    assert set(seen(model).tags) <= ALLOWED


def test_a_model_without_shapes_says_so():
    assert "not built yet" in keras.Sequential([L.Dense(1)])._repr_html_()


def test_a_notebook_shows_a_model(monkeypatch):
    pytest.importorskip("ipykernel")
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    source = (
        "from kcompile import keras\n"
        "keras.Sequential([keras.layers.Dense(3, name='shown', input_shape=(2,))])"
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(ROOT / "runtime")]))
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    (output,) = notebook.cells[0].outputs
    assert "shown" in output["data"]["text/html"] and "<table" in output["data"]["text/html"]
