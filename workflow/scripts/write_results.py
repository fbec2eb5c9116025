"""Write the table of results: CSV, HTML for the report, and a page in Markdown."""

from pathlib import Path

from aisi.files import atomic
from aisi.formats.metrics import read_metrics
from aisi.formats.tags import read_tags
from aisi.progress import log_to
from aisi.report.tables import assignment_table, results_page, sortable_html, tag_counts


def main(metrics, tags, name, command, shown, table, html, page):
    """Map the assignments, in the order of the rows, to their ``tags``; ``shown`` is the one that is explained."""
    metrics = read_metrics(metrics)
    counts = {assignment: tag_counts(read_tags(path)) for assignment, path in tags.items()}
    rows = assignment_table(metrics, counts)
    with atomic(table) as temporary:
        rows.to_csv(temporary, index=False, float_format="%.7g", lineterminator="\n")
    with atomic(html) as temporary:
        temporary.write_text(sortable_html(rows), encoding="utf-8")
    with atomic(page) as temporary:
        temporary.write_text(results_page(name, command, metrics, counts, shown), encoding="utf-8")


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            metrics=snakemake.input.metrics,
            tags={Path(path).stem: path for path in snakemake.input.tags},
            name=snakemake.params.name,
            command=snakemake.params.command,
            shown=snakemake.params.shown,
            table=snakemake.output.table,
            html=snakemake.output.html,
            page=snakemake.output.page,
        )
