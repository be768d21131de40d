"""Pushes that people watch, and files that change between two phones."""

from __future__ import annotations

import pytest

from device_agents.ios import store
from harness.errors import DeviceError
from harness.scenario import Prepare


def test_a_push_tells_how_far_it_is(farm, opened, model, soon, cancel):
    device = opened(farm("iphone12-ios16"))
    device.prepare(Prepare(), soon, cancel)
    told: list[str] = []
    device.tell_progress(told.append)
    path, digest = model(9 << 20)
    assert device.push(path, digest, soon, cancel)
    assert told[-1] == "100 %"
    assert len(told) == 3  # one per piece


def test_the_next_phone_gets_it_unhashed_unless_it_changed(
    farm, opened, model, soon, cancel, monkeypatch
):
    simulated = farm("iphone12-ios16", "iphone12-ios16", "iphone12-ios16")
    first, second, third = (opened(simulated, number) for number in range(3))
    for device in (first, second, third):
        device.prepare(Prepare(), soon, cancel)
    path, digest = model()
    skipped: list[int] = []
    monkeypatch.setattr(store, "_skip", lambda piece: skipped.append(len(piece)))
    first.push(path, digest, soon, cancel)
    assert skipped == []
    second.push(path, digest, soon, cancel)
    assert skipped == [1_000_000]
    path.write_bytes(b"x" * 1_000_001)
    with pytest.raises(DeviceError, match="another SHA-256"):
        third.push(path, digest, soon, cancel)
    there = simulated.phones[2].apps["org.benchfarm.runner"].documents / "models"
    assert list(there.iterdir()) == []
