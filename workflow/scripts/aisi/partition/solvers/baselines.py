"""Tags without a graph, the first rows of PAPER §5.2 table 1a."""

import numpy as np

from aisi.partition.model import Answer, Status


def attention(model, gap, time_limit, seed):
    """The keyword of the largest value for each instance (PAPER §3.1); the n_retained instances of largest value."""
    counts, starts = np.diff(model.offsets), model.offsets[:-1]
    largest = np.maximum.reduceat(model.values, starts)
    return _answer(model, _first_largest(model, np.repeat(largest, counts)), largest)


def _first_largest(model, largest):
    hits = np.flatnonzero(model.values == largest)
    return hits[np.unique(model.owners[hits], return_index=True)[1]]


def random(model, gap, time_limit, seed):
    """A keyword of its photo for each instance, each as likely as another; n_retained instances keep theirs."""
    generator = np.random.default_rng(seed)
    counts = np.diff(model.offsets)
    pick = model.offsets[:-1] + np.floor(generator.random(len(counts)) * counts).astype(np.int64)
    return _answer(model, pick, generator.random(len(counts)))


def _answer(model, pick, rank):
    kept = np.argsort(-rank, kind="stable")[: model.n_retained]
    chosen = np.zeros(len(model.values), bool)
    chosen[pick[kept]] = True
    return Answer(chosen, model.objective(chosen), np.nan, Status.FEASIBLE)
