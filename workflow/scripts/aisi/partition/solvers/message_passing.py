"""Sequential tree-reweighted message passing with one multiplier for the number of tags: any size, certified.

The dual. Each reward v_ab = 2 W is shared among the two variables that earn it together, s_a + s_b = v_ab, both at
least 0. With U_a = value_a + sum of a's shares and S_j = the largest U_a of instance j, the sum of the n_retained
largest S_j is never below the optimum, whatever the shares: v_ab x_a x_b <= s_a x_a + s_b x_b for x in {0, 1}. Message
passing (Kolmogorov, 2006) looks for shares that make this bound small. Its messages belong to a problem in which each
tag costs ``cost``, the multiplier of the row that counts tags; a search finds the cost at which the count fits.

The labelling. Instances are labelled one after the other, by what lies behind them and by messages from what lies
ahead; single changes improve it; the cheapest tags are dropped or the dearest added until the count fits, and traded
while that pays.
"""

import heapq
from time import perf_counter

import numpy as np

from aisi.jit import njit
from aisi.partition.model import Answer, Status

MAX_SWEEPS = 4000
"""Sweeps after which the search gives up on the gap asked for: there may be none smaller."""
ENUMERATED = 1_000_000
"""Steps spent on labellings that the bound leaves open, where the search gave up."""


def solve(model, gap, time_limit, seed):
    """Labelling, bound and margins of a model; the same whatever the seed."""
    deadline = np.inf if time_limit is None else perf_counter() + time_limit
    search = Search(model)
    status = search.run(gap, deadline)
    if status == Status.FEASIBLE and search.close():
        status = Status.OPTIMAL
    return Answer(search.best_chosen(), search.value, search.bound, status, search.margins())


class Network:
    """The model in the order in which messages pass, its pairs as lists of neighbours of each variable.

    Instances are ordered breadth first, so that messages go far in one sweep and neighbours lie close in memory.
    Each pair appears twice, at both its variables; ``twin`` leads from one to the other. Neighbours of a variable are
    ``start[a]:start[a + 1]``, those of earlier instances before ``middle[a]``.
    """

    def __init__(self, model):
        n, m = len(model.instances), len(model.values)
        owners = model.owners.astype(np.int32)
        pairs = model.pairs.astype(np.int32)
        start, to = _ends(m, pairs)
        self.order, self.components = _breadth_first(model.offsets, owners, start, to)
        sizes = np.diff(model.offsets)[self.order]
        self.offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
        self.variables = np.repeat(model.offsets[self.order] - self.offsets[:-1], sizes) + np.arange(m)
        self.owners = np.repeat(np.arange(n, dtype=np.int32), sizes)
        self.place = np.empty(m, np.int64)
        self.place[self.variables] = np.arange(m)
        self.values = model.values[self.variables]
        self.start, self.middle, self.to, self.twin, self.rewards = _neighbours(m, self.place[pairs], model.rewards)
        ahead = np.add.reduceat(self.start[1:] - self.middle, self.offsets[:-1])
        behind = np.add.reduceat(self.middle - self.start[:-1], self.offsets[:-1])
        self.weights = 1.0 / np.maximum(1, np.maximum(ahead, behind))


@njit
def _ends(m, pairs):
    """Neighbours of each variable, and nothing else of them."""
    start = np.zeros(m + 2, np.int32)
    for p in range(len(pairs)):
        start[pairs[p, 0] + 2] += 1
        start[pairs[p, 1] + 2] += 1
    for a in range(m):
        start[a + 2] += start[a + 1]
    to = np.empty(start[m + 1], np.int32)
    for p in range(len(pairs)):
        a, b = pairs[p]
        to[start[a + 1]], to[start[b + 1]] = b, a
        start[a + 1] += 1
        start[b + 1] += 1
    return start[:-1], to


@njit
def _neighbours(m, pairs, rewards):
    start, middle = np.zeros(m + 1, np.int32), np.zeros(m, np.int32)
    for p in range(len(pairs)):
        a, b = pairs[p]
        start[a + 1] += 1
        start[b + 1] += 1
        middle[max(a, b)] += 1
    for a in range(m):
        start[a + 1] += start[a]
        middle[a] += start[a]
    to, twin, reward = np.empty(start[m], np.int32), np.empty(start[m], np.int32), np.empty(start[m])
    behind, ahead = start[:-1].copy(), middle.copy()
    for p in range(len(pairs)):
        a, b = min(pairs[p]), max(pairs[p])
        here, there = ahead[a], behind[b]
        ahead[a] += 1
        behind[b] += 1
        to[here], to[there], twin[here], twin[there] = b, a, there, here
        reward[here] = reward[there] = rewards[p]
    return start, middle, to, twin, reward


