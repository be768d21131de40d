from __future__ import annotations

import itertools

import pytest

from harness.errors import UserError
from harness.stats.interval import Estimate
from reports.pareto import FORMATS, Axis, Point, draw_pareto, front, pareto_figure
from reports.plots.naming import shortened
from reports.plots.style import STYLES, applied

pytest.importorskip("matplotlib", reason="needs the extra 'figures'")
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

AXIS = Axis("latency", "p90, ms")
MAGIC = {"svg": b"<?xml", "pdf": b"%PDF", "png": b"\x89PNG"}


def point(label: str, latency_ms: float, percent: float, **changes: object) -> Point:
    fields: dict[str, object] = {
        "label": label,
        "series": "tflite",
        "cost": Estimate(latency_ms, latency_ms * 0.9, latency_ms * 1.1, 5),
        "accuracy_percent": Estimate(percent, None, None, 1),
    }
    return Point(**(fields | changes))  # type: ignore[arg-type]


POINTS = [
    point("digits/fp32", 3.0, 98.5),
    point("digits/int8", 1.0, 98.2, chosen=True),
    point("digits/int2", 0.9, 67.0, series="onnxruntime"),
]


@pytest.mark.parametrize("fmt", FORMATS)
def test_the_same_points_are_the_same_file(fmt: str) -> None:
    first = pareto_figure(POINTS, "title", fmt, AXIS)
    assert first.startswith(MAGIC[fmt])
    assert pareto_figure(POINTS, "title", fmt, AXIS) == first


def test_the_front_holds_what_nothing_beats() -> None:
    slow, beaten = point("slow", 5.0, 99.0), point("beaten", 6.0, 98.9)
    assert [p.label for p in front([beaten, slow, *POINTS])] == [
        "digits/int2",
        "digits/int8",
        "digits/fp32",
        "slow",
    ]


def test_foreign_names_are_text() -> None:
    drawn = pareto_figure([point("a$\\frac{1}<script>", 1.0, 50.0)], "t", "svg", AXIS).decode()
    assert "<script>" not in drawn.replace("<!-- a$\\frac{1}<script> -->", "")


def names_in(points: list[Point]) -> tuple[list[str], list[str], list[Bbox]]:
    """What is written beside the points and in the legend, and where the former stands."""
    with applied(STYLES["paper"]):
        figure = Figure(figsize=(3.33, 2.66))
        draw_pareto(figure, points, AXIS)
        texts = [text for text in figure.axes[0].texts if text.get_text()]
        boxes = [Text.get_window_extent(text) for text in texts]
        legend = [text.get_text() for text in figure.legends[0].get_texts()]
    return [text.get_text() for text in texts], legend, boxes


@pytest.mark.parametrize(("number", "words"), [(4, 1), (4, 9), (12, 9), (30, 1), (30, 9)])
def test_names_cover_neither_one_another_nor_points(number: int, words: int) -> None:
    points = [
        point(f"{'long ' * (words - 1)}name_{n}", 1.2**n, 60 + n, chosen=n == 1)
        for n in range(number)
    ]
    written, legend, boxes = names_in(points)
    assert len(written) == number  # each point is named, by its name or by a number
    assert all(not one.overlaps(other) for one, other in itertools.combinations(boxes, 2))
    if set(written) == {str(n + 1) for n in range(number)}:
        assert legend[-number:] == [
            f"{n + 1}  {shortened(one.label + ' (chosen)' * one.chosen, 52)}"
            for n, one in enumerate(points)
        ]


def test_names_stand_beside_points_where_there_is_room() -> None:
    written, legend, _ = names_in(POINTS)
    assert sorted(written) == ["digits/fp32", "digits/int2", "digits/int8 (chosen)"]
    assert len(legend) == 3


def test_what_cannot_be_drawn_is_told() -> None:
    with pytest.raises(UserError, match="gif"):
        pareto_figure(POINTS, "title", "gif", AXIS)
    with pytest.raises(UserError, match="nothing to draw"):
        pareto_figure([], "title", "svg", AXIS)
