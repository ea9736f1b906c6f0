"""Access tokens: what is signed verifies; no other algorithm, key or form does."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest
from attrs import evolve
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from hypothesis import given
from hypothesis import strategies as st

from zona_core.domain.identity import KeyStatus, SigningKey
from zona_core.domain.secrets import Secret
from zona_core.errors import InvalidInput, KeyUnavailable, Unauthenticated
from zona_identity._tokens import EdDsaSigner, Hs256Signer

Signer = EdDsaSigner | Hs256Signer

NOW = datetime(2024, 5, 1, tzinfo=UTC)
CLAIMS: dict[str, Any] = {"iss": "zona", "sub": "7f9c", "realm": "core", "sid": "s1", "iat": 1, "nbf": 1, "exp": 2}
SIGNERS: list[type[Signer]] = [EdDsaSigner, Hs256Signer]


@pytest.fixture(params=SIGNERS, ids=lambda made: made.algorithm)
def signer(request: pytest.FixtureRequest) -> Signer:
    """A signer of each algorithm."""
    made: Signer = request.param()
    return made


@pytest.fixture
def key(signer: Signer) -> SigningKey:
    """A new key of the signer."""
    return signer.new_key("k1", NOW)


def refusal(signer: Signer, token: Any, key: SigningKey) -> str:
    """The code with which a token is refused; the refusal shows nothing of it and carries no other error along."""
    with pytest.raises(Unauthenticated) as caught:
        signer.verify(token, key)
    assert caught.value.__context__ is None
    return caught.value.code


def part(content: Any) -> str:
    """A part of a token."""
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def header_of(token: str) -> dict[str, Any]:
    """The header of a token."""
    return jwt.get_unverified_header(token)


def secret_of(key: SigningKey) -> str:
    """The text in which a key is kept."""
    secret: Secret = key.secrets["private"]
    return secret.reveal()


def material(key: SigningKey) -> Any:
    """A key as PyJWT's own functions take it."""
    text = secret_of(key)
    return load_pem_private_key(text.encode(), None) if key.algorithm == "EdDSA" else base64.b64decode(text)


def signed(signer: Signer, key: SigningKey, header: dict[str, Any], payload: bytes) -> str:
    """A token with any header and payload and the key's true signature over them."""
    text = f"{part(header)}.{part(payload)}"
    algorithm = jwt.get_algorithm_by_name(signer.algorithm)
    return f"{text}.{part(algorithm.sign(text.encode(), material(key)))}"


def test_what_was_signed_verifies(signer: Signer, key: SigningKey) -> None:
    """Claims come back as they were; the header names key and algorithm; times that are past are not judged."""
    token = signer.sign(CLAIMS, key)
    assert signer.verify(token, key) == CLAIMS
    assert header_of(token) == {"alg": signer.algorithm, "kid": "k1", "typ": "JWT"}


@given(
    claims=st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"])),
        st.text(st.characters(exclude_categories=["Cs"])) | st.integers(-(2**53), 2**53) | st.booleans() | st.none(),
        max_size=5,
    )
)
@pytest.mark.parametrize("made", SIGNERS)
def test_all_claims_come_back(made: type[Signer], claims: dict[str, Any]) -> None:
    """Every JSON object can be signed, whatever its attributes are called."""
    signer = made()
    key = signer.new_key("k", NOW)
    assert signer.verify(signer.sign(claims, key), key) == claims


def test_other_implementations_read_it(signer: Signer, key: SigningKey) -> None:
    """PyJWT verifies a token with the public part, or the shared key, alone."""
    shared = key.public if signer.algorithm == "EdDSA" else material(key)
    options: Any = {"verify_exp": False}
    assert jwt.decode(signer.sign(CLAIMS, key), shared, algorithms=[signer.algorithm], options=options) == CLAIMS


def test_a_new_key(signer: Signer) -> None:
    """It is active, of its algorithm, unlike any other, and its secret shows itself only when asked."""
    first, second = signer.new_key("a", NOW), signer.new_key("a", NOW)
    assert (first.kid, first.algorithm, first.status, first.created_ts) == (
        "a",
        signer.algorithm,
        KeyStatus.ACTIVE,
        NOW,
    )
    assert secret_of(first) != secret_of(second)
    assert secret_of(first) not in repr(first)
    assert bool(first.public) == (signer.algorithm == "EdDSA")


def test_a_shared_key_has_256_bits() -> None:
    """It is as long as RFC 7518 §3.2 asks for."""
    assert len(base64.b64decode(secret_of(Hs256Signer().new_key("a", NOW)), validate=True)) == 32


