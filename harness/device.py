"""The seam between the core and the platforms: what an agent, a device and a runner offer.

Implementations live in ``device_agents``; the core sees only these Protocols. Every call that can
block takes a :class:`~harness.clock.Deadline` and a :class:`~harness.clock.CancelToken`, and raises
:class:`~harness.errors.DeviceTimeout` or :class:`~harness.errors.Cancelled` accordingly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

from harness.clock import CancelToken, Deadline
from harness.errors import RunnerDied
from harness.record import ChannelRecord, DeviceFacts, DeviceState
from harness.scenario import Prepare


@dataclass(frozen=True, slots=True)
class Sighting:
    """A device as discovery sees it.

    Where it is not ``ready``, or is but not for everything, ``advice`` says what to do about it.
    """

    device_id: str  #: ``local``, ``android:SERIAL``, ``ios:UDID``
    platform: str
    name: str
    ready: bool = True
    state: str = "ready"
    advice: str = ""
    simulated: bool = False  #: it says that it is no real device


@dataclass(frozen=True, slots=True)
class Reading:
    """One telemetry value; ``at_ns`` is on the clock its channel names."""

    channel: str
    at_ns: int
    value: float


@dataclass(frozen=True, slots=True)
class RunnerExit:
    """How a runner process ended."""

    returncode: int | None
    signal_name: str | None
    log_tail: str

    def error(self, device_id: str) -> RunnerDied:
        """The error that tells it."""
        return RunnerDied(
            device_id,
            signal_name=self.signal_name,
            returncode=self.returncode,
            log_tail=self.log_tail,
        )


class Link(Protocol):
    """A byte stream to a runner."""

    def send(self, data: bytes, deadline: Deadline, cancel: CancelToken) -> None:
        """Send all of ``data``; raises RunnerDied when the other side is gone."""

    def receive(self, limit: int, deadline: Deadline, cancel: CancelToken) -> bytes | None:
        """Up to ``limit`` bytes; ``b""`` when closed; None when the deadline passed."""

    def close(self) -> None:
        """Close this side."""


class Runner(Protocol):
    """A launched runner process."""

    token: str  #: the one-time token it expects in ``hello``
    spawned_at_ns: int  #: host monotonic time just before it was started

    def connect(self, deadline: Deadline, cancel: CancelToken) -> Link:
        """Open the link, or open it again after it dropped.

        Raises DeviceUnavailable when it may work later, RunnerDied when it never will.
        """

    def log_text(self) -> str:
        """Everything the runner has written so far that is not wire traffic."""

    def kill(self) -> None:
        """End the process and its children now."""

    def wait(self, deadline: Deadline, cancel: CancelToken) -> RunnerExit | None:
        """How it ended, or None if it still runs at the deadline."""


@runtime_checkable
class LeavesResults(Protocol):
    """A runner that keeps what it has finished in files while nobody listens to it."""

    def left_results(self, deadline: Deadline, cancel: CancelToken) -> bytes:
        """The session's ``ready``, then its counted messages that wait there, as on the wire.

        Works when the process is gone; empty where there is nothing. Raises DeviceError where the
        device cannot be reached.
        """


class Telemetry(Protocol):
    """Outside readings of one device, polled by the conductor between messages."""

    def channels(self) -> Sequence[ChannelRecord]:
        """What is read, and what cannot be read with the reason."""

    def attach(self, runner: Runner) -> None:
        """Start reading the channels that belong to the runner process."""

    def poll(self, *, final: bool = False) -> Sequence[Reading]:
        """Readings since the last poll; takes them now when the agent has no sampler of its own.

        ``final`` takes them even where the next ones are not due yet, so that a trial shorter than
        the sampling period still ends with its true peak.
        """

    def close(self) -> None:
        """Stop reading."""


class Device(Protocol):
    """One physical device, held under its lease."""

    device_id: str

    def facts(self, deadline: Deadline, cancel: CancelToken) -> DeviceFacts:
        """What stays the same during a run."""

    def state(self, deadline: Deadline, cancel: CancelToken) -> DeviceState:
        """What changes from minute to minute."""

    def prepare(self, wanted: Prepare, deadline: Deadline, cancel: CancelToken) -> tuple[str, ...]:
        """Bring the device into the state for measuring: leftovers killed, settings made.

        Returns what was asked for and could not be had, each with its reason; it becomes the
        finding NOT-PREPARED.
        """

    def restore(self, deadline: Deadline) -> None:
        """Undo :meth:`prepare`; must work after any failure and must not be cancelled."""

    def push(self, source: Path, digest: str, deadline: Deadline, cancel: CancelToken) -> bool:
        """Make the file available to runners under ``digest``; False if it was there already."""

    def launch(self, engine: str, deadline: Deadline, cancel: CancelToken) -> Runner:
        """Start a fresh runner process able to use ``engine``."""

    def telemetry(
        self, rate_hz: float, purpose: Literal["timing", "memory"] = "timing"
    ) -> Telemetry:
        """Begin reading this device from outside, at most ``rate_hz`` times a second.

        ``purpose`` is the cell's: what disturbs the runner (PSS) is read only in the memory pass.
        """

    def close(self) -> None:
        """Let go of the device (not of its lease)."""


@runtime_checkable
class BuildChoice(Protocol):
    """A device that can run another build than its agent's own, for the arms of a comparison."""

    def use_build(self, build: Path | None) -> None:
        """From the next launch on; None is the agent's own.

        An interpreter (local), or a folder of runner files (Android).
        """


