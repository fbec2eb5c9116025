"""A review page of many instances, made from one of few."""

import json
import shutil
from pathlib import Path

from aisi.report.review_page import write_data


def write_repeated(folder, n, output=None):
    """Repeat the photos of the page in ``folder`` until there are ``n`` instances; returns the path of the page.

    ``output`` gets the new page, thumbnails copied once for each photo; None changes ``folder`` itself, whose
    thumbnails are then shared.
    """
    folder = Path(folder)
    text = (folder / "data.js").read_text()
    data = json.loads(json.loads(text[text.index("(") + 1 : text.rindex(")")]))
    photos, instances = data["photos"], data["instances"]
    n_photos, n_own = len(photos["id"]), len(instances["id"])
    times = -(-n // n_own)
    more = {key: values * times for key, values in photos.items()}
    more["id"] = [f"{image_id} {turn}" for turn in range(times) for image_id in photos["id"]]
    many = {key: (values * times)[:n] for key, values in instances.items()}
    many["photo"] = [photo + turn * n_photos for turn in range(times) for photo in instances["photo"]][:n]
    many["near"] = [
        [[j + turn * n_own, cosine] for j, cosine in near if j + turn * n_own < n]
        for turn in range(times)
        for near in instances["near"]
    ][:n]
    if output:
        output = Path(output)
        more["thumbnail"] = [f"thumbnails/shard_0/{photo}.jpg" for photo in range(n_photos * times)]
        (output / "thumbnails/shard_0").mkdir(parents=True)
        for old, new in zip(photos["thumbnail"] * times, more["thumbnail"], strict=True):
            shutil.copy(folder / old, output / new)
        for name in ("index.html", "review.css", "review.js"):
            shutil.copy(folder / name, output)
    output = output or folder
    write_data(output / "data.js", data | {"run": f"{data['run']} x {times}", "photos": more, "instances": many})
    return output / "index.html"
