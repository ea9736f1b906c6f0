"""Ed25519: what RFC 8032 says of it, and what is no signature and no key."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from zona_core.errors import InvalidInput
from zona_core.ports.signatures import KeyPair
from zona_signing._ed25519 import Ed25519

SCHEME = Ed25519()
#: RFC 8032 §7.1, tests 1 to 3 and SHA(abc): private key, public key, message, signature
VECTORS = (
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
            "d25bf5f0595bbe24655141438e7a100b"
        ),
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
            "387b2eaeb4302aeeb00d291612bb0c00"
        ),
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        (
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
            "4a7c15e9716ed28dc027beceea1ec40a"
        ),
    ),
    (
        "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        hashlib.sha512(b"abc").hexdigest(),
        (
            "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e030"
            "3dca179c138ac17ad9bef1177331a704"
        ),
    ),
)
#: the order of the base point (RFC 8032 §5.1)
ORDER = 2**252 + 27742317777372353535851937790883648493
PRIME = 2**255 - 19
#: y of the points of order 8: x² = -y² there, so that 1 = 2y² + dy⁴ (from the curve's equation)
OF_ORDER_EIGHT = int.from_bytes(
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"
)


def encoded(y: int, sign: int = 0) -> bytes:
    return (y | sign << 255).to_bytes(32, "little")


#: every encoding of a point whose order divides 8, those with a y that is not reduced among them
SMALL_ORDER = [
    encoded(y, sign)
    for y in (0, 1, PRIME - 1, OF_ORDER_EIGHT, PRIME - OF_ORDER_EIGHT, PRIME, PRIME + 1)
    for sign in (0, 1)
]
PAIR = SCHEME.new_pair()
SIGNATURE = SCHEME.sign(PAIR.private, b"message")


@pytest.mark.parametrize(("private", "public", "message", "signature"), VECTORS)
def test_the_vectors_of_rfc_8032_hold(private: str, public: str, message: str, signature: str) -> None:
    """Public keys, signatures and their verification are those of the RFC."""
    raw = bytes.fromhex(private)
    assert SCHEME.pair_of_text(SCHEME.private_text(raw)) == KeyPair(private=raw, public=bytes.fromhex(public))
    assert SCHEME.sign(raw, bytes.fromhex(message)).hex() == signature
    assert SCHEME.verify(bytes.fromhex(public), bytes.fromhex(message), bytes.fromhex(signature))


@given(private=st.binary(min_size=32, max_size=32), message=st.binary(max_size=300))
def test_what_a_key_signs_is_its_own(private: bytes, message: bytes) -> None:
    """Signing is deterministic, verifies with the key's public part, and with no other key or message."""
    pair = SCHEME.pair_of_text(SCHEME.private_text(private))
    signature = SCHEME.sign(pair.private, message)
    assert signature == SCHEME.sign(pair.private, message)
    assert SCHEME.verify(pair.public, message, signature)
    assert not SCHEME.verify(pair.public, message + b"\0", signature)
    assert not SCHEME.verify(PAIR.public, message, signature)


@given(at=st.integers(0, 511))
def test_every_bit_of_a_signature_counts(at: int) -> None:
    """With one bit turned it verifies no more."""
    turned = (int.from_bytes(SIGNATURE, "little") ^ 1 << at).to_bytes(64, "little")
    assert not SCHEME.verify(PAIR.public, b"message", turned)


@given(public=st.binary(max_size=70), message=st.binary(max_size=40), signature=st.binary(max_size=130))
@example(public=b"", message=b"", signature=b"")
@example(public=PAIR.public, message=b"", signature=bytes(64))
@example(public=bytes(32), message=b"", signature=bytes(64))
@example(public=b"\xff" * 32, message=b"", signature=b"\xff" * 64)
@example(public=PAIR.public + b"\0", message=b"message", signature=SIGNATURE)
@example(public=PAIR.public, message=b"message", signature=SIGNATURE + b"\0")
@example(public=PAIR.public[:-1], message=b"message", signature=SIGNATURE)
def test_rubbish_does_not_verify_and_raises_nothing(public: bytes, message: bytes, signature: bytes) -> None:
    """Whatever comes instead of a key or of a signature, the answer is no."""
    assert SCHEME.verify(public, message, signature) is False


def test_another_form_of_a_signature_is_none() -> None:
    """S has to be below the order (RFC 8032 §5.1.7): nobody makes a second signature out of one."""
    s = int.from_bytes(SIGNATURE[32:], "little") + ORDER
    assert not SCHEME.verify(PAIR.public, b"message", SIGNATURE[:32] + s.to_bytes(32, "little"))


@pytest.mark.parametrize("public", SMALL_ORDER, ids=bytes.hex)
def test_a_key_of_small_order_is_none(public: bytes) -> None:
    """Under such a key one signature would fit many messages: it verifies none, and is not written as a text."""
    assert not any(SCHEME.verify(public, bytes([number]), public + bytes(32)) for number in range(16))
    assert not any(SCHEME.verify(public, bytes([number]), encoded(1) + bytes(32)) for number in range(16))
    with pytest.raises(InvalidInput, match="no point of the curve"):
        SCHEME.public_text(public)


def test_the_library_alone_would_take_a_key_of_small_order() -> None:
    """Why keys are looked at here: with the neutral point as key, the same 64 bytes sign every message."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    lax = Ed25519PublicKey.from_public_bytes(encoded(1))
    for message in (b"one", b"two"):
        lax.verify(encoded(1) + bytes(32), message)


@given(data=st.binary(min_size=32, max_size=32))
def test_a_public_key_has_one_text(data: bytes) -> None:
    """What is a key comes back from its text as it was; what is none is refused."""
    try:
        text = SCHEME.public_text(data)
    except InvalidInput:
        assert not SCHEME.verify(data, b"", bytes(64))
    else:
        assert SCHEME.public_of_text(text) == data


@given(seed=st.binary(min_size=32, max_size=32))
def test_every_key_that_is_made_is_one(seed: bytes) -> None:
    """No honest key is refused."""
    public = SCHEME.pair_of_text(SCHEME.private_text(seed)).public
    assert SCHEME.public_of_text(SCHEME.public_text(public)) == public


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_a_private_key_has_32_bytes(length: int) -> None:
    """Nothing else signs, or becomes a text; the message tells the length and nothing of the bytes."""
    for attempt in (lambda raw: SCHEME.sign(raw, b""), SCHEME.private_text):
        with pytest.raises(InvalidInput, match=f"it has {length} bytes"):
            attempt(b"k" * length)


def test_two_pairs_differ() -> None:
    """Each is drawn anew."""
    assert len({SCHEME.new_pair().private for _ in range(8)}) == 8
