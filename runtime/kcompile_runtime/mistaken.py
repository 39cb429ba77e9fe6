"""What a download leaves in place of a model: a web page, or a pointer to the file.

The words are those of every reader, of this package and of kcompile.
"""

from __future__ import annotations

import re

#: How many bytes of a file's start are looked at.
HEAD = 1024

_MARKUP = re.compile(rb"<(?:(!doctype\s+html|html|head|body|title|script)|(\?xml|error))\b", re.IGNORECASE)
_POINTER = re.compile(rb"version https://(?:git-lfs\.github\.com|hawser\.github\.com)/spec/")
_SIZE = re.compile(rb"^size (\d{1,18})\r?$", re.MULTILINE)


def mistaken_for_model(head: bytes) -> str | None:
    """What a file is, if it is a web page, an XML error or a Git LFS pointer, and what to do; else None.

    Args:
        head: the first bytes of the file; the first 1024 are looked at.

    Returns:
        words that go on after "found" or "this is": "an HTML page, ...".
    """
    head = bytes(head[:HEAD])
    if _POINTER.match(head):
        size = _SIZE.search(head)
        of = f" to a file of {int(size[1])} bytes" if size else ""
        return f"a Git LFS pointer{of}, not the file itself; fetch that with `git lfs pull`"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    while text.startswith(b"<!--"):
        text = text.partition(b"-->")[2].lstrip() or b"<html"  # nothing but a comment this far: a page's
    markup = _MARKUP.match(text)
    if markup is None:
        return None
    kind = "an HTML page" if markup[1] else "an XML document"
    return (
        f"{kind}, not a model: what was downloaded is probably a web page or an error; fetch the file itself "
        "(on GitHub its raw file, on Hugging Face /resolve/ in place of /blob/)"
    )
