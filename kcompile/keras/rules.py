"""Where versions of Keras compute otherwise under the same names: the rules of each, as data.

Code follows the rules of Keras 2.3. In a configuration ``"rules": "keras_3"`` beside class and
configuration says that an object follows others: ``saving.versions`` puts it at the head of what another
program has written, and layers that behaved by such rules keep it in our own files. They hold for all that
is made within, too, such as the layers that a user's layer makes.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeVar, cast

from . import argument_orders, registry
from .argument_orders import Names, Orders


@dataclass(frozen=True)
class Rules:
    """How a version of Keras computes; the defaults are Keras 2.3.

    Attributes:
        name: in files.
        half_pixel_centers: whether UpSampling2D samples at half-pixel centres where nothing is said.
        hard_sigmoid: the function of that name, by its name here.
        activity_by_sample: whether activity regularization is a mean over samples, not a sum.
        population_variance: whether BatchNormalization takes the variance of a batch into its moving average
            as it is, not corrected as an estimate.
        fused_ranks: axes of inputs whose fused kernel has corrected it by itself.
        drops_masks: whether a layer that knows nothing of masks drops them, in place of refusing them.
        drops_masks_in: classes that drop masks there and pass them on here.
        masked_ranks: axes of inputs for which BatchNormalization trains on the steps alone that count.
        joins_masks_by_any: whether merging layers keep a step that any input keeps, not all of them.
        masks_in_losses: whether losses look at the mask of the predictions, and take means over what counts.
        masks_in_means_alone: whether of the metrics only means of functions look at it.
        counts_ignored: whether metrics without weights count what a loss leaves out.
        means_of_samples: whether the mean of a loss is over samples, not batches.
        weights_broadcast: whether sample weights may have any shape that fits the losses, and targets axes of
            size 1 where predictions have more.
        says_weighted: whether a weighted metric that another has the name of is called ``weighted_...``.
        accuracy_by_shape: whether "accuracy" is chosen by the output's shape alone, not by the loss too.
        metrics_name_outputs: whether names of metrics in files begin with that of the output.
        huber_means: whether Huber takes the mean over the last axis.
        rates_where_reached: whether a rate at another one is the largest where that one is reached.
        begins_with_adapted: whether a Sequential model takes what its first layer was adapted to.
        fits_axes_of_one: whether inputs gain or lose a last axis of size 1 that a model has or lacks.
        freezes_what_is_within: whether to set ``trainable`` of a layer sets that of the layers in it.
        ends_with_best_weights: whether EarlyStopping goes back to the best weights however training ended.
        iou_type: type that the IoU metrics cut weights off to, if any.
        numbers_from_zero: whether the first layer of a kind is called ``dense``, not ``dense_1``.
        later_optimizers: whether optimizers compute as from tf.keras 2.11 on.
        clips_each: whether ``clipnorm`` limits each gradient by itself, not all together.
        drops_by_gate: whether recurrent cells that drop their state draw a mask for each gate.
        reads_to_the_end: whether a generator is read to its end where no number of steps is given.
        tells_phase: whether users' layers are told in ``call`` whether it trains, and what they assign to
            there is assigned in prediction, too.
        casts_inputs: whether layers take numbers of any precision in the one that they compute with.
        keeps_nests: whether predictions, and what users' layers return, are tuples and nests where outputs
            are.
        numbers_outputs: whether several outputs of one layer have names of their own, ``lstm``, ``lstm_1``.
        saves_folders: whether a path without an ending asks for a SavedModel, which is not written here.
        makes_folders: whether saving makes the folder of a file that is not there.
        counts_layers_once: whether a Sequential model that knows no input yet leaves out a layer that it has.
        strides_by_place: whether whole numbers behind the filters of a convolution are its window and its
            strides, never the sizes of a window as in Keras 1.
        compiles_without_loss: whether only fit wants a loss, not compile.
        later_resnet50: whether ResNet50 has layers of the names that ResNet101 has, and weights of its own.
        stems_pad_themselves: whether the first convolution of MobileNet and MobileNetV2 pads, not a layer
            before it.
        batches_as_they_come: whether fit ignores a ``batch_size`` beside data that comes in batches.
        calls_anew: whether models compute by attributes that layers are given after they were called.
        validation_last: whether logs say how validation went after how training did.
        logs_of_epoch: whether callbacks are told of a batch how the epoch goes so far, without ``batch`` and
            ``size``, have the logs when training and evaluation end, and keep validation data of their own.
        weights_by_layer: whether ``weights`` of a model are listed as ``get_weights`` lists them, layer by
            layer, and those of its own behind them.
        steps_by_python: whether a loss or a metric may be a function that only Python computes, such as a
            ``tf.py_function``, or that asks tensors for their truth: steps then run operator by operator.
        hints_at_input_length: whether Embedding takes inputs of other lengths than ``input_length``.
        asks_variables: whether the truth of a weight of several elements is asked of its number, as of any
            tensor's, and not that there is a weight: ``if self.bias:`` of TensorFlow 1's variables.
        brightens_as_is: whether ImageDataGenerator changes the brightness of numbers from 0 to 255 without
            stretching them.
        defaults: class or function -> argument -> default, where it is not that of Keras 2.3.
        orders: class or function -> its positional arguments, where they are not those of Keras 2.3.
        renamed: class or function -> name of an argument -> its name in Keras 2.3, which is understood, too.
    """

    name: str
    half_pixel_centers: bool = False
    hard_sigmoid: str = "hard_sigmoid"
    activity_by_sample: bool = False
    population_variance: bool = False
    fused_ranks: range = range(4, 5)
    drops_masks: bool = False
    drops_masks_in: frozenset[str] = frozenset()
    masked_ranks: range = range(0)
    joins_masks_by_any: bool = False
    masks_in_losses: bool = False
    masks_in_means_alone: bool = False
    counts_ignored: bool = False
    means_of_samples: bool = False
    weights_broadcast: bool = False
    says_weighted: bool = False
    accuracy_by_shape: bool = False
    metrics_name_outputs: bool = False
    huber_means: bool = False
    rates_where_reached: bool = False
    begins_with_adapted: bool = False
    fits_axes_of_one: bool = False
    freezes_what_is_within: bool = False
    ends_with_best_weights: bool = False
    iou_type: str | None = None
    numbers_from_zero: bool = False
    later_optimizers: bool = False
    clips_each: bool = False
    drops_by_gate: bool = False
    reads_to_the_end: bool = False
    tells_phase: bool = False
    casts_inputs: bool = False
    keeps_nests: bool = False
    numbers_outputs: bool = False
    saves_folders: bool = False
    makes_folders: bool = False
    counts_layers_once: bool = False
    strides_by_place: bool = False
    compiles_without_loss: bool = False
    later_resnet50: bool = False
    stems_pad_themselves: bool = False
    batches_as_they_come: bool = False
    calls_anew: bool = False
    validation_last: bool = False
    logs_of_epoch: bool = False
    weights_by_layer: bool = False
    steps_by_python: bool = False
    hints_at_input_length: bool = False
    asks_variables: bool = False
    brightens_as_is: bool = False
    defaults: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False, compare=False)
    orders: Orders = field(default_factory=dict, repr=False, compare=False)
    renamed: Names = field(default_factory=dict, repr=False, compare=False)


_TF_KERAS_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "Adadelta": {"learning_rate": 0.001},
    "Adagrad": {"learning_rate": 0.001, "initial_accumulator_value": 0.1},
    "Adamax": {"learning_rate": 0.001},
    "GRU": {"reset_after": True},
    "GRUCell": {"reset_after": True},
    "Lion": {"learning_rate": 0.0001},
    "Nadam": {"learning_rate": 0.001},
    "RMSprop": {"ema_overwrite_frequency": 100},
    "apply_affine_transform": {"row_axis": 1, "col_axis": 2, "channel_axis": 0},
}

KERAS_2 = Rules("keras_2")
TF_KERAS = Rules(
    "tf_keras",
    half_pixel_centers=True,
    activity_by_sample=True,
    population_variance=True,
    fused_ranks=range(4, 6),
    drops_masks=True,
    drops_masks_in=frozenset({"Identity", "Normalization", "Rescaling", "SpectralNormalization"}),
    masked_ranks=range(2, 4),  # its fused kernel, for more axes, does not
    masks_in_losses=True,
    means_of_samples=True,
    weights_broadcast=True,
    says_weighted=True,
    accuracy_by_shape=True,
    metrics_name_outputs=True,
    huber_means=True,
    rates_where_reached=True,
    begins_with_adapted=True,
    fits_axes_of_one=True,
    freezes_what_is_within=True,
    ends_with_best_weights=True,
    numbers_from_zero=True,
    later_optimizers=True,
    clips_each=True,
    drops_by_gate=True,
    reads_to_the_end=True,
    tells_phase=True,
    casts_inputs=True,
    keeps_nests=True,
    numbers_outputs=True,
    saves_folders=True,
    makes_folders=True,
    counts_layers_once=True,
    strides_by_place=True,
    compiles_without_loss=True,
    later_resnet50=True,
    stems_pad_themselves=True,
    batches_as_they_come=True,
    calls_anew=True,
    validation_last=True,
    logs_of_epoch=True,
    weights_by_layer=True,
    steps_by_python=True,
    hints_at_input_length=True,
    asks_variables=True,
    brightens_as_is=True,
    defaults=_TF_KERAS_DEFAULTS,
    orders=argument_orders.TF_KERAS,
    renamed=argument_orders.TF_KERAS_NAMES,
)
#: ``tf.keras.optimizers.legacy``: the optimizers of tf.keras before 2.11.
TF_KERAS_LEGACY = replace(
    TF_KERAS,
    later_optimizers=False,
    defaults={name: row for name, row in _TF_KERAS_DEFAULTS.items() if name != "RMSprop"},
    orders=argument_orders.TF_KERAS_LEGACY,
)
KERAS_3 = replace(
    TF_KERAS,
    name="keras_3",
    begins_with_adapted=False,
    hard_sigmoid="hard_sigmoid_3",
    fused_ranks=range(0),
    drops_masks_in=frozenset({"RMSNormalization", "SpectralNormalization"}),
    masked_ranks=range(2, 32),
    joins_masks_by_any=True,
    masks_in_means_alone=True,
    counts_ignored=True,
    metrics_name_outputs=False,
    iou_type="int",
    numbers_outputs=False,
    saves_folders=False,
    defaults={},
    orders={},
    renamed={},
)
_BY_NAME = {rules.name: rules for rules in (TF_KERAS, KERAS_3, KERAS_2)}

_IN_FORCE: ContextVar[Rules | None] = ContextVar("kcompile_rules", default=None)
_of_process: Rules | None = None


def named(name: Any, who: str) -> Rules:
    """The rules of a name in a file; those of Keras 2.3 for None.

    Args:
        who: follows them, for the message.

    Raises:
        ValueError: for a name that is none.
    """
    found = KERAS_2 if name is None else _BY_NAME.get(name) if isinstance(name, str) else None
    if found is None:
        raise ValueError(f"{who} {name!r}; known are {', '.join(_BY_NAME)}.")
    return found


def in_force() -> Rules:
    """The rules that what is made here follows."""
    return _IN_FORCE.get() or _of_process or KERAS_2


def of_process() -> Rules | None:
    """The rules that all code of this process follows, if that has been said."""
    return _of_process


def follow(rules: Rules | None) -> None:
    """From now on all code of this process follows these rules, but for what ``following`` says.

    Args:
        rules: None takes it back.
    """
    global _of_process
    _of_process = rules


@contextmanager
def following(rules: Rules) -> Iterator[None]:
    """Within, what is made or called follows these rules."""
    token = _IN_FORCE.set(rules)
    try:
        yield
    finally:
        _IN_FORCE.reset(token)


# --- arguments ----------------------------------------------------------------------------------------------

_Function = TypeVar("_Function", bound=Callable[..., Any])


def place_of(function: Any) -> str:
    """What ``Rules.orders`` calls a class or function: ``layers.GRU`` of ``kcompile.keras.layers...``."""
    name = function.__qualname__.removesuffix(".__init__")
    return f"{function.__module__.split('.')[2]}.{name}"


def named_arguments(place: str, names: Sequence[str], args: tuple[Any, ...]) -> dict[str, Any] | None:
    """Positional arguments by name, in the order of the rules in force; None where Keras 2.3's are too many.

    Args:
        place: see ``place_of``.
        names: their order in Keras 2.3.

    Raises:
        TypeError: where they are too many for other rules.
    """
    other = in_force().orders.get(place) if args else None
    if other is not None and len(args) > len(other):
        name = place.rpartition(".")[2]
        raise TypeError(f"{name} takes at most {len(other)} positional arguments; {len(args)} were given.")
    order = names if other is None else other
    return dict(zip(order, args, strict=False)) if len(args) <= len(order) else None


def _renamed(place: str, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Arguments by their names in Keras 2.3, where the rules in force call them otherwise.

    Raises:
        TypeError: for an argument under both its names.
    """
    found = dict(kwargs)
    for there, here in in_force().renamed.get(place, {}).items():
        if there in found:
            if here in found:
                raise TypeError(f"{place.rpartition('.')[2]} got {there!r} and {here!r}, which are one.")
            found[here] = found.pop(there)
    return found


