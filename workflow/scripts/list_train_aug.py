"""List the photos of VOC's augmented training set: those with masks of VOC or SBD that are not in VOC's val."""

from aisi.dataset.tables import read_list
from aisi.files import atomic
from aisi.planning.dataset_files import DatasetError
from aisi.progress import log_to


def main(train_paths, val_paths, sbd_paths, expected, list_path):
    """Write (SBD and VOC train) without VOC val, sorted; an error if they are not as many as expected."""
    all_paths = train_paths, val_paths, sbd_paths
    train, val, sbd = ({name for path in paths for _, name in read_list(path)} for paths in all_paths)
    names = sorted((sbd | train) - val)
    if len(names) != expected:
        raise DatasetError(
            f"{', '.join(str(path) for paths in all_paths for path in paths)}: found {len(names)} photos of "
            f"VOC train ({len(train)}) and SBD ({len(sbd)}) without VOC val ({len(val)}), expected {expected}. "
            "Use the archives' own lists, or correct dataset.sbd.train_aug."
        )
    with atomic(list_path) as temporary:
        temporary.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
    print(f"train_aug: {len(names)} photos")


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            train_paths=snakemake.input.train,
            val_paths=snakemake.input.val,
            sbd_paths=snakemake.input.sbd,
            expected=snakemake.params.expected,
            list_path=snakemake.output.list,
        )
