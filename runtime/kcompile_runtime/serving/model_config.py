"""``config.pbtxt`` as Triton has it beside a model's versions: how this one model is run.

The text is read by protobuf over the fields below, which are those of ``model_config.proto`` of the Triton
Inference Server that mean something here; others are passed over.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from google.protobuf import text_format

from ..errors import ModelFileError
from ..text import harmless
from .limits import QueuePolicy, Settings
from .protocol.messages import declared

CONFIG_FILE = "config.pbtxt"
_MOST_BYTES, _MOST_INSTANCES, _MOST_LEVELS = 1 << 20, 64, 1 << 16
_CLASSES = declared(
    "kcompile.config",
    {
        "Tensor": "name=1:string",
        "QueuePolicy": "timeout_action=1:!TimeoutAction default_timeout_microseconds=2:uint64 "
        "allow_timeout_override=3:bool max_queue_size=4:uint32",
        "LevelPolicy": "key=1:uint64 value=2:QueuePolicy",
        "DynamicBatching": "max_queue_delay_microseconds=2:uint64 priority_levels=4:uint64 "
        "default_priority_level=5:uint64 default_queue_policy=6:QueuePolicy "
        "priority_queue_policy=7:*LevelPolicy",
        "Oldest": "max_candidate_sequences=1:int32 max_queue_delay_microseconds=3:uint64",
        "SequenceBatching": "max_sequence_idle_microseconds=1:uint64 oldest=4:Oldest",
        "InstanceGroup": "name=1:string count=2:int32",
        "Parameter": "string_value=1:string",
        "ModelConfig": "name=1:string max_batch_size=4:int32 input=5:*Tensor output=6:*Tensor "
        "instance_group=7:*InstanceGroup dynamic_batching=11:DynamicBatching "
        "sequence_batching=13:SequenceBatching parameters=14:%Parameter",
    },
    {"TimeoutAction": ("REJECT", "DELAY")},
)


def configured(settings: Settings, path: str, name: str) -> Settings:
    """The settings of one model: those of the server, changed as its file says.

    Args:
        path: of the file.
        name: of the model.

    Raises:
        ModelFileError: the file is none, or asks for what cannot be.
    """
    config = _parsed(path)
    if config.name and config.name != name:
        raise ModelFileError(
            f'{path}: expected name: "{name}", as the folder is called, found {config.name!r}'
        )
    if config.max_batch_size < 0:
        raise ModelFileError(f"{path}: max_batch_size: expected 0 or more, found {config.max_batch_size}")
    batching = config.HasField("dynamic_batching") or config.HasField("sequence_batching")
    changed = replace(
        settings,
        max_batch=config.max_batch_size or 1,
        batch_is_open=False,
        joins=bool(config.max_batch_size) and batching,
        inputs=tuple(tensor.name for tensor in config.input),
        outputs=tuple(tensor.name for tensor in config.output),
    )
    if config.instance_group:
        count = sum(max(1, group.count) for group in config.instance_group)
        if count > _MOST_INSTANCES:
            raise ModelFileError(f"{path}: expected at most {_MOST_INSTANCES} instances, found {count}")
        changed = replace(changed, instances=count)
    if config.HasField("dynamic_batching"):
        changed = _batched(changed, config.dynamic_batching, path)
    if config.HasField("sequence_batching"):
        changed = _sequenced(changed, config.sequence_batching)
    return _with_parameters(changed, config.parameters, path)


def _parsed(path: str) -> Any:
    if os.path.getsize(path) > _MOST_BYTES:
        raise ModelFileError(f"{path}: expected at most {_MOST_BYTES} bytes")
    config = _CLASSES["ModelConfig"]()
    try:
        with open(path, encoding="utf-8") as stream:
            text_format.Parse(stream.read(), config, allow_unknown_field=True)
    except (text_format.ParseError, UnicodeDecodeError, RecursionError) as error:
        raise ModelFileError(
            f"{path}: expected a model's configuration as text: {harmless(str(error))[:200]}"
        ) from None
    return config


def _batched(settings: Settings, batching: Any, path: str) -> Settings:
    levels, default = batching.priority_levels, batching.default_priority_level
    if levels > _MOST_LEVELS or default > levels:
        raise ModelFileError(f"{path}: priorities: expected a default of at most {levels}, found {default}")
    policies: Iterable[Any] = batching.priority_queue_policy
    return replace(
        settings,
        delay_s=batching.max_queue_delay_microseconds / 1e6,
        priority_levels=levels,
        default_priority=default,
        policy=_policy(batching.default_queue_policy),
        policies={level.key: _policy(level.value) for level in policies},
    )


def _policy(policy: Any) -> QueuePolicy:
    """Requests that may be delayed in place of refused are not timed."""
    timeout = policy.default_timeout_microseconds / 1e6 if policy.timeout_action == 0 else 0.0
    return QueuePolicy(
        timeout or None, policy.allow_timeout_override or not timeout, policy.max_queue_size or None
    )


def _sequenced(settings: Settings, sequences: Any) -> Settings:
    idle = sequences.max_sequence_idle_microseconds
    delay = sequences.oldest.max_queue_delay_microseconds
    limits = replace(settings.limits, session_seconds=idle / 1e6) if idle else settings.limits
    return replace(settings, limits=limits, delay_s=delay / 1e6 if delay else settings.delay_s)


def _with_parameters(settings: Settings, parameters: Any, path: str) -> Settings:
    """What Triton has no field for: ``nan`` and, for each input that may be padded, ``pad.NAME``."""
    pads: dict[str, float] = {}
    for key in sorted(parameters):
        value = parameters[key].string_value
        if key == "nan":
            if value not in ("keep", "refuse"):
                raise ModelFileError(f"{path}: nan: expected 'keep' or 'refuse', found {value[:64]!r}")
            settings = replace(settings, refuses_nan=value == "refuse")
        elif key == "intra_op_thread_count":
            settings = replace(settings, intra_op_threads=_number(value, key, path, 1, 1024) or None)
        elif key.startswith("pad."):
            pads[key.removeprefix("pad.")] = _number(value, key, path, -math.inf, math.inf)
    return replace(settings, pads=pads)


def _number(value: str, key: str, path: str, least: float, most: float) -> Any:
    try:
        number = float(value) if math.isinf(most) else int(value)
    except ValueError:
        number = math.nan
    if not least <= number <= most:
        raise ModelFileError(f"{path}: {key}: expected a number from {least} to {most}, found {value[:64]!r}")
    return number
