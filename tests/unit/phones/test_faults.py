"""The fault script decides what begins where, and each fault begins once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phones.faults import At, BadFault, Fault, FaultScript, What


class Time:
    now = 0.0

    def __call__(self):
        return self.now


def script(*texts, time=None):
    return FaultScript(time or Time(), map(Fault.parse, texts))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("drop-link@push:1000000", Fault(What.DROP_LINK, At.PUSH, amount=1e6)),
        (
            "freeze=3@command:dumpsys battery",
            Fault(What.FREEZE, At.COMMAND, "dumpsys battery", 1, 3),
        ),
        ("reboot@phase:load", Fault(What.REBOOT, At.PHASE, "load", 1)),
        ("crash@phase:run:2", Fault(What.CRASH, At.PHASE, "run", 2)),
        ("vanish@after:1.5", Fault(What.VANISH, At.AFTER, amount=1.5)),
        ("unauthorized@now", Fault(What.UNAUTHORIZED)),
        ("popup", Fault(What.POPUP)),
    ],
)
def test_text(text, fault):
    assert Fault.parse(text) == fault
    assert Fault.parse(str(fault)) == fault


@pytest.mark.parametrize(
    "text", ["", "explode@now", "freeze=x@now", "reboot@phase:", "crash@push:many", "crash@never"]
)
def test_text_that_is_no_fault(text):
    with pytest.raises(BadFault, match="is no fault"):
        Fault.parse(text)


@given(
    st.sampled_from(What),
    st.sampled_from([At.AFTER, At.PUSH, At.PULL]),
    st.floats(0, 1e12),
    st.integers(0, 1000),
)
def test_every_fault_survives_its_text(what, at, amount, seconds):
    fault = Fault(what, at, amount=amount, seconds=seconds)
    assert Fault.parse(str(fault)) == fault


def test_a_phase_counts_from_when_the_fault_was_added():
    faults = script("crash@phase:run:2")
    assert faults.phase("load") == []
    assert faults.phase("run") == []
    assert [fault.what for fault in faults.phase("run")] == [What.CRASH]
    assert faults.phase("run") == []
    faults.add(Fault.parse("reboot@phase:run"))
    assert [fault.what for fault in faults.phase("run")] == [What.REBOOT]
    assert [fault.what for fault in faults.happened] == [What.CRASH, What.REBOOT]


def test_bytes():
    faults = script("drop-link@push:1000", "freeze@pull:10")
    assert faults.bytes_until(At.PUSH, 400) == 600
    assert faults.transferred(At.PUSH, 999) == []
    assert faults.transferred(At.PUSH, 1000)[0].what is What.DROP_LINK
    assert faults.bytes_until(At.PUSH, 1000) is None
    assert faults.bytes_until(At.PULL, 50) == 0


def test_time():
    time = Time()
    faults = script("reboot@after:2", "popup@now", time=time)
    assert [fault.what for fault in faults.due()] == [What.POPUP]
    time.now = 1.9
    assert faults.due() == []
    time.now = 2.0
    assert [fault.what for fault in faults.due()] == [What.REBOOT]
    assert faults.waiting == ()


def test_commands():
    faults = script("offline@command:am start", "crash@command:sync")
    assert faults.command("am force-stop x") == []
    assert [fault.what for fault in faults.command("am start -n x")] == [What.OFFLINE]
    faults.clear()
    assert faults.command("sync") == []
