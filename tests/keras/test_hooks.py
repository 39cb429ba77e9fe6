"""Methods of Keras 2's classes that subclasses override are called, protected ones too.

keras2_names.json lists them: what code of a class or its bases calls on ``self`` (see make_keras2_names.py).
Each is overridden in a subclass that notes the call and goes on, and the class is put to work.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kcompile import keras
from kcompile.keras import backend as K
from kcompile.keras import callbacks, layers, losses, metrics

pytest.importorskip("torch")

HOOKS = json.loads((Path(__file__).parent / "keras2_names.json").read_text(encoding="utf-8"))["hooks"]

#: Hooks of Keras 2 that are none here, and why.
NOT_HERE = {
    "keras.backend.tensorflow_backend.Function": "how a session is run",
    "keras.engine.base_layer.Layer._add_inbound_node": "nodes are made by themselves here",
    "keras.engine.network.Network._base_init": "a part of the constructor",
    "keras.engine.network.Network._init_subclassed_network": "a part of the constructor",
    "keras.engine.training.Model._add_unique_metric_name": "a part of compile()",
    "keras.engine.training.Model._cache_output_metric_attributes": "a part of compile()",
    "keras.engine.training.Model._handle_metrics": "a part of compile()",
    "keras.engine.training.Model._handle_per_output_metrics": "a part of compile()",
    "keras.engine.training.Model._prepare_total_loss": "a part of compile(); add_loss adds terms",
    "keras.engine.training.Model._set_metric_attributes": "a part of compile()",
    "keras.engine.training.Model._set_per_output_metric_attributes": "a part of compile()",
    "keras.engine.training.Model._set_sample_weight_attributes": "a part of compile()",
    "keras.layers.wrappers.TimeDistributed._get_shape_tuple": "finds sizes that inference knows here",
    "keras.layers.wrappers.Wrapper.activity_regularizer": "a property that holds a function",
    "keras.legacy.layers.Merge": "the layer of Keras 1; see keras.layers.Merge",
    "keras.preprocessing.sequence.TimeseriesGenerator._empty_batch": "gone from Keras 2.3",
    "keras.utils.data_utils.GeneratorEnqueuer._get_executor_init": "how processes are started",
    "keras.utils.data_utils.OrderedEnqueuer._get_executor_init": "how processes are started",
    "keras.utils.data_utils.OrderedEnqueuer._wait_queue": "how processes are waited for",
    "keras.utils.data_utils.SequenceEnqueuer._get_executor_init": "how processes are started",
    "keras.utils.test_utils.tf_file_io_proxy": "stands in for Google's cloud storage in Keras's own tests",
}
#: Called only in a case that the table below does not make, with the test that does.
ELSEWHERE = {"keras.legacy.layers.ConvRecurrent2D.compute_output_shape": "test_layers.py"}

X = np.random.RandomState(0).uniform(0.1, 1, (4, 3)).astype("float32")


# --- putting classes to work --------------------------------------------------------------------------------

_IMAGE, _VOLUME, _SEQUENCE = (6, 6, 2), (4, 4, 4, 2), (5, 3)
_REGULARIZED = {"activity_regularizer": "l2"}

#: Constructor arguments and the shape of a sample.
LAYERS: dict[str, tuple[dict[str, Any], Any]] = {
    **dict.fromkeys(
        ("ELU", "LeakyReLU", "PReLU", "ReLU", "Softmax", "ThresholdedReLU", "Flatten"), ({}, (3,))
    ),
    **{
        f"Conv{r}D": ({"filters": 2, "kernel_size": 2}, s)
        for r, s in enumerate((_SEQUENCE, _IMAGE, _VOLUME), 1)
    },
    **dict.fromkeys(("SeparableConv2D", "Conv2DTranspose"), ({"filters": 2, "kernel_size": 2}, _IMAGE)),
    "SeparableConv1D": ({"filters": 2, "kernel_size": 2}, _SEQUENCE),
    "Conv3DTranspose": ({"filters": 2, "kernel_size": 2}, _VOLUME),
    "DepthwiseConv2D": ({"kernel_size": 2}, _IMAGE),
    "LocallyConnected1D": ({"filters": 2, "kernel_size": 2}, _SEQUENCE),
    "LocallyConnected2D": ({"filters": 2, "kernel_size": 2}, _IMAGE),
    "ConvLSTM2D": ({"filters": 2, "kernel_size": 2}, (3, *_IMAGE)),
    **{
        f"{kind}{rank}D": ({}, (_SEQUENCE, _IMAGE, _VOLUME)[rank - 1])
        for kind in ("UpSampling", "ZeroPadding", "AveragePooling", "MaxPooling")
        for rank in (1, 2, 3)
    },
    **{
        f"Global{kind}Pooling{rank}D": ({}, (_SEQUENCE, _IMAGE, _VOLUME)[rank - 1])
        for kind in ("Average", "Max")
        for rank in (1, 2, 3)
    },
    "Cropping2D": ({"cropping": 1}, _IMAGE),
    "Activation": ({"activation": "relu"}, (3,)),
    "ActivityRegularization": ({"l2": 0.1}, (3,)),
    "Dense": ({"units": 2}, (3,)),
    **dict.fromkeys(("Dropout", "AlphaDropout", "GaussianDropout"), ({"rate": 0.5}, (3,))),
    "GaussianNoise": ({"stddev": 0.5}, (3,)),
    "SpatialDropout1D": ({"rate": 0.5}, _SEQUENCE),
    "SpatialDropout2D": ({"rate": 0.5}, _IMAGE),
    "SpatialDropout3D": ({"rate": 0.5}, _VOLUME),
    "Lambda": ({"function": K.square}, (3,)),
    "Masking": ({}, _SEQUENCE),
    "Permute": ({"dims": (2, 1)}, _SEQUENCE),
    "RepeatVector": ({"n": 2}, (3,)),
    "Reshape": ({"target_shape": (-1, 3)}, (6,)),
    "BatchNormalization": ({}, (3,)),
    "Embedding": ({"input_dim": 5, "output_dim": 2}, (3,)),
    **dict.fromkeys(("SimpleRNN", "GRU", "LSTM", "CuDNNGRU", "CuDNNLSTM"), ({"units": 2}, _SEQUENCE)),
    "RNN": ({"cell": None}, _SEQUENCE),
    **dict.fromkeys(
        ("Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply", "Subtract"), ({}, [(3,), (3,)])
    ),
    "Dot": ({"axes": 1}, [(3,), (3,)]),
    "Bidirectional": ({"layer": "LSTM"}, _SEQUENCE),
    "TimeDistributed": ({"layer": "Dense"}, _SEQUENCE),
    "Highway": ({}, (3,)),
    "MaxoutDense": ({"output_dim": 2}, (3,)),
}
#: Classes that others make use of: the class whose subclass is put to work in their place.
BASES = {
    **{
        name: name[1:].replace("Pooling", "MaxPooling") for name in ("_Pooling1D", "_Pooling2D", "_Pooling3D")
    },
    **{f"_GlobalPooling{rank}D": f"GlobalMaxPooling{rank}D" for rank in (1, 2, 3)},
    "_Conv": "Conv2D",
    "_SeparableConv": "SeparableConv2D",
    "_Cropping": "Cropping2D",
    "_UpSampling": "UpSampling2D",
    "_ZeroPadding": "ZeroPadding2D",
    "_Merge": "Add",
    "_CuDNNRNN": "CuDNNLSTM",
    "ConvRNN2D": "ConvLSTM2D",
    "Layer": "Dense",
    "Container": "Model",
    "Network": "Model",
    "Callback": "History",
    "Wrapper": "TimeDistributed",
    "Loss": "LossFunctionWrapper",
    "Metric": "Mean",
    "Reduce": "Mean",
    "SensitivitySpecificityBase": "SpecificityAtSensitivity",
    "_ConfusionMatrixConditionCount": "TruePositives",
    "Iterator": "NumpyArrayIterator",
}


def work_layer(cls: type, name: str) -> None:
    settings, shape = LAYERS[name]
    settings = dict(settings)
    if "layer" in settings:
        settings["layer"] = getattr(layers, settings["layer"])(2)
    if "cell" in settings:
        settings["cell"] = layers.LSTMCell(2)
    recurrent = issubclass(cls, layers.RNN)
    for extra in ({}, {"stateful": True} if recurrent else _REGULARIZED, {"weights": None}):
        try:
            layer = cls(**settings, **extra)
        except TypeError:  # takes no such argument
            continue
        stateful = bool(extra.get("stateful"))
        shapes = shape if isinstance(shape, list) else [shape]
        inputs = [keras.Input(batch_shape=(4 if stateful else None, *s)) for s in shapes]
        output = layer(inputs if isinstance(shape, list) else inputs[0])
        if "weights" in extra and layer.weights:
            layer = cls(**settings, weights=layer.get_weights())
            output = layer(inputs if isinstance(shape, list) else inputs[0])
        model = keras.Model(inputs, output)
        arrays = [np.ones((4, *s), "float32") for s in shapes]
        layer.add_metric(K.mean(output), name="mean")
        if model.trainable_weights:
            model.compile("sgd", "mse")
            model.train_on_batch(arrays, np.zeros(model.predict(arrays).shape))
        assert layer.output is not None and layer.get_output_at(0) is not None
        if stateful:
            model.reset_states()
        outer = keras.Model(inputs, model(inputs))
        outer.predict(arrays, batch_size=4)


def work_recurrent(cls: type, name: str) -> None:
    """The base of recurrent layers of Keras 2.0."""

    class Summing(cls):
        units, states = 2, [None]

        def build(self, input_shape: Any) -> None:
            self.input_spec = [keras.layers.InputSpec(ndim=3)]
            self.state_spec = keras.layers.InputSpec(shape=(None, 2))
            self.built = True

        def step(self, inputs: Any, states: Any) -> Any:
            h = states[0] + K.sum(inputs, axis=-1, keepdims=True)
            return h, [h]

    x = keras.Input(_SEQUENCE)
    keras.Model(x, Summing()(layers.Masking()(x))).predict(np.ones((2, *_SEQUENCE)))


def work_cell(cls: type, name: str) -> None:
    if name == "ConvLSTM2DCell":
        layer, shape = layers.ConvRNN2D(cls(2, 2)), (3, *_IMAGE)
    elif name == "StackedRNNCells":
        layer, shape = layers.RNN(cls([layers.LSTMCell(2), layers.GRUCell(2)])), _SEQUENCE
    else:
        layer, shape = layers.RNN(cls(2)), _SEQUENCE
    model = keras.Sequential([layers.InputLayer(shape), layer])
    model.predict(np.ones((2, *shape)))
    layer.cell.set_weights(layer.cell.get_weights())


def work_model(cls: type, name: str) -> None:
    x = keras.Input((3,))
    inner = keras.Model(x, layers.Dropout(0.5)(x))
    made = {
        "Sequential": lambda: cls([layers.Dense(2), layers.Dropout(0.5)]),
        "Model": lambda: cls(x, layers.Dense(2)(inner(x))),
    }
    model = made[name]()
    model.build((None, 3))
    model.compile("sgd", "mse", metrics=["mae"])
    y = np.zeros((4, 2))
    model.fit(X, y, validation_data=(X, y), verbose=0)
    model.fit_generator(iter([(X, y)] * 2), 1, verbose=0)
    model.train_function = lambda arrays: [0.0, 0.0]
    model.fit(iter([(X, y)] * 2), steps_per_epoch=1, verbose=0)
    model.evaluate(iter([(X, y)] * 2), steps=1)
    model.predict(iter([X] * 2), steps=1)
    model._make_predict_function()
    model.set_weights(model.get_weights())
    model.summary(print_fn=lambda line: None)
    model.to_json()
    z = keras.Input((7, 3))
    keras.Model(z, layers.TimeDistributed(model)(z)).predict(np.ones((2, 7, 3)))
    model.compute_output_shape((5, 3))

    class Written(cls):
        def __init__(self) -> None:
            super().__init__()
            self.dense = layers.Dense(2)

        def call(self, inputs: Any) -> Any:
            return self.dense(inputs)

    if name == "Model":
        Written().predict(X)
        keras.Sequential([cls(x, layers.Masking()(layers.Reshape((1, 3))(x)))])


def work_loss(cls: type, name: str) -> None:
    model = keras.Sequential([layers.Dense(2, input_shape=(3,))])
    model.compile("sgd", cls(losses.mean_squared_error))
    model.train_on_batch(X, np.zeros((4, 2)))


METRICS = {
    "MeanMetricWrapper": (metrics.mean_absolute_error,),
    "SensitivityAtSpecificity": (0.5,),
    "SpecificityAtSensitivity": (0.5,),
}


def work_metric(cls: type, name: str) -> None:
    model = keras.Sequential([layers.Dense(1, input_shape=(3,), activation="sigmoid")])
    for metric in [cls(*METRICS.get(name, ()))] + ([cls(curve="PR")] if name == "AUC" else []):
        if name == "Mean":
            model.add_metric(metric(model.output))
            model.compile("sgd", "mse")
        else:
            model.compile("sgd", "mse", metrics=[metric])
        model.fit(X, np.zeros((4, 1)), verbose=0)


CALLBACKS = {
    "BaseLogger": {},
    "History": {},
    "EarlyStopping": {"monitor": "loss"},
    "ReduceLROnPlateau": {"monitor": "loss", "patience": 1, "cooldown": 1},
    "ProgbarLogger": {},
    "TerminateOnNaN": {},
}


def work_callback(cls: type, name: str) -> None:
    model = keras.Sequential([layers.Dense(2, input_shape=(3,))])
    model.compile("sgd", "mse")
    y = np.zeros((4, 2))
    if name == "CallbackList":
        every = cls([callbacks.History()])
        every.set_model(model)
        every.on_train_begin()
        every.on_epoch_begin(0)
        every.on_batch_begin(0)
        every.on_batch_end(0, {"loss": 1.0})
        for mode in ("train", "test", "predict"):
            getattr(every, f"on_{mode}_batch_begin")(0)
            getattr(every, f"on_{mode}_batch_end")(0)
        for mode in ("test", "predict"):
            every._call_begin_hook(mode)
            every._call_end_hook(mode)
        every._call_begin_hook("train")
        every._call_end_hook("train")
        return
    model.fit(X, y, verbose=0, epochs=2, callbacks=[cls(**CALLBACKS[name])])


def work_tensorboard(cls: type, name: str, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    model = keras.Sequential([layers.Dense(2, input_shape=(3,))])
    model.compile("sgd", "mse")
    model.fit(X, np.zeros((4, 2)), verbose=0, callbacks=[cls(str(tmp_path), update_freq="batch")])


def work_images(cls: type, name: str, tmp_path: Path) -> None:
    from kcompile.keras.preprocessing import image

    pixels, labels = np.ones((4, 5, 5, 3)), np.arange(4)
    if name == "ImageDataGenerator":
        generator = cls(rotation_range=10)
        generator.fit(pixels, augment=True)
        next(generator.flow(pixels, labels, batch_size=2))
        return
    plain = image.ImageDataGenerator()
    if name == "DirectoryIterator":
        pytest.importorskip("PIL.Image").fromarray(np.zeros((5, 5, 3), "uint8")).save(tmp_path / "a.png")
        (tmp_path / "a").mkdir()
        (tmp_path / "a.png").rename(tmp_path / "a" / "a.png")
        flow = cls(str(tmp_path), plain, target_size=(5, 5))
    else:
        flow = cls(pixels, labels, plain, batch_size=2)
    next(flow)
    flow[0]
    flow.on_epoch_end()
    flow.reset()


def work_tokenizer(cls: type, name: str) -> None:
    tokenizer = cls()
    tokenizer.fit_on_texts(["a b", "b c"])
    tokenizer.texts_to_matrix(["a b"])


def work_other(cls: type, name: str, tmp_path: Path) -> None:
    if name == "Progbar":
        cls(3, verbose=0).add(1)
    elif name == "H5Dict":
        with cls(str(tmp_path / "x.h5"), mode="w") as file:
            file["a"] = np.ones(3)
    else:

        def build_fn(units: int = 1) -> Any:
            model = keras.Sequential([layers.Dense(units, input_shape=(3,))])
            model.compile("sgd", "mse")
            return model

        cls(build_fn, units=1, epochs=1, verbose=0).fit(X, np.zeros((4, 1)))


def worker(module: str, name: str) -> Callable[..., None]:
    if name == "Recurrent":
        return work_recurrent
    if name.endswith("Cell") or name == "StackedRNNCells":
        return work_cell
    if name in LAYERS:
        return work_layer
    for part, work in {
        "keras.engine": work_model,
        "keras.training": work_model,
        "keras.losses": work_loss,
        "keras.metrics": work_metric,
        "keras.callbacks.tensorboard": work_tensorboard,
        "keras.callbacks": work_callback,
        "keras.preprocessing.image": work_images,
        "keras.preprocessing.text": work_tokenizer,
    }.items():
        if module.startswith(part):
            return work
    return work_other


# --- the walk -----------------------------------------------------------------------------------------------


def hooks() -> list[tuple[str, str, str]]:
    found = []
    for module, classes in HOOKS.items():
        for name, methods in classes.items():
            for method in methods.split():
                parts = f"{module}.{name}.{method}", f"{module}.{name}"
                if not any(part in NOT_HERE or part in ELSEWHERE for part in parts):
                    found.append((module, name, method))
    return found


@pytest.mark.parametrize(("module", "name", "method"), hooks(), ids=".".join)
def test_an_overridden_hook_is_called(module: str, name: str, method: str, tmp_path: Path) -> None:
    target = getattr(importlib.import_module(f"kcompile.{module}"), name)
    concrete = BASES.get(name, name)
    base = target if concrete == name else _find(concrete, target)
    assert issubclass(base, target)
    called = []

    def override(self: Any, *args: Any, **kwargs: Any) -> Any:
        called.append(method)
        return getattr(super(overriding, self), method)(*args, **kwargs)

    overriding = type(base.__name__, (base,), {method: override})
    work = worker(module if concrete == name else base.__module__.partition(".")[2], concrete)
    with_folder = "tmp_path" in work.__code__.co_varnames[: work.__code__.co_argcount]
    work(overriding, concrete, **({"tmp_path": tmp_path} if with_folder else {}))
    assert called


def _find(name: str, target: type) -> type:
    """The class of this name, whichever module of Keras it is in."""
    for module in ("layers", "models", "callbacks", "losses", "metrics", "preprocessing.image"):
        found = getattr(importlib.import_module(f"kcompile.keras.{module}"), name, None)
        if found is not None:
            return found
    raise AssertionError(f"no class {name} for {target}")


def test_the_exceptions_are_hooks_of_keras() -> None:
    known = {f"{m}.{c}" for m, classes in HOOKS.items() for c in classes}
    known |= {f"{m}.{c}.{h}" for m, classes in HOOKS.items() for c, hs in classes.items() for h in hs.split()}
    assert {*NOT_HERE, *ELSEWHERE} <= known
