"""Simulated iPhones for the clients under test; nothing is written outside the test's folder."""

from __future__ import annotations

import asyncio
import gc
import os
import shutil
import subprocess
import sys
import threading
import warnings
from contextlib import asynccontextmanager, contextmanager

import pytest

from harness.wire import messages as m
from harness.wire.codec import Decoder, encode
from phones.ios.apps import RUNNER_PORT
from phones.ios.farm import Farm


class Clients:
    """What tests do with the real library, in the test's own event loop."""

    @staticmethod
    @asynccontextmanager
    async def session(udid=None, **options):
        from pymobiledevice3.lockdown import create_using_usbmux

        phone = await create_using_usbmux(serial=udid, **({"autopair": False} | options))
        try:
            yield phone
        finally:
            await phone.close()

    @staticmethod
    async def app_port(udid, port=RUNNER_PORT):
        from pymobiledevice3.usbmux import select_device

        device = await select_device(udid)
        return await asyncio.open_connection(sock=await device.connect(port))

    async def until_open(self, udid, port=RUNNER_PORT):
        from pymobiledevice3.exceptions import ConnectionFailedError

        while True:
            try:
                return await self.app_port(udid, port)
            except ConnectionFailedError:
                await asyncio.sleep(0.02)

    @staticmethod
    async def greet(link, token):
        reader, writer = link
        writer.write(encode(m.Hello(m.WIRE_VERSION, token)))
        decoder = Decoder()
        while not (packets := decoder.feed(await reader.read(1 << 16))):
            pass
        return packets[0].message

    async def battery(self, udid=None):
        from pymobiledevice3.services.diagnostics import DiagnosticsService

        async with self.session(udid) as phone, DiagnosticsService(phone) as diagnostics:
            return await diagnostics.get_battery()

    @asynccontextmanager
    async def control(self):
        from pymobiledevice3.services.dvt.instruments.dvt_provider import DvtProvider
        from pymobiledevice3.services.dvt.instruments.process_control import ProcessControl

        async with (
            self.session() as phone,
            DvtProvider(phone) as dvt,
            ProcessControl(dvt) as processes,
        ):
            yield processes


@pytest.fixture
def clients():
    """What tests do with the real library."""
    return Clients()


@pytest.fixture
def farm(tmp_path, monkeypatch):
    """Makes farms by profile; this process and what it starts talk to the newest."""
    farms = []

    def make(*profiles, **options):
        made = Farm(tmp_path / f"farm{len(farms)}", profiles or ["iphone15-ios18"], **options)
        made.start()
        farms.append(made)
        for name, value in made.environment.items():
            monkeypatch.setenv(name, value)
        return made

    yield make
    for made in farms:
        made.stop()
        assert made.usbmuxd.errors == []
        assert [phone.unexpected for phone in made.phones] == [[] for _ in made.phones]


@pytest.fixture
def pymobiledevice3():
    """Runs a coroutine function of the real library; skips where it is not installed."""
    pytest.importorskip("pymobiledevice3", reason="needs the extra ios")

    def run(work, *arguments, seconds=90):
        async def bounded():
            async with asyncio.timeout(seconds):
                return await work(*arguments)

        try:
            return asyncio.run(bounded())
        finally:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # links that the library leaves to the collector
                gc.collect()

    return run


def _program(name):
    path = shutil.which(name)
    if path is None:
        maker = "go-ios" if name == "ios" else "libimobiledevice"
        pytest.skip(f"needs {name}, a program of {maker}")
    return path


@pytest.fixture
def tool():
    """Runs a command-line client; skips where it is not installed."""

    def run(*command, seconds=90, check=True):
        done = subprocess.run(
            [_program(command[0]), *command[1:]],
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    return run


@pytest.fixture
def followed():
    """The lines of a client that does not end by itself; they end after a while."""

    @contextmanager
    def run(*command, seconds=90):
        line = [_program(command[0]), *command[1:]]
        with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as process:
            patience = threading.Timer(seconds, process.kill)
            patience.start()
            try:
                yield process.stdout
            finally:
                patience.cancel()
                process.kill()

    return run


@pytest.fixture
def cli(pymobiledevice3):
    """Runs ``python -m pymobiledevice3``."""

    def run(*arguments, check=True):
        done = subprocess.run(
            [sys.executable, "-m", "pymobiledevice3", *arguments],
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
            env=os.environ | {"PYTHONWARNINGS": "ignore"},
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    return run


@pytest.fixture
def home_is_empty(tmp_path):
    """Asserts afterwards that no client left a file in its home folder."""
    yield
    left = [path for path in tmp_path.glob("farm*/home/**/*") if path.is_file()]
    assert left == []
