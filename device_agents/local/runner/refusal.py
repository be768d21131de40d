"""What the runner says no with: a code of the wire and one line of text."""

from __future__ import annotations

_MEMORY_WORDS = ("bad_alloc", "bad allocation", "failed to allocate memory", "out of memory")


class Refused(Exception):
    """A command cannot be carried out; becomes the wire's ``error`` message."""

    def __init__(self, code: str, text: str) -> None:
        self.code, self.text = code, " ".join(text.split())[:2000]
        super().__init__(f"{code}: {self.text}")


def refusal_of(error: Exception, code: str) -> Refused:
    """An engine's exception in the engine's own words; memory that ran out has its own code."""
    if isinstance(error, Refused):
        return error
    text = str(error) or type(error).__name__
    if isinstance(error, MemoryError) or any(words in text.lower() for words in _MEMORY_WORDS):
        return Refused("out-of-memory", text)
    return Refused(code, text)
