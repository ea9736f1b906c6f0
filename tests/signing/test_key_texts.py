"""Keys as PEM: what comes back, what is refused, and that nothing of a private key is told."""

from __future__ import annotations

import traceback
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa, x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from hypothesis import given
from hypothesis import strategies as st

from zona_core.errors import InvalidInput
from zona_core.ports.signatures import KeyPair
from zona_signing._ed25519 import Ed25519

SCHEME = Ed25519()
#: RFC 8410 §10.1 and §10.3: a public key and the private key that it belongs to
PUBLIC = (
    "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n"
    "-----END PUBLIC KEY-----\n"
)
PRIVATE = (
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
    "-----END PRIVATE KEY-----\n"
)
RAW_PUBLIC = bytes.fromhex("19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1")
RAW_PRIVATE = bytes.fromhex("d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f44755842")
PASSPHRASE = b"canary passphrase"


def pem(key: Any, encryption: Any = None, form: PrivateFormat = PrivateFormat.PKCS8) -> str:
    text: bytes = key.private_bytes(Encoding.PEM, form, encryption or NoEncryption())
    return text.decode()


def public_pem(key: Any) -> str:
    text: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return text.decode()


def refusal(call: Callable[[str], Any], text: str) -> InvalidInput:
    """What the call says to the text; nothing of the text is in it, nor in what a traceback would show."""
    with pytest.raises(InvalidInput) as caught:
        call(text)
    error = caught.value
    told = "".join([repr(error), str(error.as_dict()), *traceback.format_exception(error)[-1:]])
    lines = [line for line in text.splitlines() if len(line) > 20 and not line.startswith("-----")]
    assert not any(line[at : at + 8] in told for line in lines for at in range(len(line) - 8))
    assert error.__cause__ is None
    assert error.__context__ is None
    [fault] = error.faults
    assert fault.expected
    return error


def test_the_example_of_rfc_8410_is_read_and_written() -> None:
    """Both parts, byte for byte."""
    assert SCHEME.public_of_text(PUBLIC) == RAW_PUBLIC
    assert SCHEME.pair_of_text(PRIVATE) == KeyPair(private=RAW_PRIVATE, public=RAW_PUBLIC)
    assert SCHEME.public_text(RAW_PUBLIC) == PUBLIC
    assert SCHEME.private_text(RAW_PRIVATE) == PRIVATE


@given(private=st.binary(min_size=32, max_size=32))
def test_a_pair_comes_back_from_its_texts(private: bytes) -> None:
    """Whatever the key."""
    pair = SCHEME.pair_of_text(SCHEME.private_text(private))
    assert pair.private == private
    assert SCHEME.public_of_text(SCHEME.public_text(pair.public)) == pair.public


def test_what_tools_write_around_a_key_does_not_matter() -> None:
    """Remarks before the block (RFC 7468 §5.2) and another kind of line break."""
    assert SCHEME.public_of_text("releases@example.com\n" + PUBLIC) == RAW_PUBLIC
    assert SCHEME.public_of_text(PUBLIC.replace("\n", "\r\n")) == RAW_PUBLIC


def test_an_encrypted_key_is_refused() -> None:
    """By saying that it is encrypted: there is no passphrase to ask for."""
    text = pem(load_pem_private_key(PRIVATE.encode(), None), BestAvailableEncryption(PASSPHRASE))
    assert "encrypted private key" in refusal(SCHEME.pair_of_text, text).message


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        (rsa.generate_private_key(65537, 2048), "RSA"),
        (ec.generate_private_key(ec.SECP256R1()), "ECP"),
        (ed448.Ed448PrivateKey.generate(), "Ed448"),
        (x25519.X25519PrivateKey.generate(), "X25519"),
    ],
    ids=["rsa", "ec", "ed448", "x25519"],
)
def test_a_key_of_another_kind_is_refused(key: Any, kind: str) -> None:
    """The message names the kind that it is."""
    assert kind in refusal(SCHEME.pair_of_text, pem(key)).message
    assert kind in refusal(SCHEME.public_of_text, public_pem(key)).message


def test_the_wrong_part_of_a_key_is_refused() -> None:
    """A private key is not taken for a public one, nor the other way about."""
    assert "a PEM block PRIVATE KEY" in refusal(SCHEME.public_of_text, PRIVATE).message
    assert "a PEM block PUBLIC KEY" in refusal(SCHEME.pair_of_text, PUBLIC).message


def test_other_blocks_are_refused() -> None:
    """OpenSSH's own form, an old form of RSA keys, two blocks in one text."""
    own = load_pem_private_key(PRIVATE.encode(), None)
    assert "OPENSSH PRIVATE KEY" in refusal(SCHEME.pair_of_text, pem(own, form=PrivateFormat.OpenSSH)).message
    old = pem(rsa.generate_private_key(65537, 2048), form=PrivateFormat.TraditionalOpenSSL)
    assert "RSA PRIVATE KEY" in refusal(SCHEME.pair_of_text, old).message
    assert "one of 2 PEM blocks" in refusal(SCHEME.public_of_text, PUBLIC + PUBLIC).message


@pytest.mark.parametrize(
    "text",
    [
        "", "canary", "\x00", "\ud800", "-----BEGIN PUBLIC KEY-----", PUBLIC.replace("MCow", "%%%%"),
        PUBLIC.replace("BQYDK2Vw", "BQYDK2Vx"), PUBLIC[:-30],
        PUBLIC.replace("-----END PUBLIC", "-----END PRIVATE"), PUBLIC.replace("MCow", "ééééé"), PUBLIC + "\ud800",
        "x" * 10_001, PUBLIC.replace("MCowBQYDK2VwAyEA", ""),
    ],
)  # fmt: skip
def test_what_is_no_key_is_refused(text: str) -> None:
    """Damaged, cut short, no PEM at all, longer than any key."""
    refusal(SCHEME.public_of_text, text)
    refusal(SCHEME.pair_of_text, text.replace("PUBLIC", "PRIVATE"))


@given(text=st.text(max_size=200) | st.text(max_size=60).map(lambda inner: PUBLIC[:27] + inner + PUBLIC[-26:]))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Nothing but ``InvalidInput`` is raised."""
    for call in (SCHEME.public_of_text, SCHEME.pair_of_text):
        with pytest.raises(InvalidInput):
            call(text)


def test_a_public_key_that_is_nobodys_is_refused() -> None:
    """The neutral point in a well-formed text."""
    der = bytes.fromhex("302a300506032b6570032100") + (1).to_bytes(32, "little")
    text = PUBLIC.replace(PUBLIC.splitlines()[1], b64encode(der).decode())
    assert "no point of the curve" in refusal(SCHEME.public_of_text, text).message


def test_no_repr_shows_a_private_key() -> None:
    """Neither the pair's nor the scheme's."""
    shown = f"{SCHEME.pair_of_text(PRIVATE)!r} {SCHEME.pair_of_text(PRIVATE)} {SCHEME!r}"
    for form in (repr(RAW_PRIVATE)[2:-1], RAW_PRIVATE.hex(), "1O5y2"):
        assert form not in shown
    assert repr(RAW_PUBLIC) in shown
