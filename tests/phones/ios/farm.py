"""Simulated iPhones behind one usbmuxd, in one event loop in one thread.

::

    with Farm(folder, ["iphone15-ios18", "iphone12-ios16"]) as farm:
        subprocess.run([..., "usbmux", "list"], env=os.environ | farm.environment)
        farm.fault(0, "drop-link@push:1000000")
"""

from __future__ import annotations

import asyncio
import os
import plistlib
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from phones.faults import Fault
from phones.ios.apps import RUNNER_BUNDLE
from phones.ios.certificates import make_pair_record
from phones.ios.lockdownd import Lockdownd
from phones.ios.phone import Phone
from phones.ios.profiles import PROFILES
from phones.ios.services import lockdown_services
from phones.ios.usbmuxd import Usbmuxd
from phones.ios.values import wifi_address

_HOST = "simulated-lab"
_START_S = 20.0
T = TypeVar("T")


class Farm:
    """Phones of the named profiles, paired with this host unless ``paired`` is false."""

    def __init__(
        self,
        folder: Path,
        profiles: Sequence[str],
        *,
        paired: bool = True,
        names: Sequence[str] = (),
        network: Iterable[int] = (),
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.phones = [
            Phone(
                PROFILES[profile],
                number,
                folder / f"phone{number}",
                seconds=seconds,
                name=names[number] if number < len(names) else None,
            )
            for number, profile in enumerate(profiles)
        ]
        over_wifi = [self.phones[number].udid for number in network]
        self.usbmuxd = Usbmuxd(self.phones, _HOST, over_wifi)
        for phone in self.phones:
            phone.lockdown = Lockdownd(phone, lockdown_services(phone)).serve
            if paired:
                self._pair(phone)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="simulated-iphones", daemon=True)

    @property
    def environment(self) -> dict[str, str]:
        """What a client needs; its records and caches stay in the farm's folder."""
        home = str(self.folder / "home")
        return {
            "USBMUXD_SOCKET_ADDRESS": f"127.0.0.1:{self.usbmuxd.port}",
            "HOME": home,
            "XDG_DATA_HOME": f"{home}/.local/share",
            "XDG_CONFIG_HOME": f"{home}/.config",
            "XDG_CACHE_HOME": f"{home}/.cache",
        }

    def call(self, act: Callable[[], T]) -> T:
        """Do something in the phones' thread and wait for it."""

        async def wrapped() -> T:
            return act()

        return asyncio.run_coroutine_threadsafe(wrapped(), self._loop).result(_START_S)

    def fault(self, number: int, text: str) -> None:
        """Arm a fault (``phones.faults``) on one phone; what is due begins at once."""
        phone = self.phones[number]

        def arm() -> None:
            phone.faults.add(Fault.parse(text))
            for fault in phone.faults.due():
                phone.apply(fault)

        self.call(arm)

    def open_app(self, number: int, bundle_id: str = RUNNER_BUNDLE) -> None:
        """A person opens the app by hand."""
        self.call(lambda: self.phones[number].apps[bundle_id].open_by_hand())

    def start(self) -> None:
        """Begin to listen; ``environment`` is complete from here on."""
        (self.folder / "home").mkdir(exist_ok=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.usbmuxd.start(), self._loop).result(_START_S)

    def stop(self) -> None:
        """Switch everything off."""
        asyncio.run_coroutine_threadsafe(self._shut_down(), self._loop).result(_START_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_START_S)
        self._loop.close()

    def __enter__(self) -> Farm:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    async def _shut_down(self) -> None:
        for phone in self.phones:
            phone.close()
        await self.usbmuxd.stop()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _pair(self, phone: Phone) -> None:
        record = make_pair_record(_HOST, wifi_address(phone.udid))
        phone.hosts[record["HostID"]] = record
        self.usbmuxd.records[phone.udid] = plistlib.dumps(record)


def main_environment(farm: Farm) -> str:
    """Shell lines that let a person use the farm."""
    keep = {name: value for name, value in farm.environment.items() if name != "HOME"}
    return "\n".join(f"export {name}={value}" for name, value in keep.items())


def running_pid() -> int:
    """The process that holds the phones."""
    return os.getpid()
