"""Why iOS did not install an app, and what to do about it.

The system answers with an error name, a colon and a description; what went wrong with a signature
is only in the description, as a number of AMFI.
"""

from __future__ import annotations

from device_agents.android.parse.text import printable

#: By what the answer contains, the most telling first.
_ADVICE = (
    ("0xe800801c", "it is not signed; sign it on a Mac (docs/ios.md)"),
    (
        "0xe8008012",
        "its provisioning profile does not name this phone; add the phone and sign anew",
    ),
    ("0xe8008015", "it holds no provisioning profile that fits; sign it for development"),
    ("0xe8008016", "it asks for entitlements that its profile does not have; sign it anew"),
    ("0xe8008011", "its provisioning profile has expired; sign it anew"),
    ("0xe8008018", "the identity that signed it is not valid any more; sign it anew"),
    ("MismatchedApplicationIdentifierEntitlement", "another team's runner is installed; delete it"),
    ("DeviceOSVersionTooLow", "it needs a later iOS than the phone has"),
    ("PackageExtractionFailed", "it is no .ipa"),
    ("PackageInspectionFailed", "it is no .ipa with an app in it"),
    ("is not a zip file", "it is no .ipa"),
    ("NotEnoughSpace", "the phone is full; make room on it"),
    ("DeviceNotSupported", "it was not built for iPhones"),
    ("ApplicationVerificationFailed", "its signature does not hold; sign it anew"),
    ("PasswordProtected", "the phone is locked; unlock it"),
)


def install_problem(said: str) -> str:
    """One line: what the phone said, and what to do."""
    shown = printable(said, 240) or "no reason"
    for sign, advice in _ADVICE:
        if sign in said:
            return f"{advice}; the phone said: {shown}"
    return f"the phone said: {shown}"
