"""Sequential tree-reweighted message passing with one multiplier for the number of tags: any size, certified.

The dual. Each reward v_ab = 2 W is shared between the two variables that earn it together: s_a + s_b = v_ab, both at
least 0. Let U_a = value_a + the sum of a's shares, and S_j = the largest U_a of instance j. Then the sum of the
n_retained largest S_j is never below the optimum, whatever the shares, because v_ab x_a x_b <= s_a x_a + s_b x_b for x
in {0, 1}. Message passing (Kolmogorov, 2006) looks for shares that make this bound small. Its messages belong to a
problem in which each tag costs ``cost``, the multiplier of the constraint on the number of tags (PAPER §4.3 eq. 8). A
search finds the cost at which the number fits.

The labelling. Instances are labelled one after the other, from the labels of earlier instances and the messages from
later ones. Then single labels are changed while this pays. Then the cheapest tags are dropped, or the most valuable
ones added, until the number fits. Last, tags are exchanged while this pays.

Groups. A group costs its penalty for each of its variables that is 1, except one. Let its price be between 0 and the
penalty. If each of its variables costs the price, and the price is paid back once, no labelling is worth less than
before: ``-penalty max(0, s - 1) <= -price (s - 1)`` for each number s of variables that are 1. So a model with prices
in place of groups has a bound that is valid for the groups, too. Prices rise where a labelling has several variables of
a group, and fall where it has none (Lagrangian relaxation, with Polyak's step length).
"""

import heapq
from dataclasses import replace
from time import perf_counter
from typing import NamedTuple

import numpy as np

from aisi.jit import njit
from aisi.partition.model import Answer, Model, Status

MAX_SWEEPS = 4000
"""Sweeps after which the search stops although the gap is larger than asked for: a smaller one may not exist."""
SWEPT_AT_ONCE = 200_000
"""Messages in one compiled call: calls have a cost, but between two of them the time limit is checked."""
PRICE_ROUNDS = 60
"""Times that the prices of groups change, if the gap stays larger than asked for."""
ENUMERATED = 1_000_000
"""Steps spent on trying the labellings that the bound leaves open, after the search has stopped."""
MARGIN_ROUNDS = 20
"""With an ``effort`` above 1: sweeps in which the margins are computed again, and the largest ones kept."""
NEIGHBOURHOOD = 10
"""With an ``effort`` above 1: number of instances around one whose margin is not above 0. They are solved again without
its label, in as many sweeps."""


def solve(model: Model, gap: float, time_limit: float | None, seed: int, effort: float = 1.0) -> Answer:
    """Find the labelling, bound and margins of a model; ``seed`` has no effect."""
    deadline = np.inf if time_limit is None else perf_counter() + time_limit
    if len(model.penalties):
        return _solve_with_groups(model, gap, deadline, effort)
    search = Search(model, effort)
    status = search.run(gap, deadline)
    if status == Status.FEASIBLE and search.close():
        status = Status.OPTIMAL
    return Answer(search.best_chosen(), search.value, search.bound, status, search.margins(deadline=deadline))


def _solve_with_groups(model, gap, deadline, effort):
    """Search for prices of the groups; improve each labelling that is found on the way by the groups' own penalties."""
    prices, length, status = np.zeros(len(model.penalties)), 1.0, Status.FEASIBLE
    search = tightest = Search(_priced(model, prices), effort)
    best, value, rounds = search.best_chosen(), -np.inf, 0
    while rounds < PRICE_ROUNDS * effort:
        rounds += 1
        search.run(max(gap, 1e-6), deadline)
        found = search.best_chosen()
        chosen = _climb(model, found)
        if (worth := model.objective(chosen)) > value:
            best, value = chosen, worth
        if search.bound < tightest.bound or rounds == 1:
            tightest = search
        else:
            length *= 0.7
        if tightest.bound - value <= max(gap * abs(value), 1e-9 * search.scale):
            status = Status.OPTIMAL
            break
        if perf_counter() > deadline:
            status = Status.TIME_LIMIT
            break
        slopes = model.counts(found) - 1.0
        slopes[(slopes < 0) & (prices <= 0) | (slopes > 0) & (prices >= model.penalties)] = 0.0
        if not slopes.any():
            break
        step = length * (search.bound - value) / (slopes**2).sum()
        prices, messages = np.clip(prices + step * slopes, 0.0, model.penalties), search.messages.copy()
        search = Search(_priced(model, prices), effort)
        search.messages[:] = messages
    margins = tightest.margins(best, deadline) - max(tightest.model.objective(best) - value, 0.0)
    return Answer(best, value, tightest.bound, status, margins)


