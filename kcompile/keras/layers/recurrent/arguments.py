"""Arguments of recurrent layers: those of a call, which may come in one list, and those of later Keras."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ....ir import Value
from ... import backend as K
from ... import registry
from ...core.layer import Layer
from ...utils.generic_utils import to_list
from ...utils.nested import NESTS, leaves
from .states import States


def standardize_arguments(
    inputs: Any, initial_state: Any, constants: Any, num_constants: int | None
) -> tuple[Any, list[Any] | None, list[Any] | None]:
    """Takes apart what may come as one list ``[inputs, *initial_state, *constants]``.

    Raises:
        ValueError: if states or constants come both in the list and as keywords.
    """
    if isinstance(inputs, list | tuple):
        if initial_state is not None or constants is not None:
            raise ValueError(
                "Initial states and constants come either in the list of inputs or as keywords, not both: "
                f"got a list of {len(inputs)} inputs and a keyword."
            )
        rest = list(inputs[1:])
        if num_constants:
            rest, constants = rest[:-num_constants], rest[-num_constants:]
        initial_state = rest or None
        inputs = inputs[0]
    return inputs, list_or_none(initial_state), list_or_none(constants)


def list_or_none(values: Any) -> list[Any] | None:
    return None if values is None else to_list(values, allow_tuple=True)


def with_states(
    layer: Layer,
    inputs: Any,
    initial_state: Any,
    constants: Any,
    check: Callable[[States | None], Any],
    is_nest: bool = False,
) -> tuple[Any, dict[str, Any]]:
    """What a recurrent layer is called on, and its further arguments: initial states and constants that are
    Keras tensors are inputs.

    Args:
        check: function of the initial states.
        is_nest: whether the inputs are a nest of sequences, and no list with states behind the sequence.
    """
    if is_nest:
        states, constants = list_or_none(initial_state), list_or_none(constants)
    else:
        inputs, states, constants = standardize_arguments(
            inputs, initial_state, constants, layer._num_constants
        )
    if isinstance(inputs, list):  # a nest that a file could only write as a list
        inputs = tuple(inputs)
    if constants is not None:
        layer._num_constants = len(constants)
    states = None if states is None else [as_tensor(state) for state in leaves(states)]
    check(states)
    further = [*(states or []), *(constants or [])]
    if (states is not None or constants is not None) and all_keras_tensors(layer, further):
        return [inputs, *further], {}
    inputs = [inputs] if isinstance(inputs, NESTS) else inputs
    given = {"initial_state": states, "constants": constants}
    return inputs, {name: value for name, value in given.items() if value is not None}


def all_keras_tensors(layer: Layer, tensors: Sequence[Any]) -> bool:
    """Whether the tensors come from layers, so that the call belongs to the layer DAG.

    Raises:
        ValueError: if only some do.
    """
    found = [hasattr(tensor, "_keras_history") for tensor in tensors]
    if any(found) and not all(found):
        raise ValueError(
            f"Layer {layer.name}: the initial states and constants of a recurrent layer are either all Keras "
            "tensors (made by Input or returned by layers) or none of them is; here they are mixed."
        )
    return all(found)


def as_tensor(x: Any) -> Value:
    return x if isinstance(x, Value) else K.constant(x)


# What tf.keras and Keras 3 write into configurations, and the one value of it that means nothing here.
_KERAS3_ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "time_major": (False, None),
    "use_cudnn": (True, False, "auto", None),
}


def drop_keras3_arguments(arguments: dict[str, Any]) -> None:
    """Takes out of the arguments of a recurrent layer what Keras 2.3 does not know.

    Raises:
        ValueError: if such an argument asks for another behaviour.
    """
    arguments.pop("seed", None)
    for name, harmless in _KERAS3_ARGUMENTS.items():
        value = arguments.pop(name, None)
        if value not in harmless:
            raise ValueError(
                f"The configuration of the recurrent layer {arguments.get('name')!r} asks for "
                f"{name}={value!r}, which is not supported; expected "
                f"{' or '.join(repr(v) for v in harmless[:-1])}."
            )


def without_keras3_arguments(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration written by any version of Keras, as ``drop_keras3_arguments`` leaves it."""
    kept = dict(config)
    drop_keras3_arguments(kept)
    return kept


registry.register(globals())
