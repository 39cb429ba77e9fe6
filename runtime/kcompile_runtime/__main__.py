"""`python -m kcompile_runtime model.onnx`: what the model takes, gives, carries and says of itself."""

from __future__ import annotations

import argparse
import sys

from .errors import ExecutorError
from .executor import Executor
from .pipes import reader_gone
from .tensors import format_shape
from .text import harmless

_METADATA_WIDTH = 72


def main(argv: list[str] | None = None) -> int:
    """Print a description of a model. Returns 0, 1 where it cannot be loaded, 141 where nobody reads on."""
    parser = argparse.ArgumentParser(
        prog="python -m kcompile_runtime", description="Describe a model as it runs on this machine."
    )
    parser.add_argument("model", help="an .onnx file")
    path = parser.parse_args(argv).model
    try:
        executor = Executor(path)
    except (ExecutorError, OSError) as error:
        print(harmless(f"error: {error}", lines=True), file=sys.stderr)
        return 1
    try:
        print(describe(executor, path), flush=True)
    except BrokenPipeError:
        return reader_gone()
    return 0


def describe(executor: Executor, title: str) -> str:
    """Inputs, outputs, states, providers and metadata as lines of text."""
    lines = [title]
    lines += [f"  input   {info}" for info in executor.inputs]
    lines += [f"  output  {info}" for info in executor.outputs]
    lines += [
        f"  state   {state.input} -> {state.output}: {state.dtype}{format_shape(state.shape)}"
        for state in executor.states
    ]
    lines.append(f"  runs on {', '.join(executor.providers)}")
    for key, value in sorted(executor.metadata.items()):
        if len(value) > _METADATA_WIDTH:
            value = f"{value[:_METADATA_WIDTH]}... ({len(value)} characters)"
        lines.append(f"  metadata {key} = {value}")
    return "\n".join(harmless(line) for line in lines)


if __name__ == "__main__":
    sys.exit(main())
