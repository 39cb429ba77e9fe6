"""Asks a real Keras every case and writes its answers: ``python tests/golden/make_golden.py --keras
keras2.3``.

Runs in an environment of its own that holds the judge (README.md beside this file says how to make one).
``--keras`` is keras2.3 (the ``keras`` package 2.3.1 over TensorFlow 1.15, the judge whose answers are
stored), tf_keras or keras3; ``--out`` is where to write (default: beside this file), ``--only`` the
groups, ``--compare`` a folder of earlier answers with which to compare instead of writing.
"""

from __future__ import annotations

import argparse
import importlib
import os
import re
import sys
import traceback
import types

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from tests.golden import cases, load, run_h5, runner  # noqa: E402


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
    if which == "keras3":
        module = LegacyBackend(module)
    if which == "keras2.3":
        count_steps_last(module, tf)
    return module, "%s %s, TensorFlow %s, Python %d.%d" % (
        name,
        version,
        tf.__version__,
        *sys.version_info[:2],
    )


def count_steps_last(keras, tf):
    """Makes the answers of optimizers repeatable, in fit and train_on_batch alike.

    Keras 2.3 adds one to ``iterations`` in the very graph that reads it, with nothing that orders the
    two: over TensorFlow 1.15 the first step of Adam is taken with t = 1 or with t = 2, as the scheduler
    pleases.  The documented rule is t = iterations + 1 with the count of finished steps, so here the
    count waits for every other update of the step. Nadam's ``m_schedule`` is read beside its own update
    in the same way, and waits likewise.
    """
    backend = keras.backend
    add = backend.update_add

    def wrap(original):
        def get_updates(self, *args, **kwargs):
            def update_add(x, increment):
                return None if x is self.iterations else add(x, increment)

            backend.update_add = update_add
            try:
                updates = [update for update in original(self, *args, **kwargs) if update is not None]
            finally:
                backend.update_add = add
            pairs = [update for update in updates if isinstance(update, tuple)]
            rest = [update for update in updates if not isinstance(update, tuple)]
            with tf.control_dependencies(rest):
                late = [tf.compat.v1.assign(variable, tf.identity(new)) for variable, new in pairs]
                late.append(tf.compat.v1.assign_add(self.iterations, 1))
            self.updates = rest + late
            return self.updates

        return get_updates

    for name in ("SGD", "RMSprop", "Adagrad", "Adadelta", "Adam", "Adamax", "Nadam"):
        optimizer = getattr(keras.optimizers, name)
        optimizer.get_updates = wrap(optimizer.get_updates)


class LegacyOptimizers:
    """tf_keras with the optimizers that still know ``lr`` and ``decay``."""

    def __init__(self, module):
        self._module = module
        self.optimizers = module.optimizers.legacy

    def __getattr__(self, name):
        return getattr(self._module, name)


class LegacyBackend:
    """Keras 3 with the backend functions that cases ask for, and the old spelling of learning rates."""

    def __init__(self, module):
        self._module = module
        self.backend = types.SimpleNamespace(
            constant=module.ops.convert_to_tensor,
            eval=module.ops.convert_to_numpy,
            clear_session=module.utils.clear_session,
            mean=module.ops.mean,
            max=module.ops.max,
            abs=module.ops.abs,
            square=module.ops.square,
        )
        self.optimizers = types.SimpleNamespace(
            SGD=self._optimizer("SGD"),
            Adam=self._optimizer("Adam"),
            Adagrad=self._optimizer("Adagrad"),
            Adadelta=self._optimizer("Adadelta"),
            Adamax=self._optimizer("Adamax"),
            Nadam=self._optimizer("Nadam"),
            RMSprop=self._optimizer("RMSprop"),
        )

    def _optimizer(self, name):
        def make(learning_rate=None, lr=None, **kwargs):
            rate = learning_rate if lr is None else lr
            if rate is not None:
                kwargs["learning_rate"] = rate
            return getattr(self._module.optimizers, name)(**kwargs)

        return make

    def __getattr__(self, name):
        return getattr(self._module, name)


def answers(keras, group, names):
    """({case: (arrays, meta)}, {case: reason}) of a group; a case that the judge refuses is recorded with
    its error."""
    results, failed = {}, {}
    for case in load.GROUPS[group]:
        if case["name"] not in names:
            continue
        runner.sub_module(keras, "backend").clear_session()
        try:
            results[case["name"]] = load.RUNNERS[group](keras, case)
        except Exception as error:  # the judge's refusal is an answer too: it goes into the file
            failed[case["name"]] = "%s: %s" % (type(error).__name__, str(error).strip().split("\n")[0][:200])
            if os.environ.get("GOLDEN_TRACE"):
                traceback.print_exc()
    return results, failed


def write_files(keras, writer, folder, judge):
    """Writes the .h5 files of one writer with their answers, and checks that the writer itself resumes from
    them."""
    results = {}
    for case in run_h5.CASES:
        if case["writer"] != writer:
            continue
        runner.sub_module(keras, "backend").clear_session()
        results[case["name"]] = run_h5.write_h5(keras, case, os.path.join(folder, "h5"))
        runner.sub_module(keras, "backend").clear_session()
        try:
            again, _ = run_h5.run_h5(keras, case, os.path.join(folder, "h5"))
            lines = load.differences(results[case["name"]][0], again)
        except (
            ValueError
        ) as error:  # Keras 3.15 builds the optimizer on other variables than the loaded model's
            lines = [str(error).strip().split("\n")[0]]
        results[case["name"]][1]["writer_resumes"] = not lines
        for line in lines:
            print("%s does not resume in its own writer: %s" % (case["name"], line))
    load.merge("h5", folder, results, judge)
    print("h5: %d files by %s" % (len(results), judge))


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
    parser.add_argument(
        "--fill", action="store_true", help="answer only what the stored judge refused, beside its answers"
    )
    parser.add_argument("--compare", help="folder of earlier answers to compare with; nothing is written")
    parser.add_argument("--h5", choices=run_h5.WRITERS, help="write the .h5 files of this writer instead")
    options = parser.parse_args()
    keras, judge = import_judge(options.keras)
    if options.h5:
        if options.keras == "tf_keras" and not options.h5.endswith("legacy"):
            keras = keras._module
        return write_files(keras, options.h5, options.out, judge)
    for group in options.only:
        names = [case["name"] for case in load.GROUPS[group] if re.search(options.cases or "", case["name"])]
        if options.fill:
            names = [name for name in names if name in load.unjudged(group, options.out)]
        results, failed = answers(keras, group, names)
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
