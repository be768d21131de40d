"""What wrong scenario files are told."""
# ruff: noqa: E501 - one row per mistake

from __future__ import annotations

import pytest

from harness.errors import ScenarioError, UserError
from harness.scenario_file import load, loads, parse_selector
from harness.scenario_file.nodes import MAX_BYTES

WRONG = [
    # text, line, key, part of the problem (line 4 is the first after the minimal scenario)
    ("repeat: 3", 4, "repeat", "unknown key; did you mean 'repeats'?"),
    ("zzz: 3", 4, "zzz", "unknown key; use one of schema"),
    ("loads:\n- kind: burst\n  inference: 3", 6, "loads[0].inference", "did you mean 'inferences'?"),
    ("repeats: often", 4, "repeats", "expected a whole number, got the text 'often'"),
    ("repeats: 0", 4, "repeats", "is 0; allowed is 1 to 1000"),
    ("repeats: 1.5", 4, "repeats", "expected a whole number, got the number 1.5"),
    ("repeats: true", 4, "repeats", "got true"),
    ("repeats: {min: 5, max: 3}", 4, "repeats.max", "max 3 is below min 5"),
    ("repeats: {min: 1, max: 3}", 4, "repeats.max", "add until_ci"),
    ("repeats: {until_ci: 2%}", 4, "repeats.until_ci", "needs a max above min"),
    ("repeats: {min: 1, max: 2, until_ci: 120%}", 4, "repeats.until_ci", "above 0% and below 100%"),
    ("repeats: {min: 1, max: 2, until_ci: narrow}", 4, "repeats.until_ci", "such as 2%"),
    ("repeats: {min: 1, max: 2, until_ci: 0x%}", 4, "repeats.until_ci", "such as 2%"),
    ("name: 3", 4, "name", "expected text, got the number 3; put it in quotes"),
    ("name: ''", 4, "name", "the text is empty"),
    ("name:", 4, "name", "expected text, got nothing"),
    (f"name: {'x' * 300}", 4, "name", "is 300 characters long, 200 are allowed"),
    ("devices: []", 4, "devices", "the list is empty"),
    ("devices: pixel", 4, "devices", "unknown device 'pixel'"),
    ("devices: {}", 4, "devices", "the device selector is empty"),
    ("devices: 'platform='", 4, "devices", "'platform=' is no term"),
    ("devices: 'os>=new'", 4, "devices", "'new' is no number to compare os with"),
    ("devices: 'os==3'", 4, "devices", "an operator too many before '=3'"),
    ("gates: {thermal: false}", 4, "gates.thermal", "use one of auto, off; got false"),
    ("devices: [{platform: [android]}]", 4, "devices[0].platform", "got a list"),
    ("devices: 'tag=a,per=model'", 4, "devices", "per needs count=N"),
    ("devices: 'tag=a,count=0'", 4, "devices", "'0' is no number of devices"),
    ("devices: 'tag=a,count=1,count=2'", 4, "devices", "count is given as count=..., once"),
    ("exclude: [{delegate: gpu}]", 4, "exclude[0]", "an exclusion needs its reason"),
    ("exclude: [{why: because}]", 4, "exclude[0].why", "excludes everything"),
    ("exclude: [{engin: tflite, why: x}]", 4, "exclude[0].engin", "did you mean 'engine'?"),
    ("loads: []", 4, "loads", "the list is empty"),
    ("loads: [{warmup: none}]", 4, "loads[0]", "the key 'kind' is missing"),
    ("loads: [single_steam]", 4, "loads[0]", "did you mean 'single_stream'?"),
    ("loads: [{kind: generate}]", 4, "loads[0].kind", "'generate' is not available yet"),
    ("loads: [{kind: sustained}]", 4, "loads[0]", "needs its length"),
    ("loads: [{kind: sustained, hours: 73}]", 4, "loads[0].hours", "at most 72"),
    ("loads: [{kind: sustained, hours: 1, minutes: 2}]", 4, "loads[0].hours", "keep one"),
    ("loads: [{kind: periodic}]", 4, "loads[0]", "the key 'rate_hz' is missing"),
    ("loads: [{kind: periodic, rate_hz: 0}]", 4, "loads[0].rate_hz", "allowed is above 0"),
    ("loads: [{kind: periodic, rate_hz: 1e999}]", 4, "loads[0].rate_hz", "allowed is above 0"),
    ("loads: [{kind: burst, warmup: {rule: none, min_seconds: 3}}]", 4, "loads[0].warmup.min_seconds", "means nothing with rule: none"),
    ("loads: [{kind: burst, warmup: {rule: fixed, max_seconds: 3}}]", 4, "loads[0].warmup.max_seconds", "belongs to rule: steady"),
    ("loads: [{kind: cold, warmup: none}]", 4, "loads[0].warmup", "unknown key"),
    ("loads: [{kind: single_stream, min_seconds: 900}]", 4, "loads[0].min_seconds", "raise max_seconds"),
    ("memory: {pass: none, readings: 3}", 4, "memory.readings", "means nothing with pass: none"),
    ("accuracy: {metrics: top1}", 4, "accuracy", "the key 'dataset' is missing"),
    ("accuracy: {dataset: digits, metrics: top2}", 4, "accuracy.metrics", "unknown 'top2'"),
    ("accuracy: {dataset: none.npz}", 4, "accuracy.dataset", "there is no file 'none.npz' in"),
    ("accuracy: {dataset: data/none}", 4, "accuracy.dataset", "there is no folder 'data/none' in"),
    ("require: {absent: [DRIFTT]}", 4, "require.absent[0]", "did you mean 'DRIFT'?"),
    ("limits: [{model: x}]", 4, "limits[0]", "a limit needs a bound"),
    ("limits: [{latency_p90_mss: 3}]", 4, "limits[0].latency_p90_mss", "did you mean 'latency_p90_ms'?"),
    ("telemetry: {rate_hz: fast}", 4, "telemetry.rate_hz", "expected a number, got the text 'fast'"),
    ("telemetry: 3", 4, "telemetry", "expected a mapping"),
    ("order: abba", 4, "order", "abba is the order of two arms; add arms"),
    ("arms: {other: {}}", 4, "arms.other", "use one of reference, candidate, equal"),
    ("arms: {candidate: {model: none.tflite}}", 4, "arms.candidate.model", "there is no file 'none.tflite' in"),
    ("arms: {candidate: {model: {kws: none.onnx}}}", 4, "arms.candidate.model.kws", "there is no file"),
    ("arms: {candidate: {options: {xnnpak: false}}}", 4, "arms.candidate.options.xnnpak", "did you mean 'xnnpack'?"),
    ("arms: {candidate: {python: none/bin/python}}", 4, "arms.candidate.python", "there is no file"),
    ("arms: {candidate: {runner: none/android}}", 4, "arms.candidate.runner", "there is no folder"),
    ("arms: {}\nrepeats: 5", 5, "repeats", "write an even number"),
    ("arms: {}\nrepeats: {min: 4, max: 7, until_ci: 2%}", 5, "repeats", "write an even number"),
    ("finish_by: late", 4, "finish_by", "'late' is no time; write '06:30'"),
    ("finish_by: 2026-11-22", 4, "finish_by", "has no time of day; write 2026-11-22T06:30"),
    ("finish_by: '25:00'", 4, "finish_by", "is no time"),
    ("catalogue: none.yaml", 4, "catalogue", "there is no file 'none.yaml' in"),
    ("extends: none.yaml", 4, "extends", "there is no file 'none.yaml' in"),
    ("extends: s.yaml", 4, "extends", "extends itself"),
    ("extends: [a]", 4, "extends", "expected the path of a YAML file, got a list"),
    ("lab: [{address: local, nickname: a}, {address: 'android:1', nickname: a}]", 4, "lab", "the nickname 'a' is there twice"),
    ("lab: {address: local}", 4, "lab", "expected a list, got a mapping"),
    ("seed: 1\nseed: 2", 5, "seed", "is given twice, first in line 4"),
    ("gates: {thermal: on}", 4, "gates.thermal", "unknown 'on'; use one of auto, off"),
    ("gates: {thermal: {kind: off, max_c: 30}}", 4, "gates.thermal.max_c", "means nothing with off"),
    ("gates: {battery_percent: [80, 30]}", 4, "gates.battery_percent", "above the upper end 30; swap them"),
    ("ambient: {scale: 2}", 4, "ambient", "needs one of c (degrees Celsius), file and serial"),
    ("ambient: {c: 20, serial: x}", 4, "ambient.serial", "goes not together with 'c'; keep one of them"),
    ("ambient: {c: 20, baud: 9600}", 4, "ambient.baud", "goes with serial only; remove it"),
    ("ambient: {serial: x, baud: 9601}", 4, "ambient.baud", "use one of 1200, 2400"),
    ("gates: {battery_percent: 25}", 4, "gates.battery_percent", "expected two numbers such as [30, 80]"),
    ("require: {placement: half}", 4, "require.placement", "unknown 'half'"),
    ("limits: [{max_regression: 3%}]", 4, "limits", "max_regression needs two arms to compare"),
    ("limits: [{max_regression: 3}]", 4, "limits[0].max_regression", "write a percentage"),
    *((f"{key}: 1", 4, key, f"{key} is not available yet; remove it")
      for key in ("notify",)),
    ("profile: often", 4, "profile", "use one of separate, none"),
    ("profile: {inferences: 0}", 4, "profile.inferences", "1"),
    ("profile: {pass: none, warmup: 2}", 4, "profile.warmup", "means nothing with pass: none"),
    ("energy: 1", 4, "energy", "use one of auto, battery, rails"),
    ("energy: monsoon", 4, "energy", "use one of auto, battery, rails, rapl, accumulator, meter"),
    ("energy: {idle_seconds: 1}", 4, "energy.idle_seconds", "10"),
    ("lab: [{address: local, meter: none.csv}]", 4, "lab[0].meter", "there is no file 'none.csv'"),
    ("lab: [{address: local, meter: {unit: mW}}]", 4, "lab[0].meter", "needs one of csv (a file) and joulescope"),
    ("lab: [{address: local, meter: {joulescope: any, unit: mW}}]", 4, "lab[0].meter.unit", "goes not together with 'joulescope'"),
    ("lab: [{address: local, usb_power: on}]", 4, "lab[0].usb_power", "cut"),
    ("? [a]\n: 3", 4, "", "a key must be a name"),
    ("? \n: 3", 4, "", "a key must be a name"),
    ("name: !!python/object:os.system x", 4, "name", "remove the tag"),
    ("name: !!set {a}", 4, "name", "is not used in scenarios"),
    ("repeats: !!int abc", 4, "repeats", "cannot be read as 'int'"),
    ('name: "a\\x1b[31m"', 4, "name", "holds the control character U+001B"),
    ('"a\\x1b": 1', 4, "a\\x1b", "a key is one line"),
    ("? |\n  a\n  b\n: 3", 4, "a\\nb\\n", "a key is one line"),
    (f"? {'k' * 201}\n: 3", 4, "k" * 57 + "...", "at most 200"),
    ('name: "\\ud800"', 4, "name", "holds the control character U+D800"),
    ("\tname: x", 4, "", "a tab where YAML wants spaces"),
    ("name: [", 4, "", "not valid YAML"),
    ("name: *nobody", 4, "", "not valid YAML: found undefined alias 'nobody'"),
]  # fmt: skip

