"""The page of the fleet says all that a specification may say, with its defaults, and its examples can be read."""

from __future__ import annotations

import enum
import json
import re
from pathlib import Path
from typing import Any

import attrs
import pytest

from zona_core import load_fleet
from zona_core.domain.fleet import specification as models
from zona_core.domain.fleet.plan import Reason, Verb

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "fleet.md").read_text(encoding="utf-8")
CLASSES = {name: kind for name, kind in vars(models).items() if isinstance(kind, type) and attrs.has(kind)}
#: an example, and the name of the file that it is
EXAMPLE = re.compile(r"<!-- file: (?P<name>[\w./-]+) -->\n```\w+\n(?P<text>.*?)```", re.DOTALL)


def rows(kind: str) -> list[list[str]]:
    """The rows of the table of a class: key, default, meaning."""
    header = f"<!-- keys: {kind} -->\n| key | default | what it says |\n| --- | --- | --- |\n"
    assert PAGE.count(header) == 1, kind
    table = PAGE.partition(header)[2].partition("\n\n")[0]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))] for line in table.splitlines()]


def written(attribute: Any) -> str:
    """A default as the page has it: as TOML writes it, or in words."""
    default = attribute.default
    if default is attrs.NOTHING:
        return "required"
    if isinstance(default, attrs.Factory):
        return {dict: "`{}`"}.get(default.factory, "its defaults")
    if default is None:
        return "none"
    if attribute.name == "mode" and isinstance(default, int) and not isinstance(default, enum.Enum):
        return f"`0o{default:o}`"
    return f"`{json.dumps(default.value if isinstance(default, enum.Enum) else default)}`".replace("`()`", "`[]`")


@pytest.mark.parametrize("kind", CLASSES)
def test_every_key_of_a_specification_is_documented(kind: str) -> None:
    """Each attribute of the class once, in its order, with its default, and in words what it says."""
    table, attributes = rows(kind), attrs.fields(CLASSES[kind])
    assert [row[0].strip("`") for row in table] == [each.name for each in attributes]
    assert [row[1] for row in table] == [written(each) for each in attributes]
    assert all(row[2] for row in table)


@pytest.mark.parametrize("kind", [models.Group, models.PortMode, models.Order, models.FailureAction])
def test_every_choice_is_documented(kind: type[enum.Enum]) -> None:
    """The page has each value that a key may have."""
    assert [member.value for member in kind if f"`{member.value}`" not in PAGE] == []


@pytest.mark.parametrize(("title", "kind"), [("verb", Verb), ("reason", Reason)])
def test_what_plans_say_is_documented(title: str, kind: type[enum.Enum]) -> None:
    """Each verb and each reason once."""
    table = PAGE.partition(f"| {title} | means |\n| --- | --- |\n")[2].partition("\n\n")[0]
    told = [name for line in table.splitlines() for name in re.findall(r"`(\w+)`", line.split("|")[1])]
    assert sorted(told) == sorted(member.value for member in kind)


def test_examples_of_specifications_can_be_read(tmp_path: Path) -> None:
    """The files on the page, beside one another, are specifications without a fault."""
    examples = EXAMPLE.findall(PAGE)
    for name, text in examples:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    names = [name for name, _ in examples if name.endswith((".toml", ".yaml"))]
    assert len(names) >= 2
    for name in names:
        assert load_fleet(tmp_path / name, {"SHOP_DATABASE": "a password"}).specification.services, name
