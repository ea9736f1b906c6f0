"""The texts of rule files: found in folders, read, and what is told of what cannot be read."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Final, TypeAlias

from attrs import define

from zona_core.domain.detection import DetectionRule, RuleFault
from zona_core.domain.rule_files import RuleProblem
from zona_core.errors import NotFound

__all__ = ["Paths", "RuleTexts", "problem_of", "rule_texts", "walked"]

Paths: TypeAlias = Iterable[str | os.PathLike[str]]

_ENDINGS: Final = (".yml", ".yaml")
#: where SigmaHQ keeps events, with files beside them that are YAML and no rules
_NO_RULES: Final = "regression_data"


@define(frozen=True)
class RuleTexts:
    """Rule files that were read."""

    #: path and text, by path in the order of the folders given
    texts: list[tuple[str, str]]
    unreadable: list[RuleProblem]

    @property
    def count(self) -> int:
        """How many files there are."""
        return len(self.texts) + len(self.unreadable)


def rule_texts(paths: Paths) -> RuleTexts:
    """The rule files at those paths; raises ``NotFound`` for what is not there."""
    texts: list[tuple[str, str]] = []
    unreadable: list[RuleProblem] = []
    for path in dict.fromkeys(each for given in paths for each in _files(os.fspath(given))):
        try:
            with open(path, encoding="utf-8") as file:
                texts.append((path, file.read()))
        except UnicodeDecodeError as exc:
            message = f"the file is not UTF-8 (byte {exc.start})"
            unreadable.append(RuleProblem(file=path, code="invalid_yaml", message=message))
        except OSError as exc:
            unreadable.append(
                RuleProblem(file=path, code="unreadable_file", message=exc.strerror or "it cannot be read")
            )
    return RuleTexts(texts, unreadable)


def problem_of(rule: DetectionRule, fault: RuleFault) -> RuleProblem:
    """What is wrong with a rule, with where it is."""
    return RuleProblem(
        file=rule.origin,
        rule=rule.key,
        title=rule.title,
        kind=rule.kind,
        code=fault.code,
        message=fault.message,
        path=fault.path,
    )


def walked(folder: str, *endings: str, without: str = "") -> Iterator[str]:
    """The files below a folder whose names end so, in ascending order.

    What begins with a dot is passed over, and so are folders of the name ``without``.
    """
    for path, folders, names in os.walk(folder):
        folders[:] = sorted(each for each in folders if not each.startswith(".") and each != without)
        for name in sorted(names):
            if name.endswith(endings) and not name.startswith("."):
                yield os.path.join(path, name)


def _files(path: str) -> Iterator[str]:
    if os.path.isdir(path):
        yield from walked(path, *_ENDINGS, without=_NO_RULES)
    elif os.path.exists(path):
        yield path
    else:
        raise NotFound(f"there is no file or folder {path}", code="no_such_file")
