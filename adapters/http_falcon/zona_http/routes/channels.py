"""Channels: where people are told. Secrets among their options go in as texts and never come out."""

from __future__ import annotations

from typing import Annotated, Any, Final

from attrs import Factory, define
from msgspec import Meta

from zona_core.domain.policies import Channel
from zona_core.persistence.repository import Listing
from zona_core.usecases._sending import TIMEOUT, ChannelReport
from zona_core.usecases.channels import FailedDelivery, RetriedDeliveries
from zona_http.operation import Answer, Call, Operation, Problem

from ._alerts import DELIVERY
from ._common import Cursor, Id, OptionalTenant, PageOfTenant, PageSize, Title
from ._doors import made

__all__ = ["OPERATIONS"]


@define(frozen=True, kw_only=True)
class ChannelBody:
    """Where people are told, and how."""

    title: Title
    notifier: Annotated[str, Meta(min_length=1, max_length=100, examples=["webhook"])]
    options: Annotated[dict[str, Any], Meta(description="what the notifier asks for; secrets are texts")] = Factory(
        dict
    )
    enabled: Annotated[bool, Meta(description="without it nothing is delivered")] = True


@define(frozen=True, kw_only=True)
class ChannelId(OptionalTenant):
    """Which channel."""

    channel_id: Id


@define(frozen=True, kw_only=True)
class ChannelTest(ChannelId):
    """Which channel, and how long the other side may take."""

    timeout: Annotated[float, Meta(gt=0, le=300, description="seconds")] = TIMEOUT


@define(frozen=True, kw_only=True)
class OfChannel(ChannelId):
    """A page of what belongs to a channel."""

    after: Cursor | None = None
    limit: PageSize = 100


@define(frozen=True, kw_only=True)
class Repetition:
    """Which deliveries are tried again."""

    delivery_id: Annotated[str, Meta(max_length=100, description="empty: the 1,000 oldest that failed")] = ""


def list_channels(call: Call) -> Listing[Channel]:
    return call.workspace.channels.list(after=call.params.after, limit=call.params.limit)


def get_channel(call: Call) -> Channel:
    return call.workspace.channels.get(call.params.channel_id)


def create_channel(call: Call) -> Answer:
    said: ChannelBody = call.body
    channel = call.workspace.channels.save(
        said.title, notifier=said.notifier, options=said.options, enabled=said.enabled, revision=0
    )
    return made(call, channel, str(channel.id))


def replace_channel(call: Call) -> Channel:
    said: ChannelBody = call.body
    return call.workspace.channels.save(
        said.title,
        notifier=said.notifier,
        options=said.options,
        enabled=said.enabled,
        channel_id=call.params.channel_id,
        revision=call.revision,
    )


def remove_channel(call: Call) -> None:
    call.workspace.channels.remove(call.params.channel_id, revision=call.revision)


def try_channel(call: Call) -> ChannelReport:
    return call.workspace.channels.test(call.params.channel_id, timeout=call.params.timeout)


def list_failures(call: Call) -> Listing[FailedDelivery]:
    asked: OfChannel = call.params
    return call.workspace.channels.failures(asked.channel_id, after=asked.after, limit=asked.limit)


def retry_deliveries(call: Call) -> RetriedDeliveries:
    return call.workspace.channels.retry(call.params.channel_id, delivery_id=call.body.delivery_id)


_SAID: Final[dict[str, Any]] = {
    "title": "SOC", "notifier": "webhook",
    "options": {"url": "https://hooks.example.com/zona", "secret": "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"},
    "enabled": True,
}  # fmt: skip
_CHANNEL: Final = {
    **_SAID, "options": {"url": "https://hooks.example.com/zona", "secret": "********"}, "id": 1, "user_id": "admin",
    "created_ts": "2030-01-01T00:00:00Z", "updated_ts": "2030-01-01T00:00:00Z", "revision": 1,
}  # fmt: skip
_FAILED: Final = {
    "id": DELIVERY["id"], "target": "alerts/12", "at": "2030-01-31T12:05:00Z", "attempts": 12,
    "error": "http_status: the receiver answered with 503",
}  # fmt: skip
_ONE: Final = "/api/v1/channels/{channel_id}"
_CHANNELS: Final[dict[str, Any]] = {"tag": "channels"}
_IN_USE: Final = Problem(status=409, codes=("channel_in_use",))
_UNFIT: Final = Problem(status=422, codes=("invalid_input",))

OPERATIONS = (
    Operation(
        **_CHANNELS, method="GET", path="/api/v1/channels", id="list_channels", summary="Channels by title",
        handler=list_channels, use_case="channels.list", params=PageOfTenant, result=list[Channel],
        answer_example=[_CHANNEL],
    ),
    Operation(
        **_CHANNELS, method="POST", path="/api/v1/channels", id="create_channel", summary="Make a channel",
        handler=create_channel, use_case="channels.save", params=OptionalTenant, body=ChannelBody, result=Channel,
        status=201, example=_SAID, answer_example=_CHANNEL,
        problems=(Problem(status=409, codes=("duplicate",)), _UNFIT),
    ),
    Operation(
        **_CHANNELS, method="GET", path=_ONE, id="get_channel", summary="One channel", handler=get_channel,
        use_case="channels.get", params=ChannelId, result=Channel, answer_example=_CHANNEL,
    ),
    Operation(
        **_CHANNELS, method="PUT", path=_ONE, id="replace_channel", summary="Replace a channel",
        description="A secret given as `********` stays as it is. While a policy names it, its title cannot change.",
        handler=replace_channel, use_case="channels.save", params=ChannelId, body=ChannelBody, result=Channel,
        locks=True, example=_SAID, answer_example={**_CHANNEL, "revision": 2},
        problems=(Problem(status=409, codes=("duplicate", "channel_in_use")), _UNFIT),
    ),
    Operation(
        **_CHANNELS, method="DELETE", path=_ONE, id="remove_channel", summary="Delete a channel",
        description="Refused while a policy names it. What is on its way there fails.", handler=remove_channel,
        use_case="channels.remove", params=ChannelId, status=204, conditional=True, problems=(_IN_USE,),
    ),
    Operation(
        **_CHANNELS, method="POST", path=f"{_ONE}/test", id="test_channel", summary="Send a trial notification",
        description="That it was not taken is a report, and no failure of the request.", handler=try_channel,
        use_case="channels.test", params=ChannelTest, result=ChannelReport,
        answer_example={"ok": True, "code": "", "detail": "the other side has taken it", "duration_ms": 81.4},
    ),
    Operation(
        **_CHANNELS, method="GET", path=f"{_ONE}/failures", id="list_channel_failures",
        summary="Deliveries that were given up, the latest first", handler=list_failures,
        use_case="channels.failures", params=OfChannel, result=list[FailedDelivery], answer_example=[_FAILED],
    ),
    Operation(
        **_CHANNELS, method="POST", path=f"{_ONE}/failures/retry", id="retry_channel_failures",
        summary="Try failed deliveries again", handler=retry_deliveries, use_case="channels.retry", params=ChannelId,
        body=Repetition, result=RetriedDeliveries, example={"delivery_id": ""}, answer_example={"count": 17},
        problems=(Problem(status=409, codes=("not_failed",)),),
    ),
)  # fmt: skip