WRONG_MATRIX = [
    ("models: []\nblocks: [{engine: tflite}]", "models", "the list is empty"),
    ("blocks: [{engine: tflite}]", "", "the key 'models' is missing"),
    ("models: [{family: n, variants: []}]\nblocks: [{engine: tflite}]", "models[0].variants", "the list is empty"),
    ("models: [{familly: n}]\nblocks: [{engine: tflite}]", "models[0]", "did you mean 'family'?"),
    ("models: [{}]\nblocks: [{engine: tflite}]", "models[0]", "needs one of the keys family, path"),
    ("models: [{family: n}]\nblocks: [{engine: tflite}]", "models[0]", "the key 'variants' is missing"),
    ("models: [{family: n, path: m.onnx}]\nblocks: [{engine: tflite}]", "models[0].path", "goes not together with 'family'"),
    ("models: [{path: m.onnx}]\nblocks: [{engine: tflite}]", "models[0].path", "there is no file 'm.onnx' in"),
    ("models: [{path: s.yaml}]\nblocks: [{engine: tflite}]", "models[0].path", "is not a .tflite or .onnx file"),
    ("models: [mobilenet]\nblocks: [{engine: tflite}]", "models[0]", "expected a mapping (key: value), got the text 'mobilenet'"),
    ("models: [{family: n, variants: [a]}]", "", "the key 'blocks' is missing"),
    *((f"models: [{{family: n, variants: [a]}}]\nblocks: {blocks}", key, problem) for blocks, key, problem in [
        ("[]", "blocks", "the list is empty"),
        ("[{threads: 1}]", "blocks[0]", "the key 'engine' is missing"),
        ("[{engine: tflight}]", "blocks[0].engine", "did you mean 'tflite'?"),
        ("[{engine: tflite, delegate: [cpu, gpus]}]", "blocks[0].delegate[1]", "did you mean 'gpu'?"),
        ("[{engine: tflite, threads: [1, 0]}]", "blocks[0].threads[1]", "allowed is 1 to 1024"),
        ("[{engine: tflite, batch: []}]", "blocks[0].batch", "the list is empty"),
        ("[{engine: tflite, xnnpack: on}]", "blocks[0].xnnpack", "expected true or false, got the text 'on'"),
        ("[{engine: tflite, load: nmap}]", "blocks[0].load", "did you mean 'mmap'?"),
        ("[{engine: tflite, affinity: big}]", "blocks[0].affinity", "write 0, 0-3 or '0,2-3'"),
        ("[{engine: tflite, affinity: 3-0}]", "blocks[0].affinity", "is no list of cores"),
        ("[{engine: tflite, power_mode: low}]", "blocks[0].power_mode", "unknown 'low'; use one of fast-single-answer"),
        ("[{engine: tflite, when: {tag: a, count: 1}}]", "blocks[0].when", "give them under devices"),
        ("[{engine: tflite, when: pixel}]", "blocks", "unknown device 'pixel'"),
    ]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line", "key", "problem"), WRONG, ids=[w[0][:50] for w in WRONG])
def test_the_place_and_the_remedy(refusal, text, line, key, problem):
    error = refusal(text)
    assert (error.line, error.key) == (line, key)
    assert problem in error.problem
    assert error.path.endswith("s.yaml")


@pytest.mark.parametrize(("text", "key", "problem"), WRONG_MATRIX)
def test_a_wrong_matrix(refusal, text, key, problem):
    error = refusal(f"schema: 1\n{text}", whole=True)
    assert error.key == key
    assert problem in error.problem


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is empty"),
        ("# nothing\n", "is empty"),
        ("- a\n", "expected a mapping (key: value), got a list"),
        ("hello\n", "expected a mapping (key: value), got the text 'hello'"),
        ("a: 1\n---\nb: 2\n", "not valid YAML"),
        ("models: []\n", "the key 'schema' is missing; add schema: 1"),
        ("schema: 2\nnew: {stuff: 1}\n", "schema 2 is newer than this benchfarm reads (1)"),
        ("schema: one\n", "expected schema: 1, got the text 'one'"),
        ("schema: true\n", "expected schema: 1, got true"),
        ("schema: 0\n", "expected schema: 1, got the number 0"),
        ('a: "\\UFFFFFFFF"', "an escape or a directive that means nothing"),
        ("[" * 5000, "is nested deeper than 32 levels"),
        ("a: " + "[" * 40 + "]" * 40, "is nested deeper than 32 levels"),
        ("a: &a [*a]", "is nested deeper than 32 levels"),
    ],
)
def test_a_text_that_is_no_scenario(refusal, text, problem):
    assert problem in refusal(text, whole=True).problem


