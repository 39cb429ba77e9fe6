"""docs/programs.md and docs/keras3-programs.md, from a manifest and the recorded results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .manifest import Program, Repository
from .running import Result

_HEAD = """\
# Published programs that run

Tutorials, examples and guides of the tf.keras 2 era, as they were published, under `kcompile run`: no line
of them is changed, and no TensorFlow is installed. This page is written by `make programs` (`tests/programs`)
from the last recorded run of each, on two CPU cores that had other work too; nothing on it is edited by hand.

What a program downloads is made up from outside, small and of the right shape; `fit` is cut to one epoch of
four batches; there is no network, no display and no Graphviz. Notebooks run as the script that
`jupyter nbconvert` makes of them. After the program has ended, each model that it trained is exported, and
onnxruntime's numbers are compared with predict's.

To run them again, check the repositories out under one folder, each at the commit named below, and say
`make programs PROGRAMS=FOLDER`. `--only WORD` chooses, `--packages FOLDER` names a folder with the packages
that the programs import besides (pandas, matplotlib, ...), `--record` writes this page.

**{ok} of {all} run to their end, and all that they train exports.**
"""

_KERAS3_HEAD = """\
# Keras's own examples that run on this backend

Examples and guides of Keras 3, as keras.io and Keras's repository publish them, under
`kcompile run --keras3`: no line of them is changed, the Keras is the installed one, and no TensorFlow is
installed. A script that sets `KERAS_BACKEND` itself has this backend all the same. This page is written by
`make programs ARGS=--keras3` (`tests/programs`) from the last recorded run of each, on two CPU cores that had
other work too; nothing on it is edited by hand.

What a program downloads is made up from outside, small and of the right shape; `fit` is cut to one epoch of
four batches; there is no network, no display and no Graphviz. After the program has ended, each model that it
trained is exported by `model.export`, and onnxruntime's numbers are compared with predict's.

To run them again, check the repositories out under one folder, each at the commit named below, and say
`make programs PROGRAMS=FOLDER ARGS=--keras3`. `--only WORD` chooses, `--packages FOLDER` names a folder with
the packages that the programs import besides (pandas, matplotlib, ...), `--record` writes this page.

**{ok} of {all} run to their end, and all that they train exports.**
"""


def page(programs: Sequence[Program], results: Mapping[str, Result], keras3: bool = False) -> str:
    """The page as Markdown."""
    ran = [program for program in programs if program.name in results]
    ok = sum(results[program.name].ok for program in ran)
    repositories = list(dict.fromkeys(program.repository for program in ran))
    parts = [(_KERAS3_HEAD if keras3 else _HEAD).format(ok=ok, all=len(ran))]
    for repository in repositories:
        own = [program for program in ran if program.repository == repository]
        parts.append(_section(repository, own, results))
    return "\n".join(parts)


def _section(repository: Repository, programs: list[Program], results: Mapping[str, Result]) -> str:
    lines = [
        f"## {repository.name}",
        "",
        f"{repository.about} {repository.url}, commit `{repository.commit}`.",
        "",
    ]
    lines += ["| program | seconds | result | put in place of what, and cut |", "| --- | --- | --- | --- |"]
    for program in programs:
        result = results[program.name]
        outcome = "ok" if result.ok else f"**fails**: {_cell(result.error[:200])}"
        if result.ok and result.trained:
            outcome += f"; {_cell(', '.join(result.trained))}"
        cut = _cell("; ".join([*result.cut, *([program.note] if program.note else [])]))
        lines.append(f"| {program.path} | {result.seconds:.0f} | {outcome} | {cut} |")
    return "\n".join([*lines, ""])


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")
