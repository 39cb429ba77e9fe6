"""Optimizer state and configuration as files of other Keras versions have them, both ways.

For Adam over one Dense layer, the arrays in their order:

    Keras 2.3           Adam/iterations:0, training/Adam/m_0:0, m_1:0, v_0:0, v_1:0, vhat_0:0, vhat_1:0
    tf.keras, legacy    Adam/iter:0, Adam/dense/kernel/m:0, Adam/dense/bias/m:0, Adam/dense/kernel/v:0, ...
    tf.keras, 2.11 on   iteration:0, Adam/m/dense/kernel:0, Adam/v/dense/kernel:0, Adam/m/dense/bias:0, ...
    Keras 3, .h5        adam/iteration, adam/learning_rate, adam/dense_kernel_momentum, ..._velocity, ...
    Keras 3, .keras     the same as 0, 1, 2, ...

Keras 1 and 2 have the same order, but for what versions before 2.3 left out; names of theirs tell nothing
(``Variable_3:0``, ``param_3``). In tf.keras since 2.11 and Keras 3 what belongs to a weight lies together,
except for the slots that an argument adds (``amsgrad``, ``use_ema``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ...ir import Parameter
from .. import registry
from ..utils.living import class_name as class_name_of
from .base import Optimizer
from .slots import Slot

_KERAS_3, _TF_KERAS = 0, 1
#: Optimizers and arguments that tf.keras lacks.
_ONLY_KERAS_3 = ("Lamb", "Muon", "ScheduleFreeAdamW")
_ONLY_KERAS_3_ARGUMENTS = ("loss_scale_factor", "gradient_accumulation_steps")
_SCHEDULES = "keras.optimizers.schedules"

Entry = tuple[str, Parameter | None]
"""A name in the file, and the variable; None for a number that Keras writes and does not use."""


def _rows(optimizer: Optimizer) -> list[list[Slot]]:
    """Slots in the order of today's files: those in one row alternate weight by weight."""
    rows: list[list[Slot]] = []
    own, slots = len(optimizer._slots), optimizer._all_slots()
    for slot in (*slots[own:], *slots[:own]):
        if slot.beside:
            rows[-1].append(slot)
        else:
            rows.append([slot])
    return rows


# --- reading ------------------------------------------------------------------------------------------------

Find = Callable[[str, tuple[str, ...]], bool]


def read_state(
    optimizer: Optimizer, names: Sequence[str], arrays: Sequence[Any], params: Sequence[Parameter]
) -> list[np.ndarray]:
    """The arrays in the order of ``optimizer.weights``, whatever version of Keras wrote them.

    Args:
        optimizer: its ``weights`` are made already.
        names: one per array, as the file has them.
        arrays: the values.
        params: the weights that are trained.

    Returns:
        One array per weight of the optimizer; slots that the other version does not keep are as they are now.
        A list in Keras 2's own layout is returned as it is.

    Raises:
        ValueError: if a slot has not as many arrays as the optimizer trains weights.
    """
    arrays = [np.asarray(a) for a in arrays]
    if optimizer.has_own_updates():
        return arrays
    if names and all(re.fullmatch(r"\d+", name) for name in names):
        return _numbered(optimizer, arrays, params)
    is_slot = _reader(names, {name for slot in optimizer._all_slots() for name in slot.in_files})
    return arrays if is_slot is None else _named(optimizer, names, arrays, params, is_slot)


def _named(
    optimizer: Optimizer,
    names: Sequence[str],
    arrays: Sequence[Any],
    params: Sequence[Parameter],
    is_slot: Find,
) -> list[np.ndarray]:
    """From arrays whose names tell their slots."""
    result = [_iterations(names, arrays)]
    if optimizer._scalars:
        result.append(_momentum_schedule(optimizer, names, arrays, int(result[0])))
    state = optimizer._state_of(params)
    for slot in optimizer._all_slots():
        found = [a for name, a in zip(names, arrays, strict=True) if is_slot(name, slot.in_files)]
        used = [optimizer._keeps(slot.name, p) for p in params]
        if not found and not _needs(optimizer, slot):
            used = [False] * len(params)
        if len(found) == len(params) != sum(used):  # Keras 3's Adafactor writes a number where it has no slot
            found = [a for a, is_used in zip(found, used, strict=True) if is_used]
        if len(found) != sum(used):
            raise ValueError(
                f"{type(optimizer).__name__}: the file has {len(found)} arrays named "
                f"{' or '.join(dict.fromkeys(slot.in_files))}; the model trains {sum(used)} weights."
            )
        rest = iter(found)
        own = zip(used, state[slot.name], strict=True)
        result += [next(rest) if is_used else w.numpy() for is_used, w in own]
    return result