def test_shapes(write, tmp_path):
    (tmp_path / "m.onnx").write_bytes(b"x")

    def problem(shapes: str) -> str:
        text = (
            f"schema: 1\nmodels: [{{path: m.onnx, shapes: {shapes}}}]\nblocks: [{{engine: tflite}}]"
        )
        with pytest.raises(ScenarioError) as caught:
            load(write(text, whole=True))
        return f"{caught.value.key}: {caught.value.problem}"

    assert problem("{x: [[1, 2], [3]], y: [[1], [2], [3]]}").startswith(
        "models[0].shapes: one input"
    )
    assert problem("{x: [1, 0]}").startswith("models[0].shapes.x[1]: is 0")
    assert problem("{x: [1, [2]]}").startswith("models[0].shapes.x[0]: expected a list")
    assert problem("{x: 3}").startswith("models[0].shapes.x: expected a list")
    assert problem("[1, 2]").startswith("models[0].shapes: expected a mapping")


def test_alias_bomb(refusal):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert "once aliases are expanded" in refusal("\n".join(lines)).problem


class TestFiles:
    def test_missing(self, tmp_path):
        with pytest.raises(ScenarioError, match=r"none.yaml: cannot be read \(No such file"):
            load(tmp_path / "none.yaml")

    def test_folder(self, tmp_path):
        with pytest.raises(ScenarioError, match="cannot be read"):
            load(tmp_path)

    def test_binary(self, tmp_path):
        path = tmp_path / "s.yaml"
        path.write_bytes(b"schema: 1\n\xff\xfe\x00\x01")
        with pytest.raises(ScenarioError, match=r"s.yaml:2: is not UTF-8 text"):
            load(path)

    def test_nul_bytes(self, tmp_path):
        path = tmp_path / "s.yaml"
        path.write_bytes(b"schema: 1\nname: \x00\n")
        with pytest.raises(ScenarioError, match=r"s.yaml:2: holds a character that is not text"):
            load(path)

    def test_huge(self, tmp_path):
        path = tmp_path / "s.yaml"
        path.write_bytes(b"#" * (MAX_BYTES + 1))
        with pytest.raises(ScenarioError, match="is larger than 1024 KiB"):
            load(path)

    def test_a_name_that_no_file_can_have(self, refusal):
        assert "there is no file" in refusal(f"catalogue: {'x' * 3000}").problem

    def test_byte_order_mark_is_no_error(self, tmp_path):
        path = tmp_path / "s.yaml"
        text = "schema: 1\nmodels: {family: n, variants: a}\nblocks: {engine: tflite}\n"
        path.write_text(text, encoding="utf-8-sig")
        assert load(path).name == "s"


