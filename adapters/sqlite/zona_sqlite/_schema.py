"""The layout of the database: its version, the steps from older ones, tables and indexes.

The version is SQLite's ``user_version``; ``application_id`` tells our files from those of other programs. A
collection's table has the collection's name and its indexes are called ``collection.index``, so that the file is easily
read with other tools. SQLite keeps an index's definition word for word: a changed one is found by comparing texts.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from attrs import define

from zona_core.errors import DuplicateKey, StoreUnavailable
from zona_core.ports.store import CollectionSpec, Condition

from . import _sql, _words
from ._database import Database

__all__ = ["MIGRATIONS", "Layout", "Migration", "Schema"]

#: "Zona" in ASCII
_APPLICATION_ID: Final = 0x5A6F6E61


@define(frozen=True)
class Migration:
    """A step to ``version`` from the one before; ``note`` says for people what it does."""

    version: int
    note: str
    apply: Callable[[Database], None]


def _first_layout(database: Database) -> None:
    """One table for each collection, made when the collection is first used."""
    database.execute(f"PRAGMA application_id = {_APPLICATION_ID}")


#: in ascending order, without gaps; the last one's version is that of this code
MIGRATIONS: Final = (Migration(1, "One table for each collection.", _first_layout),)


@define
class Layout:
    """What a collection needs: the statements for its table and its indexes, by name."""

    name: str
    table: str
    indexes: dict[str, str]
    #: fields of the indexes, by index name
    fields: dict[str, tuple[str, ...]]
    #: what there is for searching texts: a table and its triggers
    words: _words.WordIndex | None = None

    @classmethod
    def of(cls, spec: CollectionSpec, conditions: Mapping[str, Mapping[str, Condition]]) -> Layout:
        """The layout for ``spec``; ``conditions`` are its indexes' checked ones."""
        # NOTE: a rowid table reads documents of some KB in half the time that one without rowid takes.
        table = f"CREATE TABLE {_sql.table(spec.name)} (_id NOT NULL PRIMARY KEY, doc TEXT NOT NULL)"
        indexes = {
            f"{spec.name}.{index.name}": _sql.definition(spec.name, index, conditions[index.name])
            for index in spec.indexes
        }
        fields = {f"{spec.name}.{index.name}": index.fields for index in spec.indexes}
        return cls(spec.name, table, indexes, fields, _words.WordIndex(spec) if spec.text else None)

    def duplicate(self, exc: sqlite3.IntegrityError) -> DuplicateKey:
        """The error for a violated constraint; SQLite names the index in its message."""
        parts = str(exc).split("'")
        index = parts[1] if len(parts) > 1 else ""
        fields = self.fields.get(index, ("_id",))
        message = f"{self.name} has another document with the same {', '.join(fields)}"
        return DuplicateKey(message, collection=self.name, fields=list(fields))


