"""``zona feeds add`` and ``zona feeds from-task``: making feeds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from zona_cli import _output as out
from zona_cli._commands import Command
from zona_cli._inputs import Assignment, Sources, json_object, secret_options, values
from zona_cli._session import Session, pass_session

if TYPE_CHECKING:
    from zona_core.domain.feeds import Feed
    from zona_core.domain.item_cases import ItemCase
    from zona_core.usecases.feeds import Feeds

__all__ = ["MAKING", "next_of", "target_of", "when_of"]


@click.command(cls=Command)
@click.argument("title")
@click.option("--app", default="", metavar="TITLE", help="The app of the task to poll.")
@click.option("--task", default="", metavar="TAG", help="That task.")
@click.option("--instance", default="", metavar="TITLE", help="Needed if the app has several.")
@click.option("--events", default="", metavar="EXPRESSION", help='Where the events are, as "outputs.items".')
@click.option("--cursor", default="", metavar="EXPRESSION", help='Where the cursor is, as "outputs.next".')
@click.option("--more", default="", metavar="EXPRESSION", help="Whether there is another page.")
@click.option("--time", default="", metavar="EXPRESSION", help='An event\'s time, as "event.published".')
@click.option(
    "--resume", type=click.Choice(["time", "cursor"]), default="time", show_default=True,
    help="By what a poll goes on where the one before ended.",
)  # fmt: skip
@click.option("--interval", type=float, default=300.0, show_default=True, metavar="SECONDS", help="Between polls.")
@click.option(
    "--overlap", type=float, default=60.0, show_default=True, metavar="SECONDS", help="Fetched again, for late events."
)
@click.option(
    "--lookback", type=float, default=86_400.0, show_default=True, metavar="SECONDS", help="Of the first poll."
)
@click.option("--most-pages", type=int, default=100, show_default=True, metavar="N", help="Of one poll.")
@click.option("--timeout", type=float, metavar="SECONDS", help="Of one page.  [default: the task's]")
@click.option("--stream", default="", metavar="KIND", help="In the place of a task, a stream: kafka.")
@click.option("--source", default="", metavar="NAME", help="By which name its events are known.  [default: TITLE]")
@click.option("--mapper", default="", metavar="NAME", help="How events are read.  [default: what takes an event]")
@click.option(
    "--mapper-option", "mapper_options", multiple=True, type=Assignment(), metavar="NAME=VALUE",
    help="An option of the mapper, as JSON or else as text.",
)  # fmt: skip
@click.option("--mapper-options", "mapper_file", type=click.File("rb"), metavar="FILE", help="The same, a JSON object.")
@click.option("--filter", default="", metavar="EXPRESSION", help="What is taken, as \"event.level != 'debug'\".")
@click.option(
    "--case", "case_file", type=click.File("rb"), metavar="FILE",
    help="How each new event becomes a case, a JSON object.  [default: cases come of what rules find]",
)  # fmt: skip
@click.option("--disabled", is_flag=True, help="It is fetched once it is enabled.")
@click.option("--description", default="", metavar="TEXT", help="What it is for.")
@click.option(
    "-i", "--input", "inputs", multiple=True, type=Assignment(), metavar="NAME=VALUE",
    help="An input of the task, a value or a template; with --stream an option of that.",
)  # fmt: skip
@click.option(
    "--input-file", type=click.File("rb"), metavar="FILE", help="A JSON object of them, - for standard input."
)
@secret_options
@pass_session
def add(
    session: Session,
    /,
    *,
    stream: str,
    resume: str,
    mapper_options: tuple[tuple[str, str], ...],
    mapper_file: BinaryIO | None,
    case_file: BinaryIO | None,
    disabled: bool,
    inputs: tuple[tuple[str, str], ...],
    input_file: BinaryIO | None,
    sources: Sources,
    **described: Any,
) -> None:
    """Keep a feed called TITLE, a new one or in the place of the one with that title.

    With --app, --task and --events it polls a task; templates such as "{{ since }}" and "{{ cursor }}" among the inputs
    say from where. With --stream it reads a stream.
    """
    from zona_core.domain.feeds import FeedDefinition, FeedKind, Resume

    given = json_object(input_file) if input_file is not None else {}
    given |= _given(session, stream, described, sources._replace(plain=inputs))
    options = {
        **(json_object(mapper_file) if mapper_file else {}),
        **{name: _value(text) for name, text in mapper_options},
    }
    here = session.workspace().feeds
    kept = here.save(
        FeedDefinition(
            **described,
            kind=FeedKind.STREAM if stream else FeedKind.POLL,
            stream=stream,
            resume=Resume(resume),
            mapper_options=options,
            case=_case(case_file),
            enabled=not disabled,
            inputs={} if stream else given,
            options=given if stream else {},
        )
    )
    out.done(session, kept, f"kept the feed {kept.title} (feed {kept.id}): {next_of(here, kept)}")


@click.command("from-task", cls=Command)
@click.argument("app")
@click.argument("task")
@click.option("--instance", default="", metavar="TITLE", help="Needed if the app has several.")
@click.option(
    "--title", default="", metavar="TITLE", help="What it is called.  [default: made of the app and the task]"
)
@click.option("--disabled", is_flag=True, help="It is fetched once it is enabled.")
@pass_session
def from_task(session: Session, /, *, app: str, task: str, instance: str, title: str, disabled: bool) -> None:
    """Keep the feed that the configuration of TASK of APP describes (events_api_config)."""
    here = session.workspace().feeds
    kept = here.from_task(app, task, instance=instance, title=title, enabled=not disabled)
    out.done(session, kept, f"kept the feed {kept.title} (feed {kept.id}): {next_of(here, kept)}")


#: the commands
MAKING = (add, from_task)


def target_of(feed: Feed) -> str:
    """Where a feed's events come from, in a few words."""
    if feed.stream:
        return feed.stream
    return " ".join(filter(None, (feed.app, feed.task, feed.instance)))


def when_of(feed: Feed) -> str:
    """When they are fetched."""
    return "all the time" if feed.stream else f"every {feed.interval:g} s"


def next_of(here: Feeds, feed: Feed) -> str:
    """When it is fetched next."""
    start = here.state(feed.id).start.start_time
    return f"fetched next at {out.moment(start)}" if start is not None else "it is disabled"


def _given(session: Session, stream: str, described: Mapping[str, Any], sources: Sources) -> dict[str, Any]:
    """Inputs or options, read by the kinds of their fields; a template stays a text."""
    here = session.workspace()
    if stream:
        fields = session.zona.plugins.streams(stream).options
    elif described["app"] and described["task"]:
        fields = here.tasks.get(described["app"], described["task"]).inputs
    else:
        fields = ()
    templates = {name: text for name, text in sources.plain if "{{" in text}
    left = [pair for pair in sources.plain if pair[0] not in templates]
    return {**templates, **values(session, fields, sources._replace(plain=left), ask=False)}


def _case(file: BinaryIO | None) -> ItemCase | None:
    """How events become cases, as a file says it; raises ``InvalidInput`` with every fault."""
    if file is None:
        return None
    from zona_core import InvalidInput
    from zona_core.domain.item_cases import ItemCase
    from zona_core.persistence.structuring import structured

    found, faults = structured(json_object(file), ItemCase)
    if faults:
        raise InvalidInput.of([fault.under("case") for fault in faults], "The case")
    return found


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
