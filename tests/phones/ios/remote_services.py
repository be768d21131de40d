"""What an iOS 17+ phone offers through a tunnel, and the directory (RSD) that tells where."""

from __future__ import annotations

import signal
import uuid
from collections.abc import Mapping
from typing import Any

from phones.ios.apps import LaunchRefused
from phones.ios.channel import Channel
from phones.ios.instruments import instruments, process_list, running_app
from phones.ios.lockdownd import Lockdownd
from phones.ios.phone import Handler, Phone
from phones.ios.services import lockdown_services
from phones.ios.xpc import RemoteXpc, Unsigned

APP_SERVICE = "com.apple.coredevice.appservice"
DVT_HUB = "com.apple.instruments.dtservicehub"
_FEATURE = "com.apple.coredevice.feature."
_FEATURES = ("launchapplication", "listprocesses", "sendsignaltoprocess", "listapps")
_DEVELOPER = frozenset({APP_SERVICE, DVT_HUB})


def remote_services(phone: Phone, lockdown: Lockdownd) -> dict[str, Handler]:
    """All services of the tunnel by name; the developer image brings some of them."""
    services = {
        f"{name}.shim.remote": _checked_in(handler)
        for name, handler in lockdown_services(phone).items()
    }
    for trust in ("trusted", "untrusted"):
        name = f"com.apple.mobile.lockdown.remote.{trust}"
        services[name] = _checked_in(lockdown.serve_remote)
    services[DVT_HUB] = instruments(phone)
    services[APP_SERVICE] = _app_service(phone)
    return services


def directory(phone: Phone, ports: Mapping[str, int]) -> Handler:
    """The RSD service: tells a client who the phone is and which service is at which port."""

    async def serve(channel: Channel) -> None:
        await phone.asked("rsd")

        async def ignore(_: dict[str, Any]) -> None:
            return None

        await RemoteXpc(channel, ignore, greeting=_peer_info(phone, ports)).serve()

    return serve


def _peer_info(phone: Phone, ports: Mapping[str, int]) -> dict[str, Any]:
    condition, profile = phone.condition, phone.profile
    developer = condition.developer_mode and condition.image_mounted
    return {
        "MessageType": "Handshake",
        "MessagingProtocolVersion": Unsigned(5),
        "UUID": uuid.uuid5(uuid.NAMESPACE_DNS, phone.udid),
        "Properties": {
            "AppleInternal": False,
            "BuildVersion": profile.build,
            "CPUArchitecture": "arm64e",
            "DeviceClass": "iPhone",
            "HWModel": profile.hardware_model,
            "OSVersion": profile.ios,
            "ProductName": "iPhone OS",
            "ProductType": profile.product_type,
            "RemoteXPCVersionFlags": Unsigned(0x0100000000000006),
            "SerialNumber": f"SIM{phone.number:07}",
            "UniqueChipID": Unsigned(phone.ecid),
            "UniqueDeviceID": phone.udid,
        },
        "Services": {
            name: _entry(name, port)
            for name, port in ports.items()
            if developer or name not in _DEVELOPER
        },
    }


def _entry(name: str, port: int) -> dict[str, Any]:
    properties: dict[str, Any] = {"ServiceVersion": Unsigned(1)}
    if name == APP_SERVICE:
        properties |= {
            "UsesRemoteXPC": True,
            "Features": [_FEATURE + feature for feature in _FEATURES],
        }
    return {"Entitlement": "com.apple.mobile.lockdown", "Port": str(port), "Properties": properties}


def _checked_in(handler: Handler) -> Handler:
    """A service of lockdownd behind the check-in that takes the place of StartService."""

    async def serve(channel: Channel) -> None:
        await channel.read_plist()
        await channel.write_plist({"Request": "RSDCheckin"})
        await channel.write_plist({"Request": "StartService"})
        await handler(channel)

    return serve


def _app_service(phone: Phone) -> Handler:
    async def answer(request: dict[str, Any]) -> dict[str, Any]:
        feature = str(request.get("CoreDevice.featureIdentifier", "")).removeprefix(_FEATURE)
        await phone.asked(f"coredevice {feature}")
        try:
            output = await _carry_out(phone, feature, request.get("CoreDevice.input") or {})
        except LaunchRefused as refused:
            about = {"NSLocalizedDescription": str(refused)}
            return {
                "CoreDevice.error": {
                    "code": 10002,
                    "domain": "com.apple.dt.CoreDeviceError",
                    "userInfo": about,
                }
            }
        return {"CoreDevice.output": output}

    async def serve(channel: Channel) -> None:
        await RemoteXpc(channel, answer).serve()

    return serve


async def _carry_out(phone: Phone, feature: str, given: dict[str, Any]) -> Any:
    match feature:
        case "launchapplication":
            return await _launch(phone, given)
        case "listprocesses":
            tokens = [
                {
                    "processIdentifier": process["pid"],
                    "executableURL": {"relative": f"file://{process['realAppName']}"},
                }
                for process in process_list(phone)
            ]
            return {"processTokens": tokens}
        case "sendsignaltoprocess":
            pid = int(given["process"]["processIdentifier"])
            app = running_app(phone, pid)
            if app is None:
                raise LaunchRefused(f"The process {pid} does not exist.")
            if int(given["signal"]) in {signal.SIGKILL, signal.SIGTERM, signal.SIGINT}:
                app.kill()
            return {"deviceTimestamp": 0, "process": {"processIdentifier": pid}}
        case "listapps":
            return [
                {"bundleIdentifier": app.bundle_id, "name": app.name, "version": app.version}
                for app in phone.apps.values()
            ]
    phone.unexpected.append(f"coredevice {feature}")
    raise LaunchRefused(f"The feature {feature} is not supported.")


async def _launch(phone: Phone, given: dict[str, Any]) -> dict[str, Any]:
    bundle_id = str(given["applicationSpecifier"]["bundleIdentifier"]["_0"])
    options = given.get("options") or {}
    app = phone.apps.get(bundle_id)
    if app is None:
        raise LaunchRefused(f"The requested application {bundle_id} is not installed.")
    pid = await app.launch(
        [str(argument) for argument in options.get("arguments", [])],
        {str(k): str(v) for k, v in options.get("environmentVariables", {}).items()},
        kill_existing=bool(options.get("terminateExisting", True)),
    )
    url = {"relative": f"file://{app.path}/{app.executable}"}
    return {"processToken": {"processIdentifier": pid, "executableURL": url}}
