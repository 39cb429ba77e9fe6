"""Operator functions as source: what is known is worked in, what remains is brought along."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from kcompile.ir import Constant, Graph, Value, op  # noqa: E402
from kcompile.ir.identifiers import Identifiers  # noqa: E402
from kcompile.torch_bridge.ops import OPERATORS  # noqa: E402
from kcompile.torch_bridge.source import FunctionSources, GraphPrinter, NoSource, literal  # noqa: E402
from kcompile.torch_bridge.source.specialization import NotStraight, Unknown, specialise  # noqa: E402


def written(name, *args, **kwargs) -> str:
    """The expression that a call of an operator becomes."""
    statements, result, _ = specialise(OPERATORS[name].function, list(args), kwargs)
    assert not statements
    return result


X = Unknown("x", (None, 5, 3), "float32")
N = Unknown("n", (None, 5), "int64")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (written("Add", X, 2.0), "x + 2.0"),
        (written("Div", X, X), "x / x"),
        (written("Div", N, N), "torch.div(n, n, rounding_mode='trunc')"),
        (written("Transpose", X, perm=(0, 2, 1)), "x.permute((0, 2, 1))"),
        (written("Transpose", X), "x.permute((2, 1, 0))"),
        (written("Reshape", X, (-1, 15)), "x.reshape((-1, 15))"),
        (written("Reshape", X, Unknown("(*x.shape[:1], 15)", tensor=False)), "x.reshape((*x.shape[:1], 15))"),
        (written("ReduceMean", X, (1,), keepdims=0), "torch.mean(x, (1,), False)"),
        (written("Concat", X, X, axis=1), "torch.cat((x, x), 1)"),
        (written("Clip", X, 0.0, None), "torch.clamp(x, 0.0, None)"),
        (written("Einsum", X, X, equation="abc,abc -> a"), "torch.einsum('abc,abc->a', x, x)"),
    ],
)
def test_calls_become_torchs(text, expected) -> None:
    assert text == expected


@pytest.mark.parametrize(
    ("name", "args", "kwargs"),
    [
        ("Reshape", [X, (0, -1)], {}),  # copies sizes that are known at run time alone
        ("Split", [X], {"axis": 0, "outputs": 2}),
        ("Gather", [X, Unknown("i", None, "int64")], {"axis": 1}),
    ],
)
def test_what_depends_on_the_values_is_not_decided(name, args, kwargs) -> None:
    with pytest.raises(NotStraight):
        specialise(OPERATORS[name].function, args, kwargs)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ((1,), "(1,)"),
        (float("-inf"), 'float("-inf")'),
        (torch.float32, "torch.float32"),
        (torch.relu, "torch.relu"),
        ([1, (2.5, None)], "[1, (2.5, None)]"),
        (object(), None),
    ],
)
def test_literals(value, expected) -> None:
    assert literal(value) == expected


@pytest.mark.parametrize("name", sorted(OPERATORS))
def test_the_text_of_every_operator_runs_by_itself(name) -> None:
    function = OPERATORS[name].function
    if not function.__module__.startswith("kcompile"):
        pytest.skip("torch's own")
    sources = FunctionSources(set())
    called = sources.add(function)
    head = ["from __future__ import annotations", "import torch", "import torch.nn.functional as F"]
    text = "\n\n".join([*head, *sorted(sources.imports), *sources.texts.values()])
    assert "kcompile" not in text.replace("kcompile's", "")
    namespace: dict = {"__name__": "__main__"}
    exec(compile(text, name, "exec"), namespace)
    assert callable(namespace[called])


def test_a_name_that_is_taken_is_refused() -> None:
    with pytest.raises(NoSource, match="taken"):
        FunctionSources({"Conv"}).add(OPERATORS["Conv"].function)


def test_a_graph_is_printed_and_runs() -> None:
    x = Value("float32", ("batch", 4), "x")
    low, high = op.Split(x, num_outputs=2, axis=1, outputs=2)
    y = op.Mul(op.Add(low, op.Tanh(high)), Constant([2.0, 3.0], "float32"))
    names = Identifiers({"x"})
    printer = GraphPrinter(
        FunctionSources(set()), lambda p: p.name, names.free, "", _refuse,
        lambda hint, text: f"({text})",
    )  # fmt: skip
    outputs, updates = printer.graph(Graph([y], [x]), ["x"])
    assert not updates
    data = torch.arange(8.0).reshape(2, 4)
    namespace = {"torch": torch, "x": data}
    functions = "\n\n".join(["from __future__ import annotations", *printer.functions.texts.values()])
    exec(functions + "\n" + "\n".join([*printer.lines, f"result = {outputs[0]}"]), namespace)
    expected = (data[:, :2] + torch.tanh(data[:, 2:])) * torch.tensor([2.0, 3.0])
    torch.testing.assert_close(namespace["result"], expected)


def _refuse(*given):
    raise AssertionError("no body here")
