"""From conditions, orders and changes to MongoDB's words.

What a caller gives stands in them as an operand only (``{"$eq": value}``), never as a filter of its own. MongoDB enters
lists where the port does not: each condition also says that neither its path nor a parent of it is a list. Such a
remainder is looked at in the documents that an index found; the index is used all the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from zona_core.ports.store import Change, Condition, In, Range

from ._values import EMPTY

__all__ = ["SCALARS", "after_position", "counted_value", "filter_of", "place_of", "plain_condition", "update_of"]

Filter = dict[str, Any]

#: the types of what a unique index holds: everything but null. A query must name them to use a partial index
SCALARS: Final = ("number", "string", "object", "binData", "bool", "date")
_NO_LIST: Final[Filter] = {"$not": {"$type": "array"}}
#: what the store keeps itself is never a list
_OWN: Final = ("_id", "revision")
#: MongoDB's order of types (https://www.mongodb.com/docs/manual/reference/bson-type-comparison-order/)
_ORDER: Final = ("null", "number", "string", "object", "array", "binData", "objectId", "bool", "date", "timestamp")
_LIST: Final = _ORDER.index("array")


def filter_of(where: Mapping[str, Condition], typed: Collection[str] = ()) -> Filter:
    """The filter for checked conditions; ``typed`` are paths of partial indexes, whose types are to be named."""
    clauses = [clause for path, condition in where.items() for clause in _clauses(path, condition, path in typed)]
    return {"$and": clauses} if len(clauses) > 1 else clauses[0] if clauses else {}


def plain_condition(condition: Condition) -> Filter:
    """Equality and ``In``, for the definition of a partial index."""
    return {"$in": list(condition.values)} if isinstance(condition, In) else {"$eq": condition}


def _clauses(path: str, condition: Condition, typed: bool) -> Iterator[Filter]:
    if path in _OWN:
        yield {path: _operators(condition)}
        return
    test = {**_operators(condition), **_NO_LIST}
    parents = list(_parents(path))
    if condition is None or (isinstance(condition, In) and None in condition.values):
        # What would be within a list is missing.
        within = [{parent: {"$type": "array"}} for parent in parents]
        yield {"$or": [{path: test}, *within]} if within else {path: test}
        return
    yield {path: {**test, "$type": list(SCALARS)} if typed else test}
    for parent in parents:
        yield {parent: _NO_LIST}


def _operators(condition: Condition) -> Filter:
    if isinstance(condition, Range):
        return {
            f"${name}": bound for name in ("gt", "gte", "lt", "lte") if (bound := getattr(condition, name)) is not None
        }
    return plain_condition(condition)


def _parents(path: str) -> Iterator[str]:
    place = path.find(".")
    while place > 0:
        yield path[:place]
        place = path.find(".", place + 1)


def counted_value(path: str) -> list[Filter]:
    """Stages that count documents by the value at ``path``, lists and objects left out.

    Python's dicts hold either True or 1: they are counted together, as the number where there is one.
    """
    in_list = [{"$isArray": f"${parent}"} for parent in _parents(path)]
    value = {"$cond": [{"$or": in_list}, None, {"$ifNull": [f"${path}", None]}]}
    truth = {"$eq": [{"$type": "$value"}, "bool"]}
    return [
        {"$project": {"value": value}},
        {"$match": {"$nor": [{"value": {"$type": "object"}}, {"value": {"$type": "array"}}]}},
        {
            "$group": {
                "_id": {"$cond": [truth, {"$cond": ["$value", 1, 0]}, "$value"]},
                "count": {"$sum": 1},
                "truths": {"$min": truth},
            }
        },
    ]


def after_position(where: Filter, order: Sequence[tuple[str, int]], position: Sequence[Any]) -> Filter:
    """The documents behind a position in the order ``order``: MongoDB merges the branches, each a stretch of an index.

    First those that differ in the last field alone, then in the last but one, …
    """
    branches = []
    for count in reversed(range(len(order))):
        clauses = [where] if where else []
        for (path, direction), value in zip(order[:count], position, strict=False):
            clauses += _same(path, direction, value)
        path, direction = order[count]
        branches.append({"$and": [*clauses, *_beyond(path, direction, position[count])]})
    return {"$or": branches}


def _same(path: str, direction: int, value: Any) -> list[Filter]:
    """Documents that MongoDB sorts at ``value``: a list is sorted by its least element, descending by its greatest."""
    if path in _OWN:
        return [{path: {"$eq": value}}]
    if value is EMPTY:
        return [{path: {"$eq": [], "$size": 0}}]
    return [{path: {"$eq": value}}, *_none_before(path, direction, value, strictly=True)]


def _beyond(path: str, direction: int, value: Any) -> list[Filter]:
    """Documents that MongoDB sorts behind ``value``."""
    if path in _OWN:
        return [{path: {"$gt" if direction > 0 else "$lt": value}}]
    if value is EMPTY:
        return [{path: {"$not": {"$size": 0}}}] if direction > 0 else [{path: {"$in": []}}]
    if direction > 0:
        return [{path: {"$not": {"$size": 0}}}, *_none_before(path, direction, value, strictly=False)]
    return _same(path, direction, EMPTY) if value is None else _none_before(path, direction, value, strictly=False)


def _none_before(path: str, direction: int, value: Any, *, strictly: bool) -> list[Filter]:
    """That nothing at ``path``, or in a list there, comes before ``value``, or, unless ``strictly``, equals it."""
    rank = _rank(value)
    if direction > 0:
        operator, ranks = "$lt" if strictly else "$lte", range(1, rank)
        clauses: list[Filter] = [{path: {"$ne": None}}] if rank or not strictly else []
    else:
        operator, ranks = "$gt" if strictly else "$gte", range(rank + 1, len(_ORDER))
        clauses = []
    if value is not None:
        clauses.append({path: {"$not": {operator: value}}})
    others: list[Filter] = [{path: {"$type": [_ORDER[rank] for rank in ranks if rank != _LIST]}}]
    if _LIST in ranks:
        others.append({path: {"$elemMatch": {"$type": "array"}}})
    return [*clauses, {"$nor": others}] if ranks else clauses


def update_of(change: Change) -> dict[str, Any]:
    """A change in MongoDB's words; its paths have been checked."""
    update: dict[str, Any] = {"$inc": {**change.increment, "revision": 1}}
    if change.set:
        update["$set"] = dict(change.set)
    if change.unset:
        update["$unset"] = dict.fromkeys(change.unset, "")
    return update


