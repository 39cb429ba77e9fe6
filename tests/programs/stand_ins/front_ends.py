"""The two Keras that run programs, as the rest of the stand-ins asks for them."""

import functools
import inspect
import os
import sys

import numpy as np
from downloads import LIMITS, PUBLISHED_WEIGHTS, colours


class TfKeras:
    """kcompile.keras, under ``kcompile run``."""

    def __init__(self):
        from kcompile.keras.models import Model

        self.Model = Model

    def parts(self, model):
        """The model; where it is a subclass that gives no call, the models that it has."""
        if model._is_graph_network or type(model).call is not self.Model.call:
            return [model]
        return [
            part
            for value in vars(model).values()
            if isinstance(value, self.Model)
            for part in self.parts(value)
        ]

    def can_export(self, model):
        """Whether it has weights, and is built."""
        return model.built and bool(model.weights)

    def export(self, model, path):
        """Writes the model as ONNX."""
        from kcompile.keras.saving.exporting import export_model

        export_model(model, path)

    def predict(self, model, feed):
        """What predict gives for arrays by their names in the file."""
        values = list(feed.values())
        by_name = model._is_graph_network and set(feed) == set(model.input_names)
        return model.predict((feed if by_name else values) if len(values) > 1 else values[0], verbose=0)

    def without_published_weights(self, note):
        """Networks of keras.applications keep their random weights, in their published shapes; so do models
        that load a file which stands in for published ones."""
        from kcompile.keras.applications import _weights

        loaded = self.Model.load_weights

        @functools.wraps(loaded)
        def load_own_weights(model, filepath, *arguments, **keywords):
            if _is_stand_in(filepath):
                note(f"{model.name}: random weights in place of the published ones")
                return None
            return loaded(model, filepath, *arguments, **keywords)

        self.Model.load_weights = load_own_weights

        real = _weights.load_weights

        def load_weights(model, weights, include_top, files):
            if weights == "imagenet":
                note(f"{model.name}: random weights in place of the published ones")
                return
            real(model, weights, include_top, files)

        _weights.load_weights = load_weights  # before the modules of networks import it


def _is_stand_in(path):
    """Whether a file stands in for published weights."""
    if not os.path.isfile(path):
        return False
    with open(path, "rb") as file:
        return file.read(len(PUBLISHED_WEIGHTS)) == PUBLISHED_WEIGHTS


class Keras3:
    """The installed Keras, under ``kcompile run --keras3``."""

    def __init__(self):
        import keras

        self.Model = keras.Model

    def parts(self, model):
        """As TfKeras.parts."""
        from keras.src.layers.layer import Layer

        if isinstance(model, self._graphs()) or type(model).call not in (self.Model.call, Layer.call):
            return [model]
        return [
            part
            for value in vars(model).values()
            if isinstance(value, self.Model)
            for part in self.parts(value)
        ]

    def _graphs(self):
        from keras.src.models import Functional, Sequential

        return Functional, Sequential

    def can_export(self, model):
        """Whether it has weights, and was called or is a graph."""
        return bool(model.built and model.weights and (model._called or isinstance(model, self._graphs())))

    def export(self, model, path):
        """Writes the model as ONNX."""
        model.export(path, format="onnx", verbose=False)

    def predict(self, model, feed):
        """What predict gives for arrays in the order of the file's inputs."""
        from keras import tree
        from keras.src.export.export_utils import get_input_signature

        values = tree.pack_sequence_as(get_input_signature(model), list(feed.values()))
        together = LIMITS.get("compared")  # a model of one batch size takes no other
        return model.predict(values[0] if len(values) == 1 else values, batch_size=together, verbose=0)

    def without_published_weights(self, note):
        """As TfKeras.without_published_weights; what is downloaded has no published hash."""
        from keras.src.utils import file_utils

        file_utils.validate_file = lambda *_, **__: True
        for name, classes in (("cifar10", 10), ("cifar100", 100)):
            load_data = functools.partial(_cifar, f"keras.datasets.{name}", classes, note)
            for package in ("keras.datasets", "keras.src.datasets"):
                sys.modules[f"{package}.{name}"].load_data = load_data
        wrapped = {}
        for name, module in list(sys.modules.items()):
            if name.startswith(("keras.applications", "keras.src.applications")):
                for key, value in list(vars(module).items()):
                    if inspect.isfunction(value) and "weights" in inspect.signature(value).parameters:
                        network = wrapped.setdefault(value, _untrained(value, note))
                        setattr(module, key, network)


def _cifar(name, classes, note, label_mode="fine"):
    """Keras 3 takes nothing but all 60,000 images from the file."""
    counts = (50_000, 10_000) if LIMITS.get("all_digits") else (640, 256)
    note(f"{name}: {sum(counts):,} samples made up")
    parts = []
    for count in counts:
        data, labels = colours(np.random.default_rng(count), count, classes)
        parts.append((data.reshape(count, 3, 32, 32).transpose(0, 2, 3, 1), labels[:, None]))
    return tuple(parts)


def _untrained(network, note):
    signature = inspect.signature(network)

    @functools.wraps(network)
    def build(*arguments, **keywords):
        given = signature.bind(*arguments, **keywords)
        given.apply_defaults()
        if given.arguments["weights"] not in ("imagenet", "noisy-student"):
            return network(*arguments, **keywords)
        given.arguments["weights"] = None
        model = network(*given.args, **given.kwargs)
        note(f"{model.name}: random weights in place of the published ones")
        return model

    return build
