"""The check on a GPU runs where there is none, on small sizes, and says what is wrong and what is missing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

from benchmarks import gpu_check, gpu_parts
from benchmarks.gpu_parts import Budget, Check
from benchmarks.measuring import Row
from kcompile.torch_bridge.devices import default_device

ROOT = Path(__file__).parents[2]
ON_GPU = default_device().type == "cuda"


@pytest.mark.parametrize("part", ["training", "golden", "onnxruntime"])
def test_each_part_finds_something_and_nothing_wrong(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KCOMPILE_CUDA_GRAPHS", "1")  # which the parts change
    if ON_GPU:
        pytest.skip("the simulated one is asked for below")
    found = list(gpu_parts.PARTS[part].run(Budget("cpu", 60, small=True)))
    assert [one.failed for one in found if isinstance(one, Check)] == [
        [] for one in found if isinstance(one, Check)
    ]
    assert all(one.ours > 0 and one.other for one in found if isinstance(one, Row))
    assert sum(1 if isinstance(one, Row) else one.tried for one in found) >= 3


@pytest.mark.parametrize("part", ["operators", "golden"])
def test_on_a_simulated_gpu_too(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if not ON_GPU:
        pytest.skip("runs in tests/test_simulated_gpu.py")
    from kcompile.torch_bridge import captured

    monkeypatch.setenv("KCOMPILE_CUDA_GRAPHS", "1")
    monkeypatch.setattr(captured, "AFTER", captured.AFTER)
    first, second = gpu_parts.PARTS[part].run(Budget("cuda", 60, small=True))
    assert isinstance(first, Check) and isinstance(second, Check)
    assert (first.failed, second.failed) == ([], []) and first.tried and second.tried
    assert part != "golden" or "steps captured" in second.check


def test_the_steps_that_are_timed_on_a_gpu_are_captured(monkeypatch: pytest.MonkeyPatch) -> None:
    if not ON_GPU:
        pytest.skip("runs in tests/test_simulated_gpu.py")
    import torch

    monkeypatch.setenv("KCOMPILE_CUDA_GRAPHS", "1")
    for network in gpu_parts.networks(small=True):
        x = torch.ones(network.batch, *network.shape, dtype=torch.int64 if network.tokens else torch.float32)
        given = x.to(default_device()), torch.zeros(network.batch, dtype=torch.int64).to(default_device())
        step, refused = gpu_parts._our_step(network, "float32", True, *given)
        for _ in range(12):
            step()
        assert refused() == [], network.title


def test_a_part_that_fails_or_hangs_leaves_what_it_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(budget: Budget) -> Any:
        yield Check("first", 3, [])
        raise RuntimeError("CUDA error: an illegal memory access")

    monkeypatch.setitem(gpu_parts.PARTS, "golden", gpu_parts.Part(failing, 1.0))
    program = (
        "import json, sys, time\nprint(json.dumps({'check': 'first', 'tried': 3, 'failed': [], 'left': 0}))\n"
    )
    ends = {
        "FAILED: RuntimeError: broken": "raise RuntimeError('broken')",
        "its time was over": "time.sleep(60)",
    }
    for state, last in ends.items():
        monkeypatch.setattr(gpu_check, "STARTING_S", 1.0)
        monkeypatch.setattr(gpu_check, "MODULE", ["-c", f"{program}sys.stdout.flush()\n{last}"])
        part = gpu_check.run("golden", "cpu", 1.5, False)
        assert part["state"] == state
        assert part["found"] == [{"check": "first", "tried": 3, "failed": [], "left": 0}]


def report(**changed: Any) -> dict[str, Any]:
    row = {"topic": "training", "what": "CNN", "ours": 1.0, "unit": "ms", "other": 2.0, "ratio": 0.5,
           "target": 1.05, "at_least": False, "reached": True}  # fmt: skip
    check = {"check": "operators", "tried": 7, "failed": [], "left": 2}
    about = {"date": "2026-01-01", "device": "cuda", "gpus": ["G"], "cuda": "13", "python": "3",
             "missing": [], "versions": {"torch": "2"}}  # fmt: skip
    parts = {"training": {"state": "done", "found": [row]}, "operators": {"state": "done", "found": [check]}}
    return {"environment": about, "seconds": 9.0, "parts": {**parts, **changed}}


def test_the_table_goes_into_the_page(tmp_path: Path) -> None:
    page = tmp_path / "gpu.md"
    page.write_text(f"before\n{gpu_check.BEGIN}\nold\n{gpu_check.END}\nafter\n")
    skipped = {"state": "skipped: onnxruntime is not installed", "found": []}
    gpu_check.put(gpu_check.table(report(onnxruntime=skipped)), page)
    text = page.read_text()
    assert text.startswith("before\n") and text.endswith("after\n") and "old" not in text
    assert "| CNN | 1 ms | 2 ms | 0.50 | <= 1.05 |" in text and "| operators | 7 | 0 | 2 |" in text
    assert "onnxruntime is not installed" in text


@pytest.mark.parametrize(
    ("part", "sound"),
    [
        ({"state": "done", "found": []}, True),
        ({"state": "its time was over", "found": []}, True),
        ({"state": "skipped: onnx is not installed", "found": []}, True),
        ({"state": "FAILED: RuntimeError: x", "found": []}, False),
        ({"state": "done", "found": [{"check": "c", "tried": 1, "failed": ["x"], "left": 0}]}, False),
    ],
)
def test_what_is_wrong_is_the_exit_status(part: dict[str, Any], sound: bool) -> None:
    assert gpu_check.sound(report(golden=part)) is sound


def test_a_machine_without_a_gpu_is_told_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if ON_GPU:
        pytest.skip("there is one")
    assert gpu_check.main(["-o", str(tmp_path)]) == 2
    assert "no GPU" in capsys.readouterr().out and not list(tmp_path.iterdir())


@pytest.mark.skipif(ON_GPU, reason="asks for the CPU")
def test_what_is_not_installed_is_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    missing = ("h5py", "onnx_ir", "onnxscript", "typer", "rich", "safetensors", "pooch", "yaml", "pytest")
    for name in missing:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"raise ModuleNotFoundError({name!r})")
    parts = ["--part", "golden", "--part", "onnxruntime"]
    asked = ["-o", str(tmp_path / "out"), "--device", "cpu", "--small", *parts]
    program = (
        "import sys, importlib.util as u; from benchmarks import gpu_check; find = u.find_spec\n"
        f"gpu_check.find_spec = lambda name: None if name in {missing!r} else find(name)\n"
        f"sys.exit(gpu_check.main({asked!r}))"
    )
    path = os.pathsep.join([str(tmp_path), str(ROOT), str(ROOT / "runtime")])
    environ = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Not installed: onnx_ir, onnxscript, h5py, yaml, safetensors, pooch, typer, rich." in done.stdout
    written = json.loads((tmp_path / "out" / "gpu_check.json").read_text())["parts"]
    assert written["golden"]["state"] == "done"
    assert [one["tried"] for one in written["golden"]["found"]] == [0, 3]
    assert written["onnxruntime"]["state"] == "skipped: onnx_ir, onnxscript is not installed"