@njit
def _breadth_first(offsets, owners, start, to):
    n = len(offsets) - 1
    seen, order, components, end, component = np.zeros(n, np.bool_), np.empty(n, np.int64), np.empty(n, np.int32), 0, -1
    for root in range(n):
        if seen[root]:
            continue
        component += 1
        seen[root] = True
        order[end] = root
        head, end = end, end + 1
        while head < end:
            i = order[head]
            components[head] = component
            head += 1
            for h in range(start[offsets[i]], start[offsets[i + 1]]):
                j = owners[to[h]]
                if not seen[j]:
                    seen[j] = True
                    order[end] = j
                    end += 1
    return order, components


@njit
def _pass(forward, cost, noisy, offsets, values, start, middle, twin, rewards, weights, messages, beliefs, largest):
    """One pass over the instances; ``messages[h]`` is what a variable hears from its neighbour h.

    Writes S into ``largest`` and returns the sum of max(0, S - cost), of S - cost where no instance may be noisy.
    """
    n = len(offsets) - 1
    total = 0.0
    for step in range(n):
        i = step if forward else n - 1 - step
        first, last = offsets[i], offsets[i + 1]
        best, second, at = 0.0 if noisy else -np.inf, -np.inf, -1
        for a in range(first, last):
            belief = values[a] - cost
            for h in range(start[a], start[a + 1]):
                belief += messages[h]
            beliefs[a - first] = belief
            if belief > best:
                best, second, at = belief, best, a
            elif belief > second:
                second = belief
        weight, top = weights[i], -np.inf
        for a in range(first, last):
            others, own = weight * (second if a == at else best), weight * beliefs[a - first]
            share = beliefs[a - first]
            ahead, end = (middle[a], start[a + 1]) if forward else (start[a], middle[a])
            for h in range(ahead, end):
                alone = own - messages[h]
                message = alone + rewards[h] - max(others, alone)
                if message < 0.0:
                    message = 0.0
                messages[twin[h]] = message
                share += rewards[h] - message - messages[h]
            if share > top:
                top = share
        largest[i] = top + cost
        total += top if top > 0.0 or not noisy else 0.0
    return total


@njit
def _margin_pass(
    forward, cost, noisy, offsets, owners, values, start, middle, to, twin, rewards, weights, messages, chosen, groups,
    worth, margins,
):  # fmt: skip
    """One more pass that keeps the bound of the shares as they are between two instances.

    When its turn comes, an instance holds its whole share of every pair, so U tells what the bound would be without
    one of its labels. What the labelling is worth less that bound is a margin; the larger of it and the one there is
    stays. Instances of different groups earn nothing together, and each group's count is its own.
    """
    n = len(offsets) - 1
    totals, bounds = np.empty(len(values)), np.zeros(len(worth))
    tops = np.empty(n)
    for i in range(n):
        top = 0.0 if noisy else -np.inf
        for a in range(offsets[i], offsets[i + 1]):
            totals[a] = values[a] - cost
            for h in range(start[a], start[a + 1]):
                sent = (h >= middle[a]) != forward
                totals[a] += rewards[h] - messages[twin[h]] if sent else messages[h]
            top = max(top, totals[a])
        tops[i] = top
        bounds[groups[i]] += top
    for step in range(n):
        i = step if forward else n - 1 - step
        first, last = offsets[i], offsets[i + 1]
        now, best, second, at = -1, 0.0 if noisy else -np.inf, -np.inf, -1
        for a in range(first, last):
            if chosen[a]:
                now = a
            if totals[a] > best:
                best, second, at = totals[a], best, a
            elif totals[a] > second:
                second = totals[a]
        without = second if at == now else best
        if now < 0:
            without = best if at >= 0 else second
        margin = worth[groups[i]] - (bounds[groups[i]] - best + without)
        margins[i] = max(margins[i], margin)
        weight, top = weights[i], 0.0 if noisy else -np.inf
        for a in range(first, last):
            others, own = weight * (second if a == at else best), weight * totals[a]
            ahead, end = (middle[a], start[a + 1]) if forward else (start[a], middle[a])
            for h in range(ahead, end):
                alone = own - messages[h]
                message = max(0.0, alone + rewards[h] - max(others, alone))
                totals[a] += rewards[h] - message - messages[h]
                b = to[h]
                j = owners[b]
                totals[b] += message - (rewards[h] - messages[h])
                messages[twin[h]] = message
                there = 0.0 if noisy else -np.inf
                for c in range(offsets[j], offsets[j + 1]):
                    there = max(there, totals[c])
                bounds[groups[j]] += there - tops[j]
                tops[j] = there
            top = max(top, totals[a])
        bounds[groups[i]] += top - tops[i]
        tops[i] = top


