"""Write the table of results as CSV, as HTML for the report and as a page in Markdown."""

from pathlib import Path

from aisi.formats.metrics import read_metrics
from aisi.formats.tags import read_tags
from aisi.progress import log_to
from aisi.report.tables import (
    assignment_table,
    imported_note,
    results_page,
    save_page,
    save_table,
    sortable_html,
    tag_counts,
    with_imported,
)


def main(metrics_path, tags_paths, name, command, notes, shown, imported, others, table_path, html_path, page_path):
    """``tags_paths``: assignment, in the order of the rows, to tags; ``notes``: paragraphs at the top of the page;
    ``shown``: the assignment that the page explains; ``imported``: part of the run to the origin of what another
    program made; ``others``: rows without tags.
    """
    metrics = read_metrics(metrics_path)
    counts = {assignment: tag_counts(read_tags(path)) for assignment, path in tags_paths.items()}
    counts |= {name: {} for name in others}
    rows = with_imported(assignment_table(metrics, counts), imported)
    save_table(table_path, rows)
    save_page(html_path, sortable_html(rows))
    paragraphs = [*notes, *imported_note(imported)]
    save_page(page_path, results_page(name, command, paragraphs, metrics, counts, shown))


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            metrics_path=snakemake.input.metrics,
            tags_paths={Path(path).stem: path for path in snakemake.input.tags},
            name=snakemake.params.name,
            command=snakemake.params.command,
            notes=snakemake.params.notes,
            shown=snakemake.params.shown,
            imported=snakemake.params.imported,
            others=snakemake.params.others,
            table_path=snakemake.output.table,
            html_path=snakemake.output.html,
            page_path=snakemake.output.page,
        )
