"""The key ``energy``, and what the lab says of a device's power."""

from __future__ import annotations

from typing import Any

from harness.scenario import EnergyRequest, Meter
from harness.scenario_file.kinds import Choice, FilePath, Number, Schema, Text
from harness.scenario_file.nodes import Node
from harness.scenario_file.structures import Key, Misfit, Record


class Detached:
    """``detached``: only false can be had."""

    def read(self, node: Node) -> bool:
        """False; anything else is refused."""
        if node.value is not False:
            raise node.error(
                "a run without the cable is not available yet; write false, and measure over "
                "Wi-Fi, from rails or with a meter"
            )
        return False

    def schema(self) -> Schema:
        """False."""
        return {"const": False}


def _energy(**values: Any) -> EnergyRequest:
    values.pop("detached", None)
    return EnergyRequest(**values)


ENERGY = Record(
    _energy,
    {
        "source": Key(
            Choice(("auto", "battery", "rails", "rapl", "meter")),
            "where power is read: auto takes the best that can be trusted",
        ),
        "idle_seconds": Key(
            Number(10, 3600), "idle with the model loaded, before and again after the work"
        ),
        "detached": Key(Detached(), "false: the cable stays in"),
    },
    shorthand="source",
)


def _meter(**values: Any) -> Meter:
    made = Meter(**values)
    if made.time == made.power:
        raise Misfit("power", f"{made.power!r} is the column of the time; name another one")
    return made


METER = Record(
    _meter,
    {
        "csv": Key(FilePath(), "the file that the meter's program appends to", required=True),
        "time": Key(Text(), "column of the time: seconds since 1970, or ISO 8601"),
        "power": Key(Text(), "column of the power"),
        "unit": Key(Choice(("W", "mW", "uW")), "unit of the power"),
    },
    shorthand="csv",
)

USB_POWER = Choice(("cut",))