@njit
def _decode(cost, noisy, favour, offsets, values, start, middle, to, rewards, messages, chosen):
    """Label instance after instance; ``favour`` tips ties to a tag (above 0) or to noisy (below)."""
    n = len(offsets) - 1
    for i in range(n):
        best, at = -favour if noisy else -np.inf, -1
        for a in range(offsets[i], offsets[i + 1]):
            chosen[a] = False
            belief = values[a] - cost
            for h in range(start[a], middle[a]):
                if chosen[to[h]]:
                    belief += rewards[h]
            for h in range(middle[a], start[a + 1]):
                belief += messages[h]
            if belief > best:
                best, at = belief, a
        if at >= 0:
            chosen[at] = True


@njit
def _gains(values, start, to, rewards, chosen, gains):
    """What each variable earns, or would, with the chosen ones as they are."""
    for a in range(len(values)):
        gains[a] = values[a]
        for h in range(start[a], start[a + 1]):
            if chosen[to[h]]:
                gains[a] += rewards[h]


@njit
def _improve(cost, noisy, tolerance, offsets, start, to, rewards, chosen, gains):
    """Change single labels while that pays, at most 20 rounds."""
    for _ in range(20):
        changed = False
        for i in range(len(offsets) - 1):
            now, best, at = -1, 0.0 if noisy else -np.inf, -1
            for a in range(offsets[i], offsets[i + 1]):
                if chosen[a]:
                    now = a
                if gains[a] - cost > best:
                    best, at = gains[a] - cost, a
            if at == now or (now >= 0 and best <= gains[now] - cost + tolerance) or (now < 0 and best <= tolerance):
                continue
            changed = True
            for a, sign in ((now, -1.0), (at, 1.0)):
                if a >= 0:
                    chosen[a] = sign > 0
                    for h in range(start[a], start[a + 1]):
                        gains[to[h]] += sign * rewards[h]
        if not changed:
            break


@njit
def _toggle(a, offsets, owners, start, to, rewards, given, chosen, label, gains, adds, drops):
    """Add or drop a tag, and queue what it changes; of equal ones the lowest of the given variables is kept."""
    i = owners[a]
    chosen[a] = not chosen[a]
    label[i] = a if chosen[a] else -1
    sign = 1.0 if chosen[a] else -1.0
    for h in range(start[a], start[a + 1]):
        b = to[h]
        gains[b] += sign * rewards[h]
        if chosen[b]:
            heapq.heappush(drops, (gains[b], -given[b]))
        elif label[owners[b]] < 0:
            heapq.heappush(adds, (-gains[b], given[b]))
    if chosen[a]:
        heapq.heappush(drops, (gains[a], -given[a]))
    else:
        for b in range(offsets[i], offsets[i + 1]):
            heapq.heappush(adds, (-gains[b], given[b]))


@njit
def _cheapest(drops, place, chosen, gains):
    while True:
        key, given = heapq.heappop(drops)
        a = place[-given]
        if chosen[a] and key == gains[a]:
            return a


@njit
def _dearest(adds, place, label, owners, gains):
    while True:
        key, given = heapq.heappop(adds)
        a = place[given]
        if label[owners[a]] < 0 and key == -gains[a]:
            return a


