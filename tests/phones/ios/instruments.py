"""The developer services that run over DTX: launching, killing, process lists and samples."""

from __future__ import annotations

import signal
from typing import Any

from phones.ios.apps import App, LaunchRefused
from phones.ios.channel import Channel, LinkLost
from phones.ios.dtx import CallFailed, Link, Message, Service
from phones.ios.phone import Handler, Phone

_PREFIX = "com.apple.instruments.server.services."
_LAUNCH = "launchSuspendedProcessWithDevicePath:bundleIdentifier:environment:arguments:options:"
_SYSTEM_PROCESSES = ((1, "launchd"), (35, "backboardd"), (48, "SpringBoard"), (60, "installd"))
_PROCESS_ATTRIBUTES = (
    *("pid", "name", "cpuUsage", "physFootprint", "memResidentSize", "memVirtualSize"),
    *("threadCount", "ctxSwitch", "uid"),
)
_SYSTEM_ATTRIBUTES = ("physMemSize", "vmFreeCount", "vmUsedCount", "threadCount")
_PAGE_BYTES = 16384


def instruments(phone: Phone) -> Handler:
    """instruments' server on one connection."""
    services: dict[str, Service] = {
        f"{_PREFIX}processcontrol": _ProcessControl(phone),
        f"{_PREFIX}deviceinfo": _DeviceInfo(phone),
        f"{_PREFIX}sysmontap": _Sysmontap(phone),
        f"{_PREFIX}graphics.opengl": _Graphics(phone),
        "com.apple.xcode.debug-gauge-data-providers.Energy": _Energy(phone),
    }

    async def serve(channel: Channel) -> None:
        await phone.asked("dvt connect")
        await Link(channel, services, lambda selector: _count(phone, selector)).serve()

    return serve


async def _count(phone: Phone, selector: str) -> None:
    """Note a call; real developer services die after some hundreds, so these can, too."""
    await phone.asked(f"dvt {selector}")
    phone.phase("dvt")
    left = phone.condition.dvt_calls_left
    if left is not None:
        if left <= 0:
            raise LinkLost("the developer services died")
        phone.condition.dvt_calls_left = left - 1


class _ProcessControl:
    def __init__(self, phone: Phone) -> None:
        self._phone = phone

    async def __call__(self, link: Link, channel: int, call: Message) -> Any:
        match call.selector, call.arguments:
            case selector, [_, bundle_id, environment, arguments, options] if selector == _LAUNCH:
                pid = await self._launch(str(bundle_id), environment, arguments, options)
                if pid is not None:
                    await link.dispatch(channel, "outputReceived:fromProcess:atTime:", ["", pid, 0])
                return pid
            case "sendSignal:toPid:", [int(number), int(pid)]:
                return self._signal(number, pid)
            case "killPid:", [int(pid)]:
                return self._signal(signal.SIGKILL, pid)
            case "processIdentifierForBundleIdentifier:", [str(bundle_id)]:
                app = self._phone.apps.get(bundle_id)
                return app.process.pid if app is not None and app.process is not None else 0
            case "suspendPid:", [_]:
                self._phone.condition.suspended = True
            case "resumePid:", [_]:
                self._phone.condition.suspended = False
            case "requestDisableMemoryLimitsForPid:", [_]:
                return True
            case "startObservingPid:" | "stopObservingPid:", [_]:
                return None
            case _:
                raise _unknown(self._phone, call)
        return None

    async def _launch(
        self, bundle_id: str, environment: Any, arguments: Any, options: Any
    ) -> int | None:
        app = self._phone.apps.get(bundle_id)
        if app is None:
            return None  # clients see no process id, and no reason either
        try:
            return await app.launch(
                [str(argument) for argument in arguments],
                {str(name): str(value) for name, value in environment.items()},
                kill_existing=bool(options.get("KillExisting", True)),
            )
        except LaunchRefused as refused:
            raise CallFailed("FBSOpenApplicationServiceErrorDomain", 1, str(refused)) from refused

    def _signal(self, number: int, pid: int) -> None:
        app = running_app(self._phone, pid)
        if app is None:
            raise CallFailed("NSPOSIXErrorDomain", 3, "No such process")
        if number in {signal.SIGKILL, signal.SIGTERM, signal.SIGINT}:
            app.kill()


class _DeviceInfo:
    def __init__(self, phone: Phone) -> None:
        self._phone = phone

    async def __call__(self, link: Link, channel: int, call: Message) -> Any:
        match call.selector, call.arguments:
            case "runningProcesses", _:
                return process_list(self._phone)
            case "sysmonProcessAttributes", _:
                return list(_PROCESS_ATTRIBUTES)
            case "sysmonSystemAttributes", _:
                return list(_SYSTEM_ATTRIBUTES)
            case "isRunningPid:", [int(pid)]:
                return running_app(self._phone, pid) is not None
            case "execnameForPid:", [int(pid)]:
                app = running_app(self._phone, pid)
                return f"{app.path}/{app.executable}" if app is not None else ""
            case "machTimeInfo", _:
                return [int(self._phone.seconds() * 24_000_000), 125, 3, 0]
            case "systemInformation", _:
                return {"_productVersion": self._phone.profile.ios, "_deviceType": "iPhone"}
            case "hardwareInformation", _:
                return {"numberOfCpus": 6, "numberOfPhysicalCpus": 6}
        raise _unknown(self._phone, call)


