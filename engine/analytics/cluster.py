"""An order in which what moves together stands together: average-linkage clustering of a correlation matrix."""

from __future__ import annotations

import numpy as np

from engine.analytics.values import Floats, Ints


def distances(correlation: Floats) -> Floats:
    """sqrt((1 - r) / 2), from 0 for the same to 1 for the opposite (Mantegna, 1999; Lopez de Prado, 2016)."""
    far: Floats = np.sqrt(np.maximum((1 - correlation) / 2, 0.0))
    return far


def merges(distance: Floats) -> list[tuple[int, int, float, int]]:
    """(one, other, height, size) of each merge of average linkage (UPGMA; Sokal and Michener, 1958), nearest first; cluster i is
    item i, and cluster k + j that of merge j, as scipy.cluster.hierarchy numbers them. `distance` float64[k, k], symmetric.

    Of several pairs equally near the one with the smallest numbers goes first. O(k^2) a merge, for at most some hundred items.
    """
    k = len(distance)
    table = np.full((2 * k - 1, 2 * k - 1), np.inf)
    table[:k, :k] = distance
    np.fill_diagonal(table, np.inf)
    size, alive, found = np.ones(2 * k - 1, np.int64), np.zeros(2 * k - 1, bool), []
    alive[:k] = True
    for made in range(k, 2 * k - 1):
        one, other = (int(i) for i in np.unravel_index(int(np.argmin(table)), table.shape))
        height = float(table[one, other])
        size[made] = size[one] + size[other]
        alive[[one, other]] = False
        rest = np.flatnonzero(alive)
        between = (size[one] * table[one, rest] + size[other] * table[other, rest]) / size[made]
        table[[one, other], :] = np.inf
        table[:, [one, other]] = np.inf
        table[made, rest] = table[rest, made] = between
        alive[made] = True
        found.append((min(one, other), max(one, other), height, int(size[made])))
    return found


def order(correlation: Floats) -> Ints:
    """int64[k]: the leaves of the tree from left to right, so that clusters stand together; as scipy's leaves_list."""
    k = len(correlation)
    if k < 2:
        return np.arange(k, dtype=np.int64)
    tree, out, waiting = merges(distances(correlation)), list[int](), [2 * k - 2]
    while waiting:
        node = waiting.pop()
        if node < k:
            out.append(node)
        else:
            one, other = tree[node - k][:2]
            waiting += [other, one]
    return np.array(out, np.int64)
