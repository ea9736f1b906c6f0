"""What an instance's service is made of, and where each part comes from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve
from tenant_services import CANARY, asked, connected, connector, digest, redefined, specification

from zona_core import Field, FieldKind, InstanceStatus, ServicePort, Zona
from zona_core.domain.apps import AppStatus
from zona_core.domain.fleet.resolving import resolve
from zona_core.domain.fleet.situation import Situation
from zona_core.domain.fleet.specification import Port
from zona_core.domain.fleet.world import EngineKind

Make = Callable[..., Zona]


def origin(service: Any, path: str) -> str:
    """Where a part of a service comes from."""
    return next((source.origin for source in service.sources if source.path == path), "")


def test_an_instance_s_service_is_its_app_s_with_its_own_values(made: Make) -> None:
    """Image, command, ports and health are the app's; templates are filled in from the instance."""
    zona = made("acme")
    connected(zona.tenant("acme"), values={"folder": "Sent"})
    (service,) = asked(zona).services
    assert (service.tenant_code, service.name, service.title) == ("acme", "acme-1-1", "main")
    assert (service.image, service.command) == ("ghcr.io/team/mail:1.2", ("serve", "--all"))
    assert service.ports == (Port(target=8080), Port(target=53, protocol="udp"))
    assert service.health is not None
    assert (service.health.command, service.health.interval) == (("probe",), 10.0)
    assert service.environment == {
        "MAIL_URL": "https://mail.example.com/in",
        "MAIL_PACE": "5",
        "MAIL_FOLDER": "Sent",
        "MAIL_NAME": "main (1)",
        "LEVEL": "info",
    }


def test_each_part_says_where_it_comes_from(made: Make) -> None:
    """From the instance, from a credential, from a field's default or from the app's definition, as it is."""
    zona = made("acme")
    workspace = zona.tenant("acme")
    workspace.credentials.add("shared", {"token": "from the credential"})
    connected(workspace, credential="shared")
    fields = (*connector().fields, Field(name="region", default="eu"))
    redefined(workspace, connector(fields=fields, service={"environment": {"REGION": "{{ instance.region }}"}}))
    (service,) = asked(zona).services
    assert origin(service, "environment.REGION") == "tenant acme, app 1: fields.region.default"
    assert origin(service, "parameters.where") == "tenant acme, instance 1: base_url"
    assert origin(service, "parameters.pace") == "tenant acme, app 1: service.parameters.pace"
    assert origin(service, "files./run/secrets/password") == "tenant acme, instance 1: password"
    assert origin(service, "files./run/secrets/token") == "tenant acme, credential 1: token"
    assert origin(service, "image") == "tenant acme, app 1: service.image"


def test_secrets_are_files_and_in_nothing_else(made: Make) -> None:
    """Bytes come only when they are asked for; nothing that can be shown has them, nor tells them."""
    zona = made("acme")
    connected(zona.tenant("acme"))
    known, opened = asked(zona), asked(zona, opened=True)
    assert known.services[0].files["password"].data is None
    assert opened.services[0].files["password"].data == CANARY.encode()
    assert known.services[0].files["password"].digest == digest(CANARY.encode())
    assert CANARY not in repr(opened)
    assert CANARY not in repr([service.environment for service in opened.services])
    assert known == opened


@pytest.mark.parametrize("template", ["{{ instance.password }}", "x{{ length(instance.token) }}"])
def test_a_template_that_looks_at_a_secret_is_refused(made: Make, template: str) -> None:
    """The service of that instance is left, told where and why; other instances go on."""
    zona = made("acme")
    workspace = zona.tenant("acme")
    good = connected(workspace)
    workspace.apps.upsert(connector("Bad", service={"environment": {"A": template}}))
    workspace.instances.add("Bad", title="bad", values={"password": CANARY}, deploy=True)
    found = asked(zona, opened=True)
    assert [service.instance_id for service in found.services] == [good]
    assert list(found.refused) == ["acme-2-2"]
    assert found.refused["acme-2-2"].startswith("tenant acme, instance 2: service.environment.A looks at the secret")
    assert CANARY not in repr(found)


