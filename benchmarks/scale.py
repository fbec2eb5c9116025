"""Run the workflow at the size of large datasets, with synthetic files in place of the networks' results.

    python benchmarks/scale.py                                     # 100,000 photos in 64 shards
    python benchmarks/scale.py --photos 10582 --shards 8

Photos (one small photo under many names), their keywords, salient instances, scores and features are written in the
workflow's own formats. Then Snakemake plans the whole workflow and runs the rules after the networks: graph,
partition, tags and proxy masks. Times and memory come from Snakemake's benchmark files. Features have few dimensions,
since neighbours are found by brute force: the time grows with the dimensions and with the square of the number of
instances.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd
import yaml
from partition import draw_images, draw_keywords, plant
from PIL import Image
from pycocotools import mask as rle

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "workflow/scripts"))

from aisi.dataset.index import coloured_categories, shard_of  # noqa: E402
from aisi.formats.dataset import write_categories, write_images  # noqa: E402
from aisi.formats.features import new_features  # noqa: E402
from aisi.formats.instances import new_salient_instances, read_salient_instances  # noqa: E402
from aisi.formats.scores import Scores, write_scores  # noqa: E402

N_CATEGORIES, PER_PHOTO, SIZE = 80, 1.78, (375, 500)
RULES = ["build_graph", "solve_partition", "write_tags", "write_proxy_masks"]
TARGET = "results/proxy_masks/partition/instances.json"


def write_dataset(folder, keywords):
    """Write photos and the table of their keywords; return the ids and the categories."""
    names = [f"category {label:02}" for label in range(1, N_CATEGORIES + 1)]
    ids = [f"{number % 1000:03}/{number:07}" for number in range(len(keywords))]
    for number in range(1000):
        (folder / "photos" / f"{number:03}").mkdir(parents=True)
    first = folder / "photos" / "one.jpg"
    Image.new("RGB", (32, 24)).save(first)
    data = first.read_bytes()
    first.unlink()
    for image_id in ids:
        (folder / "photos" / f"{image_id}.jpg").write_bytes(data)
    rows = [
        f"{i},train,{';'.join(names[label - 1] for label in labels)}" for i, labels in zip(ids, keywords, strict=True)
    ]
    (folder / "keywords.csv").write_text("\n".join(["image_id,split,keywords", *rows, ""]))
    return ids, names


def write_artefacts(folder, ids, names, keywords, shards, dimension):
    """Write the files of the index and of the networks for the training photos."""
    n = int(PER_PHOTO * len(ids))
    features, scores, _ = plant(keywords, n, seed=0, dimension=dimension)
    photo = draw_images(np.array([len(labels) for labels in keywords]), n, np.random.default_rng(0))  # as in plant
    place = np.array([shard_of(image_id, shards) for image_id in ids])
    results = folder / "results"
    write_categories(results / "categories.csv", coloured_categories(names))
    masks = [rle.encode(np.asfortranarray(block(number))) for number in range(20)]
    for shard in range(shards):
        of_shard = np.flatnonzero(place == shard)
        rows = [ids[i] for i in of_shard]
        words = [tuple(names[label - 1] for label in keywords[i]) for i in of_shard]
        table = pd.DataFrame({"image_id": rows, "path": [f"dataset.root/{i}.jpg" for i in rows]})
        table = table.assign(width=SIZE[1], height=SIZE[0], keywords=words, sha256="0" * 64)
        write_images(results / f"images/train/shard_{shard}.csv", table)
        instances = np.flatnonzero(place[photo] == shard)
        bounds = np.searchsorted(photo[instances], of_shard), np.searchsorted(photo[instances], of_shard, "right")
        with new_salient_instances(results / f"salient_instances/train/shard_{shard}.h5") as writer:
            for image_id, first, last in zip(rows, *bounds, strict=True):
                chosen = [masks[(first + j) % len(masks)] for j in range(last - first)]
                boxes = [[x, y, x + w, y + h] for x, y, w, h in map(rle.toBbox, chosen)]
                writer.append(image_id, boxes, np.linspace(0.9, 0.5, last - first), chosen)
        candidates = np.concatenate([np.arange(scores.offsets[j], scores.offsets[j + 1]) for j in instances])
        offsets = np.concatenate([[0], np.cumsum(np.diff(scores.offsets)[instances])])
        digests = read_salient_instances(results / f"salient_instances/train/shard_{shard}.h5", masks=False).rows
        of_shard = Scores(offsets, scores.labels[candidates], scores.scores[candidates])
        write_scores(results / f"scores/train/shard_{shard}.h5", of_shard, digests)
        with new_features(results / f"features/train/shard_{shard}.h5", dimension, digests) as append:
            append(features[instances])
    return n


def block(number):
    """Mask of a rectangle, in one of several sizes."""
    mask = np.zeros(SIZE, np.uint8)
    mask[20 + 5 * number : 200 + 8 * number, 30 + 7 * number : 260 + 11 * number] = 1
    return mask


def snakemake(folder, *arguments):
    """Run Snakemake; return its output, wall seconds, CPU seconds and peak memory in MB."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--directory", folder]
    command += ["--cores", "1", *arguments, "--configfile", folder / "config.yaml"]
    start = perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(said)
    return said, perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def size_of(pattern, folder):
    """Bytes of the files of a pattern, including files in folders."""
    return sum(
        file.stat().st_size for path in folder.glob(pattern) for file in [path, *path.rglob("*")] if file.is_file()
    )


