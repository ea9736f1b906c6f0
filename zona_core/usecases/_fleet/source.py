"""A fleet's specification as data: read with every fault and its path, and written down."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterator, Mapping
from functools import cache
from typing import Any, Final, get_args, get_origin, get_type_hints

import attrs
from attrs import Factory, define, evolve, field

from zona_core.domain.fleet.checks import specification_faults
from zona_core.domain.fleet.specification import FleetSpecification
from zona_core.domain.secrets import Secret
from zona_core.errors import Fault, InvalidInput, StoreUnavailable
from zona_core.persistence.display import as_data
from zona_core.persistence.structuring import structured

__all__ = ["FleetSource", "checked", "read_specification", "specification_of", "specification_text", "stored"]

_EXPECTED: Final[Mapping[type, str]] = {str: "a text (numbers in quotes)", bool: "true or false"}


@define(frozen=True, kw_only=True)
class FleetSource:
    """A specification with the texts of its files in it, and the values of its secrets by name.

    A secret whose value is missing keeps the one that was applied last.
    """

    specification: FleetSpecification
    secrets: Mapping[str, Secret] = field(default=Factory(dict), repr=False)


def read_specification(data: Mapping[str, Any]) -> FleetSpecification:
    """The specification that JSON-like data describes, checked; raises ``InvalidInput`` with every fault."""
    specification, faults = specification_of(data)
    if specification is None:
        raise InvalidInput.of(faults, "The specification")
    return checked(specification)


def checked(specification: FleetSpecification) -> FleetSpecification:
    """A specification in which nothing is wrong; raises ``InvalidInput`` with every fault."""
    if faults := specification_faults(specification):
        raise InvalidInput.of(faults, "The specification")
    return specification


def specification_of(data: Mapping[str, Any]) -> tuple[FleetSpecification | None, list[Fault]]:
    """The specification that ``data`` describes, or None and every fault of its shape, with paths.

    Each table, and each thing in a table of named things, is read by itself: a fault in one hides none in another.
    """
    tables = _tables()
    whole, faults = structured({key: each for key, each in data.items() if key not in tables}, FleetSpecification)
    given = {name: kind for name, kind in tables.items() if name in data}
    named: dict[str, Any] = {name: _table(data[name], kind, name, faults) for name, kind in given.items()}
    if whole is None or faults:
        return None, faults
    specification = evolve(whole, **named)
    faults = list(_misfits(specification, ""))
    return (None if faults else specification), faults


def specification_text(specification: FleetSpecification) -> str:
    """The specification as JSON text; what has its default value is left out, the order of things stays."""
    return json.dumps(_without_defaults(as_data(specification), specification), ensure_ascii=False)


def stored(text: str) -> FleetSpecification:
    """The specification that ``specification_text`` made the text of.

    Raises ``StoreUnavailable`` (``document_damaged``) if it is none, as one of a newer version of Zona may be.
    """
    specification, faults = specification_of(json.loads(text))
    if specification is None:
        message = f"the stored specification cannot be read: {faults[0]}"
        raise StoreUnavailable(message, code="document_damaged", collection="fleets")
    return specification


@cache
def _tables() -> dict[str, type[Any]]:
    """The tables of named things (``services``, ``networks``), with the class of each thing."""
    hints = get_type_hints(FleetSpecification)
    members = {name: get_args(hint)[1] for name, hint in hints.items() if get_origin(hint) is dict}
    return {name: kind for name, kind in members.items() if attrs.has(kind)}


def _table(data: Any, kind: type[Any], path: str, faults: list[Fault]) -> dict[str, Any]:
    if not isinstance(data, Mapping):
        faults.append(Fault(path, "is no mapping", "names, with a mapping each"))
        return {}
    found = {}
    for name, each in data.items():
        here = f"{path}.{name}"
        if not isinstance(each, dict):
            keys = ", ".join(sorted(attrs.fields_dict(kind)))
            faults.append(Fault(here, "is no mapping", f"a mapping with some of {keys}"))
            continue
        made, wrong = structured(each, kind)
        faults += (fault.under(here) for fault in wrong)
        found[str(name)] = made
    return found


def _misfits(model: Any, path: str) -> Iterator[Fault]:
    """Values of free mappings (``environment``, ``labels``, ``toggles``) that are not of the type they have to be."""
    kind: Any = type(model)
    hints = _hints(kind)
    for name in attrs.fields_dict(kind):
        value, here = getattr(model, name), f"{path}.{name}" if path else name
        if isinstance(value, dict):
            wanted = get_args(hints[name])[1]
            for key, each in value.items():
                if attrs.has(wanted):
                    yield from _misfits(each, f"{here}.{key}")
                elif type(each) is not wanted:
                    yield Fault(f"{here}.{key}", f"{type(each).__name__} stands here", _EXPECTED[wanted])
        elif attrs.has(type(value)):
            yield from _misfits(value, here)


@cache
def _hints(kind: Hashable) -> dict[str, Any]:
    return get_type_hints(kind)


def _without_defaults(data: dict[str, Any], model: Any) -> dict[str, Any]:
    """``data``, made of ``model``, without what the class gives by itself."""
    found = {}
    for attribute in attrs.fields(type(model)):
        value, default = getattr(model, attribute.name), attribute.default
        if isinstance(default, attrs.Factory):  # type: ignore[arg-type]  # a class, although typed as a function
            default = default.factory()
        if value != default:
            found[attribute.name] = _inner(data[attribute.name], value)
    return found


def _inner(data: Any, value: Any) -> Any:
    if attrs.has(type(value)):
        return _without_defaults(data, value)
    if isinstance(value, dict):
        return {key: _inner(data[key], each) for key, each in value.items()}
    if isinstance(value, tuple):
        return [_inner(part, each) for part, each in zip(data, value, strict=True)]
    return data
