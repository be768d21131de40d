"""Errors of pymobiledevice3, and of the phones behind it, in our words.

They are told apart by the names of their classes, so that nothing of the library is imported here.
"""

from __future__ import annotations

from device_agents.android.parse.text import printable
from harness.errors import CapabilityMissing, DeviceError, DeviceUnavailable, HarnessError

TRUST = "the phone does not trust this computer; unlock it, plug it in again and tap Trust"
STALE = (
    "the phone does not know this computer's pair record: it was reset, or the record is another "
    "computer's; unlock it, plug it in again and tap Trust"
)
UNLOCK = "the phone is locked by its passcode; unlock it and set Auto-Lock to Never"
NO_USBMUXD = "no usbmuxd answers on this host; apt install usbmuxd, then plug the phone in again"
BY_HAND = "or open the app by hand (prepare: {start: by_hand})"
DEVELOPER_MODE = (
    "Developer Mode is off; turn it on in Settings > Privacy & Security > Developer Mode, "
    f"{BY_HAND}"
)
IMAGE = (
    f"the developer image is not mounted; python -m pymobiledevice3 mounter auto-mount, {BY_HAND}"
)
TUNNELD = (
    "iOS 17.0 to 17.3 needs a tunnel that root opens: sudo python -m pymobiledevice3 remote "
    f"tunneld; {BY_HAND}"
)
NO_APP = "the runner app is not installed; set BENCHFARM_IPA to its .ipa (docs/ios.md)"
GONE = "it is gone; plug it in again"

_TRUST_NAMES = ("NotPairedError", "NotTrustedError", "InvalidHostIDError", "FatalPairingError")
_MEANINGS: dict[str, tuple[type[DeviceError], str]] = {
    **dict.fromkeys(_TRUST_NAMES, (DeviceUnavailable, TRUST)),
    "PairingDialogResponsePendingError": (DeviceUnavailable, TRUST),
    "UserDeniedPairingError": (
        DeviceUnavailable,
        "somebody tapped Don't Trust; plug the phone in again and tap Trust",
    ),
    "PasswordRequiredError": (DeviceUnavailable, UNLOCK),
    "PasscodeRequiredError": (DeviceUnavailable, UNLOCK),
    "ConnectionFailedToUsbmuxdError": (DeviceUnavailable, NO_USBMUXD),
    "UserspaceTunnelUnavailableError": (
        DeviceUnavailable,
        "the phone offers no tunnel now; turn Developer Mode on, unlock it, plug it in again",
    ),
    "DeveloperModeIsNotEnabledError": (CapabilityMissing, DEVELOPER_MODE),
    "AppNotInstalledError": (CapabilityMissing, NO_APP),
    "NoDeviceConnectedError": (DeviceUnavailable, GONE),
    "DeviceNotFoundError": (DeviceUnavailable, GONE),
    "BadDevError": (DeviceUnavailable, GONE),
    "TunneldConnectionError": (
        CapabilityMissing,
        TUNNELD,
    ),
    "NotEnoughDiskSpaceError": (DeviceError, "the phone is full; make room on it"),
}
#: The way to the phone broke: worth one more try over a new one.
_LOST = (
    *("ConnectionTerminatedError", "StreamClosedError", "ConnectionFailedError", "BadDevError"),
    *("ChannelClosedError", "NoDeviceConnectedError", "DeviceNotFoundError", "MuxException"),
    *("InvalidConnectionError", "IncompleteReadError", "ConnectionError", "SSLError", "EOFError"),
    *("RemoteXPCHandshakeTimeoutError", "DTXConnectionError", "NotConnectedError"),
)
_SAID = 200


def names_of(error: BaseException) -> list[str]:
    """The names of an error's classes, its own first."""
    return [kind.__name__ for kind in type(error).__mro__]


def is_lost(error: BaseException) -> bool:
    """Whether an error means that a connection is gone, or that nobody can tell."""
    names = names_of(error)
    if "AfcException" in names:
        return False
    if "LockdownError" in names and "SessionInactive" in str(error):
        return True
    return any(name in names for name in _LOST) or type(error) in (OSError, ConnectionError)


def refuses_our_keys(error: BaseException) -> bool:
    """Whether the phone broke off in TLS: it knows our record's name, but not its keys."""
    causes = [one for one in (error, error.__cause__) if one is not None]
    return any("SSLError" in names_of(one) and "_ALERT_" in str(one) for one in causes)


def translated(error: BaseException, device_id: str, what: str) -> HarnessError:
    """Our error for one of the library's; ``what`` was being done."""
    if isinstance(error, HarnessError):
        return error
    for name in names_of(error):
        if name in _MEANINGS:
            kind, advice = _MEANINGS[name]
            return kind(device_id, advice)
    said = printable(str(error), _SAID)
    locked = "could not be, unlocked" in said or "PasswordProtected" in said
    if locked or refuses_our_keys(error):
        return DeviceUnavailable(device_id, UNLOCK if locked else STALE)
    if isinstance(error, AssertionError):
        return DeviceError(device_id, f"the phone refused to {what} without saying why")
    detail = f"{type(error).__name__}: {said}" if said else type(error).__name__
    if is_lost(error):
        return DeviceUnavailable(device_id, f"the link to the phone dropped ({what}; {detail})")
    return DeviceError(device_id, f"cannot {what}: {detail}")
