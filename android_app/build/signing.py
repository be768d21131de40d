"""Signing with a key of the checkout's own.

The key is made once, in ``android_app/debug.p12``, and kept out of git: a private key in a public
repository would let anybody replace an installed runner. RSA signatures of the same bytes with the
same key are the same bytes, so two builds of a checkout are equal; between checkouts only the
signature differs, unless ``BENCHFARM_ANDROID_KEY`` names one key file for all of them.
"""

from __future__ import annotations

import os
from pathlib import Path

from android_app.build import tools
from android_app.build.layout import APP, MIN_SDK

KEY = Path(os.environ.get("BENCHFARM_ANDROID_KEY") or APP / "debug.p12")
#: Protects nothing: whoever can read the file can read this line.
_PASSWORD = "benchfarm"  # noqa: S105
_ALIAS = "runner"
_VALID_DAYS = "20000"


def sign(unsigned: Path, signed: Path) -> None:
    """Sign with APK signature schemes 2 and 3; entries keep their places."""
    _require_key()
    tools.run(
        [
            *("apksigner", "sign", "--ks", KEY, "--ks-pass", f"pass:{_PASSWORD}"),
            *("--ks-key-alias", _ALIAS, "--min-sdk-version", str(MIN_SDK)),
            *("--v1-signing-enabled", "false", "--v2-signing-enabled", "true"),
            *("--v3-signing-enabled", "true", "--v4-signing-enabled", "false"),
            *("--out", signed, unsigned),
        ]
    )


def verify(path: Path) -> None:
    """Raise BuildError unless the signatures hold from the oldest Android we support on."""
    tools.run(["apksigner", "verify", "--min-sdk-version", str(MIN_SDK), path])


def _require_key() -> None:
    if KEY.is_file():
        return
    fresh = KEY.with_suffix(f".{os.getpid()}")
    fresh.unlink(missing_ok=True)
    tools.run(
        [
            *("keytool", "-genkeypair", "-keystore", fresh, "-storetype", "PKCS12"),
            *("-storepass", _PASSWORD, "-alias", _ALIAS, "-keyalg", "RSA", "-keysize", "2048"),
            *("-validity", _VALID_DAYS, "-dname", "CN=benchfarm runner of this checkout"),
        ]
    )
    fresh.chmod(0o600)
    fresh.rename(KEY)
