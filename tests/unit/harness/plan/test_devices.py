"""Which devices a scenario's selectors mean."""

from __future__ import annotations

import pytest

from harness.plan.devices import candidates, choose, matches
from harness.record import DeviceFacts
from harness.scenario import LabDevice
from harness.scenario_file import parse_selector

LAB = (
    LabDevice("android:A", "p8", ("nightly", "oled"), owner="ann"),
    LabDevice("android:GONE", "lost"),
)


def phone(device_id: str, **values) -> tuple[str, DeviceFacts]:
    return device_id, DeviceFacts(device_id, values)


FACTS: dict[str, DeviceFacts | None] = dict(
    [
        phone("android:A", model="Pixel 8", soc="Tensor G3", os="14", cores=9, simulated=False),
        phone("android:B", model="Pixel 8", soc="Tensor G3", os="9", cores=9, simulated=True),
        phone("android:C", model="Galaxy S22", os="Android 13.1", cores=8),
        phone("local", platform="linux", os="Linux 6.1.0", cores=2),
    ]
)
AT_HAND = candidates(FACTS, LAB)


def chosen(*texts: str, facts=FACTS) -> list[str]:
    choice = choose([parse_selector(text) for text in texts], candidates(facts, LAB), LAB)
    return [one.device_id for one in choice.devices]


@pytest.mark.parametrize(
    ("text", "devices"),
    [
        ("local", "local"),
        ("android:B", "android:B"),
        ("p8", "android:A"),
        ("platform=android", "android:A android:B android:C"),
        ("platform=local", "local"),
        ("platform=linux", "local"),
        ("platform=android,soc=Tensor*", "android:A android:B"),
        ("soc=tensor g3", "android:A android:B"),
        ("soc!=Tensor*", "android:C local"),
        ("model=*S22", "android:C"),
        ("model=Pixel", ""),
        ("os>=13", "android:A android:C"),
        ("os>13.1", "android:A"),
        ("os<=13.1.0", "android:B android:C local"),
        ("os<10", "android:B local"),
        ("cores>=8,cores<9", "android:C"),
        ("simulated=false", "android:A"),
        ("simulated!=true", "android:A android:C local"),
        ("tag=nightly", "android:A"),
        ("tag!=nightly", "android:B android:C local"),
        ("nickname=p8", "android:A"),
        ("owner=ann", "android:A"),
        ("owner=*", "android:A"),
        ("soc>=3", "android:A android:B"),
        ("model=Pixel 8,count=1", "android:A"),
        ("platform=android,per=model,count=1", "android:A android:C"),
        ("per=platform,count=1", "android:A local"),
        ("serial=7", ""),
    ],
)
def test_selectors(text, devices):
    assert chosen(text) == devices.split()


def test_a_device_is_taken_once_however_many_selectors_want_it():
    assert chosen("p8", "platform=android", "android:A") == ["android:A", "android:B", "android:C"]


def test_devices_that_are_not_at_hand_are_skips():
    choice = choose([parse_selector("lost"), parse_selector("android:Z")], AT_HAND, LAB)
    assert choice.devices == ()
    assert [skip.device_id for skip in choice.skips] == ["android:GONE", "android:Z"]
    assert all("not at hand" in skip.reason for skip in choice.skips)


def test_devices_beyond_the_count_are_skips_unless_another_selector_wants_them():
    bounded = parse_selector("platform=android,per=model,count=1")
    (skip,) = choose([bounded], AT_HAND, LAB).skips
    assert skip.device_id == "android:B"
    assert "asks for 1 per model" in skip.reason
    assert choose([bounded, parse_selector("android:B")], AT_HAND, LAB).skips == ()


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("platform=android", True),
        ("platform=ios", False),
        ("soc=Tensor*", None),
        ("soc=Tensor*,platform=ios", False),
        ("soc=Tensor*,platform=android", None),
        ("tag=nightly", True),
        ("platform>=3", False),
    ],
)
def test_facts_not_asked_yet(text, answer):
    (unasked,) = candidates({"android:A": None}, LAB)
    assert matches(parse_selector(text), unasked) is answer


def test_unasked_devices_take_part_and_are_marked():
    choice = choose([parse_selector("soc=Tensor*")], candidates({"android:A": None}, LAB), LAB)
    assert [one.device_id for one in choice.devices] == ["android:A"]
    assert choice.unknown == ("android:A",)
    sure = choose(
        [parse_selector("soc=Tensor*"), parse_selector("p8")],
        candidates({"android:A": None}, LAB),
        LAB,
    )
    assert sure.unknown == ()


def test_a_count_keeps_every_device_whose_group_is_unknown():
    facts = {"android:A": None, "android:B": None}
    assert chosen("platform=android,per=model,count=1", facts=facts) == ["android:A", "android:B"]
