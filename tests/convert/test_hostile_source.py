"""Source from files: whatever texts a file holds, the source is that of the same network with plain names."""

from __future__ import annotations

import ast
import builtins
import os

import numpy as np
import onnx
import pytest
import torch
from onnx import helper, numpy_helper

from kcompile.convert import ConversionError, module_source, write_module
from kcompile.convert.source_check import check_source
from kcompile.ir.identifiers import Identifiers, identifier
from kcompile.keras import layers as L
from kcompile.keras.models import Model, load_model
from kcompile.keras.state_dict.names import AttributeNames

CODE = "__import__('os').system('touch pwned')"
TEXTS = {
    "plain code": CODE,
    "index": f"buffers[{CODE}]",
    "call": "weight(exec(bytes([1,2])))",
    "attribute": "__class__.__init__.__globals__",
    "private": "_parameters",
    "end of a line": f"w\n{CODE}\n",
    "carriage return": f"w\r{CODE}",
    "form feed": f"w\x0c{CODE}",
    "separators": f"w\x85{CODE}\u2028{CODE}\x1c{CODE}",
    "nothing": "w\x00",
    "quotes": f"'+{CODE}+'",
    "double quotes": f'"+{CODE}+"',
    "end of a docstring": f'"""\n{CODE}\n"""',
    "backslash": "\\",
    "backslash and quote": f'\\"""{CODE}#',
    "escape": "\\N{BULLET}\\x41\\u0041",
    "comment": "w # type: ignore",
    "braces": "{0.__class__}{}{name}{{",
    "percent": "%s%(x)d",
    "placeholder": "\n{imports}\nfrom pathlib import Path\n",
    "helper": "unpacked(",
    "class": "class A(nn.Module):\n    STATES = ()",
    "keyword": "lambda",
    "builtin": "max",
    "module": "torch",
    "self": "self",
    "load": "load",
    "method": "forward",
    "second method": "forward_2",
    "digits": "0.0.0",
    "dots": "...",
    "compatibility letters": "ﬁ",
    "letters of other scripts": "가중치",
    "right to left": "\u202ew\u202c",
    "terminal": "\x1b[2J",
    "slashes": "../../etc/passwd",
    "long": "w" * 5000,
    "deep": ".".join("abc" * 2000),
    "Torch": "Conv",
    "function of the bridge": "Gather",
    "metadata": "INPUTS",
    "state": "STATES",
}


def assert_same_code(source: str, plain: str) -> None:
    """A source calls, reads and names what the other does, but for names that it gives itself."""
    assert _words(source) - _bound(source) <= _words(plain) | {"Module", "call nn.Module"}
    hidden = _bound(source, attributes=False) - _bound(plain, attributes=False)
    assert not hidden & {*dir(builtins), "torch", "nn", "F", "self", "Path"}


def _words(source: str) -> set[str]:
    """Names, attributes and called functions; those that the source defines as ``_``."""
    found, own = set(), _bound(source)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.Call):
            root, *attributes = ast.unparse(node.func).split(".")
            if root != "self":
                found.add("call " + ".".join(["_" if root in own else root, *attributes]))
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found.update(f"import {getattr(node, 'module', '')} {alias.name}" for alias in node.names)
        elif isinstance(node, ast.alias | ast.arguments | ast.Constant | ast.expr_context | ast.arg):
            pass
        else:
            found.add(type(node).__name__)
    return found


def _bound(source: str, attributes: bool = True) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.update([node.attr] if attributes and isinstance(node.ctx, ast.Store) else [])
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "register_buffer":
            found.add(node.args[0].value)
    return found


def network(text: str) -> onnx.ModelProto:
    """A network with a text wherever ONNX takes one: two weights, a buffer, a body, all kinds of nodes."""
    name = {key: f"{text}{key}" for key in ("x", "y", "a", "b", "c", "h", "k", "s", "z", "then", "else")}
    weights = [
        numpy_helper.from_array(np.full((3, 3), 0.5, "f"), name["a"]),
        numpy_helper.from_array(np.full((3,), 0.25, "f"), name["b"]),
        numpy_helper.from_array(np.arange(3), name["c"]),
    ]

    def branch(key: str, operator: str) -> onnx.GraphProto:
        out = helper.make_tensor_value_info(name[key], 1, ["N", 3])
        node = helper.make_node(operator, [name["k"]], [name[key]], name=text, doc_string=text)
        return helper.make_graph([node], text, [], [out])

    nodes = [
        helper.make_node("MatMul", [name["x"], name["a"]], [name["h"]], name=text, doc_string=text),
        helper.make_node("Einsum", [name["h"], name["b"]], [name["k"]], equation="ab,b->ab", name=text + "2"),
        helper.make_node("ReduceMax", [name["k"]], [name["s"]], keepdims=0, name=text + "3"),
        helper.make_node("Cast", [name["s"]], [name["z"]], to=9, name=text + "4"),
        helper.make_node(
            "If", [name["z"]], [name["y"]],
            then_branch=branch("then", "Tanh"), else_branch=branch("else", "Relu"), name=text + "5",
        ),
    ]  # fmt: skip
    ends = [[helper.make_tensor_value_info(name[key], 1, ["N", 3])] for key in ("x", "y")]
    graph = helper.make_graph(nodes, text, *ends, weights, doc_string=text)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    model.producer_name = model.doc_string = model.domain = text
    helper.set_model_props(model, {text or "key": text})
    return model


