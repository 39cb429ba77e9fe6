"""Runs the cases of whole training loops (``case_training``) with the Keras given."""

from __future__ import annotations

import numpy as np

from . import cases
from .runner import as_list, make_object, one_or_list, set_weights, sub_module

FEATURES, STEPS = 5, 4


def _mlp(keras, units, activation):
    layers = keras.layers
    return keras.models.Sequential(
        [
            layers.Dense(4, activation="tanh", input_shape=(FEATURES,), name="hidden"),
            layers.Dense(units, activation=activation, name="last"),
        ]
    )


def _two_outputs(keras):
    layers = keras.layers
    x = layers.Input(shape=(FEATURES,), name="x")
    h = layers.Dense(4, activation="tanh", name="hidden")(x)
    return keras.models.Model(
        x, [layers.Dense(2, name="main")(h), layers.Dense(1, activation="sigmoid", name="aux")(h)]
    )


def _two_outputs_chained(keras):
    layers = keras.layers
    x = layers.Input(shape=(FEATURES,), name="x")
    main = layers.Dense(2, activation="tanh", name="main")(x)
    return keras.models.Model(x, [main, layers.Dense(1, name="aux")(main)])


def _two_inputs(keras):
    layers = keras.layers
    a, b = layers.Input(shape=(FEATURES,), name="a"), layers.Input(shape=(3,), name="b")
    h = layers.concatenate([layers.Dense(3, activation="relu", name="hidden")(a), b], name="joined")
    return keras.models.Model([a, b], layers.Dense(2, name="last")(h))


def _sequences(keras, masked, activation=None, units=2):
    layers = keras.layers
    stack = [layers.Masking(0.0, input_shape=(STEPS, 3), name="mask")] if masked else []
    first = {} if masked else {"input_shape": (STEPS, 3)}
    stack += [
        layers.LSTM(3, return_sequences=True, name="lstm", **first),
        layers.TimeDistributed(layers.Dense(units, activation=activation, name="inner"), name="last"),
    ]
    return keras.models.Sequential(stack)


def _embedding(keras, sequences):
    layers = keras.layers
    stack = [
        layers.Embedding(6, 3, mask_zero=True, input_length=STEPS, name="embedding"),
        layers.LSTM(3, return_sequences=sequences, name="lstm"),
    ]
    last = layers.Dense(2, name="last") if sequences else layers.Dense(1, activation="sigmoid", name="last")
    return keras.models.Sequential(stack + [last])


def _regularized(keras, **kwargs):
    layers = keras.layers
    return keras.models.Sequential(
        [
            layers.Dense(4, activation="tanh", input_shape=(FEATURES,), name="hidden", **kwargs),
            layers.Dense(2, name="last"),
        ]
    )


def _add_loss(keras):
    backend = sub_module(keras, "backend")
    layers = keras.layers
    x = layers.Input(shape=(FEATURES,), name="x")
    h = layers.Dense(4, activation="tanh", name="hidden")(x)
    y = layers.Dense(2, name="last")(h)
    model = keras.models.Model(x, y)
    model.add_loss(0.1 * backend.mean(backend.square(h)) + 0.05 * backend.mean(backend.abs(y)))
    return model


def _add_metric(keras):
    backend = sub_module(keras, "backend")
    layers = keras.layers
    x = layers.Input(shape=(FEATURES,), name="x")
    h = layers.Dense(4, activation="tanh", name="hidden")(x)
    model = keras.models.Model(x, layers.Dense(2, name="last")(h))
    model.add_metric(backend.mean(h), name="hidden_mean", aggregation="mean")
    return model


def _batch_norm(keras):
    layers = keras.layers
    return keras.models.Sequential(
        [
            layers.Conv2D(2, 2, input_shape=(4, 4, 1), name="conv"),
            layers.BatchNormalization(momentum=0.8, name="norm"),
            layers.Activation("relu", name="act"),
            layers.GlobalAveragePooling2D(name="pool"),
            layers.Dense(2, name="last"),
        ]
    )


def _frozen(keras):
    model = _mlp(keras, 2, None)
    model.get_layer("hidden").trainable = False
    return model


def _shared_layer(keras):
    layers = keras.layers
    a, b = layers.Input(shape=(FEATURES,), name="a"), layers.Input(shape=(FEATURES,), name="b")
    shared = layers.Dense(3, activation="tanh", name="hidden")
    return keras.models.Model(
        [a, b], layers.Dense(2, name="last")(layers.add([shared(a), shared(b)], name="sum"))
    )


def _stateful_lstm(keras):
    layers = keras.layers
    return keras.models.Sequential(
        [
            layers.LSTM(3, stateful=True, batch_input_shape=(4, STEPS, 3), name="lstm"),
            layers.Dense(2, name="last"),
        ]
    )


