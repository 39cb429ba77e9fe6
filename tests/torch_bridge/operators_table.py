"""What the bridge claims, measured by ONNX's own node tests: the rules, and docs/operators.md made of them.

    python -m tests.torch_bridge.operators_table docs/operators.md

A node test is outside the claim only by one of the rules in ``exclusion``: everything else has to pass, and
test_onnx_node_tests.py runs it. The tests follow the newest operator set, the IR speaks version 21.
"""

from __future__ import annotations

import re
import sys
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, defs

from kcompile.ir import OPSET, OperatorError
from kcompile.onnx_io.errors import FormatError
from kcompile.onnx_io.reading import STANDARD_DOMAINS, opset_of, read_graph
from kcompile.torch_bridge.ops import OPERATORS

# Resolved before lowering.
RESOLVED = ("Constant", "Identity")

# Operators of version 21 that the bridge does not claim, and why.
UNCLAIMED: dict[str, tuple[str, ...]] = {
    "values that are no tensors: sequences and optionals": (
        "ConcatFromSequence",
        "Optional",
        "OptionalGetElement",
        "OptionalHasElement",
        "SequenceAt",
        "SequenceConstruct",
        "SequenceEmpty",
        "SequenceErase",
        "SequenceInsert",
        "SequenceLength",
        "SequenceMap",
        "SplitToSequence",
    ),
    "strings, which PyTorch has no tensors of": (
        "RegexFullMatch",
        "StringConcat",
        "StringNormalizer",
        "StringSplit",
        "TfIdfVectorizer",
    ),
    "decoding of image files": ("ImageDecoder",),
}

# Element types that PyTorch lacks.
LACKING = {
    TensorProto.DataType.Value(name): name.lower()
    for name in ("STRING", "INT4", "UINT4", "INT2", "UINT2", "FLOAT4E2M1", "FLOAT8E8M0")
    if name in TensorProto.DataType.keys()  # noqa: SIM118 - an enum wrapper, not a dict
}

# Tests that use what a version after or before the IR's says differently.
OTHER_VERSIONS = {
    "test_scan_sum": "Scan of version 8 has a batch axis, which version 9 dropped",
    "test_spacetodepth_crd_mode_example": "the attribute mode of SpaceToDepth came with version 28",
}

# Draws of numpy's generator that no other program repeats: types, shapes and what is possible are compared.
RANDOM = ("test_bernoulli", "test_training_dropout")


@lru_cache(maxsize=1)
def node_tests() -> tuple[Any, ...]:
    """All node tests of the installed ONNX; making them takes some seconds."""
    from onnx.backend.test.loader import load_model_tests

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the cases divide by zero on purpose
        return tuple(load_model_tests(kind="node"))


#: What ``exclusion`` found, by the names of tests: some are read for it, and several files of tests ask.
_EXCLUSIONS: dict[str, str | None] = {}


def exclusion(case: Any) -> str | None:
    """Why a node test is outside of the claim; None if it has to pass."""
    if case.name not in _EXCLUSIONS:
        _EXCLUSIONS[case.name] = _exclusion(case)
    return _EXCLUSIONS[case.name]


def _exclusion(case: Any) -> str | None:
    nodes = list(_nodes(case.model.graph))
    version = opset_of(case.model)
    foreign = sorted({node.domain for node in nodes if node.domain not in STANDARD_DOMAINS})
    if foreign:
        return f"operators of the domain {foreign[0]}"
    names = {node.op_type for node in nodes}
    for reason, operators in UNCLAIMED.items():
        if names.intersection(operators):
            return reason
    values = (*case.model.graph.input, *case.model.graph.output)
    if any(value.type.WhichOneof("value") != "tensor_type" for value in values):
        return next(iter(UNCLAIMED))
    lacking = sorted({LACKING[t] for t in _element_types(case.model.graph, nodes) if t in LACKING})
    if lacking:
        return f"the element type {lacking[0]}, which PyTorch lacks"
    if case.name in OTHER_VERSIONS:
        return OTHER_VERSIONS[case.name]
    since = {name: defs.get_schema(name, version, "").since_version for name in names}
    if version <= OPSET or max(since.values()) <= OPSET:
        return None
    try:
        read_graph(case.model)
    except (OperatorError, FormatError) as error:
        new = sorted(name for name in names if _is_new(name))
        if new:
            return f"{new[0]}, which came with version {since[new[0]]}"
        typed = re.search(r"(\w+)\(.*has unsupported type", str(error))
        if typed is not None and since[typed[1]] > OPSET:
            return f"an element type that {typed[1]} takes since a version after {OPSET}"
    return None


