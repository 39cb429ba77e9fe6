"""What there is of TensorFlow, and how much of it published programs ask for: docs/tensorflow.md made of it.

    python -m tests.tf_keras.names_table docs/tensorflow.md

``uses_of_tensorflow.json`` says in how many of 436 published programs each name stands: the examples and
guides of keras.io in April 2023, the tutorials and guides of tensorflow.org in August 2023, the notebooks
of Chollet's book. ``python -m tests.tf_keras.count_uses`` counts them in copies of their repositories.
"""

from __future__ import annotations

import json
import re
import sys
import textwrap
from pathlib import Path
from typing import Any

from kcompile.tf_keras import tensorflow as tf
from kcompile.tf_keras.tensorflow import functions, namespace

USES = Path(__file__).with_name("uses_of_tensorflow.json")

_INTRODUCTION = """\
Under `kcompile run` a program's `import tensorflow as tf` finds what Keras code uses of TensorFlow, and no
TensorFlow. Functions of tensors compute at once on numbers, by PyTorch and with gradients, and emit a graph
on symbolic tensors, by the same text; so a `Lambda` or a layer's `call` written with them trains and exports.
A name that is not here is an `AttributeError` that says the nearest one.
""".split("\n")
_DIFFERENCES = """\
What differs from TensorFlow:

- Text is a tensor of bytes that computes at once alone; so do tables, sparse and ragged tensors, files and
  `tf.linalg`'s decompositions. A symbolic tensor there is an error that says so.
- Random numbers are not TensorFlow's. A seed gives the same ones in every run of kcompile.
- `tensor.dtype` is `tf.float32` and its like, with what numpy's types have too; `tensor.shape` is a tuple
  with `as_list()`, `rank` and the rest of `tf.TensorShape`.
- Complex numbers are pairs of tensors: `tf.signal.stft(x)` gives one, `tf.abs` and the parts go on.
- In a graph `tf.while_loop` goes on as long as a tensor says, with the `TensorArray`s that it writes;
  Python's own loops and branches on tensors run operator by operator (`run_eagerly=True`).
- `tf.device`, `tf.config` and strategies act on PyTorch's devices; settings of memory are accepted.
- `tf.train.Checkpoint` writes safetensors, and reads what it wrote.

## Programs of TensorFlow 1

Programs of Keras 2.0 to 2.3 say `tf.log`, `tf.reduce_sum(x, keep_dims=True)`, `K.tf.to_float(x)`,
`K.get_session().run(...)`. What TensorFlow 1 had under a name that has no meaning today is there, under
`tf` and under `tf.compat.v1`, and so are the old names of arguments; both are held to TensorFlow's numbers
by a test. Its optimizers (`tf.train.AdamOptimizer`) are taken by `compile` and run by sessions; its metrics
(`tf.metrics.auc`) count over batches, in a session and in `compile`; `keras.backend` has `tf` and the
modules that it imported.

Where one call means two things, a program that imports `keras` is read by TensorFlow 1, and one of
`tf.keras` by TensorFlow 2: `tf.nn.dropout(x, 0.9)` keeps that part, which a warning says, `tf.where` of a
vector chooses rows, `tf.nn.in_top_k` takes predictions first, functions of `tf.losses` and `tf.metrics` are
those of TensorFlow 1. `kcompile run --dialect tf_keras` says otherwise.
""".split("\n")


