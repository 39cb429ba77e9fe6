"""No value of a configuration opens a file, hangs, takes the memory, or ends in an error of some library."""

from __future__ import annotations

import ctypes
import json
import os
import struct
import sys
import warnings
from itertools import islice
from pathlib import Path

import pytest

from kcompile.formats import UnsafeFileError
from kcompile.keras import layers
from kcompile.keras.models import model_from_json
from kcompile.keras.saving import limits
from tests.formats import hostile_configs as hostile

#: Classes that make no layer of a configuration by themselves: bases, functions in them, constructors that
#: refuse.
EXCEPT = {
    "AbstractRNNCell", "ConvLSTM2DCell", "ConvRNN2D", "ConvRecurrent2D", "DenseFeatures", "FlaxLayer",
    "HashedCrossing", "Hashing", "InputLayer", "JaxLayer", "Lambda", "MaxNumBoundingBoxes", "Recurrent",
    "StringLookup", "TFSMLayer", "TextVectorization", "TorchModuleWrapper", "Wrapper",
}  # fmt: skip


def test_every_layer_class_is_walked():
    walked = {getattr(layers, sample.name.split()[0]) for sample in hostile.layer_samples()}
    assert {name for name in hostile.classes(layers) if getattr(layers, name) not in walked} <= EXCEPT


#: Classes of no use in a file: bases, and what code alone makes.
BASES = {
    "Initializer", "Optimizer", "TFOptimizer", "MultiOptimizer", "LossScaleOptimizer", "Loss", "Metric",
    "Layer", "LossFunctionWrapper", "MeanMetricWrapper", "SumOverBatchSizeMetricWrapper", "Reduce",
    "MeanTensor", "MeanRelativeError",
    "SensitivitySpecificityBase", "LearningRateSchedule",
}  # fmt: skip


def test_all_other_classes_are_walked():
    walked = {sample.name.split()[0] for sample in hostile.samples()}
    for table, _ in hostile.PLACES:
        assert set(hostile.classes(table)) - walked <= BASES, table.__name__


def test_sound_configurations_load():
    loaded = {s.name.split()[0] for s in hostile.samples() if hostile.outcome(s.archive) == "loaded"}
    assert {sample.name.split()[0] for sample in hostile.samples()} - loaded <= BASES and len(loaded) > 200


@pytest.mark.parametrize("part", range(4))
def test_impossible_values_load_at_once_or_are_one_error(part):
    """A part of what ``python -m tests.formats.hostile_configs`` tries, another for each class."""
    tried: list[hostile.Change] = []
    for number, sample in enumerate(hostile.samples()):
        if number % 4 == part:
            tried += islice(hostile.changes(sample), -number % STRIDE, None, STRIDE)
    assert len(tried) > 80
    wrong = hostile.try_changes(tried)
    assert not wrong, "\n".join(wrong)


STRIDE = 80

#: What once hung or took gigabytes.
COSTLY = {
    "AdaptiveAveragePooling1D": ([6, 3], {"output_size": 10**9}),
    "AdaptiveMaxPooling2D": ([6, 6, 3], {"output_size": [10**9, 2]}),
    "AugMix": ([6, 6, 3], {"num_chains": 10**9}),
    "RandAugment": ([6, 6, 3], {"num_ops": 10**9}),
    "STFTSpectrogram": ([6, 3], {"fft_length": 10**9}),
    "MelSpectrogram": ([4], {"num_mel_bins": 10**6}),
    "Resizing": ([6, 6, 3], {"height": 10**9, "width": 2, "interpolation": "bicubic"}),
    "SpectralNormalization": (
        [4],
        {"power_iterations": 10**9, "layer": {"class_name": "Dense", "config": {"name": "d", "units": 2}}},
    ),
    "LSTM": ([3, 4], {"units": 4000}),  # of which an orthogonal matrix is drawn
}


@pytest.mark.parametrize(("name", "shape", "arguments"), [(n, *c) for n, c in COSTLY.items()])
def test_number_that_costs_more_than_its_text_is_refused(name, shape, arguments):
    config = {"name": "x", "batch_input_shape": [None, *shape], **arguments}
    layer = {"class_name": name, "config": config}
    text = json.dumps({"class_name": "Sequential", "config": {"name": "s", "layers": [layer]}})

    def work(say):
        try:
            model_from_json(text)
        except UnsafeFileError as error:
            say(str(error))

    said, status = hostile.in_child(work)
    assert status == 0 and len(said) == 1
    assert "layer 'x'" in said[0] and "safe_mode=False allows" in said[0]


