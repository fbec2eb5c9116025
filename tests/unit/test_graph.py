import numpy as np
import pytest

from aisi.graph import GraphError, batch_order, build_graph, equal_batches


def features(n, dimension, seed, repeated=False):
    generator = np.random.default_rng(seed)
    rows = generator.normal(size=(n, dimension)).astype(np.float32)
    return rows[generator.integers(0, max(1, n // 4), n)] if repeated else rows


def by_definition(rows, k, sets=None, centre=False):
    """Edges and weights by sorting the whole similarity matrix."""
    rows = rows.astype(float)
    rows = rows - rows.mean(0) if centre else rows
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    cosine = np.round(unit @ unit.T, 12)
    edges = {}
    for i in range(len(rows)):
        others = [j for j in range(len(rows)) if j != i and (sets is None or sets[i] & sets[j])]
        for j in sorted(others, key=lambda j: (-cosine[i, j], j))[:k]:
            edges[min(i, j), max(i, j)] = cosine[i, j] + 1
    return np.array(sorted(edges)).reshape(-1, 2), np.array([edges[key] for key in sorted(edges)])


@pytest.mark.parametrize("repeated", [False, True], ids=["distinct", "ties"])
@pytest.mark.parametrize("centre", [False, True])
@pytest.mark.parametrize(("n", "k"), [(2, 3), (5, 1), (40, 3), (70, 10)])
def test_neighbours_by_definition_for_any_block_size(n, k, centre, repeated):
    rows = features(n, 6, seed=n, repeated=repeated and n > 5)
    edges, weights = by_definition(rows, k, centre=centre)
    for block_size in (1, 7, 64):
        graph = build_graph(rows, k, centre=centre, block_size=block_size, quiet=True)
        assert np.array_equal(graph.edges, edges)
        assert np.allclose(graph.weights, weights, atol=1e-6)
        assert graph.weights.dtype == np.float32 and graph.edges.dtype == np.int32


@pytest.mark.parametrize("n_labels", [3, 90])
def test_shared_keywords_only(n_labels):
    generator = np.random.default_rng(0)
    sets = [set(generator.choice(n_labels, generator.integers(0, 3), replace=False).tolist()) for _ in range(50)]
    keywords = np.concatenate([[0], np.cumsum([len(own) for own in sets])]), [y for own in sets for y in sorted(own)]
    edges, weights = by_definition(features(50, 6, 1), 3, sets)
    graph = build_graph(features(50, 6, 1), 3, keywords, block_size=16, quiet=True)
    assert np.array_equal(graph.edges, edges)
    assert np.allclose(graph.weights, weights, atol=1e-6)


def test_answer_known_by_hand():
    rows = np.array([[1, 0], [2, 0], [0, 3], [-1, 0]], np.float32)
    graph = build_graph(rows, 1, quiet=True)
    # 2 is equally far from 0 and 1, so the lower index counts; 3 is nearest to 2.
    assert graph.edges.tolist() == [[0, 1], [0, 2], [2, 3]]
    assert graph.weights.tolist() == [2, 1, 1]
    assert graph.batches.tolist() == [0, 4] and graph.order.tolist() == [0, 1, 2, 3]


def test_ranking_that_float32_cannot_see():
    rows = np.zeros((4, 2), np.float32)
    rows[:, 0] = 1
    rows[:, 1] = [0, 3e-4, 1e-4, 2e-4]  # cosines to the first differ by less than a float32's last bit
    assert build_graph(rows, 1, quiet=True).edges.tolist() == [[0, 2], [1, 3], [2, 3]]


def test_each_batch_is_its_own_graph():
    rows, order = features(50, 6, 3), batch_order(50, "shuffled-4")
    batches = equal_batches(50, 20)
    graph = build_graph(rows, 3, batches=batches, order=order, quiet=True)
    for start, end in zip(batches[:-1], batches[1:], strict=True):
        inside = (graph.edges[:, 0] >= start) & (graph.edges[:, 0] < end)
        alone = build_graph(rows[order[start:end]], 3, quiet=True)
        assert np.array_equal(graph.edges[inside], alone.edges + start)
        assert np.array_equal(graph.weights[inside], alone.weights)


@pytest.mark.parametrize(("n", "ends"), [(0, [0, 0]), (1, [0, 1]), (400, [0, 400]), (401, [0, 400, 401])])
def test_equal_batches(n, ends):
    assert equal_batches(n, 400).tolist() == ends


def test_the_papers_batches():
    assert len(equal_batches(18878, 400)) - 1 == 48


def test_order_of_batches():
    assert batch_order(5, "given").tolist() == [0, 1, 2, 3, 4]
    keywords = np.array([0, 1, 3, 4, 4, 6]), np.array([2, 1, 3, 1, 1, 2])  # of 5 instances: 2; 1, 3; 1; none; 1, 2
    assert batch_order(5, "category", keywords).tolist() == [3, 2, 4, 1, 0]
    assert sorted(batch_order(9, "shuffled-1")) == list(range(9))
    assert not np.array_equal(batch_order(9, "shuffled-1"), batch_order(9, "shuffled-2"))


@pytest.mark.parametrize("n", [0, 1])
def test_too_few_for_an_edge(n):
    graph = build_graph(features(n, 4, 0), 3, quiet=True)
    assert graph.edges.shape == (0, 2) and graph.weights.shape == (0,) and graph.n_nodes == n


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        ([[1, 0], [0, 0]], {}, "feature of instance 1 has zero norm"),
        ([[1, 0], [np.nan, 0]], {}, "feature of instance 1 holds a value that is not finite"),
        ([[1, 1], [1, 1]], {"centre": True}, "instance 0 has zero norm after the mean was subtracted"),
        ([[1, 0], [1, 1]], {"k": 0}, "k is 0"),
        ([1, 2], {}, "shape \\(2,\\)"),
    ],
)
def test_bad_input(rows, options, message):
    with pytest.raises(GraphError, match=message):
        build_graph(np.array(rows, np.float32), **({"k": 3, "quiet": True} | options))


def test_a_torch_device_gives_the_same_graph():
    pytest.importorskip("torch")
    rows = features(60, 16, 5)
    here, there = (build_graph(rows, 3, block_size=16, device=device, quiet=True) for device in ("cpu", "cpu:0"))
    assert np.array_equal(here.edges, there.edges) and np.array_equal(here.weights, there.weights)
