"""Settings of a part: its own class, its own table, the same layers and the same errors."""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import define, field

from zona_core import ConfigurationError, Fault, Settings, Zona, load_settings, load_table


@define(kw_only=True)
class Speed:
    """Settings of a part that a test makes up."""

    name: str = "part"
    count: int = 1
    ratio: float = 0.5
    loud: bool = False
    #: not in a repr
    password: str = field(default="", repr=False)

    def faults(self) -> list[Fault]:
        return [] if self.count > 0 else [Fault("count", f"{self.count} is out of range", "1 or more")]


def test_a_table_has_the_layers_of_the_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Defaults, the file, the environment, options: later ones win."""
    (tmp_path / "zona.toml").write_text('[zona.http]\nname = "file"\ncount = 2\nratio = 2\nloud = true\n')
    monkeypatch.setenv("ZONA_HOME", str(tmp_path))
    monkeypatch.setenv("ZONA_HTTP_COUNT", "3")
    monkeypatch.setenv("ZONA_HTTP_LOUD", "no")
    assert load_table(Speed, "zona.http", {"ratio": 4.5, "name": None}) == Speed(
        name="file", count=3, ratio=4.5, loud=False
    )


def test_the_file_may_lie_in_another_home(tmp_path: Path) -> None:
    """``home`` names the folder, whose file need not be there; ``file`` names one that must."""
    assert load_table(Speed, "zona.http", home=str(tmp_path)) == Speed()
    (tmp_path / "zona.toml").write_text("[zona.http]\ncount = 7\n")
    assert load_table(Speed, "zona.http", home=str(tmp_path)).count == 7
    assert load_table(Speed, "zona.http", file=tmp_path / "zona.toml").count == 7
    with pytest.raises(ConfigurationError):
        load_table(Speed, "zona.http", file=tmp_path / "no.toml")


def test_every_fault_of_a_table_is_named_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Unknown names and wrong types of every layer, with the variable's name and what would be right."""
    file = tmp_path / "zona.toml"
    file.write_text('[zona.http]\ncolour = "red"\nratio = "fast"\n')
    monkeypatch.setenv("ZONA_HTTP_COUNT", "hunter2")
    monkeypatch.setenv("ZONA_HTTP_LOUD", "perhaps")
    with pytest.raises(ConfigurationError) as caught:
        load_table(Speed, "zona.http", {"speed": 3}, file=file)
    told = {fault.path.removeprefix(f"{file}: "): fault for fault in caught.value.faults}
    assert set(told) == {"colour", "speed", "count", "loud", "ratio"}
    assert "ZONA_HTTP_COUNT" in told["count"].message
    assert [told[name].expected for name in ("count", "loud", "ratio")] == [
        "a whole number",
        "true or false",
        "a number",
    ]
    assert "hunter2" not in str(caught.value)


def test_a_class_may_judge_its_values() -> None:
    """A value of the right type may still be wrong."""
    with pytest.raises(ConfigurationError) as caught:
        load_table(Speed, "zona.http", {"count": 0})
    assert [fault.path for fault in caught.value.faults] == ["count"]


@pytest.mark.parametrize("text", ["[zona]\nhttp = 5", "zona = 5"])
def test_what_is_no_table_is_a_fault(tmp_path: Path, text: str) -> None:
    """The name of the table is taken by a value."""
    (tmp_path / "zona.toml").write_text(text)
    with pytest.raises(ConfigurationError, match="no table"):
        load_table(Speed, "zona.http", home=str(tmp_path))


def test_tables_of_parts_are_no_fault_of_the_core(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """``[zona.http]`` is read by the HTTP service; the core passes it over."""
    (tmp_path / "zona.toml").write_text("[zona]\nworkers = 2\n[zona.http]\nport = 1\n")
    monkeypatch.setenv("ZONA_HOME", str(tmp_path))
    assert load_settings().workers == 2


@pytest.mark.parametrize(
    "options",
    [
        {"access_token_seconds": 0},
        {"session_seconds": 59},
        {"max_sessions": 0},
        {"cache": "memory"},
        {"rate_limits": ""},
        {"token_algorithm": "none at all"},
    ],
    ids=str,
)
def test_values_for_logins_are_bounded(options: dict[str, object]) -> None:
    """The fault names the setting."""
    with pytest.raises(ConfigurationError) as caught:
        Zona(store="memory://", **options)
    assert [fault.path for fault in caught.value.faults] == list(options)


def test_urls_that_may_hold_passwords_are_not_shown() -> None:
    """A cache or a limiter may be behind one."""
    assert "hunter2" not in repr(Settings(cache="redis://:hunter2@host", rate_limits="redis://:hunter2@host"))
