"""A small executed notebook around a report, its outputs filled in by hand: no kernel needed."""

from __future__ import annotations

import sys

from afterlaunch.render import plots, sentences, tables

sys.modules.setdefault("rfc3987_syntax", None)  # a slow import of jsonschema's, see afterlaunch.render.page

from nbformat import v4  # noqa: E402

PAYLOAD = '<img src="x" onerror="window.ran=1"><script>window.ran=1</script><svg onload="window.ran=1"></svg>'
INTRO = """# Monthly health

**Question.** Is the model still useful, fast and trusted, and what needs a decision?

**Reader.** The product manager and the team that owns the model."""


def shown(value, source, **options):
    """A code cell that shows a value, as a kernel would store it."""
    if hasattr(value, "_repr_mimebundle_"):
        contents, metadata = value._repr_mimebundle_()
    else:
        contents, metadata = {"text/html": value._repr_html_(), "text/plain": repr(value)}, {}
    output = v4.new_output("execute_result", data=contents, metadata=metadata, execution_count=1)
    return v4.new_code_cell(source, outputs=[output], metadata=options)


def silent(source, *outputs, tags=()):
    """A code cell that shows nothing, unless outputs are given."""
    return v4.new_code_cell(source, outputs=list(outputs), metadata={"tags": list(tags)})


def executed_notebook(report, *more_cells):
    """The monthly health notebook as it looks after its run on a report."""
    prose = v4.new_markdown_cell
    provenance = {
        "data": {"data/flight_claims/flights.parquet": "3f9a" * 16},
        "code": {"version": "0.1.0", "commit": "5d1c0a9e"},
        "packages": {"python": "3.11.7", "duckdb": "2.0.0", "matplotlib": "3.11.2"},
    }
    cells = [
        prose(INTRO),
        silent(
            'model: str = "flight_claims"  # Folder under params/\nperiod: str = "2013-09"',
            tags=["parameters"],
        ),
        silent("from afterlaunch.render import plots, sentences, tables"),
        prose("## This run"),
        shown(tables.versions(report), "tables.versions(report)"),
        silent("report = subject.monthly_health(period)"),
        prose("## Verdict"),
        shown(tables.title_block(report), "tables.title_block(report)"),
        shown(tables.decisions_and_changes(report), "tables.decisions_and_changes(report)"),
        prose("## All indicators"),
        shown(tables.indicators(report), "tables.indicators(report)"),
        prose("## Speed and people"),
        shown(sentences.speed(report), "sentences.speed(report)"),
        shown(plots.stages(report), "plots.stages(report)"),
        shown(tables.speed(report), "tables.speed(report)"),
        shown(sentences.people(report), "sentences.people(report)"),
        shown(plots.service(report), "plots.service(report)"),
        prose("## Complaints"),
        shown(sentences.complaints(report), "sentences.complaints(report)"),
        shown(plots.complaints(report), "plots.complaints(report)"),
        shown(tables.complaints(report), "tables.complaints(report)"),
        prose("## Performance\n\nMeasured on rows that their version never saw."),
        shown(sentences.performance(report), "sentences.performance(report)"),
        shown(plots.trend(report), "plots.trend(report)"),
        shown(tables.performance(report), "tables.performance(report)"),
        shown(sentences.same_rows(report), "sentences.same_rows(report)"),
        shown(tables.same_rows(report), "tables.same_rows(report)"),
        prose("## Calibration\n\nOf all flights scored 10 %, one in ten should end in a claim."),
        shown(sentences.calibration(report), "sentences.calibration(report)"),
        shown(plots.calibration(report), "plots.calibration(report)"),
        shown(tables.calibration(report), "tables.calibration(report)"),
        prose("## Segments\n\nEach segment against the rest of the month."),
        shown(sentences.segments(report), "sentences.segments(report)"),
        shown(plots.segments(report), "plots.segments(report)"),
        shown(tables.segments(report), "tables.segments(report)"),
        prose("## Volume and data quality"),
        shown(sentences.quality(report), "sentences.quality(report)"),
        shown(tables.quality(report), "tables.quality(report)"),
        prose("## Business"),
        shown(sentences.business(report), "sentences.business(report)"),
        shown(plots.business(report), "plots.business(report)"),
        shown(tables.model_against_business(report), "tables.model_against_business(report)"),
        shown(sentences.decision_worth(report), "sentences.decision_worth(report)"),
        shown(plots.decision_worth(report), "plots.decision_worth(report)"),
        shown(tables.decision_worth(report), "tables.decision_worth(report)"),
        prose("## What this cannot tell you"),
        shown(sentences.cannot_tell(report), "sentences.cannot_tell(report)"),
        prose("## Provenance"),
        shown(tables.provenance(provenance), "tables.provenance(provenance)"),
        *more_cells,
        silent("write_result(report)"),
    ]
    return v4.new_notebook(
        cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    )


def showing(**contents):
    """A code cell that shows what is given by mime type, with ``_`` for ``/``."""
    data = {
        name.replace("_", "/", 1).replace("svg_xml", "svg+xml"): value for name, value in contents.items()
    }
    return v4.new_code_cell("x", outputs=[v4.new_output("display_data", data=data)])


def hostile_cells():
    """Outputs and prose that try to run something in every way a notebook knows."""
    return (
        showing(text_html=PAYLOAD),
        showing(text_markdown=f"{PAYLOAD}\n\n[click](javascript:window.ran=1)"),
        showing(
            image_svg_xml=f'<svg xmlns="http://www.w3.org/2000/svg">{PAYLOAD}</svg>', text_plain="a drawing"
        ),
        showing(application_javascript="window.ran=1"),
        v4.new_markdown_cell(f"## Prose {PAYLOAD}\n\n{PAYLOAD}"),
        v4.new_code_cell(f"'{PAYLOAD}'", outputs=[v4.new_output("stream", name="stderr", text=PAYLOAD)]),
        v4.new_code_cell("y", outputs=[v4.new_output("stream", name="stdout", text=PAYLOAD)]),
        v4.new_code_cell("z", outputs=[v4.new_output("execute_result", data={"text/plain": PAYLOAD})]),
    )
