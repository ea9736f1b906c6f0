"""Whether a policy may be kept: what it says, the channels and playbooks that it names, its expressions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from zona_core.domain.apps import AppStatus
from zona_core.domain.playbooks import Playbook
from zona_core.domain.policies import PlaybookCall, PolicyDefinition, policy_faults
from zona_core.errors import Fault, InvalidInput, NotFound
from zona_core.usecases._area import TenantContext
from zona_core.usecases._lookup_playbooks import playbook_of

__all__ = ["check_policy"]

#: what templates and conditions of playbooks that an alert, a new case or a changed case starts may look at
_OF_ALERT: Final = ("alert", "event", "rule")
_OF_CASE: Final = (*_OF_ALERT, "case")
_OF_CHANGE: Final = ("case", "before", "change")
#: of the title of a case
_OF_TITLE: Final = ("alert", "case", "rule")
_LONGEST: Final = 1_000


def check_policy(context: TenantContext, policy: PolicyDefinition) -> None:
    """Raises ``InvalidInput`` with every fault, ``PermissionDenied`` for a playbook that the actor may not run."""
    faults = policy_faults(policy)
    if not faults:
        faults = [*_channel_faults(context, policy), *_call_faults(context, policy), *_title_faults(context, policy)]
    if faults:
        raise InvalidInput.of(faults, f"The policy {policy.title!r}")


def _channel_faults(context: TenantContext, policy: PolicyDefinition) -> Iterator[Fault]:
    titles = {title for step in policy.escalation for title in step.channels}
    known = {title for title in titles if len(title) <= _LONGEST and context.data.channels.one({"title": title})}
    for index, step in enumerate(policy.escalation):
        for place, title in enumerate(step.channels):
            if title not in known:
                here = f"escalation[{index}].channels[{place}]"
                yield Fault(here, f"there is no channel {title[:50]!r}", "a channel's title")


def _call_faults(context: TenantContext, policy: PolicyDefinition) -> Iterator[Fault]:
    groups: list[tuple[str, Iterable[PlaybookCall], tuple[str, ...]]] = [("playbooks", policy.playbooks, _OF_ALERT)]
    if policy.case is not None:
        groups.append(("case.playbooks", policy.case.playbooks, _OF_CASE))
        groups.append(("case.on_change", policy.case.on_change, _OF_CHANGE))
    for path, calls, names in groups:
        for index, call in enumerate(calls):
            yield from (fault.under(f"{path}[{index}]") for fault in _faults_of(context, call, names))


def _faults_of(context: TenantContext, call: PlaybookCall, names: tuple[str, ...]) -> Iterator[Fault]:
    """What is wrong with one call; raises ``PermissionDenied``."""
    expressions = context.parts.expressions()
    yield from _expression_faults("inputs", lambda: expressions.value(dict(call.inputs)).references, names)
    if call.when:
        yield from _expression_faults("when", lambda: expressions.condition(call.when).references, names)
    try:
        playbook = playbook_of(context, call.playbook, "playbooks:run")
    except NotFound as exc:
        yield Fault("playbook", exc.message, "the title or id of a playbook")
        return
    if playbook.status is not AppStatus.ACTIVE:
        yield Fault("playbook", f"{playbook.title} is {playbook.status.value}, so it is not run", "an active playbook")
    yield from _input_faults(playbook, call.inputs, names)


def _input_faults(playbook: Playbook, inputs: Mapping[str, object], names: tuple[str, ...]) -> Iterator[Fault]:
    known = {field.name for field in playbook.inputs}
    for name in inputs:
        if name not in known:
            expected = "one of " + ", ".join(sorted(known)) if known else "no input at all"
            yield Fault(f"inputs.{name}", f"the playbook {playbook.title} has no such input", expected)
    given = inputs or dict.fromkeys(names)  # without any, it is given those of these that it takes
    for field in playbook.inputs:
        if field.required and field.default is None and field.name not in given:
            yield Fault(f"inputs.{field.name}", "is missing", "a value or a template")


def _title_faults(context: TenantContext, policy: PolicyDefinition) -> Iterator[Fault]:
    if policy.case is not None and policy.case.title:
        title, expressions = policy.case.title, context.parts.expressions()
        yield from _expression_faults("case.title", lambda: expressions.value(title).references, _OF_TITLE)


def _expression_faults(
    path: str, compiled: Callable[[], frozenset[tuple[str, ...]]], names: tuple[str, ...]
) -> Iterator[Fault]:
    try:
        references = compiled()
    except InvalidInput as exc:
        yield from (fault.under(path) for fault in exc.faults or (Fault("", exc.message),))
        return
    for root in sorted({reference[0] for reference in references if reference}):
        if root not in names:
            yield Fault(path, f"there is no {root[:50]!r} to look at", ", ".join(names))
