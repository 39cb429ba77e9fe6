"""Files of Keras 3: operations between layers as layers of ours, calls by places, and what they say of
compile()."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...core.operation_layers import VARIADIC, entry_name, only_call, operation_entry, unknown_function
from ...operations.rows import OPERATIONS
from ...optimizers.layouts import own_config
from ...utils.nested import each


def upgrade_entry(layer: dict[str, Any]) -> dict[str, Any]:
    """An operation's entry in a network's configuration as OperationLayer; others as they are.

    Raises:
        ValueError: for an operation that is not in the table, or a call that cannot be read.
    """
    module = layer.get("module")
    of_ops = isinstance(module, str) and module.startswith(("keras.src.ops.", "keras.ops"))
    return _upgraded(layer) if of_ops or _is_in_hdf5(layer) else layer


def _is_in_hdf5(layer: Mapping[str, Any]) -> bool:
    """Whether it is an operation in an .h5 file of Keras 3, which leaves out the module; layers have
    `trainable`."""
    config, calls = layer.get("config"), layer.get("inbound_nodes")
    return (
        "module" not in layer
        and layer.get("class_name") in OPERATIONS
        and isinstance(config, dict)
        and "trainable" not in config
        and isinstance(calls, list)
        and len(calls) == 1
        and isinstance(calls[0], Mapping)
    )


def _upgraded(layer: Mapping[str, Any]) -> dict[str, Any]:
    operation = str(layer["class_name"])
    if operation not in OPERATIONS:
        raise ValueError(
            unknown_function(entry_name(layer), f"keras.ops's {operation!r}", operation, OPERATIONS)
        )
    tensors: list[Any] = []
    call = only_call(layer)
    names = OPERATIONS[operation].operands
    args = [_value(value, tensors) for value in call["args"]]
    if operation in VARIADIC:
        args = [args]
    if len(args) > len(names):
        raise ValueError(
            f"Layer {entry_name(layer)!r} of the file calls {operation} on {len(args)} arguments, which has "
            f"{len(names)}."
        )
    kwargs = {key: _value(value, tensors) for key, value in (call.get("kwargs") or {}).items()}
    settings = {
        key: _value(value, tensors)
        for key, value in layer["config"].items()
        if key != "name" and not (key == "dtype" and isinstance(value, dict))
    }
    arguments = {**dict(zip(names, args, strict=False)), **settings, **kwargs}
    inputs = tensors if len(tensors) > 1 else tensors[0] if tensors else []
    return operation_entry(layer, operation, arguments, {"args": [inputs], "kwargs": {}})


def _value(value: Any, tensors: list[Any]) -> Any:
    if isinstance(value, list):
        return [_value(entry, tensors) for entry in value]
    if not isinstance(value, dict):
        return value
    class_name, config = value.get("class_name"), value.get("config")
    if class_name == "__keras_tensor__":
        tensors.append(value)
        return {"tensor": len(tensors) - 1}
    if class_name in ("__numpy__", "__tensor__") and isinstance(config, dict):
        return {"constant": config["value"], "dtype": config["dtype"]}
    if class_name == "__slice__" and isinstance(config, dict):
        limits = {key: config.get(key) for key in ("start", "stop", "step")}
        return {key: _value(limit, tensors) for key, limit in limits.items()}
    if class_name == "__ellipsis__":
        return {"ellipsis": True}
    raise ValueError(f"An argument of an operation in the file is {value!r}, which is not read.")


def upgrade_network(entry: dict[str, Any]) -> dict[str, Any]:
    """A network's entry with its calls as ``network_from_config`` takes them; others as they are.

    Raises:
        ValueError: for a call on several arguments that are no tensors.
    """
    config = entry.get("config")
    config = config if isinstance(config, dict) else {}
    layers = config.get("layers") if "input_layers" in config else None
    if not isinstance(layers, list) or not any(_is_call(call) for layer in layers for call in _calls(layer)):
        return entry
    upgraded = [{**layer, "inbound_nodes": [_call(call) for call in _calls(layer)]} for layer in layers]
    return {**entry, "config": {**config, "layers": upgraded, "counts_calls_alone": True}}


def _calls(layer: Any) -> list[Any]:
    calls = layer.get("inbound_nodes") if isinstance(layer, dict) else None
    return calls if isinstance(calls, list) else []


def _is_call(call: Any) -> bool:
    return isinstance(call, dict) and "args" in call


def _call(call: Any) -> Any:
    if not _is_call(call):
        return call
    args = call["args"]
    if len(args) > 1 and all(_is_tensor(arg) for arg in args):  # attention(query, value)
        args = [args]
    if len(args) != 1:
        raise ValueError(f"Layers are called on one argument besides keywords; the configuration has {args}.")
    arguments = {key: value for key, value in (call.get("kwargs") or {}).items() if value is not None}
    return {"inputs": _with_places(args[0]), "arguments": _with_places(arguments)}


def _is_tensor(value: Any) -> bool:
    return isinstance(value, dict) and value.get("class_name") == "__keras_tensor__"


def _with_places(value: Any) -> Any:
    """Arguments with ``[layer, node, tensor]`` for each tensor."""
    return list(value["config"]["keras_history"]) if _is_tensor(value) else each(value, _with_places)


def plain_numbers(entry: dict[str, Any]) -> Any:
    """Lists in place of the tensors and arrays in a configuration; others as they are."""
    config = entry.get("config")
    if entry.get("class_name") in ("__tensor__", "__numpy__") and isinstance(config, dict):
        return config.get("value")
    return entry


def upgrade_training(config: Mapping[str, Any], source: str) -> dict[str, Any]:
    """What ``training_config`` writes, from ``compile_config``.

    ``optimizer_config`` is None where the file names no optimizer, as after Keras 3 has saved to .h5.

    Raises:
        ValueError: if what stands for the optimizer is none.
    """
    optimizer = config.get("optimizer")
    if isinstance(optimizer, str):
        optimizer = {"class_name": optimizer, "config": {}}
    if not isinstance(optimizer, Mapping | None):
        raise ValueError(
            f"{source}: the training configuration has no optimizer but {optimizer!r}. Load with "
            "compile=False and compile the model in code."
        )
    return {
        "optimizer_config": None if optimizer is None else own_config(optimizer),
        "rules": None if optimizer is None else optimizer.get("rules"),
        **{key: config.get(key) for key in ("loss", "metrics", "weighted_metrics", "loss_weights")},
    }
