"""Whether a feed may be kept: its numbers, what it names, its expressions, and the secrets that masks stand for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from attrs import define, evolve

from zona_core.domain.feeds import Feed, FeedDefinition, FeedKind, feed_faults
from zona_core.domain.fields import Field, FieldKind
from zona_core.domain.secrets import MASK, Secret
from zona_core.domain.values import checked, value_faults
from zona_core.errors import Fault, InvalidInput, NotFound
from zona_core.usecases._area import TenantContext
from zona_core.usecases._feeds.compiled import compiled_feed
from zona_core.usecases._lookup import run_parts

__all__ = ["CheckedFeed", "checked_feed"]

_NOWHERE: Final = {"integration_id": 0, "task_id": 0, "instance_id": 0}

#: the definition with its secrets, the ids of what it names, and what is wrong
_Made: TypeAlias = tuple[FeedDefinition, Mapping[str, int], list[Fault]]


@define(frozen=True, kw_only=True)
class CheckedFeed:
    """A definition as it is to be stored, and what its names mean."""

    definition: FeedDefinition
    ids: Mapping[str, int]


def checked_feed(context: TenantContext, definition: FeedDefinition, before: Feed | None) -> CheckedFeed:
    """The definition, secrets as ``Secret``, in the place of ``before``.

    A secret given as the mask that it is shown as stays as it was, as long as it goes where it went: to the same task
    and instance, or with the same other options. Raises ``InvalidInput`` with every fault, ``NotFound``,
    ``PermissionDenied`` for a task that the actor may not run.
    """
    faults = feed_faults(definition) + _mapper_faults(context, definition)
    of_poll = definition.kind is FeedKind.POLL
    if faults and not (definition.app and definition.task if of_poll else definition.stream):
        raise InvalidInput.of(faults, _what(definition))  # there is nothing to check the rest against
    made, ids, more = (_poll if of_poll else _stream)(context, definition, before)
    faults += more + _expression_faults(context, made)
    made, wrong = _with_items(context, made)
    faults += wrong
    if faults:
        raise InvalidInput.of(faults, _what(definition))
    source = definition.source or (before.source if before is not None else definition.title)
    return CheckedFeed(definition=evolve(made, source=source), ids=ids)


def _expression_faults(context: TenantContext, definition: FeedDefinition) -> list[Fault]:
    try:
        compiled_feed(context.parts.expressions(), definition)
    except InvalidInput as exc:
        return list(exc.faults)
    return []


def _with_items(context: TenantContext, definition: FeedDefinition) -> tuple[FeedDefinition, list[Fault]]:
    """The definition with the tasks that enrich cases named by their ids, and what is wrong with them.

    The actor has to be allowed to run them. What the names mean now is what runs, whatever they mean later.
    """
    if definition.case is None:
        return definition, []
    tasks, found = [], list[Fault]()
    for index, item in enumerate(definition.case.tasks):
        here = f"case.tasks[{index}]"
        try:
            app, task, instance = run_parts(context, item.app, item.task, item.instance or None)
        except (NotFound, InvalidInput) as exc:
            found.append(Fault(here, exc.message, exc.hint))
            continue
        found += [fault.under(f"{here}.inputs") for fault in _input_faults(task.inputs, item.inputs)]
        place = str(instance.instance_id) if instance is not None else ""
        tasks.append(evolve(item, app=str(app.integration_id), task=str(task.id), instance=place))
    return evolve(definition, case=evolve(definition.case, tasks=tuple(tasks))), found


def _mapper_faults(context: TenantContext, definition: FeedDefinition) -> list[Fault]:
    if not definition.mapper:
        return []
    try:
        context.parts.event_mapper(definition.mapper, definition.mapper_options)
    except NotFound as exc:
        return [Fault("mapper", exc.message, exc.hint)]
    except InvalidInput as exc:
        return [fault.under("mapper_options") for fault in exc.faults] or [Fault("mapper_options", exc.message)]
    return []


def _poll(context: TenantContext, definition: FeedDefinition, before: Feed | None) -> _Made:
    app, task, instance = run_parts(context, definition.app, definition.task, definition.instance or None)
    ids = {
        "integration_id": app.integration_id,
        "task_id": task.id,
        "instance_id": instance.instance_id if instance is not None else 0,
    }
    given = {name: value for name, value in definition.inputs.items() if value is not None}
    same = before is not None and all(getattr(before, name) == key for name, key in ids.items())
    inputs, faults = _unmasked(task.inputs, given, before.inputs if before is not None and same else {})
    faults += _input_faults(task.inputs, inputs)
    return evolve(definition, inputs=inputs), ids, [fault.under("inputs") for fault in faults]


def _input_faults(fields: Sequence[Field], inputs: Mapping[str, Any]) -> list[Fault]:
    """What can be said before templates have their values."""
    known = {field.name: field for field in fields}
    expected = "one of " + ", ".join(sorted(known)) if known else "nothing: the task takes no inputs"
    found = [Fault(name, "there is no such input", expected) for name in inputs if name not in known]
    for name, field in known.items():
        if name not in inputs:
            if field.required and field.default is None:
                found.append(Fault(name, "a value is required", "a value or a template"))
        elif not _has_template(inputs[name]):
            found += [fault.under(name) for fault in value_faults(field, inputs[name])]
    return found


def _stream(context: TenantContext, definition: FeedDefinition, before: Feed | None) -> _Made:
    try:
        kind = context.parts.streams(definition.stream)
    except NotFound as exc:
        return definition, _NOWHERE, [Fault("stream", exc.message, exc.hint)]
    given = {name: value for name, value in definition.options.items() if value is not None}
    filled, _ = checked(kind.options, given)  # what is stored has defaults filled in
    same = before is not None and before.stream == definition.stream and _open(before.options) == _open(filled)
    options, faults = _unmasked(kind.options, given, before.options if before is not None and same else {})
    clean, wrong = checked(kind.options, options)
    named = {fault.path for fault in faults}
    faults += [fault for fault in wrong if fault.path not in named]
    if not faults:
        faults = kind.faults(clean)
    return evolve(definition, options=clean), _NOWHERE, [fault.under("options") for fault in faults]


def _unmasked(
    fields: Sequence[Field], given: Mapping[str, Any], kept: Mapping[str, Any]
) -> tuple[dict[str, Any], list[Fault]]:
    """The values with secrets as ``Secret``, and masks that stand for nothing left out, as faults."""
    secret = {field.name for field in fields if field.kind is FieldKind.SECRET}
    values: dict[str, Any] = {}
    faults = []
    for name, value in given.items():
        if name in secret and _is_mask(value):
            if isinstance(kept.get(name), Secret):
                values[name] = kept[name]
            else:
                faults.append(Fault(name, "is the mask that stands for secrets", "the secret itself"))
        else:
            values[name] = Secret(value) if name in secret and isinstance(value, str) else value
    return values, faults


def _what(definition: FeedDefinition) -> str:
    return f"The feed {definition.title[:200]!r}"


def _open(options: Mapping[str, Any]) -> dict[str, Any]:
    """Those that are no secrets; a mask stands for one."""
    return {name: value for name, value in options.items() if not (isinstance(value, Secret) or value == MASK)}


def _is_mask(value: Any) -> bool:
    if isinstance(value, Secret):
        return value.token is None and value.reveal() == MASK
    return isinstance(value, str) and value == MASK


def _has_template(value: Any) -> bool:
    if isinstance(value, str):
        return "{{" in value
    if isinstance(value, dict):
        return any(map(_has_template, value.values()))
    return isinstance(value, list | tuple) and any(map(_has_template, value))
