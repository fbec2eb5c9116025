"""Class-agnostic instances made elsewhere: COCO JSON, or a folder of instance PNGs.

Both readers yield, photo by photo, what :class:`aisi.formats.instances.SalientInstancesWriter` appends. Instances
without a pixel are left out. A file that says nothing of a photo is an error; a photo without instances has to say so.
"""

from collections import Counter

import numpy as np

from aisi.dataset.coco import photo_name
from aisi.files import inside
from aisi.formats.coco import read_coco_instances
from aisi.formats.masks import read_instance_map
from aisi.labels import IGNORE
from aisi.masks import area, encode, from_segmentation, tight_boxes, wrong_size


def from_coco(path, images):
    """Instances of COCO JSON.

    Parameters
    ----------
    path : str or Path
        A dataset (images and annotations), its images matched by file_name without suffix, or by id where there is
        none; or results (a bare list), matched by image_id. Polygons, compressed or plain RLE; score 1 where there is
        none. Crowd annotations are left out.
    images : DataFrame
        As from :func:`aisi.formats.dataset.read_images`.

    Yields
    ------
    image_id : str
    boxes : (n, 4) int64
        XYXY, half-open, tight around the masks.
    scores : (n,) float64
        Descending.
    masks : list of dict
        COCO compressed RLE.

    Raises
    ------
    ValueError
        With every photo that the file does not name and every annotation that does not fit its photo.
    """
    listed, annotations = read_coco_instances(path)
    photos = {photo.image_id: photo for photo in images.itertuples()}
    found, problems = _match(path, listed, annotations, photos)
    crowds = Counter(bool(annotation.get("iscrowd")) for entries in found.values() for annotation in entries)[True]
    if crowds:
        print(f"{path}: {crowds} crowd annotations are not instances and are left out.")
    instances = {}
    for image_id, entries in found.items():
        masks, scores = [], []
        for annotation in entries:
            where = f"{path}: annotation {annotation.get('id', '')} of {image_id!r}"
            try:
                if not annotation.get("iscrowd"):
                    masks.append(from_segmentation(annotation.get("segmentation"), photos[image_id]))
                    scores.append(_score(annotation))
            except ValueError as error:
                problems.append(f"{where}: {error}")
        instances[image_id] = masks, scores
    if problems:
        raise ValueError("\n".join(problems))
    for image_id, (masks, scores) in instances.items():
        yield image_id, *_cut_out(masks, scores)


def from_masks(folder, images):
    """Instances of PNGs named like the photos: ``{image_id}.png``, 0 background, 255 void, else one value an instance.

    Parameters
    ----------
    folder : str or Path
        Palette or grey PNGs of 8 or 16 bits, in the EXIF-upright frame of the photos.
    images : DataFrame
        As from :func:`aisi.formats.dataset.read_images`.

    Yields
    ------
    As from :func:`from_coco`; all scores are 1, instances ordered by value.

    Raises
    ------
    ValueError
        With every photo that has no PNG, before the first is read; or with every PNG of another size, after the last.
    """
    paths = {photo.image_id: inside(folder, f"{photo.image_id}.png") for photo in images.itertuples()}
    problems = [
        f"{path}: no instances of photo {image_id!r}. Add the PNG; a photo without instances has one of zeros."
        for image_id, path in paths.items()
        if not path.is_file()
    ]
    if problems:
        raise ValueError("\n".join(problems))
    for photo in images.itertuples():
        values = read_instance_map(paths[photo.image_id])
        if values.shape != (photo.height, photo.width):
            problems.append(f"{paths[photo.image_id]}: {wrong_size(values.shape, photo)}")
            continue
        numbers = [number for number in np.unique(values) if number not in (0, IGNORE)]
        yield photo.image_id, *_cut_out([encode(values == number) for number in numbers], [1.0] * len(numbers))
    if problems:
        raise ValueError("\n".join(problems))


def _match(path, listed, annotations, photos):
    """Annotations of every photo, by image_id, and problems."""
    found = {image_id: [] for image_id in photos}
    if listed is None:
        for annotation in annotations:
            image_id = next((name for name in _names(annotation.get("image_id")) if name in photos), None)
            found.get(image_id, []).append(annotation)
        if photos and annotations and not any(found.values()):
            return found, [
                f"{path}: none of {len(annotations)} results has the image_id of one of {len(photos)} photos; found "
                f"{annotations[0].get('image_id')!r}, expected for example {next(iter(photos))!r}. Correct the ids, or "
                "give the file a list 'images' with each photo's file_name."
            ]
        return found, []
    numbers, problems = {}, []
    for image in listed:
        names = [photo_name(image["file_name"])] if image.get("file_name") else _names(image.get("id"))
        image_id = next((name for name in names if name in photos), None)
        if image_id in numbers:
            problems.append(f"{path}: two images are photo {image_id!r}. Name each photo once.")
        elif image_id is not None:
            numbers[image_id] = image.get("id")
    problems += [
        f"{path}: no image with file_name {image_id!r} and a suffix. Add it to 'images', also if it has no instances."
        for image_id in photos
        if image_id not in numbers
    ]
    image_ids = {number: image_id for image_id, number in numbers.items()}
    if len(image_ids) < len(numbers):
        problems.append(f"{path}: two images have the same id. Number them anew.")
    for annotation in annotations:
        found.get(image_ids.get(annotation.get("image_id")), []).append(annotation)
    return found, problems


def _names(number):
    """What an image_id of a JSON may be called as a photo; COCO's own files have twelve digits."""
    return [str(number), f"{number:012d}"] if isinstance(number, int) else [str(number), photo_name(str(number))]


def _score(annotation):
    score = annotation.get("score", 1.0)
    if not isinstance(score, int | float) or not 0 <= score <= 1:
        raise ValueError(f"found score {score!r}, expected 0 to 1. Scale the scores.")
    return float(score)


def _cut_out(masks, scores):
    """Boxes, scores and masks by descending score, without empty masks."""
    order = [i for i in np.argsort(-np.array(scores, float), kind="stable") if area(masks[i])]
    masks = [masks[i] for i in order]
    return tight_boxes(masks), np.array(scores, float)[order], masks