def _priced(model, prices):
    """The model without groups in which each of their variables costs a price, which is paid back once."""
    costs = np.bincount(model.members, np.repeat(prices, np.diff(model.groups)), minlength=len(model.values))
    return replace(
        model,
        values=model.values - costs,
        constant=model.constant + float(prices.sum()),
        groups=np.zeros(1, np.int64),
        members=np.zeros(0, np.int64),
        penalties=np.zeros(0),
    )


def _climb(model, chosen):
    """Change labels and exchange tags while this pays."""
    m = len(model.values)
    start, _, to, _, rewards = _neighbours(m, model.pairs, model.rewards)
    order = np.argsort(model.members, kind="stable")
    of_variable = np.repeat(np.arange(len(model.penalties)), np.diff(model.groups))[order]
    first = np.searchsorted(model.members[order], np.arange(m + 1))
    chosen = chosen.copy()
    scale = max(np.abs(model.values).max(), model.rewards.max(initial=0.0), model.penalties.max())
    grouped = GroupedModel(
        model.offsets,
        model.owners,
        model.values,
        start,
        to,
        rewards,
        first,
        of_variable,
        model.groups,
        model.members,
        model.penalties,
    )
    _exchange_in_groups(grouped, model.n_retained < len(model.instances), 1e-9 * scale, chosen, model.counts(chosen))
    return chosen


class GroupedModel(NamedTuple):
    """A model with the neighbours and groups of each variable, for compiled functions.

    Attributes
    ----------
    offsets, owners, values, groups, members, penalties
        As in the model.
    start : (m + 1,) int32
        Neighbours of variable a are ``to[start[a]:start[a + 1]]``, with ``rewards``.
    to, rewards : (h,)
    first : (m + 1,) int64
        Groups of variable a are ``of_variable[first[a]:first[a + 1]]``.
    of_variable : (G,) int64
    """

    offsets: np.ndarray
    owners: np.ndarray
    values: np.ndarray
    start: np.ndarray
    to: np.ndarray
    rewards: np.ndarray
    first: np.ndarray
    of_variable: np.ndarray
    groups: np.ndarray
    members: np.ndarray
    penalties: np.ndarray


@njit
def _gain_in_groups(model, a, chosen, counts):
    """What variable a adds, or would add, to the chosen ones."""
    gain = model.values[a]
    for h in range(model.start[a], model.start[a + 1]):
        if chosen[model.to[h]]:
            gain += model.rewards[h]
    for h in range(model.first[a], model.first[a + 1]):
        group = model.of_variable[h]
        if counts[group] > chosen[a]:
            gain -= model.penalties[group]
    return gain


@njit
def _set(model, a, label, chosen, counts):
    if chosen[a] != label:
        chosen[a] = label
        for h in range(model.first[a], model.first[a + 1]):
            counts[model.of_variable[h]] += 1 if label else -1


@njit
def _exchange_in_groups(model, noisy, tolerance, chosen, counts):
    """Change ``chosen`` in place; the number of tags stays."""
    offsets, owners = model.offsets, model.owners
    n, m = len(offsets) - 1, len(owners)
    tagged = np.zeros(n, np.bool_)
    for a in range(m):
        if chosen[a]:
            tagged[owners[a]] = True
    for _ in range(n + 20):
        changed, worst, lowest = False, -1, np.inf
        for a in range(m):
            if not chosen[a]:
                continue
            i = owners[a]
            before = _gain_in_groups(model, a, chosen, counts)
            _set(model, a, False, chosen, counts)
            tagged[i] = False
            best, at = before + tolerance, a
            for b in range(offsets[i], offsets[i + 1]):
                gain = _gain_in_groups(model, b, chosen, counts)
                if gain > best:
                    best, at = gain, b
            for h in range(model.first[a], model.first[a + 1]):
                group = model.of_variable[h]
                for k in range(model.groups[group], model.groups[group + 1]):
                    b = model.members[k]
                    if not tagged[owners[b]]:
                        gain = _gain_in_groups(model, b, chosen, counts)
                        if gain > best:
                            best, at = gain, b
            _set(model, at, True, chosen, counts)
            tagged[owners[at]] = True
            if at != a:
                changed = True
            elif before < lowest:
                worst, lowest = a, before
        if noisy and worst >= 0 and chosen[worst]:
            before = _gain_in_groups(model, worst, chosen, counts)
            _set(model, worst, False, chosen, counts)
            tagged[owners[worst]] = False
            best, at = before + tolerance, worst
            for b in range(m):
                if not tagged[owners[b]]:
                    gain = _gain_in_groups(model, b, chosen, counts)
                    if gain > best:
                        best, at = gain, b
            _set(model, at, True, chosen, counts)
            tagged[owners[at]] = True
            changed = changed or at != worst
        if not changed:
            break


