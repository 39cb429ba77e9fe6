"""Walks the public names of Keras 2.3: each one is here, or in docs/compatibility.md, which says why not.

keras23_api.json holds, by module, every public class (bases, constructor parameters, methods with
parameters), function and alias of Keras 2.3.1, and the names that its packages export. Parameters count as
found if they have the same names, order and defaults; more optional parameters may follow.

keras2_names.json holds the bare names that the modules of Keras 2.0.9, 2.1.6, 2.2.5 and 2.3.1 have: what they
define, assign and import from one another (see make_keras2_names.py).
"""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import re
import types
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
API = json.loads((HERE / "keras23_api.json").read_text(encoding="utf-8"))
NAMES = json.loads((HERE / "keras2_names.json").read_text(encoding="utf-8"))["modules"]
COMPATIBILITY = HERE.parents[1] / "docs" / "compatibility.md"
_ABSENT = object()
#: Where weights of ImageNet lay.
_PUBLISHED = re.compile(r"^keras\.applications\.\w+\.[A-Z0-9_]*(PATH|PATH_NO_TOP|URL|INDEX)$")


# --- the table of exceptions -------------------------------------------------------------------------------


def documented_rows(text: str) -> dict[str, tuple[str, str]]:
    """Rows ``| `keras...` | difference | why |`` of the tables in a Markdown text, by name."""
    rows: dict[str, tuple[str, str]] = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) == 3 and (match := re.fullmatch(r"`(keras[\w.]*)`", cells[0])):
            assert match[1] not in rows, f"{match[1]} has two rows in docs/compatibility.md"
            rows[match[1]] = (cells[1], cells[2])
    return rows


@cache
def documented() -> dict[str, tuple[str, str]]:
    section = COMPATIBILITY.read_text(encoding="utf-8").split("## Names and parameters that differ", 1)[1]
    return documented_rows(section.split("\n## ", 1)[0])


# --- comparing one name ------------------------------------------------------------------------------------


def ours(module: str) -> Any:
    return importlib.import_module("kcompile." + module)


def expected_default(text: str) -> Any:
    if "Reduction." in text:  # an enumeration of strings
        return text.rsplit(".", 1)[-1].lower()
    return ast.literal_eval(text)


