"""Licence files: issued and verified with nothing but a key, offline.

A file is a JSON object: ``format``, ``version``, ``algorithm``, ``key`` (the fingerprint of the vendor's public key:
SHA-256 of its raw form, in hexadecimal), ``licence`` (its terms) and ``signature`` (base64). Signed are the octets
``zona-licence``, a line feed and the canonical text of everything but the signature: JSON with sorted keys and without
white space, in ASCII. ``docs/licences.md`` lists the terms.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any, Final

from zona_core.domain.licences import COMMUNITY, Feature, Licence, LicenceState, LicenceType
from zona_core.errors import Fault, InvalidInput, InvalidLicence
from zona_core.ports.signatures import SignatureScheme

__all__ = ["draft", "issue", "read_licence", "require_current", "vendor_keys"]

_FORMAT: Final = "zona-licence"
#: the version that is written, and the newest that is read
_VERSION: Final = 1
_ALGORITHM: Final = "ed25519"

_CONTEXT: Final = b"zona-licence\n"
_LARGEST: Final = 64 * 1024
_PUBLIC_KEY: Final = re.compile(r"-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----", re.DOTALL)
#: by how much the clock of whoever issues a licence may be ahead of the one where it is installed
_SKEW: Final = timedelta(minutes=5)


def vendor_keys() -> str:
    """The public keys that licences are verified with: PEM texts, one behind the other, so that keys can rotate."""
    return files("zona_core").joinpath("vendor_keys.pem").read_text(encoding="ascii")


def read_licence(document: str | bytes, scheme: SignatureScheme) -> Licence:
    """The terms in a licence file that a vendor's key has signed.

    Raises ``InvalidLicence``: ``licence_damaged``, ``licence_too_new``, ``licence_unknown_key``, ``licence_forged``.
    """
    envelope = _parsed(document)
    version = envelope.get("version")
    if envelope.get("format") != _FORMAT or type(version) is not int or version < 1:
        raise _damaged(Fault("format", "this is no licence", f"{_FORMAT!r} and a version"))
    if version > _VERSION:
        raise InvalidLicence(
            f"the licence is of version {version}; this release reads {_VERSION}",
            code="licence_too_new",
            hint="install a newer release of Zona, or ask for a licence for this one",
        )
    signature = _signature(envelope)
    if not scheme.verify(_public_key(envelope, scheme), _message(envelope), signature):
        raise InvalidLicence(
            "the licence is not as it was issued: its signature does not fit",
            code="licence_forged",
            hint="use the file as you were given it",
        )
    return _terms(envelope.get("licence"))


def require_current(licence: Licence, now: datetime) -> None:
    """Refuses to install what does not count at ``now``.

    Raises ``InvalidLicence``: ``licence_not_yet_valid``, or ``licence_expired`` once its grace is over, too.
    """
    if now + _SKEW < licence.starts_at:
        raise InvalidLicence(
            f"the licence counts from {licence.starts_at.isoformat()} on", code="licence_not_yet_valid"
        )
    if licence.state(now) is LicenceState.EXPIRED and licence.expires_at is not None:
        raise InvalidLicence(f"the licence ended on {licence.expires_at.date()}", code="licence_expired")


def draft(
    licensee: str,
    kind: LicenceType = LicenceType.ENTERPRISE,
    *,
    now: datetime,
    limits: Mapping[str, int | None] | None = None,
    features: Iterable[str] | None = None,
    starts_at: datetime | None = None,
    expires_at: datetime | None = None,
    grace_days: int | None = None,
    terms: str = "",
    compliance: Mapping[str, Any] | None = None,
    licence_id: str = "",
) -> Licence:
    """The terms of a new licence; what is left out is as usual for its type.

    Usual are: a trial with 25 integrations, 100 instances and 5 tenants for 30 days and 7 of grace; an enterprise
    licence without limits for a year and 30 days of grace; a community licence as the one that is built in. ``limits``
    are by attribute (``max_tenants``). Raises ``InvalidInput`` with every fault.
    """
    starts_at = _second(starts_at or now)
    usual, days, grace = _USUAL[kind]
    licence = Licence(
        **{**usual, **(limits or {})},
        id=licence_id or str(uuid.uuid4()),
        licensee=licensee,
        type=kind,
        features=None if features is None else tuple(sorted(set(features))),
        terms=terms,
        issued_at=_second(now),
        starts_at=starts_at,
        expires_at=_second(expires_at) if expires_at else starts_at + timedelta(days=days) if days else None,
        grace_days=grace if grace_days is None else grace_days,
        compliance=dict(compliance or {}),
    )
    faults = _faults(_data(licence))
    known = [each.value for each in Feature]
    faults += (
        Fault("features", f"{name!r} is no feature", "some of " + ", ".join(known))
        for name in licence.features or ()
        if name not in known
    )
    if licence.expires_at is not None and licence.expires_at <= licence.starts_at:
        faults.append(Fault("expires_at", "it would end before it begins", "a later time"))
    if faults:
        raise InvalidInput.of(faults, "The licence")
    return licence


def issue(licence: Licence, private_key: str, scheme: SignatureScheme) -> str:
    """The file of a licence, signed with the key in a PEM text. The same licence and key give the same file.

    Raises ``InvalidInput`` for what is no private key.
    """
    pair = scheme.pair_of_text(private_key)
    envelope = {
        "format": _FORMAT,
        "version": _VERSION,
        "algorithm": _ALGORITHM,
        "key": _fingerprint(pair.public),
        "licence": _data(licence),
    }
    signature = b64encode(scheme.sign(pair.private, _message(envelope))).decode()
    return json.dumps({**envelope, "signature": signature}, indent=2, ensure_ascii=False) + "\n"


def _fingerprint(public: bytes) -> str:
    """By what a licence names the key that it was signed with."""
    return hashlib.sha256(public).hexdigest()


#: by type: limits, days that it counts (None: for ever), days of grace
_USUAL: Final[Mapping[LicenceType, tuple[Mapping[str, int | None], int | None, int]]] = {
    LicenceType.TRIAL: ({"max_integrations": 25, "max_instances": 100, "max_tenants": 5}, 30, 7),
    LicenceType.ENTERPRISE: ({}, 365, 30),
    LicenceType.COMMUNITY: (
        {name: getattr(COMMUNITY, name) for name in ("max_integrations", "max_instances", "max_tenants")},
        None,
        0,
    ),
}


def _parsed(document: str | bytes) -> dict[str, Any]:
    if len(document) > _LARGEST:
        raise _damaged(Fault("", f"it has {len(document)} octets", f"at most {_LARGEST}"))
    try:
        envelope = json.loads(document, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise _damaged(Fault("", "this is no JSON document", "a licence file")) from None
    if not isinstance(envelope, dict):
        raise _damaged(Fault("", "this is no JSON object", "a licence file"))
    return envelope


def _no_number(name: str) -> Any:
    raise ValueError(name)


def _signature(envelope: Mapping[str, Any]) -> bytes:
    if envelope.get("algorithm") != _ALGORITHM:
        raise _damaged(Fault("algorithm", "is unknown", _ALGORITHM))
    try:
        return b64decode(envelope.get("signature", ""), validate=True)
    except (Base64Error, TypeError, ValueError):
        raise _damaged(Fault("signature", "is not base64")) from None


def _public_key(envelope: Mapping[str, Any], scheme: SignatureScheme) -> bytes:
    for text in _PUBLIC_KEY.findall(vendor_keys()):
        public = scheme.public_of_text(text)
        if _fingerprint(public) == envelope.get("key"):
            return public
    raise InvalidLicence(
        "the licence was signed with a key that this release does not know",
        code="licence_unknown_key",
        hint="it may be for a newer release of Zona, or not from its vendor",
    )


def _message(envelope: Mapping[str, Any]) -> bytes:
    signed = {name: value for name, value in envelope.items() if name != "signature"}
    return _CONTEXT + json.dumps(signed, sort_keys=True, separators=(",", ":")).encode("ascii")


def _data(licence: Licence) -> dict[str, Any]:
    values = {name: getattr(licence, name) for name in _TERMS}
    values["type"] = licence.type.value
    values["features"] = None if licence.features is None else list(licence.features)
    return {
        name: value.astimezone(UTC).strftime(_TIME) if isinstance(value, datetime) else value
        for name, value in values.items()
    }


def _terms(data: Any) -> Licence:
    if faults := _faults(data):
        raise _damaged(*(fault.under("licence") for fault in faults))
    times = {
        name: datetime.fromisoformat(data[name]) for name in ("issued_at", "starts_at", "expires_at") if data[name]
    }
    features = None if data["features"] is None else tuple(data["features"])
    return Licence(**{**data, **times, "type": LicenceType(data["type"]), "features": features})


def _faults(data: Any) -> list[Fault]:
    """What is wrong with the terms as they stand in a file."""
    if not isinstance(data, dict):
        return [Fault("", "is no object", "the terms of the licence")]
    found = [Fault(name, "is missing", expected) for name, (_, expected) in _TERMS.items() if name not in data]
    found += (Fault(str(name), "is unknown", "one of " + ", ".join(_TERMS)) for name in data if name not in _TERMS)
    return found + [
        Fault(name, "cannot be used", expected)
        for name, (fits, expected) in _TERMS.items()
        if name in data and not fits(data[name])
    ]


_TIME: Final = "%Y-%m-%dT%H:%M:%SZ"
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")


def _is_text(least: int, most: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and least <= len(value) <= most


def _is_number(most: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and 0 <= value <= most


def _is_time(value: Any) -> bool:
    try:
        return isinstance(value, str) and datetime.strptime(value, _TIME).year > 1900  # noqa: DTZ007  # Z is UTC
    except ValueError:
        return False


def _is_list_of_names(value: Any) -> bool:
    return isinstance(value, list) and len(value) <= 100 and all(map(_is_text(1, 64), value))


def _is_mapping_of_scalars(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(each, str | int | bool) for each in value.values())


def _or_none(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or fits(value)


_LIMIT: Final = (_or_none(_is_number(10**9)), "a whole number from 0, or null for any number")
_MOMENT: Final = "a time such as 2030-01-01T00:00:00Z"
#: what a licence has, whether a value can be used, and what would be right
_TERMS: Final[Mapping[str, tuple[Callable[[Any], bool], str]]] = {
    "id": (lambda value: isinstance(value, str) and bool(_ID.match(value)), "1-64 of A-Z a-z 0-9 . _ -"),
    "licensee": (_is_text(1, 200), "a name of 1-200 characters"),
    "type": (lambda value: value in [each.value for each in LicenceType], "trial, community or enterprise"),
    "max_integrations": _LIMIT,
    "max_instances": _LIMIT,
    "max_tenants": _LIMIT,
    "features": (_or_none(_is_list_of_names), "a list of names, or null for all"),
    "terms": (_is_text(0, 10_000), "a text"),
    "issued_at": (_is_time, _MOMENT),
    "starts_at": (_is_time, _MOMENT),
    "expires_at": (_or_none(_is_time), f"{_MOMENT}, or null for never"),
    "grace_days": (_is_number(3_650), "a whole number of days"),
    "compliance": (_is_mapping_of_scalars, "an object of texts, whole numbers, true and false"),
}


def _second(at: datetime) -> datetime:
    """``at`` as it can stand in a file."""
    return at.astimezone(UTC).replace(microsecond=0)


def _damaged(*faults: Fault) -> InvalidLicence:
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return InvalidLicence(f"the licence cannot be read: {faults[0]}{more}", code="licence_damaged", faults=faults)
