"""Makes keras2_names.json: the names that the modules of Keras 2.0 to 2.3 have, and the hooks of its classes.

    pip download --no-deps --no-binary :all: keras==2.3.1   # and 2.2.5, 2.1.6, 2.0.9; unpack them
    python tests/keras/make_keras2_names.py Keras-2.0.9 Keras-2.1.6 Keras-2.2.5 Keras-2.3.1

Sources are parsed, not imported. A name counts if the module defines it, assigns it, or imports it from
another module of Keras (also from keras_applications and keras_preprocessing, which were part of it). Left
out are back ends other than TensorFlow's, modules that a module imports for itself, and private names other
than classes and what is in keras.layers.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
PACKAGES = ("keras", "keras_applications", "keras_preprocessing")
SKIPPED = tuple(f"keras.backend.{name}" for name in ("theano_", "cntk_", "numpy_", "load_"))


class Version:
    """One unpacked source distribution."""

    def __init__(self, folder: Path) -> None:
        self.files: dict[str, Path] = {}
        for path in sorted((folder / "keras").rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            self.files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
        self._found: dict[str, set[str]] = {}

    def names(self, module: str) -> set[str]:
        """What ``module`` has, submodules of a package left out."""
        if module not in self._found:
            self._found[module] = set()  # of modules that import each other, the first is read to the end
            path = self.files[module]
            tree = ast.parse(path.read_text(encoding="utf-8"))
            package = module if path.name == "__init__.py" else module.rpartition(".")[0]
            self._found[module] = set(self._of_statements(tree.body, package))
        return self._found[module]

    def _of_statements(self, body: list[ast.stmt], package: str) -> Iterator[str]:
        for statement in body:
            if isinstance(statement, ast.FunctionDef | ast.ClassDef):
                yield statement.name
            elif isinstance(statement, ast.Assign):
                yield from (
                    n.id for target in statement.targets for n in ast.walk(target) if isinstance(n, ast.Name)
                )
            elif isinstance(statement, ast.ImportFrom):
                yield from self._of_import(statement, package)
            for block in ("body", "orelse", "finalbody"):
                if isinstance(statement, ast.If | ast.Try):
                    yield from self._of_statements(getattr(statement, block, []), package)

    def _of_import(self, statement: ast.ImportFrom, package: str) -> Iterator[str]:
        above = package.split(".")[: len(package.split(".")) - statement.level + 1] if statement.level else []
        source = ".".join([*above, *([statement.module] if statement.module else [])])
        if source.split(".")[0] not in PACKAGES or source.startswith(SKIPPED):
            return
        for alias in statement.names:
            if alias.name == "*":
                yield from (name for name in self.names(source) if not name.startswith("_"))
            elif f"{source}.{alias.name}" not in self.files and source not in PACKAGES:
                yield alias.asname or alias.name

    def classes(self) -> Iterator[tuple[str, ast.ClassDef]]:
        """Module and definition of each class."""
        for module, path in self.files.items():
            if not module.startswith(SKIPPED):
                body = ast.parse(path.read_text(encoding="utf-8")).body
                yield from ((module, node) for node in body if isinstance(node, ast.ClassDef))


def hooks(versions: list[Version]) -> dict[str, dict[str, str]]:
    """The methods that code of a class or its bases calls on ``self``, so that a subclass may override them.

    By module and class, of the newest version that defines it without the help of another package.
    """
    defined: dict[str, tuple[str, ast.ClassDef]] = {}
    for version in versions:
        own = [(m, node) for m, node in version.classes() if all(isinstance(b, ast.Name) for b in node.bases)]
        found = {node.name: (module, node) for module, node in reversed(own)}
        defined |= found
    table: dict[str, dict[str, str]] = {}
    for name, (module, _) in sorted(defined.items()):
        nodes = [node for _, node in _line(name, defined)]
        methods = {item.name for item in nodes[0].body if isinstance(item, ast.FunctionDef)}
        called = {
            node.func.attr
            for definition in nodes
            for node in ast.walk(definition)
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "self"
        }
        if hooked := sorted(method for method in methods & called if not method.startswith("__")):
            table.setdefault(module, {})[name] = " ".join(hooked)
    return dict(sorted(table.items()))


def _line(name: str, defined: dict[str, tuple[str, ast.ClassDef]]) -> list[tuple[str, ast.ClassDef]]:
    """A class and its ancestors."""
    if name not in defined:
        return []
    bases = [base.id for base in defined[name][1].bases if isinstance(base, ast.Name) and base.id != name]
    return [defined[name], *(entry for base in bases for entry in _line(base, defined))]


def _counts(module: str, name: str) -> bool:
    if name.startswith("__") or re.match("_[A-Z_]+$", name):
        return False
    return not name.startswith("_") or name[1].isupper() or module.startswith("keras.layers.")


def main(folders: list[str]) -> None:
    versions = {folder.rpartition("-")[2]: Version(Path(folder)) for folder in folders}
    table: dict[str, dict[str, list[str]]] = {}
    for number, version in versions.items():
        for module in version.files:
            if not module.startswith(SKIPPED):
                for name in version.names(module):
                    if _counts(module, name):
                        table.setdefault(module, {}).setdefault(name, []).append(number)
                table.setdefault(module, {})
    grouped: dict[str, dict[str, str]] = {}
    for module, names in sorted(table.items()):
        by_versions: dict[str, list[str]] = {}
        for name, having in sorted(names.items()):
            by_versions.setdefault(" ".join(having), []).append(name)
        grouped[module] = {having: " ".join(names) for having, names in sorted(by_versions.items())}
    what = "Made by make_keras2_names.py: names by module and versions, and hooks by module and class."
    table_of_hooks = hooks(list(versions.values()))
    text = json.dumps({"what": what, "modules": grouped, "hooks": table_of_hooks}, indent=1)
    (HERE / "keras2_names.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
