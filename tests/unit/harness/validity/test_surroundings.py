"""What was on the phone's screen, and what could not be prepared."""

from __future__ import annotations

import numpy as np
import pytest

from harness.store.columns import Trace
from harness.validity import surroundings


@pytest.mark.parametrize(
    ("values", "covered"), [((), False), ((0.0, 0.0), False), ((0.0, 1.0), True), ((1.0,), True)]
)
def test_something_in_front_of_the_runner(values, covered):
    trace = Trace(np.arange(len(values), dtype=np.int64), np.array(values))
    for channels in ((trace, None), (None, trace), (trace, trace)):
        found = [item.id for item in surroundings.app_covered(*channels)]
        assert found == (["APP-COVERED"] if covered else [])


def test_a_phone_that_does_not_tell_is_no_finding():
    assert list(surroundings.app_covered(None, None)) == []


def test_what_could_not_be_prepared_is_named():
    (doubt,) = surroundings.not_prepared(("wifi: adb comes over it", "refresh_hz: shows 60"))
    assert doubt.seen == "wifi: adb comes over it; refresh_hz: shows 60"
    assert list(surroundings.not_prepared(())) == []
