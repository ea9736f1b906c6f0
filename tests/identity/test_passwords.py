"""Password hashes: what they are made with, what verifies, and what a hostile one cannot do."""

from __future__ import annotations

import re

import pytest
from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from hypothesis import example, given
from hypothesis import strategies as st

from zona_core.errors import InvalidInput
from zona_identity._passwords import LONGEST_PASSWORD, Argon2idHasher

#: with the least that Argon2 takes: what is tested here does not depend on the cost
QUICK = Argon2idHasher(memory_kib=8, iterations=1)
KNOWN = QUICK.hash("correct horse")


def phc(memory: int = 8, iterations: int = 1, lanes: int = 1, salt: bytes = b"s" * 16, length: int = 32) -> str:
    """A true hash of "correct horse" with parameters of any kind."""
    made = Argon2id(salt=salt, length=length, iterations=iterations, lanes=lanes, memory_cost=memory)
    return made.derive_phc_encoded(b"correct horse")


def test_a_hash_is_made_as_owasp_recommends() -> None:
    """Argon2id with 19 MiB, two passes and one lane, a salt of 16 bytes and a hash of 32."""
    hasher = Argon2idHasher()
    encoded = hasher.hash("correct horse")
    assert re.fullmatch(
        r"\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}",
        encoded,
    )
    assert hasher.verify("correct horse", encoded)
    assert not hasher.verify("Correct horse", encoded)
    assert not hasher.outdated(encoded)


def test_each_hash_has_a_salt_of_its_own() -> None:
    """One password gives two hashes."""
    assert QUICK.hash("same") != QUICK.hash("same")


def test_it_is_argon2id_of_the_bytes() -> None:
    """A hash can be checked by any other implementation, with the password in UTF-8."""
    encoded = QUICK.hash("pässword")
    Argon2id.verify_phc_encoded("pässword".encode(), encoded)
    with pytest.raises(InvalidKey):
        Argon2id.verify_phc_encoded(b"password", encoded)


@pytest.mark.parametrize(
    ("typed", "same"),
    [("cafe\N{COMBINING ACUTE ACCENT}", "café"), ("ﬁne", "fine"), ("１２３", "123"), ("Å", "Å")],
)
def test_a_password_is_the_same_from_every_keyboard(typed: str, same: str) -> None:
    """Forms of a text that Unicode holds to be compatible are one password."""
    assert QUICK.verify(same, QUICK.hash(typed))
    assert QUICK.verify(typed, QUICK.hash(same))


@given(password=st.text(min_size=1, max_size=LONGEST_PASSWORD))
@example("\0")
@example("a\0b")
@example(" ")
@example("x" * LONGEST_PASSWORD)
@example("\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}" * LONGEST_PASSWORD)
def test_every_text_can_be_a_password(password: str) -> None:
    """What was hashed verifies; with one more character before it, it does not."""
    encoded = QUICK.hash(password)
    assert QUICK.verify(password, encoded)
    assert not QUICK.verify("x" + password, encoded)


@pytest.mark.parametrize("password", ["", "x" * (LONGEST_PASSWORD + 1), "\ud800", "a\udfffb"])
def test_what_cannot_be_a_password(password: str) -> None:
    """The empty text, one that is too long and one that UTF-8 cannot hold are refused, and verify nothing."""
    with pytest.raises(InvalidInput) as caught:
        QUICK.hash(password)
    assert caught.value.code == "invalid_password"
    assert caught.value.faults[0].path == "password"
    assert password == "" or password not in str(caught.value.as_dict())
    assert not QUICK.verify(password, KNOWN)


@given(encoded=st.text() | st.text("$argon2idv=19mtp,0123456789ABCabc+/", max_size=120))
@example("")
@example("$argon2id$v=19$m=8,t=1,p=1$$")
@example("$argon2id$v=19$m=8,t=1,p=8$c29tZXNhbHRzb21lc2FsdA$c29tZXNhbHRzb21lc2FsdHNvbWVzYWx0c29tZXNhbHQ")  # m < 8p
@example(KNOWN + "\n")
@example(KNOWN + "=")
@example(KNOWN[:-1])
@example(KNOWN.replace("argon2id", "argon2i"))
@example(KNOWN.replace("v=19", "v=16"))
@example(KNOWN.replace("p=1", "p=0"))
@example(KNOWN.replace("t=1", "t=01"))
@example(KNOWN.replace("m=8", "m=٨"))
@example("\ud800")
def test_junk_verifies_nothing(encoded: str) -> None:
    """What is no hash gives False, and its password is to be hashed anew; nothing is raised."""
    assert not QUICK.verify("correct horse", encoded)
    assert QUICK.outdated(encoded)


@pytest.mark.parametrize("encoded", [None, 5, b"$argon2id$", ["x"]])
def test_what_is_no_text_verifies_nothing(encoded: object) -> None:
    """Damaged data of another type is no hash either."""
    assert not QUICK.verify("correct horse", encoded)  # type: ignore[arg-type]
    assert QUICK.outdated(encoded)  # type: ignore[arg-type]
    assert not QUICK.verify(encoded, KNOWN)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "parameters",
    ["m=131073,t=1,p=1", "m=9999999,t=1,p=1", "m=99999999,t=1,p=1", "m=8,t=9,p=1", "m=8,t=99,p=1", "m=128,t=1,p=9"],
)
def test_a_hostile_hash_costs_nothing(parameters: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stored hash that asks for far more memory, passes or lanes than ours is refused before anything is computed."""

    class Refused:
        """Stands where the computing would begin."""

        @staticmethod
        def verify_phc_encoded(*_: object) -> None:
            pytest.fail("it was computed")

    monkeypatch.setattr("zona_identity._passwords.Argon2id", Refused)
    assert not QUICK.verify("correct horse", KNOWN.replace("m=8,t=1,p=1", parameters))


@pytest.mark.parametrize(
    ("encoded", "outdated"),
    [
        (phc(), False),
        (phc(memory=16), True),
        (phc(iterations=2), True),
        (phc(memory=16, lanes=2), True),
        (phc(salt=b"s" * 8), True),
        (phc(length=16), True),
        ("$2b$12$abcdefghijklmnopqrstuu", True),
        ("", True),
    ],
)
def test_hashes_of_other_parameters_are_outdated(encoded: str, outdated: bool) -> None:
    """What ``hash`` would make differently now is to be replaced; it verifies until then."""
    assert QUICK.outdated(encoded) is outdated
    assert QUICK.verify("correct horse", encoded) is encoded.startswith("$argon2id$")
