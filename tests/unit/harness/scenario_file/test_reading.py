"""What right scenario files mean."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.conditions import Ambient, Gates, Joulescope, ThermalGate
from harness.scenario import (
    Burst,
    Cold,
    DeviceSelector,
    Exclusion,
    FamilyModels,
    FileModel,
    LabDevice,
    Limit,
    MatrixBlock,
    MemoryPass,
    Offline,
    Order,
    Periodic,
    Prepare,
    Repeats,
    Require,
    Scenario,
    SingleStream,
    Sustained,
    Warmup,
)
from harness.scenario_file import load, loads

FULL = """\
schema: 1
name: delegates
models:
  - {family: mobilenet_v2, variants: [fp32, int8-static]}
  - {path: my.onnx, shapes: {ids: [[1, 128], [1, 512]], mask: [1, 1]}, inputs: data}
devices: [local, {platform: android, os: ">=13", tag: nightly, per: model, count: 1}]
blocks:
  - {engine: [tflite, onnxruntime], threads: [1, 4], batch: [1, 8]}
  - {engine: tflite, delegate: xnnpack, xnnpack: [true, false], load: [mmap, buffer]}
  - {when: platform=android, engine: tflite, delegate: [gpu, nnapi]}
  - {when: {platform: ios}, engine: [coreml], delegate: [all]}
exclude:
  - {precision: fp16, delegate: [nnapi, gpu], why: "the driver rejects it"}
loads:
  - {kind: single_stream, warmup: {rule: steady, max_seconds: 5}, min_seconds: 2, min_inferences: 9}
  - {kind: burst, warmup: none, inferences: 7}
  - {kind: offline, samples: 64}
  - {kind: sustained, hours: 72}
  - {kind: periodic, rate_hz: 30, seconds: 5}
  - {kind: cold, page_cache: drop}
repeats: {min: 5, max: 20, until_ci: 2%}
order: {kind: blocked, seed: 7}
gates:
  {foreign_cpu_percent: 10, timeout_minutes: 9, thermal: {max_c: 32}, battery_percent: [30, 80]}
