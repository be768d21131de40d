"""The key ``energy``, and what the lab says of a device's power."""

from __future__ import annotations

from typing import Any

from harness.conditions import Joulescope, MeterFile
from harness.scenario import EnergyRequest
from harness.scenario_file.kinds import Choice, FilePath, Flag, Number, Text, Word
from harness.scenario_file.structures import Key, Misfit, Record

ENERGY = Record(
    EnergyRequest,
    {
        "source": Key(
            Choice(("auto", "battery", "rails", "rapl", "accumulator", "meter")),
            "where power is read: auto takes the best that can be trusted",
        ),
        "idle_seconds": Key(
            Number(10, 3600), "idle with the model loaded, before and again after the work"
        ),
        "detached": Key(Flag(), "true: the cable is out while the phone measures"),
    },
    shorthand="source",
)


def _meter(**values: Any) -> MeterFile | Joulescope:
    serial = values.pop("joulescope", None)
    if serial is not None:
        if values:
            raise Misfit(next(iter(values)), "goes not together with 'joulescope'; remove it")
        return Joulescope(serial)
    if "csv" not in values:
        raise Misfit("", "needs one of csv (a file) and joulescope (a serial number, or any)")
    made = MeterFile(**values)
    if made.time == made.power:
        raise Misfit("power", f"{made.power!r} is the column of the time; name another one")
    return made


METER = Record(
    _meter,
    {
        "csv": Key(FilePath(), "the file that the meter's program appends to"),
        "time": Key(Text(), "column of the time: seconds since 1970, or ISO 8601"),
        "power": Key(Text(), "column of the power"),
        "unit": Key(Choice(("W", "mW", "uW")), "unit of the power"),
        "joulescope": Key(Word(), "serial number of a Joulescope on USB; any: the only one"),
    },
    shorthand="csv",
    extra={"oneOf": [{"required": ["csv"]}, {"required": ["joulescope"]}]},
)

USB_POWER = Choice(("cut",))
