"""``tf.strings``: functions of text, element by element; it is computed at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...ir import StringTensor, Value
from ...keras.operations.text_operators import lowered, raised, replaced
from ...keras.utils.fingerprints import fingerprints
from ..tensorflow.dtypes import as_dtype
from ..tensorflow.tensors import convert_to_tensor
from ..tensorflow.text import text_array, text_of
from .ragged import RaggedTensor, of_rows

Text = Any


def _each(function: Callable[[bytes], Any], input: Text, dtype: Any = None) -> Any:
    """What a function makes of each text, as text or of an element type."""
    if isinstance(input, RaggedTensor):
        return input.with_flat_values(_each(function, input.flat_values, dtype))
    given = text_of(input).array
    made = [function(x) for x in given.reshape(-1)]
    if dtype is not None:
        return convert_to_tensor(np.array(made, dtype).reshape(given.shape))
    return text_array(made, given.shape)


def _is_symbolic(text: Any) -> bool:
    """Whether it is text in a graph, as an exported file has it."""
    return isinstance(text, Value) and not isinstance(text, StringTensor) and text.dtype == object


def _replaced_in_graph(text: Value, pattern: Any, rewrite: Any) -> Value:
    """``regex_replace`` in a graph: of literal text, or of each of a set of characters.

    Raises:
        ValueError: for any other pattern, which ONNX has no operators for.
    """
    source, new = (x.decode() if isinstance(x, bytes) else str(x) for x in (pattern, rewrite))
    is_set = source.startswith("[") and source.endswith("]") and not source.startswith("[^")
    literal = _without_escapes(source[1:-1] if is_set else source, "[]^-" if is_set else _META)
    olds = list(dict.fromkeys(literal or "")) if is_set else [literal or ""]
    if not literal or "\\" in new or is_set and any(old in new for old in olds):
        raise ValueError(f"the pattern {source!r} is neither literal text nor a set of characters")
    for old in olds:
        text = replaced(text, old, new)
    return text


_META = ".^$*+?{}[]()|"


def _without_escapes(source: str, special: str) -> str | None:
    """The characters that a pattern stands for; None if some stand for more than themselves."""
    found, rest = "", iter(source)
    for character in rest:
        if character == "\\":
            character = next(rest, "")
            if not character or character.isalnum():
                return None
        elif character in special:
            return None
        found += character
    return found


def _array(value: Any) -> Any:
    return value.numpy() if isinstance(value, Value) else value


def lower(input: Text, encoding: str = "", name: Any = None) -> Any:
    """In small letters; of ASCII alone unless ``encoding`` is "utf-8"."""
    if _is_symbolic(input) and not encoding:
        return lowered(input)
    return _each(lambda x: x.decode().lower().encode() if encoding else x.lower(), input)


def upper(input: Text, encoding: str = "", name: Any = None) -> Any:
    """In capital letters; of ASCII alone unless ``encoding`` is "utf-8"."""
    if _is_symbolic(input) and not encoding:
        return raised(input)
    return _each(lambda x: x.decode().upper().encode() if encoding else x.upper(), input)


def strip(input: Text, name: Any = None) -> Any:
    """Without white space at both ends."""
    return _each(bytes.strip, input)


def length(input: Text, unit: str = "BYTE", name: Any = None) -> Any:
    """Number of bytes, or of characters for ``unit="UTF8_CHAR"``: int32."""
    return _each(
        lambda x: len(x.decode(errors="replace")) if unit == "UTF8_CHAR" else len(x), input, np.int32
    )


def _pattern(pattern: Any) -> re.Pattern[bytes]:
    """RE2's pattern as Python's, which shares all but classes of Unicode and [:punct:]."""
    text: Any = pattern.numpy() if isinstance(pattern, Value) else pattern
    text = text.encode() if isinstance(text, str) else text
    for name, members in _CLASSES.items():
        text = text.replace(b"[:%s:]" % name, members)
    return re.compile(text)


#: POSIX classes, inside brackets.
_CLASSES = {
    b"alnum": b"0-9A-Za-z", b"alpha": b"A-Za-z", b"digit": b"0-9", b"lower": b"a-z", b"upper": b"A-Z",
    b"punct": rb"!-\/:-@\[-`{-~", b"space": rb"\t\n\v\f\r ", b"word": rb"0-9A-Za-z_",
}  # fmt: skip


def regex_replace(
    input: Text, pattern: Any, rewrite: Any, replace_global: bool = True, name: Any = None
) -> Any:
    r"""With what fits a pattern replaced; ``\1`` in ``rewrite`` is its first group, ``\0`` all of it."""
    if _is_symbolic(input) and replace_global:
        return _replaced_in_graph(input, pattern, rewrite)
    compiled = _pattern(pattern)
    text: Any = rewrite.numpy() if isinstance(rewrite, Value) else rewrite
    text = (text.encode() if isinstance(text, str) else text).replace(rb"\0", rb"\g<0>")
    return _each(lambda x: compiled.sub(text, x, count=0 if replace_global else 1), input)


def regex_full_match(input: Text, pattern: Any, name: Any = None) -> Any:
    """Whether all of each text fits a pattern."""
    compiled = _pattern(pattern)
    return _each(lambda x: compiled.fullmatch(x) is not None, input, bool)


def substr(input: Text, pos: Any, len: Any, unit: str = "BYTE", name: Any = None) -> Any:
    """The part of so many bytes, or characters for ``unit="UTF8_CHAR"``, from a place on."""
    given, starts, lengths = np.broadcast_arrays(
        text_of(input).array, np.asarray(_array(pos)), np.asarray(_array(len))
    )
    flat = [
        _part(x, int(p), int(n), unit) for x, p, n in zip(given.flat, starts.flat, lengths.flat, strict=True)
    ]
    return text_array(flat, given.shape)


def _part(text: bytes, start: int, length: int, unit: str) -> bytes:
    if unit == "UTF8_CHAR":
        characters = text.decode(errors="replace")
        start = start + len(characters) if start < 0 else start
        return characters[start : start + length].encode()
    start = start + len(text) if start < 0 else start
    return text[start : start + length]


def join(inputs: Sequence[Text], separator: Any = "", name: Any = None) -> Any:
    """Several texts one after the other, element by element."""
    arrays = np.broadcast_arrays(*(text_of(x).array for x in inputs))
    between = separator.encode() if isinstance(separator, str) else separator
    return text_array(
        [between.join(parts) for parts in zip(*(a.flat for a in arrays), strict=True)], arrays[0].shape
    )


def reduce_join(
    inputs: Text, axis: Any = None, keepdims: bool = False, separator: Any = "", name: Any = None
) -> Any:
    """The texts along axes, or all of them, as one."""
    between = separator.encode() if isinstance(separator, str) else separator
    if isinstance(inputs, RaggedTensor):
        return text_of([between.join(text_of(row).array) for row in inputs.to_list()])
    array = text_of(inputs).array
    if axis is None:
        joined = np.array(between.join(array.reshape(-1)), object)
        return text_of(joined.reshape([1] * array.ndim) if keepdims else joined)
    for along in sorted(([axis] if isinstance(axis, int) else [a % array.ndim for a in axis]), reverse=True):
        moved = np.moveaxis(array, along, -1)
        joined = np.empty(moved.shape[:-1], object)
        for place in np.ndindex(*joined.shape):
            joined[place] = between.join(moved[place])
        array = np.expand_dims(joined, along) if keepdims else joined
    return text_of(array)


def format(template: str, inputs: Any, placeholder: str = "{}", summarize: int = 3, name: Any = None) -> Any:
    """A text with the numbers of tensors in it."""
    for value in inputs if isinstance(inputs, list | tuple) else [inputs]:
        template = template.replace(placeholder, str(_array(value)), 1)
    return text_of(template)


def as_string(
    input: Any, precision: int = -1, scientific: bool = False, shortest: bool = False, width: int = -1,
    fill: str = "", name: Any = None,
) -> Any:  # fmt: skip
    """Numbers as text: six digits after the point for fractions unless ``precision`` says otherwise."""
    array = np.asarray(convert_to_tensor(input))
    kind = "e" if scientific else "g" if shortest else "f"
    digits = f".{precision}" if precision >= 0 else ""
    spec = f"{fill}{width if width >= 0 else ''}"

    def text(x: Any) -> bytes:
        if array.dtype.kind == "b":
            return b"true" if x else b"false"
        return f"{x:{spec}{digits}{kind if array.dtype.kind == 'f' else 'd'}}".encode()

    return text_array([text(x) for x in array.flat], array.shape)


def to_number(input: Text, out_type: Any = "float32", name: Any = None) -> Any:
    """The numbers that texts say.

    Raises:
        ValueError: for a text that says none.
    """
    dtype = as_dtype(out_type)
    return _each((int if dtype.is_integer else float), input, dtype.as_numpy_dtype)


def to_hash_bucket_fast(input: Text, num_buckets: int, name: Any = None) -> Any:
    """A number below ``num_buckets`` for each text, by FarmHash's fingerprint."""
    return _buckets(input, num_buckets, None)


