"""The tenant cipher: what it seals, what it refuses, and the format that must not change."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from zona_aesgcm import AesGcmKeyring
from zona_core.errors import InvalidInput, KeyUnavailable

MASTER = bytes(range(32))
OTHER = bytes(range(32, 64))
CONTEXT = b"acme/instances/12/values.api_key"
#: "an API key, 密" of tenant acme at CONTEXT under MASTER, with the nonce 00 01 … 0b
KNOWN_TOKEN = bytes.fromhex(
    "01e95d2da9000102030405060708090a0b8dfbef584269131465726e4dac5791bbfb27521b528d5b510f7b72a7a12fbd"
)
#: where the parts of a token begin
KEY_ID, NONCE, SEALED = 1, 5, 17
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


def refusal(cipher: object, token: bytes, context: bytes = CONTEXT) -> str:
    """The code with which a token is refused."""
    with pytest.raises(KeyUnavailable) as caught:
        cipher.open(token, context)  # type: ignore[attr-defined]
    return caught.value.code


def hkdf(key: bytes, info: bytes, length: int) -> bytes:
    """HKDF-SHA256 of RFC 5869 for up to 32 bytes, without salt, by the standard library."""
    extracted = hmac.digest(bytes(32), key, hashlib.sha256)
    return hmac.digest(extracted, info + b"\x01", hashlib.sha256)[:length]


@given(clear=TEXTS, context=st.binary())
def test_what_is_sealed_opens_again(clear: str, context: bytes) -> None:
    """Every text comes back from its token, 33 bytes longer than its UTF-8, with the context it was sealed for."""
    cipher = AesGcmKeyring([MASTER]).for_tenant("acme")
    token = cipher.seal(clear, context)
    assert type(token) is bytes
    assert len(token) == 33 + len(clear.encode())
    assert cipher.open(token, context) == clear


@given(clear=TEXTS, context=st.binary(), other=st.binary())
def test_another_context_opens_nothing(clear: str, context: bytes, other: bytes) -> None:
    """A token opens with its own context and with no other."""
    cipher = AesGcmKeyring([MASTER]).for_tenant("acme")
    token = cipher.seal(clear, context)
    if context != other:
        assert refusal(cipher, token, other) == "secret_damaged"


@pytest.mark.parametrize(
    "elsewhere",
    [
        b"other/instances/12/values.api_key",
        b"acme/credentials/12/values.api_key",
        b"acme/instances/13/values.api_key",
        b"acme/instances/12/values.password",
        b"",
    ],
    ids=["tenant", "collection", "document", "field", "nowhere"],
)
def test_a_token_does_not_move(elsewhere: bytes) -> None:
    """A token copied to another tenant, collection, document or field does not open there."""
    cipher = AesGcmKeyring([MASTER]).for_tenant("acme")
    assert refusal(cipher, cipher.seal("s3cr3t", CONTEXT), elsewhere) == "secret_damaged"


def test_a_tenant_cannot_open_what_another_sealed() -> None:
    """The tenant is in the key: with the very same context another tenant's cipher opens nothing."""
    keyring = AesGcmKeyring([MASTER])
    token = keyring.for_tenant("acme").seal("s3cr3t", CONTEXT)
    assert refusal(keyring.for_tenant("acme2"), token) == "secret_damaged"


@pytest.mark.parametrize("clear", ["", "a", "ab", "abc", "a key of forty characters, more or less!"])
def test_no_bit_of_a_token_can_change(clear: str) -> None:
    """Every single flipped bit is refused; in the key id it names a key that is not there."""
    cipher = AesGcmKeyring([MASTER]).for_tenant("acme")
    token = cipher.seal(clear, CONTEXT)
    for position in range(len(token)):
        expected = "key_unknown" if KEY_ID <= position < NONCE else "secret_damaged"
        for bit in range(8):
            changed = bytearray(token)
            changed[position] ^= 1 << bit
            assert refusal(cipher, bytes(changed)) == expected, (position, bit)


def test_a_shortened_token_is_refused() -> None:
    """No beginning of a token opens, nor does any end of it."""
    cipher = AesGcmKeyring([MASTER]).for_tenant("acme")
    token = cipher.seal("s3cr3t", CONTEXT)
    for cut in range(len(token)):
        assert refusal(cipher, token[:cut]) == "secret_damaged"
    for cut in range(1, len(token) + 1):
        assert refusal(cipher, token[cut:]) in ("secret_damaged", "key_unknown")


