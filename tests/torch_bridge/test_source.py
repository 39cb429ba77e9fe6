"""Operator functions as source: what is known is worked in, what remains is brought along."""

from __future__ import annotations

import math

import numpy as np
import onnx
import pytest

torch = pytest.importorskip("torch")

from kcompile.ir import Constant, Graph, OperatorError, Value, op  # noqa: E402
from kcompile.ir.identifiers import Identifiers  # noqa: E402
from kcompile.onnx_io.reading import read_graph  # noqa: E402
from kcompile.torch_bridge.arrays import as_array, as_tensor  # noqa: E402
from kcompile.torch_bridge.ops import OPERATORS  # noqa: E402
from kcompile.torch_bridge.source import (  # noqa: E402
    FunctionSources,
    GraphPrinter,
    NoSource,
    NotKnown,
    literal,
)
from kcompile.torch_bridge.source.tracing import Symbol, statements, trace  # noqa: E402

from .node_tests import arrays, compare  # noqa: E402
from .operators_table import RANDOM, exclusion  # noqa: E402
from .test_onnx_node_tests import cases_by_operator  # noqa: E402


def written(name, *args, **kwargs) -> str:
    """The lines that a call of an operator becomes."""
    names = Identifiers(set())
    lines, result = statements(trace(OPERATORS[name].function, args, kwargs), names.free)
    return "; ".join([*lines, result])


X = Symbol("x", (None, 5, 3), "float32")
N = Symbol("n", (None, 5), "int64")
SIZE = Symbol("k.shape[0]", kind=int)
DEVICE = Symbol("x.device", kind=None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (written("Add", X, 2.0), "x + 2.0"),
        (written("Div", X, X), "x / x"),
        (written("Div", N, N), "torch.div(n, n, rounding_mode='trunc')"),
        (written("Transpose", X, perm=(0, 2, 1)), "x.permute((0, 2, 1))"),
        (written("Transpose", X), "x.permute((2, 1, 0))"),
        (written("Reshape", X, (-1, 15)), "x.reshape((-1, 15))"),
        (written("Reshape", X, (0, -1)), "x.reshape((x.shape[0], -1))"),
        (written("Reshape", X, (SIZE * 2, 15)), "x.reshape((k.shape[0] * 2, 15))"),
        (written("Flatten", X), "x.reshape(x.shape[0], 15)"),
        (written("Split", X, axis=1, outputs=2), "x.split([3, 2], 1)"),
        (written("Squeeze", X, (1,)), "x.squeeze((1,))"),
        (written("Unsqueeze", X, (0, 2)), "x.unsqueeze(0).unsqueeze(2)"),
        (written("Slice", X, (0,), (2,), (1,)), "x[:, 0:2:1, :]"),
        (written("Pow", X, 2.0), "torch.pow(x, 2.0).to(torch.float32)"),
        (written("Equal", X, 2.0), "torch.eq(x, 2.0)"),
        (
            written("Range", 0, SIZE, 2, output_dtype=torch.int64, device=DEVICE),
            "product = torch.arange(max(math.ceil((k.shape[0] - 0) / 2), 0), device=x.device) * 2; "
            "(0 + product).to(torch.int64)",
        ),
        (
            written("MeanVarianceNormalization", X, axes=(1,)),
            "difference = x - x.mean((1,), keepdim=True); "
            "difference / (difference.square().mean((1,), keepdim=True).sqrt() + 1e-09)",
        ),
        (written("ReduceMean", X, (1,), keepdims=0), "torch.mean(x, (1,), False)"),
        (written("Concat", X, X, axis=1), "torch.cat((x, x), 1)"),
        (written("Clip", X, 0.0, None), "torch.clamp(x, 0.0, None)"),
        (written("Einsum", X, X, equation="abc,abc -> a"), "torch.einsum('abc,abc->a', x, x)"),
    ],
)
def test_calls_become_torchs(text, expected) -> None:
    assert text == expected


def test_a_long_operand_is_a_statement_of_its_own() -> None:
    places = Symbol("self.places_of_the_rows", (4, 2), "int64")
    first, result = written("Gather", X, places, axis=1).split("; ")
    assert first.startswith("where = torch.where(self.places_of_the_rows < 0, ")
    assert result == "x.index_select(1, where.long().reshape(-1)).reshape((x.shape[0], 4, 2, 3))"


