"""A person's corrections: the review page of a whole run, and the run that takes its file up."""

from aisi.formats.dataset import read_images
from aisi.formats.tags import read_tags
from test_reruns import AFTER_GRAPH, once

OVERRIDES = {"partition": {"overrides": "overrides.csv"}}
PAGE = once("review", "write_review")


def test_the_loop_closes(copy):
    """Review, correct, run again: the partition and what follows run, and the corrected instances keep their tags."""
    assert copy.pending("review") == PAGE | {"write_thumbnails": 2}
    copy.finish("review")
    results = copy.run_folder / "results"
    photos = read_images(results / "images/train/shard_0.csv")
    assert len(list(results.glob("review/thumbnails/shard_0/*.jpg"))) == len(photos)

    before = read_tags(results / "tags/partition.csv")
    wrong = before[before["keywords"].map(len) > 1].iloc[:2]
    tags = ["noisy", next(word for word in wrong["keywords"].iloc[1] if word != wrong["tag"].iloc[1])]
    columns = ["image_id", "instance_id", "tag", "x0", "y0", "x1", "y1"]
    wrong.assign(tag=tags)[columns].to_csv(copy.run_folder / "overrides.csv", index=False)
    assert copy.pending(changes=OVERRIDES) == AFTER_GRAPH
    assert copy.pending("review", changes=OVERRIDES) == once("solve_partition", "write_tags") | PAGE
    copy.finish("review", changes=OVERRIDES)
    after = read_tags(results / "tags/partition.csv")
    assert after.loc[wrong.index, "tag"].tolist() == tags
    assert after.index[after["source"] == "override"].tolist() == wrong.index.tolist()


def test_stale_overrides(copy):
    (copy.run_folder / "overrides.csv").write_text("image_id,instance_id,tag\ngone,0,noisy\n")
    target = "results/tags/partition.csv"
    process = copy.snakemake(target, changes=OVERRIDES)
    assert process.returncode == 1
    assert "1 of 1 rows match no instance" in process.stdout + process.stderr
    copy.finish(target, changes={"partition": OVERRIDES["partition"] | {"stale_overrides": "drop"}})
    assert "override" not in set(read_tags(copy.run_folder / target)["source"])


def test_the_page_needs_no_segmenter(project):
    """Also what a run that was stopped half-way lacks is no more than the tags need."""
    pending = project.pending("review")
    assert "write_review" in pending and "solve_partition" in pending
    assert not {"train_semantic", "write_proxy_masks", "tag_oracle"} & set(pending)
