"""The rows of layer cases, and the rule by which the numbers of all cases are made (see ``cases``)."""

from __future__ import annotations

import zlib

import numpy as np


def array(name, tag, shape, low=-1.0, high=1.0, dtype="float32"):
    """The numbers of one tensor: see the docstring of ``cases`` for the rule."""
    random = np.random.RandomState(zlib.crc32((name + "/" + tag).encode()) & 0x7FFFFFFF)
    values = random.uniform(low, high, tuple(shape))
    if np.issubdtype(np.dtype(dtype), np.integer):
        values = np.floor(values)
    return values.astype(dtype)


def weight(name, index, short_name, shape, tag="weight"):
    """The value set on a weight: variances and scales around one, everything else in [-0.5, 0.5)."""
    positive = short_name.split("/")[-1] in ("gamma", "moving_variance")
    low, high = (0.5, 1.5) if positive else (-0.5, 0.5)
    return array(name, tag + str(index), shape, low, high)


def input_array(name, index, spec, tag_suffix=""):
    """The value fed for an input spec; a ``mask`` in the spec zeroes the steps where it holds 0."""
    shape = [spec.get("batch", 2)] + list(spec["shape"])
    dtype = spec.get("dtype", "float32")
    values = array(
        name, "input%d%s" % (index, tag_suffix), shape, spec.get("low", -1.0), spec.get("high", 1.0), dtype
    )
    if "mask" in spec:
        mask = np.asarray(spec["mask"], dtype=dtype)
        values = values * mask.reshape(mask.shape + (1,) * (values.ndim - mask.ndim))
    return values


# --------------------------------------------------------------------------------------------------
# Layers


def layer(class_name, **kwargs):
    return {"class": class_name, "kwargs": kwargs}


def floats(*shape, **options):
    return dict({"shape": list(shape)}, **options)


def integers(*shape, **options):
    return dict({"shape": list(shape), "dtype": "int32"}, **options)


LAYERS = []


def case(name, layer_spec, *inputs, **options):
    """Options: ``call`` ("one", "list" or "states"), ``before`` (layers on the first input), ``probe`` (a
    Dense layer on the last axis of every input, so that training shows the gradient through a layer
    without weights), ``train``, ``predicts`` (successive predictions)."""
    options.setdefault("call", "one")
    options.setdefault("probe", False)
    options.setdefault("train", True)
    LAYERS.append(dict({"name": name, "layer": layer_spec, "inputs": list(inputs)}, **options))


def weightless(name, layer_spec, *inputs, **options):
    case(name, layer_spec, *inputs, **dict({"probe": True}, **options))
