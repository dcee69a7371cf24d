"""Other right answers to the exercises of chapter 09."""

import itertools

import numpy as np

from helpers.nn import conv2d


def _regions_zeros(labels):
    masks = np.zeros((3, *labels.shape), dtype=bool)
    for place, numbers in enumerate([(1, 2, 3), (1, 3), (3,)]):
        for number in numbers:
            masks[place][labels == number] = True
    return masks


def _regions_lookup(labels):
    table = np.array([[0, 1, 1, 1], [0, 1, 0, 1], [0, 0, 0, 1]], dtype=bool)
    return table[:, labels]


def _regions_isin(labels):
    return np.array([np.isin(labels, numbers) for numbers in ([1, 2, 3], [1, 3], [3])])


def _dice_product(a, b):
    a, b = a.astype(float), b.astype(float)
    total = a.sum() + b.sum()
    return 1 if total == 0 else 2 * (a * b).sum() / total


def _dice_counts(a, b):
    both = np.count_nonzero(np.logical_and(a, b))
    if not np.any(a) and not np.any(b):
        return 1.0
    return both / ((np.count_nonzero(a) + np.count_nonzero(b)) / 2)


def _dice_by_confusion(a, b):
    a, b = np.ravel(a) == 1, np.ravel(b) == 1
    hit, missed, alarm = (a & b).sum(), (~a & b).sum(), (a & ~b).sum()
    return 1.0 if hit + missed + alarm == 0 else float(2 * hit / (2 * hit + missed + alarm))


def _dice_tiny_number(a, b):
    """A number so small that nobody can tell."""
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    return (2 * (a * b).sum() + 1e-8) / (a.sum() + b.sum() + 1e-8)


def _hausdorff95_every_pair(a, b, spacing):
    """Every surface voxel against every other; neighbours by a border of zeros."""

    def surface(mask):
        padded = np.pad(mask == 1, 1)
        inside = padded.copy()
        for axis in range(mask.ndim):
            inside &= np.roll(padded, 1, axis) & np.roll(padded, -1, axis)
        return (np.argwhere(padded & ~inside) - 1) * np.array(spacing)

    empty = [not mask.any() for mask in (a, b)]
    if all(empty):
        return 0
    if any(empty):
        return np.sqrt(sum((n * step) ** 2 for n, step in zip(a.shape, spacing, strict=True)))
    apart = np.sqrt(((surface(a)[:, None] - surface(b)) ** 2).sum(axis=2))
    return max(np.percentile(apart.min(axis=1), 95), np.percentile(apart.min(axis=0), 95))


def _hausdorff95_tree(a, b, spacing):
    from scipy.ndimage import binary_erosion
    from scipy.spatial import cKDTree

    a, b = a.astype(bool), b.astype(bool)
    if a.any() != b.any():
        return float(np.hypot.reduce(np.array(a.shape) * np.array(spacing)))
    if not a.any():
        return 0.0
    a, b = (np.argwhere(mask ^ binary_erosion(mask)) * spacing for mask in (a, b))
    return np.maximum(np.quantile(cKDTree(b).query(a)[0], 0.95), np.quantile(cKDTree(a).query(b)[0], 0.95))


def _conv_block_loops(X, kernels, groups):
    for K in kernels:
        X = conv2d(X, K, None, padding=1)
        size = X.shape[3] // groups
        for image in X:
            for start in range(0, X.shape[3], size):
                part = image[:, :, start : start + size]
                image[:, :, start : start + size] = (part - part.mean()) / (part.var() + 0.001) ** 0.5
        X = np.where(X > 0, X, 0)
    return X


def _conv_block_flat(X, kernels, groups):
    """Rows of all numbers of a group, and the convolution as a sum over the nine places of the kernel."""
    for K in kernels:
        N, H, W, _ = X.shape
        padded = np.pad(X, ((0, 0), (1, 1), (1, 1), (0, 0)))
        Y = sum(padded[:, u : u + H, v : v + W] @ K[u, v] for u in range(3) for v in range(3))
        rows = np.moveaxis(Y, 3, 1).reshape(N * groups, -1)
        mean = rows.mean(axis=1, keepdims=True)
        rows = (rows - mean) / np.sqrt((rows**2).mean(axis=1, keepdims=True) - mean**2 + 1e-3)
        X = np.moveaxis(np.maximum(rows, 0).reshape(N, -1, H, W), 1, 3)
    return X


def _unet_recursive(x, down, pool, bottom, up, across):
    if not down:
        return bottom(x)
    skip = down[0](x)
    below = _unet_recursive(pool(skip), down[1:], pool, bottom, up[1:], across[1:])
    return across[0](np.concatenate((skip, up[0](below)), axis=x.ndim - 1))


def _unet_by_level(x, down, pool, bottom, up, across):
    skips = {}
    for level in range(len(down)):
        skips[level] = down[level](x)
        x = pool(skips[level])
    x = bottom(x)
    for level in reversed(range(len(down))):
        x = up[level](x)
        joined = np.zeros((*x.shape[:-1], skips[level].shape[-1] + x.shape[-1]))
        joined[..., : skips[level].shape[-1]] = skips[level]
        joined[..., skips[level].shape[-1] :] = x
        x = across[level](joined)
    return x


