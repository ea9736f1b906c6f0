"""Checks across configurations: names that must exist, placeholders and parameters, outputs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache

from zona_core.domain.apps import AppDescription, TaskDefinition
from zona_core.errors import Fault
from zona_http_task._config import AppConfig, Placeholder, TaskConfig
from zona_http_task._config_reading import APP_PATH, TASK_PATH
from zona_http_task._content import Reading
from zona_templates.templates import EVERYTHING, Expression, Reference, Template, TemplateError, parse_expression

__all__ = ["app_checks", "task_checks"]

_RUN = ("attempt", "idempotency_key")
_ANSWER = ("body", "headers", "status")
_BASE_URL = f"{TASK_PATH}.base_url"


def app_checks(reading: Reading[AppConfig], app: AppDescription) -> Iterator[Fault]:
    """Faults of the app level as a whole."""
    known = {"instance": _instance_names(app), "run": _RUN}
    for entry in reading.templates:
        yield from _unknown_names(*entry, known)
    required = any(field.name == "base_url" and (field.required or field.default) for field in app.fields)
    if reading.config.base_url is None and not required:
        yield Fault(f"{APP_PATH}.base_url", "is missing", "a URL, or a required field base_url of the app")


def task_checks(
    reading: Reading[TaskConfig],
    app_config: AppConfig,
    task: TaskDefinition,
    app: AppDescription,
) -> Iterator[Fault]:
    """Faults of the task level as a whole, and those of the outputs."""
    known = {"instance": _instance_names(app), "run": _RUN}
    with_inputs = {**known, "input": {field.name for field in task.inputs}}
    for entry in reading.templates:
        # Where credentials go is for the instance to say, never for an input.
        yield from _unknown_names(*entry, known if entry[0] == _BASE_URL else with_inputs)
    yield from _unknown_schemes(reading.config, app_config)
    yield from _unmatched_placeholders(reading.config)
    for index, output in enumerate(task.outputs):
        if wrong := _wrong_in_path(output.path):
            yield from (Fault(f"outputs[{index}].path", message, expected) for message, expected in wrong)


def _instance_names(app: AppDescription) -> set[str]:
    return {*(field.name for field in app.fields), "base_url"}  # every instance can have a base URL of its own


def _unknown_names(path: str, template: Template, known: Mapping[str, Collection[str]]) -> list[Fault]:
    wrong = [
        found
        for part in template.parts
        if isinstance(part, Expression)
        for found in part.references
        if not _is_known(found, known)
    ]
    return [_unknown(found, path, known) for found in sorted(wrong, key=lambda found: (found.root, found.name))]


def _is_known(reference: Reference, known: Mapping[str, Collection[str]]) -> bool:
    names = known.get(reference.root)
    if names is None:
        return reference == EVERYTHING
    return not reference.name or reference.name in names


def _unknown(reference: Reference, path: str, known: Mapping[str, Collection[str]]) -> Fault:
    if reference.root not in known:
        return Fault(path, f"there is no {reference.root!r} here", "one of " + ", ".join(sorted(known)))
    names = ", ".join(sorted(known[reference.root])) or "nothing"
    return Fault(path, f"there is no {reference.root}.{reference.name}", f"one of {names}")


def _unknown_schemes(config: TaskConfig, app_config: AppConfig) -> Iterator[Fault]:
    for outer, names in enumerate(config.alternatives or ()):
        for inner, name in enumerate(names):
            if name not in app_config.schemes:
                known = ", ".join(sorted(app_config.schemes)) or "none: the app has no schemes"
                yield Fault(f"{TASK_PATH}.auth[{outer}][{inner}]", f"the app has no scheme {name!r}", known)


def _unmatched_placeholders(config: TaskConfig) -> Iterator[Fault]:
    wanted = [part.name for part in config.path.parts if isinstance(part, Placeholder)]
    given = Counter([parameter.name for parameter in config.parameters if parameter.location == "path"])
    if not wanted and not given:
        return
    for name in sorted(set(wanted) - set(given)):
        yield Fault(f"{TASK_PATH}.path", f"{{{name}}} has no parameter", f'a parameter "{name}" in "path"')
    for index, parameter in enumerate(config.parameters):
        here = f"{TASK_PATH}.parameters[{index}].name"
        if parameter.location != "path":
            continue
        if parameter.name not in wanted:
            yield Fault(here, f"the path has no {{{parameter.name}}}", "the name of a placeholder in the path")
        elif given[parameter.name] > 1:
            yield Fault(here, f"{parameter.name!r} stands more than once in the path parameters", "each name once")


@lru_cache(maxsize=4096)
def _wrong_in_path(text: str) -> tuple[tuple[str, str], ...]:
    """What is wrong with the path of an output, and what would be right."""
    try:
        expression = parse_expression(text.strip())
    except TemplateError as exc:
        return ((str(exc), "JMESPath over {status, headers, body}"),)
    unknown = {found.root for found in expression.references if found.root not in _ANSWER and found != EVERYTHING}
    return tuple((f"there is no {root!r} in an answer", "one of " + ", ".join(_ANSWER)) for root in sorted(unknown))
