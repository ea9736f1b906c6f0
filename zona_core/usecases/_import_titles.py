"""What apps, playbooks and schedules of a package are called where their titles were taken."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import count

from attrs import evolve

from zona_core.domain.playbooks import PlaybookDefinition, StepTask
from zona_core.domain.schedules import ScheduleDefinition
from zona_core.persistence.database import TenantData
from zona_core.usecases._app_playbooks import titled_playbook
from zona_core.usecases._import_report import MappedTask
from zona_core.usecases._portable_playbooks import with_tasks
from zona_core.usecases._stored_schedules import titled_schedule

__all__ = ["Titles"]


class Titles:
    """The new titles; see the module."""

    def __init__(
        self, data: TenantData, apps: Mapping[str, str], playbooks: Iterable[str], schedules: Iterable[str]
    ) -> None:
        """``apps`` are the new titles of apps; the others those of the package that get others if they are taken."""
        self._apps = apps
        self._playbooks = _new_titles(playbooks, lambda title: titled_playbook(data, title) is not None)
        self._schedules = _new_titles(schedules, lambda title: titled_schedule(data, title) is not None)

    def renamed(self, playbooks: Iterable[PlaybookDefinition]) -> dict[str, str]:
        """The new titles of these, by those that they have."""
        return {each.title: self._playbooks[each.title] for each in playbooks if each.title in self._playbooks}

    def renamed_schedules(self, schedules: Iterable[ScheduleDefinition]) -> dict[str, str]:
        """The new titles of these, by those that they have."""
        return {each.title: self._schedules[each.title] for each in schedules if each.title in self._schedules}

    def applied_to_schedules(self, schedules: Iterable[ScheduleDefinition]) -> tuple[ScheduleDefinition, ...]:
        """The schedules with the titles that they and their playbooks have here."""
        return tuple(
            evolve(
                each,
                title=self._schedules.get(each.title, each.title),
                playbook=self._playbooks.get(each.playbook, each.playbook),
            )
            for each in schedules
        )

    def applied(
        self, playbooks: tuple[PlaybookDefinition, ...], app: str
    ) -> tuple[tuple[PlaybookDefinition, ...], tuple[MappedTask, ...]]:
        """The playbooks of the package's app with the titles that things have here, and what leads elsewhere."""
        if not self._apps and not self._playbooks:
            return playbooks, ()
        applied = tuple(map(self._applied, playbooks))
        mapped = (
            MappedTask(
                path=f"playbooks[{new.title}].steps[{index}].task",
                app=step.task.app,
                task=step.task.task,
                to=self._apps[step.task.app],
            )
            for old, new in zip(playbooks, applied, strict=True)
            for index, step in enumerate(old.steps)
            if step.task and step.task.app in self._apps and step.task.app != app
        )
        return applied, tuple(mapped)

    def _applied(self, playbook: PlaybookDefinition) -> PlaybookDefinition:
        moved = with_tasks(playbook, self._of_task)
        steps = tuple(
            evolve(step, playbook=self._playbooks[step.playbook]) if step.playbook in self._playbooks else step
            for step in moved.steps
        )
        title = self._playbooks.get(playbook.title, playbook.title)
        return evolve(moved, title=title, app=self._apps.get(playbook.app, playbook.app), steps=steps)

    def _of_task(self, task: StepTask) -> StepTask:
        return evolve(task, app=self._apps[task.app]) if task.app in self._apps else task


def _new_titles(wished: Iterable[str], is_taken: Callable[[str], bool]) -> dict[str, str]:
    """The first free title for each that is taken, by that."""
    titles = list(wished)
    gone, found = set(titles), dict[str, str]()
    for title in titles:
        if is_taken(title):
            free = (f"{title[:190]} ({number})" for number in count(2))
            found[title] = next(each for each in free if each not in gone and not is_taken(each))
            gone.add(found[title])
    return found
