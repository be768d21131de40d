"""What a phone remembers: settings, packages, switches, and how its processes ended."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from phones.android.profiles import Profile, properties
from phones.android.recording import Recording

FIRST_APP_UID = 10230
HOME = "com.android.launcher3/.Launcher"

_SETTINGS: dict[str, dict[str, str]] = {
    "global": {
        "airplane_mode_on": "0",
        "wifi_on": "1",
        "bluetooth_on": "1",
        "stay_on_while_plugged_in": "0",
        "window_animation_scale": "1.0",
        "transition_animation_scale": "1.0",
        "animator_duration_scale": "1.0",
        "adb_enabled": "1",
        "development_settings_enabled": "1",
        "package_verifier_user_consent": "1",
        "low_power": "0",
        "zen_mode": "0",
    },
    "system": {
        "screen_brightness": "102",
        "screen_brightness_mode": "1",
        "screen_off_timeout": "60000",
        "accelerometer_rotation": "1",
    },
    "secure": {"location_mode": "3", "doze_enabled": "1"},
}
#: Packages every phone has.
_SYSTEM_PACKAGES = ("android", "com.android.systemui", "com.android.launcher3", "com.android.shell")


@dataclass
class Package:
    """An installed application."""

    name: str
    version_code: int
    version_name: str
    path: str
    uid: int
    system: bool = False
    compiled: str = "verify"
    granted: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Exit:
    """How a process ended, as ActivityManager remembers it."""

    package: str
    pid: int
    uid: int
    reason: int
    reason_name: str
    status: int = 0
    description: str = ""
    at: float = field(default_factory=time.time)


@dataclass
class Switches:
    """What a restart resets."""

    screen_on: bool = True
    locked: bool = False
    foreground: str = HOME
    popup: str = ""
    thermal_override: int | None = None
    battery_fake: dict[str, str] = field(default_factory=dict)
    fixed_performance: bool = False
    doze_enabled: bool = True
    started_at: float = field(default_factory=time.time)
    install_waits: bool = False


class State:
    """Everything the framework's commands read and change."""

    def __init__(self, profile: Profile, serial: str) -> None:
        self.profile, self.serial = profile, serial
        self.settings = {space: dict(values) for space, values in _SETTINGS.items()}
        peak, lowest = profile.refresh_hz[-1], profile.refresh_hz[0]
        self.settings["system"] |= {"peak_refresh_rate": f"{peak}", "min_refresh_rate": f"{lowest}"}
        if profile.recording is not None:
            self._begin_as(profile.recording)
        self.packages = {
            name: Package(name, profile.sdk, profile.release, f"/system/app/{name}.apk", 1000, True)
            for name in _SYSTEM_PACKAGES
        }
        self.exits: list[Exit] = []
        self.doze_allowed: set[str] = set()
        self.properties = properties(profile, serial)
        self.switches = Switches()
        self.storage_full = False
        self.installs = 0

    def _begin_as(self, recording: Recording) -> None:
        for (space, key), value in recording.settings.items():
            self.settings[space].pop(key, None)
            if value is not None:
                self.settings[space][key] = value

    def restart(self) -> None:
        """What a restart forgets; settings, packages and ``persist.`` properties stay."""
        kept = {k: v for k, v in self.properties.items() if k.startswith("persist.")}
        self.properties = properties(self.profile, self.serial) | kept
        self.switches = Switches()

    def note_exit(self, package: str, pid: int, uid: int, code: int) -> None:
        """A process ended by itself or by a signal; a reason known before stays."""
        if any(ended.pid == pid for ended in self.exits):
            return
        known = {0: (1, "EXIT_SELF"), -6: (5, "CRASH(NATIVE)"), -11: (5, "CRASH(NATIVE)")}
        reason, name = known.get(code, (2, "SIGNALED") if code < 0 else (4, "CRASH"))
        self.exits.append(Exit(package, pid, uid, reason, name, status=abs(code)))

    def note_exit_reason(
        self, package: str, pid: int, uid: int, reason: int, name: str, description: str = ""
    ) -> None:
        """The system itself ended a process, and says why."""
        self.exits.append(Exit(package, pid, uid, reason, name, description=description))

    def install(self, name: str, version_code: int, version_name: str) -> Package:
        """Install or upgrade an application."""
        self.installs += 1
        old = self.packages.get(name)
        uid = old.uid if old else FIRST_APP_UID + self.installs
        path = f"/data/app/~~{self.installs:04x}==/{name}-{self.installs:04x}==/base.apk"
        package = Package(name, version_code, version_name, path, uid)
        package.granted = old.granted if old else set()
        self.packages[name] = package
        return package
