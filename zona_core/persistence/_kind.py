"""What is said of a collection, and which states of documents count as living."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Generic, TypeVar

from attrs import define

from zona_core.domain.apps import AppStatus
from zona_core.domain.identity import UserStatus
from zona_core.domain.instances import InstanceStatus
from zona_core.domain.schedules import ScheduleStatus
from zona_core.ports.store import CollectionSpec, In

__all__ = ["LIVE_APP", "LIVE_INSTANCE", "LIVE_SCHEDULE", "LIVE_USER", "Kind"]

T = TypeVar("T")


@define(frozen=True, kw_only=True)
class Kind(Generic[T]):
    """How a model is stored."""

    model: type[T]
    spec: CollectionSpec
    #: the document's key, unique within its tenant
    key: Callable[[T], str]
    #: attributes that are mappings whose ``Secret`` values are sealed
    secrets: tuple[str, ...] = ()
    #: lives in the core database, above tenants
    core: bool = False
    #: its documents hold numbers and texts only, and not all that the model has
    plain: bool = False
    #: its documents note that they have no literal secrets; see ``notes``
    noted: bool = False
    #: how many of its documents are copied at a time
    batch: int = 500


LIVE_APP: Final = In([status.value for status in AppStatus if status is not AppStatus.DELETED])
LIVE_INSTANCE: Final = In([status.value for status in InstanceStatus if status is not InstanceStatus.DELETED])
LIVE_SCHEDULE: Final = In([status.value for status in ScheduleStatus if status is not ScheduleStatus.DELETED])
LIVE_USER: Final = In([status.value for status in UserStatus if status is not UserStatus.DELETED])