def _reader(names: Sequence[str], known: set[str]) -> Find | None:
    """How a name tells its slot in the layout that these names are in; None for Keras 2's own.

    Args:
        known: all names that slots of the optimizer have.
    """
    for name in names:
        if re.fullmatch(r".*/iter:0", name):
            return lambda name, slots: _parts(name)[-1] in slots and len(_parts(name)) > 2
        if name == "iteration:0":
            # without the optimizer's name where it was built before training, as load_model does
            place = 0 if all(_parts(name)[0] in known for name in names if name != "iteration:0") else 1
            return lambda name, slots: len(_parts(name)) > place + 1 and _parts(name)[place] in slots
        if re.fullmatch(r"[^/]+/iteration", name):
            longest_first = sorted(known, key=len, reverse=True)  # gradient_accumulator, then accumulator
            return lambda name, slots: (
                slots[0] == next((slot for slot in longest_first if name.endswith(f"_{slot}")), None)
            )
    return None


def _parts(name: str) -> list[str]:
    return name.removesuffix(":0").split("/")


def _iterations(names: Sequence[str], arrays: Sequence[np.ndarray]) -> np.ndarray:
    """The last counter: a LossScaleOptimizer, which has one that stands still, writes its own first."""
    counters = [a for name, a in zip(names, arrays, strict=True) if _parts(name)[-1] in ("iter", "iteration")]
    return counters[-1].reshape(())


def _momentum_schedule(
    optimizer: Any, names: Sequence[str], arrays: Sequence[np.ndarray], iterations: int
) -> np.ndarray:
    """The product of Nadam's momenta: as stored, else computed for the steps taken."""
    for name, array in zip(names, arrays, strict=True):
        if _parts(name)[-1] in ("momentum_cache", "variable") and array.size == 1:
            return array.reshape(())
    return _product_of_momenta(optimizer, iterations)


def _product_of_momenta(optimizer: Any, iterations: int) -> np.ndarray:
    t = np.arange(1, min(iterations, 100_000) + 1)  # long before that the product is zero
    factors = float(optimizer.beta_1.numpy()) * (1.0 - 0.5 * 0.96 ** (t * optimizer.schedule_decay))
    return np.asarray(np.prod(factors))


def _needs(optimizer: Any, slot: Slot) -> bool:
    """Whether the state is incomplete without a slot; tf.keras keeps no velocity where momentum is 0."""
    if isinstance(optimizer.__dict__.get("momentum"), Parameter) and slot.name == "moment":
        return bool(optimizer.momentum.numpy())
    return slot.name != "vhat" or optimizer.amsgrad


def _numbered(
    optimizer: Optimizer, arrays: Sequence[np.ndarray], params: Sequence[Parameter]
) -> list[np.ndarray]:
    """From the numbered arrays of a ``.keras`` file, of Keras 3 or of tf.keras."""
    versions = [[p for _, p in _entries(optimizer, params, version)] for version in (_KERAS_3, _TF_KERAS)]
    scalars = [getattr(optimizer, name) for name in optimizer._scalars]
    versions.append([p for p in versions[0] if all(p is not scalar for scalar in scalars)])
    versions.append([optimizer.iterations])  # of tf.keras, compiled and not trained yet
    for entries in versions:
        for given in (arrays, arrays[4:]):  # a LossScaleOptimizer has four numbers of its own before
            if _fit(entries, given):
                found = {id(p): a for p, a in zip(entries, given, strict=True) if p is not None}
                found |= {id(p): a for p, a in _missing_product(optimizer, found)}
                return [found.get(id(w), w.storage.array) for w in optimizer.weights]
    raise ValueError(
        f"{type(optimizer).__name__}: the file has {len(arrays)} arrays of state; for {len(params)} weights "
        f"that are trained, of these shapes, there should be {len(versions[0])}."
    )


def _fit(entries: Sequence[Parameter | None], arrays: Sequence[np.ndarray]) -> bool:
    shapes = [() if p is None else p.shape for p in entries]
    return shapes == [array.shape for array in arrays]


def _missing_product(
    optimizer: Optimizer, found: Mapping[int, np.ndarray]
) -> Iterator[tuple[Parameter, np.ndarray]]:
    """Nadam's product of momenta, which not every version writes."""
    for name in optimizer._scalars:
        if id(getattr(optimizer, name)) not in found:
            steps = int(found[id(optimizer.iterations)])
            yield getattr(optimizer, name), _product_of_momenta(optimizer, steps)


