"""Measured messages wait here until the host has acknowledged them.

A *lasting* spool outlives its process: while no host listens everything lies in files, the
``ready`` of the session as number 0, so that the host finds it there should the process be gone.
"""

from __future__ import annotations

from pathlib import Path

#: Held in memory; what goes beyond lies in files.
MEMORY_LIMIT_BYTES = 4 * 1024 * 1024
#: Default for the files: days of a detached run.
DISK_LIMIT_BYTES = 2 * 1024 * 1024 * 1024


class Spool:
    """Encoded messages by sequence number, counted from 1."""

    def __init__(
        self, folder: Path, disk_limit_bytes: int = DISK_LIMIT_BYTES, *, lasting: bool = False
    ) -> None:
        self._folder, self._disk_limit, self._lasting = folder, disk_limit_bytes, lasting
        self._alone = False
        self._held: dict[int, bytes | int] = {}  #: the bytes, or the size of the file
        self._in_memory = self._on_disk = 0
        self.last_seq = 0
        self._first = 1

    @property
    def crowded(self) -> bool:
        """Whether the host lags behind by more than memory should hold."""
        return self._in_memory + self._on_disk > MEMORY_LIMIT_BYTES

    @property
    def empty(self) -> bool:
        """Whether everything was acknowledged."""
        return not self._held

    def put(self, data: bytes) -> bool:
        """Keep the message numbered ``last_seq + 1``; False when the spool is full.

        A message that does not fit is kept in memory all the same: what was measured is not thrown
        away, but the program ends.
        """
        self.last_seq += 1
        fits = self._in_memory + len(data) <= MEMORY_LIMIT_BYTES
        to_file = not fits or (self._lasting and self._alone)
        if to_file and self._write(self.last_seq, data):
            self._held[self.last_seq] = len(data)
            self._on_disk += len(data)
            return True
        self._held[self.last_seq] = data
        self._in_memory += len(data)
        return fits

    def get(self, seq: int) -> bytes | None:
        """The message numbered ``seq``, None when there is none yet or no more."""
        held = self._held.get(seq)
        return self._path(seq).read_bytes() if isinstance(held, int) else held

    def first_from(self, seq: int) -> int:
        """The number to send next to a host that has everything before ``seq``."""
        return max(seq, self._first)

    def forget(self, seq: int) -> None:
        """Everything up to ``seq`` was acknowledged."""
        for number in range(self._first, min(seq, self.last_seq) + 1):
            held = self._held.pop(number)
            if isinstance(held, int):
                self._on_disk -= held
                self._path(number).unlink(missing_ok=True)
            else:
                self._in_memory -= len(held)
            self._first = number + 1

    def host_came(self) -> None:
        """Somebody listens: memory will do."""
        self._alone = False

    def host_went(self, ready: bytes) -> None:
        """Nobody listens: a lasting spool moves into files, ``ready`` first."""
        self._alone = True
        if not self._lasting or not self._write(0, ready):
            return
        for seq, held in self._held.items():
            if isinstance(held, bytes) and self._write(seq, held):
                self._held[seq] = len(held)
                self._in_memory -= len(held)
                self._on_disk += len(held)

    def _write(self, seq: int, data: bytes) -> bool:
        if self._on_disk + len(data) > self._disk_limit:
            return False
        path = self._path(seq)
        try:
            path.write_bytes(data)
        except OSError:
            path.unlink(missing_ok=True)
            return False
        return True

    def _path(self, seq: int) -> Path:
        return self._folder / f"{seq}.wire"
