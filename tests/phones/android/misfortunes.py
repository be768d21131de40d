"""How each fault is carried out on a simulated Android phone, and how it passes."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from phones.android.adb_server import plug_in, unplug, unplug_for_good
from phones.android.runners import Runner
from phones.faults import Fault, What

if TYPE_CHECKING:
    from phones.android.phone import Phone

_REBOOT_S = 1.0
#: A newer adb server comes back by itself in this time; an older one has to be told.
_NOTICED_S = 0.4
_TRIES = 12
_TOO_HOT_C = 58.0


class Misfortunes:
    """Begins faults and ends those that last a while."""

    def __init__(self, phone: Phone) -> None:
        self._phone = phone
        self._tasks: set[asyncio.Task[None]] = set()
        self._noticing = asyncio.Lock()
        self._begin: dict[What, Callable[[Fault], Awaitable[None]]] = {
            What.DROP_LINK: self._drop_link,
            What.FREEZE: self._freeze,
            What.OFFLINE: self._offline,
            What.UNAUTHORIZED: self._unauthorized,
            What.REBOOT: self._reboot,
            What.VANISH: self._vanish,
            What.OUT_OF_MEMORY: self._out_of_memory,
            What.CRASH: self._crash,
            What.NOT_RESPONDING: self._not_responding,
            What.STORAGE_FULL: self._storage_full,
            What.PROMPT: self._prompt,
            What.POPUP: self._popup,
            What.OVERHEAT: self._overheat,
        }

    async def begin(self, fault: Fault) -> None:
        """Carry out one fault; what it lasts is waited for elsewhere."""
        await self._begin[fault.what](fault)

    async def recover(self) -> None:
        """End everything that lasts: the phone is well again and reachable."""
        phone = self._phone
        presence = phone.presence
        estranged = presence.mute or not presence.authorized
        presence.authorized, presence.mute = True, False
        phone.framework.state.storage_full = False
        phone.framework.touch()
        await self._thaw()
        if presence.away:
            await phone.listen()
        if estranged:
            phone.drop_links()
        if estranged or not phone.connected:
            await self._notice()

    # --- the link ---------------------------------------------------------------------------

    async def _drop_link(self, fault: Fault) -> None:
        # What comes later is arranged first: the link may be the one that this was asked over.
        if fault.seconds:
            self._later(fault.seconds, self._come_back)
            await self._phone.leave()
        else:
            self._later(0.0, self._notice)
            self._phone.drop_links()

    async def _freeze(self, fault: Fault) -> None:
        self._phone.thawed.clear()
        for runner in self._phone.framework.runners():
            runner.freeze(True)
        if fault.seconds:
            self._later(fault.seconds, self._thaw)

    async def _thaw(self) -> None:
        self._phone.thawed.set()
        for runner in self._phone.framework.runners():
            runner.freeze(False)

    async def _offline(self, fault: Fault) -> None:
        self._phone.presence.mute = True
        self._reappear_changed(fault)

    async def _unauthorized(self, fault: Fault) -> None:
        self._phone.presence.authorized = False
        self._reappear_changed(fault)

    def _reappear_changed(self, fault: Fault) -> None:
        self._later(0.0, self._notice)
        if fault.seconds:
            self._later(fault.seconds, self.recover)
        self._phone.drop_links()

    async def _reboot(self, fault: Fault) -> None:
        phone = self._phone

        async def restart() -> None:
            await phone.reboot(fault.seconds or _REBOOT_S)
            await self._notice()

        self._later(0.0, restart)
        phone.drop_links()

    async def _vanish(self, fault: Fault) -> None:
        async def forget() -> None:
            await unplug_for_good(self._phone.options.adb_port, self._phone.port)

        self._later(0.0, forget)
        await self._phone.leave()

    async def _come_back(self) -> None:
        await self._phone.listen()
        await self._notice()

    async def _notice(self) -> None:
        """As a USB bus would, tell the adb server that the phone is there."""
        phone = self._phone
        if not phone.options.adb_port:
            return
        async with self._noticing:
            for _ in range(_TRIES):
                await asyncio.sleep(_NOTICED_S)
                if phone.connected or phone.presence.away:
                    return
                await unplug(phone.options.adb_port, phone.port)
                await plug_in(phone.options.adb_port, phone.port)

    # --- the runner -------------------------------------------------------------------------

    def _runner(self) -> Runner | None:
        return next(iter(self._phone.framework.runners()), None)

    async def _out_of_memory(self, fault: Fault) -> None:
        runner, framework = self._runner(), self._phone.framework
        if runner is None:
            return
        start = runner.start
        framework.log(
            "I",
            "lowmemorykiller",
            f"Kill '{start.package}' ({runner.pid}), uid {start.uid}, oom_score_adj 0 to free "
            "1288076kB rss, 275256kB swap; reason: min watermark is breached even after kill",
        )
        framework.state.note_exit_reason(start.package, runner.pid, start.uid, 3, "LOW_MEMORY")
        runner.kill(signal.SIGKILL)

    async def _crash(self, fault: Fault) -> None:
        runner, framework = self._runner(), self._phone.framework
        if runner is None:
            return
        start = runner.start
        for line in (
            "*** *** *** *** *** *** *** *** *** *** *** *** *** *** *** ***",
            f"Build fingerprint: '{framework.state.properties['ro.build.fingerprint']}'",
            "Revision: 'MP1.0'",
            "ABI: 'arm64'",
            f"pid: {runner.pid}, tid: {runner.pid}, name: runner  >>> {start.package} <<<",
            "signal 11 (SIGSEGV), code 1 (SEGV_MAPERR), fault addr 0x0000000000000018",
            "backtrace:",
            "      #00 pc 00000000001b4c2c  libengine.so (Invoke+124)",
        ):
            framework.log("F", "DEBUG", line)
        framework.state.note_exit_reason(
            start.package, runner.pid, start.uid, 5, "CRASH(NATIVE)", "crash"
        )
        runner.kill(signal.SIGSEGV)

    async def _not_responding(self, fault: Fault) -> None:
        runner, framework = self._runner(), self._phone.framework
        if runner is None:
            return
        package = runner.start.package
        runner.freeze(True)
        framework.log(
            "E",
            "ActivityManager",
            f"ANR in {package} ({package}/org.benchfarm.runner.app.RunnerActivity)\n"
            f"PID: {runner.pid}\nReason: Input dispatching timed out (no focused window)\n"
            "Load: 9.12 / 4.01 / 2.17",
        )
        framework.state.switches.popup = f"Application Not Responding: {package}"
        if fault.seconds:
            self._later(fault.seconds, self._thaw)

    # --- everything else --------------------------------------------------------------------

    async def _storage_full(self, fault: Fault) -> None:
        self._phone.framework.state.storage_full = True
        if fault.seconds:
            self._later(fault.seconds, self.recover)

    async def _prompt(self, fault: Fault) -> None:
        self._phone.framework.state.switches.install_waits = True

    async def _popup(self, fault: Fault) -> None:
        self._phone.framework.pop_up("com.android.updater/.SystemUpdateActivity")
        if fault.seconds:
            self._later(fault.seconds, self._touch)

    async def _touch(self) -> None:
        self._phone.framework.touch()

    async def _overheat(self, fault: Fault) -> None:
        self._phone.physics.warm_to(_TOO_HOT_C)

    def _later(self, seconds: float, then: Callable[[], Awaitable[None]]) -> None:
        async def wait_and_do() -> None:
            await asyncio.sleep(seconds)
            await then()

        task = asyncio.get_running_loop().create_task(wait_and_do())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
