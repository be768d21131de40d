"""Facts and state of an iPhone, from lockdownd and the battery's registry entry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from device_agents.ios.parse.battery import Battery, read_battery
from device_agents.ios.parse.values import device_facts, flag
from device_agents.ios.phone import Connections, Phone
from harness import channels
from harness.clock import CancelToken, Deadline
from harness.record import DeviceFacts, DeviceState

if TYPE_CHECKING:
    from pymobiledevice3.lockdown import UsbmuxLockdownClient

BATTERY_DOMAIN = "com.apple.mobile.battery"
AMFI_DOMAIN = "com.apple.security.mac.amfi"
DISK_DOMAIN = "com.apple.disk_usage"
_NO_REGISTRY = "the battery's registry entry does not tell"


@dataclass(frozen=True, slots=True)
class Answers:
    """What the phone said of itself."""

    values: Mapping[str, Any]
    amfi: Mapping[str, Any]
    battery: Mapping[str, Any]
    image: bool | None
    connection: str


def read_facts(phone: Phone, deadline: Deadline, cancel: CancelToken) -> DeviceFacts:
    """Everything the phone tells about itself, and the reasons for what it does not."""
    answers = phone.call("read the phone's values", _ask, deadline, cancel)
    return facts_from(phone.device_id, answers)


def facts_from(device_id: str, answers: Answers) -> DeviceFacts:
    """The facts in the answers."""
    told = device_facts(answers.values, answers.amfi)
    battery = read_battery(answers.battery)
    told.values["connection"] = answers.connection
    told.put("developer_image", answers.image, "mobile_image_mounter does not answer")
    health = None if battery.health_percent is None else f"{battery.health_percent:.0f} %"
    told.put("battery_health", health, "no NominalChargeCapacity or DesignCapacity")
    told.put("battery_cycles", battery.cycles, "no CycleCount")
    return DeviceFacts(device_id, told.values, told.unavailable)


def read_state(phone: Phone, deadline: Deadline, cancel: CancelToken) -> DeviceState:
    """Battery and lock: what changes from minute to minute."""

    async def ask(connections: Connections) -> tuple[dict[str, Any], bool | None]:
        battery = await connections.battery()
        return battery, await passcode_locked(await connections.lockdown())

    registry, locked = phone.call("read the battery", ask, deadline, cancel)
    return state_from(read_battery(registry), locked)


def state_from(battery: Battery, passcode: bool | None) -> DeviceState:
    """The state in a reading of the gauge; ``passcode`` says whether the phone is locked by one."""
    values: dict[str, float | str] = {}
    unavailable: dict[str, str] = {
        channels.THERMAL_STATUS: "only the runner app can tell; see its trace",
        "memory_available_bytes": "only the runner app can tell",
    }
    for name, value in battery_readings(battery).items():
        if value is None:
            unavailable[name] = _NO_REGISTRY
        else:
            values[name] = value
    if battery.status is None:
        unavailable["battery.status"] = _NO_REGISTRY
    else:
        values["battery.status"] = battery.status
    if passcode is not None:
        values["passcode"] = "locked" if passcode else "open"
    return DeviceState(values, unavailable)


def battery_readings(battery: Battery) -> dict[str, float | None]:
    """A reading under the names of channels."""
    power = None
    if battery.current_a is not None and battery.voltage_v is not None:
        power = battery.current_a * battery.voltage_v
    return {
        channels.BATTERY_TEMPERATURE: battery.temperature_c,
        channels.BATTERY_CURRENT: battery.current_a,
        channels.BATTERY_VOLTAGE: battery.voltage_v,
        channels.BATTERY_POWER: power,
        channels.BATTERY_PERCENT: battery.percent,
        channels.BATTERY_CHARGE: battery.charge_ah,
        channels.BATTERY_PLUGGED: None if battery.plugged is None else float(battery.plugged),
    }


async def _ask(connections: Connections) -> Answers:
    from pymobiledevice3.usbmux import select_device

    device = await select_device(connections.udid)
    return Answers(
        await connections.values(),
        await connections.values(AMFI_DOMAIN),
        await connections.battery(),
        await image_mounted(await connections.lockdown()),
        "network" if device is not None and device.is_network else "usb",
    )


async def passcode_locked(lockdown: UsbmuxLockdownClient) -> bool | None:
    """Whether the phone is locked by its passcode; None where it does not tell."""
    from pymobiledevice3.exceptions import MissingValueError

    try:
        locked = await lockdown.get_value(None, "PasswordProtected")
    except MissingValueError:
        return None
    return locked if isinstance(locked, bool) else None


async def image_mounted(lockdown: UsbmuxLockdownClient) -> bool | None:
    """Whether a developer image is mounted; None where nobody can tell."""
    from pymobiledevice3.exceptions import PyMobileDevice3Exception
    from pymobiledevice3.services.mobile_image_mounter import MobileImageMounterService

    try:
        async with MobileImageMounterService(lockdown) as mounter:
            images = await mounter.list_images()
    except (PyMobileDevice3Exception, KeyError):
        return None
    return any(flag(image, "IsMounted") is not False for image in images)
