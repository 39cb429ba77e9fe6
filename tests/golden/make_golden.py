"""Asks a real Keras every case and writes its answers: ``python tests/golden/make_golden.py --keras keras2.3``.

Runs in an environment of its own that holds the judge (README.md beside this file says how to make one).  ``--keras`` is
keras2.3 (the ``keras`` package 2.3.1 over TensorFlow 1.15, the judge whose answers are stored), tf_keras or keras3;
``--out`` is where to write (default: beside this file), ``--only`` the groups, ``--compare`` a folder of earlier answers
with which to compare instead of writing.
"""
from __future__ import annotations

import argparse
import importlib
import os
import re
import sys
import traceback

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from tests.golden import cases, load, runner  # noqa: E402


def import_judge(which):
    """(module, description) of the Keras asked for."""
    module = importlib.import_module("tf_keras" if which == "tf_keras" else "keras")
    version = module.__version__
    expected = {"keras2.3": "2.3.", "tf_keras": "2.", "keras3": "3."}[which]
    if not version.startswith(expected):
        raise SystemExit("--keras %s needs version %sx, this environment has %s" % (which, expected, version))
    import tensorflow as tf

    if hasattr(tf, "compat"):
        tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.ERROR)
    name = "tf_keras" if which == "tf_keras" else "keras"
    if which == "tf_keras":
        module = LegacyOptimizers(module)
    if which == "keras2.3":
        count_steps_outside_the_graph(module, tf)
    return module, "%s %s, TensorFlow %s, Python %d.%d" % (name, version, tf.__version__, *sys.version_info[:2])


def count_steps_outside_the_graph(keras, tf):
    """Makes the answers of optimizers repeatable.

    Keras 2.3 adds one to ``iterations`` in the very graph that reads it, with nothing that orders the two: over TensorFlow
    1.15 the first step of Adam is taken with t = 1 or with t = 2, as the scheduler pleases.  The documented rule is t =
    iterations + 1 with the count of finished steps; counting after each step leaves no other reading.  Nadam's
    ``m_schedule`` is read twice beside its own update in the same way, so its update is delayed likewise.
    """
    K, Model, Nadam = keras.backend, keras.models.Model, keras.optimizers.Nadam
    add, train, updates_of_nadam = K.update_add, Model.train_on_batch, Nadam.get_updates

    def update_add(x, increment):
        return tf.no_op() if "iterations" in x.name else add(x, increment)

    def get_updates(self, *args, **kwargs):
        updates = updates_of_nadam(self, *args, **kwargs)
        late = [update for update in updates if isinstance(update, tuple) and update[0] is self.m_schedule]
        rest = [update for update in updates if all(update is not one for one in late)]
        with tf.control_dependencies(rest):
            rest += [tf.compat.v1.assign(variable, tf.identity(new)) for variable, new in late]
        self.updates = rest
        return rest

    def train_on_batch(self, *args, **kwargs):
        result = train(self, *args, **kwargs)
        K.set_value(self.optimizer.iterations, K.get_value(self.optimizer.iterations) + 1)
        return result

    K.update_add, Model.train_on_batch, Nadam.get_updates = update_add, train_on_batch, get_updates


class LegacyOptimizers:
    """tf_keras with the optimizers that still know ``lr`` and ``decay``."""

    def __init__(self, module):
        self._module = module
        self.optimizers = module.optimizers.legacy

    def __getattr__(self, name):
        return getattr(self._module, name)


def answers(keras, group, wanted):
    """({case: (arrays, meta)}, {case: reason}) of a group; a case that the judge refuses is recorded with its error."""
    results, failed = {}, {}
    for case in cases.GROUPS[group]:
        if not wanted(case["name"]):
            continue
        runner.sub_module(keras, "backend").clear_session()
        try:
            results[case["name"]] = load.RUNNERS[group](keras, case)
        except Exception as error:  # the judge's refusal is an answer too: it goes into the file
            failed[case["name"]] = "%s: %s" % (type(error).__name__, str(error).strip().split("\n")[0][:200])
            if os.environ.get("GOLDEN_TRACE"):
                traceback.print_exc()
    return results, failed


def compare(group, results, failed, folder):
    """Prints where these answers depart from those stored in the folder."""
    count = 0
    for golden in load.load(group, folder):
        if golden.name in failed:
            print("%s %s: refused here: %s" % (group, golden.name, failed[golden.name]))
        elif golden.name in results:
            lines = load.differences(golden.arrays, results[golden.name][0], rtol=1e-4, atol=1e-5)
            count += bool(lines)
            for line in lines[:3]:
                print("%s %s: %s" % (group, golden.name, line))
    print("%s: %d cases differ of %d" % (group, count, len(results)))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keras", choices=["keras2.3", "tf_keras", "keras3"], default="keras2.3")
    parser.add_argument("--out", default=load.FOLDER)
    parser.add_argument("--only", nargs="*", default=list(cases.GROUPS))
    parser.add_argument("--cases", help="a regular expression of case names (nothing is written)")
    parser.add_argument("--fill", action="store_true", help="answer only what the stored judge refused, beside its answers")
    parser.add_argument("--compare", help="folder of earlier answers to compare with; nothing is written")
    options = parser.parse_args()
    keras, judge = import_judge(options.keras)
    for group in options.only:
        pattern = options.cases or ""
        unanswered = load.unjudged(group, options.out) if options.fill else None
        results, failed = answers(keras, group, lambda name: re.search(pattern, name) and (
            unanswered is None or name in unanswered))
        print("%s: %d answered, %d refused by %s" % (group, len(results), len(failed), judge), flush=True)
        for name, reason in failed.items():
            print("  %s: %s" % (name, reason))
        if options.compare:
            compare(group, results, failed, options.compare)
        elif options.fill:
            load.fill(group, options.out, results, judge)
        elif not options.cases:
            load.save(group, options.out, results, failed, judge)


if __name__ == "__main__":
    main()
