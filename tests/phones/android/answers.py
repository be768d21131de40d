"""What a framework command answers, as a script that the asking shell runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """Output, error output and exit code; ``file`` is a path on the phone to print instead."""

    out: str = ""
    err: str = ""
    code: int = 0
    file: str = ""

    def script(self) -> bytes:
        """Shell code with this effect."""
        lines = []
        if self.out:
            lines.append(f"print -rn -- {quoted(self.out)}")
        if self.file:
            lines.append(f"/system/bin/cat {quoted(self.file)}")
        if self.err:
            lines.append(f"print -rnu2 -- {quoted(self.err)}")
        return "\n".join([*lines, f"exit {self.code}"]).encode(errors="surrogateescape")


def quoted(text: str) -> str:
    """The text as one word of a shell script."""
    return "'" + text.replace("\0", "").replace("'", "'\\''") + "'"


def said(text: str) -> Answer:
    """Lines on standard output, ended as Android ends them."""
    return Answer(text if not text or text.endswith("\n") else text + "\n")


def refused(text: str, code: int = 255) -> Answer:
    """A line on standard error and a failure."""
    return Answer(err=text + "\n", code=code)


@dataclass(frozen=True)
class Question:
    """A framework command as the shell asked it; ``pid`` is the asking script on the phone."""

    command: str
    pid: int
    words: list[str]

    @classmethod
    def read(cls, data: bytes) -> Question | None:
        """None while it is not complete."""
        head, space, rest = data.partition(b" ")
        if not space:
            return None
        count, pieces = int(head), rest.split(b"\0")
        if len(pieces) <= count:
            return None
        texts = [piece.decode(errors="surrogateescape") for piece in pieces[:count]]
        return cls(texts[0], int(texts[1]), texts[2:])
