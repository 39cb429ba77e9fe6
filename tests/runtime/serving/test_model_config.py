"""config.pbtxt: what it says holds for its model, and what it cannot say is an error that changes nothing."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import helper

from kcompile.deploy.triton import write_triton_repository
from kcompile_runtime import ModelFileError
from kcompile_runtime.serving.batching import Batcher
from kcompile_runtime.serving.errors import ServingError
from kcompile_runtime.serving.limits import QueuePolicy, Settings
from kcompile_runtime.serving.model import Model
from kcompile_runtime.serving.model_config import configured
from tests.runtime import models

from .conftest import serving, write

SERVER = Settings(intra_op_threads=1)
EVERYTHING = """
# as Triton's users write it
name: "m"
platform: "onnxruntime_onnx"
max_batch_size: 16
input [ { name: "x" data_type: TYPE_FP32 dims: [ 4 ] } ]
output { name: "y", data_type: TYPE_FP32, dims: 3 }
instance_group [ { kind: KIND_CPU count: 2 }, { count: 1 } ]
dynamic_batching {
  preferred_batch_size: [ 4, 8 ]
  max_queue_delay_microseconds: 2500
  priority_levels: 3
  default_priority_level: 2
  default_queue_policy { timeout_action: REJECT default_timeout_microseconds: 500000 max_queue_size: 7 }
  priority_queue_policy {
    key: 1 value { allow_timeout_override: true default_timeout_microseconds: 1000000 }
  }
  priority_queue_policy { key: 3 value: { timeout_action: DELAY default_timeout_microseconds: 9 } }
}
optimization { graph { level: -1 } }
parameters { key: "nan" value { string_value: "refuse" } }
parameters: { key: "intra_op_thread_count" value: { string_value: "2" } }
version_policy: { latest { num_versions: 1 } }
"""


def config(tmp_path: Path, text: str, name: str = "m") -> Settings:
    path = tmp_path / "config.pbtxt"
    path.write_text(text)
    return configured(SERVER, str(path), name)


def test_everything_that_it_says_is_heeded(tmp_path: Path) -> None:
    found = config(tmp_path, EVERYTHING)
    assert (found.max_batch, found.joins, found.instances, found.intra_op_threads) == (16, True, 3, 2)
    assert (found.delay_s, found.priority_levels, found.default_priority) == (0.0025, 3, 2)
    assert found.policy == QueuePolicy(0.5, False, 7)
    assert found.policies == {1: QueuePolicy(1.0, True, None), 3: QueuePolicy(None, True, None)}
    assert (found.refuses_nan, found.inputs, found.outputs) == (True, ("x",), ("y",))


@pytest.mark.parametrize(
    "text, joins, most",
    [
        ("", False, 1),
        ("max_batch_size: 0 dynamic_batching {}", False, 1),
        ("max_batch_size: 8", False, 8),
        ("max_batch_size: 8 dynamic_batching {}", True, 8),
        ("max_batch_size: 8 sequence_batching { oldest { max_candidate_sequences: 4 } }", True, 8),
    ],
)
def test_requests_are_joined_where_a_scheduler_is_named(
    tmp_path: Path, text: str, joins: bool, most: int
) -> None:
    found = config(tmp_path, text)
    assert (found.joins, found.max_batch) == (joins, most)


def test_sequences_idle_as_long_as_it_says(tmp_path: Path) -> None:
    text = "max_batch_size: 4 sequence_batching { max_sequence_idle_microseconds: 5000000 }"
    assert config(tmp_path, text).limits.session_seconds == 5


REFUSED = {
    "no text format": "max_batch_size = 3",
    "cut off": "dynamic_batching {",
    "code": "__import__('os').system('true')",
    "another name": 'name: "other"',
    "a negative batch": "max_batch_size: -1",
    "a number that is none": 'max_batch_size: "8"',
    "too many instances": "instance_group { count: 100000 }",
    "a default beyond the levels": "dynamic_batching { priority_levels: 2 default_priority_level: 3 }",
    "an unknown rule": 'parameters { key: "nan" value { string_value: "maybe" } }',
    "no number of threads": 'parameters { key: "intra_op_thread_count" value { string_value: "-3" } }',
    "deep nesting": "a {" * 100_000,
    "huge": "#" * (1 << 21),
    "not UTF-8": "\udcff",
}


@pytest.mark.parametrize("case", sorted(REFUSED))
def test_what_it_cannot_say_is_an_error(tmp_path: Path, case: str) -> None:
    path = tmp_path / "config.pbtxt"
    path.write_bytes(REFUSED[case].encode("utf-8", "surrogateescape"))
    with pytest.raises(ModelFileError, match="config.pbtxt"):
        configured(SERVER, str(path), "m")


@pytest.mark.parametrize("model", [models.dense(), models.accumulator()], ids=["dense", "states"])
def test_what_kcompile_package_writes_is_served(tmp_path: Path, model: bytes) -> None:
    (tmp_path / "m.onnx").write_bytes(model)
    write_triton_repository(tmp_path / "m.onnx", tmp_path / "made", max_batch=8, delay_ms=1)
    with serving(tmp_path / "made") as running:
        served = running.server.repository.batcher("m")
        assert (served._settings.max_batch, served._joins) == (8, True)


def test_a_server_heeds_it_and_reads_it_anew(tmp_path: Path) -> None:
    write(tmp_path, "m", models.dense())
    file = tmp_path / "m" / "config.pbtxt"
    file.write_text('parameters { key: "nan" value { string_value: "refuse" } }')
    header = {"name": "x", "datatype": "FP32", "shape": [1, 4], "parameters": {"binary_data_size": 16}}
    text = json.dumps({"inputs": [header]}).encode()
    body = text + np.array([1, np.nan, 3, 4], np.float32).tobytes()

    with serving(tmp_path, poll_s=0.02) as running:

        def ask() -> Any:
            path, length = "/v2/models/m/infer", str(len(text))
            return running.ask("POST", path, body, Inference_Header_Content_Length=length)

        refused = ask()
        assert refused.status == 400 and "NaN" in refused.json["error"]
        before = running.server.repository.batcher("m")
        file.write_text('input { name: "q" }')
        _until(lambda: "'q'" in running.server.repository.index()[-1]["reason"])
        assert running.server.repository.batcher("m") is before
        file.unlink()
        _until(lambda: running.server.repository.batcher("m") is not before)
        assert ask().json["outputs"][0]["data"] == [None] * 3


def _until(condition: Any) -> None:
    from .test_operation import _until as until

    until(condition)


def batcher(tmp_path: Path, model: bytes, text: str) -> Batcher:
    path = write(tmp_path, "m", model)
    settings = config(tmp_path, text)
    return Batcher(Model("m", "1", str(path), settings), settings)


def test_priorities_and_times_are_those_of_the_level(tmp_path: Path) -> None:
    text = """max_batch_size: 1 dynamic_batching { priority_levels: 2 default_priority_level: 2
    priority_queue_policy { key: 1 value { max_queue_size: 1 } } }"""

    async def main() -> None:
        queue = batcher(tmp_path, models.dense(), text)
        order: list[int] = []

        async def ask(priority: int) -> None:
            await queue.run([np.zeros((1, 4), np.float32)], ["y"], priority=priority)
            order.append(priority)

        found = await asyncio.gather(*map(ask, (0, 9, 2, 1, 1)), return_exceptions=True)
        assert order == [1, 0, 9, 2]  # those without a level, or of none, have the default's
        assert isinstance(found[4], ServingError) and found[4].status == 429
        await queue.close()

    asyncio.run(main())


def masked_mean() -> bytes:
    """y (batch, time) = x - the mean of x over the steps where mask is 1, over (batch, time) both."""
    nodes = [
        helper.make_node("Mul", ["x", "mask"], ["kept"]),
        helper.make_node("ReduceSum", ["kept", "axis"], ["total"]),
        helper.make_node("ReduceSum", ["mask", "axis"], ["count"]),
        helper.make_node("Div", ["total", "count"], ["mean"]),
        helper.make_node("Sub", ["x", "mean"], ["y"]),
        helper.make_node("Squeeze", ["mean", "axis"], ["z"]),
    ]
    inputs = [(name, models.FLOAT, ["batch", "time"]) for name in ("x", "mask")]
    outputs = [("y", models.FLOAT, ["batch", "time"]), ("z", models.FLOAT, ["batch"])]
    return models.build(nodes, inputs, outputs, {"axis": np.array([1], np.int64)})


PADS = 'parameters { key: "pad.%s" value { string_value: "%g" } } '
BATCHED = "max_batch_size: 64 dynamic_batching { max_queue_delay_microseconds: 50000 } "


def test_requests_of_other_lengths_are_one_run_where_a_mask_is_named(tmp_path: Path) -> None:
    text = BATCHED + PADS % ("x", 7) + PADS % ("mask", 0)

    async def main() -> None:
        queue = batcher(tmp_path, masked_mean(), text)
        rng = np.random.default_rng(0)
        xs = [rng.random((1 + n % 2, 2 + n), np.float32) for n in range(6)]
        asked = (queue.run([x, np.ones_like(x)], ["z", "y"]) for x in xs)
        for x, (z, y) in zip(xs, await asyncio.gather(*asked), strict=True):
            np.testing.assert_allclose(z, x.mean(1), rtol=1e-5)
            np.testing.assert_allclose(y, x - x.mean(1, keepdims=True), rtol=1e-4, atol=1e-6)
        assert queue.statistics.runs == 1
        await queue.close()

    asyncio.run(main())


def test_requests_of_other_lengths_are_grouped_where_no_mask_is_named(tmp_path: Path) -> None:
    async def main() -> None:
        queue = batcher(tmp_path, masked_mean(), BATCHED)
        xs = [np.ones((1, 2 + n % 2), np.float32) for n in range(6)]
        answers = await asyncio.gather(*(queue.run([x, x], ["y"]) for x in xs))
        assert [y.shape for (y,) in answers] == [x.shape for x in xs]
        assert queue.statistics.runs == 2
        await queue.close()

    asyncio.run(main())


@pytest.mark.parametrize(
    "text, model",
    [
        (PADS % ("x", 0), masked_mean()),
        (PADS % ("q", 0), masked_mean()),
        (PADS % ("x", 0), models.dense()),
        (PADS % ("x", 0), models.lstm()[0]),
        (PADS % ("x", 0), models.identity(models.FLOAT, ("batch", "time", None))),
    ],
    ids=["one of two", "no input", "no open axis", "states", "an axis without a name"],
)
def test_padding_that_would_change_answers_is_refused(tmp_path: Path, text: str, model: bytes) -> None:
    with pytest.raises(ModelFileError, match="pad"):
        batcher(tmp_path, model, BATCHED + text)
