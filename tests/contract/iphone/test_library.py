"""The real pymobiledevice3 drives simulated iPhones of every kind."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time

import numpy as np
import pytest

from harness.wire import messages as m
from harness.wire.codec import Decoder, encode
from phones.ios.app_process import reference_program
from phones.ios.apps import RUNNER_BUNDLE as RUNNER
from phones.ios.apps import TOKEN_FILE
from phones.ios.packages import make_ipa
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
        async with clients.session(autopair=True, pair_timeout=5) as first:
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


def test_apps_are_installed_by_the_systems_rules(farm, pymobiledevice3, tmp_path, clients):
    simulated = farm()
    udid = simulated.phones[0].udid
    cases = {
        "good": {"bundle_id": f"{RUNNER}.b1", "udids": [udid]},
        "unsigned": {"bundle_id": f"{RUNNER}.b2", "signed": False},
        "elsewhere": {"bundle_id": f"{RUNNER}.b3", "udids": ["another phone"]},
        "team": {"team": "OTHERTEAM1"},
        "new": {"minimum_ios": "99.0"},
    }
    for name, options in cases.items():
        make_ipa(tmp_path / f"{name}.ipa", **options)
    (tmp_path / "text.ipa").write_text("no zip")

    async def work():
        from pymobiledevice3.exceptions import AppInstallError
        from pymobiledevice3.services.installation_proxy import InstallationProxyService

        refusals = {}
        async with clients.session() as phone, InstallationProxyService(phone) as proxy:
            for path in sorted(tmp_path.glob("*.ipa")):
                try:
                    await proxy.install_from_local(path)
                except AppInstallError as error:
                    refusals[path.stem] = str(error)
            installed = sorted(await proxy.get_apps("User"))
            await proxy.uninstall(f"{RUNNER}.b1")
            return refusals, installed, sorted(await proxy.get_apps("User"))

    refusals, installed, after = pymobiledevice3(work)
    assert installed == [RUNNER, f"{RUNNER}.b1"]
    assert after == [RUNNER]
    assert {name: text.split(":")[0] for name, text in refusals.items()} == {
        "elsewhere": "ApplicationVerificationFailed",
        "new": "DeviceOSVersionTooLow",
        "team": "MismatchedApplicationIdentifierEntitlement",
        "text": "PackageExtractionFailed",
        "unsigned": "ApplicationVerificationFailed",
    }


def test_the_app_opened_by_hand_takes_its_token_from_documents(farm, pymobiledevice3, clients):
    simulated = farm()
    phone = simulated.phones[0]

    async def work():
        from pymobiledevice3.exceptions import ConnectionFailedError
        from pymobiledevice3.services.house_arrest import HouseArrestService

        with pytest.raises(ConnectionFailedError):
            await clients.app_port(phone.udid)
        simulated.open_app(0)
        async with (
            clients.session() as paired,
            await HouseArrestService.create(paired, RUNNER, documents_only=True) as files,
        ):
            await files.set_file_contents(f"/Documents/{TOKEN_FILE}", b"by hand")
        link = await clients.until_open(phone.udid)
        ready = await clients.greet(link, "by hand")
        link[1].close()
        return ready

    assert isinstance(pymobiledevice3(work), m.Ready)
    assert not (phone.apps[RUNNER].documents / TOKEN_FILE).exists()


async def launch_and_kill(clients, provider, phone):
    """Launch with a token, talk to the runner, read samples, kill it."""
    from pymobiledevice3.exceptions import ConnectionFailedError
    from pymobiledevice3.services.dvt.instruments.dvt_provider import DvtProvider
    from pymobiledevice3.services.dvt.instruments.process_control import ProcessControl
    from pymobiledevice3.services.dvt.instruments.sysmontap import Sysmontap

    async with DvtProvider(provider) as dvt, ProcessControl(dvt) as control:
        environment = {"BENCHFARM_TOKEN": "tökén", "BENCHFARM_PORT": "5001"}
        pid = await control.launch(RUNNER, arguments=["a b", "ü"], environment=environment)
        assert phone.apps[RUNNER].process.arguments == ["a b", "ü"]
        link = await clients.until_open(phone.udid, 5001)
        assert isinstance(await clients.greet(link, "tökén"), m.Ready)
        async with await Sysmontap.create(dvt, interval=20) as samples:
            async for processes in samples.iter_processes():
                assert pid in {process["pid"] for process in processes}
                break
        with pytest.raises(AssertionError):
            await control.launch("no.such.app")
        await control.kill(pid)
        with pytest.raises(ConnectionFailedError):
            await clients.app_port(phone.udid, 5001)
        link[1].close()


@pytest.mark.parametrize("profile", ["iphone8-ios15", "iphone12-ios16"])
def test_launch_before_17_needs_no_tunnel(profile, farm, pymobiledevice3, home_is_empty, clients):
    phone = farm(profile).phones[0]

    async def work():
        async with clients.session() as paired:
            await launch_and_kill(clients, paired, phone)

    pymobiledevice3(work)


@pytest.mark.parametrize("profile", ["iphone14pro-ios17.6", "iphone15-ios18", "iphone17pro-ios26"])
def test_launch_by_tunnel_without_root(profile, farm, pymobiledevice3, home_is_empty, clients):
    phone = farm(profile).phones[0]

    async def work():
        from pymobiledevice3.exceptions import InvalidServiceError
        from pymobiledevice3.remote.core_device.app_service import AppServiceService
        from pymobiledevice3.remote.userspace_tunnel import UserspaceRsdTunnel
        from pymobiledevice3.services.dvt.instruments.dvt_provider import DvtProvider

        async with clients.session() as paired:
            with pytest.raises(InvalidServiceError):
                await DvtProvider(paired).connect()
        async with UserspaceRsdTunnel(serial=phone.udid, autopair=False) as tunnel:
            await launch_and_kill(clients, tunnel, phone)
            async with AppServiceService(tunnel) as apps:
                launched = await apps.launch_application(RUNNER, environment={"A": "ß"})
                pid = launched["processToken"]["processIdentifier"]
                assert phone.apps[RUNNER].process.environment == {"A": "ß"}
                tokens = await apps.list_processes()
                assert pid in {token["processIdentifier"] for token in tokens}
                await apps.send_signal_to_process(pid, 9)
                assert phone.apps[RUNNER].process is None

    pymobiledevice3(work)


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

    pymobiledevice3(work, seconds=40)


def test_launch_on_17_0_by_tunneld(farm, pymobiledevice3, clients):
    simulated = farm("iphone13-ios17.0")
    phone = simulated.phones[0]

    async def work():
        from pymobiledevice3.exceptions import InvalidServiceError
        from pymobiledevice3.remote.tunnel_service import CoreDeviceTunnelProxy
        from pymobiledevice3.tunneld.api import get_tunneld_device_by_udid

        async with clients.session() as paired:
            with pytest.raises(InvalidServiceError):
                await CoreDeviceTunnelProxy.create(paired)
        where = ("127.0.0.1", simulated.tunneld.port)
        tunnel = await get_tunneld_device_by_udid(phone.udid, where)
        async with tunnel:
            await launch_and_kill(clients, tunnel, phone)

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


async def converse(link, *messages, until):
    """Say messages; every packet up to the first of the wanted kind, that included."""
    reader, writer = link
    for message in messages:
        writer.write(encode(message))
    decoder, packets = Decoder(), []
    while not packets or not isinstance(packets[-1].message, until):
        new = decoder.feed(await reader.read(1 << 16))
        assert not [packet for packet in new if isinstance(packet.message, m.Error)], new
        packets += new
    return packets


def test_a_pushed_model_infers_behind_the_port(
    farm, pymobiledevice3, clients, tiny_models, x, offset
):
    phone = farm("iphone12-ios16", program=reference_program).phones[0]
    model, data = tiny_models["tflite"](), x.tobytes()
    digests = [hashlib.sha256(content).hexdigest() for content in (model, data)]

    async def work():
        from pymobiledevice3.services.house_arrest import HouseArrestService

        async with (
            clients.session() as paired,
            await HouseArrestService.create(paired, RUNNER, documents_only=True) as files,
        ):
            await files.makedirs("/Documents/models")
            for digest, content in zip(digests, (model, data), strict=True):
                await files.set_file_contents(f"/Documents/models/{digest}", content)
        async with clients.control() as control:
            await control.launch(RUNNER, environment={"BENCHFARM_TOKEN": "t"})
        link = await clients.until_open(phone.udid)
        load = m.LoadModel(digests[0], "tflite", "cpu", 1)
        await converse(link, m.Hello(m.WIRE_VERSION, "t"), load, until=m.Loaded)
        packets = await converse(link, m.Infer((digests[1],), 0, 1), until=m.Done)
        link[1].close()
        return np.frombuffer(packets[0].frames[0], np.float32)

    np.testing.assert_array_equal(pymobiledevice3(work), (x + offset)[0])


def test_the_app_tells_what_it_may_read(farm, pymobiledevice3, clients):
    simulated = farm("iphone12-ios16")
    phone = simulated.phones[0]
    phone.physics.warm_to(46.0)
    phone.condition.low_power_mode = True

    async def work():
        async with clients.control() as control:
            await control.launch(RUNNER, environment={"BENCHFARM_TOKEN": "t"})
        link = await clients.until_open(phone.udid)
        assert (await clients.greet(link, "t")).facts["low_power_mode"] is True
        (packet,) = await converse(link, m.TelemetryRequest(1_000_000), until=m.Trace)
        link[1].close()
        return dict(zip(packet.message.channels, packet.message.values, strict=True))

    told = pymobiledevice3(work)
    assert (told["thermal.status"], told["device.low_power_mode"]) == (3, 1)
    limit = told["self.rss_bytes"] + told["self.available_bytes"]
    assert limit == phone.profile.memory_bytes // 2


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
    began = time.perf_counter()

    async def work():
        found = await asyncio.gather(*(clients.battery(phone.udid) for phone in simulated.phones))
        return [battery["Serial"] for battery in found]

    assert pymobiledevice3(work) == [f"SIM{number:06}" for number in range(10)]
    assert time.perf_counter() - began < 10
