"""What the parts of an operation hand to each other."""

from __future__ import annotations

from typing import Any

from attrs import define

from zona_core.domain.fields import Field
from zona_documents import Warnings
from zona_openapi._budget import Budget
from zona_openapi._fields import Fields
from zona_openapi._references import References
from zona_openapi._schemas import Schemas

__all__ = ["Body", "Context", "Parameter", "Parameters", "Path"]


@define(frozen=True, kw_only=True)
class Context:
    """The document and the means to read it."""

    document: dict[str, Any]
    #: "2.0", "3.0", "3.1", …
    version: str
    notes: Warnings
    budget: Budget
    references: References
    schemas: Schemas
    fields: Fields

    @property
    def has_security(self) -> bool:
        """Whether the document describes any security scheme."""
        components = self.document.get("components")
        inside = components.get("securitySchemes") if isinstance(components, dict) else None
        return bool(inside or self.document.get("securityDefinitions"))

    @property
    def swagger2(self) -> bool:
        """Whether the document follows Swagger 2.0."""
        return self.version == "2.0"


@define(frozen=True, kw_only=True)
class Path:
    """A path as the HTTP handler takes it, and the parameters that it names."""

    template: str
    #: names between braces, in their order
    names: tuple[str, ...]
    #: queries that stood in the path: name → constant text
    query: tuple[tuple[str, str], ...] = ()


@define(frozen=True, kw_only=True)
class Parameter:
    """A parameter in the terms of OpenAPI 3."""

    name: str
    #: path, query, header or cookie
    where: str
    required: bool
    schema: Any
    schema_place: str
    place: str
    style: str = ""
    explode: bool | None = None
    allow_reserved: bool = False
    #: the media type whose serialisation replaces the style
    content: str = ""
    description: Any = None
    example: Any = None


@define(frozen=True, kw_only=True)
class Parameters:
    """All that an operation's parameter lists say."""

    listed: tuple[Parameter, ...]
    #: Swagger 2.0's ``in: body`` parameter and its place
    body: tuple[dict[str, Any], str] | None = None
    #: Swagger 2.0's ``in: formData`` parameters and their places
    form: tuple[tuple[dict[str, Any], str], ...] = ()
    #: the example of a ``Content-Type`` header parameter
    content_type: str = ""


@define(frozen=True, kw_only=True)
class Body:
    """A request body as fields and as the HTTP handler's ``body``."""

    fields: tuple[Field, ...]
    config: dict[str, Any]
