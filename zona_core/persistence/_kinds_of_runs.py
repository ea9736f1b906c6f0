"""What running leaves: records, jobs, permits, large bytes."""

from __future__ import annotations

from typing import Final

from zona_core.domain.blobs import BlobChunk, StoredBlob
from zona_core.domain.jobs import Job, Permits
from zona_core.domain.runs import Execution
from zona_core.persistence._kind import Kind
from zona_core.ports.store import CollectionSpec, Index

__all__ = ["BLOBS", "BLOB_CHUNKS", "JOBS", "PERMITS", "RUNS"]

RUNS: Final = Kind(
    model=Execution,
    spec=CollectionSpec(
        name="runs",
        indexes=(
            Index(name="by_time", fields=("created_at",)),
            Index(name="by_app", fields=("integration_id", "created_at")),
            Index(name="by_task", fields=("task_id", "created_at")),
            Index(name="by_instance", fields=("instance_id", "created_at")),
            Index(name="by_status", fields=("status", "created_at")),
            Index(name="by_parent", fields=("parent_id", "created_at")),
            Index(name="by_playbook", fields=("playbook_id", "step", "created_at")),
        ),
    ),
    key=lambda run: run.id,
)
JOBS: Final = Kind(
    model=Job,
    spec=CollectionSpec(
        name="jobs",
        indexes=(
            Index(name="by_worker", fields=("worker", "due_at")),
            Index(name="by_limit", fields=("awaits", "created_at")),
        ),
    ),
    key=lambda job: job.id,
    secrets=("secrets",),
)
PERMITS: Final = Kind(model=Permits, spec=CollectionSpec(name="permits"), key=lambda permits: permits.id)
BLOBS: Final = Kind(model=StoredBlob, spec=CollectionSpec(name="blobs"), key=lambda blob: blob.key)
BLOB_CHUNKS: Final = Kind(
    model=BlobChunk,
    spec=CollectionSpec(name="blob_chunks"),
    key=lambda chunk: chunk.key,
    batch=16,  # a third of a MB each, as text
)
