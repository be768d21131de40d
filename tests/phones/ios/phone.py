"""One simulated iPhone: what it is, what is on it, and who may connect to which of its ports.

The services read and change this state; how bytes look on the wire is theirs. The runner app's
side of the arrangement with the host is in :mod:`phones.ios.apps`.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import shutil
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from phones.faults import At, Fault, FaultScript
from phones.ios.apps import App
from phones.ios.channel import Channel, LinkLost
from phones.ios.condition import Condition
from phones.ios.effects import EFFECTS
from phones.ios.profiles import Profile
from phones.ios.recording import Recording
from phones.physics import Battery, Physics, Power, Spec

Handler = Callable[[Channel], Awaitable[None]]

LOCKDOWN_PORT = 62078
_FIRST_SERVICE_PORT = 49152
#: How many offered service ports stay open that nobody connected to.
_OFFERS = 64
_RESET_S = 0.3


class Phone:
    """One phone. Everything but ``condition`` is for the event loop's thread."""

    def __init__(
        self,
        profile: Profile,
        number: int,
        folder: Path,
        *,
        seconds: Callable[[], float],
        name: str | None = None,
        recording: Recording | None = None,
    ) -> None:
        self.profile, self.number, self.folder = profile, number, folder
        self.name = name if name is not None else f"iPhone {number}"
        self.recording = recording
        self.udid = self.udid_of(profile, number)
        self.ecid = int(hashlib.sha256(self.udid.encode()).hexdigest()[:12], 16)
        self.seconds = seconds
        self.booted_at_s = seconds()
        self._epoch = datetime.now(UTC) - timedelta(seconds=seconds())
        self.condition: Condition = Condition()
        self.physics: Physics = Physics(_spec(profile), seconds, seed=number)
        self.faults = FaultScript(seconds)
        self.hosts: dict[str, dict[str, Any]] = {}
        self.syslog: list[str] = []
        self.images: list[dict[str, Any]] = [_developer_image(profile)]
        #: Everything that was asked for, so that tests can assert what was not.
        self.requests: list[str] = []
        self.unexpected: list[str] = []
        self.on_attachment: Callable[[Phone, bool], None] = lambda phone, attached: None
        self.attached = True
        self.moving: asyncio.Event = asyncio.Event()
        self.moving.set()
        #: Cleared while the app is in the background and gets no processor.
        self.in_foreground = asyncio.Event()
        self.in_foreground.set()
        self.lockdown: Handler | None = None
        self.links: set[Channel] = set()
        self.pushed_bytes = 0
        self._offers: dict[int, Handler] = {}
        self._ports = itertools.count(_FIRST_SERVICE_PORT)
        self._pids = itertools.count(400 + 100 * number)
        self._later: list[tuple[asyncio.TimerHandle, Callable[[], None]]] = []
        for part in ("media", "crashes", "apps"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        self.apps: dict[str, App] = {}

    @staticmethod
    def udid_of(profile: Profile, number: int) -> str:
        """The identifier of the phone of that number, the same in every run."""
        digest = hashlib.sha256(f"benchfarm {profile.name} {number}".encode()).hexdigest()
        if profile.chip_id < 0x8020:  # before the A12 an identifier was 40 hexadecimal digits
            return digest[:40]
        return f"{profile.chip_id:08X}-{digest[:16].upper()}"

    def now(self) -> datetime:
        """The phone's calendar clock, which follows ``seconds``."""
        return self._epoch + timedelta(seconds=self.seconds())

    # --- connections ------------------------------------------------------------------------

    def offer(self, handler: Handler) -> int:
        """A port at which the next connection meets ``handler``."""
        port = next(self._ports)
        self._offers[port] = handler
        while len(self._offers) > _OFFERS:
            del self._offers[next(iter(self._offers))]
        return port

    def handler_of(self, port: int) -> Handler | None:
        """Who answers at a port; None where the phone refuses."""
        if port in self.condition.refused_ports or self.gone:
            return None
        if port == LOCKDOWN_PORT:
            return self.lockdown
        if handler := self._offers.pop(port, None):
            return handler
        for app in self.apps.values():
            if app.process is not None and app.process.port == port:
                refused = app.default_port in self.condition.refused_ports
                return None if refused else app.process.serve
        return None

    @property
    def gone(self) -> bool:
        """Whether no connection can be made."""
        return not self.attached

    async def asked(self, what: str) -> None:
        """Note a request; faults that wait for it begin now."""
        self.requests.append(what)
        for fault in self.faults.due() + self.faults.command(what):
            self.apply(fault)
        if self.gone:
            raise LinkLost("the phone is gone")
        await self.moving.wait()

    def phase(self, name: str) -> None:
        """The runner app or a service enters a phase; faults that wait for it begin now."""
        for fault in self.faults.due() + self.faults.phase(name):
            self.apply(fault)

    def takes_in(self, count: int) -> int:
        """How many of ``count`` pushed bytes come in before the next fault of a push."""
        left = self.faults.bytes_until(At.PUSH, self.pushed_bytes)
        return count if left is None else max(1, min(count, left))

    def received(self, count: int) -> None:
        """So many bytes of a file came in; a push may break here."""
        self.pushed_bytes += count
        for fault in self.faults.transferred(At.PUSH, self.pushed_bytes):
            self.apply(fault)

    # --- apps -------------------------------------------------------------------------------

    def install(self, app: App) -> None:
        """Put an app on the phone, or a newer version over it; its documents stay."""
        if (old := self.apps.get(app.bundle_id)) is not None:
            old.kill()
        app.container = self.folder / "apps" / app.bundle_id
        (app.container / "Documents").mkdir(parents=True, exist_ok=True)
        app.phone = self
        self.apps[app.bundle_id] = app

    def uninstall(self, bundle_id: str) -> None:
        """Remove an app with everything it wrote."""
        app = self.apps.pop(bundle_id)
        app.kill()
        shutil.rmtree(app.container)

    def bring_to_front(self, front: bool) -> None:
        """The apps come to the foreground, or go to the background and are suspended."""
        (self.in_foreground.set if front else self.in_foreground.clear)()
        for app in self.apps.values():
            if app.process is not None:
                app.process.freeze(not front)

    def new_pid(self) -> int:
        """The next process id."""
        return next(self._pids)

    # --- faults -----------------------------------------------------------------------------

    def apply(self, fault: Fault) -> None:
        """Carry out what goes wrong; for a while where the fault says so."""
        began, ended = EFFECTS.get(fault.what, (None, None))
        if began is None:
            raise ValueError(f"a simulated iPhone cannot do {fault.what}")
        began(self)
        if fault.seconds and ended is not None:
            self.later(fault.seconds, lambda: ended(self))

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        """Do something after a while, unless the phone is switched off first."""
        timer = asyncio.get_running_loop().call_later(seconds, act)
        self._later.append((timer, act))

    def hurry(self) -> None:
        """What would end or come back later does so now."""
        waiting, self._later = self._later, []
        for timer, act in waiting:
            if not timer.cancelled() and timer.when() > asyncio.get_running_loop().time():
                timer.cancel()
                act()

    def cut_links(self) -> None:
        """Every connection breaks."""
        for link in tuple(self.links):
            link.cut()

    def detach(self) -> None:
        """The cable is pulled, and no current comes through it."""
        if self.attached:
            self.attached = False
            self.physics.set_plugged(False)
            self.cut_links()
            self.on_attachment(self, False)

    def attach(self) -> None:
        """The cable is plugged in again."""
        if not self.attached:
            self.attached = True
            self.physics.set_plugged(True)
            self.on_attachment(self, True)

    def reset_usb(self) -> None:
        """Gone for a moment and back under another DeviceID; apps run on."""
        self.detach()
        self.later(_RESET_S, self.attach)

    def reboot(self, seconds: float = 1.0) -> None:
        """Processes and the mounted image are lost."""
        self.detach()
        for app in self.apps.values():
            app.kill()
        self.condition.image_mounted = False
        self.booted_at_s = self.seconds()
        self.later(seconds, self.attach)

    def close(self) -> None:
        """Switch off: no process and no timer is left."""
        for timer, _ in self._later:
            timer.cancel()
        for app in self.apps.values():
            app.kill()
        self.cut_links()

    def log(self, process: str, text: str) -> None:
        """Write a line of the system log, in the form of syslog_relay."""
        stamp = self.now().strftime("%b %e %H:%M:%S")
        self.syslog.append(f"{stamp} {self.name} {process} <Notice>: {text}")


def _spec(profile: Profile) -> Spec:
    battery = Battery(
        capacity_ah=profile.design_capacity_mah / 1000,
        refresh_s=20.0,
        unit_per_a=1000.0,
        empty_v=3.4,
        full_v=4.35,
    )
    return Spec(battery=battery, power=Power(charger_w=7.5))


def _developer_image(profile: Profile) -> dict[str, Any]:
    kind = "Developer" if profile.version < (17,) else "Personalized"
    return {
        "DiskImageType": kind,
        "ImageType": kind,
        "IsMounted": True,
        "MountPath": "/Developer" if kind == "Developer" else "/System/Developer",
        "PersonalizedImageType": "DeveloperDiskImage",
        "ImageSignature": hashlib.sha384(profile.build.encode()).digest(),
        "DeviceType": "Developer",
        "FilesystemType": "hfs" if kind == "Developer" else "apfs",
    }
