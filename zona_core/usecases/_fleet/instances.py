"""From an instance and its app's service definition to the service that the fleet runs for it (SPEC §6).

Templates see ``instance``, its fields by name and, unless a field has that name, ``instance_id``, ``title`` and
``base_url``, and in the environment ``parameters``. They never see a secret: an environment is shown by every engine to
whoever may look at a container. Secrets come as files, ``/run/secrets/FIELD``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

from attrs import define

from zona_core.domain.apps import Integration
from zona_core.domain.fields import FieldKind
from zona_core.domain.fleet.situation import FileData, InstanceService
from zona_core.domain.fleet.specification import HealthCheck, Port
from zona_core.domain.fleet.targets import Source
from zona_core.domain.instances import Credential, Instance
from zona_core.domain.secrets import Secret
from zona_core.domain.services import ServiceDefinition, ServicePort
from zona_core.errors import KeyUnavailable, TaskFailed, ZonaError
from zona_core.ports.expressions import Compiled, Expressions
from zona_core.usecases._connect import values_of

__all__ = ["Digest", "Refused", "Resolver", "Resolving"]

#: tells a secret's bytes, in hexadecimal, without giving them away
Digest = Callable[[bytes], str]

#: parts of a content that stand in the service definition as they are, and what they are called there
_LITERAL: Final = {"image": "image", "command": "command", "ports": "ports", "health": "health_check"}


class Refused(Exception):
    """A service that cannot be resolved; says why, without any value."""


@define(frozen=True, kw_only=True)
class Resolving:
    """What is the same for all services."""

    digest: Digest
    #: whether the bytes of secrets are given, too
    opened: bool = False
    #: patterns of the images that may run; without any, all
    images: tuple[str, ...] = ()


class Resolver:
    """Resolves the services of one tenant's instances; what an app says is read once. Of one thread."""

    def __init__(self, expressions: Expressions, tenant_code: str, rules: Resolving) -> None:
        self._expressions = expressions
        self._tenant = tenant_code
        self._rules = rules
        self._read: dict[int, _Templates | Refused] = {}

    def resolve(self, name: str, app: Integration, instance: Instance, shared: Credential | None) -> InstanceService:
        """The instance's service, ``name`` being what it is called; raises ``Refused``."""
        assert app.service is not None
        if instance.credentials_id and shared is None:
            raise Refused(f"its credential {instance.credentials_id} is gone")
        if self._rules.images and not any(fnmatchcase(app.service.image, each) for each in self._rules.images):
            raise Refused(f"the image {app.service.image} is none of those that integrations may run")
        known = self._known(app, instance, shared)
        parameters, environment, sources = self._templates(app).filled(known)
        service, secrets = app.service, known.secrets
        return InstanceService(
            tenant_code=self._tenant,
            instance_id=instance.instance_id,
            integration_id=app.integration_id,
            title=instance.title,
            name=name,
            image=service.image,
            command=service.command,
            ports=tuple(_port(port) for port in service.ports),
            environment=environment,
            health=_health(service),
            files={field: self._file(field, secret) for field, secret in secrets.items()},
            sources=(
                *(Source(path=path, origin=f"{known.app}: service.{part}") for path, part in _LITERAL.items()),
                *(Source(path=f"parameters.{key}", origin=parameters[key]) for key in parameters),
                *(Source(path=f"environment.{key}", origin=sources[key]) for key in environment),
                *(Source(path=f"files./run/secrets/{field}", origin=known.origins[field]) for field in secrets),
            ),
        )

    def _known(self, app: Integration, instance: Instance, shared: Credential | None) -> _Known:
        here = f"tenant {self._tenant}"
        defaults = {field.name: field.default for field in app.fields if field.default is not None}
        lent = values_of(app, {}, {} if shared is None else shared.secrets)
        own = values_of(app, instance.values, {})
        hidden = {field.name for field in app.fields if field.kind is FieldKind.SECRET}
        values = {**defaults, **lent, **own}
        of_app, of_instance = f"{here}, app {app.integration_id}", f"{here}, instance {instance.instance_id}"
        return _Known(
            app=of_app,
            plain={
                "instance_id": instance.instance_id,
                "title": instance.title,
                "base_url": instance.base_url,
                **{name: value for name, value in values.items() if name not in hidden and _is_plain(value)},
            },
            secrets={name: value for name, value in values.items() if isinstance(value, Secret)},
            origins={
                **{name: f"{of_instance}: {name}" for name in ("instance_id", "title", "base_url")},
                **{name: f"{of_app}: fields.{name}.default" for name in defaults},
                **{name: f"{here}, credential {instance.credentials_id}: {name}" for name in lent},
                **{name: f"{of_instance}: {name}" for name in own},
            },
        )

    def _templates(self, app: Integration) -> _Templates:
        found = self._read.get(app.integration_id)
        if found is None:
            try:
                found = _Templates(app, self._expressions)
            except Refused as exc:
                found = exc
            self._read[app.integration_id] = found
        if isinstance(found, Refused):
            raise Refused(str(found))
        return found

    def _file(self, field: str, secret: Secret) -> FileData:
        try:
            data = secret.reveal().encode("utf-8", "surrogatepass")
        except KeyUnavailable as exc:
            raise Refused(f"its secret {field} cannot be opened: {exc.message}") from None
        return FileData(digest=self._rules.digest(data), data=data if self._rules.opened else None)


