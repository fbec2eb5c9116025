"""What the name of an assignment means: which graph, which solver, which settings."""

import re
from dataclasses import dataclass, replace

SOLVED = "|".join(
    [
        r"partition(?:_batches)?(?:_unfiltered)?",
        r"beta-\d+(?:\.\d+)?",
        r"retention-[01](?:\.\d+)?",
        r"k-\d+",
        r"batches-(?:given|shuffled-\d+)",
    ]
)
"""Names that a solver answers, for a wildcard."""
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
    beta, retention : float
    k : int
    order : str
        Order of the instances that batches are cut from: ``given``, or ``shuffled-{seed}``.
    """

    mode: str
    solver: str
    beta: float
    retention: float
    k: int
    order: str = "given"


def read_assignment(name, graph, partition):
    """Settings of an assignment.

    Parameters
    ----------
    name : str
        ``partition``: as configured; ``partition_batches``: the paper's batches; ``.._unfiltered``: r = 1;
        ``beta-{b}``, ``retention-{r}``, ``k-{k}``: as configured but for one value; ``batches-{order}``: batches of
        instances in that order.
    graph, partition : dict
        Blocks of the config.

    Returns
    -------
    Assignment
    """
    if not re.fullmatch(SOLVED, name):
        raise ValueError(f"No assignment is called {name!r}; there are {BASELINES}|{SOLVED}.")
    configured = Assignment(partition["mode"], partition["solver"], partition["beta"], partition["r"], graph["k"])
    in_batches = replace(configured, mode="batches", solver=partition["batch_solver"])
    kind, _, value = name.partition("-")
    if kind == "batches":
        return replace(in_batches, order=value)
    if kind == "beta":
        return replace(configured, beta=float(value))
    if kind == "retention":
        return replace(configured, retention=float(value))
    if kind == "k":
        return replace(configured, k=int(value))
    chosen = in_batches if "_batches" in name else configured
    return replace(chosen, retention=1.0) if name.endswith("_unfiltered") else chosen


def graph_name(assignment, graph):
    """File name, without suffix, of the graph that an assignment needs: ``dataset`` or ``batches`` and what differs."""
    parts = [assignment.mode]
    parts += [f"k-{assignment.k}"] if assignment.k != graph["k"] else []
    parts += [assignment.order] if assignment.order != "given" else []
    return "_".join(parts)
