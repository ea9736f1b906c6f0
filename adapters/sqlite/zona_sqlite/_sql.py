"""From conditions and orders to SQL.

Documents lie as JSON text in the column ``doc``, their keys also in ``_id``. What stands at a path is
``json_extract(doc, '$.path')``, in exactly the words of the index definitions, or SQLite would not use those. It gives
1 and 0 for true and false, and JSON text for lists and objects; where a value could be mistaken for those, its
``json_type`` is compared as well, which no index holds, and only there.

Values are bound; what is written into the text are paths, which have been checked, and the conditions of indexes.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

import orjson

from zona_core.ports.store import Condition, In, Index, Range, Scalar

__all__ = [
    "Clause",
    "Order",
    "Part",
    "after_position",
    "definition",
    "expression",
    "order_by",
    "table",
    "type_of",
    "where_clause",
]

#: SQL and the values bound in it
Clause = tuple[str, list[Any]]
Order = Sequence[tuple[str, int]]
#: the conditions of partial indexes by path and ``repr``: a query must have them in the same words, without parameters,
#: to use the index
Known = Mapping[str, Mapping[str, str]]


class Part(NamedTuple):
    """A stretch of a query's result: its condition, and what is left to sort it by."""

    text: str
    values: list[Any]
    order: Order


#: what texts begin with that JSON text of lists and objects could be taken for
_MISTAKABLE: Final = "[{"
_OPERATORS: Final[Mapping[str, tuple[str, Callable[[Any, Any], bool]]]] = {
    "gt": (">", operator.gt),
    "gte": (">=", operator.ge),
    "lt": ("<", operator.lt),
    "lte": ("<=", operator.le),
}


def table(name: str) -> str:
    """The quoted name of a collection's table."""
    return f'"{name}"'


@lru_cache(4_096)
def _equals(path: str) -> str:
    return f"{expression(path)} = ?"


def expression(path: str) -> str:
    """What stands at a path."""
    return "_id" if path == "_id" else f"json_extract(doc, '$.{path}')"


def type_of(path: str) -> str:
    """The JSON type of what stands at a path."""
    return f"json_type(doc, '$.{path}')"


def definition(collection: str, index: Index, where: Mapping[str, Condition]) -> str:
    """The statement that makes an index; SQLite keeps it word for word."""
    fields = [expression(path) for path in index.fields]
    if index.unique:
        fields += [f"{type_of(path)} IN ('true', 'false')" for path in index.fields]  # lest true collides with 1
    elif "_id" not in index.fields:
        fields.append("_id")  # pages are ordered by it last
    unique = "UNIQUE " if index.unique else ""
    text = f'CREATE {unique}INDEX "{collection}.{index.name}" ON {table(collection)} ({", ".join(fields)})'
    conditions = [literal_condition(path, condition) for path, condition in where.items()]
    return f"{text} WHERE {' AND '.join(conditions)}" if conditions else text


def where_clause(where: Mapping[str, Condition], known: Known) -> Clause:
    """A condition that holds for the documents that match; ``1`` for all."""
    texts: list[str] = []
    values: list[Any] = []
    for path, condition in where.items():
        if type(condition) is str and condition[:1] not in _MISTAKABLE and path not in known:
            texts.append(_equals(path))  # what most conditions are
            values.append(condition)
            continue
        text = known[path].get(repr(condition)) if path in known else None
        if text is None:
            text, bound = _condition(path, condition)
            values += bound
        texts.append(text)
    return " AND ".join(texts) or "1", values


def order_by(sort: Order, where: Mapping[str, Condition]) -> str:
    """The terms of ORDER BY; null comes first in SQLite, too.

    Fields for which ``where`` leaves one value are left out: with them SQLite would sort what the index has sorted.
    """
    fixed = {path for path, condition in where.items() if not isinstance(condition, In | Range)}
    rest = [(path, direction) for path, direction in sort if path not in fixed]
    return ", ".join(expression(path) + (" DESC" if direction < 0 else "") for path, direction in rest) or "_id"


def after_position(sort: Order, position: Sequence[Scalar]) -> Iterator[Part]:
    """The documents behind a position, in parts that follow one another in the order ``sort``.

    Each part is a stretch of one index: first those that differ in the last field alone, then in the last but one, …
    A single condition with OR in it would have SQLite read everything before the position.
    """
    for count in reversed(range(len(sort))):
        same = [_same(path, value) for (path, _), value in zip(sort[:count], position, strict=False)]
        path, direction = sort[count]
        for text, values in _beyond(expression(path), direction, position[count]):
            texts = [*(clause for clause, _ in same), text]
            bound = [*(value for _, given in same for value in given), *values]
            # In the part where the field is null it is no longer to be sorted by.
            yield Part(" AND ".join(texts), bound, sort[count + (not values and direction < 0) :])


