"""The developer services that run over DTX: launching, killing, process lists and samples."""

from __future__ import annotations

import inspect
import signal
from collections.abc import Callable
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


class Instrument:
    """One developer service: a table of what it can be asked."""

    def __init__(self, phone: Phone) -> None:
        self._phone = phone
        self._answers = self._table()

    async def __call__(self, link: Link, channel: int, call: Message) -> Any:
        """Carry out one call."""
        answer = self._answers.get(call.selector)
        if answer is None:
            self._phone.unexpected.append(f"dvt {call.selector}")
            raise CallFailed("DTXMessage", 2, f"unable to invoke {call.selector}")
        result = answer(link, channel, *call.arguments)
        return await result if inspect.isawaitable(result) else result

    def _table(self) -> dict[str, Callable[..., Any]]:
        raise NotImplementedError


class _ProcessControl(Instrument):
    def _table(self) -> dict[str, Callable[..., Any]]:
        bring_to_front = self._phone.bring_to_front
        return {
            _LAUNCH: self._launch,
            "sendSignal:toPid:": lambda _link, _channel, number, pid: self._signal(number, pid),
            "killPid:": lambda _link, _channel, pid: self._signal(signal.SIGKILL, pid),
            "processIdentifierForBundleIdentifier:": self._pid_of,
            "suspendPid:": lambda *_: bring_to_front(False),
            "resumePid:": lambda *_: bring_to_front(True),
            "requestDisableMemoryLimitsForPid:": lambda *_: True,
            "startObservingPid:": lambda *_: None,
            "stopObservingPid:": lambda *_: None,
        }

    async def _launch(
        self,
        link: Link,
        channel: int,
        _path: str,
        bundle_id: str,
        environment: dict[str, Any],
        arguments: list[Any],
        options: dict[str, Any],
    ) -> int | None:
        app = self._phone.apps.get(bundle_id)
        if app is None:
            return None  # clients see no process id, and no reason either
        try:
            pid = await app.launch(
                [str(argument) for argument in arguments],
                {str(name): str(value) for name, value in environment.items()},
                kill_existing=bool(options.get("KillExisting", True)),
            )
        except LaunchRefused as refused:
            raise CallFailed("FBSOpenApplicationServiceErrorDomain", 1, str(refused)) from refused
        await link.dispatch(channel, "outputReceived:fromProcess:atTime:", ["", pid, 0])
        return pid

    def _pid_of(self, _link: Link, _channel: int, bundle_id: str) -> int:
        app = self._phone.apps.get(bundle_id)
        return app.process.pid if app is not None and app.process is not None else 0

    def _signal(self, number: int, pid: int) -> None:
        app = running_app(self._phone, pid)
        if app is None:
            raise CallFailed("NSPOSIXErrorDomain", 3, "No such process")
        if number in {signal.SIGKILL, signal.SIGTERM, signal.SIGINT}:
            app.kill()


class _DeviceInfo(Instrument):
    def _table(self) -> dict[str, Callable[..., Any]]:
        phone = self._phone
        system = {"_productVersion": phone.profile.ios, "_deviceType": "iPhone"}
        return {
            "runningProcesses": lambda *_: process_list(phone),
            "sysmonProcessAttributes": lambda *_: list(_PROCESS_ATTRIBUTES),
            "sysmonSystemAttributes": lambda *_: list(_SYSTEM_ATTRIBUTES),
            "isRunningPid:": lambda _link, _channel, pid: running_app(phone, pid) is not None,
            "execnameForPid:": self._executable,
            "machTimeInfo": lambda *_: [int(phone.seconds() * 24_000_000), 125, 3, 0],
            "networkInformation": lambda *_: {"lo0": "lo0", "en0": "Wi-Fi"},
            "systemInformation": lambda *_: system,
            "hardwareInformation": lambda *_: {"numberOfCpus": 6, "numberOfPhysicalCpus": 6},
        }

    def _executable(self, _link: Link, _channel: int, pid: int) -> str:
        app = running_app(self._phone, pid)
        return f"{app.path}/{app.executable}" if app is not None else ""


class _Sysmontap(Instrument):
    """Samples of all processes; a connection has one configuration."""

    def __init__(self, phone: Phone) -> None:
        super().__init__(phone)
        self._config: dict[str, Any] = {}

    def _table(self) -> dict[str, Callable[..., Any]]:
        return {
            "setConfig:": self._configure,
            "start": self._start,
            "stop": lambda link, channel: link.stop(channel),
        }

    def _configure(self, _link: Link, _channel: int, config: dict[str, Any]) -> None:
        self._config = config

    async def _start(self, link: Link, channel: int) -> None:
        await link.push(channel, {"k": 0})  # only says that it works
        interval_s = max(1, int(self._config.get("ur", 500))) / 1000
        link.repeat(channel, lambda: link.push(channel, [self._row()]), interval_s)

    def _row(self) -> dict[str, Any]:
        wanted = self._config.get("procAttrs", [])
        load = self._phone.physics.reading().load
        found = {}
        for process in process_list(self._phone):
            values = _sampled(process, load)
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


def _sampled(process: dict[str, Any], load: float) -> dict[str, Any]:
    in_front = bool(process["isApplication"])
    return {
        "pid": process["pid"],
        "name": process["name"],
        "cpuUsage": 100.0 * load if in_front else 0.1,
        "physFootprint": (120 << 20) if in_front else (20 << 20),
        "memResidentSize": (150 << 20) if in_front else (25 << 20),
        "memVirtualSize": 400 << 30,
        "threadCount": 8,
        "ctxSwitch": 1000,
        "uid": 501,
    }


class _Graphics(Instrument):
    def _table(self) -> dict[str, Callable[..., Any]]:
        return {
            "startSamplingAtTimeInterval:": self._start,
            "stopSampling": lambda link, channel: link.stop(channel),
        }

    def _start(self, link: Link, channel: int, _interval: float) -> None:
        sample = {
            "Device Utilization %": 5,
            "Renderer Utilization %": 4,
            "Tiler Utilization %": 1,
            "CoreAnimationFramesPerSecond": 0,
        }
        link.repeat(channel, lambda: link.push(channel, sample), 1.0)


class _Energy(Instrument):
    def _table(self) -> dict[str, Callable[..., Any]]:
        return {
            "startSamplingForPIDs:": lambda *_: None,
            "stopSamplingForPIDs:": lambda *_: None,
            "sampleAttributes:forPIDs:": self._sample,
        }

    def _sample(self, _link: Link, _channel: int, _wanted: Any, pids: list[int]) -> dict[int, Any]:
        cost = 20.0 * self._phone.physics.reading().load
        return {pid: {"energy.cost": cost, "energy.overhead": 0.0} for pid in pids}


def process_list(phone: Phone) -> list[dict[str, Any]]:
    """All processes as deviceinfo tells them."""
    found: list[dict[str, Any]] = [
        {"pid": pid, "name": name, "realAppName": f"/usr/libexec/{name}", "isApplication": False}
        for pid, name in _SYSTEM_PROCESSES
    ]
    apps = [
        {
            "pid": app.process.pid,
            "name": app.executable,
            "realAppName": f"{app.path}/{app.executable}",
            "isApplication": True,
            "bundleIdentifier": app.bundle_id,
        }
        for app in phone.apps.values()
        if app.process is not None
    ]
    return found + apps


def running_app(phone: Phone, pid: int) -> App | None:
    """The app whose process this is."""
    for app in phone.apps.values():
        if app.process is not None and app.process.pid == pid:
            return app
    return None
