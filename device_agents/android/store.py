"""Files on the phone: one folder, each file named by the SHA-256 of its bytes.

The phone hashes a file once, before it gets its name; a file that has its name is never sent or
hashed again. The folder is below ``/data/local/tmp``: the shell may write there, and apps may read.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from pathlib import Path

from device_agents.android.parse.answers import free_bytes
from device_agents.android.phone import Phone
from device_agents.android.sync import Progress, send_file
from harness.clock import CancelToken, Deadline
from harness.errors import DeviceError, DeviceUnavailable
from harness.units import format_mib

HOME = "/data/local/tmp/benchfarm"
STORE = f"{HOME}/store"
#: What stays free on the phone: with less, Android begins to clean up by itself.
MARGIN_BYTES = 200 * 1024 * 1024
_KEEP_DAYS = 30
_TIDY_S = 5.0


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

        Raises DeviceError when it does not fit, or when other bytes arrived.
        """
        size = self._size_of(source)
        if self._has_or_require_space(digest, size, source.name, deadline, cancel):
            return False
        try:
            self._send_and_adopt(source, digest, deadline, cancel, progress)
        except DeviceUnavailable:  # a cable that was touched is back in a moment
            self._send_and_adopt(source, digest, deadline, cancel, progress)
        return True

    def _send_and_adopt(
        self,
        source: Path,
        digest: str,
        deadline: Deadline,
        cancel: CancelToken,
        progress: Progress,
    ) -> None:
        part = f"{STORE}/{digest}.{secrets.token_hex(4)}.part"
        try:
            self.send_as(source, part, deadline, cancel, progress)
            self._adopt(part, digest, source, deadline, cancel)
        except DeviceUnavailable:
            raise  # the next preparation removes it
        except DeviceError:
            tidy = Deadline(self._phone.clock, _TIDY_S)
            with suppress(DeviceError):
                self._phone.run(f"rm -f {part}", tidy, CancelToken(), check=False)
            raise

    def make(self, deadline: Deadline, cancel: CancelToken) -> None:
        """Make the folder; remove half-sent files and those that nobody used for a month."""
        self._phone.run(
            f"mkdir -p {STORE} && chmod 755 {HOME} {STORE} && rm -f {STORE}/*.part && "
            f"find {STORE} -type f -mtime +{_KEEP_DAYS} -exec rm -f {{}} +",
            deadline,
            cancel,
        )

    def send_as(
        self,
        source: Path,
        target: str,
        deadline: Deadline,
        cancel: CancelToken,
        progress: Progress = lambda _sent, _total: None,
    ) -> None:
        """Send ``source`` to a path of the phone, unchecked."""
        stream = self._phone.open("sync:", deadline, cancel)
        try:
            send_file(stream, source, target, 0o644, self._phone.clock, deadline, cancel, progress)
        except OSError as error:
            raise DeviceError(
                self._phone.device_id, f"cannot read {source}: {error.strerror or error}"
            ) from error
        finally:
            stream.close()

    def _has_or_require_space(
        self, digest: str, size: int, name: str, deadline: Deadline, cancel: CancelToken
    ) -> bool:
        """Whether the file is there (it is marked as used); raises DeviceError if it cannot fit."""
        path = f"{STORE}/{digest}"
        command = f"if [ -f {path} ]; then touch -c {path}; else df -k {STORE}; false; fi"
        answer = self._phone.run(command, deadline, cancel, check=False)
        if answer.returncode == 0:
            return True
        free = free_bytes(answer.text)
        if free is not None and free < size + MARGIN_BYTES:
            raise DeviceError(
                self._phone.device_id,
                f"{name} needs {format_mib(size)} MiB and {format_mib(MARGIN_BYTES)} MiB must stay "
                f"free, but the phone has {format_mib(free)} MiB; make room on it",
            )
        return False

    def _adopt(
        self, part: str, digest: str, source: Path, deadline: Deadline, cancel: CancelToken
    ) -> None:
        """Give the file its name if the phone has the bytes that were meant."""
        command = (
            f"s=$(sha256sum {part}); "
            f'[ "${{s%% *}}" = {digest} ] && chmod 644 {part} && mv {part} {STORE}/{digest}'
        )
        if self._phone.run(command, deadline, cancel, check=False).returncode:
            raise DeviceError(
                self._phone.device_id,
                f"{source} has another SHA-256 on the phone; delete it here and run again",
            )

    def _size_of(self, source: Path) -> int:
        try:
            return source.stat().st_size
        except OSError as error:
            raise DeviceError(
                self._phone.device_id, f"cannot read {source}: {error.strerror or error}"
            ) from error
