"""Trials on simulated phones, conducted in this process: for figures and fault campaigns."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [entry for entry in (str(ROOT), str(ROOT / "tests")) if entry not in sys.path]

from device_agents.android import agent as agent_module  # noqa: E402
from device_agents.android import phone as phone_module  # noqa: E402
from device_agents.android import sync  # noqa: E402
from device_agents.android.adb import AdbServer  # noqa: E402
from device_agents.android.agent import AndroidAgent  # noqa: E402
from device_agents.android.device import AndroidDevice  # noqa: E402
from harness.clock import CancelToken, Deadline, SystemClock  # noqa: E402
from harness.conductor import conductor as conductor_module  # noqa: E402
from harness.conductor import session  # noqa: E402
from harness.conductor.conductor import Conductor, RunContext, TrialJob  # noqa: E402
from harness.conductor.inputs import InputFactory  # noqa: E402
from harness.record import (  # noqa: E402
    Cell,
    DeviceFacts,
    RunPlan,
    Trial,
    TrialRecord,
)
from harness.scenario import Burst, Gates, Load, Prepare, Require, Warmup  # noqa: E402
from harness.store.store import ResultsStore  # noqa: E402
from harness.variant import ENGINE_FORMATS, Variant  # noqa: E402
from phones.android.lab import Lab, PhoneHandle  # noqa: E402

#: The scripted runner takes any file for a model.
MODEL_BYTES = 200_000


class Silent:
    """Nobody looks."""

    def __getattr__(self, _name: str) -> object:
        return lambda *_args, **_more: None


@dataclass
class Bench:
    """A results store, a model, and trials of it on simulated phones."""

    lab: Lab
    folder: Path
    cancel: CancelToken = field(default_factory=CancelToken)
    model: Path = field(init=False)
    digest: str = field(init=False)
    _count: int = 0

    def __post_init__(self) -> None:
        self.new_model(MODEL_BYTES)

    def new_model(self, size: int) -> None:
        """Other bytes, which no phone has."""
        import hashlib
        import os

        data = os.urandom(size)
        self.model = self.folder / "model.bin"
        self.model.write_bytes(data)
        self.digest = hashlib.sha256(data).hexdigest()

    def use(self, model: Path) -> None:
        """A model that stands somewhere."""
        import hashlib

        self.model, self.digest = model, hashlib.sha256(model.read_bytes()).hexdigest()

    def agent(self) -> AndroidAgent:
        """An agent for the lab's adb server."""
        server = AdbServer(int(self.lab.environment["ANDROID_ADB_SERVER_PORT"]))
        return AndroidAgent(server, undo=self.folder / "undo")

    def open(self, phone: PhoneHandle) -> AndroidDevice:
        """The phone as the conductor sees it."""
        return self.agent().open(f"android:{phone.serial}")

    def trial(
        self,
        device: AndroidDevice,
        load: Load | None = None,
        prepare: Prepare = Prepare(),  # noqa: B008 - frozen
        rate_hz: float = 5.0,
        engine: str = "tflite",
    ) -> TrialRecord:
        """One trial; its record, whatever happened."""
        load = load or Burst(Warmup(rule="fixed", min_seconds=0, min_inferences=3), inferences=30)
        variant = Variant(
            *("scripted", "fp32", ENGINE_FORMATS[engine]),
            *(self.digest, self.model.stat().st_size, "fp32"),
        )
        cell = Cell(device.device_id, variant, engine, "cpu", 1, 1, load)
        self._count += 1
        trial = Trial(f"{cell.key}-r{self._count}", cell, self._count, 0)
        store = ResultsStore(self.folder / "results")
        plan = RunPlan(f"run{self._count}", "bench", None, "2026-01-01T00:00:00Z", (trial,))
        writer = store.create_run(plan)
        context = RunContext(
            plan.run_id,
            DeviceFacts(device.device_id, {"simulated": True}),
            {},
            Gates(thermal=None),
            rate_hz,
            None,
            Require(),
            prepare,
        )
        inputs = InputFactory(self.folder / "inputs", 0)
        conductor = Conductor(device, context, inputs, SystemClock(), self.cancel, Silent())  # type: ignore[arg-type]
        try:
            return conductor.run(TrialJob(trial, self.model), writer.begin_trial(trial))
        finally:
            writer.close("complete")


@contextmanager
def bench(lab: Lab) -> Iterator[Bench]:
    """A bench in a folder that is gone afterwards."""
    agent_module._IDENTIFIED.clear()
    with tempfile.TemporaryDirectory(prefix="benchfarm-") as name:
        folder = Path(name)
        (folder / "inputs").mkdir()
        yield Bench(lab, folder)


def be_impatient() -> None:
    """Limits of minutes become seconds, so that a fault that lasts is noticed soon."""
    conductor_module.DEVICE_TIMEOUT_S = 6.0
    conductor_module.PREPARE_TIMEOUT_S = 8.0
    conductor_module.PUSH_TIMEOUT_S = 10.0
    conductor_module.LAUNCH_TIMEOUT_S = 10.0
    conductor_module.LOAD_TIMEOUT_S = 6.0
    session._REATTACH_S = 6.0
    phone_module.PATIENCE_S = 3.0
    sync.STALL_S = 3.0
    from harness.conductor import measure

    measure.SILENCE_S = 6.0
    measure.PING_TIMEOUT_S = 6.0


def make_well(lab: Lab, phone: PhoneHandle) -> None:
    """No faults, nothing waiting, and the adb server has it."""
    phone.clear_faults()
    phone.recover()
    phone.touch()
    server = AdbServer(int(lab.environment["ANDROID_ADB_SERVER_PORT"]))
    patience = time.monotonic() + 20
    while time.monotonic() < patience:
        within = Deadline(SystemClock(), 5)
        states = {one.serial: one.state for one in server.transports(within, CancelToken())}
        if states.get(phone.address) == "device":
            return
        phone.disconnect()
        phone.connect()
        time.sleep(0.1)
    raise RuntimeError(f"{phone.serial} does not come back")