def to_hash_bucket_strong(input: Text, num_buckets: int, key: Any, name: Any = None) -> Any:
    """A number below ``num_buckets`` for each text, by SipHash with a key of two numbers."""
    return _buckets(input, num_buckets, [int(part) for part in key])


def _buckets(input: Text, num_buckets: int, key: Any) -> Any:
    if isinstance(input, RaggedTensor):
        return input.with_flat_values(_buckets(input.flat_values, num_buckets, key))
    text = text_of(input).array
    found = fingerprints(text.ravel(), key) % int(num_buckets)
    return convert_to_tensor(found.astype(np.int64).reshape(text.shape))


def to_hash_bucket(input: Text, num_buckets: int, name: Any = None) -> Any:
    """A number below ``num_buckets`` for each text, the same in every run, but not TensorFlow's, which has
    another hash here than in ``to_hash_bucket_fast``."""
    return to_hash_bucket_fast(input, num_buckets)


def split(
    input: Text = None, sep: Any = None, maxsplit: int = -1, name: Any = None, source: Any = None
) -> Any:  # fmt: skip
    """The parts between separators, or white space: a vector of one text, else rows of any length."""
    between = sep.encode() if isinstance(sep, str) else sep
    return _rows(lambda x: x.split(between or None, maxsplit), source if input is None else input)