# --- writing ------------------------------------------------------------------------------------------------


def _entries(optimizer: Optimizer, params: Sequence[Parameter], version: int) -> list[Entry]:
    """The variables in the order of today's files, named as they name them."""
    slots = optimizer._state_of(params)
    rule = optimizer._rule_class()
    head = "iteration:0" if version == _TF_KERAS else f"{_snake_case(optimizer)}/iteration"
    result: list[Entry] = [(head, optimizer.iterations)]
    is_variable = isinstance(optimizer.learning_rate, Parameter) and not _decays(optimizer)
    if version == _KERAS_3 and is_variable:  # not where the rate is a schedule in the file
        result.append((f"{_snake_case(optimizer)}/learning_rate", optimizer.learning_rate))
    for row in _rows(optimizer):
        for i, p in enumerate(params):
            for slot in row:
                if not _is_written(optimizer, slot, version):
                    continue
                name = _name(optimizer, slot.in_files[version], p, version)
                if optimizer._keeps(slot.name, p):
                    result.append((name, slots[slot.name][i]))
                elif version == _KERAS_3 and rule is not None and rule.__name__ == "Adafactor":
                    result.append((name, None))
    if version == _KERAS_3:
        prefix = _snake_case(optimizer)
        result += [(f"{prefix}/variable", getattr(optimizer, name)) for name in optimizer._scalars]
    return result


def variables_in_order(optimizer: Any, params: Sequence[Parameter]) -> list[Parameter]:
    """The state in the order of tf.keras since 2.11, without what stands for slots that are not used."""
    found = [p for _, p in _entries(optimizer, params, _TF_KERAS) if p is not None]
    return found + [getattr(optimizer, name) for name in optimizer._scalars]


def names_of_slots(optimizer: Any, params: Sequence[Parameter]) -> list[str]:
    """What is kept of weights, as tf.keras before 2.11 calls it."""
    return [
        slot.legacy
        for slot in optimizer._all_slots()
        if _needs(optimizer, slot) and any(optimizer._keeps(slot.name, p) for p in params)
    ]


def _is_written(optimizer: Any, slot: Slot, version: int) -> bool:
    """Keras 3's SGD has no velocity where momentum is 0; that of tf.keras has."""
    return version == _TF_KERAS or slot.name != "moment" or _needs(optimizer, slot)


def _snake_case(optimizer: Optimizer) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(optimizer).__name__).lower()


def _name(optimizer: Optimizer, slot: str, p: Parameter, version: int) -> str:
    if version == _TF_KERAS:
        return f"{type(optimizer).__name__}/{slot}/{p.name}:0"
    return f"{_snake_case(optimizer)}/{p.name.replace('/', '_')}_{slot}"


def _arrays(entries: Sequence[Entry]) -> Iterator[tuple[str, np.ndarray]]:
    seen: dict[str, int] = {}
    for name, parameter in entries:
        number = seen[name] = seen.get(name, -1) + 1
        unique = f"{name}_{number}" if number else name
        yield unique, np.zeros((), "int32") if parameter is None else np.array(parameter.numpy())


def keras_3_state(optimizer: Any, params: Sequence[Parameter]) -> list[tuple[str, Any]]:
    """The state as a ``.keras`` file has it; that of a user's own optimizer in its own order."""
    if optimizer.has_own_updates():
        return [(str(i), np.array(p.numpy())) for i, p in enumerate(optimizer.weights)]
    entries = _entries(optimizer, params, _KERAS_3)
    return [(str(i), array) for i, (_, array) in enumerate(_arrays(entries))]


def keras_3_config(optimizer: Any) -> dict[str, Any]:
    """The optimizer's part of ``compile_config``.

    What Keras 3 lacks is written as what comes nearest: time decay as a schedule. The configuration of Keras
    2 lies beside it under a key that Keras 3 does not look at, so that here all is as it was.
    """
    own, name = optimizer.get_config(), class_name_of(optimizer)
    built_in = registry.is_built_in(type(optimizer))
    result: dict[str, Any] = {
        "module": "keras.optimizers" if built_in else type(optimizer).__module__,
        "class_name": name,
        "config": own,
        "registered_name": None if built_in else name,
    }
    if optimizer.has_own_updates():
        return result
    config = {"name": _snake_case(optimizer), **_today(optimizer, own)}
    if "clipnorm" in own and not optimizer._clip_each:
        config["global_clipnorm"] = config.pop("clipnorm")
    return {**result, "config": config, **({} if optimizer._computes_as_keras_3 else {"keras_2_config": own})}


