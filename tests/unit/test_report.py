import numpy as np
import pandas as pd
import pytest
from PIL import Image
from pycocotools import mask as rle

import compare_runs
from aisi.evaluation.metrics import metric_table
from aisi.formats.dataset import Categories
from aisi.formats.metrics import METRIC_COLUMNS, write_metrics
from aisi.proxy_masks import TaggedPhoto
from aisi.report.examples import (
    choose_examples,
    choose_extremes,
    draw_grid,
    draw_maps,
    draw_stages,
    label_colours,
    labels_in,
    legend_of,
    overlay,
    shrink,
    tag_words,
)
from aisi.report.plots import plot_assignments, plot_categories, plot_seeds, plot_training, save_figure
from aisi.report.tables import (
    add_paper,
    assignment_table,
    category_table,
    experiment_page,
    loss_shares,
    markdown,
    ratio_notes,
    results_page,
    seed_table,
    tag_counts,
)

CATEGORIES = Categories(("cat", "dog"), (1, 2), ("#ff0000", "#00ff00"))
COUNTS = {
    "random": {"instances": 4, "tagged": 4, "photos": 3},
    "partition": {"instances": 4, "tagged": 3, "photos": 2},
    "oracle": {"instances": 4, "tagged": 4, "photos": 3},
}
NOTHING = pd.DataFrame(columns=METRIC_COLUMNS)


def metrics():
    parts = []
    for assignment, miou in (("random", 0.3), ("partition", 0.5), ("oracle", 0.625)):
        ious = [("iou", "background", 0.9, 3), ("iou", "cat", miou, 2), ("iou", "dog", np.nan, 0)]
        ious.append(("miou", "all", miou, 3))
        parts.append(metric_table(ious, assignment, task="proxy_semantic", split="train", protocol="voc"))
        parts.append(metric_table([("accuracy", "all", 0.75, 4)], assignment, task="tags", split="train"))
    rows = [("miou", "all", 0.4, 9), ("iou", "cat", 0.4, 9)]
    parts.append(metric_table(rows, "partition", "net", task="semantic", split="val"))
    parts.append(
        metric_table([("recall50", "all", 0.6, 5)], task="salient_instances", split="train", protocol="class-agnostic")
    )
    return pd.concat(parts, ignore_index=True)


def test_tag_counts():
    tags = pd.DataFrame({"image_id": ["a", "a", "b", "c"], "label": [1, 0, 0, 2]})
    assert tag_counts(tags) == {"instances": 4, "tagged": 2, "photos": 2}


def test_assignment_table():
    table = assignment_table(metrics(), COUNTS).set_index("assignment")
    assert list(table.index) == ["random", "partition", "oracle"]
    columns = ["network", "proxies: mIoU", "network: mIoU", "tagged"]
    assert table.loc["partition", columns].tolist() == ["net", 0.5, 0.4, 3]
    assert np.isnan(table.loc["random", "network: mIoU"])
    assert "proxies: AP" not in table


def test_assignment_table_without_figures_has_counts():
    table = assignment_table(NOTHING, COUNTS)
    assert list(table) == ["assignment", "network", "instances", "tagged", "photos"]
    assert table["photos"].tolist() == [3, 2, 3]


def test_category_table():
    table = category_table(metrics()).set_index("category")
    assert list(table) == ["proxies of random", "proxies of partition", "proxies of oracle", "net of partition"]
    assert list(table.index) == ["background", "cat", "dog"]
    assert table.loc["cat"].tolist() == [0.3, 0.5, 0.625, 0.4]
    assert len(category_table(NOTHING)) == 0


def test_loss_shares():
    assert loss_shares(metrics()) == {"instances": pytest.approx(0.375), "tags": pytest.approx(0.125)}
    assert loss_shares(NOTHING) is None


def test_markdown():
    table = pd.DataFrame({"name": ["a|b", "c"], "n": [1, 2], "value": [0.12345, np.nan]})
    assert markdown(table).splitlines() == [
        "| name | n | value |",
        "| --- | ---: | ---: |",
        "| a\\|b | 1 | 0.123 |",
        "| c | 2 |  |",
    ]


