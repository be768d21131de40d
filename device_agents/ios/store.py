"""Files in the runner app's Documents: models, inputs, and the results that the app left there.

What is pushed is named by the SHA-256 of its bytes. It goes over plain usbmux, never through a
tunnel, which is many times slower. AFC has no digests: the bytes are hashed here as they go into
the encrypted stream, which lets none be changed on the way, and the phone's size is compared. Only
then does a file get its name. A file that was hashed once and has not changed since is not hashed
again for the next phone.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from device_agents.ios.errors import names_of
from device_agents.ios.phone import Connections, Phone
from harness.clock import CancelToken, Deadline
from harness.errors import DeviceError
from harness.units import format_mib

if TYPE_CHECKING:
    from pymobiledevice3.services.afc import AfcService

STORE = "/Documents/models"
RESULTS = "/Documents/results"
_MESSAGE, _FOLDER_DIGITS = ".wire", 16
TOKEN_FILE = "/Documents/benchfarm.token"  # noqa: S105 - a name, no secret
#: What stays free on the phone: with less, iOS begins to clean up by itself.
MARGIN_BYTES = 200 * 1024 * 1024
_CHUNK_BYTES = 4 << 20

#: What files of this host were when they had which SHA-256: device, inode, size, time of change.
_Identity = tuple[int, int, int, int]
_HASHED: dict[_Identity, str] = {}

#: Told how many bytes of how many are sent.
Progress = Callable[[int, int], None]


class PhoneStore:
    """Pushed files of one phone."""

    def __init__(self, phone: Phone) -> None:
        self._phone = phone

    def push(
        self,
        source: Path,
        digest: str,
        deadline: Deadline,
        cancel: CancelToken,
        progress: Progress = lambda _sent, _total: None,
    ) -> bool:
        """Send ``source`` unless the phone has ``digest``; whether it was sent.

        Raises DeviceError when it does not fit, or is not what its digest says.
        """
        try:
            size = _identity(source)[2]
        except OSError as error:
            raise self._unreadable(source, error) from error

        async def send(connections: Connections) -> bool:
            return await self._send(connections, source, digest, size, progress)

        return self._phone.call(f"push {source.name}", send, deadline, cancel)

    def write(self, path: str, data: bytes, deadline: Deadline, cancel: CancelToken) -> None:
        """Write a small file."""

        async def put(connections: Connections) -> None:
            await (await connections.documents()).set_file_contents(path, data)

        self._phone.call(f"write {path}", put, deadline, cancel)

    def make(self, deadline: Deadline, cancel: CancelToken) -> None:
        """Make the folder; remove half-sent files and a token that nobody took."""

        async def tidy(connections: Connections) -> None:
            documents = await connections.documents()
            await documents.makedirs(STORE)
            for name in await documents.listdir(STORE):
                if name.endswith(".part"):
                    await documents.rm_single(f"{STORE}/{name}", force=True)
            await documents.rm_single(TOKEN_FILE, force=True)

        self._phone.call("look into the app's Documents", tidy, deadline, cancel)

    def results(self, token: str, deadline: Deadline, cancel: CancelToken) -> bytes:
        """What the app of this token finished while no host listened, in order."""
        folder = results_folder(token)

        async def read(connections: Connections) -> bytes:
            documents = await connections.documents()
            return b"".join(
                [
                    await documents.get_file_contents(f"{folder}/{number}{_MESSAGE}")
                    for number in await _numbers(documents, folder)
                ]
            )

        return self._phone.call("read the app's results", read, deadline, cancel)

    def has_results(self, token: str, deadline: Deadline, cancel: CancelToken) -> bool:
        """Whether the app of this token has left any."""

        async def look(connections: Connections) -> bool:
            return bool(await _numbers(await connections.documents(), results_folder(token)))

        return self._phone.call("look for the app's results", look, deadline, cancel)

    async def _send(
        self, connections: Connections, source: Path, digest: str, size: int, progress: Progress
    ) -> bool:
        target = f"{STORE}/{digest}"
        documents = await connections.documents()
        if await _size_there(documents, target) == size:
            return False
        part = f"{target}.{secrets.token_hex(4)}.part"
        try:
            before = _identity(source)
            hasher = hashlib.sha256()
            known = _HASHED.get(before) == digest
            with source.open("rb") as data:
                first, _, _ = await asyncio.gather(
                    asyncio.to_thread(data.read, _CHUNK_BYTES),
                    self._require_space(connections, source.name, size),
                    documents.makedirs(STORE),
                )
                look = _skip if known else hasher.update
                await _copy(documents, first, data, part, look, lambda sent: progress(sent, size))
            same = (known and _identity(source) == before) or hasher.hexdigest() == digest
            if not same or await _size_there(documents, part) != size:
                raise self._changed(source, digest)
            _HASHED[before] = digest
            await documents.rename(part, target)
        except OSError as error:
            if error.filename == str(source):
                raise self._unreadable(source, error) from error
            raise await self._explained(connections, part, source.name, size, error) from error
        except DeviceError:
            with suppress(Exception):
                await documents.rm_single(part, force=True)
            raise
        return True

    async def _explained(
        self, connections: Connections, part: str, name: str, size: int, error: OSError
    ) -> Exception:
        """A write that AFC refused: mostly for want of space; anything else stays as it is."""
        if "AfcException" not in names_of(error):
            return error
        with suppress(Exception):
            await (await connections.documents()).rm_single(part, force=True)
        try:
            await self._require_space(connections, name, size)
        except DeviceError as full:
            return full
        return error

    async def _require_space(self, connections: Connections, name: str, size: int) -> None:
        usage = await connections.values("com.apple.disk_usage")
        free = usage.get("AmountDataAvailable", usage.get("TotalDataAvailable"))
        if isinstance(free, int) and free < size + MARGIN_BYTES:
            raise DeviceError(
                self._phone.device_id,
                f"{name} needs {format_mib(size)} MiB and {format_mib(MARGIN_BYTES)} MiB must stay "
                f"free, but the phone has {format_mib(free)} MiB; make room on it",
            )

    def _changed(self, source: Path, digest: str) -> DeviceError:
        """Other bytes arrived than were meant."""
        return DeviceError(
            self._phone.device_id,
            f"{source} has another SHA-256 than {digest[:12]}...; delete it and run again",
        )

    def _unreadable(self, source: Path, error: OSError) -> DeviceError:
        return DeviceError(
            self._phone.device_id, f"cannot read {source}: {error.strerror or error}"
        )


async def _copy(
    documents: AfcService,
    first: bytes,
    data: BinaryIO,
    target: str,
    look: Callable[[bytes], None],
    progress: Callable[[int], None],
) -> None:
    """Send a file whose ``first`` piece was read already.

    While one piece is under way ``look`` is shown it, and the next is read.
    """
    sent, piece = 0, first

    def look_and_read(piece: bytes) -> bytes:
        look(piece)
        return data.read(_CHUNK_BYTES)

    handle = await documents.fopen(target, "w")
    try:
        while piece:
            _, following = await asyncio.gather(
                documents.fwrite(handle, piece), asyncio.to_thread(look_and_read, piece)
            )
            sent += len(piece)
            progress(sent)
            piece = following
    finally:
        with suppress(Exception):
            await documents.fclose(handle)


def results_folder(token: str) -> str:
    """Where the app leaves the results of the session that a token began."""
    return f"{RESULTS}/{hashlib.sha256(token.encode()).hexdigest()[:_FOLDER_DIGITS]}"


async def _numbers(documents: AfcService, folder: str) -> list[int]:
    """The numbers of the messages that lie in a folder of results."""
    from pymobiledevice3.exceptions import AfcFileNotFoundError

    try:
        names = await documents.listdir(folder)
    except AfcFileNotFoundError:
        return []
    stems = [name.removesuffix(_MESSAGE) for name in names if name.endswith(_MESSAGE)]
    return sorted(int(stem) for stem in stems if stem.isascii() and stem.isdecimal())


def _skip(_piece: bytes) -> None:
    """Nothing to see."""


def _identity(source: Path) -> _Identity:
    is_now = source.stat()
    return is_now.st_dev, is_now.st_ino, is_now.st_size, is_now.st_mtime_ns


async def _size_there(documents: AfcService, path: str) -> int | None:
    """The size of a file of the phone; None where there is none."""
    from pymobiledevice3.exceptions import AfcFileNotFoundError

    try:
        size = (await documents.stat(path))["st_size"]
    except AfcFileNotFoundError:
        return None
    return size if isinstance(size, int) else None
