"""Labels of points: whatever is asked for, none covers another one or a point."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from reports.plots.placement import Box, Label, Line, placed

AREA = Box(0, 0, 400, 300)
COORDINATES = st.tuples(st.integers(5, 395), st.integers(5, 295))


def labels_at(spots: list[tuple[int, int]], width: float, lines: int) -> list[Label]:
    return [Label(x, y, width, 10 * lines, 10) for x, y in spots]


def around(spots: list[tuple[int, int]]) -> list[Box]:
    return [Box(x - 3, y - 3, x + 3, y + 3) for x, y in spots]


@settings(deadline=None, max_examples=60)
@given(
    st.lists(COORDINATES, min_size=1, max_size=30, unique=True),
    st.integers(6, 160),
    st.integers(1, 3),
    st.lists(st.tuples(COORDINATES, COORDINATES), max_size=6),
)
def test_nothing_is_covered(spots, width, lines, drawn) -> None:
    points = around(spots)
    faint = [Line(*start, *end) for start, end in drawn]
    labels = labels_at(spots, width, lines)
    places = placed(labels, AREA, points, faint)
    assert places == placed(labels, AREA, points, faint)
    found = [place for place in places if place is not None]
    for one, other in combinations(found, 2):
        assert not one.box.overlaps(other.box)
        for place, box in ((one, other.box), (other, one.box)):
            assert place.leader is None or not place.leader.crosses(box)
    for place in found:
        assert place.box.within(AREA)
        assert not any(place.box.overlaps(point) for point in points)
        assert not (place.clear and any(line.crosses(place.box) for line in faint))


def test_a_lone_label_stands_above_its_point_without_a_leader() -> None:
    (place,) = placed(labels_at([(200, 150)], 60, 1), AREA, around([(200, 150)]), ())
    assert place.box == Box(170, 155, 230, 165)
    assert place.leader is None
    assert place.clear


def test_a_leader_runs_from_the_point_to_a_label_that_stands_apart() -> None:
    near = [Box(100, 130, 300, 147), Box(100, 153, 300, 170)]  # no room next to the point
    (place,) = placed(labels_at([(200, 150)], 60, 1), AREA, [*around([(200, 150)]), *near], ())
    assert place is None  # the leader would cross what stands around the point
    (place,) = placed(labels_at([(200, 150)], 60, 1), AREA, [Box(193, 143, 207, 157)], ())
    assert (place.leader.x0, place.leader.y0) == (200, 150)
    assert not Box(193, 143, 207, 157).overlaps(place.box)


def test_a_label_over_a_faint_line_is_told() -> None:
    spots = [(200, 150)]
    comb = [Line(x, 0, x, 300) for x in range(0, 400, 20)]
    (place,) = placed(labels_at(spots, 60, 1), AREA, around(spots), comb)
    assert place is not None
    assert not place.clear


def test_a_line_crosses_a_box_only_inside_of_it() -> None:
    box = Box(0, 0, 10, 10)
    assert Line(-5, 5, 15, 5).crosses(box)
    assert Line(2, 2, 3, 3).crosses(box)
    assert not Line(-5, 10, 15, 10).crosses(box)
    assert not Line(-5, 4, 4, 15).crosses(box)
    assert not Line(11, 5, 20, 5).crosses(box)
