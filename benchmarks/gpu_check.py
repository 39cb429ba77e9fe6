"""Whether kcompile works on this machine's GPU, and how fast, in under four minutes.

    make gpu-check          or, from a checkout, without installing anything:
    PYTHONPATH=.:runtime python -m benchmarks.gpu_check -o FOLDER [--seconds 230] [--part training ...]

It needs PyTorch, numpy and onnx. Each part (``gpu_parts``) has a process of its own and a share of the time:
what goes wrong in one leaves the others alone. Written are gpu_check.json, all that was found, and
gpu_check.md, the table of docs/gpu.md; ``--page docs/gpu.md`` puts it there.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
#: Packages of kcompile and of the check, by the names that they are imported by.
PACKAGES = (
    "numpy", "torch", "onnx", "ml_dtypes", "onnx_ir", "onnxscript", "onnxruntime", "h5py", "yaml",
    "safetensors", "pooch", "typer", "rich",
)  # fmt: skip
#: What importing everything takes a part.
STARTING_S = 4.0
MODULE = ["-m", "benchmarks.gpu_parts"]
BEGIN, END = "<!-- written by `python -m benchmarks.gpu_check` -->", "<!-- end of the table -->"


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the parts. Returns 0 if all that could be tried is as it should be, whatever the times are; 1 if
    something is not; 2 if there is no GPU or no PyTorch."""
    for package in ("numpy", "torch"):
        if find_spec(package) is None:
            print(
                f"Nothing is checked: {sys.executable} has no {package}; make takes another one by PYTHON=."
            )
            return 2
    from .gpu_parts import PARTS

    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu_check", description=__doc__)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--seconds", type=float, default=230.0, help="for all of it (default: 230)")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--small", action="store_true", help="tiny sizes: whether the check itself works")
    parser.add_argument("--part", action="append", choices=list(PARTS), help="may be repeated (default: all)")
    parser.add_argument("--page", type=Path, help="put the table into this page, too")
    arguments = parser.parse_args(argv)
    begun = time.monotonic()
    about = environment(arguments.device)
    if about["missing"]:
        print(f"Not installed: {', '.join(about['missing'])}.")
    if arguments.device == "cuda" and not about.get("gpus"):
        print("Nothing is checked: there is no GPU that PyTorch can use.")
        return 2
    end = begun + arguments.seconds
    chosen = [name for name in PARTS if not arguments.part or name in arguments.part]
    parts: dict[str, Any] = {}
    for i, name in enumerate(chosen):
        lacking = [package for package in PARTS[name].needs if package in about["missing"]]
        if lacking:
            parts[name] = {"state": f"skipped: {', '.join(lacking)} is not installed", "found": []}
        else:
            share = PARTS[name].share / sum(PARTS[other].share for other in chosen[i:])
            parts[name] = run(name, arguments.device, share * (end - time.monotonic()), arguments.small)
        print(f"{name}: {parts[name]['state']}", flush=True)
        for line in _told(parts[name]["found"]):
            print(f"  {line}", flush=True)
    report = {"environment": about, "seconds": round(time.monotonic() - begun, 1), "parts": parts}
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "gpu_check.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    text = table(report)
    (arguments.output / "gpu_check.md").write_text(text, encoding="utf-8")
    if arguments.page:
        put(text, arguments.page)
    print(f"{report['seconds']:.0f} s; written to {arguments.output}")
    return int(not sound(report))


