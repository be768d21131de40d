"""The index of runs: a cache in SQL, so that a list of a thousand runs opens one file.

Every row carries a stamp of the run's ledger; a row whose stamp is old is read again from the run's
files. So the index may be missing, stale or damaged at any time, and nothing is lost but speed.
SQLAlchemy is imported only when an index is used.
"""

from __future__ import annotations

import json
import socket
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import StoreError
from harness.record import Outcome
from harness.store.layout import INDEX
from harness.store.summary import RunSummary

if TYPE_CHECKING:
    import sqlalchemy as sa

_WAIT_S = 10.0
#: Another shape of the table gets another name; the old one is a cache nobody misses.
_TABLE = "runs_1"


@dataclass(frozen=True, slots=True)
class Entry:
    """A run's summary and the stamp of the ledger it was made from."""

    stamp: str
    summary: RunSummary


class _Damaged(StoreError):
    """The index file is no database any more."""


class Index:
    """The rows of one results folder, in its own SQLite file or in a database shared by a lab.

    Every method raises StoreError when the database cannot be used. Nothing is opened before the
    first call.
    """

    def __init__(self, root: Path, url: str | None) -> None:
        """``url`` is an SQLAlchemy URL, as ``postgresql+psycopg://host/lab``; None for the file."""
        self._file = None if url else root / INDEX
        self._given_url = url
        self._origin = f"{socket.gethostname()}:{root.resolve()}" if url else "here"

    def load(self) -> dict[str, Entry]:
        """All rows by run id; none from a damaged file, which is deleted."""
        try:
            with self._transaction() as connection:
                rows = connection.execute(self._table.select().where(self._own)).all()
        except _Damaged:
            self.discard()
            return {}
        return {row.run_id: Entry(row.stamp, _summary(row)) for row in rows}

    def save(self, entries: Iterable[Entry]) -> None:
        """Add rows, in place of older ones of the same runs."""
        rows = [self._row(entry) for entry in entries]
        if rows:
            with self._transaction() as connection:
                self._delete(connection, [row["run_id"] for row in rows])
                connection.execute(self._table.insert(), rows)

    def forget(self, run_ids: Iterable[str]) -> None:
        """Delete the rows of these runs."""
        gone = list(run_ids)
        if gone:
            with self._transaction() as connection:
                self._delete(connection, gone)

    def discard(self) -> None:
        """Delete the SQLite file; of a lab's database, the rows of this results folder."""
        if self._file is None:
            with self._transaction() as connection:
                connection.execute(self._table.delete().where(self._own))
            return
        self.__dict__.pop("_engine", None)  # the next use makes the file and its table again
        try:
            for suffix in ("", "-wal", "-shm"):
                self._file.with_name(self._file.name + suffix).unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"{self._file}: cannot be deleted: {error.strerror}") from error

    def _delete(self, connection: sa.Connection, run_ids: list[str]) -> None:
        chosen = self._own & self._table.c.run_id.in_(run_ids)
        connection.execute(self._table.delete().where(chosen))

    @property
    def _own(self) -> sa.ColumnElement[bool]:
        return self._table.c.origin == self._origin

    def _row(self, entry: Entry) -> dict[str, Any]:
        summary = entry.summary
        return {
            "origin": self._origin,
            "run_id": summary.run_id,
            "stamp": entry.stamp,
            "scenario": summary.scenario,
            "label": summary.label,
            "created_at": summary.created_at,
            "planned": summary.planned,
            "counts": json.dumps(summary.counts),
            "state": summary.state,
        }

    @contextmanager
    def _transaction(self) -> Iterator[sa.Connection]:
        from sqlalchemy.exc import SQLAlchemyError

        try:
            with self._engine.begin() as connection:
                yield connection
        except (SQLAlchemyError, ImportError) as error:
            raise self._translated(error) from error

    def _translated(self, error: Exception) -> StoreError:
        cause = getattr(error, "orig", None) or error
        reason = (str(cause).strip().splitlines() or [type(cause).__name__])[0]
        damaged = type(cause) is sqlite3.DatabaseError
        where = self._file or self._shown_url
        return (_Damaged if damaged else StoreError)(f"{where}: the index cannot be used: {reason}")

    @property
    def _shown_url(self) -> str:
        """The URL without its password."""
        return f"...@{url.rpartition('@')[2]}" if "@" in (url := self._given_url or "") else url

    @cached_property
    def _engine(self) -> sa.Engine:
        """Connections are opened for each transaction and closed after it: no thread owns one."""
        import sqlalchemy as sa

        url = self._given_url or sa.URL.create("sqlite", database=str(self._file))
        is_sqlite = sa.make_url(url).get_backend_name() == "sqlite"
        options: dict[str, Any] = {"connect_args": {"timeout": _WAIT_S}} if is_sqlite else {}
        engine = sa.create_engine(url, poolclass=sa.NullPool, **options)
        if is_sqlite:
            sa.event.listen(engine, "connect", _let_readers_and_writers_coexist)
        self._table.metadata.create_all(engine)
        return engine

    @cached_property
    def _table(self) -> sa.Table:
        import sqlalchemy as sa

        return sa.Table(
            _TABLE,
            sa.MetaData(),
            sa.Column("origin", sa.String, primary_key=True),
            sa.Column("run_id", sa.String, primary_key=True),
            sa.Column("stamp", sa.String, nullable=False),
            sa.Column("scenario", sa.String, nullable=False),
            sa.Column("label", sa.String),
            sa.Column("created_at", sa.String, nullable=False),
            sa.Column("planned", sa.Integer, nullable=False),
            sa.Column("counts", sa.String, nullable=False),
            sa.Column("state", sa.String, nullable=False),
        )


def _summary(row: Any) -> RunSummary:
    return RunSummary(
        run_id=row.run_id,
        scenario=row.scenario,
        label=row.label,
        created_at=row.created_at,
        planned=row.planned,
        counts={Outcome(name): count for name, count in json.loads(row.counts).items()},
        state=row.state,
    )


def _let_readers_and_writers_coexist(connection: sqlite3.Connection, _: object) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
