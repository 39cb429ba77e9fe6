"""The types of ``kcompile.ir.op``, made of ONNX's schemas: a method for each operator that emission allows.

    python -m tests.ir.operator_stubs kcompile/ir/operators.pyi

Operators that ONNX has deprecated are left out, and those of sequences, maps and optionals, which the IR does
not carry. Inputs are positional, as in emission, and attributes are keywords.
"""

from __future__ import annotations

import sys
from pathlib import Path

from onnx import defs, helper

from kcompile.ir.emission import default_outputs
from kcompile.ir.inference import OPSET

_Option = defs.OpSchema.FormalParameterOption
_INDENT = " " * 8
_MOST_COUNTED = 4
"""Operators with any number of outputs tell up to this many of them apart."""

_TYPES = {
    "INT": "Int",
    "FLOAT": "Float",
    "STRING": "str | bytes",
    "INTS": "Sequence[Int] | np.ndarray",
    "FLOATS": "Sequence[Float] | np.ndarray",
    "STRINGS": "Sequence[str | bytes]",
    "TENSOR": "np.ndarray | TensorProto",
    "SPARSE_TENSOR": "SparseTensorProto",
    "GRAPH": "Body",
}

_HEAD = f'''\
"""The operators of ONNX's standard set, version {OPSET}, as methods: the types of ``kcompile.ir.op``.

Read by type checkers and editors alone; ``kcompile.ir.emission`` is what runs.
"""

# Made by: python -m tests.ir.operator_stubs kcompile/ir/operators.pyi

from collections.abc import Sequence
from typing import Literal, TypeAlias, overload

import numpy as np
from numpy.typing import ArrayLike
from onnx import SparseTensorProto, TensorProto

from .graph import Body
from .values import Value

Input: TypeAlias = Value | ArrayLike
Int: TypeAlias = int | np.integer | np.bool_
Float: TypeAlias = float | np.floating | np.integer

class Operators:
'''


def stubs() -> str:
    """The text of kcompile/ir/operators.pyi."""
    return _HEAD + "\n".join(line for schema in _schemas() for line in _methods(schema))


def _schemas() -> list[defs.OpSchema]:
    """The operators of the IR by name, each in the version that its operator set has."""
    history = defs.get_all_schemas_with_history()
    known = {schema.name for schema in history if schema.domain == "" and schema.since_version <= OPSET}
    schemas = [defs.get_schema(name, OPSET, "") for name in sorted(known)]
    return [s for s in schemas if not s.deprecated and all(map(_is_tensor, (*s.inputs, *s.outputs)))]


def _is_tensor(parameter: defs.OpSchema.FormalParameter) -> bool:
    return any(name.startswith("tensor(") for name in parameter.types)


def _methods(schema: defs.OpSchema) -> list[str]:
    """The lines of an operator: one method, or an overload for each number of outputs."""
    most = schema.max_output
    if most == 1:
        return _method(schema, None, "Value", "")
    usual = default_outputs(schema.name)
    lines = []
    for count in range(1, min(most, _MOST_COUNTED) + 1):
        wanted = f"outputs: Literal[{count}]"
        if count == usual:
            wanted = f"outputs: Literal[{count}] | None = None"
        returned = "Value" if count == 1 else f"tuple[{', '.join(['Value'] * count)}]"
        lines += _method(schema, wanted, returned, "    @overload\n")
    return lines + _method(schema, "outputs: int", "Value | tuple[Value, ...]", "    @overload\n")


def _method(schema: defs.OpSchema, outputs: str | None, returned: str, before: str) -> list[str]:
    inputs = _inputs(schema)
    keywords = _attributes(schema)
    if outputs is not None:
        keywords.append(outputs)
    if keywords and not (inputs and inputs[-1].startswith("*")):
        keywords.insert(0, "*")
    parameters = ["self", *inputs, *keywords]
    link = f"https://onnx.ai/onnx/operators/onnx__{schema.name}.html"
    head = f"    def {schema.name}({', '.join(parameters)}) -> {returned}:"
    if len(head) > 110:
        inner = "".join(f"{_INDENT}{parameter},\n" for parameter in parameters)
        head = f"    def {schema.name}(\n{inner}    ) -> {returned}:"
    return [f'{before}{head}\n{_INDENT}"""{schema.name}-{schema.since_version}: {link}"""\n']


def _inputs(schema: defs.OpSchema) -> list[str]:
    """The inputs, positional; those before a variadic one can be omitted by None alone."""
    parameters: list[str] = []
    for formal in schema.inputs:
        if formal.option == _Option.Variadic:
            parameters.append(f"*{formal.name}: Input")
        elif formal.option == _Option.Optional:
            parameters.append(f"{formal.name}: Input | None = None")
        else:
            parameters.append(f"{formal.name}: Input")
    if parameters:
        at = len(parameters) - parameters[-1].startswith("*")
        if at:
            parameters.insert(at, "/")
    return parameters


def _attributes(schema: defs.OpSchema) -> list[str]:
    """The attributes with their defaults, the required ones first."""
    ordered = sorted(schema.attributes.items(), key=lambda item: (not item[1].required, item[0]))
    return [f"{name}: {_annotation(attribute)}" for name, attribute in ordered]


def _annotation(attribute: defs.OpSchema.Attribute) -> str:
    kind = _TYPES[attribute.type.name]
    if attribute.required:
        return kind
    default = None
    if attribute.default_value.name:
        default = helper.get_attribute_value(attribute.default_value)
    return f"{kind} | None = {_literal(default)}"


def _literal(default: object) -> str:
    """A default as source; floats are shown as short as they are told apart in float32."""
    if isinstance(default, list):
        return f"[{', '.join(map(_literal, default))}]"
    if isinstance(default, bytes):
        return '"' + default.decode() + '"'
    if isinstance(default, float):
        return repr(float(f"{default:.7g}"))
    return repr(default)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(stubs(), encoding="utf-8")
