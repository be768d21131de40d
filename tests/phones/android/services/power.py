"""Power, display, windows and what draws attention: ``dumpsys power|display|window``, ``svc``..."""

from __future__ import annotations

from typing import TYPE_CHECKING

from phones.android.answers import Answer, refused, said
from phones.android.state import HOME

if TYPE_CHECKING:
    from phones.android.framework import Framework

_SLEEP = ("223", "KEYCODE_SLEEP", "SLEEP")
_WAKE = ("224", "KEYCODE_WAKEUP", "WAKEUP")
_POWER_KEY = ("26", "KEYCODE_POWER", "POWER")
_HOME_KEY = ("3", "KEYCODE_HOME", "HOME")
_MENU_KEY = ("82", "KEYCODE_MENU", "MENU")
_BACK_KEY = ("4", "KEYCODE_BACK", "BACK", "111", "KEYCODE_ESCAPE")


def dump_power(phone: Framework, words: list[str]) -> Answer:
    """Whether the phone is awake."""
    awake = phone.state.switches.screen_on
    stay_on = phone.state.settings["global"]["stay_on_while_plugged_in"]
    return said(
        "POWER MANAGER (dumpsys power)\n\nPower Manager State:\n"
        "  mDirty=0x0\n"
        f"  mWakefulness={'Awake' if awake else 'Asleep'}\n"
        "  mWakefulnessChanging=false\n"
        f"  mIsPowered={_lower(phone.physics.reading().gauge.plugged)}\n"
        f"  mBatteryLevel={phone.physics.reading().gauge.percent}\n"
        f"  mStayOnWhilePluggedInSetting={stay_on}\n"
        f"  mStayOn={_lower(stay_on != '0')}\n"
        f"Display Power: state={'ON' if awake else 'OFF'}"
    )


def dump_display(phone: Framework, words: list[str]) -> Answer:
    """The display's state and modes."""
    hz = _refresh_hz(phone)
    lit = "ON" if phone.state.switches.screen_on else "OFF"
    modes = ", ".join(
        f"{{id={number}, width=1080, height=2400, fps={rate}}}"
        for number, rate in enumerate(phone.profile.refresh_hz, start=1)
    )
    active = phone.profile.refresh_hz.index(hz) + 1
    brightness = int(phone.state.settings["system"]["screen_brightness"]) / 255
    return said(
        "DISPLAY MANAGER (dumpsys display)\n"
        f"  mScreenState={lit}\n"
        f"  mScreenBrightness={brightness:.4f}\n"
        f'  mBaseDisplayInfo=DisplayInfo{{"Built-in Screen", displayId 0, real 1080 x 2400, '
        f"mode {active}, defaultMode 1, modes [{modes}], renderFrameRate {hz}, state {lit}}}\n"
        f"  mActiveModeId={active}\n"
        f"  mActiveRenderFrameRate={hz}"
    )


def _refresh_hz(phone: Framework) -> float:
    """The highest rate that the settings allow."""
    system, rates = phone.state.settings["system"], phone.profile.refresh_hz
    try:
        peak = float(system.get("peak_refresh_rate") or rates[-1])
    except ValueError:
        peak = rates[-1]
    return max((rate for rate in rates if rate <= peak + 0.5), default=rates[0])


def dump_window(phone: Framework, words: list[str]) -> Answer:
    """Which window has the focus, and whether the lock screen shows."""
    switches = phone.state.switches
    focused = switches.popup or switches.foreground
    package = focused.partition("/")[0]
    window = focused.replace("/.", f"/{package}.")
    hidden = not switches.screen_on or (switches.locked and focused == HOME)
    if hidden:
        window = "NotificationShade"
    return said(
        "WINDOW MANAGER DISPLAY CONTENTS (dumpsys window displays)\n"
        "  Display: mDisplayId=0\n"
        f"  mCurrentFocus=Window{{5a1c3e0 u0 {window}}}\n"
        f"  mFocusedApp=ActivityRecord{{8d7f2b1 u0 {switches.foreground} t42}}\n"
        f"  mDreamingLockscreen={_lower(hidden)}\n"
        f"  mShowingLockscreen={_lower(hidden)}\n"
        f"    mAwake={_lower(switches.screen_on)}\n"
        f"    screenState={'SCREEN_STATE_ON' if switches.screen_on else 'SCREEN_STATE_OFF'}"
    )


def command(phone: Framework, words: list[str]) -> Answer:
    """``cmd power``."""
    match words:
        case ["set-fixed-performance-mode-enabled", "true" | "false" as wish]:
            if phone.profile.fixed_performance:  # elsewhere it is silently nothing
                phone.state.switches.fixed_performance = wish == "true"
                phone.physics.set_fixed_performance(wish == "true")
        case ["set-mode", mode] if mode in ("0", "1"):
            phone.state.settings["global"]["low_power"] = mode
        case _:
            return refused("Unknown command: " + " ".join(words))
    return Answer()


