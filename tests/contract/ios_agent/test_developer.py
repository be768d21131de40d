"""Developer services are opened anew before they have been seen to die."""

from __future__ import annotations

import pytest

from device_agents.ios import developer
from harness.scenario import Prepare


@pytest.mark.parametrize("profile", ["iphone12-ios16", "iphone15-ios18"])
def test_after_a_budget_of_calls_they_are_opened_anew(
    profile, farm, opened, soon, cancel, monkeypatch
):
    monkeypatch.setattr(developer, "CALL_BUDGET", 4)
    opens = []
    original = developer.Developer._open

    async def counted(self, tunnel):
        opens.append(tunnel)
        return await original(self, tunnel)

    monkeypatch.setattr(developer.Developer, "_open", counted)
    device = opened(farm(profile))
    device.prepare(Prepare(), soon, cancel)
    runner = device.launch("tflite", soon, cancel)  # the first call
    for _ in range(9):  # two to ten
        assert runner._is_alive(cancel) is True
    assert len(opens) == 3
    runner.kill()
    assert runner._is_alive(cancel) is False
