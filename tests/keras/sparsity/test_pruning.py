"""Pruning: masks by the definitions of tensorflow-model-optimization, and models that train to them."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from kcompile import keras
from kcompile.keras import layers as L
from kcompile.keras import sparsity as S
from kcompile.keras.quantization import prepare
from kcompile.keras.sparsity import masks
from kcompile.keras.sparsity.pruning_callbacks import sparsities


def sparsity(array):
    return float((array == 0).mean())


def digits_network():
    np.random.seed(0)
    return keras.Sequential(
        [
            L.Conv2D(8, 3, activation="relu", input_shape=(8, 8, 1)),
            L.BatchNormalization(),
            L.Flatten(),
            L.Dense(32, activation="relu"),
            L.Dense(10, activation="softmax"),
        ]
    )


@pytest.fixture(scope="module")
def digits():
    from sklearn.datasets import load_digits

    data = load_digits()
    x = (data.images[..., None] / 16).astype(np.float32)
    order = np.random.default_rng(0).permutation(len(x))
    x, y = x[order], data.target[order]
    return (x[:1400], y[:1400]), (x[1400:], y[1400:])


def compiled(model, rate=0.001):
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", ["accuracy"])
    return model


def test_constant_sparsity_is_due_at_its_frequency():
    schedule = S.ConstantSparsity(0.4, begin_step=10, end_step=30, frequency=10)
    assert [step for step in range(60) if schedule(step)[0]] == [10, 20, 30]
    assert schedule(12)[1] == 0.4
    assert [step for step in range(60) if S.ConstantSparsity(0.4, 45, frequency=5)(step)[0]] == [45, 50, 55]


def test_polynomial_decay_goes_from_one_share_to_the_other():
    schedule = S.PolynomialDecay(0.2, 0.8, 10, 20, power=3, frequency=5)
    assert [schedule(step)[0] for step in (5, 10, 15, 20, 25)] == [False, True, True, True, False]
    found = [schedule(step)[1] for step in (10, 15, 20, 30)]
    np.testing.assert_allclose(found, [0.2, 0.8 - 0.6 * 0.5**3, 0.8, 0.8])


@pytest.mark.parametrize(
    "make",
    [
        lambda: S.ConstantSparsity(1.0, 0),
        lambda: S.ConstantSparsity(-0.1, 0),
        lambda: S.ConstantSparsity(0.5, -1),
        lambda: S.ConstantSparsity(0.5, 10, 5),
        lambda: S.ConstantSparsity(0.5, 0, frequency=0),
        lambda: S.PolynomialDecay(0.1, 1.5, 0, 10),
        lambda: S.PolynomialDecay(0.1, 0.5, 10, -1),
    ],
)
def test_schedules_out_of_bounds_are_refused(make):
    with pytest.raises(ValueError, match="sparsity|step|frequency"):
        make()


@pytest.mark.parametrize("schedule", [S.ConstantSparsity(0.5, 3, 9, 2), S.PolynomialDecay(0.1, 0.9, 0, 50)])
def test_schedules_come_back_from_their_configuration(schedule):
    assert vars(type(schedule).from_config(schedule.get_config())) == vars(schedule)


def test_the_largest_stay():
    weight = np.array([[0.1, -5.0, 0.3], [4.0, -0.2, 3.0]], np.float32)
    np.testing.assert_array_equal(masks.by_magnitude(weight, 0.5), [[0, 1, 0], [1, 0, 1]])
    assert masks.by_magnitude(np.zeros((4, 4)), 0.75).sum() == 4  # also among equals
    assert masks.by_magnitude(weight, 0.999).sum() == 1


def test_blocks_stay_or_go_whole():
    weight = np.array([[1, 1, 9, 0], [1, 1, 0, 0], [2, 2, 0, 3]], np.float32)
    by_mean = masks.by_block(weight, 0.5, (2, 2), "AVG")
    np.testing.assert_array_equal(by_mean, [[0, 0, 1, 1], [0, 0, 1, 1], [1, 1, 0, 0]])
    by_largest = masks.by_block(weight, 0.5, (2, 2), "MAX")
    np.testing.assert_array_equal(by_largest, [[0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 1, 1]])


def test_m_of_n_are_zero_along_the_inputs():
    weight = np.random.default_rng(0).normal(size=(3, 3, 10, 4))
    mask = masks.m_by_n(weight, 2, 4)
    groups = np.moveaxis(mask, -2, -1)[..., :8].reshape(-1, 4)
    assert (groups.sum(axis=1) == 2).all()
    assert mask[..., 8:, :].all()  # what is left over
    kept = np.where(mask > 0, np.abs(weight), np.inf)[..., :4, :].min(axis=-2)
    gone = np.where(mask > 0, 0, np.abs(weight))[..., :4, :].max(axis=-2)
    assert (kept >= gone).all()


LAYERS = {
    "Dense": (lambda: L.Dense(8), (6,)),
    "Conv1D": (lambda: L.Conv1D(8, 3), (9, 4)),
    "Conv2D": (lambda: L.Conv2D(8, 3), (6, 6, 4)),
    "Conv2DTranspose": (lambda: L.Conv2DTranspose(4, 3), (6, 6, 4)),
    "SeparableConv2D": (lambda: L.SeparableConv2D(8, 3), (6, 6, 4)),
    "LSTM": (lambda: L.LSTM(8), (5, 4)),
    "GRU": (lambda: L.GRU(8), (5, 4)),
    "Bidirectional": (lambda: L.Bidirectional(L.SimpleRNN(4)), (5, 4)),
    "TimeDistributed": (lambda: L.TimeDistributed(L.Dense(4)), (5, 4)),
    "EinsumDense": (lambda: L.EinsumDense("ab,bc->ac", 8), (6,)),
}


@pytest.mark.parametrize("name", sorted(LAYERS))
def test_any_layer_with_kernels_is_pruned_while_it_trains(name):
    make, shape = LAYERS[name]
    layer = S.prune_low_magnitude(make(), S.ConstantSparsity(0.5, 2, frequency=1))
    model = keras.Sequential([layer, L.Flatten(), L.Dense(1)])
    model.build((None, *shape))
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).normal(size=(32, *shape))
    model.fit(x, np.ones((32, 1)), batch_size=8, verbose=0, callbacks=[S.UpdatePruningStep()])
    assert layer.pruning_masks
    for weight, mask, threshold in layer.pruning_masks:
        numbers = weight.numpy()
        assert sparsity(mask.numpy()) == pytest.approx(0.5, abs=0.1)
        assert (numbers[mask.numpy() == 0] == 0).all()
        assert threshold.numpy() > 0
    assert layer.pruning_step.numpy() == 3


def test_depthwise_kernels_stay_and_layers_name_their_own():
    with pytest.raises(ValueError, match="no weights to prune"):
        keras.Sequential([S.prune_low_magnitude(L.DepthwiseConv2D(3, input_shape=(6, 6, 2)))])

    class Own(L.Layer, S.PrunableLayer):
        def build(self, input_shape):
            self.gain = self.add_weight("gain", (input_shape[-1],), initializer="ones")

        def call(self, inputs):
            return inputs * self.gain

        def get_prunable_weights(self):
            return [self.gain]

    layer = S.prune_low_magnitude(Own(), S.ConstantSparsity(0.5, 0))
    layer(keras.Input((4,)))
    layer.prune(0)
    assert sparsity(layer.layer.gain.numpy()) == 0.5


def test_a_model_is_pruned_and_smaller_and_as_good(digits, tmp_path):
    (x, y), (x_test, y_test) = digits
    model = compiled(digits_network())
    model.fit(x, y, epochs=6, verbose=0)
    dense = model.evaluate(x_test, y_test, verbose=0)[1]
    model.export(tmp_path / "dense.onnx", verify=False)

    pruned = compiled(S.prune_low_magnitude(model, S.PolynomialDecay(0.3, 0.8, 0, 150, frequency=10)))
    pruned.fit(x, y, epochs=6, verbose=0, callbacks=[S.UpdatePruningStep()])
    shares = [value for name, value in sparsities(pruned).items() if "sparsity" in name]
    np.testing.assert_allclose(shares, [0.8] * 3, atol=0.01)

    stripped = compiled(S.strip_pruning(pruned))
    assert [type(layer) for layer in stripped.layers] == [type(layer) for layer in model.layers]
    np.testing.assert_array_equal(stripped.predict(x_test), pruned.predict(x_test))
    assert stripped.evaluate(x_test, y_test, verbose=0)[1] > dense - 0.02
    stripped.export(tmp_path / "pruned.onnx", verify=False)
    packed = [len(gzip.compress((tmp_path / f"{n}.onnx").read_bytes())) for n in ("dense", "pruned")]
    assert packed[1] < 0.4 * packed[0]

    trained = compiled(prepare(pruned, x[:100]), 1e-4)  # for 8 bits, and zeros stay
    trained.fit(x, y, verbose=0)
    trained.export(tmp_path / "integers.onnx", verify=False)
    assert len(gzip.compress((tmp_path / "integers.onnx").read_bytes())) < 0.4 * packed[0]
    assert sparsity(trained.layers[-1].layer.layer.kernel.numpy()) == pytest.approx(0.8, abs=0.01)


@pytest.mark.parametrize("ending", ["h5", "keras"])
def test_pruning_goes_on_from_a_file(ending, digits, tmp_path):
    (x, y), _ = digits
    pruned = compiled(S.prune_low_magnitude(digits_network(), S.ConstantSparsity(0.5, 0, frequency=5)))
    pruned.fit(x[:320], y[:320], verbose=0, callbacks=[S.UpdatePruningStep()])
    pruned.save(tmp_path / f"model.{ending}")
    with S.prune_scope():
        back = keras.models.load_model(tmp_path / f"model.{ending}")
    np.testing.assert_array_equal(back.predict(x[:50]), pruned.predict(x[:50]))
    assert back.layers[0].pruning_step.numpy() == 9
    back.fit(x[:320], y[:320], verbose=0, callbacks=[S.UpdatePruningStep()])
    assert back.layers[0].pruning_step.numpy() == 19
    assert sparsity(back.layers[0].layer.kernel.numpy()) >= 0.5


def test_constraints_of_the_layer_hold_as_well():
    layer = S.prune_low_magnitude(L.Dense(4, kernel_constraint="non_neg"), S.ConstantSparsity(0.5, 0))
    model = keras.Sequential([layer])
    model.build((None, 6))
    model.compile(keras.optimizers.SGD(1.0), "mse")
    model.fit(np.ones((8, 6)), -np.ones((8, 4)), verbose=0, callbacks=[S.UpdatePruningStep()])
    assert (layer.layer.kernel.numpy() >= 0).all()


def test_a_stripped_model_trains_freely():
    layer = S.prune_low_magnitude(L.Dense(4, kernel_constraint="non_neg"), S.ConstantSparsity(0.5, 0))
    model = keras.Sequential([layer])
    model.build((None, 6))
    layer.prune(0)
    stripped = S.strip_pruning(model)
    stripped.compile(keras.optimizers.SGD(1.0), "mse")
    stripped.fit(np.ones((8, 6)), np.full((8, 4), 50.0), verbose=0)
    kernel = stripped.layers[0].kernel.numpy()
    assert sparsity(kernel) == 0
    assert (kernel >= 0).all()


def test_summaries_tell_of_sparsity(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    model = S.prune_low_magnitude(
        keras.Sequential([L.Dense(4, input_shape=(4,))]), S.ConstantSparsity(0.5, 0)
    )
    model.compile("sgd", "mse")
    callbacks = [S.UpdatePruningStep(), S.PruningSummaries(str(tmp_path))]
    model.fit(np.ones((4, 4)), np.ones((4, 4)), verbose=0, callbacks=callbacks)
    events = EventAccumulator(str(tmp_path / "train")).Reload()
    (name,) = [tag for tag in events.Tags()["scalars"] if tag.endswith("sparsity")]
    assert events.Scalars(name)[0].value == 0.5


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: S.prune_low_magnitude(3), "takes a layer"),
        (lambda: S.prune_low_magnitude(L.Dense(2), block_pooling_type="SUM"), "block_pooling_type"),
        (lambda: S.prune_low_magnitude(L.Dense(2), block_size=(0, 1)), "block_size"),
        (lambda: S.prune_low_magnitude(L.Dense(2), sparsity_m_by_n=(4, 4)), "m must be less"),
        (lambda: S.prune_low_magnitude(L.Dense(2), None, (2, 2), sparsity_m_by_n=(2, 4)), "cannot both"),
        (lambda: S.prune_low_magnitude(keras.Sequential([L.ReLU(input_shape=(2,))])), "no weights to prune"),
        (lambda: S.strip_pruning(L.Dense(2)), "takes a Sequential"),
    ],
)
def test_what_cannot_be_pruned_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_without_the_callback_nothing_is_pruned_and_it_is_said():
    model = S.prune_low_magnitude(keras.Sequential([L.Dense(2, input_shape=(2,))]))
    with pytest.warns(UserWarning, match="UpdatePruningStep"):
        S.strip_pruning(model)


def test_the_callback_wants_a_pruned_model():
    model = keras.Sequential([L.Dense(2, input_shape=(2,))])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="has no layer of prune_low_magnitude"):
        model.fit(np.ones((2, 2)), np.ones((2, 2)), verbose=0, callbacks=[S.UpdatePruningStep()])