class TestExtends:
    def test_a_mistake_in_the_extended_file_names_that_file(self, write, refusal):
        write("schema: 1\n\ngates: {timeout_minuts: 3}", "lab.yaml", whole=True)
        error = refusal("extends: lab.yaml\ngates: {foreign_cpu_percent: 3}")
        assert error.path.endswith("lab.yaml")
        assert (error.line, error.key) == (3, "gates.timeout_minuts")

    def test_a_circle(self, write, refusal):
        write("schema: 1\nextends: b.yaml", "a.yaml", whole=True)
        write("schema: 1\nextends: a.yaml", "b.yaml", whole=True)
        error = refusal("extends: a.yaml")
        assert error.path.endswith("b.yaml")
        assert "extends itself by way of 'a.yaml'" in error.problem

    def test_the_extended_file_has_its_schema_too(self, write, refusal):
        write("seed: 3", "lab.yaml", whole=True)
        error = refusal("extends: lab.yaml")
        assert error.path.endswith("lab.yaml")
        assert "'schema' is missing" in error.problem


class TestSet:
    @pytest.mark.parametrize(
        ("override", "key", "problem"),
        [
            ("repeats", "", "is not key=value"),
            ("=3", "", "is not key=value"),
            ("a..b=3", "", "is not key=value"),
            ("repeats=", "repeats", "has no value"),
            ("repeats=often", "repeats", "expected a whole number, got the text 'often'"),
            ("repeat=3", "repeat", "did you mean 'repeats'?"),
            ("repeats=[", "repeats", "not valid YAML"),
            ("models.0.variants.3=x", "models[0].variants[3]", "the list has 1 items"),
            ("models.first=x", "models.first", "is a list; name an item by its number, 0 to 0"),
            ("seed.x=1", "seed.x", "seed is the number 3, not a mapping; set seed as a whole"),
            ("loads.0.kind=cold", "loads", "is not in the file; set it as a whole"),
            ("extends=lab.yaml", "extends", "can only be given in the file"),
            ("schema=7", "schema", "is newer than this benchfarm"),
            ("arms=3", "arms", "expected a mapping"),
        ],
    )
    def test_refusals(self, refusal, override, key, problem):
        error = refusal("seed: 3", override)
        assert (error.path, error.line, error.key) == ("--set", 0, key)
        assert problem in error.problem

    def test_a_missing_key_is_the_files_fault(self, refusal):
        assert refusal("", "models.0={family: n}").path == "--set"


def test_loads_names_its_source(tmp_path):
    with pytest.raises(ScenarioError, match=r"^plan.json:2:nam: unknown key"):
        loads("schema: 1\nnam: 3", "plan.json", tmp_path)


@pytest.mark.parametrize("text", ["", " ", "a b", "a,b", "=3", "a=", "a=1,", "9=3", "per=a"])
def test_wrong_selectors(text):
    with pytest.raises(UserError):
        parse_selector(text)


def test_selectors():
    assert parse_selector("android:R5:1").address == "android:R5:1"
    terms = (("platform", "=", "android"), ("soc", "!=", "Tensor G 3*"), ("os", ">=", "13"))
    assert parse_selector(" platform=android, soc != Tensor G 3* ,os>=13").terms == terms
