"""The paper's tables 1a, 3 and 4: its figures as printed, and ours in their own rows or columns."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aisi.evaluation.metrics import metric_table
from aisi.report.paper_tables import comparison, merged_ablation
from aisi.report.tables import in_percent, markdown

PAPER = pd.read_csv(Path(__file__).parents[2] / "resources" / "paper_results.csv")


def figures(task, assignment, network, split="val", seed=0, **values):
    rows = [(metric, "all", value, 10) for metric, value in values.items()] + [("iou", "cat", 0.1, 1)]
    head = {"assignment": assignment, "network": network, "seed": seed, "task": task, "split": split}
    return metric_table(rows, **head, protocol="p")


def test_printed_values():
    """Spot checks against the paper, and the number of values of each table."""
    values = PAPER.set_index(["table", "row", "split", "metric"])["value"]
    assert values["3", "ours-VGG16", "val", "mIoU (%)"] == 61.3
    assert values["3", "ours-ResNet101†", "test", "mIoU (%)"] == 65.6
    assert values["3", "SEC", "val", "mIoU (%)"] == 50.7
    assert values["4", "ours", "test-dev", "AP_M (%)"] == 15.7
    assert values["4", "Mask-RCNN", "test-dev", "AP_S (%)"] == 35.3  # as printed
    assert PAPER.groupby("table").size().to_dict() == {"1a": 10, "2a": 6, "2b": 6, "3": 32, "4": 23}


def test_table_3_has_this_run_below_the_paper():
    metrics = pd.concat(
        [figures("semantic", "partition", "vgg16", miou=0.5), figures("instance", "partition", "r", ap=0.2)]
    )
    table = comparison(PAPER, metrics, "3", "VOC 2012")
    assert len(table) == 33 and list(table)[-1] == "mIoU (%)"
    own = table[table["trained on"] == "VOC 2012"]
    assert own.to_numpy().tolist() == [["this run: vgg16 on partition", "keywords", "VOC 2012", "val", 50.0]]
    printed = table[(table["method"] == "ours-VGG16†") & (table["evaluated on"] == "test")]
    assert printed["mIoU (%)"].item() == 63.1 and printed["trained on"].item() == "VOC+SI"


def test_table_4_has_all_metrics_of_coco():
    values = {"ap": 0.137, "ap50": 0.255, "ap70": 0.9, "ap75": 0.135, "ap_s": 0.007, "ap_m": 0.157, "ap_l": np.nan}
    table = comparison(PAPER, figures("instance", "partition", "mask_rcnn", "val2017", **values), "4", "COCO")
    assert list(table)[-6:] == ["AP (%)", "AP50 (%)", "AP75 (%)", "AP_S (%)", "AP_M (%)", "AP_L (%)"]
    own = table[table["evaluated on"] == "val2017"].iloc[0]
    assert own["AP50 (%)"] == pytest.approx(25.5) and own["AP_S (%)"] == pytest.approx(0.7)
    assert np.isnan(table.loc[table["method"] == "FCIS", "AP75 (%)"].item())
    page = markdown(in_percent(table))
    assert "| FCIS | masks |  | test-dev | 29.2 | 49.5 |  | 7.1 | 31.3 | 50.0 |" in page
    assert "| ours | keywords | COCO | test-dev | 13.7 | 25.5 | 13.5 | 0.7 | 15.7 | 26.1 |" in page


def test_table_1a_merges_the_runs():
    """Each training set has its own run; its seeds are averaged, and nothing is taken from another one."""
    runs = {
        "VOC": pd.concat(
            [
                figures("semantic", "random", "vgg16", miou=0.40, seed=0),
                figures("semantic", "random", "vgg16", miou=0.42, seed=1),
                figures("semantic", "partition", "vgg16", miou=0.6),
                figures("semantic", "cam", "vgg16", miou=0.3),
                figures("proxy_semantic", "partition", "", miou=0.9),
            ]
        ),
        "VOC+SI": figures("semantic", "partition", "vgg16", miou=0.7),
    }
    table = merged_ablation(runs, PAPER, ["random", "partition"]).set_index("assignment")
    assert table.index.tolist() == ["random", "partition"]
    assert table["VOC: mIoU (%)"].tolist() == pytest.approx([41, 60])
    assert table["VOC: the paper's mIoU (%), test"].tolist() == [56.4, 64.5]
    assert table["VOC+SI: mIoU (%)"].tolist() == pytest.approx([np.nan, 70], nan_ok=True)
    assert table["VOC+SI: the paper's mIoU (%), test"].tolist() == [61.3, 65.6]
    assert not any(name.startswith("SI") for name in table)
