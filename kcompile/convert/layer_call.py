"""One call of a Keras layer while its PyTorch source is written."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NoReturn

from ..keras import activations
from ..keras.state_dict.modules import layer_specs
from .errors import ConversionError

if TYPE_CHECKING:
    from .class_writer import ClassWriter
    from .fragments import Fragment

KERAS, FIRST = "keras", "first"
"""Layouts of a tensor: as Keras has it, or with the last axis moved to place 1, as PyTorch wants it."""


@dataclass
class Tensor:
    """A value of the forward method.

    Attributes:
        shape: Keras's, with None for open sizes.
        forms: layout -> variable that holds it so.
        mask: variable of its mask, None without; a function that writes it, where nobody has read it yet.
        image: (channels, sizes...) of what it is, flattened; FIRST is then the order of PyTorch.
    """

    shape: tuple[int | None, ...]
    forms: dict[str, str]
    mask: str | Callable[[Fragment], str] | None = None
    image: tuple[int, ...] | None = None

    def written_mask(self, part: Fragment) -> str | None:
        """The variable of the mask, written to a fragment if it is not yet.

        Raises:
            ConversionError: if it has no source.
        """
        if callable(self.mask):
            self.mask = self.mask(part)
        return self.mask

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def native(self) -> str:
        """The layout in which it was made."""
        return next(iter(self.forms))


@dataclass
class Call:
    """What a template sees, and how it writes.

    Attributes:
        writer: of the class.
        part: what is written goes there.
        layer: the Keras layer.
        inputs: what it is called on.
        output_shapes: Keras's, one an output.
        attribute: name of the module's attribute for this layer.
        hint: what to call the result.
    """

    writer: ClassWriter
    part: Fragment
    layer: Any
    inputs: list[Tensor]
    output_shapes: list[tuple[int | None, ...]]
    attribute: str
    hint: str
    results: list[Tensor] = field(default_factory=list)

    # --- reading ---

    def x(self, layout: str = KERAS, index: int = 0) -> str:
        """The variable that holds an input in a layout; written as a permutation where there is none."""
        tensor = self.inputs[index]
        if tensor.image is not None and layout not in tensor.forms:
            channels, *sizes = tensor.image
            shape = tensor.image if layout == KERAS else (*sizes, channels)
            last = len(shape)
            moves = (0, *range(2, last + 1), 1) if layout == KERAS else (0, last, *range(1, last))
            source = tensor.forms[tensor.native]
            moved = f"{source}.unflatten(1, {shape}).permute{moves}.flatten(1)"
            tensor.forms[layout] = self.part.let(moved, f"{source}_{layout}")
        if tensor.rank < 3:
            return tensor.forms.get(layout) or tensor.forms[tensor.native]
        if layout not in tensor.forms:
            axes = list(range(tensor.rank))
            order = [0, axes[-1], *axes[1:-1]] if layout == FIRST else [0, *axes[2:], 1]
            source = tensor.forms[tensor.native]
            dims = ", ".join(map(str, order))
            tensor.forms[layout] = self.part.let(f"{source}.permute({dims})", f"{source}_{layout}")
        return tensor.forms[layout]

    def spatial(self) -> tuple[str, str]:
        """(variable, layout) of the input with its channels at axis 1."""
        first = getattr(self.layer, "data_format", "channels_last") == "channels_first"
        layout = KERAS if first else FIRST
        return self.x(layout), layout

    def any_layout(self) -> list[tuple[str, str]]:
        """(variable, layout) of each input, all in one layout that needs the fewest permutations."""
        alone = len(self.inputs) == 1
        natives = [t.native for t in self.inputs if t.rank > 2 or alone and t.image is not None]
        layout = FIRST if natives and all(native == FIRST for native in natives) else KERAS
        if len({tensor.rank for tensor in self.inputs}) > 1:
            self.fail("its inputs have different numbers of axes")
        return [(self.x(layout, i), layout) for i in range(len(self.inputs))]

    def axis(self, axis: int, layout: str) -> int:
        """Where an axis of Keras's lies in a layout."""
        rank = self.inputs[0].rank
        axis %= rank
        if layout == KERAS or rank < 3 or axis == 0:
            return axis
        return 1 if axis == rank - 1 else axis + 1

    def mask(self) -> str | None:
        """The variable of the input's mask; None if there is none.

        Raises:
            ConversionError: if there is one that has no source.
        """
        self.part.reads_mask = True
        return self.inputs[0].written_mask(self.part)

    # --- writing ---

    def module(self, constructor: str) -> str:
        """Makes the layer a submodule, once, and gives the expression of it."""
        return self.part.submodule(self.attribute, constructor)

    def torch_module(self, *arguments: Any, rank: str = "", **options: Any) -> str:
        """Makes the layer the module that holds its weights, see ``keras.state_dict``, once.

        Args:
            arguments, options: of the constructor.
            rank: what follows the name of a class that there is for each number of axes.
        """
        return self.module(constructor(f"{self.torch_class}{rank}", *arguments, **options))

    @property
    def torch_class(self) -> str:
        """The class of the module that holds the layer's weights."""
        return layer_specs(self.layer, self.attribute)[0].kind.partition("(")[0]

    def state(self, hint: str, shape: Sequence[int]) -> str:
        """A tensor that the module keeps from call to call, zeros at first; gives the expression of it."""
        return self.part.state(f"{self.attribute}_{hint}", shape)

    def let(self, expression: str, hint: str | None = None) -> str:
        """A new variable for an expression."""
        return self.part.let(expression, hint or self.hint)

    def give(
        self,
        expression: str,
        layout: str = KERAS,
        mask: str | None = None,
        image: tuple[int, ...] | None = None,
    ) -> None:
        """The next output of the layer."""
        shape = self.output_shapes[len(self.results)]
        layout = layout if len(shape) > 2 or image is not None else KERAS
        self.results.append(Tensor(shape, {layout: self.let(expression)}, mask, image))

    def features(self) -> tuple[str, str]:
        """(variable, layout) of the input in the order of features that the layer's weights have."""
        image = self.writer.turned.get(self.layer)
        if image is None:
            return self.x(KERAS), KERAS
        self.inputs[0].image = tuple(image)
        return self.x(FIRST), FIRST

    def activated(self, expression: str, layout: str, function: Any = None) -> str:
        """An expression under the layer's activation."""
        function = self.layer.activation if function is None else function
        name = activation_name(function)
        if name == "softmax":
            return f"F.softmax({expression}, dim={1 if layout == FIRST else -1})"
        template = ACTIVATIONS.get(name)
        if template is None:
            self.fail(f"the activation {name!r} has no entry")
        return template.format(expression)

    def check_options(self, layer: Any) -> None:
        """Fails where a layer has an option, other than by default, that its template knows nothing of."""
        for option, value in unwritten_options(layer, self.writer.written_options(layer)).items():
            self.fail(f"{option}={value!r} has no template")

    def fail(self, why: str) -> NoReturn:
        """Raises ConversionError for this layer."""
        raise ConversionError(
            f"The layer {self.layer.name!r} ({type(self.layer).__name__}) cannot be written as "
            f"PyTorch source: {why}."
        )


