"""A secret shows itself only when asked."""

from __future__ import annotations

import copy
import json
import pickle

import pytest

from zona_core import MASK, Secret, as_data

CANARY = "canary-7f3a"


def test_no_rendering_shows_the_value() -> None:
    """repr, str, formatting and display give the mask."""
    secret = Secret(CANARY)
    shown = f"{secret} {secret!r} {secret:>20} {[secret]} { ({'k': secret}) }"
    assert CANARY not in shown
    assert MASK in shown
    assert as_data({"k": [secret]}) == {"k": [MASK]}


def test_it_does_not_leave_the_process_by_accident() -> None:
    """Pickling and JSON fail rather than carry the value."""
    with pytest.raises(TypeError):
        pickle.dumps(Secret(CANARY))
    with pytest.raises(TypeError):
        json.dumps(Secret(CANARY))
    assert copy.deepcopy(Secret(CANARY)).reveal() == CANARY


def test_it_has_no_hash() -> None:
    """A hash would be a fingerprint of the value."""
    with pytest.raises(TypeError):
        hash(Secret(CANARY))


def test_a_sealed_one_is_opened_only_when_revealed() -> None:
    """The opener runs at reveal, each time, and not before."""
    opened: list[str] = []

    def opener(token: str) -> str:
        opened.append(token)
        return CANARY

    secret = Secret.sealed("token", opener)
    assert repr(secret) == repr(Secret("other"))
    assert opened == []
    assert secret.reveal() == CANARY
    assert opened == ["token"]


def test_equality_compares_values() -> None:
    """Two secrets are equal if their values are."""
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
