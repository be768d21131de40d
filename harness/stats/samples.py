"""Timed inferences as columns: the shape in which statistics, store and reports pass samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Int64Array = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Samples:
    """One row per inference, in the order they ran.

    ``start_ns`` and ``intended_ns`` are times on the runner's monotonic clock, the other columns
    durations in nanoseconds. ``intended_ns`` is None for loads without an arrival rate. ``block``
    is the number of the block an inference belongs to, ``timed`` is False for warm-up.
    """

    start_ns: Int64Array
    input_ns: Int64Array
    invoke_ns: Int64Array
    output_ns: Int64Array
    block: NDArray[np.int32]
    timed: NDArray[np.bool_]
    intended_ns: Int64Array | None = None

    def __len__(self) -> int:
        return len(self.start_ns)

    @property
    def latency_ns(self) -> Int64Array:
        """Input copy, invoke and output copy together; from the intended start where there is one.

        Counting from the intended start keeps a stall visible in every frame it delays
        (no coordinated omission).
        """
        service = self.input_ns + self.invoke_ns + self.output_ns
        if self.intended_ns is None:
            return service
        return service + (self.start_ns - self.intended_ns)

    def select(self, mask: NDArray[np.bool_]) -> Samples:
        """Only the rows where ``mask`` is true."""
        return Samples(
            self.start_ns[mask],
            self.input_ns[mask],
            self.invoke_ns[mask],
            self.output_ns[mask],
            self.block[mask],
            self.timed[mask],
            None if self.intended_ns is None else self.intended_ns[mask],
        )

    @property
    def timed_only(self) -> Samples:
        """The samples without warm-up; themselves where there was none, so that long runs need no
        copy.
        """
        return self if bool(self.timed.all()) else self.select(self.timed)
