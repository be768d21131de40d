"""Time, injected: nothing in the core sleeps or asks the time except through a Clock.

A 72-hour scenario is tested in milliseconds by handing the core a :class:`ManualClock`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

from harness.errors import Cancelled

NS_PER_S = 1_000_000_000


class CancelToken:
    """A request to stop, made once and seen by everybody who holds the token."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self.reason = ""

    def cancel(self, reason: str) -> None:
        """Ask to stop; the first reason is kept."""
        if not self._event.is_set():
            self.reason = reason
            self._event.set()

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked to stop."""
        return self._event.is_set()

    def raise_if_cancelled(self) -> None:
        """Raise :class:`Cancelled` if somebody asked to stop."""
        if self._event.is_set():
            raise Cancelled(self.reason)

    def wait(self, seconds: float) -> bool:
        """Wait for a cancellation; return whether it came."""
        return self._event.wait(seconds)


class Clock(Protocol):
    """Where the core gets its time from."""

    def now(self) -> datetime:
        """Wall time in UTC."""

    def monotonic_ns(self) -> int:
        """Nanoseconds of a clock that never steps (``CLOCK_MONOTONIC`` on the host)."""

    def sleep(self, seconds: float, cancel: CancelToken) -> None:
        """Wait; raise :class:`Cancelled` as soon as ``cancel`` is set."""


class SystemClock:
    """The real clock of the host."""

    def now(self) -> datetime:
        """Wall time in UTC."""
        return datetime.now(UTC)

    def monotonic_ns(self) -> int:
        """``CLOCK_MONOTONIC`` in nanoseconds."""
        return time.monotonic_ns()

    def sleep(self, seconds: float, cancel: CancelToken) -> None:
        """Wait for ``seconds`` unless cancelled first."""
        if cancel.wait(max(0.0, seconds)):
            cancel.raise_if_cancelled()


class ManualClock:
    """A clock that only moves when told to: sleeping advances it at once."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._start, self._elapsed_ns = start, 0
        self.on_advance: Callable[[int], None] | None = None

    def now(self) -> datetime:
        """Start time plus everything slept so far."""
        return self._start + timedelta(microseconds=self._elapsed_ns / 1000)

    def monotonic_ns(self) -> int:
        """Nanoseconds slept or advanced so far."""
        return self._elapsed_ns

    def advance(self, ns: int) -> None:
        """Move the clock on by ``ns``; ``on_advance`` is told the new time."""
        self._elapsed_ns += ns
        if self.on_advance is not None:
            self.on_advance(self._elapsed_ns)

    def sleep(self, seconds: float, cancel: CancelToken) -> None:
        """Advance by ``seconds`` without waiting."""
        cancel.raise_if_cancelled()
        self.advance(round(seconds * NS_PER_S))


def on_monotonic(clock: Clock) -> Callable[[float], int]:
    """From wall-clock seconds since 1970 to monotonic nanoseconds, as both clocks stand now."""
    now_ns, now_s = clock.monotonic_ns(), clock.now().timestamp()
    return lambda at_s: now_ns + round((at_s - now_s) * NS_PER_S)


class Deadline:
    """A point on a clock's monotonic time by which a call must have come back."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self.seconds = seconds
        self._at_ns = clock.monotonic_ns() + round(seconds * NS_PER_S)

    @property
    def remaining_s(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, (self._at_ns - self._clock.monotonic_ns()) / NS_PER_S)

    @property
    def expired(self) -> bool:
        """Whether the time is over."""
        return self.remaining_s <= 0.0
