"""``getprop`` (and ``build.prop`` files): system properties, and what they say about a phone."""

from __future__ import annotations

import re
from collections.abc import Mapping

from device_agents.android.parse.text import printable

_OPEN = re.compile(r"\[([^\]\n]{1,300})\]: \[(.*)", re.DOTALL)
_PAIR = re.compile(r"([A-Za-z0-9_.\-]{1,300})=(.*)")
#: Where a chip's name is told, the best first; ``ro.soc.model`` came with Android 12.
_SOC_MODEL = (
    "ro.soc.model",
    "ro.vendor.soc.model.external_name",
    "ro.vendor.soc.model_name",
    "ro.hardware.chipname",
    "ro.chipname",
    "ro.vendor.mediatek.platform",
    "ro.mediatek.platform",
    "ro.board.platform",
    "ro.hardware",
)
_SOC_MAKER = ("ro.soc.manufacturer", "ro.soc.vendor")
_MODEL = ("ro.product.model", "ro.product.vendor.model", "ro.product.system.model")
_MAKER = ("ro.product.manufacturer", "ro.product.vendor.manufacturer", "ro.product.brand")
_FINGERPRINT = (
    "ro.build.fingerprint",
    "ro.system.build.fingerprint",
    "ro.vendor.build.fingerprint",
)


def read_properties(text: str) -> dict[str, str]:
    """Properties by name. A value may span lines; the first of each name counts."""
    found: dict[str, str] = {}
    name = ""
    lines: list[str] = []
    for line in text.splitlines():
        opened = _OPEN.match(line) if not name else None
        pair = _PAIR.fullmatch(line.strip()) if not name and opened is None else None
        if opened:
            name, lines = opened[1], [opened[2]]
        elif name:
            lines.append(line)
        elif pair:
            found.setdefault(pair[1], pair[2])
        if name and lines[-1].rstrip().endswith("]"):
            found.setdefault(name, "\n".join(lines).rstrip()[:-1])
            name = ""
    return found


def first(properties: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    """The first of ``names`` that says something, fit for people."""
    for name in names:
        text = printable(properties.get(name, ""))
        if text and text.lower() not in ("unknown", "n/a"):
            return text
    return None


def soc_name(properties: Mapping[str, str]) -> str | None:
    """``QTI SM8250``; what stands in for the model where a phone does not name it."""
    model, maker = first(properties, _SOC_MODEL), first(properties, _SOC_MAKER)
    if model is None or maker is None or model.lower().startswith(maker.lower()):
        return model
    return f"{maker} {model}"


def model_name(properties: Mapping[str, str]) -> str | None:
    """``Google Pixel 8``."""
    model, maker = first(properties, _MODEL), first(properties, _MAKER)
    if model is None or maker is None or model.lower().startswith(maker.lower()):
        return model
    return f"{maker[0].upper()}{maker[1:]} {model}"


def build_name(properties: Mapping[str, str]) -> str | None:
    """The build's fingerprint."""
    return first(properties, _FINGERPRINT)
