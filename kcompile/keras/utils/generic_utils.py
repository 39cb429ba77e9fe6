"""Custom objects, (de)serialisation of objects by name, and list helpers.

Names, parameters and defaults are those of ``keras.utils.generic_utils`` in Keras 2.3.
"""

from __future__ import annotations

import base64
import binascii
import builtins
import contextvars
import difflib
import inspect
import marshal
import sys
import types
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from .. import registry, rules
from .living import class_name, goes_itself
from .progbar import Progbar as Progbar

_GLOBAL_CUSTOM_OBJECTS: dict[str, Any] = {}
_REGISTERED_NAMES: dict[Any, str] = {}
_SAFE_MODE: contextvars.ContextVar[bool] = contextvars.ContextVar("kcompile_safe_mode", default=True)

# Names that every Keras module holds beside its objects. A file must not be able to call them.
_MACHINERY = frozenset({"get", "serialize", "deserialize"})


class CustomObjectScope:
    """``with`` scope in which objects are known by name to every loading function.

    Args:
        *args: dictionaries name -> class or function. ``None`` entries are ignored.

    At the end of the scope the global table is what it was before, whatever was changed inside.
    """

    def __init__(self, *args: Mapping[str, Any] | None) -> None:
        self.custom_objects = args
        self.backup: dict[str, Any] = {}

    def __enter__(self) -> CustomObjectScope:
        self.backup = dict(_GLOBAL_CUSTOM_OBJECTS)
        for objects in self.custom_objects:
            _GLOBAL_CUSTOM_OBJECTS.update(objects or {})
        return self

    def __exit__(self, *args: object, **kwargs: Any) -> None:
        _GLOBAL_CUSTOM_OBJECTS.clear()
        _GLOBAL_CUSTOM_OBJECTS.update(self.backup)


def custom_object_scope(*args: Mapping[str, Any] | None) -> CustomObjectScope:
    """``CustomObjectScope(*args)``, spelled as a function."""
    return CustomObjectScope(*args)


def get_custom_objects() -> dict[str, Any]:
    """The live global dictionary name -> custom object; changing it changes what loading finds."""
    return _GLOBAL_CUSTOM_OBJECTS


def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Callable[[Any], Any]:
    """Decorator (tf.keras 2.1 and later): make a class or function known as ``package>name``.

    Raises:
        ValueError: for a class without ``get_config``, or a name that something else has.
    """

    def register(obj: Any) -> Any:
        if inspect.isclass(obj) and not hasattr(obj, "get_config"):
            raise ValueError(f"Cannot register class {obj.__name__}: it has no get_config() method.")
        registered = f"{package}>{name or obj.__name__}"
        taken = _GLOBAL_CUSTOM_OBJECTS.get(registered, obj)
        if taken is not obj and _definition(taken) != _definition(obj):
            raise ValueError(
                f"{registered} is already registered to {taken!r}; choose another name or package."
            )
        _GLOBAL_CUSTOM_OBJECTS[registered] = obj
        _REGISTERED_NAMES[obj] = registered
        return obj

    return register


def registered_name(obj: Any) -> str | None:
    """The name under which ``register_keras_serializable`` made a function or class known, else None."""
    return _REGISTERED_NAMES.get(obj) if isinstance(obj, type | types.FunctionType) else None


def _definition(obj: Any) -> tuple[Any, Any]:
    # A notebook cell that is run again defines the same class anew: that replaces, it does not clash.
    return getattr(obj, "__module__", None), getattr(obj, "__qualname__", None)


