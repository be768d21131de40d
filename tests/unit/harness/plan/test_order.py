"""In which order trials run."""

from __future__ import annotations

import random
import subprocess
import sys

import pytest

from harness.plan.order import trials
from harness.record import Cell
from harness.scenario import Burst, Order, Repeats
from harness.variant import ModelFormat, Variant

VARIANT = Variant("net", "fp32", ModelFormat.TFLITE, "ab", 1)


def cells(count: int) -> list[Cell]:
    return [Cell("local", VARIANT, "tflite", "cpu", n + 1, 1, Burst()) for n in range(count)]


def threads(planned) -> list[int]:
    return [trial.cell.threads for trial in planned]


def test_every_round_visits_every_cell_once_in_an_order_of_its_own():
    visits = threads(trials(cells(20), Order(seed=1), Repeats(4, 4)))
    rounds = [visits[start : start + 20] for start in range(0, 80, 20)]
    assert all(sorted(one) == list(range(1, 21)) for one in rounds)
    assert len({tuple(one) for one in rounds}) == 4


def test_the_seed_decides():
    first, again, other = (
        threads(trials(cells(20), Order(seed=seed), Repeats(2, 2))) for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


ELSEWHERE = """
import sys
sys.path[:0] = {path!r}
from harness.plan.order import trials
from harness.record import Cell
from harness.scenario import Burst, Order, Repeats
from harness.variant import ModelFormat, Variant
variant = Variant("net", "fp32", ModelFormat.TFLITE, "ab", 1)
cells = [Cell("local", variant, "tflite", "cpu", n + 1, 1, Burst()) for n in range(20)]
print(*(trial.id for trial in trials(cells, Order(seed=7), Repeats(2, 2))))
"""


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_the_order_is_the_same_in_every_process(hash_seed):
    found = subprocess.run(
        [sys.executable, "-c", ELSEWHERE.format(path=sys.path)],
        env={"PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert found == [trial.id for trial in trials(cells(20), Order(seed=7), Repeats(2, 2))]


def test_the_order_does_not_depend_on_the_order_of_the_matrix():
    shuffled = cells(9)
    random.Random(3).shuffle(shuffled)
    order, repeats = Order(seed=5), Repeats(2, 2)
    assert threads(trials(shuffled, order, repeats)) == threads(trials(cells(9), order, repeats))


def test_a_further_cell_leaves_the_others_in_their_order():
    order, repeats = Order(seed=5), Repeats(1, 1)
    more = [n for n in threads(trials(cells(10), order, repeats)) if n != 10]
    assert more == threads(trials(cells(9), order, repeats))


def test_blocked_goes_cell_by_cell():
    assert threads(trials(cells(3), Order("blocked"), Repeats(2, 2))) == [1, 1, 2, 2, 3, 3]


@pytest.mark.parametrize("kind", ["interleaved", "blocked"])
def test_ids_repeats_and_positions(kind):
    planned = trials(cells(3), Order(kind), Repeats(1, 3, 0.1))
    assert [trial.order for trial in planned] == list(range(9))
    assert {trial.id for trial in planned} == {
        f"{cell.key}-r{repeat}" for cell in cells(3) for repeat in range(3)
    }
    assert all(trial.id.endswith(f"-r{trial.repeat}") for trial in planned)


def test_nothing_to_do():
    assert trials([], Order(), Repeats()) == ()
