"""The order of trials: which cell runs when, the same on every host."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence

from harness.record import Cell, Trial
from harness.scenario import Order, Repeats


def trials(cells: Sequence[Cell], order: Order, repeats: Repeats) -> tuple[Trial, ...]:
    """Every trial of every cell in the order in which they are to run.

    ``abba`` expects the cells of two arms next to each other, and even numbers of repeats.
    Timing cells get ``repeats.max`` trials, of which ``until_ci`` may leave some out. The rule is
    about latency, so memory cells get ``repeats.min``. Accuracy does not change from process
    to process and needs one trial.
    """
    keyed = [(cell.key, cell) for cell in cells]
    of = {"timing": repeats.max, "memory": repeats.min}
    counts = {key: of.get(cell.purpose, 1) for key, cell in keyed}
    match order.kind:
        case "blocked":
            visits = _blocked(keyed, counts)
        case "interleaved":
            visits = _rounds(keyed, counts, order)
        case "abba":
            visits = _abba(keyed, counts, order)
    return tuple(
        Trial(f"{key}-r{repeat}", cell, repeat, position, quad, place)
        for position, (key, cell, repeat, quad, place) in enumerate(visits)
    )


_Keyed = tuple[str, Cell]
_Visit = tuple[str, Cell, int, int | None, int]  #: key, cell, repeat, quad, place in it

#: Purposes that are repeated; of others, one trial tells everything.
_REPEATED = ("timing", "memory")
#: Which arm has which place in a quad, by whether the round's number is even or odd.
_QUAD_ORDERS = ((0, 1, 1, 0), (1, 0, 0, 1))


def _blocked(keyed: Iterable[_Keyed], counts: dict[str, int]) -> Iterator[_Visit]:
    return ((key, cell, repeat, None, 0) for key, cell in keyed for repeat in range(counts[key]))


def _rounds(keyed: Sequence[_Keyed], counts: dict[str, int], order: Order) -> Iterator[_Visit]:
    """Round by round, each in an order of its own."""
    for repeat in range(max(counts.values(), default=0)):
        visited = [one for one in keyed if repeat < counts[one[0]]]
        visited.sort(key=lambda one: _shuffled(order.seed, repeat, one[0]))
        yield from ((key, cell, repeat, None, 0) for key, cell in visited)


def _abba(keyed: Sequence[_Keyed], counts: dict[str, int], order: Order) -> Iterator[_Visit]:
    """Round by round a quad of each pair of arms; each round in an order of its own.

    ``keyed`` holds a reference arm and its candidate arm next to each other. A B B A and B A A B
    take turns, so that the first place, which follows a pause, does not belong to one arm.
    Passes of a single trial (accuracy) come after everything else.
    """
    timed = [one for one in keyed if one[1].purpose in _REPEATED]
    pairs = list(zip(timed[::2], timed[1::2], strict=True))
    quad = 0
    for number in range(max(counts.values(), default=0) // 2):
        visited = [pair for pair in pairs if 2 * number < counts[pair[0][0]]]
        visited.sort(key=lambda pair: _shuffled(order.seed, number, pair[0][0]))
        for pair in visited:
            for place, side in enumerate(_QUAD_ORDERS[number % 2]):
                key, cell = pair[side]
                yield key, cell, 2 * number + place // 2, quad, place
            quad += 1
    yield from ((key, cell, 0, None, 0) for key, cell in keyed if cell.purpose not in _REPEATED)


def _shuffled(seed: int, number: int, key: str) -> bytes:
    """Sorting by a hash of seed, round and cell shuffles alike under every Python version.

    The cells that stay keep their order among themselves when another one is added.
    """
    return hashlib.sha256(f"{seed}/{number}/{key}".encode()).digest()
