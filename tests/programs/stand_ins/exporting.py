"""Exports what a program trained, and compares onnxruntime's numbers with predict's."""

import os
import tempfile

import numpy as np
from downloads import LIMITS


def models(front_end, trained, names):
    """(name, model, data of fit or None) of each model that was trained, or that the program still has."""
    found = {}
    for key, (model, data) in trained.items():
        for part in front_end.parts(model):
            found[id(part)] = (part, data if id(part) == key else None)
    for value in list(names.values()):
        if isinstance(value, front_end.Model):
            for part in front_end.parts(value):
                found.setdefault(id(part), (part, None))
    for model, data in list(found.values())[-12:]:
        if front_end.can_export(model):
            yield model.name, model, data


def export(front_end, model, data):
    """What came of it, in a few words."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.onnx")
        try:
            front_end.export(model, path)
        except Exception as error:
            return f"does not export: {_said(error)}"
        try:
            return compare(front_end, model, path, data)
        except Exception as error:
            return f"does not export: its file was written, but: {_said(error)}"


def _said(error):
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


def compare(front_end, model, path, data):
    """Whether onnxruntime computes from the file what predict computes."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path)
    feed = _feed(session.get_inputs(), data)
    found = session.run(None, feed)
    expected = _flat(front_end.predict(model, feed))
    again = _flat(front_end.predict(model, feed))
    if any(
        not np.array_equal(a, b, equal_nan=True)
        for a, b in zip(expected, again, strict=True)
        if a.dtype != object
    ):
        return "exports (it draws numbers when it predicts, so they were not compared)"
    for a, b in zip(found, expected, strict=True):
        if a.dtype == object:
            assert list(map(str, a.ravel())) == list(map(str, b.ravel()))
        else:
            np.testing.assert_allclose(
                np.asarray(a, "float64"), np.asarray(b, "float64"), rtol=1e-3, atol=1e-3
            )
    return "exports"


def _feed(inputs, data):
    """Arrays by name: of what fit was given, else made up."""
    batch = None if data is None else first_batch(data, [entry.name for entry in inputs])
    feed = {}
    for number, entry in enumerate(inputs):
        dtype = {"tensor(float)": "float32", "tensor(string)": object}.get(entry.type, entry.type[7:-1])
        if batch is not None:
            array = _text(batch[number]) if dtype is object else np.asarray(batch[number]).astype(dtype)
            feed[entry.name] = array[..., None] if array.ndim < len(entry.shape) else array  # as fit has it
        if batch is None or not _fits(feed[entry.name].shape, entry.shape):  # a step may train a part alone
            feed[entry.name] = _made_up(dtype, entry.shape, np.random.default_rng(number))
    return feed


def _fits(shape, declared):
    return len(shape) == len(declared) and all(
        not isinstance(wanted, int) or size == wanted for size, wanted in zip(shape, declared, strict=True)
    )


def _text(array):
    """Text as onnxruntime takes it; a model that knows only its own words is given some of them so."""
    words = [word.decode() if isinstance(word, bytes) else str(word) for word in array.ravel()]
    return np.array(words, object).reshape(array.shape)


def _made_up(dtype, shape, rng):
    open_size = 96 if len(shape) == 4 and shape[-1] in (1, 3, 4) else 8  # networks for images want some
    sizes = [size if isinstance(size, int) else open_size for size in shape]
    if shape and not isinstance(shape[0], int):
        sizes[0] = 2
    if dtype is object:
        return np.full(sizes, "a", dtype=object)
    return np.asarray(rng.random(sizes) if "float" in dtype else rng.integers(0, 2, sizes)).astype(dtype)


def _flat(value):
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [array for item in value for array in _flat(item)]
    return [np.asarray(value)]


def first_batch(data, names):
    """The first samples of what fit was given, an array for each input; None where it cannot be told."""
    try:
        if hasattr(data, "take") and hasattr(data, "prefetch"):
            data = next(iter(data))
            data = data[0] if isinstance(data, tuple) else data
        elif hasattr(data, "__getitem__") and hasattr(data, "on_epoch_end"):
            data = data[0][0]
        elif not isinstance(data, (dict, list, tuple)) and not hasattr(data, "shape"):
            return None
        if isinstance(data, dict) and set(names) <= set(data):
            data = [data[name] for name in names]
        arrays = [array[: LIMITS.get("compared", 4)] for array in _flat(data)]
    except Exception:
        return None
    return arrays if len(arrays) == len(names) else None
