"""Counts in how many programs each name of TensorFlow stands; writes ``uses_of_tensorflow.json``.

    python -m tests.tf_keras.count_uses FOLDER@COMMIT:PATTERN ...

for copies of git repositories and patterns of paths in them; the table was made of
``^(examples|guides)/.*py$`` of keras-io,
``^site/en/.*ipynb$`` of tensorflow/docs and ``ipynb$`` of Chollet's notebooks.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator

from tests.tf_keras.names_table import USES

_NAME = re.compile(r"(?<![\w.])tf\.([A-Za-z_][\w.]*\w)")
#: Names of Keras, which another table has, and of what is no part of TensorFlow.
_OTHERS = ("keras", "contrib", "ipynb", "hub", "modules", "Variables", "tensor", "variable")


def programs(repository: str) -> Iterator[str]:
    """The code of the programs in a repository."""
    folder, _, rest = repository.partition("@")
    commit, _, pattern = rest.partition(":")

    def git(*arguments: str) -> str:
        found = subprocess.run(["git", "-C", folder, *arguments], capture_output=True, check=True)
        return found.stdout.decode("utf-8", "replace")

    for path in git("ls-tree", "-r", "--name-only", commit).splitlines():
        if re.search(pattern, path):
            text = git("show", f"{commit}:{path}")
            yield _cells(text) if path.endswith(".ipynb") else text


def _cells(notebook: str) -> str:
    cells = json.loads(notebook).get("cells", [])
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


def count(repositories: list[str]) -> dict[str, int]:
    """Name -> number of programs."""
    counted: Counter[str] = Counter()
    for repository in repositories:
        for text in programs(repository):
            counted.update({name for name in _NAME.findall(text) if name.split(".")[0] not in _OTHERS})
    return dict(sorted(counted.items()))


if __name__ == "__main__":
    USES.write_text(json.dumps(count(sys.argv[1:]), indent=0) + "\n")
