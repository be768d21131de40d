"""Real adb servers, Debian's and adbutils', against simulated Android phones."""

from __future__ import annotations

import time
import zipfile

import pytest

from phones.android.lab import Lab, missing

PACKAGE = "org.benchfarm.runner.tflite.btest"
_PATIENCE_S = 60.0
_MANIFEST = """<manifest package="{package}" android:versionCode="{version}" android:versionName="1"
    xmlns:android="http://schemas.android.com/apk/res/android"/>"""


def until(wish, what):
    """Ask until the answer is true, and return it."""
    patience = time.monotonic() + _PATIENCE_S
    while time.monotonic() < patience:
        if found := wish():
            return found
        time.sleep(0.02)
    raise AssertionError(f"never happened: {what}")


class Bench:
    """One phone and the adb that talks to it."""

    def __init__(self, lab, phone):
        self.lab, self.phone = lab, phone

    def adb(self, *words, data=None, timeout_s=30.0):
        return self.lab.adb(*words, phone=self.phone, data=data, timeout_s=timeout_s)

    def shell(self, command, data=None):
        """Standard output; the command has to succeed."""
        done = self.adb("shell", command, data=data)
        assert done.returncode == 0, done
        return done.stdout.decode()

    def state(self):
        """What ``adb devices`` says; None when it is not listed."""
        listed = self.lab.adb("devices").stdout.decode().splitlines()
        rows = dict(line.split("\t") for line in listed if "\t" in line)
        return rows.get(self.phone.address)

    def await_state(self, state):
        until(lambda: self.state() == state, f"{state} (it is {self.state()})")

    def await_foreground(self, name):
        until(lambda: name in self.phone.report()["foreground"], f"{name} is in front")

    def rejoin(self):
        """A connection anew; adb takes one that is just ending for one that is there."""
        self.phone.disconnect()
        until(lambda: self.state() is None, "it is forgotten")
        until(lambda: self.phone.connect() and self.state(), "it is connected")

    def heal(self):
        self.phone.clear_faults()
        self.phone.set("state", "device")
        self.phone.recover()
        if self.state() != "device":
            self.rejoin()
        self.await_state("device")
        self.shell(f"am force-stop {PACKAGE}; dumpsys battery reset")

    def start_runner(self):
        """Install and start the runner; its process id."""
        self.shell("mkdir -p /data/local/tmp/store")
        said = self.shell(
            f"am start -S -W -n {PACKAGE}/org.benchfarm.runner.app.RunnerActivity "
            f"--es socket bench --es token secret --es store /data/local/tmp/store"
        )
        assert "Status: ok" in said
        return int(self.shell(f"pidof {PACKAGE}"))


def _lab(adb, *profiles, **options):
    if reason := missing(adb):
        pytest.skip(reason)
    return Lab(*profiles, adb=adb, **options)


@pytest.fixture(scope="session", params=["system", "bundled"])
def lab(request):
    """Two phones behind each adb server."""
    with _lab(request.param, "pixel8", "denies-everything") as made:
        yield made


@pytest.fixture
def bench(lab, apk):
    """A healthy Pixel 8 with the runner installed."""
    made = Bench(lab, lab.phones[0])
    made.heal()
    if PACKAGE not in made.phone.report()["packages"]:
        assert made.adb("install", str(apk(1))).returncode == 0
    made.phone.forget()
    return made


@pytest.fixture
def locked(lab):
    """A phone that denies everything."""
    return Bench(lab, lab.phones[1])


@pytest.fixture(scope="session")
def modern():
    """Every other profile, behind Debian's adb."""
    names = ("galaxy-s24", "xiaomi-14", "mtk-tablet", "android-10")
    with _lab("system", *names) as made:
        yield [Bench(made, phone) for phone in made.phones]


@pytest.fixture(scope="session")
def java(apk):
    """A phone whose runner is the real core on a JVM."""
    from android_app.build import desktop
    from android_app.build.errors import ArtefactUnavailable, ToolMissing

    try:
        desktop.command()
    except (ToolMissing, ArtefactUnavailable) as error:
        pytest.skip(f"the JVM runner needs a JDK, Maven and the pinned artefacts: {error}")
    with _lab("system", "pixel8", runner="jvm") as made:
        bench = Bench(made, made.phones[0])
        assert bench.adb("install", str(apk(1))).returncode == 0
        yield bench


@pytest.fixture(scope="session")
def apk(tmp_path_factory):
    """Makes an APK of a version of the runner's package."""

    def make(version, package=PACKAGE):
        path = tmp_path_factory.mktemp("apk") / f"{version}.apk"
        with zipfile.ZipFile(path, "w") as archive:
            manifest = _MANIFEST.format(package=package, version=version)
            archive.writestr("AndroidManifest.xml", manifest)
        return path

    return make


@pytest.fixture(name="until")
def until_fixture():
    return until


@pytest.fixture
def package():
    return PACKAGE
