"""Finding out what became of the runner's process: iOS writes a report a moment after its end."""

from __future__ import annotations

from device_agents.ios.parse.reports import Death, read_report
from device_agents.ios.phone import Connections, Phone
from harness.clock import CancelToken, Deadline
from harness.errors import DeviceError

_TRIES, _TRY_EVERY_S = 3, 0.3
#: The newest reports that are looked into.
_NEWEST = 6
_MOVED = b"ping\0"
UNTOLD = Death("iOS does not say why it ended: somebody closed it, or it ended by itself")


def explain(phone: Phone, pid: int, deadline: Deadline, cancel: CancelToken) -> Death:
    """Why process ``pid`` ended, from the reports on the phone."""

    async def look(connections: Connections) -> Death | None:
        return await _look(connections, pid)

    try:
        for left in reversed(range(_TRIES)):
            death = phone.call("read the phone's crash reports", look, deadline, cancel)
            if death is not None:
                return death
            if left:
                phone.clock.sleep(_TRY_EVERY_S, cancel)
    except DeviceError as error:
        return Death(f"nobody can be asked why it ended: {error}")
    return UNTOLD


async def _have_written(connections: Connections, mover: str) -> None:
    """Have the phone move its reports to where we read them; it says ``ping`` when it has.

    The library's own ``flush`` leaves the connection open.
    """
    service = await (await connections.lockdown()).start_lockdown_service(mover)
    try:
        await service.recvall(len(_MOVED))
    finally:
        await service.close()


async def _look(connections: Connections, pid: int) -> Death | None:
    from pymobiledevice3.services.crash_reports import CrashReportsManager

    async with CrashReportsManager(await connections.lockdown()) as reports:
        await _have_written(connections, reports.crash_mover_service_name)
        names = [name for name in await reports.ls("/") if name.endswith(".ips")]
        written = [((await reports.afc.stat(name))["st_mtime"], name) for name in names]
        for _, name in sorted(written, reverse=True)[:_NEWEST]:
            text = (await reports.afc.get_file_contents(name)).decode(errors="replace")
            death = read_report(text, pid)
            if death is not None:
                return death
    return None
