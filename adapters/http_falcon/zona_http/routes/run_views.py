"""What came of a run: all its results, and how it went in the course of time as a picture."""

from __future__ import annotations

from typing import Any, Final

from attrs import define

from zona_core.ports.drawing import PictureFormat
from zona_http.operation import Answer, Call, Operation, Problem

from .runs import RunId

__all__ = ["OPERATIONS"]


@define(frozen=True, kw_only=True)
class WholeResults:
    """What a run or a step gave."""

    run_id: str
    #: by name; null: nothing
    results: dict[str, Any] | None


def show_results(call: Call) -> WholeResults:
    run_id = call.params.run_id
    return WholeResults(run_id=run_id, results=call.workspace.runs.results(run_id))


def draw_svg(call: Call) -> Answer:
    return _drawn(call, PictureFormat.SVG, _SVG)


def draw_png(call: Call) -> Answer:
    return _drawn(call, PictureFormat.PNG, _PNG)


def _drawn(call: Call, form: PictureFormat, media_type: str) -> Answer:
    return Answer(body=call.workspace.runs.picture(call.params.run_id, format=form), media_type=media_type)


_SVG: Final = "image/svg+xml"
_PNG: Final = "image/png"
_RUNS: Final[dict[str, Any]] = {"tag": "runs", "params": RunId}

OPERATIONS = (
    Operation(
        **_RUNS, method="GET", path="/api/v1/runs/{run_id}/results", id="run_results",
        summary="The results of a run, whole",
        description="Also those that are too large for the record, which has `results_blob` then.",
        handler=show_results, use_case="runs.results", result=WholeResults,
        answer_example={"run_id": "5f0c1d3e-5b7a-4c1e-9d2f-0a1b2c3d4e5f", "results": {"malicious": 0}},
    ),
    Operation(
        **_RUNS, method="GET", path="/api/v1/runs/{run_id}/waterfall.svg", id="run_waterfall_svg",
        summary="A run in the course of time, as a picture (SVG)",
        description="A bar for each step and item, with its attempts, below a time axis; at most 300 rows, and a line "
        "that says what is left out.",
        handler=draw_svg, use_case="runs.picture", media_type=_SVG,
    ),
    Operation(
        **_RUNS, method="GET", path="/api/v1/runs/{run_id}/waterfall.png", id="run_waterfall_png",
        summary="A run in the course of time, as a picture (PNG)",
        description="501 where the service lacks what it takes: the extra `pictures`, and a font. SVG takes neither.",
        handler=draw_png, use_case="runs.picture", media_type=_PNG,
        problems=(Problem(status=501, codes=("not_installed",)),),
    ),
)  # fmt: skip
