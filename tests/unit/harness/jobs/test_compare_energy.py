"""Energy is compared only where it was read at the same place."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.jobs.compare import Question, compare_sides
from harness.record import DeviceFacts, Energy, Outcome, Trial, TrialRecord
from harness.stats.comparison import Verdict
from harness.validity.comparability import Side


@pytest.fixture
def side(cell):
    """Five trials whose energy comes from the given source."""

    def make(run_id: str, source: str, net_j: float) -> Side:
        records = tuple(
            TrialRecord(
                run_id, Trial(f"t-r{i}", cell(), i, i), 1, Outcome.OK,
                f"2026-01-01T00:0{i}:00+00:00", f"2026-01-01T00:0{i}:30+00:00",
                metrics={
                    "energy_net_j": net_j * (1 + 0.004 * (i - 2)),
                    "latency_p50_ns": 5e6 * (1 + 0.001 * i),
                    "inferences": 100.0,
                },
                energy=Energy(source),
            )
            for i in range(5)
        )  # fmt: skip
        return Side(run_id, cell(), records, DeviceFacts("local", {"platform": "local"}))

    return make


def test_one_source_is_judged_with_the_margin_of_energy(side) -> None:
    reference = side("a", "rails", 0.020)
    more = compare_sides(reference, side("b", "rails", 0.024), "energy_net_j", Question(()))
    assert more.verdict is Verdict.WORSE
    alike = compare_sides(reference, side("b", "rails", 0.0203), "energy_net_j", Question(()))
    assert alike.verdict is Verdict.EQUIVALENT


def test_two_sources_are_incomparable_in_energy_and_nothing_else(side) -> None:
    sides = side("a", "rails", 0.020), side("b", "battery", 0.021)
    found = compare_sides(*sides, "energy_net_j", Question(()))
    assert found.verdict is Verdict.INCOMPARABLE
    assert "power source (rails against battery)" in found.reason
    assert compare_sides(*sides, "latency_p50_ns", Question(())).verdict is Verdict.EQUIVALENT


def test_a_side_without_energy_is_no_other_source(side) -> None:
    reference, other = side("a", "rails", 0.020), side("b", "rails", 0.020)
    bare = replace(other, records=tuple(replace(one, energy=None) for one in other.records))
    found = compare_sides(reference, bare, "latency_p50_ns", Question(()))
    assert found.verdict is Verdict.EQUIVALENT
