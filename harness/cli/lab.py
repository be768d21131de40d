"""The devices at hand: discovery through the agents, and which ones a scenario means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from device_agents.registry import agent_for, agents
from harness.clock import CancelToken, Deadline, SystemClock
from harness.device import Device, Hinting, Sighting
from harness.errors import DeviceError
from harness.fleet.lease import Lease
from harness.plan.devices import WHOLE_DEVICE, candidates, matches
from harness.record import DeviceFacts, Skip
from harness.scenario import Scenario

DISCOVERY_TIMEOUT_S = 15.0
FACTS_TIMEOUT_S = 30.0
_AT_ONCE = 16


def sightings() -> list[Sighting]:
    """Every device any agent sees, those not ready included."""
    clock, cancel = SystemClock(), CancelToken()
    return [
        sighting
        for agent in agents()
        for sighting in agent.discover(Deadline(clock, DISCOVERY_TIMEOUT_S), cancel)
    ]


def open_device(device_id: str) -> Device:
    """Take hold of one device."""
    return agent_for(device_id).open(device_id)


def hints() -> list[str]:
    """What agents that see nothing have to say about it."""
    found = (agent.hint() for agent in agents() if isinstance(agent, Hinting))
    return [hint for hint in found if hint is not None]


def facts_of(found: Iterable[Sighting], cancel: CancelToken) -> dict[str, DeviceFacts]:
    """The facts of every ready device, asked at once; one that does not answer is left out."""
    ready = [sighting.device_id for sighting in found if sighting.ready]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = pool.map(lambda device_id: _facts(device_id, cancel), ready)
        return {one.device_id: one for one in answers if one is not None}


def left_out(
    scenario: Scenario, found: Iterable[Sighting], facts: Mapping[str, DeviceFacts]
) -> tuple[Skip, ...]:
    """Devices that are there and that the scenario may mean, but that cannot take part, and why.

    A selector that asks for a number of devices is content with others.
    """
    every = {sighting.device_id: sighting for sighting in found if sighting.device_id not in facts}
    wanted = [selector for selector in scenario.devices if selector.count is None]
    return tuple(
        Skip(one.device_id, WHOLE_DEVICE, _why_not(every[one.device_id]))
        for one in candidates(dict.fromkeys(every), scenario.lab)
        if any(matches(selector, one) is not False for selector in wanted)
    )


def _why_not(sighting: Sighting) -> str:
    if sighting.ready:
        return "it does not answer; see `benchfarm devices`"
    return f"{sighting.state}: {sighting.advice}" if sighting.advice else sighting.state


def _facts(device_id: str, cancel: CancelToken) -> DeviceFacts | None:
    try:
        device = open_device(device_id)
    except DeviceError:
        return None  # the plan will say that no device matched, `devices` says why
    try:
        return device.facts(Deadline(SystemClock(), FACTS_TIMEOUT_S), cancel)
    except DeviceError:
        return None
    finally:
        device.close()


def lease_all(device_ids: Sequence[str], purpose: str, stack: ExitStack) -> None:
    """Lease every device until ``stack`` closes; raises DeviceBusy naming who holds one."""
    for device_id in sorted(device_ids):
        stack.enter_context(Lease.acquire(device_id, purpose))
