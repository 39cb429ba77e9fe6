"""Bodies that are compressed, unpacked to a limit."""

from __future__ import annotations

import gzip
import zlib

from ..errors import ServingError, bad_request, too_large

CODINGS = ("gzip", "deflate")
_ANY_HEADER = 47  # zlib's window bits for gzip or zlib, whichever the data say


def unpacked(body: bytes, coding: str, most: int) -> bytes:
    """What a body was before it was compressed.

    Args:
        coding: what Content-Encoding says; "" and "identity" for nothing.
        most: bytes that may come out, of which no more are ever made.

    Raises:
        ServingError: 415 for other codings, 400 for damaged data, 413 for too many.
    """
    if coding in ("", "identity"):
        return body
    if coding not in CODINGS:
        raise ServingError(415, f"expected a body in {' or '.join(CODINGS)}, found {coding[:64]!r}")
    unpacker = zlib.decompressobj(_ANY_HEADER)
    try:
        content = unpacker.decompress(body, most + 1)
    except zlib.error as error:
        raise bad_request(f"the body is no {coding}: {error}") from None
    if len(content) > most:
        raise too_large(f"expected a body of at most {most} bytes, found more when it was unpacked")
    if not unpacker.eof or unpacker.unused_data:
        raise bad_request(f"the body is no whole {coding}")
    return content


def packed(content: bytes, accepted: str) -> tuple[bytes, str | None]:
    """An answer for a client that asks for one coding alone, as Triton's do; others get it as it is."""
    if accepted == "gzip":
        return gzip.compress(content, 1), "gzip"
    if accepted == "deflate":
        return zlib.compress(content, 1), "deflate"
    return content, None
