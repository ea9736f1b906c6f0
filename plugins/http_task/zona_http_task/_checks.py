"""Checks across configurations: names that must exist, placeholders and parameters, outputs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping

from zona_core.domain.apps import AppDescription, TaskDefinition
from zona_core.domain.fields import OutputField
from zona_core.errors import Fault
from zona_http_task._config import AppConfig, Placeholder, TaskConfig
from zona_http_task._config_reading import APP_PATH, TASK_PATH, Reading
from zona_http_task._templates import EVERYTHING, Expression, Template, TemplateError, parse_expression

__all__ = ["app_checks", "task_checks"]

_RUN = ("attempt", "idempotency_key")
_ANSWER = ("body", "headers", "status")


def app_checks(reading: Reading[AppConfig], app: AppDescription) -> Iterator[Fault]:
    """Faults of the app level as a whole."""
    known = {"instance": _instance_names(app), "run": _RUN}
    yield from _unknown_names(reading.templates, known)
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
    inputs = [field.name for field in task.inputs]
    # Where credentials go is for the instance to say, never for an input.
    base_url = [entry for entry in reading.templates if entry[0] == f"{TASK_PATH}.base_url"]
    others = [entry for entry in reading.templates if entry not in base_url]
    yield from _unknown_names(base_url, known)
    yield from _unknown_names(others, {**known, "input": inputs})
    yield from _unknown_schemes(reading.config, app_config)
    yield from _unmatched_placeholders(reading.config)
    for index, output in enumerate(task.outputs):
        yield from _output_faults(output, f"outputs[{index}].path")


def _instance_names(app: AppDescription) -> list[str]:
    return [*(field.name for field in app.fields), "base_url"]  # every instance can have a base URL of its own


def _unknown_names(templates: Iterable[tuple[str, Template]], known: Mapping[str, Collection[str]]) -> Iterator[Fault]:
    for path, template in templates:
        for expression in template.expressions:
            yield from _unknown_names_of(expression, path, known)


def _unknown_names_of(expression: Expression, path: str, known: Mapping[str, Collection[str]]) -> Iterator[Fault]:
    for reference in sorted(expression.references - {EVERYTHING}, key=lambda found: (found.root, found.name)):
        if reference.root not in known:
            yield Fault(path, f"there is no {reference.root!r} here", "one of " + ", ".join(sorted(known)))
        elif reference.name and reference.name not in known[reference.root]:
            names = ", ".join(sorted(known[reference.root])) or "nothing"
            yield Fault(path, f"there is no {reference.root}.{reference.name}", f"one of {names}")


def _unknown_schemes(config: TaskConfig, app_config: AppConfig) -> Iterator[Fault]:
    for outer, names in enumerate(config.alternatives or ()):
        for inner, name in enumerate(names):
            if name not in app_config.schemes:
                known = ", ".join(sorted(app_config.schemes)) or "none: the app has no schemes"
                yield Fault(f"{TASK_PATH}.auth[{outer}][{inner}]", f"the app has no scheme {name!r}", known)


def _unmatched_placeholders(config: TaskConfig) -> Iterator[Fault]:
    wanted = [part.name for part in config.path.parts if isinstance(part, Placeholder)]
    given = Counter(parameter.name for parameter in config.parameters if parameter.location == "path")
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


def _output_faults(output: OutputField, path: str) -> Iterator[Fault]:
    try:
        expression = parse_expression(output.path.strip())
    except TemplateError as exc:
        yield Fault(path, str(exc), "JMESPath over {status, headers, body}")
        return
    for reference in sorted(expression.references - {EVERYTHING}, key=lambda found: found.root):
        if reference.root not in _ANSWER:
            yield Fault(path, f"there is no {reference.root!r} in an answer", "one of " + ", ".join(_ANSWER))
