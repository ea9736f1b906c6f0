"""What a detector is made of, as plain data: it can be written to JSON and read again, and holds no code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, overload

import orjson
from attrs import define

from zona_core.domain.detection import DetectionRule, Logic, LogSource, RuleFault, RuleKind
from zona_core.errors import InvalidInput
from zona_sigma._literals import Rarity, event_ids, necessary_literals
from zona_sigma._nodes import fields_asked, leaves
from zona_sigma._others import other_of, row_of
from zona_sigma._sources import Gate, gates_of

__all__ = ["FORMAT", "Program", "ProgramRule", "program_of"]

#: what of the data's form and meaning changes makes it another one
FORMAT: Final = "zona-sigma-program/2"
_TEXTS: Final = (
    "key", "title", "id", "name", "level", "status", "description", "author", "date", "modified", "origin",
)  # fmt: skip
_LISTS: Final = ("tags", "references", "false_positives", "fields")


@define(frozen=True, slots=True)
class ProgramRule:
    """A rule as it is asked."""

    logic: Logic
    source: LogSource
    #: None: it is not about Windows
    gates: tuple[Gate, ...] | None
    #: the event ids for which it can hold; None: any
    ids: frozenset[str] | None
    #: fields and folded literals, one of which an event has to have; None: nothing is necessary
    literals: Sequence[tuple[str | None, str]] | None
    #: the fields it asks for; None is the whole event
    fields: Sequence[str | None]

    def admits(self, channel: str, event_id: str, provider: str) -> bool:
        """Whether it is asked of Windows events of that channel, id and provider (folded)."""
        if self.ids is not None and event_id not in self.ids:
            return False
        return any(
            (channels is None or channel in channels)
            and (ids is None or event_id in ids)
            and (providers is None or provider in providers)
            for channels, ids, providers in self.gates or ()
        )


class Program:
    """The rules of a detector, by key in ascending order."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self._data = data
        self.keys: list[str] = [row["about"]["key"] for row in data["rules"]]
        self.rules = [_program_rule(row) for row in data["rules"]]
        self.refused = {key: RuleFault(**fault) for key, fault in data["refused"].items()}
        #: correlations, and what cannot be used
        self.others: Sequence[DetectionRule] = [other_of(row) for row in data["others"]]
        self._described = _Described(data["rules"])

    def described(self) -> Sequence[DetectionRule]:
        """The rules as domain models, without their logic."""
        return self._described

    def dumped(self) -> bytes:
        """The program as JSON."""
        return orjson.dumps(self._data)

    @classmethod
    def loaded(cls, data: bytes) -> Program:
        """The program that was dumped; raises ``InvalidInput`` (``invalid_detector``)."""
        try:
            read = orjson.loads(data)
            known = read["format"] == FORMAT
            program = cls(read) if known else None
        except (ValueError, TypeError, KeyError, AttributeError) as exc:
            raise _no_program(f"it cannot be read ({type(exc).__name__})") from exc
        if program is None:
            raise _no_program(f"its format is not {FORMAT}")
        return program


def _no_program(why: str) -> InvalidInput:
    return InvalidInput(
        f"The data is no compiled set of rules: {why}", code="invalid_detector", hint="compile the rules again"
    )


def program_of(
    rules: Sequence[tuple[DetectionRule, Logic]],
    refused: Mapping[str, RuleFault],
    others: Iterable[DetectionRule] = (),
) -> Program:
    """The program of rules, each with the logic it has after filters and placeholders."""
    ordered = sorted(rules, key=lambda pair: pair[0].key)
    rarity = Rarity(logic for _, logic in ordered)
    rows = [_row(rule, logic, rarity) for rule, logic in ordered]
    faults = {key: {"code": fault.code, "message": fault.message, "path": fault.path} for key, fault in refused.items()}
    # NOTE: through JSON once, so that a program is the same whether it was compiled or loaded.
    data = {"format": FORMAT, "rules": rows, "refused": faults, "others": [row_of(rule) for rule in others]}
    return Program(orjson.loads(orjson.dumps(data)))


def _row(rule: DetectionRule, logic: Logic, rarity: Rarity) -> dict[str, Any]:
    ids = event_ids(logic)
    return {
        "about": {name: getattr(rule, name) for name in (*_TEXTS, *_LISTS) if getattr(rule, name)},
        "source": [rule.logsource.category, rule.logsource.product, rule.logsource.service],
        "logic": logic,
        "ids": None if ids is None else sorted(ids),
        "literals": necessary_literals(logic, rarity),
        "fields": list(dict.fromkeys(field for leaf in leaves(logic) for field in fields_asked(leaf))),
    }


def _program_rule(row: Mapping[str, Any]) -> ProgramRule:
    source, gates = _asked_of(*row["source"])
    ids = row["ids"]
    return ProgramRule(
        logic=row["logic"],
        source=source,
        gates=gates,
        ids=None if ids is None else frozenset(ids),
        literals=row["literals"],
        fields=row["fields"],
    )


@lru_cache(maxsize=1_024)
def _asked_of(category: str, product: str, service: str) -> tuple[LogSource, tuple[Gate, ...] | None]:
    source = LogSource(category=category, product=product, service=service)
    return source, gates_of(source)


class _Described(Sequence[DetectionRule]):
    """Rules that are made when they are looked at: who asks thousands is told of a few."""

    def __init__(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self._rows = rows
        self._made: dict[int, DetectionRule] = {}

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> DetectionRule: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[DetectionRule]: ...

    def __getitem__(self, index: int | slice) -> DetectionRule | Sequence[DetectionRule]:
        if isinstance(index, slice):
            return [self[each] for each in range(len(self))[index]]
        place = range(len(self))[index]
        made = self._made.get(place)
        if made is None:
            made = self._made[place] = _described(self._rows[place])
        return made


def _described(row: Mapping[str, Any]) -> DetectionRule:
    about, (category, product, service) = row["about"], row["source"]
    texts: dict[str, Any] = {name: about[name] for name in _TEXTS if name in about}
    lists: dict[str, Any] = {name: tuple(about[name]) for name in _LISTS if name in about}
    source = LogSource(category=category, product=product, service=service)
    return DetectionRule(kind=RuleKind.DETECTION, logsource=source, **texts, **lists)
