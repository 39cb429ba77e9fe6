"""Text from files within HTML."""

from __future__ import annotations

import html

from .text import harmless


def as_html(text: object) -> str:
    """The text as it stands in an element or a quoted attribute, `harmless` as well."""
    return html.escape(harmless(text))
