"""The forms of packages, where they are written to and read from, and what tests make packages of."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import orjson

from zona_core.ports.packages import PackageFormat, PackageLimits, PackageReader, PackageSummary, Record, Signer
from zona_packages._zstd import zstd
from zona_packages.folder_form import FolderForm
from zona_packages.json_form import JsonForm
from zona_packages.zona_form import ZonaForm

__all__ = [
    "FORMS",
    "HEADER",
    "ZERO_DIGEST",
    "Place",
    "app",
    "compressed",
    "json_reader",
    "line",
    "named",
    "one_app",
    "task",
    "two_apps",
    "zona_reader",
]

HEADER = {"kind": "header", "format": "zona-package", "version": 1}
ZERO_DIGEST = "sha256:" + "0" * 64


class Place:
    """A form, and where a package of that form is written and read."""

    def __init__(self, form: PackageFormat, path: Path) -> None:
        self.form = form
        self.path = path

    def write(self, records: Iterable[Record], sign: Signer | None = None) -> PackageSummary:
        if self.form.takes_folder:
            return self.form.write(records, self.path, sign)
        with self.path.open("wb") as file:
            return self.form.write(records, file, sign)

    def open(self, limits: PackageLimits | None = None) -> PackageReader:
        source = self.path if self.form.takes_folder else io.BytesIO(self.path.read_bytes())
        return self.form.open(source, limits or PackageLimits())

    def bytes(self) -> dict[str, bytes]:
        """Everything that is there, by path."""
        if self.path.is_file():
            return {"": self.path.read_bytes()}
        return {str(path.relative_to(self.path)): path.read_bytes() for path in self.path.rglob("*") if path.is_file()}


FORMS: dict[str, Callable[[], PackageFormat]] = {"zona": ZonaForm, "json": JsonForm, "folder": FolderForm}


def app(title: str = "Shodan", **more: Any) -> Record:
    return {"kind": "app", "title": title, **more}


def task(tag: str, **more: Any) -> Record:
    return {"kind": "task", "task_tag": tag, "name": tag.title(), **more}


def named(kind: str, name: str, **more: Any) -> Record:
    return {"kind": kind, "name": name, **more}


def one_app() -> list[Record]:
    """A package with a record of each kind."""
    return [
        HEADER,
        app(description="Hosts on the net", fields=[{"name": "key", "kind": "secret", "id": 0}], version="1.0"),
        task("lookup", timeout=60.0, inputs=[{"name": "ip", "kind": "text"}], ingest_cases=False),
        task("search", handler_config={"path": "/{{ input.q }}", "nothing": None}),
        task("alerts", ingest_cases=True),
        named("playbook", "Contain", steps=[[["deep"]]]),
        named("rule", "Beacon", level="high"),
        named("schedule", "Daily"),
    ]


def two_apps() -> list[Record]:
    return [HEADER, app("Jira"), task("a"), app("MISP"), task("a"), named("rule", "Beacon")]


def compressed(*lines: bytes) -> bytes:
    """A file of the form ``zona`` with these lines."""
    return zstd.compress(b"".join(line + b"\n" for line in lines), level=1)


def line(record: Any) -> bytes:
    return orjson.dumps(record, option=orjson.OPT_SORT_KEYS)


def zona_reader(content: bytes, limits: PackageLimits | None = None) -> PackageReader:
    return ZonaForm().open(io.BytesIO(content), limits or PackageLimits())


def json_reader(content: bytes, limits: PackageLimits | None = None) -> PackageReader:
    return JsonForm().open(io.BytesIO(content), limits or PackageLimits())
