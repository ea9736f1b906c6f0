"""Make container images of Debian packages, without any image to begin with and without an engine.

Usage: python scripts/image_debian.py [--definitions deploy/images.toml] --output FILE [NAME …]

The definitions say what is in an image: packages (the libraries that they need come by themselves), files, and how it
is run. ``docker load --input FILE`` has an engine know them. Packages come from wherever this machine's apt gets them;
root is not needed. See the comments in ``deploy/images.toml``.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from image_archive import Image, Layer, pack_folder, write_archive

ROOT = Path(__file__).resolve().parent.parent
#: folders that an image has even if no package brings them; of the merged kind, as Debian's own
FOLDERS = ("etc", "home", "proc", "run", "sys", "dev", "root", "tmp", "var/tmp", "usr/bin", "usr/sbin", "usr/lib")
MERGED = ("bin", "sbin", "lib", "lib64")
#: of no use in an image
UNWANTED = ("./usr/share/doc/*", "./usr/share/man/*", "./usr/share/lintian/*", "./usr/share/locale/*")
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def main(arguments: list[str]) -> int:
    """Write the archive."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--definitions", type=Path, default=ROOT / "deploy" / "images.toml")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="sections of the definitions; without any, all of them"
    )
    options = parser.parse_args(arguments)
    definitions = tomllib.loads(options.definitions.read_text(encoding="utf-8"))
    if unknown := sorted(set(options.names) - set(definitions)):
        parser.error(f"{options.definitions} has no {', '.join(unknown)}; it has {', '.join(definitions)}")
    with tempfile.TemporaryDirectory() as work:
        maker = Maker(definitions, options.definitions.parent, Path(work))
        images = [maker.image(name) for name in options.names or definitions]
        # Whoever finds the file finds the whole of it.
        unfinished = options.output.with_name(f"{options.output.name}.{os.getpid()}")
        write_archive(unfinished, images)
        unfinished.replace(options.output)
    return 0


class Maker:
    """Makes the images of a file of definitions, each layer once."""

    def __init__(self, definitions: Mapping[str, Any], beside: Path, work: Path) -> None:
        self._definitions = definitions
        self._beside = beside
        self._work = work
        self._layers: dict[str, Layer] = {}

    def image(self, name: str) -> Image:
        """The image of that section."""
        definition = self._definitions[name]
        layers = []
        config: dict[str, Any] = {}
        environment: dict[str, str] = {}
        for section in self._line(name):
            part = self._definitions[section]
            if _has_content(part):
                if section not in self._layers:
                    self._layers[section] = self._layer(section, part)
                layers.append(self._layers[section])
            environment |= part.get("environment", {})
            config |= _run_configuration(part)
        config["Env"] = [PATH, *(f"{key}={value}" for key, value in environment.items())]
        return Image(definition["image"], tuple(layers), config)

    def _line(self, name: str) -> list[str]:
        """The section and those that it is made from, the lowest first."""
        line = [name]
        while base := self._definitions[line[0]].get("from"):
            line.insert(0, base)
        return line

    def _layer(self, name: str, part: Mapping[str, Any]) -> Layer:
        root = self._work / name
        root.mkdir()
        if "from" not in part:
            _make_skeleton(root)
        else:
            _make_links(root)
        if packages := part.get("packages"):
            _unpack(_with_libraries(packages), root, self._work / f"{name}.debs")
        for program in part.get("programs", ()):
            _copy(_static_program(program), root / "usr/bin" / program)
        for target, source in part.get("files", {}).items():
            _copy(self._beside / os.path.expandvars(source), root / target.lstrip("/"))
        _gather_authorities(root)
        if (busybox := root / "usr/bin/busybox").exists():
            _link_applets(busybox)
        for folder, mode in part.get("folders", {}).items():
            (root / folder.lstrip("/")).mkdir(parents=True, exist_ok=True)
            (root / folder.lstrip("/")).chmod(mode)
        if "from" not in part or "users" in part:
            _make_users(root / "etc", part.get("users", {}))
        return pack_folder(root, self._work / f"{name}.tar")


def _has_content(part: Mapping[str, Any]) -> bool:
    return any(part.get(key) for key in ("packages", "programs", "files", "folders", "users")) or "from" not in part


def _run_configuration(part: Mapping[str, Any]) -> dict[str, Any]:
    """What the engine is told of how the image is run."""
    config: dict[str, Any] = {}
    for key, name in (("entrypoint", "Entrypoint"), ("command", "Cmd"), ("user", "User"), ("folder", "WorkingDir")):
        if key in part:
            config[name] = part[key]
    if "ports" in part:
        config["ExposedPorts"] = {f"{port}/tcp": {} for port in part["ports"]}
    if "volumes" in part:
        config["Volumes"] = {path: {} for path in part["volumes"]}
    if "health" in part:
        seconds = 10**9
        config["Healthcheck"] = {
            "Test": ["CMD", *part["health"]],
            "Interval": 2 * seconds,
            "Timeout": 5 * seconds,
            "Retries": 3,
        }
    return config


