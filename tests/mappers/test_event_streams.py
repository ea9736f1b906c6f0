"""Raw events in streams and files."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zona_core.domain.event_streams import ReadEvent, read_event_file, read_events

EVENTS: list[dict[str, Any]] = [{"a": 1}, {"b": {"c": ["}", '"', "\\"]}}, {"d": "x\ny"}, {}]
FORMS = {
    "lines": "\n".join(map(json.dumps, EVENTS)),
    "lines with blank ones": "\n\r\n".join(map(json.dumps, EVENTS)) + "\n\n",
    "array": json.dumps(EVENTS),
    "array over lines": json.dumps(EVENTS, indent=2),
    "records": json.dumps({"Records": EVENTS}),
    "records over lines": json.dumps({"Records": EVENTS}, indent=1),
    "documents over lines": "\n".join(json.dumps(event, indent=2) for event in EVENTS[:3]) + "\n{}",
}


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


def raws(found: Iterator[ReadEvent]) -> list[dict[str, Any] | None]:
    return [each.raw for each in found]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", [1, 7, 10_000])
@pytest.mark.parametrize("packed", [False, True])
def test_forms_are_told_apart(form: str, size: int, packed: bool) -> None:
    """Whatever the pieces, compressed or not, with a byte order mark or without."""
    data = FORMS[form].encode()
    for bytes_ in (data, b"\xef\xbb\xbf" + data):
        given_ = gzip.compress(bytes_) if packed else bytes_
        assert raws(read_events(pieces(given_, size))) == EVENTS
        assert raws(read_events(pieces(given_, size), loads=orjson.loads)) == EVENTS


texts = st.text(max_size=8)


@settings(max_examples=60)
@given(
    st.lists(
        st.dictionaries(
            texts, texts | st.lists(texts | st.dictionaries(texts, texts, max_size=2), max_size=3), max_size=3
        ),
        max_size=4,
    )
)
def test_arrays_are_taken_apart_at_the_right_places(events: list[dict[str, Any]]) -> None:
    """Brackets and quotation marks in texts are no brackets."""
    data = json.dumps(events, ensure_ascii=False).encode()
    assert raws(read_events(pieces(data, 3))) == events


def test_lines_that_cannot_be_read_are_told() -> None:
    """With their numbers; the others are read."""
    data = b'{"a": 1}\n{"b": \n\n[1]\n{"c": "' + b"x" * 200 + b'"}\n{"d": 4}'
    found = list(read_events([data], most_event_bytes=100))
    assert [(each.line, each.raw) for each in found] == [(1, {"a": 1}), (2, None), (4, None), (5, None), (6, {"d": 4})]
    assert [str(each.fault) for each in found if each.fault] == [
        "it is no JSON (expected one JSON object)",
        "it is no event (expected a JSON object)",
        "the event is too large (expected at most 100 bytes)",
    ]


def test_values_of_an_array_that_cannot_be_read_are_told() -> None:
    """With the lines on which they begin, also behind one that is too large."""
    data = b'[\n{"a": 1},\n5,\n{"b": [' + b"1,\n" * 5_000 + b'1]},\n{"c": nothing},\n{"d": 4}]'
    found = list(read_events(pieces(data, 10), most_event_bytes=1_000))
    assert [(each.line, each.raw) for each in found] == [
        (2, {"a": 1}),
        (3, None),
        (4, None),
        (5_005, None),
        (5_006, {"d": 4}),
    ]


@pytest.mark.parametrize("data", [b'[{"a": 1}, {"b": ', b'{"Records": [{"a": 1}', b'[{"a": 1}, {"b": "' + b"x" * 2**20])
def test_a_stream_that_ends_too_early_is_told(data: bytes) -> None:
    """After what could be read."""
    found = list(read_events(pieces(data, 2**15), most_event_bytes=2**18))
    assert found[0].raw == {"a": 1}
    assert [each.fault is not None for each in found] == [False, True]


def test_damaged_compressed_data_is_told() -> None:
    """Cut off, or changed."""
    packed = gzip.compress(b'{"a": 1}\n' * 100_000)
    cut = list(read_events([packed[: len(packed) // 2]]))
    assert cut[0].raw == {"a": 1}
    assert "ends too early" in str(cut[-1].fault)
    assert "damaged" in str(list(read_events([packed[:20] + b"\xff" * 200]))[-1].fault)


def test_what_grows_without_end_is_not_read_to_its_end() -> None:
    """A small file may be a very large one, compressed."""
    packed = gzip.compress(b'{"a": 1}\n' * 1_000_000)
    found = list(read_events([packed], most_total_bytes=1_000_000))
    assert len(found) < 120_000
    assert "longer than 1000000 bytes" in str(found[-1].fault)


def test_archives_are_read_file_by_file(tmp_path: Path) -> None:
    """Each in its own form, with its name."""
    path = tmp_path / "logs.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.mkdir("folder")
        archive.writestr("folder/a.json", json.dumps(EVENTS))
        archive.writestr("b.ndjson.gz", gzip.compress(FORMS["lines"].encode()))
    with path.open("rb") as file:
        found = list(read_event_file(file))
    assert [each.raw for each in found] == EVENTS * 2
    assert [each.member for each in found] == ["folder/a.json"] * 4 + ["b.ndjson.gz"] * 4
    damaged = bytearray(path.read_bytes())
    damaged[60:80] = b"\0" * 20
    assert list(read_event_file(io.BytesIO(bytes(damaged))))[-1].fault is not None


def test_real_files_are_read_whole(data_dir: Path, mimikatz: list[dict[str, Any]]) -> None:
    """A recording in an archive, and CloudTrail's files."""
    with (data_dir / "security-datasets" / "empire_mimikatz_logonpasswords.zip").open("rb") as file:
        assert [each.raw for each in read_event_file(file, loads=orjson.loads)] == mimikatz
    for path in sorted((data_dir / "cloudtrail").glob("*.json")):
        with path.open("rb") as file:
            assert raws(read_event_file(file)) == json.loads(path.read_bytes())["Records"]
