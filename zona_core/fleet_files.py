"""``fleet.toml`` and ``fleet.yaml``: a fleet's specification with what stands beside it.

The texts of configuration files go into the specification. The values of secrets never do: they come from the
environment or from files, and travel beside it.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from attrs import evolve

from zona_core._fleet_yaml import yaml_data
from zona_core.domain.fleet.checks import specification_faults
from zona_core.domain.fleet.specification import Config, SecretSource
from zona_core.domain.secrets import Secret
from zona_core.errors import Fault, InvalidDocument, InvalidInput
from zona_core.usecases._fleet.source import FleetSource, specification_of

__all__ = ["FILE_NAMES", "load_fleet"]

#: what a specification is called where nobody names one; the first that is there counts
FILE_NAMES: Final = ("fleet.toml", "fleet.yaml")

#: bytes of a specification; and of a configuration file or a secret, of which a Swarm keeps no more
_MOST: Final = 1_048_576
_MOST_FILE: Final = 500_000


def load_fleet(path: str | os.PathLike[str], environ: Mapping[str, str] | None = None) -> FleetSource:
    """The specification in the file ``path`` (``.toml``, else YAML), with the texts and the secrets that it names.

    Other files are looked for from the folder of ``path`` on; ``environ`` is that of this process unless another one is
    given. A secret whose variable or file is not there at all is left out: it keeps the value that it has, if it has
    one. Raises ``InvalidDocument`` for what is no TOML or YAML or cannot be read, and ``InvalidInput`` with every fault
    at once, each with its path (``services.web.image``, ``configs.site.file``).
    """
    where = Path(path)
    specification, faults = specification_of(_data(where))
    if specification is None:
        raise InvalidInput.of(faults, str(where))
    configs = _inlined(specification.configs, where.parent, faults)
    secrets = _secrets(specification.secrets, where.parent, os.environ if environ is None else environ, faults)
    specification = evolve(specification, configs=configs)
    faults += specification_faults(specification)
    if faults:
        raise InvalidInput.of(dict.fromkeys(faults), str(where))
    return FleetSource(specification=specification, secrets=secrets)


def _inlined(configs: Mapping[str, Config], folder: Path, faults: list[Fault]) -> dict[str, Config]:
    """Configurations with the texts of their files in them; ``checks`` says what else is wrong with them."""
    found = dict(configs)
    for name, config in configs.items():
        if config.file and not config.content:
            text = _text(folder / config.file, f"configs.{name}.file", faults)
            if text:
                found[name] = evolve(config, content=text, file="")
    return found


def _secrets(
    sources: Mapping[str, SecretSource], folder: Path, environ: Mapping[str, str], faults: list[Fault]
) -> dict[str, Secret]:
    found = {}
    for name, source in sources.items():
        text = ""
        if source.file and not source.environment:
            if (folder / source.file).exists():
                text = _text(folder / source.file, f"secrets.{name}.file", faults)
        elif source.environment and not source.file:
            text = environ.get(source.environment, "")
            if not text and source.environment in environ:
                message = f"the environment variable {source.environment} is empty"
                faults.append(Fault(f"secrets.{name}.environment", message, "the secret's value in it, or none at all"))
        if text:
            found[name] = Secret(text)
    return found


def _text(path: Path, place: str, faults: list[Fault]) -> str:
    """The text of a file as it stands, its last line break included; empty if it cannot be had, which is a fault."""
    try:
        text = _read(path, _MOST_FILE)
    except _UnreadableError as exc:
        faults.append(Fault(place, f"{path} {exc}", "a file of UTF-8 text"))
        return ""
    if not text:
        faults.append(Fault(place, f"{path} is empty", "a file with something in it"))
    return text


class _UnreadableError(Exception):
    """A file cannot be read; says why."""


def _read(path: Path, most: int) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(most + 1)
    except (OSError, ValueError) as exc:
        raise _UnreadableError(f"cannot be read: {getattr(exc, 'strerror', None) or 'the path is not usable'}") from exc
    if len(content) > most:
        raise _UnreadableError(f"is longer than {most:,} bytes")
    try:
        return content.decode()
    except UnicodeDecodeError as exc:
        raise _UnreadableError(f"is not UTF-8 text (byte {exc.start})") from exc


def _data(path: Path) -> dict[str, Any]:
    """What the file says, as data; raises ``InvalidDocument``."""
    form, read = ("TOML", tomllib.loads) if path.suffix == ".toml" else ("YAML", yaml_data)
    try:
        data = read(_read(path, _MOST))
    except _UnreadableError as exc:
        raise InvalidDocument(f"{path} {exc}") from exc
    except (ValueError, RecursionError) as exc:
        why = "it is nested too deeply" if isinstance(exc, RecursionError) else exc
        raise InvalidDocument(f"{path} is not {form}: {why}") from exc
    if not isinstance(data, dict):
        raise InvalidDocument(f"{path} is no mapping of keys to values")
    return data
