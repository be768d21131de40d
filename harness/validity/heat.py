"""Was the device in a state to be measured, and did heat slow it down?"""

from __future__ import annotations

from collections.abc import Iterator

from harness.findings import Finding, finding
from harness.record import Cooling


def no_thermal_sensor(cooling: Cooling | None) -> Iterator[Finding]:
    """NO-THERMAL-SENSOR: the thermal gate had nothing to look at, and nothing was waited for."""
    if cooling is not None and cooling.unavailable is not None:
        yield finding("NO-THERMAL-SENSOR", f"unavailable: {cooling.unavailable}")
