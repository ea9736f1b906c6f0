"""What a tenant's events are asked, and what becomes of what is found: read once, kept until it changes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Final

from attrs import define, field

from zona_core.domain.detection import DetectionRule, RuleKind
from zona_core.domain.policies import DEFAULT_POLICY, Policy
from zona_core.domain.rules import Rule
from zona_core.domain.silences import Silence
from zona_core.persistence.database import TenantData
from zona_core.ports.detection import Detector
from zona_core.usecases._area import Parts
from zona_core.usecases._telling import silent_names

__all__ = ["DETECTION", "Detection", "Detections"]

#: the kind of data whose generation changes with rules, exceptions, policies and silences
DETECTION: Final = "detection"
#: compiled sets of rules that are kept: tenants with the same rules share one
_MOST_DETECTORS: Final = 16
_MOST_TENANTS: Final = 1_024


@define(frozen=True, kw_only=True, eq=False)
class Detection:
    """See the module."""

    #: None: there is no rule that can be asked
    detector: Detector | None
    #: rules and correlations that are told of, by key, without their logic
    told: Mapping[str, DetectionRule]
    #: whether there is a correlation that is told of
    correlates: bool
    #: in the order in which they are looked at
    policies: Sequence[Policy]
    default: Policy
    silences: Sequence[Silence]
    #: when an exception ends, and so the detector changes; None: never by itself
    changes_at: datetime | None
    _chosen: dict[tuple[str, str], Policy] = field(factory=dict)

    def policy(self, rule: DetectionRule, source: str) -> Policy:
        """What says what becomes of hits of a rule in events of a source."""
        chosen = self._chosen.get((rule.key, source))
        if chosen is None:
            names = [name for name in (rule.id, rule.name, rule.key) if name]
            fitting = (each for each in self.policies if each.is_for(names, rule.level, rule.tags, source))
            chosen = self._chosen[rule.key, source] = next(fitting, self.default)
        return chosen

    def policy_by_id(self, policy_id: int) -> Policy:
        """The policy with that id; the one that holds where no other does if it is gone."""
        return next((each for each in self.policies if each.id == policy_id), self.default)


class Detections:
    """The detection of each tenant. Safe to use from several threads."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._lock = threading.Lock()
        self._known: OrderedDict[str, tuple[int, Detection]] = OrderedDict()
        self._detectors: OrderedDict[bytes, Detector] = OrderedDict()
        self._compiling = threading.Lock()

    def of(self, data: TenantData) -> Detection:
        """A tenant's detection as it is now; raises ``StoreUnavailable``, ``ConfigurationError``."""
        generation = self._parts.database.generations.of(data.tenant_code, DETECTION)
        known = self._known.get(data.tenant_code)
        if known is not None and known[0] == generation:
            changes_at = known[1].changes_at
            if changes_at is None or data.now() < changes_at:
                return known[1]
        detection = self._read(data)
        with self._lock:
            self._known[data.tenant_code] = generation, detection
            self._known.move_to_end(data.tenant_code)
            if len(self._known) > _MOST_TENANTS:
                self._known.popitem(last=False)
        return detection

    def _read(self, data: TenantData) -> Detection:
        now = data.now()
        rules = data.rules.all({"enabled": True, "usable": True}, sort=[("_id", 1)])
        exceptions = [each for each in data.rule_exceptions.all() if each.until is None or each.until > now]
        narrowing = [rule.definition for rule in rules if rule.kind == RuleKind.FILTER]
        narrowing += [exception.definition for exception in exceptions]
        asked = [rule for rule in rules if rule.kind != RuleKind.FILTER]
        marks = [*(rule.digest for rule in rules), *(each.text for each in exceptions)]
        detector = self._detector(asked, narrowing, marks) if asked else None
        told = _told(detector) if detector else {}
        return Detection(
            detector=detector,
            told=told,
            correlates=any(rule.kind is RuleKind.CORRELATION for rule in told.values()),
            policies=[each for each in data.policies.all(sort=[("order", 1), ("id", 1)]) if each.enabled],
            default=_default(now),
            silences=[each for each in data.silences.all() if each.ends_at is None or each.ends_at > now],
            changes_at=min((each.until for each in exceptions if each.until is not None), default=None),
        )

    def _detector(self, rules: Sequence[Rule], narrowing: Sequence[DetectionRule], marks: Sequence[str]) -> Detector:
        digest = blake2b("\0".join(marks).encode("utf-8", "surrogatepass"), digest_size=32).digest()
        with self._compiling:
            detector = self._detectors.get(digest)
            if detector is None:
                language = self._parts.detection_rules()
                detector = language.compile([rule.definition for rule in rules], narrowing)
                self._detectors[digest] = detector
                if len(self._detectors) > _MOST_DETECTORS:
                    self._detectors.popitem(last=False)
            self._detectors.move_to_end(digest)
        return detector


def _told(detector: Detector) -> dict[str, DetectionRule]:
    correlations = [rule for rule in detector.others if rule.correlation and rule.usable]
    silent = silent_names(correlations)
    return {
        rule.key: rule for rule in (*detector.rules, *correlations) if silent.isdisjoint((rule.id, rule.name, rule.key))
    }


def _default(now: datetime) -> Policy:
    names = (
        "title", "description", "order", "enabled", "rules", "levels", "tags", "sources", "alerts", "group_by",
        "window", "severity", "escalation", "case", "playbooks",
    )  # fmt: skip
    return Policy(id=0, created_ts=now, updated_ts=now, **{name: getattr(DEFAULT_POLICY, name) for name in names})
