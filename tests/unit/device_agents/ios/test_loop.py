"""The loop's synchronous face: deadlines, cancellation, errors in our words."""

from __future__ import annotations

import asyncio
import threading

import pytest

from device_agents.ios.errors import is_lost, translated
from device_agents.ios.loop import EventLoop
from harness.clock import CancelToken, Deadline, SystemClock
from harness.errors import (
    Cancelled,
    CapabilityMissing,
    DeviceError,
    DeviceTimeout,
    DeviceUnavailable,
)


@pytest.fixture(scope="module")
def loop():
    made = EventLoop()
    yield made
    made.loop.call_soon_threadsafe(made.loop.stop)


def call(loop, make, seconds=5.0, cancel=None):
    deadline = Deadline(SystemClock(), seconds)
    return loop.call(make, "ios:1", "do it", deadline, cancel or CancelToken())


def test_a_result(loop):
    async def answer():
        return threading.current_thread().name

    assert call(loop, answer) == "iphones"


def test_what_takes_too_long_is_cancelled(loop):
    ended = threading.Event()

    async def forever():
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with pytest.raises(DeviceTimeout, match=r"^ios:1: .* within 0.05 s \(do it\)$"):
        call(loop, forever, 0.05)
    assert ended.wait(20)


def test_a_cancellation_comes_through(loop):
    cancel = CancelToken()

    async def forever():
        cancel.cancel("enough")
        await asyncio.Event().wait()

    with pytest.raises(Cancelled, match="enough"):
        call(loop, forever, 20, cancel)
    with pytest.raises(Cancelled):
        call(loop, forever, 20, cancel)


def error_named(name, base=Exception):
    return type(name, (base,), {})


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (AssertionError(), DeviceError, "refused to do it without saying why"),
        (error_named("NotPairedError")(), DeviceUnavailable, "tap Trust"),
        (error_named("PasswordRequiredError")(), DeviceUnavailable, "passcode"),
        (error_named("DTXNsError")("device was not, or could not be, unlocked."),
         DeviceUnavailable, "passcode"),
        (error_named("DeveloperModeIsNotEnabledError")(), CapabilityMissing, "Developer Mode"),
        (error_named("TunneldConnectionError")(), CapabilityMissing, "remote tunneld"),
        (ConnectionResetError("reset"), DeviceUnavailable, "link to the phone dropped"),
        (asyncio.IncompleteReadError(b"", 4), DeviceUnavailable, "link to the phone dropped"),
        (TimeoutError(), DeviceError, "cannot do it"),
        (ValueError("a\x1b[31m\nb"), DeviceError, "cannot do it: ValueError: a b"),
    ],
)  # fmt: skip
def test_errors_in_our_words(loop, error, kind, said):
    async def fail():
        raise error

    with pytest.raises(kind, match=r"^ios:1: ") as caught:
        call(loop, fail)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_our_own_errors_stay():
    mine = DeviceError("ios:1", "no")
    assert translated(mine, "ios:2", "x") is mine


def test_a_file_error_is_no_lost_link():
    afc = error_named("AfcException", OSError)
    assert not is_lost(afc())
    assert not is_lost(ValueError())
    assert is_lost(BrokenPipeError())
