"""Draw some photos of the training split with what each stage made of them."""

from aisi.files import inside
from aisi.formats import read_categories, read_images, read_salient_instances, read_tags
from aisi.ground_truth import read_label_map
from aisi.images import read_photo
from aisi.pictures import choose_examples, draw_grid, draw_stages, label_colours
from aisi.plots import save_figure
from aisi.progress import log_to
from aisi.proxy_masks import tagged_photos


def main(images, salient_instances, tags, categories, label_maps, n, output):
    """Draw n photos; ``label_maps`` names the columns beside photo, instances and tags: title to folder."""
    categories, tags = read_categories(categories), read_tags(tags)
    chosen = choose_examples(read_images(*images), n).set_index("image_id", drop=False)
    shards = ((read_images(a), read_salient_instances(b)) for a, b in zip(images, salient_instances, strict=True))
    rows = []
    for photo in tagged_photos(shards, tags, categories):
        if photo.image_id in chosen.index:
            source = chosen.loc[photo.image_id]
            maps = [read_if_there(folder, source) for folder in label_maps.values()]
            panels = draw_stages(read_photo(source.path), photo, maps, label_colours(categories), categories["name"])
            rows.append((f"{photo.image_id}: {', '.join(source.keywords)}", panels))
    save_figure(output, draw_grid(rows, ["photo", "instances", "tags", *label_maps]))


def read_if_there(folder, photo):
    """A photo's label map, or None if the folder has none of it."""
    return read_label_map(folder, photo) if inside(folder, f"{photo.image_id}.png").exists() else None


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            images=snakemake.input.images,
            salient_instances=snakemake.input.salient_instances,
            tags=snakemake.input.tags,
            categories=snakemake.input.categories,
            label_maps={title: snakemake.input[name] for name, title in snakemake.params.columns.items()},
            n=snakemake.params.n,
            output=snakemake.output.figure,
        )
