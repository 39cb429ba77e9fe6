"""Model configs as YAML text, in the form of Keras's ``Model.to_yaml``.

Only plain data is read: YAML's core types, and the ``!!python/tuple`` that Keras 2 wrote for shapes, read as
a list. Every other tag is refused (CVE-2021-37678: Keras built any Python object that a YAML file named).
"""

from __future__ import annotations

import json as stdlib_json
import re
from typing import TYPE_CHECKING, Any

import yaml

from kcompile.formats import json
from kcompile.formats.archive import Archive, FileFormatError, UnsafeFileError

if TYPE_CHECKING:
    from kcompile.formats.registry import Source, Target

#: A YAML node takes about 1 KB while it is parsed.
MAX_NODES = 200_000
#: The largest text that is parsed.
MAX_BYTES = 4 * 2**20
#: Numbers longer than this are refused: YAML's base-60 integers take quadratic time.
_MAX_NUMBER = 64

_BaseLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_BaseLoader):
    """SafeLoader restricted to JSON's types and the tuples of Keras 2."""


class _Dumper(yaml.SafeDumper):
    """SafeDumper that writes a value again where it is shared, rather than an alias."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _number(parse: Any) -> Any:
    def construct(loader: Any, node: Any) -> Any:
        if len(node.value) > _MAX_NUMBER:
            raise yaml.constructor.ConstructorError(
                None, None, "a number of too many digits", node.start_mark
            )
        return parse(loader, node)

    return construct


def _sequence(loader: Any, node: Any) -> list[Any]:
    return loader.construct_sequence(node, deep=True)


def _refuse(loader: Any, node: Any) -> Any:
    raise yaml.constructor.ConstructorError(None, None, f"the tag {node.tag!r}", node.start_mark)


_TAG = "tag:yaml.org,2002:"
_Loader.yaml_constructors = {
    _TAG + "null": yaml.SafeLoader.construct_yaml_null,
    _TAG + "bool": yaml.SafeLoader.construct_yaml_bool,
    _TAG + "int": _number(yaml.SafeLoader.construct_yaml_int),
    _TAG + "float": _number(yaml.SafeLoader.construct_yaml_float),
    _TAG + "str": yaml.SafeLoader.construct_yaml_str,
    _TAG + "timestamp": yaml.SafeLoader.construct_yaml_str,  # a name such as 2020-01-01 stays text
    _TAG + "seq": _sequence,
    _TAG + "map": yaml.SafeLoader.construct_yaml_map,
    _TAG + "python/tuple": _sequence,
    # Keras under Python 2 tagged its texts so.
    _TAG + "python/unicode": yaml.SafeLoader.construct_yaml_str,
    _TAG + "python/str": yaml.SafeLoader.construct_yaml_str,
    None: _refuse,
}


def read(source: Source, lazy: bool = False) -> Archive:
    """Read a YAML file (see :func:`loads`)."""
    return loads(source.read_text(MAX_BYTES), source.name)


def write(archive: Archive, target: Target) -> None:
    """Write the archive's config as YAML (see :func:`dumps`)."""
    text = dumps(archive)
    target.write(text.encode("utf-8"))


def dumps(archive: Archive, **kwargs: Any) -> str:
    """The config as ``to_yaml`` writes it (keys sorted), with lists for tuples so that any YAML reader takes
    it.

    Args:
        archive: its ``config`` and ``metadata`` are used, weights are not.
        **kwargs: passed to ``yaml.dump``.

    Raises:
        ValueError: the archive has no config.
        TypeError: the config holds something other than plain data.
    """
    data = stdlib_json.loads(stdlib_json.dumps(json.with_versions(archive), default=json.plain))
    return yaml.dump(data, Dumper=_Dumper, **kwargs)


def loads(text: str | bytes, name: str = "YAML config") -> Archive:
    """Read what ``to_yaml`` of Keras 1, Keras 2, tf.keras or this package wrote, or a definition by hand.

    Raises:
        FileFormatError: not YAML, not a model config, or beyond the limits on size (4 MiB), nodes and depth.
        UnsafeFileError: a tag that names a Python object, or aliases that expand without end.
    """
    return json.from_config(parse(text, name), name, "yaml")


def parse(text: str | bytes, name: str) -> Any:
    """Parse one YAML document of bounded size into dicts, lists and scalars."""
    if len(text) > MAX_BYTES:
        raise FileFormatError(name, f"the config has {len(text)} bytes, more than the {MAX_BYTES} allowed.")
    try:
        _check_events(text, name)
        value = yaml.load(text, Loader=_Loader)  # noqa: S506  a subclass of SafeLoader
    except yaml.constructor.ConstructorError as error:
        if "the tag" in str(error.problem):
            raise UnsafeFileError(
                name,
                f"{error.problem} is refused{_place(error)}: a model config holds plain data alone "
                "(mappings, lists, text, numbers, and !!python/tuple).",
            ) from error
        raise FileFormatError(name, f"not a valid YAML config: {error.problem}{_place(error)}.") from error
    except yaml.YAMLError as error:
        raise FileFormatError(name, f"not valid YAML ({_one_line(error)}); is the file truncated?") from error
    except FileFormatError:
        raise
    # An impossible number, bad UTF-8, an unhashable key.
    except (ValueError, OverflowError, TypeError) as error:
        raise FileFormatError(name, f"not a valid YAML config ({_one_line(error)}).") from error
    return _unshared(value, name)


def _check_events(text: str | bytes, name: str) -> None:
    """Bound depth and expanded size on the event stream, before anything recursive looks at the document."""
    sizes: dict[str | None, int] = {}  # nodes below each anchor, its aliases expanded
    stack: list[tuple[str | None, int]] = [(None, 0)]
    for event in yaml.parse(text, Loader=_BaseLoader):
        if isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            stack.append((event.anchor, 1))
            if len(stack) > json.MAX_DEPTH:
                raise FileFormatError(name, f"the config is nested more than {json.MAX_DEPTH} levels deep.")
            continue
        if isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            anchor, size = stack.pop()
        elif isinstance(event, yaml.ScalarEvent):
            anchor, size = event.anchor, 1
        elif isinstance(event, yaml.AliasEvent):
            if any(event.anchor == open_anchor for open_anchor, _ in stack):
                raise UnsafeFileError(name, f"the alias '*{event.anchor}' contains itself.")
            anchor, size = None, sizes.get(event.anchor, 1)
        else:
            continue
        if anchor is not None:
            sizes[anchor] = size
        outer, count = stack[-1]
        stack[-1] = (outer, count + size)
        if count + size > MAX_NODES:
            raise UnsafeFileError(
                name, f"the config has more than {MAX_NODES} nodes once its aliases are expanded."
            )


def _unshared(value: Any, name: str) -> Any:
    """A copy in which aliases are values of their own, with text for keys. Depth and size are bounded by
    now."""
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise FileFormatError(name, f"mapping keys are expected to be text, found {key!r}.")
        return {key: _unshared(item, name) for key, item in value.items()}
    if isinstance(value, list):
        return [_unshared(item, name) for item in value]
    return value


def _place(error: Any) -> str:
    mark = getattr(error, "problem_mark", None)
    return "" if mark is None else f" (line {mark.line + 1}, column {mark.column + 1})"


def _one_line(error: BaseException) -> str:
    return re.sub(r"\s+", " ", str(error)).strip()[:300]