def measure(folder, options):
    """Write the dataset, let Snakemake plan and run it, and print the figures."""
    keywords = draw_keywords(options.photos, N_CATEGORIES, [0.15, 0.25, 0.25, 0.2, 0.15], seed=0)
    ids, names = write_dataset(folder, keywords)
    config = {"dataset": {"format": "photos", "root": str(folder / "photos"), "keywords": str(folder / "keywords.csv"),
                          "val": None}, "shards": options.shards}  # fmt: skip
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    said, wall, cpu, memory = snakemake(folder, "--dry-run", "--quiet", "rules")
    jobs = next(line.split()[-1] for line in said.splitlines() if line.startswith("total"))
    print(f"{options.photos} photos, {options.shards} shards: {jobs} jobs planned in {cpu:.1f} CPU s ({wall:.1f} s), "
          f"{memory:.0f} MB", flush=True)  # fmt: skip
    n = write_artefacts(folder, ids, names, keywords, options.shards, options.dimension)
    print(f"{n} instances, features of {options.dimension} dimensions", flush=True)
    _, wall, cpu, _ = snakemake(folder, TARGET, "--allowed-rules", *RULES)
    print(f"  all rules: {cpu:.0f} CPU s ({wall:.0f} s)", flush=True)
    for rule in RULES:
        for file in sorted((folder / "results/benchmarks" / rule).rglob("*.tsv")):
            row = pd.read_csv(file, sep="\t").iloc[0]
            print(f"  {rule:<20} {row['cpu_time']:8.1f} CPU s ({row['s']:.1f} s), {row['max_rss']:.0f} MB", flush=True)
    for pattern in ("images", "salient_instances", "scores", "features", "graph", "partition/partition", "tags",
                    "proxy_masks/partition/SegmentationClass", "proxy_masks/partition/instances.json"):  # fmt: skip
        size = size_of(f"results/{pattern}", folder)
        print(f"  {pattern:<40} {size / 2**20:8.1f} MB, {size / options.photos:.0f} bytes a photo", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=100_000)
    parser.add_argument("--shards", type=int, default=64)
    parser.add_argument("--dimension", type=int, default=32, help="of the features (ResNet: 2048)")
    parser.add_argument("--folder", help="folder for all files; a temporary one by default")
    options = parser.parse_args()
    if options.folder:
        Path(options.folder).mkdir(parents=True)
        measure(Path(options.folder).resolve(), options)
    else:
        with tempfile.TemporaryDirectory() as folder:
            measure(Path(folder), options)


if __name__ == "__main__":
    main()