def bytes_split(input: Text, name: Any = None) -> Any:
    """The bytes of each text, one by one; see ``split``."""
    return _rows(lambda x: [x[i : i + 1] for i in range(len(x))], input)


def unicode_split(
    input: Text, input_encoding: str = "UTF-8", errors: str = "replace", replacement_char: int = 65533,
    name: Any = None,
) -> Any:  # fmt: skip
    """The characters of each text, one by one; see ``split``."""
    return _rows(lambda x: [c.encode() for c in x.decode(input_encoding, _handler(errors))], input)


def unicode_decode(
    input: Text, input_encoding: str = "UTF-8", errors: str = "replace", replacement_char: int = 65533,
    replace_control_characters: bool = False, name: Any = None,
) -> Any:  # fmt: skip
    """The numbers of the characters of each text, int32; see ``split``."""
    return _rows(lambda x: [ord(c) for c in x.decode(input_encoding, _handler(errors))], input, np.int32)


def unicode_encode(
    input: Any, output_encoding: str = "UTF-8", errors: str = "replace", replacement_char: int = 65533,
    name: Any = None,
) -> Any:  # fmt: skip
    """Texts of the numbers of their characters, which lie along the last axis."""
    if isinstance(input, RaggedTensor):
        return text_of(["".join(map(chr, row)).encode(output_encoding) for row in input.to_list()])
    array = np.asarray(convert_to_tensor(input))
    found = np.empty(array.shape[:-1], object)
    for place in np.ndindex(*found.shape):
        found[place] = "".join(map(chr, array[place])).encode(output_encoding)
    return text_of(found)


def unicode_transcode(
    input: Text, input_encoding: str, output_encoding: str, errors: str = "replace",
    replacement_char: int = 65533, replace_control_characters: bool = False, name: Any = None,
) -> Any:  # fmt: skip
    """Texts of one encoding in another one."""
    return _each(lambda x: x.decode(input_encoding, _handler(errors)).encode(output_encoding), input)


def ngrams(
    data: Text, ngram_width: Any, separator: str = " ", pad_values: Any = None, padding_width: Any = None,
    preserve_short_sequences: bool = False, name: Any = None,
) -> Any:  # fmt: skip
    """So many words in a row, each as one text, of a vector or of rows.

    Raises:
        NotImplementedError: for padding.
    """
    if pad_values is not None:
        raise NotImplementedError("tf.strings.ngrams pads nothing here.")
    widths = [ngram_width] if isinstance(ngram_width, int) else list(ngram_width)

    def of_row(row: Sequence[bytes]) -> list[bytes]:
        joined = separator.encode()
        return [joined.join(row[i : i + n]) for n in widths for i in range(len(row) - n + 1)]

    if isinstance(data, RaggedTensor):
        return of_rows([of_row(row) for row in data.to_list()])
    array = text_of(data).array
    return text_of(of_row(list(array))) if array.ndim == 1 else text_of([of_row(list(r)) for r in array])


def _handler(errors: str) -> str:
    return {"replace": "replace", "ignore": "ignore", "strict": "strict"}[errors]


def _rows(function: Callable[[bytes], list[Any]], input: Text, dtype: Any = None) -> Any:
    array = text_of(input).array
    if not array.shape:
        found = function(array.item())
        return _row(found, dtype)
    if array.ndim > 1:
        return of_rows([_rows(function, row, dtype) for row in array], dtype)
    return of_rows([function(x) for x in array], dtype)


def _row(entries: list[Any], dtype: Any) -> Any:
    if dtype is not None:
        return convert_to_tensor(np.array(entries, dtype))
    return text_array(entries, [len(entries)])


__all__ = [
    "as_string", "bytes_split", "format", "join", "length", "lower", "ngrams", "reduce_join",
    "regex_full_match", "regex_replace", "split", "strip", "substr", "to_hash_bucket", "to_hash_bucket_fast",
    "to_hash_bucket_strong",
    "to_number", "unicode_decode", "unicode_encode", "unicode_split", "unicode_transcode", "upper",
]  # fmt: skip
