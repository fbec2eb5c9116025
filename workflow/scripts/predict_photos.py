"""Segment the photos of one shard of any folder with a trained network."""

import json
from dataclasses import asdict
from pathlib import Path

from aisi.formats.seal import sealed
from aisi.predict import load_model, predict_shard
from aisi.progress import log_to


def main(model_path, root, keywords_path, shard, shards, threads, part_path):
    """Write masks and overlays, and what was found as ``part_path``, in a sub-folder beside them."""
    folder = Path(part_path).parents[1]
    found = predict_shard(load_model(model_path, threads), [root], folder, keywords_path, shard, shards)
    with sealed(part_path) as temporary:
        temporary.write_text(json.dumps(asdict(found), ensure_ascii=False), encoding="utf-8")


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            model_path=snakemake.input.model,
            root=snakemake.input.photos,
            keywords_path=snakemake.input.get("keywords") or None,
            shard=int(snakemake.wildcards.shard),
            shards=snakemake.params.shards,
            threads=snakemake.threads,
            part_path=snakemake.output.part,
        )
