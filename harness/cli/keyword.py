"""``-k EXPR``: choose trials by words of their description: ``"int8 and not onnxruntime"``."""

from __future__ import annotations

import re
from collections.abc import Callable

from harness.errors import UserError

Matches = Callable[[str], bool]

_TOKEN = re.compile(r"\(|\)|[^\s()]+")


def parse_keyword(expression: str) -> Matches:
    """A predicate over descriptions; words match as case-insensitive substrings.

    Grammar: ``or`` binds loosest, then ``and``, then ``not``; parentheses group. Raises UserError.
    """
    parser = _Parser(_TOKEN.findall(expression), expression)
    return parser.whole()


class _Parser:
    def __init__(self, tokens: list[str], source: str) -> None:
        self._tokens, self._source, self._at = tokens, source, 0

    def whole(self) -> Matches:
        matches = self._any()
        if self._at != len(self._tokens):
            raise self._wrong(f"unexpected {self._tokens[self._at]!r}")
        return matches

    def _any(self) -> Matches:
        parts = [self._all()]
        while self._take("or"):
            parts.append(self._all())
        return lambda text: any(part(text) for part in parts)

    def _all(self) -> Matches:
        parts = [self._one()]
        while self._take("and"):
            parts.append(self._one())
        return lambda text: all(part(text) for part in parts)

    def _one(self) -> Matches:
        if self._take("not"):
            inner = self._one()
            return lambda text: not inner(text)
        if self._take("("):
            inner = self._any()
            if not self._take(")"):
                raise self._wrong("a ')' is missing")
            return inner
        if self._at == len(self._tokens) or self._tokens[self._at] in {"and", "or", ")"}:
            raise self._wrong("a word is missing")
        word = self._tokens[self._at].lower()
        self._at += 1
        return lambda text: word in text.lower()

    def _take(self, token: str) -> bool:
        found = self._at < len(self._tokens) and self._tokens[self._at] == token
        self._at += found
        return found

    def _wrong(self, what: str) -> UserError:
        return UserError(f"-k {self._source!r}: {what}; write words joined by and, or, not")
