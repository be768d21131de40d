"""The files of ``/sys`` and ``/proc`` follow the physics, in the maker's own units."""

from __future__ import annotations

import stat

import pytest

from phones.android.nodes import Nodes
from phones.android.profiles import PROFILES
from phones.physics import Physics


class World:
    def __init__(self, profile, folder):
        self.now, self.profile, self.folder = 0.0, profile, folder
        self.physics = Physics(profile.spec, lambda: self.now)
        self.nodes = Nodes(folder / "sys", folder / "proc", profile)
        self.nodes.make(self.physics.reading(), 4_000_000)

    def read(self, path):
        return (self.folder / path).read_text().rstrip("\n")

    def update(self):
        self.nodes.update(self.physics.reading())

    def zone(self, kind):
        number = [zone.type for zone in self.profile.zones].index(kind)
        return int(self.read(f"sys/class/thermal/thermal_zone{number}/temp"))


@pytest.fixture
def world(tmp_path):
    made = []

    def make(name):
        made.append(World(PROFILES[name], tmp_path / name))
        return made[-1]

    yield make
    for one in made:
        one.nodes.close()


def test_units_of_zones(world):
    assert world("pixel8").zone("VIRTUAL-SKIN") == 25_000
    assert world("galaxy-s24").zone("battery") == 250
    assert world("mtk-tablet").zone("battery") == 25
    assert world("xiaomi-14").zone("pa-therm1") == -40_000


def test_they_follow_the_physics(world):
    pixel = world("pixel8")
    policy = "sys/devices/system/cpu/cpufreq/policy8"
    cool = int(pixel.read(f"{policy}/scaling_max_freq"))
    pixel.physics.warm_to(46.0)
    pixel.update()
    assert pixel.zone("VIRTUAL-SKIN") == 46_000
    assert int(pixel.read(f"{policy}/scaling_max_freq")) < cool
    assert pixel.read(f"{policy}/cpuinfo_max_freq") == str(cool)
    assert pixel.read("sys/devices/system/cpu/cpu8/cpufreq/cpuinfo_max_freq") == str(cool)


def test_a_shorter_value_leaves_nothing_behind(world):
    pixel = world("pixel8")
    pixel.physics.warm_to(100.0)
    pixel.update()
    pixel.physics.warm_to(25.0)
    pixel.update()
    assert pixel.zone("VIRTUAL-SKIN") == 25_000


def test_signs_and_units_of_current(world):
    amperes = {}
    for name in PROFILES:
        one = world(name)
        one.physics.set_load("runner", 1.0)
        one.physics.set_plugged(False)
        one.now += 30
        one.update()
        supply = one.profile.supply
        amperes[name] = int(one.read(f"sys/class/power_supply/{supply}/current_now"))
    assert amperes["pixel8"] < -500_000
    assert -5_000 < amperes["galaxy-s24"] < -500
    assert amperes["xiaomi-14"] > 500_000
    assert 500 < amperes["android-10"] < 5_000


def test_what_is_denied(world):
    locked = world("denies-everything").folder / "sys"
    mode = (locked / "class/thermal/thermal_zone0/temp").stat().st_mode
    assert not mode & (stat.S_IROTH | stat.S_IRGRP)
    assert not (locked / "class/thermal").stat().st_mode & stat.S_IROTH
    assert (world("pixel8").folder / "sys/class/thermal").stat().st_mode & stat.S_IROTH


def test_rails_are_counters(world):
    pixel = world("pixel8")
    path = "sys/bus/iio/devices/iio:device0/energy_value"
    before = pixel.read(path)
    pixel.now += 5
    pixel.update()
    assert pixel.read(path) != before
    assert "CH0(T=5000)[S2M_VDD_CPUCL2], " in pixel.read(path)


def test_processor_time(world):
    pixel = world("pixel8")
    pixel.nodes.tell_load(2.5, 100.0)
    words = pixel.read("proc/stat").split("\n")[0].split()
    assert words[:5] == ["cpu", "250", "0", "0", str(100 * 900 - 250)]


def test_a_restart_has_another_id_and_keeps_its_folder(world):
    pixel = world("pixel8")
    before, folder = pixel.read("proc/boot_id"), (pixel.folder / "sys").stat().st_ino
    pixel.nodes.make(pixel.physics.reading(), 4_000_000)
    assert pixel.read("proc/boot_id") != before
    assert (pixel.folder / "sys").stat().st_ino == folder
