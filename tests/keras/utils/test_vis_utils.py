"""Graphs of models: boxes, labels, arrows, nested models, files."""

from __future__ import annotations

import os
import shutil
import sys

import pytest

from kcompile.keras.utils import vis_utils
from tests.keras.utils import fake_models as fakes

pydot = pytest.importorskip("pydot")


class Wrapped(fakes.Layer):
    """TimeDistributed around a layer."""

    layer = None


@pytest.fixture(autouse=True)
def fake_classes(monkeypatch):
    monkeypatch.setattr(vis_utils, "is_model", lambda layer: isinstance(layer, fakes.Model))
    monkeypatch.setattr(vis_utils, "_is_wrapper", lambda layer: isinstance(layer, Wrapped))


def boxes(dot):
    """Box id -> label, those of framed models included."""
    found = {}
    for part in [dot, *dot.get_subgraphs()]:
        for node in part.get_nodes():
            if node.get_name() != "node":
                found[node.get_name().strip('"')] = node.get("label").strip('"')
    return found


def arrows(dot):
    """Arrows as pairs of layer labels."""
    labels = boxes(dot)
    return {
        (labels[edge.get_source().strip('"')], labels[edge.get_destination().strip('"')])
        for part in [dot, *dot.get_subgraphs()]
        for edge in part.get_edges()
    }


def test_sequential_shows_its_input_and_every_layer():
    dot = vis_utils.model_to_dot(fakes.mlp())
    assert list(boxes(dot).values()) == [
        "hidden_input: InputLayer",
        "hidden_with_a_very_long_name_indeed: Dense",
        "drop: Dropout",
        "bn: BatchNormalization",
        "out: Dense",
    ]
    assert ("drop: Dropout", "bn: BatchNormalization") in arrows(dot) and len(arrows(dot)) == 4
    assert (dot.get("rankdir"), dot.get("dpi")) == ("TB", 96)


def test_graph_shows_shared_layers_once_and_every_arrow():
    dot = vis_utils.model_to_dot(fakes.siamese(), show_layer_names=False, rankdir="LR", dpi=50)
    assert sorted(boxes(dot).values()) == [
        "Concatenate",
        "Dense",
        "Dense",
        "Flatten",
        "InputLayer",
        "InputLayer",
    ]
    assert len(dot.get_edges()) == 5  # two calls between the same boxes are one arrow
    assert (dot.get("rankdir"), dot.get("dpi")) == ("LR", 50)


def test_shapes_are_written_as_keras_writes_them():
    model = fakes.mlp()
    model.layers[3].input_shape = (None, 256)
    labels = boxes(vis_utils.model_to_dot(model, show_shapes=True))
    assert "out: Dense\n|{input:|output:}|{{(None, 256)}|{(None, 10)}}" in labels.values()
    assert "drop: Dropout\n|{input:|output:}|{{multiple}|{(None, 256)}}" in labels.values()


def test_nested_model_is_a_box_or_a_frame():
    model = fakes.nested()
    assert arrows(vis_utils.model_to_dot(model)) == {
        ("x: InputLayer", "mlp: Sequential"),
        ("mlp: Sequential", "frozen: Dense"),
    }
    dot = vis_utils.model_to_dot(model, expand_nested=True)
    (frame,) = dot.get_subgraphs()
    assert frame.get("label") == "mlp" and len(frame.get_nodes()) == 5
    assert {("x: InputLayer", "hidden_input: InputLayer"), ("out: Dense", "frozen: Dense")} <= arrows(dot)
    assert "mlp: Sequential" not in boxes(dot).values()


def test_wrapped_model_is_framed_and_wrapped_layer_named():
    source = fakes.layer("InputLayer", "x", (None, 7, 784))
    wrapper = Wrapped("every_step", (None, 7, 10))
    wrapper.layer = fakes.mlp()
    last = fakes.layer("Dense", "last", (None, 7, 2))
    first = source()
    model = fakes.Model("m", [first], [last(wrapper(first))], [source, wrapper, last])
    assert "every_step(mlp): Wrapped(Sequential)" in boxes(vis_utils.model_to_dot(model)).values()
    dot = vis_utils.model_to_dot(model, expand_nested=True)
    assert {
        ("x: InputLayer", "every_step: Wrapped"),
        ("every_step: Wrapped", "hidden_input: InputLayer"),
        ("out: Dense", "last: Dense"),
    } <= arrows(dot)


def test_an_edge_is_added_once():
    dot = pydot.Dot()
    for _ in range(2):
        vis_utils.add_edge(dot, "1", "2")
    assert len(dot.get_edges()) == 1


def test_dot_file_needs_no_graphviz(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert vis_utils.plot_model(fakes.mlp(), tmp_path / "m.dot") is None
    text = (tmp_path / "m.dot").read_text()
    assert text.startswith("digraph") and text.count("->") == 4


def test_missing_graphviz_is_named_and_an_old_picture_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    picture = tmp_path / "m.png"
    picture.write_text("old")
    with pytest.raises(OSError, match="install GraphViz"):
        vis_utils.plot_model(fakes.mlp(), picture)
    assert picture.read_text() == "old" and os.listdir(tmp_path) == ["m.png"]


def test_missing_pydot_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydot", None)
    with pytest.raises(ImportError, match="needs pydot, which is not installed"):
        vis_utils.model_to_dot(fakes.mlp())


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
def test_picture_is_drawn(tmp_path):
    vis_utils.plot_model(fakes.mlp(), tmp_path / "m.png", show_shapes=True)
    assert (tmp_path / "m.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "name",
    [
        '"a"; node [URL="http://evil"]; "b"',
        "<<img src='/etc/passwd'/>>",
        "a|{b}",
        "a\\",
        'a"',
        '"',
        "\x1b[2J\u202e",
    ],
)
def test_name_of_any_form_is_text_of_its_box(name):
    model = fakes.mlp()
    model.layers[0].name = model.name = name
    for nested in (False, True):
        text = vis_utils.model_to_dot(model, show_shapes=nested, subgraph=nested).to_string()
        assert text.isprintable() or set(text) - set("\n\t") == {c for c in text if c.isprintable()}
        if nested:
            text = f"digraph G {{\n{text}\n}}"
        (parsed,) = pydot.graph_from_dot_data(text)
        parsed = parsed.get_subgraphs()[0] if nested else parsed
        labels = [node.get("label") for node in parsed.get_nodes() if node.get("label")]
        assert len(labels) == len(model.layers) + 1
        assert all("URL" not in node.get_attributes() for node in parsed.get_nodes())
        assert not any(label.startswith("<") for label in labels)
