"""What the tests of use-cases share."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest

from zona_core import Secret, Zona
from zona_core.domain.identity import Session, User


@pytest.fixture
def open_session(zona: Zona) -> Callable[..., Session]:
    """Puts an open session of a user into its realm, as a login would."""

    def opened(user: User, realm: str = "localhost") -> Session:
        now = zona._parts.clock.now()
        session = Session(
            id=str(uuid.uuid4()),
            user_id=user.id,
            user_name=user.name,
            secrets={"refresh": Secret("digest")},
            created_at=now,
            last_seen_at=now,
            expires_at=now + timedelta(hours=1),
        )
        return zona._parts.database.tenant(realm).sessions.insert(session)

    return opened
