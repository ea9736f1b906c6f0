"""Detectors that are kept in a folder."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from zona_sigma import _cache, _parsing
from zona_sigma._cache import cached_detector

Texts = list[tuple[str, str]]


@pytest.fixture
def texts(written: Callable[..., str]) -> Texts:
    """A rule and a filter."""
    rule = written({"sel": {"F|expand": "%x%"}, "condition": "sel"}, name="r")
    narrowing = "title: f\nlogsource: {product: testing}\nfilter: {rules: any, s: {G: b}, condition: not s}\n"
    return [("r.yml", rule), ("f.yml", narrowing)]


def found(folder: Path, texts: Texts, value: str = "a") -> list[int]:
    """Which of three events the cached detector finds."""
    events = [{"F": "a"}, {"F": "a", "G": "b"}, {"F": "c"}]
    return [hit.index for hit in cached_detector(folder, texts, {"x": [value]}).match(events)]


def test_the_second_time_nothing_is_parsed(tmp_path: Path, texts: Texts, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same texts and values are read from the folder, other ones are not."""
    folder = tmp_path / "cache"
    assert found(folder, texts) == [0]
    monkeypatch.setattr(_parsing, "parsed", lambda *_: iter(()))
    assert found(folder, texts) == [0]
    assert found(folder, texts, "c") == []
    assert found(folder, [*texts, ("x.yml", "")]) == []
    assert folder.stat().st_mode & 0o777 == 0o700
    assert len(list(folder.iterdir())) == 3


@pytest.mark.parametrize("damage", [b"", b"{}", b"\x80\x04K\x01."])
def test_a_damaged_file_is_made_anew(tmp_path: Path, texts: Texts, damage: bytes) -> None:
    """What cannot be read is compiled again and replaced."""
    assert found(tmp_path / "c", texts) == [0]
    (path,) = (tmp_path / "c").iterdir()
    whole = path.read_bytes()
    path.write_bytes(damage)
    assert found(tmp_path / "c", texts) == [0]
    assert path.read_bytes() == whole


@pytest.mark.parametrize("which", ["file", "folder"])
def test_what_others_may_write_is_not_believed(tmp_path: Path, texts: Texts, which: str) -> None:
    """A file that others could have changed is not read, nor one in a folder of theirs."""
    folder = tmp_path / "c"
    assert found(folder, texts) == [0]
    (path,) = folder.iterdir()
    path.write_bytes(path.read_bytes().replace(b'["a"]', b'["c"]'))
    assert found(folder, texts) == [2]
    (path if which == "file" else folder).chmod(0o666 if which == "file" else 0o777)
    assert found(folder, texts) == [0]


def test_a_link_is_not_followed(tmp_path: Path, texts: Texts) -> None:
    """A file that is somewhere else is not read."""
    folder = tmp_path / "c"
    assert found(folder, texts) == [0]
    (path,) = folder.iterdir()
    elsewhere = tmp_path / "elsewhere.json"
    elsewhere.write_bytes(path.read_bytes().replace(b'["a"]', b'["c"]'))
    path.unlink()
    path.symlink_to(elsewhere)
    assert found(folder, texts) == [0]


def test_a_folder_that_cannot_be_made_is_done_without(tmp_path: Path, texts: Texts) -> None:
    """The detector is there all the same."""
    (tmp_path / "file").write_text("")
    assert found(tmp_path / "file" / "c", texts) == [0]


def test_the_digest_tells_texts_apart(texts: Texts) -> None:
    """Where one text ends and the next begins counts, and so do values."""
    digest = _cache._digest
    assert digest([("a", "bc")], {}) != digest([("ab", "c")], {})
    assert digest(texts, {"x": ["a", "b"]}) != digest(texts, {"x": ["ab"]})
    assert digest(texts, {}) == digest(list(texts), {})
    assert os.sep not in digest(texts, {})