def _make_skeleton(root: Path) -> None:
    for folder in FOLDERS:
        (root / folder).mkdir(parents=True, exist_ok=True)
    for folder in ("tmp", "var/tmp"):
        (root / folder).chmod(0o1777)
    _make_links(root)
    (root / "etc/nsswitch.conf").write_text("hosts: files dns\n")


def _make_links(root: Path) -> None:
    for name in MERGED:
        (root / "usr" / name).mkdir(parents=True, exist_ok=True)
        (root / name).symlink_to(f"usr/{name}")


def _make_users(etc: Path, users: Mapping[str, int]) -> None:
    """Writes the lists of users; everybody is in a group of the same name and number."""
    everybody = {"root": 0, "nobody": 65534} | dict(users)
    lines = [f"{name}:x:{uid}:{uid}::{'/root' if uid == 0 else '/tmp'}:/bin/sh" for name, uid in everybody.items()]  # noqa: S108
    etc.mkdir(exist_ok=True)
    (etc / "passwd").write_text("\n".join(lines) + "\n")
    (etc / "group").write_text("".join(f"{name}:x:{uid}:\n" for name, uid in everybody.items()))


def _copy(source: Path, target: Path) -> None:
    if not source.is_file():
        sys.exit(f"{source}: there is no such file to be put into an image")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)


def _gather_authorities(root: Path) -> None:
    """Writes what a package's installation would: all certificate authorities in one file."""
    certificates = sorted((root / "usr/share/ca-certificates").rglob("*.crt"))
    if certificates:
        folder = root / "etc/ssl/certs"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "ca-certificates.crt").write_bytes(b"".join(file.read_bytes() for file in certificates))


def _static_program(name: str) -> Path:
    """The program of this machine, which needs no library."""
    found = shutil.which(name)
    if found is None:
        sys.exit(f"{name} is not on the PATH; on Debian or Ubuntu: apt-get install busybox-static")
    # An interpreter (PT_INTERP) is named in the head of every program that is linked with libraries.
    if b"ld-linux" in Path(found).read_bytes()[:4096]:
        sys.exit(f"{found} needs libraries; on Debian or Ubuntu: apt-get install busybox-static")
    return Path(found)


def _link_applets(busybox: Path) -> None:
    """Has busybox be every program that nothing better is there for."""
    listed = subprocess.run([str(busybox), "--list"], capture_output=True, text=True, check=True).stdout.split()
    folders = (busybox.parent, busybox.parent.parent / "sbin")
    for applet in listed:
        if not any((folder / applet).exists() for folder in folders):
            (busybox.parent / applet).symlink_to("busybox")


def _with_libraries(packages: Iterable[str]) -> list[str]:
    """The packages and all libraries that they need. What else they depend on is for installing, not for running."""
    wanted = [_newest(name) for name in packages]
    found = dict.fromkeys(wanted)
    left = list(found)
    while left:
        for name in _dependencies(left):
            if name not in found and name.startswith(("lib", "zlib")):
                found[name] = None
        left = [name for name in found if name not in wanted]
        wanted += left
    return list(found)


def _newest(name: str) -> str:
    """``python3.*`` becomes the version that Debian's ``python3`` stands for; other names stay."""
    if not name.startswith("python3.*"):
        return name
    (version,) = [other for other in _dependencies(["python3"]) if other.startswith("python3.")]
    return name.replace("python3.*", version)


def _dependencies(packages: list[str]) -> list[str]:
    """What the packages depend on, of alternatives the first."""
    command = [_program("apt-cache"), "depends", *packages]
    shown = subprocess.run(command, capture_output=True, text=True, check=False)
    if shown.returncode:
        sys.exit(f"apt-cache knows not all of {', '.join(packages)} (apt-get update?): {shown.stderr.strip()}")
    names: list[str] = []
    alternative = False
    for line in shown.stdout.splitlines():
        kind, _, name = line.partition("Depends: ")
        if name and kind.strip() in ("", "|", "Pre", "|Pre") and not alternative and not name.startswith("<"):
            names.append(name)
        alternative = kind.strip().startswith("|")
    return names


def _program(name: str) -> str:
    found = shutil.which(name)
    return found or sys.exit(f"{name} is not on the PATH: images are made of packages on Debian and its kin")


def _unpack(packages: list[str], root: Path, folder: Path) -> None:
    """Fetches the packages and puts their files under ``root``, through the links that are there."""
    folder.mkdir()
    # Without the option root is told each time that a private folder is not for apt's own user.
    command = [_program("apt-get"), "download", "-qq", "-o", "APT::Sandbox::User=root", *packages]
    done = subprocess.run(command, cwd=folder, check=False)
    if done.returncode:
        sys.exit("apt-get could not fetch the packages: see above (apt-get update?)")
    excluded = [f"--exclude={pattern}" for pattern in UNWANTED]
    for package in sorted(folder.glob("*.deb")):
        with subprocess.Popen([_program("dpkg-deb"), "--fsys-tarfile", str(package)], stdout=subprocess.PIPE) as opened:
            unpack = [_program("tar"), "-x", "--keep-directory-symlink", "--no-same-owner", *excluded, "-C", str(root)]
            subprocess.run(unpack, stdin=opened.stdout, check=True)
        if opened.returncode:
            sys.exit(f"dpkg-deb could not read {package.name}")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
