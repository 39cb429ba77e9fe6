"""``kcompile verify``: equal models are equal, others are told apart."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile.cli import BAD_INPUT, NEGATIVE, OK


def other_model(path, units=3, seed=7):
    from kcompile.keras.layers import Dense
    from kcompile.keras.models import Sequential

    model = Sequential([Dense(units, activation="softmax", input_shape=(4,))])
    random = np.random.default_rng(seed)
    model.set_weights([random.standard_normal(w.shape) for w in model.get_weights()])
    model.save(path)
    return path


@pytest.mark.parametrize(("a", "b"), [("h5", "onnx"), ("onnx", "h5"), ("h5", "h5"), ("onnx", "onnx")])
def test_a_model_equals_its_export(files, call, a, b):
    result = call("verify", getattr(files, a), getattr(files, b))
    assert result.code == OK, result.err
    assert "classes" in result.out and result.out.strip().endswith("equal")


def test_an_architecture_with_its_weights_equals_the_whole(files, call):
    result = call("verify", files.json, files.onnx, "--weights-a", files.weights)
    assert result.code == OK, result.err


def test_other_weights_differ(files, call, tmp_path):
    result = call("verify", files.onnx, other_model(tmp_path / "b.h5"))
    assert result.code == NEGATIVE and "NO" in result.out and "different" in result.out


def test_tolerance_decides(files, call, tmp_path):
    model = files.model
    weights = model.get_weights()
    changed = [weights[0] * 1.01, *weights[1:]]
    try:
        model.set_weights(changed)
        model.save(tmp_path / "b.h5")
    finally:
        model.set_weights(weights)
    assert call("verify", files.h5, tmp_path / "b.h5", "--tolerance", 1e-6).code == NEGATIVE
    assert call("verify", files.h5, tmp_path / "b.h5", "--tolerance", 0.5).code == OK


def test_the_seed_fixes_the_inputs(files, call, tmp_path):
    other = other_model(tmp_path / "b.h5")
    runs = [call("verify", files.h5, other, "--seed", seed, "--samples", 3).out for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]
    assert "(3, 3)" in runs[0]


def test_other_shapes_are_different_models(files, call, tmp_path, two_inputs):
    result = call("verify", files.h5, two_inputs)
    assert result.code == NEGATIVE and "inputs" in result.err
    wide = other_model(tmp_path / "wide.h5", units=9)
    result = call("verify", files.h5, wide)
    assert result.code == NEGATIVE and "(8, 3) and (8, 9)" in result.out


def test_inputs_meet_by_name(call, tmp_path, two_inputs):
    from kcompile.keras.models import Model, load_model

    model = load_model(two_inputs)
    swapped = Model(list(reversed(model.inputs)), model.outputs)
    swapped.save(tmp_path / "swapped.h5")
    assert call("verify", two_inputs, tmp_path / "swapped.h5").code == OK


def test_an_unreadable_file_is_bad_usage_not_a_difference(files, call, tmp_path):
    (tmp_path / "b.onnx").write_bytes(b"\x08\x0a\x12nothing")
    result = call("verify", files.h5, tmp_path / "b.onnx")
    assert result.code == BAD_INPUT and result.err.count("\n") == 1


def test_outputs_that_are_drawn_are_left_out_and_the_others_compared(call, tmp_path):
    from kcompile import keras

    for name, factor in (("a", 1.0), ("b", 1.5)):
        x = keras.layers.Input((4,), name="x")
        weights = keras.initializers.Constant(factor)
        plain = keras.layers.Dense(2, kernel_initializer=weights, name="plain")(x)
        drawn = keras.layers.Dropout(0.5, name="drawn")(x, training=True)
        keras.Model(x, [plain, drawn]).export(tmp_path / f"{name}.onnx")
    same = call("verify", tmp_path / "a.onnx", tmp_path / "a.onnx")
    assert same.code == OK and "random" in same.out
    assert call("verify", tmp_path / "a.onnx", tmp_path / "b.onnx").code == NEGATIVE
