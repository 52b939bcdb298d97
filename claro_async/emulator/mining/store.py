"""Projects, datasets and comments in SQLite, in the emulator's own database."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from claro_async.emulator.errors import ApiError
from claro_async.emulator.mining.continuation import Mark, Tokens
from claro_async.emulator.mining.times import write_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from claro_async.emulator.clock import Clock
    from claro_async.emulator.database import Database
    from claro_async.emulator.mining.comments import StoredComment

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS mining_projects (name TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS mining_datasets (
  key INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, project TEXT NOT NULL, name TEXT NOT NULL,
  title TEXT, description TEXT, model_family TEXT NOT NULL, has_sentiment INTEGER NOT NULL,
  source_ids TEXT NOT NULL, model_tags TEXT NOT NULL, created INTEGER NOT NULL,
  last_modified INTEGER NOT NULL, UNIQUE (project, name));
CREATE TABLE IF NOT EXISTS mining_comments (
  number INTEGER PRIMARY KEY, dataset INTEGER NOT NULL, uid TEXT NOT NULL,
  source_id TEXT NOT NULL, timestamp INTEGER NOT NULL, created_at INTEGER NOT NULL,
  body TEXT NOT NULL, UNIQUE (dataset, uid));
CREATE INDEX IF NOT EXISTS mining_by_timestamp ON mining_comments (dataset, timestamp, number);
CREATE INDEX IF NOT EXISTS mining_by_created_at ON mining_comments (dataset, created_at, number);
"""
_COLUMNS: Final = (
    "key, id, project, name, title, description, model_family, has_sentiment, source_ids,"
    " model_tags, created, last_modified"
)
FIRST: Final = Mark(-(2**62), 0)


class MiningDataset(NamedTuple):
    """A dataset; times in microseconds."""

    key: int
    id: str
    project: str
    name: str
    title: str | None
    description: str | None
    model_family: str
    has_sentiment: int
    source_ids: str
    model_tags: str
    created: int
    last_modified: int

    def to_json(self) -> dict[str, Any]:
        """Write the dataset as in the sample of "Get a dataset by name"."""
        return {
            "created": write_time(self.created),
            "description": self.description,
            "has_sentiment": bool(self.has_sentiment),
            "id": self.id,
            "last_modified": write_time(self.last_modified),
            "model_family": self.model_family,
            "name": self.name,
            "owner": self.project,
            "source_ids": json.loads(self.source_ids),
            "title": self.title,
        }


class NewMiningDataset(NamedTuple):
    """What a dataset is to be."""

    title: str | None = None
    description: str | None = None
    source_ids: Sequence[str] = ()
    model_family: str = "english"
    has_sentiment: bool = True


class CommentFilter(NamedTuple):
    """Which comments, in which order: ``order_by`` is a column, times are in microseconds."""

    order_by: str
    start: int | None
    end: int | None
    source_ids: list[str] | None
    uids: list[str] | None


