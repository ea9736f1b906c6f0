"""Specifications are read from files, with what stands beside them, and told all that is wrong at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from zona_core import FleetSource, InvalidDocument, InvalidInput, as_data, load_fleet
from zona_core.domain.fleet.specification import Group, Order, Port

TOML = """
name = "shop"

[configs.site]
file = "conf/site.conf"

[secrets.database]
environment = "SHOP_DATABASE"

[secrets.key]
file = "key.pem"

[toggles]
canary = true

[services.web]
image = "web:1"
group = "core"
ports = [{ target = 80, published = 8080 }]
configs = [{ name = "site", target = "/etc/site/site.conf", mode = 0o440 }]
secrets = [{ name = "database" }, { name = "key" }]
toggles = ["canary"]
update = { order = "stop-first", monitor = 2 }

[services.web.environment]
LEVEL = "info"
"""

YAML = """
name: shop
configs: {site: {file: conf/site.conf}}
secrets:
  database: {environment: SHOP_DATABASE}
  key: {file: key.pem}
toggles: {canary: true}
services:
  web:
    image: web:1
    group: core
    ports: [{target: 80, published: 8080}]
    configs: [{name: site, target: /etc/site/site.conf, mode: 0440}]
    secrets: [{name: database}, {name: key}]
    toggles: [canary]
    update: {order: stop-first, monitor: 2}
    environment: {LEVEL: info}
"""

ENVIRONMENT = {"SHOP_DATABASE": "canary-database"}
Load = Callable[..., FleetSource]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Loads a text as ``fleet.toml``, or as the file that is named, with a configuration and a key beside it."""
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "site.conf").write_text("listen 80\n")
    (tmp_path / "key.pem").write_text("canary-key\n")

    def loaded(text: str, *, name: str = "fleet.toml", environ: dict[str, str] | None = None) -> FleetSource:
        (tmp_path / name).write_text(text)
        return load_fleet(tmp_path / name, ENVIRONMENT if environ is None else environ)

    return loaded


def faults_of(load: Load, text: str, **options: object) -> dict[str, str]:
    """What is wrong, by path."""
    with pytest.raises(InvalidInput) as caught:
        load(text, **options)
    return {fault.path: fault.message for fault in caught.value.faults}


@pytest.mark.parametrize(("name", "text"), [("fleet.toml", TOML), ("fleet.yaml", YAML), ("other.yml", YAML)])
def test_toml_and_yaml_say_the_same(load: Load, name: str, text: str) -> None:
    """Each attribute has what the file says; texts of configuration files are in the specification."""
    specification = load(text, name=name).specification
    web = specification.services["web"]
    assert (web.image, web.group, web.update.order, web.update.monitor) == ("web:1", Group.CORE, Order.STOP_FIRST, 2)
    assert web.ports == (Port(target=80, published=8080),)
    assert web.configs[0].mode == 0o440
    assert specification.configs["site"].content == "listen 80\n"
    assert specification.toggles == {"canary": True}


def test_secrets_travel_beside_the_specification(load: Load) -> None:
    """Their values come from the environment and from files as they stand, and are in no text of the rest."""
    source = load(TOML)
    assert {name: secret.reveal() for name, secret in source.secrets.items()} == {
        "database": "canary-database",
        "key": "canary-key\n",
    }
    assert "canary-" not in repr(source) + json.dumps(as_data(source.specification))


def test_a_secret_that_is_not_there_is_left_out(load: Load, tmp_path: Path) -> None:
    """So that whoever lacks it can plan and apply: it keeps the value that is stored."""
    (tmp_path / "key.pem").unlink()
    assert load(TOML, environ={}).secrets == {}