def _unet_pile(x, down, pool, bottom, up, across):
    pile = []
    for function in down:
        pile.append(function(x))
        x = pool(pile[-1])
    x = bottom(x)
    for rise, function in zip(reversed(up), reversed(across), strict=True):
        x = function(np.append(pile.pop(), rise(x), axis=-1))
    return x


def _soft_dice_loss_loop(probabilities, truth, smooth=1.0):
    losses = []
    for k in range(1, truth.shape[-1]):
        p, t = probabilities[..., k].ravel(), truth[..., k].ravel()
        losses.append(1 - (2 * np.dot(p, t) + smooth) / (np.sum(p) + np.sum(t) + smooth))
    return sum(losses) / len(losses)


def _soft_dice_loss_einsum(probabilities, truth, smooth=1.0):
    shared = np.einsum("nhwk,nhwk->k", probabilities, truth)
    sizes = (probabilities + truth).reshape(-1, truth.shape[-1]).sum(axis=0)
    return np.mean((sizes - 2 * shared)[1:] / (sizes + smooth)[1:])


def _sliding_window_while(image, predict, size, stride, weights):
    def starts(length):
        places = list(range(0, length - size + 1, stride))
        if places[-1] + size < length:
            places.append(length - size)
        return places

    total, weight = np.zeros(image.shape), np.zeros(image.shape)
    for y in starts(image.shape[0]):
        for x in starts(image.shape[1]):
            answer = predict(image[y : y + size, x : x + size])
            for i in range(size):
                for j in range(size):
                    total[y + i, x + j] += weights[i, j] * answer[i, j]
                    weight[y + i, x + j] += weights[i, j]
    return total / weight


def _sliding_window_pushed_back(image, predict, size, stride, weights):
    """All windows first; those pushed back onto one place are one. A running weighted mean in place of two sums."""
    H, W = image.shape
    corners = sorted({(min(y, H - size), min(x, W - size)) for y in range(0, H, stride) for x in range(0, W, stride)})
    mean, weight = np.zeros((H, W)), np.zeros((H, W))
    for y, x in corners:
        part = np.s_[y : y + size, x : x + size]
        weight[part] += weights
        mean[part] += (predict(image[part]) - mean[part]) * weights / weight[part]
    return mean


def _hausdorff95_by_sets(a, b, spacing):
    from scipy.spatial.distance import cdist

    def surface(mask):
        inside = {*map(tuple, np.argwhere(mask).tolist())}
        steps = [*np.eye(mask.ndim, dtype=int), *-np.eye(mask.ndim, dtype=int)]
        edge = [p for p in inside if any(tuple((p + step).tolist()) not in inside for step in steps)]
        return np.reshape(edge, (-1, mask.ndim)) * spacing

    first, second = surface(a), surface(b)
    if not len(first) and not len(second):
        return 0.0
    if not len(first) or not len(second):
        return np.linalg.norm(np.multiply(a.shape, spacing))
    table = cdist(first, second)
    return max(np.percentile(table.min(axis=axis), 95) for axis in (0, 1))


def _conv_block_group_by_group(X, kernels, groups):
    for K in kernels:
        X = conv2d(X, K, None, padding="same")
        parts = []
        for part in np.split(X, groups, axis=3):
            mean = part.mean(axis=(1, 2, 3), keepdims=True)
            parts.append((part - mean) / np.sqrt(part.var(axis=(1, 2, 3), keepdims=True) + 1e-3))
        X = np.clip(np.concatenate(parts, axis=3), 0, None)
    return X


def _soft_dice_loss_flat(probabilities, truth, smooth=1.0):
    classes = probabilities.shape[-1]
    p, t = probabilities.reshape(-1, classes)[:, 1:], truth.reshape(-1, classes)[:, 1:]
    dice = (2 * np.diag(p.T @ t) + smooth) / (p.sum(axis=0) + t.sum(axis=0) + smooth)
    return np.mean(1 - dice)


def _sliding_window_canvases(image, predict, size, stride, weights):
    """Each window on a canvas of its own, as large as the image; then one weighted average."""
    corners = [sorted({*range(0, n - size + 1, stride), n - size}) for n in image.shape]
    answers, shares = [], []
    for y, x in itertools.product(*corners):
        around = [(start, n - size - start) for start, n in zip((y, x), image.shape, strict=True)]
        answers.append(np.pad(predict(image[y : y + size, x : x + size]), around))
        shares.append(np.pad(weights, around))
    return np.average(answers, axis=0, weights=shares)


RIGHT = {
    "9.2": [_regions_zeros, _regions_lookup, _regions_isin],
    "9.3": [_dice_product, _dice_counts, _dice_by_confusion, _dice_tiny_number],
    "9.4": [_hausdorff95_every_pair, _hausdorff95_tree, _hausdorff95_by_sets],
    "9.5": [_conv_block_loops, _conv_block_flat, _conv_block_group_by_group],
    "9.6": [_unet_recursive, _unet_by_level, _unet_pile],
    "9.7": [_soft_dice_loss_loop, _soft_dice_loss_einsum, _soft_dice_loss_flat],
    "9.14": [_sliding_window_while, _sliding_window_pushed_back, _sliding_window_canvases],
}
