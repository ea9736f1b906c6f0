"""What an HTTP operation declares: one declaration routes it, guards it, validates it and describes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any, BinaryIO

import falcon
from attrs import Factory, define, field, fields_dict

from zona_core.domain.actors import Actor
from zona_core.errors import ZonaError
from zona_core.usecases.gate import Identity

if TYPE_CHECKING:
    from zona_core import Zona
    from zona_core.doors import System, Workspace

    from ._conditions import Condition
    from ._streams import Streams

__all__ = ["Access", "Answer", "Call", "Operation", "Problem", "StoredUpload", "Upload"]


class Access(Enum):
    """Who may call an operation at all."""

    #: anybody; for what is needed before one is known, and for probes
    PUBLIC = "public"
    #: whoever has proven who they are; for what concerns nobody but themselves
    KNOWN = "known"
    #: who holds the permission of the operation's use-case
    GRANTED = "granted"


@define(frozen=True, kw_only=True)
class Problem:
    """A failure that an operation documents beyond those that every operation has."""

    status: int
    #: the stable codes that it comes with
    codes: tuple[str, ...]


@define(frozen=True, kw_only=True)
class Upload:
    """A file part of a multipart body."""

    filename: str
    media_type: str
    data: bytes = field(repr=False)


class StoredUpload:
    """A file part of a multipart body that may be too large for memory; closed, and so gone, after the answer."""

    __slots__ = ("file", "filename", "media_type", "sha256", "size")

    def __init__(self, *, filename: str, media_type: str) -> None:
        self.filename = filename
        self.media_type = media_type
        #: a temporary file without a name, at its beginning
        self.file: BinaryIO = TemporaryFile()  # noqa: SIM115  # whoever answers closes it
        #: in bytes
        self.size = 0
        #: of what is in it, in hexadecimal
        self.sha256 = ""


@define(kw_only=True)
class Answer:
    """What a handler gives when the plain result is not enough."""

    data: Any = None
    meta: Mapping[str, Any] = Factory(dict)
    #: instead of the operation's own
    status: int | None = None
    headers: Mapping[str, str] = Factory(dict)
    #: ``Set-Cookie`` arguments by cookie name
    cookies: Mapping[str, Mapping[str, Any]] = Factory(dict)
    #: the whole body instead of an envelope around ``data``, with its media type
    body: bytes | None = None
    media_type: str = ""
    #: chunks that are sent as they come, instead of a body; its ``close``, if it has one, is called in the end
    stream: Iterator[bytes] | None = None
    #: the entity tag; by default made of the result's ``revision``
    etag: str = ""


@define(frozen=True, kw_only=True)
class Operation:
    """One method of one path.

    ``handler`` is given a ``Call`` whose ``params`` and ``body`` are valid instances of the declared classes, and gives
    the result: a model, a list of them, a ``Listing``, or an ``Answer``. What it raises from the tree of ``ZonaError``
    becomes a problem document (RFC 9457).
    """

    method: str
    #: with ``{name}`` for parts that are parameters (RFC 6570, level 1)
    path: str
    #: OpenAPI's operationId: unique
    id: str
    summary: str
    description: str = ""
    #: the group that it is shown in
    tag: str
    handler: Callable[[Call], Any]
    access: Access = Access.GRANTED
    #: the use-case that it calls, by its registry name (``apps.get``): its permission and its door are this one's
    use_case: str = ""
    #: for operations of plugins that call no use-case: what the actor needs (``area:verb``) in the tenant
    permission: str = ""
    #: with ``permission``: what it does is above tenants, and for actors who may enter all of them
    above_tenants: bool = False
    #: attrs class of path and query parameters
    params: type | None = None
    #: attrs class of the body
    body: type | None = None
    #: the body is ``multipart/form-data``: parts that are no text, ``Upload`` or ``StoredUpload`` are JSON
    multipart: bool = False
    #: with ``multipart``: the body may be as large as the setting ``max_package`` says, and is read as it comes. Parts
    #: that are no ``StoredUpload`` are held in memory, and may be as large as a JSON body
    large: bool = False
    #: in the place of ``body``: the media types of one that is used while it comes. ``Call.body`` is an iterator over
    #: its bytes then, without content coding, that raises ``BadRequest`` if they break off or are more than the setting
    #: ``max_stream`` says
    stream: tuple[str, ...] = ()
    #: what ``data`` of the envelope is: an attrs class, ``list[…]`` of one, or another type that msgspec describes
    result: Any = None
    status: int = 200
    #: further statuses that a success may have: 204, or others with the same data
    also: tuple[int, ...] = ()
    #: media type of an answer that is no envelope
    media_type: str = ""
    #: further ones that such an answer may have
    also_media_types: tuple[str, ...] = ()
    #: headers that a success has beyond those of all, with what they say
    headers: Mapping[str, str] = Factory(dict)
    #: with GET: it changes nothing (RFC 9110 §9.2.1), so that HEAD may be asked, too
    safe: bool = True
    #: changes an object that has a revision: ``If-Match`` says which one is meant, and is required
    locks: bool = False
    #: does so where ``If-Match`` is given; without it, whichever revision is there is changed
    conditional: bool = False
    #: also makes what is not there (201); with ``locks``, ``If-Match`` is left out then, and nothing is replaced
    creates: bool = False
    #: takes part in ``Idempotency-Key`` handling; off where the answer holds a secret that must not be kept
    idempotent: bool = True
    #: with POST: what is sent again is done once by its nature, so that an ``Idempotency-Key`` says nothing
    repeatable: bool = False
    #: keeps parameters out of logs: what stands in the path is secret
    secret_path: bool = False
    #: requests are counted by client address; off for probes, which must not wait for what counts
    limited: bool = True
    problems: tuple[Problem, ...] = ()
    #: an example of the body (of a ``stream``: of what is ``application/json`` among its types) and one of ``data``
    example: Any = None
    answer_example: Any = None

    @property
    def paged(self) -> bool:
        """Whether it lists, with a cursor."""
        return self.params is not None and "after" in fields_dict(self.params)

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods by which it is asked."""
        return ("GET", "HEAD") if self.method == "GET" and self.safe else (self.method,)

    @property
    def keyed(self) -> bool:
        """Whether an ``Idempotency-Key`` is looked at: honoured, or refused where it cannot be honoured."""
        return self.method == "POST" and self.access is Access.GRANTED and not self.repeatable

    @property
    def replayable(self) -> bool:
        """Whether an ``Idempotency-Key`` is honoured."""
        return self.keyed and self.idempotent


