"""What every page is made with: templates that escape by themselves, our own files, a policy."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined

#: Rows shown before the rest folds away, or a table scrolls by itself.
SHOWN_ROWS = 24


def plain_environment() -> Environment:
    """Templates in which every text is escaped and every unknown name is an error."""
    environment = Environment(
        loader=PackageLoader("reports", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["shown_rows"] = SHOWN_ROWS
    return environment


def static(name: str) -> str:
    """One of our own scripts or style sheets."""
    return (resources.files("reports") / "static" / name).read_text(encoding="utf-8").strip()


def policy(scripts: Sequence[str]) -> str:
    """A content security policy that allows exactly these scripts, and no connection anywhere."""
    digests = [
        base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts
    ]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
