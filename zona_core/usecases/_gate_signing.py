"""The keys that sign access tokens, as this process knows them."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from zona_core.domain.actors import Actor
from zona_core.domain.identity import KeyStatus, SigningKey
from zona_core.errors import DuplicateKey, Unauthenticated
from zona_core.persistence.database import CORE
from zona_core.usecases._area import Parts

__all__ = ["SigningRing", "add_key", "newest", "verifies"]

#: seconds for which the list of keys is believed
_BELIEF: Final = 2.0
#: seconds between two looks for keys that are not in the list
_PATIENCE: Final = 1.0
#: no access token is longer
_LONGEST: Final = 4_096


class SigningRing:
    """Signs with the newest active key, which is made when there is none, and verifies with all that still count.

    ``withdrawn`` is called when a key that counted does not count any more. Safe to use from several threads.
    """

    def __init__(self, parts: Parts, withdrawn: Callable[[], None]) -> None:
        self._parts = parts
        self._withdrawn = withdrawn
        self._lock = threading.Lock()
        self._keys: dict[str, SigningKey] = {}
        #: names of keys that count no more
        self._gone: frozenset[str] = frozenset()
        self._loaded_at = self._missed_at = float("-inf")

    def sign(self, claims: Mapping[str, Any]) -> str:
        """A token with those claims."""
        key = newest(self._current().values()) or self._first()
        return self._parts.token_signer(key.algorithm).sign(claims, key)

    def claims(self, token: str) -> dict[str, Any]:
        """The claims of a token that one of the keys signed; raises ``Unauthenticated``. Times are not judged."""
        key = self._key(_kid(token))
        return self._parts.token_signer(key.algorithm).verify(token, key)

    def refresh(self) -> None:
        """Looks for keys that were withdrawn, if the last look was a while ago."""
        self._current()

    def reload(self) -> None:
        """Looks at the store now."""
        with self._lock:
            self._load()

    def _key(self, kid: str) -> SigningKey:
        key = self._current().get(kid)
        if key is None and kid not in self._gone:
            key = self._missed().get(kid)
        if key is None or not verifies(key, self._parts.clock.now()):
            raise Unauthenticated("the token was signed with a key that is not known", code="token_unknown")
        return key

    def _current(self) -> dict[str, SigningKey]:
        with self._lock:
            if self._parts.clock.monotonic() - self._loaded_at >= _BELIEF:
                self._load()
            return self._keys

    def _missed(self) -> dict[str, SigningKey]:
        """The keys after another look: a key made a moment ago counts at once. Strangers' tokens make few looks."""
        with self._lock:
            if self._parts.clock.monotonic() - self._missed_at >= _PATIENCE:
                self._missed_at = self._parts.clock.monotonic()
                self._load()
            return self._keys

    def _load(self) -> None:
        self._loaded_at = self._parts.clock.monotonic()
        now = self._parts.clock.now()
        before = self._keys
        stored = {key.kid: key for key in self._parts.database.signing_keys.all()}
        found = {kid: key for kid, key in stored.items() if verifies(key, now)}
        self._gone = frozenset(stored.keys() - found.keys())
        # An unchanged key stays the object that it was: signers keep what they parsed by it.
        self._keys = {kid: before[kid] if before.get(kid) == key else key for kid, key in found.items()}
        if before.keys() - self._keys.keys():
            self._withdrawn()

    def _first(self) -> SigningKey:
        """The first key of an installation; of several processes that make one at once, one does."""
        database = self._parts.database
        key = newest(database.signing_keys.all())
        if key is None:
            try:
                with database.transaction():
                    key = newest(database.signing_keys.all())
                    key = key or add_key(self._parts, Actor.trusted("zona"), self._parts.settings.token_algorithm)
            except DuplicateKey:
                key = newest(database.signing_keys.all())
        self.reload()
        if key is None:
            raise Unauthenticated("the key for access tokens was withdrawn this moment", code="token_unknown")
        return key


def add_key(parts: Parts, actor: Actor, algorithm: str) -> SigningKey:
    """A new active key, within the caller's transaction.

    Its name counts: two processes that make one at once would make the same name. Raises ``DuplicateKey``, and
    ``NotFound`` for an algorithm that no plugin signs with.
    """
    signer, database = parts.token_signer(algorithm), parts.database
    kid = f"{algorithm.lower()}-{database.signing_keys.count() + 1}"
    key = database.signing_keys.insert(signer.new_key(kid, parts.clock.now()))
    database.tenant(CORE).record(actor, "signing_keys.add", f"signing_keys/{kid}", after=key)
    return key


def newest(keys: Any) -> SigningKey | None:
    """The key that signs."""
    active = [key for key in keys if key.status is KeyStatus.ACTIVE]
    return max(active, key=lambda key: (key.created_ts, key.kid), default=None)


def verifies(key: SigningKey, now: datetime) -> bool:
    """Whether tokens that the key signed still count."""
    return key.status is not KeyStatus.RETIRED and (key.retire_ts is None or now < key.retire_ts)


def _kid(token: str) -> str:
    """The ``kid`` of a token's header (RFC 7515 §4.1.4); raises ``Unauthenticated``."""
    kid: Any = None
    if len(token) <= _LONGEST and token.count(".") == 2:
        header = token.partition(".")[0]
        try:
            kid = json.loads(base64.b64decode(header + "=" * (-len(header) % 4), altchars=b"-_", validate=True))["kid"]
        except (KeyError, RecursionError, TypeError, ValueError):
            kid = None
    if not isinstance(kid, str):
        raise Unauthenticated("this is no access token", code="token_malformed")
    return kid