@pytest.mark.parametrize(
    ("name", "args", "kwargs"),
    [
        ("ReduceMax", [X, (0,)], {}),  # nothing to reduce over has a result of its own
        ("Gather", [X, Symbol("i", None, "int64")], {"axis": 1}),
        ("TopK", [X, 1], {}),
        ("If", [Symbol("c", (), "bool")], {"then_branch": None, "then_branch_captures": (),
                                           "else_branch": None, "else_branch_captures": ()}),
        ("Dropout", [X, 0.5, SIZE > 3], {}),
        ("DeformConv", [Symbol("x", (1, 2, 4, 4), "float32"), Symbol("w", (1, 2, 2, 2), "float32"),
                        Symbol("o", (1, 8, 3, 3), "float32")], {}),  # long, and assigns to elements
    ],
)  # fmt: skip
def test_what_depends_on_the_values_is_not_decided(name, args, kwargs) -> None:
    with pytest.raises(NotKnown):
        trace(OPERATORS[name].function, args, kwargs)


def test_an_error_of_a_function_is_not_taken_for_an_open_question() -> None:
    with pytest.raises(IndexError):
        trace(OPERATORS["ReduceMax"].function, [X, (7,)], {})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ((1,), "(1,)"),
        (float("-inf"), "float('-inf')"),
        (torch.float32, "torch.float32"),
        (torch.relu, "torch.relu"),
        ([1, (2.5, None)], "[1, (2.5, None)]"),
        ("'); import os #", '"\'); import os #"'),
    ],
)
def test_literals(value, expected) -> None:
    assert literal(value) == expected


def test_what_has_no_source_is_refused() -> None:
    with pytest.raises(NotKnown, match="object"):
        literal(object())


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


# --- ONNX's node tests, as source ---


def opened(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with no size of its inputs known."""
    model = onnx.ModelProto.FromString(model.SerializeToString())
    for place, value in enumerate(model.graph.input):
        for axis, size in enumerate(value.type.tensor_type.shape.dim):
            size.dim_param = f"size_{place}_{axis}"
    del model.graph.value_info[:]
    for value in model.graph.output:
        value.type.tensor_type.ClearField("shape")
    return model


def run_as_source(model: onnx.ModelProto, inputs: list[np.ndarray]) -> tuple[np.ndarray, ...]:
    """What the statements of a model give.

    Raises:
        NoSource: if there are none.
    """
    graph = read_graph(model)
    functions = FunctionSources(set())
    names = functions.variables()
    arguments = [names.free("x") for _ in graph.inputs]
    printer = GraphPrinter(functions, _refused, names.free, "", _refused, lambda hint, text: text)
    outputs, _ = printer.graph(graph, arguments)
    imports = ["from __future__ import annotations", *sorted(functions.imports)]
    text = "\n\n".join([*imports, *functions.texts.values(), *printer.lines])
    given = dict(zip(arguments, map(as_tensor, inputs), strict=True))
    namespace = {"torch": torch, "F": torch.nn.functional, "math": math, **given}
    with torch.no_grad():
        exec(f"{text}\nresults = ({', '.join(outputs)},)", namespace)
    return tuple(as_array(torch.as_tensor(result)) for result in namespace["results"])


def _refused(*given: object) -> str:
    raise NoSource("parameters and bodies are not written here")


@pytest.mark.parametrize("sizes", ["known", "open"])
@pytest.mark.parametrize("operator", sorted(OPERATORS))
def test_source_passes_every_node_test(operator: str, sizes: str) -> None:
    problems = []
    for case in cases_by_operator().get(operator, []):
        if exclusion(case) is not None or case.name.startswith(RANDOM):
            continue
        model = opened(case.model) if sizes == "open" else case.model
        for inputs, expected in case.data_sets:
            try:
                compare(case, run_as_source(model, arrays(inputs)), arrays(expected))
            except (NoSource, OperatorError):
                continue
            except Exception as error:
                problems.append(f"{case.name}: {type(error).__name__}: {str(error)[:300]}")
    assert problems == []
