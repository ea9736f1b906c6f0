"""The driver's errors in our own words.

What the engine says about a failure stands in the message, bounded: names, paths and ports, never an environment.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from json import JSONDecodeError
from typing import Final

import requests
import urllib3
from docker.errors import APIError, DockerException

from zona_core.errors import EngineFailed, EngineUnavailable, RolloutFailed

__all__ = ["explanation_of", "is_conflict", "is_missing", "rollout_code", "rollout_failure", "translated"]

#: characters of what the engine says
_LONGEST: Final = 500
#: what an engine says when a replica cannot be begun, in small letters, and the code that it means
_ROLLOUT_CODES: Final = (
    ("port is already allocated", "port_taken"),
    ("address already in use", "port_taken"),
    ("ports are not available", "port_taken"),
    ("no such image", "image_missing"),
    ("manifest unknown", "image_missing"),
    ("pull access denied", "image_missing"),
    ("no suitable node", "placement_impossible"),
    ("runtime create failed", "replica_exited"),
    ("failed to create task", "replica_exited"),
    ("failed to start", "replica_exited"),
)


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Has the driver's errors be the port's; ``what`` was to be done, in words.

    Raises ``EngineUnavailable`` where the engine does not answer, ``EngineFailed`` where it answers with a refusal: its
    ``details`` have the HTTP ``status``.
    """
    try:
        yield
    except APIError as exc:
        status = exc.status_code
        raise EngineFailed(f"{what}: {explanation_of(exc)}", status=status) from exc
    except (requests.Timeout, urllib3.exceptions.TimeoutError) as exc:
        raise EngineUnavailable(f"{what}: the engine took too long to answer", code="engine_timeout") from exc
    except (requests.RequestException, urllib3.exceptions.HTTPError, DockerException, JSONDecodeError, OSError) as exc:
        hint = "Look whether it runs, and whether this user may use its socket."
        raise EngineUnavailable(f"{what}: the engine does not answer ({_root_of(exc)})", hint=hint) from exc


def explanation_of(exc: BaseException) -> str:
    """What the engine said, bounded, in one line."""
    text = exc.explanation if isinstance(exc, APIError) else str(exc)
    shown = " ".join(str(text or "no reason given").split())
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}…"


def is_missing(error: EngineFailed) -> bool:
    """Whether what was named is not there."""
    return bool(error.details.get("status") == requests.codes.not_found)


def is_conflict(error: EngineFailed) -> bool:
    """Whether what is there stands in the way: it is in use, or the name is taken."""
    return error.details.get("status") in (requests.codes.conflict, requests.codes.forbidden)


def rollout_code(message: str) -> str:
    """The code of ``RolloutFailed`` that an engine's message about a replica means; empty if it means none."""
    text = message.lower()
    return next((code for said, code in _ROLLOUT_CODES if said in text), "")


def rollout_failure(error: EngineFailed, service: str, *, otherwise: str = "rollout_failed") -> RolloutFailed:
    """A refusal as the failure of a service; raise it ``from error``. Nothing is rolled back yet."""
    code = rollout_code(error.message) or otherwise
    return RolloutFailed(f"{service}: {error.message}", code=code, hint=error.hint, service=service)


def _root_of(exc: BaseException) -> str:
    """The system's words for why there is no connection, without the driver's wrapping."""
    found: BaseException | None = exc
    while found is not None:
        if isinstance(found, OSError) and found.strerror:
            return found.strerror
        found = found.__cause__ or found.__context__
    return type(exc).__name__