def _same(path: str, value: Scalar) -> Clause:
    return (f"{expression(path)} IS NULL", []) if value is None else (f"{expression(path)} = ?", [value])


def _beyond(found: str, direction: int, value: Scalar) -> list[Clause]:
    if direction > 0:
        return [(f"{found} IS NOT NULL", [])] if value is None else [(f"{found} > ?", [value])]
    return [] if value is None else [(f"{found} < ?", [value]), (f"{found} IS NULL", [])]


def _condition(path: str, condition: Condition) -> Clause:
    if isinstance(condition, In):
        return _among(path, condition.values)
    if isinstance(condition, Range):
        return _within(path, condition)
    return _equal(path, condition)


def _equal(path: str, value: Scalar) -> Clause:
    found = expression(path)
    if value is None:
        return f"{found} IS NULL", []
    if isinstance(value, bool):
        return _boolean(path, value), []
    text, bound = _bound(value)
    return f"{found} = {text}{_kept_apart(path, (value,))}", [bound]


def _boolean(path: str, value: bool) -> str:
    return f"({expression(path)} = {int(value)} AND {type_of(path)} = '{str(value).lower()}')"


def _among(path: str, values: Sequence[Scalar]) -> Clause:
    found = expression(path)
    parts = [f"{found} IS NULL"] if None in values else []
    parts += [_boolean(path, value) for value in (False, True) if any(value is one for one in values)]
    rest = [value for value in values if value is not None and not isinstance(value, bool)]
    if rest:
        parts.append(f"({found} IN (SELECT value FROM json_each(?)){_kept_apart(path, rest)})")  # noqa: S608  # checked paths
    return f"({' OR '.join(parts)})" if parts else "0", [orjson.dumps(rest).decode()] if rest else []


def _kept_apart(path: str, values: Sequence[Any]) -> str:
    """A condition on the type where ``values`` have one that true, false, a list or an object may be mistaken for."""
    if path == "_id" or not any(
        value in (0, 1) or (isinstance(value, str) and value[:1] in _MISTAKABLE) for value in values
    ):
        return ""
    return f" AND {type_of(path)} IN ('integer', 'real', 'text')"


def _within(path: str, bounds: Range) -> Clause:
    given = {name: bound for name in _OPERATORS if (bound := getattr(bounds, name)) is not None}
    found = expression(path)
    texts: list[str] = []
    values: list[Any] = []
    for name, bound in given.items():
        text, value = _bound(bound)
        texts.append(f"{found} {_OPERATORS[name][0]} {text}")
        values.append(value)
    first = next(iter(given.values()))
    if isinstance(first, bool):
        texts.append(f"{type_of(path)} IN ('true', 'false')")
    elif isinstance(first, str):
        texts += _only_texts(path, given)
    else:
        texts += _only_numbers(path, given)
    return f"({' AND '.join(texts)})", values


def _only_texts(path: str, bounds: Mapping[str, Any]) -> Iterator[str]:
    """Texts come after numbers; lists and objects are texts that begin with [ and {."""
    if not {"gt", "gte"} & bounds.keys():
        yield f"{expression(path)} >= ''"
    if path != "_id" and min((bounds[name] for name in ("lt", "lte") if name in bounds), default="{") > "[":
        yield f"{type_of(path)} = 'text'"


def _only_numbers(path: str, bounds: Mapping[str, Any]) -> Iterator[str]:
    """Numbers come before texts; true and false are 1 and 0."""
    if not {"lt", "lte"} & bounds.keys():
        yield f"{expression(path)} < ''"
    if any(all(_OPERATORS[name][1](number, bound) for name, bound in bounds.items()) for number in (0, 1)):
        yield f"{type_of(path)} IN ('integer', 'real')"


def _bound(value: Any) -> tuple[str, Any]:
    """How a value is bound. A fraction is read by SQLite as it reads those in documents, to the last bit."""
    if isinstance(value, float):
        return "json_extract(?, '$')", repr(value)
    return "?", value


def literal_condition(path: str, condition: Condition) -> str:
    """A condition without parameters, for the definition of an index: equality and ``In``."""
    found = expression(path)
    values = condition.values if isinstance(condition, In) else (condition,)
    parts = [f"{found} IS NULL"] if None in values else []
    parts += [_boolean(path, value) for value in (False, True) if any(value is one for one in values)]
    rest = [value for value in values if value is not None and not isinstance(value, bool)]
    if rest:
        parts.append(f"({found} IN ({', '.join(map(_literal, rest))}){_kept_apart(path, rest)})")
    return f"({' OR '.join(parts)})" if parts else "0"


def _literal(value: Any) -> str:
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else repr(value)
