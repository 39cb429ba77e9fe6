"""Constructors that declare: the signature alone says what an object is made of.

    class Scale(Layer):
        @configured(factor=positive_int)
        def __init__(self, factor: int, offset_initializer: Any = "zeros", **kwargs: Any) -> None:
            self.limit = 10 * self.factor

``Scale(2)`` hands ``**kwargs``, and the arguments that a base class takes too, to the constructor of the base
class; makes each other argument an attribute of its name; then runs the body, which has what is derived, or
checked beyond a single argument. ``configuration(scale)`` reads the attributes back: those of base classes
first, each in the order of its signature.

Arguments whose names end in activation, initializer, regularizer or constraint are looked up as these (names,
configurations and functions are understood), and described in the configuration. What else there is to say of
an argument, ``configured`` is told by its name: a function ``(object, name, value) -> attribute``, or one of
``Argument``, ``fixed`` and ``only``.

Classes of a family that take the same, but for defaults, say it once; the constructor of the others is like
that of the first, perhaps without some of its arguments:

    class MaxPooling3D(MaxPooling2D):
        @configured
        @like(MaxPooling2D.__init__, pool_size=(2, 2, 2))
        def __init__(self) -> None: ...

    class GRUCell(Layer):
        @configured
        @like(GRU.__init__, without=OF_SEQUENCES)
        def __init__(self) -> None: ...

A class that has to change its arguments before the base class sees them has, beside its constructor, a class
method ``_prepare(arguments)``, which changes the dict of them in place: what it takes out is neither handed
on nor made an attribute.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import types
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, ParamSpec, TypeVar, overload
from weakref import WeakKeyDictionary

from . import rules

Constructor = TypeVar("Constructor", bound=Callable[..., None])
Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
Convert = Callable[[Any, str, Any], Any]

#: Where arguments with these last words are looked up.
_OBJECTS = {
    "activation": "activations",
    "initializer": "initializers",
    "init": "initializers",  # in Keras 1
    "regularizer": "regularizers",
    "constraint": "constraints",
}


@dataclass(frozen=True)
class Argument:
    """How an argument is kept and written.

    Attributes:
        convert: function (object, name, value) -> attribute; the arguments before it are attributes already.
        written: whether the configuration has it: always, never, where it is not the default, or where a
            function of the attribute says so.
        after: the argument that it follows in the configuration, if that is not its place in the signature.
        default: of an argument that is taken and not in the signature, as later versions of Keras have it.
        attribute: the name of the attribute, if it is not that of the argument.
    """

    convert: Convert | None = None
    written: Literal["always", "changed", "never"] | Callable[[Any], bool] = "always"
    after: str | None = None
    default: Any = inspect.Parameter.empty
    attribute: str | None = None

    def is_written(self, value: Any, default: Callable[[], Any]) -> bool:
        """Whether the configuration has the argument at this value of the attribute."""
        if callable(self.written):
            return self.written(value)
        return self.written == "always" or self.written == "changed" and value != default()


def converted(function: Callable[[Any], Any]) -> Convert:
    """How an argument is kept that only has to go through a function."""
    return lambda instance, name, value: function(value)


@dataclass(frozen=True)
class fixed:
    """An argument of a base class that a class does not take: the base class is given this value.

    Attributes:
        ignored: whether it may be given all the same, as files do.
    """

    value: Any
    ignored: bool = False


ANY: Any = object()
"""``only(ANY)``: whatever the value is, it changes nothing."""


@dataclass(frozen=True)
class only:
    """An argument of later versions of Keras, of which a class does nothing but what this value, or None,
    asks for. It is not in the signature."""

    value: Any

    def check(self, instance: Any, name: str, value: Any) -> None:
        """ValueError for any other value."""
        if self.value is not ANY and value is not None and value != self.value:
            raise ValueError(
                f"{type(instance).__name__}: {name}={value!r} is not supported; only {name}={self.value!r} "
                "is."
            )


@overload
def configured(constructor: Constructor, /) -> Constructor: ...


@overload
def configured(**kept: Convert | Argument | fixed | only) -> Callable[[Constructor], Constructor]: ...


def configured(constructor: Any = None, /, **kept: Any) -> Any:
    """Makes of ``__init__`` a constructor that declares its arguments; see the module.

    Args:
        kept: what there is to say of an argument, of this constructor or of a base class's.
    """
    return (
        functools.partial(_Declaration, kept=kept) if constructor is None else _Declaration(constructor, {})
    )


def like(
    function: Callable[Arguments, Result], /, *, without: Iterable[str] = (), **defaults: Any
) -> Callable[[Callable[..., Any]], Callable[Arguments, Result]]:
    """Makes of a function the same as another one, with other defaults; name and docstring are its own.

    A constructor, which ``configured`` is to follow, takes the arguments of the other one and keeps a body of
    its own, that is given none of them. It may leave arguments out, which type checkers cannot be told: they
    know it as the other one.

    Args:
        function: the other one.
        without: arguments that a constructor leaves out.
        defaults: argument -> its default here.
    """
    original: Any = inspect.unwrap(function)
    signature = inspect.signature(original)
    if unknown := {*without, *defaults} - signature.parameters.keys():
        raise TypeError(f"{original.__qualname__} has no argument {', '.join(sorted(unknown))}.")
    parameters = [
        p.replace(default=defaults.get(p.name, p.default))
        for p in signature.parameters.values()
        if p.name not in without
    ]

    def declare(named: Callable[..., Any]) -> Callable[Arguments, Result]:
        if named.__name__ == "__init__":
            return _taking(signature.replace(parameters=parameters), named)
        given = [p for p in parameters if p.default is not p.empty]
        made: Any = types.FunctionType(
            original.__code__,
            original.__globals__,
            named.__name__,
            tuple(p.default for p in given if p.kind is not p.KEYWORD_ONLY),
            original.__closure__,
        )
        made.__kwdefaults__ = {p.name: p.default for p in given if p.kind is p.KEYWORD_ONLY}
        made.__annotations__ = original.__annotations__
        made.__module__, made.__qualname__ = named.__module__, named.__qualname__
        made.__doc__ = named.__doc__
        return made

    return declare


def _taking(signature: inspect.Signature, body: Callable[[Any], None]) -> Any:
    """A constructor of this signature, which its declaration calls with what fits it alone."""

    def __init__(instance: Any, /, **arguments: Any) -> None:
        body(instance)

    __init__.__signature__ = signature  # type: ignore[attr-defined]
    __init__.__module__, __init__.__qualname__ = body.__module__, body.__qualname__
    __init__.__doc__ = body.__doc__
    return __init__


class _Declaration:
    """What a constructor declares; ``cls.__init__._declaration`` once the class is made.

    Attributes:
        names: all arguments of the constructor but self and ``**kwargs``.
        own: those that no base class takes.
        kept: argument -> how it is kept, where something is said of it.
        fixed: argument of a base class -> what it is given; ``ignored`` has those that may be given in vain.
        only: argument of later versions -> what it may be.
    """

    def __init__(self, function: Callable[..., None], kept: dict[str, Any]) -> None:
        self.function = function
        self.fixed = {name: how.value for name, how in kept.items() if isinstance(how, fixed)}
        self.ignored = [name for name, how in kept.items() if isinstance(how, fixed) and how.ignored]
        self.only = {name: how for name, how in kept.items() if isinstance(how, only)}
        self.kept = {
            name: how if isinstance(how, Argument) else Argument(how)
            for name, how in kept.items()
            if not isinstance(how, fixed | only)
        }
        parameters = list(inspect.signature(function).parameters.values())[1:]
        named = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
        self.names = [p.name for p in named]
        self.positional = [p.name for p in named if p.kind is p.POSITIONAL_OR_KEYWORD]
        self.required = {p.name for p in named if p.default is p.empty}
        self.defaults = {p.name: p.default for p in named if p.default is not p.empty}
        self.further = {
            name: how.default for name, how in self.kept.items() if how.default is not inspect.Parameter.empty
        }
        self.names += self.further
        self.defaults |= self.further
        self.takes_more = len(named) < len(parameters)

    def __set_name__(self, owner: type, name: str) -> None:
        self.owner: Any = owner
        taken = {argument for base in owner.__mro__[1:-1] for argument in _taken_by(base)}
        self.own = [argument for argument in self.names if argument not in taken]

        @functools.wraps(self.function)
        def __init__(instance: Any, /, *args: Any, **kwargs: Any) -> None:
            self.construct(instance, args, kwargs)

        __init__._declaration = self  # type: ignore[attr-defined]
        setattr(owner, name, __init__)

    def construct(self, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """What a call of the constructor does."""
        given = rules.named_arguments(self._place, self.positional, args)
        if given is None or not self._is_called_right(given, kwargs):
            self._refuse(instance, args, kwargs)
            named = ", ".join((given or {}).keys() & kwargs.keys())
            raise TypeError(f"{self.owner.__name__} got multiple values for {named or 'an argument'}.")
        kwargs = {**given, **kwargs}
        given = {**self.defaults, **self._other_defaults(), **kwargs}
        arguments = dict(given)
        for name in self.only.keys() & kwargs.keys():
            self.only[name].check(instance, name, arguments.pop(name))
        for name in self.ignored:
            arguments.pop(name, None)
        if "_prepare" in vars(self.owner):
            vars(self.owner)["_prepare"].__func__(type(instance), arguments)
        own = {name: arguments.pop(name) for name in self.own if name in arguments}
        super(self.owner, instance).__init__(**self.fixed, **arguments)
        for name, value in own.items():
            attribute, convert = self._keeping[name]
            setattr(instance, attribute, value if convert is None else convert(instance, name, value))
        for name in self.further:
            del given[name]
        self.function(instance, **given)

    def _refuse(self, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Raises the TypeError of any call that a function of this signature does not take."""
        if not hasattr(self.function, "__signature__"):
            self.function(instance, *args, **kwargs)
            return
        try:
            inspect.signature(self.function).bind(instance, *args, **kwargs)
        except TypeError as error:
            most = len(self.positional)
            counted = f" (at most {most}; {len(args)} were given)" if len(args) > most else ""
            raise TypeError(f"{self.function.__qualname__}() {error}{counted}") from None

    def _other_defaults(self) -> dict[str, Any]:
        """Those of the rules in force, where they are not the signature's."""
        its = rules.in_force().defaults.get(self.owner.__name__, {})
        return {name: default for name, default in its.items() if self.takes_more or name in self.names}

    def _is_called_right(self, given: dict[str, Any], kwargs: dict[str, Any]) -> bool:
        names = given.keys() | kwargs.keys()
        return (
            given.keys().isdisjoint(kwargs)
            and self.required <= names
            and (self.takes_more or all(name in self.names for name in names))
        )

    @functools.cached_property
    def _place(self) -> str:
        return rules.place_of(self.owner)

    @functools.cached_property
    def _keeping(self) -> dict[str, tuple[str, Convert | None]]:
        """Argument -> its attribute, and how it becomes that, if not as it is."""
        kept = {name: self.kept.get(name, Argument()) for name in self.own}
        return {name: (how.attribute or name, how.convert or _lookup(name)) for name, how in kept.items()}


