"""The contract of package formats, held by every form."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from package_samples import HEADER, Place, app, named, one_app, task, two_apps

from zona_core import Zona
from zona_core.errors import InvalidInput, InvalidPackage
from zona_core.ports.packages import PackageLimits, Record, Signature

SIGNATURE = Signature(algorithm="ed25519", key="ab" * 32, value=b"signed" * 11)


def digest_of(records: list[Record]) -> bytes:
    lines = (orjson.dumps(record, option=orjson.OPT_SORT_KEYS) + b"\n" for record in records)
    return hashlib.sha256(b"".join(lines)).digest()


def test_what_is_written_is_read(place: Place) -> None:
    """Check and second pass tell the very records, and writer and reader agree about the package."""
    told: list[Record] = []
    written = place.write(one_app())
    reader = place.open()
    assert reader.check(told.append) == written
    assert told == one_app()
    assert list(reader.records()) == one_app()
    assert list(reader.records()) == one_app()
    assert (written.version, written.apps, written.records, written.signature) == (1, 1, 8, None)


def test_the_digest_is_of_the_records_not_of_the_form(places: dict[str, Place]) -> None:
    """All forms of the same records have one digest: SHA-256 of their canonical texts."""
    assert {place.write(one_app()).digest for place in places.values()} == {digest_of(one_app())}


@pytest.mark.parametrize("form", ["zona", "folder"])
def test_several_apps_are_kept_apart(form: str, places: dict[str, Place]) -> None:
    """Two apps may have tasks of the same tag."""
    places[form].write(two_apps())
    reader = places[form].open()
    assert reader.check().apps == 2
    assert list(reader.records()) == two_apps()


def test_a_document_holds_one_app(places: dict[str, Place]) -> None:
    """The form json refuses the second app, and a package without any."""
    with pytest.raises(InvalidInput, match="one app only") as raised:
        places["json"].write(two_apps())
    assert raised.value.code == "too_many_apps"
    with pytest.raises(InvalidInput, match="there is none"):
        places["json"].write([HEADER])


def test_the_same_records_give_the_same_bytes(place: Place, tmp_path: Path) -> None:
    """The order in which members were put into a record does not matter."""
    place.write(one_app())
    turned = [dict(reversed(record.items())) for record in one_app()]
    other = Place(place.form, tmp_path / "other")
    other.write(turned)
    assert other.bytes() == place.bytes()


def test_a_large_package_is_the_same_however_fast_its_records_come(places: dict[str, Place]) -> None:
    """Compression in another thread leaves no trace: many chunks, twice the same bytes."""

    def records() -> Iterator[Record]:
        yield from (HEADER, app())
        for number in range(4_000):
            yield task(f"t{number:05}", text=hashlib.sha512(b"%d" % number).hexdigest() * 2)

    place = places["zona"]
    written = place.write(records())
    first = place.bytes()
    place.write(list(records()))
    assert place.bytes() == first
    reader = place.open()
    assert reader.check() == written
    assert list(reader.records()) == list(records())


def test_a_signature_is_carried(place: Place) -> None:
    """The signer is given the digest; what it made is read again, bytes and all."""
    asked: list[bytes] = []

    def sign(digest: bytes) -> Signature:
        asked.append(digest)
        return SIGNATURE

    written = place.write(one_app(), sign)
    assert asked == [written.digest]
    assert written.signature == SIGNATURE
    assert place.open().check().signature == SIGNATURE


def test_a_form_recognises_itself_alone(places: dict[str, Place], tmp_path: Path) -> None:
    """Each package is recognised by its form and by no other; a file is left where it stood."""
    for place in places.values():
        place.write(one_app())
    for name, place in places.items():
        assert {other.form for other in places.values() if other.form.recognises(place.path)} == {place.form}, name
        if not place.form.takes_folder:
            file = io.BytesIO(b"before" + place.path.read_bytes())
            file.seek(6)
            assert [name for name, other in places.items() if other.form.recognises(file)] == [name]
            assert file.tell() == 6
            assert place.form.open(file, PackageLimits()).check().apps == 1
    for rubbish in (b"", b"{}", b"PK\x03\x04", b'{"format": "other"}'):
        assert not any(place.form.recognises(io.BytesIO(rubbish)) for place in places.values())
    assert not any(place.form.recognises(tmp_path / "nothing") for place in places.values())


def test_records_come_after_a_check(place: Place) -> None:
    """Nothing unchecked is given out."""
    place.write(one_app())
    with pytest.raises(RuntimeError, match="checked before"):
        place.open().records()


def test_a_pass_that_is_broken_off_harms_nothing(place: Place) -> None:
    """A consumer may stop anywhere, and begin again."""
    place.write(one_app())
    reader = place.open()
    reader.check()
    assert next(iter(reader.records())) == HEADER
    assert list(reader.records()) == one_app()


def test_an_error_of_the_records_own_ends_the_writing(place: Place) -> None:
    """What goes wrong while records are made is raised as it is, and nothing that counts as a package is left."""

    def failing() -> Iterator[Record]:
        yield from one_app()[:3]
        raise LookupError("no more")

    with pytest.raises(LookupError, match="no more"):
        place.write(failing())
    with pytest.raises(InvalidPackage) as raised:
        place.open().check()
    assert raised.value.code == "package_damaged"


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([], "no record"),
        ([app()], "expected header"),
        ([HEADER, HEADER], "expected app"),
        ([HEADER, task("a")], "expected app"),
        ([HEADER, app(), task("b"), task("a")], "'a' comes after 'b'"),
        ([HEADER, app(), task("a"), task("a")], "'a' is there twice"),
        ([HEADER, app(), task("a"), task("b", ingest_cases=True), task("c")], "'c' comes after 'b'"),
        ([HEADER, app(), task("a"), task("a", ingest_cases=True)], "'a' is there twice"),
        ([HEADER, app(), named("rule", "x"), task("a")], "'a' comes after 'x'"),
        ([HEADER, app(), named("rule", "x"), named("rule", "x")], "'x' is there twice"),
        ([HEADER, app("b"), app("a")], "comes after"),
        ([HEADER, app("b"), app("b")], "is there twice"),
        ([HEADER, app(), {"kind": "instance", "name": "x"}], "'instance' may not stand here"),
        ([HEADER, app(), {"kind": "end"}], "'end' may not stand here"),
        ([HEADER, app(), {"kind": ["task"]}], "kind is a list"),
        ([HEADER, app(), task("../x")], "is no tag"),
        ([HEADER, app(), task("a", ingest_cases=1)], "true or false"),
        ([HEADER, app(""), task("a")], "title is ''"),
        ([HEADER, app(), named("playbook", "x" * 501)], "1-500 characters"),
        ([HEADER, app(), {"kind": "schedule"}], "name is None"),
    ],
)
def test_what_could_not_be_read_is_not_written(records: list[Record], message: str, places: dict[str, Place]) -> None:
    """The writer holds records to the reader's rules, and says which of them breaks one."""
    with pytest.raises(InvalidPackage, match=message) as raised:
        places["zona"].write(records)
    assert raised.value.code == "package_damaged"


