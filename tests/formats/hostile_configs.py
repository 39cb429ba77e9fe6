"""Model configurations with one value replaced by an impossible one: each loads at once, or is one error.

    python -m tests.formats.hostile_configs [name]

Every class that a file may name is there, with each number, list, text and flag of its configuration (those
of objects inside included) replaced in turn. Processes are forked with limits of memory and time, so that one
that is killed says which value did it.
"""

from __future__ import annotations

import copy
import inspect
import json
import os
import resource
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from kcompile import keras
from kcompile.formats import Archive
from kcompile.formats.json import plain_or_named
from kcompile.keras import constraints, initializers, layers, losses, metrics, optimizers, regularizers
from kcompile.keras.optimizers import schedules
from kcompile.keras.saving.archives import model_from_archive
from kcompile.keras.utils.generic_utils import _may_be_named_by_a_config
from tests.formats.fuzz import is_ours
from tests.golden import cases as cases_2
from tests.golden import runner as runner_2
from tests.golden.keras3 import cases as cases_3
from tests.golden.keras3 import runner as runner_3

SECONDS, GIGABYTES = 4, 6

#: Keys that lead to a value.
Path = tuple[Any, ...]

#: Sizes of inputs.
SIZES = [0, 1, 10**4, 10**6, 10**9, 2**31, 2**62, 2**63, -1, float("nan"), 2.5, True, "x", None]
NUMBERS = [
    10**6,
    10**9,
    10**12,
    2**31,
    2**63,
    10**30,
    -1,
    -(10**9),
    float("nan"),
    float("inf"),
    1e308,
    2.5,
    True,
]
OTHERS = [None, "x" * 10**5, [10**9] * 4, [[10**9]], list(range(10**4)), {"class_name": "Dense"}, {}]


@dataclass(frozen=True)
class Sample:
    """A sound configuration that has an object of a class at ``place``.

    Attributes:
        name: of the class, and of the golden case.
        archive: config and training_config.
        place: keys that lead to the object's own configuration.
    """

    name: str
    archive: dict[str, Any]
    place: Path

    def own(self) -> dict[str, Any]:
        found: Any = self.archive
        for key in self.place:
            found = found[key]
        return found

    def changed(self, path: Path, value: Any, of_object: bool = True) -> dict[str, Any]:
        """The archive with another value at a path below the object's configuration, or the whole's."""
        changed = copy.deepcopy(self.archive)
        target: Any = changed
        for key in (*(self.place if of_object else ()), *path[:-1]):
            target = target[key]
        target[path[-1]] = value
        return changed


def load(archive: dict[str, Any]) -> Any:
    """The model of an architecture and a training configuration, as ``load_model`` makes it."""
    text = json.loads(json.dumps(archive))
    made = Archive(
        config=text["config"],
        training_config=text.get("training_config"),
        metadata={"keras_version": "2.3.1"},
    )
    return model_from_archive(made, "hostile.json")


# --- sound configurations -----------------------------------------------------------------------------------


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value, default=plain_or_named))


@cache
def layer_samples() -> tuple[Sample, ...]:
    """One of each layer class, by its golden cases where there are any."""
    found: dict[str, Sample] = {}
    for cases, runner in ((cases_2.LAYERS, runner_2), (cases_3.LAYERS, runner_3)):
        for case in cases:
            name = case["layer"]["class"]
            if name not in found and hasattr(layers, name):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    model, _ = runner.build_layer(keras, case)
                found[name] = _sample_of(f"{name} {case['name']}", model)
    known = {getattr(layers, name) for name in found}
    for name in classes(layers):
        if getattr(layers, name) not in known:
            sample = _by_itself(name)
            if sample is not None:
                found[name] = sample
    return tuple(found.values())


def _sample_of(name: str, model: Any, *inside: Any) -> Sample:
    config = _plain({"class_name": "Model", "config": model.get_config()})
    place = next(i for i, e in enumerate(config["config"]["layers"]) if e["name"] == "layer")
    return Sample(name, {"config": config}, ("config", "config", "layers", place, "config", *inside))