def build(keras, name):
    """The model of a case, uncompiled, with weights set by the rule."""
    l2 = {"object": "regularizers.l2", "kwargs": {"l": 0.05}}
    l1 = {"object": "regularizers.l1", "kwargs": {"l": 0.02}}
    builders = {
        "linear": lambda: _mlp(keras, 2, None),
        "softmax": lambda: _mlp(keras, 3, "softmax"),
        "sparse": lambda: _mlp(keras, 3, "softmax"),
        "softmax_logits": lambda: _mlp(keras, 3, None),
        "sigmoid": lambda: _mlp(keras, 2, "sigmoid"),
        "sigmoid_logits": lambda: _mlp(keras, 2, None),
        "binary": lambda: _mlp(keras, 1, "sigmoid"),
        "hinge": lambda: _mlp(keras, 2, "tanh"),
        "relu_out": lambda: _mlp(keras, 2, "softplus"),
        "two_outputs": lambda: _two_outputs(keras),
        "two_outputs_chained": lambda: _two_outputs_chained(keras),
        "two_inputs": lambda: _two_inputs(keras),
        "sequences": lambda: _sequences(keras, False),
        "masked_sequences": lambda: _sequences(keras, True),
        "masked_classes": lambda: _sequences(keras, True, "softmax", 3),
        "masked_sparse": lambda: _sequences(keras, True, "softmax", 3),
        "embedding_lstm": lambda: _embedding(keras, False),
        "embedding_sequences": lambda: _embedding(keras, True),
        "regularized": lambda: _regularized(
            keras, kernel_regularizer=make_object(keras, l2), bias_regularizer=make_object(keras, l1)
        ),
        "activity_regularized": lambda: _regularized(keras, activity_regularizer=make_object(keras, l2)),
        "constrained": lambda: _regularized(
            keras,
            kernel_constraint=make_object(
                keras, {"object": "constraints.max_norm", "kwargs": {"max_value": 0.5}}
            ),
        ),
        "add_loss": lambda: _add_loss(keras),
        "add_metric": lambda: _add_metric(keras),
        "batch_norm": lambda: _batch_norm(keras),
        "frozen": lambda: _frozen(keras),
        "shared_layer": lambda: _shared_layer(keras),
        "stateful_lstm": lambda: _stateful_lstm(keras),
    }
    model = builders[name]()
    for layer in model.layers:
        if layer.weights:
            set_weights(layer, "training " + name, layer.name)
    return model


def data(case, count, tag):
    """(inputs, targets), lists of arrays, drawn by the rule under the case's name."""
    name, model = case["name"], case["model"]

    def draw(what, *shape, **bounds):
        return cases.array(name, tag + what, (count,) + shape, **bounds)

    def one_hot(labels, classes=3):
        return np.eye(classes, dtype="float32")[labels]

    if model == "two_inputs":
        return [draw("x0", FEATURES), draw("x1", 3)], [draw("y0", 2)]
    if model == "shared_layer":
        return [draw("x0", FEATURES), draw("x1", FEATURES)], [draw("y0", 2)]
    if "sequences" in model or model in (
        "masked_classes",
        "masked_sparse",
        "stateful_lstm",
        "embedding_lstm",
    ):
        if model.startswith("embedding"):
            x = draw("x0", STEPS, low=0, high=6, dtype="int32")
        else:
            x = draw("x0", STEPS, 3)
            if model.startswith("masked"):
                x = x * (draw("mask", STEPS, 1) > -0.3).astype("float32")
        if model in ("masked_classes", "masked_sparse"):
            labels = draw("y0", STEPS, low=0, high=3, dtype="int32")
            return [x], [
                one_hot(labels) if model == "masked_classes" else labels[..., None].astype("float32")
            ]
        if model == "embedding_lstm":
            return [x], [draw("y0", 1, low=0, high=2, dtype="int32").astype("float32")]
        return [x], [draw("y0", 2) if model == "stateful_lstm" else draw("y0", STEPS, 2)]
    x = draw("x0", 4, 4, 1) if model == "batch_norm" else draw("x0", FEATURES)
    if model.startswith("two_outputs"):
        return [x], [draw("y0", 2), draw("y1", 1, low=0, high=2, dtype="int32").astype("float32")]
    if model in ("softmax", "softmax_logits"):
        return [x], [one_hot(draw("y0", low=0, high=3, dtype="int32"))]
    if model == "sparse":
        return [x], [draw("y0", 1, low=0, high=3, dtype="int32").astype("float32")]
    if model in ("sigmoid", "sigmoid_logits", "binary"):
        return [x], [
            draw("y0", 1 if model == "binary" else 2, low=0, high=2, dtype="int32").astype("float32")
        ]
    if model == "hinge":
        return [x], [draw("y0", 2, low=0, high=2, dtype="int32").astype("float32") * 2 - 1]
    if model == "relu_out":
        return [x], [draw("y0", 2, low=0.1, high=2.0)]
    return [x], [draw("y0", 2)]


