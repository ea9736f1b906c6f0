"""What an app's change does to its instances, told by whoever made the change."""

from __future__ import annotations

from zona_cli import _output as out
from zona_cli._paging import gathered
from zona_cli._session import Session

__all__ = ["warn_of_broken_instances"]


def warn_of_broken_instances(session: Session, app: int) -> None:
    """Tells which instances lack what the new version of their app requires."""
    from zona_core import InstanceStatus

    here = session.workspace().instances
    found, _ = gathered(lambda cursor, size: here.list(app, after=cursor, limit=size), None, None)
    for each in found:
        if each.status is InstanceStatus.ERROR:
            out.warn(session, f"the instance {each.title} cannot be used as it is: {each.status_reason}")