class Network(NamedTuple):
    """The model in the order in which messages pass, with its pairs as lists of neighbours of each variable.

    Instances are ordered breadth first. So messages travel far in one sweep, and neighbours lie close in memory. Each
    pair appears twice, once at each of its variables; such an appearance is called a half.

    Attributes
    ----------
    order : (n,) int64
        The model's instance at each place.
    components : (n,) int32
        Connected component of each instance.
    offsets : (n + 1,) int32
        Variables of instance i are ``offsets[i]:offsets[i + 1]``.
    owners : (m,) int32
        Instance of each variable.
    variables : (m,) int64
        The model's number of each variable.
    place : (m,) int64
        The variable for each number of the model: the inverse of ``variables``.
    values : (m,) float64
        As in the model.
    start : (m + 1,) int32
        Halves of variable a are ``start[a]:start[a + 1]``.
    middle : (m,) int32
        Those before ``middle[a]`` lead to earlier instances, the others to later ones.
    to : (h,) int32
        The variable that each half leads to.
    twin : (h,) int32
        The half of the same pair at the other variable.
    rewards : (h,) float64
        Of the pair.
    weights : (n,) float64
        Weight of each instance in the message update: 1 / the larger number of its halves to one side.
    """

    order: np.ndarray
    components: np.ndarray
    offsets: np.ndarray
    owners: np.ndarray
    variables: np.ndarray
    place: np.ndarray
    values: np.ndarray
    start: np.ndarray
    middle: np.ndarray
    to: np.ndarray
    twin: np.ndarray
    rewards: np.ndarray
    weights: np.ndarray


def build_network(model: Model) -> Network:
    """Order a model's instances and list the neighbours of its variables."""
    n, m = len(model.instances), len(model.values)
    pairs = model.pairs.astype(np.int32)
    order, components = _breadth_first(model.offsets, model.owners.astype(np.int32), *_ends(m, pairs))
    sizes = np.diff(model.offsets)[order]
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
    variables = np.repeat(model.offsets[order] - offsets[:-1], sizes) + np.arange(m)
    place = np.empty(m, np.int64)
    place[variables] = np.arange(m)
    start, middle, to, twin, rewards = _neighbours(m, place[pairs], model.rewards)
    ahead = np.add.reduceat(start[1:] - middle, offsets[:-1])
    behind = np.add.reduceat(middle - start[:-1], offsets[:-1])
    return Network(
        order=order,
        components=components,
        offsets=offsets,
        owners=np.repeat(np.arange(n, dtype=np.int32), sizes),
        variables=variables,
        place=place,
        values=model.values[variables],
        start=start,
        middle=middle,
        to=to,
        twin=twin,
        rewards=rewards,
        weights=1.0 / np.maximum(1, np.maximum(ahead, behind)),
    )


@njit
def _ends(m, pairs):
    """Neighbours of each variable, without their rewards."""
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
def _pass(net, forward, cost, noisy, messages, beliefs, largest):
    """Pass over all instances once, updating ``messages``; ``messages[h]`` comes to a variable along its half h.

    Writes S into ``largest``. Returns the sum of max(0, S - cost), or of S - cost if no instance may be noisy.
    """
    offsets, values, start = net.offsets, net.values, net.start
    middle, twin, rewards, weights = net.middle, net.twin, net.rewards, net.weights
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
def _sweeps(net, times, cost, noisy, messages, beliefs, largest):
    """Pass forth and back ``times`` times; returns what the last pass returns."""
    total = 0.0
    for _ in range(times):
        for forward in (True, False):
            total = _pass(net, forward, cost, noisy, messages, beliefs, largest)
    return total


