"""Trials on simulated iPhones, conducted in this process: for figures and fault campaigns."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [entry for entry in (str(ROOT), str(ROOT / "tests")) if entry not in sys.path]

from device_agents.ios import phone as phone_module  # noqa: E402
from device_agents.ios.agent import IosAgent  # noqa: E402
from device_agents.ios.device import IosDevice  # noqa: E402
from harness.clock import CancelToken, SystemClock  # noqa: E402
from harness.conductor import conductor as conductor_module  # noqa: E402
from harness.conductor import measure, session  # noqa: E402
from harness.conductor.conductor import Conductor, RunContext, TrialJob  # noqa: E402
from harness.conductor.inputs import InputFactory  # noqa: E402
from harness.record import Cell, DeviceFacts, RunPlan, Trial, TrialRecord  # noqa: E402
from harness.scenario import Burst, Gates, Load, Prepare, Require, Warmup  # noqa: E402
from harness.store.store import ResultsStore  # noqa: E402
from harness.variant import ModelFormat, Variant  # noqa: E402
from phones.ios.condition import Condition  # noqa: E402
from phones.ios.farm import Farm  # noqa: E402
from tests.benchmarks._android import Silent  # noqa: E402

SHORT = Burst(Warmup(rule="fixed", min_seconds=0, min_inferences=3), inferences=30)


@dataclass
class Bench:
    """A results store, a model, and trials of it on simulated iPhones."""

    farm: Farm
    folder: Path
    model: Path = field(init=False)
    digest: str = field(init=False)
    _count: int = 0

    def __post_init__(self) -> None:
        self._hosts = [dict(phone.hosts) for phone in self.farm.phones]
        self.new_model(200_000)

    def new_model(self, size: int) -> None:
        """Other bytes, which no phone has."""
        data = os.urandom(size)
        self.model = self.folder / "model.bin"
        self.model.write_bytes(data)
        self.digest = hashlib.sha256(data).hexdigest()

    def open(self, number: int = 0) -> IosDevice:
        """A phone as the conductor sees it."""
        return IosAgent().open(f"ios:{self.farm.phones[number].udid}")

    def trial(
        self,
        device: IosDevice,
        load: Load = SHORT,
        prepare: Prepare = Prepare(),  # noqa: B008 - frozen
    ) -> TrialRecord:
        """One trial; its record, whatever happened."""
        variant = Variant(
            "scripted", "fp32", ModelFormat.TFLITE, self.digest, self.model.stat().st_size, "fp32"
        )
        cell = Cell(device.device_id, variant, "tflite", "cpu", 1, 1, load)
        self._count += 1
        number = self._count
        trial = Trial(f"{cell.key}-r{number}", cell, number, 0)
        plan = RunPlan(f"run{number}", "bench", None, "2026-01-01T00:00:00Z", (trial,))
        writer = ResultsStore(self.folder / "results").create_run(plan)
        facts = DeviceFacts(device.device_id, {"simulated": True})
        context = RunContext(
            plan.run_id, facts, {}, Gates(thermal=None), 5.0, None, Require(), prepare
        )
        inputs = InputFactory(self.folder / "inputs", 0)
        conductor = Conductor(device, context, inputs, SystemClock(), CancelToken(), Silent())  # type: ignore[arg-type]
        try:
            return conductor.run(TrialJob(trial, self.model), writer.begin_trial(trial))
        finally:
            writer.close("complete")

    def is_kept(self, record: TrialRecord) -> bool:
        """Whether the store still has a trial's record and samples as they were."""
        trial = ResultsStore(self.folder / "results").resolve(record.run_id).trial(record.trial.id)
        return trial.record == record and len(trial.samples()) > 0

    def make_well(self) -> None:
        """No faults, and every phone at hand."""

        def recover() -> None:
            for phone, hosts in zip(self.farm.phones, self._hosts, strict=True):
                phone.faults.clear()
                phone.hosts.update(hosts)
                phone.condition = Condition()
                phone.moving.set()
                phone.bring_to_front(True)
                phone.attach()

        self.farm.call(recover)

    def left_at_home(self) -> list[str]:
        """Files in the user's home folder, of which there must be none."""
        home = self.farm.folder / "home"
        return [str(path.relative_to(home)) for path in home.rglob("*") if path.is_file()]


@contextmanager
def bench(*profiles: str) -> Iterator[Bench]:
    """Phones and a bench in a folder that is gone afterwards."""
    before = dict(os.environ)
    with TemporaryDirectory(prefix="benchfarm-") as name:
        folder = Path(name)
        (folder / "inputs").mkdir()
        with Farm(folder / "farm", profiles) as farm:
            os.environ.update(farm.environment)
            try:
                yield Bench(farm, folder)
            finally:
                os.environ.clear()
                os.environ.update(before)


def be_impatient() -> None:
    """Limits of minutes become seconds, so that a fault that lasts is noticed soon."""
    conductor_module.DEVICE_TIMEOUT_S = 6.0
    conductor_module.PREPARE_TIMEOUT_S = 8.0
    conductor_module.PUSH_TIMEOUT_S = 10.0
    conductor_module.LAUNCH_TIMEOUT_S = 10.0
    conductor_module.LOAD_TIMEOUT_S = 6.0
    session._REATTACH_S = 6.0
    phone_module.PATIENCE_S = 3.0
    measure.SILENCE_S = 6.0
    measure.PING_TIMEOUT_S = 6.0
