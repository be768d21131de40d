from __future__ import annotations

import hashlib

import pytest

from android_app.build import artefacts, sources, tools
from android_app.build.errors import BuildError, ToolMissing
from android_app.build.layout import FLAVOURS


@pytest.fixture
def fetched(monkeypatch, tmp_path):
    """A file that Maven has fetched, and a list of checksums to hold it against."""
    path = tmp_path / "some-engine-1.2.3.aar"
    path.write_bytes(b"engine")
    monkeypatch.setattr(artefacts, "_CHECKSUMS", tmp_path / "checksums.txt")
    monkeypatch.setattr(artefacts, "_paths", lambda _: [path])
    return path


def test_a_pinned_file_is_found_by_its_name(fetched):
    assert artefacts.pin(("x",)) == [fetched.name]
    assert artefacts.fetch(("x",)) == {"some-engine": fetched}
    assert artefacts.pin(("x",)) == []


def test_an_unpinned_file_is_refused_with_what_to_do(fetched):
    with pytest.raises(BuildError, match=r"has no checksum.*pin x` and commit"):
        artefacts.fetch(("x",))


def test_another_file_is_refused(fetched):
    artefacts.pin(("x",))
    fetched.write_bytes(b"another")
    with pytest.raises(BuildError, match=r"is not the pinned some-engine-1.2.3.aar"):
        artefacts.fetch(("x",))


def test_pinning_keeps_the_others(fetched):
    other = hashlib.sha256(b"other").hexdigest()
    (fetched.parent / "checksums.txt").write_text(f"{other}  other-1.jar\n")
    artefacts.pin(("x",))
    assert artefacts.read_checksums()["other-1.jar"] == other


def test_the_committed_checksums_are_sha256():
    pinned = artefacts.read_checksums()
    assert "tensorflow-lite-2.16.1.aar" in pinned
    assert all(len(bytes.fromhex(digest)) == 32 for digest in pinned.values())


def test_missing_programs_are_named_by_their_packages(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolMissing, match=r"install the Debian packages maven openjdk-17"):
        tools.require(tools.DESKTOP_TOOLS)


def test_a_failing_program_is_quoted():
    with pytest.raises(BuildError, match=r"sh failed: out / err"):
        tools.run(["sh", "-c", "echo out; echo err >&2; exit 3"])


def test_a_build_id_is_a_part_of_an_application_id():
    ids = {sources.build_id(flavour) for flavour in FLAVOURS.values()}
    assert len(ids) == len(FLAVOURS)
    assert all(each.isidentifier() for each in ids)
    assert sources.build_id(FLAVOURS["tflite"]) in ids


def test_a_digest_knows_names_contents_and_salt(monkeypatch, tmp_path):
    monkeypatch.setattr(sources, "APP", tmp_path / "android_app")
    one, two = tmp_path / "a", tmp_path / "b"
    one.write_bytes(b"1")
    two.write_bytes(b"1")
    digests = {sources.digest([one]), sources.digest([two]), sources.digest([one], "salt")}
    one.write_bytes(b"2")
    assert len(digests | {sources.digest([one])}) == 4