def with_arguments(function: _Function) -> _Function:
    """A function, or a constructor in its class, whose positional arguments have the order, and whose others
    the names and the defaults, of the rules in force."""
    name, place = function.__qualname__.removesuffix(".__init__"), place_of(function)
    names = [
        p.name for p in inspect.signature(function).parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD
    ]
    first = 1 if names[:1] == ["self"] else 0

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        its = in_force()
        if place in its.renamed:
            kwargs = _renamed(place, kwargs)
        if place in its.orders:
            given = named_arguments(place, names, args[first:])
            if given and given.keys().isdisjoint(kwargs):
                args, kwargs = args[:first], {**given, **kwargs}
        others = its.defaults.get(name)
        if others:
            known = {*names[: len(args)], *kwargs}
            kwargs |= {argument: default for argument, default in others.items() if argument not in known}
        return function(*args, **kwargs)

    called._by_rules = True  # type: ignore[attr-defined]
    return cast(_Function, called)


def takes_by_rules(function: Any) -> bool:
    """Whether a class or function is called otherwise under other rules."""
    constructor = function.__init__ if inspect.isclass(function) else function
    return hasattr(constructor, "_by_rules")


# --- names --------------------------------------------------------------------------------------------------


def numbered(prefix: str, number: int) -> str:
    """The name of the n-th object of a kind, n from 1: ``dense_1``, or ``dense`` where numbers begin at 0."""
    if not in_force().numbers_from_zero:
        return f"{prefix}_{number}"
    return prefix if number == 1 else f"{prefix}_{number - 1}"