def test_another_key_verifies_nothing(signer: Signer, key: SigningKey) -> None:
    """A token of another key under the same id, or of the same key under another id, is unknown."""
    token = signer.sign(CLAIMS, key)
    assert refusal(signer, token, signer.new_key("k1", NOW)) == "token_unknown"
    assert refusal(signer, token, evolve(key, kid="k2")) == "token_unknown"
    assert signer.verify(token, key) == CLAIMS


def test_a_key_that_is_read_again_is_the_same(signer: Signer, key: SigningKey) -> None:
    """What counts is the key, not the object that holds it."""
    again = evolve(key, secrets={"private": Secret(secret_of(key))})
    assert signer.verify(signer.sign(CLAIMS, key), again) == CLAIMS
    assert signer.verify(signer.sign(CLAIMS, again), key) == CLAIMS


@pytest.mark.parametrize("place", ["header", "payload", "signature"])
def test_no_character_can_be_changed(signer: Signer, key: SigningKey, place: str) -> None:
    """A token in which one character is another one is refused, wherever it stands."""
    parts = signer.sign(CLAIMS, key).split(".")
    number = ["header", "payload", "signature"].index(place)
    for index, character in enumerate(parts[number]):
        other = "B" if character == "A" else "A"
        changed = [*parts]
        changed[number] = parts[number][:index] + other + parts[number][index + 1 :]
        assert refusal(signer, ".".join(changed), key) in {"token_malformed", "token_unknown"}


@pytest.mark.parametrize(
    "algorithm", ["none", "None", "", "HS384", "HS512", "RS256", "ES256", "EdDSA", "HS256", 5, None]
)
def test_only_the_signers_own_algorithm_counts(signer: Signer, key: SigningKey, algorithm: Any) -> None:
    """A header that names another algorithm is refused, with a signature or without."""
    if algorithm == signer.algorithm:
        return
    header, payload = {"alg": algorithm, "kid": "k1", "typ": "JWT"}, json.dumps(CLAIMS).encode()
    assert refusal(signer, signed(signer, key, header, payload), key) == "token_unknown"
    assert refusal(signer, f"{part(header)}.{part(payload)}.", key) == "token_unknown"


@pytest.mark.parametrize("form", ["pem", "raw"])
def test_a_public_key_is_no_shared_key(form: str) -> None:
    """What is signed by HMAC with the public part of a key pair counts for neither signer."""
    pair, shared = EdDsaSigner(), Hs256Signer()
    key = pair.new_key("k1", NOW)
    private = load_pem_private_key(secret_of(key).encode(), None)
    assert isinstance(private, Ed25519PrivateKey)
    public = key.public.encode() if form == "pem" else private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    text = f"{part({'alg': 'HS256', 'kid': 'k1', 'typ': 'JWT'})}.{part(CLAIMS)}"
    forged = f"{text}.{part(jwt.get_algorithm_by_name('HS256').sign(text.encode(), public))}"
    assert refusal(pair, forged, key) == "token_unknown"
    with pytest.raises(KeyUnavailable):
        shared.verify(forged, key)


def test_a_public_part_that_was_replaced_does_not_count() -> None:
    """Whoever writes another public key into the store can sign nothing with its private key."""
    signer = EdDsaSigner()
    key, other = signer.new_key("k1", NOW), signer.new_key("k1", NOW)
    assert refusal(signer, signer.sign(CLAIMS, other), evolve(key, public=other.public)) == "token_unknown"


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        "no token",
        "é.é.é",
        "\ud800.a.b",
        "a" * 100_000,
        f"{part([])}.{part({})}.AA",
        f"{part(b'{')}.{part({})}.AA",
        f"{part(b'[' * 5000)}.{part({})}.AA",
        None,
        b"a.b.c",
        5,
    ],
)
def test_what_is_no_token(signer: Signer, key: SigningKey, token: Any) -> None:
    """Texts of another form are malformed."""
    assert refusal(signer, token, key) == "token_malformed"


@given(token=st.text() | st.text("eyJhbGciOiJIUzI1NiJ9.", min_size=5))
@pytest.mark.parametrize("made", SIGNERS)
def test_no_text_does_harm(made: type[Signer], token: str) -> None:
    """Every text is refused in the same manner."""
    signer = made()
    assert refusal(signer, token, signer.new_key("k", NOW)) in {"token_malformed", "token_unknown"}


