"""Reading a document part by part: what is amiss is remembered with its place, and reading goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from attrs import Factory, define, field

from zona_core.domain.apps import AppDefinition
from zona_core.domain.definitions import app_faults
from zona_core.errors import InvalidDocument
from zona_core.ports.importers import ImportedApp
from zona_documents import Warnings, below, line, prose

__all__ = ["MAX_INPUTS", "MAX_TASKS", "Part", "Reading", "imported"]

#: tasks of one document
MAX_TASKS: Final = 5_000
#: inputs and outputs of all tasks together
MAX_INPUTS: Final = 100_000


def _as_it_is(data: dict[str, Any]) -> dict[str, Any]:
    return data


@define(kw_only=True)
class Reading:
    """One document on its way to an app."""

    #: what the format is called in errors
    format: str
    #: repairs and things left out: the import goes on
    notes: Warnings = Factory(Warnings)
    #: why no app can be made; collected, so that all are told at once
    problems: Warnings = Factory(Warnings)
    #: levels a mapping's spellings before it is read
    settle: Callable[[dict[str, Any]], dict[str, Any]] = _as_it_is
    _items: int = field(default=0, init=False)

    def count(self, items: int) -> None:
        """Counts inputs and outputs; raises ``InvalidDocument`` when there are more than ``MAX_INPUTS``."""
        self._items += items
        if self._items > MAX_INPUTS:
            raise InvalidDocument(f"The document has more than {MAX_INPUTS:,} inputs and outputs.", limit=MAX_INPUTS)

    def refuse_problems(self) -> None:
        """Raises ``InvalidDocument`` with all problems, if there are any."""
        found = self.problems.faults()
        if found:
            raise InvalidDocument.of(found, f"The {self.format}")


@define(frozen=True)
class Part:
    """A mapping of the document and its place (a JSON pointer)."""

    data: dict[str, Any]
    place: str
    reading: Reading

    def at(self, *keys: Any) -> str:
        """The place of what lies below."""
        return below(self.place, *keys)

    def warn(self, key: str, message: str, expected: str = "") -> None:
        """Notes what is odd at ``key`` (the part itself if that is empty)."""
        self.reading.notes.add(self.at(key) if key else self.place, message, expected)

    def refuse(self, key: str, message: str, expected: str = "") -> None:
        """Remembers why no app can be made."""
        self.reading.problems.add(self.at(key) if key else self.place, message, expected)

    def line(self, key: str, longest: int = 200) -> str:
        """The text at ``key`` on one line, cut; "" if there is none."""
        return line(self._text(key), longest)

    def prose(self, key: str, longest: int = 4_000) -> str:
        """The text at ``key`` with its line breaks, cut; "" if there is none."""
        return prose(self._text(key), longest)

    def flag(self, key: str) -> bool:
        """Whether ``key`` is true, be it written as a text; False if it is absent."""
        value = self.data.get(key)
        if value is None or isinstance(value, bool):
            return bool(value)
        told = value.strip().lower() if isinstance(value, str) else ""
        if told in ("true", "false", ""):
            return told == "true"
        self.warn(key, "is not a boolean; taken as false", "true or false")
        return False

    def lines(self, key: str, most: int = 100) -> list[str]:
        """The texts listed at ``key``, each on one line; a single one may stand without a list."""
        value = self.data.get(key)
        listed = value if isinstance(value, list) else [value]
        return [text for text in (line(each, 200) for each in listed[:most]) if text]

    def part(self, key: str) -> Part | None:
        """The mapping at ``key``, None if there is none; anything else is left out with a warning."""
        value = self.data.get(key)
        if isinstance(value, dict):
            return Part(self.reading.settle(value), self.at(key), self.reading)
        if value is not None:
            self.warn(key, f"{_kind_of(value)} stands here; it is left out", "a mapping")
        return None

    def parts(self, key: str, most: int) -> Iterator[Part]:
        """The mappings listed at ``key``, at most ``most``; what is neither absent nor such a list is a problem."""
        value = self.data.get(key)
        if value is None:
            return
        if not isinstance(value, list):
            self.refuse(key, f"{_kind_of(value)} stands here", "a list of mappings")
            return
        if len(value) > most:
            self.refuse(key, f"there are {len(value):,}", f"at most {most:,}")
            return
        for index, each in enumerate(value):
            if isinstance(each, dict):
                yield Part(self.reading.settle(each), self.at(key, index), self.reading)
            else:
                self.reading.problems.add(self.at(key, index), f"{_kind_of(each)} stands here", "a mapping")

    def name(self) -> str:
        """The part's ``name`` on one line; none is a problem."""
        name = self.line("name")
        if not name:
            self.refuse("name", "is missing", "a name")
        return name

    def only(self, *known: str) -> None:
        """Warns of every key that is not known."""
        for key in self.data:
            if key not in known:
                self.warn(key if len(key) <= 100 else "", f"the key {line(key, 60)!r} is not known; it is left out")

    def _text(self, key: str) -> Any:
        value = self.data.get(key)
        if isinstance(value, bool):
            return "true" if value else "false"
        if value is None or isinstance(value, str):
            return value
        if isinstance(value, int | float):
            return str(value)
        self.warn(key, f"{_kind_of(value)} stands here; it is left out", "a text")
        return None


def imported(definition: AppDefinition, reading: Reading) -> ImportedApp:
    """The finished app; raises ``InvalidDocument`` if it cannot be stored."""
    faults = app_faults(definition)
    if faults:
        raise InvalidDocument(f"No valid app can be made of the {reading.format}: {faults[0]}", faults=faults)
    return ImportedApp(definition=definition, warnings=reading.notes.faults())


def _kind_of(value: Any) -> str:
    """What a value is, in words."""
    if value is None:
        return "nothing"
    return {dict: "a mapping", list: "a list", str: "a text", bool: "a boolean"}.get(type(value), "a number")
