"""What the name of an assignment means: which graph, which solver, which settings."""

import re
from dataclasses import dataclass, replace
from decimal import Decimal

import yaml

SOLVED = "|".join(
    [
        r"partition(?:_batches)?(?:_unfiltered)?",
        r"(?:beta|objectness_weight)-\d+(?:\.\d+)?",
        r"retention-(?:0(?:\.\d+)?|1(?:\.0+)?)",
        r"k-[1-9]\d*",
        r"(?:shared_keywords_only|centre_features)-(?:true|false)",
        r"batches-(?:whole|given|category|shuffled-\d+)",
    ]
)
"""Names that a solver answers, for a wildcard; the schema of the config has the same."""
GRAPH_KEYS = ("k", "shared_keywords_only", "centre_features")
"""Keys of the config's block graph of which an assignment may have another value."""
BASELINES = "random|attention"
"""Names that need no graph (PAPER §5.2 table 1a); they keep every instance."""


@dataclass(frozen=True)
class Assignment:
    """Settings of an assignment that a solver answers.

    Attributes
    ----------
    mode : str
        ``dataset``: one graph, one solve; ``batches``: k-NN inside each batch, floor(r m) kept in each (PAPER §5.4).
    solver : str
    beta, retention, objectness_weight : float
    k : int
    shared_keywords_only, centre_features : bool
    order : str
        Order of the instances that batches are cut from, as for :func:`aisi.graph.batch_order`.
    """

    mode: str
    solver: str
    beta: float
    retention: float
    objectness_weight: float
    k: int
    shared_keywords_only: bool
    centre_features: bool
    order: str = "given"


def varied(key: str, value: float) -> str:
    """Name of the assignment that is as configured but for one value: ``retention-0.95``. It has every digit."""
    return f"{key}-{Decimal(repr(value)).normalize():f}"


def read_assignment(name, graph, partition):
    """Settings of an assignment.

    Parameters
    ----------
    name : str
        ``partition``: as configured; ``partition_batches``: the paper's batches; ``.._unfiltered``: r = 1;
        ``beta-{b}``, ``retention-{r}``, ``objectness_weight-{w}``, ``k-{k}``, ``shared_keywords_only-{true or false}``,
        ``centre_features-{true or false}``: as configured but for one value; ``batches-{order}``: batches of instances
        in that order, ``batches-whole``: none, the whole dataset at once.
    graph, partition : dict
        Blocks of the config.

    Returns
    -------
    Assignment
    """
    if not re.fullmatch(SOLVED, name):
        raise ValueError(f"No assignment is called {name!r} that a solver answers; docs/partition.md lists the names.")
    of_graph = {key: graph[key] for key in GRAPH_KEYS}
    of_partition = [partition[key] for key in ("mode", "solver", "beta", "r", "objectness_weight")]
    configured = Assignment(*of_partition, **of_graph)
    in_batches = replace(configured, mode="batches", solver=partition["batch_solver"])
    kind, _, value = name.partition("-")
    if name == "batches-whole":
        return replace(configured, mode="dataset")
    if kind == "batches":
        return replace(in_batches, order=value)
    if kind in ("beta", "objectness_weight"):
        return replace(configured, **{kind: float(value)})
    if kind == "retention":
        return replace(configured, retention=float(value))
    if kind in GRAPH_KEYS:
        return replace(configured, **{kind: yaml.safe_load(value)})
    chosen = in_batches if "_batches" in name else configured
    return replace(chosen, retention=1.0) if name.endswith("_unfiltered") else chosen


def graph_name(assignment, graph):
    """File name, without suffix, of the graph that an assignment needs: ``dataset`` or ``batches`` and what differs."""
    parts = [assignment.mode]
    parts += [f"{key}-{value}".lower() for key in GRAPH_KEYS if (value := getattr(assignment, key)) != graph[key]]
    parts += [assignment.order] if assignment.order != "given" else []
    return "_".join(parts)


def graph_settings(variant, graph):
    """Settings of a graph by what :func:`graph_name` put behind its mode, ``_{key}-{value}`` or nothing."""
    key, _, value = variant.removeprefix("_").partition("-")
    return {name: graph[name] for name in GRAPH_KEYS} | ({key: yaml.safe_load(value)} if value else {})
