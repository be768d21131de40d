"""The order of trials: which cell runs when, the same on every host."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence

from harness.record import Cell, Trial
from harness.scenario import Order, Repeats


def trials(cells: Sequence[Cell], order: Order, repeats: Repeats) -> tuple[Trial, ...]:
    """Every trial of every cell in the order in which they are to run.

    Timing cells get ``repeats.max`` trials, of which ``until_ci`` may leave some out. The rule is
    about latency, so memory cells get ``repeats.min``. Accuracy does not change from process
    to process and needs one trial.
    """
    keyed = [(cell.key, cell) for cell in cells]
    of = {"timing": repeats.max, "memory": repeats.min, "accuracy": 1}
    counts = {key: of[cell.purpose] for key, cell in keyed}
    visits = _blocked(keyed, counts) if order.kind == "blocked" else _rounds(keyed, counts, order)
    return tuple(
        Trial(f"{key}-r{repeat}", cell, repeat, position)
        for position, (key, cell, repeat) in enumerate(visits)
    )


_Keyed = tuple[str, Cell]
_Visit = tuple[str, Cell, int]


def _blocked(keyed: Iterable[_Keyed], counts: dict[str, int]) -> Iterator[_Visit]:
    return ((key, cell, repeat) for key, cell in keyed for repeat in range(counts[key]))


def _rounds(keyed: Sequence[_Keyed], counts: dict[str, int], order: Order) -> Iterator[_Visit]:
    """Round by round, each in an order of its own.

    Sorting by a hash of seed, round and cell shuffles alike under every Python version, and the
    cells that stay keep their order among themselves when another one is added.
    """
    for repeat in range(max(counts.values(), default=0)):
        visited = [(key, cell) for key, cell in keyed if repeat < counts[key]]
        prefix = f"{order.seed}/{repeat}/".encode()
        visited.sort(key=lambda one: hashlib.sha256(prefix + one[0].encode()).digest())
        yield from ((key, cell, repeat) for key, cell in visited)
