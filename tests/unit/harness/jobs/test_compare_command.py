"""``benchfarm compare`` on a made-up store: what is printed and which exit code comes back."""

from __future__ import annotations

import json

import pytest

from harness.cli.exits import run_and_exit
from harness.cli.main import cli
from harness.record import Outcome
from harness.store.lab_files import LabFiles
from harness.validity.calibration import Calibration, CellCalibration

LATENCY = "latency_p50_ns"
STEADY = (10.0, 10.05, 9.95, 10.02, 9.98)
SLOWER = tuple(value * 1.06 for value in STEADY)


@pytest.fixture
def compare(lab, monkeypatch, capsys):
    """Call the command as a user does: exit code, what was printed, what was complained about."""

    def call(*words: str) -> tuple[int, str, str]:
        arguments = ["benchfarm", "compare", *words, "--results", str(lab.store.root)]
        monkeypatch.setattr("sys.argv", arguments)
        with pytest.raises(SystemExit) as exited:
            run_and_exit(cli)
        printed = capsys.readouterr()
        return exited.value.code, printed.out, printed.err

    return call


@pytest.fixture
def two_runs(lab, cell):
    lab.run((cell(), STEADY), (cell(threads=2), STEADY), label="before")
    lab.run((cell(), STEADY), (cell(threads=2), SLOWER), label="after")


@pytest.fixture
def two_short_runs(lab, cell):
    for label in ("before", "after"):
        lab.run((cell(), STEADY[:1]), (cell(threads=2), STEADY[:1]), label=label)


def test_a_confirmed_slowdown_is_exit_code_1(compare, two_runs):
    code, out, _ = compare("before", "after")
    assert code == 1
    assert "1.060 [1.0" in out
    assert "slower" in out
    assert "equivalent" in out
    assert "confirmed worse beyond the margin: 1 of 2" in out
    assert "SEPARATE-SESSIONS: The two sides were measured one after the other" in out


def test_a_speed_up_is_good(compare, two_runs):
    code, out, _ = compare("after", "before")
    assert code == 0
    assert "faster" in out
    assert "confirmed" not in out


def test_json_says_the_same(compare, two_runs):
    code, out, _ = compare("before", "after", "--json")
    document = json.loads(out)
    first, second = document["comparisons"]
    assert code == 1
    assert (document["factors"], document["confirmed_worse"]) == (["run"], 1)
    assert (first["verdict"], second["verdict"]) == ("equivalent", "slower")
    assert second["ratio"]["value"] == pytest.approx(1.06)
    assert second["ratio"]["low"] < 1.06 < second["ratio"]["high"]
    assert second["bootstrap_agrees"] is True
    assert second["candidate"]["trials"] == 5
    assert second["confirmed_worse"] is True
    assert [item["id"] for item in second["findings"]] == ["SEPARATE-SESSIONS"]


def test_the_units_false_alarm_rate_is_told(compare, two_runs, lab):
    cells = {"x": CellCalibration(20, 3, 0.04, 0.005, 0.01, 0.01, 0.03)}
    known = Calibration("local", "local", "Linux", "", "", LATENCY, 0.02, cells=cells)
    LabFiles(lab.store.root).save_calibration(known)
    code, out, _ = compare("before", "after")
    assert code == 1
    assert "local: 4.0 % [3.0 %, 5.0 %] of A/A comparisons were called different" in out
    rows = json.loads(compare("before", "after", "--json")[1])["comparisons"]
    assert [row["unit_false_alarms"]["value"] for row in rows] == [0.04, 0.04]


def test_without_a_calibration_there_is_no_rate(compare, two_runs):
    assert "A/A" not in compare("before", "after")[1]
    rows = json.loads(compare("before", "after", "--json")[1])["comparisons"]
    assert [row["unit_false_alarms"] for row in rows] == [None, None]


def test_one_run_by_a_factor_with_metrics(compare, two_runs):
    code, out, _ = compare(
        "after", "--by", "threads", "--metric", "latency_p50", "--metric", "rss_peak"
    )
    assert code == 1
    assert "peak RSS [MiB]" in out
    assert "larger" in out


def test_a_wider_margin_makes_it_equivalent(compare, two_runs):
    for margin in ("10%", "10 %", "0.1"):
        code, out, _ = compare("before", "after", "--margin", margin)
        assert code == 0
        assert "slower" not in out


def test_nothing_comparable_is_exit_code_4(compare, lab, cell):
    lab.run((cell(), STEADY), label="before")
    lab.run((cell(digest="1"), STEADY), label="after")
    code, out, _ = compare("before", "after")
    assert code == 4
    assert "incomparable: differ in model digest (000000000000 against 111111111111)" in out
    assert "confirmed" not in out
    code, out, _ = compare("before", "after", "--by", "digest")
    assert code == 0


def test_failed_trials_alone_are_exit_code_4_without_numbers(compare, lab, cell):
    failed = (Outcome.FAILED,) * 5
    lab.run((cell(), STEADY), (cell(threads=2), failed), label="night")
    code, out, _ = compare("night", "--by", "threads")
    assert code == 4
    assert "0 valid trials on a side, 3 needed" in out
    assert "\u2014" in out


def test_disagreement_of_the_cross_check_is_told(compare, lab, cell):
    """The bootstrap is too bold for three trials that scatter."""
    lab.run((cell(), (9.5, 10.0, 10.5)), (cell(threads=2), (10.3, 10.9, 11.4)), label="night")
    _, out, _ = compare("night", "--by", "threads")
    assert "inconclusive, but the bootstrap over trials and inferences [1.0" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("before", "before"), "is compared with itself"),
        (("before",), "one run can be compared by"),
        (("before", "--by", "colour"), "no factor 'colour'"),
        (("before", "--by", "threads", "--reference", "9"), "no reference '9'; there are 1, 2"),
        (("before", "after", "--reference", "1"), "--reference picks a side within one run"),
        (("before", "after", "--margin", "much"), "--margin 'much'"),
        (("before", "after", "--margin", "-2%"), "--margin '-2%'"),
        (("before", "after", "--margin", "nan"), "--margin 'nan'"),
        (("before", "after", "--metric", "latency_max"), "no verdict on 'latency_max'"),
        (("never", "after"), "no run 'never'"),
    ],
)
def test_mistakes_are_exit_code_2_with_one_clear_line(compare, two_short_runs, words, message):
    code, out, err = compare(*words)
    assert (code, out) == (2, "")
    assert message in err


def test_what_nobody_measured_is_said(compare, two_runs):
    code, out, _ = compare("before", "after", "--metric", "energy_net")
    assert (code, out) == (
        4,
        "nothing is compared: no pair of cells has the values that were asked for\n",
    )


def test_reasons_name_the_metric(compare, two_runs):
    _, out, _ = compare(
        "before", "--by", "threads", "--metric", "latency_p50", "--metric", "latency_p99"
    )
    assert "on local, latency p99: inconclusive: 1505 inferences on a side, 10000 needed" in out
