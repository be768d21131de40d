"""What Apache Otava is asked about a history, and what becomes of its answers."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.cli.nightly import _second_opinion
from harness.jobs.second_opinion import changes, second_opinions
from harness.store.lab_files import LabFiles, NightEntry

GOLDEN = Path(__file__).parents[3] / "golden" / "otava" / "analyze-0.8.0.jsonl"

#: Stands for Otava: it reads what it is given, refuses everything else, and knows a jump by half.
STUB = """\
import csv, json, os, sys
command, flag, config, *rest = sys.argv[1:]
assert [command, flag] == ["analyze", "--config-file"]
assert rest[:4] == ["--output", "json", "--since", "1970-01-02"], rest
assert "BRANCH" not in os.environ
tests = json.load(open(config))["tests"]
assert list(tests) == rest[4:]
for name, test in tests.items():
    assert test.pop("metrics") == {"ratio": {"column": "ratio"}}
    rows = list(csv.DictReader(open(test.pop("file"))))
    assert test == {"type": "csv", "time_column": "time"}
    assert all(row["time"].startswith("2026-") for row in rows)
    ratios = [float(row["ratio"]) for row in rows]
    index = next((i for i in range(1, len(ratios)) if ratios[i] > 1.4 * ratios[i - 1]), None)
    found = {"index": index, "mean_before": "1.000000", "mean_after": "1.500000"}
    print(json.dumps({name: [] if index is None else [{"changes": [found]}]}))
print("INFO: done", file=sys.stderr)
"""


@pytest.fixture
def otava(tmp_path: Path, monkeypatch) -> Callable[[str], str]:
    """Puts a program of this text on PATH, as ``otava``."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("BRANCH", "main")

    def install(text: str) -> str:
        path = folder / "otava"
        path.write_text(f"#!{sys.executable}\n{text}")
        path.chmod(0o755)
        return str(path)

    return install


def history(ratios: list[float | None], cell: str = "net int8") -> list[NightEntry]:
    return [
        NightEntry(
            at=f"2026-11-{day:02d}T01:00:00+00:00",
            runs=(f"run{day}",),
            scenario="nightly",
            device_id="android:A",
            unit="A",
            os_build="1",
            cell=cell,
            metric="latency_p50_ns",
            status="good",
            verdict="equivalent",
            ratio=ratio,
        )
        for day, ratio in enumerate(ratios, start=1)
    ]


STEP = history([1.0, None, 1.0, 1.0, 1.5, 1.5])
FLAT = history([1.0] * 6, "net fp32")


def test_what_the_real_one_prints_is_read() -> None:
    found = changes(GOLDEN.read_text(encoding="utf-8"))
    assert found["s3"] == []
    assert found["s20"] == [(10, pytest.approx(0.0517, abs=1e-4))]
    assert [index for index, _ in found["s200"]] == [17, 100]


def test_a_change_is_told_with_its_night_and_its_cell(otava) -> None:
    otava(STUB)
    (line,) = second_opinions([FLAT, STEP, history([1.0, 1.5, 1.0])])
    assert line.startswith("otava sees a change of +50.0 % from the night of 2026-11-05 on in net")
    assert line.endswith("net int8 on android:A, latency p50")


def test_only_series_of_this_night_are_told(otava, tmp_path) -> None:
    program = otava(STUB)
    files = LabFiles(tmp_path)
    files.append([*STEP, *FLAT])
    assert _second_opinion(FLAT[-1:], files, program) == []
    assert len(_second_opinion([*FLAT[-1:], *STEP[-1:]], files, None)) == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import sys; sys.exit('no such thing')", "it ended with 1: no such thing"),
        ("import sys; print('ERROR: nothing there', file=sys.stderr)", "ERROR: nothing there"),
        ("", "nothing was said of 1 series"),
        ("print('sudden news')", "its output is not as expected"),
        ("""print('{"s0": [{"changes": [{"index": 1}]}]}')""", "its output is not as expected"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "it ended with -9"),
    ],
)
def test_one_that_is_broken_is_one_line(otava, text, reason) -> None:
    otava(text)
    (line,) = second_opinions([STEP])
    assert line.startswith(f"otava has no opinion: {reason}")


def test_one_that_takes_too_long_is_ended(otava) -> None:
    otava("import time\nwhile True: time.sleep(1)")
    assert second_opinions([STEP], timeout_s=0.1) == [
        "otava has no opinion: it took longer than 0.1 s"
    ]


def test_without_the_program_nothing_is_said_unless_it_was_named(otava, tmp_path) -> None:
    assert second_opinions([STEP]) == []
    (line,) = second_opinions([STEP], str(tmp_path / "otava"))
    assert line.startswith("otava has no opinion: there is no command")


def test_too_few_nights_are_no_question(otava) -> None:
    otava("import sys; sys.exit(1)")
    assert second_opinions([STEP[:4], []]) == []


def test_a_change_outside_the_history_is_none(otava) -> None:
    point = '{"index": 99, "mean_before": "1", "mean_after": "2"}'
    otava(f"""print('{{"s0": [{{"changes": [{point}]}}]}}')""")
    assert second_opinions([STEP]) == []


@given(st.text() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(str))
def test_no_output_breaks_the_parser(text) -> None:
    try:
        found = changes(text)
    except ValueError:
        return
    assert isinstance(found, dict)
