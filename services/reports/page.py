"""A report as one page for people: text, tables, and pictures inside it; it needs nothing from anywhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

STYLE = """
body { font: 16px/1.55 system-ui, sans-serif; color: #1e293b; background: #fff; max-width: 46rem; margin: 2.5rem auto; padding: 0 1.2rem; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 .8rem; } h2 { font-size: 1.15rem; margin: 2.4rem 0 .6rem; }
.lead { font-size: 1.1rem; } .small { color: #64748b; font-size: .9rem; } .chosen td { font-weight: 600; background: #eff6ff; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; } .wide { overflow-x: auto; }
th, td { padding: .4rem .6rem; text-align: right; border-bottom: 1px solid #e2e8f0; vertical-align: top; font-variant-numeric: tabular-nums; }
th { font-weight: 500; color: #64748b; vertical-align: bottom; } th:first-child, td:first-child, .settings :is(td, th):nth-child(2) { text-align: left; }
svg { width: 100%; height: auto; } code { font-size: .85em; overflow-wrap: anywhere; }
"""


def page(title: str, parts: Iterable[str]) -> str:
    """Return the page of these parts, which are markup; the title is text."""
    head = '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    view = '<meta name="viewport" content="width=device-width, initial-scale=1">'
    named = f"<title>{escape(title)}</title>"
    body = "\n".join(parts)
    return f"{head}{view}{named}<style>{STYLE}</style></head><body>\n{body}\n</body></html>\n"


def table(head: Sequence[str], lines: Sequence[Sequence[str]], *, chosen: int = -1) -> str:
    """Return a table of markup; the line `chosen` stands out."""
    titles = "".join(f"<th>{title}</th>" for title in head)
    rows = "".join(
        f"<tr{' class=chosen' * (place == chosen)}>{''.join(f'<td>{cell}</td>' for cell in line)}</tr>"
        for place, line in enumerate(lines)
    )
    return f'<div class="wide"><table><tr>{titles}</tr>{rows}</table></div>'
