"""The ledger of a run: what was started, what became of it; one JSON object a line, in order.

Lines are only ever appended, each synced to disk before the call returns. Events of the store's own
are ``opened``, ``started``, ``finished``, ``skipped``, ``amended`` and ``closed``; anybody may add
others.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.clock import Clock
from harness.errors import StoreError
from harness.record import Outcome
from harness.store.codec import dump
from harness.store.files import translated, write_all

Line = dict[str, Any]
OWN_EVENTS = frozenset({"opened", "started", "finished", "skipped", "amended", "closed"})


@dataclass(frozen=True, slots=True)
class Started:
    """An attempt that was begun."""

    attempt: int
    at: str  #: UTC, ISO 8601


@dataclass(slots=True)
class LedgerState:
    """What the lines so far add up to."""

    attempts: dict[str, int] = field(default_factory=dict)  #: number of the latest, by trial id
    outcomes: dict[str, Outcome] = field(default_factory=dict)  #: of the latest ended attempt
    unfinished: dict[str, Started] = field(default_factory=dict)  #: begun and not ended
    closed: str | None = None  #: how the last session ended; None while it runs or was killed

    def apply(self, line: Line) -> None:
        """Take one more line into account."""
        match line["event"]:
            case "opened":
                self.closed = None
            case "closed":
                self.closed = line["state"]
            case "started":
                self.attempts[line["trial"]] = line["attempt"]
                self.unfinished[line["trial"]] = Started(line["attempt"], line["at"])
            case "finished" | "skipped" | "amended":
                self.attempts[line["trial"]] = line["attempt"]
                self.outcomes[line["trial"]] = Outcome(line["outcome"])
                self.unfinished.pop(line["trial"], None)


class Ledger:
    """The ledger opened for appending, by the one owner of the run."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path, self._clock = path, clock
        self.state = LedgerState()
        with translated(path):
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            self._size = self._replay()
        except BaseException:
            os.close(self._descriptor)
            raise

    def _replay(self) -> int:
        """Rebuild the state; cut off a line that a killed writer left unfinished."""
        for line in read_ledger(self._path):
            self.state.apply(line)
        with translated(self._path):
            size = _whole_lines(self._path.read_bytes())
            os.ftruncate(self._descriptor, size)
        return size

    def append(self, event: str, **fields: object) -> None:
        """Add a line and sync it; on a full disk no part of the line stays."""
        line = {"event": event, "at": self._clock.now().isoformat(), **fields}
        data = dump(line)
        with translated(self._path):
            try:
                write_all(self._descriptor, data)
                os.fsync(self._descriptor)
            except OSError:
                os.ftruncate(self._descriptor, self._size)
                raise
        self._size += len(data)
        self.state.apply(line)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


def read_ledger(path: Path) -> Iterator[Line]:
    """The lines of a ledger, in order; a torn last line is left out, a missing file is empty."""
    with translated(path):
        text = path.read_bytes() if path.exists() else b""
    for line in text[: _whole_lines(text)].splitlines():
        try:
            yield json.loads(line)
        except ValueError as error:
            raise StoreError(f"{path}: damaged: {error}") from error


def ledger_state(path: Path) -> LedgerState:
    """What a ledger adds up to, without opening it for writing."""
    state = LedgerState()
    for line in read_ledger(path):
        state.apply(line)
    return state


def _whole_lines(text: bytes) -> int:
    """Bytes up to and with the last line end."""
    return text.rfind(b"\n") + 1
