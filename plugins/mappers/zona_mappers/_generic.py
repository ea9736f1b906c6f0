"""The mapper ``generic``: any JSON event, by JMESPath expressions.

Options, each an expression unless said otherwise; what an expression does not find is left out:

* ``time``: the event's time; or the word ``received`` (a member of that name is ``@.received``). Needed.
* ``class_uid``, ``activity_id``, ``severity_id``, ``status_id``: an expression or a number. Where the event has words,
  ``severities``, ``activities`` and ``statuses`` are objects that give each word its number.
* ``message``, ``host``, ``user``, ``src_ip``, ``dst_ip``.
* ``key``: a list of expressions that together name the event in its source for good.
* ``data``: an object of dotted OCSF paths (``process.cmd_line``) and expressions.
* ``observables``: a list of ``{"name", "type_id", "value"}``; ``value`` is an expression for a text or a list of them.
* ``accepts``: a list of names of members; the mapper takes an event for its own if it has all of them.
* ``zone``: the time zone of times that are written without one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from zona_core.domain.events import (
    OBSERVABLES,
    SEVERITIES,
    STATUSES,
    EventType,
    MappedEvent,
    Observable,
    check_depth,
    event_type,
    observable,
    read_time,
)
from zona_core.errors import ExpressionFailed, Fault, InvalidInput, UnmappableEvent
from zona_core.ports.expressions import Compiled, Expressions
from zona_mappers._draft import cut, integer, text
from zona_mappers._options import read_zone, unknown_options

__all__ = ["GenericMapper"]

_TEXTS: Final = ("host", "message", "user", "src_ip", "dst_ip")
_NUMBERS: Final = {
    "class_uid": "",
    "activity_id": "activities",
    "severity_id": "severities",
    "status_id": "statuses",
}
_OPTIONS: Final = frozenset(
    (*_TEXTS, *_NUMBERS, *filter(None, _NUMBERS.values()), "accepts", "data", "key", "observables", "time", "zone")
)
_MOST_OBSERVABLES: Final = 100
_LARGEST_CLASS: Final = 99_999_999


class GenericMapper:
    """See ``zona_core.ports.events.EventMapper``."""

    def __init__(self, options: Mapping[str, Any], expressions: Expressions) -> None:
        faults = [*unknown_options(options, _OPTIONS), *_option_faults(options)]
        if faults:
            raise InvalidInput.of(faults, "The mapper's configuration")
        self._zone = read_zone(options)
        self._received = options["time"] == "received"
        self._accepts: tuple[str, ...] = tuple(options.get("accepts", ()))
        self._words: dict[str, Mapping[str, int]] = {
            number: options.get(words, {}) for number, words in _NUMBERS.items() if words
        }
        self._paths = {path: tuple(path.split(".")) for path in options.get("data", {})}
        self._seen = [(str(each["name"]), int(each["type_id"])) for each in options.get("observables", ())]
        self._types: dict[tuple[int, int, str], EventType] = {}
        self._compiled: Compiled = expressions.value(_structure(options))

    def accepts(self, raw: Mapping[str, Any]) -> bool:
        """Whether it has the members that ``accepts`` names; without them it takes no stream for its own."""
        return bool(self._accepts) and all(name in raw for name in self._accepts)

    def map(self, raw: dict[str, Any]) -> MappedEvent:
        """The event; raises ``UnmappableEvent``."""
        check_depth(raw)
        found = self._values(raw)
        occurred_at = None if self._received else read_time(found["time"], "time", self._zone)
        severity, status = self._number(found, "severity_id"), self._number(found, "status_id")
        return MappedEvent(
            type=self._type(found),
            occurred_at=occurred_at,
            severity_id=severity if severity in SEVERITIES else 99,
            status_id=status if status in STATUSES else 99,
            message=cut(text(found["message"])),
            host=text(found["host"]),
            user=text(found["user"]),
            src_ip=text(found["src_ip"]),
            dst_ip=text(found["dst_ip"]),
            data=self._data(found["data"]),
            observables=self._observables(found["observables"]),
            raw=raw,
            natural=_natural(found["key"]),
        )

    def _values(self, raw: dict[str, Any]) -> dict[str, Any]:
        try:
            found: dict[str, Any] = self._compiled.value(raw)
        except ExpressionFailed as exc:
            problem, path = exc.message, str(exc.details.get("path", ""))
        else:
            return found
        raise UnmappableEvent(problem, faults=(Fault(path, problem, "an event that the expression fits"),))

    def _number(self, found: Mapping[str, Any], name: str) -> int:
        value, words = found[name], self._words.get(name, {})
        if isinstance(value, str) and value in words:
            return words[value]
        number = integer(value)
        return 0 if number is None or not 0 <= number <= _LARGEST_CLASS else number

    def _type(self, found: Mapping[str, Any]) -> EventType:
        class_uid, activity_id = self._number(found, "class_uid"), self._number(found, "activity_id")
        word = text(found["activity_id"]) if activity_id == 99 else ""
        chosen = (class_uid, activity_id if activity_id < 100 else 99, cut(word))
        known = self._types.get(chosen)
        if known is None:
            known = event_type(chosen[0], chosen[1], activity=chosen[2])
            if len(self._types) < 1_000:
                self._types[chosen] = known
        return known

    def _data(self, values: Mapping[str, Any]) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for path, value in values.items():
            if value is not None:
                *parents, last = self._paths[path]
                place = data
                for name in parents:
                    place = place.setdefault(name, {})
                place[last] = value
        return data

    def _observables(self, values: list[Any]) -> tuple[Observable, ...]:
        found = []
        for (name, type_id), value in zip(self._seen, values, strict=True):
            for each in value if isinstance(value, list) else (value,):
                if written := text(each):
                    found.append(observable(name, type_id, written))
        return tuple(found[:_MOST_OBSERVABLES])


def _structure(options: Mapping[str, Any]) -> dict[str, Any]:
    """One structure with all expressions as templates: they are evaluated together, with one allowance of work."""

    def expression(value: Any) -> Any:
        return f"{{{{ {value} }}}}" if isinstance(value, str) else value

    numbers = {name: expression(options.get(name, 0)) for name in _NUMBERS}
    texts = {name: expression(options.get(name)) for name in _TEXTS}
    return {
        "time": None if options["time"] == "received" else expression(options["time"]),
        **numbers,
        **texts,
        "key": [expression(each) for each in options.get("key", ())],
        "data": {path: expression(each) for path, each in options.get("data", {}).items()},
        "observables": [expression(each["value"]) for each in options.get("observables", ())],
    }


def _natural(values: list[Any]) -> tuple[str, ...]:
    """Empty unless every part is there: half a name would make one event of many."""
    parts = tuple(map(text, values))
    return parts if all(parts) else ()


def _option_faults(options: Mapping[str, Any]) -> list[Fault]:
    faults = []
    if "time" not in options:
        faults.append(Fault("time", "is missing", "an expression, or received"))
    for name in ("time", *_TEXTS):
        if name in options and not isinstance(options[name], str):
            faults.append(Fault(name, "is no expression", "a JMESPath expression"))
    for name in _NUMBERS:
        if isinstance(options.get(name, 0), bool) or not isinstance(options.get(name, 0), int | str):
            faults.append(Fault(name, "is neither", "a JMESPath expression or a number"))
    for name in filter(None, _NUMBERS.values()):
        faults += _words_faults(name, options.get(name, {}))
    for name in ("accepts", "key"):
        listed = options.get(name, [])
        if not isinstance(listed, list) or not all(isinstance(each, str) and each for each in listed):
            faults.append(Fault(name, "is no list of texts", "a list of texts"))
    return [*faults, *_data_faults(options.get("data", {})), *_observables_faults(options.get("observables", []))]


def _words_faults(name: str, words: Any) -> list[Fault]:
    if not isinstance(words, dict):
        return [Fault(name, "is no object", "an object of words and numbers")]
    return [
        Fault(f"{name}.{word}", "is no number", "a number of OCSF, 0 to 99")
        for word, number in words.items()
        if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= 99
    ]


def _data_faults(data: Any) -> list[Fault]:
    if not isinstance(data, dict):
        return [Fault("data", "is no object", "an object of dotted paths and expressions")]
    faults = []
    for path, value in data.items():
        if not isinstance(value, str):
            faults.append(Fault(f"data.{path}", "is no expression", "a JMESPath expression"))
        if not all(path.split(".")):
            faults.append(Fault(f"data.{path}", "is no path", "names with dots between them"))
        elif any(other.startswith(f"{path}.") for other in data):
            faults.append(Fault(f"data.{path}", "is a value and has members", "one or the other"))
    return faults


def _observables_faults(listed: Any) -> list[Fault]:
    if not isinstance(listed, list):
        return [Fault("observables", "is no list", 'a list of {"name", "type_id", "value"}')]
    faults = []
    for index, each in enumerate(listed):
        path = f"observables[{index}]"
        if not isinstance(each, dict) or set(each) != {"name", "type_id", "value"}:
            faults.append(Fault(path, "is no observable", 'an object with "name", "type_id" and "value"'))
            continue
        faults += [
            Fault(f"{path}.{name}", "is no text", "a text")
            for name in ("name", "value")
            if not isinstance(each[name], str) or not each[name]
        ]
        if each["type_id"].__class__ is not int or each["type_id"] not in OBSERVABLES:
            faults.append(Fault(f"{path}.type_id", "is no type of observables", "a number that OCSF has"))
    return faults
