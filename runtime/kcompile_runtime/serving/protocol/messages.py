"""Messages of protobuf from tables of names and numbers.

The classes are made at run time, in a pool of their own: generated modules work with some versions of
protobuf only, and would meet those of a client in one process.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_FIELD: Any = descriptor_pb2.FieldDescriptorProto


def declared(
    package: str, messages: Mapping[str, str], enums: Mapping[str, tuple[str, ...]] | None = None
) -> dict[str, Any]:
    """The classes of messages, by name.

    Args:
        package: of all of them.
        messages: the fields of each as "name=number:type"; * is repeated, % a map from texts, | one of
            several, ! one of ``enums``. A message stands before those inside it.
        enums: names of the values, which count from 0.
    """
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto3")
    for name, values in (enums or {}).items():
        enum = file.enum_type.add(name=name)
        for number, value in enumerate(values):
            enum.value.add(name=value, number=number)
    made: dict[str, Any] = {}
    for name, fields in messages.items():
        outer, _, inner = name.rpartition(".")
        message = (made[outer].nested_type if outer else file.message_type).add(name=inner)
        made[name] = message
        for text in fields.split():
            _add_field(message, package, name, text)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}"))
        for name in messages
    }


def _add_field(message: Any, package: str, path: str, text: str) -> None:
    name, _, rest = text.partition("=")
    number, _, kind = rest.partition(":")
    field = message.field.add(name=name, number=int(number), label=_FIELD.LABEL_OPTIONAL)
    if kind[0] in "*%":
        field.label = _FIELD.LABEL_REPEATED
    if kind[0] == "|":
        if not message.oneof_decl:
            message.oneof_decl.add(name="parameter_choice")
        field.oneof_index = 0
    if kind[0] == "%":
        entry = message.nested_type.add(name=f"{name.title().replace('_', '')}Entry")
        entry.options.map_entry = True
        _add_field(entry, package, path, "key=1:string")
        _add_field(entry, package, path, f"value=2:{kind[1:]}")
        field.type, field.type_name = _FIELD.TYPE_MESSAGE, f".{package}.{path}.{entry.name}"
        return
    if kind[0] == "!":
        field.type, field.type_name = _FIELD.TYPE_ENUM, f".{package}.{kind[1:]}"
        return
    kind = kind.lstrip("*|")
    if kind[0].isupper():
        field.type, field.type_name = _FIELD.TYPE_MESSAGE, f".{package}.{kind}"
    else:
        field.type = getattr(_FIELD, f"TYPE_{kind.upper()}")
