"""What every ``BlobStore`` must do, as tests.

An adapter's author subclasses ``BlobContract`` in a test module and gives it the fixture ``blobs``::

    class TestMyBlobs(BlobContract):
        @pytest.fixture
        def blobs(self):
            return MyBlobs(...)

The store is empty, has room for some ten MB, and is closed by the suite. This module needs pytest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Final

import pytest

from zona_core.errors import InvalidInput, NotFound
from zona_core.ports.blobs import BlobInfo, BlobStore

from ._contract_base import in_threads

__all__ = ["BlobContract"]

KIB: Final = 1024
MIB: Final = 1024 * KIB
ACME: Final = "acme"


def sample(size: int, seed: int = 0) -> bytes:
    """That many bytes, all values among them, of which no part is like another."""
    return hashlib.shake_128(bytes([seed])).digest(size)


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    """``data`` in pieces of that size."""
    return (data[start : start + size] for start in range(0, len(data), size))


def failing(data: bytes) -> Iterator[bytes]:
    """Gives ``data`` and then fails as a caller's source may."""
    yield from pieces(data, 300 * KIB)
    raise OSError("the caller's own")


class BlobContract:
    """The contract; see ``zona_core.ports.blobs``."""

    @pytest.fixture
    def blobs(self) -> BlobStore:
        """An empty blob store."""
        raise pytest.UsageError("the subclass of BlobContract lacks the fixture blobs")

    @pytest.fixture(autouse=True)
    def closed_blobs(self, blobs: BlobStore) -> Iterator[None]:
        """Closes the store after each test."""
        yield
        blobs.close()

    @pytest.fixture
    def put(self, blobs: BlobStore) -> Callable[..., BlobInfo]:
        """Keeps bytes of a tenant."""
        return lambda key, data, tenant=ACME: blobs.put(tenant, key, [data], most=len(data))

    @pytest.fixture
    def get(self, blobs: BlobStore) -> Callable[..., bytes]:
        """All bytes of a blob."""
        return lambda key, tenant=ACME: b"".join(blobs.open(tenant, key))

    @pytest.mark.parametrize("size", [0, 1, 256 * KIB - 1, 256 * KIB, 256 * KIB + 1, 5 * MIB + 7])
    def test_what_was_put_there(self, blobs: BlobStore, put: Any, get: Any, size: int) -> None:
        """A blob is given as it was put there, again and again, with its SHA-256 and its size."""
        data = sample(size)
        info = put("runs/1/results", data)
        assert info == BlobInfo(digest=f"sha256:{hashlib.sha256(data).hexdigest()}", size=size)
        assert blobs.info(ACME, "runs/1/results") == info
        assert [get("runs/1/results"), get("runs/1/results")] == [data, data]

    @pytest.mark.parametrize("size", [1000, 256 * KIB, 300 * KIB, 3 * MIB])
    def test_the_sizes_of_chunks_do_not_count(self, blobs: BlobStore, get: Any, size: int) -> None:
        """Whatever pieces the bytes come in, empty ones too, they are the same blob, read in pieces of its own."""
        data = sample(2 * MIB + 5)
        given = (piece for pair in pieces(data, size) for piece in (pair, b""))
        assert blobs.put(ACME, "a", given, most=4 * MIB).digest == f"sha256:{hashlib.sha256(data).hexdigest()}"
        assert get("a") == data
        assert {0 < len(piece) <= MIB for piece in blobs.open(ACME, "a")} == {True}

    def test_what_was_never_put_there(self, blobs: BlobStore, put: Any) -> None:
        """It is unknown to every method, at once, though there are blobs of similar keys."""
        put("runs/1/results", b"1")
        for key in ("runs/1", "runs", "runs/1/result", "runs/1/results/1", "runs-1-results", "runs.1.results"):
            for ask in (blobs.open, blobs.info):
                with pytest.raises(NotFound) as caught:
                    ask(ACME, key)
                assert caught.value.code == "blob_unknown"
            assert blobs.delete(ACME, key) is False

    def test_keys_that_are_alike(self, blobs: BlobStore, put: Any, get: Any) -> None:
        """Each names a blob of its own, also where one goes on where another ends."""
        keys = ["a", "a/b", "a.b", "a-b", "a_b", "ab", "b", "b/a", "0", "a" * 200, "a/" * 99 + "a"]
        for key in keys:
            put(key, key.encode())
        assert [get(key) for key in keys] == [key.encode() for key in keys]
        assert blobs.delete(ACME, "a")
        assert [get(key) for key in keys[1:]] == [key.encode() for key in keys[1:]]

    @pytest.mark.parametrize(
        "key",
        ["", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/.b", "-a", "A", "a b", "a\0", "a\n", "é", "a\\b",
         "a+b", "a%2fb", "a" * 201],
    )  # fmt: skip
    def test_what_is_no_key(self, blobs: BlobStore, key: str) -> None:
        """Every method refuses it, and nothing is kept."""
        for attempt in (
            lambda: blobs.put(ACME, key, [b"1"], most=1),
            lambda: blobs.open(ACME, key),
            lambda: blobs.info(ACME, key),
            lambda: blobs.delete(ACME, key),
        ):
            with pytest.raises(InvalidInput) as caught:
                attempt()
            assert caught.value.code == "invalid_blob_key"

    def test_the_latest_counts(self, blobs: BlobStore, put: Any, get: Any) -> None:
        """A blob takes the place of the one before it, be it longer, shorter, the same or empty."""
        for data in (sample(MIB), sample(3 * MIB, 1), sample(3 * MIB, 1), sample(10, 2), b"", sample(300 * KIB, 3)):
            info = put("a", data)
            assert (get("a"), blobs.info(ACME, "a")) == (data, info)

    def test_so_many_bytes_and_no_more(self, blobs: BlobStore, get: Any) -> None:
        """The bound itself is allowed; beyond it nothing is kept and nothing more is asked for."""
        data = sample(MIB)
        blobs.put(ACME, "a", [data], most=MIB)
        asked = []

        def endless() -> Iterator[bytes]:
            while True:
                asked.append(1)
                yield data

        for key in ("a", "b"):
            with pytest.raises(InvalidInput) as caught:
                blobs.put(ACME, key, endless(), most=2 * MIB + 1)
            assert (caught.value.code, caught.value.details) == ("blob_too_large", {"most": 2 * MIB + 1})
        assert len(asked) == 2 * 3
        assert get("a") == data
        with pytest.raises(NotFound):
            blobs.open(ACME, "b")
        assert blobs.put(ACME, "c", [b""], most=0).size == 0

    def test_a_source_that_fails(self, blobs: BlobStore, put: Any, get: Any) -> None:
        """What it raises comes through as it is; nothing is there that was not, and nothing has gone."""
        put("a", b"before")
        for key in ("a", "b"):
            with pytest.raises(OSError, match="the caller's own"):
                blobs.put(ACME, key, failing(sample(2 * MIB)), most=4 * MIB)
        assert get("a") == b"before"
        with pytest.raises(NotFound):
            blobs.info(ACME, "b")

    def test_while_it_comes_there_is_what_was_before(self, blobs: BlobStore, put: Any, get: Any) -> None:
        """Whoever reads meanwhile, its own thread too, sees the old blob, and other blobs can be put."""
        put("a", b"before")

        def source() -> Iterator[bytes]:
            yield sample(MIB)
            assert get("a") == b"before"
            put("b", b"another")
            yield b"end"

        blobs.put(ACME, "a", source(), most=2 * MIB)
        assert (get("a"), get("b")) == (sample(MIB) + b"end", b"another")

    def test_deleting(self, blobs: BlobStore, put: Any, get: Any) -> None:
        """It is gone, once; others stay, and the key can be used again."""
        put("a", sample(MIB))
        put("b", b"b")
        assert [blobs.delete(ACME, "a"), blobs.delete(ACME, "a")] == [True, False]
        with pytest.raises(NotFound):
            blobs.open(ACME, "a")
        put("a", b"again")
        assert (get("a"), get("b")) == (b"again", b"b")

    def test_tenants_have_nothing_to_do_with_one_another(self, blobs: BlobStore, put: Any, get: Any) -> None:
        """The same key is another blob for each; what one deletes or replaces, another still has."""
        codes = [ACME, "acme2", "acme-2", "acm", "core"]
        for code in codes:
            put("a", sample(MIB) + code.encode(), code)
        put("a", b"changed", ACME)
        blobs.delete("acme2", "a")
        with pytest.raises(NotFound):
            blobs.open("acme2", "a")
        with pytest.raises(NotFound):
            blobs.open("nobody", "a")
        found = [get("a", code) for code in (ACME, "acme-2", "acm", "core")]
        assert found == [b"changed", *(sample(MIB) + code.encode() for code in ("acme-2", "acm", "core"))]

    def test_a_tenant_that_goes(self, blobs: BlobStore, put: Any, get: Any) -> None:
        """All that it has goes with it and nothing else; its code can be used again."""
        for code in (ACME, "acme2"):
            for key in ("a", "b/c", "runs/1/results"):
                put(key, sample(MIB), code)
        blobs.delete_tenant(ACME)
        for key in ("a", "b/c", "runs/1/results"):
            with pytest.raises(NotFound):
                blobs.info(ACME, key)
            assert get(key, "acme2") == sample(MIB)
        blobs.delete_tenant(ACME)
        blobs.delete_tenant("nobody")
        put("a", b"anew")
        assert get("a") == b"anew"

    @pytest.mark.parametrize("change", ["replaced", "deleted", "tenant"])
    def test_who_reads_while_it_changes(self, blobs: BlobStore, put: Any, change: str) -> None:
        """Either all that was there when it was opened, or ``blob_gone``: never a part of one and a part of another."""
        before = sample(8 * MIB)
        put("a", before)
        reading = blobs.open(ACME, "a")
        begun = next(reading)
        if change == "replaced":
            put("a", sample(8 * MIB, 1))
        elif change == "deleted":
            blobs.delete(ACME, "a")
        else:
            blobs.delete_tenant(ACME)
        read: bytes | str
        try:
            read = begun + b"".join(reading)
        except NotFound as exc:
            read = exc.code
        assert read in (before, "blob_gone")

    def test_who_stops_reading(self, blobs: BlobStore, put: Any, get: Any) -> None:
        """A blob that was opened and not read, or not to its end, keeps nobody from anything."""
        put("a", sample(3 * MIB))
        blobs.open(ACME, "a")
        assert next(blobs.open(ACME, "a"))
        put("a", b"next")
        assert get("a") == b"next"
        assert blobs.delete(ACME, "a")

    def test_threads(self, put: Any, get: Any) -> None:
        """Several that put under one key and read it see whole blobs only, and one of them is there in the end."""
        versions = [sample(600 * KIB, seed) for seed in range(4)]
        put("a", versions[0])

        def use(data: bytes) -> set[bytes]:
            seen = set()
            for _ in range(5):
                put("a", data)
                with suppress(NotFound):
                    seen.add(get("a"))
            return seen

        seen = set().union(*in_threads([lambda data=data: use(data) for data in versions]))  # type: ignore[misc]
        assert seen <= set(versions)
        assert get("a") in versions

    def test_closing_twice(self, blobs: BlobStore, put: Any) -> None:
        """A blob store may be closed again."""
        put("a", b"1")
        blobs.close()
        blobs.close()
