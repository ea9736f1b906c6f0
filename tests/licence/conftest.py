"""What the tests of licences share: a vendor with a key of the test's own, and installations in all modes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from attrs import define

from zona_core import AppDefinition, LicenceType, Resource, Zona, licensing
from zona_core.persistence.collections import LICENCE_USAGE
from zona_core.plugins import Plugins
from zona_core.ports.signatures import KeyPair, SignatureScheme

#: (tenancy, store)
MODES = [("shared", "memory"), ("mssp", "memory"), ("shared", "sqlite"), ("mssp", "sqlite")]


@define(frozen=True)
class Vendor:
    """Issues licences by the test's clock."""

    scheme: SignatureScheme
    pair: KeyPair
    clock: Any

    @property
    def private(self) -> str:
        """The private key as PEM."""
        return self.scheme.private_text(self.pair.private)

    @property
    def public(self) -> str:
        """The public key as PEM."""
        return self.scheme.public_text(self.pair.public)

    def file(self, kind: LicenceType = LicenceType.ENTERPRISE, **terms: Any) -> str:
        """A licence file; ``max_…`` are limits, everything else as in ``licensing.draft``."""
        limits = {name: terms.pop(name) for name in list(terms) if name.startswith("max_")}
        drafted = licensing.draft("Acme AG", kind, now=self.clock.now(), limits=limits, **terms)
        return licensing.issue(drafted, self.private, self.scheme)


@pytest.fixture
def scheme() -> SignatureScheme:
    """How licences are signed."""
    return Plugins().signature_scheme()


@pytest.fixture
def vendor(scheme: SignatureScheme, clock: Any, monkeypatch: pytest.MonkeyPatch) -> Vendor:
    """The vendor whose key this release knows."""
    made = Vendor(scheme, scheme.new_pair(), clock)
    monkeypatch.setattr(licensing, "vendor_keys", lambda: made.public)
    return made


class Home:
    """An installation, and what it should have counted."""

    def __init__(self, zona: Zona) -> None:
        self.zona = zona
        self.database = zona._parts.database
        self.licence = zona.system().licence

    def furnished(self, *codes: str) -> None:
        """Makes these tenants, each with the app ``Demo`` that takes any instance."""
        for code in codes:
            self.zona.system().tenants.add(code)
            self.zona.tenant(code).apps.upsert(AppDefinition(title="Demo"))

    def add(self, code: str, title: str) -> None:
        """One more instance."""
        self.zona.tenant(code).instances.add("Demo", title=title)

    def remove(self, code: str, title: str) -> None:
        """One instance less."""
        self.zona.tenant(code).instances.remove("Demo", title)

    def used(self, resource: Resource = Resource.INSTANCES) -> int:
        """What is counted."""
        return next(each.used for each in self.licence.usage() if each.resource is resource)

    @property
    def counted(self) -> dict[str, Any]:
        """All figures: of the whole, and of each tenant."""
        return {
            **{each.resource.value: each.used for each in self.licence.usage()},
            **{each.tenant_code: (each.integrations, each.instances) for each in self.licence.tenants().items},
        }

    @property
    def truth(self) -> dict[str, Any]:
        """The same, by what there is."""
        codes = [tenant.tenant_code for tenant in self.zona.system().tenants.list().items]
        held = {code: (self._apps(code), self._instances(code)) for code in codes}
        return {
            "integrations": sum(apps for apps, _ in held.values()),
            "instances": sum(instances for _, instances in held.values()),
            "tenants": len(codes),
            **held,
        }

    def uncounted(self) -> None:
        """Makes it an installation from before anything was counted."""
        self.database.store.collection(LICENCE_USAGE.spec).delete_many({})

    def _apps(self, code: str) -> int:
        return sum(app.status.value != "deleted" for app in self.database.tenant(code).apps.all())

    def _instances(self, code: str) -> int:
        return sum(each.status.value != "deleted" for each in self.database.tenant(code).instances.all())


@pytest.fixture
def opened(tmp_path: Path, plugin: Any, clock: Any) -> Iterator[Callable[..., Home]]:
    """``opened(tenancy, store)``: another ``Zona`` on the installation of that kind."""
    with ExitStack() as stack:

        def of(tenancy: str, store: str, **options: Any) -> Home:
            name = tmp_path.name.replace("_", "-")
            core, own = {
                "memory": (f"memory://{name}", f"memory://{name}-{{tenant}}"),
                "sqlite": (
                    f"sqlite:///{tmp_path}/zona.db?synchronous=NORMAL",
                    f"sqlite:///{tmp_path}/{{tenant}}.db?synchronous=NORMAL",
                ),
            }[store]
            made = Zona(
                store=core, tenant_store=own, tenancy=tenancy, plugins={"function": plugin}, clock=clock, **options
            )
            return Home(stack.enter_context(made))

        yield of


@pytest.fixture(params=MODES, ids="-".join)
def home(request: pytest.FixtureRequest, opened: Callable[..., Home]) -> Home:
    """An empty installation, in each mode."""
    return opened(*request.param)