@rules.with_arguments
def serialize_keras_object(instance: Any) -> Any:
    """``None``, ``{'class_name', 'config'}`` for objects with ``get_config``, or a function's name; within
    ``living`` a function itself.

    Raises:
        ValueError: for an object that has neither ``get_config`` nor a name.
    """
    if instance is None:
        return None
    if hasattr(instance, "get_config"):
        name = class_name(instance, _REGISTERED_NAMES.get(instance.__class__))
        return {"class_name": name, "config": instance.get_config()}
    if goes_itself(instance):
        return instance
    if hasattr(instance, "__name__"):
        return _REGISTERED_NAMES.get(instance, instance.__name__) if callable(instance) else instance.__name__
    raise ValueError(
        f"Cannot serialize {instance!r} of type {type(instance).__name__}: it has neither "
        "get_config() nor a __name__."
    )


@rules.with_arguments
def deserialize_keras_object(
    identifier: Any,
    module_objects: Mapping[str, Any] | None = None,
    custom_objects: Mapping[str, Any] | None = None,
    printable_module_name: str = "object",
    safe_mode: bool | None = None,
) -> Any:
    """Build the object that a config names, or look a function up by name.

    Args:
        identifier: ``None``; a dict ``{'class_name': ..., 'config': {...}}`` (Keras 3's extra keys ``module``
            and ``registered_name`` are accepted, no module is ever imported by name); a function's name; or
            without module_objects a list of these.
        module_objects: name -> class or function, the built-in objects of the calling module; of all of them
            by default.
        custom_objects: name -> class or function, looked at first.
        printable_module_name: what is being loaded ("layer", "loss function"...), for error messages.
        safe_mode: False lets it run code from the config; None asks the surrounding ``SafeModeScope``.

    Raises:
        ValueError: for an unknown name (the message lists near names) or a malformed config.
    """
    if safe_mode is not None:
        with SafeModeScope(safe_mode):
            return deserialize_keras_object(identifier, module_objects, custom_objects, printable_module_name)
    if identifier is None:
        return None
    if callable(identifier) and not isinstance(identifier, type):  # never from a file: see ``living``
        return identifier
    if isinstance(identifier, str):
        return _find_object(identifier, module_objects, custom_objects, printable_module_name)
    if module_objects is None and isinstance(identifier, list | tuple):
        return [
            deserialize_keras_object(entry, None, custom_objects, printable_module_name)
            for entry in identifier
        ]
    if not isinstance(identifier, Mapping):
        raise ValueError(
            f"Could not interpret serialized {printable_module_name}: expected a name or a dict with "
            f"'class_name' and 'config', found {identifier!r} of type {type(identifier).__name__}."
        )
    if "class_name" not in identifier or "config" not in identifier:
        raise ValueError(
            f"Improper config format for {printable_module_name}: expected the keys 'class_name' and "
            f"'config', found {sorted(map(str, identifier))} in {dict(identifier)!r}."
        )
    class_name, config = identifier["class_name"], identifier["config"]
    if class_name == "function" and isinstance(config, str):  # how Keras 3 writes a function
        return _find_object(config, module_objects, custom_objects, printable_module_name)
    if not isinstance(class_name, str):
        raise ValueError(
            f"Improper config format for {printable_module_name}: class_name must be a string, "
            f"found {class_name!r}."
        )
    name = identifier.get("registered_name") or class_name
    if not _is_known(name, custom_objects):
        name = class_name
    if module_objects is None:
        kind = registry.kind_of(name.rsplit(">", 1)[-1], identifier.get("module"))
        module_objects = None if kind is None else registry.names(kind)
    cls = _find_object(name, module_objects, custom_objects, printable_module_name)
    return _from_config(cls, config, dict(custom_objects or {}))


def interpreted(
    identifier: Any, deserialize: Callable[[Any], Any], kind: str, makers: Mapping[str, Any] | None = None
) -> Any:
    """What a name, a configuration or a callable stands for; the name of a class or of ``makers`` makes one.

    Raises:
        ValueError: for an unknown name, or for what is none of these.
    """
    if isinstance(identifier, str | Mapping):
        found = deserialize(identifier)
        made_here = isinstance(identifier, str) and makers and found is makers.get(identifier)
        return found() if made_here or inspect.isclass(found) else found
    if callable(identifier):
        return identifier
    raise ValueError(
        f"Could not interpret {kind} identifier: expected a name, a config dict or a callable, "
        f"found {identifier!r}."
    )


