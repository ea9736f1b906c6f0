"""``package.json``: what stands at the top of a package that is a folder."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from attrs import define

from zona_core.ports.packages import PACKAGE_NAME, PACKAGE_VERSION, PackageLimits, PackageSummary
from zona_packages._ending import Ending, ending_of_members, members_of
from zona_packages._names import NAME
from zona_packages._refusals import damaged
from zona_packages._text import INDENTED, bounded, of_readable, readable

__all__ = ["MANIFEST", "Manifest", "finished", "is_foreign", "manifest_of", "unfinished"]

MANIFEST: Final = "package.json"


@define(frozen=True, kw_only=True)
class Manifest:
    """What a ``package.json`` says."""

    #: without its kind
    header: dict[str, Any]
    #: their folders, in the order of their titles
    apps: list[str]
    #: not if the package was not written to its end
    ending: Ending | None


def is_foreign(name: str) -> bool:
    """Whether a file or folder of that name is nobody's business, wherever it is in a package."""
    return name.startswith(".") or name == "README.md"


def finished(apps: list[str], summary: PackageSummary) -> bytes:
    """The text of the ``package.json`` of a whole package."""
    return _text(apps, members_of(summary))


def unfinished(apps: Iterable[str]) -> bytes:
    """The same while the package is being written: which folders are its own, and that it cannot be read."""
    return _text(sorted(apps), {"unfinished": True})


def manifest_of(text: bytes, limits: PackageLimits) -> Manifest:
    """The reverse; raises ``package_damaged``. Whether the version is known is for the reader to say."""
    bounded(text, MANIFEST, limits, INDENTED)
    members = of_readable(text, MANIFEST)
    if not isinstance(members, dict) or members.get("format") != PACKAGE_NAME:
        raise damaged(MANIFEST, "not that of a package", f'"format": "{PACKAGE_NAME}"')
    header = {"format": PACKAGE_NAME, "version": members.get("version")}
    version = header["version"]
    if isinstance(version, int) and version > PACKAGE_VERSION:
        return Manifest(header=header, apps=[], ending=None)
    apps = members.get("apps")
    if not isinstance(apps, list) or not all(isinstance(app, str) and NAME.fullmatch(app) for app in apps):
        raise damaged(MANIFEST, "apps is no list of names", "names of folders, without a path")
    if members.get("unfinished") is True:
        return Manifest(header=header, apps=apps, ending=None)
    rest = {name: value for name, value in members.items() if name not in ("format", "version", "apps")}
    return Manifest(header=header, apps=apps, ending=ending_of_members(rest, MANIFEST))


def _text(apps: list[str], rest: dict[str, Any]) -> bytes:
    """The members in their order, which ``readable`` would change."""
    begin = readable({"format": PACKAGE_NAME, "version": PACKAGE_VERSION}, MANIFEST).removesuffix(b"\n}")
    middle = readable({"apps": apps}, MANIFEST).removeprefix(b"{").removesuffix(b"\n}")
    return begin + b"," + middle + b"," + readable(rest, MANIFEST).removeprefix(b"{") + b"\n"