class _Sysmontap:
    """Samples of all processes; a connection has one configuration."""

    def __init__(self, phone: Phone) -> None:
        self._phone = phone
        self._config: dict[str, Any] = {}

    async def __call__(self, link: Link, channel: int, call: Message) -> Any:
        match call.selector, call.arguments:
            case "setConfig:", [dict() as config]:
                self._config = config
            case "start", _:
                await link.push(channel, {"k": 0})  # only says that it works

                async def sample() -> None:
                    await link.push(channel, [self._row()])

                link.repeat(channel, sample, max(1, int(self._config.get("ur", 500))) / 1000)
            case "stop", _:
                link.stop(channel)
            case _:
                raise _unknown(self._phone, call)

    def _row(self) -> dict[str, Any]:
        wanted = self._config.get("procAttrs", [])
        load = self._phone.physics.reading().load
        found = {}
        for process in process_list(self._phone):
            app = running_app(self._phone, process["pid"])
            values = {
                "pid": process["pid"],
                "name": process["name"],
                "cpuUsage": 100.0 * load if app is not None else 0.1,
                "physFootprint": (120 << 20) if app is not None else (20 << 20),
                "memResidentSize": (150 << 20) if app is not None else (25 << 20),
                "memVirtualSize": 400 << 30,
                "threadCount": 8,
                "ctxSwitch": 1000,
                "uid": 501,
            }
            found[process["pid"]] = [values.get(name) for name in wanted]
        pages = self._phone.profile.memory_bytes // _PAGE_BYTES
        system = {
            "physMemSize": self._phone.profile.memory_bytes,
            "vmFreeCount": pages // 4,
            "vmUsedCount": pages // 2,
            "threadCount": 1500,
        }
        return {
            "Processes": found,
            "System": [system.get(name) for name in self._config.get("sysAttrs", [])],
            "SystemCPUUsage": {"CPU_TotalLoad": 100.0 * load},
            "CPUCount": 6,
            "EnabledCPUs": 6,
        }


class _Graphics:
    def __init__(self, phone: Phone) -> None:
        self._phone = phone

    async def __call__(self, link: Link, channel: int, call: Message) -> Any:
        match call.selector, call.arguments:
            case "startSamplingAtTimeInterval:", [_]:

                async def sample() -> None:
                    await link.push(
                        channel,
                        {
                            "Device Utilization %": 5,
                            "Renderer Utilization %": 4,
                            "Tiler Utilization %": 1,
                            "CoreAnimationFramesPerSecond": 0,
                        },
                    )

                link.repeat(channel, sample, 1.0)
            case "stopSampling", _:
                link.stop(channel)
            case _:
                raise _unknown(self._phone, call)


class _Energy:
    def __init__(self, phone: Phone) -> None:
        self._phone = phone

    async def __call__(self, link: Link, channel: int, call: Message) -> Any:
        match call.selector, call.arguments:
            case "startSamplingForPIDs:" | "stopSamplingForPIDs:", _:
                return None
            case "sampleAttributes:forPIDs:", [_, pids]:
                cost = 20.0 * self._phone.physics.reading().load
                return {pid: {"energy.cost": cost, "energy.overhead": 0.0} for pid in pids}
        raise _unknown(self._phone, call)


def process_list(phone: Phone) -> list[dict[str, Any]]:
    """All processes as deviceinfo tells them."""
    found: list[dict[str, Any]] = [
        {"pid": pid, "name": name, "realAppName": f"/usr/libexec/{name}", "isApplication": False}
        for pid, name in _SYSTEM_PROCESSES
    ]
    for app in phone.apps.values():
        if app.process is not None:
            found.append(
                {
                    "pid": app.process.pid,
                    "name": app.executable,
                    "realAppName": f"{app.path}/{app.executable}",
                    "isApplication": True,
                    "bundleIdentifier": app.bundle_id,
                }
            )
    return found


def running_app(phone: Phone, pid: int) -> App | None:
    """The app whose process this is."""
    for app in phone.apps.values():
        if app.process is not None and app.process.pid == pid:
            return app
    return None


def _unknown(phone: Phone, call: Message) -> CallFailed:
    phone.unexpected.append(f"dvt {call.selector}")
    return CallFailed("DTXMessage", 2, f"unable to invoke {call.selector}")
