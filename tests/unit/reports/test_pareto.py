from __future__ import annotations

import pytest

from harness.errors import UserError
from harness.stats.interval import Estimate
from reports.pareto import FORMATS, Axis, Point, front, pareto_figure

pytest.importorskip("matplotlib", reason="needs the extra 'figures'")

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


def test_what_cannot_be_drawn_is_told() -> None:
    with pytest.raises(UserError, match="gif"):
        pareto_figure(POINTS, "title", "gif", AXIS)
    with pytest.raises(UserError, match="nothing to draw"):
        pareto_figure([], "title", "svg", AXIS)
