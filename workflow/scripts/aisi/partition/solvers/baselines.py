"""Tags without a graph: the first rows of PAPER §5.2 table 1a."""

import numpy as np

from aisi.partition.model import Answer, Model, Status


def attention(model: Model, gap: float, time_limit: float | None, seed: int) -> Answer:
    """Tag the n_retained instances of largest value, each with its keyword of largest value (PAPER §3.1)."""
    counts, starts = np.diff(model.offsets), model.offsets[:-1]
    largest = np.maximum.reduceat(model.values, starts)
    return _answer(model, _first_largest(model, np.repeat(largest, counts)), largest)


def _first_largest(model, largest):
    hits = np.flatnonzero(model.values == largest)
    return hits[np.unique(model.owners[hits], return_index=True)[1]]


def random(model: Model, gap: float, time_limit: float | None, seed: int) -> Answer:
    """Tag n_retained random instances, each with a random keyword of its photo, all equally likely."""
    generator = np.random.default_rng(seed)
    counts = np.diff(model.offsets)
    pick = model.offsets[:-1] + np.floor(generator.random(len(counts)) * counts).astype(np.int64)
    return _answer(model, pick, generator.random(len(counts)))


def _answer(model, pick, rank):
    kept = np.argsort(-rank, kind="stable")[: model.n_retained]
    chosen = np.zeros(len(model.values), bool)
    chosen[pick[kept]] = True
    return Answer(chosen, model.objective(chosen), np.nan, Status.FEASIBLE)
