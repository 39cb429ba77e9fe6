"""Functions between layers, a model for each call that tf_keras 2.21 and Keras 3.15 record: same numbers.

``tests/golden/functions`` holds configurations and answers; its tables walk ``tf.*``, ``tf.math``,
``tf.nn``, ``tf.linalg``, ``tf.image``, ``tf.signal`` and ``keras.ops``. ``tf_op_layers`` are TensorFlow's
operators, as tf.keras 2.0 to 2.3 recorded the same calls.
"""

from __future__ import annotations

import gzip
import importlib
import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from kcompile.keras import rules
from kcompile.keras.models import load_model, model_from_json

FOLDER = Path(__file__).parents[2] / "golden" / "functions"
PROGRAMS = ("tf", "tf_op_layers", "keras")

#: Calls that are refused by name.
NOT_READ = {
    "tf": {
        "math.bessel_i0", "math.bessel_i0e", "math.bessel_i1", "math.bessel_i1e", "math.igamma",
        "math.igamma_positive", "math.igammac_positive", "math.zeta", "math.nextafter", "inv",
    },
    "tf_op_layers": {
        "math.bessel_i0", "math.bessel_i0e", "math.bessel_i1", "math.bessel_i1e", "math.igamma",
        "math.igamma_positive", "math.igammac_positive", "math.zeta", "math.nextafter", "inv",
        "resize_lanczos3", "resize_down_lanczos3", "resize_gaussian", "resize_down_gaussian",
        "resize_antialias", "complex_free_fft", "zero_fraction", "rot90", "rank", "linspace",
    },
    "keras": {
        "nanmedian", "nanmedian_of_nan", "nanmedian_axis", "nanmedian_axes", "nanmedian_kept",
        "nanmedian_all_kept", "i0", "nextafter", "gcd_integers", "lcm_integers", "bincount", "segment_max",
        "correlate", "unfold", "gaussian_blur", "sobel_edges",
    },
}  # fmt: skip
#: Integers divided are float64 in TensorFlow, float32 here.
OTHER_TYPE = {"math.divide_integers", "math.truediv_integers", "ndim", "prod_type"}


@cache
def configs(program):
    return json.loads(gzip.decompress((FOLDER / f"{program}.json.gz").read_bytes()))


@cache
def stored(program):
    """name -> answers; ``tf_op_layers.npz`` has those that are not in ``tf.npz``."""
    found = {}
    for file in ("tf", program) if program == "tf_op_layers" else (program,):
        with np.load(FOLDER / f"{file}.npz") as answers:
            for key in answers.files:
                name, _, place = key.rpartition("/")
                found.setdefault(name, {})[int(place)] = answers[key]
    return {name: [given[i] for i in range(len(given))] for name, given in found.items()}


@cache
def inputs(program):
    return importlib.import_module(f"tests.golden.functions.{program.split('_')[0]}_cases").arrays()


def answers(model, program):
    arrays = [inputs(program)[name] for name in model.input_names]
    found = model.predict(arrays if len(arrays) > 1 else arrays[0])
    return found if isinstance(found, list) else [found]


def check(model, program, name):
    found, want = answers(model, program), stored(program)[name]
    assert [y.shape for y in found] == [y.shape for y in want]
    for ours, theirs in zip(found, want, strict=True):
        if name not in OTHER_TYPE:
            assert ours.dtype == theirs.dtype
        ours, theirs = (np.asarray(y, "float64") for y in (ours, theirs))
        np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=2e-5)


EVERY = [(program, name) for program in PROGRAMS for name in configs(program)]
READ = [(program, name) for program, name in EVERY if name not in NOT_READ[program]]


@pytest.mark.parametrize(("program", "name"), READ)
def test_function_answers_as_in_its_program(program, name):
    model = model_from_json(json.dumps(configs(program)[name]))
    check(model, program, name)
    twin = model_from_json(model.to_json())
    if said(twin) != said(model):
        check(twin, program, name)


def said(model):
    """What the layers compute, by configuration."""
    configs = [(type(layer).__name__, layer.get_config()) for layer in model.layers]
    return json.loads(json.dumps(configs)), [y.shape for y in model.outputs]


@pytest.mark.parametrize(("program", "name"), [case for case in EVERY if case not in READ])
def test_other_functions_are_refused_by_name(program, name):
    with pytest.raises(
        ValueError,
        match="is not (read|here)|are here|is taken|does not make a model|are not known|is not known while",
    ):
        model_from_json(json.dumps(configs(program)[name]))


def by_rules_of_keras_2(model):
    """The same model with the ``.keras`` files of Keras 3: by tf.keras's rules they are tf.keras's."""
    model._followed_rules = rules.KERAS_2
    return model


@pytest.mark.parametrize(
    "name",
    [
        "caffe",
        "math.argmax",
        "reduce_mean_axis",
        "norm_kept",
        "matmul",
        "matmul_of_constant",
        "matmul_a",
        "matmul_b",
        "argmin_axis",
        "bias_add_list",
        "strided_slice_all",
        "strided_slice_new",
        "strided_slice_back",
    ],
)
def test_functions_of_tensorflow_are_written_as_those_of_keras_3(name, tmp_path):
    model = by_rules_of_keras_2(model_from_json(json.dumps(configs("tf")[name])))
    model.save(tmp_path / "m.keras")
    for ours, theirs in zip(answers(load_model(tmp_path / "m.keras"), "tf"), stored("tf")[name], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=2e-5)


def test_function_that_keras_3_has_not_is_refused_in_its_files(tmp_path):
    model = by_rules_of_keras_2(model_from_json(json.dumps(configs("tf")["math.xlogy"])))
    with pytest.raises(ValueError, match="TensorFlow's function tf.math.xlogy, which keras.ops has not"):
        model.save(tmp_path / "m.keras")
    assert not (tmp_path / "m.keras").exists()


def test_function_that_keras_3_has_not_is_kept_in_files_of_tf_keras(tmp_path):
    model = model_from_json(json.dumps(configs("tf")["math.xlogy"]))
    model.save(tmp_path / "m.keras")
    assert load_model(tmp_path / "m.keras").get_config() == model.get_config()
