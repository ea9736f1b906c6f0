"""Inputs of runs that their records do not show: kept sealed in the job until the run has ended."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import evolve

from zona_core.domain.jobs import Job
from zona_core.domain.redaction import Redactor
from zona_core.domain.runs import Execution
from zona_core.domain.secrets import Secret

__all__ = ["bare", "concealed", "hidden_texts", "inputs_of", "sealed_inputs"]


def sealed_inputs(given: Mapping[str, Any], shown: Mapping[str, Any]) -> dict[str, Any]:
    """A job's ``secrets``: the inputs, if the record does not show them as they are."""
    plain = bare(given)
    return {} if plain == shown else {"inputs": Secret(json.dumps(plain))}


def bare(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Inputs with their secrets revealed: for sealing, and for expressions."""
    return {name: value.reveal() if isinstance(value, Secret) else value for name, value in inputs.items()}


def concealed(run: Execution, job: Job, redactor: Redactor) -> tuple[Execution, Job]:
    """A run that another one begins, whose record shows none of that one's secrets either."""
    shown = redactor.data(run.inputs)
    if shown == run.inputs:
        return run, job
    return evolve(run, inputs=shown), evolve(job, secrets=job.secrets or {"inputs": Secret(json.dumps(run.inputs))})


def hidden_texts(given: Any, shown: Any) -> Iterator[str]:
    """The texts in what was given that a record shows otherwise."""
    if isinstance(given, str):
        if given != shown:
            yield given
    elif isinstance(given, Mapping):
        for name, value in given.items():
            yield from hidden_texts(value, shown.get(name) if isinstance(shown, Mapping) else None)
    elif isinstance(given, list):
        others = shown if isinstance(shown, list) and len(shown) == len(given) else [None] * len(given)
        for value, other in zip(given, others, strict=True):
            yield from hidden_texts(value, other)


def inputs_of(job: Job, run: Execution) -> dict[str, Any]:
    """What the run was given."""
    whole = job.secrets.get("inputs")
    return dict(run.inputs) if whole is None else json.loads(whole.reveal())
