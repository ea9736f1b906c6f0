"""What an image does, as a test declares it, and what becomes of a replica made of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from attrs import Factory, define, field

from zona_core.domain.fleet.targets import Content
from zona_core.domain.fleet.world import ReplicaState

from ._memory_shell import File, Wrote, argv_runs, knows, ran

__all__ = ["Life", "Line", "MemoryImage", "Place"]


@define(frozen=True, kw_only=True)
class MemoryImage:
    """How an image behaves; without a word it works from the first moment on. Times in seconds."""

    #: there is none of that name
    missing: bool = False
    #: ends with this code, whatever its command
    exits: int | None = None
    exits_after: float = 0.0
    #: whether its health check ever succeeds
    healthy: bool = True
    #: how long it takes until it works
    starts_in: float = 0.0
    #: what it answers to ``GET`` on any port; empty: it does not listen
    answers: str = ""
    #: by command, what a hook ends with and writes; those not named are looked up in a small shell
    commands: Mapping[tuple[str, ...], tuple[int, str]] = Factory(dict)


@define(frozen=True)
class Line:
    """What a replica wrote."""

    time: datetime
    text: str
    error: bool


@define(kw_only=True)
class Place:
    """What there is inside a container."""

    environment: Mapping[str, str]
    files: Mapping[str, File]
    #: by folder: what is in it, and whether it can be written to
    volumes: Mapping[str, tuple[dict[str, File], bool]]
    #: by host name: what it answers
    answers: Mapping[str, str] = field(repr=False)

    def read(self, path: str) -> File | None:
        """The file of that path, of its own or in a volume."""
        found = self.files.get(path)
        for folder, (content, _) in self.volumes.items():
            if path.startswith(f"{folder}/"):
                found = content.get(path.removeprefix(folder))
        return found

    def write(self, path: str, data: bytes) -> bool:
        """Has a volume keep a file; whether there is one that can be written to."""
        for folder, (content, writable) in self.volumes.items():
            if path.startswith(f"{folder}/") and writable:
                content[path.removeprefix(folder)] = File(data=data)
                return True
        return False

    def fetch(self, url: str) -> str | None:
        """What the server of that URL answers; None: there is none."""
        return self.answers.get(url.removeprefix("http://").partition("/")[0].partition(":")[0])


class Life:
    """One process from its start on: how it is, and what it wrote, at an age in seconds."""

    def __init__(self, image: MemoryImage, content: Content, place: Place) -> None:
        self._image = image
        self._health = content.health
        self._run = argv_runs((*content.entrypoint, *content.command), place)
        #: the age up to which the process has been followed
        self._age = 0.0
        self._exit: tuple[float, int] | None = None if image.exits is None else (image.exits_after, image.exits)
        self._checked = image.healthy and not self._check_fails(place)
        self.lines: list[Line] = []

    def at(self, age: float, now: datetime) -> tuple[ReplicaState, int | None]:
        """Its state, and the exit code of one that ended."""
        self._follow(age, now)
        if self._exit is not None and self._exit[0] <= age:
            return ReplicaState.FAILED, self._exit[1]
        if self._checked:
            return (ReplicaState.HEALTHY if age >= self._image.starts_in else ReplicaState.STARTING), None
        return (ReplicaState.UNHEALTHY if age >= self._given_up else ReplicaState.STARTING), None

    @property
    def _given_up(self) -> float:
        """The age at which a check that never succeeds has failed often enough."""
        if self._health is None:
            return self._image.starts_in + 15.0
        return self._health.start_period + self._health.retries * self._health.interval

    def _check_fails(self, place: Place) -> bool:
        if self._health is None or not knows(self._health.command):
            return False
        return ran(self._health.command, place, self._health.timeout)[0] != 0

    def _follow(self, age: float, now: datetime) -> None:
        while self._age <= age and (self._exit is None or self._age < self._exit[0]):
            try:
                event = next(self._run)
            except StopIteration as end:
                self._exit = self._exit or (self._age, end.value)
                return
            if isinstance(event, Wrote):
                self.lines.append(Line(now, event.text, event.error))
            else:
                self._age += event
