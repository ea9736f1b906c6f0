"""What use-cases ask the licence: is there room for one more, and is this a part of it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Final

from zona_core.domain.licences import COMMUNITY, Feature, Licence, LicenceState, QuotaNote, Resource
from zona_core.errors import InvalidLicence, LicenceLimit, ZonaError
from zona_core.persistence.foresight import Foresight
from zona_core.persistence.ledger import Ledger, key_of
from zona_core.ports.signatures import SignatureScheme
from zona_core.usecases._area import Parts, SystemContext, TenantContext

__all__ = ["adding_tenant", "licence_in_force", "refuse_full", "releasing", "require_feature", "taking"]

_LOG: Final = logging.getLogger("zona.licence")
#: codes of failures after which nobody knows whether a transaction was kept
_UNKNOWN: Final = frozenset({"commit_unknown", "store_unconfirmed"})

Ids = Iterable[int | str]


@contextmanager
def taking(context: TenantContext, *, integrations: Ids = (), instances: Ids = ()) -> Iterator[None]:
    """Around the transaction that makes new objects of these ids: counts them, or refuses before anything is written.

    The block is that transaction and no more: where the tenant's data is in the core database all of it is one, so that
    ids have to be taken before. If the block fails nothing counts. Without ids it does nothing. Where the block only
    foretells, what it would take is noted there and counted nowhere.
    Raises ``LicenceLimit``: ``licence_limit``, ``licence_lapsed``, ``licence_unusable``.
    """
    keys = _keys(integrations, instances)
    if not keys:
        yield
        return
    if isinstance(context.data, Foresight):
        _refuse_full(context, [*context.data.counted, *keys])
        yield
        context.data.counted += keys
        return
    code, ledger, licence = context.tenant.tenant_code, _ledger(context), _open_licence(context.parts)
    now = context.parts.clock.now()
    ledger.prepare(code, keys, licence)
    if _is_in_core(context):
        with context.parts.database.transaction():
            ledger.add(code, keys, licence, now)
            yield
        return
    note = ledger.reserve(code, keys, licence, now)
    try:
        yield
    except Exception as exc:
        # Within a larger transaction only its end decides; then, as after a crash, the note waits to be settled.
        if getattr(exc, "code", "") not in _UNKNOWN and not context.parts.database.in_transaction:
            _close(ledger, note)
        raise
    context.parts.database.after(lambda: _close(ledger, note, made=True))


def refuse_full(context: TenantContext, *, integrations: Ids = ()) -> None:
    """Raises ``LicenceLimit`` if ``taking`` would, and takes nothing."""
    keys = _keys(integrations, ())
    if keys:
        _refuse_full(context, [*(context.data.counted if isinstance(context.data, Foresight) else ()), *keys])


def releasing(context: TenantContext, *, integrations: Ids = (), instances: Ids = ()) -> None:
    """Within the transaction that removes the objects of these ids: has them count no more once it has ended well."""
    keys = _keys(integrations, instances)
    if not keys:
        return
    code, ledger = context.tenant.tenant_code, _ledger(context)
    if _is_in_core(context):
        ledger.subtract(code, keys)
    else:
        note = ledger.note(code, keys)
        context.parts.database.after(lambda: _close(ledger, note))


@contextmanager
def adding_tenant(context: SystemContext, code: str) -> Iterator[None]:
    """Around the making of a tenant's row: one transaction, in which it is counted. Raises ``LicenceLimit``."""
    licence, ledger = _open_licence(context.parts), _ledger(context)
    ledger.prepare()
    with context.parts.database.transaction():
        yield
        ledger.add_tenant(code, licence, context.parts.clock.now())


def require_feature(context: SystemContext, feature: Feature) -> None:
    """Raises ``LicenceLimit`` (``feature_not_licensed``) if the licence lacks the feature.

    One that has lapsed keeps those that it has.
    """
    licence = licence_in_force(context.parts)
    if not licence.has(feature):
        raise LicenceLimit(
            f"the licence ({licence.type.value}) does not have {feature.value}",
            code="feature_not_licensed",
            hint="zona licence show tells what it has",
            feature=feature.value,
            licence_type=licence.type.value,
        )


def licence_in_force(parts: Parts) -> Licence:
    """The licence that counts: the one that is installed, else the one that is built in.

    Raises ``LicenceLimit`` (``licence_unusable``) if what is installed is not, or no longer, what a vendor has signed.
    """
    record = parts.database.licences.one({"active": True})
    if record is None:
        return COMMUNITY
    from zona_core import licensing

    try:
        scheme: Any = parts.signature_scheme()
        return _verified(record.document, licensing.vendor_keys(), scheme)
    except InvalidLicence as exc:
        raise LicenceLimit(
            f"the installed licence cannot be used: {exc.message}",
            code="licence_unusable",
            hint="install it again from its file: zona licence install",
            reason=exc.code,
        ) from exc


@lru_cache(maxsize=8)
def _verified(document: str, keys: str, scheme: SignatureScheme) -> Licence:  # noqa: ARG001  # the keys decide as well
    from zona_core import licensing

    return licensing.read_licence(document, scheme)


def _open_licence(parts: Parts) -> Licence:
    """The licence, by which something new may be made; raises ``LicenceLimit``."""
    licence = licence_in_force(parts)
    if licence.expires_at is not None and licence.state(parts.clock.now()) is LicenceState.EXPIRED:
        raise LicenceLimit(
            f"the licence ended on {licence.expires_at.date()}: what exists goes on, nothing new can be made",
            code="licence_lapsed",
            hint="install another one: zona licence install",
            licence_type=licence.type.value,
        )
    return licence


def _refuse_full(context: TenantContext, keys: list[str]) -> None:
    ledger, licence = _ledger(context), _open_licence(context.parts)
    ledger.prepare(context.tenant.tenant_code, keys, licence)
    ledger.refuse_full(keys, licence)


def _close(ledger: Ledger, note: QuotaNote, *, made: bool = False) -> None:
    """Closes a note once its transaction is over; what keeps it from that leaves the note to be settled later."""
    try:
        ledger.close(note, () if made else ledger.gone(note))
    except ZonaError as exc:
        _LOG.warning("the licence's count of %s is settled later: %s", note.tenant_code, exc.message)


def _is_in_core(context: TenantContext) -> bool:
    return context.data.store is context.parts.database.store


def _ledger(context: SystemContext) -> Ledger:
    return Ledger(context.parts.database)


def _keys(integrations: Ids, instances: Ids) -> list[str]:
    found = [
        *(key_of(Resource.INTEGRATIONS, each) for each in integrations),
        *(key_of(Resource.INSTANCES, each) for each in instances),
    ]
    return list(dict.fromkeys(found))
