from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from harness.errors import UserError
from harness.jobs.compare import Question, compare_runs, compare_within
from harness.jobs.pairing import pair_arms, sides_of
from harness.record import Outcome
from harness.scenario import Burst, Cold, Offline, Sustained
from harness.validity.calibration import Calibration, CellCalibration

STEADY = (10.0, 10.05, 9.95, 10.02, 9.98)
SLOWER = tuple(value * 1.06 for value in STEADY)
A_LITTLE = tuple(value * 1.025 for value in STEADY)
BY_RUN = Question(())


def words(compared):
    return [row.word for row in compared.rows]


def ids(row):
    return [item.id for item in row.findings]


# --- within one run -----------------------------------------------------------------------------


def test_cells_of_one_run_are_compared_by_a_factor(lab, cell):
    run = lab.run((cell(), STEADY), (cell(engine="onnxruntime"), SLOWER))
    compared = compare_within(run, Question(("engine",)))
    (row,) = compared.rows
    # In natural order: onnxruntime before tflite.
    assert (row.reference.cell.engine, row.candidate.cell.engine) == ("onnxruntime", "tflite")
    assert row.comparison.ratio.value == pytest.approx(1 / 1.06)
    assert (row.word, row.n, row.findings) == ("faster", (5, 5), ())
    assert row.comparison.bootstrap_agrees
    assert not row.confirmed_worse


def test_the_reference_can_be_chosen(lab, cell):
    run = lab.run((cell(), STEADY), (cell(engine="onnxruntime"), SLOWER))
    (row,) = compare_within(run, Question(("engine",), reference="tflite")).rows
    assert (row.word, row.confirmed_worse) == ("slower", True)


def test_numbers_are_ordered_as_numbers(lab, cell):
    run = lab.run(*((cell(threads=threads), STEADY) for threads in (10, 4, 2)))
    rows = compare_within(run, Question(("threads",))).rows
    assert [(row.reference.cell.threads, row.candidate.cell.threads) for row in rows] == [
        (2, 10),
        (2, 4),
    ]


def test_unequal_shares_of_repeated_blocks_decide_nothing(lab, cell):
    sides = (cell(), STEADY), (cell(engine="onnxruntime"), SLOWER)
    by_engine = Question(("engine",), reference="tflite")
    for percent, word in ((20.0, "inconclusive"), (4.0, "slower")):
        run = lab.run(
            *sides,
            repeated_percent=lambda one, p=percent: p if one.engine == "onnxruntime" else 0.0,
        )
        (row,) = compare_within(run, by_engine).rows
        assert (row.word, row.confirmed_worse) == (word, word == "slower")
        assert row.repeated == (0.0, pytest.approx(percent / 2))
        assert row.comparison.ratio.value == pytest.approx(1.06)
        if percent == 20.0:
            assert "20 % of the candidate's" in row.comparison.reason
            (memory,) = compare_within(run, replace(by_engine, metrics=("rss_peak_bytes",))).rows
            assert memory.word == "larger"  # has nothing to do with blocks
        assert row.over_all_blocks.value == pytest.approx(1.06 * 1.1)


def test_other_keys_are_not_mixed(lab, cell):
    run = lab.run(
        (cell(), STEADY),
        (cell(threads=2), SLOWER),
        (cell(variant="int8", digest="1"), STEADY),
        (cell(variant="fp16", digest="2", threads=4), STEADY),
    )
    compared = compare_within(run, Question(("variant",)))
    assert [row.candidate.cell.variant.name for row in compared.rows] == ["int8"]
    assert len(compared.unpaired) == 2
    assert all("nothing to compare it with" in line for line in compared.unpaired)


def test_another_engine_version_spoils_a_comparison_by_variant(lab, cell):
    run = lab.run((cell(), STEADY), (cell(variant="int8", digest="1"), STEADY))
    other = lab.run((cell(), STEADY), (cell(variant="int8", digest="1"), STEADY), engine={})
    (first, _) = compare_runs(run, other, BY_RUN).rows
    assert first.word == "incomparable"
    assert first.comparison.reason == "differ in engine version (1 against unknown)"
    assert not first.confirmed_worse


@pytest.mark.parametrize("factors", [(), ("run",), ("os",), ("engine", "governor")])
def test_one_run_cannot_be_compared_by_what_its_cells_share(lab, cell, factors):
    with pytest.raises(UserError, match="for other factors name a second run"):
        compare_within(lab.run((cell(), STEADY)), Question(factors))


def test_a_reference_that_no_cell_is_is_refused(lab, cell):
    run = lab.run((cell(), STEADY), (cell(threads=2), STEADY))
    with pytest.raises(UserError, match="no reference '8'; there are 1, 2"):
        compare_within(run, Question(("threads",), reference="8"))


def test_a_blocked_order_is_told(lab, cell):
    run = lab.run((cell(), STEADY), (cell(threads=2), A_LITTLE), order="blocked")
    (row,) = compare_within(run, Question(("threads",))).rows
    assert (row.word, ids(row)) == ("slower", ["SEPARATE-SESSIONS"])
    assert not row.confirmed_worse


