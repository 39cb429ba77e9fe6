"""``tf.io`` and the decoders of ``tf.image``: files and images, by Pillow."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from ...atomic import replacing
from ...ir import StringTensor, Value
from ...optional import optional
from ..tensorflow.dtypes import DType, as_dtype
from ..tensorflow.tensors import convert_to_tensor
from ..tensorflow.text import text_array, text_of
from .errors import InvalidArgumentError, NotFoundError


def read_file(filename: Any, name: Any = None) -> StringTensor:
    """All bytes of a file.

    Raises:
        NotFoundError: (a FileNotFoundError) where there is none.
    """
    path = _single(filename)
    try:
        with open(path, "rb") as file:
            return text_of(file.read())
    except FileNotFoundError as error:
        raise NotFoundError(message=f"{os.fsdecode(path)}: {error.strerror}") from None


def write_file(filename: Any, contents: Any, name: Any = None) -> None:
    """Writes bytes to a file; the folder is made."""
    path = os.fsdecode(_single(filename))
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with replacing(path) as temporary, open(temporary, "wb") as file:
        file.write(_single(contents))


def matching_files(pattern: Any, name: Any = None) -> Any:
    """The paths that fit a pattern, sorted."""
    from glob import glob

    patterns = np.atleast_1d(text_of(pattern).array)
    return text_of(sorted(path for each in patterns for path in glob(os.fsdecode(each))))


def _single(text: Any) -> bytes:
    """One text as bytes.

    Raises:
        InvalidArgumentError: for several.
    """
    array: Any = text_of(text).array
    if array.shape:
        raise InvalidArgumentError(
            f"One text is expected; found the shape {array.shape}. tf.map_fn takes each."
        )
    return array[()]


# --- images -------------------------------------------------------------------------------------------------

_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


def _opened(contents: Any) -> Any:
    with optional("PIL", "Reading images"):
        from PIL import Image
    try:
        return Image.open(io.BytesIO(_single(contents)))
    except (OSError, ValueError, SyntaxError) as error:
        raise InvalidArgumentError(f"The bytes are no image that Pillow reads: {error}") from None


def _pixels(image: Any, channels: int | None) -> np.ndarray:
    """(rows, columns, channels) of uint8, or uint16 where a file has such."""
    if image.mode.startswith("I;16") or image.mode == "I":
        array = np.asarray(image).astype(np.uint16)[..., None]
        return np.repeat(array, channels, -1) if channels == 3 else array
    if channels:
        mode = _MODES.get(int(channels))
        if mode is None:
            raise ValueError(f"channels must be 0, 1, 3 or 4; found {channels}.")
    else:
        mode = (
            image.mode if image.mode in _MODES.values() else "RGBA" if "transparency" in image.info else "RGB"
        )
        mode = "L" if image.mode == "1" else mode
    array = np.asarray(image.convert(mode))
    return array if array.ndim == 3 else array[..., None]


def _as(array: np.ndarray, dtype: Any) -> Value:
    """Pixels in an element type: fractions are of the largest number, as in ``convert_image_dtype``."""
    wanted = as_dtype(dtype)
    if wanted.is_floating:
        array = array / np.float32(np.iinfo(array.dtype).max)
    elif wanted == "uint16" and array.dtype == np.uint8:
        array = array.astype(np.uint16) * 257
    elif wanted == "uint8" and array.dtype == np.uint16:
        array = (array >> 8).astype(np.uint8)
    return convert_to_tensor(np.array(array, wanted.as_numpy_dtype))


def decode_image(
    contents: Any, channels: int | None = None, dtype: Any = "uint8", name: Any = None,
    expand_animations: bool = True,
) -> Value:  # fmt: skip
    """An image of any kind: (rows, columns, channels), or (frames, rows, columns, 3) of a GIF.

    Args:
        contents: bytes of a JPEG, PNG, BMP, GIF or another file that Pillow reads.
        channels: 1, 3 or 4; 0 or None for those of the file.
        dtype: element type; fractions are 0 to 1.
        expand_animations: False gives the first frame of a GIF alone.

    Raises:
        InvalidArgumentError: for bytes that are no image.
    """
    image = _opened(contents)
    if image.format == "GIF" and expand_animations:
        return _as(_frames(image), dtype)
    return _as(_pixels(image, 3 if image.format == "GIF" and not channels else channels), dtype)


def decode_png(contents: Any, channels: int = 0, dtype: Any = "uint8", name: Any = None) -> Value:
    """See ``decode_image``."""
    return decode_image(contents, channels, dtype, expand_animations=False)


def decode_jpeg(
    contents: Any, channels: int = 0, ratio: int = 1, fancy_upscaling: bool = True,
    try_recover_truncated: bool = False, acceptable_fraction: float = 1, dct_method: str = "",
    name: Any = None,
) -> Value:  # fmt: skip
    """See ``decode_image``; ``ratio`` makes the image smaller by 2, 4 or 8. Pixels may differ by a step from
    TensorFlow's, which has another inverse transform."""
    image = _opened(contents)
    if ratio != 1:
        image.draft(image.mode, (image.width // ratio, image.height // ratio))
    return _as(_pixels(image, channels), "uint8")


def decode_bmp(contents: Any, channels: int = 0, name: Any = None) -> Value:
    """See ``decode_image``."""
    return decode_image(contents, channels, expand_animations=False)


def decode_gif(contents: Any, name: Any = None) -> Value:
    """All frames of a GIF: (frames, rows, columns, 3) of uint8."""
    return _as(_frames(_opened(contents)), "uint8")


def _frames(image: Any) -> np.ndarray:
    frames = []
    for i in range(getattr(image, "n_frames", 1)):
        image.seek(i)
        frames.append(_pixels(image, 3))
    return np.stack(frames)


def is_jpeg(contents: Any, name: Any = None) -> Value:
    """Whether the bytes begin as a JPEG does."""
    return convert_to_tensor(_single(contents).startswith(b"\xff\xd8\xff"))


def extract_jpeg_shape(contents: Any, output_type: Any = "int32", name: Any = None) -> Value:
    """(rows, columns, channels) of a JPEG, which is not decoded."""
    image = _opened(contents)
    sizes = [image.height, image.width, len(image.getbands())]
    return convert_to_tensor(np.array(sizes, as_dtype(output_type).as_numpy_dtype))


def decode_and_crop_jpeg(contents: Any, crop_window: Any, channels: int = 0, **options: Any) -> Value:
    """Part of a JPEG: ``crop_window`` is (first row, first column, rows, columns)."""
    top, left, height, width = (int(n) for n in np.asarray(crop_window))
    return decode_jpeg(contents, channels, **options)[top : top + height, left : left + width]


def _encoded(image: Any, format: str, **options: Any) -> StringTensor:
    with optional("PIL", "Writing images"):
        from PIL import Image
    array = np.asarray(image)
    if array.ndim != 3 or array.shape[-1] not in _MODES or array.dtype != np.uint8:
        raise InvalidArgumentError(
            f"An image of (rows, columns, 1 to 4 channels) of uint8 is expected; found "
            f"{array.shape} of {array.dtype}."
        )
    buffer = io.BytesIO()
    Image.fromarray(array[..., 0] if array.shape[-1] == 1 else array).save(buffer, format, **options)
    return text_of(buffer.getvalue())


def encode_jpeg(
    image: Any, format: str = "", quality: int = 95, progressive: bool = False, optimize_size: bool = False,
    chroma_downsampling: bool = True, density_unit: str = "in", x_density: int = 300, y_density: int = 300,
    xmp_metadata: str = "", name: Any = None,
) -> StringTensor:  # fmt: skip
    """The bytes of a JPEG of an image (rows, columns, 1 or 3) of uint8."""
    return _encoded(
        image, "JPEG", quality=quality, progressive=progressive, optimize=optimize_size,
        subsampling=2 if chroma_downsampling else 0, dpi=(x_density, y_density),
    )  # fmt: skip


def encode_png(image: Any, compression: int = -1, name: Any = None) -> StringTensor:
    """The bytes of a PNG of an image (rows, columns, 1 to 4) of uint8."""
    return _encoded(image, "PNG", **({} if compression < 0 else {"compress_level": compression}))


# --- other bytes --------------------------------------------------------------------------------------------


def decode_raw(
    input_bytes: Any,
    out_type: Any,
    little_endian: bool = True,
    fixed_length: int | None = None,
    name: Any = None,
) -> Value:
    """Bytes as numbers: a vector of each text."""
    array = text_of(input_bytes).array
    dtype = np.dtype(as_dtype(out_type).as_numpy_dtype).newbyteorder("<" if little_endian else ">")
    cut = [
        x if fixed_length is None else x[:fixed_length].ljust(fixed_length, b"\0") for x in array.reshape(-1)
    ]
    rows = [np.frombuffer(x, dtype).astype(dtype.newbyteorder("=")) for x in cut]
    return convert_to_tensor(np.stack(rows).reshape(*array.shape, -1))


def encode_base64(input: Any, pad: bool = False, name: Any = None) -> StringTensor:
    """Bytes as letters, those that URLs may have."""

    def encoded(x: bytes) -> bytes:
        found = base64.urlsafe_b64encode(x)
        return found if pad else found.rstrip(b"=")

    return _mapped(encoded, input)


def decode_base64(input: Any, name: Any = None) -> StringTensor:
    """What ``encode_base64`` gave as bytes."""
    return _mapped(lambda x: base64.urlsafe_b64decode(x + b"=" * (-len(x) % 4)), input)


def _mapped(function: Callable[[bytes], bytes], input: Any) -> StringTensor:
    array = text_of(input).array
    return text_array([function(x) for x in array.reshape(-1)], array.shape)


def serialize_tensor(tensor: Any, name: Any = None) -> StringTensor:
    """A tensor as bytes, in the form of ONNX's TensorProto; ``parse_tensor`` reads them."""
    from onnx import numpy_helper

    return text_of(numpy_helper.from_array(np.asarray(convert_to_tensor(tensor))).SerializeToString())


def parse_tensor(serialized: Any, out_type: Any, name: Any = None) -> Value:
    """The tensor that ``serialize_tensor`` made bytes of.

    Raises:
        InvalidArgumentError: for other bytes, or another element type.
    """
    import onnx
    from onnx import numpy_helper

    try:
        array = numpy_helper.to_array(onnx.TensorProto.FromString(_single(serialized)))
    except Exception as error:
        raise InvalidArgumentError(f"The bytes are no tensor of tf.io.serialize_tensor: {error}") from None
    if as_dtype(out_type) != ("string" if array.dtype.kind == "O" else array.dtype.name):
        raise InvalidArgumentError(f"The bytes are a tensor of {array.dtype}, not of {as_dtype(out_type)}.")
    return convert_to_tensor(array)


def decode_csv(
    records: Any, record_defaults: Any, field_delim: str = ",", use_quote_delim: bool = True,
    na_value: str = "", select_cols: Any = None, name: Any = None,
) -> list[Value]:  # fmt: skip
    """The columns of lines of CSV.

    Args:
        record_defaults: for each column a list with what stands for an empty field, or an element type where
            a field must be there.

    Raises:
        InvalidArgumentError: for a line of another number of fields, or an empty field that must be there.
    """
    import csv

    lines = text_of(records).array
    quoting: Any = csv.QUOTE_MINIMAL if use_quote_delim else csv.QUOTE_NONE
    rows = list(csv.reader([x.decode() for x in lines.reshape(-1)], delimiter=field_delim, quoting=quoting))
    if select_cols is not None:
        rows = [[row[i] for i in select_cols] for row in rows]
    if any(len(row) != len(record_defaults) for row in rows):
        raise InvalidArgumentError(f"Each line must have {len(record_defaults)} fields; found {rows[:1]}.")
    return [
        _column([row[i] for row in rows], default, na_value, lines.shape)
        for i, default in enumerate(record_defaults)
    ]


def _column(fields: list[str], default: Any, na_value: str, shape: tuple[int, ...]) -> Value:
    required = isinstance(default, DType | type)
    values = [] if required else list(np.atleast_1d(np.asarray(default)))
    like: Any = as_dtype(default) if required else convert_to_tensor(default).dtype
    text = like == "string" if required else like.kind == "O"
    kind = "string" if text else str(getattr(like, "name", like))
    if not values and any(field in ("", na_value) for field in fields):
        raise InvalidArgumentError("A field that must be there is empty.")
    filled = [values[0] if values and field in ("", na_value) else field for field in fields]
    if text:
        return text_of(np.array(filled, object).reshape(shape))
    number = int if "int" in kind else float
    return convert_to_tensor(np.array([number(x) for x in filled], kind).reshape(shape))


__all__ = [
    "decode_and_crop_jpeg", "decode_base64", "decode_bmp", "decode_csv", "decode_gif", "decode_image",
    "decode_jpeg", "decode_png", "decode_raw", "encode_base64", "encode_jpeg", "encode_png",
    "extract_jpeg_shape", "is_jpeg", "matching_files", "parse_tensor", "read_file", "serialize_tensor",
    "write_file",
]  # fmt: skip
