"""One simulated Android phone: its link, its userland, its framework, its heat and its faults."""

from __future__ import annotations

import asyncio
import os
import time
import zlib
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from harness.wire.codec import Decoder, WireFormatError
from phones.android import shell
from phones.android.forwarding import Reversals, Tap, to_port
from phones.android.framework import Asker, Framework
from phones.android.misfortunes import Misfortunes
from phones.android.nodes import Nodes
from phones.android.packets import banner
from phones.android.profiles import Profile
from phones.android.runners import JvmRunner, Runner, Start, ThreadRunner
from phones.android.sync import SyncService
from phones.android.transport import Manner, Stream, Transport
from phones.android.userland import SHELL_UID, Userland
from phones.faults import At, Fault, FaultScript, What
from phones.physics import Physics

FEATURES = ("shell_v2", "cmd", "stat_v2", "ls_v2", "fixed_push_mkdir", "sendrecv_v2")
_BUSY_TICK_S, _IDLE_TICK_S = 0.1, 0.5
_READ_AHEAD = 4 << 20
_PHASES = {"LoadModel": "load", "BlockDone": "block", "TelemetryRequest": "telemetry"}
_ENDS_THE_LINK = (
    What.DROP_LINK, What.OFFLINE, What.UNAUTHORIZED, What.REBOOT, What.VANISH,
)  # fmt: skip

Serve = Callable[[Stream], Awaitable[None]]


@dataclass(frozen=True)
class Options:
    """How the phones of a farm behave.

    ``java`` is the command of the real runner core; without it runners are scripted.
    ``time_factor`` lets heat and battery run faster than the clock.
    """

    java: tuple[str, ...] = ()
    latency_s: float = 0.005
    time_factor: float = 1.0
    adb_port: int = 0  #: of the server that notices when the phone is plugged in again


@dataclass
class Presence:
    """How the phone shows itself to a host."""

    state: str = "device"
    authorized: bool = True
    mute: bool = False
    away: bool = False


