"""The real pymobiledevice3 installs, launches and talks to apps of simulated iPhones."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from harness.wire import messages as m
from harness.wire.codec import Decoder, encode
from phones.ios.app_process import reference_program
from phones.ios.apps import RUNNER_BUNDLE as RUNNER
from phones.ios.apps import TOKEN_FILE
from phones.ios.packages import make_ipa

pytestmark = pytest.mark.filterwarnings("ignore")  # the library's own


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
