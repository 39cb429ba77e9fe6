"""The small tensorflow against TensorFlow itself: every name, every parameter, and the stored answers; run by
`make peers-test`."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from kcompile.tf_keras import tensorflow as tf
from kcompile.tf_keras.tensorflow import old_names
from tests.tf_keras import names_table

PEERS = os.environ.get("KCOMPILE_PEERS_PYTHON")
ROOT = Path(__file__).resolve().parents[2]

pytestmark = [
    pytest.mark.peers,
    pytest.mark.skipif(not PEERS, reason="needs KCOMPILE_PEERS_PYTHON: run `make peers-test`"),
]

#: Which of the dotted names TensorFlow has, and the parameters of its functions.
ASK = """
import inspect, json, sys
import tensorflow as tf
found = {}
for path in json.load(sys.stdin):
    for start in (tf, tf.compat.v1):
        thing = start
        for part in path.split("."):
            thing = getattr(thing, part, None)
        if thing is not None:
            break
    if thing is None and not path.endswith("newaxis"):
        continue
    try:
        parameters = list(inspect.signature(thing).parameters) if inspect.isfunction(thing) else None
    except (TypeError, ValueError):
        parameters = None
    found[path] = parameters
print("\\n" + json.dumps(found))
"""
ANSWERS = """
import sys
import numpy as np
import tensorflow as tf
from tests.golden.functions import make_eager
np.savez(sys.argv[1], **make_eager.answers(tf))
"""
#: Names of other releases: TensorFlow 1's under tf, and what 2.21 no longer has.
ELSEWHERE = set(
    "compat.v1 extract_image_patches space_to_depth depth_to_space floor_div random_crop math.log_softmax "
    "random.stateless_shuffle".split()
)
#: Parameters that are here beside those of TensorFlow: those of version 1, which files have, too.
OLD_PARAMETERS = set(
    "a align args axis b bad_indices_policy batch_axis batch_dim biases conjugate data data_format "
    "dilation_rate dilations dim dimension dtype filter filters grad_a grad_b images indexing input "
    "input_tensor k keep_dims keepdims ksizes layout matrix max_norm method n options output_type "
    "padding_value partition_strategy rate reduction_indices seq_axis seq_dim shift sizes source stride "
    "strides use_cudnn_on_gpu validate_indices value var weights x".split()
)
#: Parameters that are nowhere here: layouts on several machines, and a name that is always given by place.
NOT_TAKEN = {"name", "kwargs", "layout", "type_value"}


def run(code: str, *arguments: str, given: str = "") -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    found = subprocess.run(
        [PEERS, "-c", code, *arguments],
        input=given,
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert found.returncode == 0, found.stderr[-2000:]
    return found.stdout


@cache
def names() -> tuple[str, ...]:
    """All dotted names of the page."""
    return tuple(
        f"{path}.{name}".lstrip(".")
        for path, (tensors, others) in names_table.modules().items()
        for name in [*tensors, *others]
    )


@cache
def theirs() -> dict[str, list[str] | None]:
    return json.loads(run(ASK, given=json.dumps(names())).splitlines()[-1])


def ours(path: str) -> object:
    found: object = tf
    for part in path.split("."):
        found = getattr(found, part)
    return found


def test_every_name_is_one_of_tensorflows():
    unknown = [name for name in names() if name not in theirs()]
    assert sorted(set(unknown) - ELSEWHERE) == []


def test_functions_have_the_parameters_of_tensorflows():
    wrong = {}
    for path, parameters in theirs().items():
        function = ours(path)
        if parameters is None or not inspect.isfunction(function):
            continue
        if path.startswith("experimental.numpy."):  # whose parameters are those of keras.ops
            continue
        own = inspect.signature(function).parameters
        named = [p for p, declared in own.items() if declared.kind is not declared.VAR_POSITIONAL]
        missing = [p for p in parameters if p not in own and p not in NOT_TAKEN and "options" not in own]
        extra = [p for p in named if p not in parameters and p not in OLD_PARAMETERS]
        if missing or extra:
            wrong[path] = (missing, extra)
    assert wrong == {}


def test_the_stored_answers_are_tensorflows(tmp_path):
    run(ANSWERS, str(tmp_path / "answers.npz"))
    with (
        np.load(tmp_path / "answers.npz") as live,
        np.load(ROOT / "tests" / "golden" / "functions" / "eager.npz") as stored,
    ):
        assert sorted(live.files) == sorted(stored.files)
        for name in live.files:
            np.testing.assert_allclose(live[name], stored[name], rtol=1e-4, atol=1e-5)


#: Names of TensorFlow 0.x, which its version 1 dropped.
OF_VERSION_0 = set("batch_matmul concat_v2 mul neg pack select sub unpack".split())
#: Other functions in version 1, which compute the same from the same arguments.
ALIKE = set(
    "arg_max arg_min assert_integer assert_type batch_to_space_nd bincount count_nonzero gfile.FastGFile "
    "nn.depthwise_conv2d_native nn.softmax_cross_entropy_with_logits_v2 py_func space_to_batch_nd".split()
)
FORMS = """
import inspect, json, sys
import tensorflow as tf
def at(start, path):
    for part in path.split("."):
        start = getattr(start, part, None)
    return start
found = {}
for old, new in json.load(sys.stdin).items():
    one, other = at(tf.compat.v1, old), at(tf, new)
    same = one is not None and inspect.unwrap(one) is inspect.unwrap(other) if callable(one) else one is other
    found[old] = None if one is None else True if same else list(inspect.signature(one).parameters)
print("\\n" + json.dumps(found))
"""


def test_names_of_version_1_are_the_functions_of_today_or_have_the_form_of_then():
    kept = {old: new for old, new in old_names._NAMES.items() if _has(new)}
    told = json.loads(run(FORMS, given=json.dumps(kept)).splitlines()[-1])
    assert {name for name, parameters in told.items() if parameters is None} <= OF_VERSION_0
    others = {name: parameters for name, parameters in told.items() if isinstance(parameters, list)}
    assert others.keys() - ALIKE == old_names._FORMS.keys() & kept.keys()
    for name in others.keys() - ALIKE:
        written = [entry.partition("=")[0].lstrip("-") for entry in old_names._FORMS[name].split()]
        assert written == others[name], name


def _has(path: str) -> bool:
    found: object = tf
    for part in path.split("."):
        found = getattr(found, part, None)
    return found is not None
