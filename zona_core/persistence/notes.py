"""What is noted of a document whenever it is stored, so that those who read it need not look again.

A document without literal secrets says by which rules that was found: exports leave such secrets out, and looking for
them takes longer than all else that an export does. The note is made of the very document that is stored, in place of
any earlier one, so that none is stale; it is no attribute of a model, so that nobody sets it and no answer, revision
or package has it; and it holds for one version of the rules: others look again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from zona_core.domain.portability import RULES, without_secrets
from zona_core.ports.store import Document

__all__ = ["CLEAN", "is_known_clean", "noted"]

#: the attribute of a stored document; its value is the version of the rules
CLEAN: Final = "no_secrets_by"


def noted(document: Document) -> Document:
    """``document``, which is about to be stored, with the note if it has no literal secrets, and without if it has."""
    document.pop(CLEAN, None)
    if not without_secrets(document)[1]:
        document[CLEAN] = RULES
    return document


def is_known_clean(document: Mapping[str, Any]) -> bool:
    """Whether a stored document was found without literal secrets by the rules as they are now."""
    return document.get(CLEAN) == RULES
