"""Simulated iPhones for the clients under test; nothing is written outside the test's folder."""

from __future__ import annotations

import asyncio
import gc
import os
import shutil
import subprocess
import sys
import warnings

import pytest

from phones.ios.farm import Farm

RUNNER = "org.benchfarm.runner"


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
        assert [phone.unexpected for phone in made.phones] == [[] for _ in made.phones]


@pytest.fixture
def pymobiledevice3():
    """Runs a coroutine function of the real library; skips where it is not installed."""
    pytest.importorskip("pymobiledevice3", reason="needs the extra ios")

    def run(work, *arguments, seconds=20):
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


@pytest.fixture
def tool():
    """Runs a command-line client; skips where it is not installed."""

    def run(*command, seconds=20, check=True):
        path = shutil.which(command[0])
        if path is None:
            pytest.skip(f"needs {command[0]}")
        done = subprocess.run(
            [path, *command[1:]], capture_output=True, text=True, timeout=seconds, check=False
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    return run


@pytest.fixture
def cli(pymobiledevice3):
    """Runs ``python -m pymobiledevice3``."""

    def run(*arguments, check=True):
        done = subprocess.run(
            [sys.executable, "-m", "pymobiledevice3", *arguments],
            capture_output=True,
            text=True,
            timeout=30,
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
