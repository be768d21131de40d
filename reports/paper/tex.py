"""Foreign text and numbers as LaTeX that compiles with pdfLaTeX as well as LuaLaTeX."""

from __future__ import annotations

import re
import unicodedata

from harness.text import one_line

_ESCAPES = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "%": r"\%",
    "#": r"\#",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    '"': r"\textquotedbl{}",
    "|": r"\textbar{}",
    "`": r"\textasciigrave{}",
    "'": "'",
    "\u2013": "--",
    "\u2014": "---",
    "\u2212": r"\ensuremath{-}",
    "\u00a0": "~",
    "\u00b5": r"\textmu{}",
    "\u03bc": r"\textmu{}",
    "\u00b0": r"\textdegree{}",
    "\u00b1": r"\textpm{}",
    "\u00d7": r"\texttimes{}",
    "\u2026": r"\dots{}",
}
#: What the T1 encoding holds beyond ASCII: Latin-1 letters and Latin Extended-A.
_T1 = re.compile(r"[\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u0148\u014a-\u017e]")
#: siunitx units of the units that tables show.
_UNITS = {
    "ms": r"\milli\second",
    "s": r"\second",
    "MiB": r"\mebibyte",
    "mJ": r"\milli\joule",
    "W": r"\watt",
    "%": r"\percent",
    "1/s": r"\per\second",
    "°C": r"\degreeCelsius",
    "MHz": r"\mega\hertz",
}


def tex(text: str) -> str:
    """``text`` on one line in which no character means anything to TeX.

    Letters that pdfLaTeX's fonts lack (emoji, Arabic, Chinese) are printed as their code points,
    through a macro that a document with other fonts may redefine.
    """
    return "".join(_character(character) for character in one_line(text))


def tex_unit(unit: str) -> str:
    """A display unit for siunitx; empty for none."""
    if not unit:
        return ""
    return rf"\unit{{{_UNITS[unit]}}}" if unit in _UNITS else tex(unit)


def identifier(text: str) -> str:
    """A name for labels, files and macros: ASCII letters, digits and hyphens."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9.]+", "-", plain).strip("-.") or "x"


def _character(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isascii() or _T1.match(character):
        return character
    return rf"\bfunicode{{{ord(character):04X}}}"
