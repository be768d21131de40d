"""Each fault once; all phases of each are in tests/benchmarks/ios_faults.py."""

from __future__ import annotations

import gc
import warnings

import pytest

from harness.conductor import conductor, measure, session
from harness.record import Cause
from tests.benchmarks import _ios, ios_faults

#: Each fault where it matters most.
SOME = {
    "drop-link": "append",
    "freeze=1": "load",
    "reboot": "run",
    "vanish": "run",
    "usb-reset": "push",
    "unauthorized": "prepare",
    "locked": "acquire",
    "developer-off": "dvt",
    "image-lost": "dvt",
    "port-refused=1": "launch",
    "suspend=1": "run",
    "out-of-memory": "run",
    "crash": "load",
    "storage-full": "push",
    "dvt-dead=1": "dvt",
    "tunnel-drop=1": "launch",
}


@pytest.fixture
def impatient(monkeypatch):
    """The limits of a trial in seconds, as the campaign sets them for good."""
    from device_agents.ios import phone

    names = [
        *((conductor, name) for name in vars(conductor) if name.endswith("_TIMEOUT_S")),
        *((measure, name) for name in ("SILENCE_S", "PING_TIMEOUT_S")),
        (session, "_REATTACH_S"),
        (phone, "PATIENCE_S"),
    ]
    for module, name in names:
        monkeypatch.setattr(module, name, getattr(module, name))
    _ios.be_impatient()
    yield
    with warnings.catch_warnings():
        # pymobiledevice3 does not close what it was about to open when a connection was cut.
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def test_every_fault_is_here():
    assert set(SOME) == set(ios_faults.ALLOWED)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize(("fault", "when"), SOME.items(), ids=lambda text: text)
def test_a_fault_is_a_record_and_the_next_trial_works(impatient, fault, when):
    result = ios_faults.run_one(fault, when)
    assert result.problems == ()
    if fault in ("out-of-memory", "crash"):
        assert result.record.failure.cause is Cause.CRASHED
    if fault in ("drop-link", "suspend=1", "port-refused=1"):
        assert result.record.failure is None