# --- layers -------------------------------------------------------------------------------------------------


class _Call(NamedTuple):
    """A call of a layer that is going on, and the one around it, where rules are not those of Keras 2.3."""

    layer: Any
    outer: _Call | None


_CALLS: ContextVar[_Call | None] = ContextVar("kcompile_calls", default=None)


def of_layer(layer: Any) -> Rules:
    """The rules that a layer was made under."""
    rules: Rules = layer.__dict__.get("_followed_rules", KERAS_2)
    return rules


def of_dialect(model: Any) -> Rules:
    """The rules of code that uses a model: those in force, or those that the model was made under where
    nothing has been said."""
    return _IN_FORCE.get() or _of_process or of_layer(model)


def said_of_model(model: Any) -> dict[str, str]:
    """What our own files say beside class and configuration of a whole model: whose rules its layers follow
    that say nothing themselves."""
    rules = of_layer(model)
    return {} if rules is KERAS_2 else {"rules": rules.name}


@contextmanager
def in_call(layer: Any) -> Iterator[None]:
    """Within a call of the layer: its rules hold for what is made in it, too."""
    rules = of_layer(layer)
    if rules is KERAS_2 is in_force():
        yield
        return
    token = _CALLS.set(_Call(layer, _CALLS.get()))
    try:
        with following(rules):
            yield
    finally:
        _CALLS.reset(token)


