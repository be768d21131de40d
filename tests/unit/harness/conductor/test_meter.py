"""The end of a meter's CSV file, and everything that can be wrong with it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.channels import METER_POWER
from harness.clock import ManualClock
from harness.conditions import MeterFile
from harness.conductor.meter import CsvMeter


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "meter.csv"
    path.write_text("time,power\n")
    return path


@pytest.fixture
def opened() -> Iterator[Callable[..., CsvMeter]]:
    """Meters that are closed at the end."""
    with ExitStack() as stack:

        def make(meter: MeterFile, clock: ManualClock | None = None) -> CsvMeter:
            made = CsvMeter(meter, clock or ManualClock())
            stack.callback(made.close)
            return made

        yield make


def append(path: Path, text: str) -> None:
    with path.open("a", newline="") as file:
        file.write(text)


def rows(meter: CsvMeter) -> list[tuple[int, float]]:
    return [(one.at_ns, one.value) for one in meter.read()]


def test_new_rows_come_on_the_hosts_monotonic_clock(log, opened) -> None:
    clock = ManualClock()
    append(log, f"{clock.now().timestamp()},9.0\n")  # before the trial
    meter = opened(MeterFile(log), clock)
    assert (meter.channel.name, meter.channel.unit) == (METER_POWER, "W")
    assert meter.channel.unavailable is None
    clock.advance(10_000_000_000)
    at = clock.now() - timedelta(seconds=2)
    append(log, f"{at.timestamp()},1.5\n{at.isoformat()},1.75\n")
    ((first_ns, first), (second_ns, second)) = rows(meter)
    assert first_ns == pytest.approx(8e9, abs=1e6)
    assert second_ns == pytest.approx(8e9, abs=1e6)
    assert (first, second) == (1.5, 1.75)
    assert rows(meter) == []


def test_a_line_counts_when_it_has_ended(log, opened) -> None:
    clock = ManualClock()
    meter = opened(MeterFile(log, unit="mW"), clock)
    append(log, "1767225600,12")
    assert rows(meter) == []
    append(log, "00\r\n")
    assert [value for _, value in rows(meter)] == [1.2]


def test_lines_that_are_none_are_left_out(log, opened) -> None:
    meter = opened(MeterFile(log))
    append(log, '\n,\n1\nx,1\n1,x\n1,nan\n1,inf\n"1\n' + "1,2,3\n")
    assert [value for _, value in rows(meter)] == [2.0]


def test_columns_are_found_by_name_in_any_order(tmp_path, opened) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(b"\xef\xbb\xbfI (A), P (uW) ,at\n")
    meter = opened(MeterFile(path, time="at", power="P (uW)", unit="uW"))
    append(path, "0.1,2000000,1767225600\n")
    assert [value for _, value in rows(meter)] == [2.0]


def test_a_file_that_is_replaced_or_cut_is_read_from_its_start(log, opened) -> None:
    meter = opened(MeterFile(log))
    append(log, "1,1\n2,2\n")
    assert len(rows(meter)) == 2
    log.unlink()
    assert rows(meter) == []
    log.write_text("power,time\n5,3\n")
    assert [value for _, value in rows(meter)] == [5.0]
    log.write_text("time,power\n")
    assert rows(meter) == []
    append(log, "4,7\n")
    assert [value for _, value in rows(meter)] == [7.0]


@pytest.mark.parametrize(
    ("content", "reason"),
    [("", "nothing"), ("a,b\n1,2\n", "a, b, not 'time' and 'power'"), (None, "No such file")],
)
def test_what_cannot_be_read_has_a_reason(tmp_path, opened, content, reason) -> None:
    path = tmp_path / "other.csv"
    if content is not None:
        path.write_text(content)
    meter = opened(MeterFile(path))
    assert reason in str(meter.channel.unavailable)
    assert rows(meter) == []


@given(st.binary(max_size=300))
def test_no_bytes_break_it(tmp_path_factory, data) -> None:
    path = tmp_path_factory.mktemp("meter") / "any.csv"
    path.write_bytes(b"time,power\n")
    meter = CsvMeter(MeterFile(path), ManualClock())
    with path.open("ab") as file:
        file.write(data)
    assert all(math.isfinite(value) for _, value in rows(meter))
    meter.close()
