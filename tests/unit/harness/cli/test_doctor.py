"""What the doctor says of devices and folders, and what it tidies up."""

from __future__ import annotations

import pytest

from harness.cli import lab
from harness.cli.doctor import BAD, _facts_checks, _place_checks, _restore
from harness.device import Sighting
from harness.errors import DeviceError, DeviceTimeout
from harness.fleet.lease import Lease


@pytest.mark.parametrize(
    ("values", "unavailable", "said"),
    [
        ({"platform": "ios"}, {"governor": "iOS shows no frequencies"}, []),
        ({"platform": "android"}, {"governor": "denied"}, ["governor unavailable: denied"]),
        ({"platform": "local", "governor": "powersave"}, {}, ["frequency is free to move"]),
        ({"platform": "local", "governor": "performance"}, {}, []),
    ],
)
def test_only_frequencies_that_could_be_fixed_are_a_doubt(values, unavailable, said) -> None:
    found = [text for _, _, text in _facts_checks("device", values, unavailable)]
    assert len(found) == len(said)
    assert all(part in text for part, text in zip(said, found, strict=True))


class RestoredDevice:
    """Remembers that it was restored, and may have an error in store."""

    def __init__(self, error: DeviceError | None = None) -> None:
        self.error, self.restored, self.closed = error, False, False

    def restore(self, _deadline: object) -> None:
        self.restored = True
        if self.error is not None:
            raise self.error

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def restorable(monkeypatch, tmp_path):
    """A held device ``a``, then ``b`` and ``c``, of which ``b`` does not answer."""
    monkeypatch.setenv("BENCHFARM_LEASES", str(tmp_path / "leases"))
    devices = {
        "b": RestoredDevice(DeviceTimeout("b", "no answer")),
        "c": RestoredDevice(),
    }
    sightings = [Sighting(one, "local", one) for one in "abc"]
    monkeypatch.setattr(lab, "sightings", lambda: sightings)
    monkeypatch.setattr(lab, "open_device", devices.__getitem__)
    return devices


def test_a_device_that_cannot_be_restored_keeps_no_other_from_it(
    restorable, tmp_path, capsys
) -> None:
    with Lease.acquire("a", "a run"):
        assert not _restore(tmp_path / "results")
    assert restorable["c"].restored
    assert all(device.closed for device in restorable.values())
    said = capsys.readouterr().err.splitlines()
    assert [line.partition(":")[0] for line in said[:2]] == ["not restored", "not restored"]
    assert "no runner is left" not in said[-1]


def test_doctor_names_a_results_folder_that_cannot_be_written(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)
    states = {name: (state, text) for name, state, text in _place_checks(tmp_path)}
    assert states["results"] == (BAD, f"{tmp_path} cannot be written to; name another folder")
