"""Finding out what became of a runner's process on the phone."""

from __future__ import annotations

from device_agents.android.parse.exits import Death, read_exit_info, read_log, read_tombstone
from device_agents.android.phone import Phone
from device_agents.android.shell import quote
from harness.clock import CancelToken, Deadline
from harness.errors import DeviceError

#: Log tags and words that tell of an end, whoever wrote them.
_TELLING = "lowmemorykiller|lmkd|Fatal signal|FATAL EXCEPTION|ANR in|has died|Process: |Killing"
_LINES = 4000


def explain(phone: Phone, package: str, pid: int, deadline: Deadline, cancel: CancelToken) -> Death:
    """Why process ``pid`` of ``package`` ended, from whatever on the phone tells it."""
    unknown = Death("the system does not say why it ended")
    try:
        told = (
            _exit_record(phone, package, pid, deadline, cancel),
            _log(phone, package, pid, deadline, cancel),
            _tombstone(phone, pid, deadline, cancel),
        )
    except DeviceError as error:
        return Death(f"nobody can be asked why it ended: {error}")
    deaths = [death for death in told if death is not None]
    # The log knows a reason (which watermark was breached) where the record has a number only.
    by_detail = sorted(deaths, key=lambda one: (one.signal_name is None, -len(one.why)))
    if not by_detail:
        return unknown
    code = next((one.returncode for one in deaths if one.returncode is not None), None)
    return Death(by_detail[0].why, by_detail[0].signal_name, code)


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
