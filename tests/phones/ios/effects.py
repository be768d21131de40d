"""What each fault of the script does to a simulated iPhone, and what ends it again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from phones.faults import What
from phones.ios.condition import Trust

if TYPE_CHECKING:
    from phones.ios.phone import Phone


def _set(name: str, value: object) -> Callable[[Phone], None]:
    return lambda phone: setattr(phone.condition, name, value)


def _untrust(phone: Phone) -> None:
    phone.hosts.clear()
    phone.condition.trust = Trust.ASKS
    phone.cut_links()


def _kill_apps(reason: str) -> Callable[[Phone], None]:
    def kill(phone: Phone) -> None:
        for app in phone.apps.values():
            app.die(reason)

    return kill


def _refuse_app_ports(phone: Phone) -> None:
    phone.condition.refused_ports |= {app.default_port for app in phone.apps.values()}


def _drop_tunnel(phone: Phone) -> None:
    phone.condition.tunnel_up = False
    for link in tuple(phone.links):
        if link.tunnelled:
            link.cut()


Effect = Callable[["Phone"], None]
#: What a fault does, and what ends it again.
EFFECTS: dict[What, tuple[Effect, Effect | None]] = {
    What.DROP_LINK: (lambda phone: phone.cut_links(), None),
    What.FREEZE: (lambda phone: phone.moving.clear(), lambda phone: phone.moving.set()),
    What.REBOOT: (lambda phone: phone.reboot(), None),
    What.VANISH: (lambda phone: phone.detach(), lambda phone: phone.attach()),
    What.USB_RESET: (lambda phone: phone.reset_usb(), None),
    What.UNAUTHORIZED: (_untrust, _set("trust", Trust.ACCEPTS)),
    What.LOCKED: (_set("passcode_locked", True), _set("passcode_locked", False)),
    What.DEVELOPER_OFF: (_set("developer_mode", False), _set("developer_mode", True)),
    What.IMAGE_LOST: (_set("image_mounted", False), _set("image_mounted", True)),
    What.PORT_REFUSED: (
        _refuse_app_ports,
        lambda phone: phone.condition.refused_ports.clear(),
    ),
    What.TUNNEL_DROP: (_drop_tunnel, _set("tunnel_up", True)),
    What.SUSPEND: (
        lambda phone: phone.bring_to_front(False),
        lambda phone: phone.bring_to_front(True),
    ),
    What.OUT_OF_MEMORY: (_kill_apps("jetsam"), None),
    What.CRASH: (_kill_apps("crash"), None),
    What.STORAGE_FULL: (_set("storage_full", True), _set("storage_full", False)),
    What.DVT_DEAD: (_set("dvt_calls_left", 0), _set("dvt_calls_left", None)),
    What.OVERHEAT: (lambda phone: phone.physics.warm_to(52.0), None),
}
