"""Detection rules as a tenant keeps them: what was parsed of them, whether they are asked, and exceptions."""

from __future__ import annotations

from datetime import datetime

from attrs import define, setters

from .detection import DetectionRule

__all__ = ["Rule", "RuleException"]


@define(kw_only=True, on_setattr=setters.frozen)
class Rule:
    """A detection rule, a correlation or a filter of a tenant."""

    #: by what hits, filters and correlations know it
    id: str
    title: str
    #: ``rule``, ``correlation`` or ``filter``
    kind: str
    #: ``informational``, ``low``, ``medium``, ``high``, ``critical`` or empty
    level: str = ""
    #: of its log source, in one text each, so that rules are found by them; empty: not said
    product: str = ""
    category: str = ""
    service: str = ""
    #: whether it is asked
    enabled: bool = True
    #: whether it can be asked; why not is in ``definition.unusable``
    usable: bool = True
    #: tells what it says from what others say; rules of several tenants with one digest are one
    digest: str
    definition: DetectionRule
    #: as it was given: the YAML document
    text: str
    #: name of the actor who brought it last
    user_id: str = ""
    created_ts: datetime
    updated_ts: datetime
    revision: int = 0


@define(kw_only=True, on_setattr=setters.frozen)
class RuleException:
    """Events that are no hits of some rules, for good or for a while: a filter (Sigma specification) with an end."""

    id: int
    title: str
    #: why, for those who wonder later
    reason: str = ""
    #: ids or names of the rules that it narrows; empty: all of its log source
    rules: tuple[str, ...] = ()
    #: as it was given: a Sigma filter as YAML
    text: str
    definition: DetectionRule
    #: the first moment at which it holds no more; None: it holds until it is removed
    until: datetime | None = None
    user_id: str = ""
    created_ts: datetime
    revision: int = 0
