"""``schema.json`` describes what is written, and refuses what readers refuse."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

import jsonschema_rs
import pytest
from package_samples import HEADER, ZERO_DIGEST, Place, app, one_app, task

from zona_core.ports.packages import Signature
from zona_packages._zstd import zstd

SCHEMA = json.loads(resources.files("zona_packages").joinpath("schema.json").read_text(encoding="utf-8"))
END = {"kind": "end", "apps": 1, "records": 2, "digest": ZERO_DIGEST}


def sign(digest: bytes) -> Signature:
    return Signature(algorithm="ed25519", key=digest.hex(), value=digest * 2)


def of(definition: str) -> Any:
    return jsonschema_rs.validator_for({**SCHEMA, "oneOf": [{"$ref": f"#/$defs/{definition}"}]})


def test_the_schema_is_one() -> None:
    """It is valid by its own dialect."""
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert jsonschema_rs.meta.is_valid(SCHEMA)


@pytest.mark.parametrize("signer", [None, sign])
def test_what_is_written_is_valid(signer: Any, places: dict[str, Place]) -> None:
    """Each line of a file, a document, each file of a folder."""
    whole = jsonschema_rs.validator_for(SCHEMA)
    for place in places.values():
        place.write(one_app(), signer)
    lines = zstd.decompress(places["zona"].path.read_bytes()).splitlines()
    assert len(lines) == 9
    for line in lines:
        whole.validate(json.loads(line))
    whole.validate(json.loads(places["json"].path.read_bytes()))
    kinds = {"tasks": "task_content", "playbooks": "named_content", "rules": "named_content"}
    for name, content in places["folder"].bytes().items():
        *_, place, file = ["", *name.split("/")]
        definition = {"package.json": "manifest", "app.json": "app_content"}.get(
            file, kinds.get(place, "named_content")
        )
        of(definition).validate(json.loads(content))


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"kind": "instance", "name": "x"},
        {**HEADER, "version": 2},
        {**HEADER, "more": 1},
        {**HEADER, "format": "other"},
        {"kind": "app", "title": ""},
        {"kind": "app"},
        {"kind": "task", "task_tag": "../x"},
        task("a", ingest_cases=1),
        {"kind": "rule", "title": "x"},
        {**END, "digest": "md5:0"},
        {**END, "more": 1},
        {**END, "signature": {"algorithm": "x"}},
        {"format": "zona-package", "version": 1},
        {"format": "zona-package", "version": 1, "app": app()},
        {"format": "zona-package", "version": 1, "app": {"title": "a"}, "tasks": [task("a")]},
        {"format": "zona-package", "version": 1, "app": {"title": "a"}, "notes": []},
    ],
)
def test_what_is_no_record_is_not_valid(wrong: Any) -> None:
    """The schema is no rubber stamp."""
    assert not jsonschema_rs.validator_for(SCHEMA).is_valid(wrong)
    assert jsonschema_rs.validator_for(SCHEMA).is_valid(END)
