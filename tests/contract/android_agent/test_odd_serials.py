"""Phones whose own serial number is nothing that a maker should have chosen."""

from __future__ import annotations

import pytest

from harness.fleet.lease import Lease, holder
from harness.record import Outcome
from harness.scenario import Prepare
from harness.store.store import ResultsStore
from tests.benchmarks import _android


@pytest.fixture
def named(phone):
    """Gives the phone another serial number for the time of the test."""
    yield lambda serial: phone.set("property", {"ro.serialno": serial})
    phone.set("property", {"ro.serialno": phone.serial})


@pytest.mark.parametrize(
    "serial",
    [
        "my phone 7",
        "10.0.0.9:5555",
        "-rf",
        "Größe-9Ω",
        "../../etc/passwd",
        "a;reboot $(id) `id`'\"",
    ],
)
def test_a_phone_with_an_odd_serial_is_measured_like_any_other(
    lab, phone, named, soon, cancel, monkeypatch, tmp_path, serial
):
    monkeypatch.setenv("BENCHFARM_LEASES", str(tmp_path / "leases"))
    named(serial)
    before = phone.report()["settings"]
    device_id = f"android:{serial}"
    with _android.bench(lab) as bench:
        agent = bench.agent()
        assert device_id in {one.device_id for one in agent.discover(soon, cancel) if one.ready}
        device = agent.open(device_id)
        with Lease.acquire(device_id, "a test"):
            assert holder(device_id) is not None
            record = bench.trial(device, prepare=Prepare(brightness_percent=0))
            assert phone.report()["settings"] != before
            device.close()
        assert (record.failure, record.outcome) == (None, Outcome.OK)
        (stored,) = ResultsStore(bench.folder / "results").resolve("latest").records()
        assert stored.trial.cell.device_id == device_id
    report = phone.report()
    assert report["settings"] == before
    assert report["unexpected"] == []
