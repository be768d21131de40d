"""Where labels of points go: none covers another one, a point, or the thread of another label.

Plain geometry in one unit (pixels or points), so that the same points give the same places.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

#: Directions in which a label is tried next to its point, the most readable first: above, below,
#: right and left, then the corners. Farther away, where a leader joins the two, it runs aslant so
#: that it is not taken for an error bar.
_NEAR = tuple(math.radians(angle) for angle in (90, 270, 0, 180, 45, 135, 315, 225))
_FAR = tuple(math.radians(angle) for angle in (60, 120, 300, 240, 30, 150, 330, 210, 80, 260))
#: Free space between a point and its label, in heights of a line of text.
_NEAR_GAP = 0.5
_FAR_GAPS = (1.0, 1.6, 2.4, 3.4, 4.6)


class Box(NamedTuple):
    """A rectangle along the axes."""

    left: float
    bottom: float
    right: float
    top: float

    def overlaps(self, other: Box) -> bool:
        """Whether they share more than an edge."""
        across = self.left < other.right and other.left < self.right
        return across and self.bottom < other.top and other.bottom < self.top

    def within(self, other: Box) -> bool:
        """Whether all of it lies inside the other one."""
        across = self.left >= other.left and self.right <= other.right
        return across and self.bottom >= other.bottom and self.top <= other.top


class Line(NamedTuple):
    """A straight line between two points."""

    x0: float
    y0: float
    x1: float
    y1: float

    def crosses(self, box: Box) -> bool:
        """Whether a part of it lies inside the box (Liang and Barsky's clipping, 1984)."""
        enter, leave = 0.0, 1.0
        dx, dy = self.x1 - self.x0, self.y1 - self.y0
        sides = (
            (-dx, self.x0 - box.left),
            (dx, box.right - self.x0),
            (-dy, self.y0 - box.bottom),
            (dy, box.top - self.y0),
        )
        for step, room in sides:
            if step == 0:
                if room <= 0:
                    return False
            elif step < 0:
                enter = max(enter, room / step)
            else:
                leave = min(leave, room / step)
        return enter < leave

    def meets(self, other: Line) -> bool:
        """Whether the two cross each other."""
        return self._parts(other) and other._parts(self)

    def _parts(self, other: Line) -> bool:
        return self._side(other.x0, other.y0) * self._side(other.x1, other.y1) < 0

    def _side(self, x: float, y: float) -> float:
        return (self.x1 - self.x0) * (y - self.y0) - (self.y1 - self.y0) * (x - self.x0)


@dataclass(frozen=True, slots=True)
class Label:
    """A text of a known size that belongs to the point at ``x``, ``y``."""

    x: float
    y: float
    width: float
    height: float
    line: float  #: height of one line of the text


@dataclass(frozen=True, slots=True)
class Place:
    """Where a label goes, and the line to its point where it stands apart from it."""

    box: Box
    leader: Line | None
    clear: bool = True  #: whether both keep off every faint line


def placed(
    labels: Sequence[Label], area: Box, solid: Sequence[Box], faint: Sequence[Line]
) -> list[Place | None]:
    """A place inside ``area`` for each label in turn, or None where none is free.

    Labels keep off ``solid`` boxes, such as points, and off each other always; off ``faint`` lines,
    such as error bars, where that can be had.
    """
    found: list[Place | None] = []
    for label in labels:
        known = [place for place in found if place is not None]
        taken = [*solid, *(place.box for place in known)]
        leaders = [place.leader for place in known if place.leader is not None]
        free = [
            place
            for place in _candidates(label)
            if place.box.within(area) and _is_free(place, taken, leaders)
        ]
        clear = next((place for place in free if _is_clear(place, faint)), None)
        found.append(clear or (replace(free[0], clear=False) if free else None))
    return found


def _candidates(label: Label) -> Iterator[Place]:
    for angle in _NEAR:
        yield _place(label, _NEAR_GAP * label.line, angle, apart=False)
    for gap in _FAR_GAPS:
        for angle in _FAR:
            yield _place(label, gap * label.line, angle, apart=True)


def _place(label: Label, gap: float, angle: float, *, apart: bool) -> Place:
    """The label's box with its nearest edge or corner at ``gap`` from the point."""
    across, up = math.cos(angle), math.sin(angle)
    x, y = label.x + gap * across, label.y + gap * up
    left = x - label.width * (1 - _share(across))
    bottom = y - label.height * (1 - _share(up))
    box = Box(left, bottom, left + label.width, bottom + label.height)
    return Place(box, _leader(label, box) if apart else None)


def _share(part: float) -> float:
    """How much of the label lies on the far side: all, half, or none."""
    return 0.5 if abs(part) < 0.3 else float(part > 0)


def _leader(label: Label, box: Box) -> Line:
    """From the point to the nearest spot of the box."""
    x = min(max(label.x, box.left), box.right)
    y = min(max(label.y, box.bottom), box.top)
    return Line(label.x, label.y, x, y)


def _is_free(place: Place, taken: Sequence[Box], leaders: Sequence[Line]) -> bool:
    if any(place.box.overlaps(box) for box in taken):
        return False
    if any(leader.crosses(place.box) for leader in leaders):
        return False
    own = place.leader
    if own is None:
        return True
    # The leader starts inside its own point's box.
    crossed = (box for box in taken if not _holds(box, own.x0, own.y0))
    return not any(map(own.crosses, crossed)) and not any(map(own.meets, leaders))


def _is_clear(place: Place, faint: Sequence[Line]) -> bool:
    if any(line.crosses(place.box) for line in faint):
        return False
    return place.leader is None or not any(map(place.leader.meets, faint))


def _holds(box: Box, x: float, y: float) -> bool:
    return box.left <= x <= box.right and box.bottom <= y <= box.top
