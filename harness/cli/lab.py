"""The devices at hand: discovery through the agents, and which ones a scenario means."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack

from device_agents.registry import agent_for, agents
from harness.clock import CancelToken, Deadline, SystemClock
from harness.device import Device, Sighting
from harness.errors import DeviceError
from harness.fleet.lease import Lease
from harness.record import DeviceFacts

DISCOVERY_TIMEOUT_S = 15.0
FACTS_TIMEOUT_S = 30.0


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


def facts_of(found: Iterable[Sighting], cancel: CancelToken) -> dict[str, DeviceFacts]:
    """The facts of every ready device; one that does not answer is left out."""
    clock, facts = SystemClock(), {}
    for sighting in found:
        if not sighting.ready:
            continue
        device = open_device(sighting.device_id)
        try:
            facts[sighting.device_id] = device.facts(Deadline(clock, FACTS_TIMEOUT_S), cancel)
        except DeviceError:
            continue  # the plan will say that no device matched, `devices` says why
        finally:
            device.close()
    return facts


def lease_all(device_ids: Sequence[str], purpose: str, stack: ExitStack) -> None:
    """Lease every device until ``stack`` closes; raises DeviceBusy naming who holds one."""
    for device_id in sorted(device_ids):
        stack.enter_context(Lease.acquire(device_id, purpose))