@define(frozen=True, kw_only=True)
class _Known:
    """What is known of an instance."""

    #: its app, as sources call it
    app: str
    #: what templates may look at, by name
    plain: dict[str, Any]
    secrets: dict[str, Secret]
    #: where each value comes from
    origins: Mapping[str, str]


class _Templates:
    """The templates of an app's service definition, compiled; raises ``Refused`` if one of them cannot be read."""

    def __init__(self, app: Integration, expressions: Expressions) -> None:
        assert app.service is not None
        self._hidden = {field.name for field in app.fields if field.kind is FieldKind.SECRET}
        #: the fields of the instance that are looked at: where
        self._looks_at: dict[str, str] = {}
        parts = {"parameters": app.service.parameters, "environment": app.service.environment}
        self._parameters, self._environment = (
            {name: self._compiled(f"service.{part}.{name}", source, expressions) for name, source in sources.items()}
            for part, sources in parts.items()
        )

    def filled(self, known: _Known) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
        """Where each parameter comes from; the environment; and where each variable comes from. Raises ``Refused``."""
        for name, path in self._looks_at.items():
            if name in self._hidden or name in known.secrets:
                raise Refused(f"{path} looks at the secret field {name}, which is the file /run/secrets/{name} alone")
        scope: dict[str, Any] = {"instance": known.plain}
        of_parameters = {
            name: _origin(f"parameters.{name}", each, known, {}) for name, each in self._parameters.items()
        }
        scope["parameters"] = {
            name: _value(f"service.parameters.{name}", each, scope) for name, each in self._parameters.items()
        }
        environment, origins = {}, {}
        for name, each in self._environment.items():
            value = _value(f"service.environment.{name}", each, scope)
            if value is not None:  # a variable without a value is not set: the image's own counts
                environment[name] = _text(f"service.environment.{name}", value)
                origins[name] = _origin(f"environment.{name}", each, known, of_parameters)
        return of_parameters, environment, origins

    def _compiled(self, path: str, source: Any, expressions: Expressions) -> Compiled:
        try:
            found = expressions.value(source)
        except ZonaError as exc:
            raise Refused(f"{path}: {exc.message}") from None
        self._looks_at |= {each[1]: path for each in found.references if len(each) > 1 and each[0] == "instance"}
        return found


def _value(path: str, template: Compiled, scope: Mapping[str, Any]) -> Any:
    try:
        return template.value(scope)
    except TaskFailed as exc:
        raise Refused(f"{path}: {exc.message}") from None


def _origin(path: str, template: Compiled, known: _Known, parameters: Mapping[str, str]) -> str:
    """Where a value comes from: from what its template looks at, else from the app."""
    found: list[str] = []
    for reference in sorted(template.references):
        root, name = reference[0] if reference else "", reference[1] if len(reference) > 1 else ""
        if root == "instance":
            found.append(known.origins.get(name, f"{known.origins['instance_id'].rpartition(':')[0]}: {name}"))
        elif root == "parameters" and name in parameters:
            found.append(parameters[name])
    return "; ".join(dict.fromkeys(found)) or f"{known.app}: service.{path}"


def _is_plain(value: Any) -> bool:
    """Whether there is no secret in a value, however deep."""
    if isinstance(value, Secret):
        return False
    parts: Iterable[Any] = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return all(map(_is_plain, parts))


def _text(path: str, value: Any) -> str:
    """A value as an environment variable has it: texts as they are, all else as JSON."""
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
    if "\0" in text:
        raise Refused(f"{path}: a NUL cannot be in an environment")
    return text


def _port(port: ServicePort) -> Port:
    return Port(target=port.target, published=port.published, protocol=port.protocol)


def _health(service: ServiceDefinition) -> HealthCheck | None:
    check = service.health_check
    if check is None:
        return None
    return HealthCheck(
        command=check.command,
        interval=check.interval,
        timeout=check.timeout,
        retries=check.retries,
        start_period=check.start_period,
    )