def _weights(case, count, tag, targets):
    """Sample weights for every target, or None."""
    if case.get("temporal_weight"):
        return cases.array(case["name"], tag + "sample_weight", (count, STEPS), 0.0, 2.0)
    drawn = [
        cases.array(case["name"], "%ssample_weight%d" % (tag, i), (count,), 0.0, 2.0)
        for i in range(len(targets))
    ]
    return one_or_list(drawn)


def _make(keras, value):
    """Compile arguments with the objects and functions of a case made."""
    backend = sub_module(keras, "backend")

    def loss(y_true, y_pred):
        return backend.mean(backend.abs(y_true - y_pred) ** 3, axis=-1)

    def metric(y_true, y_pred):
        return backend.max(backend.abs(y_true - y_pred), axis=-1)

    if isinstance(value, dict):
        if "object" in value:
            return make_object(keras, value)
        if "function" in value:
            return {"loss": loss, "metric": metric}[value["function"]]
        return {key: _make(keras, item) for key, item in value.items()}
    if isinstance(value, list):
        return [_make(keras, item) for item in value]
    return value


def _callbacks(keras, case):
    made = []
    for spec in case.get("callbacks", []):
        if "schedule" in spec:
            rates = spec["schedule"]
            made.append(
                sub_module(keras, "callbacks").LearningRateScheduler(lambda epoch, rates=rates: rates[epoch])
            )
        else:
            made.append(make_object(keras, spec))
    return made


def run_training(keras, case):
    """Arrays: ``history/<key>`` (per epoch), ``evaluate`` (evaluate on the training data after),
    ``weight<i>`` (final, model.get_weights()), ``prediction<i>``.  Meta: ``metrics_names``,
    ``history_keys``, ``epochs``."""
    model = build(keras, case["model"])
    model.compile(**{key: _make(keras, value) for key, value in case["compile"].items()})
    inputs, targets = data(case, case["samples"], "")
    weights = (
        _weights(case, case["samples"], "", targets)
        if case.get("sample_weight") or case.get("temporal_weight")
        else None
    )
    used = list(targets)
    if case["name"] == "two_outputs_one_trained":
        used = targets[1:]
    if case["compile"]["loss"] is None:
        used = []
    x, y = one_or_list(inputs), one_or_list(used) if used else None
    arrays, meta = {}, {}
    via = case.get("via", "fit")
    if via == "fit":
        history = _fit(keras, case, model, x, y, weights)
    elif via == "fit_generator":
        history = _fit_generator(case, model, x, y)
    else:
        history = None
        _train_on_batches(case, model, x, y, weights, arrays)
    if history is not None:
        meta.update(history_keys=list(history.history), epochs=list(history.epoch))
        for key, values in history.history.items():
            arrays["history/" + key] = np.asarray(values, "float32")
    batch = case["fit"]["batch_size"] or case["samples"]
    result = model.evaluate(x, y, batch_size=batch, sample_weight=weights, verbose=0)
    arrays["evaluate"] = np.asarray(as_list(result), "float32")
    meta["metrics_names"] = list(model.metrics_names)
    for i, value in enumerate(model.get_weights()):
        arrays["weight%d" % i] = value
    for i, value in enumerate(as_list(model.predict(x, batch_size=batch, verbose=0))):
        arrays["prediction%d" % i] = np.asarray(value)[:4]
    return arrays, meta


def _fit(keras, case, model, x, y, weights):
    options = dict(case["fit"], shuffle=False, verbose=0)
    if "class_weight" in case:
        options["class_weight"] = {label: value for label, value in case["class_weight"]}
    if "validation" in case:
        inputs, targets = data(case, case["validation"], "validation ")
        options["validation_data"] = (one_or_list(inputs), one_or_list(targets))
        if case.get("validation_weight"):
            options["validation_data"] += (_weights(case, case["validation"], "validation ", targets),)
    return model.fit(x, y, sample_weight=weights, callbacks=_callbacks(keras, case), **options)


def _batches(case, x, y):
    size = case["fit"]["batch_size"]
    return [(x[i : i + size], y[i : i + size]) for i in range(0, case["samples"], size)]


def _fit_generator(case, model, x, y):
    batches = _batches(case, x, y)

    def endless():
        while True:
            for batch in batches:
                yield batch

    train = getattr(model, "fit_generator", None) or model.fit
    return train(
        endless(), steps_per_epoch=len(batches), epochs=case["fit"]["epochs"], shuffle=False, verbose=0
    )


def _train_on_batches(case, model, x, y, weights, arrays):
    size = case["fit"]["batch_size"]
    results = []
    for number, (part_x, part_y) in enumerate(_batches(case, x, y)):
        part_weights = weights[number * size : (number + 1) * size]
        results.append(as_list(model.train_on_batch(part_x, part_y, sample_weight=part_weights)))
    arrays["train_on_batch"] = np.asarray(results, "float32")
    part_x, part_y = _batches(case, x, y)[0]
    arrays["test_on_batch"] = np.asarray(as_list(model.test_on_batch(part_x, part_y)), "float32")


RUNNERS = {"training": run_training}