def test_the_environment_is_that_of_the_process(load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless another one is given."""
    load(TOML)
    monkeypatch.setenv("SHOP_DATABASE", "from the process")
    assert load_fleet(tmp_path / "fleet.toml").secrets["database"].reveal() == "from the process"


def test_every_fault_of_the_form_is_told_at_once(load: Load) -> None:
    """Each with the path that it has in the file, and none with a value that may be secret."""
    text = TOML.replace('image = "web:1"', "imag = 1").replace('LEVEL = "info"', "LEVEL = 1\nDEEP = {}")
    text += '[secrets]\nodd = "canary-odd"\n[services.api]\nimage = "api:1"\nreplicas = "2"\ngroup = "none"\n'
    text = text.replace("[secrets]\n", "[volumes]\n")
    found = faults_of(load, text)
    assert set(found) == {
        "services.web.imag",
        "services.web.image",
        "services.api.replicas",
        "services.api.group",
        "volumes.odd",
    }
    assert "canary" not in str(found)
    assert set(faults_of(load, TOML.replace('"info"', "1"))) == {"services.web.environment.LEVEL"}


def test_every_fault_of_what_stands_beside_it_is_told_at_once(load: Load, tmp_path: Path) -> None:
    """Files that are not there, not text or empty, together with what the specification itself has wrong."""
    (tmp_path / "conf" / "site.conf").unlink()
    (tmp_path / "key.pem").write_bytes(b"\xff\xfe")
    found = faults_of(load, TOML.replace('toggles = ["canary"]', 'toggles = ["other"]'), environ={"SHOP_DATABASE": ""})
    assert {"configs.site.file", "secrets.key.file", "secrets.database.environment"} <= set(found)
    assert any(path.startswith("services.web.toggles") for path in found)
    (tmp_path / "conf" / "site.conf").write_text("")
    (tmp_path / "key.pem").write_bytes(b"x" * 500_001)
    found = faults_of(load, TOML)
    assert "is empty" in found["configs.site.file"]
    assert "longer than 500,000 bytes" in found["secrets.key.file"]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("fleet.toml", "name = ", "is not TOML: "),
        ("fleet.yaml", "name: [", "is not YAML: "),
        ("fleet.yaml", "a: 1\nb: 2\na: 3\n", "the key a stands twice (line 3, column 1)"),
        ("fleet.yaml", "- 1", "is no mapping"),
        ("fleet.yaml", "", "is no mapping"),
        ("fleet.yaml", "? [1]\n: 2", "keys are texts"),
        ("fleet.yaml", "a: !!python/object:os.system 1", "could not determine a constructor"),
        ("fleet.yaml", "a: \x01", "special characters are not allowed"),
        ("fleet.toml", "a = " + "[" * 5_000 + "]" * 5_000, "nested too deeply"),
        ("fleet.yaml", "a: " + "[" * 5_000 + "]" * 5_000, "nested too deeply"),
    ],
)
def test_what_cannot_be_read_is_refused(load: Load, name: str, text: str, words: str) -> None:
    """With the file, and where in it as far as that is known."""
    with pytest.raises(InvalidDocument) as caught:
        load(text, name=name)
    assert name in caught.value.message
    assert words in caught.value.message


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """It is named, with the reason."""
    with pytest.raises(InvalidDocument, match=r"nowhere\.toml cannot be read: No such file or directory"):
        load_fleet(tmp_path / "nowhere.toml")


def test_yaml_is_read_as_its_version_1_2_says(load: Load) -> None:
    """``on``, dates and versions are no traps; modes may be written as they always are; anchors and merging work."""
    text = """
name: shop
services:
  web: &web
    image: "web:1"
    environment: {SWITCH: on, DAY: 2030-01-31, VERSION: "1.10", NORWAY: no}
  api:
    <<: *web
    image: api:1
"""
    services = load(text, name="fleet.yaml").specification.services
    assert services["api"].image == "api:1"
    assert services["api"].environment == {"SWITCH": "on", "DAY": "2030-01-31", "VERSION": "1.10", "NORWAY": "no"}
    assert set(faults_of(load, text.replace('"1.10"', "1.10"), name="fleet.yaml")) == {
        "services.web.environment.VERSION",
        "services.api.environment.VERSION",
    }
