"""Reads golden results: numpy and the standard library only.

``for golden in load("layers"): arrays, meta = run(keras, golden); golden.check(arrays)`` is a whole
comparison.
"""

from __future__ import annotations

import json
import os

import numpy as np

from . import cases, run_h5, run_training, run_values, runner

FOLDER = os.path.dirname(os.path.abspath(__file__))
RUNNERS = dict(runner.RUNNERS, **run_values.RUNNERS, **run_training.RUNNERS, **run_h5.RUNNERS)
GROUPS = dict(cases.GROUPS, **run_h5.GROUPS)


class Golden:
    """One case and what the judge answered: ``case`` (the table's row), ``arrays`` (name to ndarray),
    ``meta``."""

    def __init__(self, group, case, arrays, meta, judge):
        self.group, self.case, self.name = group, case, case["name"]
        self.arrays, self.meta, self.judge = arrays, meta, judge

    def __repr__(self):
        return "%s-%s" % (self.group, self.name)

    def check(self, arrays, rtol=1e-5, atol=3e-6, only=None):
        """Raises AssertionError that lists every array that is missing, misshapen or off by more than ``atol
        + rtol * |expected|``; ``only`` restricts the comparison to names with one of these prefixes."""
        problems = differences(self.arrays, arrays, rtol, atol, only)
        if problems:
            raise AssertionError("%r differs from %s:\n  %s" % (self, self.judge, "\n  ".join(problems)))


def differences(expected, found, rtol=1e-5, atol=3e-6, only=None):
    """Lines that say where ``found`` departs from ``expected`` (name to array); none when equal."""
    lines = []
    for name in sorted(expected):
        if only and not name.startswith(tuple(only)):
            continue
        want = np.asarray(expected[name])
        if name not in found:
            lines.append("%s: missing" % name)
            continue
        have = np.asarray(found[name])
        if have.shape != want.shape:
            lines.append("%s: shape %s expected, %s found" % (name, want.shape, have.shape))
        elif not np.allclose(
            have.astype("float64"), want.astype("float64"), rtol=rtol, atol=atol, equal_nan=True
        ):
            gap = np.abs(have.astype("float64") - want)
            at = np.unravel_index(np.nanargmax(gap), gap.shape) if np.isfinite(gap).any() else ()
            lines.append(
                "%s: largest difference %.3g at %s (expected %r, found %r)"
                % (name, np.nanmax(gap) if gap.size else 0.0, tuple(int(i) for i in at), want[at], have[at])
            )
    return lines


def load(group, folder=FOLDER):
    """The list of Golden of a group ("layers", "optimizers", ...), in the table's order.  Cases that the
    judge could not run are left out; ``unjudged(group)`` names them."""
    info = _info(group, folder)
    with np.load(os.path.join(folder, group + ".npz")) as stored:
        flat = _unpack(stored)
    table = {case["name"]: case for case in GROUPS[group]}
    result = []
    for name, meta in info["cases"].items():
        if name in table:
            prefix = name + "|"
            arrays = {key[len(prefix) :]: value for key, value in flat.items() if key.startswith(prefix)}
            result.append(Golden(group, table[name], arrays, meta, meta.get("judge", info["judge"])))
    return result


def unjudged(group, folder=FOLDER):
    """Mapping of case name to the reason why the judge has no answer."""
    return _info(group, folder)["failed"]


def run(keras, golden):
    """Runs the golden's case with the Keras given: (arrays, meta) to compare with ``golden.arrays`` and
    ``golden.meta``."""
    return RUNNERS[golden.group](keras, golden.case)


def _info(group, folder):
    with open(os.path.join(folder, group + ".json"), encoding="utf-8") as stream:
        return json.load(stream)


def save(group, folder, results, failed, judge):
    """Writes ``<group>.npz`` and ``<group>.json``; results is {case name: (arrays, meta)}."""
    flat = {
        "%s|%s" % (name, key): value for name, (arrays, _) in results.items() for key, value in arrays.items()
    }
    np.savez_compressed(os.path.join(folder, group + ".npz"), **_pack(flat))
    with open(os.path.join(folder, group + ".json"), "w", encoding="utf-8") as stream:
        json.dump(
            {
                "judge": judge,
                "failed": failed,
                "cases": {name: runner.plain(meta) for name, (_, meta) in results.items()},
            },
            stream,
            indent=None,
            separators=(",", ":"),
            sort_keys=False,
        )
        stream.write("\n")


def fill(group, folder, results, judge):
    """Adds another judge's answers to cases that the first one refused; each says in its meta who gave it."""
    info = _info(group, folder)
    merged = {golden.name: (golden.arrays, golden.meta) for golden in load(group, folder)}
    for name, (arrays, meta) in results.items():
        merged[name] = (arrays, dict(meta, judge=judge, refused_by_first=info["failed"][name]))
    failed = {name: reason for name, reason in info["failed"].items() if name not in results}
    save(group, folder, merged, failed, info["judge"])


def merge(group, folder, results, judge):
    """Replaces or adds cases of a group that several judges answer together (the .h5 files)."""
    path = os.path.join(folder, group + ".json")
    merged = (
        {golden.name: (golden.arrays, golden.meta) for golden in load(group, folder)}
        if os.path.exists(path)
        else {}
    )
    merged.update({name: (arrays, dict(meta, judge=judge)) for name, (arrays, meta) in results.items()})
    ordered = {case["name"]: merged[case["name"]] for case in GROUPS[group] if case["name"] in merged}
    save(group, folder, ordered, {}, "each its own")


def _pack(flat):
    """One long vector per dtype and an index in JSON: thousands of tiny zip members would cost more than
    they hold."""
    vectors, index = {}, []
    for name in flat:
        value = np.asarray(flat[name])
        dtype = value.dtype.str.lstrip("<>|=")
        parts = vectors.setdefault(dtype, [])
        parts.append(value.ravel())
        index.append([name, dtype, list(value.shape)])
    packed = {"data_" + dtype: np.concatenate(parts) for dtype, parts in vectors.items()}
    packed["index"] = np.frombuffer(json.dumps(index).encode(), dtype="uint8")
    return packed


def _unpack(stored):
    vectors = {key[len("data_") :]: stored[key] for key in stored.files if key.startswith("data_")}
    position = {dtype: 0 for dtype in vectors}
    flat = {}
    for name, dtype, shape in json.loads(stored["index"].tobytes().decode()):
        size = int(np.prod(shape, dtype="int64"))
        start = position[dtype]
        flat[name] = vectors[dtype][start : start + size].reshape(shape)
        position[dtype] = start + size
    return flat