@define(kw_only=True)
class Call:
    """One request, as a handler sees it."""

    operation: Operation
    zona: Zona
    request: falcon.Request
    params: Any = None
    body: Any = None
    #: who asks; None for public operations
    identity: Identity | None = None
    #: what ``If-Match`` says; None if it is not there
    condition: Condition | None = None
    correlation_id: str = ""
    #: the session cookie's name
    cookie_name: str = ""
    #: where streams of events come from, and how long a request may wait
    streams: Streams
    _workspace: Workspace | None = field(default=None, init=False)
    _system: System | None = field(default=None, init=False)

    def enter(self, *, workspace: Workspace | None = None, system: System | None = None) -> None:
        """Says through which door the call goes."""
        self._workspace, self._system = workspace, system

    @property
    def revision(self) -> int | None:
        """The revision that a change is meant for: None for any, 0 for what is not there yet.

        For objects whose entity tag is the revision alone. Raises ``RevisionConflict`` for a tag that is of no such.
        """
        if self.condition is not None:
            return self.condition.of()
        return 0 if self.operation.locks else None  # what locks is asked without a condition only to make something

    @property
    def above_tenants(self) -> bool:
        """Whether it goes through the platform's door."""
        return self._system is not None

    @property
    def actor(self) -> Actor:
        """In whose name it is done."""
        return self.known.actor

    @property
    def known(self) -> Identity:
        """Who asks, for operations that are not public."""
        if self.identity is None:
            raise ZonaError("a public operation has no actor")
        return self.identity

    @property
    def workspace(self) -> Workspace:
        """The tenant that is worked in."""
        if self._workspace is None:
            raise ZonaError(f"{self.operation.id} is not a tenant's operation")
        return self._workspace

    @property
    def system(self) -> System:
        """What is above tenants."""
        if self._system is None:
            raise ZonaError(f"{self.operation.id} is not an operation above tenants")
        return self._system
