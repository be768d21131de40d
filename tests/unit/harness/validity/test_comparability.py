from __future__ import annotations

from dataclasses import replace

import pytest

from harness.errors import UserError
from harness.record import DeviceFacts, DeviceState, Outcome, Trial, TrialRecord
from harness.scenario import Burst
from harness.validity.comparability import (
    CELL_FACTORS,
    FACTORS,
    FIELDS,
    Side,
    check_factors,
    differences,
    level,
    pairing_key,
    separate_sessions,
    single_unit,
)

PHONE = DeviceFacts(
    "android:A1",
    {"platform": "android", "model": "Pixel 7", "serial": "A1", "os_build": "B1", "governor": "g"},
)


@pytest.fixture
def side(cell):
    """A side of three trials; keywords change its cell, ``record`` and ``facts`` the rest."""

    def make(*, run="run-1", facts=None, record=None, start=0, **changes) -> Side:
        own = replace(cell, **changes)
        records = tuple(
            TrialRecord(
                run_id=run,
                trial=Trial(f"{own.key}-r{repeat}", own, repeat, repeat),
                attempt=1,
                outcome=Outcome.OK,
                started_at=f"2026-01-01T00:{start + 2 * repeat:02d}:00+00:00",
                ended_at=f"2026-01-01T00:{start + 2 * repeat + 1:02d}:00+00:00",
                **{
                    "runner": {"runner": "local", "version": "1", "pid": 100 * start + repeat},
                    "engine": {"version": "2.3", "xnnpack": True, "cache_state": str(repeat)},
                    "input_digests": ("aa",),
                    "harness": {"version": "0.1.0", "commit": str(start)},
                    **(record or {}),
                },
            )
            for repeat in range(3)
        )
        return Side(run, own, records, facts or DeviceFacts("local", {"hostname": "h", "os": "L"}))

    return make


def fields(reference, candidate, *factors):
    return [item.field for item in differences(reference, candidate, factors)]


def test_what_changes_from_trial_to_trial_is_no_difference(side):
    assert fields(side(), side(run="run-2", start=1)) == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"engine": "onnxruntime"}, "engine"),
        ({"threads": 4}, "threads"),
        ({"batch": 8}, "batch"),
        ({"delegate": "gpu"}, "delegate"),
        ({"device_id": "other"}, "device"),
        ({"load": Burst()}, "load"),
        ({"options": {"xnnpack": False}}, "options"),
        ({"shapes": {"ids": (1, 8)}}, "shapes"),
        ({"record": {"engine": {"version": "2.4", "xnnpack": True}}}, "engine version"),
        ({"record": {"engine": {"version": "2.3", "xnnpack": False}}}, "engine settings"),
        ({"record": {"runner": {"runner": "local", "version": "2"}}}, "runner version"),
        ({"record": {"runner": {"runner": "local", "version": "1", "apk": "c"}}}, "runner build"),
        ({"record": {"input_digests": ("bb",)}}, "inputs"),
        ({"record": {"harness": {"version": "0.2.0"}}}, "harness version"),
        ({"record": {"state_before": DeviceState({"screen": "off"})}}, "screen"),
        ({"facts": DeviceFacts("local", {"hostname": "other", "os": "L"})}, "unit"),
        ({"facts": DeviceFacts("local", {"hostname": "h", "os": "M"})}, "OS"),
        (
            {"facts": DeviceFacts("local", {"hostname": "h", "os": "L", "os_build": "1"})},
            "OS build",
        ),
        (
            {"facts": DeviceFacts("local", {"hostname": "h", "os": "L", "governor": "p"})},
            "governor",
        ),
    ],
)
def test_every_field_that_differs_is_named(side, changes, field):
    assert fields(side(), side(**changes)) == [field]
    assert fields(side(**changes), side()) == [field]


def test_the_model_file_counts_by_its_digest(side, cell):
    rebuilt = side(variant=replace(cell.variant, digest="1" * 64))
    assert fields(side(), rebuilt) == ["model digest"]
    assert fields(side(), rebuilt, "digest") == []
    assert "000000000000 against 111111111111" in str(differences(side(), rebuilt, ())[0])


def test_a_side_that_is_two_things_is_comparable_with_nothing(side):
    mixed = side()
    updated = replace(mixed.records[0], engine={"version": "9", "xnnpack": True})
    mixed = replace(mixed, records=(updated, *mixed.records[1:]))
    found = differences(mixed, mixed, ())
    assert [str(item) for item in found] == ["engine version (2.3 and 9 against 2.3 and 9)"]


def test_a_factor_frees_what_changes_with_it(side, cell):
    other = side(
        engine="onnxruntime",
        variant=replace(cell.variant, digest="1" * 64, format="onnx"),
        record={"engine": {"version": "1.31", "spin": True}, "input_digests": ("bb",)},
    )
    assert fields(side(), other, "engine") == []
    assert fields(side(), replace(other, cell=replace(other.cell, threads=2)), "engine") == [
        "threads"
    ]


def test_factors_free_known_fields_only():
    assert {field for freed in FACTORS.values() for field in freed} <= FIELDS.keys()
    assert set(CELL_FACTORS) <= FACTORS.keys()


def test_an_unknown_factor_is_refused():
    assert check_factors(["engine", "threads", "engine"]) == ("engine", "threads")
    with pytest.raises(
        UserError, match="no factor 'colour' to compare by; there are run, arm, engine"
    ):
        check_factors(["colour"])


def test_cells_are_paired_by_everything_but_the_factor(cell):
    other = replace(cell, threads=4)
    assert pairing_key(cell, ["threads"]) == pairing_key(other, ["threads"])
    assert pairing_key(cell, ["engine"]) != pairing_key(other, ["engine"])
    memory = replace(cell, purpose="memory")
    assert pairing_key(cell, CELL_FACTORS) != pairing_key(memory, CELL_FACTORS)
    longer = replace(cell, load=replace(cell.load, min_seconds=9))
    assert pairing_key(cell, []) != pairing_key(longer, [])


def test_levels_are_for_people(cell):
    assert level(cell, ["engine", "threads"]) == "tflite, 1"
    assert level(cell, ["run"]) == ""


def test_sides_taken_in_turn_are_one_session(side):
    assert list(separate_sessions(side(), side(threads=2, start=1))) == []


def test_sides_one_after_the_other_are_separate_sessions(side):
    for later in (side(threads=2, start=10), side(run="run-2", start=1)):
        for pair in ((side(), later), (later, side())):
            assert [item.id for item in separate_sessions(*pair)] == ["SEPARATE-SESSIONS"]


def test_one_phone_does_not_stand_for_its_model(side):
    phone = side(facts=PHONE, device_id="android:A1")
    twin = DeviceFacts("android:A2", {**PHONE.values, "serial": "A2"})
    assert [item.seen for item in single_unit(phone, phone, ["engine"], [PHONE])] == [
        "android:A1 alone stands for Pixel 7"
    ]
    assert list(single_unit(phone, phone, ["engine"], [PHONE, twin])) == []


def test_a_lab_machine_claims_nothing_unless_devices_are_compared(side):
    facts = DeviceFacts("local", {"platform": "local"})
    here = side(facts=facts)
    assert list(single_unit(here, here, ["engine"], [facts])) == []
    found = list(single_unit(here, side(facts=PHONE), ["device"], [facts, PHONE]))
    assert [item.seen for item in found] == [
        "local alone stands for its model",
        "android:A1 alone stands for Pixel 7",
    ]