@given(data=st.binary())
def test_any_other_bytes_are_refused(data: bytes) -> None:
    """What never was a token is refused, as damaged if it begins as one."""
    cipher = AesGcmKeyring([MASTER]).for_tenant("acme")
    header = cipher.seal("", CONTEXT)[:NONCE]
    assert refusal(cipher, header + data) == "secret_damaged"
    assert refusal(cipher, data) in ("secret_damaged", "key_unknown")


@pytest.mark.parametrize("version", [0, 2, 255])
def test_another_version_is_refused(version: int) -> None:
    """A token of a version that is not known is damaged, whichever key it names."""
    cipher = AesGcmKeyring([MASTER]).for_tenant("acme")
    for sealer in (cipher, AesGcmKeyring([OTHER]).for_tenant("acme")):
        assert refusal(cipher, bytes([version]) + sealer.seal("s3cr3t", CONTEXT)[1:]) == "secret_damaged"


def test_a_fragment_names_no_key() -> None:
    """What is too short to be a token is damaged, though it begins with the id of an unknown key."""
    cipher = AesGcmKeyring([MASTER]).for_tenant("acme")
    token = AesGcmKeyring([OTHER]).for_tenant("acme").seal("", CONTEXT)
    assert refusal(cipher, token) == "key_unknown"
    for cut in range(len(token)):
        assert refusal(cipher, token[:cut]) == "secret_damaged"


@pytest.mark.parametrize("added", [b"0", b"\0", b"\n", b" ", bytes(16)])
def test_nothing_can_be_added_to_a_token(added: bytes) -> None:
    """Further bytes at the end, at the beginning or within a token are not passed over."""
    cipher = AesGcmKeyring([MASTER]).for_tenant("acme")
    for clear in ("", "a", "ab"):
        token = cipher.seal(clear, CONTEXT)
        for place in range(NONCE, len(token) + 1):
            changed = token[:place] + added + token[place:]
            assert refusal(cipher, changed) == "secret_damaged", place
        assert refusal(cipher, added + token) in ("secret_damaged", "key_unknown")


def test_two_seals_give_two_tokens() -> None:
    """Equal texts at one place have different tokens: nothing shows that they are equal."""
    cipher = AesGcmKeyring([MASTER]).for_tenant("acme")
    assert len({cipher.seal("same", CONTEXT) for _ in range(1000)}) == 1000


def test_an_unknown_key_is_named() -> None:
    """A token of a master key that is not at hand is refused with that key's id, in text and data."""
    stranger = AesGcmKeyring([OTHER])
    token = stranger.for_tenant("acme").seal("s3cr3t", CONTEXT)
    with pytest.raises(KeyUnavailable) as caught:
        AesGcmKeyring([MASTER]).for_tenant("acme").open(token, CONTEXT)
    assert caught.value.code == "key_unknown"
    assert caught.value.details == {"key_id": stranger.key_ids[0]}
    assert stranger.key_ids[0] in caught.value.message


def test_keys_rotate() -> None:
    """With a new key in front, older tokens still open and new ones need the new key only."""
    before, during, after = AesGcmKeyring([MASTER]), AesGcmKeyring([OTHER, MASTER]), AesGcmKeyring([OTHER])
    old = before.for_tenant("acme").seal("s3cr3t", CONTEXT)
    new = during.for_tenant("acme").seal(during.for_tenant("acme").open(old, CONTEXT), CONTEXT)
    assert during.key_ids == (*after.key_ids, *before.key_ids)
    assert after.for_tenant("acme").open(new, CONTEXT) == "s3cr3t"
    assert refusal(after.for_tenant("acme"), old) == "key_unknown"
    assert refusal(before.for_tenant("acme"), new) == "key_unknown"


