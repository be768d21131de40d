"""Simulated iPhones behind one usbmuxd, in one event loop in one thread.

::

    with Farm(folder, ["iphone15-ios18", "iphone12-ios16"]) as farm:
        subprocess.run([..., "usbmux", "list"], env=os.environ | farm.environment)
        farm.fault(0, "drop-link@push:1000000")
"""

from __future__ import annotations

import asyncio
import plistlib
import threading
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from phones.faults import Fault
from phones.ios.app_process import Program, scripted_program
from phones.ios.apps import RUNNER_BUNDLE, runner_app
from phones.ios.certificates import make_pair_record
from phones.ios.lockdownd import TUNNEL_SERVICE, Lockdownd
from phones.ios.phone import Phone
from phones.ios.profiles import PROFILES
from phones.ios.recording import Recording
from phones.ios.remote_door import RemoteDoor, Tunneld
from phones.ios.services import lockdown_services
from phones.ios.tunnel import core_device_proxy
from phones.ios.usbmuxd import Usbmuxd
from phones.ios.values import wifi_address

_HOST = "simulated-lab"
_START_S = 20.0
T = TypeVar("T")


class Farm:
    """Phones of the named profiles, paired with this host unless ``paired`` is false.

    A path instead of a name is that of a recording (``phones.ios.recording``) to be replayed.
    ``network`` are the numbers of those that are there over Wi-Fi, too; ``program`` is what runs
    when the runner app does: the scripted runner, or real inference (``reference_program``).
    """

    def __init__(
        self,
        folder: Path,
        profiles: Sequence[str | Path],
        *,
        paired: bool = True,
        names: Sequence[str] = (),
        network: Iterable[int] = (),
        seconds: Callable[[], float] = time.monotonic,
        program: Program = scripted_program,
    ) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.phones: list[Phone] = []
        for number, profile in enumerate(profiles):
            recording = Recording.read(profile) if isinstance(profile, Path) else None
            self.phones.append(
                Phone(
                    recording.profile if recording is not None else PROFILES[str(profile)],
                    number,
                    folder / f"phone{number}",
                    seconds=seconds,
                    name=names[number] if number < len(names) else None,
                    recording=recording,
                )
            )
        over_wifi = [self.phones[number].udid for number in network]
        self.usbmuxd = Usbmuxd(self.phones, _HOST, over_wifi)
        self.doors: dict[str, RemoteDoor] = {}
        for phone in self.phones:
            phone.install(runner_app(program))
            self._furnish(phone)
            if paired:
                self._pair(phone)
        self.tunneld = Tunneld(
            door for door in self.doors.values() if door.phone.profile.tunnel == "privileged"
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="simulated-iphones", daemon=True)

    @property
    def environment(self) -> dict[str, str]:
        """What a client needs; its records and caches stay in the farm's folder."""
        home = str(self.folder / "home")
        return {
            "USBMUXD_SOCKET_ADDRESS": f"127.0.0.1:{self.usbmuxd.port}",
            "BENCHFARM_TUNNELD": f"127.0.0.1:{self.tunneld.port}",
            "HOME": home,
            "XDG_DATA_HOME": f"{home}/.local/share",
            "XDG_CONFIG_HOME": f"{home}/.config",
            "XDG_CACHE_HOME": f"{home}/.cache",
        }

    def call(self, act: Callable[[], T]) -> T:
        """Do something in the phones' thread and wait for it."""

        async def wrapped() -> T:
            return act()

        return self._wait(wrapped())

    def rsd(self, number: int) -> tuple[str, int]:
        """Where the directory of an iOS 17+ phone listens on this machine, without a tunnel."""
        return "127.0.0.1", self._wait(self.doors[self.phones[number].udid].listen())

    def fault(self, number: int, text: str) -> None:
        """Arm a fault (``phones.faults``) on one phone; what is due begins at once."""
        phone = self.phones[number]

        def arm() -> None:
            phone.faults.add(Fault.parse(text))
            for fault in phone.faults.due():
                phone.apply(fault)

        self.call(arm)

    def hurry(self, number: int) -> None:
        """Faults of one phone that last a while end now, and a phone that was to return does."""
        self.call(self.phones[number].hurry)

    def open_app(self, number: int, bundle_id: str = RUNNER_BUNDLE) -> None:
        """A person opens the app by hand."""
        self.call(self.phones[number].apps[bundle_id].open_by_hand)

    def start(self) -> None:
        """Begin to listen; ``environment`` is complete from here on."""
        (self.folder / "home").mkdir(exist_ok=True)
        self._loop = asyncio.new_event_loop()
        self._thread.start()
        self._wait(self._start())

    def stop(self) -> None:
        """Switch everything off."""
        self._wait(self._shut_down())
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_START_S)
        self._loop.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _wait(self, work: Coroutine[object, object, T]) -> T:
        assert self._loop is not None, "start the farm first"
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_START_S)

    async def _start(self) -> None:
        await self.usbmuxd.start()
        await self.tunneld.start()

    async def _shut_down(self) -> None:
        for phone in self.phones:
            phone.close()
        for door in self.doors.values():
            await door.close()
        await self.tunneld.stop()
        await self.usbmuxd.stop()

    def _run(self) -> None:
        assert self._loop is not None
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _furnish(self, phone: Phone) -> None:
        services = lockdown_services(phone)
        lockdown = Lockdownd(phone, services)
        phone.lockdown = lockdown.serve
        if phone.profile.tunnel == "lockdown":
            return
        door = self.doors[phone.udid] = RemoteDoor(phone, lockdown)
        if phone.profile.tunnel == "userspace":
            services[TUNNEL_SERVICE] = core_device_proxy(phone, door.handlers)

    def _pair(self, phone: Phone) -> None:
        record = make_pair_record(_HOST, wifi_address(phone.udid))
        phone.hosts[record["HostID"]] = record
        self.usbmuxd.records[phone.udid] = plistlib.dumps(record)
