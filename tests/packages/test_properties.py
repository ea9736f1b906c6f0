"""Whatever records hold: forms agree, texts are canonical, names are safe."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from package_samples import FORMS, HEADER, Place, line, task

from zona_core.errors import InvalidPackage
from zona_core.ports.packages import PackageLimits, Record
from zona_packages._names import NAME, Names, slug
from zona_packages._scanner import Scanner
from zona_packages._text import bounded, of_canonical, of_readable, readable

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
)
VALUES = st.recursive(
    SCALARS | TEXT, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=12
)
CONTENTS = st.dictionaries(TEXT.filter(lambda name: name not in ("kind", "ingest_cases")), VALUES, max_size=4)
TAGS = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,12}", fullmatch=True) | st.sampled_from(
    ["con", "CON", "nul.x", "aux", "a", "A", "README.md", "a.", "x" * 128, "X" * 128, "kind", "com1"]
)
TITLES = TEXT.filter(bool) | st.sampled_from(["con", "CON", "../x", "a/b", ".git", "package.json", "日本", "é", "é"])


@st.composite
def parts(draw: st.DrawFn) -> list[Record]:
    tags = draw(st.lists(TAGS, unique=True, max_size=6))
    ingesting = {tag: draw(st.booleans()) for tag in tags}
    made = [
        {**draw(CONTENTS), "kind": "task", "task_tag": tag, "ingest_cases": ingesting[tag]}
        for tag in sorted(tags, key=lambda tag: (ingesting[tag], tag))
    ]
    for kind in ("playbook", "rule", "schedule"):
        names = draw(st.lists(TITLES, unique=True, max_size=2))
        made += [{**draw(CONTENTS), "kind": kind, "name": name} for name in sorted(names)]
    return made


@st.composite
def packages(draw: st.DrawFn, apps: int = 3) -> list[Record]:
    records: list[Record] = [HEADER]
    for title in sorted(draw(st.lists(TITLES, unique=True, min_size=1, max_size=apps))):
        records += [{**draw(CONTENTS), "kind": "app", "title": title}, *draw(parts())]
    return records


def read_back(form: str, records: list[Record]) -> tuple[bytes, list[Record]]:
    with tempfile.TemporaryDirectory() as folder:
        place = Place(FORMS[form](), Path(folder) / "package")
        written = place.write(records)
        reader = place.open()
        assert reader.check() == written
        return written.digest, list(reader.records())


def same(left: Any, right: Any) -> bool:
    """Equal in type, too: 1, 1.0 and true are different values of JSON."""
    return line(left) == line(right)


@settings(max_examples=30, deadline=None)
@given(packages())
def test_any_records_come_back_from_file_and_folder(records: list[Record]) -> None:
    """Whatever titles, tags and contents are, nothing is lost, changed or out of order; the digests are one."""
    digests = set()
    for form in ("zona", "folder"):
        digest, found = read_back(form, records)
        digests.add(digest)
        assert same(found, records)
    assert len(digests) == 1


@settings(max_examples=30, deadline=None)
@given(packages(apps=1))
def test_any_app_comes_back_from_a_document(records: list[Record]) -> None:
    """The same for the form of one app."""
    digest, found = read_back("json", records)
    assert same(found, records)
    assert digest == read_back("zona", records)[0]


@given(VALUES)
def test_canonical_text_is_a_fixed_point(value: Any) -> None:
    """Reading canonical text and writing it again gives the text; the readable text says the same."""
    record = {"kind": "task", "value": value}
    text = line(record)
    assert line(of_canonical(text, "")) == text
    assert line(of_readable(readable(record, ""), "")) == text
    assert of_readable(text, "") == json.loads(text)


@given(VALUES)
def test_other_texts_of_a_record_are_not_canonical(value: Any) -> None:
    """One record, one text: indented or otherwise different ones are refused."""
    record = {"kind": "task", "value": value}
    other = orjson.dumps(record, option=orjson.OPT_INDENT_2)
    with pytest.raises(InvalidPackage, match="not in canonical text"):
        of_canonical(other, "")


def depth_of(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(depth_of, inner), default=0)


@given(VALUES, st.integers(1, 8))
def test_depth_is_counted_in_the_text(value: Any, most: int) -> None:
    """What looks at the text alone agrees with what looks at the value, brackets and quotes in texts included."""
    record = {"value": value, 'a "quoted" [[[{{{\\': "]]}}\\"}
    if depth_of(record) <= most:
        bounded(line(record), "", PackageLimits(depth=most))
    else:
        with pytest.raises(InvalidPackage, match="nested too deeply"):
            bounded(line(record), "", PackageLimits(depth=most))


class Trickle:
    """A file that gives a few bytes at a time."""

    def __init__(self, content: bytes, step: int) -> None:
        self.content = content
        self.step = step

    def read(self, size: int) -> bytes:
        taken, self.content = self.content[: self.step], self.content[self.step :]
        return taken


@given(st.lists(VALUES, min_size=1, max_size=6), st.integers(1, 9))
def test_a_document_is_read_the_same_in_any_pieces(values: list[Any], step: int) -> None:
    """Where one read ends and the next begins does not matter."""
    texts = [json.dumps(value).encode() for value in values]
    scanner = Scanner(Trickle(b"[" + b" , ".join(texts) + b" ]\n", step), PackageLimits())  # type: ignore[arg-type]
    found = []
    scanner.take(b"[", "")
    for index in range(len(texts)):
        if index:
            scanner.take(b",", "")
        found.append(scanner.value(""))
    scanner.take(b"]", "")
    scanner.finish()
    assert found == texts


@given(st.lists(TITLES | TAGS.map(str.lower) | TAGS.map(str.upper), max_size=12))
def test_names_are_safe_and_differ_in_more_than_case(titles: list[str]) -> None:
    """Whatever things are called, their files have names that every file system takes and tells apart."""
    names = Names()
    given_names = [names.give(slug(title)) for title in titles]
    assert len({name.lower() for name in given_names}) == len(titles)
    assert all(NAME.fullmatch(name) for name in given_names)
    assert not {name.partition(".")[0].lower() for name in given_names} & {"con", "aux", "nul", "com1"}
    again = Names()
    assert [again.give(slug(title)) for title in titles] == given_names


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1, "1"),
        (-0.0, "-0.0"),
        (1.0, "1.0"),
        (0.1 + 0.2, "0.30000000000000004"),
        (9999999999999998.0, "9999999999999998.0"),
        (1e16, "1e+16"),
        (1.5e300, "1.5e+300"),
        (1e-5, "0.00001"),
        (1.5e-6, "1.5e-6"),
        (1e-7, "1e-7"),
        (5e-324, "5e-324"),
        (2**64 - 1, "18446744073709551615"),
        (-(2**63), "-9223372036854775808"),
        ('"\\/', r'"\"\\/"'),
        ("\b\t\n\f\r\x00\x1f", r'"\b\t\n\f\r\u0000\u001f"'),
        ("\x7f\u2028é😀", '"\x7f\u2028é😀"'),
        ({"b": 1, "a": [], "é": {}, "\uffee": None, "😀": True}, '{"a":[],"b":1,"é":{},"\uffee":null,"😀":true}'),
    ],
)
def test_canonical_text_is_as_documented(value: Any, text: str) -> None:
    """The library writes what ``docs/packages.md`` says; a release that did not would make other digests."""
    assert line({"value": value}).decode() == f'{{"value":{text}}}'
    assert same(of_canonical(line({"value": value}), "")["value"], value)


def test_a_task_is_what_it_is_called() -> None:
    """Tags that differ only in case stand side by side in a folder, each in a file that bears its name."""
    with tempfile.TemporaryDirectory() as folder:
        place = Place(FORMS["folder"](), Path(folder) / "package")
        place.write([HEADER, {"kind": "app", "title": "App"}, *(task(tag) for tag in ("CON", "GetUser", "getuser"))])
        files = sorted(path.name for path in (place.path / "app" / "tasks").iterdir())
        assert files == ["GetUser.json", "getuser~2.json", "~CON.json"]
