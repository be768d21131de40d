"""The room and the lab machine, read beside a device."""

from __future__ import annotations

import os
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.channels import AMBIENT_TEMPERATURE, HOST_BUSY, NEIGHBOUR_TRIALS
from harness.clock import ManualClock
from harness.conditions import Ambient
from harness.errors import UserError
from harness.fleet.lease import Lease
from harness.fleet.surroundings import LabReadings, LabSurroundings
from harness.fleet.thermometer import FileSensor, SerialSensor, thermometer

PHONES = ("android:1", "android:2")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def values(readings: LabReadings) -> dict[str, float]:
    return {item.channel: item.value for item in readings.read()}


def test_a_value_of_the_labs_own(clock) -> None:
    lab = LabSurroundings(Ambient(21.5), ["local"], clock)
    readings = lab.open("local", 1.0)
    assert [item.name for item in readings.channels()] == [AMBIENT_TEMPERATURE]
    assert values(readings) == {AMBIENT_TEMPERATURE: 21.5}
    assert values(readings) == {}  # not due again
    clock.advance(10**9)
    assert values(readings) == {AMBIENT_TEMPERATURE: 21.5}


def test_neighbours_are_the_other_trials(clock) -> None:
    lab = LabSurroundings(None, PHONES, clock)
    first, second = lab.open(PHONES[0], 1.0), lab.open(PHONES[1], 1.0)
    assert values(first)[NEIGHBOUR_TRIALS] == 1
    second.close()
    second.close()
    clock.advance(10**9)
    assert values(first)[NEIGHBOUR_TRIALS] == 0


def test_devices_that_another_process_has_leased_are_neighbours(clock, hold_elsewhere) -> None:
    lab = LabSurroundings(None, PHONES, clock)
    with Lease.acquire(PHONES[0], "mine"):
        readings = lab.open(PHONES[0], 1.0)
        assert values(readings)[NEIGHBOUR_TRIALS] == 0
        child = hold_elsewhere("android:3", "theirs")
        clock.advance(10**9)
        assert values(readings)[NEIGHBOUR_TRIALS] == 0  # not looked for again yet
        clock.advance(10**9)
        assert values(readings)[NEIGHBOUR_TRIALS] == 1
        child.kill()
        child.wait()
        clock.advance(2 * 10**9)
        assert values(readings)[NEIGHBOUR_TRIALS] == 0


def test_load_of_the_lab_machine(clock, monkeypatch) -> None:
    busy = iter([100.0, 101.5, 101.0])
    monkeypatch.setattr("harness.fleet.surroundings._busy_seconds", lambda: next(busy))
    readings = LabSurroundings(None, PHONES, clock).open(PHONES[0], 1.0)
    assert HOST_BUSY not in values(readings)  # a mean needs two readings
    clock.advance(10**9)
    assert values(readings)[HOST_BUSY] == pytest.approx(150.0)
    clock.advance(10**9)
    assert values(readings)[HOST_BUSY] == 0.0  # the counter stepped back


def test_the_real_counter_moves_forward(clock) -> None:
    from harness.fleet.surroundings import _busy_seconds

    assert 0 < _busy_seconds() <= _busy_seconds()


@pytest.mark.parametrize(
    ("text", "scale", "celsius"),
    [("21500\n", 0.001, 21.5), ("t=22.25 ok", 1.0, 22.25), ("-3", 1.0, -3.0)],
)
def test_a_sensors_file(tmp_path: Path, text, scale, celsius) -> None:
    path = tmp_path / "room"
    path.write_text(text)
    sensor = FileSensor(path, scale)
    assert (sensor.unavailable, sensor.celsius()) == (None, pytest.approx(celsius))
    path.unlink()
    assert sensor.celsius() is None  # vanished: no reading, no zero


@pytest.mark.parametrize("text", ["", "no number", "21500", "-274"])
def test_a_file_without_a_rooms_temperature(tmp_path: Path, text) -> None:
    path = tmp_path / "room"
    path.write_text(text)
    sensor = FileSensor(path, 1.0)
    assert "holds no temperature of a room with scale 1" in str(sensor.unavailable)
    assert sensor.celsius() is None


def test_a_file_that_is_not_there(tmp_path: Path, clock) -> None:
    lab = LabSurroundings(Ambient(file=tmp_path / "none"), ["local"], clock)
    readings = lab.open("local", 1.0)
    (channel,) = readings.channels()
    assert "No such file" in str(channel.unavailable)
    assert values(readings) == {}


@pytest.fixture
def line() -> Iterator[tuple[int, str]]:
    """A pseudo-terminal: the sensor's end, and the port's name."""
    sensor, port = os.openpty()
    tty.setraw(port)
    yield sensor, os.ttyname(port)
    os.close(sensor)
    os.close(port)


def test_a_serial_sensor(line) -> None:
    sensor, name = line
    meter = SerialSensor(name, 9600, 0.1)
    assert meter.unavailable is None
    assert meter.celsius() is None
    os.write(sensor, b"room 21")
    assert meter.celsius() is None  # the line has not ended
    os.write(sensor, b"5\r\nroom ???\n")
    assert meter.celsius() == pytest.approx(21.5)
    os.write(sensor, b"room 9999\nroom 223\n")
    assert meter.celsius() == pytest.approx(22.3)
    assert meter.celsius() == pytest.approx(22.3)
    meter.close()
    assert meter.celsius() is None


def test_a_port_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "No such file" in str(SerialSensor(str(tmp_path / "none"), 9600, 1.0).unavailable)
    assert SerialSensor(str(tmp_path / "file"), 9600, 1.0).unavailable is not None
    assert "no serial speed 1" in str(SerialSensor("/dev/null", 1, 1.0).unavailable)


def test_a_lab_says_where_its_temperature_comes_from() -> None:
    with pytest.raises(UserError, match="needs one of c, file and serial"):
        thermometer(Ambient())
