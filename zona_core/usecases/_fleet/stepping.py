"""One step of a plan: hooks, and what the engine does about the service."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Final

from attrs import define, evolve

from zona_core.domain.fleet.plan import Step, Verb
from zona_core.domain.fleet.progress import FleetReport, ServiceProgress
from zona_core.domain.fleet.specification import FailureAction, Hook
from zona_core.domain.fleet.targets import Target, Targets
from zona_core.errors import EngineFailed, FleetLocked, RolloutFailed, StoreUnavailable, ZonaError
from zona_core.ports.engines import ContainerEngine, Progress, Report
from zona_core.usecases._fleet.concealing import Conceal, traced
from zona_core.usecases._fleet.journal import Journal

__all__ = ["Ending", "Stepping", "reporting"]

_log: Final = logging.getLogger("zona.fleet")

#: characters of what a hook wrote that are told if it fails: the last ones
_TOLD: Final = 500


@define(frozen=True, kw_only=True)
class Ending:
    """What came of a step."""

    #: empty: it is done
    code: str = ""
    message: str = ""
    #: whether the engine was asked to change the service at all
    touched: bool = True
    #: whether the service is as it was
    unchanged: bool = False
    #: whether it stays as it is now, by its policy
    paused: bool = False


class Stepping:
    """Carries out the steps of one plan; of several threads."""

    def __init__(
        self,
        engine: ContainerEngine,
        journal: Journal,
        targets: Targets,
        former: Mapping[str, Target],
        conceal: Conceal,
    ) -> None:
        self._engine = engine
        self._journal = journal
        self._targets = targets
        self._former = former
        self._conceal = conceal
        self._report = reporting(journal.tell, conceal)

    def take(self, step: Step, left: Callable[[], float]) -> Ending:
        """Carries one out; ``left`` gives the seconds that are left. Raises ``FleetLocked``, ``StoreUnavailable``."""
        hooks = step.verb in (Verb.CREATE, Verb.UPDATE)
        target = None if step.verb is Verb.REMOVE else self._targets.service(step.service)
        touched = changed = False
        try:
            if target is not None and hooks:
                self._run_hooks(target, target.hooks.pre, "before", left)
            touched = True
            self._change(step, target, left())
            changed = True
            if target is not None and hooks:
                self._run_hooks(target, target.hooks.post, "after", left)
        except (FleetLocked, StoreUnavailable):
            raise
        except ZonaError as exc:
            rolled_back = exc.rolled_back if isinstance(exc, RolloutFailed) else isinstance(exc, EngineFailed)
            unchanged = not touched or (rolled_back and not changed)
            pausing = target is not None and target.update.on_failure is FailureAction.PAUSE
            paused = pausing and touched and not changed and not unchanged and isinstance(exc, RolloutFailed)
            message = self._conceal(exc.message)
            return Ending(code=exc.code, message=message, touched=touched, unchanged=unchanged, paused=paused)
        except Exception as exc:  # noqa: BLE001  # an engine's own fault is no reason to leave the fleet half done
            _log.error("the service %s could not be changed: %s", step.service, traced(exc))
            return Ending(code="internal_error", message=type(exc).__name__, touched=touched, unchanged=not touched)
        return Ending()

    def _change(self, step: Step, target: Target | None, seconds: float) -> None:
        fleet = self._targets.fleet
        if target is None:
            former = self._former[step.service]
            self._engine.remove(fleet, former.engine_name, grace=former.content.stop_grace)
            return
        bounded = evolve(target, update=evolve(target.update, deadline=min(target.update.deadline, seconds)))
        if step.verb is Verb.SCALE:
            self._engine.scale(fleet, bounded, self._report)
        else:
            self._engine.converge(fleet, bounded, self._report)

    def _run_hooks(self, target: Target, hooks: tuple[Hook, ...], when: str, left: Callable[[], float]) -> None:
        for hook in hooks:
            self._journal.fence()
            bounded = evolve(hook, timeout=min(hook.timeout, left()))
            code, output = self._engine.run_once(self._targets.fleet, target, bounded)
            if code:
                told = self._conceal(output).strip()[-_TOLD:]
                raise RolloutFailed(
                    f"the hook {hook.command[0]} {when} it ended with {code}: {told}", code="hook_failed"
                )


def reporting(tell: FleetReport, conceal: Conceal) -> Report:
    """Tells of an engine's progress."""

    def report(progress: Progress) -> None:
        message = conceal(progress.message)
        tell(ServiceProgress(service=progress.service, done=progress.done, wanted=progress.wanted, message=message))

    return report
