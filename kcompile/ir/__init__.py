"""The one graph: ONNX operators over typed, immutable values.

- ``Value``, ``Constant``, ``Parameter``, ``Node``: the pieces (values.py), with ``Storage`` behind a
  parameter.
- ``op``: emits operators, checked and typed by ONNX (emission.py, inference.py); Python arithmetic and
  indexing on values do the same (arithmetic.py). What depends on no input has numbers (numbers.py).
- Within ``eagerly(interpreter)`` operators on numbers compute at once (eager.py).
- ``Graph``: a slice of values for one phase; ``Body``: the subgraph of a control-flow operator (graph.py).
- Text: ``StringTensor`` (strings.py); what Python computes of it before a graph runs (text_nodes.py).
- ``UpdateRule``: a built-in optimizer as plain data (update_rule.py).
- ``print(graph)`` shows it as SSA text (printing.py).
"""

from .arithmetic import install as _install_arithmetic
from .arithmetic import operators_by
from .changes import changing, steadily, unchanging
from .computed_sizes import known_numbers
from .dtypes import as_dtype, from_onnx, to_onnx
from .eager import (
    EagerTensor,
    Interpreter,
    eagerly,
    emitting,
    interpreter,
    is_emitting,
    note_variable,
    noting_variables,
    record_with,
    recorder,
    settled,
)
from .element_types import DType, element_type
from .emission import (
    KCOMPILE_DOMAIN,
    as_value,
    current_readings,
    declared_type,
    emit,
    op,
    operands_through,
    reading_as,
    schema_of,
    tensor_for,
)
from .errors import DeviceNotFoundError, GraphError, NotInGraphError, NoTruthError, OperatorError
from .foreign import ForeignNode, foreign_nodes
from .graph import LEARNING_PHASE, Body, Graph, Phase, value_info
from .inference import OPSET
from .joined_products import with_joined_products
from .limits import WorkLimit, claim_steps
from .naming import Names
from .numbers import Depends, depends, evaluate_with, read_by
from .numbers import install as _install_numbers
from .rectified import with_relu_last, with_relu_on_results
from .scope import (
    absolute_scope,
    current_device,
    current_precision,
    current_scope,
    device_name,
    device_scope,
    name_scope,
    precision_scope,
)
from .shapes import TensorShape
from .storage import Storage
from .strings import StringTensor, as_bytes, as_str
from .text_nodes import TextNode, TextStage, before_graph, sizes_of, text_labels
from .tracing import Trace, tracing
from .update_rule import LossScale, UpdateRule
from .values import Constant, Node, Parameter, Value, assign_all, format_type, noting_nodes

_install_arithmetic()
_install_numbers()

__all__ = [
    "KCOMPILE_DOMAIN",
    "LEARNING_PHASE",
    "OPSET",
    "Body",
    "Constant",
    "DType",
    "Depends",
    "DeviceNotFoundError",
    "EagerTensor",
    "ForeignNode",
    "Graph",
    "GraphError",
    "NoTruthError",
    "NotInGraphError",
    "Interpreter",
    "LossScale",
    "Names",
    "Node",
    "OperatorError",
    "Parameter",
    "Phase",
    "Storage",
    "StringTensor",
    "TensorShape",
    "TextNode",
    "TextStage",
    "Trace",
    "UpdateRule",
    "Value",
    "WorkLimit",
    "absolute_scope",
    "as_bytes",
    "as_str",
    "as_dtype",
    "element_type",
    "as_value",
    "assign_all",
    "before_graph",
    "changing",
    "claim_steps",
    "current_device",
    "current_precision",
    "current_readings",
    "current_scope",
    "declared_type",
    "depends",
    "device_name",
    "device_scope",
    "eagerly",
    "emit",
    "emitting",
    "is_emitting",
    "settled",
    "evaluate_with",
    "foreign_nodes",
    "format_type",
    "from_onnx",
    "interpreter",
    "known_numbers",
    "name_scope",
    "op",
    "operands_through",
    "operators_by",
    "precision_scope",
    "read_by",
    "reading_as",
    "note_variable",
    "noting_nodes",
    "noting_variables",
    "record_with",
    "recorder",
    "schema_of",
    "sizes_of",
    "tensor_for",
    "steadily",
    "to_onnx",
    "text_labels",
    "tracing",
    "with_joined_products",
    "with_relu_last",
    "with_relu_on_results",
    "unchanging",
    "value_info",
]
