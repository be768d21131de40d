"""What the doctor says of a device's facts."""

from __future__ import annotations

import pytest

from harness.cli.doctor import _facts_checks


@pytest.mark.parametrize(
    ("values", "unavailable", "said"),
    [
        ({"platform": "ios"}, {"governor": "iOS shows no frequencies"}, []),
        ({"platform": "android"}, {"governor": "denied"}, ["governor unavailable: denied"]),
        ({"platform": "local", "governor": "powersave"}, {}, ["frequency is free to move"]),
        ({"platform": "local", "governor": "performance"}, {}, []),
    ],
)
def test_only_frequencies_that_could_be_fixed_are_a_doubt(values, unavailable, said) -> None:
    found = [text for _, _, text in _facts_checks("device", values, unavailable)]
    assert len(found) == len(said)
    assert all(part in text for part, text in zip(said, found, strict=True))
