"""Many simulated phones in one process, and the socket over which they are told what to do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from phones.android import rootfs
from phones.android.adb_server import plug_in, unplug
from phones.android.phone import Options, Phone
from phones.android.profiles import Profile
from phones.faults import Fault

Order = dict[str, Any]


class Farm:
    """Phones below ``folder``; every one is reachable through its own port of loopback."""

    def __init__(self, folder: Path, options: Options) -> None:
        self.folder, self._options = folder, options
        self.phones: dict[str, Phone] = {}
        self._control: asyncio.Server | None = None
        self._orders: dict[str, Callable[[Phone, Order], Awaitable[object]]] = {
            "fault": self._fault,
            "recover": lambda phone, _: phone.misfortunes.recover(),
            "clear_faults": self._clear_faults,
            "touch": self._touch,
            "set": self._set,
            "report": self._report,
            "forget": self._forget,
            "connect": self._connect,
            "disconnect": self._disconnect,
        }

    @property
    def control(self) -> Path:
        """The socket that takes orders, one JSON object a line."""
        return self.folder / "control"

    async def start(self, profiles: list[Profile]) -> None:
        """Switch the phones on and plug them in."""
        shared = self.folder / "system"
        rootfs.make(shared)
        for number, profile in enumerate(profiles, start=1):
            serial = f"SIM{profile.name.replace('-', '').upper()}{number:03d}"
            phone = Phone(profile, serial, shared, self.folder / serial, self._options)
            await phone.start()
            self.phones[serial] = phone
        self._control = await asyncio.start_unix_server(self._take_orders, self.control)
        if self._options.adb_port:
            await asyncio.gather(
                *(plug_in(self._options.adb_port, phone.port) for phone in self.phones.values())
            )

    async def stop(self) -> None:
        """Switch everything off."""
        if self._control is not None:
            self._control.close()
        await asyncio.gather(*(phone.stop() for phone in self.phones.values()))

    async def _take_orders(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while line := await reader.readline():
            order = json.loads(line)
            try:
                value = await self._orders[order["do"]](self.phones[order["phone"]], order)
                answer: Order = {"value": value}
            except Exception as error:  # noqa: BLE001 - the asker shall see whatever it is
                answer = {"error": f"{type(error).__name__}: {error}"}
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
        writer.close()

    # --- orders -----------------------------------------------------------------------------

    async def _fault(self, phone: Phone, order: Order) -> None:
        phone.script.add(Fault.parse(order["fault"]))
        for fault in phone.script.due():
            await phone.misfortunes.begin(fault)

    async def _clear_faults(self, phone: Phone, order: Order) -> None:
        phone.script.clear()

    async def _touch(self, phone: Phone, order: Order) -> None:
        phone.framework.touch()

    async def _forget(self, phone: Phone, order: Order) -> None:
        phone.framework.unexpected_questions.clear()
        phone.framework.asked.clear()
        phone.script.happened.clear()

    async def _connect(self, phone: Phone, order: Order) -> str:
        return await plug_in(self._options.adb_port, phone.port)

    async def _disconnect(self, phone: Phone, order: Order) -> str:
        return await unplug(self._options.adb_port, phone.port)

    async def _set(self, phone: Phone, order: Order) -> None:
        """Change the world around the phone."""
        value, physics = order["value"], phone.physics
        match order["name"]:
            case "plugged":
                physics.set_plugged(bool(value))
            case "charge":
                physics.set_charge(float(value))
            case "skin_c":
                physics.warm_to(float(value))
            case "noise":  # somebody else's share of the processor
                physics.set_load("noise", float(value))
                phone.framework.background_load = float(value)
            case "state":  # as the host's list shows it: device, recovery, sideload
                if phone.presence.state != value:
                    phone.presence.state = str(value)
                    phone.drop_links()
            case "property":
                phone.framework.state.properties.update(value)
            case "latency_s":
                phone.latency_s = float(value)
            case name:
                raise ValueError(f"nothing is called {name!r}")
        phone.nodes.update(physics.reading())

    async def _report(self, phone: Phone, order: Order) -> Order:
        """Everything a test may want to look at."""
        state, reading = phone.framework.state, phone.physics.reading()
        return {
            "serial": phone.serial,
            "port": phone.port,
            "profile": phone.profile.name,
            "settings": state.settings,
            "packages": [p.name for p in state.packages.values() if not p.system],
            "compiled": {p.name: p.compiled for p in state.packages.values()},
            "doze_allowed": sorted(state.doze_allowed),
            "foreground": state.switches.popup or state.switches.foreground,
            "screen_on": state.switches.screen_on,
            "doze_enabled": state.switches.doze_enabled,
            "fixed_performance": state.switches.fixed_performance,
            "thermal_override": state.switches.thermal_override,
            "battery_fake": state.switches.battery_fake,
            "runners": {r.start.package: r.pid for r in phone.framework.runners()},
            "unexpected": phone.framework.unexpected_questions,
            "asked": phone.framework.asked,
            "happened": [str(fault) for fault in phone.script.happened],
            "waiting": [str(fault) for fault in phone.script.waiting],
            "skin_c": reading.skin_c,
            "battery_c": reading.battery_c,
            "status": int(reading.status),
            "speed": reading.speed,
            "charge_percent": reading.gauge.percent,
            "energy_j": reading.energy_j,
        }
