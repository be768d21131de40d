"""A few SVG elements as strings. Coordinates are percentages, so charts fit any width
while their text keeps its size.
"""

from __future__ import annotations

from html import escape

from harness.text import one_line

Attribute = str | float | int


def element(name: str, content: str = "", **attributes: Attribute) -> str:
    """One element; ``content`` is markup, attribute values are escaped here.

    Underscores in names become hyphens, a trailing one is dropped (``class_``).
    """
    spelled = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_value(value)}"'
        for key, value in attributes.items()
    )
    return f"<{name}{spelled}>{content}</{name}>" if content else f"<{name}{spelled}/>"


def text(content: str, **attributes: Attribute) -> str:
    """A text element; ``content`` is foreign text."""
    return element("text", escape(one_line(content)), **attributes)


def titled(content: str, markup: str, **attributes: Attribute) -> str:
    """A group whose tooltip and accessible name is ``content``."""
    title = f"<title>{escape(one_line(content))}</title>"
    return element("g", title + markup, **attributes)


def drawing(label: str, body: str, height: int) -> str:
    """A drawing as wide as its place; ``label`` is what screen readers say."""
    return element(
        "svg", body, class_="drawing", role="img", aria_label=label, width="100%", height=height
    )


def percent(value: float) -> str:
    """A coordinate: ``43.21%``."""
    return f"{number(value)}%"


def number(value: float) -> str:
    """Two decimals, without trailing zeros."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _value(value: Attribute) -> str:
    return escape(value if isinstance(value, str) else number(value))