def test_the_format_is_what_it_was() -> None:
    """A token of this version's first days opens, and its parts are what the documentation says."""
    token = KNOWN_TOKEN
    assert AesGcmKeyring([MASTER]).for_tenant("acme").open(token, CONTEXT) == "an API key, 密"
    key_id = hkdf(MASTER, b"zona field cipher 1: key id", 4)
    tenant_key = hkdf(MASTER, b"zona field cipher 1: tenant key acme", 32)
    assert token[:NONCE] == b"\x01" + key_id
    assert token[NONCE:SEALED] == bytes(range(12))
    assert AESGCM(tenant_key).decrypt(token[NONCE:SEALED], token[SEALED:], CONTEXT).decode() == "an API key, 密"


def test_sealing_gives_the_known_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the known nonce, sealing gives the known token to the last byte."""
    monkeypatch.setattr("zona_aesgcm._cipher.urandom", lambda size: bytes(range(size)))
    assert AesGcmKeyring([MASTER]).for_tenant("acme").seal("an API key, 密", CONTEXT) == KNOWN_TOKEN


def test_forked_processes_do_not_share_nonces() -> None:
    """Two children forked from one process seal with nonces of their own."""
    cipher = AesGcmKeyring([MASTER]).for_tenant("acme")
    cipher.seal("before", CONTEXT)
    tokens = []
    for _ in range(2):
        readable, writable = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(writable, cipher.seal("same", CONTEXT))
            os._exit(0)
        os.close(writable)
        with os.fdopen(readable, "rb") as pipe:
            tokens.append(pipe.read())
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    nonces = {token[NONCE:SEALED] for token in tokens}
    assert len(nonces) == 2
    assert [cipher.open(token, CONTEXT) for token in tokens] == ["same", "same"]


def test_a_tenants_cipher_is_kept() -> None:
    """A tenant has one cipher, also when several threads ask for it first at the same time."""
    keyring = AesGcmKeyring([MASTER])
    with ThreadPoolExecutor(8) as pool:
        ciphers = list(pool.map(lambda _: keyring.for_tenant("acme"), range(64)))
    assert len(set(map(id, ciphers))) == 1
    assert keyring.for_tenant("other") is not ciphers[0]


def test_the_least_recently_used_cipher_gives_way() -> None:
    """Ciphers beyond the capacity are let go, the one longest unused first; a new one opens what the old one sealed."""
    keyring = AesGcmKeyring([MASTER], capacity=2)
    first, second = keyring.for_tenant("a"), keyring.for_tenant("b")
    assert keyring.for_tenant("a") is first
    keyring.for_tenant("c")
    assert keyring.for_tenant("a") is first
    again = keyring.for_tenant("b")
    assert again is not second
    assert again.open(second.seal("s3cr3t", CONTEXT), CONTEXT) == "s3cr3t"


def test_lone_surrogates_are_refused_without_a_trace() -> None:
    """A text without UTF-8 form is refused, and no exception in the chain holds it."""
    with pytest.raises(InvalidInput) as caught:
        AesGcmKeyring([MASTER]).for_tenant("acme").seal("canary\ud800", CONTEXT)
    assert "canary" not in repr(caught.value)
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None


def test_keys_show_nowhere() -> None:
    """Neither keyring nor cipher shows a key, its base64 or its hexadecimal form; neither can be pickled."""
    key = hashlib.sha256(b"canary").digest()
    keyring = AesGcmKeyring([key])
    shown = f"{keyring!r} {keyring} {keyring.for_tenant('acme')!r}"
    assert keyring.key_ids[0] in shown
    for secret in (key.hex(), base64.b64encode(key).decode(), repr(key)):
        assert secret not in shown
    assert keyring.key_ids[0] not in (key.hex()[:8], hashlib.sha256(key).hexdigest()[:8])
    for thing in (keyring, keyring.for_tenant("acme")):
        with pytest.raises(TypeError):
            pickle.dumps(thing)


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        ([], "master_key_missing"),
        ([b"short"], "master_key_invalid"),
        ([MASTER, MASTER + b"x"], "master_key_invalid"),
    ],
)
def test_unfit_master_keys_are_refused(keys: list[bytes], code: str) -> None:
    """No key at all and keys of another length make no keyring."""
    with pytest.raises(KeyUnavailable) as caught:
        AesGcmKeyring(keys)
    assert caught.value.code == code


def test_a_repeated_key_counts_once() -> None:
    """The same key given twice is one key."""
    assert AesGcmKeyring([MASTER, OTHER, MASTER]).key_ids == AesGcmKeyring([MASTER, OTHER]).key_ids
