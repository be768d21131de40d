"""A night's verdicts on made-up runs of two arms."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from harness.jobs.causes import NOTHING_SEEN
from harness.jobs.nightly import Status, confirmed, first_look
from harness.jobs.nightly_files import (
    document,
    entries,
    junit,
    markdown,
    summary,
    told,
    write_night,
)
from harness.record import Outcome, Placement, PlacementVerdict
from harness.scenario import Limit
from harness.validity.calibration import Calibration, CellCalibration

STEADY = (10.0, 10.05, 9.95, 10.02, 9.98, 10.01)
SLOWER = tuple(value * 1.06 for value in STEADY)
FASTER = tuple(value * 0.9 for value in STEADY)
A_LITTLE = tuple(value * 1.03 for value in STEADY)
LATENCY = "latency_p50_ns"


@pytest.fixture
def pair(cell):
    """Reference and candidate arm of one cell, the candidate with changes."""

    def make(threads: int = 1, **changes: object):
        reference = cell(arm="reference", threads=threads)
        return reference, replace(cell(threads=threads, **changes), arm="candidate")

    return make


@pytest.fixture
def night(lab, pair):
    """A run of one pair with the arms' values."""

    def make(reference, candidate, changes=None, **run: object):
        ours, theirs = pair(**(changes or {}))
        return lab.run((ours, reference), (theirs, candidate), order="abba", **run)

    return make


def look(run, limits=(), calibrations=None):
    return first_look(run, limits, calibrations or {})


def latency(night):
    (row,) = [row for row in night.rows if row.metric == LATENCY]
    return row


def test_equal_arms_are_good(night):
    found = confirmed(look(night(STEADY, STEADY)), None)
    assert {row.status for row in found.rows} == {Status.GOOD}
    assert (found.suspects, latency(found).quads) == (frozenset(), 3)
    assert summary(found) == "Of 2 comparisons: no regression."


def test_a_slowdown_is_only_suspected_at_first(night):
    found = look(night(STEADY, SLOWER))
    assert latency(found).status is Status.UNCONFIRMED
    assert len(found.suspects) == 2


def test_fresh_quads_confirm_it(night):
    first = look(night(STEADY, SLOWER))
    row = latency(confirmed(first, night(STEADY, SLOWER)))
    assert row.status is Status.REGRESSION
    assert row.quads == 6
    assert row.comparison.ratio.value == pytest.approx(1.06)
    assert row.causes


def test_fresh_quads_may_not_show_it(night):
    found = confirmed(look(night(STEADY, SLOWER)), night(STEADY, STEADY))
    assert latency(found).status is Status.WENT_AWAY
    assert latency(found).reason == "fresh quads do not show it"
    assert "2 suspected and gone" in summary(found)


def test_a_small_slowdown_is_confirmed_without_the_margin(night):
    """Fresh quads need no second margin: all quads together have to be beyond it."""
    small = tuple(value * 1.019 for value in STEADY)
    found = confirmed(look(night(STEADY, A_LITTLE)), night(STEADY, small))
    assert latency(found).status is Status.REGRESSION


def test_noisy_fresh_quads_leave_it_open(night):
    """All quads together are worse still; the fresh ones could be anything."""
    noisy = (10.9, 9.8, 10.8, 9.7, 10.9, 9.9)
    row = latency(confirmed(look(night(STEADY, SLOWER)), night(STEADY, noisy)))
    assert (row.status, row.reason) == (Status.UNCONFIRMED, "fresh quads are too noisy to tell")


def test_causes_are_told_once_for_each_pair(night):
    text = markdown(confirmed(look(night(STEADY, SLOWER)), night(STEADY, SLOWER)), [])
    assert text.count("(regression)") == 2  # latency and memory
    assert text.count("likely cause:") == 1


def test_without_fresh_quads_it_stays_open(night):
    row = latency(confirmed(look(night(STEADY, SLOWER)), None, "no time was left"))
    assert (row.status, row.reason) == (Status.UNCONFIRMED, "no time was left")
    assert row.causes


def test_a_repetition_that_was_dropped_leaves_it_open(night):
    nothing = (Outcome.SKIPPED,) * 6
    again = night(nothing, nothing, reason="dropped to finish by 06:30")
    row = latency(confirmed(look(night(STEADY, SLOWER)), again))
    assert row.status is Status.UNCONFIRMED
    assert row.reason == "the repetition: dropped to finish by 06:30"
    assert row.causes


def test_an_improvement_is_good(night):
    assert latency(look(night(STEADY, FASTER))).status is Status.GOOD


def test_a_quad_that_lost_a_trial_is_left_out(night):
    bad = (Outcome.FAILED, *SLOWER[1:])
    row = latency(look(night(STEADY, bad)))
    assert (row.quads, row.planned_quads, row.status) == (2, 3, Status.UNCONFIRMED)


@pytest.mark.parametrize("values", [STEADY[:2], (Outcome.FAILED, 10.0, Outcome.FAILED, 10.0, 1, 1)])
def test_one_quad_is_no_verdict(night, values):
    row = latency(look(night(STEADY[: len(values)], values)))
    assert row.status is Status.INCOMPLETE
    assert row.reason.startswith("1 quad, 2 needed")


