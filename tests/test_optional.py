"""What needs a package that is not installed says which one, and how to install it."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from kcompile.optional import PACKAGES, MissingPackageError, optional

#: The package that is taken away -> lines of a program that need it; it has a model ``m``, arrays x and y.
USES = {
    "torch": [
        "m.fit(x, y, verbose=0)",
        "m.evaluate(x, y)",
        "m.train_on_batch(x, y)",
        "m.to_torch()",
        "keras.utils.multi_gpu_model(m, gpus=2)",
        "K.function([m.input], [K.gradients(m.output, m.input)[0]])([x])",
        "cli('convert', 'm.h5', '-o', 'w.pt')",
        "cli('convert', 'm.h5', '-o', 'net.py')",
        "cli('predict', 'net.py', 'x.npy', '-o', 'y.npy')",
    ],
    "PIL": [
        "image.load_img('a.png')",
        "image.array_to_img(np.zeros((4, 4, 3)))",
        "image.apply_brightness_shift(np.zeros((4, 4, 3)), 0.5)",
    ],
    "tensorboard": ["m.fit(x, y, callbacks=[keras.callbacks.TensorBoard('logs')])"],
    "scipy": ["image.apply_affine_transform(np.zeros((4, 4, 3)), theta=9, order=3)"],
    "matplotlib": ["m.fit(x, y, verbose=0).plot()", "keras.callbacks.LearningRates([1], [1]).plot()"],
    "pydot": ["keras.utils.plot_model(m, 'm.png')", "keras.utils.vis_utils.model_to_dot(m)"],
    "netron": ["cli('view', 'm.h5')"],
    "pyarrow": ["cli('predict', 'm.onnx', 'x.parquet', '-o', 'out')"],
    "ray": [
        "cli('predict', 'm.onnx', 'x.npy', '-o', 'out', '--ray')",
        "cli('serve', 'm.onnx', '--ray')",
    ],
}

PROGRAM = """
import sys, importlib.machinery
package, *lines = sys.argv[1:]
real = importlib.machinery.PathFinder.find_spec
importlib.machinery.PathFinder.find_spec = classmethod(
    lambda cls, name, *rest: None if name.split(".")[0] == package else real(name, *rest)
)
import contextlib, io, warnings
import numpy as np
from kcompile import keras
from kcompile.cli import main
from kcompile.keras import backend as K
from kcompile.keras.preprocessing import image

def cli(*arguments):
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        code = main(arguments)
    assert code == 2, code
    raise ImportError(said.getvalue())

m = keras.models.Sequential([keras.layers.Dense(1, input_shape=(3,))])
m.compile("sgd", "mse")
x, y = np.ones((4, 3)), np.ones((4, 1))
np.save("x.npy", x)
open("net.py", "w").write("import torch\\n")
open("x.parquet", "w").close()
m.save("m.h5")
m.export("m.onnx", verify=False)
m.predict(x)
for line in lines:
    try:
        eval(line)
        print(line, "|", "nothing was raised")
    except Exception as error:
        print(line, "|", type(error).__name__, " ".join(str(error).split()))
"""


def test_every_optional_package_is_tried():
    assert USES.keys() == PACKAGES.keys()


@pytest.mark.parametrize("package", USES)
def test_what_needs_it_says_what_to_install(package, tmp_path):
    command = [sys.executable, "-c", PROGRAM, package, *USES[package]]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr[-2000:]
    title, install = PACKAGES[package]
    told = re.compile(rf".*needs {title}, which is not installed: pip install '{re.escape(install)}'.*")
    said = ended.stdout.splitlines()
    assert len(said) == len(USES[package])
    assert not [line for line in said if not told.fullmatch(line)]


def test_an_installed_package_that_lacks_a_part_is_not_said_to_be_missing():
    with pytest.raises(ModuleNotFoundError) as caught, optional("torch", "This"):
        import torch.no_such_module  # noqa: F401
    assert caught.type is not MissingPackageError
