"""Photos as people have them, through the workflow's first stage."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from aisi.formats.dataset import read_categories, read_images, read_rejected_images

SIZE = (40, 30)
TARGET = "results/rejected_images.csv"
TABLE = "key{words}.csv"


def save(path, mode="RGB", **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(0).integers(0, 255, (SIZE[1], SIZE[0], 4), np.uint8)
    if mode == "I;16":
        Image.fromarray(values[..., 0].astype(np.uint16) * 257).save(path)
    else:
        Image.fromarray(values[..., :3]).convert(mode).save(path, **options)


def turned():
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


@pytest.fixture
def photos(project):
    """Odd photos and their table, in folders with braces; gives the project, the config's path and the folder."""
    folder = project.home / "photos {of} {2024"
    save(folder / "a b.jpg")
    save(folder / "Größe" / "写真 1.png")
    save(folder / "turned.JPG", exif=turned())
    save(folder / "print.jpg", "CMYK")
    save(folder / "deep.png", "I;16")
    save(folder / "grey.webp", "L")
    save(folder / "see through.webp", "RGBA")
    save(folder / "cut.jpg")
    (folder / "cut.jpg").write_bytes((folder / "cut.jpg").read_bytes()[:400])
    (folder / "zero.png").touch()
    ids = ["a b", "Größe/写真 1", "turned", "print", "deep", "grey", "see through", "cut", "zero"]
    rows = [f"{image_id},train,{'cat;dog' if i % 2 else 'dog'}" for i, image_id in enumerate(ids)]
    table = project.home / TABLE
    table.write_bytes("\r\n".join(["image_id,split,keywords", *rows, ""]).encode("utf-8-sig"))
    dataset = {"format": "photos", "root": str(folder), "keywords": str(table), "val": None}
    config = project.home / "photos.yaml"
    config.write_text(yaml.safe_dump({"dataset": dataset}))
    return project, config, folder


def test_unreadable_pictures_stop_at_the_first_stage(photos):
    project, config, _ = photos
    process = project.snakemake(TARGET, config=config)
    said = process.stdout + process.stderr
    assert process.returncode == 1
    assert "cut.jpg" in said and "zero.png" in said and "grey.webp" not in said
    assert not (project.run_folder / TARGET).exists()


def test_unreadable_pictures_are_skipped_if_asked(photos):
    project, config, folder = photos
    skip = {"dataset": {"on_bad_image": "skip"}}
    project.finish(TARGET, config=config, changes=skip)
    results = project.run_folder / "results"
    images = read_images(results / "images/train/shard_0.csv").set_index("image_id")
    rejected = read_rejected_images(results / "rejected_images.csv")
    assert set(images.index) == {"a b", "Größe/写真 1", "turned", "print", "deep", "grey", "see through"}
    assert sorted(path.rsplit("/", 1)[-1] for path in rejected["path"]) == ["cut.jpg", "zero.png"]
    assert images.loc["turned", ["width", "height"]].tolist() == [30, 40]
    assert images.loc["a b", ["width", "height"]].tolist() == [40, 30]
    assert read_categories(results / "categories.csv").names == ("cat", "dog")

    assert project.pending(TARGET, config=config, changes=skip) == {}
    save(folder / "grey.webp", "RGB")
    assert project.pending(TARGET, config=config, changes=skip) == {"index_images": 1, "list_rejected_images": 1}


def test_a_wrong_row_stops_before_any_work(photos):
    project, config, _ = photos
    table = project.home / TABLE
    table.write_text(table.read_text("utf-8-sig").replace("grey,", "../grey,"), "utf-8")
    process = project.snakemake(TARGET, config=config)
    assert process.returncode == 1
    assert "'../grey' leads out of" in process.stdout + process.stderr


def test_braces_in_every_path_that_a_user_names(photos):
    """Snakemake takes {name} for a wildcard; the fixture has braces in the folder and the table."""
    project, config, _ = photos
    names = ("w{1}.safetensors", "f{.npy", "rows}.csv", "cams{}.h5", "over{r}ides.csv", "{found}.json", "p{p}.csv")
    weights, array, rows, cams, overrides, found, scores = paths = [str(project.home / name) for name in names]
    for path in paths:
        Path(path).touch()
    own = {
        "attention": {"import": cams},
        "features": {"import": {"array": array, "rows": rows}},
        "partition": {"overrides": overrides},
    }
    imported = own | {"salient_instances": {"method": "import", "import": {"coco": found}}}
    imported |= {"scores": {"import": scores}}
    given = own | {"salient_instances": {"weights": weights}}
    for changes, rule in ((imported, "import_salient_instances"), (given, "detect_salient_instances")):
        assert rule in project.pending(config=config, changes=changes)
    project.run_folder = project.home / "run {of}"
    project.run_folder.mkdir()
    refused = project.snakemake("--dry-run", config=config)
    assert refused.returncode == 1 and "Traceback" not in refused.stderr
    assert "run {of} of the directory of this run has braces" in refused.stderr