def test_what_was_dropped_for_lack_of_time_says_so(night):
    nothing = (Outcome.SKIPPED,) * 6
    reason = "dropped to finish by 2026-01-01 06:30: 3 min were left"
    found = look(night(nothing, nothing, reason=reason))
    (row,) = found.rows
    assert (row.status, row.reason) == (Status.DROPPED, reason)


def test_arms_that_differ_in_more_are_incomparable(night):
    """As a reference from another phone, batch or operating system would be."""
    found = look(night(STEADY, SLOWER, {"batch": 2}))
    assert {row.status for row in found.rows} == {Status.INCOMPARABLE}
    assert latency(found).reason == "differ in batch (1 against 2)"
    assert found.suspects == frozenset()


def test_a_repetition_on_another_os_build_is_incomparable(night):
    first = look(night(STEADY, SLOWER, facts={"os_build": "AP1A"}))
    row = latency(confirmed(first, night(STEADY, SLOWER, facts={"os_build": "AP2B"})))
    assert row.status is Status.INCOMPARABLE
    assert row.reason == "the repetition differs in OS build (AP1A against AP2B)"


def test_a_limit_stands_in_for_the_margin(night):
    strict, lax, other = Limit({}, {}, 0.01), Limit({}, {}, 0.05), Limit({"model": "x*"}, {}, 0.9)
    run = night(STEADY, A_LITTLE)
    row = latency(look(run, [lax, other]))
    assert (row.status, row.bound) == (Status.GOOD, 0.05)
    assert latency(look(run, [lax, strict])).status is Status.UNCONFIRMED
    assert latency(look(run, [other])).bound is None


def calibration(rate: float, os_build: str = "Linux") -> Calibration:
    figures = CellCalibration(20, 3, rate, 0.005, 0.01, 0.01, 0.03)
    return Calibration(
        "local", "local", os_build, "2026", "run", LATENCY, 0.02, cells={"net": figures}
    )


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (calibration(0.04), []),
        (calibration(0.09), ["UNIT-UNTRUSTED"]),
        (calibration(0.01, "Linux before"), ["CALIBRATION-VOID"]),
        (calibration(0.09, "Linux before"), ["CALIBRATION-VOID"]),
    ],
)
def test_the_units_calibration_marks_its_verdicts(night, known, expected):
    row = latency(look(night(STEADY, SLOWER), calibrations={"local": known}))
    assert [item.id for item in row.findings] == expected


@pytest.mark.parametrize(("platform", "expected"), [("android", ["SINGLE-UNIT"]), ("local", [])])
def test_one_phone_speaks_for_itself_only(night, platform, expected):
    run = night(STEADY, SLOWER, facts={"platform": platform, "model": "Phone 1"})
    assert [item.id for item in latency(look(run)).findings] == expected


@pytest.mark.parametrize("os_build", ["Linux", "Linux before"])
def test_the_units_rate_stands_beside_its_verdicts(night, os_build):
    """Where the calibration holds, with its interval; a void one has no rate."""
    known = {"local": calibration(0.04, os_build)}
    found = look(night(STEADY, SLOWER), calibrations=known)
    row, memory = document(found, [])["comparisons"]
    assert memory["unit_false_alarms"] is None  # nobody knows that metric's
    case = _parsed(junit(found)).find("testcase/error")
    told = "4.0 % [3.0 %, 5.0 %] of A/A comparisons were called different" in case.get("message")
    assert told is (os_build == "Linux")
    assert (row["unit_false_alarms"] is not None) is told
    if told:
        assert row["unit_false_alarms"]["high"] == pytest.approx(0.0498)


def test_what_else_differs_is_told(lab, pair):
    first, second = pair(digest="1")
    run = lab.run((first, STEADY), (second, SLOWER), order="abba")
    causes = latency(confirmed(look(run), None)).causes
    assert causes[0] == "model file: 111111111111 of 0.00 MiB, reference 000000000000 of 0.00 MiB"
    assert "peak RSS: 1.060 times the reference" in causes


def test_a_changed_placement_comes_first(night):
    run = night(STEADY, SLOWER)
    row = latency(look(run))
    fell_back = Placement(PlacementVerdict.FELL_BACK)
    records = tuple(replace(one, placed=fell_back) for one in row.candidate.records)
    from harness.jobs.causes import likely_causes

    side = replace(row.candidate, records=records)
    found = likely_causes(row.reference, side, LATENCY, {run.run_id: run})
    assert found[0] == "placement: FELL_BACK, reference unknown"


def test_a_finding_on_one_arm_only_is_told(night):
    from harness.findings import finding
    from harness.jobs.causes import likely_causes

    run = night(STEADY, STEADY)
    row = latency(look(run))
    assert likely_causes(row.reference, row.candidate, LATENCY, {}) == (NOTHING_SEEN,)
    hot = tuple(
        replace(one, findings=(finding("DRIFT", "hot"),)) for one in row.candidate.records[:4]
    )
    side = replace(row.candidate, records=(*hot, *row.candidate.records[4:]))
    found = likely_causes(row.reference, side, LATENCY, {})
    assert found == ("DRIFT on 4 of 6 trials of the candidate only",)


