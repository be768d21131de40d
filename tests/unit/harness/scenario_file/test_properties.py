"""Any text is a scenario or a ScenarioError, and a scenario survives its stored text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.errors import ScenarioError
from harness.scenario import Scenario
from harness.scenario_file import load, loads
from harness.scenario_file.nodes import Origin, dump, parse

FOLDER = Path("/nowhere")
QUICK = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def outcome(reader: Callable[..., Scenario], *arguments: Any) -> Scenario | str:
    """The scenario, or the message of its refusal: one line that a terminal can show."""
    try:
        return reader(*arguments)
    except ScenarioError as error:
        message = str(error)
    assert message.isprintable()
    return message


def read(text: str) -> Scenario | str:
    return outcome(loads, text, "s.yaml", FOLDER)


@QUICK
@given(st.text())
def test_any_text(text):
    assert isinstance(read(text), str)


@QUICK
@given(st.text(alphabet=st.sampled_from("ab: -[]{}&*!|>%@`\"'#,?\n\t\\ux0~<=.")))
def test_any_text_of_yaml_marks(text):
    assert isinstance(read(text), str)


@QUICK
@given(st.binary(max_size=200))
def test_any_file(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("any") / "s.yaml"
    path.write_bytes(data)
    assert isinstance(outcome(load, path), str)


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)

nasty = st.text(min_size=1, max_size=12)
tame = st.from_regex(r"[a-z][a-z0-9_]{0,9}", fullmatch=True)
some_seconds = st.floats(0.001, 259200)
threads = st.integers(1, 64)


def mapping(required: dict[str, Any], **optional: Any) -> st.SearchStrategy[dict[str, Any]]:
    """A mapping with the required keys (constants or strategies) and some of the others."""
    return st.fixed_dictionaries(
        {k: v if isinstance(v, st.SearchStrategy) else st.just(v) for k, v in required.items()},
        optional=optional,
    )


def some(item: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return item | st.lists(item, min_size=1, max_size=3)


warmup = st.sampled_from(["none", "steady", "fixed"]) | mapping(
    {"rule": "steady"}, min_inferences=st.integers(0, 99), min_seconds=st.floats(0, 10)
)
load_entry = (
    st.sampled_from(["cold", "burst", "single_stream", "offline"])
    | mapping({"kind": "single_stream"}, warmup=warmup, min_seconds=st.floats(0, 600))
    | mapping({"kind": "burst"}, warmup=warmup, inferences=st.integers(1, 99))
    | mapping({"kind": "offline"}, samples=st.integers(1, 99))
    | mapping({"kind": "sustained", "seconds": some_seconds}, warmup=warmup)
    | mapping({"kind": "periodic", "rate_hz": st.floats(0.1, 99)}, seconds=some_seconds)
    | mapping({"kind": "cold"}, page_cache=st.sampled_from(["keep", "drop"]))
)


def documents(name: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, Any]]:
    """Documents that are right if ``name`` gives right names."""
    number = st.floats(allow_nan=False, allow_infinity=False)
    word = name | st.integers(-(10**17), 10**17) | number | st.booleans()
    selector = st.just("local") | st.dictionaries(
        st.sampled_from(["platform", "model", "os", "tag", "simulated"]), word, min_size=1
    )
    shapes = st.lists(st.integers(1, 9), max_size=4)
    model = mapping({"family": name, "variants": some(name)}) | mapping(
        {"path": name.map(lambda text: f"{text.replace('/', '_')}.onnx")},
        shapes=st.dictionaries(name, shapes, min_size=1, max_size=2),
    )
    block = mapping(
        {"engine": some(st.sampled_from(["tflite", "onnxruntime", "coreml"]))},
        delegate=some(st.sampled_from(["cpu", "gpu"])),
        threads=some(threads),
        batch=some(threads),
        when=selector,
        xnnpack=some(st.booleans()),
        load=st.sampled_from(["mmap", "buffer"]),
    )
    lab = mapping({"address": "android:1"}, tags=st.lists(name, max_size=2), hub_port=word)
    return mapping(
        {"schema": 1, "models": some(model), "blocks": some(block)},
        name=name,
        devices=some(selector),
        exclude=st.lists(mapping({"why": name, "model": some(word)}), max_size=2),
        loads=some(load_entry),
        repeats=st.integers(1, 9) | st.just({"min": 2, "max": 5, "until_ci": "2.5%"}),
        gates=mapping(
            {},
            timeout_minutes=st.floats(0, 9),
            foreign_cpu_percent=st.floats(0, 99),
            thermal=st.sampled_from(["auto", "off", {"max_c": 30.5}]),
            battery_percent=st.just([10, 90.5]),
        ),
        ambient=st.floats(-40, 60) | st.just({"serial": "/dev/ttyUSB0", "baud": 9600}),
        limits=st.lists(mapping({"latency_p90_ms": st.floats(0, 9)}, threads=word), max_size=2),
        memory=st.sampled_from(["separate", "none"]),
        lab=st.lists(lab, max_size=1),
        seed=st.integers(0, 2**53),
    )


@QUICK
@given(documents(nasty) | documents(tame))
def test_the_stored_text_gives_an_equal_scenario(plain):
    scenario = read(dump(plain))
    if isinstance(scenario, Scenario):
        assert loads(scenario.text, "s.yaml", Path("/elsewhere")) == scenario


@QUICK
@given(documents(tame))
def test_right_documents_are_read(plain):
    plain.setdefault("exclude", [])
    plain["exclude"] = [one for one in plain["exclude"] if "model" in one]
    assert isinstance(read(dump(plain)), Scenario)


@QUICK
@given(
    documents(nasty),
    st.sampled_from(["models", "devices", "blocks", "loads", "lab", "limits"]),
    junk,
)
def test_junk_in_its_place(plain, key, value):
    try:
        text = yaml.safe_dump(plain | {key: value})
    except (yaml.YAMLError, UnicodeEncodeError):
        return
    read(text)


@QUICK
@given(nasty, st.text(max_size=20))
def test_any_override(tmp_path_factory, key, value):
    path = tmp_path_factory.mktemp("set") / "s.yaml"
    path.write_text("schema: 1\nmodels: {family: n, variants: a}\nblocks: {engine: tflite}\n")
    outcome(load, path, [f"{key}={value}"])


@QUICK
@given(junk)
def test_dump_and_parse_are_inverse(plain):
    origin = Origin("s.yaml", FOLDER)
    try:
        read_back = parse(dump(plain), origin).plain()
    except ScenarioError:
        return
    assert dump(read_back) == dump(parse(dump(read_back), origin).plain())
