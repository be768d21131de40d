"""Files of the model cache: content-addressed objects, appearing whole or not at all.

::

    <root>/objects/ab/<sha-256>.onnx    a model, read-only
    <root>/objects/ab/<sha-256>.json    its manifest, when it was built here
    <root>/recipes/<recipe key>.json    the manifest of what a recipe led to
    <root>/names/<name>.json            the manifest of a user's own variant, by its name
    <root>/work/<name>/                 a build or import in progress, under <root>/locks/<name>
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.errors import CatalogueError
from harness.variant import ModelFormat

_CHUNK_BYTES = 1024 * 1024
_DIGEST = re.compile(r"[0-9a-f]{64}")


class CacheFiles:
    """Reads and writes the cache folder; its trouble becomes a :class:`CatalogueError`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def find(self, digest: str) -> Path | None:
        """Where the model with this digest lies, None when it is not here."""
        if not _DIGEST.fullmatch(digest):
            return None
        candidates = (self._object(digest, str(fmt)) for fmt in ModelFormat)
        return next((path for path in candidates if path.is_file()), None)

    def keep(self, file: Path, digest: str, fmt: ModelFormat) -> Path:
        """Move a finished file from a workspace to its place; an equal one there is replaced."""
        target = self._object(digest, str(fmt))
        file.chmod(0o444)
        _move_into_place(file, target)
        return target

    def write_manifest(self, workspace: Path, digest: str, manifest: dict[str, object]) -> None:
        """Put a manifest beside the model."""
        self._write_json(workspace, self._object(digest, "json"), manifest)

    def write_recipe(self, workspace: Path, key: str, manifest: dict[str, object]) -> None:
        """Remember what a recipe led to; two recipes may lead to the same bytes."""
        self._write_json(workspace, self._recipe(key), manifest)

    def manifest_of_recipe(self, key: str) -> dict[str, Any] | None:
        """The manifest of what a recipe led to, None when it has not been built or is damaged."""
        manifest = _read_json(self._recipe(key))
        found = self.find(str(manifest.get("digest"))) if manifest else None
        if manifest is None or found is None:
            return None
        return manifest if manifest.get("size_bytes") == found.stat().st_size else None

    def write_name(self, workspace: Path, name: str, manifest: dict[str, object]) -> None:
        """Remember a user's own variant by its name."""
        self._write_json(workspace, self._name(name), manifest)

    def manifest_named(self, name: str) -> dict[str, Any] | None:
        """The manifest of a user's own variant, None when nothing has that name."""
        return _read_json(self._name(name))

    def manifests(self) -> list[dict[str, Any]]:
        """The manifests of all variants that were built or imported here."""
        named = self.named_manifests()
        known = {(item["model"], item["variant"], item["format"]) for item in named}
        made = self._manifests("recipes")
        return [
            item for item in made if (item["model"], item["variant"], item["format"]) not in known
        ] + named

    def named_manifests(self) -> list[dict[str, Any]]:
        """Those of a user's own variants."""
        return self._manifests("names")

    def _manifests(self, folder: str) -> list[dict[str, Any]]:
        found = (_read_json(path) for path in sorted((self.root / folder).glob("*.json")))
        return [item for item in found if item and self.find(str(item.get("digest")))]

    def manifest_of(self, digest: str) -> dict[str, Any] | None:
        """The manifest beside a model, None where there is none."""
        return _read_json(self._object(digest, "json"))

    @contextlib.contextmanager
    def workspace(self, name: str) -> Iterator[Path]:
        """An empty folder of our own; whoever else wants ``name`` waits, also across processes.

        The folder goes away at the end. What a killed process left is removed by the next one.
        """
        with self._explained():
            locks = self.root / "locks"
            locks.mkdir(parents=True, exist_ok=True)
            with (locks / name).open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                folder = self.root / "work" / name
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir(parents=True)
                try:
                    yield folder
                finally:
                    shutil.rmtree(folder, ignore_errors=True)

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise CatalogueError(
                f"the model cache {self.root} cannot be written ({error.strerror or error}); "
                "make room or set BENCHFARM_CACHE to another folder"
            ) from error

    def _object(self, digest: str, suffix: str) -> Path:
        return self.root / "objects" / digest[:2] / f"{digest}.{suffix}"

    def _name(self, name: str) -> Path:
        key = hashlib.sha256(name.encode()).hexdigest()
        return self.root / "names" / f"{key}.json"

    def _recipe(self, key: str) -> Path:
        return self.root / "recipes" / f"{key}.json"

    def _write_json(self, workspace: Path, target: Path, content: dict[str, object]) -> None:
        draft = workspace / "draft.json"
        draft.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        _move_into_place(draft, target)


def digest_of(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def digest_of_data(path: Path) -> str:
    """SHA-256 of a file, or of all files of a folder with their places in it.

    Raises :class:`CatalogueError` for what cannot be read.
    """
    try:
        if not path.is_dir():
            return digest_of(path)
        files = sorted(each for each in path.rglob("*") if each.is_file())
        lines = [f"{each.relative_to(path).as_posix()} {digest_of(each)}\n" for each in files]
    except OSError as error:
        raise CatalogueError(f"{path}: cannot be read ({error.strerror or error})") from None
    return hashlib.sha256("".join(lines).encode(errors="surrogateescape")).hexdigest()


def copy_hashed(source: Path, target: Path) -> str:
    """Copy a user's file and return the SHA-256 of what was copied.

    Trouble with the source becomes a :class:`CatalogueError` that names it.
    """
    hashed = hashlib.sha256()
    with target.open("wb") as out:
        for chunk in _chunks(source):
            hashed.update(chunk)
            out.write(chunk)
    return hashed.hexdigest()


def _chunks(source: Path) -> Iterator[bytes]:
    try:
        with source.open("rb") as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                yield chunk
    except OSError as error:
        raise CatalogueError(f"{source}: cannot be read ({error.strerror or error})") from None


def _move_into_place(file: Path, target: Path) -> None:
    """Rename durably: the bytes are on the disk before the name is."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with file.open("rb") as stream:
        os.fsync(stream.fileno())
    file.replace(target)


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None
