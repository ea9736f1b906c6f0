"""Queries use the indexes that were declared for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from zona_core.ports.store import Change, Collection, CollectionSpec, In, Index, Range
from zona_sqlite.store import SqliteStore

LIVE: dict[str, Any] = {"status": In(("on", "o'ff")), "gone": False}
SPEC = CollectionSpec(
    name="apps",
    indexes=(
        Index(name="by_time", fields=("tenant", "created_ts")),
        Index(name="by_rank", fields=("tenant", "deep.rank", "created_ts")),
        Index(name="by_id", fields=("tenant", "id"), unique=True),
        Index(
            name="title", fields=("tenant", "title"), unique=True, where={"status": In(("on", "o'ff")), "gone": False}
        ),
        Index(name="until", fields=("until",), ttl=10),
    ),
)


class Plans:
    """The plans of the statements that a store runs."""

    def __init__(self, store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lines: list[str] = []
        database = store._database
        rows, execute = database.rows, database.execute

        def explained(run: Any) -> Any:
            def run_explained(sql: str, parameters: Any = ()) -> Any:
                if sql.startswith(("SELECT", "DELETE", "UPDATE")):
                    self.lines += [row[3] for row in rows(f"EXPLAIN QUERY PLAN {sql}", parameters)]
                return run(sql, parameters)

            return run_explained

        monkeypatch.setattr(database, "rows", explained(rows))
        monkeypatch.setattr(database, "execute", explained(execute))

    def used(self) -> str:
        """The steps since the last time; what is read of lists of values and of counted rows is left out."""
        lines, self.lines = self.lines, []
        noise = ("LIST SUBQUERY", "SCAN json_each", "CO-ROUTINE", "SCAN (subquery")
        return " | ".join(line for line in lines if not line.startswith(noise))


@pytest.fixture
def apps(tmp_path: Path) -> Iterator[tuple[SqliteStore, Collection]]:
    store = SqliteStore(f"sqlite:///{tmp_path}/zona.db")
    collection = store.collection(SPEC)
    collection.insert_many(
        {
            "_id": f"t/{number:03}",
            "tenant": "t",
            "id": number,
            "deep": {"rank": number % 5},
            "created_ts": store.now(),
            "title": f"App {number}",
            "status": "on",
            "gone": False,
        }
        for number in range(200)
    )
    yield store, collection
    store.close()


@pytest.mark.parametrize(
    ("where", "sort", "index"),
    [
        ({"_id": "t/001"}, [], "sqlite_autoindex_apps_1"),
        ({"_id": In(("t/001", "t/002"))}, [], "sqlite_autoindex_apps_1"),
        ({"_id": Range(gt="t/001")}, [], "sqlite_autoindex_apps_1"),
        ({}, [], "sqlite_autoindex_apps_1"),
        ({"tenant": "t", "id": 5}, [], "apps.by_id"),
        ({"tenant": "t", "id": In((5, 7))}, [], "apps.by_id"),
        ({"tenant": "t", "id": Range(gte=5, lt=9)}, [("id", 1)], "apps.by_id"),
        ({"tenant": "t"}, [("created_ts", 1)], "apps.by_time"),
        ({"tenant": "t"}, [("created_ts", -1)], "apps.by_time"),
        ({"tenant": "t", "deep.rank": 3}, [("created_ts", -1)], "apps.by_rank"),
        ({"tenant": "t", "deep.rank": None}, [("created_ts", 1)], "apps.by_rank"),
        ({"tenant": "t", "title": "App 7", **LIVE}, [], "apps.title"),
    ],
)
def test_a_query_uses_its_index(
    apps: tuple[SqliteStore, Collection], monkeypatch: pytest.MonkeyPatch, where: Any, sort: Any, index: str
) -> None:
    """Finding, paging, counting and deleting read an index, never the whole table, and sort nothing."""
    store, collection = apps
    plans = Plans(store, monkeypatch)
    page = collection.find(where, sort=sort, limit=2)
    assert index in plans.used()
    if page.next:
        collection.find(where, sort=sort, after=page.next, limit=2)
        used = plans.used()
        assert index in used
        assert "SCAN" not in used
    if where:
        collection.find_and_modify(where, Change(set={"seen": True}), sort=sort)
        collection.count(where, limit=3)
        collection.delete_many({**where, "seen": True})
        used = plans.used()
        assert used.count("SEARCH apps USING") >= 3
        assert "SCAN" not in used
        allowed = "TEMP B-TREE FOR RIGHT PART" if index == "apps.by_id" else ""  # a unique index does not hold the key
        assert not sort or "TEMP B-TREE" not in used.replace(allowed, "")


def test_expiry_uses_the_ttl_index(apps: tuple[SqliteStore, Collection], monkeypatch: pytest.MonkeyPatch) -> None:
    """Removing what is past does not read what is not."""
    store, _ = apps
    plans = Plans(store, monkeypatch)
    store.expire()
    assert plans.used() == "SEARCH apps USING INDEX apps.until (<expr><?)"
