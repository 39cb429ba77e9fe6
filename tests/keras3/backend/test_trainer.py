"""fit, evaluate and predict of stock Keras models: traced steps, and what runs operator by operator."""

from __future__ import annotations

import threading
import warnings

import keras
import numpy as np
import pytest
from keras import layers, ops
from keras.src.trainers import epoch_iterator

from kcompile.keras3.backend.epoch_iterator import EpochIterator
from kcompile.keras3.backend.stepping import gradients_of

RANDOM = np.random.RandomState(0)
X = RANDOM.rand(70, 8).astype("float32")
Y = X.sum(1, keepdims=True)


def network(**compiled):
    keras.utils.set_random_seed(3)
    model = keras.Sequential(
        [keras.Input((8,)), layers.Dense(8, activation="relu"), layers.BatchNormalization(), layers.Dense(1)]
    )
    model.compile("adam", "mse", metrics=["mae"], **compiled)
    return model


def test_a_traced_fit_is_the_eager_one_to_the_bit_of_rounding():
    traced, eager = network(), network(run_eagerly=True)
    for model in (traced, eager):
        model.fit(X, Y, epochs=3, batch_size=32, verbose=0, shuffle=False)
    assert list(traced.history.history) == ["loss", "mae"]
    for name, values in eager.history.history.items():
        np.testing.assert_allclose(traced.history.history[name], values, rtol=1e-5)
    for a, b in zip(traced.get_weights(), eager.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_nothing_warns_where_steps_are_traced():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = network()
        model.fit(X, Y, epochs=1, batch_size=32, verbose=0)
        model.evaluate(X, Y, verbose=0)
        model.predict(X, verbose=0)


def test_evaluate_and_predict_agree_with_the_model_called():
    model = network()
    model.fit(X, Y, epochs=1, batch_size=16, verbose=0)
    called = ops.convert_to_numpy(model(X, training=False))
    for batch_size in (1, 32, 70, 100):
        np.testing.assert_allclose(
            model.predict(X, batch_size=batch_size, verbose=0), called, rtol=1e-5, atol=1e-6
        )
    loss, mae = model.evaluate(X, Y, verbose=0)
    np.testing.assert_allclose(loss, ((called - Y) ** 2).mean(), rtol=1e-5)
    np.testing.assert_allclose(mae, np.abs(called - Y).mean(), rtol=1e-5)


def test_prediction_sees_weights_that_changed():
    model = network()
    before = model.predict(X[:3], verbose=0)
    model.set_weights([w + 0.1 for w in model.get_weights()])
    assert not np.allclose(before, model.predict(X[:3], verbose=0))


def test_a_step_in_the_style_of_pytorch_runs_eagerly_and_says_so():
    import torch

    class Model(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(1)

        def call(self, x):
            return self.dense(x)

        def train_step(self, data):
            x, y = data
            self.zero_grad()
            loss = self.compute_loss(y=y, y_pred=self(x, training=True))
            loss.backward()
            weights = self.trainable_weights
            gradients = [v.value.grad for v in weights]
            with torch.no_grad():
                self.optimizer.apply(gradients, weights)
            return {"mine": loss}

    model = Model()
    model.compile("adam", "mse")
    with pytest.warns(UserWarning, match="runs eagerly"):
        model.fit(X, Y, epochs=1, verbose=0)
    first = model.history.history["mine"][0]
    model.fit(X, Y, epochs=20, verbose=0)
    assert model.history.history["mine"][-1] < first


def test_a_model_whose_step_calls_its_parts_needs_no_outputs_of_its_own():
    class Parts(keras.Model):
        def __init__(self):
            super().__init__()
            self.network = network()
            self.loss_tracker = keras.metrics.Mean(name="loss")

        @property
        def metrics(self):
            return [self.loss_tracker]

        def train_step(self, data):
            x, y = data
            loss = ops.mean(ops.square(y - self.network(x, training=True)))
            self.optimizer.apply(gradients_of(loss, self.trainable_weights), self.trainable_weights)
            self.loss_tracker.update_state(loss)
            return {"loss": self.loss_tracker.result()}

    model = Parts()
    model.compile("adam")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        losses = model.fit(X, Y, epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    with pytest.raises(RuntimeError, match="automatically build"):  # which has nothing else to train by
        keras_model = type("Empty", (keras.Model,), {})()
        keras_model.compile("adam", "mse")
        keras_model.fit(X, Y, verbose=0)


BATCH_METHODS = [
    f"on_{kind}batch_{end}" for kind in ("", "train_", "test_", "predict_") for end in ("begin", "end")
]


def told_of(method, work):
    """The threads and logs in which a callback hears of batches by one method alone."""
    heard = []

    def hear(self, batch, logs=None):
        heard.append((threading.get_ident(), batch, logs))

    kind = type("Listening", (keras.callbacks.Callback,), {method: hear})
    model = network()
    model.fit(X, Y, batch_size=35, verbose=0)
    work(model, [kind()])
    return heard


@pytest.mark.parametrize("method", BATCH_METHODS)
def test_callbacks_hear_of_each_batch_in_the_thread_that_trains(method):
    def work(model, callbacks):
        model.fit(X, Y, batch_size=35, verbose=0, callbacks=callbacks)
        model.evaluate(X, Y, batch_size=35, verbose=0, callbacks=callbacks)
        model.predict(X, batch_size=35, verbose=0, callbacks=callbacks)

    heard = told_of(method, work)
    assert [(where, batch) for where, batch, _ in heard] == [(threading.get_ident(), i) for i in range(2)]
    names = {"begin": set(), "end": {"outputs"} if "predict" in method else {"loss", "mae"}}
    assert all(set(logs or ()) == names[method.rpartition("_")[2]] for _, _, logs in heard)


def test_a_callback_made_of_functions_hears_of_batches():
    heard = []
    by_function = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: heard.append(logs))
    network().fit(X, Y, batch_size=35, verbose=0, callbacks=[by_function])
    assert [sorted(logs) for logs in heard] == [["loss", "mae"]] * 2


@pytest.mark.parametrize("shuffle", [True, False, "batch"])
@pytest.mark.parametrize(
    "data",
    [
        {"x": X, "y": Y},
        {"x": X, "y": Y, "sample_weight": Y[:, 0]},
        {"x": X},
        {"x": X.astype("float64"), "y": Y},
        {"x": (X, X + 1), "y": {"a": Y}},
    ],
    ids=["two", "weighted", "one", "of another type", "nested"],
)
def test_batches_are_those_that_keras_draws(data, shuffle):
    drawn = []
    for kind in (EpochIterator, epoch_iterator.EpochIterator):
        np.random.seed(0)
        batches = kind(**data, batch_size=32, shuffle=shuffle)
        drawn.append([batch for _ in range(2) for _, _, (batch,) in batches])
    ours, theirs = drawn
    assert len(ours) == 6 and [keras.tree.map_structure(np.shape, x) for x in ours] == [
        keras.tree.map_structure(np.shape, x) for x in theirs
    ]
    for a, b in zip(keras.tree.flatten(ours), keras.tree.flatten(theirs), strict=True):
        assert a.dtype == b.dtype and (a == b).all()


def test_an_epoch_tells_how_its_metrics_stand():
    class Changed(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.reset_metrics()
            self.model.metrics[0].update_state(7.0)

    model = network()
    told = model.fit(X, Y, batch_size=35, verbose=0).history
    assert {name: values[-1] for name, values in told.items()} == pytest.approx(
        {name: float(value) for name, value in model.get_metrics_result().items()}
    )
    assert model.fit(X, Y, verbose=0, callbacks=[Changed()]).history["loss"] == [7.0]


def test_layers_that_draw_and_count_train_and_predict():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((8,)), layers.Dropout(0.5), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(X, Y, epochs=2, verbose=0)
    np.testing.assert_array_equal(model.predict(X, verbose=0), model.predict(X, verbose=0))
    again = keras.models.clone_model(model)
    again.compile("sgd", "mse")


def test_fit_is_reproducible_by_the_seed():
    def weights():
        keras.utils.set_random_seed(7)
        model = keras.Sequential([keras.Input((8,)), layers.Dropout(0.5), layers.Dense(1)])
        model.compile("sgd", "mse")
        model.fit(X, Y, epochs=2, verbose=0)
        return model.get_weights()

    for a, b in zip(weights(), weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_nested_inputs_and_outputs_by_name():
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    model = keras.Model(
        {"a": a, "b": b}, {"sum": layers.Dense(1, name="sum")(a + b), "a": layers.Dense(2, name="two")(a)}
    )
    model.compile("adam", {"sum": "mse", "a": "mae"})
    x = {"a": X[:, :4], "b": X[:, 4:]}
    y = {"sum": Y, "a": X[:, :2]}
    history = model.fit(x, y, epochs=1, verbose=0, validation_data=(x, y))
    assert {"loss", "sum_loss", "a_loss", "val_loss"} <= set(history.history)
    found = model.predict(x, verbose=0)
    assert {key: value.shape for key, value in found.items()} == {"sum": (70, 1), "a": (70, 2)}


def test_steps_per_execution_and_class_weights():
    model = network(steps_per_execution=3)
    model.fit(X, (Y > 4).astype("float32"), batch_size=16, epochs=1, verbose=0, class_weight={0: 1.0, 1: 3.0})
    assert int(model.optimizer.iterations.numpy()) == 5


def test_train_on_batch_and_its_like():
    model = network()
    logs = model.train_on_batch(X, Y, return_dict=True)
    assert set(logs) == {"loss", "mae"} and isinstance(logs["loss"], float)
    assert len(model.test_on_batch(X, Y)) == 2
    assert model.predict_on_batch(X).shape == (70, 1)


def test_a_module_of_pytorch_holds_a_model_and_trains_it():
    import torch

    class Module(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = keras.Sequential(
                [keras.Input((8,)), layers.Dense(4, activation="relu"), layers.Dense(1)]
            )
            self.last = torch.nn.Linear(1, 1)

        def forward(self, x):
            return self.last(self.model(x))

    torch.manual_seed(0)
    module = Module()
    assert len(list(module.parameters())) == 6
    before = module.model.predict(X[:2], verbose=0)
    optimizer = torch.optim.Adam(module.parameters(), 0.01)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = ((module(torch.from_numpy(X)) - torch.from_numpy(Y)) ** 2).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    after = module.model.predict(X[:2], verbose=0)
    assert not np.allclose(before, after), "prediction has to see what PyTorch wrote"
    np.testing.assert_allclose(after, module.model(X[:2]).detach().numpy(), rtol=1e-5)


def test_weights_that_a_step_trains_are_parameters_of_the_model():
    model = network()
    assert len(list(model.parameters())) == len(model.weights)
    assert {name for name, _ in model.named_parameters()} == {v.path for v in model.weights}


@pytest.mark.parametrize("kind", ["an attribute", "a wrapper", "two wrappers in a Sequential"])
@pytest.mark.filterwarnings("ignore:.*runs eagerly")
def test_a_model_holds_modules_of_pytorch_and_trains_them(kind):
    import torch

    keras.utils.set_random_seed(2)
    first, second = torch.nn.Linear(8, 4), torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Linear(4, 1))
    alone = torch.nn.Sequential(torch.nn.Linear(8, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1))
    for param, source in zip(alone.parameters(), [*first.parameters(), *second.parameters()], strict=True):
        param.data.copy_(source.data)

    class Model(keras.Model):
        def __init__(self):
            super().__init__()
            self.first = layers.TorchModuleWrapper(first) if kind == "a wrapper" else first
            self.second = second

        def call(self, x):
            return self.second(self.first(x))

    model = Model()
    if kind == "two wrappers in a Sequential":
        model = keras.Sequential([layers.TorchModuleWrapper(first), layers.TorchModuleWrapper(second)])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    model.fit(X, Y, epochs=2, batch_size=16, shuffle=False, verbose=0)
    optimizer = torch.optim.SGD(alone.parameters(), 0.1)
    for _ in range(2):
        for x, y in zip(torch.from_numpy(X).split(16), torch.from_numpy(Y).split(16), strict=True):
            optimizer.zero_grad()
            torch.nn.functional.mse_loss(alone(x), y).backward()
            optimizer.step()
    assert len(dict(model.named_parameters())) == len(model.trainable_weights) == 4
    assert model.weights[0].value is first.weight
    np.testing.assert_allclose(
        model.predict(X, verbose=0), alone(torch.from_numpy(X)).detach().numpy(), rtol=1e-4
    )
    with torch.no_grad():
        first.weight.zero_()
    assert not model.get_weights()[0].any(), "one weight in both places"
    model.set_weights([np.ones_like(w) for w in model.get_weights()])
    assert (first.weight == 1).all()


def test_a_module_of_pytorch_sees_which_weights_are_frozen_now():
    import torch

    module = torch.nn.Module()
    module.model = keras.Sequential([keras.Input((8,)), layers.Dense(4, trainable=False), layers.Dense(1)])
    assert [p.requires_grad for p in module.parameters()] == [False, False, True, True]
    module.model.trainable = True
    assert [p.requires_grad for p in module.parameters()] == [True] * 4
    first = module.model.layers[0]
    before = first.kernel.numpy()
    optimizer = torch.optim.SGD(module.parameters(), 0.1)
    module.model(X).sum().backward()
    optimizer.step()
    assert not np.allclose(before, first.kernel.numpy())


def test_names_of_attributes_do_not_count_weights():
    assert not [name for name in dir(network()) if "/" in name]


def test_a_model_of_bfloat16_predicts_as_it_computes():
    model = keras.Sequential([keras.Input((8,)), layers.Dense(4, dtype="bfloat16"), layers.Softmax()])
    called = model(X)
    found = model.predict(X, verbose=0)
    np.testing.assert_array_equal(found.astype("float32"), ops.convert_to_numpy(called).astype("float32"))


def test_a_generator_may_give_tensors_that_numpy_has_no_type_for():
    model = keras.Sequential([keras.Input((8,)), layers.Dense(1, dtype="bfloat16")])
    model.compile("sgd", "mse")
    batches = ((ops.cast(X[:8], "bfloat16"), ops.cast(Y[:8], "bfloat16")) for _ in range(2))
    assert model.fit(batches, steps_per_epoch=2, verbose=0).history["loss"][0] > 0


@pytest.mark.parametrize("layer", ["MultiHeadAttention", "GroupQueryAttention"])
@pytest.mark.parametrize("causal", [False, True], ids=["all", "causal"])
def test_a_step_of_attention_is_that_of_its_operators(layer, causal):
    """By torch's kernel, and one by one; masked, of padding."""
    found = []
    for eagerly in (False, True):
        keras.utils.set_random_seed(0)
        inputs = keras.Input((5,), dtype="int32")
        x = keras.layers.Embedding(9, 8, mask_zero=True)(inputs)
        made = getattr(keras.layers, layer)
        attention = made(4, 3) if layer == "MultiHeadAttention" else made(3, 4, 2)
        x = attention(x, x, use_causal_mask=causal)
        model = keras.Model(inputs, keras.layers.Dense(1)(x))
        model.compile(keras.optimizers.SGD(0.1), "mse", run_eagerly=eagerly)
        words = np.array([[1, 2, 3, 0, 0], [4, 5, 6, 7, 8]], "int32")
        losses = [model.train_on_batch(words, np.ones((2, 5, 1), "float32")) for _ in range(3)]
        found.append([*losses, *model.get_weights()])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_a_functional_subclass_sets_layers_before_it_is_a_model_and_by_properties():
    class Backbone(keras.Model):
        """As KerasHub's backbones are written."""

        def __init__(self, units):
            self.first = layers.Dense(units, activation="relu")
            self.last = layers.Dense(1)
            inputs = keras.Input((8,))
            super().__init__(inputs, self.last(self.first(inputs)))
            self.other = self.first

        @property
        def last(self):
            return self._last

        @last.setter
        def last(self, layer):
            self._last = layer

        @property
        def other(self):
            return self._other

        @other.setter
        def other(self, layer):
            self._other = layer

    model = Backbone(4)
    assert model.last.units == 1 and model.other is model.first
    assert len(list(model.parameters())) == len(model.weights) == 4
    model.compile("sgd", "mse")
    losses = model.fit(X, Y, epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def compiled_run(jit_compile):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(1)])
    model.compile("adam", "mse", metrics=["mae"], jit_compile=jit_compile)
    x = np.random.RandomState(0).rand(6, 4).astype("float32")
    losses = [model.train_on_batch(x[:n], x[:n, :1])[0] for n in (6, 6, 4, 5)]
    return model, [*losses, *model.get_weights()]


def test_a_step_that_is_compiled_trains_as_one_that_is_not(monkeypatch):
    from kcompile.torch_bridge import compiling

    calls = []

    def backend(module, inputs):
        calls.append(module)
        return module.forward

    monkeypatch.setattr(compiling, "BACKEND", backend)
    expected = compiled_run(False)[1]
    assert not calls
    found = compiled_run(True)[1]
    assert calls
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_by_default_no_step_is_compiled():
    assert compiled_run("auto")[0].jit_compile is False


def test_a_step_runs_where_no_compiler_does(monkeypatch):
    from kcompile.torch_bridge import compiling

    def backend(module, inputs):
        raise OSError("no g++ here")

    monkeypatch.setattr(compiling, "BACKEND", backend)
    expected = compiled_run(False)[1]
    with pytest.warns(UserWarning, match=r"jit_compile=True has no effect.*g\+\+") as told:
        found = compiled_run(True)[1]
    assert 1 <= sum("jit_compile" in str(w.message) for w in told) <= 2
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_a_step_of_its_own_takes_data_of_a_form_of_its_own():
    class Triplets(keras.Model):
        def __init__(self):
            super().__init__()
            self.network = keras.Sequential([layers.Dense(3)])

        def call(self, inputs):
            first, second, third = inputs  # which one array is not
            return self.network(first) + self.network(second) - self.network(third)

        def train_step(self, data):
            loss = ops.mean(ops.square(self(data, training=True)))
            weights = self.trainable_weights
            self.optimizer.apply(gradients_of(loss, weights), weights)
            return {"squares": loss}

    class Data(keras.utils.PyDataset):
        def __len__(self):
            return 3

        def __getitem__(self, i):
            return tuple(np.random.RandomState(j).rand(8, 4).astype("float32") for j in range(3))

    model = Triplets()
    model.compile(keras.optimizers.SGD(0.1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of steps that run operator by operator
        losses = model.fit(Data(workers=1), epochs=3, verbose=0).history["squares"]
    assert losses[-1] < losses[0]
