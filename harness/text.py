"""Foreign text made harmless: device names, logs and file names are written by strangers."""

from __future__ import annotations

import re

#: Control characters except tab and line feed, lone surrogates, and the marks that reorder text
#: around them (Unicode's UTR 36, section 2.6: bidirectional text spoofing; UAX 9 lists the marks).
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~!$&])")
#: What GitHub's Markdown makes a link of without any brackets (GFM, section 6.9).
_LINK_STARTS = re.compile(r":(?=//)|(?<=www)\.", re.IGNORECASE)
#: Before what begins a list, or is a rule below a heading, at the start of a line.
_BLOCK_STARTS = re.compile(r"^(?:\d{1,9}(?=[.)](?: |$))|(?=[-+](?: |$)|--|=))")
#: Keeps an ``@`` apart from what follows, so that neither an address nor a mention is made of it.
#: A backslash does not: renderers look for addresses in the text that is left without it.
_WORD_JOINER = "\u2060"
#: The last four are the full-width forms, which East Asian spreadsheets read alike.
_FORMULA_STARTS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def clean(text: str) -> str:
    """``text`` without terminal colours; other control characters become U+FFFD."""
    return _UNSAFE.sub("\ufffd", _ANSI.sub("", text.replace("\r\n", "\n")))


def one_line(text: str) -> str:
    """Cleaned text with every run of white space as one space."""
    return " ".join(clean(text).split())


def markdown_text(text: str) -> str:
    """Cleaned text on one line in which no character means anything to Markdown or HTML.

    Nothing in it becomes a link, an image, an address or a mention.
    """
    escaped = _MARKDOWN.sub(r"\\\1", one_line(text))
    escaped = _LINK_STARTS.sub(r"\\\g<0>", escaped)
    escaped = _BLOCK_STARTS.sub(r"\g<0>\\", escaped)
    return escaped.replace("@", f"@{_WORD_JOINER}")


def markdown_block(text: str) -> str:
    """A fenced block that the text cannot close."""
    cleaned = clean(text).rstrip("\n")
    longest = max((len(run) for run in re.findall(r"`+", cleaned)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{cleaned}\n{fence}"


def csv_text(text: str) -> str:
    """Cleaned text that a spreadsheet does not take for a formula.

    Some strip white space first, so that it does not protect. An apostrophe in front is what
    spreadsheets themselves use to mark plain text (OWASP, "CSV Injection").
    """
    cleaned = clean(text)
    starts = cleaned.startswith("\t") or cleaned.lstrip().startswith(_FORMULA_STARTS)
    return f"'{cleaned}" if starts else cleaned
