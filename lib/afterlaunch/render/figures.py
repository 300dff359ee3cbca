"""Figures in one style: colours with a partner in dark mode, and SVG that any notebook can show."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import re
import textwrap
import warnings
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH_IN = 8.0
MAX_LINES = 3
# Each colour of a plot and what it becomes in dark mode. The strong ones are those of Okabe and Ito (2008),
# "Color Universal Design", darkened or lightened until they stand out from their paper.
INK, SOFT, RULE, BAND, PAPER = "#1f2328", "#59636e", "#d5dae0", "#e6eaef", "#ffffff"
BLUE, ORANGE, RED, GREEN, PURPLE = "#0072b2", "#b96a00", "#c44900", "#007a5a", "#a8437f"
_IN_THE_DARK: Mapping[str, tuple[str, str]] = {
    INK: ("ink", "#e6edf3"),
    SOFT: ("soft", "#9aa4af"),
    RULE: ("rule", "#363d46"),
    BAND: ("band", "#252c35"),
    PAPER: ("paper", "#0d1117"),
    BLUE: ("blue", "#56b4e9"),
    ORANGE: ("orange", "#e69f00"),
    RED: ("red", "#ff8c5a"),
    GREEN: ("green", "#35c79a"),
    PURPLE: ("purple", "#e08fc0"),
}
# Text is measured in DejaVu Sans, which is wide, and shown in what the reader's system has.
_READER_FONTS = "system-ui, -apple-system, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif"
_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "text.color": INK,
    "axes.edgecolor": RULE,
    "axes.facecolor": PAPER,
    "axes.labelcolor": SOFT,
    "axes.labelsize": 9,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "figure.facecolor": PAPER,
    "grid.color": RULE,
    "grid.linewidth": 0.7,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "svg.fonttype": "none",
    "svg.hashsalt": "afterlaunch",
    "path.simplify": False,
    "text.parse_math": False,
}


@dataclasses.dataclass(frozen=True, repr=False)
class Plot:
    """A finished plot and its description in words; any notebook can show it, whatever the backend."""

    svg: str
    alt: str

    def __repr__(self) -> str:
        """Return the description: it is what a notebook shows where it cannot show the plot."""
        return self.alt

    def _repr_mimebundle_(
        self, include: object = None, exclude: object = None
    ) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
        del include, exclude
        return {"image/svg+xml": self.svg, "text/plain": self.alt}, {"image/svg+xml": {"alt": self.alt}}


def shortened(name: str, length: int) -> str:
    """Cut a name to the room beside an axis.

    Examples
    --------
    >>> shortened("document reader", 9), shortened("model", 9)
    ('document…', 'model')
    """
    return name if len(name) <= length else f"{name[: length - 1].rstrip()}…"


def wrapped(text: str, length: int) -> str:
    r"""Break a title into lines; what would need more than :data:`MAX_LINES` of them is cut.

    Examples
    --------
    >>> wrapped("p95 under peak load: above usual range", 24)
    'p95 under peak load:\nabove usual range'
    """
    return "\n".join(textwrap.wrap(text, length, max_lines=MAX_LINES, placeholder=" …"))


@contextlib.contextmanager
def blank_figure(*, height: float) -> Iterator[Figure]:
    """Give a figure to draw on in our style; what is drawn after the block has matplotlib's."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(_STYLE):
        yield Figure(figsize=(WIDTH_IN, height), layout="constrained")


def show(figure: Figure, *, alt: str) -> Plot:
    """Return a figure as a plot that a notebook shows, with its description.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Drawn with this module's colours, so that each has its partner in dark mode.
    alt : str
        What the plot says, for readers who cannot see it.
    """
    from matplotlib import rc_context

    sink = io.StringIO()
    empty = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with rc_context(_STYLE), warnings.catch_warnings():
        # Names in scripts that our measuring font lacks: the reader's own fonts have them.
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        # Laid out here and then no more: saving a figure that lays itself out draws it twice.
        layout = figure.get_layout_engine()
        if layout is not None:
            layout.execute(figure)
            figure.set_layout_engine(None)
        figure.savefig(sink, format="svg", metadata=empty)
    return Plot(svg=_with_dark_mode(sink.getvalue()), alt=alt)


def _with_dark_mode(svg: str) -> str:
    """Drop what stands before the root and let each colour follow the reader's scheme."""
    body = svg[svg.index("<svg") :].replace("'DejaVu Sans'", _READER_FONTS)
    for light, (name, _) in _IN_THE_DARK.items():
        body = re.sub(rf"{light}\b", f"var(--{name})", body)
    lights = ";".join(f"--{name}:{light}" for light, (name, _) in _IN_THE_DARK.items())
    darks = ";".join(f"--{name}:{dark}" for name, dark in _IN_THE_DARK.values())
    style = f"<style>svg{{{lights}}}@media (prefers-color-scheme: dark){{svg{{{darks}}}}}</style>"
    end_of_root = body.index(">") + 1
    return body[:end_of_root] + style + body[end_of_root:]
