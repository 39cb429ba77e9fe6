"""The programs that are run: where each was published, and the hash of what was run."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
DOCS = HERE.parents[1] / "docs"


@dataclass(frozen=True)
class Repository:
    """A repository at a commit; its files lie below a folder of its name in the folder of programs.

    Attributes:
        is_package: its programs import what else is in it, and all other such repositories.
    """

    name: str
    url: str
    commit: str
    about: str
    is_package: bool = False


@dataclass(frozen=True)
class Program:
    """One published program.

    Attributes:
        repository: where it was published.
        path: of the file, within the repository; or of a folder of tests, which pytest runs.
        sha256: of the file; of a folder, that of the Python files in it, one after the other by name.
        limits: in place of the defaults: ``epochs`` and ``steps`` of a fit, ``seconds`` of the program,
            ``digits`` of MNIST, or ``all_digits`` for as many as there are; ``reviews`` of IMDB, ``lines`` of
            a book, ``people`` and ``films`` of MovieLens, ``unlabelled`` images; ``predictions``, the calls
            of predict for the same sizes after which a model gives what the last of them gave;
            ``compared``, the samples by which an export is compared, where a model takes one number alone.
        note: what a reader has to know beyond what the run records.
        keras3: whether the installed Keras 3 runs it, on this backend.
    """

    repository: Repository
    path: str
    sha256: str
    limits: dict[str, Any] = field(default_factory=dict)
    note: str = ""
    keras3: bool = False

    @property
    def name(self) -> str:
        """Repository and path."""
        return f"{self.repository.name}/{self.path}"

    @property
    def is_tests(self) -> bool:
        """Whether it is a folder of tests."""
        return not self.path.endswith((".py", ".ipynb"))

    def check(self, folder: Path) -> None:
        """Holds what lies in the folder of programs to the hash.

        Raises:
            ValueError: it is not what the manifest means.
        """
        found = content_hash(folder / self.name)
        if found != self.sha256:
            raise ValueError(
                f"{self.name} is not that of commit {self.repository.commit}: its SHA-256 is {found}."
            )


def content_hash(path: Path) -> str:
    """SHA-256 of a file, or of a folder's Python files."""
    files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


@dataclass(frozen=True)
class Collection:
    """Programs that are run and shown together.

    Attributes:
        keras3: whether the installed Keras 3 runs them.
    """

    keras3: bool
    manifest: Path
    results: Path
    page: Path


TF_KERAS = Collection(False, HERE / "manifest.yaml", HERE / "results.json", DOCS / "programs.md")
KERAS3 = Collection(True, HERE / "keras3.yaml", HERE / "keras3.json", DOCS / "keras3-programs.md")


def programs(collection: Collection = TF_KERAS) -> list[Program]:
    """The programs of a collection, in the order of its manifest."""
    found = []
    for name, entry in yaml.safe_load(collection.manifest.read_text(encoding="utf-8")).items():
        listed = entry.pop("programs")
        repository = Repository(name, **entry)
        for file, rest in listed.items():
            rest = {"sha256": rest} if isinstance(rest, str) else rest
            found.append(Program(repository, file, **rest, keras3=collection.keras3))
    return found


def package_names() -> list[str]:
    """The repositories whose programs import one another."""
    return list(dict.fromkeys(p.repository.name for p in programs() if p.repository.is_package))