#: What required arguments get.
REQUIRED: dict[str, Any] = {
    "factor": 0.2, "height_factor": 0.2, "width_factor": 0.2, "height": 4, "width": 4, "units": 2,
    "output_dim": 2, "filters": 2, "kernel_size": 2, "num_classes": 2, "target_class_ids": [0], "shape": [1],
    "recall": 0.5, "precision": 0.5, "sensitivity": 0.5, "specificity": 0.5, "fn": "mse", "reduction": "sum",
    "initial_learning_rate": 0.1, "decay_steps": 3, "decay_rate": 0.5, "first_decay_steps": 3,
    "boundaries": [2, 4], "values": [0.1, 0.2, 0.3], "rank": 1, "normalizer": [1.0, 2.0],
}  # fmt: skip


def _required(cls: Any) -> dict[str, Any]:
    parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
    needed = [p.name for p in parameters if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
    return {key: REQUIRED[key] for key in needed if key in REQUIRED}


def _by_itself(name: str) -> Sample | None:
    """A layer between an input and an output; a cell in an RNN. None if it takes neither."""
    cls = getattr(layers, name)
    arguments = _required(cls)
    if name == "StackedRNNCells":
        arguments = {"cells": [layers.GRUCell(2), layers.LSTMCell(3)]}
    if name == "RandomPosterization":
        arguments = {"factor": 4}
    if name == "ONNXGraph":
        return _onnx_sample()
    for shape in ((6, 6, 3), (5, 3), (3,)):
        x = layers.Input(shape, name="input")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                made = cls(**arguments)
                if hasattr(made, "state_size") and not isinstance(made, layers.RNN):
                    model = keras.Model(x, layers.RNN(made, name="layer")(x))
                    return _sample_of(name, model, "cell", "config")
                made = cls(name="layer", **arguments)
                return _sample_of(name, keras.Model(x, made(x)))
        except (ValueError, TypeError, NotImplementedError, AttributeError, IndexError):
            continue
    return None


def _onnx_sample() -> Sample:
    from onnx import TensorProto, helper, numpy_helper

    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", s]) for n, s in (("x", 3), ("y", 2))]
    weight = numpy_helper.from_array(np.ones((3, 2), "float32"), "w")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])], "g", ends[:1], ends[1:], [weight]
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    x = layers.Input((3,), name="input")
    made = layers.ONNXGraph(proto.SerializeToString(), name="layer")
    return _sample_of("ONNXGraph", keras.Model(x, made(x)))


def dense(**config: Any) -> dict[str, Any]:
    config = {"name": "d", "units": 2, "batch_input_shape": [None, 3], **config}
    return {
        "class_name": "Sequential",
        "config": {"name": "s", "layers": [{"class_name": "Dense", "config": config}]},
    }


def classes(table: Any) -> list[str]:
    """Names of the classes that a configuration may name in a module, each class once."""
    seen: dict[Any, str] = {}
    for name, value in vars(table).items():
        if inspect.isclass(value) and _may_be_named_by_a_config(name, value):
            seen.setdefault(value, name)
    return sorted(seen.values())


#: Module, and the keys that lead to its objects in a Dense layer's or in the training configuration.
PLACES: list[tuple[Any, tuple[Any, ...]]] = [
    (initializers, ("layer", "kernel_initializer")),
    (regularizers, ("layer", "kernel_regularizer")),
    (constraints, ("layer", "kernel_constraint")),
    (losses, ("training_config", "loss")),
    (metrics, ("training_config", "metrics", 0)),
    (metrics, ("training_config", "weighted_metrics", 0)),
    (optimizers, ("training_config", "optimizer_config")),
    (schedules, ("training_config", "optimizer_config", "config", "learning_rate")),
]


def object_samples() -> Iterator[Sample]:
    """The other classes, each where a configuration has such an object."""
    for table, (part, *keys) in PLACES:
        for name in classes(table):
            config = _made(table, name)
            if config is None:
                continue
            archive = {"config": dense(), "training_config": training()}
            place = ("config", "config", "layers", 0, "config") if part == "layer" else (part,)
            target: Any = archive
            for key in (*place, *keys[:-1]):
                target = target[key]
            target[keys[-1]] = {"class_name": name, "config": config}
            yield Sample(f"{name} as {keys[0]}", archive, (*place, *keys, "config"))


def training() -> dict[str, Any]:
    rate = {"class_name": "SGD", "config": {"learning_rate": 0.1}}
    return {"optimizer_config": rate, "loss": "mse", "metrics": ["mae"], "weighted_metrics": ["mae"]}


