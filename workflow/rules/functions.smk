"""Functions of the rules. Names in capitals are those of the stages' files, looked up when a job is planned."""


def home_of(seed):
    """Where the results of a seed lie."""
    return "results" if seed == config["seed"] else f"results/seed-{seed}"


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
    scales = "single scale" if len(prediction["scales"]) == 1 else f"{len(prediction['scales'])} scales"
    return f"voc, {scales}" + (", flips" if prediction["flip"] else "")


def for_assignments(pattern):
    """A pattern with {home} and {assignment} for every assignment, references last."""
    return [pattern.format(home="results", assignment=name) for name in ASSIGNMENTS] + [
        pattern.format(home="results/reference", assignment=name) for name in REFERENCES
    ]
