"""Each thing that goes wrong on a simulated iPhone looks to the real library as it does on a phone,
and is over when it is over."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from harness.wire import messages as m
from harness.wire.codec import encode
from phones.ios.apps import RUNNER_BUNDLE as RUNNER

pytestmark = pytest.mark.filterwarnings("ignore")  # the library's own


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("unauthorized", "PairingDialogResponsePendingError"),
        ("locked", "PasswordRequiredError"),
    ],
)
def test_pairing_that_nobody_answers(fault, error, farm, pymobiledevice3, clients):
    simulated = farm(paired=False)
    simulated.fault(0, f"{fault}@now")

    async def work():
        from pymobiledevice3 import exceptions

        with pytest.raises(getattr(exceptions, error)):
            async with clients.session(autopair=True, pair_timeout=0.3):
                pass

    pymobiledevice3(work)
    assert simulated.usbmuxd.records == {}


def test_a_push_breaks_within_a_chunk_and_works_again(farm, pymobiledevice3, clients):
    simulated = farm()
    documents = simulated.phones[0].apps[RUNNER].documents
    simulated.fault(0, "drop-link@push:1000000")

    async def push():
        from pymobiledevice3.services.house_arrest import HouseArrestService

        async with (
            clients.session() as phone,
            await HouseArrestService.create(phone, RUNNER, documents_only=True) as files,
        ):
            await files.set_file_contents("/Documents/model", bytes(3_000_000))

    async def broken():
        from pymobiledevice3.exceptions import ConnectionTerminatedError

        with pytest.raises((ConnectionTerminatedError, OSError)):
            await push()

    pymobiledevice3(broken)
    assert (documents / "model").stat().st_size == 1_000_000
    pymobiledevice3(push)
    assert (documents / "model").stat().st_size == 3_000_000


def test_no_space(farm, pymobiledevice3, clients):
    simulated = farm()
    simulated.fault(0, "storage-full=60@now")

    async def work():
        from pymobiledevice3.exceptions import AfcException
        from pymobiledevice3.services.afc import AfcService

        async with clients.session() as phone, AfcService(phone) as files:
            with pytest.raises(AfcException):
                await files.set_file_contents("/x", b"1")
            simulated.hurry(0)
            await files.set_file_contents("/x", b"1")

    pymobiledevice3(work)


@pytest.mark.parametrize("fault", ["developer-off", "image-lost"])
@pytest.mark.parametrize("profile", ["iphone12-ios16", "iphone15-ios18"])
def test_no_developer_services(fault, profile, farm, pymobiledevice3, clients):
    simulated = farm(profile)
    simulated.fault(0, f"{fault}@now")

    async def work():
        from pymobiledevice3.exceptions import InvalidServiceError
        from pymobiledevice3.remote.remote_service_discovery import RemoteServiceDiscoveryService
        from pymobiledevice3.services.dvt.instruments.dvt_provider import DvtProvider

        if profile == "iphone12-ios16":
            way = clients.session()
        else:
            way = RemoteServiceDiscoveryService(simulated.rsd(0))
        async with way as provider:
            with pytest.raises(InvalidServiceError):
                await DvtProvider(provider).connect()
        assert (await clients.battery())["CurrentCapacity"] == 80  # everything else works

    pymobiledevice3(work)


def test_the_passcode_is_wanted_for_a_launch(farm, pymobiledevice3, clients):
    simulated = farm("iphone12-ios16")
    simulated.fault(0, "locked@command:dvt launch")

    async def work():
        from pymobiledevice3.dtx import DTXNsError

        async with clients.control() as processes:
            with pytest.raises(DTXNsError, match="could not be, unlocked"):
                await processes.launch(RUNNER)

    pymobiledevice3(work)


def test_developer_services_die_after_some_calls(farm, pymobiledevice3, clients):
    simulated = farm("iphone12-ios16")
    simulated.fault(0, "dvt-dead=60@phase:dvt:6")

    async def work():
        from pymobiledevice3.exceptions import ConnectionTerminatedError

        async with clients.control() as processes:
            ask = processes.process_identifier_for_bundle_identifier
            assert [await ask(RUNNER) for _ in range(3)] == [0, 0, 0]
            for _ in range(2):  # with the opening of two channels that makes six calls at most
                with suppress(ConnectionTerminatedError):
                    await ask(RUNNER)
            with pytest.raises(ConnectionTerminatedError):
                await ask(RUNNER)
        simulated.hurry(0)
        async with clients.control() as processes:
            return await processes.process_identifier_for_bundle_identifier(RUNNER)

    assert pymobiledevice3(work) == 0


@pytest.fixture
def running(farm):
    """A phone whose app runs with the token ``t``."""
    simulated = farm()
    phone = simulated.phones[0]
    (phone.apps[RUNNER].documents / "benchfarm.token").write_text("t")
    simulated.open_app(0)
    return simulated


def test_the_apps_port_refuses_for_a_while(running, pymobiledevice3, clients):
    phone = running.phones[0]

    async def work():
        from pymobiledevice3.exceptions import ConnectionFailedError

        (await clients.until_open(phone.udid))[1].close()
        running.fault(0, "port-refused=60@now")
        with pytest.raises(ConnectionFailedError):
            await clients.app_port(phone.udid)
        running.hurry(0)
        link = await clients.until_open(phone.udid)
        assert isinstance(await clients.greet(link, "t"), m.Ready)
        link[1].close()

    pymobiledevice3(work)


@pytest.mark.parametrize("fault", ["suspend", "freeze"])
def test_the_link_stalls_and_goes_on(fault, running, pymobiledevice3, clients):
    phone = running.phones[0]

    async def work():
        reader, writer = link = await clients.until_open(phone.udid)
        await clients.greet(link, "t")
        running.fault(0, f"{fault}=60@now")
        writer.write(encode(m.Ping(1)))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await reader.read(100)
        running.hurry(0)
        assert await reader.read(100)
        writer.close()

    pymobiledevice3(work)


@pytest.mark.parametrize("fault", ["drop-link", "out-of-memory", "crash", "usb-reset", "reboot"])
def test_the_link_ends_when_a_model_is_asked_for(fault, running, pymobiledevice3, clients):
    phone = running.phones[0]
    running.fault(0, f"{fault}@phase:load")

    async def work():
        reader, writer = link = await clients.until_open(phone.udid)
        await clients.greet(link, "t")
        writer.write(encode(m.LoadModel("0" * 64, "tflite", "cpu", 1)))
        try:
            ended = await reader.read(1 << 16) == b""
        except ConnectionResetError:
            ended = True
        writer.close()
        return ended

    assert pymobiledevice3(work)
    survives = fault in {"drop-link", "usb-reset"}
    assert (phone.apps[RUNNER].process is not None) == survives
    reports = [path.name for path in (phone.folder / "crashes").iterdir()]
    kinds = {"out-of-memory": "JetsamEvent", "crash": "BenchfarmRunner-"}
    assert [name for name in reports if name.startswith(kinds.get(fault, "none"))] == reports
    assert len(reports) == (fault in kinds)


def test_gone_for_a_while_and_for_good(farm, pymobiledevice3, clients):
    simulated = farm()

    async def seen():
        from pymobiledevice3.usbmux import list_devices

        return len(await list_devices())

    simulated.fault(0, "vanish=60@now")
    assert pymobiledevice3(seen) == 0
    simulated.hurry(0)
    assert pymobiledevice3(clients.battery)["CurrentCapacity"] == 80
    simulated.fault(0, "vanish@now")
    assert pymobiledevice3(seen) == 0


def test_a_dropped_tunnel_ends_its_connections(farm, pymobiledevice3):
    simulated = farm("iphone15-ios18")
    udid = simulated.phones[0].udid

    async def work():
        from pymobiledevice3.exceptions import PyMobileDevice3Exception
        from pymobiledevice3.remote.userspace_tunnel import UserspaceRsdTunnel
        from pymobiledevice3.services.dvt.instruments.device_info import DeviceInfo
        from pymobiledevice3.services.dvt.instruments.dvt_provider import DvtProvider

        async with UserspaceRsdTunnel(serial=udid, autopair=False) as tunnel:
            provider = DvtProvider(tunnel)
            async with provider as dvt, DeviceInfo(dvt) as info:
                assert await info.proclist()
                simulated.fault(0, "tunnel-drop=60@now")
                with pytest.raises(PyMobileDevice3Exception):
                    await info.proclist()
        simulated.hurry(0)
        async with UserspaceRsdTunnel(serial=udid, autopair=False) as tunnel:
            assert tunnel.udid == udid

    pymobiledevice3(work)


def test_hot(farm, pymobiledevice3, clients):
    simulated = farm()
    simulated.fault(0, "overheat@now")
    simulated.phones[0].physics.set_charge(0.5)  # the gauge reads again
    assert pymobiledevice3(clients.battery)["Temperature"] > 5000


@pytest.mark.parametrize("key", ["Temperature", "UpdateTime", "PowerTelemetryData", "IsCharging"])
def test_a_key_may_be_missing(key, farm, pymobiledevice3, clients):
    simulated = farm()
    assert key in pymobiledevice3(clients.battery)
    simulated.phones[0].condition.missing_keys.add(key)
    assert key not in pymobiledevice3(clients.battery)


def test_a_lost_image_is_mounted_again(farm, pymobiledevice3, clients, tmp_path):
    simulated = farm("iphone12-ios16")
    simulated.fault(0, "image-lost@now")
    image, signature = tmp_path / "image.dmg", tmp_path / "image.dmg.signature"
    image.write_bytes(bytes(300_000))
    signature.write_bytes(bytes(128))

    async def work():
        from pymobiledevice3.services.mobile_image_mounter import DeveloperDiskImageMounter

        async with clients.session() as phone, DeveloperDiskImageMounter(phone) as mounter:
            assert await mounter.copy_devices() == []
            await mounter.mount(image, signature)
            assert len(await mounter.copy_devices()) == 1
        async with clients.control() as processes:
            return await processes.launch(RUNNER)

    assert pymobiledevice3(work) > 0


def test_developer_mode_is_turned_on_by_a_restart(farm, pymobiledevice3, clients):
    simulated = farm("iphone15-ios18")
    simulated.fault(0, "developer-off@now")

    async def work():
        from pymobiledevice3.exceptions import DeviceHasPasscodeSetError
        from pymobiledevice3.services.amfi import AmfiService

        async with clients.session() as phone:
            before = await phone.get_value("com.apple.security.mac.amfi", "DeveloperModeStatus")
            simulated.phones[0].condition.passcode_locked = True
            with pytest.raises(DeviceHasPasscodeSetError):
                await AmfiService(phone).enable_developer_mode()
            simulated.phones[0].condition.passcode_locked = False
            await AmfiService(phone).enable_developer_mode()
        async with clients.session() as phone:
            after = await phone.get_value("com.apple.security.mac.amfi", "DeveloperModeStatus")
        return before, after

    assert pymobiledevice3(work) == (False, True)
    assert not simulated.phones[0].condition.image_mounted  # the restart took it
