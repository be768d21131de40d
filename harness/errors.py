"""Every error the project raises on purpose, in one tree.

::

    HarnessError                     something we can explain to the user
    ├── UserError                    the user can mend it (exit code 2)
    │   ├── ScenarioError            path:line:key of a scenario, lab or catalogue file
    │   ├── CatalogueError           an unknown family or variant, a model file that is no model
    │   └── NoDeviceMatched          the selectors match no device at hand (exit code 3)
    ├── DeviceError(device_id)       the device or the way to it
    │   ├── DeviceUnavailable        gone, offline, unauthorized
    │   ├── DeviceBusy               leased by somebody else, who is named
    │   ├── DeviceTimeout            did not answer before the deadline
    │   ├── CommandFailed            a command on the device failed; keeps its output
    │   └── CapabilityMissing        the device cannot do what was asked
    ├── RunnerError(device_id)       the small program on the device
    │   ├── RunnerDied               ended by a signal or an exit code; keeps the end of its log
    │   ├── WireError                sent bytes that are no message
    │   │   └── WireMismatch         speaks another version of the wire
    │   └── BackendRejected          the engine or delegate refused, in its own words
    ├── StoreError                   the results store cannot be read or written
    │   └── StoreVersionError        written by a newer version of benchfarm
    └── Cancelled                    somebody asked to stop (Ctrl-C)

Doubts about a number that *was* measured are not errors: see :mod:`harness.findings`.
Messages say what is wrong and what can be done about it, in one line.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


class HarnessError(Exception):
    """Root of every error raised on purpose; ``exit_code`` is what the command line returns."""

    exit_code = 4


class UserError(HarnessError):
    """The user's input is at fault; the message says what would be right."""

    exit_code = 2


class ScenarioError(UserError):
    """A scenario, lab or catalogue file is wrong at one place.

    ``line`` is 1-based (0 where there is no line, as for ``--set``); ``key`` is the dotted path
    of the offending key, empty for the file as a whole.
    """

    def __init__(self, path: str | Path, line: int, key: str, problem: str) -> None:
        self.path, self.line, self.key, self.problem = str(path), line, key, problem
        place = ":".join(part for part in (str(path), str(line) if line else "", key) if part)
        super().__init__(f"{place}: {problem}")


class CatalogueError(UserError):
    """A model family, a variant or a model file is unknown or unusable."""


class NoDeviceMatched(UserError):
    """No device at hand matches the selectors."""

    exit_code = 3


class DeviceError(HarnessError):
    """Something went wrong with one device; the message always names it."""

    def __init__(self, device_id: str, message: str) -> None:
        self.device_id = device_id
        super().__init__(f"{device_id}: {message}")


class DeviceUnavailable(DeviceError):
    """The device is gone, offline or does not let us in."""


class DeviceBusy(DeviceError):
    """Another process holds the lease of the device."""


class DeviceTimeout(DeviceError):
    """The device did not answer before the deadline."""


class CommandFailed(DeviceError):
    """A command on the device ended with a non-zero code."""

    def __init__(
        self, device_id: str, command: Sequence[str], returncode: int, stdout: str, stderr: str
    ) -> None:
        self.command, self.returncode = tuple(command), returncode
        self.stdout, self.stderr = stdout, stderr
        last = (stderr or stdout).strip().splitlines()[-1:] or ["no output"]
        super().__init__(device_id, f"{' '.join(command)!r} returned {returncode}: {last[0]}")


class CapabilityMissing(DeviceError):
    """The device or its agent cannot do what was asked."""


class RunnerError(HarnessError):
    """Something went wrong with the runner on one device; the message always names the device."""

    def __init__(self, device_id: str, message: str) -> None:
        self.device_id = device_id
        super().__init__(f"{device_id}: {message}")


class RunnerDied(RunnerError):
    """The runner process ended before its work was done.

    ``signal_name`` is set (``"SIGSEGV"``) when a signal ended it, ``returncode`` otherwise;
    ``log_tail`` holds the last lines it wrote.
    """

    def __init__(
        self,
        device_id: str,
        *,
        signal_name: str | None = None,
        returncode: int | None = None,
        log_tail: str = "",
    ) -> None:
        self.signal_name, self.returncode, self.log_tail = signal_name, returncode, log_tail
        if signal_name is not None:
            how = f"was ended by {signal_name}"
        elif returncode is not None:
            how = f"exited with code {returncode}"
        else:
            how = "closed its link"
        last = log_tail.strip().splitlines()[-1:]
        said = f"; it last said: {last[0]}" if last else ""
        super().__init__(device_id, f"the runner {how}{said}")


class WireError(RunnerError):
    """Bytes arrived that are no valid message of the runner wire."""


class WireMismatch(WireError):
    """Host and runner speak different versions of the wire."""

    def __init__(self, device_id: str, ours: int, theirs: object) -> None:
        self.ours, self.theirs = ours, theirs
        super().__init__(
            device_id,
            f"the runner speaks wire version {theirs}, this host speaks {ours}; "
            "install the runner that came with this benchfarm",
        )


class BackendRejected(RunnerError):
    """The engine or delegate refused the model or an option; ``code`` is the wire's error code."""

    def __init__(self, device_id: str, code: str, text: str) -> None:
        self.code, self.text = code, text
        super().__init__(device_id, f"{code}: {text}")


class StoreError(HarnessError):
    """The results store cannot be read or written; the message names the path."""


class StoreVersionError(StoreError):
    """The stored file was written by a newer benchfarm."""

    exit_code = 2


class Cancelled(HarnessError):
    """Somebody asked to stop; what was measured is kept."""

    exit_code = 130
