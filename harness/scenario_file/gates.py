"""The keys ``gates`` and ``ambient``: what must hold before a trial, and how warm the room is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.conditions import Ambient, Gates, ThermalGate
from harness.scenario_file.kinds import Choice, FilePath, Integer, Number, Schema, Text
from harness.scenario_file.nodes import Node
from harness.scenario_file.structures import Key, Misfit, Record

_SPEEDS = (1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200)


@dataclass(frozen=True, slots=True)
class Range:
    """Two numbers from ``least`` to ``most``, the lower one first."""

    least: float
    most: float

    def read(self, node: Node) -> tuple[float, float]:
        """Both ends."""
        if not isinstance(node.value, list) or len(node.value) != 2:
            raise node.error(f"expected two numbers such as [30, 80], got {node.described()}")
        low, high = (Number(self.least, self.most).read(item) for item in node.value)
        if low > high:
            raise node.error(f"the lower end {low:g} is above the upper end {high:g}; swap them")
        return low, high

    def schema(self) -> Schema:
        """A pair."""
        number = Number(self.least, self.most).schema()
        return {"type": "array", "items": number, "minItems": 2, "maxItems": 2}


def _thermal(*, kind: str = "auto", **values: Any) -> ThermalGate | None:
    if kind == "auto":
        return ThermalGate(**values)
    if values:
        raise Misfit(next(iter(values)), "means nothing with off; remove it")
    return None


THERMAL = Record(
    _thermal,
    {
        "kind": Key(Choice(("auto", "off")), "auto or off"),
        "max_c": Key(Number(0, 100), "no warmer than this, in degrees Celsius"),
    },
    shorthand="kind",
)

GATES = Record(
    Gates,
    {
        "foreign_cpu_percent": Key(
            Number(0, 100_000),
            "wait until others use at most this much processor (100 is one core), and repeat "
            "blocks in which they used more",
        ),
        "thermal": Key(
            THERMAL, "auto: wait until the device is as cool as at its start; off; or {max_c: 32}"
        ),
        "battery_percent": Key(
            Range(0, 100), "wait until the battery's charge lies in this range: [30, 80]"
        ),
        "timeout_minutes": Key(Number(0, 24 * 60), "then run all the same, with a finding"),
    },
)


def _ambient(**values: Any) -> Ambient:
    given = [key for key in ("c", "file", "serial") if key in values]
    if not given:
        raise Misfit("", "needs one of c (degrees Celsius), file and serial (a sensor)")
    if len(given) > 1:
        raise Misfit(given[1], f"goes not together with {given[0]!r}; keep one of them")
    if "baud" in values and "serial" not in values:
        raise Misfit("baud", "goes with serial only; remove it")
    if values.get("baud", 9600) not in _SPEEDS:
        raise Misfit("baud", f"use one of {', '.join(map(str, _SPEEDS))}")
    return Ambient(**values)


AMBIENT = Record(
    _ambient,
    {
        "c": Key(Number(-40, 60), "degrees Celsius, as read from a thermometer"),
        "file": Key(FilePath(), "a file whose first number is the temperature"),
        "serial": Key(Text(limit=4096), "a serial port that sends lines with the temperature"),
        "baud": Key(Integer(1, 1_000_000), "speed of the serial port"),
        "scale": Key(Number(0, 1000, above=True), "degrees in one unit of the sensor: 0.001"),
    },
    shorthand="c",
)