def run(name: str, device: str, seconds: float, small: bool) -> dict[str, Any]:
    """A part in a process of its own, which is ended where it does not end in its time.

    Returns:
        ``state``, ``seconds`` and ``found``, the lines that it told.
    """
    path = os.pathsep.join([str(ROOT), str(ROOT / "runtime"), os.environ.get("PYTHONPATH", "")])
    environ = {**os.environ, "PYTHONPATH": path}
    if device == "cpu":
        environ["CUDA_VISIBLE_DEVICES"] = ""
    allowed = max(1.0, seconds - STARTING_S)
    command = [sys.executable, *MODULE, name, device, str(allowed), "small" if small else ""]
    begun = time.monotonic()
    process = subprocess.Popen(
        command, cwd=ROOT, env=environ, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    overdue = threading.Timer(max(seconds, STARTING_S) + 2 * STARTING_S * small, process.kill)
    overdue.start()
    try:
        out, errors = process.communicate()
    finally:
        overdue.cancel()
    state = "done"
    if process.returncode:
        last = errors.strip().splitlines()[-1:] or [f"exit status {process.returncode}"]
        state = "its time was over" if process.returncode == -9 else f"FAILED: {last[0][:400]}"
    spent = round(time.monotonic() - begun, 1)
    return {"state": state, "seconds": spent, "found": list(_lines(out)), "errors": errors[-4000:]}


def _lines(text: str) -> Iterator[dict[str, Any]]:
    for line in text.splitlines():
        try:
            yield json.loads(line)
        except ValueError:  # broken off
            continue


def environment(device: str) -> dict[str, Any]:
    """The machine and what is installed."""
    about: dict[str, Any] = {
        "date": datetime.now(timezone.utc).date().isoformat(),
        "device": device,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
        "missing": [package for package in PACKAGES if find_spec(package) is None],
        "versions": {package: _version(package) for package in PACKAGES if find_spec(package) is not None},
    }
    import torch

    about["cuda"] = torch.version.cuda
    if torch.cuda.is_available():
        about["cudnn"] = torch.backends.cudnn.version()
        about["gpus"] = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return about


def _version(package: str) -> str:
    names = {"yaml": ["PyYAML"], "onnxruntime": ["onnxruntime-gpu", "onnxruntime"]}
    for name in names.get(package, [package]):
        try:
            return f"{version(name)} ({name})" if name == "onnxruntime-gpu" else version(name)
        except PackageNotFoundError:
            continue
    return "unknown"


def sound(report: dict[str, Any]) -> bool:
    """Whether nothing that was tried is wrong."""
    return all(
        not part["state"].startswith("FAILED") and not any(found.get("failed") for found in part["found"])
        for part in report["parts"].values()
    )


def table(report: dict[str, Any]) -> str:
    """Markdown: the machine, the times, and what was checked."""
    about, parts = report["environment"], report["parts"]
    gpus = ", ".join(about.get("gpus") or [f"no GPU ({about['device']})"])
    versions = ", ".join(f"{name} {about['versions'][name]}" for name in ("torch", "onnx", "onnxruntime")
                         if name in about["versions"])  # fmt: skip
    lines = [
        f"{about['date']}, {gpus}, CUDA {about.get('cuda')}, Python {about['python']}, {versions}; "
        f"{report['seconds']:.0f} s.",
        "",
    ]
    found = [one for part in parts.values() for one in part["found"]]
    rows = [one for one in found if "ratio" in one]
    if rows:
        lines += ["| | kcompile | other | ratio | target |", "| --- | ---: | ---: | ---: | ---: |"]
        for row in rows:
            target = "" if row["target"] is None else f"<= {row['target']:.2f}"
            times = f"{row['ours']:.3g} {row['unit']} | {row['other']:.3g} {row['unit']}"
            lines.append(f"| {row['what']} | {times} | {row['ratio']:.2f} | {target} |")
        lines.append("")
    lines += ["| checked | tried | failed | no time for |", "| --- | ---: | ---: | ---: |"]
    for one in found:
        if "check" in one:
            lines.append(f"| {one['check']} | {one['tried']} | {len(one['failed'])} | {one['left']} |")
    for name, part in parts.items():
        if part["state"] != "done":
            lines.append(f"| {name}: {part['state'].replace('|', '/')} | | | |")
    return "\n".join(lines) + "\n"


def put(text: str, page: Path) -> None:
    """Replaces the table of a page."""
    before, rest = page.read_text(encoding="utf-8").split(BEGIN)
    page.write_text(f"{before}{BEGIN}\n{text}{END}{rest.split(END)[1]}", encoding="utf-8")


def _told(found: list[dict[str, Any]]) -> Iterator[str]:
    for one in found:
        if "ratio" in one:
            reached = {None: "", True: ", as wanted", False: ", SLOWER than wanted"}[one["reached"]]
            yield f"{one['what']}: {one['ours']:.3g} {one['unit']}, ratio {one['ratio']:.2f}{reached}"
        else:
            yield f"{one['check']}: {one['tried']} tried, {len(one['failed'])} failed, {one['left']} left"
            yield from (f"  {failure}" for failure in one["failed"][:20])


if __name__ == "__main__":
    sys.exit(main())
