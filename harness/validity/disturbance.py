"""Which blocks were disturbed while they ran, as sensors saw it. Latency is never asked.

A block that is measured again because it was slow would make the slower side of a comparison look
faster. So only what a sensor reads counts: thermal pressure, a lowered frequency cap, others on the
processor, the screen, something else in the foreground.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from harness.channels import BEHIND, COVERED, FOREIGN_CPU, SCREEN_ON, THERMAL_STATUS, frequency_max
from harness.record import BlockRecord, Cell
from harness.scenario import Burst, Offline, Periodic, SingleStream
from harness.units import NS_PER_S
from harness.validity.thermal_gate import thermal_status

#: A cap counts as lowered below this part of its value at the start.
CAP_SHARE = 0.99
#: A block is held back for its readings until others were measured for so long; a sensor that is
#: slower than once a minute does not guard blocks.
PATIENCE_NS = 90 * NS_PER_S
#: Shares of repeated blocks that differ by more points make a verdict inconclusive. Leaving out a
#: twentieth of one side moves its median by no more than from the 50th to the 47th percentile.
UNEQUAL_PERCENT = 5.0
_CAP = frequency_max("")
_FROM_BLOCKS = ("latency_", "input_", "invoke_", "output_", "throughput_", "cpu_per_inference_")


def is_repeatable(cell: Cell) -> bool:
    """Whether blocks of this cell may be measured again.

    Under a sustained load heat is the subject; a cold start cannot be done again in its process;
    and passes that time nothing have nothing to protect.
    """
    repeatable = (SingleStream, Burst, Offline, Periodic)
    return cell.purpose == "timing" and isinstance(cell.load, repeatable)


def guards(channel: str, foreign_limit_percent: float | None) -> bool:
    """Whether a channel can tell that a block was disturbed."""
    if channel == FOREIGN_CPU:
        return foreign_limit_percent is not None
    return channel in (THERMAL_STATUS, SCREEN_ON, COVERED, BEHIND) or channel.startswith(_CAP)


@dataclass(slots=True)
class _Guard:
    """One channel: its value when the measurement began, and when it was last heard."""

    name: str
    limit: float | None
    start: float | None = None
    heard_ns: int | None = None
    #: Stretches with something wrong, as (after, until, what).
    wrong: list[tuple[int, int, str]] = field(default_factory=list)

    def read(self, at_ns: int, value: float) -> None:
        """A reading speaks for the time since the one before."""
        if not math.isfinite(value) or (self.heard_ns is not None and at_ns <= self.heard_ns):
            return
        if self.start is None:
            self.start = value
        reason = self._reason(value, self.start)
        if reason is not None:
            since = -(2**62) if self.heard_ns is None else self.heard_ns
            self.wrong.append((since, at_ns, reason))
        self.heard_ns = at_ns

    def _reason(self, value: float, start: float) -> str | None:
        if self.name == FOREIGN_CPU:
            limit = math.inf if self.limit is None else self.limit
            return f"others used more than {limit:g} % CPU" if value > limit else None
        if self.name == THERMAL_STATUS:
            return f"thermal status {thermal_status(value)}" if value > start else None
        if self.name == SCREEN_ON:
            return f"screen went {'on' if value else 'off'}" if value != start else None
        if self.name == BEHIND:
            return "something came before the runner" if value else None
        if self.name == COVERED:
            gone = "something came into the foreground" if value else "the foreground changed"
            return gone if value != start else None
        return "frequency cap lowered" if value < CAP_SHARE * start else None

    def against(self, block: BlockRecord) -> str | None:
        """What was wrong while ``block`` ran."""
        for since, until, reason in self.wrong:
            if since < block.ended_at_ns and until > block.started_at_ns:
                return reason
        return None


class Disturbances:
    """Judges timed blocks once the sensors have been read that were to see them."""

    def __init__(
        self,
        channels: Iterable[str],
        foreign_limit_percent: float | None,
        *,
        others: bool = False,
    ) -> None:
        """``channels`` are those that can be read; their first readings are the start state.

        With ``others``, channels that are first heard of later guard from then on.
        """
        self._limit, self._others = foreign_limit_percent, others
        self._guards: dict[str, _Guard] = {}
        for name in channels:
            self._guard(name)
        self._pending: list[BlockRecord] = []
        self._latest_ns = 0

    @property
    def watching(self) -> bool:
        """Whether anything is there to see a disturbance."""
        return bool(self._guards)

    def read(self, channel: str, at_ns: int, value: float) -> None:
        """A reading, its time on the blocks' clock."""
        if self._others and channel not in self._guards:
            self._guard(channel)
        if channel in self._guards:
            self._guards[channel].read(at_ns, value)

    def _guard(self, channel: str) -> None:
        if guards(channel, self._limit):
            self._guards[channel] = _Guard(channel, self._limit)

    def add(self, block: BlockRecord) -> None:
        """A block that has ended; only timed ones are judged."""
        self._latest_ns = block.ended_at_ns
        if self._guards and block.timed:
            self._pending.append(block)

    def judged(self, *, final: bool = False) -> list[tuple[BlockRecord, str]]:
        """Disturbed blocks, of those that can be judged by now; with ``final`` of all."""
        ready = [block for block in self._pending if final or self._is_ready(block)]
        self._pending = [block for block in self._pending if block not in ready]
        found = [(block, self._reason(block)) for block in ready]
        self._forget()
        return [(block, reason) for block, reason in found if reason is not None]

    def _is_ready(self, block: BlockRecord) -> bool:
        if self._latest_ns - block.ended_at_ns > PATIENCE_NS:
            return True
        heard = [guard.heard_ns for guard in self._guards.values()]
        return all(at_ns is not None and at_ns >= block.ended_at_ns for at_ns in heard)

    def _reason(self, block: BlockRecord) -> str | None:
        for guard in self._guards.values():
            reason = guard.against(block)
            if reason is not None:
                return reason
        return None

    def _forget(self) -> None:
        """What is over before every block that is still to be judged."""
        since_ns = self._pending[0].started_at_ns if self._pending else self._latest_ns
        for guard in self._guards.values():
            guard.wrong = [one for one in guard.wrong if one[1] > since_ns]


def is_from_blocks(metric: str) -> bool:
    """Whether a metric is made of the undisturbed blocks, so that leaving some out can bend it."""
    return metric.startswith(_FROM_BLOCKS)


def unequal_repeats(reference: Collection[float], candidate: Collection[float]) -> str | None:
    """Why a verdict cannot stand: the sides' shares of repeated blocks, in percent, differ.

    The disturbance may come from the work itself, and leaving out its blocks would flatter the side
    that has more of them. None where the shares are alike, or unknown on both sides.
    """
    if not reference and not candidate:
        return None
    shares = [sum(side) / len(side) if side else 0.0 for side in (reference, candidate)]
    if abs(shares[0] - shares[1]) <= UNEQUAL_PERCENT:
        return None
    return (
        f"sensors had {shares[0]:.0f} % of the reference's blocks repeated and "
        f"{shares[1]:.0f} % of the candidate's; what is left is not alike"
    )
