"""What has to be done about one service: what is wanted of it against what is there."""

from __future__ import annotations

from ._flat import shown
from .comparing import content_differences
from .hashing import is_target
from .plan import Difference, Reason, Step, Verb
from .specification import UpdatePolicy
from .targets import Target
from .world import EngineKind, ReplicaState, RolloutState, RunningService

__all__ = ["creation", "removal", "step_for"]

#: an engine is at it, or would be if it had not stopped
_ROLLOUTS = {RolloutState.UPDATING, RolloutState.PAUSED, RolloutState.ROLLING_BACK}
#: what such a replica was made of is no matter: it is on its way out, or nobody can say
_PASSING = frozenset({ReplicaState.STOPPING, ReplicaState.LOST})
#: works, or may by itself
_HOPEFUL = frozenset({ReplicaState.HEALTHY, ReplicaState.STARTING})


def creation(target: Target, kind: EngineKind, before: Reason | None) -> Step | None:
    """The step for a service that is not there; ``before`` is why it was left out, if it was.

    A single engine knows services by their containers only: one of no replicas is there as it is wanted.
    """
    if kind is EngineKind.SINGLE and not target.replicas:
        return None
    reason = before or (Reason.TENANT if target.tenant_code else Reason.NEW)
    return Step(
        service=target.name, verb=Verb.CREATE, reasons=(reason,), after=target.hash, tenant_code=target.tenant_code
    )


def removal(running: RunningService, reason: Reason | None, tenant_code: str) -> Step:
    """The step for a service that is there and is not wanted; ``reason`` is why it is left out, if it is."""
    return Step(
        service=running.name,
        verb=Verb.REMOVE,
        reasons=(reason or (Reason.TENANT if tenant_code else Reason.GONE),),
        before=running.hash,
        tenant_code=tenant_code,
    )


def step_for(target: Target, running: RunningService, kind: EngineKind, previous: Target | None) -> Step | None:
    """The step for a service that is there and is wanted; None if it is as it is wanted.

    ``previous`` is what was applied last.
    """
    unfinished = _unfinished(target, running)
    replaced = (*_content(target, running, previous), *_restarts(target, running), *unfinished)
    numbers = () if unfinished and kind is EngineKind.SINGLE else _numbers(target, running, kind, previous)
    policy = _policy(target, running)
    broken = (*_proxied(target, running), *_broken(target, running, kind))
    if replaced:
        verb, differences = Verb.UPDATE, (*replaced, *numbers, *policy)
    elif numbers or policy:
        missing = any(each.reason is Reason.BROKEN for each in numbers)
        verb, differences = (Verb.REPAIR if missing else Verb.SCALE), (*numbers, *policy)
    elif broken:
        verb, differences = Verb.REPAIR, broken
    else:
        return None
    return Step(
        service=target.name,
        verb=verb,
        reasons=tuple(dict.fromkeys(each.reason for each in differences)),
        differences=differences,
        before=running.hash,
        after=target.hash,
        tenant_code=target.tenant_code,
    )


def _content(target: Target, running: RunningService, previous: Target | None) -> tuple[Difference, ...]:
    noted = is_target(running.hash, target)
    applied = target.content if noted else None
    if previous and is_target(running.hash, previous):
        applied = previous.content
    found = content_differences(running.content, target.content, applied=applied, tenant_code=target.tenant_code)
    if found or noted:
        return found
    # Somebody has made it so already, but it is not noted: what the next comparison starts from would be wrong.
    return (Difference(path="hash", before=running.hash, after=target.hash, reason=Reason.SPECIFICATION),)


def _restarts(target: Target, running: RunningService) -> tuple[Difference, ...]:
    if target.restarts == running.restarts:
        return ()
    before, after = str(running.restarts), str(target.restarts)
    return (Difference(path="restarts", before=before, after=after, reason=Reason.RESTART),)


def _unfinished(target: Target, running: RunningService) -> tuple[Difference, ...]:
    """Replicas of another content than what is noted, or a rollout that is not at its end.

    That of a rollout that was taken back is no reason by itself: either something else differs, which is tried again,
    or the service is as it is wanted.
    """
    tasks = [task for task in running.tasks if task.state not in _PASSING and task.hash]
    old = [task for task in tasks if not is_target(task.hash, target)]
    if running.rollout in _ROLLOUTS:
        before = ": ".join(part for part in (running.rollout.value, running.message) if part)
        return (_unfinished_by("rollout", before, RolloutState.SETTLED.value),)
    if old and is_target(running.hash, target):
        before = f"{len(old)} of {len(tasks)} replicas with other content"
        return (_unfinished_by("replicas.content", before, "all with this content"),)
    if running.rollout is RolloutState.ROLLED_BACK and not is_target(running.hash, target):
        return (_unfinished_by("rollout", f"rolled back: {running.message}".rstrip(": "), "settled"),)
    return ()


def _unfinished_by(path: str, before: str, after: str) -> Difference:
    return Difference(path=path, before=shown(path, before), after=after, reason=Reason.UNFINISHED)


def _proxied(target: Target, running: RunningService) -> tuple[Difference, ...]:
    """A first route: on a single engine replicas have to join the proxies' network; it says so by False."""
    if not target.proxied or running.proxied is not False or not running.tasks:
        return ()
    return (Difference(path="proxied", before="false", after="true", reason=Reason.SPECIFICATION),)


def _numbers(
    target: Target, running: RunningService, kind: EngineKind, previous: Target | None
) -> tuple[Difference, ...]:
    count = running.replicas
    if kind is EngineKind.SINGLE:
        there = sum(task.state not in _PASSING for task in running.tasks)
        count = max(count, there)  # an update that was left in the middle may have begun more than there are to be
    if count == target.replicas:
        return ()
    reason = Reason.REPLICAS
    if previous and previous.replicas == target.replicas:
        lost = kind is EngineKind.SINGLE and count < target.replicas
        reason = Reason.BROKEN if lost else Reason.DRIFT
    return (Difference(path="replicas", before=str(count), after=str(target.replicas), reason=reason),)


def _policy(target: Target, running: RunningService) -> tuple[Difference, ...]:
    if running.update is None:
        return ()
    wanted, there = (_policy_texts(policy) for policy in (target.update, running.update))
    return tuple(
        Difference(path=f"update.{name}", before=there[name], after=wanted[name], reason=Reason.POLICY)
        for name in wanted
        if wanted[name] != there[name]
    )


def _policy_texts(policy: UpdatePolicy) -> dict[str, str]:
    return {
        "parallelism": str(policy.parallelism),
        "order": policy.order.value,
        "delay": f"{policy.delay:g}",
        "monitor": f"{policy.monitor:g}",
        "on_failure": policy.on_failure.value,
    }


def _broken(target: Target, running: RunningService, kind: EngineKind) -> tuple[Difference, ...]:
    """Replicas that do not work and that nobody begins again. A Swarm does, unhealthy ones too."""
    if kind is EngineKind.SWARM:
        return ()
    hopeful = sum(task.state in _HOPEFUL for task in running.tasks)
    if hopeful >= target.replicas:
        return ()
    why = next((task.message for task in running.tasks if task.state not in _HOPEFUL and task.message), "")
    before = f"{hopeful} work" + (f": {why}" if why else "")
    return (
        Difference(path="replicas.working", before=shown("", before), after=str(target.replicas), reason=Reason.BROKEN),
    )
