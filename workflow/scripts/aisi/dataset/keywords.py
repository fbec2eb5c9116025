"""Keywords as labels."""

VOC_CATEGORIES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog"),
    *("horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)
"""PASCAL VOC's, in the order of their labels 1..20."""


def keyword_labels(images, categories):
    """Labels of each photo's keywords.

    Parameters
    ----------
    images : DataFrame
        As from :func:`aisi.formats.dataset.read_images`.
    categories : Categories

    Returns
    -------
    list of list of int
        1..C, ascending, for each photo.

    Raises
    ------
    ValueError
        If a keyword is no category.
    """
    for photo in images.itertuples():
        for name in photo.keywords:
            if name not in categories.label_of:
                raise ValueError(
                    f"{photo.image_id}: keyword {name!r} is not in categories.csv, which holds "
                    f"{', '.join(categories.names)}. Delete both tables and run the workflow again: rule index_images "
                    "makes them again."
                )
    return [sorted({categories.label_of[name] for name in keywords}) for keywords in images["keywords"]]
