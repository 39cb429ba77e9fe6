"""Drawings for pages: SVG inside the page, which so takes the colours of light and dark pages."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape


def element(tag: str, content: str = "", **attributes: object) -> str:
    """An element; ``class_`` and ``text_anchor`` become ``class`` and ``text-anchor``."""
    written = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(_text(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    return f"<{tag}{written}>{content}</{tag}>"


def text(words: str, x: float, y: float, **attributes: object) -> str:
    return element("text", escape(words), x=x, y=y, **attributes)


def figure(
    parts: Iterable[str], width: float | str, height: float, alt: str, caption: str = "", kind: str = ""
) -> str:
    """A block of HTML on one line, which Markdown leaves as it is.

    Args:
        width, height: in pixels; a width of "100%" is that of the page, for parts that are placed in percent.
        alt: what is read to those who do not see the drawing.
        caption: what everybody reads below it.
        kind: a class of CSS beside ``drawing``.
    """
    view = None if isinstance(width, str) else f"0 0 {_text(width)} {_text(height)}"
    drawn = element(
        "svg", "".join(parts), viewBox=view, width=width, height=height, role="img", aria_label=alt
    )
    told = element("figcaption", escape(caption)) if caption else ""
    return element("figure", element("div", drawn, class_="scrolls") + told, class_=f"drawing {kind}".strip())


def _text(value: object) -> str:
    return f"{round(value, 1):g}" if isinstance(value, float) else str(value)