def _from_config(cls: Any, config: Any, custom_objects: dict[str, Any]) -> Any:
    from_config = getattr(cls, "from_config", None)
    if from_config is not None and has_arg(from_config, "custom_objects"):
        return from_config(config, custom_objects={**_GLOBAL_CUSTOM_OBJECTS, **custom_objects})
    with CustomObjectScope(custom_objects):
        # By convention a function that returns an object takes the config as keyword arguments.
        return from_config(config) if from_config is not None else cls(**config)


def _custom_lookup(name: str, custom_objects: Mapping[str, Any] | None) -> Any:
    bare = name.rsplit(">", 1)[-1]
    for table in (custom_objects or {}, _GLOBAL_CUSTOM_OBJECTS):
        for key in (name, bare):
            if key in table:
                return table[key]
    registered = [obj for obj, own in _REGISTERED_NAMES.items() if own.rsplit(">", 1)[-1] == bare]
    return registered[0] if len(registered) == 1 and ">" not in name else None


def _is_known(name: Any, custom_objects: Mapping[str, Any] | None) -> bool:
    return isinstance(name, str) and _custom_lookup(name, custom_objects) is not None


def _find_object(
    name: str,
    module_objects: Mapping[str, Any] | None,
    custom_objects: Mapping[str, Any] | None,
    kind: str,
) -> Any:
    found = _custom_lookup(name, custom_objects)
    if found is None:
        bare = name.rsplit(">", 1)[-1]  # tf.keras writes its own optimizers as "Custom>Adam"
        found = (module_objects or {}).get(bare)
        if found is not None and not _may_be_named_by_a_config(bare, found):
            found = None
    if found is None:
        found = registry.elsewhere(name.rsplit(">", 1)[-1])
    if found is None:
        raise ValueError(_unknown_message(name, module_objects or {}, custom_objects or {}, kind))
    return found


def _may_be_named_by_a_config(name: str, obj: Any) -> bool:
    """Whether a config may name this object of a table.

    Of what is built in, that which the registry names. Users pass ``globals()`` of theirs, which also hold
    imported modules and helpers: calling those with arguments from a file is the gadget of CVE-2025-8747 and
    CVE-2025-9906, so only objects proper pass.
    """
    if registry.is_named(obj):
        return True
    if name.startswith("_") or name in _MACHINERY or inspect.ismodule(obj) or not callable(obj):
        return False
    if inspect.isclass(obj):
        return hasattr(obj, "get_config") or hasattr(obj, "from_config")
    if inspect.isbuiltin(obj):
        return False
    return not registry.is_built_in(obj)


def _unknown_message(
    name: str, module_objects: Mapping[str, Any], custom_objects: Mapping[str, Any], kind: str
) -> str:
    known = {key for key, obj in module_objects.items() if _may_be_named_by_a_config(key, obj)}
    known |= set(custom_objects) | set(_GLOBAL_CUSTOM_OBJECTS)
    return (
        f"Unknown {kind}: {name!r}.{did_you_mean(name, known, 3)} If it is your own, pass it by name: "
        f"custom_objects={{{name!r}: ...}}, or load inside custom_object_scope."
    )


def did_you_mean(name: str, known: Iterable[str], count: int = 1) -> str:
    """For the end of a message: `` Did you mean 'units'?`` with at most ``count`` names; else nothing."""
    near = close_names(name, known, count)
    return f" Did you mean {' or '.join(map(repr, near))}?" if near else ""


