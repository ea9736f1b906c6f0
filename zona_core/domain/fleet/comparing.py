"""What differs between two contents, field by field, and why."""

from __future__ import annotations

from ._flat import flat, shown
from .plan import Difference, Reason
from .targets import Content

__all__ = ["content_differences"]

_REASONS = {"image": Reason.IMAGE, "environment": Reason.ENVIRONMENT, "files": Reason.FILE}
#: what an app's service definition and an instance's values say of an instance's service
_OF_TENANT = frozenset({"image", "command", "environment", "files", "ports", "health"})


def content_differences(
    before: Content, after: Content, *, applied: Content | None = None, tenant_code: str = ""
) -> tuple[Difference, ...]:
    """Each field in which ``after`` (what is wanted) differs from ``before`` (what is there), by its path.

    ``applied`` is what was applied last: a field in which that is what is wanted now has drifted, somebody else changed
    it. With ``tenant_code`` the service is that of a tenant's instance, which then is the reason for what the instance
    says. Values are bounded, on one line, and never those of a secret.
    """
    if before == after:
        return ()
    old, new = flat(before), flat(after)
    noted = flat(applied) if applied is not None else None
    return tuple(
        Difference(
            path=path,
            before=shown(path, old.get(path, "")),
            after=shown(path, new.get(path, "")),
            reason=Reason.DRIFT
            if noted is not None and noted.get(path) == new.get(path)
            else _reason(path, tenant_code),
        )
        for path in sorted(old.keys() | new.keys())
        if old.get(path) != new.get(path)
    )


def _reason(path: str, tenant_code: str) -> Reason:
    part = path.partition(".")[0]
    if tenant_code and part in _OF_TENANT:
        return Reason.TENANT
    return _REASONS.get(part, Reason.SPECIFICATION)
