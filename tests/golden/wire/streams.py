"""Streams of the runner wire, put together by hand."""

from __future__ import annotations

import json
from typing import Any

Line = dict[str, Any]

DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
INT64_MAX, INT64_MIN = 2**63 - 1, -(2**63)
COLUMNS = ["start_ns", "input_ns", "invoke_ns", "output_ns"]
BLOCK = {"seq": 0, "count": 1, "duration_ns": 0, "interval_ns": 0, "pause_ns": 0, "timed": True}
TENSOR = {"name": "x", "dtype": "int8", "shape": [1, 4], "scale": "0.5", "zero_point": -3}
MIB = 1024 * 1024


def frame(kind: bytes, payload: bytes) -> bytes:
    """Length, kind, payload."""
    return len(payload).to_bytes(4, "big") + kind + payload


def text(plain: object, **options: Any) -> bytes:
    """Canonical JSON unless ``options`` say otherwise."""
    settings = {"sort_keys": True, "separators": (",", ":"), "ensure_ascii": False} | options
    return json.dumps(plain, **settings).encode()


def numbers(*values: int) -> bytes:
    """Little-endian int64s."""
    return b"".join(value.to_bytes(8, "little", signed=True) for value in values)


def accept(name: str, meaning: Line, *frames: bytes, said: bytes | None = None) -> Line:
    """A stream that means ``meaning``; ``said`` is its JSON where that is not canonical."""
    plain = dict(meaning) | ({"frames": len(frames)} if frames else {})
    canonical = said is None
    stream = frame(b"J", text(plain) if said is None else said)
    stream += b"".join(frame(b"B", each) for each in frames)
    full = dict(meaning) | {"frames": [each.hex() for each in frames]}
    return {
        "name": name,
        "bytes": stream.hex(),
        "accept": True,
        "canonical": canonical,
        "meaning": full,
    }


def reject(name: str, why: str, stream: bytes) -> Line:
    """A stream that is refused."""
    return {"name": name, "bytes": stream.hex(), "accept": False, "why": why}


def said(name: str, why: str, payload: bytes) -> Line:
    """One JSON frame that is refused."""
    return reject(name, why, frame(b"J", payload))
