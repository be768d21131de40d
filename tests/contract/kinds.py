"""The runners that must all pass the same assertions, and how each is started.

Another runner joins by one more entry in ``KINDS``.
"""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from android_app.build import desktop
from android_app.build.errors import ArtefactUnavailable, ToolMissing
from device_agents.android.adb import AdbServer
from device_agents.android.install import install
from device_agents.android.launch import StartPlan, start_runner
from device_agents.android.packages import runner_files
from device_agents.android.phone import Phone
from device_agents.android.store import STORE, PhoneStore
from device_agents.local.launch import launch
from harness.clock import CancelToken, Deadline, SystemClock
from harness.errors import UserError
from harness.scenario import Prepare


def within(seconds):
    return Deadline(SystemClock(), seconds)


@dataclass(frozen=True)
class Kind:
    """One way of running a runner: its engine for the common tests, and whether a link may drop.

    ``here`` says whether its process is one that this machine sees under that number.
    """

    name: str
    engine: str
    reattaches: bool
    start: Callable[..., object]
    here: bool = True
    #: Whether the number by which its agent calls the process is the one it knows itself by.
    same_pid: bool = True


def launch_jvm(*args, **options):
    """The Android runner's core on this machine's JVM."""
    try:
        program = desktop.command()
    except (ToolMissing, ArtefactUnavailable) as error:
        pytest.skip(f"the JVM runner needs a JDK, Maven and the pinned artefacts: {error}")
    return launch(*args, program=program, listen=True, **options)


def launch_on_phone(store, work, engine, **options):
    """The Android runner's core on a simulated phone, started and reached through a real adb."""
    if options:
        pytest.skip(f"the phone's runner takes no {', '.join(options)}")
    return simulated_phone().start(store, engine)


@functools.cache
def simulated_phone():
    """One phone for all tests of a process; it ends with the process."""
    from phones.android.lab import Lab, missing

    try:
        desktop.command()
        files = runner_files()
    except (ToolMissing, ArtefactUnavailable, UserError) as error:
        pytest.skip(f"the phone needs the Android runner: {error}")
    if missing():
        pytest.skip(missing())
    lab = Lab("pixel8", runner="jvm").__enter__()
    atexit.register(lab.close)
    return RunnerPhone(lab, next(file for file in files if file.abi == "arm64-v8a"))


class RunnerPhone:
    """Starts runners on a simulated phone as the agent does, over a store of the test's own."""

    def __init__(self, lab, apk):
        self._apk = apk
        self._handle = lab.phones[0]
        server = AdbServer(int(lab.environment["ANDROID_ADB_SERVER_PORT"]))
        self._phone = Phone(server, "android:phone", self._handle.address, SystemClock())
        # On this simulated phone the runner is a process of this machine: it follows the link.
        self._store = lab.folder / self._handle.serial / STORE.lstrip("/")
        PhoneStore(self._phone).make(within(30), CancelToken())
        install(self._phone, PhoneStore(self._phone), apk, within(60), CancelToken())
        self._store.rename(self._store.with_name("store-of-the-phone"))

    def start(self, store, engine):
        self._store.unlink(missing_ok=True)
        self._store.symlink_to(store)
        runner = start_runner(
            self._phone, StartPlan("activity", self._apk), within(30), CancelToken()
        )
        while runner.find_pid(within(30), CancelToken()) is None:
            pass
        return runner


def launch_on_iphone(store, work, engine, **options):
    """The local runner as the app of a simulated iPhone, reached through pymobiledevice3."""
    if options:
        pytest.skip(f"the iPhone's runner takes no {', '.join(options)}")
    return simulated_iphone().start(store, engine)


@functools.cache
def iphone_farm():
    """One iPhone for all tests of a process; it ends with the process."""
    from phones.ios.app_process import reference_program
    from phones.ios.farm import Farm

    folder = tempfile.TemporaryDirectory(prefix="benchfarm-")
    atexit.register(folder.cleanup)
    farm = Farm(Path(folder.name), ["iphone12-ios16"], program=reference_program)
    farm.start()
    atexit.register(farm.stop)
    return farm


@functools.cache
def simulated_iphone():
    """What starts runners on it; only where the environment leads there."""
    return RunnerIphone(iphone_farm().phones[0])


class RunnerIphone:
    """Starts runners on a simulated iPhone as the agent does, over a store of the test's own."""

    def __init__(self, phone):
        from device_agents.ios.agent import IosAgent

        self._device = IosAgent().open(f"ios:{phone.udid}")
        atexit.register(self._device.close)
        self._device.prepare(Prepare(), within(30), CancelToken())
        (app,) = (app for app in phone.apps.values() if app.program is not None)
        self._store = app.documents / "models"
        shutil.rmtree(self._store, ignore_errors=True)

    def start(self, store, engine):
        self._store.unlink(missing_ok=True)
        self._store.symlink_to(store)
        return self._device.launch(engine, within(30), CancelToken())


KINDS = (
    Kind("local-inherited", "tflite", reattaches=False, start=launch),
    Kind(
        "local-tcp",
        "onnxruntime",
        reattaches=True,
        start=lambda *args, **options: launch(*args, listen=True, **options),
    ),
    Kind("jvm", "onnxruntime", reattaches=True, start=launch_jvm),
    Kind("phone", "onnxruntime", reattaches=True, start=launch_on_phone, here=False),
    Kind("iphone", "tflite", reattaches=True, start=launch_on_iphone, here=False, same_pid=False),
)


def meet(kind, monkeypatch):
    """Have this process meet the simulated iPhone, where a test is about one."""
    if kind.name == "iphone":
        pytest.importorskip("pymobiledevice3", reason="needs the extra ios")
        for name, value in iphone_farm().environment.items():
            monkeypatch.setenv(name, value)
