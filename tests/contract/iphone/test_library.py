"""The real pymobiledevice3 drives simulated iPhones of every kind."""

from __future__ import annotations

import asyncio
import os

import pytest

from phones.ios.apps import RUNNER_BUNDLE as RUNNER
from phones.ios.profiles import PROFILES

pytestmark = pytest.mark.filterwarnings("ignore")  # the library's own


@pytest.mark.parametrize("profile", PROFILES)
def test_who_the_phone_is(profile, farm, pymobiledevice3, home_is_empty, clients):
    simulated = farm(profile)

    async def work():
        async with clients.session() as phone:
            percent = await phone.get_value("com.apple.mobile.battery", "BatteryCurrentCapacity")
            return phone.all_values, phone.display_name, phone.paired, percent

    values, name, paired, percent = pymobiledevice3(work)
    expected = PROFILES[profile]
    assert values["BenchfarmSimulated"] is True
    assert values["UniqueDeviceID"] == simulated.phones[0].udid
    assert (values["ProductVersion"], values["BuildVersion"]) == (expected.ios, expected.build)
    assert name.startswith(expected.marketing_name)
    assert paired
    assert percent == 80


def test_names_and_ways_of_phones(farm, pymobiledevice3, clients):
    odd = '<b>\N{PILE OF POO} "&\u202e'
    simulated = farm(*["iphone15-ios18"] * 3, names=[odd, odd, ""], network=[1])

    async def work():
        from pymobiledevice3.usbmux import list_devices

        found = await list_devices()
        names = []
        for phone in simulated.phones:
            async with clients.session(phone.udid) as connected:
                names.append(connected.all_values["DeviceName"])
        return [(device.serial, device.connection_type) for device in found], names

    found, names = pymobiledevice3(work)
    udids = [phone.udid for phone in simulated.phones]
    both = [(udids[0], "USB"), (udids[1], "USB"), (udids[1], "Network"), (udids[2], "USB")]
    assert found == both
    assert names == [odd, odd, ""]


def test_pairing_is_done_once_and_kept_by_usbmuxd(farm, pymobiledevice3, clients):
    simulated = farm(paired=False)

    async def work():
        async with clients.session() as stranger:
            public = stranger.all_values
        async with clients.session(autopair=True, pair_timeout=60) as first:
            paired = first.paired
        async with clients.session() as again:
            return public, paired, again.paired, again.all_values

    public, paired, again, values = pymobiledevice3(work)
    assert "SerialNumber" not in public
    assert public["BenchfarmSimulated"] is True
    assert (paired, again) == (True, True)
    assert "SerialNumber" in values
    assert list(simulated.usbmuxd.records) == [simulated.phones[0].udid]


def test_a_record_of_another_host_is_refused(farm, pymobiledevice3, clients):
    simulated = farm()
    phone = simulated.phones[0]
    simulated.call(phone.hosts.clear)

    async def work():
        async with clients.session() as stranger:
            return stranger.paired

    assert pymobiledevice3(work) is False


def test_files_go_both_ways_and_stay_in_documents(farm, pymobiledevice3, home_is_empty, clients):
    simulated = farm()
    data = os.urandom(5_000_001)

    async def work():
        from pymobiledevice3.exceptions import AfcException
        from pymobiledevice3.services.afc import AfcService
        from pymobiledevice3.services.house_arrest import HouseArrestService

        async with clients.session() as phone, AfcService(phone) as files:
            await files.makedirs("/a/b")
            await files.set_file_contents("/a/b/c.bin", data)
            assert await files.get_file_contents("/a/b/c.bin") == data
            assert (await files.stat("/a/b/c.bin"))["st_size"] == len(data)
            await files.rename("/a/b/c.bin", "/a/d.bin")
            assert await files.listdir("/a") == ["b", "d.bin"]
            await files.rm("/a")
            assert await files.listdir("/") == []
        async with (
            clients.session() as phone,
            await HouseArrestService.create(phone, RUNNER, documents_only=True) as files,
        ):
            await files.set_file_contents("/Documents/x", b"1")
            for outside in ("/", "/Library", "/Documents/../../../media"):
                with pytest.raises(AfcException):
                    await files.listdir(outside)

    pymobiledevice3(work)
    assert (simulated.phones[0].apps[RUNNER].documents / "x").read_bytes() == b"1"