@dataclass(eq=False)
class Phone:
    """``folder`` holds everything of this phone; ``shared`` the read-only system."""

    profile: Profile
    serial: str
    shared: Path
    folder: Path
    options: Options = field(default_factory=Options)
    port: int = 0
    presence: Presence = field(default_factory=Presence)

    def __post_init__(self) -> None:
        factor = self.options.time_factor
        self.physics = Physics(
            self.profile.spec, lambda: time.monotonic() * factor, zlib.crc32(self.serial.encode())
        )
        self.script = FaultScript(time.monotonic)
        self.userland = Userland(self.shared, self.folder, "localhost")
        self.framework = Framework(self.profile, self.serial, self.userland, self.physics, self)
        self.nodes = Nodes(self.folder / "sys", self.folder / "proc-files", self.profile)
        self.thawed = asyncio.Event()
        self.thawed.set()
        self.misfortunes = Misfortunes(self)
        self.latency_s = self.options.latency_s  #: of a scripted inference on the cool phone
        self._server: asyncio.Server | None = None
        self._transports: set[Transport] = set()
        self._reversals = Reversals()
        self._ticking: asyncio.Task[None] | None = None
        self._background_s = 0.0
        self._runner_cpu_s: dict[int, float] = {}

    # --- life -------------------------------------------------------------------------------

    async def start(self) -> None:
        """Switch it on; the userland starts when the first program does."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._make_storage()
        self.nodes.make(self.physics.reading(), self.profile.ram_kib // 2)
        await self.framework.start()
        await self.listen()
        self._ticking = asyncio.create_task(self._tick())

    async def stop(self) -> None:
        """Switch it off for good."""
        if self._ticking is not None:
            self._ticking.cancel()
        await self.leave()
        for runner in self.framework.runners():
            runner.kill()
        self.framework.stop()
        await self.userland.stop()
        self.nodes.close()

    async def listen(self) -> None:
        """Be reachable."""
        self.presence.away = False
        self._server = await asyncio.start_server(
            self._accept, "127.0.0.1", self.port, limit=_READ_AHEAD
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def leave(self) -> None:
        """Be unreachable."""
        self.presence.away = True
        if self._server is not None:
            self._server.close()
        self.drop_links()

    def drop_links(self) -> None:
        """Break every connection."""
        self._reversals.close()
        for transport in list(self._transports):
            transport.abort()

    @property
    def connected(self) -> bool:
        """Whether a host is connected."""
        return bool(self._transports)

    async def reboot(self, away_s: float) -> None:
        """Go away, forget what a restart forgets, and come back."""
        await self.leave()
        await self.framework.restart()
        await self.userland.kill_all()
        self.nodes.make(self.physics.reading(), self.profile.ram_kib // 2)
        await asyncio.sleep(away_s)
        await self.listen()

    def _make_storage(self) -> None:
        places = {
            "data/local/tmp": 0o771,
            "storage/emulated/0/Download": 0o771,
            "storage/emulated/0/Android/data": 0o771,
            "data/tombstones": 0o700,
        }
        for name, mode in places.items():
            place = self.folder / name
            place.mkdir(parents=True, exist_ok=True)
            place.chmod(mode)
        for name in ("data/local/tmp", "storage/emulated/0"):
            for place in (self.folder / name, *(self.folder / name).rglob("*")):
                _own(place)
        for name in self.profile.vendor_files:
            file = self.folder / "vendor" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
        screen = self.folder / "dev" / "screen.png"
        screen.parent.mkdir(parents=True, exist_ok=True)
        screen.write_bytes(_BLACK_PIXEL)

    async def _tick(self) -> None:
        before = time.monotonic()
        while True:
            await asyncio.sleep(_BUSY_TICK_S if self._transports else _IDLE_TICK_S)
            now = time.monotonic()
            self._count_processor_time(now - before)
            before = now
            self.nodes.update(self.physics.reading())
            for fault in self.script.due():
                await self.misfortunes.begin(fault)

    def _count_processor_time(self, elapsed_s: float) -> None:
        cores = sum(len(cluster.cores) for cluster in self.profile.spec.clusters)
        self._background_s += self.framework.background_load * cores * elapsed_s
        for runner in self.framework.runners():
            self._runner_cpu_s[runner.pid] = runner.cpu_s()
        busy_s = self._background_s + sum(self._runner_cpu_s.values())
        self.nodes.tell_load(busy_s, time.monotonic())

    # --- the link ---------------------------------------------------------------------------

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        properties = {
            "ro.product.name": self.profile.device,
            "ro.product.model": self.profile.model,
            "ro.product.device": self.profile.device,
        }
        manner = Manner(
            banner(self.presence.state, properties, FEATURES),
            authorized=self.presence.authorized,
            mute=self.presence.mute,
        )
        transport = Transport(reader, writer, manner, self._open, self.thawed)
        self._transports.add(transport)
        try:
            await transport.serve()
        finally:
            self._transports.discard(transport)

    async def _open(self, transport: Transport, destination: str) -> Serve | None:
        service, _, rest = destination.partition(":")
        match service.partition(",")[0]:
            case "shell" | "exec":
                request = shell.Request.parse(destination)
                await self.happened(At.COMMAND, request.command)
                return lambda stream: shell.serve(self.userland, request, stream)
            case "sync":
                return lambda stream: SyncService(self.userland, self, stream).serve()
            case "localabstract":
                return await self._open_socket(rest)
            case "tcp" if rest.isdigit():
                return await to_port(int(rest))
            case "reverse":
                return lambda stream: self._reversals.serve(transport, rest, stream)
            case "reboot":
                return lambda stream: self._said_reboot()
            case "root" | "unroot" | "remount" | "tcpip" | "usb":
                return _say("adbd cannot do this in production builds\n")
            case _:
                self.framework.unexpected(destination)
                return None

    async def _open_socket(self, name: str) -> Serve | None:
        for runner in self.framework.runners():
            if runner.start.socket == name and runner.port:
                return await to_port(runner.port, self._wire_tap())
        return None

    async def _said_reboot(self) -> None:
        await self.misfortunes.begin(Fault(What.REBOOT))

    def _wire_tap(self) -> Tap:
        """Tells the fault script which message of the runner's wire goes by."""
        decoders = {True: Decoder(), False: Decoder()}

        async def tap(data: bytes, inward: bool) -> None:
            with suppress(WireFormatError):
                for packet in decoders[inward].feed(data):
                    name = type(packet.message).__name__
                    await self.happened(At.PHASE, _PHASES.get(name, name.lower()))

        return tap

    # --- what the services ask --------------------------------------------------------------

    @property
    def full(self) -> bool:
        """Whether the storage takes nothing more."""
        return self.framework.state.storage_full

    async def happened(self, at: At, name: str) -> None:
        """A command or a phase: faults that wait for it begin."""
        faults = self.script.command(name) if at is At.COMMAND else self.script.phase(name)
        for fault in faults:
            await self.misfortunes.begin(fault)

    async def moving(self, direction: At, total: int, size: int) -> int:
        """How many of the next bytes of a transfer still move."""
        if total == 0:
            await self.happened(At.PHASE, str(direction))
        left = self.script.bytes_until(direction, total)
        if left is None or left >= size:
            return size
        cut = False
        for fault in self.script.transferred(direction, total + left):
            await self.misfortunes.begin(fault)
            cut = cut or fault.what in _ENDS_THE_LINK
        await self.thawed.wait()
        return left if cut else size

    async def launch(self, package: str, way: str, extras: dict[str, str], asker: Asker) -> Runner:
        """Start the runner that the options want."""
        await self.userland.start()
        known = self.framework.state.packages.get(package)
        default = f"/sdcard/Android/data/{package}/files/store"
        store = self.userland.stored(extras.get("store", default))
        store.mkdir(parents=True, exist_ok=True)
        start = Start(
            package=package,
            way=way,
            socket=extras.get("socket", ""),
            token=extras.get("token", ""),
            store=store,
            spool=self.folder / "spool",
            uid=known.uid if known else SHELL_UID,
            asked_by=asker,
        )
        await self.happened(At.PHASE, "launch")
        if self.options.java:
            return await JvmRunner.launch(
                self.userland, start, self.physics, self.options.java, self.framework.log
            )
        return await ThreadRunner.launch(self.userland, start, self.physics, self.latency_s)


def _own(place: Path) -> None:
    os.chown(place, SHELL_UID, SHELL_UID)


def _say(text: str) -> Serve:
    async def say(stream: Stream) -> None:
        await stream.write(text.encode())

    return say


_BLACK_PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55"
    "0000000a49444154789c6360000000020001e221bc330000000049454e44ae426082"
)
