"""Tables of the report sort in a browser."""

import numpy as np
import pandas as pd

from aisi.report.tables import sortable_html


def test_columns_sort(chromium, tmp_path):
    table = pd.DataFrame({"name": ["b", "<i>a</i>", "c"], "mIoU": [0.5, np.nan, 0.125], "n": [9, 10, 100]})
    page = tmp_path / "table.html"
    page.write_text(sortable_html(table), encoding="utf-8")
    chromium.open(page)

    def column(number):
        return chromium.execute_script(
            "return [...document.querySelectorAll('tbody tr')].map((row) => row.cells[arguments[0]].textContent)",
            number,
        )

    def press(number):
        chromium.execute_script("document.querySelectorAll('th button')[arguments[0]].click()", number)
        return chromium.execute_script(
            "return document.querySelectorAll('th')[arguments[0]].getAttribute('aria-sort')", number
        )

    assert column(0) == ["b", "<i>a</i>", "c"]
    assert press(1) == "descending" and column(1) == ["0.500", "0.125", ""]
    assert press(1) == "ascending" and column(1) == ["0.125", "0.500", ""]
    assert press(2) == "descending" and column(2) == ["100", "10", "9"]
    assert press(2) == "ascending" and column(2) == ["9", "10", "100"]
