"""Which services a phone has, by the names under which lockdownd starts them."""

from __future__ import annotations

from phones.ios.afc import Afc
from phones.ios.channel import Channel
from phones.ios.diagnostics import diagnostics_relay
from phones.ios.house_arrest import house_arrest
from phones.ios.installation import installation_proxy
from phones.ios.instruments import instruments
from phones.ios.phone import Handler, Phone
from phones.ios.small_services import (
    amfi,
    crash_mover,
    heartbeat,
    image_mounter,
    notification_proxy,
    syslog_relay,
)


def lockdown_services(phone: Phone) -> dict[str, Handler]:
    """The services that lockdownd starts; before iOS 17 those for developers, too."""
    services = {
        "com.apple.afc": files(phone, "media"),
        "com.apple.amfi.lockdown": amfi(phone),
        "com.apple.crashreportcopymobile": files(phone, "crashes"),
        "com.apple.crashreportmover": crash_mover(phone),
        "com.apple.mobile.diagnostics_relay": diagnostics_relay(phone),
        "com.apple.mobile.heartbeat": heartbeat(phone),
        "com.apple.mobile.house_arrest": house_arrest(phone),
        "com.apple.mobile.installation_proxy": installation_proxy(phone),
        "com.apple.mobile.mobile_image_mounter": image_mounter(phone),
        "com.apple.mobile.notification_proxy": notification_proxy(phone),
        "com.apple.syslog_relay": syslog_relay(phone),
    }
    if phone.profile.version < (17,):
        services["com.apple.instruments.remoteserver.DVTSecureSocketProxy"] = instruments(phone)
    return services


def files(phone: Phone, folder: str) -> Handler:
    """AFC over one of the phone's folders."""

    async def serve(channel: Channel) -> None:
        await phone.asked(f"afc {folder}")
        await Afc(phone, phone.folder / folder).serve(channel)

    return serve
