"""Which plugins are installed, by the entry points of their packages."""

from __future__ import annotations

from importlib.metadata import Distribution, EntryPoint, entry_points

__all__ = ["installed"]


def installed(group: str) -> list[tuple[str, str, EntryPoint]]:
    """The entry points of ``group``, with name and version of their distributions.

    Those of the distribution with the group's name come first, then by distribution and name: the order decides who
    owns a name.
    """

    releases: dict[Distribution, tuple[str, str]] = {}

    def release_of(owner: Distribution | None) -> tuple[str, str]:
        if owner is None:
            return "", ""
        if owner not in releases:  # a distribution parses all of its metadata, with its long description, for each name
            metadata = owner.metadata
            releases[owner] = metadata["Name"], metadata["Version"]
        return releases[owner]

    found = [(*release_of(each.dist), each) for each in entry_points(group=group)]
    return sorted(found, key=lambda plugin: (plugin[0] != group, plugin[0], plugin[2].name))
