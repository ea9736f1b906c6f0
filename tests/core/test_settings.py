"""Settings and their layers."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

from zona_core import ConfigurationError, Settings, Zona, load_settings


def test_defaults_work_embedded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With nothing set, store and key lie in the home folder."""
    monkeypatch.setenv("ZONA_HOME", str(tmp_path))
    monkeypatch.delenv("ZONA_MASTER_KEY")
    settings = load_settings()
    assert settings.store == f"sqlite:///{tmp_path}/zona.db"
    assert settings.keyring == f"file:{tmp_path}/master.key"
    assert settings.tenant == "localhost"


def test_later_layers_win(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """File, then environment, then options."""
    (tmp_path / "zona.toml").write_text('[zona]\nworkers = 2\ntenant = "file"\nstore = "sqlite:///file.db"\n')
    monkeypatch.setenv("ZONA_HOME", str(tmp_path))
    monkeypatch.setenv("ZONA_TENANT", "environment")
    monkeypatch.setenv("ZONA_STORE", "sqlite:///environment.db")
    settings = load_settings({"store": "memory://", "tenant": None})
    assert (settings.workers, settings.tenant, settings.store) == (2, "environment", "memory://")


def test_no_source_is_parsed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Threads may read settings at the same time, which CPython 3.11's parser is not made for; it is slow, too."""

    def parse(*_: Any, **__: Any) -> None:
        raise AssertionError("something was parsed")

    monkeypatch.setattr(ast, "parse", parse)
    settings = load_settings({"tenant": "acme", "home": str(tmp_path)})
    assert (type(settings), settings.tenant) == (Settings, "acme")


def test_every_fault_is_named_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Unknown names and unusable values of all layers come in one error."""
    file = tmp_path / "zona.toml"
    file.write_text('[zona]\nworkers = "many"\ncolour = "red"\nstore = ["x"]\n')
    monkeypatch.setenv("ZONA_WORKERS", "lots")
    with pytest.raises(ConfigurationError) as caught:
        load_settings({"speed": 3}, file=file)
    told = " ".join(map(str, caught.value.faults))
    assert all(word in told for word in ("workers", "colour", "speed"))
    assert len(caught.value.faults) >= 3


@pytest.mark.parametrize("text", ["[zona", "\xff\xfe"])
def test_an_unreadable_file_is_a_fault(tmp_path: Path, text: str) -> None:
    """A file that is not TOML is told by its path."""
    file = tmp_path / "zona.toml"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigurationError) as caught:
        load_settings(file=file)
    assert str(file) in str(caught.value)


def test_a_named_file_must_be_there(tmp_path: Path) -> None:
    """A missing zona.toml is fine in the home folder, not when it was asked for."""
    with pytest.raises(ConfigurationError):
        load_settings(file=tmp_path / "no.toml")


@pytest.mark.parametrize("options", [{"workers": 0}, {"store": "zona.db"}, {"keyring": "x"}])
def test_values_out_of_bounds_are_refused(options: dict[str, object]) -> None:
    """A value of the right type may still be wrong."""
    with pytest.raises(ConfigurationError):
        load_settings(options)


def test_an_unknown_store_scheme_says_which_there_are() -> None:
    """The error names the schemes at hand."""
    with Zona(store="nosuch://x") as zona, pytest.raises(ConfigurationError) as caught:
        zona.tenant()
    assert "sqlite:" in caught.value.hint


def test_settings_can_be_given_whole(tmp_path: Path) -> None:
    """A Settings object is completed with defaults and used as it is."""
    with Zona(Settings(home=str(tmp_path), workers=3)) as zona:
        assert zona.settings.workers == 3
        assert zona.settings.store.endswith("zona.db")


def test_plugins_get_their_own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A table [zona.plugins.NAME] reaches the plugin's hooks."""
    from zona_core import PluginDetails, hookimpl

    seen: list[PluginDetails] = []

    class Plugin:
        @hookimpl
        def zona_integrations(self, details: PluginDetails) -> dict[str, object]:
            seen.append(details)
            return {}

    (tmp_path / "zona.toml").write_text("[zona.plugins.mine]\nspeed = 3\n")
    monkeypatch.setenv("ZONA_HOME", str(tmp_path))
    with Zona(store="memory://", plugins={"mine": Plugin()}) as zona:
        assert "integrations" in zona.plugins.offers
    assert seen[0].settings["mine"] == {"speed": 3}


def test_settings_given_whole_are_checked_as_well() -> None:
    """No worker would mean that every run waits for nothing."""
    with pytest.raises(ConfigurationError, match="workers"):
        Zona(Settings(workers=0))


def test_a_settings_object_shows_no_password() -> None:
    """Store URLs and plugins' settings may hold some."""
    assert "hunter2" not in repr(Settings(store="db://me:hunter2@host", plugins={"x": {"token": "hunter2"}}))


def test_a_table_that_is_none_is_a_fault(tmp_path: Path) -> None:
    """The name of the table is taken by a value."""
    file = tmp_path / "zona.toml"
    file.write_text("zona = 5")
    with pytest.raises(ConfigurationError, match="no table"):
        load_settings(file=file)


def test_a_wrong_type_names_setting_and_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fault's path is the setting, its words name the environment variable and what would be right."""
    monkeypatch.setenv("ZONA_WORKERS", "lots")
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    [fault] = caught.value.faults
    assert (fault.path, fault.expected) == ("workers", "a whole number")
    assert "ZONA_WORKERS" in fault.message
    assert "lots" not in str(caught.value)