_NO_MATTER = re.compile(
    r"name|trainable|batch_input_shape|seed|unroll|implementation|unit_forget_bias|(recurrent_)?dropout"
    r"|flash_attention|.*_(initializer|regularizer|constraint)"
)
"""Options that say how weights start and train, or how fast it goes; dropout within is for training."""


@lru_cache(maxsize=256)
def _defaults(kind: type) -> dict[str, Any]:
    """Arguments of a class of layers -> what they are by default."""
    arguments = inspect.signature(kind.__init__).parameters  # type: ignore[misc]
    return {**{name: argument.default for name, argument in arguments.items()}, "dtype": "float32"}


def unwritten_options(layer: Any, written: Collection[str]) -> dict[str, Any]:
    """Options of a layer that are neither among those written nor as they are by default."""
    kind: Any = type(layer)
    defaults = _defaults(kind)
    return {
        option: value
        for option, value in layer.get_config().items()
        if option not in written
        and not _NO_MATTER.fullmatch(option)
        and value is not None
        and value is not False
        and value != defaults.get(option)
    }


@dataclass(frozen=True)
class Template:
    """How a call of a layer is written.

    Attributes:
        write: writes a call by its methods, and gives the outputs.
        options: those that ``write`` writes or fails for; layers with others are left to their operators.
    """

    write: Callable[[Call], None]
    options: str = ""


