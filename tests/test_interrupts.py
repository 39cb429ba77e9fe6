"""Ctrl-C in the first call, while libraries are being imported, leaves the next call working."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sends SIGINT to itself")

PROGRAM = """
import os, signal, sys
import numpy as np
from kcompile.keras.layers import Dense
from kcompile.keras.models import Sequential

module, job, path = sys.argv[1:]
signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs of a shell ignore it
model = Sequential([Dense(2, input_shape=(3,))])
model.compile("adam", "mse")
x, y = np.ones((4, 3)), np.ones((4, 2))
jobs = {
    "fit": lambda: model.fit(x, y, verbose=0),
    "predict": lambda: model.predict(x),
    "save": lambda: model.save(path + ".h5"),
    "export": lambda: model.export(path + ".onnx"),
}

class Interrupting:
    sent = False
    def find_spec(self, name, *rest):
        if name == module and not self.sent:
            self.sent = True
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
try:
    jobs[job]()
except KeyboardInterrupt:
    print("interrupted", flush=True)
jobs[job]()
jobs["fit"]()
print("all work")
"""


@pytest.mark.parametrize(
    ("job", "module"),
    [
        ("fit", "torch.nn"),
        ("fit", "torch._dynamo.utils"),
        ("predict", "onnxruntime.capi._pybind_state"),
        ("save", "h5py.h5d"),
        ("export", "sympy.printing"),
    ],
)
def test_what_was_interrupted_while_it_imported_works_the_next_time(job, module, tmp_path):
    command = [sys.executable, "-c", PROGRAM, module, job, str(tmp_path / "m")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert ended.stdout.split("\n")[:2] == ["interrupted", "all work"], ended.stderr[-2000:]
