"""A phone's framework without namespaces or adb: only what its commands answer."""

from __future__ import annotations

import asyncio

import pytest

from phones.android.framework import Framework
from phones.android.profiles import PROFILES
from phones.physics import Physics

PACKAGE = "org.benchfarm.runner.tflite.b1"


class Userland:
    def __init__(self, folder):
        self.folder = folder

    def stored(self, path):
        return self.folder / path.lstrip("/")


class FakeRunner:
    """A runner that only lives and dies."""

    pid, port = 4242, 1

    def __init__(self, start):
        self.start, self.killed = start, asyncio.Event()
        self.code, self.score = 0, None

    def kill(self, how=9):
        self.code = -how
        self.killed.set()

    async def ended(self):
        await self.killed.wait()
        return self.code

    def rank(self, score):
        self.score = score

    def cpu_s(self):
        return 0.0


class Start:
    def __init__(self, package, way, extras):
        self.package, self.way, self.extras, self.uid = package, way, extras, 10230


class Host:
    def __init__(self):
        self.commands, self.runners = [], []

    async def launch(self, package, way, extras, asker):
        self.runners.append(FakeRunner(Start(package, way, extras)))
        return self.runners[-1]

    async def happened(self, at, name):
        self.commands.append(name)


class Asked:
    """A framework and an event loop to ask it in."""

    def __init__(self, profile, folder):
        self.loop = asyncio.new_event_loop()
        self.now = 0.0
        physics = Physics(profile.spec, lambda: self.now)
        (folder / "dev" / "log").mkdir(parents=True)
        self.host = Host()
        self.framework = self.run(self._make(profile, folder, physics))

    async def _make(self, profile, folder, physics):
        return Framework(profile, "SIM1", Userland(folder), physics, self.host)

    def run(self, work):
        return self.loop.run_until_complete(work)

    def answer(self, text):
        command, *words = text.split()
        return self.run(self.framework.answer(command, words))

    def out(self, text):
        answer = self.answer(text)
        assert answer.code == 0, answer
        return answer.out

    def install(self):
        self.framework.state.install(PACKAGE, 1, "1.0")


@pytest.fixture
def make(tmp_path):
    """Makes the framework of a profile."""
    made = []

    def of(name):
        made.append(Asked(PROFILES[name], tmp_path / name))
        return made[-1]

    yield of
    for asked in made:
        asked.run(asyncio.sleep(0))
        asked.loop.close()


@pytest.fixture
def pixel(make):
    return make("pixel8")


@pytest.fixture
def package():
    return PACKAGE
