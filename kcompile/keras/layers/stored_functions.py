"""Functions that files of Keras 2 hold as bytecode and that are found here without running it.

They are those of ResNeXt and InceptionResNetV2: where the bytecode is, byte for byte, what Python 3.6 to 3.9
compile from the source of keras-applications, the function of the same formula here stands for it.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from typing import Any

from .. import registry


def find_function(code: Any, closure: Any = None) -> Callable[..., Any] | None:
    """The function here that has the formula of a function of keras-applications; None for any other.

    Args:
        code: base64 text of marshalled bytecode, or the whole ``(code, defaults, closure)``.
        closure: values of the free variables.
    """
    if isinstance(code, list | tuple) and len(code) == 3:
        code, _, closure = code
    try:
        compiled = base64.b64decode(code, validate=False)
    except (binascii.Error, ValueError, TypeError):
        return None
    if _SCALED_SUM.match(compiled) and not closure:
        return registry.elsewhere("scaled_sum")
    if _SUM_OVER_GROUP.match(compiled) and isinstance(closure, list | tuple) and len(closure) == 1:
        return registry.elsewhere("sum_over_group")
    return None


def _compiled(arguments: int, instructions: str) -> bytes:
    """A pattern for a marshalled function with these instructions, up to its constants.

    Numbers of arguments, locals, stack and flags come first. Python 3.8 has one more of them than 3.7, and
    the highest bit of a type's letter says whether it is referred to later.
    """
    code = bytes.fromhex(instructions)
    count = re.escape(arguments.to_bytes(4, "little"))
    return rb"[c\xe3]" + count + rb"(?s:.{16}|.{20})s" + re.escape(len(code).to_bytes(4, "little") + code)


# of the function: lambda inputs, scale: inputs[0] + inputs[1] * scale
_SCALED_SUM = re.compile(
    _compiled(2, "7c00640119007c00640219007c01140017005300")
    + rb"\)\x03N[i\xe9]\x00{4}[i\xe9]\x01\x00{3}"  # constants None, 0, 1
)
# of the function: lambda x: sum([x[:, :, :, :, i] for i in range(c)])
_SUM_OVER_GROUP = re.compile(
    _compiled(1, "7400870066016401640284087401880183014400830183015300")
    + rb"\)\x03N"  # constants None, the list comprehension, its name
    + _compiled(
        1,
        "67007c005d267d0188006400640085026400640085026400640085026400640085027c0166051900910271045300",
    )
    + rb"\)\x01N(?s:.*)\)\x02[z\xda\xfaZ]\x03sum[z\xda\xfaZ]\x05range"
)
