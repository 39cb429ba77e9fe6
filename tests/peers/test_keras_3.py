"""What `make keras3-tests` makes of the outcomes of Keras 3's tests; running them needs the network."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.peers.keras_3 import __main__ as script

HERE = {"ops/a.py::one": "passed", "ops/a.py::two": "failed", "layers/b.py::three": "passed"}
THERE = {"ops/a.py::one": "passed", "ops/a.py::two": "passed", "layers/b.py::three": "failed"}


def test_the_share_is_of_what_passes_there():
    assert script.share(HERE, THERE) == 0.5
    assert script.share({}, {}) == 0.0 and script.share({}, THERE) == 0.0


def test_outcomes_are_counted_by_folder():
    assert script.by_folder(HERE) == {"ops": {"passed": 1, "failed": 1}, "layers": {"passed": 1}}


def test_the_page_shows_both_backends_and_each_failure():
    found = script.summary(HERE | {"ops/a.py::four": "skipped"}, THERE | {"ops/a.py::four": "passed"})
    page = script.page(found, {"ops/a.py::t*": "a reason"})
    assert "**33.3% of what passes on PyTorch's backend passes here.**" in page
    assert "| ops | 1 | 1 | 1 | 3 | 0 | 0 |" in page and "| **all** | **2** | **1** |" in page
    assert "**a reason.**\n\n- `ops/a.py::two`" in page
    assert page.endswith("- `ops/a.py::four`\n")


def test_a_test_that_is_not_made_here_did_not_run():
    assert script.summary({}, THERE)["not_run"] == ["ops/a.py::one", "ops/a.py::two"]


@pytest.mark.parametrize(("body", "outcome"), [("os.abort()", "failed"), ("pass", "passed")])
def test_a_file_whose_process_dies_has_failed(tmp_path, body, outcome):
    file = tmp_path / "tree" / "keras" / "src" / "ops" / "a_test.py"
    file.parent.mkdir(parents=True)
    file.write_text(f"import os\n\ndef test_one():\n    pass\n\ndef test_two():\n    {body}\n")
    for name in ("__init__.py", "src/__init__.py", "src/backend.py"):
        (tmp_path / "tree" / "keras" / name).write_text("backend = str\n")
    found = script.run(tmp_path / "tree", tmp_path, "torch", "ops/a_test.py")
    last = "test_two" if outcome == "passed" else "(all)"
    assert found == {"ops/a_test.py::test_one": "passed", f"ops/a_test.py::{last}": outcome}
    assert (tmp_path / "torch" / "ops_a_test.outcomes").is_file() is (outcome == "passed")


def test_the_recorded_run_passes_the_floor_and_each_failure_has_its_reason():
    found = json.loads(script.RECORDED.read_text())
    reasons = script.read_differences(script.DIFFERENCES.read_text())
    assert found["version"] == script.VERSION and found["share"] >= script.FLOOR
    assert set(found["kcompile"]) == set(script.FOLDERS)
    assert sum(counts.get("passed", 0) for counts in found["kcompile"].values()) > 8000
    assert [t for t in found["failed"] if not any(script.matches(t, pattern) for pattern in reasons)] == []
    assert [p for p in reasons if not any(script.matches(t, p) for t in found["failed"])] == []
    assert script.PAGE.read_text() == script.page(found, reasons)


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


@pytest.mark.peers
@pytest.mark.skipif(
    "KCOMPILE_KERAS3_FOLDER" not in os.environ, reason="KCOMPILE_KERAS3_FOLDER names no folder"
)
def test_files_of_keras_pass_now(tmp_path):
    command = [sys.executable, "-m", "tests.peers.keras_3", "--folder", os.environ["KCOMPILE_KERAS3_FOLDER"]]
    words = ["activations/activations", "ops/ops_test", "regularizers/"]
    done = subprocess.run([*command, "--only", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