def _lookup(argument: str) -> Convert | None:
    objects = _objects(argument)
    return None if objects is None else lambda instance, name, value: objects.get(value)


def _taken_by(base: type) -> list[str]:
    """The arguments that the constructor of a class names."""
    constructor = vars(base).get("__init__")
    if constructor is None:
        return []
    declaration = getattr(constructor, "_declaration", None)
    return declaration.names if declaration else list(inspect.signature(constructor).parameters)


@functools.cache
def _objects(argument: str) -> Any:
    """The module with ``get`` and ``serialize`` for what an argument names; None for values as they are."""
    module = _OBJECTS.get(argument.rsplit("_", 1)[-1])
    return module and importlib.import_module(f".{module}", __package__)


def _declarations(cls: type) -> list[_Declaration]:
    """What the constructors of a class and its bases declare, that of the class first."""
    constructors = (vars(base).get("__init__") for base in cls.__mro__)
    return [c._declaration for c in constructors if hasattr(c, "_declaration")]  # type: ignore[union-attr]


_ABSENT = object()
_DECLARED: WeakKeyDictionary[type, dict[str, Argument]] = WeakKeyDictionary()


def declared(cls: type) -> dict[str, Argument]:
    """The arguments of a class and its bases that are attributes, in the order of the configuration."""
    found = _DECLARED.get(cls)
    if found is None:
        found = _DECLARED[cls] = _found_declared(cls)
    return found