def test_battery_changes_only_when_the_gauge_says_so(farm, pymobiledevice3, clients):
    now = [1000.0]
    simulated = farm("iphone14pro-ios17.6", seconds=lambda: now[0])
    phone = simulated.phones[0]

    phone.physics.set_plugged(False)
    now[0] += 40
    first = pymobiledevice3(clients.battery)
    phone.physics.set_load("test", 1.0)
    now[0] += 5
    assert pymobiledevice3(clients.battery)["InstantAmperage"] == first["InstantAmperage"]
    now[0] += 60
    later = pymobiledevice3(clients.battery)
    assert later["InstantAmperage"] != first["InstantAmperage"]
    assert later["UpdateTime"] > first["UpdateTime"]
    assert first["InstantAmperage"] > 0xFF00  # negative, as 16 bits without a sign
    gained = later["PowerTelemetryData"], first["PowerTelemetryData"]
    counts = [each["SystemLoadAccumulatorCount"] for each in gained]
    loads = [each["AccumulatedSystemLoad"] for each in gained]
    mean_mw = (loads[0] - loads[1]) / (counts[0] - counts[1])
    assert 3000 < mean_mw < 7000  # 5 W busy, the screen, and rest


def test_large_files_go_through_the_tunnel(farm, pymobiledevice3):
    phone = farm("iphone15-ios18").phones[0]
    data = os.urandom(6_000_000)

    async def work():
        from pymobiledevice3.remote.userspace_tunnel import UserspaceRsdTunnel
        from pymobiledevice3.services.afc import AfcService

        async with (
            UserspaceRsdTunnel(serial=phone.udid, autopair=False) as tunnel,
            AfcService(tunnel) as files,
        ):
            await files.set_file_contents("/x", data)
            assert await files.get_file_contents("/x") == data

    pymobiledevice3(work)


def test_system_log_and_reports(farm, pymobiledevice3, home_is_empty, clients):
    simulated = farm("iphone12-ios16")
    phone = simulated.phones[0]

    async def work():
        from pymobiledevice3.services.crash_reports import CrashReportsManager
        from pymobiledevice3.services.dvt.instruments.dvt_provider import DvtProvider
        from pymobiledevice3.services.dvt.instruments.process_control import ProcessControl
        from pymobiledevice3.services.syslog import SyslogService

        async with clients.session() as paired:
            async with DvtProvider(paired) as dvt, ProcessControl(dvt) as control:
                await control.launch(RUNNER)
            simulated.fault(0, "out-of-memory@now")
            async for line in SyslogService(paired).watch():
                if "exceeded mem limit" in line:
                    break
            async with CrashReportsManager(paired) as reports:
                (name,) = [path for path in await reports.ls("/") if "JetsamEvent" in path]
                return (await reports.afc.get_file_contents(name)).decode()

    text = pymobiledevice3(work)
    assert '"reason": "per-process-limit"' in text
    assert phone.profile.build in text


def test_phones_come_and_go(farm, pymobiledevice3):
    simulated = farm()

    async def work():
        from pymobiledevice3.usbmux import create_mux

        mux = await create_mux()
        await mux.listen()
        await mux.receive_device_state_update()
        before = mux.devices[0].devid
        simulated.fault(0, "usb-reset@now")
        await mux.receive_device_state_update()
        assert mux.devices == []
        await mux.receive_device_state_update()
        after = mux.devices[0].devid
        await mux.close()
        return before, after

    before, after = pymobiledevice3(work)
    assert after != before


def test_ten_phones_at_once(farm, pymobiledevice3, clients):
    simulated = farm(*["iphone12-ios16"] * 10)

    async def work():
        found = await asyncio.gather(*(clients.battery(phone.udid) for phone in simulated.phones))
        return [battery["Serial"] for battery in found]

    assert pymobiledevice3(work) == [f"SIM{number:06}" for number in range(10)]
