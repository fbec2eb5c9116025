"""Functions of the rules. Names in capitals are those of the stages' files, looked up when a job is planned."""


def home_of(seed):
    """Where the results of a seed lie."""
    return "results" if seed == config["seed"] else f"results/seed-{seed}"


def reference_of(home):
    """Where what true masks made of the results in a home lies."""
    return home.replace("results", "results/reference", 1)


def seed_of(wildcards):
    """The seed whose results lie in {home}."""
    _, _, seed = wildcards.home.partition("seed-")
    return int(seed or config["seed"])


def graph_setting(name):
    """A params function that looks up one setting of the graph {variant}."""
    return lambda wildcards: graph_settings(wildcards.variant, GRAPH)[name]


def keywords_of_graph(wildcards):
    """Scores name each instance's keywords; needed where only those that share one are neighbours, and to sort."""
    needed = wildcards.get("order") == "_category" or graph_setting("shared_keywords_only")(wildcards)
    return shards_of("results/scores/{split}/shard_{shard}.h5") if needed else []


def assignment_of(wildcards):
    """Settings behind the name."""
    return read_assignment(wildcards.assignment, config["graph"], PARTITION)


def setting(name):
    """A params function that looks up one setting of the assignment."""
    return lambda wildcards: getattr(assignment_of(wildcards), name)


def graph_of(assignment):
    """The graph that an assignment partitions."""
    settings = read_assignment(assignment, config["graph"], PARTITION)
    return f"results/graph/{TRAIN}/{graph_name(settings, config['graph'])}.npz"


def graph_of_assignment(wildcards):
    """The graph that the assignment of the wildcard partitions."""
    return graph_of(wildcards.assignment)


def partitions_of_assignment(wildcards):
    """The folders of all jobs; how many there are comes from the config alone."""
    name = wildcards.assignment
    one = name in BASELINES.split("|") or assignment_of(wildcards).mode == "dataset"
    return [f"{wildcards.home}/partition/{name}/job_{job}" for job in range(1 if one else PARTITION["jobs"])]


def segmenter(*keys):
    """Function of the wildcards: the value of the keys in the semantic network's block of the config."""
    return lambda wildcards: value_of(SEGMENTERS[wildcards.network], keys)


def salient_pictures(wildcards):
    """Pictures with masks of salient instances, and the lists that name them."""
    return [by_content(f"{SALIENT_PICTURES}/{part}") for part in ("JPEGImages", "SegmentationObject", "ImageSets")]


def salient_pictures_of_segmenter(wildcards):
    """Those that the semantic network learns from, if it does."""
    return salient_pictures(wildcards) if segmenter("training", "salient_share")(wildcards) else []


def instance_segmenter(*keys):
    """Function of the wildcards: the value of the keys in the instance network's block of the config."""
    return lambda wildcards: value_of(INSTANCE_SEGMENTERS[wildcards.network], keys)


def value_of(block, keys):
    """The value at the end of the keys."""
    for key in keys:
        block = block[key]
    return block


def protocol(wildcards):
    """How predictions are made and counted, for metrics.csv."""
    prediction = segmenter("prediction")(wildcards)
    return semantic_protocol(prediction["scales"], prediction["flip"])


def for_assignments(pattern):
    """A pattern with {home} and {assignment} for every assignment, references last."""
    return [pattern.format(home="results", assignment=name) for name in ASSIGNMENTS] + [
        pattern.format(home="results/reference", assignment=name) for name in REFERENCES
    ]


def attention_of_reference(wildcards):
    """The attention maps of the seed whose reference lies in {home}."""
    home = home_of(seed_of(wildcards))
    return [f"{home}/attention/{TRAIN}/shard_{shard}.h5" for shard in SHARDS]


def rows_of_experiment(wildcards):
    """Assignment and seed of each row whose tags are judged, as they stand in metrics.csv."""
    names = EXPERIMENTS[wildcards.experiment]
    rows = [[name.format(seed=seed), seed] for seed in SEEDS for name in names]
    return rows + ([["oracle", config["seed"]]] if wildcards.experiment == "ablation" else [])


def tags_of_experiment(wildcards):
    """The tags of these rows."""
    return [
        f"{'results/reference' if name == 'oracle' else home_of(seed)}/tags/{name}.csv"
        for name, seed in rows_of_experiment(wildcards)
    ]


def rows_of_table(experiment):
    """The assignments of an experiment's table, references last."""
    names = [name.removesuffix("-{seed}") for name in EXPERIMENTS[experiment]]
    if experiment != "ablation":
        return names
    names += ["cam", "oracle"] if TRAIN_HAS_MASKS else ["cam"]
    return names + (["ground_truth"] if TRAIN_HAS_MASKS and ABLATION_NETWORKS else [])


def batches_of_seed(wildcards):
    """The assignments of batches for the seed of {home}."""
    return [name.format(seed=seed_of(wildcards)) for name in EXPERIMENTS["batches"]]


def tags_of_batches(wildcards):
    """The tags of these assignments."""
    return [f"{wildcards.home}/tags/{name}.csv" for name in batches_of_seed(wildcards)]


def parts_of_experiment(wildcards):
    """Tables of figures behind an experiment: of tags and proxies, and its own."""
    evaluation = ["results/experiments/{experiment}/evaluation.csv"] if TRAIN_HAS_MASKS or not SEMANTIC_MASKS else []
    match wildcards.experiment:
        case "ablation":
            cam = [f"{reference_of(home_of(seed))}/evaluation/proxy_masks/cam.csv" for seed in SEEDS]
            return evaluation + (cam if TRAIN_HAS_MASKS else []) + ABLATION_NETWORKS
        case "batches":  # objectives need no true masks
            objectives = [f"{home_of(seed)}/experiments/objectives.csv" for seed in SEEDS]
            return objectives + (evaluation if TRAIN_HAS_MASKS else [])
    return evaluation


def notes_of_experiment(wildcards):
    """Sentences below an experiment's table."""
    seeds = ", ".join(map(str, SEEDS))
    notes = [f"Mean ± standard deviation over these seeds, of random tags and the attention network: {seeds}."]
    match wildcards.experiment:
        case "ablation":
            notes += [
                f"References: `cam`, attention maps from {ABLATION['cam_threshold']} of their largest score on, without "
                "instances; `oracle`, tagged from the true masks; `ground_truth`, the true masks as proxies."
            ]
            trained = ", ".join(map(str, NETWORK_SEEDS))
            notes += [f"Seeds of the networks: {trained}."] if ABLATION_NETWORKS else []
            notes += ["The paper's networks are DeepLab, trained on the proxies of all 10,582 pictures of VOC 2012."]
        case "batches":
            notes += [
                "`objective`: of the whole dataset's problem, on the graph of the whole dataset, whatever graph a batch "
                "was solved on, so that rows can be compared; `objective / bound`: its share of the certified bound of "
                "`batches-whole`. Batches keep floor(r m) instances each, the whole floor(r n), so that batches may "
                "keep up to one instance a batch fewer.",
            ]
        case "sweep_beta" | "sweep_retention":
            notes += [
                "The paper's figures are those of networks trained on the proxies, ours those of the tags and proxies "
                "themselves: their course can be compared, not their height.",
            ]
    return notes


def experiment(name):
    """What a target of that name asks for."""
    return [f"results/experiments/{name}/{file}" for file in ("metrics.csv", "table.csv", "figure.png", "page.md")]