def subject(case: Any, operators: dict[str, str]) -> str:
    """The operator that a node test is about.

    Args:
        operators: what was found so far: the body of a function is tested under the name of its operator.
    """
    base = case.name.partition("_expanded")[0]
    if base != case.name and base in operators:
        return operators[base]
    names = [node.op_type for node in case.model.graph.node if node.op_type not in RESOLVED]
    return next((n for n in names if n in ("If", "Loop", "Scan")), names[0] if names else "Identity")


def by_operator(cases: Iterable[Any]) -> dict[str, list[Any]]:
    """Node tests by the operator that they are about."""
    operators: dict[str, str] = {}
    found: dict[str, list[Any]] = defaultdict(list)
    for case in cases:
        operators[case.name] = subject(case, operators)
        found[operators[case.name]].append(case)
    return found


def _nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for body in [attribute.g] if attribute.HasField("g") else attribute.graphs:
                yield from _nodes(body)


def _element_types(graph: onnx.GraphProto, nodes: list[onnx.NodeProto]) -> set[int]:
    found = {value.type.tensor_type.elem_type for value in (*graph.input, *graph.output)}
    found |= {tensor.data_type for tensor in graph.initializer}
    for node in nodes:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                found.add(attribute.t.data_type)
            elif attribute.name in ("to", "dtype", "output_dtype"):
                found.add(attribute.i)
    return found


def _is_new(op_type: str) -> bool:
    try:
        return defs.get_schema(op_type, OPSET, "").deprecated
    except defs.SchemaError:
        return True


def operators_page() -> str:
    """The text of docs/operators.md."""
    tested: Counter[str] = Counter()
    outside: Counter[str] = Counter()
    reasons: dict[str, list[str]] = defaultdict(list)
    for operator, cases in by_operator(node_tests()).items():
        for case in cases:
            reason = exclusion(case)
            if reason is None:
                tested[operator] += 1
            else:
                outside[operator] += 1
                reasons[reason].append(case.name)
    newer = sorted(name for name in tested if name not in OPERATORS and name not in RESOLVED)
    passed, left = sum(tested.values()), sum(outside.values())
    lines = [
        "# Operators of the PyTorch bridge",
        "",
        "<!-- made by: python -m tests.torch_bridge.operators_table docs/operators.md -->",
        "",
        f"The bridge claims {len(OPERATORS)} operators of the ONNX standard set, version {OPSET}.",
        f"ONNX {onnx.__version__} has {passed + left} node tests; {passed} of them run through the bridge",
        f"and pass, {left} are outside of the claim, for the reasons below.",
        "",
        "| operator | module | node tests that pass | outside of the claim |",
        "| --- | --- | ---: | ---: |",
    ]
    for name in sorted(OPERATORS):
        lines.append(f"| {name} | {OPERATORS[name].kind} | {tested[name] or '-'} | {outside[name] or ''} |")
    lines += [
        "",
        "An operator without node tests is tested in `tests/torch_bridge/test_ops.py`.",
        "`Constant` and `Identity` are resolved before lowering.",
        "",
        "uint16, uint32 and uint64 compute as int64, since PyTorch only stores them;",
        "uint64 is exact up to 2^63 - 1.",
        "",
        f"Operators that version {OPSET} does not have, but that ONNX converts to its operators or defines",
        f"by them, are read as these: {', '.join(f'{name} ({tested[name]} node tests)' for name in newer)}.",
        "",
        "## Not claimed",
        "",
    ]
    for reason, names in UNCLAIMED.items():
        lines.append(f"- {reason}: {', '.join(names)}.")
    lines += ["", "## Node tests outside of the claim", "", "| reason | tests |", "| --- | ---: |"]
    for reason in sorted(reasons):
        lines.append(f"| {reason} | {len(reasons[reason])} |")
    lines += [
        "",
        "Compared by what is possible instead of by value, since the expected values are draws of",
        "numpy's generator:",
        f"{', '.join(f'`{name}*`' for name in RANDOM)}.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    text = operators_page()
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
