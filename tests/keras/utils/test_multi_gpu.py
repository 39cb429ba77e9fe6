"""multi_gpu_model: Keras's arguments and errors, and training for real on two GPUs, or on CPU workers."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile import DeviceNotFoundError, device_scope
from kcompile.keras import backend as K
from kcompile.keras import callbacks, layers, losses, metrics, optimizers
from kcompile.keras.models import Model, Sequential, load_model
from kcompile.keras.utils import Sequence, multi_gpu_model, multi_gpu_utils, set_random_seed
from kcompile.torch_bridge import devices, parallel
from kcompile.torch_bridge.parallel import pool

CPUS = ["cpu:0", "cpu:1"]
TWO = ["gpu:0", "gpu:1"] if devices.available()[:2] == ["gpu:0", "gpu:1"] else CPUS
X = np.random.default_rng(0).normal(size=(50, 4)).astype("float32")
LABELS = np.arange(50) % 3


@pytest.fixture(scope="module", autouse=True)
def workers():
    """The same two workers for all tests here."""
    running = pool.pool(["cuda:0", "cuda:1"] if TWO is not CPUS else ["cpu", "cpu"])
    yield running
    running.close()


def classifier(**options) -> Sequential:
    np.random.seed(0)
    return Sequential(
        [
            layers.Dense(5, activation="tanh", input_shape=(4,), **options),
            layers.Dense(3, activation="softmax"),
        ]
    )


# --- arguments ---


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({}, "call `multi_gpu_model` with `gpus >= 2`. Received: `gpus=0`"),
        ({"gpus": 1}, "call `multi_gpu_model` with `gpus >= 2`. Received: `gpus=1`"),
        ({"gpus": [0]}, "call `multi_gpu_model` with `len(gpus) >= 2`. Received: `gpus=[0]`"),
        (
            {"gpus": 2},
            "To call `multi_gpu_model` with `gpus=2`, we expect the following devices to be available: "
            "['/cpu:0', '/gpu:0', '/gpu:1']. However this machine only has: ['/cpu:0']. Try reducing `gpus`.",
        ),
        (
            {"gpus": [0, 3]},
            "To call `multi_gpu_model` with `gpus=[0, 3]`, we expect the following devices to be available: "
            "['/cpu:0', '/gpu:0', '/gpu:3']. However this machine only has: ['/cpu:0']. Try reducing `gpus`.",
        ),
    ],
)
def test_too_few_devices_are_refused_in_the_words_of_keras(arguments, message, monkeypatch):
    monkeypatch.setattr(devices, "available", lambda: ["cpu:0"])
    with pytest.raises(ValueError) as caught:
        multi_gpu_model(classifier(), **arguments)
    assert message in str(caught.value)
    assert isinstance(caught.value, DeviceNotFoundError) is ("However" in message)


@pytest.mark.parametrize(
    "names, error, message",
    [
        ("cpu:0", ValueError, "a list of at least two names"),
        (["cpu:0"], ValueError, "a list of at least two names"),
        (["cpu:0", "/cpu:0"], ValueError, "may be named once only"),
        (["cpu:0", "gpu:0"], ValueError, "all CPUs or all GPUs"),
        (["cpu:0", "tpu:0"], ValueError, "A device is"),
        (["gpu:0", "gpu:1"], DeviceNotFoundError, "no device /gpu:0 here; there are: /cpu:0"),
    ],
)
def test_bad_device_names_are_refused(names, error, message, monkeypatch):
    monkeypatch.setattr(devices, "available", lambda: ["cpu:0"])
    with pytest.raises(error, match=message):
        multi_gpu_model(classifier(), devices=names)


@pytest.mark.parametrize(
    "gpus, expected", [(None, [0, 1, 2]), (2, [0, 1]), ([2, 0], [2, 0]), ((1, 2), [1, 2])]
)
def test_gpus_are_chosen_as_keras_does(gpus, expected, monkeypatch):
    monkeypatch.setattr(devices, "available", lambda: ["gpu:0", "gpu:1", "gpu:2", "cpu:0"])
    assert multi_gpu_model(classifier(), gpus)._step_devices == [f"cuda:{i}" for i in expected]


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Sequential([layers.Dense(2)]), "inputs of .* are not known yet"),
        (lambda: Sequential([layers.Dense(2, batch_input_shape=(8, 3))]), "fixes the batch size at 8"),
        (
            lambda: Sequential([layers.LSTM(2, stateful=True, batch_input_shape=(8, 3, 1))]),
            "keeps states of its samples",
        ),
    ],
)
def test_a_model_that_cannot_be_divided_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        multi_gpu_model(make(), devices=TWO)


def test_private_names_of_keras():
    assert multi_gpu_utils._normalize_device_name("/device:GPU:1") == "/gpu:1"
    assert "/cpu:0" in multi_gpu_utils._get_available_devices()


# --- training ---


def both(make=classifier, optimizer="adam", loss="sparse_categorical_crossentropy", **options):
    """The same model on one device and on two."""
    alone, template = make(), make()
    divided = multi_gpu_model(template, devices=TWO)
    for model in (alone, divided):
        model.compile(optimizer() if callable(optimizer) else optimizer, loss, **options)
    return alone, divided, template


def assert_same(alone: Model, other: Model) -> None:
    for expected, found in zip(alone.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_fit_and_evaluate_equal_those_of_one_device_and_train_the_template():
    alone, divided, template = both(metrics=["accuracy"])
    histories = []
    for model in (alone, divided):
        np.random.seed(1)
        histories.append(
            model.fit(X, LABELS, batch_size=15, epochs=3, validation_split=0.2, verbose=0).history
        )
    assert histories[0].keys() == histories[1].keys() == {"loss", "accuracy", "val_loss", "val_accuracy"}
    for name, values in histories[0].items():
        np.testing.assert_allclose(histories[1][name], values, rtol=1e-4)
    assert_same(alone, template)
    np.testing.assert_allclose(divided.predict(X), template.predict(X), rtol=1e-6)
    np.testing.assert_allclose(
        divided.evaluate(X, LABELS, verbose=0), alone.evaluate(X, LABELS, verbose=0), rtol=1e-4
    )


def weighted(model: Model) -> None:
    model.fit(
        X, LABELS, verbose=0, sample_weight=np.linspace(0, 2, 50), class_weight={0: 1.0, 1: 2.0, 2: 0.5}
    )


def by_batches(model: Model) -> None:
    for size in (1, 5, 2):
        model.train_on_batch(X[:size], LABELS[:size])
        model.test_on_batch(X[:size], LABELS[:size])


class Batches(Sequence):
    def __len__(self):
        return 4

    def __getitem__(self, i):
        return X[i::4], LABELS[i::4]


@pytest.mark.parametrize(
    "options, train",
    [
        ({}, weighted),
        ({}, by_batches),
        ({}, lambda model: model.fit(Batches(), epochs=2, verbose=0, shuffle=False)),
        ({"optimizer": lambda: optimizers.SGD(0.1, momentum=0.9, nesterov=True, clipnorm=0.1)}, by_batches),
        ({"optimizer": "nadam"}, by_batches),
        ({"make": lambda: classifier(activity_regularizer="l2", kernel_constraint="max_norm")}, by_batches),
        ({"loss": losses.SparseCategoricalCrossentropy(reduction="sum")}, by_batches),
    ],
    ids=["weights", "batches", "sequence", "sgd", "nadam", "regularizer and constraint", "sum"],
)
def test_what_divides_evenly_or_not_equals_one_device(options, train):
    alone, divided, _ = both(**options)
    for model in (alone, divided):
        np.random.seed(1)
        train(model)
    assert_same(alone, divided)


def test_metrics_of_every_kind_are_those_of_the_whole_batch():
    def binary() -> Model:
        np.random.seed(0)
        inputs = layers.Input((4,))
        hidden = layers.Dense(3)(inputs)
        outputs = [layers.Dense(1, activation="sigmoid", name=name)(hidden) for name in "ab"]
        model = Model(inputs, outputs)
        model.add_metric(K.sum(hidden), name="total", aggregation="mean")
        model.add_loss(0.01 * K.sum(K.square(hidden)))
        return model

    results = []
    for model in (binary(), multi_gpu_model(binary(), devices=TWO)):
        model.compile(
            "sgd",
            ["binary_crossentropy", "mse"],
            metrics=[
                ["accuracy", metrics.AUC(), metrics.Precision()],
                ["mae", metrics.RootMeanSquaredError()],
            ],
        )
        y = (X[:, :1] > 0).astype("float32")
        results.append(model.evaluate(X, [y, y], batch_size=7, verbose=0))
    np.testing.assert_allclose(results[1], results[0], rtol=1e-4)


def test_moving_averages_are_the_mean_over_the_shards():
    model = Sequential([layers.BatchNormalization(input_shape=(4,), momentum=0.5)])
    divided = multi_gpu_model(model, devices=TWO)
    divided.compile(optimizers.SGD(0.0), "mse")
    divided.train_on_batch(X[:6], X[:6])
    means = [X[:3].mean(axis=0), X[3:6].mean(axis=0)]
    moving_mean = model.get_weights()[2]
    np.testing.assert_allclose(moving_mean, 0.5 * np.mean(means, axis=0), rtol=1e-4, atol=1e-6)


def test_weights_and_rates_that_callbacks_change_reach_the_workers():
    class Halve(callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.model.set_weights([w / 2 for w in self.model.get_weights()])

    alone, divided, _ = both(optimizer=lambda: optimizers.SGD(0.5))
    rate = callbacks.LearningRateScheduler(lambda epoch: 0.5 / (1 + epoch))
    for model in (alone, divided):
        np.random.seed(1)
        model.fit(X, LABELS, epochs=3, verbose=0, callbacks=[rate, Halve()])
    assert_same(alone, divided)


def test_either_model_saves_what_was_trained(tmp_path):
    _, divided, template = both()
    divided.fit(X, LABELS, verbose=0)
    for model in (divided, template):
        model.save(str(tmp_path / "m.h5"))
        np.testing.assert_allclose(
            load_model(str(tmp_path / "m.h5")).predict(X), template.predict(X), rtol=1e-6
        )


def test_a_model_made_in_a_cpu_scope_as_the_documentation_advises():
    with device_scope("/cpu:0"):
        model = classifier()
    divided = multi_gpu_model(model, devices=TWO, cpu_merge=False, cpu_relocation=True)
    divided.compile("sgd", "sparse_categorical_crossentropy")
    before = divided.evaluate(X, LABELS, verbose=0)
    divided.fit(X, LABELS, epochs=5, verbose=0)
    assert divided.evaluate(X, LABELS, verbose=0) < before


def test_layers_of_users_lambdas_and_losses_need_nothing_to_travel():
    class Scale(layers.Layer):
        def build(self, shape):
            self.factor = self.add_weight(name="factor", shape=(shape[-1],), initializer="ones")
            super().build(shape)

        def call(self, x):
            return x * self.factor

    def make() -> Sequential:
        np.random.seed(0)
        return Sequential([Scale(input_shape=(4,)), layers.Lambda(lambda x: K.square(x)), layers.Dense(3)])

    alone, divided, _ = both(make, loss=lambda y, p: K.mean(K.abs(y - p), axis=-1))
    for model in (alone, divided):
        model.train_on_batch(X[:7], X[:7, :3])
    assert_same(alone, divided)


class Signs(optimizers.Optimizer):
    """Momentum over clipped gradients, and steps of its sign: not linear in what the shards contribute."""

    def __init__(self, extra=lambda self, loss: [], **kwargs):
        super().__init__(clipnorm=0.05, **kwargs)
        self.iterations = K.variable(0, dtype="int64", name="iterations")
        self.lr, self.highest, self.extra = K.variable(0.05), K.variable(0.0), extra

    def get_updates(self, loss, params):
        grads = self.get_gradients(loss, params)
        moments = [K.zeros(K.int_shape(p)) for p in params]
        self.weights = [self.iterations, *moments]
        self.updates = [
            K.update_add(self.iterations, 1),
            K.update(self.highest, K.maximum(self.highest, loss)),
        ]
        for p, g, m in zip(params, grads, moments, strict=True):
            moved = 0.9 * m + g
            self.updates += [K.update(m, moved), K.update(p, p - self.lr * moved / (K.abs(moved) + 0.01))]
        return self.updates + self.extra(self, loss)


class Twice(optimizers.Adam):
    def get_updates(self, loss, params):
        return super().get_updates(loss * 2.0, params)


@pytest.mark.parametrize(
    "make_optimizer",
    [
        Signs,
        Twice,
        lambda: optimizers.Lamb(0.05),
        lambda: optimizers.Muon(0.02, clipnorm=0.1),
        lambda: optimizers.Adam(0.05, use_ema=True, gradient_accumulation_steps=2),
    ],
    ids=["signs", "twice", "lamb", "muon", "accumulating_adam"],
)
@pytest.mark.parametrize(
    "options",
    [{}, {"activity_regularizer": "l2", "kernel_constraint": "maxnorm"}],
    ids=["mean", "mean_and_sum"],
)
def test_optimizers_with_updates_or_state_of_their_own_train_as_on_one_device(make_optimizer, options):
    """Batches of 7 on two workers: unequal shards, and an activity regularizer is a sum over samples."""
    alone, template = classifier(**options), classifier(**options)
    divided = multi_gpu_model(template, devices=TWO)
    for model in (alone, divided):
        model.compile(make_optimizer(), "sparse_categorical_crossentropy", metrics=["accuracy"])
    found = [
        model.fit(X, LABELS, batch_size=7, epochs=2, shuffle=False, verbose=0) for model in (alone, divided)
    ]
    np.testing.assert_allclose(found[1].history["loss"], found[0].history["loss"], rtol=1e-4)
    np.testing.assert_allclose(found[1].history["accuracy"], found[0].history["accuracy"], rtol=1e-6)
    for one, other in zip(alone.get_weights(), template.get_weights(), strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-3, atol=1e-5)
    for one, other in zip(alone.optimizer.get_weights(), divided.optimizer.get_weights(), strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-3, atol=1e-5)
    if make_optimizer is Signs:
        highest = [K.get_value(model.optimizer.highest) for model in (alone, divided)]
        assert highest[1] == pytest.approx(highest[0], rel=1e-4)


@pytest.mark.parametrize(
    "extra, message",
    [
        (lambda self, loss: [K.update(self.highest, K.random_uniform(()))], "draw random numbers"),
        (lambda self, loss: [K.update(self.highest, self.seen)], "read the samples of a batch"),
    ],
)
def test_own_updates_that_cannot_be_divided_are_refused(extra, message):
    template = classifier()
    divided = multi_gpu_model(template, devices=TWO)
    optimizer = Signs(extra)
    optimizer.seen = K.max(divided.inputs[0])
    divided.compile(optimizer, "sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match=message):
        divided.train_on_batch(X, LABELS)


def test_the_same_seed_trains_the_same_weights_dropout_included():
    found = []
    for seed in (5, 5, 6):
        set_random_seed(seed)
        model = Sequential([layers.Dense(8, input_shape=(4,)), layers.Dropout(0.5), layers.Dense(3)])
        divided = multi_gpu_model(model, devices=TWO)
        divided.compile("sgd", "mse")
        divided.fit(X, X[:, :3], epochs=2, verbose=0)
        found.append(np.concatenate([w.ravel() for w in model.get_weights()]))
    np.testing.assert_array_equal(found[0], found[1])
    assert (found[0] != found[2]).any()


def test_two_divided_models_share_the_workers(workers):
    first, second = (multi_gpu_model(classifier(), devices=TWO) for _ in range(2))
    for model in (first, second):
        model.compile("sgd", "sparse_categorical_crossentropy")
    for _ in range(2):
        for model in (first, second):
            model.train_on_batch(X, LABELS)
    assert pool._current() is workers and not workers.closed
    assert_same(first, second)


def test_torchrun_and_multi_gpu_model_do_not_mix(monkeypatch):
    for name, value in {
        "RANK": "0",
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "localhost",
        "MASTER_PORT": "1",
    }.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match="Under torchrun the model itself trains data-parallel"):
        multi_gpu_model(classifier(), devices=TWO)


def test_a_foreign_process_group_is_left_alone(monkeypatch):
    monkeypatch.setattr(pool, "_current", None)
    divided = multi_gpu_model(classifier(), devices=TWO)
    divided.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(parallel.ParallelError, match="torch.distributed is in use already"):
        divided.train_on_batch(X, LABELS)