class Schema:
    """The layout of one database, as it is and as it should be."""

    def __init__(self, database: Database, migrations: Sequence[Migration] = MIGRATIONS) -> None:
        self._database = database
        self._migrations = migrations
        self._newest = migrations[-1].version
        self._usable = False
        if self._is_empty():
            with database.transaction():
                if self._is_empty():  # nobody else has been faster
                    self._upgrade()

    @property
    def version(self) -> int:
        """The database's version; 0 for one that is not ours."""
        return int(self._database.rows("PRAGMA user_version")[0][0])

    def require_usable(self) -> None:
        """Raises ``StoreUnavailable`` unless this code can work with the database's version."""
        if self._usable:
            return
        self._refuse_foreign()
        version = self.version
        if version < self._newest:
            message = f"the database has schema version {version}, this code needs {self._newest}"
            hint = "zona store migrate brings it up to date"
            raise StoreUnavailable(message, code="store_outdated", hint=hint, version=version)
        self._usable = True

    def make(self, layout: Layout) -> None:
        """Makes the table and the indexes that are missing; changed ones are left to ``migrate``.

        So is an index of texts where there are documents already.
        """
        existing = self._existing(layout.name)
        if existing.keys() >= {layout.name, *layout.indexes} and not self._lacks_words(layout):
            return
        with self._database.transaction():
            existing = self._existing(layout.name)
            if layout.name not in existing:
                self._database.execute(layout.table)
            self._make_indexes(layout, layout.indexes.keys() - existing.keys())
            if layout.words is not None and self._lacks_words(layout):
                layout.words.make(self._database)

    def _lacks_words(self, layout: Layout) -> bool:
        """Whether the index of texts is to be made now: where there are documents already, ``migrate`` does it."""
        return layout.words is not None and layout.words.may_be_made(self._database)

    def migrate(self, layouts: Iterable[Layout]) -> list[str]:
        """Takes the steps to this code's version and remakes what differs; says what was done."""
        self._refuse_foreign()
        with self._database.transaction():
            notes = self._upgrade()
            for layout in layouts:
                notes += self._remake(layout)
                notes += _words.mended(self._database, layout.name, layout.words)
        self._usable = True
        return notes

    def differences(self, layouts: Iterable[Layout]) -> list[str]:
        """What differs from what is declared, in sentences."""
        notes = []
        if self.version != self._newest:
            notes.append(f"The schema version is {self.version}, that of this code {self._newest}.")
        found = [row[0] for row in self._database.rows("PRAGMA quick_check")]
        notes += [f"Integrity: {line}" for line in found if line != "ok"]
        for layout in layouts:
            notes += self._index_notes(layout)
            notes += _words.differences(self._database, layout.name, layout.words)
        return notes

    def _is_empty(self) -> bool:
        return self.version == 0 and not self._database.rows("SELECT 1 FROM sqlite_master LIMIT 1")

    def _refuse_foreign(self) -> None:
        if self._database.rows("PRAGMA application_id")[0][0] != _APPLICATION_ID:
            raise StoreUnavailable("the database was made by another program", code="store_foreign")
        version = self.version
        if version > self._newest:
            message = f"the database has schema version {version}, this code knows none newer than {self._newest}"
            raise StoreUnavailable(message, code="store_too_new", hint="Use a newer Zona.", version=version)

    def _upgrade(self) -> list[str]:
        version = self.version
        steps = [step for step in self._migrations if step.version > version]
        for step in steps:
            step.apply(self._database)
            self._database.execute(f"PRAGMA user_version = {step.version}")
        return [f"Schema version {step.version}: {step.note}" for step in steps]

    def _existing(self, name: str) -> dict[str, str]:
        """The definitions of a collection's table and indexes, by name."""
        rows = self._database.rows(
            "SELECT name, sql FROM sqlite_master WHERE tbl_name = ? AND sql IS NOT NULL", (name,)
        )
        return {found: sql for found, sql in rows if not _words.is_of_words(found)}

    def _make_indexes(self, layout: Layout, names: Iterable[str]) -> None:
        for name in sorted(names):
            try:
                self._database.execute(layout.indexes[name])
            except sqlite3.IntegrityError as exc:
                fields = layout.fields[name]
                message = f"the unique index {name} cannot be made: documents share the same {', '.join(fields)}"
                raise DuplicateKey(message, collection=layout.name, fields=list(fields)) from exc

    def _remake(self, layout: Layout) -> list[str]:
        existing = self._existing(layout.name)
        if existing.pop(layout.name, None) is None:
            self._database.execute(layout.table)
        changed = [name for name, sql in existing.items() if sql != layout.indexes.get(name)]
        for name in changed:
            self._database.execute(f'DROP INDEX "{name}"')
        self._make_indexes(layout, layout.indexes.keys() - (existing.keys() - set(changed)))
        return [
            f"Index {name}: {'remade' if name in layout.indexes else 'removed, as it is not declared any more'}."
            for name in changed
        ]

    def _index_notes(self, layout: Layout) -> list[str]:
        existing = self._existing(layout.name)
        existing.pop(layout.name, None)
        notes = [f"Index {name} is missing." for name in layout.indexes if name not in existing]
        for name, sql in existing.items():
            if name not in layout.indexes:
                notes.append(f"Index {name} is not declared.")
            elif sql != layout.indexes[name]:
                notes.append(f"Index {name} is defined in another way than declared.")
        return notes
