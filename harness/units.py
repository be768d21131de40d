"""Units: the names they have in code and the one place where quantities become text."""

from __future__ import annotations

from typing import NewType

Nanoseconds = NewType("Nanoseconds", int)
Bytes = NewType("Bytes", int)
Celsius = NewType("Celsius", float)

NS_PER_US = 1_000
NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000
BYTES_PER_KIB = 1024
BYTES_PER_MIB = 1024 * 1024


def format_ms(nanoseconds: float) -> str:
    """Latency in milliseconds with four significant digits: ``7.651``, ``0.1250``, ``1204``."""
    return significant(nanoseconds / NS_PER_MS, 4)


def format_mib(size_bytes: float) -> str:
    """Memory in MiB with one decimal: ``81.2``."""
    return f"{size_bytes / BYTES_PER_MIB:.1f}"


def format_duration(seconds: float) -> str:
    """A length of time for people: ``45 s``, ``12 min 30 s``, ``3 h 05 min``, ``2 d 04 h``."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 86_400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3600:02d} h"


def format_percent(fraction: float) -> str:
    """A fraction as a percentage: ``0.0213`` becomes ``2.1 %``."""
    return f"{fraction * 100:.1f} %"


def significant(value: float, digits: int) -> str:
    """``value`` with ``digits`` significant digits and no exponent."""
    if value == 0:
        return "0"
    text = f"{value:.{digits}g}"
    if "e" in text:
        return f"{float(text):.0f}"
    whole, _, fraction = text.lstrip("-").partition(".")
    kept = len(whole.lstrip("0")) + (len(fraction) if whole != "0" else len(fraction.lstrip("0")))
    missing = digits - kept
    if missing <= 0 or (len(whole) >= digits and whole != "0"):
        return text
    return text + ("" if fraction else ".") + "0" * missing
