"""The example that trains, quantises, reports and serves does all of it."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "smaller_digits.py"


@pytest.mark.needs_onnxruntime(1, 27)
def test_digits_are_trained_quantised_reported_and_served(tmp_path, capsys):
    pytest.importorskip("sklearn")
    pytest.importorskip("starlette")
    pytest.importorskip("uvicorn")
    main = runpy.run_path(str(EXAMPLE))["main"]
    assert main(tmp_path, epochs=4) == 0
    printed = capsys.readouterr().out
    assert "Time of one run, measured in turns" in printed and "the server answers the same" in printed
    page = (tmp_path / "report.html").read_text()
    assert "accuracy on 360 samples" in page and "conv_1" in page