# --- two runs -----------------------------------------------------------------------------------


def test_two_runs_are_compared_cell_by_cell(lab, cell):
    reference = lab.run((cell(), STEADY), (cell(threads=2), STEADY))
    candidate = lab.run((cell(threads=2), SLOWER), (cell(), STEADY))
    compared = compare_runs(reference, candidate, BY_RUN)
    assert [row.candidate.cell.threads for row in compared.rows] == [2, 1]
    assert words(compared) == ["slower", "equivalent"]
    assert [ids(row) for row in compared.rows] == [["SEPARATE-SESSIONS"]] * 2
    assert [row.confirmed_worse for row in compared.rows] == [True, False]


def test_a_small_change_between_sessions_is_not_confirmed(lab, cell):
    compared = compare_runs(lab.run((cell(), STEADY)), lab.run((cell(), A_LITTLE)), BY_RUN)
    assert words(compared) == ["slower"]
    assert not compared.rows[0].confirmed_worse


def test_swapping_the_runs_inverts_the_ratio(lab, cell):
    one, other = lab.run((cell(), STEADY)), lab.run((cell(), SLOWER))
    (row,), (swapped,) = (compare_runs(*runs, BY_RUN).rows for runs in ((one, other), (other, one)))
    assert row.comparison.ratio.value == pytest.approx(1 / swapped.comparison.ratio.value)
    assert (row.word, swapped.word) == ("slower", "faster")


def test_cells_without_counterpart_are_told(lab, cell):
    reference = lab.run((cell(), STEADY), (cell(threads=2), STEADY))
    compared = compare_runs(reference, lab.run((cell(), STEADY)), BY_RUN)
    assert words(compared) == ["equivalent"]
    assert compared.unpaired == (
        f"net/fp32 tflite cpu t2 b1 single_stream on local: only in run {reference.run_id}",
    )


def test_cells_that_differ_in_more_are_paired_to_tell_in_what(lab, cell):
    compared = compare_runs(
        lab.run((cell(), STEADY)), lab.run((cell(threads=2), SLOWER), facts={"os": "Mach"}), BY_RUN
    )
    (row,) = compared.rows
    assert row.word == "incomparable"
    assert row.comparison.reason == "differ in OS (Linux against Mach); threads (1 against 2)"
    assert compared.nothing_compared


def test_a_second_factor_is_allowed_on_asking(lab, cell):
    runs = lab.run((cell(), STEADY)), lab.run((cell(threads=2), SLOWER))
    assert words(compare_runs(*runs, Question(("threads",)))) == ["slower"]


def test_a_cell_that_two_could_be_meant_with_stays_alone(lab, cell):
    reference = lab.run((cell(), STEADY))
    candidate = lab.run((cell(threads=2), STEADY), (cell(threads=4), STEADY))
    compared = compare_runs(reference, candidate, Question(("threads",)))
    assert compared.rows == ()
    assert len(compared.unpaired) == 3


def test_one_arm_alone_is_no_pair(lab, cell):
    arms = [cell(arm=arm) for arm in ("reference", "candidate")]
    run = lab.run(*((arm, (*STEADY, 10.0)) for arm in arms), order="abba")
    assert len(pair_arms(run, sides_of(run))) == 1
    of_one = tuple(trial for trial in run.plan.trials if trial.cell.arm == "reference")
    half = SimpleNamespace(plan=replace(run.plan, trials=of_one))
    assert pair_arms(half, sides_of(run)) == []


def test_a_run_is_not_compared_with_itself(lab, cell):
    run = lab.run((cell(), STEADY))
    with pytest.raises(UserError, match="compared with itself"):
        compare_runs(run, run, BY_RUN)


# --- trials, metrics, margins -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ((), "0 valid trials"),
        ((10.0, 10.1), "2 valid trials"),
        ((10.0, 10.1, Outcome.FAILED, Outcome.INVALID), "2 valid trials"),
    ],
)
def test_too_few_valid_trials_are_inconclusive(lab, cell, values, reason):
    run = lab.run((cell(), STEADY), (cell(threads=2), values or (Outcome.FAILED,)))
    (row,) = compare_within(run, Question(("threads",))).rows
    assert row.word == "inconclusive"
    assert reason in row.comparison.reason


def test_metrics_are_chosen_and_named_in_their_own_words(lab, cell):
    run = lab.run((cell(), STEADY), (cell(threads=2), SLOWER))
    metrics = ("latency_p50_ns", "rss_peak_bytes", "load_ns")
    compared = compare_within(run, Question(("threads",), metrics))
    assert [(row.metric, row.word) for row in compared.rows] == [
        ("latency_p50_ns", "slower"),
        ("rss_peak_bytes", "larger"),
    ]
    assert compared.rows[1].comparison.bootstrap is None


def test_p99_needs_ten_thousand_inferences(lab, cell):
    run = lab.run((cell(), STEADY), (cell(threads=2), SLOWER))
    (row,) = compare_within(run, Question(("threads",), ("latency_p99_ns",))).rows
    assert row.word == "inconclusive"
    assert row.comparison.reason == "1505 inferences on a side, 10000 needed"


