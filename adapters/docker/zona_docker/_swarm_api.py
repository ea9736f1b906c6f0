"""The calls of Docker's API that concern a Swarm, as the fleet needs them: its own things alone, in data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import requests

from zona_core.domain.fleet.names import FLEET_LABEL
from zona_core.domain.fleet.targets import FileKind
from zona_core.errors import EngineFailed, EngineUnavailable

from ._client import Connection
from ._errors import is_conflict, is_missing, translated
from ._labels import PREFIX, filters_of
from ._swarm_specs import Spec

__all__ = ["SwarmApi", "asked"]

#: how often a change is tried again that somebody else came before
_TRIES: Final = 20

Object = dict[str, Any]


@contextmanager
def asked(what: str) -> Iterator[None]:
    """As ``translated``; an engine that is no manager of a Swarm cannot be used either."""
    try:
        with translated(what):
            yield
    except EngineFailed as error:
        if error.details.get("status") == requests.codes.service_unavailable:
            raise EngineUnavailable(
                f"{what}: {error.message}",
                code="no_swarm_manager",
                hint="name a manager of the Swarm in the setting container_engine; docker swarm init makes one",
            ) from error
        raise


class SwarmApi:
    """One manager. Raises as ``asked``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def client(self) -> Any:
        """The driver's client, whose types lack what a Swarm takes."""
        return self._connection.client

    def services(self, fleet: str) -> list[Object]:
        """All of the fleet, jobs too."""
        with asked("list services"):
            return list(self.client.services(filters=filters_of(fleet)))

    def all_services(self) -> list[Object]:
        """All of the Swarm, whoever's they are."""
        with asked("list services"):
            return list(self.client.services())

    def service(self, fleet: str, name: str) -> Object | None:
        """One, by its engine's name; raises ``EngineFailed`` (``name_taken``) if it is somebody else's."""
        found = self._named(name)
        if found is not None and not _is_of(fleet, found):
            raise EngineFailed(
                f"there is a service {name} that does not belong to the fleet {fleet}",
                code="name_taken",
                hint="remove it, or name the fleet otherwise",
                service=name,
            )
        return found

    def own_service(self, fleet: str, name: str) -> Object | None:
        """One, by its engine's name; None if it is somebody else's."""
        found = self._named(name)
        return found if found is not None and _is_of(fleet, found) else None

    def create(self, spec: Spec) -> bool:
        """Makes a service; False if somebody else has made one of that name."""
        try:
            with asked(f"create the service {spec['Name']}"):
                self.client.create_service(
                    task_template=spec["TaskTemplate"],
                    name=spec["Name"],
                    labels=spec["Labels"],
                    mode=spec["Mode"],
                    update_config=spec.get("UpdateConfig"),
                    rollback_config=spec.get("RollbackConfig"),
                    endpoint_spec=spec["EndpointSpec"],
                )
        except EngineFailed as error:
            if is_conflict(error) and "name conflicts" in error.message:
                return False
            raise
        return True

    def update(self, service: Object, spec: Spec) -> bool:
        """Changes a service as it was read; False if it has changed since."""
        with _version_conflict() as conflict, asked(f"update the service {spec['Name']}"):
            self.client.update_service(
                service["ID"],
                service["Version"]["Index"],
                task_template=spec["TaskTemplate"],
                name=spec["Name"],
                labels=spec["Labels"],
                mode=spec["Mode"],
                update_config=spec.get("UpdateConfig"),
                rollback_config=spec.get("RollbackConfig"),
                endpoint_spec=spec.get("EndpointSpec"),
            )
        return not conflict

    def roll_back(self, service: Object) -> bool:
        """Has the Swarm go back to what the service was before its last update; False if it has changed since.

        The driver has no call for it: https://docs.docker.com/reference/api/engine/version/v1.41/#operation/ServiceUpdate
        """
        client = self.client
        url = f"{client.base_url}/v{client.api_version}/services/{service['ID']}/update"
        parameters = {"version": service["Version"]["Index"], "rollback": "previous"}
        with _version_conflict() as conflict, asked(f"roll back the service {service['Spec']['Name']}"):
            response = client.post(url, params=parameters, json=service["Spec"], timeout=client.timeout)
            client._raise_for_status(response)
        return not conflict

    def remove_service(self, name: str) -> None:
        """Removes a service; nothing happens if there is none."""
        try:
            with asked(f"remove the service {name}"):
                self.client.remove_service(name)
        except EngineFailed as error:
            if not is_missing(error):
                raise

    def tasks(self, fleet: str, **labels: str) -> list[Object]:
        """Those of the fleet's services, also of ones that were removed, for as long as the Swarm remembers them."""
        with asked("list tasks"):
            return list(
                self.client.tasks(
                    filters=filters_of(fleet, *(f"{PREFIX}{name}={value}" for name, value in labels.items()))
                )
            )

    def tasks_of(self, service: str) -> list[Object]:
        """Those of one service, by its id or name."""
        with asked("list tasks"):
            return list(self.client.tasks(filters={"service": service}))

    def nodes(self) -> list[Object]:
        """All of the Swarm."""
        with asked("list nodes"):
            return list(self.client.nodes())

    def change_node(self, id: str, changed: Callable[[Object], Object | None]) -> None:  # noqa: A002  # the engine's word
        """Changes a node: ``changed`` makes of its specification what is to be, or None if it is that already."""
        for _ in range(_TRIES):
            with asked(f"inspect the node {id}"):
                node = self.client.inspect_node(id)
            spec = changed(node["Spec"])
            if spec is None:
                return
            with _version_conflict() as conflict, asked(f"update the node {id}"):
                self.client.update_node(id, node["Version"]["Index"], spec)
            if not conflict:
                return
        raise EngineFailed(f"the node {id} changes faster than it can be changed")

    def networks(self) -> list[Object]:
        """All that services can be in."""
        with asked("list networks"):
            return [network for network in self.client.networks() if network["Scope"] == "swarm"]

    def volumes(self) -> dict[str, Object]:
        """Those of the manager, by name."""
        with asked("list volumes"):
            return {volume["Name"]: volume for volume in self.client.volumes().get("Volumes") or ()}

    def files(self, fleet: str) -> list[Object]:
        """Secrets and configurations of the fleet, without their data."""
        with asked("list secrets and configurations"):
            return [*self.client.secrets(filters=filters_of(fleet)), *self.client.configs(filters=filters_of(fleet))]

    def create_file(self, kind: FileKind, name: str, data: bytes, labels: Mapping[str, str]) -> None:
        """Has the Swarm keep a file; nothing happens if there is one of that name."""
        create = self.client.create_secret if kind is FileKind.SECRET else self.client.create_config
        try:
            with asked(f"create the {kind} {name}"):
                create(name, data, dict(labels))
        except EngineFailed as error:
            if not is_conflict(error):
                raise

    def _named(self, name: str) -> Object | None:
        try:
            with asked(f"inspect the service {name}"):
                found: Object = self.client.inspect_service(name)
        except EngineFailed as error:
            if is_missing(error):
                return None
            raise
        # What is a name here may be the beginning of another one's id.
        return found if found["Spec"]["Name"] == name else None


def _is_of(fleet: str, service: Mapping[str, Any]) -> bool:
    return (service["Spec"].get("Labels") or {}).get(FLEET_LABEL) == fleet


@contextmanager
def _version_conflict() -> Iterator[list[EngineFailed]]:
    """Holds the error if somebody else was first: NOTE: the engine answers 500 with these words."""
    found: list[EngineFailed] = []
    try:
        yield found
    except EngineFailed as error:
        if "update out of sequence" not in error.message:
            raise
        found.append(error)
