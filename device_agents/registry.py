"""The platforms there are: a plain table, each agent imported only when it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from harness.device import Agent, Device
from harness.errors import UserError


def _local() -> Agent:
    from device_agents.local.agent import LocalAgent

    return LocalAgent()


def _android() -> Agent:
    from device_agents.android.agent import AndroidAgent

    return AndroidAgent()


def _ios() -> Agent:
    from device_agents.ios.agent import IosAgent

    return IosAgent()


_AGENTS: dict[str, Callable[[], Agent]] = {"local": _local, "android": _android, "ios": _ios}


def agents() -> list[Agent]:
    """One agent for each platform."""
    return [make() for make in _AGENTS.values()]


def agent_for(device_id: str) -> Agent:
    """The agent of a device's platform, the part of its id before the colon.

    Raises UserError for a platform there is no agent for.
    """
    platform = device_id.partition(":")[0]
    if platform not in _AGENTS:
        raise UserError(
            f"{device_id}: unknown platform {platform!r}; there is {', '.join(_AGENTS)}"
        )
    return _AGENTS[platform]()


def local_build(engine: str, interpreter: Path | None) -> str:
    """What an interpreter of this machine brings of an engine; see ``local/builds.py``."""
    from device_agents.local.builds import find_build

    return find_build(engine, interpreter)


def phone_build(folder: Path | None) -> str:
    """What the Android runner files in ``folder`` are, ours without one."""
    from device_agents.android.packages import listing_digest

    return f"runner files, sha256 {listing_digest(folder)[:16]}"


def workbench(folder: Path) -> Device:
    """The local device in a folder of its own, for inference that nobody times; needs no lease."""
    from device_agents.local.agent import LocalAgent

    return LocalAgent(home=folder).open("local")