def place_of(document: Mapping[str, Any], path: str, direction: int) -> Any:
    """What MongoDB sorts ``document`` by: what stands at ``path``, of a list one element."""
    found = _reached(document, path.split("."))
    if not isinstance(found, list):
        return found
    if not found:
        return EMPTY
    return min(found, key=_sort_key) if direction > 0 else max(found, key=_sort_key)


def _reached(value: Any, steps: Sequence[str]) -> Any:
    for number, step in enumerate(steps):
        if isinstance(value, list):
            within = [_reached(element, steps[number:]) for element in value if isinstance(element, dict)]
            return [one for part in within for one in (part if isinstance(part, list) else [part])] or None
        if not isinstance(value, dict):
            return None
        value = value.get(step)
    return value


def _rank(value: Any) -> int:
    return _ORDER.index(_type_of(value))


def _type_of(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    kinds = ((int | float, "number"), (str, "string"), (dict, "object"), (list, "array"), (bytes, "binData"))
    return next(
        (name for kind, name in kinds if isinstance(value, kind)), "date" if isinstance(value, datetime) else ""
    )


def _sort_key(value: Any) -> tuple[Any, ...]:
    """A key in MongoDB's order of values."""
    rank = _rank(value)
    if isinstance(value, dict):
        return rank, [(_rank(part), name, _sort_key(part)) for name, part in value.items()]
    if isinstance(value, list):
        return rank, [_sort_key(part) for part in value]
    if isinstance(value, bytes):
        return rank, (len(value), value)
    return rank, 0 if value is None else value
