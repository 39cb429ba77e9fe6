"""What `make keras3-tests` makes of the outcomes of Keras 3's tests; running them needs the network."""

from __future__ import annotations

import pytest

from tests.peers.keras_3 import __main__ as script

HERE = {"ops/a.py::one": "passed", "ops/a.py::two": "failed", "layers/b.py::three": "passed"}
THERE = {"ops/a.py::one": "passed", "ops/a.py::two": "passed", "layers/b.py::three": "failed"}


def test_the_share_is_of_what_passes_there():
    assert script.share(HERE, THERE) == 0.5
    assert script.share({}, {}) == 0.0 and script.share({}, THERE) == 0.0


def test_outcomes_are_counted_by_folder():
    assert script.by_folder(HERE) == {"ops": {"passed": 1, "failed": 1}, "layers": {"passed": 1}}


def test_the_page_shows_both_backends_and_each_difference():
    found = {
        "version": "3.15.1",
        "share": 0.5,
        "kcompile": script.by_folder(HERE),
        "torch": script.by_folder(THERE),
    }
    page = script.page(found, {"ops/a.py::two": "a reason"})
    assert "**50.0% of what passes on PyTorch's backend passes here.**" in page
    assert "| ops | 1 | 1 | 0 | 2 | 0 | 0 |" in page and "| **all** | **2** | **1** |" in page
    assert "**a reason**\n\n- `ops/a.py::two`" in page


def test_keras_files_are_kept_out_of_the_repository(monkeypatch):
    monkeypatch.setattr("sys.argv", ["keras_3", "--folder", str(script.HERE / "files")])
    with pytest.raises(SystemExit, match="not to lie in the repository"):
        script.main()
    assert not (script.HERE / "files").exists()


def test_files_are_chosen_by_words_and_without_those_of_other_backends(tmp_path):
    for name in ("ops/core_test.py", "ops/core.py", "utils/jax_layer_test.py", "backend/torch/core_test.py"):
        path = tmp_path / "keras" / "src" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert script.test_files(tmp_path, []) == ["ops/core_test.py"]
    assert script.test_files(tmp_path, ["layers"]) == []
