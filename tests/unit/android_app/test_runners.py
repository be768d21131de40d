"""Several flavours at once, the list of what was built, and what of it goes into the wheel."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from android_app.build import apk, artefacts, runners
from android_app.build.errors import BuildError, ToolMissing
from android_app.build.layout import FLAVOURS

ROOT = Path(__file__).parents[3]
JAR = "benchfarm-runner.jar"
ALL = ["arm64-v8a", "armeabi-v7a", "x86_64"]


class Builds:
    """Stands in for the tool chain: writes files, and counts how often it was asked to."""

    def __init__(self):
        self.flavours = []

    def __call__(self, flavour):
        self.flavours.append(flavour.name)
        return self.Code(flavour)

    class Code:
        """What ``apk.compiled`` gives."""

        def __init__(self, flavour):
            self.flavour, self.build = flavour, runners.sources.build_id(flavour)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass


@pytest.fixture
def builds(monkeypatch):
    def write(code, name, output):
        (output / name).write_text(f"{code.flavour.name} {name}")
        return output / name

    made = Builds()
    monkeypatch.setattr(apk, "compiled", made)
    names = apk.apk_name
    monkeypatch.setattr(apk, "write_apk", lambda c, abi, out: write(c, names(c.flavour, abi), out))
    monkeypatch.setattr(apk, "write_jar", lambda c, out: write(c, JAR, out))
    return made


def apks(flavour, abis=ALL):
    return [f"benchfarm-runner-{flavour}-{abi}.apk" for abi in abis]


def test_what_stands_is_not_built_again(builds, tmp_path):
    for _ in range(2):
        paths = runners.build([FLAVOURS["tflite"]], (), tmp_path)
        assert [path.name for path in paths] == [*apks("tflite"), JAR]
    assert builds.flavours == ["tflite"]
    (tmp_path / apks("tflite")[1]).write_text("damaged")
    runners.build([FLAVOURS["tflite"]], (), tmp_path)
    (tmp_path / JAR).unlink()
    runners.build([FLAVOURS["tflite"]], (), tmp_path)
    assert builds.flavours == ["tflite"] * 3


def test_other_sources_are_built_again(builds, tmp_path, monkeypatch):
    runners.build([FLAVOURS["tflite"]], (), tmp_path)
    monkeypatch.setattr(runners.sources, "build_id", lambda _: "b0000000f")
    runners.build([FLAVOURS["tflite"]], (), tmp_path)
    assert builds.flavours == ["tflite"] * 2


def test_the_list_tells_what_each_file_is(builds, tmp_path):
    runners.build([FLAVOURS["tflite"]], ["x86_64"], tmp_path)
    listing = runners.read_listing(tmp_path)
    assert list(listing) == [*apks("tflite", ["x86_64"]), JAR]
    entry = listing[apks("tflite", ["x86_64"])[0]]
    assert (entry["flavour"], entry["abi"]) == ("tflite", "x86_64")
    assert entry["application_id"] == f"org.benchfarm.runner.tflite.{entry['build']}"
    assert entry["size_bytes"] == (tmp_path / apks("tflite", ["x86_64"])[0]).stat().st_size
    assert listing[JAR]["application_id"] == listing[JAR]["abi"] == ""


def test_a_file_that_is_gone_leaves_the_list(builds, tmp_path):
    runners.build([FLAVOURS["tflite"]], (), tmp_path)
    (tmp_path / apks("tflite")[0]).unlink()
    runners.build([FLAVOURS["onnxruntime"]], ["x86_64"], tmp_path)
    assert apks("tflite")[0] not in runners.read_listing(tmp_path)
    assert apks("tflite")[1] in runners.read_listing(tmp_path)


def test_a_damaged_list_is_named(tmp_path):
    (tmp_path / "runners.json").write_text("[]")
    with pytest.raises(BuildError, match=r"runners.json is damaged; delete it"):
        runners.read_listing(tmp_path)


def test_a_flavour_is_not_built_for_a_foreign_abi(builds, tmp_path):
    with pytest.raises(BuildError, match=r"flavour qnn is for arm64-v8a only"):
        runners.build([FLAVOURS["qnn"]], ["x86_64"], tmp_path)


@pytest.mark.parametrize("pinned", [("tflite",), ("tflite", "onnxruntime")])
def test_the_wheel_gets_each_flavour_whose_artefacts_are_pinned(
    builds, tmp_path, monkeypatch, pinned
):
    monkeypatch.setattr(artefacts, "are_pinned", lambda profiles: set(profiles) <= {*pinned})
    runners.build([FLAVOURS["all"]], (), tmp_path)
    for _ in range(2):
        *files, listing = runners.for_wheel(tmp_path)
        names = {path.name for path in files}
        assert names == {JAR, *(name for flavour in pinned for name in apks(flavour))}
        listed = json.loads(listing.read_text())["runners"]
        assert set(listed) == names
        assert listed[JAR]["flavour"] == pinned[-1]
    assert builds.flavours == ["all", *pinned]


def test_what_is_pinned_is_read_from_pom_and_checksums():
    assert artefacts.are_pinned(("android", "desktop", "tflite"))
    assert "onnxruntime-android-1.29.0.aar" in artefacts.file_names("onnxruntime")
    assert artefacts.are_pinned(("onnxruntime",)) == (
        "onnxruntime-android-1.29.0.aar" in artefacts.read_checksums()
    )
    with pytest.raises(BuildError, match="no profile 'x'"):
        artefacts.are_pinned(("x",))


# --- the hook of the wheel ------------------------------------------------------------------


class App:
    """What hatchling gives a hook to speak with."""

    def __init__(self):
        self.said = []

    def display_warning(self, text):
        self.said.append(text)

    def abort(self, text):
        self.said.append(text)
        raise SystemExit(1)


@pytest.fixture
def hook(monkeypatch):
    """Runs the hook; gives what it said and what it put into the wheel."""
    monkeypatch.delenv("BENCHFARM_WHEEL", raising=False)
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def run(version="standard"):
        app, data = App(), {"force_include": {"a": "b"}}
        made = module.RunnersHook(str(ROOT), {}, None, None, "", "wheel", app=app)
        try:
            made.initialize(version, data)
        except SystemExit:
            data = None
        return app.said, data and data["force_include"]

    return run


def test_the_hook_puts_the_runners_beside_the_agent(hook, monkeypatch):
    monkeypatch.setattr(runners, "for_wheel", lambda: [Path("/x/some.apk")])
    place = "device_agents/android/runner_files/some.apk"
    assert hook() == ([], {"a": "b", "/x/some.apk": place})


def test_without_tools_there_is_no_wheel_but_one_line(hook, monkeypatch):
    def refuse():
        raise ToolMissing("install the Debian packages aapt first")

    monkeypatch.setattr(runners, "for_wheel", refuse)
    said, included = hook()
    assert included is None
    (line,) = said
    assert line.startswith("no wheel with Android runners: install the Debian packages aapt")
    assert line.endswith("or set BENCHFARM_WHEEL=pure")


def test_a_pure_wheel_has_to_be_asked_for(hook, monkeypatch):
    monkeypatch.setattr(runners, "for_wheel", lambda: pytest.fail("built unasked"))
    monkeypatch.setenv("BENCHFARM_WHEEL", "pure")
    said, included = hook()
    assert included == {"a": "b"}
    assert len(said) == 1


def test_an_editable_installation_builds_nothing(hook, monkeypatch):
    monkeypatch.setattr(runners, "for_wheel", lambda: pytest.fail("built unasked"))
    assert hook("editable") == ([], {"a": "b"})
