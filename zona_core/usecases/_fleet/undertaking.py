"""Doing something to a fleet: under its lock, planned, written down, seen through or undone."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Final

from attrs import define, evolve

from zona_core.domain.fleet.deployments import Deployment, DeploymentStatus, FleetRecord
from zona_core.domain.fleet.plan import Plan
from zona_core.domain.fleet.planning import make_plan
from zona_core.domain.fleet.progress import DeploymentBegan, FleetReport
from zona_core.domain.fleet.targets import Target, Targets
from zona_core.domain.fleet.world import World
from zona_core.errors import Conflict, DeploymentFailed, DeploymentTimeout, RollbackFailed, ZonaError
from zona_core.persistence.database import CORE
from zona_core.usecases._area import SystemContext
from zona_core.usecases._fleet.applying import Applying, Failure
from zona_core.usecases._fleet.former import former_targets
from zona_core.usecases._fleet.journal import Journal
from zona_core.usecases._fleet.lock import Hold, take
from zona_core.usecases._fleet.records import DIGESTS, audited, need_record
from zona_core.usecases._fleet.resolving import Resolved, Resolver, bare
from zona_core.usecases._fleet.reverting import Reverting
from zona_core.usecases._fleet.stepping import Stepping

__all__ = ["Order", "Undertaking", "Wanted", "refuse_problems"]

_log: Final = logging.getLogger("zona.fleet")


@define(frozen=True, kw_only=True)
class Wanted:
    """What a fleet is to be, and which services are looked at for it (None: all)."""

    resolved: Resolved
    chosen: frozenset[str] | None = None
    #: the deployment that is gone back to
    rollback_of: str = ""


@define(frozen=True, kw_only=True)
class Order:
    """What is asked for."""

    #: as in ``Deployment.action``
    action: str
    #: says what is wanted, from the record as it is and from what there is; called under the lock
    want: Callable[[FleetRecord, Resolver, World], Wanted]
    reason: str = ""
    #: the plan that somebody has agreed to; empty: any
    digest: str = ""


@define(frozen=True, kw_only=True)
class _Prepared:
    """What is to be done, and all that it takes."""

    before: FleetRecord
    wanted: Wanted
    plan: Plan
    world: World
    previous: Targets | None
    #: of the whole fleet, once it is done
    after: Targets


class Undertaking:
    """One order, carried out on one fleet."""

    def __init__(self, context: SystemContext, fleet: str, order: Order, tell: FleetReport) -> None:
        self._context = context
        self._database = context.parts.database
        self._fleet = fleet
        self._order = order
        self._tell = tell

    def run(self, wait: float) -> Deployment:
        """Carries it out; where there is nothing to do the deployment is not stored.

        Raises ``FleetLocked``, ``Conflict`` (``plan_outdated``, ``plan_blocked``), ``DeploymentFailed`` and its like,
        ``EngineUnavailable``, ``StoreUnavailable``, and what ``Order.want`` raises.
        """
        with self._take(wait) as hold:
            prepared = self._prepare()
            if prepared.plan.empty:
                return self._nothing(prepared, hold)
            return self._carry_out(prepared, self._began(prepared, hold), hold)

    def begin(self, wait: float) -> Deployment:
        """Carries it out in the background; gives the deployment as it begins. Raises as ``run`` does until then."""
        hold = self._take(wait).begin()
        try:
            prepared = self._prepare()
            if prepared.plan.empty:
                return self._given_back(hold, self._nothing(prepared, hold))
            deployment = self._began(prepared, hold)
            arguments = (prepared, deployment, hold)
            threading.Thread(target=self._behind, args=arguments, name="zona-fleet", daemon=True).start()
        except BaseException:
            hold.end()
            raise
        return deployment

    @staticmethod
    def _given_back(hold: Hold, deployment: Deployment) -> Deployment:
        hold.end()
        return deployment

    def _behind(self, prepared: _Prepared, deployment: Deployment, hold: Hold) -> None:
        try:
            self._carry_out(prepared, deployment, hold)
        except DeploymentFailed as exc:
            _log.warning("%s", exc.message)  # it is stored as well
        except ZonaError as exc:
            _log.error("the deployment %s was broken off: %s", deployment.id, exc.message)
        except Exception:  # noqa: BLE001  # nobody waits for this thread
            _log.exception("the deployment %s was broken off", deployment.id)
        finally:
            hold.end()

    def _take(self, wait: float) -> Hold:
        reason = f"{self._order.action}: {self._order.reason}" if self._order.reason else self._order.action
        return take(self._context, self._fleet, reason=reason, wait=wait, tell=self._tell)

    def _prepare(self) -> _Prepared:
        database = self._database
        record = need_record(database, self._fleet)
        last = database.deployments.get(record.deployment) if record.deployment else None
        previous = None if last is None else last.targets
        world = self._context.parts.container_engine.world(self._fleet)
        resolver = Resolver(self._context, world, previous, opened=True, former=_values(record))
        wanted = self._order.want(record, resolver, world)
        targets = wanted.resolved.targets
        plan = make_plan(targets, world, previous=previous, chosen=wanted.chosen)
        if self._order.digest and self._order.digest != plan.digest:
            message = "the plan is another one by now"
            raise Conflict(message, code="plan_outdated", hint="look at the plan again", digest=plan.digest)
        refuse_problems(plan)
        return _Prepared(
            before=record,
            wanted=wanted,
            plan=evolve(plan, made_at=database.store.now()),
            world=world,
            previous=previous,
            after=_after(targets, previous, wanted.chosen),
        )

    def _nothing(self, prepared: _Prepared, hold: Hold) -> Deployment:
        """Nothing has to be changed; if something else was said than before, that is kept."""
        record, now = prepared.wanted.resolved.record, self._database.store.now()
        if record != prepared.before:
            with self._database.transaction():
                hold.fence()
                self._database.fleets.replace(record)
                self._audit(f"fleet.{self._order.action}", prepared.before, audited(record))
        made = self._deployment(prepared, now)
        return evolve(made, status=DeploymentStatus.SUCCEEDED, ended_at=now)

    def _began(self, prepared: _Prepared, hold: Hold) -> Deployment:
        """The deployment, stored; the record counts it and says nothing else yet."""
        with self._database.transaction():
            hold.fence()
            made = self._deployment(prepared, self._database.store.now())
            self._database.fleets.replace(evolve(prepared.before, deployments=made.number))
            made = self._database.deployments.insert(made)
            after = {
                **audited(prepared.wanted.resolved.record),
                "deployment": made.id,
                "reason": made.reason,
                "rollback_of": made.rollback_of,
                "steps": {step.service: step.verb.value for step in prepared.plan.steps},
            }
            self._audit(f"fleet.{made.action}", prepared.before, after)
        hold.note(made.id)
        self._tell(DeploymentBegan(deployment=made, plan=prepared.plan))
        return made

    def _deployment(self, prepared: _Prepared, now: datetime) -> Deployment:
        return Deployment(
            id=str(uuid.uuid4()),
            fleet=self._fleet,
            number=prepared.before.deployments + 1,
            action=self._order.action,
            actor=self._context.actor.name,
            reason=self._order.reason,
            rollback_of=prepared.wanted.rollback_of,
            plan=prepared.plan,
            targets=bare(prepared.after),
            intent=prepared.wanted.resolved.intent,
            began_at=now,
        )

    def _carry_out(self, prepared: _Prepared, deployment: Deployment, hold: Hold) -> Deployment:
        journal = Journal(self._database, hold, deployment, self._context.actor, self._tell)
        try:
            return self._seen_through(prepared, journal)
        except BaseException as exc:
            if not isinstance(exc, Exception):  # Ctrl-C again: nobody waits for its end, and the lock is given back
                with suppress(ZonaError):
                    journal.close(DeploymentStatus.INTERRUPTED, code="interrupted", message="it was broken off")
            raise

    def _seen_through(self, prepared: _Prepared, journal: Journal) -> Deployment:
        parts, resolved = self._context.parts, prepared.wanted.resolved
        engine, conceal, deployment = parts.container_engine, resolved.conceal, journal.deployment
        former = former_targets(prepared.world, prepared.previous, resolved.targets)
        stepping = Stepping(engine, journal, resolved.targets, former, conceal)
        applying = Applying(
            engine,
            parts.clock,
            journal,
            stepping,
            plan=prepared.plan,
            targets=resolved.targets,
            rollouts=resolved.specification.rollouts,
            conceal=conceal,
        )
        failure = applying.run()
        if failure is None:
            record = evolve(resolved.record, deployment=deployment.id, deployments=deployment.number)
            return journal.close(DeploymentStatus.SUCCEEDED, beside=lambda: self._keep(record))
        undone = Reverting(engine, journal, self._fleet, former, conceal).run(applying)
        status = DeploymentStatus.ROLLED_BACK if undone else DeploymentStatus.ROLLBACK_FAILED
        if undone and not applying.touched and not applying.changed:
            status = DeploymentStatus.FAILED
        ended = journal.close(status, code=failure.code, message=failure.message)
        raise _error(ended, failure)

    def _keep(self, record: FleetRecord) -> None:
        """What was said counts from now on."""
        now = self._database.fleets.need(record.fleet)
        self._database.fleets.replace(evolve(record, revision=now.revision))

    def _audit(self, action: str, before: FleetRecord, after: object) -> None:
        self._database.tenant(CORE).record(
            self._context.actor, action, f"fleets/{self._fleet}", before=audited(before), after=after
        )


def refuse_problems(plan: Plan) -> None:
    """Raises ``Conflict`` (``plan_blocked``) for a plan that something stands in the way of."""
    if plan.problems:
        more = f" (and {len(plan.problems) - 1} more)" if len(plan.problems) > 1 else ""
        message = f"something stands in the way: {plan.problems[0]}{more}"
        raise Conflict(message, code="plan_blocked", problems=list(plan.problems))


def _values(record: FleetRecord) -> list[bytes]:
    """The secrets that were applied last."""
    return [secret.reveal().encode() for name, secret in record.secrets.items() if name != DIGESTS]


def _after(targets: Targets, previous: Targets | None, chosen: frozenset[str] | None) -> Targets:
    """What the fleet is to be once it is done: what nobody looks at stays as it was applied last."""
    if chosen is None:
        return targets
    kept = () if previous is None else previous.services
    services: dict[str, Target] = {target.name: target for target in kept if target.name not in chosen}
    services |= {target.name: target for target in targets.services if target.name in chosen}
    return evolve(targets, services=tuple(services[name] for name in sorted(services)))


def _error(deployment: Deployment, failure: Failure) -> DeploymentFailed:
    kind: type[DeploymentFailed] = DeploymentTimeout if failure.timed_out else DeploymentFailed
    done = "all that it had changed is as it was"
    if deployment.status is DeploymentStatus.ROLLBACK_FAILED:
        kind, done = RollbackFailed, "not all that it had changed is as it was: the next plan says what is left"
    elif deployment.status is DeploymentStatus.FAILED:
        done = "nothing was changed"
    where = f"{failure.service}: " if failure.service else ""
    outcomes = [
        {"service": each.service, "verb": each.verb, "status": each.status.value, "code": each.code}
        for each in deployment.outcomes
    ]
    error = kind(
        f"the deployment {deployment.number} of {deployment.fleet} failed ({where}{failure.message}); {done}",
        deployment=deployment.id,
        number=deployment.number,
        service=failure.service,
        outcomes=outcomes,
    )
    error.details["code"] = failure.code
    return error