def _found_declared(cls: type) -> dict[str, Argument]:
    found: dict[str, Argument] = {}
    for declaration in reversed(_declarations(cls)):
        found |= {name: Argument() for name in declaration.own} | declaration.kept
        for name, how in declaration.kept.items():
            if how.after is not None:
                found = _moved(found, name, how.after)
        left_out = {*declaration.fixed, *declaration.only}
        found = {name: how for name, how in found.items() if name not in left_out}
    return found


def _moved(arguments: dict[str, Argument], name: str, after: str) -> dict[str, Argument]:
    names = [argument for argument in arguments if argument != name]
    names.insert(names.index(after) + 1, name)
    return {argument: arguments[argument] for argument in names}


def arguments_of(cls: type) -> list[str]:
    """What the nearest constructor that declares them takes, in the order of its signature."""
    return _declarations(cls)[0].names


def configuration(instance: Any) -> dict[str, Any]:
    """The arguments from which an equal object can be made, as files have them.

    What the constructor of a subclass has not made an attribute, because it calls that of a farther base
    class, is left out.
    """
    found: dict[str, Any] = {}
    for name, how in declared(type(instance)).items():
        value = getattr(instance, how.attribute or name, _ABSENT)
        if value is not _ABSENT and how.is_written(value, functools.partial(_default, type(instance), name)):
            objects = _objects(name)
            found[name] = value if objects is None else objects.serialize(value)
    return found


def _default(cls: type, argument: str) -> Any:
    """The default of an argument in the class nearest to ``cls`` whose constructor has it."""
    return next(d.defaults[argument] for d in _declarations(cls) if argument in d.defaults)
