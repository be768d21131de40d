"""Reading a ``load`` message's options: what is unknown or of the wrong kind is refused."""

from __future__ import annotations

from collections.abc import Sequence

from device_agents.local.runner.refusal import Refused
from harness.wire.messages import LoadModel, Scalar

#: More than any device has; some engines start every thread they are told to.
_MOST_THREADS = 1024


class Options:
    """The options of one load, taken one by one."""

    def __init__(self, request: LoadModel) -> None:
        self._engine, self._left = request.engine, dict(request.options)
        self._known: list[str] = []
        if not 1 <= request.threads <= _MOST_THREADS:
            raise Refused("option-rejected", f"threads is 1 to {_MOST_THREADS}")

    def boolean(self, name: str, *, default: bool) -> bool:
        """A switch."""
        value = self._take(name, default)
        if not isinstance(value, bool):
            raise Refused("option-rejected", f"{name} is true or false, not {value!r}")
        return value

    def choice(self, name: str, choices: Sequence[str], *, default: str) -> str:
        """One of a few words."""
        value = self._take(name, default)
        if value not in choices:
            raise Refused("option-rejected", f"{name} is {' or '.join(choices)}, not {value!r}")
        return str(value)

    def finish(self) -> None:
        """Refuse what nobody asked for."""
        for name in self._left:
            known = ", ".join(self._known)
            raise Refused(
                "option-rejected", f"{self._engine} has no option {name!r}; it has {known}"
            )

    def _take(self, name: str, default: Scalar) -> Scalar:
        self._known.append(name)
        return self._left.pop(name, default)


def check_delegate(request: LoadModel, known: Sequence[str]) -> None:
    """Refuse a delegate the engine does not have here."""
    if request.delegate not in known:
        raise Refused(
            "delegate-rejected",
            f"{request.engine} has no delegate {request.delegate!r} on this device; "
            f"it has {', '.join(known)}",
        )