def close_names(name: str, known: Iterable[str], count: int = 3) -> list[str]:
    """At most ``count`` names of ``known`` like ``name``, best first; case and ``_`` do not matter."""
    folded: dict[str, list[str]] = {}
    for candidate in sorted(known):
        folded.setdefault(candidate.lower().replace("_", ""), []).append(candidate)
    near = difflib.get_close_matches(str(name).lower().replace("_", ""), folded, n=count, cutoff=0.7)
    return [candidate for key in near for candidate in folded[key]][:count]


class SafeModeScope:
    """``with SafeModeScope(False):`` lets loading functions inside run code from a file (Lambda bytecode).

    The default everywhere is safe. Only for files whose author is trusted.
    """

    def __init__(self, safe_mode: bool = True) -> None:
        self.safe_mode = bool(safe_mode)
        self._token: contextvars.Token[bool] | None = None

    def __enter__(self) -> SafeModeScope:
        self._token = _SAFE_MODE.set(self.safe_mode)
        return self

    def __exit__(self, *args: object) -> None:
        if self._token is not None:
            _SAFE_MODE.reset(self._token)


def in_safe_mode() -> bool:
    """Whether code from files is refused here (True unless inside ``SafeModeScope(False)``)."""
    return _SAFE_MODE.get()


def func_dump(func: Callable[..., Any]) -> tuple[str, tuple[Any, ...] | None, tuple[Any, ...] | None]:
    """``(code, defaults, closure)`` of a Python function, as Keras 2 writes Lambda layers.

    ``code`` is the base64 text of the marshalled bytecode: Keras reads it under the same Python version only.

    Raises:
        ValueError: ``func`` is not a function written in Python (a built-in, a class, a partial).
    """
    if not isinstance(func, types.FunctionType):
        raise ValueError(
            f"Only a Python function has bytecode to save; found {func!r} of type {type(func).__name__}."
        )
    code = base64.encodebytes(marshal.dumps(func.__code__)).decode("ascii")
    closure = tuple(cell.cell_contents for cell in func.__closure__) if func.__closure__ else None
    return code, func.__defaults__, closure


def func_load(
    code: Any,
    defaults: Iterable[Any] | None = None,
    closure: Iterable[Any] | None = None,
    globs: dict[str, Any] | None = None,
    *,
    safe_mode: bool | None = None,
) -> Callable[..., Any]:
    """The function that ``func_dump`` wrote. Refused unless safe mode is off.

    Args:
        code: base64 text of marshalled bytecode, or the whole ``(code, defaults, closure)``.
        defaults: default values of the last positional parameters.
        closure: values of the free variables.
        globs: global names the function sees; by default the built-ins and ``np``.
        safe_mode: False allows it. None asks the surrounding ``SafeModeScope`` (safe without one).

    Raises:
        ValueError: safe mode is on, or the bytecode is damaged or from another Python version.
    """
    if in_safe_mode() if safe_mode is None else safe_mode:
        raise ValueError(
            "Refused to load a function from bytecode (a Lambda layer holds one): running it would run code "
            "from the file. If you trust the author of the file, load it with safe_mode=False; otherwise "
            "rebuild the model in code and load its weights only."
        )
    if isinstance(code, (tuple, list)):
        code, defaults, closure = code
    try:
        code_object = marshal.loads(base64.b64decode(code, validate=False))  # noqa: S302  not in safe mode
    except (binascii.Error, ValueError, EOFError, TypeError) as error:
        raise ValueError(
            "The function's bytecode cannot be read by Python "
            f"{sys.version_info[0]}.{sys.version_info[1]}: {error}. "
            "It is damaged, or was written by another Python version; define the layer in code instead."
        ) from error
    if not isinstance(code_object, types.CodeType):
        raise ValueError(
            f"Expected the bytecode of a function, found a marshalled {type(code_object).__name__}."
        )
    cells = tuple(c if isinstance(c, types.CellType) else types.CellType(c) for c in closure or ())
    if len(cells) != len(code_object.co_freevars):
        raise ValueError(
            f"Function {code_object.co_name!r} needs {len(code_object.co_freevars)} closure values "
            f"{code_object.co_freevars}, found {len(cells)}."
        )
    return types.FunctionType(
        code_object,
        {"__builtins__": builtins, "np": np} if globs is None else globs,
        name=code_object.co_name,
        argdefs=None if defaults is None else tuple(defaults),
        closure=cells or None,
    )