def _made(table: Any, name: str) -> dict[str, Any] | None:
    """The configuration of an object, None for a class that is there to be derived from."""
    cls = getattr(table, name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _plain(cls(**_required(cls)).get_config())
    except (TypeError, NotImplementedError, AttributeError, ValueError):
        return None


def samples() -> list[Sample]:
    return [*layer_samples(), *object_samples()]


# --- values -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Change:
    """One value of a sample replaced: of its object's own configuration, or a size of an input."""

    sample: Sample
    path: Path
    value: Any
    where: str

    def archive(self) -> dict[str, Any]:
        return self.sample.changed(self.path, self.value, of_object=self.where == "")

    def __str__(self) -> str:
        place = self.where or ".".join(map(str, self.path))
        return f"{self.sample.name} {place}={str(self.value)[:60]}"


def changes(sample: Sample) -> Iterator[Change]:
    """Every value of the object's configuration, and the sizes of inputs; none is made before it is tried."""
    for path, values in _places(sample):
        for value in values:
            yield Change(sample, path, value, "")
    if sample.place[:3] != ("config", "config", "layers"):
        return
    for i, entry in enumerate(sample.archive["config"]["config"]["layers"]):
        for axis in range(len(entry["config"].get("batch_input_shape") or ())):
            path = ("config", "config", "layers", i, "config", "batch_input_shape", axis)
            for value in SIZES:
                yield Change(sample, path, value, f"axis {axis} of input {i}")


def _places(sample: Sample) -> Iterator[tuple[Path, list[Any]]]:
    for path, _ in _leaves(sample.own()):
        if path and path[-1] not in ("name", "class_name", "module", "registered_name", "batch_input_shape"):
            yield path, [*NUMBERS, *(OTHERS if len(path) == 1 else [])]


def _leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every value with the path to it, lists as a whole too, of which three elements."""
    if isinstance(value, dict) and value:
        for key, entry in value.items():
            yield from _leaves(entry, (*path, key))
        return
    yield path, value
    if isinstance(value, list):
        for i, entry in enumerate(value[:3]):
            yield from _leaves(entry, (*path, i))


# --- trying -------------------------------------------------------------------------------------------------


def outcome(archive: dict[str, Any]) -> str:
    """ "loaded", "refused", or what else it raised."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            load(archive)
    except (ValueError, NotImplementedError) as error:
        if isinstance(error.__cause__, MemoryError):
            return f"took the memory: {_last(error.__cause__)}"
        if is_ours(error):
            return "refused"
        return f"raised {type(error).__name__}: {str(error)[:200]} {_last(error)}"
    except BaseException as error:
        return f"raised {type(error).__name__}: {str(error)[:200]} {_last(error)}"
    return "loaded"


def _last(error: BaseException) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"({frame.filename}:{frame.lineno})"


def in_child(work: Callable[[Callable[[str], None]], None]) -> tuple[list[str], int]:
    """Runs it in a forked process with limits; what it said, and the signal that killed it, or 0."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        resource.setrlimit(resource.RLIMIT_AS, (GIGABYTES << 30, GIGABYTES << 30))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, 1)
        os.dup2(devnull, 2)
        try:
            work(lambda line: os.write(writing, (line.replace("\n", " ") + "\n").encode()) and None)
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as said:
        lines = said.read().splitlines()
    return lines, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def try_changes(todo: list[Change]) -> list[str]:
    """What went wrong with which. They share a child, until one of them kills it."""
    wrong: list[str] = []
    done = 0
    while done < len(todo):

        def work(say: Callable[[str], None], start: int = done) -> None:
            for change in todo[start:]:
                signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
                say(outcome(change.archive()))

        lines, status = in_child(work)
        for line in lines:
            if line not in ("loaded", "refused"):
                wrong.append(f"{todo[done]}: {line}")
            done += 1
        if done < len(todo):
            wrong.append(f"{todo[done]}: killed, status {status}")
            done += 1
    return wrong


if __name__ == "__main__":
    begin, total = time.monotonic(), 0
    for one in samples():
        if len(sys.argv) > 1 and sys.argv[1] not in one.name:
            continue
        todo = list(changes(one))
        problems = try_changes(todo)
        total += len(todo)
        print(f"{one.name}: {len(todo)} {time.monotonic() - begin:.0f}s", *problems, sep="\n    ", flush=True)
    print(f"{total} configurations in {time.monotonic() - begin:.0f} s")