def in_call_told_of_phase() -> bool:
    """Whether the innermost call is that of a user's layer that is told its phase."""
    call = _CALLS.get()
    if call is None or registry.is_built_in(type(call.layer)):
        return False
    return of_layer(call.layer).tells_phase


def holds(layer: Any, rule: Callable[[Rules], Any]) -> bool:
    """Whether a rule that Keras 2.3 does not know holds for the layer.

    That it does is noted at the layer, and at those whose call it is in; their entries in our files say so.
    """
    if not rule(of_layer(layer)):
        return False
    layer.__dict__["_rules_matter"] = True
    call = _CALLS.get()
    while call is not None:
        call.layer.__dict__["_rules_matter"] = True
        call = call.outer
    return True


def said_of(layer: Any) -> dict[str, str]:
    """What our own files say beside class and configuration of a layer that behaved by other rules; of a
    user's in any case, as nobody knows what it makes."""
    rules = of_layer(layer)
    matter = "_rules_matter" in layer.__dict__ or not registry.is_built_in(type(layer))
    return {"rules": rules.name} if rules is not KERAS_2 and matter else {}


def said_in(entry: Mapping[str, Any]) -> Rules:
    """The rules that a layer's entry in a configuration names, else those in force.

    Raises:
        ValueError: for a name that is none.
    """
    said = entry.get("rules", entry.get("masks"))  # the latter in files of our first versions
    return in_force() if said is None else named(said, "A layer of the file follows")
