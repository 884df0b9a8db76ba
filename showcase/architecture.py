"""Draws the architecture as an SVG that follows the reader's light or dark setting."""

from __future__ import annotations

from html import escape

STYLE = """
text{font:600 15px system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;fill:#1d1b22}
.s{font-weight:400;font-size:12px;fill:#6a6672}
.b{fill:#fff;stroke:#d8d4de;stroke-width:1.5}
.g{fill:#f4f2f7;stroke:none}
.h{fill:#fdeef4;stroke:#b8336a;stroke-width:1.5}
.l{fill:none;stroke:#8d8797;stroke-width:1.8;marker-end:url(#a)}
.a{fill:#8d8797}
@media(prefers-color-scheme:dark){text{fill:#eeecf2}.s{fill:#a09bab}.b{fill:#1f1d25;stroke:#413d4c}.g{fill:#17161c}
.h{fill:#33202a;stroke:#ff7aa8}.l{stroke:#837d90}.a{fill:#837d90}}
"""
CUES = (
    ("saliency", "what stands out", "#5b8def"),
    ("gaze direction", "where faces look", "#f2a93b"),
    ("gaze following", "what they look at", "#3fb68b"),
    ("facial expression", "how they feel", "#d9669b"),
    ("active speaker", "who speaks", "#8f7ae5"),
)


def box(x: int, y: int, width: int, title: str, note: str, kind: str = "b") -> str:
    """A rounded box of height 58 with a title and a note, its upper left corner at (x, y)."""
    middle = x + width // 2
    return (
        f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="58" rx="12"/>'
        f'<text x="{middle}" y="{y + 26}" text-anchor="middle">{escape(title)}</text>'
        f'<text class="s" x="{middle}" y="{y + 44}" text-anchor="middle">{escape(note)}</text>'
    )


def line(path: str) -> str:
    """An arrow along an SVG path."""
    return f'<path class="l" d="{path}"/>'


def architecture() -> str:
    """The document, 1180 x 440."""
    parts = [
        '<rect class="g" x="380" y="16" width="232" height="408" rx="18"/>',
        '<text class="s" x="496" y="412" text-anchor="middle">cues: every one an installed plugin</text>',
        box(20, 110, 130, "video", "file or pictures"),
        box(20, 230, 130, "sound", "from the same file"),
        box(200, 110, 130, "faces", "find, track, mesh"),
        box(662, 171, 140, "map cache", "survives any kill"),
        box(852, 171, 130, "GASP", "gates and memory", "h"),
        box(1032, 60, 128, "maps", "saliency.npy"),
        box(1032, 134, 128, "overlay", "video with sound"),
        box(1032, 208, 128, "table", "attention.csv"),
        box(1032, 282, 128, "report", "one HTML file"),
        line("M150 139H196"),
        line("M330 139H376"),
        line("M85 110V92Q85 68 109 68H376"),
        line("M150 259H376"),
        line("M612 200H658"),
        line("M802 200H848"),
    ]
    for k, (title, note, colour) in enumerate(CUES):
        y = 30 + 72 * k
        parts += [
            box(396, y, 200, title, note),
            f'<rect x="396" y="{y + 14}" width="5" height="30" rx="2" fill="{colour}"/>',
        ]
    for y in (89, 163, 237, 311):
        parts.append(line(f"M982 200C1010 200 1002 {y} 1028 {y}"))
    arrow = (
        '<defs><marker id="a" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" orient="auto">'
        '<path class="a" d="M0 0L8 4L0 8z"/></marker></defs>'
    )
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1180 440" role="img" '
        'aria-label="A video and its sound become faces and cues, cues become cached maps, GASP fuses them, and the '
        f'result leaves as maps, overlay, table and report."><style>{STYLE}</style>{arrow}{"".join(parts)}</svg>\n'
    )