@njit
def _fit(n_retained, tolerance, offsets, owners, start, to, rewards, given, place, chosen, gains):
    """Drop the cheapest tags or add the dearest until n_retained are left, then trade one for another while it pays."""
    n = len(offsets) - 1
    label, count = np.full(n, -1, np.int32), 0
    adds, drops = [(0.0, given[0]) for _ in range(0)], [(0.0, given[0]) for _ in range(0)]
    for a in range(len(owners)):
        if chosen[a]:
            label[owners[a]] = a
            drops.append((gains[a], -given[a]))
            count += 1
    for a in range(len(owners)):
        if label[owners[a]] < 0:
            adds.append((-gains[a], given[a]))
    heapq.heapify(adds)
    heapq.heapify(drops)
    while count > n_retained:
        dropped = _cheapest(drops, place, chosen, gains)
        _toggle(dropped, offsets, owners, start, to, rewards, given, chosen, label, gains, adds, drops)
        count -= 1
    while count < n_retained:
        added = _dearest(adds, place, label, owners, gains)
        _toggle(added, offsets, owners, start, to, rewards, given, chosen, label, gains, adds, drops)
        count += 1
    while count < n:
        added = _dearest(adds, place, label, owners, gains)
        gain = gains[added]
        _toggle(added, offsets, owners, start, to, rewards, given, chosen, label, gains, adds, drops)
        dropped = _cheapest(drops, place, chosen, gains)
        pays = gain > gains[dropped] + tolerance
        if not pays:
            dropped = added
        _toggle(dropped, offsets, owners, start, to, rewards, given, chosen, label, gains, adds, drops)
        if not pays:
            break


@njit
def _enumerate(
    n_retained, noisy, least, budget, offsets, owners, values, start, middle, to, twin, rewards, messages, rank, order
):  # fmt: skip
    """Every labelling that the shares allow to be worth more than ``least``, depth first, at most ``budget`` steps.

    ``order`` has the instances by descending S, ``rank`` their places in it, so the best that those still unlabelled
    can add is the sum of the next few. Returns the best worth, its labels (variable or -1, for each place), whether
    all was seen.
    """
    n = len(order)
    shares, totals = np.empty(len(to)), values.copy()
    for a in range(len(values)):
        for h in range(start[a], start[a + 1]):
            shares[h] = messages[h] if h >= middle[a] else rewards[h] - messages[twin[h]]
            totals[a] += shares[h]
    most = np.zeros(n + 1)
    for place in range(n):
        i = order[place]
        most[place + 1] = most[place] + np.max(totals[offsets[i] : offsets[i + 1]])
    worth, kept, option = np.zeros(n + 1), np.zeros(n + 1, np.int64), np.full(n + 1, -1, np.int64)
    label, best, found = np.full(n, -1, np.int64), least, np.full(n, -1, np.int64)
    place, steps = 0, 0
    while place >= 0:
        steps += 1
        if steps > budget:
            return best, found, False
        if place == n:
            if kept[n] == n_retained and worth[n] > best:
                best = worth[n]
                found[:] = label
            place -= 1
            continue
        i = order[place]
        option[place] += 1
        a = offsets[i] + option[place]
        if a > offsets[i + 1] or (a == offsets[i + 1] and not noisy):
            option[place], label[place] = -1, -1
            place -= 1
            continue
        add, count = 0.0, kept[place]
        label[place] = -1
        if a < offsets[i + 1]:
            label[place] = a
            add, count = values[a], count + 1
        for b in range(offsets[i], offsets[i + 1]):
            for h in range(start[b], start[b + 1]):
                there = rank[owners[to[h]]]
                if there < place and label[there] == to[h]:
                    # Its share was counted in advance.
                    add += (rewards[h] if a == b else 0.0) - shares[twin[h]]
                elif there > place and a == b:
                    add += shares[h]
        need = n_retained - count
        if need < 0 or need > n - place - 1:
            continue
        if worth[place] + add + most[place + 1 + need] - most[place + 1] <= best:
            continue
        worth[place + 1], kept[place + 1] = worth[place] + add, count
        place += 1
        option[place] = -1
    return best, found, True


