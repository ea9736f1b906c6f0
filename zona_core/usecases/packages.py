"""Packages: whole apps out of a tenant, and into it (SPEC §4.2, §4.3)."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, TypeVar

from zona_core.domain.licences import Feature
from zona_core.domain.package_keys import SignatureFinding, SignaturePolicy
from zona_core.errors import Fault, InvalidInput, InvalidPackage, NotFound
from zona_core.ports.packages import PackageFormat, PackageLimits, PackageReader, PackageSummary
from zona_core.usecases._area import Area, TenantContext, use_case
from zona_core.usecases._distribute import Distributor, Recipient, TenantDistribution
from zona_core.usecases._export import Exporter, ExportReport
from zona_core.usecases._import import Importer, ImportReport, OnConflict
from zona_core.usecases._inspect import Inventory, PackageContents
from zona_core.usecases._package_index import PackageIndex
from zona_core.usecases._quota import require_feature
from zona_core.usecases._signatures import inspected, signer, verified

__all__ = ["Packages"]

E = TypeVar("E", bound=StrEnum)


class Packages(Area):
    """Exporting and importing apps with their tasks. Instances and secrets never travel."""

    area = "packages"
    _context: TenantContext

    @use_case("apps:read", by_object=True)
    def export_apps(
        self,
        apps: Iterable[int | str] | None,
        target: BinaryIO | Path,
        *,
        format: str = "zona",  # noqa: A002  # the field's word
        sign_with: str = "",
    ) -> ExportReport:
        """Writes a package of ``apps`` (ids or titles; None: all that the actor may read) to ``target``.

        The same apps give the same bytes. What is not there is skipped and told; literal secrets are left out and told.
        ``format`` names a form: ``zona`` or ``json`` for a file, ``folder`` for the path of a folder. ``sign_with``
        names a package key of the tenant's own. The actor needs ``tasks:read`` on the apps, too.
        Raises ``NotFound`` (no such format or key), ``InvalidInput`` (``too_many_apps``; ``nothing_to_export``).
        """
        context = self._context
        form = context.parts.package_format(format)
        sign = signer(context, sign_with) if sign_with else None
        exporter = Exporter(context, apps)
        if not exporter.apps:
            missing = ", ".join(exporter.missing) or "none was named"
            raise InvalidInput(f"there is no app to export: {missing}", code="nothing_to_export")
        summary = form.write(exporter.records(), target, sign)
        report = ExportReport(
            apps=tuple(app.title for app in exporter.apps),
            tasks=exporter.tasks,
            playbooks=exporter.playbooks,
            schedules=exporter.schedules,
            digest=summary.digest.hex(),
            signed_by=summary.signature.key if summary.signature else "",
            missing=tuple(exporter.missing),
            left_out=tuple(exporter.left_out),
        )
        with context.data.transaction():
            context.data.record(context.actor, "packages.export_apps", "packages/" + report.digest, after=report)
        return report

    @use_case("apps:write", by_object=True)
    def import_apps(
        self,
        source: BinaryIO | Path,
        *,
        format: str = "",  # noqa: A002  # the field's word
        on_conflict: OnConflict = OnConflict.SKIP,
        signature: SignaturePolicy = SignaturePolicy.CHECKED,
        dry_run: bool = False,
        limits: PackageLimits | None = None,
    ) -> ImportReport:
        """Imports the apps of a package, each wholly or not at all; the report tells what became of each.

        ``source`` is a seekable file or the path of a folder, in the form that ``format`` names or that it looks like.
        ``on_conflict`` says what becomes of an app whose title is taken. A dry run changes nothing and gives the same
        report. References to tasks that are not there are told, and wait.
        Raises ``InvalidPackage`` for a package that is not imported at all, its code the reason (see
        ``ports/packages.py``; ``signature_missing``, ``signature_unknown``, ``signature_invalid``), and
        ``InvalidInput`` (``dependency_cycle``).
        """
        context, on_conflict = self._context, _known(OnConflict, on_conflict, "on_conflict")
        _, form = self._form(source, format)
        reader = form.open(source, limits or PackageLimits())
        index, summary, finding = self._checked(reader, _known(SignaturePolicy, signature, "signature"))
        importer = Importer(context, index, on_conflict, dry_run=dry_run)
        return ImportReport(
            dry_run=dry_run,
            apps=importer.imported(reader.records()),
            digest=summary.digest.hex(),
            signature=finding,
            left_out=index.left_out,
        )

    @use_case("apps:read", by_object=True)
    def inspect(
        self,
        source: BinaryIO | Path,
        *,
        format: str = "",  # noqa: A002  # the field's word
        limits: PackageLimits | None = None,
    ) -> PackageContents:
        """What is in a package; ``source``, ``format`` and ``limits`` as for an import, which a dry run foretells.

        Raises ``InvalidPackage`` for one that is damaged or whose signature is not valid; that nobody here knows the
        key that it was signed with is told.
        """
        name, form = self._form(source, format)
        inventory = Inventory()
        summary = form.open(source, limits or PackageLimits()).check(inventory.note)
        return PackageContents(
            format=name,
            version=summary.version,
            apps=inventory.apps,
            records=summary.records,
            digest=summary.digest.hex(),
            signature=inspected(self._context, summary),
            left_out=inventory.left_out,
        )

    @use_case("apps:read", by_object=True)
    def distribute(
        self,
        apps: Iterable[int | str] | None,
        to: Sequence[Recipient],
        *,
        on_conflict: OnConflict = OnConflict.OVERWRITE,
        dry_run: bool = False,
    ) -> list[TenantDistribution]:
        """Copies ``apps`` of this tenant (as ``export_apps`` names them) to others, and makes their instances there.

        The actor needs to enter those tenants, and there what importing and adding instances needs. Each tenant's
        values and credentials are its own. What fails in one tenant is told, and the others go on. A dry run changes
        nothing in them, and gives the same report.
        Raises ``LicenceLimit`` (``feature_not_licensed``), ``NotFound`` if any of the apps is missing, and as
        ``export_apps`` does; then nothing was done.
        """
        on_conflict = _known(OnConflict, on_conflict, "on_conflict")
        require_feature(self._context, Feature.DISTRIBUTE)
        here = self._context.tenant.tenant_code
        if any(each.tenant_code == here for each in to):
            raise InvalidInput(f"the apps are from {here} itself", code="own_tenant", hint="name other tenants")
        with tempfile.TemporaryFile(prefix="zona-") as package:
            exported = self.export_apps(apps, package)
            if exported.missing:
                raise NotFound(f"there is no app to distribute: {', '.join(exported.missing[:20])}")
            distributor = Distributor(self._context, on_conflict, left_out=exported.left_out, dry_run=dry_run)
            return [distributor.bring(package, each) for each in to]

    def _checked(
        self, reader: PackageReader, policy: SignaturePolicy
    ) -> tuple[PackageIndex, PackageSummary, SignatureFinding]:
        """What is in the package, all of which was read, and who signed it."""
        index = PackageIndex()
        summary = reader.check(index.note)
        finding = verified(self._context, summary, policy)
        index.refuse_cycles()
        return index, summary, finding

    def _form(self, source: BinaryIO | Path, name: str) -> tuple[str, PackageFormat]:
        """The form that is named or that ``source`` looks like, with its name."""
        parts = self._context.parts
        forms = {each: parts.package_format(each) for each in ([name] if name else parts.package_formats())}
        fitting = [(each, form) for each, form in forms.items() if form.takes_folder == isinstance(source, Path)]
        for each, form in fitting:
            if name or form.recognises(source):
                return each, form
        if name and not fitting:
            wanted = "the path of a folder" if forms[name].takes_folder else "a file"
            raise InvalidInput(f"a package of the form {name} is read from {wanted}", code="wrong_source")
        raise InvalidPackage(
            "this is no package", hint=f"a package is of the form {', '.join(parts.package_formats())}"
        )


def _known(kind: type[E], value: str, name: str) -> E:
    """The member of an enumeration; raises ``InvalidInput``."""
    try:
        return kind(value)
    except ValueError:
        raise InvalidInput.of([Fault(name, f"{value!r} is not known", " or ".join(kind))]) from None
