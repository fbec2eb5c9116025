"""Tag assignment: the problem of PAPER §4.3 eq. 8, its objective, and its reduction to 0/1 variables.

Two instances joined by an edge earn twice its weight if they take the same keyword of their photos (PAPER §4.2 eq. 6).
Each tagged instance earns beta times its attention (PAPER §4.3 eq. 7). Exactly ``n_retained`` instances take a keyword;
the others are noisy (PAPER §4.3 eq. 8).

Two more terms are not in the paper (ASSUME), and 0 unless they are asked for: two instances that compete for one object
cost a penalty if both take a keyword, and each keyword of a photo that some instance takes earns a reward.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from aisi.jit import njit
from aisi.partition.model import ByValue, Model, PartitionError


def retained(n_instances: int, retention: float) -> int:
    """Compute how many instances keep a tag: floor(r n) of PAPER §4.3 eq. 8.

    The result is exact for a decimal r. The product of floats may be below a whole number: 0.29 * 100 is 28.999....

    Parameters
    ----------
    n_instances : int
    retention : float
        r in [0, 1].

    Returns
    -------
    int

    Raises
    ------
    PartitionError
        If r is not in [0, 1].
    """
    if not 0 <= retention <= 1:
        raise PartitionError(f"The retention ratio is {retention}; it must be in [0, 1]. 1 keeps every instance.")
    return floor(Fraction(str(retention)) * int(n_instances))


@dataclass(frozen=True, eq=False, init=False)
class PartitionProblem(ByValue):
    """Tag assignment over a similarity graph. The arrays are copies, which cannot be written.

    Attributes
    ----------
    edges : (E, 2) int64
        i < j, each once.
    weights : (E,) float64
        W_ij >= 0. An edge inside a category earns 2 W_ij.
    offsets : (N + 1,) int64
        Candidates of instance j are ``offsets[j]:offsets[j + 1]``.
    categories : (M,) int64
        Labels >= 1, the keywords of each instance, ascending.
    scores : (M,) float64
        p_ij.
    beta : float
        Weight of the scores, >= 0.
    n_retained : int
        How many instances take a keyword. None: all that have one and are not pinned noisy.
    fixed : (N,) int64 or None
        -1 free, 0 pinned noisy, c pinned to category c.
    competing : (C, 2) int64
        Pairs of instances i < j that show the same object, each once. None: no pair.
    overlap_penalty : float
        What each pair of ``competing`` costs if both take a keyword, >= 0. If it is above all that an instance can
        earn, such pairs remain only where n_retained leaves no other choice.
    photos : (N,) int64
        Number of each instance's photo. None: each instance has a photo of its own.
    presence_reward : float
        What each keyword of a photo earns once if an instance of the photo takes it, >= 0.

    Raises
    ------
    PartitionError
        If the arrays do not fit together or no labelling exists.
    """

    edges: np.ndarray
    weights: np.ndarray
    offsets: np.ndarray
    categories: np.ndarray
    scores: np.ndarray
    beta: float
    n_retained: int
    fixed: np.ndarray
    competing: np.ndarray
    overlap_penalty: float
    photos: np.ndarray
    presence_reward: float

    def __init__(
        self,
        edges: ArrayLike,
        weights: ArrayLike,
        offsets: ArrayLike,
        categories: ArrayLike,
        scores: ArrayLike,
        beta: float = 30.0,
        n_retained: int | None = None,
        fixed: ArrayLike | None = None,
        competing: ArrayLike | None = None,
        overlap_penalty: float = 0.0,
        photos: ArrayLike | None = None,
        presence_reward: float = 0.0,
    ) -> None:
        self._set("edges", edges, np.int64, (0, 2))
        self._set("weights", weights, np.float64)
        self._set("offsets", offsets, np.int64)
        self._set("categories", categories, np.int64)
        self._set("scores", scores, np.float64)
        _check_candidates(self.offsets, self.categories, self.scores)
        _check_edges(self.edges, self.weights, self.n_instances)
        for name, value in {
            "beta": beta,
            "overlap_penalty": overlap_penalty,
            "presence_reward": presence_reward,
        }.items():
            if not (is_number(value) and np.isfinite(value) and value >= 0):
                raise PartitionError(f"{name} is {value!r}; it must be a finite number, at least 0.")
            object.__setattr__(self, name, float(value))
        self._set("competing", np.zeros((0, 2), int) if competing is None else competing, np.int64, (0, 2))
        _check_pairs("competing", self.competing, self.n_instances)
        self._set("photos", np.arange(self.n_instances) if photos is None else photos, np.int64)
        if self.photos.shape != (self.n_instances,):
            raise PartitionError(f"photos has shape {self.photos.shape}, expected ({self.n_instances},).")
        self._set("fixed", np.full(self.n_instances, -1) if fixed is None else fixed, np.int64)
        least, most = self._feasible_counts()
        if n_retained is None:
            n_retained = most
        if not isinstance(n_retained, int | np.integer) or isinstance(n_retained, bool):
            raise PartitionError(f"n_retained is {n_retained!r}; it must be a whole number.")
        object.__setattr__(self, "n_retained", int(n_retained))
        if not least <= self.n_retained <= most:
            raise PartitionError(
                f"n_retained is {self.n_retained}; {least} instances are pinned to a tag and {most} can take one, "
                f"so it must be {least} to {most}: pinned tags + floor(r * free instances with a keyword)."
            )

    def _set(self, name, values, dtype, empty=(0,)):
        array = _array(name, values, dtype)
        array = array if array.size else array.reshape(empty)
        array.setflags(write=False)
        object.__setattr__(self, name, array)

    @classmethod
    def from_graph(
        cls,
        similarity: Any,
        keywords: Sequence[Iterable[int]],
        scores: Sequence[Mapping[int, float]] | None = None,
        beta: float = 30.0,
        n_retained: int | None = None,
        fixed: ArrayLike | None = None,
    ) -> Self:
        """Make a problem from a similarity matrix and a set of keywords for each instance.

        Parameters
        ----------
        similarity : (N, N) sparse matrix of scipy, or array
            W_ij >= 0, symmetric, with a diagonal of zeros.
        keywords : list of set of int
            Labels >= 1 of each instance's keywords.
        scores : list of dict, optional
            p_ij of each instance, by keyword. None: all are 0.
        beta, n_retained, fixed
            As in the class.

        Returns
        -------
        PartitionProblem

        Raises
        ------
        PartitionError
            If the arguments do not fit together, or the matrix is not symmetric.
        """
        n = len(keywords)
        edges, weights = _upper_triangle(similarity, n)
        own = [sorted(labels) for labels in keywords]
        scores = [dict.fromkeys(labels, 0.0) for labels in own] if scores is None else scores
        if len(scores) != n:
            raise PartitionError(f"Found keywords of {n} instances, but scores of {len(scores)}.")
        for j, (labels, given) in enumerate(zip(own, scores, strict=True)):
            if set(labels) != set(given):
                raise PartitionError(f"Instance {j} has keywords {labels}, but scores for {sorted(given)}.")
        return cls(
            edges,
            weights,
            offsets=np.cumsum([0, *map(len, own)]),
            categories=[label for labels in own for label in labels],
            scores=[given[label] for labels, given in zip(own, scores, strict=True) for label in labels],
            beta=beta,
            n_retained=n_retained,
            fixed=fixed,
        )

    @property
    def n_instances(self) -> int:
        """Number of instances N."""
        return len(self.offsets) - 1

    def _feasible_counts(self):
        """Smallest and largest number of instances that can take a keyword."""
        if self.fixed.shape != (self.n_instances,):
            raise PartitionError(f"fixed has shape {self.fixed.shape}, expected ({self.n_instances},).")
        pinned = np.flatnonzero(self.fixed > 0)
        wrong = np.flatnonzero(self.fixed < -1).tolist() + pinned[self.find(pinned, self.fixed[pinned]) < 0].tolist()
        if wrong:
            own = self.categories[self.offsets[wrong[0]] : self.offsets[wrong[0] + 1]].tolist()
            raise PartitionError(
                f"Instance {wrong[0]} is pinned to {self.fixed[wrong[0]]}, which is not one of its keywords {own}. "
                "Use -1 for free, 0 for noisy, or one of the keywords."
            )
        free = (self.fixed < 0) & (np.diff(self.offsets) > 0)
        return len(pinned), len(pinned) + int(free.sum())

    def find(self, instances: np.ndarray, categories: np.ndarray) -> np.ndarray:
        """Positions of (instance, category) pairs among the candidates; -1 where a pair is not a candidate."""
        base = max(int(self.categories.max(initial=0)), int(np.max(categories, initial=0))) + 1
        owners = np.repeat(np.arange(self.n_instances), np.diff(self.offsets))
        return _find(owners * base + self.categories, np.asarray(instances) * base + categories)


def _find(keys, wanted):
    """Positions of ``wanted`` in the ascending ``keys``; -1 where it is missing."""
    if not len(keys):
        return np.full(np.shape(wanted), -1)
    position = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[position] == wanted, position, -1)


def is_number(value: Any) -> bool:
    """Whether a value is a single number, not a bool."""
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def _upper_triangle(similarity, n):
    """Edges (E, 2), ascending, and weights of a symmetric matrix with a diagonal of zeros."""
    if getattr(similarity, "shape", None) != (n, n):
        found = getattr(similarity, "shape", type(similarity).__name__)
        raise PartitionError(
            f"similarity is {found}; expected shape ({n}, {n}), as there are keywords of {n} instances."
        )
    if hasattr(similarity, "tocsr"):
        matrix = similarity.tocsr(copy=True).tocoo()
        matrix.sum_duplicates()
        rows, columns, values = matrix.row.astype(np.int64), matrix.col.astype(np.int64), matrix.data
    else:
        rows, columns = np.nonzero(similarity)
        values = np.asarray(similarity)[rows, columns]
    rows, columns, values = rows[values != 0], columns[values != 0], values[values != 0]
    if np.any(rows == columns):
        raise PartitionError("similarity has values on its diagonal; an instance has no edge to itself. Set them to 0.")
    upper, lower = rows < columns, rows > columns
    there, back = (np.lexsort((b, a)) for a, b in ((rows[upper], columns[upper]), (columns[lower], rows[lower])))
    edges = np.stack([rows[upper][there], columns[upper][there]], 1)
    mirrored = np.stack([columns[lower][back], rows[lower][back]], 1)
    if not (np.array_equal(edges, mirrored) and np.array_equal(values[upper][there], values[lower][back])):
        raise PartitionError("similarity is not symmetric. Use W.maximum(W.T), for example.")
    return edges, values[upper][there]


def _array(name, values, dtype):
    try:
        values = np.asarray(values)
    except ValueError as error:
        raise PartitionError(f"{name} is not an array of numbers ({error}).") from error
    if values.size and not np.issubdtype(values.dtype, np.integer if dtype is np.int64 else np.number):
        expected = "whole numbers" if dtype is np.int64 else "numbers"
        raise PartitionError(f"{name} is of type {values.dtype}; it must hold {expected}.")
    return np.array(values, dtype, order="C")


def _check_candidates(offsets, categories, scores):
    if offsets.ndim != 1 or not len(offsets) or offsets[0] != 0 or np.any(np.diff(offsets) < 0):
        raise PartitionError("offsets must have shape (N + 1,), start at 0 and never decrease.")
    if not categories.shape == scores.shape == (offsets[-1],):
        raise PartitionError(
            f"offsets end at {offsets[-1]}, but there are {categories.shape} categories and {scores.shape} scores."
        )
    bad = np.flatnonzero(categories < 1)
    if len(bad):
        raise PartitionError(f"Candidate {bad[0]} is category {categories[bad[0]]}; categories start at 1.")
    inner = np.ones(len(categories), bool)
    inner[offsets[:-1][np.diff(offsets) > 0]] = False
    bad = np.flatnonzero(inner[1:] & (np.diff(categories) <= 0))
    if len(bad):
        owner = np.searchsorted(offsets, bad[0], "right") - 1
        own = categories[offsets[owner] : offsets[owner + 1]].tolist()
        raise PartitionError(
            f"The candidates of instance {owner} are {own}; they must ascend, and each may occur once."
        )
    bad = np.flatnonzero(~np.isfinite(scores))
    if len(bad):
        raise PartitionError(f"The score of candidate {bad[0]} is {scores[bad[0]]}; it must be finite.")


def _check_edges(edges, weights, n_instances):
    if edges.ndim != 2 or edges.shape[1] != 2 or weights.shape != (len(edges),):
        raise PartitionError(f"Found edges {edges.shape} and weights {weights.shape}; expected (E, 2) and (E,).")
    _check_pairs("Edge", edges, n_instances)
    bad = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    if len(bad):
        raise PartitionError(f"Edge {bad[0]} has weight {weights[bad[0]]}; weights are finite and at least 0.")


def _check_pairs(name, pairs, n_instances):
    if pairs.ndim != 2 or pairs.shape[1] != 2:
        raise PartitionError(f"{name} has shape {pairs.shape}; expected pairs, (n, 2).")
    first, second = pairs.T
    bad = np.flatnonzero((first < 0) | (second >= n_instances) | (first >= second))
    if len(bad):
        i, j = pairs[bad[0]].tolist()
        why = "joins an instance to itself" if i == j else f"is not 0 <= i < j < {n_instances}"
        raise PartitionError(f"{name} {bad[0]} ({i}, {j}) {why}.")
    keys = first * n_instances + second
    if np.any(np.diff(keys) <= 0):
        order = np.argsort(keys, kind="stable")
        twice = np.flatnonzero(np.diff(keys[order]) == 0)
        if len(twice):
            more = " Add up its weights." if name == "Edge" else ""
            raise PartitionError(f"{name} {pairs[order[twice[0]]].tolist()} is given twice.{more}")


def objective(problem: PartitionProblem, labels: np.ndarray) -> float:
    """Compute the value of a labelling (PAPER §4.3 eq. 8) directly from the problem's arrays.

    Parameters
    ----------
    problem : PartitionProblem
    labels : (N,) int
        0 or one of the instance's categories.

    Returns
    -------
    float
        The sum of 2 W_ij over edges inside a category, plus the sum of beta p_ij over tagged instances, minus
        ``overlap_penalty`` for each competing pair with two tags, plus ``presence_reward`` for each keyword of a photo
        that an instance has as its tag.

    Raises
    ------
    PartitionError
        If a label is not one of its instance's categories.
    """
    labels = np.asarray(labels)
    tagged = np.flatnonzero(labels > 0)
    first, second = problem.edges.T
    inside = (labels[first] == labels[second]) & (labels[first] > 0)
    candidates = problem.find(tagged, labels[tagged])
    if np.any(candidates < 0):
        wrong = tagged[candidates < 0][0]
        raise PartitionError(f"Instance {wrong} has label {labels[wrong]}, which is not one of its keywords.")
    # PAPER §4.2 eq. 6: x^T W x counts each undirected edge twice. PAPER §4.3 eq. 7: plus beta p x.
    earned = 2 * problem.weights[inside].sum() + problem.beta * problem.scores[candidates].sum()
    clashes = (labels[problem.competing] > 0).all(1).sum()
    present = len(np.unique(np.stack([problem.photos[tagged], labels[tagged]]), axis=1).T)
    return float(earned - problem.overlap_penalty * clashes + problem.presence_reward * present)


def build_model(problem: PartitionProblem) -> Model:
    """Reduce a problem to its free instances; what pinned ones earn goes into the constant and the values.

    Both terms that are not in the paper become groups: of the variables of two competing instances, and of the
    variables of one keyword in one photo. Each of the latter earns the reward, and all but one pay it back.

    Parameters
    ----------
    problem : PartitionProblem

    Returns
    -------
    Model
    """
    owners = np.repeat(np.arange(problem.n_instances), np.diff(problem.offsets))
    edges, ends = _common_candidates(problem.offsets, problem.categories, problem.edges)
    rewards = 2 * problem.weights[edges]
    kept = rewards > 0
    ends, rewards = ends[kept], rewards[kept]
    values = problem.beta * problem.scores
    free = problem.fixed < 0
    pinned = problem.fixed[owners] == problem.categories
    constant = 0.0
    if not free.all():
        constant = values[pinned].sum() + rewards[pinned[ends].all(1)].sum()
        values = values.copy()
        for here, there in ((0, 1), (1, 0)):
            np.add.at(values, ends[:, here], np.where(pinned[ends[:, there]], rewards, 0.0))
    undecided = free[owners]
    number = np.cumsum(undecided) - 1
    both = undecided[ends].all(1)
    open_instances = free & (np.diff(problem.offsets) > 0)
    n_retained = int(problem.n_retained) - int((problem.fixed > 0).sum())
    overlap, clashes, costs = _competitions(problem, open_instances, n_retained == open_instances.sum())
    presence, present, rewarded = _keywords_of_photos(problem, owners, undecided, pinned)
    groups = [number[group] for group in (*overlap, *presence)]
    return Model(
        instances=np.flatnonzero(open_instances),
        offsets=np.concatenate([[0], np.cumsum(np.diff(problem.offsets)[open_instances])]),
        categories=problem.categories[undecided],
        values=(values - np.repeat(costs, np.diff(problem.offsets)) + rewarded)[undecided],
        pairs=number[ends[both]],
        rewards=rewards[both],
        n_retained=n_retained,
        constant=float(constant) - clashes + present,
        groups=np.cumsum([0, *map(len, groups)]),
        members=np.concatenate([np.zeros(0, np.int64), *groups]),
        penalties=np.repeat([problem.overlap_penalty, problem.presence_reward], [len(overlap), len(presence)]),
    )


def _competitions(problem, open_instances, all_kept):
    """Candidates of each open competing pair, what the other pairs cost for sure, and what a tag costs an instance."""
    costs: np.ndarray = np.zeros(problem.n_instances)
    groups: list[np.ndarray] = []
    if not problem.overlap_penalty:
        return groups, 0.0, costs
    tagged = problem.fixed > 0
    if all_kept:
        tagged = tagged | open_instances
    sure = tagged[problem.competing].all(1)
    for pair in problem.competing[~sure]:
        if open_instances[pair].all():
            spans = [np.arange(problem.offsets[i], problem.offsets[i + 1]) for i in pair]
            groups.append(np.concatenate(spans))
        costs[pair[tagged[pair[::-1]]]] += problem.overlap_penalty
    return groups, problem.overlap_penalty * float(sure.sum()), costs


def _keywords_of_photos(problem, owners, undecided, pinned):
    """Candidates of each keyword of a photo, if several; what pinned ones earn, and what each other may earn."""
    if not problem.presence_reward:
        return [], 0.0, 0.0
    photos = np.unique(problem.photos, return_inverse=True)[1][owners]
    _, kinds = np.unique(photos * (problem.categories.max(initial=0) + 1) + problem.categories, return_inverse=True)
    there = np.zeros(kinds.max(initial=-1) + 1, bool)
    there[kinds[pinned]] = True
    left = np.flatnonzero(undecided & ~there[kinds])
    left = left[np.argsort(kinds[left], kind="stable")]
    groups = np.split(left, np.flatnonzero(np.diff(kinds[left])) + 1)
    reward = problem.presence_reward
    return [group for group in groups if len(group) > 1], reward * float(there.sum()), reward * ~there[kinds]


@njit
def _common_candidates(offsets, categories, edges):
    """Edges (P,) with a category that both ends may take, and the two candidates (P, 2) of that category."""
    found = 0
    for fill in (False, True):
        if fill:
            which, ends = np.empty(found, np.int64), np.empty((found, 2), np.int64)
        found = 0
        for e in range(len(edges)):
            i, j = edges[e]
            a, b = offsets[i], offsets[j]
            while a < offsets[i + 1] and b < offsets[j + 1]:
                if categories[a] < categories[b]:
                    a += 1
                elif categories[a] > categories[b]:
                    b += 1
                else:
                    if fill:
                        which[found] = e
                        ends[found, 0], ends[found, 1] = a, b
                    found += 1
                    a += 1
                    b += 1
    return which, ends