def test_results_page():
    page = results_page("demo", "snakemake --cores all", ["What chose the settings."], metrics(), COUNTS)
    assert page.index("What chose") < page.index("## Assignments")
    assert "`snakemake --cores all`" in page
    assert "lose 0.500 mIoU against the true masks: 0.375 because of the instances" in page
    assert "(`oracle` loses as much), 0.125 because of the tags." in page
    assert "| cat | 0.300 | 0.500 | 0.625 | 0.400 |" in page
    assert "| train | class-agnostic | recall50 | 0.600 | 5 |" in page
    assert "nan" not in page


def test_results_page_without_true_masks():
    page = results_page("mine", "snakemake", [], NOTHING, COUNTS)
    assert "| partition | 4 | 3 | 2 |" in page
    assert "no true masks" in page
    assert "oracle` is a reference" not in page


def read(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")), path.read_bytes()


@pytest.mark.parametrize("rows", [metrics(), NOTHING])
def test_plots_are_made_with_and_without_figures_and_repeat_byte_by_byte(rows, tmp_path):
    for name in ("first.png", "second.png"):
        save_figure(tmp_path / f"a{name}", plot_assignments(assignment_table(rows, COUNTS)))
        save_figure(tmp_path / f"c{name}", plot_categories(category_table(rows)))
    for kind in "ac":
        pixels, content = read(tmp_path / f"{kind}first.png")
        assert pixels.min() < 100
        assert content == read(tmp_path / f"{kind}second.png")[1]


def test_training_curves(tmp_path):
    log = pd.DataFrame({"epoch": [0, 1], "loss": [2.0, 1.0], "learning_rate": 0.1, "held_out": [np.nan, np.nan]})
    save_figure(tmp_path / "two.png", plot_training({"attention": log, "segmenter": log}))
    save_figure(tmp_path / "none.png", plot_training({}))
    assert read(tmp_path / "two.png")[0].min() == 0
    [axes] = plot_training({"attention": log}).axes
    assert len(axes.lines) == 1 and axes.get_legend() is None, "Nothing was held out."


def test_training_curves_of_held_out_samples_and_of_one_epoch():
    log = pd.DataFrame({"epoch": [0, 1], "loss": [2.0, 1.0], "learning_rate": 0.1, "held_out": [2.5, 3.5]})
    [axes] = plot_training({"segmenter": log}).axes
    assert {line.get_label(): list(line.get_ydata()) for line in axes.lines} == {
        "training": [2.0, 1.0],
        "held out": [2.5, 3.5],
    }
    assert axes.get_ylim()[1] > 3.5 and axes.get_legend() is not None
    [axes] = plot_training({"segmenter": log[:1]}).axes
    low, high = axes.get_xlim()
    assert low < 1 < high and high - low <= 2, "The point of the only epoch is inside."
    assert [text.get_text() for text in axes.texts] == ["training: 2", "held out: 2.5"]
    [axes] = plot_training({"segmenter": log[:0]}).axes
    assert not axes.lines, "A training that has not ended an epoch yet."


def images(keywords):
    return pd.DataFrame({"image_id": [f"{i}" for i in range(len(keywords))], "keywords": keywords})


def test_examples_are_spread_and_prefer_several_keywords():
    one, two = ("cat",), ("cat", "dog")
    assert choose_examples(images([one, two, one, two, two, two]), 2)["image_id"].tolist() == ["1", "5"]
    assert choose_examples(images([one, two, one]), 2)["image_id"].tolist() == ["0", "2"]
    assert choose_examples(images([one]), 5)["image_id"].tolist() == ["0"]
    assert len(choose_examples(images([]), 5)) == 0


def test_extremes():
    photos = images([("cat",)] * 6).iloc[::-1]
    ious = [0.1, 0.9, 0.5, 0.8, 0.8, 0.2]  # of photos 5, 4, ... 0
    tags = pd.DataFrame({"image_id": list("0233351"), "label": [1, 1, 1, 0, 2, 1, 1]})
    tags["margin"] = [-9.0, 0.5, 0.75, -1.0, 0.25, -5.0, np.nan]
    chosen, notes = choose_extremes(photos, ious, tags, 1)
    assert list(chosen) == ["image_id", "keywords"] and chosen["image_id"].tolist() == ["4", "5", "0"]
    chosen, notes = choose_extremes(photos, ious, tags, 2)
    assert chosen["image_id"].tolist() == ["4", "1", "5", "0", "3", "2"]
    assert notes["image_id"].tolist() == chosen["image_id"].tolist()
    assert notes["note"].iloc[[0, 2, 4]].tolist() == [
        "best: IoU 0.90",
        "worst: IoU 0.10",
        "least certain: margin 0.25, IoU 0.50",
    ]
    assert len(choose_extremes(photos[:1], ious[:1], tags, 2)[0]) == 1
    assert len(choose_extremes(photos[:0], [], tags, 2)[0]) == 0


def test_overlay_leaves_the_background():
    colours = label_colours(CATEGORIES)
    photo = np.full((6, 12, 3), 100, np.uint8)
    labels = np.zeros((6, 12), np.uint8)
    labels[:, 6:] = 1
    drawn = overlay(photo, labels, colours, opacity=1.0)
    assert drawn[:, :5].tolist() == photo[:, :5].tolist()
    assert (drawn[:, 5:7] == 255).all()
    assert (drawn[:, 7:] == [255, 0, 0]).all()


def test_shrink_keeps_sides_below_the_limit():
    assert shrink(np.zeros((100, 50, 3))).shape == (100, 50, 3)
    assert max(shrink(np.zeros((4000, 1001))).shape) <= 360


def photo_with_tags():
    mask = np.zeros((20, 30), np.uint8, order="F")
    mask[5:15, 5:25] = 1
    boxes = np.array([[5, 5, 25, 15], [5, 5, 25, 15]])
    scores, labels = np.array([0.9, 0.5]), np.array([2, 0])
    return TaggedPhoto("ü", "ü.jpg", 20, 30, (1, 2), boxes, scores, [rle.encode(mask)] * 2, labels)


def test_tag_words():
    assert tag_words(photo_with_tags(), ["cat", "dog"]) == [(0.5, 0.5, "dog"), (0.5, 0.5, "rejected")]


def test_grid_of_stages(tmp_path):
    colours, picture = label_colours(CATEGORIES), np.full((20, 30, 3), 90, np.uint8)
    empty = TaggedPhoto("e", "e.jpg", 20, 30, (1,), np.zeros((0, 4)), np.zeros(0), [], np.zeros(0, np.int64))
    labels = np.full((20, 30), 255, np.uint8)

    def stages(photo, maps):
        return draw_stages(picture, photo, colours, ["cat", "dog"]) + draw_maps(picture, maps, colours)

    rows = [
        ("ü: cat", stages(photo_with_tags(), [labels, None])),
        ("e: cat", stages(empty, [None, None])),
    ]
    titles = ["photo", "instances", "tags", "proxy", "truth"]
    save_figure(tmp_path / "grid.png", draw_grid(rows, titles))
    pixels, _ = read(tmp_path / "grid.png")
    assert (pixels == [90, 90, 90]).all(-1).any()
    save_figure(tmp_path / "none.png", draw_grid([], titles))
    legend = legend_of({0, 2, 255}, CATEGORIES)
    assert [entry.get_label() for entry in legend] == ["dog", "rejected instance", "unknown (255), trains nothing"]
    save_figure(tmp_path / "with_legend.png", draw_grid(rows, titles, legend))
    assert (read(tmp_path / "with_legend.png")[0] == [0, 255, 0]).all(-1).any()


def test_labels_of_maps_leave_out_the_background():
    assert labels_in([np.array([[0, 3], [255, 3]], np.uint8), None]) == {3, 255}


# ------------------------------------------------------------------ experiments over seeds


def seeds():
    """mIoU of proxies over three seeds, of networks over one; b has no figures."""
    parts = [
        metric_table([("miou", "all", miou, 3)], "a", seed=seed, task="proxy_semantic")
        for seed, miou in enumerate((0.5, 0.6, 0.7))
    ]
    for assignment, miou in (("a", 0.4), ("truth", 0.5)):
        parts.append(metric_table([("miou", "all", miou, 9)], assignment, "net", task="semantic", split="val"))
    for seed, share in enumerate((0.8, 0.9)):
        parts.append(metric_table([("share_of_bound", "all", share, 9)], f"batches-shuffled-{seed}", "", seed, "tags"))
    return pd.concat(parts, ignore_index=True)


def test_seed_table():
    table = seed_table(seeds(), ["a", "b", "truth", "batches-shuffled"])
    assert table["network"].tolist() == ["net", "", "net", ""]
    assert table[["seeds", "network seeds"]].to_numpy().tolist() == [[3, 1], [0, 0], [0, 1], [2, 0]]
    assert table["proxies: mIoU"][0] == pytest.approx(0.6) and table["proxies: mIoU sd"][0] == pytest.approx(0.1)
    assert table["network: mIoU"][0] == 0.4 and np.isnan(table["network: mIoU sd"][0])
    assert table.loc[1].drop(["assignment", "network", "seeds", "network seeds"]).isna().all()
    assert table["tags: objective / bound"][3] == pytest.approx(0.85)


def test_experiment_page():
    paper = pd.DataFrame(
        {"table": "1a", "assignment": ["a", "c"], "train": "SI", "split": "test", "metric": "mIoU (%)"}
    )
    paper["value"] = [64.0, 1.0]
    table, heading = add_paper(seed_table(seeds(), ["a", "truth"]), paper)
    assert heading == "paper, table 1a: network mIoU (%), SI, test"
    page = experiment_page("Ablation", "snakemake ablation", table, ratio_notes(table, "a", "truth"))
    assert "| a | net | 3 | 1 |  | 0.600 ± 0.100 | 0.400 | 64.0 |" in page
    assert "| truth | net | 0 | 1 |  |  | 0.500 |  |" in page
    assert "`net` trained on `a` reaches 0.800 of its mIoU on `truth` (0.400 of 0.500)." in page
    assert "nan" not in page
    assert add_paper(table, paper.iloc[1:])[1] is None
    assert ratio_notes(table, "b", "truth") == [] == ratio_notes(table.drop(columns="network: mIoU"), "a", "truth")


def test_seed_plot_repeats_byte_by_byte(tmp_path):
    for name in ("first.png", "second.png"):
        save_figure(tmp_path / name, plot_seeds(seed_table(seeds(), ["a", "b", "truth"]).assign(paper=64.0), "paper"))
    save_figure(tmp_path / "none.png", plot_seeds(seed_table(NOTHING, ["a", "b"])))
    assert read(tmp_path / "first.png")[1] == read(tmp_path / "second.png")[1]
    assert read(tmp_path / "none.png")[1] != read(tmp_path / "first.png")[1]


def test_compare_runs(tmp_path, capsys):
    for run, miou in (("a", (0.5, 0.6)), ("b", (0.52, 0.58)), ("c", (0.9,))):
        rows = [
            metric_table([("miou", "all", value, 3), ("iou", "cat", value, 3)], "partition", seed=seed, task="semantic")
            for seed, value in enumerate(miou)
        ]
        extra = metric_table([("ap", "all", 0.25, 3)], "partition", "net", task="instance")
        (tmp_path / run / "results/experiments/ablation").mkdir(parents=True)
        write_metrics(tmp_path / run / "results/metrics.csv", pd.concat([rows[0], extra]))
        write_metrics(tmp_path / run / "results/experiments/ablation/metrics.csv", pd.concat(rows))
    compare_runs.main(tmp_path / "a", tmp_path / "b", output=tmp_path / "table.csv")
    table = pd.read_csv(tmp_path / "table.csv", keep_default_na=False, dtype=str).set_index("metric")
    assert table.loc["miou", ["A", "B", "difference", "exceeds"]].tolist() == ["0.55", "0.55", "0", "no"]
    assert table.loc["miou", "spread"] == "0.07071068"
    assert table.loc["ap", ["A", "B", "exceeds"]].tolist() == ["0.25", "0.25", ""]
    assert "iou" not in table.index and "| partition |  | semantic |" in capsys.readouterr().out
    compare_runs.main(tmp_path / "a/results/experiments/ablation/metrics.csv", tmp_path / "c/results", categories=True)
    said = capsys.readouterr().out
    assert "| iou | cat | 0.550 | 0.900 | 0.350 | 0.071 | yes |" in said
    with pytest.raises(SystemExit, match=r"no metrics\.csv"):
        compare_runs.main(tmp_path, tmp_path)
