"""Inputs of runs that their records do not show: kept sealed in the job until the run has ended."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from zona_core.domain.jobs import Job
from zona_core.domain.runs import Execution
from zona_core.domain.secrets import Secret

__all__ = ["bare", "inputs_of", "sealed_inputs"]


def sealed_inputs(given: Mapping[str, Any], shown: Mapping[str, Any]) -> dict[str, Any]:
    """A job's ``secrets``: the inputs, if the record does not show them as they are."""
    plain = bare(given)
    return {} if plain == shown else {"inputs": Secret(json.dumps(plain))}


def bare(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Inputs with their secrets revealed: for sealing, and for expressions."""
    return {name: value.reveal() if isinstance(value, Secret) else value for name, value in inputs.items()}


def inputs_of(job: Job, run: Execution) -> dict[str, Any]:
    """What the run was given."""
    whole = job.secrets.get("inputs")
    return dict(run.inputs) if whole is None else json.loads(whole.reveal())
