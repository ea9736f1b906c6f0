"""Packages that somebody made to do harm, or that were damaged on the way."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from package_samples import (
    HEADER,
    ZERO_DIGEST,
    Place,
    app,
    compressed,
    json_reader,
    line,
    one_app,
    task,
    zona_reader,
)

from zona_core.errors import InvalidPackage
from zona_core.ports.packages import PackageLimits, PackageReader, Record
from zona_packages._zstd import zstd
from zona_packages.json_form import JsonForm
from zona_packages.zona_form import ZonaForm

END = {"kind": "end", "apps": 1, "records": 2, "digest": ZERO_DIGEST}
START = (line(HEADER), line(app()))
DEEP = b"[" * 100_000 + b"]" * 100_000


def refusal(reader: PackageReader) -> InvalidPackage:
    with pytest.raises(InvalidPackage) as raised:
        reader.check()
    with pytest.raises(RuntimeError):
        reader.records()
    return raised.value


def written() -> bytes:
    target = io.BytesIO()
    ZonaForm().write(one_app(), target)
    return target.getvalue()


def document() -> bytes:
    target = io.BytesIO()
    JsonForm().write(one_app(), target)
    return target.getvalue()


def changed_end(**changes: object) -> bytes:
    """A good package whose last line is another one; what is None is left out."""
    lines = zstd.decompress(written()).splitlines()
    end = zona_end() | changes
    return compressed(*lines[:-1], line({name: value for name, value in end.items() if value is not None}))


def zona_end() -> Record:
    digest = zona_reader(written()).check().digest
    return {"kind": "end", "apps": 1, "records": 8, "digest": f"sha256:{digest.hex()}"}


@pytest.mark.parametrize("make", [written, document], ids=["zona", "json"])
def test_a_package_cut_off_anywhere_is_refused(make: Callable[[], bytes]) -> None:
    """However much of the end is missing, it is noticed."""
    whole = make().rstrip()
    reader = zona_reader if make is written else json_reader
    assert reader(whole).check().records == 8
    for size in range(len(whole)):
        assert refusal(reader(whole[:size])).code in ("package_damaged", "digest_mismatch"), size


@pytest.mark.parametrize("make", [written, document], ids=["zona", "json"])
def test_a_changed_byte_is_noticed_or_changes_nothing(make: Callable[[], bytes]) -> None:
    """With any byte changed a package is refused, or it is the same package (white space of a document)."""
    whole = make()
    open_ = zona_reader if make is written else json_reader
    expected = open_(whole).check()
    for at in range(len(whole)):
        for bit in (1, 0x20, 0x80):
            reader = open_(whole[:at] + bytes([whole[at] ^ bit]) + whole[at + 1 :])
            try:
                summary = reader.check()
            except InvalidPackage:
                continue
            assert summary == expected, at
            assert list(reader.records()) == one_app(), at


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        (b"", "package_damaged", "ends too early"),
        (b"PK\x03\x04 no frame", "package_damaged", "not a frame"),
        (written() + b"\0", "package_damaged", "more in the file"),
        (written() * 2, "package_damaged", "more in the file"),
        (written() + bytes.fromhex("502a4d1800000000"), "package_damaged", "more in the file"),
        (compressed(), "package_damaged", "no record"),
        (compressed(b""), "package_damaged", "not JSON"),
        (compressed(line(HEADER)), "package_damaged", "the end is missing"),
        (zstd.compress(b"\n".join((*START, line(END)))), "package_damaged", "no end"),
        (compressed(line(END)), "package_damaged", "no record"),
        (compressed(*START, line(END), b""), "package_damaged", "after the end"),
        (compressed(*START, line(END), line(task("a"))), "package_damaged", "after the end"),
        (compressed(*START, b"[1]"), "package_damaged", "record 3: not an object"),
        (compressed(*START, b"null"), "package_damaged", "not an object"),
        (compressed(*START, b'{"kind":"task","task_tag":"\xff"}'), "package_damaged", "record 3: not JSON"),
        (compressed(*START, b'{"kind":"task","task_tag":"\\ud800"}'), "package_damaged", "not JSON"),
        (compressed(*START, b'{"kind":"task","n":NaN}'), "package_damaged", "not JSON"),
        (compressed(*START, b'{"kind":"task","n":1e999}'), "package_damaged", "not JSON"),
        (compressed(*START, b'{"kind":"task","n":18446744073709551616}'), "package_damaged", "canonical"),
        (compressed(*START, b'{"a":1,"a":2,"kind":"task"}'), "package_damaged", "canonical"),
        (compressed(*START, b'{"kind":"task","a":1}'), "package_damaged", "canonical"),
        (compressed(*START, b'{"kind": "task"}'), "package_damaged", "canonical"),
        (compressed(*START, b'{"kind":"t\\u0061sk"}'), "package_damaged", "canonical"),
        (compressed(*START, b'{"kind":"task","n":-0}'), "package_damaged", "canonical"),
        (compressed(*START, line(task("a")) + b"\r"), "package_damaged", "canonical"),
        (compressed(*START, b'{"kind":"instance"}'), "package_damaged", "'instance' may not stand here"),
        (compressed(*START, line(task("b")), line(task("a"))), "package_damaged", "comes after"),
        (compressed(*START, line(task("a")), line(task("a"))), "package_damaged", "is there twice"),
        (compressed(*START, START[1]), "package_damaged", "is there twice"),
        (compressed(*START, b'{"x":' + DEEP + b"}"), "package_too_deep", "at most 64"),
        (compressed(*START, b"[" * 100_000), "package_too_deep", "at most 64"),
        (compressed(*START, b'{"x":' + b"[" * 64 + b"]" * 64 + b"}"), "package_too_deep", "at most 64"),
        (compressed(*START, b'{"x":[' + b"{}," * 100_000 + b"{}]}"), "package_too_large", "objects and lists"),
        (compressed(line({**HEADER, "version": 2})), "package_too_new", "version 2 is newer"),
        (compressed(line({**HEADER, "version": 2, "more": 1}), b"rubbish"), "package_too_new", "version 2"),
        (compressed(line({**HEADER, "version": 0})), "package_damaged", "never was a version 0"),
        (compressed(line({**HEADER, "version": -1})), "package_damaged", "not the header"),
        (compressed(line({**HEADER, "version": True})), "package_damaged", "not the header"),
        (compressed(line({**HEADER, "format": "other"})), "package_damaged", "not the header"),
        (compressed(line({**HEADER, "more": 1})), "package_damaged", "more members"),
        (changed_end(digest=ZERO_DIGEST), "digest_mismatch", "another one"),
        (changed_end(digest=None), "package_damaged", "digest is missing"),
        (changed_end(digest="md5:0"), "package_damaged", "digest is none"),
        (changed_end(apps=2), "package_damaged", "as many as it says"),
        (changed_end(records=9), "package_damaged", "as many as it says"),
        (changed_end(records=True), "package_damaged", "two numbers"),
        (changed_end(records=None), "package_damaged", "two numbers"),
        (changed_end(more=1), "package_damaged", "'more' is not known"),
        (changed_end(signature="x"), "package_damaged", "signature is none"),
        (changed_end(signature={"algorithm": "x", "key": "ab" * 32}), "package_damaged", "signature is none"),
        (
            changed_end(signature={"algorithm": "X", "key": "ab" * 32, "value": "AA=="}),
            "package_damaged",
            "signature.algorithm",
        ),
        (
            changed_end(signature={"algorithm": "x", "key": "AB" * 32, "value": "AA=="}),
            "package_damaged",
            "signature.key",
        ),
        (
            changed_end(signature={"algorithm": "x", "key": "ab" * 32, "value": "AB=="}),
            "package_damaged",
            "signature.value",
        ),
        (
            changed_end(signature={"algorithm": "x", "key": "ab" * 32, "value": ""}),
            "package_damaged",
            "signature.value",
        ),
    ],
)
def test_a_file_that_is_no_package_is_refused(content: bytes, code: str, message: str) -> None:
    """Each with its code, and with what is wrong where."""
    refused = refusal(zona_reader(content))
    assert (refused.code, len(refused.faults)) == (code, 1)
    assert message in refused.message
    assert len(refused.message) < 400


def replaced(old: bytes, new: bytes) -> bytes:
    whole = document()
    assert old in whole
    return whole.replace(old, new, 1)


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        (b"", "package_damaged", "ends too early"),
        (b"[]", "package_damaged", "'[' may not stand here"),
        (b"{}", "package_damaged", "not JSON"),
        (document() + b"x", "package_damaged", "more in the file"),
        (document() * 2, "package_damaged", "more in the file"),
        (replaced(b'"format"', b'"Format"'), "package_damaged", "'Format' may not stand here"),
        (replaced(b'"version": 1,', b""), "package_damaged", "expected version"),
        (replaced(b'"version": 1', b'"version": 1, "version": 1'), "package_damaged", "'version' may not stand here"),
        (replaced(b'"version": 1', b'"version": 2, "news": {}'), "package_too_new", "version 2"),
        (replaced(b'"version": 1', b'"version": 1.0'), "package_damaged", "not the header"),
        (replaced(b'"version": 1', b'"version": []'), "package_damaged", "not the header"),
        (replaced(b'"version": 1', b'"version": "\\ud800"'), "package_damaged", "not JSON"),
        (replaced(b"zona-package", b"other"), "package_damaged", "not the header"),
        (b'{"format": "zona-package"}', "package_damaged", "'version' is missing"),
        (b'{"format": "zona-package", "version": 1}', "package_damaged", "'app' is missing"),
        (b'{"format": "zona-package", "version": 1, "app": []}', "package_damaged", "app: not an object"),
        (replaced(b'"tasks"', b'"notes"'), "package_damaged", "'notes' may not stand here"),
        (replaced(b'"rules"', b'"tasks"'), "package_damaged", "'tasks' may not stand here"),
        (replaced(b'"name": "Daily"', b'"name": "Daily", "kind": "rule"'), "package_damaged", "kind is told"),
        (replaced(b'"name": "Daily"', b'"name": "Daily", "name": "x"'), "package_damaged", "'name' is there twice"),
        (replaced(b'"name": "Daily"', b'"name": "Daily", "n": NaN'), "package_damaged", "NaN is no number"),
        (replaced(b'"name": "Daily"', b'"name": "Daily", "n": 1e999'), "package_damaged", "more than 64 bits"),
        (replaced(b'"name": "Daily"', b'"name": "Daily", "n": ' + b"9" * 5000), "package_damaged", "more than 64 bits"),
        (replaced(b'"name": "Daily"', b'"name": "\\ud800"'), "package_damaged", "schedules[0]: not JSON"),
        (replaced(b'"name": "Daily"', b'"name": "\xff"'), "package_damaged", "schedules[0]: not JSON"),
        (replaced(b'"name": "Daily"', b'"name": "Monthly"'), "digest_mismatch", "takes digest and signature out"),
        (replaced(b"60.0", b"60.5"), "digest_mismatch", "another one"),
        (replaced(b'"task_tag": "lookup"', b'"task_tag": "zoom"'), "package_damaged", "tasks[1]"),
        (replaced(b'"tasks": [', b'"tasks": [,'), "package_damaged", "tasks[0]: not JSON"),
        (replaced(b'"tasks": [', b'"tasks": [ 1,'), "package_damaged", "tasks[0]: not an object"),
        (replaced(b'"tasks": [', b'"tasks": {'), "package_damaged", "may not stand here"),
        (replaced(b'"Daily"', DEEP), "package_too_deep", "schedules[0]"),
        (replaced(b'"Daily"', b"[" * 100_000), "package_too_deep", "schedules[0]"),
        (replaced(b'"Daily"', b"[" + b"{}," * 100_000 + b"{}]"), "package_too_large", "objects and lists"),
        (replaced(b'"digest"', b'"signature": {}, "digest"'), "package_damaged", "'digest' may not stand here"),
    ],
)
def test_a_document_that_is_no_package_is_refused(content: bytes, code: str, message: str) -> None:
    """The same for one document."""
    refused = refusal(json_reader(content))
    assert refused.code == code
    assert message in refused.message + refused.hint
    assert len(refused.message) < 400


def test_a_signature_needs_a_digest() -> None:
    """Without a digest there is nothing that a signature could be of."""
    signature = b'"signature": {"algorithm": "x", "key": "' + b"ab" * 32 + b'", "value": "AA=="}'
    content = b'{"format": "zona-package", "version": 1, "app": {"title": "a"}, ' + signature + b"}"
    assert "no digest" in refusal(json_reader(content)).message


def test_a_document_that_was_edited_needs_no_digest() -> None:
    """Whoever takes the digest out says that the change was meant; the new digest is told."""
    head, _, tail = document().rpartition(b',\n  "digest"')
    reader = json_reader(head.replace(b'"Daily"', b'"Monthly"') + tail[tail.index(b"\n") :])
    summary = reader.check()
    assert summary.signature is None
    assert next(record for record in reader.records() if record["kind"] == "schedule")["name"] == "Monthly"
    assert summary.digest != json_reader(document()).check().digest


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (PackageLimits(compressed=100), "bytes in the file"),
        (PackageLimits(bytes=500), "bytes"),
        (PackageLimits(record=60), "bytes in one record"),
        (PackageLimits(records=7), "records"),
    ],
)
def test_limits_are_kept(limits: PackageLimits, message: str, place: Place) -> None:
    """Every form keeps every limit, and a package as large as the limits passes."""
    place.write(one_app())
    refused = refusal(place.open(limits))
    assert refused.code == "package_too_large"
    assert f"too many {message}" in refused.message or (place.form.takes_folder and "too many" in refused.message)
    assert place.open(PackageLimits(records=8)).check().records == 8


def test_depth_is_limited_in_every_form(place: Place) -> None:
    """As deep as the limit is allowed, one deeper is not; nor is it written beyond the default."""

    def nested(levels: int) -> list[Record]:
        value: object = 0
        for _ in range(levels - 1):
            value = [value]
        return [HEADER, app(), task("a", value=value)]

    place.write(nested(64))
    assert place.open().check().records == 3
    assert refusal(place.open(PackageLimits(depth=63))).code == "package_too_deep"
    with pytest.raises(InvalidPackage) as raised:
        place.write(nested(65))
    assert raised.value.code == "package_too_deep"


@pytest.mark.parametrize("levels", [199, 200, 300, 1_500, 50_000])
@pytest.mark.parametrize("form", ["zona", "json"])
def test_a_high_limit_does_not_overflow_anything(form: str, levels: int) -> None:
    """What readers and writers of JSON bear is the limit, whatever the caller allows."""
    nested = b"[" * (levels - 1) + b"]" * (levels - 1)
    limits = PackageLimits(depth=1_000_000)
    if form == "zona":
        reader = zona_reader(compressed(*START, b'{"kind":"task","task_tag":"a","x":' + nested + b"}"), limits)
    else:
        reader = json_reader(replaced(b'"Daily"', b'"Daily", "x": ' + nested), limits)
    refused = refusal(reader)
    assert (refused.code == "package_too_deep") == (levels > 200)
    if form == "json":
        refused = refusal(json_reader(b'{"format": "zona-package", "version": 1, ' + nested, limits))
        assert (refused.code == "package_too_deep") == (levels > 201)


def test_a_frame_may_not_ask_for_much_memory() -> None:
    """8 MiB of window are given, as RFC 8878 has it; more is refused before anything is decompressed."""
    lines = b"".join(text + b"\n" for text in zstd.decompress(written()).splitlines())

    def frame(window_log: int) -> bytes:
        compressor = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: window_log})
        return compressor.compress(lines) + compressor.flush()

    assert zona_reader(frame(23)).check().records == 8
    for window_log in (24, 27, 31):
        refused = refusal(zona_reader(frame(window_log)))
        assert (refused.code, "window" in refused.message) == ("package_too_large", True)


def test_one_frame_and_no_dictionary() -> None:
    """Frames in a row, an empty one before it and one made with a dictionary are refused."""
    text = zstd.decompress(written())
    assert refusal(zona_reader(zstd.compress(text[:100]) + zstd.compress(text[100:]))).code == "package_damaged"
    assert refusal(zona_reader(zstd.compress(b"") + written())).code == "package_damaged"
    dictionary = zstd.ZstdDict(b"kind task_tag" * 100, is_raw=True)
    assert refusal(zona_reader(zstd.compress(text, zstd_dict=dictionary))).code in (
        "package_damaged",
        "digest_mismatch",
    )


def swapped(place: Place, content: dict[str, bytes]) -> None:
    for name, data in content.items():
        (place.path / name if name else place.path).write_bytes(data)


@pytest.mark.parametrize("change", ["other", "shorter", "rubbish"])
def test_what_changes_between_check_and_use_is_not_used(change: str, place: Place, tmp_path: Path) -> None:
    """Of a package that was swapped after its check no record is given that the check did not see."""
    other = Place(place.form, tmp_path / "other")
    records = one_app()
    records[3] = task("search", evil=True)
    other.write(records)
    place.write(one_app())
    source = place.path if place.form.takes_folder else place.path.open("rb")
    reader = place.form.open(source, PackageLimits())
    reader.check()
    content = other.bytes() if change == "other" else place.bytes()
    cut = {"other": lambda data: data, "shorter": lambda data: data[:-20], "rubbish": lambda data: b"\0" * len(data)}
    swapped(place, {name: cut[change](data) for name, data in content.items()})
    used: list[Record] = []
    with pytest.raises(InvalidPackage) as raised:
        used.extend(reader.records())
    assert raised.value.code == "digest_mismatch"
    assert all(record in one_app() for record in used)
    if not isinstance(source, Path):
        source.close()


def test_a_longer_file_is_noticed_in_the_second_pass() -> None:
    """More records than the check saw are not given out either."""
    file = io.BytesIO(written())
    reader = ZonaForm().open(file, PackageLimits())
    reader.check()
    longer = [*one_app(), {"kind": "schedule", "name": "Monthly"}]
    file.seek(0)
    file.truncate()
    ZonaForm().write(longer, file)
    again = reader.records()
    assert [next(again) for _ in one_app()] == one_app()
    with pytest.raises(InvalidPackage, match="changed after it was checked"):
        next(again)


def test_older_versions_are_upgraded() -> None:
    """Each record goes through the steps up to the present version; digest and canonical text are the old one's."""
    old = [{**HEADER, "version": 0}, {"kind": "app", "name": "Jira"}, {"kind": "task", "tag": "a"}]
    lines = [line(record) for record in old]  # by hand, since what is written has the present version
    digest = hashlib.sha256(b"".join(text + b"\n" for text in lines))
    end = {"kind": "end", "apps": 1, "records": 3, "digest": f"sha256:{digest.hexdigest()}"}
    package = io.BytesIO(compressed(*lines, line(end)))

    def step(record: Record) -> Record:
        renamed = {"app": ("name", "title"), "task": ("tag", "task_tag")}[record["kind"]]
        return {renamed[1] if name == renamed[0] else name: value for name, value in record.items()}

    reader = ZonaForm({0: step}).open(package, PackageLimits())
    told: list[Record] = []
    summary = reader.check(told.append)
    assert (summary.version, summary.digest) == (0, digest.digest())
    assert told == [HEADER, {"kind": "app", "title": "Jira"}, {"kind": "task", "task_tag": "a"}]
    assert list(reader.records()) == told