def unrolled(steps, count):
    """A configuration of ``count`` layers that emit an operator or more for each step."""
    cells = [{"class_name": "SimpleRNNCell", "config": {"name": f"c{i}", "units": 1}} for i in range(2)]
    config = {"cell": {"class_name": "StackedRNNCells", "config": {"cells": cells}}, "unroll": True}
    config["return_sequences"] = True
    layers_ = [{"class_name": "RNN", "config": {"name": f"l{i}", **config}} for i in range(count)]
    layers_[0]["config"]["batch_input_shape"] = [None, steps, 1]
    return json.dumps({"class_name": "Sequential", "config": {"name": "s", "layers": layers_}})


def test_work_may_grow_with_the_text_and_is_free_without_safe_mode(monkeypatch):
    monkeypatch.setattr(limits, "_STEPS", 10**7)
    text = unrolled(200, 1)
    with pytest.raises(UnsafeFileError, match="layer 'l0' asks for too many operators"):
        model_from_json(text)
    assert model_from_json(text, safe_mode=False).output_shape == (None, 200, 1)
    assert model_from_json(unrolled(5, 25))


# --- paths --------------------------------------------------------------------------------------------------

_opened: list[str] = []
sys.addaudithook(lambda event, args: _opened.append(str(args[0])) if event == "open" and args else None)


class Watched:
    """A folder, and which of its files were opened by whatever code: Python's, or a library's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._descriptor = -1
        if sys.platform == "linux":
            libc = ctypes.CDLL(None)
            self._descriptor = libc.inotify_init1(os.O_NONBLOCK)
            assert libc.inotify_add_watch(self._descriptor, str(folder).encode(), 0x20) > 0  # IN_OPEN

    def opened(self) -> list[str]:
        """Since the last time."""
        found = [path for path in _opened if path.startswith(str(self.folder))]
        _opened.clear()
        try:
            events = os.read(self._descriptor, 2**16) if self._descriptor >= 0 else b""
        except BlockingIOError:
            return found
        while events:
            size = struct.unpack("iIII", events[:16])[3]
            found.append(events[16 : 16 + size].rstrip(b"\0").decode())
            events = events[16 + size :]
        return found


@pytest.fixture
def watched(tmp_path):
    return Watched(tmp_path)


def test_watching_sees_what_is_opened(watched):
    (watched.folder / "a").write_text("x")
    watched.opened()
    (watched.folder / "a").read_text()
    assert watched.opened()


def test_no_argument_of_any_class_opens_the_file_that_it_names(watched):
    from onnx import TensorProto, helper, save

    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", 3]) for n in "xy"]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", ends[:1], ends[1:])
    path = watched.folder / "secret.onnx"
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)
    watched.opened()
    for sample in hostile.samples():
        for argument in sample.own():
            hostile.outcome(sample.changed((argument,), str(path)))
            assert not watched.opened(), f"{sample.name} {argument}"


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("extra", [{}, {"external_data": True}, {"external_data": False}])
def test_graph_in_a_configuration_names_no_file(watched, extra, wrapped):
    path = watched.folder / "secret.onnx"
    path.write_bytes(b"")
    watched.opened()
    layer = {"class_name": "ONNXGraph", "config": {"name": "g", "graph": str(path), **extra}}
    if wrapped:
        layer = {"class_name": "TimeDistributed", "config": {"name": "t", "layer": layer}}
    layer["config"]["batch_input_shape"] = [None, 2, 4]
    text = json.dumps({"class_name": "Sequential", "config": {"name": "s", "layers": [layer]}})
    with pytest.raises(ValueError, match="a configuration holds the bytes of its graph"):
        model_from_json(text)
    assert not watched.opened()


def test_bytes_of_a_graph_that_name_a_file_for_its_weights_are_refused(watched):
    import base64

    from onnx import TensorProto, external_data_helper, helper, numpy_helper

    sample = next(s for s in hostile.layer_samples() if s.name == "ONNXGraph")
    weight = numpy_helper.from_array(hostile.np.ones((3, 2), "float32"), "w")
    external_data_helper.set_external_data(weight, str(watched.folder / "w.bin"))
    weight.ClearField("raw_data")
    (watched.folder / "w.bin").write_bytes(bytes(24))
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", s]) for n, s in (("x", 3), ("y", 2))]
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    proto = helper.make_model(helper.make_graph(nodes, "g", ends[:1], ends[1:], [weight]))
    watched.opened()
    text = base64.b64encode(proto.SerializeToString()).decode()
    with warnings.catch_warnings(), pytest.raises(ValueError, match="another file"):
        warnings.simplefilter("ignore")
        hostile.load(sample.changed(("graph",), text))
    assert not watched.opened()
