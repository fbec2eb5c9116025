"""What a user changes among photos, masks, tables and weights is seen by content, and times alone are not."""

import os

import pytest
import yaml
from PIL import Image

from project import Project
from test_settings import PHOTOS, photos

EVALUATING = {"draw_examples", "evaluate_proxy_masks", "tag_oracle"}
EVALUATING |= {"evaluate_examples", "evaluate_proxy_instances", "evaluate_salient_instances"}


@pytest.fixture(scope="module")
def finished_photos(source, tmp_path_factory):
    project = Project(source, tmp_path_factory.mktemp("photos"))
    photos(project.run_folder)
    (project.home / "base.yaml").write_text(yaml.safe_dump(PHOTOS))
    project.pretend(project.home / "base.yaml")
    return project


def first(project):
    (plan,) = project.plans({}, config=project.home / "base.yaml")
    return set(plan["first"])


def repaint(path):
    """Other bytes, as many, and the file keeps its time: enough for a plan, which opens no picture."""
    before = os.stat(path)
    path.write_bytes(path.read_bytes()[::-1])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize(
    ("name", "change", "expected"),
    [
        ("photos/a.png", repaint, {"index_images"}),
        ("photos/b.png", lambda path: Image.new("L", (8, 8)).save(path), {"list_rejected_images"}),
        ("keywords.csv", lambda path: path.write_text(path.read_text().replace("cat", "dog")), {"index_images"}),
        ("keywords.csv", lambda path: path.write_text(path.read_text().replace("cat", "cat;dog")), {"index_images"}),
        ("masks/a.png", repaint, EVALUATING),
        ("objects/a.png", repaint, {"evaluate_proxy_instances", "evaluate_salient_instances"}),
        ("found/a.png", repaint, {"import_salient_instances"}),
        ("overrides.csv", lambda path: path.write_text(path.read_text() + "a,0,cat\n"), {"solve_partition"}),
    ],
    ids=["pixels", "a photo", "a keyword", "a category", "a mask", "an object", "an instance", "an override"],
)
def test_content_counts(finished_photos, name, change, expected):
    path = finished_photos.run_folder / name
    content, status = path.read_bytes() if path.exists() else None, path.exists() and os.stat(path)
    change(path)
    found = first(finished_photos)
    path.unlink()
    if content is not None:  # as it was, with another time: counts no more in the cases that follow
        path.write_bytes(content)
        os.utime(path, ns=(0, status.st_mtime_ns + 10**12))
    assert found == expected


def test_photos_for_evaluation_do_not_train_again(finished_photos):
    """Nor does the name of their split; a photo that is also in the training split stops the run."""
    table, photo = finished_photos.run_folder / "keywords.csv", finished_photos.run_folder / "photos/b.png"
    before, config = table.read_text(), finished_photos.home / "base.yaml"
    Image.new("L", (8, 8)).save(photo)

    def pending(rows, change=None):
        table.write_text(before + rows)
        return finished_photos.plans(change or {}, config=config)[0]["pending"]

    evaluation = {"index_val_images": 1, "list_rejected_images": 1, "write_summary": 1}
    found = [
        pending("b,val,cat\n"),
        pending("b,test,dog\n", {"dataset": {"val": "test", "categories": ["cat", "dog"]}}),
        pending("b,val,cat\n", {"dataset": {"val": None}}),
    ]
    two_splits, new_category = pending("a,val,cat\n"), pending("b,val,dog\n")
    photo.unlink()
    table.write_text(before)
    assert found[0] == evaluation
    assert set(found[1]) >= {"index_images", "index_val_images"}  # other categories
    assert set(found[2]) == {"list_rejected_images", "write_summary"}
    assert {"index_images", "index_val_images"} <= set(two_splits) & set(new_category)
    assert first(finished_photos) == set()


def test_times_do_not_count(finished_photos):
    for path in finished_photos.run_folder.glob("*"):
        for file in (path, *path.glob("**/*")) if path.name != "results" and path.name[0] != "." else ():
            os.utime(file)
    assert first(finished_photos) == set()


def test_a_path_that_is_gone_is_an_error(finished_photos):
    """Not taken for one that was never there, its results for the user's own."""
    path = finished_photos.run_folder / "overrides.csv"
    path.rename(path.with_suffix(".away"))
    run = finished_photos.snakemake("--dry-run", config=finished_photos.home / "base.yaml")
    path.with_suffix(".away").rename(path)
    assert run.returncode != 0
    assert "overrides.csv, which does not exist" in run.stdout + run.stderr


def test_pictures_that_no_key_names_are_an_error(finished_photos):
    changes = {"semantic": {"networks": {"light": {"training": {"salient_share": 0.5}}}}}
    run = finished_photos.snakemake("--dry-run", config=finished_photos.home / "base.yaml", changes=changes)
    assert run.returncode != 0
    assert "name their folder in salient_instances.training.root" in run.stdout + run.stderr
