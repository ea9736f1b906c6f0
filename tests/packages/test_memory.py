"""Memory stays small whatever a package holds: measured as the peak of a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak from /proc")

MIB = 1024**2
#: what a form holds at most of one record: its text, a copy of it, its indentation
ROOM = 64

PRELUDE = """
import io, itertools, sys, tempfile
from pathlib import Path
from zona_core.errors import InvalidPackage
from zona_core.ports.packages import PackageLimits
from zona_packages._zstd import zstd
from zona_packages.folder_form import FolderForm
from zona_packages.json_form import JsonForm
from zona_packages.zona_form import ZonaForm

FORMS = {"zona": ZonaForm, "json": JsonForm, "folder": FolderForm}
HEADER = b'{"format":"zona-package","kind":"header","version":1}\\n{"kind":"app","title":"a"}\\n'

def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024

def records(count):
    yield {"kind": "header", "format": "zona-package", "version": 1}
    yield {"kind": "app", "title": "a"}
    for number in range(count):
        text = f"{number * 7919 % 104729:x}" * 40
        yield {"kind": "task", "task_tag": f"t{number:06}", "text": text, "inputs": [{"name": text[:9]}] * 20}

def file_of(pieces):
    compressor = zstd.ZstdCompressor(level=1)
    file = tempfile.TemporaryFile()
    for piece in pieces:
        file.write(compressor.compress(piece))
    file.write(compressor.flush())
    file.seek(0)
    return file

def refused(reader):
    try:
        reader.check()
    except InvalidPackage as exc:
        print(exc.code)
"""


def measured(code: str, *arguments: str) -> tuple[list[str], float]:
    """What the code prints, and by how many MiB the peak of its process grew while it ran."""
    script = f"{PRELUDE}\nbefore = peak()\n{code}\nprint(peak() - before)\n"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", script, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    *printed, grown = done.stdout.split()
    return printed, float(grown)


ROUND = """
name, count = sys.argv[1], int(sys.argv[2])
form = FORMS[name]()
with tempfile.TemporaryDirectory() as folder:
    target = Path(folder) if form.takes_folder else (Path(folder) / "package").open("w+b")
    form.write(records(count), target)
    if not form.takes_folder:
        target.seek(0)
    reader = form.open(target, PackageLimits())
    assert reader.check().records == count + 2
    assert sum(1 for _ in reader.records()) == count + 2
"""


@pytest.mark.parametrize(("form", "count"), [("zona", 40_000), ("json", 8_000), ("folder", 1_500)])
def test_a_large_package_needs_little_memory(form: str, count: int) -> None:
    """Writing, checking and reading again take no more than 20 MiB beyond what the modules take."""
    _, grown = measured(ROUND, form, str(count))
    assert grown < 20


@pytest.mark.parametrize(
    ("pieces", "code"),
    [
        ('itertools.chain([HEADER], (bytes(2**20) for _ in range(1024)), [b"\\n"])', "package_too_large"),
        ('itertools.repeat(b"\\n" * 2**20, 1024)', "package_damaged"),
        ('itertools.chain([HEADER], itertools.repeat(b"0\\n" * 2**19, 1024))', "package_damaged"),
        (
            'itertools.chain([HEADER, b\'{"kind":"task","x":"\'], (b"0" * 2**20 for _ in range(1024)))',
            "package_too_large",
        ),
        ('itertools.chain([HEADER], itertools.repeat(b"[" * 2**20, 15), [b"\\n"])', "package_too_deep"),
        ('itertools.chain([HEADER, b"["], itertools.repeat(b"{}," * 2**18, 15), [b"{}]\\n"])', "package_too_large"),
    ],
    ids=["a line of zeros", "empty lines", "lines of zeros", "an endless text", "brackets", "a million objects"],
)
def test_a_bomb_does_not_go_off(pieces: str, code: str) -> None:
    """A gibibyte out of some kilobytes is refused when its first part is too much."""
    printed, grown = measured(f"refused(ZonaForm().open(file_of({pieces}), PackageLimits()))")
    assert printed == [code]
    assert grown < ROOM


def test_endless_good_records_are_refused_by_their_number_and_size() -> None:
    """Limits count what was decompressed, not what was read."""
    many = 'b"".join(b\'{"kind":"task","task_tag":"t%06d"}\\n\' % number for number in range(200_000))'
    code = f"content = {many}\nbefore = peak()\nfile = file_of([HEADER, content])\n"
    for limits in ("records=100_000", "bytes=4_000_000"):
        code += f"refused(ZonaForm().open(file, PackageLimits({limits})))\nfile.seek(0)\n"
    printed, grown = measured(code)
    assert printed == ["package_too_large"] * 2
    assert grown < ROOM


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('b"[" * 2**20', "package_too_deep"),
        ('b\'{"x": "\' + b"0" * 2**20', "package_too_large"),
        ('b" " * 2**20', "package_too_large"),
        ('b"1" * 2**20', "package_too_large"),
        ('b"{}," * 2**18', "package_damaged"),
    ],
)
def test_a_document_without_end_is_refused(text: str, code: str) -> None:
    """A file of 300 MiB is not read into memory to find out that it is none; nor is white space."""
    build = (
        "file = tempfile.TemporaryFile()\n"
        'file.write(b\'{"format": "zona-package", "version": 1, "app": {"title": "a"}, "tasks": [\')\n'
        f"piece = {text}\n"
        "for _ in range(300 * 2**20 // len(piece)):\n    file.write(piece)\n"
        "file.seek(0)\nbefore = peak()\nrefused(JsonForm().open(file, PackageLimits()))\n"
    )
    printed, grown = measured(build)
    assert printed == [code]
    assert grown < 3 * ROOM
