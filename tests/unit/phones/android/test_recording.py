"""A recorded phone answers as it did, and stays a simulated one."""

from __future__ import annotations

import json
import stat

import pytest

from phones.android.framework import Framework
from phones.android.nodes import Nodes
from phones.android.profiles import recorded
from phones.android.recording import BadRecording
from phones.physics import Physics


def said(out, err="", code=0):
    return {"stdout": out, "stderr": err, "returncode": code}


TOLD = {
    "version": 1,
    "commands": {
        "getprop": said("[ro.product.model]: [X1]\n[ro.serialno]: [XXXXXX]\n[a.b]: [c]: [d]\n"),
        "dumpsys battery": said("Current Battery Service state:\n  level: 7\n"),
        "dumpsys thermalservice": said("", "Can't find service: thermalservice\n"),
        "settings get global wifi_on": said("0\n"),
        "settings get system peak_refresh_rate": said("null\n"),
        "ls /sys/class/thermal": said("thermal_zone0\nthermal_zone1\ncooling_device0\n"),
        "ls /sys/class/power_supply": said("", "ls: Permission denied\n", 1),
        "ls /sys/devices/system/cpu/cpufreq": said("", "ls: No such file or directory\n", 1),
        "cat /proc/cpuinfo": said("CPU part : 0xd4e\n"),
    },
    "probes": [
        "zone|/sys/class/thermal/thermal_zone0/temp|skin|31",
        "zone|/sys/class/thermal/thermal_zone1/temp|secret|",
        "current_now|/sys/class/power_supply/bms/current_now|-12",
        "gpu_hz|/sys/class/kgsl/kgsl-3d0/gpuclk|!sh: can't open: Permission denied",
        "rail|/sys/bus/iio/devices/iio:device0/energy_value|t=1|",
        "rail|/sys/bus/iio/devices/iio:device0/energy_value|CH0(T=1)[A], 5|",
        "stat|/proc/stat|!sh: can't open /proc/stat: Permission denied",
        "nonsense",
    ],
}


class Userland:
    def __init__(self, folder):
        self.folder = folder


class Host:
    async def happened(self, at, name):
        pass


@pytest.fixture
def path(tmp_path):
    (tmp_path / "phone.json").write_text(json.dumps(TOLD))
    return tmp_path / "phone.json"


async def _ask(profile, folder, *questions):
    framework = Framework(
        profile, "SIM9", Userland(folder), Physics(profile.spec, lambda: 0.0), Host()
    )
    return [await framework.answer(*_split(question)) for question in questions]


def _split(question):
    command, *words = question.split()
    return command, words


def test_answers(path, tmp_path):
    import asyncio

    answers = asyncio.run(
        _ask(
            recorded(path),
            tmp_path,
            *("dumpsys battery", "getprop ro.product.model", "getprop ro.serialno", "getprop a.b"),
            *("getprop ro.benchfarm.simulated", "settings get global wifi_on"),
            *("settings get system peak_refresh_rate", "dumpsys thermalservice"),
        )
    )
    assert [answer.out.strip() for answer in answers] == [
        *("Current Battery Service state:\n  level: 7", "X1", "SIM9", "c]: [d"),
        *("1", "0", "null", ""),
    ]
    assert answers[-1].err == "Can't find service: thermalservice\n"


def test_files(path, tmp_path):
    profile = recorded(path)
    reading = Physics(profile.spec, lambda: 0.0).reading()
    nodes = Nodes(tmp_path / "sys", tmp_path / "proc", profile)
    nodes.make(reading, 1000)
    nodes.update(reading)
    nodes.close()
    sys = tmp_path / "sys"
    assert (sys / "class/thermal/thermal_zone0/type").read_text() == "skin\n"
    assert (sys / "class/thermal/thermal_zone0/temp").read_text() == "31\n"
    assert (sys / "class/power_supply/bms/current_now").read_text() == "-12\n"
    for name in ("class/kgsl/kgsl-3d0/gpuclk", "class/thermal/thermal_zone1/temp"):
        assert not (sys / name).stat().st_mode & stat.S_IROTH
    assert {path.name for path in (sys / "class/thermal").iterdir()} == {
        *("thermal_zone0", "thermal_zone1", "cooling_device0"),
    }
    assert not (sys / "class/power_supply").stat().st_mode & stat.S_IROTH
    assert not (sys / "devices/system/cpu/cpufreq").exists()
    assert not (tmp_path / "proc/stat").stat().st_mode & stat.S_IROTH
    rails = (sys / "bus/iio/devices/iio:device0/energy_value").read_text()
    assert rails == "t=1\nCH0(T=1)[A], 5\n"
    assert (tmp_path / "proc/cpuinfo").read_text() == "CPU part : 0xd4e\n"


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", '{"version": 2}', '{"version": 1, "commands": {}, "probes": []}', '{"a": 1'],
)
def test_what_is_no_recording(tmp_path, text):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(BadRecording, match=r"x\.json"):
        recorded(tmp_path / "x.json")


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(BadRecording):
        recorded(tmp_path / "nothing.json")
