"""The tables of docs/tf-keras.md: ``python -m tests.tf_keras.differences_page`` writes them anew."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import fields
from itertools import pairwise
from typing import Any

from kcompile.keras.rules import KERAS_2, TF_KERAS, Rules

from . import differences, left_out
from .differences import ROOT

PAGE = ROOT / "docs/tf-keras.md"
_BEGIN, _END = "<!-- made from data -->\n", "<!-- end -->\n"
_NO_RULES = ("name", "defaults", "renamed")


def with_tables(page: str) -> str:
    """The page with its tables as data has them now."""
    head, rest = page.split(_BEGIN)
    return f"{head}{_BEGIN}{tables()}{_END}{rest.split(_END)[1]}"


def tables() -> str:
    """All of them, each under its heading."""
    return "\n".join(
        [
            "\n## Defaults that are other ones than in Keras 2.3\n",
            *_table(("of", "argument", "tf.keras"), _defaults()),
            "\n## Arguments that have other names than in Keras 2.3\n",
            "Both names are understood.\n",
            *_table(("of", "tf.keras", "Keras 2.3"), _renamed()),
            "\n## Rules that are other ones than in Keras 2.3\n",
            *_table(("rule", "Keras 2.3", "tf.keras"), _rules()),
            "\n## Names of tf.keras that are not here\n",
            *_table(("modules", "why"), _by_reason(left_out.MODULES, differences.missing_modules())),
            "",
            *_table(("names", "why"), _by_reason(left_out.reasons_of_names(), _missing_names())),
            "\n## Arguments of tf.keras that are not here\n",
            *_table(("of", "arguments", "why"), _missing_arguments()),
            "\n## Arguments of tf.keras that are taken at one value alone\n",
            "Any other is an error that says so.\n",
            *_table(("of", "argument", "value", "why"), _at_default()),
            "\n## Defaults that are written otherwise than in tf.keras\n",
            "They mean the same, but for bars of `predict`, which are shown where they are asked for.\n",
            *_table(("of", "argument", "here", "tf.keras"), _written_otherwise()),
            "",
        ]
    )


def _defaults() -> list[tuple[str, ...]]:
    return [
        (_code(name), _code(argument), _code(repr(default)))
        for name, row in sorted(TF_KERAS.defaults.items())
        for argument, default in row.items()
    ]


def _renamed() -> list[tuple[str, ...]]:
    by_pair: dict[tuple[str, str], list[str]] = {}
    for place, row in TF_KERAS.renamed.items():
        for pair in row.items():
            by_pair.setdefault(pair, []).append(place)
    return [(_codes(places), *map(_code, pair)) for pair, places in by_pair.items()]


def _rules() -> list[tuple[str, ...]]:
    """What a rule says, by the docstring of Rules, and what it is in both."""
    text = re.sub(r"\s+", " ", str(Rules.__doc__)).replace("``", "`")
    names = [field.name for field in fields(Rules)]
    ends = [text.index(f" {name}: ") for name in names] + [len(text)]
    parts = zip(names, pairwise(ends), strict=True)
    said = {name: text[a:b].partition(": ")[2].strip(" .") for name, (a, b) in parts}
    return [
        (said[name], _value(getattr(KERAS_2, name)), _value(getattr(TF_KERAS, name)))
        for name in names
        if name not in _NO_RULES and getattr(KERAS_2, name) != getattr(TF_KERAS, name)
    ]


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, range):
        return f"{value.start} to {value.stop - 1}" if value else "none"
    return _codes(sorted(value)) or "none"


def _by_reason(reasons: Mapping[str, str], names: Iterable[str]) -> list[tuple[str, ...]]:
    """Names with the same reason share a row."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(reasons[name], []).append(name)
    return [(_codes(listed), why) for why, listed in found.items()]


def _missing_names() -> list[str]:
    return [f"{home}.{name}" for home, names in differences.missing_names().items() for name in names]


def _missing_arguments() -> list[tuple[str, ...]]:
    """Calls that lack the same for the same reason share a row."""
    reasons = left_out.reasons_of_arguments()
    rows: dict[tuple[tuple[str, ...], str], list[str]] = {}
    for name, arguments in differences.missing_arguments().items():
        for why in dict.fromkeys(reasons[name, argument] for argument in arguments):
            listed = tuple(argument for argument in arguments if reasons[name, argument] == why)
            rows.setdefault((listed, why), []).append(name)
    return [(_codes(names), _codes(listed), why) for (listed, why), names in rows.items()]


def _at_default() -> list[tuple[str, ...]]:
    by_argument: dict[tuple[str, str], list[str]] = {}
    for name, row in differences.arguments_at_default().items():
        for argument, value in row.items():
            by_argument.setdefault((argument, repr(value)), []).append(name)
    return [
        (_codes(names), _code(argument), _code(value), left_out.AT_DEFAULT[argument])
        for (argument, value), names in sorted(by_argument.items())
    ]


def _written_otherwise() -> list[tuple[str, ...]]:
    by_pair: dict[tuple[str, str, str], list[str]] = {}
    for name, row in differences.other_defaults().items():
        for argument, (here, there) in row.items():
            by_pair.setdefault((argument, repr(here), repr(there)), []).append(name)
    return [
        (_codes(names), _code(argument), _code(here), _code(there))
        for (argument, here, there), names in by_pair.items()
    ]


def _codes(texts: Iterable[str]) -> str:
    return ", ".join(map(_code, texts))


def _code(text: str) -> str:
    return f"`{text}`"


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    line = "| " + " | ".join("---" for _ in head) + " |"
    return [f"| {' | '.join(head)} |", line, *(f"| {' | '.join(row)} |" for row in rows)]


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