@pytest.mark.parametrize("case", TEXTS)
def test_texts_of_an_onnx_file_change_nothing_but_names(case, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    sources = []
    for text in ("plain", TEXTS[case]):
        onnx.save(network(text), tmp_path / "m.onnx")
        model = load_model(tmp_path / "m.onnx")
        write_module(model, tmp_path / "net.py")  # runs it, and compares
        sources.append((tmp_path / "net.py").read_text(encoding="utf-8"))
    assert_same_code(sources[1], sources[0])
    assert sorted(os.listdir(tmp_path)) == ["m.onnx", "net.pt", "net.py"]


@pytest.mark.parametrize("case", [case for case in TEXTS if case != "slashes"])
def test_names_of_a_keras_file_change_nothing_but_names(case, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    sources = []
    for text in ("plain", TEXTS[case]):
        x = L.Input((6, 3), name=f"{text} x")
        y = L.ONNXGraph(network(text).SerializeToString(), name=f"{text} g")(L.Dense(3, name=text)(x)[:, 0])
        z = L.LSTM(2, name=f"{text} l")(L.Masking(0.5, name=f"{text} m")(x))
        z = L.PReLU(name=f"{text} p")(L.LocallyConnected1D(2, 2, name=f"{text} c")(x))
        model = Model(x, [y, z], name=f"{text} n")
        write_module(model, tmp_path / "net.py")
        sources.append((tmp_path / "net.py").read_text(encoding="utf-8"))
    assert_same_code(sources[1], sources[0])
    assert sorted(os.listdir(tmp_path)) == ["net.pt", "net.py"]


def test_numbers_of_a_config_are_numbers_in_the_source() -> None:
    """What a template writes as a number is one, whatever the attribute holds."""
    x = L.Input((4, 3))
    for layer, attribute in (
        (L.RepeatVector(2), "n"),
        (L.Dropout(0.5), "rate"),
        (L.LeakyReLU(0.5), "alpha"),
        (L.ELU(0.5), "alpha"),
        (L.Masking(0.5), "mask_value"),
        (L.GaussianNoise(0.5), "stddev"),
        (L.BatchNormalization(), "epsilon"),
    ):
        model = Model(x, layer(L.Flatten()(x) if isinstance(layer, L.RepeatVector) else x))
        setattr(layer, attribute, CODE)
        try:
            source = module_source(model)
        except (ConversionError, TypeError, ValueError):
            continue
        names = {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}
        assert "__import__" not in names


PLANTED = {
    "import": "import os",
    "call of a builtin": "exec('1')",
    "open": "x = open('a')",
    "dunder": "x = x.__class__",
    "private attribute": "self._modules = x",
    "torch.load": "x = torch.load('a')",
    "hub": "x = torch.hub.load('a', 'b')",
    "library": "torch.ops.load_library('a')",
    "lambda": "x = (lambda: 1)()",
    "comprehension": "x = [y for y in x]",
    "f string": "x = f'{x}'",
    "walrus": "x = (y := x)",
    "unknown name": "x = os.system('a')",
    "called result": "x = x.item()(1)",
    "global": "global torch",
    "delete": "del x",
    "assert": "assert x",
    "while": "while x: pass",
    "try": "try:\n            x = 1\n        except Exception:\n            x = 2",
}


@pytest.mark.parametrize("case", PLANTED)
def test_code_that_no_template_writes_is_refused(case) -> None:
    text = (
        "import torch\nfrom torch import nn\n\n\nclass Net(nn.Module):\n"
        "    def forward(self, x):\n        {}\n        return torch.relu(x)\n"
    )
    check_source(text.format("x = x.flatten(1)"), ())
    with pytest.raises(ConversionError, match="no layer needs"):
        check_source(text.format(PLANTED[case]), ())


@pytest.mark.parametrize(
    "line", ["print(1)", "if True: pass", "for x in (): pass", "del nn", "raise OSError"]
)
def test_a_file_runs_nothing_on_import(line) -> None:
    with pytest.raises(ConversionError, match="on import, which no layer needs"):
        check_source(f'"""Docs."""\nfrom torch import nn\n{line}\n', ())


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_identifiers_are_ascii_and_each_is_given_once(text) -> None:
    names = Identifiers()
    given = [names.free(text) for _ in range(3)] + [names.free(f"{text}_1")]
    assert len(set(given)) == 4
    for name in given:
        assert name.isidentifier() and name.isascii() and not name.startswith("_") and len(name) < 300
        assert ast.dump(ast.parse(name).body[0].value).startswith("Name(")


def test_no_attribute_of_a_module_is_hidden() -> None:
    names = AttributeNames()
    for name in dir(nn := torch.nn.Module()):
        assert not hasattr(nn, names.free(name))
    assert identifier("") == "layer"