def svc(phone: Framework, words: list[str]) -> Answer:
    """``svc power|wifi|bluetooth|data``."""
    settings = phone.state.settings["global"]
    match words:
        case ["power", "stayon", wish]:
            known = {"true": "15", "false": "0", "usb": "2", "ac": "1", "wireless": "4"}
            settings["stay_on_while_plugged_in"] = known.get(wish, "0")
        case ["wifi" | "bluetooth" | "data" | "nfc" as radio, "enable" | "disable" as wish]:
            settings[f"{radio}_on"] = "1" if wish == "enable" else "0"
        case _:
            return said(
                "Available commands:\n    help\n    power\n    data\n    wifi\n    bluetooth"
            )
    return Answer()


def input_command(phone: Framework, words: list[str]) -> Answer:
    """``input keyevent|tap|swipe|text``."""
    if "input" in phone.profile.denied:
        return _injection_denied(words)
    match words:
        case ["keyevent", *codes]:
            for code in codes:
                _press(phone, code)
        case ["tap" | "swipe" | "text" | "press", *_]:
            phone.state.switches.popup = ""
        case _:
            return refused("Error: Unknown command: " + " ".join(words))
    return Answer()


def _press(phone: Framework, code: str) -> None:
    switches = phone.state.switches
    if code in _SLEEP:
        set_screen(phone, False)
    elif code in _WAKE:
        set_screen(phone, True)
    elif code in _POWER_KEY:
        set_screen(phone, not switches.screen_on)
    elif code in _HOME_KEY:
        phone.go_home()
    elif code in _BACK_KEY:
        switches.popup = ""


def set_screen(phone: Framework, lit: bool) -> None:
    """Light the display, or darken it: then the lock screen, without a secret, waits behind it."""
    phone.state.switches.screen_on = lit
    phone.state.switches.locked |= not lit
    phone.physics.set_screen(lit)


def window_manager(phone: Framework, words: list[str]) -> Answer:
    """``wm dismiss-keyguard``."""
    if words != ["dismiss-keyguard"]:
        phone.unexpected("wm " + " ".join(words))
        return refused("Unknown command: " + " ".join(words))
    phone.state.switches.locked = False
    return Answer()


def _injection_denied(words: list[str]) -> Answer:
    return refused(
        "java.lang.SecurityException: Injecting input events requires the caller (or the source of "
        "the instrumentation, if any) to have the INJECT_EVENTS permission.",
        255,
    )


def connectivity(phone: Framework, words: list[str]) -> Answer:
    """``cmd connectivity airplane-mode [enable|disable]``."""
    settings = phone.state.settings["global"]
    if not phone.profile.airplane_command:
        return said("No shell command implementation.")
    match words:
        case ["airplane-mode"]:
            return said("enabled" if settings["airplane_mode_on"] == "1" else "disabled")
        case ["airplane-mode", "enable" | "disable" as wish]:
            settings["airplane_mode_on"] = "1" if wish == "enable" else "0"
        case _:
            return refused("Unknown command: " + " ".join(words))
    return Answer()


def device_idle(phone: Framework, words: list[str]) -> Answer:
    """``dumpsys deviceidle`` and ``cmd deviceidle``."""
    state = phone.state
    match words:
        case []:
            return said(
                "  Settings:\n  Whitelist (except idle) system apps:\n"
                f"  mState=ACTIVE\n  mLightEnabled={_lower(state.switches.doze_enabled)}\n"
                f"  mDeepEnabled={_lower(state.switches.doze_enabled)}\n"
                + "".join(f"    {name}\n" for name in sorted(state.doze_allowed))
            )
        case ["enable" | "disable" as wish, *_]:
            state.switches.doze_enabled = wish == "enable"
            return said(f"Deep idle mode {wish}d\nLight idle mode {wish}d")
        case ["enabled", *_]:
            return said("1" if state.switches.doze_enabled else "0")
        case ["whitelist"]:
            return said("".join(f"user,{name},10234\n" for name in sorted(state.doze_allowed)))
        case ["whitelist", entry] if entry[:1] == "+":
            state.doze_allowed.add(entry[1:])
            return said(f"Added: {entry[1:]}")
        case ["whitelist", entry] if entry[:1] == "-":
            state.doze_allowed.discard(entry[1:])
            return said(f"Removed: {entry[1:]}")
        case ["tempwhitelist", *_]:
            return Answer()
        case _:
            return refused("Unknown command: " + " ".join(words))


def _lower(value: bool) -> str:
    return "true" if value else "false"
