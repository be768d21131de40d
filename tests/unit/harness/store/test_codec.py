from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import StoreError
from harness.store.codec import dump, from_json, to_json


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True)
class Round:
    radius: float
    kind: Literal["round"] = "round"


@dataclass(frozen=True)
class Square:
    side: int
    kind: Literal["square"] = "square"


@dataclass(frozen=True)
class Everything:
    name: str
    shape: Round | Square
    colour: Colour = Colour.RED
    sizes: tuple[int, ...] = ()
    options: dict[str, str | int | float | bool] = field(default_factory=dict)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    evidence: dict[str, object] = field(default_factory=dict)
    inner: Square | None = None
    mode: Literal["fast", "slow"] = "fast"


def through_text(value: object) -> Any:
    return json.loads(dump(to_json(value)))


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
everything = st.builds(
    Everything,
    name=st.text(),
    shape=st.builds(Round, st.floats(allow_nan=False, allow_infinity=False))
    | st.builds(Square, st.integers()),
    sizes=st.lists(st.integers()).map(tuple),
    options=st.dictionaries(
        st.text(),
        st.text()
        | st.integers()
        | st.booleans()
        | st.floats(allow_nan=False, allow_infinity=False),
    ),
    shapes=st.dictionaries(st.text(), st.lists(st.integers()).map(tuple)),
    evidence=st.dictionaries(st.text(), plain),
    inner=st.none() | st.builds(Square, st.integers()),
    mode=st.sampled_from(["fast", "slow"]),
)


@given(everything)
def test_what_is_written_is_read_back(value: Everything) -> None:
    again = from_json(Everything, through_text(value))
    assert again == value
    assert [type(item) for item in again.options.values()] == [
        type(item) for item in value.options.values()
    ]


@given(plain)
def test_no_foreign_document_does_more_than_raise_a_store_error(document: object) -> None:
    try:
        from_json(Everything, document)
    except StoreError:
        return
    assert isinstance(document, dict)


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ({"shape": {"kind": "round", "radius": 1}}, "'name' is missing"),
        ({"name": 1, "shape": {"kind": "round", "radius": 1}}, "name: should be text, not 1"),
        ({"name": "x", "shape": {"kind": "oval"}}, "shape: kind should be one of round, square"),
        (
            {"name": "x", "shape": {"kind": "round", "radius": "1"}},
            'shape.radius: should be a number, not "1"',
        ),
        (
            {"name": "x", "shape": {"kind": "round", "radius": 1}, "wings": 2},
            "unknown key 'wings'",
        ),
        (
            {"name": "x", "shape": {"kind": "square", "side": True}},
            "shape.side: should be an integer, not true",
        ),
        (
            {"name": "x", "shape": {"kind": "square", "side": 1}, "shapes": {"a": [1, 2.5]}},
            "shapes.a.1: should be an integer, not 2.5",
        ),
        (
            {"name": "x", "shape": {"kind": "square", "side": 1}, "colour": "blue"},
            'colour: should be one of red, not "blue"',
        ),
        (
            {"name": "x", "shape": {"kind": "square", "side": 1}, "mode": "idle"},
            'mode: should be one of fast, slow, not "idle"',
        ),
        (
            {"name": "x", "shape": {"kind": "square", "side": 1}, "options": {"a": None}},
            "options.a: should be text or an integer or a number or true or false, not null",
        ),
        ([], "should be an object, not []"),
    ],
)
def test_errors_name_the_place_and_what_would_be_right(document: object, problem: str) -> None:
    with pytest.raises(StoreError) as caught:
        from_json(Everything, document)
    assert problem in str(caught.value)


@pytest.mark.parametrize("number", [math.nan, math.inf, np.float64("nan")])
def test_a_number_that_was_not_measured_is_refused(number: float) -> None:
    with pytest.raises(StoreError, match="not finite"):
        dump(to_json({"latency_p50_ns": number}))


def test_numpy_numbers_become_plain_ones_and_other_things_are_refused() -> None:
    assert through_text({"a": np.int64(3), "b": np.float64(0.1), "c": np.float32(0.5)}) == {
        "a": 3,
        "b": 0.1,
        "c": 0.5,
    }
    with pytest.raises(StoreError, match="a set cannot be stored"):
        to_json({"a": {1, 2}})


def test_a_name_that_is_no_valid_unicode_can_still_be_stored() -> None:
    assert json.loads(dump("file-\udcff.onnx")) == "file-\udcff.onnx"
