"""Compiled detectors kept in a folder, so that the same rules need not be parsed twice.

A file is named by a digest of all that makes the detector: the texts, filters' texts, values of placeholders and the
program's format. It holds a program as plain JSON (``_program``): reading one runs no code, whoever wrote it, and what
it may say is as limited as what a rule may say. Still, who can write to the folder can make rules disappear; so files
are believed only if folder and file belong to the user and nobody else may write to them.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Final

from zona_core.domain.detection import RuleKind
from zona_core.errors import InvalidInput
from zona_sigma._detector import SigmaDetector
from zona_sigma._program import FORMAT
from zona_sigma._rules import SigmaRules

__all__ = ["cached_detector"]

#: files that the folder keeps, the last ones that were used; all of SigmaHQ's rules make one of 7 MB
MOST_FILES: Final = 8
_OTHERS_MAY_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH


def cached_detector(
    folder: Path, texts: Sequence[tuple[str, str]], placeholders: Mapping[str, Sequence[str]] | None = None
) -> SigmaDetector:
    """The detector for all rules and filters in ``texts``, from the folder if it is there, else compiled and kept.

    The folder is made if it is not there. One that cannot be written to, or that others may write to, is not used.
    """
    path = folder / f"{_digest(texts, placeholders or {})}.json"
    rules = SigmaRules()
    data = _trusted(path)
    if data is not None:
        with suppress(InvalidInput):  # of another version, or cut short: it is compiled anew
            detector = rules.loaded(data)
            with suppress(OSError):
                os.utime(path)
            return detector
    parsed = rules.parse(texts)
    filters = [rule for rule in parsed if rule.kind is RuleKind.FILTER]
    detector = rules.compile(parsed, filters, placeholders)
    _keep(path, detector.dumped())
    return detector


def _digest(texts: Iterable[tuple[str, str]], placeholders: Mapping[str, Sequence[str]]) -> str:
    digest = hashlib.sha256()
    for part in (FORMAT, version("zona"), version("pysigma")):
        _add(digest, part)
    for name, text in texts:
        _add(digest, name)
        _add(digest, text)
    for name in sorted(placeholders):
        for value in ("", name, *placeholders[name]):
            _add(digest, value)
    return digest.hexdigest()


def _add(digest: hashlib._Hash, part: str) -> None:
    data = part.encode("utf-8", "surrogatepass")
    digest.update(len(data).to_bytes(8, "big"))
    digest.update(data)


def _trusted(path: Path) -> bytes | None:
    """What the file holds, if it and its folder are the user's own; the file that was looked at is the one read."""
    try:
        if not _own(path.parent.stat()):
            return None
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
            return file.read() if _own(os.fstat(file.fileno())) else None
    except OSError:
        return None


def _own(status: os.stat_result) -> bool:
    return status.st_uid == os.geteuid() and not status.st_mode & _OTHERS_MAY_WRITE


def _keep(path: Path, data: bytes) -> None:
    """Writes the file at once or not at all."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _own(path.parent.stat()):
            return
        handle, temporary = tempfile.mkstemp(dir=path.parent)
        try:
            with open(handle, "wb") as file:
                file.write(data)
            Path(temporary).replace(path)
            _tidy(path.parent)
        except OSError:
            Path(temporary).unlink(missing_ok=True)
    except OSError:
        return


def _tidy(folder: Path) -> None:
    """Removes what was not used for longest."""
    files = sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in files[MOST_FILES:]:
        path.unlink(missing_ok=True)
