"""Logos: pictures that come in are made harmless and stored once, those that go out are data URLs again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from attrs import define, evolve, field

from zona_core.domain.apps import AppDefinition, TaskDefinition
from zona_core.domain.logos import StoredLogo, data_url, digest_of, logo_reference, parsed
from zona_core.errors import Fault, InvalidInput
from zona_core.persistence.database import TenantData
from zona_core.usecases._area import TenantContext

__all__ = ["Logos", "store_logos", "url_of"]

T = TypeVar("T", AppDefinition, TaskDefinition)


@define
class Logos:
    """Takes the pictures of one definition in; ``new`` are those to be stored."""

    _context: TenantContext
    new: dict[str, StoredLogo] = field(factory=dict)
    _known: dict[str, str] = field(factory=dict)

    def of_app(self, definition: AppDefinition) -> AppDefinition:
        """The definition and its tasks with references for pictures; raises ``InvalidInput`` (``invalid_logo``)."""
        tasks = (self.of(task, f"tasks[{index}].logo") for index, task in enumerate(definition.tasks))
        return evolve(self.of(definition), tasks=tuple(tasks))

    def of(self, definition: T, path: str = "logo") -> T:
        """One definition with a reference for its picture."""
        if not definition.logo:
            return definition
        try:
            return evolve(definition, logo=self._reference(definition.logo))
        except InvalidInput as exc:
            faults = [Fault(path, fault.message, fault.expected) for fault in exc.faults]
            raise InvalidInput(exc.message, code=exc.code, faults=faults, hint=exc.hint) from exc

    def take(self, data: bytes) -> str:
        """The reference for a picture; raises ``InvalidInput`` (``invalid_logo``) for what is none."""
        logo = self._context.parts.logo_reader().read(data)
        reference = logo_reference(logo.data)
        self.new[reference] = StoredLogo(digest=digest_of(reference), url=data_url(logo.media_type, logo.data))
        return reference

    def _reference(self, text: str) -> str:
        if text not in self._known:
            self._known[text] = self._stored(text) if digest_of(text) else self.take(parsed(text)[1])
        return self._known[text]

    def _stored(self, reference: str) -> str:
        if self._context.data.logos.get(digest_of(reference)) is None:
            fault = Fault("logo", "there is no such picture", "a picture as a data URL")
            raise InvalidInput(f"The logo is not valid: {fault}", code="invalid_logo", faults=[fault])
        return reference


def store_logos(data: TenantData, logos: Iterable[StoredLogo]) -> None:
    """Stores pictures that are not stored yet, within the caller's transaction."""
    data.logos.insert_many(logos)


def url_of(data: TenantData, reference: str) -> str:
    """The data URL of a stored picture; empty if there is none."""
    digest = digest_of(reference)
    found = data.logos.get(digest) if digest else None
    return found.url if found else ""
