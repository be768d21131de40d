"""Foreign text made harmless: device names, logs and file names are written by strangers."""

from __future__ import annotations

import re

#: Control characters except tab and line feed, and the marks that reorder text around them
#: (Unicode TR36, section 2.6: bidirectional text spoofing).
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~!$&])")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def clean(text: str) -> str:
    """``text`` without terminal colours; other control characters become U+FFFD."""
    return _UNSAFE.sub("\ufffd", _ANSI.sub("", text.replace("\r\n", "\n")))


def one_line(text: str) -> str:
    """Cleaned text with every run of white space as one space."""
    return " ".join(clean(text).split())


def markdown_text(text: str) -> str:
    """Cleaned text on one line in which no character means anything to Markdown or HTML."""
    return _MARKDOWN.sub(r"\\\1", one_line(text))


def markdown_block(text: str) -> str:
    """A fenced block that the text cannot close."""
    cleaned = clean(text).rstrip("\n")
    longest = max((len(run) for run in re.findall(r"`+", cleaned)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{cleaned}\n{fence}"


def csv_text(text: str) -> str:
    """Cleaned text that a spreadsheet does not take for a formula.

    An apostrophe in front is what spreadsheets themselves use to mark plain text.
    """
    cleaned = clean(text)
    return f"'{cleaned}" if cleaned.startswith(_FORMULA_STARTS) else cleaned
