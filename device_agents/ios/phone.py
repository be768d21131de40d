"""One iPhone behind usbmuxd: its long-lived connections, under an identifier that stays."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from device_agents.ios.errors import GONE, is_lost
from device_agents.ios.loop import LOOP
from harness.clock import CancelToken, Clock, Deadline
from harness.errors import DeviceUnavailable, HarnessError

if TYPE_CHECKING:
    import socket

    from pymobiledevice3.lockdown import UsbmuxLockdownClient
    from pymobiledevice3.services.diagnostics import DiagnosticsService
    from pymobiledevice3.services.house_arrest import HouseArrestService

RUNNER_BUNDLE = "org.benchfarm.runner"
#: A phone whose cable is touched, or that restarts its USB, is waited for so long.
PATIENCE_S = 25.0
_LOOK_EVERY_S = 0.1
_CLOSE_S = 1.0

T = TypeVar("T")


class Connections:
    """What is open to one phone. Everything here runs in the loop."""

    def __init__(self, device_id: str, udid: str) -> None:
        self.device_id, self.udid = device_id, udid
        self._open = AsyncExitStack()
        self._lockdown: UsbmuxLockdownClient | None = None
        self._diagnostics: DiagnosticsService | None = None
        self._documents: HouseArrestService | None = None

    async def lockdown(self) -> UsbmuxLockdownClient:
        """A session in which the phone trusts us."""
        if self._lockdown is None:
            from pymobiledevice3.exceptions import NotPairedError
            from pymobiledevice3.lockdown import create_using_usbmux

            client = await create_using_usbmux(serial=self.udid, autopair=False)
            self._open.push_async_callback(client.close)
            if not client.paired:
                raise NotPairedError
            self._lockdown = client
        return self._lockdown

    async def values(self, domain: str | None = None) -> dict[str, Any]:
        """All values of one of lockdownd's domains; empty where the phone has none."""
        read = await (await self.lockdown()).get_value(domain)
        return read if isinstance(read, dict) else {}

    async def battery(self) -> dict[str, Any]:
        """The battery's entry of the IORegistry."""
        if self._diagnostics is None:
            from pymobiledevice3.services.diagnostics import DiagnosticsService

            service = DiagnosticsService(await self.lockdown())
            self._diagnostics = await self._open.enter_async_context(service)
        read = await self._diagnostics.get_battery()
        return read if isinstance(read, dict) else {}

    async def documents(self) -> HouseArrestService:
        """The Documents folder of the runner app."""
        if self._documents is None:
            from pymobiledevice3.services.house_arrest import HouseArrestService

            service = await HouseArrestService.create(
                await self.lockdown(), RUNNER_BUNDLE, documents_only=True
            )
            await self._open.enter_async_context(service)
            self._documents = service
        return self._documents

    async def close_documents(self) -> None:
        """Forget the folder: an upgrade of the app moves it."""
        documents, self._documents = self._documents, None
        if documents is not None:
            await documents.aclose()

    async def app_port(self, port: int) -> socket.socket:
        """A connection to a port of the phone; ConnectionFailedError where nobody listens."""
        from pymobiledevice3.usbmux import select_device

        device = await select_device(self.udid)
        if device is None:
            raise DeviceUnavailable(self.device_id, GONE)
        return await device.connect(port)

    async def is_listed(self) -> bool:
        """Whether usbmuxd has the phone."""
        from pymobiledevice3.usbmux import select_device

        return await select_device(self.udid) is not None

    async def close(self) -> None:
        """Close everything; a frozen phone is not waited for."""
        stack, self._open = self._open, AsyncExitStack()
        self._lockdown = self._diagnostics = self._documents = None
        with suppress(Exception):
            async with asyncio.timeout(_CLOSE_S):
                await stack.aclose()


#: Asks a phone something over its connections.
Ask = Callable[[Connections], Awaitable[T]]


class Phone:
    """The synchronous face of one phone.

    A call over a connection that broke is made once more over a new one, as soon as the phone is
    back; a phone that stayed away once is not waited for again until it is seen.
    """

    def __init__(self, device_id: str, udid: str, clock: Clock) -> None:
        self.device_id, self.udid, self.clock = device_id, udid, clock
        self.connections = Connections(device_id, udid)
        self._gone = False
        self.left_alone = False  #: no call reaches the phone until :meth:`come_back`

    def call(self, what: str, ask: Ask[T], deadline: Deadline, cancel: CancelToken) -> T:
        """Ask; ``what`` completes "cannot ..."."""
        return self._run(lambda: self._twice(ask), what, deadline, cancel)

    def call_once(self, what: str, ask: Ask[T], deadline: Deadline, cancel: CancelToken) -> T:
        """Ask, and leave a broken connection to the caller."""

        async def once() -> T:
            return await ask(self.connections)

        return self._run(once, what, deadline, cancel)

    def leave(self) -> None:
        """Let go of the phone: its cable is taken off."""
        self.disconnect()
        self.left_alone = True

    def is_there(self, deadline: Deadline, cancel: CancelToken) -> bool:
        """Whether a phone that was left is back, and unlocked where it asks for that."""

        async def look() -> bool:
            return await self.connections.is_listed() and bool(await self.connections.lockdown())

        return LOOP.call(look, self.device_id, "look for the phone", deadline, cancel)

    def come_back(self) -> None:
        """The phone is there again."""
        self.left_alone = self._gone = False

    def disconnect(self) -> None:
        """Close every connection."""
        deadline = Deadline(self.clock, 2 * _CLOSE_S)
        with suppress(HarnessError):
            LOOP.call(self.connections.close, self.device_id, "disconnect", deadline, CancelToken())

    def _run(
        self,
        make: Callable[[], Coroutine[Any, Any, T]],
        what: str,
        deadline: Deadline,
        cancel: CancelToken,
    ) -> T:
        if self.left_alone:
            raise DeviceUnavailable(self.device_id, "it is left alone while it measures")
        try:
            return LOOP.call(make, self.device_id, what, deadline, cancel)
        except BaseException:
            if cancel.cancelled or deadline.expired:
                self.disconnect()  # an answer may still be under way there
            raise

    async def _twice(self, ask: Ask[T]) -> T:
        try:
            answer = await ask(self.connections)
        except Exception as error:
            if not (is_lost(error) or isinstance(error, DeviceUnavailable)):
                raise
            await self.connections.close()
            await self._until_listed()
            answer = await ask(self.connections)
        self._gone = False
        return answer

    async def _until_listed(self) -> None:
        """Wait for a phone that is away for a moment."""
        until = time.monotonic() + (0.0 if self._gone else PATIENCE_S)
        while not await self.connections.is_listed():
            if time.monotonic() >= until:
                self._gone = True
                raise DeviceUnavailable(self.device_id, GONE)
            await asyncio.sleep(_LOOK_EVERY_S)
