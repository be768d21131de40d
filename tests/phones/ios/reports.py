"""Reports that the system writes when an app ends: JetsamEvent and crash files.

Both are a line of JSON (the header) followed by a JSON object, in the shape of iOS 15 and later.
"""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from phones.ios.apps import App
    from phones.ios.phone import Phone

_PAGE_BYTES = 16384


def jetsam_report(phone: Phone, app: App, pid: int) -> None:
    """The app took more memory than its limit and was killed."""
    limit_pages = phone.profile.memory_bytes // 2 // _PAGE_BYTES
    victim = {
        "uuid": str(uuid.uuid4()),
        "states": ["frontmost"],
        "killDelta": 13593,
        "lifetimeMax": limit_pages,
        "purgeable": 0,
        "fds": 200,
        "coalition": 633,
        "rpages": limit_pages,
        "reason": "per-process-limit",
        "pid": pid,
        "name": app.executable,
        "cpuTime": 12.5,
    }
    bystander = victim | {
        "uuid": str(uuid.uuid4()),
        "states": ["daemon", "idle"],
        "rpages": 84,
        "pid": 61,
        "name": "mediaremoted",
    }
    del bystander["reason"]
    body = {
        "product": phone.profile.product_type,
        "build": _os_version(phone),
        "date": _stamp(phone),
        "memoryStatus": {"pageSize": _PAGE_BYTES, "memoryPages": {"free": 8686, "active": 55880}},
        "largestProcess": app.executable,
        "processes": [bystander, victim],
    }
    _write(phone, f"JetsamEvent-{_file_stamp(phone)}.ips", {"bug_type": "298"}, body)
    limit_mb = limit_pages * _PAGE_BYTES >> 20
    phone.log(
        "kernel[0]",
        f"EXC_RESOURCE -> {app.executable}[{pid}] exceeded mem limit: "
        f"ActiveHard {limit_mb} MB (fatal)",
    )
    phone.log(
        "kernel[0]",
        f"memorystatus: killing_specific_process pid {pid} [{app.executable}] "
        "(per-process-limit 10) - memorystatus_available_pages: 42511",
    )


def crash_report(phone: Phone, app: App, pid: int) -> None:
    """The app died of a signal of its own."""
    header = {
        "app_name": app.executable,
        "app_version": app.version,
        "bundleID": app.bundle_id,
        "bug_type": "309",
        "name": app.executable,
    }
    body = {
        "pid": pid,
        "procName": app.executable,
        "procPath": f"{app.path}/{app.executable}",
        "modelCode": phone.profile.product_type,
        "captureTime": _stamp(phone),
        "bundleInfo": {"CFBundleIdentifier": app.bundle_id},
        "exception": {
            "codes": "0x0000000000000001, 0x0000000000000010",
            "type": "EXC_BAD_ACCESS",
            "signal": "SIGSEGV",
            "subtype": "KERN_INVALID_ADDRESS at 0x0000000000000010",
        },
        "termination": {
            "flags": 0,
            "code": 11,
            "namespace": "SIGNAL",
            "indicator": "Segmentation fault: 11",
        },
        "faultingThread": 0,
    }
    _write(phone, f"{app.executable}-{_file_stamp(phone)}.ips", header, body)
    phone.log(f"ReportCrash[{pid + 1}]", f"formulated report for {app.executable}[{pid}]")


def _write(phone: Phone, name: str, header: dict[str, Any], body: dict[str, Any]) -> None:
    header |= {
        "timestamp": _stamp(phone),
        "os_version": _os_version(phone),
        "incident_id": str(uuid.uuid4()).upper(),
    }
    text = json.dumps(header) + "\n" + json.dumps(body, indent=2)
    (phone.folder / "crashes" / name).write_text(text)


def _os_version(phone: Phone) -> str:
    return f"iPhone OS {phone.profile.ios} ({phone.profile.build})"


def _stamp(phone: Phone) -> str:
    return phone.now().strftime("%Y-%m-%d %H:%M:%S.%f")[:-4] + " +0000"


def _file_stamp(phone: Phone) -> str:
    return phone.now().strftime("%Y-%m-%d-%H%M%S-%f")
