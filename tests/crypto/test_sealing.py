"""Secrets in documents: what stands there, what is kept, and what no longer opens."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from zona_aesgcm import AesGcmKeyring
from zona_core import InvalidInput, KeyUnavailable, Secret
from zona_core.persistence.sealing import SEALED, Sealer

MASTER = bytes(range(32))
OTHER = bytes(range(32, 64))


def sealer_of(
    tenant: str = "acme", collection: str = "instances", masters: tuple[bytes, ...] = (MASTER,)
) -> tuple[Sealer, AesGcmKeyring]:
    """A sealer of one tenant's collection, and its keyring."""
    keyring = AesGcmKeyring(masters)
    return Sealer(lambda: keyring.for_tenant(tenant), tenant, collection, ("values",)), keyring


def document(value: Any, key: str = "12", field: str = "api_key") -> dict[str, Any]:
    """A document with one value."""
    return {"_id": key, "values": {field: value}}


def stored(value: Any) -> str:
    """The text in which ``value`` is sealed at the usual place."""
    text: str = sealer_of()[0].seal(document(value))["values"]["api_key"][SEALED]
    return text


def read(text: Any) -> Secret:
    """The secret that is read where ``text`` is stored at the usual place."""
    secret: Secret = sealer_of()[0].unseal(document({SEALED: text}))["values"]["api_key"]
    return secret


@pytest.mark.parametrize("clear", ["", "s3cr3t", "密" * 400])
def test_a_document_holds_the_token_in_base64(clear: str) -> None:
    """What is stored is JSON: the cipher's token in the standard alphabet, padded; other values stay as they are."""
    sealer, keyring = sealer_of()
    sealed = sealer.seal({"_id": "12", "values": {"api_key": Secret(clear), "url": "https://a.example.com"}})
    text = json.loads(json.dumps(sealed))["values"]["api_key"][SEALED]
    context = b"\0\0\0\4acme\0\0\0\x09instances\0\0\0\x0212\0\0\0\x0evalues.api_key"
    token = base64.b64decode(text, validate=True)
    assert base64.b64encode(token).decode() == text
    assert keyring.for_tenant("acme").open(token, context) == clear
    assert sealed["values"]["url"] == "https://a.example.com"
    assert sealer.unseal(sealed)["values"]["api_key"].reveal() == clear


def test_a_plain_value_that_looks_sealed_is_refused() -> None:
    """Nobody can put a ciphertext, or rubbish, in the place of a secret."""
    with pytest.raises(InvalidInput) as caught:
        sealer_of()[0].seal(document({SEALED: "AAAA"}))
    assert caught.value.faults[0].path == "values.api_key"


def test_a_document_without_secrets_needs_no_key() -> None:
    """Reading and writing ask for the cipher only when a secret is sealed or revealed."""

    def no_cipher() -> Any:
        raise KeyUnavailable("there is none", code="master_key_missing")

    sealer = Sealer(no_cipher, "acme", "instances", ("values",))
    plain = {"_id": "12", "values": {"url": "https://a.example.com"}}
    assert sealer.seal(sealer.unseal(plain)) == plain
    secret = sealer.unseal(document({SEALED: stored(Secret("s3cr3t"))}))["values"]["api_key"]
    for refused in (secret.reveal, lambda: sealer.seal(document(secret))):
        with pytest.raises(KeyUnavailable) as caught:
            refused()
        assert caught.value.code == "master_key_missing"


def test_an_unchanged_secret_keeps_its_text() -> None:
    """Written back to its own place, a secret is stored as it was, also under an older master key."""
    text = stored(Secret("s3cr3t"))
    rotated, _ = sealer_of(masters=(OTHER, MASTER))
    assert rotated.seal(rotated.unseal(document({SEALED: text}))) == document({SEALED: text})


@pytest.mark.parametrize(
    ("place", "key", "field", "masters"),
    [
        ({"tenant": "other"}, "12", "api_key", (MASTER,)),
        ({"collection": "credentials"}, "12", "api_key", (MASTER,)),
        ({}, "13", "api_key", (MASTER,)),
        ({}, "12", "password", (MASTER,)),
        ({}, "12", "api_key", (OTHER,)),
    ],
    ids=["tenant", "collection", "document", "field", "master key"],
)
def test_a_secret_from_elsewhere_is_sealed_anew(
    place: dict[str, str], key: str, field: str, masters: tuple[bytes, ...]
) -> None:
    """Written to another place, or to the same place under other keys, a secret opens there, and its text is new."""
    secret = read(stored(Secret("s3cr3t")))
    there, _ = sealer_of(**place, masters=masters)
    sealed = there.seal(document(secret, key, field))
    assert sealed["values"][field] != {SEALED: secret.token}
    assert there.unseal(sealed)["values"][field].reveal() == "s3cr3t"


def test_a_text_copied_elsewhere_does_not_open() -> None:
    """The stored text of one document, put into another, is damaged there; nor is it written back."""
    sealer, _ = sealer_of()
    secret = sealer.unseal(document({SEALED: stored(Secret("s3cr3t"))}, key="13"))["values"]["api_key"]
    for refused in (secret.reveal, lambda: sealer.seal(document(secret, key="13"))):
        with pytest.raises(KeyUnavailable) as caught:
            refused()
        assert caught.value.code == "secret_damaged"


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: "é" + text,
        lambda text: text[:-1],
        lambda text: text[:-4],
        lambda text: text + "\n",
        lambda text: text + "AAAA",
        lambda text: " " + text,
        lambda text: "-" + text[1:],
        lambda text: text[:20] + "=" + text[21:],
        lambda text: ("B" if text[0] == "A" else "A") + "g" + text[2:],
        lambda text: text[:40] + ("B" if text[40] == "A" else "A") + text[41:],
        lambda text: None,
        lambda text: 7,
        lambda text: [text],
    ],
)
def test_damaged_texts_are_read_and_refused_when_revealed(damage: Any) -> None:
    """What is no base64 of a token of this place can be read, but not revealed, and the refusal carries no cause."""
    secret = read(damage(stored(Secret("s3cr3t"))))
    with pytest.raises(KeyUnavailable) as caught:
        secret.reveal()
    assert caught.value.code == "secret_damaged"
    assert caught.value.__context__ is None
