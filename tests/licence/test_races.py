"""However many work at once, in whichever threads and processes: a limit holds exactly, and nothing is lost."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from zona_core import AppDefinition, LicenceLimit, NotFound, ZonaError
from zona_core.persistence.ledger import Ledger

THREADS = 4
PROCESSES = 3

#: adds instances until it is refused, removing every third one again, and tells how many it has in the end
_WORKER = """
import json, sys
from zona_core import LicenceLimit, Zona, licensing

url, own, tenancy, code, public = sys.argv[1:]
licensing.vendor_keys = lambda: public
with Zona(store=url, tenant_store=own, tenancy=tenancy) as zona:
    instances = zona.tenant(code).instances
    print("ready", flush=True)
    sys.stdin.readline()
    held, refused = 0, 0
    for number in range(30):
        try:
            made = instances.add("Demo", title=f"{sys.argv[4]}-{number}")
            held += 1
            if number % 3 == 0:
                instances.remove(None, made.instance_id)
                held -= 1
        except LicenceLimit as exc:
            assert exc.code == "licence_limit", exc
            refused += 1
print(json.dumps([held, refused]))
"""


def together(*actions: Callable[[], None]) -> list[BaseException]:
    """Runs the actions at once; what they raised."""
    begin, raised = threading.Barrier(len(actions)), list[BaseException]()

    def run(action: Callable[[], None]) -> None:
        begin.wait()
        try:
            action()
        except BaseException as exc:  # noqa: BLE001  # whatever it is, the test tells it
            raised.append(exc)

    threads = [threading.Thread(target=run, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def test_threads_never_exceed_a_limit(home: Any, vendor: Any) -> None:
    """Of many at once just as many get through as there is room for, whatever tenants they work in."""
    home.licence.install(vendor.file(max_instances=10))
    home.furnished("acme", "rival")

    def adding(number: int) -> Callable[[], None]:
        def add() -> None:
            for each in range(10):
                with suppress(LicenceLimit):
                    home.add("acme" if number % 2 else "rival", f"{number}-{each}")

        return add

    assert together(*map(adding, range(THREADS))) == []
    assert home.used() == home.truth["instances"] == 10
    assert home.database.quota_notes.all() == []


def test_tenants_are_made_up_to_the_limit(home: Any, vendor: Any) -> None:
    """By several at once, too."""
    home.licence.install(vendor.file(max_tenants=5))

    def adding(number: int) -> Callable[[], None]:
        def add() -> None:
            for each in range(3):
                with suppress(LicenceLimit):
                    home.zona.system().tenants.add(f"t{number}-{each}")

        return add

    assert together(*map(adding, range(THREADS))) == []
    assert home.counted["tenants"] == home.truth["tenants"] == 5


def test_settling_and_counting_disturb_nobody(home: Any, vendor: Any) -> None:
    """Others add and remove meanwhile, their notes taken for left behind: in the end the figures are the truth."""
    home.licence.install(vendor.file(max_instances=50))
    home.furnished("acme", "rival")
    ended = threading.Event()

    def working(number: int) -> Callable[[], None]:
        def work() -> None:
            code = "acme" if number % 2 else "rival"
            for each in range(12):
                with suppress(LicenceLimit):
                    home.add(code, f"{number}-{each}")
                if each % 2:
                    with suppress(NotFound):
                        home.remove(code, f"{number}-{each - 1}")

        return work

    def upkeep(act: Callable[[], Any]) -> Callable[[], None]:
        def repeat() -> None:
            while not ended.is_set():
                act()

        return repeat

    ledger = Ledger(home.database)
    keeping = [threading.Thread(target=upkeep(act)) for act in (lambda: ledger.settle(0), ledger.recount)]
    for thread in keeping:
        thread.start()
    try:
        raised = together(*map(working, range(THREADS)))
    finally:
        ended.set()
        for thread in keeping:
            thread.join()
    assert raised == []
    ledger.settle(0)
    assert home.counted == home.truth
    assert home.truth["instances"] == THREADS * 6


@pytest.mark.parametrize("tenancy", ["shared", "mssp"])
def test_processes_never_exceed_a_limit(opened: Callable[..., Any], vendor: Any, tmp_path: Path, tenancy: str) -> None:
    """Several on one SQLite file, each in a tenant of its own: the limit is that of all together."""
    home = opened(tenancy, "sqlite")
    codes = [f"t{number}" for number in range(PROCESSES)]
    home.furnished(*codes)
    home.licence.install(vendor.file(max_instances=20))
    settings = home.zona.settings
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", _WORKER, settings.store, settings.tenant_store, tenancy, code, vendor.public],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for code in codes
    ]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    told = [json.loads(worker.communicate(timeout=120)[0]) for worker in workers]
    assert sum(held for held, _ in told) == home.used() == 20
    assert any(refused for _, refused in told)  # one that is first may get all that it wants
    assert home.counted == home.truth


def test_the_first_use_counts_once(home: Any, vendor: Any) -> None:
    """An installation from before, and several that begin at once."""
    home.furnished("acme", "rival")
    for title in "abc":
        home.add("acme", title)
    home.licence.install(vendor.file(max_instances=6))
    home.uncounted()

    def add(code: str) -> Callable[[], None]:
        return lambda: home.add(code, code)

    def count() -> None:
        home.licence.usage()

    assert together(add("acme"), add("rival"), count, count) == []
    assert home.counted == home.truth
    assert home.used() == 5


def test_one_title_is_given_once_and_counted_once(home: Any, vendor: Any) -> None:
    """Of simultaneous ones with one title one wins, and the others take nothing."""
    home.licence.install(vendor.file(max_instances=2, max_integrations=10))
    home.furnished("acme")
    wrong: list[str] = []

    def add() -> None:
        for _ in range(5):
            try:
                home.add("acme", "same")
            except ZonaError as exc:
                wrong.append(exc.code)

    def make() -> None:
        with suppress(ZonaError):
            home.zona.tenant("acme").apps.upsert(AppDefinition(title="Same"))

    assert together(add, add, make, make) == []
    assert set(wrong) <= {"duplicate", "licence_limit"}
    assert home.used() == 1
    assert home.counted == home.truth