#: What is not here, and why: beginnings of names, the reason, what there is instead.
LEFT_OUT = {
    "estimator feature_column": ("gone from TensorFlow 2.16 as well", "Keras models; preprocessing layers"),
    "layers nn.rnn_cell contrib": ("layers of TensorFlow 1", "`keras.layers`"),
    "trainable_variables get_collection train.Saver": (
        "lists of all variables",
        "`model.weights`, `model.save_weights`",
    ),
    "summary.merge_all": ("summaries in the graph", "`tf.Summary`, the callback TensorBoard"),
    "saved_model lite graph_util": (
        "formats of TensorFlow: an error names what there is",
        "`.keras`, `.onnx`",
    ),
    "tpu distribute.coordinator distribute.Server train.ClusterSpec": (
        "machines that PyTorch reaches in other ways",
        "`tf.distribute.MirroredStrategy`, `torchrun`",
    ),
    "experimental types": ("extension types and dispatch", "classes of Python"),
    "linalg.LinearOperator": ("lazy matrices", "the matrices themselves"),
    "profiler autograph.to_code": ("TensorFlow's own tools", "`torch.profiler`"),
    "queue train.batch raw_ops": ("queues of TensorFlow 1", "`tf.data`"),
}


def modules() -> dict[str, tuple[list[str], list[str]]]:
    """Module -> the functions of tensors in it, and what else is."""
    own = {path: sorted(names) for path, names in namespace.MODULES.items()}
    found: dict[str, tuple[list[str], list[str]]] = {}
    for name in functions.names():
        path, _, last = name.rpartition(".")
        if last and not path.startswith(("raw_ops", "__")):
            found.setdefault(path, ([], []))[0].append(last)
    for path, names in own.items():
        functions_of_it, others = found.setdefault(path, ([], []))
        others += [name for name in names if name not in functions_of_it]
    root = [name for name in namespace.own_names() if name not in found[""][0]]
    found[""][1].extend(name for name in root if name not in found[""][1])
    return dict(sorted(found.items()))


def uses() -> dict[str, int]:
    """Name -> in how many programs it stands."""
    return json.loads(USES.read_text())


def is_here(name: str) -> bool:
    """Whether ``tf`` has it, or ``tf.compat.v1``, which old programs import as ``tf``."""
    return any(_found(start, name) for start in (tf, tf.compat.v1))


def _found(start: Any, name: str) -> bool:
    for part in name.split("."):
        start = getattr(start, part, None)
        if start is None:
            return part == "newaxis"
    return True


def page() -> str:
    """The text of docs/tensorflow.md."""
    counted = uses()
    here = {name: n for name, n in counted.items() if is_here(name)}
    missing = sorted(((n, name) for name, n in counted.items() if name not in here), reverse=True)
    table = modules()
    lines = [
        "# The small tensorflow",
        "",
        "<!-- made by: python -m tests.tf_keras.names_table docs/tensorflow.md -->",
        "",
        *_INTRODUCTION,
        f"There are {sum(len(a) + len(b) for a, b in table.values())} names. Of the {len(counted)} names of "
        f"TensorFlow (without `tf.keras`) in 436 published programs {len(here)} are here,",
        f"which are {100 * sum(here.values()) / sum(counted.values()):.1f} % when each counts as "
        "often as programs use it.",
        "",
        *_DIFFERENCES,
        "## Names",
    ]
    for path, (tensors, others) in table.items():
        lines += ["", f"### tf{'.' if path else ''}{path}"]
        lines += _listed("Functions of tensors", tensors) + _listed("Also" if tensors else "", others)
    lines += ["", "## What is not here", "", "| names | what they are | instead |", "| --- | --- | --- |"]
    for names, (why, instead) in LEFT_OUT.items():
        listed = ", ".join(f"`tf.{name}`" for name in names.split())
        lines.append(f"| {listed} | {why} | {instead} |")
    lines += ["", "Names in two programs or more that are not here, with the number of programs:", ""]
    lines += _wrapped(", ".join(f"`{name}` {n}" for n, name in missing if n > 1) + ".")
    return "\n".join(lines) + "\n"


def _listed(title: str, names: list[str]) -> list[str]:
    if not names:
        return []
    start = f"{title}: " if title else ""
    return ["", *_wrapped(start + ", ".join(f"`{name}`" for name in sorted(names)) + ".")]


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, 110, break_long_words=False, break_on_hyphens=False)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
    print(re.search(r"There are .*\n.*\n", page()).group())  # type: ignore[union-attr]