@njit
def _margin_pass(net, forward, cost, noisy, messages, chosen, groups, worth, margins):
    """Pass over all instances once more, keeping the current bound up to date between two instances.

    At its turn, an instance holds its whole share of every pair. So U gives the bound without one of its labels. The
    margin is the labelling's value minus that bound; the larger of the old and new margin is kept. Instances of
    different groups earn nothing together, and each group has its own bound.
    """
    offsets, owners, values, start = net.offsets, net.owners, net.values, net.start
    middle, to, twin, rewards, weights = net.middle, net.to, net.twin, net.rewards, net.weights
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
def _decode(net, cost, noisy, favour, messages, chosen):
    """Label one instance after the other; a ``favour`` above 0 breaks ties for a tag, below 0 for noisy."""
    offsets, values, start, middle, to, rewards = net.offsets, net.values, net.start, net.middle, net.to, net.rewards
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
def _gains(net, chosen, gains):
    """What each variable earns, or would earn, together with the chosen ones."""
    values, start, to, rewards = net.values, net.start, net.to, net.rewards
    for a in range(len(values)):
        gains[a] = values[a]
        for h in range(start[a], start[a + 1]):
            if chosen[to[h]]:
                gains[a] += rewards[h]


@njit
def _improve(net, cost, noisy, tolerance, chosen, gains):
    """Change single labels while this pays, in at most 20 rounds."""
    offsets, start, to, rewards = net.offsets, net.start, net.to, net.rewards
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
def _label(net, cost, noisy, favour, tolerance, messages, chosen, gains):
    """Label from the messages, then improve: fills ``chosen`` and ``gains``."""
    _decode(net, cost, noisy, favour, messages, chosen)
    _gains(net, chosen, gains)
    _improve(net, cost, noisy, tolerance, chosen, gains)


@njit
def _toggle(net, a, chosen, label, gains, adds, drops):
    """Add or drop a tag, and queue what this changes; among equal ones the model's lowest variable is kept."""
    offsets, owners, variables = net.offsets, net.owners, net.variables
    start, to, rewards = net.start, net.to, net.rewards
    i = owners[a]
    chosen[a] = not chosen[a]
    label[i] = a if chosen[a] else -1
    sign = 1.0 if chosen[a] else -1.0
    for h in range(start[a], start[a + 1]):
        b = to[h]
        gains[b] += sign * rewards[h]
        if chosen[b]:
            heapq.heappush(drops, (gains[b], -variables[b]))
        elif label[owners[b]] < 0:
            heapq.heappush(adds, (-gains[b], variables[b]))
    if chosen[a]:
        heapq.heappush(drops, (gains[a], -variables[a]))
    else:
        for b in range(offsets[i], offsets[i + 1]):
            heapq.heappush(adds, (-gains[b], variables[b]))


@njit
def _cheapest(net, drops, chosen, gains):
    while True:
        key, given = heapq.heappop(drops)
        a = net.place[-given]
        if chosen[a] and key == gains[a]:
            return a


@njit
def _most_valuable(net, adds, label, gains):
    while True:
        key, given = heapq.heappop(adds)
        a = net.place[given]
        if label[net.owners[a]] < 0 and key == -gains[a]:
            return a


@njit
def _fit(net, n_retained, tolerance, chosen, gains):
    """Drop the cheapest tags or add the most valuable ones until n_retained are left, then exchange while this pays."""
    offsets, owners, variables = net.offsets, net.owners, net.variables
    n = len(offsets) - 1
    label, count = np.full(n, -1, np.int32), 0
    adds, drops = [(0.0, variables[0]) for _ in range(0)], [(0.0, variables[0]) for _ in range(0)]
    for a in range(len(owners)):
        if chosen[a]:
            label[owners[a]] = a
            drops.append((gains[a], -variables[a]))
            count += 1
    for a in range(len(owners)):
        if label[owners[a]] < 0:
            adds.append((-gains[a], variables[a]))
    heapq.heapify(adds)
    heapq.heapify(drops)
    while count > n_retained:
        dropped = _cheapest(net, drops, chosen, gains)
        _toggle(net, dropped, chosen, label, gains, adds, drops)
        count -= 1
    while count < n_retained:
        added = _most_valuable(net, adds, label, gains)
        _toggle(net, added, chosen, label, gains, adds, drops)
        count += 1
    while count < n:
        added = _most_valuable(net, adds, label, gains)
        gain = gains[added]
        _toggle(net, added, chosen, label, gains, adds, drops)
        dropped = _cheapest(net, drops, chosen, gains)
        pays = gain > gains[dropped] + tolerance
        if not pays:
            dropped = added
        _toggle(net, dropped, chosen, label, gains, adds, drops)
        if not pays:
            break