@runtime_checkable
class Detachable(Protocol):
    """A device whose runner goes on alone while the cable is out."""

    def detach(
        self, runner: Runner, seconds: float, deadline: Deadline, cancel: CancelToken
    ) -> str:
        """Let go of the device for about ``seconds``; what was set on it stays as long.

        Until :meth:`attach` everything else raises DeviceUnavailable or does nothing. Returns a
        text by which :meth:`runner_again` finds the runner, in another process of this host too.
        """

    def is_back(self, deadline: Deadline, cancel: CancelToken) -> bool:
        """Whether it can be reached, known by its own id."""

    def attach(self, deadline: Deadline, cancel: CancelToken) -> None:
        """Take hold of it again."""

    def runner_again(self, way: str, deadline: Deadline, cancel: CancelToken) -> Runner | None:
        """The runner that ``way`` leads to; None when it does not run any more.

        One that is gone and has left results is returned, too (:class:`LeavesResults`).
        """


class Agent(Protocol):
    """Host-side code for one platform's devices."""

    platform: str

    def discover(self, deadline: Deadline, cancel: CancelToken) -> Sequence[Sighting]:
        """The devices at hand, those that are not ready included."""

    def open(self, device_id: str) -> Device:
        """Take hold of one discovered device."""


@runtime_checkable
class Hinting(Protocol):
    """An agent that can tell why it sees no devices at all."""

    def hint(self) -> str | None:
        """What to do so that devices can be seen, None when there is nothing to say."""


@runtime_checkable
class Capturing(Protocol):
    """An agent that can record a device's answers, for a simulated device that gives them again."""

    def capture(self, device_id: str, deadline: Deadline, cancel: CancelToken) -> dict[str, object]:
        """The answers to everything the agent asks, without serial numbers and names, for JSON."""


@runtime_checkable
class HasScreen(Protocol):
    """A device whose screen can be kept as a picture."""

    def screenshot(self, deadline: Deadline, cancel: CancelToken) -> bytes | None:
        """What it shows now, as PNG; None where the device will not tell."""


@runtime_checkable
class TellsProgress(Protocol):
    """A device over so slow a link that people want to see how far a file has come."""

    def tell_progress(self, tell: Callable[[str], None]) -> None:
        """From now on, say to ``tell`` how far each push is: ``40 %``."""