@pytest.mark.parametrize("value", [2**64, {1: 2}, object(), "\ud800"])
def test_what_is_not_json_is_not_written(value: object, place: Place) -> None:
    """A value that JSON cannot hold is the caller's fault, with the record's number."""
    with pytest.raises(InvalidInput, match="record 3 cannot be written as JSON"):
        place.write([HEADER, app(), task("a", value=value)])


def test_a_form_says_what_it_takes(place: Place, tmp_path: Path) -> None:
    """A path in the place of a file, or the reverse, is a mistake of the program's."""
    wrong = io.BytesIO() if place.form.takes_folder else tmp_path / "package"
    with pytest.raises(TypeError, match="is written to and read from"):
        place.form.write(one_app(), wrong)
    with pytest.raises(TypeError, match="is written to and read from"):
        place.form.open(wrong, PackageLimits())


def test_the_plugin_brings_the_forms() -> None:
    """An installation finds them by name."""
    with Zona(store="memory://") as zona:
        assert [name for name in ("folder", "json", "zona") if name in zona.plugins.package_formats()] == [
            "folder",
            "json",
            "zona",
        ]
        assert zona.plugins.package_format("folder").takes_folder
        assert not zona.plugins.package_format("zona").takes_folder
        assert not zona.plugins.package_format("json").takes_folder
