"""Finding out what became of a runner's process on the phone."""

from __future__ import annotations

from device_agents.android.parse.exits import Death, read_exit_info, read_log, read_tombstone
from device_agents.android.phone import Phone
from device_agents.android.shell import quote
from harness.clock import CancelToken, Deadline
from harness.errors import DeviceError

#: Log tags and words that tell of an end, whoever wrote them.
_TELLING = (
    "lowmemorykiller|lmkd|Fatal signal|FATAL EXCEPTION|ANR in|has died|Process: |Killing|"
    "DEBUG.*(pid: |signal )"
)
_TRIES, _TRY_EVERY_S = 3, 0.3
_LINES = 4000


def explain(phone: Phone, package: str, pid: int, deadline: Deadline, cancel: CancelToken) -> Death:
    """Why process ``pid`` of ``package`` ended, from whatever on the phone tells it.

    The system writes its records a moment after the end, so they are asked for again.
    """
    death = Death("the system does not say why it ended")
    try:
        for _ in range(_TRIES):
            told = _told(phone, package, pid, deadline, cancel)
            death = told or death
            if told is not None and (told.signal_name or told.returncode is not None):
                break
            phone.clock.sleep(_TRY_EVERY_S, cancel)
    except DeviceError as error:
        return Death(f"nobody can be asked why it ended: {error}")
    return death


def _told(
    phone: Phone, package: str, pid: int, deadline: Deadline, cancel: CancelToken
) -> Death | None:
    """The record of the end, made more exact by the log and a tombstone."""
    record = _exit_record(phone, package, pid, deadline, cancel)
    log = _log(phone, package, pid, deadline, cancel)
    if log is not None and log.signal_name is not None:
        return log  # it knows a reason, such as which watermark was breached
    if record is not None and record.signal_name is None and record.returncode is None:
        return _tombstone(phone, pid, deadline, cancel) or record
    return record or log


def _exit_record(
    phone: Phone, package: str, pid: int, deadline: Deadline, cancel: CancelToken
) -> Death | None:
    command = f"dumpsys activity exit-info {quote(package)}"
    return read_exit_info(phone.run(command, deadline, cancel, check=False).text, pid)


def _log(
    phone: Phone, package: str, pid: int, deadline: Deadline, cancel: CancelToken
) -> Death | None:
    command = f"logcat -d -b all -t {_LINES} | grep -E -A 1 {quote(_TELLING)}"
    return read_log(phone.run(command, deadline, cancel, check=False).text, pid, package)


def _tombstone(phone: Phone, pid: int, deadline: Deadline, cancel: CancelToken) -> Death | None:
    """Tombstones are readable for the shell on debuggable builds only."""
    command = f"grep -l '^pid: {int(pid)},' /data/tombstones/tombstone_?? | head -n 1"
    path = phone.run(command, deadline, cancel, check=False).text.strip()
    if not path:
        return None
    text = phone.run(f"head -n 40 {quote(path)}", deadline, cancel, check=False).text
    return read_tombstone(text, pid)