ambient: {file: room.txt, scale: 0.001}
prepare: {brightness_percent: 0, refresh_hz: 60, airplane: true, start: instrumentation}
telemetry: {rate_hz: 2}
memory: {pass: separate, settle_minutes: 1}
require: {absent: [DRIFT, WARMUP-CAPPED], placement: full}
limits: [{latency_p90_ms: 200, cpu_percent: 30}, {model: "kws*", rss_peak_mib: 64}]
seed: 3
"""


MATRIX = {"models": {"family": "net", "variants": "fp32"}, "blocks": {"engine": "tflite"}}


def test_every_key(tmp_path):
    (tmp_path / "my.onnx").write_bytes(b"x")
    (tmp_path / "room.txt").write_text("21500")
    (tmp_path / "data").mkdir()
    path = tmp_path / "full.yaml"
    path.write_text(FULL)
    scenario = load(path)
    assert scenario == Scenario(
        name="delegates",
        models=(
            FamilyModels("mobilenet_v2", ("fp32", "int8-static")),
            FileModel(
                tmp_path / "my.onnx",
                ({"ids": (1, 128), "mask": (1, 1)}, {"ids": (1, 512), "mask": (1, 1)}),
                tmp_path / "data",
            ),
        ),
        devices=(
            DeviceSelector(address="local"),
            DeviceSelector(
                terms=(("platform", "=", "android"), ("os", ">=", "13"), ("tag", "=", "nightly")),
                per="model",
                count=1,
            ),
        ),
        blocks=(
            MatrixBlock(("tflite", "onnxruntime"), threads=(1, 4), batches=(1, 8)),
            MatrixBlock(
                ("tflite",),
                ("xnnpack",),
                options=(
                    {"xnnpack": True, "load": "mmap"},
                    {"xnnpack": True, "load": "buffer"},
                    {"xnnpack": False, "load": "mmap"},
                    {"xnnpack": False, "load": "buffer"},
                ),
            ),
            MatrixBlock(
                ("tflite",),
                ("gpu", "nnapi"),
                when=DeviceSelector(terms=(("platform", "=", "android"),)),
            ),
            MatrixBlock(
                ("coreml",), ("all",), when=DeviceSelector(terms=(("platform", "=", "ios"),))
            ),
        ),
        exclude=(
            Exclusion({"precision": "fp16", "delegate": "nnapi"}, "the driver rejects it"),
            Exclusion({"precision": "fp16", "delegate": "gpu"}, "the driver rejects it"),
        ),
        loads=(
            SingleStream(Warmup(max_seconds=5), min_seconds=2, min_inferences=9),
            Burst(Warmup(rule="none", min_seconds=0, min_inferences=3), inferences=7),
            Offline(samples=64),
            Sustained(seconds=72 * 3600),
            Periodic(rate_hz=30, seconds=5),
            Cold(page_cache="drop"),
        ),
        repeats=Repeats(5, 20, 0.02),
        order=Order("blocked", 7),
        gates=Gates(10, (30, 80), ThermalGate(32), 9),
        ambient=Ambient(file=tmp_path / "room.txt", scale=0.001),
        prepare=Prepare(
            brightness_percent=0, refresh_hz=60, airplane=True, start="instrumentation"
        ),
        telemetry_rate_hz=2,
        memory=MemoryPass(settle_minutes=1),
        require=Require(("DRIFT", "WARMUP-CAPPED"), placement="full"),
        limits=(
            Limit({}, {"latency_p90_ms": 200, "cpu_percent": 30}),
            Limit({"model": "kws*"}, {"rss_peak_mib": 64}),
        ),
        source=str(path),
        text=scenario.text,
        seed=3,
    )


def test_defaults_are_those_of_the_dataclasses(read):
    scenario = read()
    bare = Scenario("s", (FamilyModels("net", ("fp32",)),), blocks=(MatrixBlock(("tflite",)),))
    for name in ("devices", "loads", "repeats", "order", "gates", "memory", "require", "seed"):
        assert getattr(scenario, name) == getattr(bare, name)
    assert scenario.name == "s"  # the file's name


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("repeats: 5", "repeats", Repeats(5, 5)),
        ("repeats: {min: 2}", "repeats", Repeats(2, 2)),
        ("repeats: {min: 2, max: 4, until_ci: 0.05}", "repeats", Repeats(2, 4, 0.05)),
        ("order: blocked", "order", Order("blocked")),
        ("memory: separate", "memory", MemoryPass()),
        ("memory: {pass: none}", "memory", None),
        ("memory: {}", "memory", MemoryPass()),
        ("devices: android:R5", "devices", (DeviceSelector(address="android:R5"),)),
        ("devices: 'os>=17.10'", "devices", (DeviceSelector(terms=(("os", ">=", "17.10"),)),)),
        ("devices: {os: 17.10}", "devices", (DeviceSelector(terms=(("os", "=", "17.10"),)),)),
        (
            "devices: {simulated: false}",
            "devices",
            (DeviceSelector(terms=(("simulated", "=", "false"),)),),
        ),
        ("loads: cold", "loads", (Cold(),)),
        ("loads: [burst, cold]", "loads", (Burst(), Cold())),
        ("loads: {kind: sustained, minutes: 20}", "loads", (Sustained(1200),)),
        ("loads: {kind: sustained, seconds: 1.5}", "loads", (Sustained(1.5),)),
        ("exclude: []", "exclude", ()),
        ("limits: {latency_p50_us: 3}", "limits", (Limit({}, {"latency_p50_us": 3}),)),
    ],
)
def test_shorthands(read, text, name, value):
    assert getattr(read(text), name) == value


def test_a_fixed_warmup_keeps_the_defaults_of_its_load(read):
    (load_,) = read("loads: [{kind: burst, warmup: {min_inferences: 9}}]").loads
    assert load_.warmup == Warmup("fixed", 0.0, 9)


def test_words_of_yaml_1_1_are_text(read):
    assert read("name: no").name == "no"
    assert read("name: 12:30:00").name == "12:30:00"


def test_json_is_yaml(read):
    text = json.dumps({"schema": 1, "name": "phone \U0001f4f1 ü", **MATRIX})
    assert "\\ud83d\\udcf1" in text
    assert read(text, whole=True).name == "phone \U0001f4f1 ü"


def test_a_serial_number_keeps_its_zeros(read):
    (device,) = read("lab: [{address: local, meter: {joulescope: 002401}}]").lab
    assert device.meter == Joulescope("002401")


def test_fractions_of_any_length(read):
    assert read("gates: {timeout_minutes: 0.10000000000000000001}").gates.timeout_minutes == 0.1


def test_anchors_and_aliases(read):
    scenario = read("loads: [&b {kind: burst}, *b]")
    assert scenario.loads == (Burst(), Burst())


def test_paths_are_relative_to_the_file_that_names_them(tmp_path, monkeypatch):
    lab = tmp_path / "lab"
    lab.mkdir()
    (lab / "families.yaml").write_text("x")
    (lab / "lab.yaml").write_text("schema: 1\ncatalogue: families.yaml\n")
    here = tmp_path / "here"
    here.mkdir()
    (here / "a.tflite").write_bytes(b"x")
    (tmp_path / "b.tflite").write_bytes(b"x")
    path = here / "s.yaml"
    path.write_text(
        "schema: 1\nextends: ../lab/lab.yaml\n"
        "models: [{path: a.tflite}]\nblocks: [{engine: tflite}]"
    )
    monkeypatch.chdir(tmp_path)
    scenario = load(Path("here/s.yaml"))
    assert scenario.catalogue == lab / "families.yaml"
    assert scenario.models == (FileModel(here / "a.tflite"),)
    assert load(path, ["models[0].path=b.tflite"]).models == (FileModel(tmp_path / "b.tflite"),)


def test_the_stored_text_needs_nothing_else(tmp_path):
    (tmp_path / "my.onnx").write_bytes(b"x")
    (tmp_path / "data").mkdir()
    (tmp_path / "lab.yaml").write_text(
        "schema: 1\nlab: [{address: 'android:R5', nickname: p8, tags: [a], hub_port: 1.10}]\n"
    )
    path = tmp_path / "s.yaml"
    (tmp_path / "room.txt").write_text("21500")
    path.write_text(FULL.replace("devices: [", "extends: lab.yaml\ndevices: [p8, "))
    scenario = load(path, ["repeats=4"])
    assert scenario.lab == (LabDevice("android:R5", "p8", ("a",), None, "1.10"),)
    (tmp_path / "my.onnx").unlink()
    (tmp_path / "room.txt").unlink()
    (tmp_path / "lab.yaml").unlink()
    assert loads(scenario.text, scenario.source, Path("/nowhere")) == scenario


class TestExtends:
    def test_the_scenario_wins_key_by_key(self, write, read):
        write(
            "schema: 1\ngates: {foreign_cpu_percent: 9, timeout_minutes: 9}\nseed: 9",
            "lab.yaml",
            whole=True,
        )
        scenario = read("extends: lab.yaml\ngates: {timeout_minutes: 1}")
        assert scenario.gates == Gates(9, timeout_minutes=1)
        assert scenario.seed == 9

    def test_lists_are_replaced(self, write, read):
        write("schema: 1\nloads: [burst, cold]", "lab.yaml", whole=True)
        assert read("extends: lab.yaml\nloads: [cold]").loads == (Cold(),)

    def test_a_chain(self, write, read):
        write("schema: 1\nseed: 1\nrepeats: 9", "a.yaml", whole=True)
        write("schema: 1\nextends: a.yaml\nseed: 2", "b.yaml", whole=True)
        scenario = read("extends: b.yaml")
        assert (scenario.seed, scenario.repeats.min) == (2, 9)


class TestSet:
    @pytest.mark.parametrize(
        ("override", "name", "value"),
        [
            ("repeats=5", "repeats", Repeats(5, 5)),
            ("repeats={min: 1, max: 9, until_ci: 5%}", "repeats", Repeats(1, 9, 0.05)),
            ("gates.timeout_minutes=2", "gates", Gates(timeout_minutes=2)),
            ("gates.thermal=off", "gates", Gates(thermal=None)),
            ("gates.thermal=auto", "gates", Gates()),
            ("ambient=21.5", "ambient", Ambient(21.5)),
            ("loads=[cold]", "loads", (Cold(),)),
            ("name=a=b", "name", "a=b"),
        ],
    )
    def test_keys(self, read, override, name, value):
        assert getattr(read("", override), name) == value

    @pytest.mark.parametrize("path", ["loads.1.minutes", "loads[1].minutes"])
    def test_items(self, read, path):
        text = "loads: [cold, {kind: sustained, minutes: 20}]"
        assert read(text, f"{path}=2").loads == (Cold(), Sustained(120))

    def test_later_ones_win(self, read):
        assert read("", "seed=1", "seed=2").seed == 2


@pytest.mark.parametrize(
    ("text", "detached"),
    [
        ("", False),
        ("detached: true", True),
        ("energy: {detached: true}", True),
        ("energy: auto", False),
    ],
)
def test_without_the_cable(read, text, detached) -> None:
    assert read(text).is_detached is detached