@njit
def _enumerate(net, n_retained, noisy, least, budget, messages, rank, order):
    """Try every labelling that can be worth more than ``least``, depth first, in at most ``budget`` steps.

    ``order`` holds the instances by descending S, ``rank`` the place of each in it. So the most that unlabelled
    instances can add is the sum of the next few S. Returns the best worth, its labels (variable or -1, for each
    place), and whether everything was tried.
    """
    offsets, owners, values, start = net.offsets, net.owners, net.values, net.start
    middle, to, twin, rewards = net.middle, net.to, net.twin, net.rewards
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
                    # This share was already counted when the other instance was labelled.
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
    """The search for a model's labelling: messages, cost, and the best labelling and bound so far."""

    def __init__(self, model: Model, effort: float = 1.0) -> None:
        self.effort = effort
        self.model, self.network = model, build_network(model)
        n = len(model.instances)
        self.noisy = model.n_retained < n
        self.messages = np.zeros(len(self.network.to))
        self.largest, self.beliefs = np.empty(n), np.empty(np.diff(model.offsets).max())
        self.at_once = 1 + SWEPT_AT_ONCE // len(self.messages) if len(self.messages) else 1
        self.scale = max(np.abs(model.values).max(initial=0.0), model.rewards.max(initial=0.0), 1e-300)
        self.bound, self.value = np.inf, -np.inf
        self.chosen = np.zeros(len(model.values), np.bool_)
        self.cost, self.sweeps = 0.0, 0

    def sweep(self, times: int, deadline: float) -> None:
        """Pass messages forth and back at the current cost, and compute the bound of the resulting shares."""
        while times > 0:
            now = min(times, self.at_once)
            total = _sweeps(self.network, now, self.cost, self.noisy, self.messages, self.beliefs, self.largest)
            times, self.sweeps = times - now, self.sweeps + now
            if perf_counter() > deadline:
                break
        n, kept = len(self.largest), self.model.n_retained
        top = np.partition(self.largest, n - kept)[n - kept :] if 0 < kept < n else self.largest[:kept]
        self.dual = total + self.cost * kept + self.model.constant
        # Rounding makes sums too small by some units in the last place; a bound must not be too small.
        self.bound = min(self.bound, float(top.sum() + 1e-13 * np.abs(top).sum() + self.model.constant))

    def label(self, noisy: bool, favour: float = 0.0) -> tuple[np.ndarray, np.ndarray, float]:
        """Find a labelling with any number of tags from the messages: chosen, what each variable earns, worth."""
        m = len(self.network.values)
        chosen, gains = np.zeros(m, np.bool_), np.empty(m)
        favour, tolerance = favour * 1e-7 * self.scale, 1e-9 * self.scale
        _label(self.network, self.cost, noisy, favour, tolerance, self.messages, chosen, gains)
        return chosen, gains, self._worth(chosen, gains)

    def keep(self, chosen: np.ndarray, gains: np.ndarray) -> None:
        """Give a labelling the right number of tags, and keep it if it is the best so far."""
        if self.noisy:
            _fit(self.network, self.model.n_retained, 1e-9 * self.scale, chosen, gains)
        worth = self._worth(chosen, gains)
        if worth > self.value:
            self.value, self.chosen = worth, chosen

    def _worth(self, chosen, gains):
        # Each reward is in the gains of both its variables.
        return self.model.constant + 0.5 * float((gains[chosen] + self.network.values[chosen]).sum())

    def run(self, gap: float, deadline: float) -> Status:
        """Search for the cost at which the number fits, until the best labelling is within ``gap`` of the bound."""
        if not self.noisy:
            return self._run_at(gap, deadline)
        kept = self.model.n_retained
        self.sweep(1, deadline)
        chosen, gains, worth = self.label(False)
        lines = Lines(kept, self.model.constant)
        lines.add(-np.inf, worth, int(chosen.sum()) - kept)
        # First guess: the cost that leaves the right number of tags if each instance keeps half of what its pairs earn.
        halves = 0.5 * (gains + self.network.values)[chosen]
        self.cost = float(np.partition(halves, len(halves) - kept - 1)[len(halves) - kept - 1])
        self.keep(chosen, gains)
        times, stalled, rounds, best_dual, best_cost = 2, 0, 0, np.inf, self.cost
        while True:
            self.sweep(times, deadline)
            before, rounds = self.bound - self.value, rounds + 1
            if self.dual < best_dual:
                best_dual, best_cost = self.dual, self.cost
            # Whole clusters may tie at the right cost. So find one labelling without them and one with them.
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
            if self.sweeps > MAX_SWEEPS * self.effort or stalled > 12 * self.effort:
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
            if self.sweeps > MAX_SWEEPS * self.effort:
                return Status.FEASIBLE

    def close(self) -> bool:
        """Try all labellings that the bound leaves open, if they are few; True if this proves the optimum."""
        n = len(self.largest)
        order = np.argsort(-self.largest, kind="stable")
        rank = np.empty(n, np.int64)
        rank[order] = np.arange(n)
        least = self.value - self.model.constant + 1e-9 * self.scale
        budget, kept = int(ENUMERATED * self.effort), self.model.n_retained
        worth, labels, complete = _enumerate(self.network, kept, self.noisy, least, budget, self.messages, rank, order)
        if worth > least:
            self.chosen = np.zeros(len(self.chosen), np.bool_)
            self.chosen[labels[labels >= 0]] = True
            self.value = worth + self.model.constant
        if complete:
            self.bound = self.value
        return complete

    def _done(self, gap):
        return self.bound - self.value <= max(gap * abs(self.value), 1e-9 * self.scale)

    def best_chosen(self) -> np.ndarray:
        """Give the best labelling (m,) bool in the order of the model's variables."""
        chosen = np.empty(len(self.chosen), bool)
        chosen[self.network.variables] = self.chosen
        return chosen

    def margins(self, chosen: np.ndarray | None = None, deadline: float = np.inf) -> np.ndarray:
        """Compute the certified margins (n,) of the best labelling, in the order of the model's instances.

        If no instance may be noisy, each connected component has its own bound. Otherwise the number of tags connects
        them all. ``chosen`` (m,) bool is another labelling in place of the best one. Something outside of this model
        connects all of its instances, too.

        With an effort above 1 the margins are sharpened: in more sweeps, then in the neighbourhoods of the instances
        that are left without a certificate.
        """
        net, n = self.network, len(self.largest)
        together = self.noisy or chosen is not None
        if chosen is not None:
            self.chosen = chosen[net.variables]
        if self.model.n_retained == 0:
            return np.full(n, np.inf)  # no labelling in which an instance is not noisy
        groups = np.zeros(n, np.int32) if together else net.components
        gains = np.empty(len(net.values))
        _gains(net, self.chosen, gains)
        chosen = np.flatnonzero(self.chosen)
        margins = np.full(n, -np.inf)
        for number in range(MARGIN_ROUNDS if self.effort > 1 else 1):
            if number:
                self.sweep(1, deadline)
            if self.noisy:  # the cost at which these shares have the lowest bound
                self.cost = float(np.partition(self.largest, n - self.model.n_retained)[n - self.model.n_retained])
            earned = 0.5 * (gains[chosen] + net.values[chosen]) - self.cost
            worth = np.bincount(groups[net.owners[chosen]], earned, minlength=groups.max(initial=0) + 1)
            for forward in (True, False):
                _margin_pass(net, forward, self.cost, self.noisy, self.messages, self.chosen, groups, worth, margins)
            if perf_counter() > deadline:
                break
        if self.effort > 1:
            self._sharpen(margins, groups, worth, deadline)
        given = np.empty(n)
        given[net.order] = margins
        return given

    def _sharpen(self, margins, groups, worth, deadline):
        """Solve the neighbourhood of each instance without a certificate again, in place, without its label.

        The other instances keep their shares of all pairs, so they count in the bound as before. The rewards inside of
        the neighbourhood are shared anew: the sum of both is again never below the optimum without the label.
        """
        net = self.network
        after = np.arange(len(net.to)) >= np.repeat(net.middle, np.diff(net.start))
        shares = np.where(after, self.messages, net.rewards - self.messages[net.twin])
        totals = net.values - self.cost
        np.add.at(totals, np.repeat(np.arange(len(net.values)), np.diff(net.start)), shares)
        largest = np.maximum.reduceat(totals, net.offsets[:-1])
        largest = np.maximum(largest, 0.0) if self.noisy else largest
        bounds = np.bincount(groups, largest, minlength=len(worth))
        for i in np.flatnonzero(margins <= 0):
            if perf_counter() > deadline:
                break
            near = self._neighbourhood(i)
            without = self._bound_without(i, near, shares)
            bound = bounds[groups[i]] - largest[near].sum() + without
            bound += 1e-13 * (abs(bounds[groups[i]]) + abs(without))  # rounding must not make it too small
            margins[i] = max(margins[i], worth[groups[i]] - bound)

    def _neighbourhood(self, i):
        """The ``NEIGHBOURHOOD`` instances that are nearest to an instance, breadth first; ascending."""
        net, near, head = self.network, [i], 0
        while head < len(near) < NEIGHBOURHOOD:
            first, last = net.offsets[near[head]], net.offsets[near[head] + 1]
            for j in net.owners[net.to[net.start[first] : net.start[last]]].tolist():
                if j not in near and len(near) < NEIGHBOURHOOD:
                    near.append(j)
            head += 1
        return np.sort(near)

    def _bound_without(self, i, near, shares):
        """A bound of what some instances can be worth at the current cost if instance i may not have its label."""
        net = self.network
        sizes = np.diff(net.offsets)[near]
        offsets = np.concatenate([[0], np.cumsum(sizes)])
        variables = np.concatenate([np.arange(net.offsets[j], net.offsets[j + 1]) for j in near])
        halves = np.concatenate([np.arange(net.start[a], net.start[a + 1]) for a in variables])
        ends = np.repeat(np.arange(len(variables)), np.diff(net.start)[variables])
        order = np.argsort(variables)
        place = order[np.searchsorted(variables, net.to[halves], sorter=order).clip(max=len(order) - 1)]
        inside = variables[place] == net.to[halves]
        values = net.values[variables] - self.cost
        np.add.at(values, ends[~inside], shares[halves[~inside]])
        own = slice(*offsets[np.searchsorted(near, i) :][:2])
        label, bonus = self.chosen[variables[own]], 0.0
        if label.any():
            values[own][label] = -1e6 * self.scale
        else:  # any tag earns more than all else, and its bonus is taken off again
            bonus = 2.0 * float(np.abs(values).sum() + net.rewards[halves].sum())
            values[own] += bonus
        once = inside & (ends < place)
        model = replace(
            self.model,
            instances=np.arange(len(near)),
            offsets=offsets,
            values=values,
            pairs=np.stack([ends[once], place[once]], axis=1),
            rewards=net.rewards[halves[once]],
        )
        small = build_network(model)
        messages, largest, beliefs = np.zeros(len(small.to)), np.empty(len(near)), np.empty(sizes.max())
        return _sweeps(small, NEIGHBOURHOOD, 0.0, self.noisy, messages, beliefs, largest) - bonus


