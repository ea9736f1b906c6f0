"""Licences on MongoDB: limits that hold with several at once, in one database and in tenants' own."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from zona_core import AppDefinition, LicenceLimit, Resource, Zona, licensing
from zona_core.persistence.ledger import Ledger
from zona_core.plugins import Plugins

THREADS = 4


@pytest.fixture(params=["shared", "mssp"])
def zona(request: pytest.FixtureRequest, url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Zona]:
    """An installation with two tenants, whose licence allows ten instances."""
    scheme = Plugins().signature_scheme()
    pair = scheme.new_pair()
    monkeypatch.setattr(licensing, "vendor_keys", lambda: scheme.public_text(pair.public))
    with Zona(store=url, tenancy=request.param) as made:
        for code in ("acme", "rival"):
            made.system().tenants.add(code)
            made.tenant(code).apps.upsert(AppDefinition(title="Demo"))
        terms = licensing.draft("Acme AG", now=made._parts.clock.now(), limits={"max_instances": 10})
        made.system().licence.install(licensing.issue(terms, scheme.private_text(pair.private), scheme))
        yield made
        if request.param == "mssp":
            for code in ("acme", "rival"):
                made.system().tenants.suspend(code)
                made.system().tenants.remove(code)


def used(zona: Zona) -> int:
    return next(each.used for each in zona.system().licence.usage() if each.resource is Resource.INSTANCES)


def test_threads_never_exceed_a_limit(zona: Zona) -> None:
    """Just as many get through as there is room for, whoever settles and counts meanwhile; nothing is lost."""
    raised: list[BaseException] = []
    begin = threading.Barrier(THREADS + 1)

    def work(number: int) -> None:
        begin.wait()
        instances = zona.tenant("acme" if number % 2 else "rival").instances
        for each in range(8):
            try:
                made = instances.add("Demo", title=f"{number}-{each}")
                if each == 0:
                    instances.remove(None, made.instance_id)
            except LicenceLimit:
                continue
            except BaseException as exc:  # noqa: BLE001  # whatever it is, the test tells it
                raised.append(exc)

    def keep() -> None:
        begin.wait()
        ledger = Ledger(zona._parts.database)
        for _ in range(5):
            ledger.settle(0)
            ledger.recount()

    threads = [
        *(threading.Thread(target=work, args=(number,)) for number in range(THREADS)),
        threading.Thread(target=keep),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert raised == []
    zona.system().licence.settle(older_than=0)
    there = sum(len(zona.tenant(code).instances.list().items) for code in ("acme", "rival"))
    assert used(zona) == there == 10
    counted = zona.system().licence.usage()
    assert zona.system().licence.recount().after == tuple(counted)
