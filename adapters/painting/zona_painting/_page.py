"""Pieces of an HTML page: text and attributes escaped, nothing from elsewhere, no script (HTML Standard §13)."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Final

__all__ = ["BREAK", "Html", "chip", "definitions", "element", "joined", "moment", "page", "section", "table", "text"]

#: what HTML has no character for, and what turns the direction of writing
_FORBIDDEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff\u202a-\u202e\u2066-\u2069]"
)
_LONGEST: Final = 5_000
_STYLE: Final = """
:root { --ink: #1f2933; --faint: #616e7c; --line: #d5dbe1; --soft: #f5f7fa; }
* { box-sizing: border-box; }
body { color: var(--ink); background: #fff; font: 14px/1.5 system-ui, "Segoe UI", Roboto, "Liberation Sans", sans-serif;
  margin: 0 auto; max-width: 68rem; padding: 2rem 2.5rem 3rem; }
header { border-bottom: 2px solid var(--ink); margin-bottom: 1.25rem; padding-bottom: .75rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: .15rem 0 .5rem; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 2rem 0 .6rem; break-after: avoid; }
h2 small, .faint { color: var(--faint); font-weight: normal; }
p { margin: .4rem 0; } p.prose, td.prose { white-space: pre-wrap; overflow-wrap: anywhere; }
dl { display: grid; gap: .2rem 1.25rem; grid-template-columns: max-content 1fr; margin: 0; }
dt { color: var(--faint); } dd { margin: 0; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; }
th { border-bottom: 1px solid var(--ink); color: var(--faint); font-weight: 600; text-align: left;
  white-space: nowrap; }
th, td { padding: .3rem .75rem .3rem 0; vertical-align: top; }
td { border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
td.time, td.number, td.word { font-variant-numeric: tabular-nums; white-space: nowrap; }
td.number, th.number { text-align: right; }
td.value { font-family: ui-monospace, "Cascadia Mono", "Liberation Mono", Menlo, monospace; font-size: .92em;
  min-width: 10rem; }
tr { break-inside: avoid; } thead { display: table-header-group; }
.chip { border: 1px solid currentColor; border-radius: .7rem; display: inline-block; font-size: .85em;
  margin: 0 .35rem .2rem 0; padding: 0 .55rem; white-space: nowrap; }
.critical { background: #8f1d1d; border-color: #8f1d1d; color: #fff; } .high { background: #fbe3e1; color: #a32018; }
.medium { background: #fdf0d3; color: #7a5000; } .low { background: #e0f1f5; color: #17586a; }
.plain, .informational { background: var(--soft); color: #46525e; }
footer { border-top: 1px solid var(--line); color: var(--faint); font-size: .85em; margin-top: 2.5rem;
  padding-top: .6rem; }
@media print { body { font-size: 10pt; max-width: none; padding: 0; } @page { margin: 16mm 14mm; }
  .chip { -webkit-print-color-adjust: exact; print-color-adjust: exact; } }
"""


#: nothing is loaded from anywhere, no form sent, and the only style is the page's own, by its digest (CSP 3 §2.3.1)
_DIGEST: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY: Final = f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'; form-action 'none'"


class Html(str):
    """A text that is HTML already."""

    __slots__ = ()


BREAK: Final = Html("<br>")


def text(value: object) -> Html:
    """A value as text, whatever is in it; HTML stays what it is."""
    if isinstance(value, Html):
        return value
    plain = _FORBIDDEN.sub("\ufffd", str(value))
    return Html(escape(plain if len(plain) <= _LONGEST else f"{plain[:_LONGEST]}…"))


def joined(parts: Iterable[object], between: str = "") -> Html:
    """Values one behind the other."""
    return Html(text(between).join(map(text, parts)))


def element(name: str, *content: object, kind: str = "") -> Html:
    """An element with that content and that class; the names are this package's own."""
    attribute = f' class="{escape(kind)}"' if kind else ""
    return Html(f"<{name}{attribute}>{joined(content)}</{name}>")


def chip(value: str, kind: str = "plain") -> Html:
    """A short word with a frame around it."""
    known = kind if kind in ("critical", "high", "medium", "low", "informational") else "plain"
    return element("span", value, kind=f"chip {known}")


def moment(at: datetime | None) -> Html:
    """A time to the second, in UTC."""
    return text("" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}")


def definitions(pairs: Iterable[tuple[str, object]]) -> Html:
    """Names and values; those without a value are left out."""
    return element(
        "dl", *(part for name, value in _whole(pairs) for part in (element("dt", name), element("dd", value)))
    )


def table(columns: Sequence[tuple[str, str]], rows: Iterable[Sequence[object]]) -> Html:
    """Rows below titles; each column has a title and a class."""
    head = [element("th", title, kind="number" if kind == "number" else "") for title, kind in columns]
    body = [
        element("tr", *(element("td", cell, kind=kind) for cell, (_, kind) in zip(row, columns, strict=True)))
        for row in rows
    ]
    return element("table", element("thead", element("tr", *head)), element("tbody", *body))


def section(title: str, shown: int, total: int, content: Html) -> Html:
    """A part with a title that says how much there is; nothing if there is nothing."""
    if not total:
        return Html("")
    count = f"{total:,}" if shown >= total else f"{shown:,} of {total:,}; the export of the case has all"
    return element("section", element("h2", title, " ", element("small", count)), content)


def page(title: str, *content: Html) -> str:
    """The whole page."""
    head = (
        '<meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="referrer" content="no-referrer"><meta name="color-scheme" content="light">'
        f"<title>{text(title)}</title><style>{_STYLE}</style>"
    )
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head><body>{joined(content)}</body></html>\n'


def _whole(pairs: Iterable[tuple[str, object]]) -> Iterable[tuple[Html, Html]]:
    return ((name, value) for name, value in ((text(a), text(b)) for a, b in pairs) if value)