class MiningStore:
    """All state of the Communications Mining part.

    Args:
        database: Where it is kept.
        clock: The time.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self.tokens: Tokens = Tokens(database.secret)
        database.connection.executescript(_SCHEMA)

    def _now(self) -> int:
        return int(self._clock() * 1_000_000)

    def add_project(self, name: str) -> None:
        """Make a project, unless it is there."""
        self._database.execute("INSERT OR IGNORE INTO mining_projects VALUES (?)", (name,))

    def check_project(self, name: str) -> None:
        """Refuse a project that is not there.

        Raises:
            ApiError: ``NOT_FOUND``.
        """
        if self._database.one("SELECT 1 FROM mining_projects WHERE name = ?", name) is None:
            raise ApiError("NOT_FOUND", message=f"Project {name} does not exist")

    def datasets(self, project: str | None = None) -> list[MiningDataset]:
        """List datasets, of one project or of all, by project and name."""
        rows = self._database.execute(
            f"SELECT {_COLUMNS} FROM mining_datasets WHERE ? IS NULL OR project = ?"  # noqa: S608 - constant names
            " ORDER BY project, name",
            (project, project),
        )
        return [MiningDataset(*row) for row in rows]

    def look_up(self, project: str, name: str) -> MiningDataset | None:
        """Find a dataset, or None."""
        row = self._database.execute(
            f"SELECT {_COLUMNS} FROM mining_datasets WHERE project = ? AND name = ?",  # noqa: S608 - constant names
            (project, name),
        ).fetchone()
        return None if row is None else MiningDataset(*row)

    def find(self, project: str, name: str) -> MiningDataset:
        """Find a dataset.

        Raises:
            ApiError: ``NOT_FOUND``.
        """
        self.check_project(project)
        found = self.look_up(project, name)
        if found is None:
            raise ApiError("NOT_FOUND", message=f"Dataset {project}/{name} does not exist")
        return found

    def add(
        self, project: str, name: str, new: NewMiningDataset, *, dataset_id: str | None = None
    ) -> MiningDataset:
        """Make a dataset."""
        now = self._now()
        self._database.execute(
            "INSERT INTO mining_datasets (id, project, name, title, description, model_family,"
            " has_sentiment, source_ids, model_tags, created, last_modified)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, '[]', ?, ?)",
            (
                dataset_id or secrets.token_hex(8),
                project,
                name,
                new.title,
                new.description,
                new.model_family,
                new.has_sentiment,
                json.dumps(list(new.source_ids)),
                now,
                now,
            ),
        )
        return self.find(project, name)

    def change(self, dataset: MiningDataset, new: NewMiningDataset) -> MiningDataset:
        """Set title, description and sources."""
        self._database.execute(
            "UPDATE mining_datasets SET title = ?, description = ?, source_ids = ?,"
            " last_modified = ? WHERE key = ?",
            (
                new.title,
                new.description,
                json.dumps(list(new.source_ids)),
                self._now(),
                dataset.key,
            ),
        )
        return self.find(dataset.project, dataset.name)

    def set_model_tags(self, dataset: MiningDataset, tags: Sequence[dict[str, Any]]) -> None:
        """Set the tags of a dataset's model."""
        self._database.execute(
            "UPDATE mining_datasets SET model_tags = ? WHERE key = ?",
            (json.dumps(list(tags)), dataset.key),
        )

    def delete(self, dataset: MiningDataset) -> None:
        """Delete a dataset and its comments."""
        self._database.execute("DELETE FROM mining_comments WHERE dataset = ?", (dataset.key,))
        self._database.execute("DELETE FROM mining_datasets WHERE key = ?", (dataset.key,))

    def add_comments(self, dataset: MiningDataset, comments: Iterable[StoredComment]) -> None:
        """Put comments into a dataset.

        Raises:
            ValueError: For a uid that is there already.
        """
        self._database.execute("BEGIN")
        try:
            self._database.executemany(
                "INSERT INTO mining_comments (dataset, uid, source_id, timestamp, created_at, body)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                ((dataset.key, *comment) for comment in comments),
            )
        except self._database.connection.IntegrityError:
            self._database.execute("ROLLBACK")
            raise ValueError("a comment's uid is there already") from None
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    def page(
        self, dataset: MiningDataset, wanted: CommentFilter, after: Mark, limit: int
    ) -> list[tuple[Mark, str]]:
        """Read comments in order.

        Args:
            dataset: The dataset.
            wanted: Which comments.
            after: The comment before the first; `FIRST` for the beginning.
            limit: How many at most.

        Returns:
            Each comment's mark and what an export gives of it.
        """
        column = wanted.order_by
        conditions, values = (
            ["dataset = ?", f"({column}, number) > (?, ?)"],
            [dataset.key, after.time, after.number],
        )
        more: list[tuple[str, Any]] = [
            (f"{column} >= ?", wanted.start),
            (f"{column} <= ?", wanted.end),
            ("source_id IN (SELECT value FROM json_each(?))", _dump(wanted.source_ids)),
            ("uid IN (SELECT value FROM json_each(?))", _dump(wanted.uids)),
        ]
        for condition, value in more:
            if value is not None:
                conditions.append(condition)
                values.append(value)
        rows = self._database.execute(
            f"SELECT {column}, number, body FROM mining_comments"  # noqa: S608 - constant names
            f" WHERE {' AND '.join(conditions)} ORDER BY {column}, number LIMIT ?",
            (*values, limit),
        )
        return [(Mark(time, number), body) for time, number, body in rows]

    def projects(self) -> list[str]:
        """List the projects by name."""
        rows = self._database.execute("SELECT name FROM mining_projects ORDER BY name")
        return [name for (name,) in rows]

    def count(self, dataset: MiningDataset) -> int:
        """Count the comments of a dataset."""
        return int(
            self._database.one(
                "SELECT count(*) FROM mining_comments WHERE dataset = ?", dataset.key
            )
        )

    def slice(self, dataset: MiningDataset, skip: int, limit: int) -> list[str]:
        """Read some comments, by timestamp, as an export gives them."""
        rows = self._database.execute(
            "SELECT body FROM mining_comments WHERE dataset = ?"
            " ORDER BY timestamp, number LIMIT ? OFFSET ?",
            (dataset.key, limit, skip),
        )
        return [body for (body,) in rows]

    def uids(self, dataset: MiningDataset, order_by: str = "timestamp") -> list[str]:
        """List the uids of all comments in order."""
        column = "created_at" if order_by == "created_at" else "timestamp"
        rows = self._database.execute(
            f"SELECT uid FROM mining_comments WHERE dataset = ? ORDER BY {column}, number",  # noqa: S608 - constant names
            (dataset.key,),
        )
        return [uid for (uid,) in rows]


def _dump(values: list[str] | None) -> str | None:
    return None if values is None else json.dumps(values)
