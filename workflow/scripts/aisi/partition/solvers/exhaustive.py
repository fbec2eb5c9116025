"""All labellings of a tiny problem, for tests."""

import numpy as np

from aisi.partition.model import Answer, Model, PartitionError, Status

LIMIT = 2_000_000


def solve(model: Model, gap: float, time_limit: float | None, seed: int) -> Answer:
    """Find the best of all labellings, the first of equal ones: lowest category, then noisy, lowest instance first."""
    sizes = np.diff(model.offsets) + 1
    total = float(np.prod(sizes.astype(float)))
    if total > LIMIT:
        raise PartitionError(
            f"{total:.3g} labellings are too many; exhaustive tries at most {LIMIT}. Use message_passing."
        )
    choices = np.indices(tuple(sizes.tolist())).reshape(len(sizes), -1).T
    chosen = np.zeros((len(choices), len(model.values)), bool)
    for node, (start, size) in enumerate(zip(model.offsets, sizes, strict=False)):
        for inner in range(size - 1):
            chosen[:, start + inner] = choices[:, node] == inner
    chosen = chosen[chosen.sum(1) == model.n_retained]
    both = chosen[:, model.pairs[:, 0]] & chosen[:, model.pairs[:, 1]]
    worth = chosen @ model.values + both @ model.rewards
    for group, penalty in zip(np.split(model.members, model.groups[1:-1]), model.penalties, strict=False):
        worth -= penalty * np.maximum(chosen[:, group].sum(1) - 1, 0)
    # Sums of equal terms in another order differ in their last bits.
    best = int(np.argmax(worth >= worth.max() - 1e-9 * max(1.0, np.abs(worth).max())))
    value = model.objective(chosen[best])
    return Answer(chosen[best], value, value, Status.OPTIMAL)
