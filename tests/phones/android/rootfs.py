"""The read-only part of the userland, made once per farm and shared by its phones.

mksh is Android's shell and toybox its tools, so that is what is here, with their libraries at the
paths the loader looks at. What Android answers out of its framework (``getprop``, ``dumpsys``...)
is one small script that asks the phone's process over a socket.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

#: Commands answered by the phone's process (``framework.py``).
FRAMEWORK_COMMANDS = (
    *("am", "app_process", "appops", "cmd", "device_config", "df", "dumpsys", "getenforce"),
    *("getprop", "ime", "input", "log", "media", "monkey", "pm", "screencap", "service"),
    *("setprop", "settings", "svc", "uiautomator", "wm"),
)
#: Android has them, Debian's toybox does not: taken from Debian itself.
_BORROWED = {
    "awk": "original-awk",
    "dd": "dd",
    "expr": "expr",
    "gzip": "gzip",
    "tr": "tr",
    "diff": "diff",
}
#: Debian's toybox has them, Android's shell user does not.
_ABSENT = {
    *("addgroup", "eject", "fstype", "ftpget", "ftpput", "getty", "halt", "httpd", "init"),
    *("killall5", "login", "mkpasswd", "oneit", "openvt", "passwd", "reboot", "route", "shutdown"),
    *("su", "sulogin", "switch_root", "telnetd", "wget", "poweroff", "last", "logger", "df"),
}

#: Sends the command's name and arguments, and runs the answer, which is shell code.
_ASK = r"""#!/system/bin/sh
# Asks the phone's process; its answer is a script.
eval "$({ print -n -- "$(($# + 2)) "; print -rn -- "${0##*/}"; print -n '\0'; print -n -- "$$"
print -n '\0'; for word; do print -rn -- "$word"; print -n '\0'; done
} | /system/bin/nc -U /dev/socket/framework)"
"""

#: A streamed installation comes through standard input; the phone's process gets a file.
_INSTALL = r"""#!/system/bin/sh
# Keeps an APK that comes through standard input, then asks the phone's process.
case " $* " in
*" install "*"-S "*)
    apk=/data/local/tmp/.streamed-$$.apk
    size="$*" size=${size#*-S } size=${size%% *}
    /system/bin/head -c $size > $apk || exit 1
    set -- "$@" "$apk"
    ;;
esac
"""

#: The environment says what to run.
_APP_PROCESS = r"""#!/system/bin/sh
set -- "$CLASSPATH" "$BENCHFARM_TOKEN" "$@"
"""

#: The log is a file that the phone's process appends to.
_LOGCAT = r"""#!/system/bin/sh
log=/dev/log/main dump= pid= count= clear=
while [ $# -gt 0 ]; do
    case $1 in
    -d) dump=1 ;;
    -c|--clear) clear=1 ;;
    -v|-b) shift ;;
    --pid=*) pid=${1#--pid=} ;;
    --pid) pid=$2; shift ;;
    -t|-T) [ "$1" = -t ] && dump=1; count=$2; shift ;;
    -v*|-b*) ;;
    -s|*:*) ;;
    *) print -ru2 -- "Unknown option: $1"; exit 1 ;;
    esac
    shift
done
if [ -n "$clear" ]; then : > $log; exit 0; fi
show() {
    if [ -n "$pid" ]; then
        while IFS= read -r line; do
            set -- $line
            case $1 in ---------) print -r -- "$line"; continue ;; esac
            [ "$3" = "$pid" ] && print -r -- "$line"
        done
    else
        /system/bin/cat
    fi
}
case $count in
"") lines=+1 ;;
*[!0-9]*) lines=+1 ;;
*) lines=$count ;;
esac
if [ -n "$dump" ]; then /system/bin/tail -n $lines $log | show; exit 0; fi
/system/bin/tail -n $lines -f $log | show
"""

_PASSWD = (
    "root:x:0:0::/:/system/bin/sh\nsystem:x:1000:1000::/:/bin/sh\nshell:x:2000:2000::/:/bin/sh\n"
)
_GROUPS = "root:x:0:\nsystem:x:1000:\ngraphics:x:1003:\ninput:x:1004:\nlog:x:1007:\nshell:x:2000:\n"

MOUNT_POINTS = ("data", "dev", "mnt", "proc", "storage", "sys", "vendor")


@cache
def missing() -> str:
    """Why there can be no userland on this machine; empty when there can."""
    if os.geteuid() != 0:
        return "simulated phones need root for their namespaces"
    for tool in ("mksh", "toybox", "unshare", "nsenter", "setpriv", "ldd"):
        if shutil.which(tool) is None:
            return f"simulated phones need the program {tool!r}"
    tried = subprocess.run(
        ["unshare", "--mount", "--pid", "--uts", "--fork", "mount", "-t", "tmpfs", "none", "/mnt"],
        check=False,
        capture_output=True,
        text=True,
    )
    return f"no namespaces here: {tried.stderr.strip()}" if tried.returncode else ""


def make(folder: Path) -> None:
    """Write the shared root below ``folder``."""
    binaries = folder / "system" / "bin"
    binaries.mkdir(parents=True)
    for name in MOUNT_POINTS:
        (folder / name).mkdir()
    for name, target in (
        *(("bin", "system/bin"), ("etc", "system/etc"), ("sdcard", "storage/emulated/0")),
        *(("usr", "system"),),
    ):
        (folder / name).symlink_to(target)
    _copy_program("mksh", binaries / "sh", folder)
    _copy_program("toybox", binaries / "toybox", folder)
    for applet in sorted(_applets() - _ABSENT):
        (binaries / applet).symlink_to("toybox")
    for name, source in _BORROWED.items():
        if not (binaries / name).exists() and shutil.which(source):
            _copy_program(source, binaries / name, folder)
    _write_scripts(binaries)
    etc = folder / "system" / "etc"
    etc.mkdir()
    (etc / "passwd").write_text(_PASSWD)
    (etc / "group").write_text(_GROUPS)


def _write_scripts(binaries: Path) -> None:
    scripts = dict.fromkeys(FRAMEWORK_COMMANDS, _ASK)
    scripts["cmd"] = scripts["pm"] = _INSTALL + _ASK.partition("\n")[2]
    scripts["app_process"] = _APP_PROCESS + _ASK.partition("\n")[2]
    scripts["logcat"] = _LOGCAT
    for name, text in scripts.items():
        place = binaries / name
        place.unlink(missing_ok=True)
        place.write_text(text)
        place.chmod(0o755)


def _applets() -> set[str]:
    listed = subprocess.run(["toybox"], check=True, capture_output=True, text=True)
    return set(re.findall(r"[\w.-]+", listed.stdout)) | {"["}


def _copy_program(name: str, place: Path, root: Path) -> None:
    source = shutil.which(name)
    if source is None:
        raise FileNotFoundError(name)
    shutil.copy(Path(source).resolve(), place)
    listed = subprocess.run(["ldd", source], check=True, capture_output=True, text=True)
    for library in re.findall(r"(/\S+) \(0x", listed.stdout):
        target = root / library.lstrip("/")
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(library, target)
