"""The examples of docs/own_parts.md: own attention maps and features in the partition, and rows of other methods."""

import os
import re
import shutil
import subprocess
import sys

import pandas as pd

from aisi.formats.features import read_features
from aisi.formats.hdf5 import origin_of
from aisi.formats.metrics import read_metrics
from project import ROOT, digests

PAGE = (ROOT / "docs" / "own_parts.md").read_text()
MAPS, FEATURES, TAGS = (
    code for code in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "results/images" in code
)


def run(code, folder):
    environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow" / "scripts")}
    subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment, check=True)


def test_own_maps_and_features_go_through_the_partition(copy):
    run(MAPS, copy.run_folder)
    run(FEATURES, copy.run_folder)
    changes = {
        "attention": {"import": "cams"},
        "features": {"import": {"array": "features.npy", "rows": "features.csv"}},
        "semantic": {"train": []},
    }
    before = digests(copy.run_folder)
    copy.finish("results/tags/partition.csv", "results/results.md", "results/report/results.csv", changes=changes)
    results = copy.run_folder / "results"
    features = read_features(*sorted((results / "features/train").glob("*.h5")), rows=None)
    assert features.shape[1] == 64
    assert origin_of(results / "features/train/shard_0.h5").startswith("features.npy (")
    assert origin_of(results / "attention/train/shard_1.h5").startswith("cams (")
    after = digests(copy.run_folder)
    changed = {path for path in after if before.get(path) != after[path]}
    assert {
        "results/tags/partition.csv",
        "results/graph/train/dataset.npz",
        "results/scores/train/shard_0.h5",
    } <= changed
    assert "results/salient_instances/train/shard_0.h5" not in changed
    assert "Imported from other programs" in (results / "results.md").read_text()
    assert "imported" in (results / "report/results.csv").read_text().splitlines()[0]
    assert copy.pending("results/tags/partition.csv", changes=changes) == {}
    os.utime(copy.run_folder / "features.npy")  # another time alone changes nothing
    assert copy.pending("results/tags/partition.csv", changes=changes) == {}


def test_other_methods_are_rows(copy):
    results = copy.run_folder / "results"
    run(TAGS, copy.run_folder)
    (network,) = results.glob("semantic/partition/*/seed-0/predictions")
    shutil.copytree(network, copy.run_folder / "theirs")
    shutil.copytree(results / "proxy_masks/attention/SegmentationClass", copy.run_folder / "proxies")
    changes = {
        "external": {
            "first": {"tags": "first_keyword.csv"},
            "irn": {"proxies": "proxies", "predictions": "theirs", "protocol": "multi scale, CRF"},
        }
    }
    copy.finish("results/results.md", "results/report/results.csv", changes=changes)
    metrics = read_metrics(results / "metrics.csv").set_index(["assignment", "task", "metric", "category"])["value"]
    own, theirs = (metrics.loc[name].loc["semantic"] for name in ("partition", "irn"))
    pd.testing.assert_series_equal(own, theirs)
    own, theirs = (metrics.loc[name].loc["proxy_semantic"] for name in ("attention", "irn"))
    pd.testing.assert_series_equal(own, theirs)
    assert {"tags", "proxy_semantic", "proxy_instance"} <= set(metrics.loc["first"].index.get_level_values("task"))
    assert "voc, multi scale, CRF" in (results / "metrics.csv").read_text()
    table = pd.read_csv(results / "report/results.csv")
    rows = [name for name in table["assignment"] if not name.startswith("paper")]
    assert rows == ["attention", "partition", "first", "oracle", "irn"]
    assert table.set_index("assignment").loc["irn", ["instances", "tagged", "photos"]].isna().all()
    assert set(pd.read_csv(results / "tags/first.csv")["source"]) == {"external"}
    page = (results / "results.md").read_text()
    assert "| first |" in page and "<NA>" not in page
    jobs = copy.pending("ablation", changes=changes)
    assert jobs["evaluate_experiment"] == 1 and "import_tags" not in jobs
    other = {"external": {"partition": {"tags": "first_keyword.csv"}, "x": {}}}
    message = copy.snakemake("results/results.md", changes=other).stderr
    assert "external.partition: a row of our own has this name" in message and "external.x: found no path" in message