class Search:
    """Messages, cost and the best labelling and bound so far."""

    def __init__(self, model):
        self.model, self.network = model, Network(model)
        n = len(model.instances)
        self.noisy = model.n_retained < n
        self.messages = np.zeros(len(self.network.to))
        self.largest, self.beliefs = np.empty(n), np.empty(np.diff(model.offsets).max())
        self.scale = max(np.abs(model.values).max(initial=0.0), model.rewards.max(initial=0.0), 1e-300)
        self.bound, self.value, self.chosen = np.inf, -np.inf, None
        self.cost, self.sweeps = 0.0, 0

    def sweep(self, times, deadline):
        """Pass messages forth and back at the present cost, and sum up the bound of the shares they leave."""
        net = self.network
        arrays = (net.offsets, net.values, net.start, net.middle, net.twin, net.rewards, net.weights)
        for _ in range(times):
            self.sweeps += 1
            for forward in (True, False):
                total = _pass(forward, self.cost, self.noisy, *arrays, self.messages, self.beliefs, self.largest)
            if perf_counter() > deadline:
                break
        n, kept = len(self.largest), self.model.n_retained
        top = np.partition(self.largest, n - kept)[n - kept :] if 0 < kept < n else self.largest[:kept]
        self.dual = total + self.cost * kept + self.model.constant
        # Sums are off by some units in the last place; a bound must not be.
        self.bound = min(self.bound, float(top.sum() + 1e-13 * np.abs(top).sum() + self.model.constant))

    def label(self, noisy, favour=0.0):
        """A labelling from the messages, whatever its count: chosen, what each variable earns, worth."""
        net, m = self.network, len(self.network.values)
        chosen, gains = np.zeros(m, np.bool_), np.empty(m)
        lists = (net.offsets, net.values, net.start, net.middle, net.to, net.rewards)
        _decode(self.cost, noisy, favour * 1e-7 * self.scale, *lists, self.messages, chosen)
        _gains(net.values, net.start, net.to, net.rewards, chosen, gains)
        tolerance = 1e-9 * self.scale
        _improve(self.cost, noisy, tolerance, net.offsets, net.start, net.to, net.rewards, chosen, gains)
        return chosen, gains, self._worth(chosen, gains)

    def keep(self, chosen, gains):
        """Fit a labelling to the count; it stays if it is the best."""
        net = self.network
        if self.noisy:
            lists = (net.offsets, net.owners, net.start, net.to, net.rewards, net.variables, net.place)
            _fit(self.model.n_retained, 1e-9 * self.scale, *lists, chosen, gains)
        worth = self._worth(chosen, gains)
        if worth > self.value:
            self.value, self.chosen = worth, chosen

    def _worth(self, chosen, gains):
        # A reward is in the gains of both its variables.
        return self.model.constant + 0.5 * float((gains[chosen] + self.network.values[chosen]).sum())

    def run(self, gap, deadline):
        """Search the cost at which the count fits, until the best labelling is within the gap of the best bound."""
        if not self.noisy:
            return self._run_at(gap, deadline)
        kept = self.model.n_retained
        self.sweep(1, deadline)
        chosen, gains, worth = self.label(False)
        lines = Lines(kept, self.model.constant)
        lines.add(-np.inf, worth, int(chosen.sum()) - kept)
        # A first guess: the cost that leaves the right number, if each instance kept half of what its pairs earn.
        halves = 0.5 * (gains + self.network.values)[chosen]
        self.cost = float(np.partition(halves, len(halves) - kept - 1)[len(halves) - kept - 1])
        self.keep(chosen, gains)
        times, stalled, rounds, best_dual, best_cost = 2, 0, 0, np.inf, self.cost
        while True:
            self.sweep(times, deadline)
            before, rounds = self.bound - self.value, rounds + 1
            if self.dual < best_dual:
                best_dual, best_cost = self.dual, self.cost
            # Whole clusters may tie at the right cost: one labelling without them, one with them.
            for favour in (-1.0, 1.0) if rounds > 3 else (-1.0,):
                chosen, gains, worth = self.label(True, favour)
                excess = int(chosen.sum()) - kept
                lines.add(self.cost, worth, excess)
                near = lines.lowest()[0] > self.dual - 1e-3 * abs(self.dual)
                if near or abs(excess) < 0.01 * len(self.largest) or rounds > 6:
                    self.keep(chosen, gains)
                if self._done(gap):
                    return Status.OPTIMAL
            if perf_counter() > deadline:
                return Status.TIME_LIMIT
            settled = near or rounds > 6
            stalled = stalled + 1 if settled and self.bound - self.value > 0.95 * before else 0
            if self.sweeps > MAX_SWEEPS or stalled > 12:
                return Status.FEASIBLE
            self.cost = lines.next(settled, best_cost)
            times = min(times + 2, 40) if settled else times

    def _run_at(self, gap, deadline):
        while True:
            self.sweep(5, deadline)
            self.keep(*self.label(False)[:2])
            if self._done(gap):
                return Status.OPTIMAL
            if perf_counter() > deadline:
                return Status.TIME_LIMIT
            if self.sweeps > MAX_SWEEPS:
                return Status.FEASIBLE

    def close(self):
        """Look through all labellings that the bound leaves open, where they are few; True if that proves the best."""
        net, n = self.network, len(self.largest)
        order = np.argsort(-self.largest, kind="stable")
        rank = np.empty(n, np.int64)
        rank[order] = np.arange(n)
        lists = (net.offsets, net.owners, net.values, net.start, net.middle, net.to, net.twin, net.rewards)
        least = self.value - self.model.constant + 1e-9 * self.scale
        worth, labels, complete = _enumerate(
            self.model.n_retained, self.noisy, least, ENUMERATED, *lists, self.messages, rank, order
        )
        if worth > least:
            self.chosen = np.zeros(len(self.chosen), np.bool_)
            self.chosen[labels[labels >= 0]] = True
            self.value = worth + self.model.constant
        if complete:
            self.bound = self.value
        return complete

    def _done(self, gap):
        return self.bound - self.value <= max(gap * abs(self.value), 1e-9 * self.scale)

    def best_chosen(self):
        """The best labelling in the order of the model's variables."""
        chosen = np.empty(len(self.chosen), bool)
        chosen[self.network.variables] = self.chosen
        return chosen

    def margins(self):
        """Certified margins of the best labelling, in the order of the model's instances.

        Where no instance may be noisy, each connected component stands for itself; otherwise the count binds all.
        """
        net, n = self.network, len(self.largest)
        groups = np.zeros(n, np.int32) if self.noisy else net.components
        gains = np.empty(len(net.values))
        _gains(net.values, net.start, net.to, net.rewards, self.chosen, gains)
        chosen = np.flatnonzero(self.chosen)
        earned = 0.5 * (gains[chosen] + net.values[chosen]) - self.cost
        worth = np.bincount(groups[net.owners[chosen]], earned, minlength=groups.max(initial=0) + 1)
        margins = np.full(n, -np.inf)
        arrays = (
            net.offsets,
            net.owners,
            net.values,
            net.start,
            net.middle,
            net.to,
            net.twin,
            net.rewards,
            net.weights,
        )
        for forward in (True, False):
            _margin_pass(forward, self.cost, self.noisy, *arrays, self.messages, self.chosen, groups, worth, margins)
        given = np.empty(n)
        given[net.order] = margins
        return given


