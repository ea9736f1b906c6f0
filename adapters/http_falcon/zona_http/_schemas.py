"""JSON Schemas (2020-12) of declared types: what validates a request is what ``/openapi.json`` shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

import msgspec

from zona_core.domain.secrets import MASK, Secret
from zona_core.errors import Fault

from .operation import StoredUpload, Upload

__all__ = ["Schemas", "schema_of", "special_schema"]

_REFERENCE: Final = "#/components/schemas/"
_REFS: Final = f"{_REFERENCE}{{name}}"
#: what msgspec would describe by its attributes
_UPLOAD: Final = {"type": "string", "contentMediaType": "application/octet-stream"}


@lru_cache(maxsize=4_096)
def schema_of(kind: Any) -> Mapping[str, Any]:
    """The schema of a parameter's or a part's type, not to be changed: hundreds of operations share a few dozen."""
    return MappingProxyType(msgspec.json.schema(kind, schema_hook=special_schema))


class Schemas:
    """The schemas of all types that operations declare, with those that these refer to as components.

    Those of request bodies admit no property that is not declared; those of answers may grow.
    """

    def __init__(self, bodies: Iterable[Any], results: Iterable[Any]) -> None:
        self.components: dict[str, Any] = {}
        self._of: dict[Any, dict[str, Any]] = {}
        self._add(list(results))
        closed = self._add(list(bodies))
        for name in closed:
            _close(self.components[name])

    def of(self, declared: Any) -> dict[str, Any]:
        """The schema of a declared type, a reference where it has a name."""
        return self._of[declared]

    def standalone(self, declared: Any) -> dict[str, Any]:
        """The schema of a declared type with all that it refers to, and nothing else: a validator keeps all of it."""
        schema = self._of[declared]
        reached: dict[str, Any] = {}
        ahead = _references(schema)
        while ahead:
            name = ahead.pop()
            if name not in reached:
                reached[name] = self.components[name]
                ahead |= _references(reached[name])
        return {**schema, "components": {"schemas": reached}}

    def _add(self, declared: list[Any]) -> set[str]:
        """Adds types; gives the names of the components that are new.

        An object that is known by another meaning, or as a part of answers, is added under a name of its own.
        """
        schemas, found = msgspec.json.schema_components(declared, schema_hook=special_schema, ref_template=_REFS)
        plain = _plain_names(found)
        names = {
            name: plain[name] if self._fits(plain[name], schema) else f"{plain[name]}Input"
            for name, schema in found.items()
        }
        references = {_REFS.format(name=old): _REFS.format(name=new) for old, new in names.items()}
        new = set(names.values()) - set(self.components)
        for name, schema in found.items():
            if names[name] in new:
                self.components[names[name]] = _UPLOAD if name == Upload.__name__ else _tidy(schema, references)
        self._of.update(zip(declared, (_tidy(schema, references) for schema in schemas), strict=True))
        return new

    def _fits(self, name: str, schema: dict[str, Any]) -> bool:
        known = self.components.get(name)
        return known is None or name == Upload.__name__ or ("properties" not in schema and known == schema)


def _plain_names(found: Iterable[str]) -> dict[str, str]:
    """What components are called: where two have one name, msgspec gives them those of their modules, too.

    No client needs to know these. The fleet is a world of its own, whose words others use as well.
    """
    plain = {name: _plain_name(name) for name in found}
    counts = Counter(plain.values())
    return {name: short if counts[short] == 1 else name for name, short in plain.items()}


def _plain_name(name: str) -> str:
    module, _, short = name.rpartition(".")
    return f"Fleet{short}" if ".fleet" in module else short


def special_schema(kind: type) -> dict[str, Any]:
    """Types of ours that JSON knows as something else."""
    if kind is Secret:
        return {"type": "string", "description": f"A secret: always {MASK}."}
    if kind is StoredUpload:
        return _UPLOAD
    if kind is Fault:
        text = {"type": "string"}
        return {"type": "object", "properties": {"path": text, "message": text, "expected": text}, "required": ["path"]}
    raise NotImplementedError(kind)  # NOTE: how msgspec wants to be told that a type is unknown


def _references(schema: Any) -> set[str]:
    """Names of the components that a schema refers to by itself."""
    if isinstance(schema, dict):
        own = schema.get("$ref")
        found = {own.removeprefix(_REFERENCE)} if isinstance(own, str) and own.startswith(_REFERENCE) else set()
        return found.union(*map(_references, schema.values()))
    return set().union(*map(_references, schema)) if isinstance(schema, list) else set()


def _tidy(schema: Any, references: Mapping[str, str]) -> Any:
    """A copy of the schema in which components go by the names that they were given here."""
    if isinstance(schema, dict):
        return {
            name: references.get(part, part) if name == "$ref" else _tidy(part, references)
            for name, part in schema.items()
        }
    return [_tidy(part, references) for part in schema] if isinstance(schema, list) else schema


def _close(schema: dict[str, Any]) -> None:
    if "properties" in schema:
        schema.setdefault("additionalProperties", False)