def test_pairs_are_judged_one_by_one(lab, pair):
    good, bad = pair(), pair(threads=2)
    run = lab.run(
        (good[0], STEADY), (good[1], STEADY), (bad[0], STEADY), (bad[1], SLOWER), order="abba"
    )
    found = look(run)
    assert found.suspects == {side.key for side in bad}
    again = lab.run((bad[0], STEADY), (bad[1], SLOWER), order="abba")
    statuses = {(r.cell.threads, r.status) for r in confirmed(found, again).rows}
    assert statuses == {(1, Status.GOOD), (2, Status.REGRESSION)}


def _parsed(text: str) -> ET.Element:
    return ET.fromstring(text)  # noqa: S314 - our own


# --- files --------------------------------------------------------------------------------------


def test_junit_tells_failures_errors_and_skips(lab, night, pair):
    found = confirmed(look(night(STEADY, SLOWER)), night(STEADY, SLOWER))
    suite = _parsed(junit(found))
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("2", "2", "0")
    failure = suite.find("testcase/failure")
    assert "1.060 [" in failure.get("message")
    assert failure.text.startswith("likely causes:\n")

    open_ = confirmed(look(night(STEADY, SLOWER)), None, "no \x00 time & <none>")
    error = _parsed(junit(open_)).find("testcase/error")
    assert error.get("type") == "unconfirmed"
    assert "no ? time & <none>" in error.get("message")

    nothing = (Outcome.SKIPPED,) * 4
    dropped = look(night(nothing, nothing, reason="dropped to finish by 06:30"))
    assert _parsed(junit(dropped)).find("testcase/skipped") is not None
    good = _parsed(junit(look(night(STEADY, STEADY))))
    assert good.find("testcase/failure") is None
    assert "over 3 quads" in good.find("testcase/system-out").text


def test_markdown_puts_what_matters_first(night):
    text = markdown(confirmed(look(night(STEADY, SLOWER)), night(STEADY, SLOWER)), ["a | note"])
    assert text.index("## Regressions") < text.index("likely cause:") < text.index("## All")
    assert "- a \\| note" in text


@pytest.mark.parametrize("percent", [4.0, 20.0])
def test_repeated_blocks_are_told_of_both_arms(night, percent):
    run = night(
        STEADY,
        STEADY,
        repeated_percent=lambda cell: percent if cell.arm == "candidate" else 0.0,
    )
    found = confirmed(look(run), None)
    # Each candidate's median over all blocks is a tenth higher; one block of ten is 10 %.
    counts = f"sensors had {6 * percent / 10:.0f} blocks of the candidate measured again and 0 of"
    medians = "over all blocks their medians are 11.00 ms and 10.00 ms, the ratio is 1.100"
    (case,) = [c for c in _parsed(junit(found)) if c.get("name").endswith(LATENCY)]
    said = case.find("system-out").text
    assert counts in said
    assert medians in said
    stored = {row["metric"]: row for row in document(found, [])["comparisons"]}
    assert stored[LATENCY]["ratio_over_all_blocks"]["value"] == pytest.approx(1.1)
    assert stored[LATENCY]["candidate"]["repeated_blocks"] == pytest.approx(6 * percent / 10)
    assert stored["rss_peak_bytes"]["ratio_over_all_blocks"] is None
    assert ("what is left is not alike" in markdown(found, [])) == (percent == 20.0)
    (memory,) = [row for row in found.rows if row.metric == "rss_peak_bytes"]
    assert "blocks" not in told(memory)  # is not made of them


def test_json_is_complete(night, tmp_path):
    found = confirmed(look(night(STEADY, SLOWER)), None, "no time")
    written = write_night(found, tmp_path / "out", ["note"])
    assert [path.name for path in written] == ["junit.xml", "nightly.md", "nightly.json"]
    stored = json.loads(written[2].read_text())
    assert stored == json.loads(json.dumps(document(found, ["note"])))
    row = stored["comparisons"][0]
    assert (row["status"], row["again"], row["planned_quads"]) == ("unconfirmed", None, 3)
    assert row["ratio"]["value"] == pytest.approx(1.06)


def test_history_has_a_line_for_what_was_measured(lab, night, pair):
    nothing = (Outcome.SKIPPED,) * 6
    one, two = pair(), pair(threads=2)
    run = lab.run(
        (one[0], STEADY), (one[1], SLOWER), (two[0], nothing), (two[1], nothing), order="abba"
    )
    made = entries(look(run))
    assert {entry.metric for entry in made} == {LATENCY, "rss_peak_bytes"}
    assert {"t1" in entry.cell for entry in made} == {True}
    entry = next(entry for entry in made if entry.metric == LATENCY)
    assert entry.reference == pytest.approx(10e6, rel=1e-3)
    assert (entry.status, entry.quads, entry.runs) == ("unconfirmed", 3, (run.run_id,))
    assert "arm" not in entry.series