def of_ranks(
    name: str, write: Callable[[Call], None], options: str, ranks: Sequence[int] = (1, 2, 3)
) -> dict[str, Template]:
    """One template for classes that differ in the number of spatial axes: ``Conv*D``."""
    return {name.replace("*", str(rank)): Template(write, options) for rank in ranks}


def elementwise(make: Callable[[Call, str, str], str], call: Call) -> None:
    """A call whose output has the input's layout: (call, variable, layout) -> expression."""
    ((x, layout),) = call.any_layout()
    call.give(make(call, x, layout), layout, image=call.inputs[0].image)


def activation_name(function: Callable[..., Any]) -> str:
    """Keras's name of an activation, or that of the function."""
    found = activations.serialize(function)
    return found if isinstance(found, str) else getattr(function, "__name__", str(function))


ACTIVATIONS = {
    **{name: f"F.{name}({{}})" for name in "relu elu selu softsign silu gelu mish relu6 celu".split()},
    **{name: f"torch.{name}({{}})" for name in ("sigmoid", "tanh")},
    "linear": "{}",
    "softplus": "F.softplus({}, threshold=1e9)",
    "hard_sigmoid": "hard_sigmoid({})",
    "exponential": "torch.exp({})",
    "swish": "F.silu({})",
    "leaky_relu": "F.leaky_relu({}, 0.2)",
    **dict.fromkeys(("hard_silu", "hard_swish"), "F.hardswish({})"),
    "hard_tanh": "F.hardtanh({})",
    "hard_shrink": "F.hardshrink({})",
    "soft_shrink": "F.softshrink({})",
    "tanh_shrink": "F.tanhshrink({})",
    "log_sigmoid": "F.logsigmoid({})",
}
"""Keras's activation -> PyTorch's expression; softmax depends on the layout."""

FUNCTIONS = {
    **{name: text.removesuffix("({})") for name, text in ACTIVATIONS.items() if text.endswith("({})")},
    "linear": "linear",
    "softplus": "F.softplus",
}
"""Keras's activation -> PyTorch's function, for modules that take one."""


def sizes(values: Sequence[int]) -> int | tuple[int, ...]:
    """(3, 3) as 3; others as they are."""
    values = tuple(int(value) for value in values)
    return values[0] if len(set(values)) == 1 else values


_DEFAULTS = {
    **dict.fromkeys(("stride", "dilation", "groups"), 1),
    **dict.fromkeys(("padding", "output_padding", "dropout"), 0),
    **dict.fromkeys(("bias", "affine", "elementwise_affine", "reset_after"), True),
    **dict.fromkeys(("bidirectional", "batch_first"), False),
}
"""Of constructors of PyTorch's."""


class Expression(str):
    """Source, where a text would be quoted."""


def constructor(name: str, *arguments: Any, **options: Any) -> str:
    """Source that makes a module, without options that are as they are by default.

    Args:
        arguments, options: numbers, texts, tuples and source.
    """
    shown = [_shown(value) for value in arguments]
    told = {key: value for key, value in options.items() if key not in _DEFAULTS or value != _DEFAULTS[key]}
    shown += [f"{key}={_shown(value)}" for key, value in told.items()]
    return f"{name}({', '.join(shown)})"


def _shown(value: Any) -> str:
    if isinstance(value, Expression):
        return str(value)
    return json.dumps(value) if isinstance(value, str) else repr(value)


def full(values: Sequence[int]) -> str:
    """A tuple, written out."""
    return f"({', '.join(str(int(value)) for value in values)}{',' if len(values) == 1 else ''})"