class Lines:
    """Lines below the dual function of the cost, one for each labelling found (Kelley's cutting planes).

    A labelling of worth w with ``excess`` tags too many is worth w - cost * excess at a cost, so the dual function lies
    above that line. Its lowest point is estimated as the point where the highest lines meet.
    """

    def __init__(self, n_retained: int, constant: float) -> None:
        self.costs, self.slopes, self.heights = [np.inf], [-n_retained], [constant]

    def add(self, cost: float, worth: float, excess: int) -> None:
        """Add the line of a labelling that was found at this cost."""
        self.costs.append(cost)
        self.slopes.append(excess)
        self.heights.append(worth)

    def lowest(self) -> tuple[float, float, float]:
        """Find the lowest height of the upper envelope of all lines, and the first and last cost that have it."""
        slopes, heights = np.array(self.slopes, float), np.array(self.heights)
        falls, rises = slopes > 0, slopes < 0
        # The lowest point is the highest crossing of a falling and a rising line, or the highest flat line above it.
        turn = slopes[falls][:, None] - slopes[rises][None]
        costs = (heights[falls][:, None] - heights[rises][None]) / turn
        crossings = heights[falls][:, None] - costs * slopes[falls][:, None]
        level = max(crossings.max(initial=-np.inf), heights[slopes == 0].max(initial=-np.inf))
        meets = (heights - level) / np.where(slopes == 0, 1.0, slopes)
        return level, meets[falls].max(initial=-np.inf), meets[rises].min(initial=np.inf)

    def next(self, near: bool, best: float) -> float:
        """Choose the next cost to try; ``best`` is the cost with the lowest dual so far.

        Far from the lowest point the function is nearly smooth, so its slope is interpolated.
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