def test_p99_never_makes_a_comparison_fail(lab, cell):
    run = lab.run((cell(), STEADY), (cell(threads=2), SLOWER))
    question = Question(("threads",), ("latency_p50_ns",))
    (row,) = compare_within(run, question).rows
    assert row.confirmed_worse
    assert not replace(row, metric="latency_p99_ns").confirmed_worse


def test_the_margin_can_be_set(lab, cell):
    run = lab.run((cell(), STEADY), (cell(threads=2), SLOWER))
    compared = compare_within(run, Question(("threads",), margin=0.10))
    assert words(compared) == ["equivalent"]


def test_doubts_on_trials_are_shown_and_notes_are_not(lab, cell):
    for doubt, shown in (("INTERFERENCE", ("INTERFERENCE",)), ("SHORT-RUN", ())):
        run = lab.run((cell(), STEADY), (cell(threads=2), STEADY), doubt=doubt)
        assert compare_within(run, Question(("threads",))).rows[0].doubts == shown


def test_one_cell_among_many_may_be_chance(lab, cell):
    """p is about 0.03 for the first pair and large for seven others."""
    odd = (10.0, 10.3, 9.8, 10.1, 9.9), (10.4, 10.8, 10.2, 10.6, 10.1)
    pairs = [(cell(), odd[0]), (cell(engine="onnxruntime"), odd[1])]
    alone = compare_within(lab.run(*pairs), Question(("engine",), reference="tflite"))
    assert words(alone) == ["slower"]
    for threads in range(2, 9):
        pairs += [(cell(threads=threads), STEADY[:3])]
        pairs += [(cell(threads=threads, engine="onnxruntime"), STEADY[:3])]
    among = compare_within(lab.run(*pairs), Question(("engine",), reference="tflite"))
    assert words(among) == ["inconclusive", *["equivalent"] * 7]
    assert "no surprise among 8 comparisons" in among.rows[0].comparison.reason


@pytest.mark.parametrize(
    ("load", "metric"),
    [
        (Burst(), "latency_p50_ns"),
        (Sustained(60), "latency_p50_ns"),
        (Offline(), "throughput_per_s"),
        (Cold(), "cold_start_ns"),
    ],
)
def test_each_load_is_about_one_metric(cell, load, metric):
    assert cell(load=load).primary_metric == metric
    assert cell(load=load, purpose="memory").primary_metric == "rss_steady_bytes"


# --- arms ---------------------------------------------------------------------------------------


@pytest.fixture
def arms(lab, cell):
    """A run of one cell on two arms, in quads."""

    def make(reference, candidate, **run):
        sides = (cell(arm="reference"), reference), (cell(arm="candidate"), candidate)
        return lab.run(*sides, order="abba", **run)

    return make


HEATING = tuple(10 * 1.05**place for place in range(8))


def test_arms_are_compared_within_quads(arms):
    """Heat makes every trial slower than the one before; within quads that cancels out."""
    # By place: a0 b1 b2 a3 | b4 a5 a6 b7
    reference = [HEATING[place] for place in (0, 3, 5, 6)]
    candidate = [HEATING[place] for place in (1, 2, 4, 7)]
    run = arms(reference, [value * 1.2 for value in candidate])
    (row,) = compare_within(run, BY_RUN).rows  # arms are what a run with arms is compared by
    assert (row.reference.cell.arm, row.candidate.cell.arm) == ("reference", "candidate")
    assert row.comparison.ratio.value == pytest.approx(1.2)
    assert (row.word, row.confirmed_worse, row.findings) == ("slower", True, ())
    assert row.comparison.bootstrap is None


def test_lost_trials_take_their_quad_with_them(arms):
    values = [10.0, 10.1, 10.0, 9.9]
    (row,) = compare_within(arms(values, [Outcome.FAILED, *values[1:]]), BY_RUN).rows
    assert (row.word, row.comparison.reason) == ("inconclusive", "1 quad, 2 needed")


def test_a_run_without_arms_cannot_be_compared_by_them(lab, cell):
    run = lab.run((cell(), STEADY))
    with pytest.raises(UserError, match="has no arms; compare it by another factor"):
        compare_within(run, Question(("arm",)))


def test_two_nights_are_compared_arm_by_arm(arms):
    values = [10.0, 10.1, 10.0, 9.9]
    before, after = arms(values, values), arms(values, values)
    rows = compare_runs(before, after, BY_RUN).rows
    assert [(row.reference.cell.arm, row.candidate.cell.arm) for row in rows] == [
        ("reference", "reference"),
        ("candidate", "candidate"),
    ]


def test_an_untrusted_unit_marks_its_verdicts(arms):
    figures = CellCalibration(20, 3, 0.2, 0.01, 0.01, 0.01, 0.03)
    known = Calibration(
        "local", "local", "Linux", "", "", "latency_p50_ns", 0.02, cells={"x": figures}
    )
    run = arms(STEADY[:4], SLOWER[:4])
    (row,) = compare_within(run, Question((), calibrations={"local": known})).rows
    assert ids(row) == ["UNIT-UNTRUSTED"]