@pytest.mark.parametrize(
    "payload", [b"", b"x", b"[]", b'"text"', b"null", b"1", b"{", b"\xff", b'{"exp": NaN}', b"[" * 5000]
)
def test_claims_are_an_object(signer: Signer, key: SigningKey, payload: bytes) -> None:
    """What is signed but holds no claims is malformed."""
    token = signed(signer, key, {"alg": signer.algorithm, "kid": "k1", "typ": "JWT"}, payload)
    assert refusal(signer, token, key) == "token_malformed"


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"kid": None}, "token_malformed"),
        ({"kid": 5}, "token_malformed"),
        ({"kid": "k2"}, "token_unknown"),
        ({"crit": ["exp"], "exp": 1}, "token_malformed"),
        ({"crit": []}, "token_malformed"),
        ({"b64": False, "crit": ["b64"]}, "token_malformed"),
    ],
)
def test_headers_that_ask_for_more(signer: Signer, key: SigningKey, more: dict[str, Any], code: str) -> None:
    """A header with a wrong key id, or with extensions that must be understood and are not, is refused."""
    header = {"alg": signer.algorithm, "kid": "k1", "typ": "JWT", **more}
    assert refusal(signer, signed(signer, key, header, b"{}"), key) == code


def test_a_key_id_must_be_there(signer: Signer, key: SigningKey) -> None:
    """A token that names no key is unknown, though its signature is right."""
    assert refusal(signer, signed(signer, key, {"alg": signer.algorithm}, b"{}"), key) == "token_unknown"


def ed448_pem() -> str:
    """A key pair of another curve, which PyJWT's EdDSA would take."""
    return Ed448PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (EdDsaSigner, lambda: ""),
        (EdDsaSigner, lambda: "no key"),
        (EdDsaSigner, ed448_pem),
        (EdDsaSigner, lambda: EdDsaSigner().new_key("a", NOW).public),
        (EdDsaSigner, lambda: secret_of(Hs256Signer().new_key("a", NOW))),
        (Hs256Signer, lambda: ""),
        (Hs256Signer, lambda: "no base64!"),
        (Hs256Signer, lambda: base64.b64encode(bytes(31)).decode()),
        (Hs256Signer, lambda: secret_of(EdDsaSigner().new_key("a", NOW))),
        (Hs256Signer, lambda: "é"),
    ],
)
def test_a_key_that_is_none(made: type[Signer], text: Callable[[], str]) -> None:
    """What is no key, a weak one or another algorithm's neither signs nor verifies, and is not shown."""
    signer, content = made(), text()
    good = signer.new_key("k1", NOW)
    bad = evolve(good, secrets={"private": Secret(content)})
    for use in (lambda: signer.sign(CLAIMS, bad), lambda: signer.verify(signer.sign(CLAIMS, good), bad)):
        with pytest.raises(KeyUnavailable) as caught:
            use()
        assert caught.value.code == "signing_key_unusable"
        assert not content or content not in str(caught.value.as_dict())


def test_a_key_of_the_other_algorithm() -> None:
    """Each signer refuses the other one's keys, and keys without a secret."""
    pair, shared = EdDsaSigner(), Hs256Signer()
    for signer, key in (
        (pair, shared.new_key("k", NOW)),
        (shared, pair.new_key("k", NOW)),
        (pair, evolve(pair.new_key("k", NOW), secrets={})),
    ):
        with pytest.raises(KeyUnavailable):
            signer.sign(CLAIMS, key)


def test_a_sealed_key_is_opened_once(signer: Signer, key: SigningKey) -> None:
    """A key is decrypted and parsed when it is first used, then kept, among as many as there ever are."""
    opened = []

    def open_it(token: str) -> str:
        opened.append(token)
        return secret_of(key)

    sealed = evolve(key, secrets={"private": Secret.sealed("sealed", open_it)})
    others = [signer.new_key(f"other{number}", NOW) for number in range(20)]
    for _ in range(5):
        assert signer.verify(signer.sign(CLAIMS, sealed), sealed) == CLAIMS
        for other in others:
            signer.sign(CLAIMS, other)
    assert opened == ["sealed"]


@pytest.mark.parametrize("claims", [{"exp": NOW}, {"a": object()}, {"a": {1}}, {5: "a"}, {"a": "\ud800"}])
def test_claims_that_are_no_json(signer: Signer, key: SigningKey, claims: dict[Any, Any]) -> None:
    """What JSON cannot hold is not signed, nor a time that is no number of seconds."""
    with pytest.raises(InvalidInput) as caught:
        signer.sign(claims, key)
    assert caught.value.code == "invalid_claims"
