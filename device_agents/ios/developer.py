"""Apple's developer services: starting and ending the runner app. Everything here runs in the loop.

How they are reached depends on iOS: through lockdownd before 17, by a tunnel that root opened for
17.0 to 17.3, and by a tunnel within this process from 17.4 on. Of the last kind the library can
have one at a time, so phones take turns with it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from device_agents.ios.errors import DEVELOPER_MODE, IMAGE, is_lost, names_of
from device_agents.ios.parse.values import TunnelKind
from device_agents.ios.phone import RUNNER_BUNDLE, Connections
from harness.errors import CapabilityMissing, UserError

if TYPE_CHECKING:
    from pymobiledevice3.services.dvt.instruments.process_control import ProcessControl

#: DVT has been seen to die after some hundred calls; it is opened anew before.
CALL_BUDGET = 200
#: Between two samples of all processes: long enough for shares of a core, short beside a trial.
_SAMPLE_MS = 100
_TUNNELD = "127.0.0.1:49151"
_CLOSE_S = 1.0

T = TypeVar("T")


async def tunnel_of(udid: str) -> tuple[str, int] | None:
    """Where the tunnel that root opened leads; None where tunneld has none to this phone.

    Raises the library's TunneldConnectionError where no tunneld runs, and UserError for a variable
    that is no address.
    """
    from pymobiledevice3.tunneld.api import get_tunneld_tunnels

    host, _, port = os.environ.get("BENCHFARM_TUNNELD", _TUNNELD).rpartition(":")
    if not port.isdecimal():
        raise UserError("BENCHFARM_TUNNELD is HOST:PORT of a running tunneld")
    tunnels = (await get_tunneld_tunnels((host, int(port)))).get(udid)
    return (tunnels[0]["tunnel-address"], tunnels[0]["tunnel-port"]) if tunnels else None


class _Turns:
    """Who has the tunnel of this process."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self._holder: Developer | None = None

    async def give_to(self, developer: Developer) -> None:
        """Close the tunnel of whoever had it."""
        if self._holder is not None and self._holder is not developer:
            await self._holder.close()
        self._holder = developer

    def left_by(self, developer: Developer) -> None:
        """The tunnel is closed."""
        if self._holder is developer:
            self._holder = None


_TURNS = _Turns()


class Developer:
    """The developer services of one phone, opened when they are first needed."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._way = AsyncExitStack()
        self._services = AsyncExitStack()
        self._provider: Any = None
        self._dvt: Any = None
        self._control: ProcessControl | None = None
        self._calls = 0

    async def launch(self, tunnel: TunnelKind, environment: dict[str, str]) -> int:
        """Start the runner app anew; its process id."""

        async def start(control: ProcessControl) -> int:
            return await control.launch(RUNNER_BUNDLE, environment=environment)

        return await self._ask(tunnel, start)

    async def kill(self, tunnel: TunnelKind, pid: int) -> None:
        """End a process; one that has ended already is no error."""

        async def end(control: ProcessControl) -> None:
            found = await control.process_identifier_for_bundle_identifier(RUNNER_BUNDLE)
            if found == pid:
                await control.kill(pid)

        await self._ask(tunnel, end)

    async def running(self, tunnel: TunnelKind) -> int:
        """The process id of the runner app, 0 where it does not run."""

        async def find(control: ProcessControl) -> int:
            return int(await control.process_identifier_for_bundle_identifier(RUNNER_BUNDLE))

        return await self._ask(tunnel, find)

    async def processes(self, tunnel: TunnelKind) -> list[dict[str, Any]]:
        """What runs on the phone, by sysmontap's attributes; ``cpuUsage`` is that of a moment."""
        from pymobiledevice3.services.dvt.instruments.sysmontap import Sysmontap

        async def sample(_control: ProcessControl) -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = []
            async with await Sysmontap.create(self._dvt, interval=_SAMPLE_MS) as tap:
                samples = tap.iter_processes()
                for _ in range(2):  # the first has nothing to compare with
                    found = await anext(samples)
            return found

        return await self._ask(tunnel, sample)

    async def close(self) -> None:
        """Close the services and the way to them."""
        await self._close_services()
        way, self._way, self._provider = self._way, AsyncExitStack(), None
        with suppress(Exception):
            async with asyncio.timeout(_CLOSE_S):
                await way.aclose()
        _TURNS.left_by(self)

    # --- inside -----------------------------------------------------------------------------

    async def _ask(self, tunnel: TunnelKind, ask: Callable[[ProcessControl], Awaitable[T]]) -> T:
        if tunnel != "userspace":
            return await self._twice(tunnel, ask)
        async with _TURNS.lock:
            await _TURNS.give_to(self)
            return await self._twice(tunnel, ask)

    async def _twice(self, tunnel: TunnelKind, ask: Callable[[ProcessControl], Awaitable[T]]) -> T:
        try:
            return await ask(await self._opened(tunnel))
        except Exception as error:
            if not is_lost(error):
                raise
        except BaseException:
            await self.close()  # given up in the middle: an answer may still be under way
            raise
        await self.close()
        await self._connections.close()
        return await ask(await self._opened(tunnel))

    async def _opened(self, tunnel: TunnelKind) -> ProcessControl:
        if self._calls >= CALL_BUDGET:
            await self._close_services()
        self._calls += 1
        if self._control is None:
            try:
                self._control = await self._open(tunnel)
            except Exception as error:
                await self.close()
                if "InvalidServiceError" not in names_of(error):
                    raise
                raise await self._why_not() from error
        return self._control

    async def _open(self, tunnel: TunnelKind) -> ProcessControl:
        from pymobiledevice3.services.dvt.instruments.dvt_provider import DvtProvider
        from pymobiledevice3.services.dvt.instruments.process_control import ProcessControl

        if self._provider is None:
            self._provider = await self._open_way(tunnel)
        services = self._services
        self._dvt = await services.enter_async_context(DvtProvider(self._provider))
        return await services.enter_async_context(ProcessControl(self._dvt))

    async def _open_way(self, tunnel: TunnelKind) -> Any:
        if tunnel == "lockdown":
            return await self._connections.lockdown()
        if tunnel == "privileged":
            return await self._tunneld()
        from pymobiledevice3.remote.userspace_tunnel import UserspaceRsdTunnel

        way = UserspaceRsdTunnel(
            serial=self._connections.udid, autopair=False, remotepairing_fallback=False
        )
        return await self._way.enter_async_context(way)

    async def _tunneld(self) -> Any:
        from pymobiledevice3.exceptions import TunneldConnectionError
        from pymobiledevice3.remote.remote_service_discovery import RemoteServiceDiscoveryService

        where = await tunnel_of(self._connections.udid)
        if where is None:
            raise TunneldConnectionError
        return await self._way.enter_async_context(RemoteServiceDiscoveryService(where))

    async def _why_not(self) -> CapabilityMissing:
        """What the phone lacks that it offers no developer service."""
        amfi = await self._connections.values("com.apple.security.mac.amfi")
        off = amfi.get("DeveloperModeStatus") is False
        return CapabilityMissing(self._connections.device_id, DEVELOPER_MODE if off else IMAGE)

    async def _close_services(self) -> None:
        services, self._services, self._control = self._services, AsyncExitStack(), None
        self._calls = 0
        with suppress(Exception):
            async with asyncio.timeout(_CLOSE_S):
                await services.aclose()