class Lines:
    """Where the dual function is lowest, as far as labellings tell.

    A labelling of worth w that gives ``excess`` tags too many is worth w - cost * excess at a cost: the dual function
    lies above that line. Where the highest lines meet is its lowest point for all they tell (Kelley's cutting planes).
    """

    def __init__(self, n_retained, constant):
        self.costs, self.slopes, self.heights = [np.inf], [-n_retained], [constant]

    def add(self, cost, worth, excess):
        """Note a labelling found at a cost."""
        self.costs.append(cost)
        self.slopes.append(excess)
        self.heights.append(worth)

    def lowest(self):
        """Lowest height of the highest of all lines, and the first and last cost that have it."""
        slopes, heights = np.array(self.slopes, float), np.array(self.heights)
        falls, rises = slopes > 0, slopes < 0
        # The lowest point is the highest crossing of a falling and a rising line, or the highest flat line above it.
        turn = slopes[falls][:, None] - slopes[rises][None]
        costs = (heights[falls][:, None] - heights[rises][None]) / turn
        crossings = heights[falls][:, None] - costs * slopes[falls][:, None]
        level = max(crossings.max(initial=-np.inf), heights[slopes == 0].max(initial=-np.inf))
        meets = (heights - level) / np.where(slopes == 0, 1.0, slopes)
        return level, meets[falls].max(initial=-np.inf), meets[rises].min(initial=np.inf)

    def next(self, near, best):
        """The next cost to try; ``best`` has the lowest dual so far.

        Far from the lowest point, the function is nearly smooth: its slope is interpolated.
        """
        costs, slopes = np.array(self.costs), np.array(self.slopes, float)
        low, high = costs[slopes > 0].max(), costs[slopes <= 0].min(initial=np.inf)
        _, first, last = self.lowest()
        if near or low >= high or low == -np.inf or (high == np.inf and low <= 0):
            return float(min(max(best, first), last))
        if high == np.inf:
            return 1.3 * low
        more, fewer = slopes[costs == low].max(), slopes[costs == high].min()
        return low + (high - low) * min(max(more / (more - fewer), 0.1), 0.9)
