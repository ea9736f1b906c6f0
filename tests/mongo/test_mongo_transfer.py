"""Apps on their way between SQLite and MongoDB."""

from __future__ import annotations

from pathlib import Path

from sample_apps import app, exported, imported, ingesting, polling, task

from zona_core import Field, FieldKind, Zona


def test_a_package_is_the_same_bytes_from_either_store(url: str, tmp_path: Path) -> None:
    """Exported from SQLite, imported into MongoDB, exported from there, and back into another SQLite."""
    with (
        Zona(store=f"sqlite:///{tmp_path / 'one.db'}") as one,
        Zona(store=url) as mongo,
        Zona(store=f"sqlite:///{tmp_path / 'two.db'}") as two,
    ):
        source = one.tenant()
        source.apps.upsert(app("Base", task("lookup"), polling("poll")))
        numbers = {"whole": 1.0, "big": 2**53, "small": 1e-9, "nested": [{"null": None, "text": "ü🦄"}]}
        fields = (Field(name="key", kind=FieldKind.SECRET), Field(name="n", kind=FieldKind.NUMBER, default=2.0))
        tasks = (task("t", "Base/lookup"), ingesting("cases", ("t",), "Base/poll"), polling("e", "Base/poll"))
        source.apps.upsert(app("Everything", *tasks, metadata=numbers, fields=fields))
        package = exported(source)
        for zona in (mongo, two):
            target = zona.tenant()
            assert [each.error for each in imported(target, package).apps] == [None, None]
            assert exported(target) == package
            assert target.tasks.get("Everything", "t").depends_on[0].task_id == target.tasks.get("Base", "lookup").id
