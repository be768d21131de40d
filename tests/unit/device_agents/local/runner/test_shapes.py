"""Concrete shapes from declared ones."""

from __future__ import annotations

import pytest

from device_agents.local.runner.refusal import Refused
from device_agents.local.runner.shapes import Declared, resolve

STATE = [
    Declared("input", ("batch", "sequence")),
    Declared("state", (2, "batch", 128)),
    Declared("sr", ()),
]


def test_names_carry_sizes_from_one_input_to_another():
    shapes, named = resolve(STATE, {"input": (3, 512)}, 1)
    assert shapes == [(3, 512), (2, 3, 128), ()]
    assert named == {"batch": 3, "sequence": 512}


def test_a_leading_dimension_is_the_batch():
    shapes, _ = resolve([Declared("a", (None, 4)), Declared("b", ("n", 4))], {}, 7)
    assert shapes == [(7, 4), (7, 4)]


def test_fixed_shapes_stay():
    assert resolve([Declared("a", (1, 4))], {}, 1) == ([(1, 4)], {})
    assert resolve([Declared("a", (1, 4))], {"a": (1, 4)}, 1) == ([(1, 4)], {})


@pytest.mark.parametrize(
    ("inputs", "shapes", "batch", "words"),
    [
        (STATE, {}, 1, "input 'input' has the dynamic shape [batch, sequence]; set shapes: {input"),
        ([Declared("a", (None, None))], {}, 1, "[?, ?]"),
        (STATE, {"input": (1, 512), "state": (2, 2, 128)}, 1, "state: [2, 2, 128] does not fit"),
        ([Declared("a", (1, 4))], {"a": (2, 4)}, 1, "does not fit"),
        ([Declared("a", (1, 4))], {"a": (1, 4, 1)}, 1, "does not fit"),
        ([Declared("a", (None,))], {"a": (0,)}, 1, "does not fit"),
        ([Declared("a", (None,))], {"b": (1,)}, 1, "no input 'b'; the model has a"),
        ([Declared("a", (1, 4))], {}, 2, "batch 2 does not fit: the model has a fixed batch (a"),
        ([Declared("a", ())], {}, 2, "fixed batch"),
        ([Declared("a", (None, 4))], {"a": (3, 4)}, 2, "batch 2"),
        ([Declared("a", (None, 4))], {}, 0, "batch is 1 to"),
        ([Declared("a", (None, 4))], {}, 2**31, "batch is 1 to"),
        ([Declared("a", (None,))], {"a": (2**31,)}, 1, "does not fit"),
    ],
)
def test_refused(inputs, shapes, batch, words):
    with pytest.raises(Refused) as caught:
        resolve(inputs, shapes, batch)
    assert caught.value.code == "option-rejected"
    assert words in caught.value.text
    assert "\n" not in caught.value.text
