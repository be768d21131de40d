"""A fixed small piece of processor work, timed before and after a trial.

Where it takes longer afterwards, the processor has become slower, whatever the sensors say. The
least of many times is taken, on one core, so that neighbours and core types do not speak.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from device_agents.local import processor
from device_agents.local.files import HostFiles, Unreadable

_PIECE = bytes(128 * 1024)
#: Long enough for the governor to notice, short beside everything else of a trial.
_TOGETHER_NS = 30_000_000


def canary_ns(files: HostFiles) -> float:
    """Nanoseconds of one SHA-256 over 128 KiB; raises Unreadable on a virtual machine."""
    if _is_virtual(files):
        raise Unreadable("a virtual machine's speed changes with its neighbours'")
    with _on_one_core():
        begun_ns = before_ns = time.monotonic_ns()
        least_ns = _TOGETHER_NS
        while before_ns - begun_ns < _TOGETHER_NS:
            hashlib.sha256(_PIECE).digest()
            after_ns = time.monotonic_ns()
            least_ns, before_ns = min(least_ns, after_ns - before_ns), after_ns
    return float(least_ns)


def _is_virtual(files: HostFiles) -> bool:
    try:
        return processor.virtualised(files)
    except Unreadable:  # Arm boards do not tell; most are real
        return False


@contextmanager
def _on_one_core() -> Iterator[None]:
    """Hold this thread on the first core it may use, where the system knows such a thing."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)
