"""Images on a single engine: one that is there is used as it is, one that is missing is pulled."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any, Final

from docker.auth import get_config_header, resolve_repository_name
from docker.utils import parse_repository_tag

from zona_core.errors import EngineFailed, EngineUnavailable, RolloutFailed

from ._client import Connection
from ._errors import is_missing, translated
from ._streams import chunks_of

__all__ = ["Images"]

#: seconds without a word from the engine after which a pull counts as failed
_SILENCE: Final = 60.0


class Images:
    """Those of one engine."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def has(self, image: str) -> bool:
        """Whether the engine has it."""
        try:
            with translated(f"look for the image {image}"):
                self._connection.client.inspect_image(image)  # type: ignore[no-untyped-call]
        except EngineFailed as error:
            if is_missing(error):
                return False
            raise
        return True

    def ensure(self, service: str, image: str, seconds: float) -> None:
        """Pulls it unless it is there; raises ``RolloutFailed`` (``image_missing``) after so many seconds."""
        if self.has(image):
            return
        try:
            self._pull(image, time.monotonic() + seconds)
            reason = "" if self.has(image) else "it was pulled and is not there"
            cause: Exception | None = None
        except (EngineFailed, EngineUnavailable) as error:
            reason, cause = error.message, error
        if reason:
            raise RolloutFailed(
                f"{service}: the engine does not have the image {image} and cannot pull it: {reason}",
                code="image_missing",
                hint="Build or load it, or look whether its registry can be reached and knows it.",
                rolled_back=True,
                service=service,
                image=image,
            ) from cause

    def pullable(self, image: str, seconds: float) -> bool:
        """Whether its registry knows it; False also if there is no answer in that time."""
        try:
            login, path = self._login(image), f"/distribution/{image}/json"
            with self._connection.stream("GET", path, params={}, headers=login, timeout=seconds) as response:
                return response.ok
        except (EngineFailed, EngineUnavailable):
            return False

    def _pull(self, image: str, ends_at: float) -> None:
        repository, tag = parse_repository_tag(image)
        params = {"fromImage": repository, "tag": tag or "latest"}
        request = self._connection.stream(
            "POST", "/images/create", params=params, headers=self._login(image), timeout=_SILENCE
        )
        with request as response, translated(f"pull {image}"):
            end = b""
            for chunk in chunks_of(response):
                end = (end + chunk)[-2_000:]
                if time.monotonic() > ends_at:
                    raise EngineFailed("it takes too long")
        # A failure after the beginning stands in the stream's last line.
        if b'"errorDetail"' in end:
            raise EngineFailed(_error_in(end))

    def _login(self, image: str) -> Mapping[str, str | bytes]:
        """What the registry is told of who asks, from the configuration of Docker's own client."""
        with translated("read Docker's configuration"):
            registry, _ = resolve_repository_name(parse_repository_tag(image)[0])
            header = get_config_header(self._connection.client, registry)
        return {"X-Registry-Auth": header} if header else {}


def _error_in(end: bytes) -> str:
    for line in reversed(end.splitlines()):
        try:
            found: Any = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict) and "error" in found:
            return " ".join(str(found["error"]).split())[:300]
    return "no reason given"
