"""From scored pairs to clusters: average-linkage inside each component.

Connected components alone chain people together: one wrong edge merges two families. Average
linkage joins two clusters only while the mean weight over all their pairs is in favour.
Add here: a way to cluster. Keep out: weights, vetoes, ids.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy

# A vetoed pair outweighs every other pair of two clusters of the largest allowed component:
# 150 x 150 pairs of weight 100 are 2.25e6.
_VETOED = -1e9
_WEIGHT_LIMIT = 100.0
# A node of more records than this counts as one of so many: the cost grows with the square.
MOST_COPIES = 10


def components(left: numpy.ndarray, right: numpy.ndarray, count: int) -> numpy.ndarray:
    """Connected components of `count` vertices, numbered by their first vertex."""
    import numpy
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    left, right = left.astype("int32"), right.astype("int32")
    graph = coo_matrix((numpy.ones(len(left), dtype="int8"), (left, right)), shape=(count, count))
    label = connected_components(graph, directed=False)[1]
    # scipy happens to number them so already; sorting to be sure would cost more than the search
    highest = numpy.maximum.accumulate(label)
    if count and (label[0] or (highest[1:] > highest[:-1] + 1).any()):
        _, first, label = numpy.unique(label, return_index=True, return_inverse=True)
        rank = numpy.empty(len(first), dtype="int32")
        rank[numpy.argsort(first)] = numpy.arange(len(first), dtype="int32")
        label = rank[label]
    return label.astype("int32", copy=False)


def capped_components(
    left: numpy.ndarray,
    right: numpy.ndarray,
    weight: numpy.ndarray,
    count: int,
    *,
    edge: float,
    cap: int,
) -> tuple[numpy.ndarray, int]:
    """Components over pairs of weight >= edge, none larger than cap; (label, number cut).

    A larger one is cut by asking more of its edges, two match weights at a time; at weight
    40 whatever is still too large falls apart into single nodes, because unlinked is the
    safe side.
    """
    import numpy

    active = weight >= edge
    label = components(left[active], right[active], count)
    large = numpy.flatnonzero(numpy.bincount(label, minlength=1) > cap)
    cut = len(large)
    demand = edge
    while len(large):
        inside = numpy.isin(label, large)
        demand += 2.0
        if demand > 40.0:
            active &= ~inside[left]
        else:
            active &= ~inside[left] | (weight >= demand)
        label = components(left[active], right[active], count)
        large = numpy.flatnonzero(numpy.bincount(label, minlength=1) > cap)
    return label, cut


def average_linkage(
    left: numpy.ndarray,
    right: numpy.ndarray,
    weight: numpy.ndarray,
    vetoed: numpy.ndarray,
    component: numpy.ndarray,
    *,
    cut: float,
    unscored: float,
    size: numpy.ndarray | None = None,
) -> numpy.ndarray:
    """Cluster label of every node, numbered by its first node.

    left, right: node numbers of pairs; those across two components do not count. weight: match
    weights; vetoed: true where the pair must not end in one cluster, which then holds for the
    two clusters as a whole; unscored: the weight of a pair that is not given. size: records of
    every node, where the mean is over pairs of records (up to MOST_COPIES of a node).
    """
    import numpy
    from scipy.cluster.hierarchy import linkage

    count = len(component)
    label = numpy.arange(count, dtype="int64")
    members_of = numpy.bincount(component, minlength=count)
    within = component[left] == component[right]
    left, right, weight, vetoed = left[within], right[within], weight[within], vetoed[within]
    weight = numpy.where(vetoed, _VETOED, numpy.clip(weight, -_WEIGHT_LIMIT, _WEIGHT_LIMIT))

    order = numpy.lexsort((right, left, component[left]))
    left, right, weight = left[order], right[order], weight[order]
    of = component[left]

    two = (members_of[of] == 2) & (weight >= cut)
    label[right[two]] = left[two]

    large = members_of[of] > 2
    left, right, weight, of = left[large], right[large], weight[large], of[large]
    if len(of):
        members = numpy.argsort(component, kind="stable")
        start = numpy.concatenate([[0], numpy.cumsum(numpy.bincount(component))])
        position = numpy.empty(count, dtype="int64")
        position[members] = numpy.arange(count) - start[component[members]]
        bounds = numpy.flatnonzero(numpy.concatenate([[True], of[1:] != of[:-1], [True]]))
        for begin, end in pairwise(bounds):
            node = members[start[of[begin]] : start[of[begin] + 1]]
            n = len(node)
            low, high = position[left[begin:end]], position[right[begin:end]]
            inside = weight[begin:end]
            if end - begin == n * (n - 1) // 2 and inside.min() >= cut:
                label[node] = node[0]
                continue
            distance = numpy.full(n * (n - 1) // 2, -unscored)
            distance[low * n - low * (low + 1) // 2 + high - low - 1] = -inside
            copy = numpy.arange(n)
            if size is not None:
                copy = numpy.repeat(copy, numpy.minimum(size[node], MOST_COPIES))
                distance = _repeated(distance, n, copy)
            tree = linkage(distance + _WEIGHT_LIMIT, method="average")
            for together in _groups(tree, len(copy), _WEIGHT_LIMIT - cut):
                of_nodes = copy[together]
                label[node[of_nodes]] = node[of_nodes.min()]
    return label


def _repeated(distance: numpy.ndarray, count: int, copy: numpy.ndarray) -> numpy.ndarray:
    """The distances between copies of nodes, from those between `count` nodes (condensed, as
    scipy has them): copies of one node are as near as can be."""
    import numpy

    full = numpy.full((count, count), -_WEIGHT_LIMIT)
    full[numpy.triu_indices(count, 1)] = distance
    full = numpy.where(numpy.tri(count, k=-1, dtype=bool), full.T, full)
    one, other = numpy.triu_indices(len(copy), 1)
    return full[copy[one], copy[other]]


def _groups(tree: numpy.ndarray, count: int, furthest: float) -> list[list[int]]:
    """The clusters whose members a tree of average linkage joins within `furthest`. A tenth of
    what scipy's fcluster takes, most of which is checking."""
    groups = {number: [number] for number in range(count)}
    for step, (one, other, distance, _) in enumerate(tree.tolist()):
        if distance > furthest:
            break
        groups[count + step] = groups.pop(int(one)) + groups.pop(int(other))
    return list(groups.values())
