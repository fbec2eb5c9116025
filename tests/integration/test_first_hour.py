"""The commands of README.md and docs/photos.md, run as they are written, on photos with a new user's mistakes."""

import csv
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from project import ROOT

PHOTOS = ROOT.parent / "shared" / "data" / "everyday"
N_PHOTOS = 6
INSTALLED = "git clone", "make setup", "make demo"
"""Beginnings of commands that this test does not run: they fetch gigabytes. The packages are here."""
SMALL = (
    "salient_instances={score_threshold: 0.1, network: {input_size: 64}}",
    "attention={training: {recipe: {epochs: 1}}, network: {image_size: 64}}",
    "features={crop_size: 64}",
)
"""Added to every run, so that the test takes a minute and not an hour."""
PAGES = {
    "README": (ROOT / "README.md").read_text().partition("## Your own photos")[2].partition("\n## ")[0],
    "photos": (ROOT / "docs" / "photos.md").read_text(),
}


def commands(page):
    """Lines of the page's blocks of code that are commands, in their order."""
    blocks = re.findall(r"^ *```\n(.*?)^ *```", PAGES[page], re.MULTILINE | re.DOTALL)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if re.match(r"(make|source|cp|snakemake|git) ", line)]


@pytest.mark.parametrize("page", PAGES)
def test_pages_copy_the_config_that_they_run(page):
    [copied] = [line.split()[-1] for line in commands(page) if line.startswith("cp ")]
    runs = [line for line in commands(page) if line.startswith("snakemake")]
    assert len(runs) >= 3
    assert all(f"--configfile {copied} --directory runs/mine" in line for line in runs)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A copy of the checkout, and a person's folder of renamed photos with a table."""
    if not PHOTOS.is_dir():
        pytest.skip("machine lacks: photos of ../shared/data/everyday")
    home = tmp_path_factory.mktemp("home")
    for name in ("config", "profiles", "resources", "workflow"):
        shutil.copytree(ROOT / name, home / "aisi" / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "Snakefile", home / "aisi")
    (home / "aisi/.venv/bin").mkdir(parents=True)
    (home / "aisi/.venv/bin/activate").write_text(f'export PATH="{Path(sys.executable).parent}:$PATH"\n')
    with open(PHOTOS / "keywords.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))[:N_PHOTOS]
    (home / "Pictures").mkdir()
    table = ["image_id,split,keywords"]
    for number, row in enumerate(rows):
        photo = Image.open(next((PHOTOS / "photos").glob(f"{row['image_id']}.*")))
        photo.reduce(3).save(home / "Pictures" / f"Ausflug Größe {number}.jpg")
        table.append(f"Ausflug Größe {number},train,{row['keywords']}")
    shutil.copy(home / "Pictures" / "Ausflug Größe 0.jpg", home / "Pictures" / "forgotten.jpg")
    (home / "keywords.csv").write_text("\n".join(table) + "\n", encoding="utf-8")
    return home


def run(home, lines):
    """Run commands in one shell, in the folder of the checkout."""
    script = "\n".join(["set -e", *lines])
    environment = {**os.environ, "HOME": str(home), "OMP_NUM_THREADS": "1"}
    return subprocess.run(["bash", "-c", script], cwd=home / "aisi", env=environment, capture_output=True, text=True)


def small(line):
    return f"{line} --config {' '.join(map(repr, SMALL))}" if line.startswith("snakemake") else line


def fill_in(home):
    """Copy the settings and name the photos and the table in them, as step 2 of the README says."""
    text = (home / "aisi/config/photos.yaml").read_text().replace("root: photos ", "root: ~/Pictures ")
    text = text.replace("keywords: keywords.csv ", "keywords: ~/keywords.csv ")
    (home / "aisi/config/mine.yaml").write_text(text)


def test_readme_from_the_first_mistake_to_the_report(home):
    lines = [line for line in commands("README") if not line.startswith(INSTALLED)]
    set_up, masks, review, report = lines[:2], small(lines[2]), small(lines[3]), small(lines[4])

    forgot = run(home, [*set_up, masks])
    assert forgot.returncode == 1
    assert forgot.stderr.splitlines()[-2].startswith("Error: dataset.root: photos not found"), forgot.stderr
    assert "Traceback" not in forgot.stderr

    fill_in(home)
    table = home / "keywords.csv"
    right = table.read_text("utf-8")
    table.write_text(right + "".join(f"nowhere {number},train,dog\n" for number in range(60)), "utf-8")
    wrong = run(home, [set_up[0], masks])
    assert wrong.returncode == 1 and "Traceback" not in wrong.stderr
    _, _, end = wrong.stderr.rpartition("\nError: ")
    assert end.count("no photo 'nowhere") == 10, end
    assert "and 50 more like this" in end
    assert len(end.splitlines()) < 20

    table.write_text(right.replace("person", "persn", 1), "utf-8")
    done = run(home, [set_up[0], masks])
    assert done.returncode == 0, done.stdout + done.stderr
    printed = done.stdout + done.stderr
    assert re.search(r"persn +1  did you mean 'person'\?", printed)
    _, _, end = printed.rpartition(f"of {N_PHOTOS} photos have a mask.")
    results = home / "aisi/runs/mine/results"
    assert "snakemake --cores all review --configfile config/mine.yaml" in end
    assert f"{results / 'masks'}" in end
    assert "forgotten.jpg" in (results / "rejected_images.csv").read_text()
    with open(results / "photos.csv", encoding="utf-8") as file:
        expected = {row["image_id"] for row in csv.DictReader(file) if row["mask"] == "yes"}
    masks_found = {path.stem: np.asarray(Image.open(path)) for path in (results / "masks").glob("*.png")}
    assert set(masks_found) == expected
    assert all((mask != 255).all() and mask.any() for mask in masks_found.values())
    assert not (results / "semantic").exists()
    assert [path.name for path in (results / "proxy_masks").iterdir()] == ["partition"]

    after = run(home, [set_up[0], review, report])
    assert after.returncode == 0, after.stdout + after.stderr
    assert (results / "review/index.html").is_file()
    assert (results / "report.html").stat().st_size > 100_000
    page = (results / "report/overview.html").read_text("utf-8")
    assert f"of {N_PHOTOS} photos have a mask" in page and page.count("<img") >= 2
    assert not {"assignments.png", "categories.png"} & {path.name for path in (results / "report").iterdir()}
    kept = [path for path in results.rglob("*") if path.is_file() and "logs" not in path.parts]
    named = [path.name for path in kept if str(home).encode() in path.read_bytes()]  # the folder has the user's name
    assert named == ["report.html"]  # Snakemake lists the inputs of rules there
    data = (results / "review/data.js").read_text("ascii")
    assert "snakemake --cores all masks --configfile config/mine.yaml --directory runs/mine" in data


def test_commands_of_the_page_on_photos_are_accepted(home):
    fill_in(home)
    lines = [line for line in commands("photos") if not line.startswith((*INSTALLED, "cp"))]
    for line in lines[1:]:
        planned = run(home, [lines[0], f"{small(line)} --dry-run" if "--report" not in line else "true"])
        assert planned.returncode == 0, planned.stdout + planned.stderr


def test_true_masks_for_evaluation_train_nothing_unasked(home):
    """With a split to evaluate on, the default target still ends with masks; ``semantic`` trains and evaluates."""
    (home / "table.csv").write_text(
        "image_id,split,keywords\nAusflug Größe 0,train,a\nAusflug Größe 1,val,b\n", "utf-8"
    )
    (home / "aisi/config/evaluated.yaml").write_text(
        "dataset: {format: photos, root: ~/Pictures, keywords: ~/table.csv, train: train, val: val, categories: [a, b],"
        " ground_truth: {semantic: ~/Pictures, instance: ~/Pictures}}\ninstance: {train: [light]}\n"
    )
    plan = "snakemake -n --quiet rules --cores 1 --configfile config/evaluated.yaml --directory runs/evaluated -- {}"
    activate = "source .venv/bin/activate"
    default, semantic = (run(home, [activate, plan.format(target)]) for target in ("all", "semantic"))
    assert default.returncode == semantic.returncode == 0, default.stderr + semantic.stderr
    trained = {"train_semantic", "train_instance", "predict_semantic"}
    assert not any(rule in default.stdout + default.stderr for rule in trained)
    assert "write_masks" in default.stdout + default.stderr
    for rule in ("train_semantic", "plot_network_training", "evaluate_semantic", "draw_network_examples"):
        assert rule in semantic.stdout + semantic.stderr