def tf_keras_state(optimizer: Any, params: Sequence[Parameter]) -> list[tuple[str, Any]]:
    """The state as a ``.keras`` file of tf.keras has it, which writes none of optimizers before 2.11."""
    if not _is_of_tf_keras(optimizer):
        return keras_3_state(optimizer, params)
    entries = _entries(optimizer, params, _TF_KERAS)
    return [(str(i), array) for i, (_, array) in enumerate(_arrays(entries))]


def tf_keras_config(optimizer: Any) -> dict[str, Any]:
    """The optimizer's part of ``compile_config`` as tf.keras writes it; that of Keras 3 for what only Keras 3
    has."""
    if _is_of_tf_keras(optimizer):
        return {**keras_3_config(optimizer), "config": _in_tf_keras(optimizer, optimizer.get_config())}
    if optimizer.has_own_updates() or optimizer._computes_as_keras_3:
        return keras_3_config(optimizer)
    result = {**keras_3_config(optimizer), "config": optimizer.get_config()}
    return {**result, "module": "keras.optimizers.legacy"} if result["registered_name"] is None else result


def own_config(written: Mapping[str, Any]) -> dict[str, Any]:
    """``{"class_name", "config"}`` from what ``keras_3_config`` or Keras 3 wrote."""
    config = written.get("keras_2_config", written.get("config"))
    return {**written, "config": config}


def h5_state(optimizer: Any, params: Sequence[Parameter]) -> list[tuple[str, Any]]:
    """The state as an HDF5 file has it: as Keras 2, or the version whose arguments the optimizer has."""
    if optimizer.has_own_updates() or not optimizer._computes_as_keras_3:
        return [(f"{p.name}:0", np.array(p.storage.array)) for p in optimizer.weights]
    version = _KERAS_3 if _is_only_of_keras_3(optimizer) else _TF_KERAS
    return list(_arrays(_entries(optimizer, params, version)))


def h5_config(optimizer: Any) -> dict[str, Any]:
    """The optimizer's part of ``training_config``, in the words that go with ``h5_state``."""
    config, class_name = optimizer.get_config(), class_name_of(optimizer)
    if _is_of_tf_keras(optimizer):
        config = _in_tf_keras(optimizer, config)
        if registry.is_built_in(type(optimizer)):
            class_name = f"Custom>{class_name}"  # without it tf.keras does not know all of them
    elif optimizer._computes_as_keras_3 and not optimizer.has_own_updates():
        config = _today(optimizer, config)
    return {"class_name": class_name, "config": config}


def _in_tf_keras(optimizer: Any, config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration in the words of tf.keras since 2.11."""
    config = _today(optimizer, config)
    config = {key: value for key, value in config.items() if key not in _ONLY_KERAS_3_ARGUMENTS}
    return {**config, "jit_compile": False, "is_legacy_optimizer": False}


def _is_of_tf_keras(optimizer: Any) -> bool:
    """Whether it computes as in tf.keras since 2.11, and tf.keras has all of it."""
    today = optimizer._computes_as_keras_3 and not optimizer.has_own_updates()
    return today and not _is_only_of_keras_3(optimizer)


def _is_only_of_keras_3(optimizer: Optimizer) -> bool:
    rule = optimizer._rule_class()
    asked = any(getattr(optimizer, name) is not None for name in _ONLY_KERAS_3_ARGUMENTS)
    return asked or (rule is not None and rule.__name__ in _ONLY_KERAS_3)


def _decays(optimizer: Any) -> bool:
    return bool(getattr(optimizer, "initial_decay", 0.0)) and isinstance(optimizer.learning_rate, Parameter)


def _today(optimizer: Any, config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration without the arguments that only Keras 2 has."""
    config = {k: v for k, v in config.items() if k not in ("decay", "schedule_decay")}
    rate = config.get("learning_rate", config.pop("lr", None))
    if _decays(optimizer):
        arguments = {"initial_learning_rate": rate, "decay_steps": 1, "decay_rate": optimizer.initial_decay}
        rate = {"class_name": "InverseTimeDecay", "config": {**arguments, "staircase": False}}
    if isinstance(rate, Mapping):
        rate = {"module": _SCHEDULES, "registered_name": None, **rate}
    return {**config, "learning_rate": rate}
