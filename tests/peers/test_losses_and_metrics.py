"""The stored lists and numbers of losses and metrics are those of live Keras, and its compiled files evaluate
alike here; run by `make peers-test`."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from kcompile import keras
from kcompile.keras.models import load_model
from tests.golden.keras3 import measures

PEERS = os.environ.get("KCOMPILE_PEERS_PYTHON")
ROOT = Path(__file__).resolve().parents[2]
STORED = ROOT / "tests" / "golden" / "keras3"

pytestmark = [
    pytest.mark.peers,
    pytest.mark.skipif(not PEERS, reason="needs KCOMPILE_PEERS_PYTHON: run `make peers-test`"),
]

NAMES = """
import json, sys
import {module} as keras
from tests.golden.keras3 import make_measures
print("\\n" + json.dumps(make_measures.names(keras)))
"""
# Every fourth case is written, read again by its writer, and evaluated.
WRITE = """
import sys, warnings
import numpy as np
import {module} as keras
from tests.golden.keras3 import make_measures, measures
warnings.simplefilter("ignore")
answers = {{}}
cases = [case for case in measures.CASES if "{module}" in case["judges"] and measures.has_file(case)]
for case in cases[::4]:
    keras.backend.clear_session()
    try:
        answers[case["name"]] = make_measures.written(keras, case, sys.argv[1], ("{ending}",))[1]
    except Exception as error:
        print("not written by {module}:", case["name"], error)
np.savez(sys.argv[2], **answers)
"""
# What is compiled here, opened there.
READ = """
import sys, warnings
from pathlib import Path
import numpy as np
import {module} as keras
from tests.golden.keras3 import measures
warnings.simplefilter("ignore")
cases = {{case["name"]: case for case in measures.CASES}}
answers = {{}}
for path in sorted(Path(sys.argv[1]).glob("*.{ending}")):
    model = keras.models.load_model(str(path))
    answers[path.stem] = measures.evaluate(model, cases[path.stem])
np.savez(sys.argv[2], **answers)
"""


def run(script, *arguments):
    return subprocess.run(
        [PEERS, "-c", script, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(ROOT)},
        check=True,
        capture_output=True,
        text=True,
    ).stdout


@pytest.mark.parametrize("module", ["keras", "tf_keras"])
def test_stored_names_are_those_of_the_program(module):
    live = json.loads(run(NAMES.format(module=module)).splitlines()[-1])
    assert live == json.loads((STORED / f"measures_{module}.json").read_text())["names"]


@pytest.mark.parametrize("module, ending", [("keras", "keras"), ("tf_keras", "h5"), ("tf_keras", "keras")])
def test_files_of_the_program_evaluate_alike(module, ending, tmp_path):
    run(WRITE.format(module=module, ending=ending), tmp_path, tmp_path / "answers.npz")
    cases = {case["name"]: case for case in measures.CASES}
    with np.load(tmp_path / "answers.npz") as answers:
        assert len(answers.files) > 30
        for name in answers.files:
            model = load_model(str(tmp_path / f"{name}.{ending}"))
            found = measures.evaluate(model, cases[name])
            np.testing.assert_allclose(found, answers[name], rtol=2e-5, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("module, ending", [("keras", "keras"), ("tf_keras", "h5")])
def test_losses_and_metrics_of_our_files_are_known_there(module, ending, tmp_path):
    """Without masks and weights, where all agree."""
    written = {}
    for case in measures.CASES[::3]:
        if module not in case["judges"] or measures.mask(case["data"]) is not None:
            continue
        if not measures.has_file(case) or case["kwargs"].get("axis", -1) != -1 or case["class"] == "Huber":
            continue
        if "num_regressors" in case["kwargs"]:  # which neither can compute in evaluate()
            continue
        model = measures.file_model(keras, case)
        measures.compile_model(keras, model, case)
        model.save(str(tmp_path / f"{case['name']}.{ending}"))
        written[case["name"]] = measures.evaluate(model, case)
    run(READ.format(module=module, ending=ending), tmp_path, tmp_path / "answers.npz")
    with np.load(tmp_path / "answers.npz") as answers:
        for name, expected in written.items():
            np.testing.assert_allclose(answers[name][:1], expected[:1], rtol=2e-5, atol=1e-5, err_msg=name)