def test_what_was_given_as_a_secret_stays_one(made: Make) -> None:
    """A value that was sealed is no part of an environment, whatever its field has become since."""
    zona = made("acme")
    workspace = zona.tenant("acme")
    workspace.apps.upsert(connector(service={"environment": {"A": "{{ instance.password }}"}}))
    connected(workspace)
    apps = zona._parts.database.tenant("acme").apps
    app = apps.need(1)
    apps.replace(evolve(app, fields=tuple(evolve(each, kind=FieldKind.TEXT) for each in app.fields)))
    found = asked(zona, opened=True)
    assert found.services == ()
    assert "looks at the secret field password" in found.refused["acme-1-1"]
    assert CANARY not in repr(found)


def test_templates_see_what_is_no_secret_and_nothing_else(made: Make) -> None:
    """Even the whole instance, put into a variable, has no secret in it."""
    zona = made("acme")
    workspace = zona.tenant("acme")
    workspace.apps.upsert(connector(service={"environment": {"ALL": "{{ @ }}", "SOME": "{{ instance }}"}}))
    connected(workspace)
    (service,) = asked(zona, opened=True).services
    assert CANARY not in str(service.environment)
    assert "mail.example.com" in service.environment["ALL"]


def test_only_active_instances_of_active_apps_with_a_service_ask(made: Make) -> None:
    """One that does not ask, is not active, or whose app is not, or defines no service, has none."""
    zona = made("acme")
    workspace = zona.tenant("acme")
    connected(workspace, "asks")
    connected(workspace, "does not", deploy=False)
    connected(workspace, "resting")
    connected(workspace, "gone")
    workspace.instances.update("Mail", "resting", status=InstanceStatus.MAINTENANCE)
    workspace.instances.remove("Mail", "gone")
    assert [service.title for service in asked(zona).services] == ["asks"]
    workspace.instances.update("Mail", "asks", deploy=False)
    workspace.instances.update("Mail", "does not", deploy=True)
    assert [service.title for service in asked(zona).services] == ["does not"]
    redefined(workspace, connector(status=AppStatus.INACTIVE))
    assert asked(zona).services == ()
    redefined(workspace, evolve(connector(), service=None))
    assert asked(zona).services == ()


def test_a_published_port_is_the_first_one_s(made: Make) -> None:
    """The fleet's own services come first, then the oldest instance: none takes another tenant's."""
    zona = made("zeta", "acme")
    app = connector(service={"ports": (ServicePort(target=8080, published=8099),)})
    for code in ("zeta", "acme"):
        zona.tenant(code).apps.upsert(app)
        connected(zona.tenant(code))
    found = asked(zona)
    assert [service.name for service in found.services] == ["zeta-1-1", "acme-1-1"]
    targets = resolve(specification(), Situation(kind=EngineKind.SINGLE, instances=found.services))
    assert [target.name for target in targets.services] == ["zeta-1-1"]
    assert list(targets.left_out) == ["acme-1-1"]
    assert "8099/tcp" in targets.left_out["acme-1-1"]


def test_the_operator_says_which_images_run(made: Make) -> None:
    """An app with another image is refused, and told why."""
    zona = made("acme")
    connected(zona.tenant("acme"))
    assert len(asked(zona, specification(images=("ghcr.io/team/*",))).services) == 1
    found = asked(zona, specification(images=("ghcr.io/others/*", "*:2")))
    assert found.services == ()
    assert "ghcr.io/team/mail:1.2 is none of those" in found.refused["acme-1-1"]


def test_what_is_given_is_what_the_fleet_resolves(made: Make) -> None:
    """The targets have the instance's service, and the bytes of its secrets."""
    zona = made("acme")
    connected(zona.tenant("acme"))
    of, found = specification(), asked(zona, opened=True)
    (target,) = resolve(of, Situation(kind=EngineKind.SINGLE, instances=found.services)).services
    assert (target.name, target.tenant_code, target.instance_id) == ("acme-1-1", "acme", 1)
    assert [file.target for file in target.content.files] == ["/run/secrets/password"]
    assert list(target.data.values()) == [CANARY.encode()]
    assert CANARY not in repr(target)