def parameter_differences(expected: list[str], function: Any) -> list[str]:
    """How the parameters of a function or class differ from ``["name", "name=default", "**kwargs"]``.

    What had to be given may be optional here: code that gives it is served as before.
    """
    parameters = inspect.signature(function).parameters
    positional = [p for p in parameters.values() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    kinds = {p.kind for p in parameters.values()}
    found = []
    named = [text for text in expected if not text.startswith("*")]
    for i, text in enumerate(named):
        name, _, default = text.partition("=")
        if i >= len(positional):
            found.append(f"no parameter {name!r} at place {i + 1}")
            continue
        if positional[i].name != name:
            found.append(f"parameter {i + 1} is {positional[i].name!r}, not {name!r}")
        elif default and positional[i].default != expected_default(default):
            found.append(f"{name} defaults to {positional[i].default!r}, not {default}")
    for extra in positional[len(named) :]:
        if extra.default is inspect.Parameter.empty:
            found.append(f"one more parameter without default: {extra.name!r}")
    for extra in parameters.values():
        if extra.kind is extra.KEYWORD_ONLY and extra.default is extra.empty:
            found.append(f"one more keyword without default: {extra.name!r}")
    starred = [text for text in expected if text.startswith("**")]
    if starred and inspect.Parameter.VAR_KEYWORD not in kinds:
        found.append(f"takes no {starred[0]}")
    if any(re.match(r"\*\w", text) for text in expected) and inspect.Parameter.VAR_POSITIONAL not in kinds:
        found.append("takes no *args")
    return found


def method_differences(cls: type, name: str, expected: list[str]) -> list[str]:
    method = inspect.getattr_static(cls, name, _ABSENT)
    if method is _ABSENT:  # a property of Keras may be an attribute that instances have
        declared = any(name in vars(ancestor).get("__annotations__", {}) for ancestor in cls.__mro__)
        return [] if declared and not expected else ["missing"]
    if isinstance(method, property):
        return ["cannot be set"] if expected and method.fset is None else []
    if not callable(getattr(cls, name)):
        return [] if not expected or expected == ["value"] else ["not a method"]
    # the list leaves out the first parameter, also that of static methods
    function = method.__func__ if isinstance(method, (classmethod, staticmethod)) else method
    return parameter_differences(expected, types.MethodType(function, cls))


def base_differences(cls: type, expected: list[str]) -> list[str]:
    """Bases are compared by name along the whole line of ancestors: classes of our own may stand between."""
    ancestors = {ancestor.__name__ for ancestor in cls.__mro__}
    wanted = [base.rsplit(".", 1)[-1] for base in expected]
    return [
        f"not a subclass of {base}" for base in wanted if not base.startswith("_") and base not in ancestors
    ]


def name_differences(module: str, name: str, spec: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Pairs (dotted name, difference)."""
    dotted = f"{module}.{name}"
    found = getattr(ours(module), name, _ABSENT)
    if found is _ABSENT:
        yield dotted, "missing"
        return
    if spec["kind"] == "alias":
        target = getattr(ours(module), spec["of"].rsplit(".", 1)[-1], None)
        if spec["of"] == "object" or name.startswith("py_"):
            return
        if found is not target:
            yield dotted, f"not another name of {spec['of']}"
        return
    if spec["kind"] == "function":
        if not callable(found):
            yield dotted, "not callable"
        else:
            yield from ((dotted, text) for text in parameter_differences(spec["args"], found))
        return
    if not inspect.isclass(found):
        yield dotted, "not a class"
        return
    yield from ((dotted, text) for text in base_differences(found, spec["bases"]))
    if spec["args"] is not None:
        yield from ((dotted, text) for text in parameter_differences(spec["args"], found))
    for method, parameters in spec["methods"].items():
        yield from ((f"{dotted}.{method}", text) for text in method_differences(found, method, parameters))


def module_differences(module: str) -> dict[str, list[str]]:
    """Differences by dotted name, in one module of the list."""
    try:
        ours(module)
    except ModuleNotFoundError as error:
        return {module: [f"no such module: {error}"]}
    found: dict[str, list[str]] = {}
    for name, spec in API["modules"][module].items():
        for dotted, text in name_differences(module, name, spec):
            found.setdefault(dotted, []).append(text)
    return found


def export_differences(package: str) -> dict[str, list[str]]:
    """Names that a package of Keras exports and ours does not."""
    try:
        exporting = ours(package)
    except ModuleNotFoundError as error:
        return {package: [f"no such module: {error}"]}
    return {f"{package}.{n}": ["not exported"] for n in API["exports"][package] if not hasattr(exporting, n)}


def absent_names(module: str) -> set[str]:
    """Names that a module has in any Keras 2 but not here; the module itself if it is not here."""
    names = {name for group in NAMES[module].values() for name in group.split()}
    try:
        found = ours(module)
    except ModuleNotFoundError:
        return {module}
    return {f"{module}.{name}" for name in names if not hasattr(found, name)}


def is_documented(name: str) -> bool:
    """Whether the name, or the class or module that it is in, has a row."""
    parts = name.split(".")
    return any(".".join(parts[:n]) in documented() for n in range(2, len(parts) + 1))


# --- the tests ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", sorted(API["modules"]))
def test_every_name_of_the_module_is_there_or_documented(module: str) -> None:
    missing = {n: t for n, t in module_differences(module).items() if not is_documented(n)}
    assert not missing, "\n".join(f"{name}: {'; '.join(texts)}" for name, texts in missing.items())


@pytest.mark.parametrize("package", sorted(API["exports"]))
def test_every_exported_name_is_exported_or_documented(package: str) -> None:
    missing = [n for n in export_differences(package) if not is_documented(n)]
    assert not missing


@pytest.mark.parametrize("module", sorted(NAMES))
def test_every_name_of_any_version_is_there_or_documented(module: str) -> None:
    missing = {n for n in absent_names(module) if not is_documented(n) and not _PUBLISHED.search(n)}
    assert not missing


def test_old_names_are_the_objects_of_their_homes() -> None:
    from kcompile.keras.legacy import old_names

    for name, home in old_names._HOMES.items():
        expected = getattr(ours(f"keras.{home}".rstrip(".")), old_names._THERE.get(name, name))
        holders = [m for m, groups in NAMES.items() if name in " ".join(groups.values()).split()]
        modules = [ours(m) for m in holders if m not in documented()]
        assert all(getattr(m, name) is expected for m in modules if name not in vars(m)), name
    with pytest.raises(AttributeError, match="module 'kcompile.keras.layers.core' has no attribute 'Dence'"):
        ours("keras.layers.core").Dence  # noqa: B018
    with pytest.raises(ImportError):
        exec("from kcompile.keras.applications.vgg16 import no_layer")


def test_no_row_of_the_table_is_stale() -> None:
    """A name that is now as in Keras needs no row any more."""
    differing = {n for module in API["modules"] for n in module_differences(module)}
    differing |= {n for package in API["exports"] for n in export_differences(package)}
    differing |= {name for module in NAMES for name in absent_names(module)}
    stale = [r for r in documented() if not any(n == r or n.startswith(r + ".") for n in differing)]
    assert not stale


def test_each_row_says_what_differs_and_why() -> None:
    assert documented()
    assert [name for name, (difference, why) in documented().items() if not difference or not why] == []


# --- the walk itself ---------------------------------------------------------------------------------------


def _f(a, b=2, **kwargs):  # what the comparisons below look at
    raise NotImplementedError


@pytest.mark.parametrize(
    ("expected", "differs"),
    [
        (["a", "b=2", "**kwargs"], False),
        (["a"], False),  # one more optional parameter
        (["a", "b=2"], False),
        (["a", "b=3"], True),
        (["b=2", "a"], True),
        (["a", "c=2"], True),
        (["a", "b=2", "c=None"], True),
        ([], True),  # `a` would have to be given
        (["a", "b=2", "*args"], True),
    ],
)
def test_the_walk_sees_differing_parameters(expected: list[str], differs: bool) -> None:
    assert bool(parameter_differences(expected, _f)) is differs


def test_the_walk_sees_a_missing_name_method_and_base() -> None:
    layer = {"kind": "class", "bases": ["Model"], "args": None, "methods": {"frobnicate": []}}
    found = dict(name_differences("keras.layers", "Dense", layer))
    assert found == {
        "keras.layers.Dense": "not a subclass of Model",
        "keras.layers.Dense.frobnicate": "missing",
    }
    missing = name_differences("keras.layers", "Dence", {"kind": "function", "args": []})
    assert list(missing) == [("keras.layers.Dence", "missing")]


def test_rows_are_read_from_markdown() -> None:
    text = "| name | difference | why |\n| --- | --- | --- |\n| `keras.a.B` | none | because |\n| c | x | y |"
    assert documented_rows(text) == {"keras.a.B": ("none", "because")}