class ArgSpec(NamedTuple):
    """The arguments of a function, as Python 2 told them."""

    args: list[str]
    varargs: str | None
    keywords: str | None
    defaults: tuple[Any, ...] | None


def getargspec(fn: Callable[..., Any]) -> ArgSpec:
    """``(args, varargs, keywords, defaults)`` of a function."""
    spec = inspect.getfullargspec(fn)
    return ArgSpec(spec.args, spec.varargs, spec.varkw, spec.defaults)


def has_arg(fn: Callable[..., Any], name: str, accept_all: bool = False) -> bool:
    """Whether ``fn`` takes ``name`` as a keyword; with ``accept_all`` a ``**kwargs`` counts too."""
    parameters = inspect.signature(fn).parameters
    parameter = parameters.get(name)
    if parameter is None:
        return accept_all and any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
    return parameter.kind in (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def to_list(x: Any, allow_tuple: bool = False) -> list[Any]:
    """``x`` itself if it is a list, else ``[x]``; a tuple becomes a list with ``allow_tuple``."""
    if isinstance(x, list):
        return x
    if allow_tuple and isinstance(x, tuple):
        return list(x)
    return [x]


def unpack_singleton(x: Any) -> Any:
    """The one element of a list or tuple of length one, else ``x``."""
    return x[0] if len(x) == 1 else x


def object_list_uid(object_list: Any) -> str:
    """A text that identifies these very objects."""
    return ", ".join(str(abs(id(x))) for x in to_list(object_list))


def is_all_none(iterable_or_element: Any) -> bool:
    """Whether the element, or every element of the list or tuple, is None."""
    return all(x is None for x in to_list(iterable_or_element, allow_tuple=True))


def slice_arrays(arrays: Any, start: Any = None, stop: int | None = None) -> Any:
    """``[start:stop]`` of an array or of each array of a list (None entries stay None).

    ``start`` may also be a list or array of indices; then ``stop`` is not looked at.
    """
    if arrays is None:
        return [None]
    if hasattr(start, "__len__"):
        index = start.tolist() if hasattr(start, "shape") else start  # h5py takes lists only
    else:
        index = slice(start, stop)
    if isinstance(arrays, list):
        return [None if x is None else x[index] for x in arrays]
    return arrays[index]


def transpose_shape(shape: Any, target_format: str, spatial_axes: Iterable[int]) -> Any:
    """A channels_last shape in ``target_format``.

    Args:
        shape: tuple or list, channels last.
        target_format: "channels_first" or "channels_last".
        spatial_axes: where the spatial axes are in ``shape``.

    Returns:
        The same type as ``shape``: ``(16, 128, 64, 3)`` with axes (1, 2) gives ``(16, 3, 128, 64)``.
    """
    if target_format == "channels_last":
        return shape
    if target_format != "channels_first":
        raise ValueError(f'data_format must be "channels_first" or "channels_last", found {target_format!r}.')
    axes = tuple(spatial_axes)
    return type(shape)([*shape[: axes[0]], shape[-1], *(shape[a] for a in axes)])


def check_for_unexpected_keys(
    name: str, input_dict: Mapping[str, Any], expected_values: Iterable[str]
) -> None:
    """ValueError if ``input_dict`` has keys outside ``expected_values``."""
    expected = list(expected_values)
    unknown = [key for key in input_dict if key not in expected]
    if unknown:
        raise ValueError(
            f"Unknown entries in {name} dictionary: {unknown}. Only expected following keys: {expected}"
        )


registry.register(globals())
