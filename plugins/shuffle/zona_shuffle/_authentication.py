"""``authentication``: what an instance is set up with → fields."""

from __future__ import annotations

from typing import Any, Final

from zona_core.domain.fields import Field
from zona_drafts.fields import FieldList
from zona_drafts.reading import Part
from zona_shuffle._parameters import Secrecy, read_field

__all__ = ["Authentication", "read_authentication"]

_MOST: Final = 1_000
_KNOWN: Final = ("parameters", "redirect_uri", "refresh_uri", "required", "scope", "token_uri", "type")


class Authentication:
    """The fields of an instance, by the names that the app's code knows them under."""

    def __init__(self) -> None:
        self._fields = FieldList()
        self._names: set[str] = set()
        #: how OAuth 2.0 signs in, as far as the document says
        self.metadata: dict[str, Any] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def add(self, part: Part, name: str, *, required: bool) -> None:
        """Adds the field for a parameter."""
        self._names.add(name)
        self._fields.add(read_field(part, name, Secrecy.LIKELY, required=required), name)

    def fields(self) -> tuple[Field, ...]:
        """All fields so far."""
        return self._fields.fields()


def read_authentication(root: Part) -> Authentication:
    """The fields of an instance; none if the app has no authentication."""
    found = Authentication()
    part = root.part("authentication")
    if part is None:
        return found
    part.only(*_KNOWN)
    required = part.flag("required")
    for parameter in part.parts("parameters", _MOST):
        name = parameter.name()
        if name in found:
            parameter.warn("name", "the parameter stands twice; the first one counts", "a name of its own")
        elif name:
            found.add(parameter, name, required=required and parameter.flag("required"))
    kind = part.line("type")
    if kind.lower().startswith("oauth2"):
        part.warn("type", "the sign-in by OAuth 2.0 is left out; its addresses are kept in the app's metadata")
        told: dict[str, Any] = {key: part.line(key, 500) for key in ("redirect_uri", "token_uri", "refresh_uri")}
        told |= {"type": kind, "scope": part.lines("scope")}
        found.metadata = {"authentication": {key: value for key, value in told.items() if value}}
    return found
