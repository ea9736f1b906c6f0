"""Evidence: files are kept as they came, under names that do no harm; of what did not come whole nothing is left."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from zona_core import Conflict, InvalidInput, NotFound, StoreUnavailable, Workspace, Zona
from zona_core.domain.alerts import Resolution
from zona_core.domain.cases import Case, EntryKind
from zona_core.usecases.evidence import safe_name


@pytest.fixture
def case(here: Workspace) -> Case:
    """A case without anything."""
    return here.cases.create("Case")


def blobs(zona: Zona) -> list[str]:
    """The keys of all that the store has of large bytes."""
    return [blob.key for blob in zona._parts.database.tenant("localhost").blobs.all()]


def test_a_file_is_kept_as_it_came(here: Workspace, case: Case) -> None:
    """With digest and size; told and recorded; also in a case that is closed."""
    pieces = [b"MZ", b"\0" * 300_000, b"end"]
    here.cases.close(case.id, Resolution.BENIGN)
    kept = here.evidence.put(
        case.id, iter(pieces), name="tool.exe", media_type="application/x-dosexec", description="d"
    )
    data = b"".join(pieces)
    assert (kept.name, kept.size, kept.sha256) == ("tool.exe", len(data), hashlib.sha256(data).hexdigest())
    assert (kept.media_type, kept.user_id, kept.description) == ("application/x-dosexec", "library", "d")
    assert here.evidence.get(kept.id) == kept
    opened = here.evidence.open(kept.id)
    assert b"".join(opened.chunks) == data
    [entry] = here.cases.timeline(case.id, kind=EntryKind.EVIDENCE).items
    assert (entry.text, entry.details["sha256"]) == ("tool.exe", kept.sha256)
    assert here.audit.search(target=f"evidence/{kept.id}").items[0].action == "evidence.put"


def test_files_are_listed_in_the_order_in_which_they_came(here: Workspace, case: Case, clock: Any) -> None:
    """A page at a time."""
    for number in range(5):
        here.evidence.put(case.id, [bytes(number)], name=str(number))
        clock.move(1)
    first = here.evidence.list(case.id, limit=3)
    assert [each.name for each in first.items] == ["0", "1", "2"]
    assert [each.name for each in here.evidence.list(case.id, after=first.next).items] == ["3", "4"]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\ann\\mail.eml", "mail.eml"),
        ("..", "file"),
        ("", "file"),
        (".bashrc", "bashrc"),
        ('a\nb\x1b[31m<c>:"|?*.txt', "a_b_[31m_c______.txt"),
        ("invoice\u202efdp.exe", "invoice_fdp.exe"),
        ("ümlaut 日本.pdf", "ümlaut 日本.pdf"),
        ("\ud800x", "_x"),
        ("x" * 300 + ".pdf", "x" * 196 + ".pdf"),
        ("folder/", "folder"),
    ],
)
def test_names_do_no_harm(given: str, kept: str) -> None:
    """No folders, no control characters, nothing that turns the direction of writing, and not too long."""
    assert safe_name(given) == kept


@pytest.mark.parametrize("given", ["", "text", "text/html; charset=x", "a/b/c", "te xt/html", "x" * 200 + "/y"])
def test_what_is_no_media_type_is_not_kept_as_one(here: Workspace, case: Case, given: str) -> None:
    """It is bytes then."""
    assert here.evidence.put(case.id, [b"x"], name="x", media_type=given).media_type == "application/octet-stream"


def test_of_what_is_too_large_nothing_is_left(tmp_path: Path, zona: Zona, clock: Any) -> None:
    """The setting bounds a file; neither bytes nor a trace stay."""
    with Zona(store="memory://", max_evidence_bytes=1_024) as small:
        work = small.tenant()
        made = work.cases.create("Case")
        assert work.evidence.put(made.id, [b"x" * 1_024], name="fits").size == 1_024
        with pytest.raises(InvalidInput) as caught:
            work.evidence.put(made.id, [b"x" * 1_024, b"x"], name="large")
        assert caught.value.code == "blob_too_large"
        assert [each.name for each in work.evidence.list(made.id).items] == ["fits"]
        assert len(blobs(small)) == 1
        assert len(small._parts.database.tenant("localhost").evidence.all()) == 1


def test_of_what_broke_off_nothing_is_left(zona: Zona, here: Workspace, case: Case) -> None:
    """Whoever sends raises: that is what the caller sees."""

    def broken() -> Iterator[bytes]:
        yield b"begin"
        raise OSError("the line is dead")

    with pytest.raises(OSError, match="the line is dead"):
        here.evidence.put(case.id, broken(), name="x")
    assert blobs(zona) == []
    assert zona._parts.database.tenant("localhost").evidence.all() == []
    assert here.cases.timeline(case.id, kind=EntryKind.EVIDENCE).items == []
    with pytest.raises(NotFound):
        here.evidence.put(99, [b"x"], name="x")


def test_what_a_crash_left_is_cleared_away(zona: Zona, here: Workspace, case: Case, clock: Any) -> None:
    """What never came whole is in no list and cannot be opened; a day later the next file of the case takes it away."""
    data = zona._parts.database.tenant("localhost")
    begun = here.evidence._begun(case.id, "lost", "", "")
    zona._parts.blobs.put("localhost", f"evidence/{begun.id}", [b"half"], most=10)
    assert here.evidence.list(case.id).items == []
    with pytest.raises(NotFound):
        here.evidence.open(begun.id)
    clock.move(3_600)
    here.evidence.put(case.id, [b"x"], name="second")
    assert data.evidence.get(begun.id) is not None
    clock.move(86_400)
    here.evidence.put(case.id, [b"x"], name="third")
    assert data.evidence.get(begun.id) is None
    assert f"evidence/{begun.id}" not in blobs(zona)
    assert len(blobs(zona)) == 2


def test_what_was_changed_since_is_not_given_as_if_it_were_not(zona: Zona, here: Workspace, case: Case) -> None:
    """Who reads it is told at its end at the latest."""
    kept = here.evidence.put(case.id, [b"original"], name="x")
    zona._parts.blobs.put("localhost", kept.blob, [b"replaced"], most=100)
    with pytest.raises(StoreUnavailable) as caught:
        b"".join(here.evidence.open(kept.id).chunks)
    assert caught.value.code == "blob_damaged"


def test_a_file_that_is_removed_leaves_its_name(zona: Zona, here: Workspace, case: Case) -> None:
    """And its digest, in timeline and trail; its bytes are gone."""
    kept = here.evidence.put(case.id, [b"secret"], name="mail.eml")
    here.evidence.remove(kept.id)
    assert blobs(zona) == []
    for again in (here.evidence.get, here.evidence.open, here.evidence.remove):
        with pytest.raises(NotFound):
            again(kept.id)
    entries = here.cases.timeline(case.id, kind=EntryKind.EVIDENCE).items
    assert [entry.details.get("removed") for entry in entries] == [None, True]
    assert entries[1].details["sha256"] == kept.sha256


def test_evidence_follows_a_case_that_is_merged_while_it_comes(here: Workspace, case: Case) -> None:
    """It belongs to the whole then."""
    other = here.cases.create("Other")

    def slowly() -> Iterator[bytes]:
        yield b"a"
        here.cases.merge(other.id, [case.id])
        yield b"b"

    kept = here.evidence.put(case.id, slowly(), name="x")
    assert (kept.case_id, kept.size) == (other.id, 2)
    assert [each.id for each in here.evidence.list(case.id).items] == [kept.id]


def test_there_is_an_end_to_it(here: Workspace, case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """A case has so many files and no more."""
    monkeypatch.setattr("zona_core.usecases.evidence._MOST", 1)
    here.evidence.put(case.id, [b"x"], name="x")
    with pytest.raises(Conflict) as caught:
        here.evidence.put(case.id, [b"x"], name="y")
    assert caught.value.code == "too_much_evidence"
