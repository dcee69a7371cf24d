"""Faster R-CNN, a detector in two stages, in operations that TensorFlow, JAX and PyTorch all have.

Backbone -> region proposal network (RPN) -> proposals -> RoIAlign -> head, after Ren et al., NeurIPS 2015
(arXiv 1506.01497) and, for RoIAlign, He et al., ICCV 2017 (arXiv 1703.06870). The parts are cut and named as in
torchvision.models.detection. No shape depends on the data, so that a compiler can plan every step: B images, A anchors,
K proposals, G slots for truth boxes, of which those with label 0 are empty. Boxes are (y0, x0, y1, x1) in pixels.
"""

from collections.abc import Sequence

import keras
import numpy as np
from keras import layers, ops

from helpers.metrics.detection import nms
from helpers.waiting import progress_bar

LUNG_WINDOW = (-1350.0, 150.0)  # HU that become 0 and 1
WEIGHTS = (5.0, 5.0, 10 / 3, 10 / 3)  # what box deltas are multiplied by, so that their spread is about 1
MOST_GROWTH = float(np.log(1000 / 16))  # a box becomes at most 62.5 times as high or wide as its anchor
CANDIDATES = 128  # boxes of an image that enter non-maximum suppression
POOLED = 7  # rows and columns that RoIAlign makes of a proposal


# ---------------------------------------------------------------- boxes


def make_anchors(shape: tuple[int, int], stride: int, sizes: Sequence[float], ratios: Sequence[float] = (1.0,)):
    """Boxes of every size and ratio around the middle of every cell of the feature map: the AnchorGenerator.

    Parameters
    ----------
    shape : (h, w) of the feature map
    stride : pixels from one of its cells to the next
    sizes : pixels, the side of a square of the same area
    ratios : height / width

    Returns
    -------
    anchors (h * w * len(sizes) * len(ratios), 4) float32, row by row; the anchors of one cell follow each other
    """
    sides = [(s * r**0.5 / 2, s / r**0.5 / 2) for s in sizes for r in ratios]
    half = np.array([[-h, -w, h, w] for h, w in sides])
    y, x = np.meshgrid(*((np.arange(n) + 0.5) * stride for n in shape), indexing="ij")
    middles = np.stack([y, x, y, x], axis=-1).reshape(-1, 1, 4)
    return (middles + half).reshape(-1, 4).astype(np.float32)


def encode_boxes(boxes, anchors):
    """What turns anchors into boxes, the BoxCoder: shift in heights and widths of the anchor, and log of the growth.

    boxes, anchors (..., 4) -> deltas (..., 4), multiplied by WEIGHTS. A side of 0 counts as 0.001 pixels.
    """
    tall, wide = (ops.maximum(anchors[..., k + 2] - anchors[..., k], 1e-3) for k in (0, 1))
    height, width = (ops.maximum(boxes[..., k + 2] - boxes[..., k], 1e-3) for k in (0, 1))
    dy = (boxes[..., 0] + boxes[..., 2] - anchors[..., 0] - anchors[..., 2]) / 2 / tall
    dx = (boxes[..., 1] + boxes[..., 3] - anchors[..., 1] - anchors[..., 3]) / 2 / wide
    return ops.stack([dy, dx, ops.log(height / tall), ops.log(width / wide)], axis=-1) * ops.array(WEIGHTS)


def decode_boxes(deltas, anchors):
    """The boxes that deltas make of anchors; the inverse of `encode_boxes`.  deltas, anchors (..., 4) -> (..., 4)"""
    deltas = deltas / ops.array(WEIGHTS)
    tall, wide = anchors[..., 2] - anchors[..., 0], anchors[..., 3] - anchors[..., 1]
    y = (anchors[..., 0] + anchors[..., 2]) / 2 + deltas[..., 0] * tall
    x = (anchors[..., 1] + anchors[..., 3]) / 2 + deltas[..., 1] * wide
    h = tall * ops.exp(ops.clip(deltas[..., 2], -MOST_GROWTH, MOST_GROWTH)) / 2
    w = wide * ops.exp(ops.clip(deltas[..., 3], -MOST_GROWTH, MOST_GROWTH)) / 2
    return ops.stack([y - h, x - w, y + h, x + w], axis=-1)


def clip_boxes(boxes, size: tuple[int, int]):
    """Boxes cut at the edges of an image (H, W).  (..., 4) -> (..., 4)"""
    return ops.clip(boxes, 0.0, ops.array([*size, *size], dtype="float32"))


def box_iou(a, b):
    """Intersection over union of every pair.  a (B, M, 4), b (B, N, 4) -> (B, M, N); 0 where an area is zero"""
    a, b = ops.expand_dims(a, 2), ops.expand_dims(b, 1)
    sides = ops.maximum(ops.minimum(a[..., 2:], b[..., 2:]) - ops.maximum(a[..., :2], b[..., :2]), 0.0)
    both = sides[..., 0] * sides[..., 1]
    area_a = (a[..., 2] - a[..., 0]) * (a[..., 3] - a[..., 1])
    area_b = (b[..., 2] - b[..., 0]) * (b[..., 3] - b[..., 1])
    return both / ops.maximum(area_a + area_b - both, 1e-9)


def pick(values, index):
    """values (B, N, ...) at index (B, K) -> (B, K, ...)"""
    for _ in values.shape[2:]:
        index = ops.expand_dims(index, -1)
    return ops.take_along_axis(values, index, axis=1)


# ---------------------------------------------------------------- which box learns from which truth


def match(boxes, truth, labels, low: float, high: float, force: bool):
    """Say of each box which truth box it belongs to: the Matcher.

    Parameters
    ----------
    boxes (B, N, 4), truth (B, G, 4) : anchors or proposals, and what is there
    labels (B, G) : of the truth: 1 an object, 0 an empty slot, -1 a finding that counts neither way
    low, high : IoU below which a box is background, and from which on it is the object
    force : True gives each object its best box in any case, if the two overlap at all

    Returns
    -------
    index (B, N) of the truth box; label (B, N): 1 object, 0 background, -1 neither, and not learned from
    """
    overlap = box_iou(boxes, truth)
    objects = overlap * ops.expand_dims(ops.cast(labels == 1, "float32"), 1)
    neutral = ops.max(overlap * ops.expand_dims(ops.cast(labels == -1, "float32"), 1), axis=-1)
    best, index = ops.max(objects, axis=-1), ops.argmax(objects, axis=-1)
    label = ops.where(best >= high, 1, ops.where(ops.maximum(best, neutral) >= low, -1, 0))
    if force:
        favourite = (objects >= ops.max(objects, axis=1, keepdims=True)) & (objects > 0)
        forced = ops.any(favourite, axis=-1)
        index = ops.where(forced, ops.argmax(ops.where(favourite, objects, 0.0), axis=-1), index)
        label = ops.where(forced, 1, label)
    return index, label


def sample(label, scores, positives: int, negatives: int, hard: int, seed):
    """Choose boxes to learn from: the BalancedPositiveNegativeSampler, and the hardest background besides.

    Parameters
    ----------
    label (B, N) : of `match`
    scores (B, N) : how much each box looks like an object
    positives, negatives, hard : how many are taken at most: objects and background at random, and the background with
        the highest scores

    Returns
    -------
    index, weight (B, positives + negatives + hard) : weight 0 where there were fewer than asked for
    """
    noise = 1 + keras.random.uniform(ops.shape(label), seed=seed)
    scores = 1 + ops.sigmoid(scores)
    parts = [(label == 1, noise, positives), (label == 0, noise, negatives), (label == 0, scores, hard)]
    found = [ops.top_k(ops.where(mask, order, 0.0), count) for mask, order, count in parts if count]
    index = ops.concatenate([index for _, index in found], axis=1)
    weight = ops.concatenate([ops.cast(order > 0, "float32") for order, _ in found], axis=1)
    return index, weight


def smooth_l1(error):
    """Quadratic up to 1, linear beyond, summed over the four deltas.  (..., 4) -> (...)"""
    size = ops.abs(error)
    return ops.sum(ops.where(size < 1, 0.5 * size**2, size - 0.5), axis=-1)


def weighted_mean(values, weight):
    return ops.sum(values * weight) / ops.maximum(ops.sum(weight), 1.0)


# ---------------------------------------------------------------- the parts


def non_maximum_suppression(boxes, scores, threshold: float, count: int):
    """The `count` best boxes of which no two overlap by more than `threshold`.

    From the best down: a box that still stands removes every later one that overlaps it too much.

    Parameters
    ----------
    boxes (B, N, 4), scores (B, N)

    Returns
    -------
    boxes (B, count, 4), scores (B, count): where fewer stand, the rest are removed ones with a score of -1e9
    """
    scores, order = ops.top_k(scores, min(CANDIDATES, scores.shape[1]))
    boxes = pick(boxes, order)
    n = scores.shape[1]
    removes = ops.cast(box_iou(boxes, boxes) > threshold, "float32") * ops.triu(ops.ones((n, n)), k=1)

    def step(i, stands):
        here = ops.reshape(i, (1,))
        return stands * (1 - ops.take(removes, here, axis=1)[:, 0] * ops.take(stands, here, axis=1))

    stands = ops.fori_loop(0, n, step, ops.ones_like(scores))
    scores, order = ops.top_k(ops.where(stands > 0, scores, -1e9), count)
    return pick(boxes, order), scores


def roi_align(features, boxes, stride: int, pooled: int = POOLED, sampling_ratio: int = 2):
    """Cut a small grid of features out of each box, without rounding its edges to cells.

    Every cell of the grid is the mean of sampling_ratio^2 points, each read from the map by bilinear interpolation. A
    point at distance d < 1 from the middle of a cell takes 1 - d of it, along y and along x: two small matrices. Up to
    half a cell outside the map the outermost cells stand in; further out all is 0.

    Parameters
    ----------
    features (B, h, w, C), boxes (B, K, 4) in pixels; stride : pixels from one feature cell to the next

    Returns
    -------
    (B, K, pooled, pooled, C)
    """

    def weights(start, end, cells: int):
        """How much of each cell a row of the grid takes.  (B, K) edges -> (B, K, pooled, cells)"""
        steps = (ops.arange(pooled * sampling_ratio, dtype="float32") + 0.5) / (pooled * sampling_ratio)
        points = ops.expand_dims(start, -1) + ops.expand_dims(end - start, -1) * steps
        points = points / stride - 0.5
        inside = ops.cast((points >= -1) & (points <= cells), "float32")
        points = ops.clip(points, 0.0, cells - 1.0)
        share = ops.maximum(1 - ops.abs(ops.expand_dims(points, -1) - ops.arange(cells, dtype="float32")), 0.0)
        share = share * ops.expand_dims(inside, -1)
        return ops.mean(ops.reshape(share, (-1, share.shape[1], pooled, sampling_ratio, cells)), axis=3)

    _, h, w, channels = features.shape
    count = boxes.shape[1]
    down = ops.reshape(weights(boxes[..., 0], boxes[..., 2], h), (-1, count * pooled, h))
    rows = ops.matmul(down, ops.reshape(features, (-1, h, w * channels)))
    rows = ops.reshape(rows, (-1, count, pooled, w, channels))
    return ops.einsum("bkpw,bkqwc->bkqpc", weights(boxes[..., 1], boxes[..., 3], w), rows)


def conv_norm_relu(x, filters: int, stride: int = 1):
    x = layers.Conv2D(filters, 3, strides=stride, padding="same", use_bias=False)(x)
    return layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))


def residual(x, filters: int):
    """Two convolutions, and around them a path that changes nothing."""
    y = layers.Conv2D(filters, 3, padding="same", use_bias=False)(conv_norm_relu(x, filters))
    y = layers.BatchNormalization(momentum=0.9)(y)
    if x.shape[-1] != filters:
        x = layers.Conv2D(filters, 1)(x)
    return layers.ReLU()(layers.Add()([x, y]))


def backbone_with_fpn(size: tuple[int, int], width: int, channels: int) -> keras.Model:
    """Images (B, H, W, 1) -> one feature map (B, H/4, W/4, channels), into which two coarser ones are added.

    The coarser maps see more of the surroundings, which tells a vessel from a nodule (Lin et al., CVPR 2017).
    """
    image = keras.Input((*size, 1))
    fine = conv_norm_relu(conv_norm_relu(image, width, stride=2), 2 * width)
    fine = residual(layers.MaxPooling2D()(fine), channels)
    middle = residual(layers.MaxPooling2D()(fine), 2 * channels)
    coarse = residual(layers.MaxPooling2D()(middle), channels)
    coarse = layers.Conv2D(2 * channels, 1)(layers.UpSampling2D()(coarse))
    middle = layers.UpSampling2D()(layers.Add()([middle, coarse]))
    merged = layers.Add()([fine, layers.Conv2D(channels, 1)(middle)])
    return keras.Model(image, conv_norm_relu(merged, channels), name="backbone")


def rpn_head(channels: int, anchors: int) -> keras.Sequential:
    """The RPNHead: one 3 x 3 convolution, then five numbers for each anchor of a cell: a logit and four deltas."""
    shared = layers.Conv2D(channels, 3, padding="same", activation="relu")
    return keras.Sequential([shared, layers.Conv2D(5 * anchors, 1)], name="rpn_head")


def box_head(channels: int, units: int) -> keras.Sequential:
    """FastRCNNConvFCHead and FastRCNNPredictor: a grid of features -> two logits (background, object), four deltas."""
    convolutions = [layers.Conv2D(channels, 3, activation="relu") for _ in range(2)]
    return keras.Sequential(
        [*convolutions, layers.Flatten(), layers.Dense(units, activation="relu"), layers.Dense(6)], name="box_head"
    )


# ---------------------------------------------------------------- the whole


class FasterRCNN(keras.Model):
    """The detector. In training it takes images with their truth and gives four losses; else images, and gives boxes.

    Parameters
    ----------
    size : (H, W) of the images, multiples of 16
    sizes, ratios : of the anchors, as `make_anchors` takes them
    width, channels, units : of the first convolution; of the feature map; of the head's dense layer
    proposals : how many of an image the head looks at

    Call
    ----
    images (B, H, W, 1) in HU -> boxes (B, K, 4), scores (B, K): the probability of an object
    {"images", "boxes" (B, G, 4), "labels" (B, G) as `match` takes them} with training=True -> name of a loss -> scalar

    Raises
    ------
    ValueError : a size that is no multiple of 16, images of another size
    """

    STRIDE = 4
    LOSSES = {"loss_objectness": 1.0, "loss_rpn_box_reg": 0.5, "loss_classifier": 2.0, "loss_box_reg": 0.5}

    def __init__(
        self,
        size: tuple[int, int] = (128, 128),
        sizes: Sequence[float] = (6.0, 9.0, 15.0, 27.0),
        ratios: Sequence[float] = (1.0,),
        *,
        width: int = 16,
        channels: int = 32,
        units: int = 96,
        proposals: int = 24,
    ) -> None:
        super().__init__()
        if size[0] % 16 or size[1] % 16:
            raise ValueError(f"expected a height and width that are multiples of 16, got {size}")
        self.size, self.proposals = tuple(size), proposals
        cells = (size[0] // self.STRIDE, size[1] // self.STRIDE)
        self.anchors = make_anchors(cells, self.STRIDE, sizes, ratios)
        self.backbone = backbone_with_fpn(self.size, width, channels)
        self.rpn_head = rpn_head(channels, len(sizes) * len(ratios))
        self.box_head = box_head(channels, units)
        self.rpn_head.build((None, *cells, channels))
        self.box_head.build((None, POOLED, POOLED, channels))
        self.draw = keras.random.SeedGenerator()
        self.told = {name: keras.metrics.Mean(name=name) for name in self.LOSSES}
        self.built = True

    def call(self, inputs, training: bool = False):
        targets = inputs if isinstance(inputs, dict) else {"images": inputs}
        features, logits, deltas = self.propose(targets["images"], training)
        anchors = ops.expand_dims(ops.array(self.anchors), 0)
        proposals, _ = self.filter_proposals(logits, deltas, anchors)
        if training:
            losses = self.rpn_losses(logits, deltas, anchors, targets)
            return losses | self.head_losses(features, proposals, targets)
        logits, deltas = self.classify(features, proposals)
        return clip_boxes(decode_boxes(deltas, proposals), self.size), ops.softmax(logits)[..., 1]

    def check(self, images) -> None:
        """Raise ValueError for images of another size than this detector takes, or with nan or infinity."""
        if tuple(images.shape[1:]) != (*self.size, 1):
            raise ValueError(f"this detector takes images (N, {self.size[0]}, {self.size[1]}, 1), got {images.shape}")
        if not np.isfinite(images).all():
            raise ValueError("images: expected finite numbers, got nan or infinity")

    def transform(self, images):
        """HU -> -1 to 1.4, the lung window and a little beyond: the GeneralizedRCNNTransform."""
        low, high = LUNG_WINDOW
        return ops.clip((ops.cast(images, "float32") - low) / (high - low), 0.0, 1.2) * 2 - 1

    def propose(self, images, training: bool = False):
        """Features (B, h, w, C); of every anchor a logit (B, A) and deltas (B, A, 4)."""
        features = self.backbone(self.transform(images), training=training)
        out = ops.reshape(self.rpn_head(features), (-1, len(self.anchors), 5))
        return features, out[..., 0], out[..., 1:]

    def filter_proposals(self, logits, deltas, anchors):
        """The anchors with the highest logits, moved by their deltas, of each heap one. No gradient goes through."""
        boxes = clip_boxes(decode_boxes(ops.stop_gradient(deltas), anchors), self.size)
        return non_maximum_suppression(boxes, ops.stop_gradient(logits), 0.7, self.proposals)

    def rpn_losses(self, logits, deltas, anchors, targets):
        """Of sampled anchors: is it an object, and how far is its box off."""
        truth = targets["boxes"]
        anchors = ops.broadcast_to(anchors, (ops.shape(truth)[0], *anchors.shape[1:]))
        belongs, label = match(anchors, truth, targets["labels"], 0.3, 0.5, force=True)
        index, weight = sample(label, ops.stop_gradient(logits), 16, 48, 16, self.draw)
        anchors, logits, deltas = (pick(values, index) for values in (anchors, logits, deltas))
        is_object = ops.cast(pick(label, index) == 1, "float32")
        wanted = encode_boxes(pick(truth, pick(belongs, index)), anchors)
        cross_entropy = ops.softplus(logits) - logits * is_object
        return {
            "loss_objectness": weighted_mean(cross_entropy, weight),
            "loss_rpn_box_reg": weighted_mean(smooth_l1(deltas - wanted), weight * is_object),
        }

    def head_losses(self, features, proposals, targets):
        """Of proposals, and of truth boxes moved a little, so that it never starves: what it is, how far it is off."""
        truth, labels = targets["boxes"], targets["labels"]
        tall_wide = truth[..., 2:] - truth[..., :2]
        moved = keras.random.uniform(ops.shape(truth), -0.12, 0.12, seed=self.draw)
        moved = truth + moved * ops.concatenate([tall_wide, tall_wide], axis=-1)
        boxes = ops.stop_gradient(ops.concatenate([proposals, moved], axis=1))
        belongs, label = match(boxes, truth, labels, 0.5, 0.5, force=False)
        has_area = (boxes[..., 2] > boxes[..., 0]) & (boxes[..., 3] > boxes[..., 1])
        weight = ops.cast((label >= 0) & has_area, "float32")
        is_object = ops.cast(label == 1, "float32")
        logits, deltas = self.classify(features, boxes)
        wanted = encode_boxes(pick(truth, belongs), boxes)
        log_p = ops.log_softmax(logits)
        cross_entropy = -(log_p[..., 1] * is_object + log_p[..., 0] * (1 - is_object))
        return {
            "loss_classifier": weighted_mean(cross_entropy, weight),
            "loss_box_reg": weighted_mean(smooth_l1(deltas - wanted), weight * is_object),
        }

    def classify(self, features, boxes):
        """The head's logits (B, K, 2) and deltas (B, K, 4) of boxes (B, K, 4)."""
        grids = roi_align(features, boxes, self.STRIDE)
        out = self.box_head(ops.reshape(grids, (-1, *grids.shape[2:])))
        out = ops.reshape(out, (-1, boxes.shape[1], 6))
        return out[..., :2], out[..., 2:]

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return sum(share * y_pred[name] for name, share in self.LOSSES.items())

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        for name, value in y_pred.items():
            self.told[name].update_state(value)
        return self.get_metrics_result()


# ---------------------------------------------------------------- fit and predict


def slots(boxes: Sequence[np.ndarray], excluded: Sequence[np.ndarray] | None, size: tuple[int, int]):
    """Truth in arrays of one shape; boxes are cut at the edges of the image.

    Parameters
    ----------
    boxes, excluded : of each image (g, 4): what is looked for; what counts neither way
    size : (H, W) of the images

    Returns
    -------
    boxes (N, G, 4) float32, labels (N, G) int32: 1, -1, and 0 for an empty slot

    Raises
    ------
    ValueError : a box that is not finite or of which no area lies in the image; no box in any image
    """
    excluded = [np.zeros((0, 4))] * len(boxes) if excluded is None else excluded
    count = max((len(a) + len(b) for a, b in zip(boxes, excluded, strict=True)), default=0)
    filled, labels = np.zeros((len(boxes), count, 4), np.float32), np.zeros((len(boxes), count), np.int32)
    for k, (found, other) in enumerate(zip(boxes, excluded, strict=True)):
        both = np.clip(np.concatenate([found, other]), 0, [*size, *size])
        for box, cut in zip([*found, *other], both, strict=True):
            if not (cut[2] > cut[0] and cut[3] > cut[1]):
                raise ValueError(f"image {k}: expected y0 < y1 and x0 < x1 inside {size} pixels, got {list(box)}")
        filled[k, : len(both)] = both
        labels[k, : len(both)] = [1] * len(found) + [-1] * len(other)
    if not (labels == 1).any():
        raise ValueError("none of the images has a box: there is nothing to learn to find")
    return filled, labels


def mirrored(batch: dict[str, np.ndarray], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Images with their boxes, each left to right with a chance of one half."""
    images, boxes, width = batch["images"], batch["boxes"], batch["images"].shape[2]
    turned = np.stack([boxes[..., 0], width - boxes[..., 3], boxes[..., 2], width - boxes[..., 1]], axis=-1)
    which = rng.random(len(images)) < 0.5
    images = np.where(which[:, None, None, None], images[:, :, ::-1], images)
    return batch | {"images": images, "boxes": np.where(which[:, None, None], turned, boxes)}


def fit_detector(
    model: FasterRCNN,
    images: np.ndarray,
    boxes: Sequence[np.ndarray],
    excluded: Sequence[np.ndarray] | None = None,
    epochs: int = 6,
    *,
    learning_rate: float = 0.003,
    batch_size: int = 16,
    seed: int = 0,
) -> dict[str, list[float]]:
    """Train a detector: AdamW, a rate that rises for 60 steps and then falls to 0, gradients of norm 5 at most.

    Parameters
    ----------
    images (N, H, W, 1) in HU; boxes, excluded : lists of (g, 4), as `slots` takes them

    Returns
    -------
    history : name of a loss -> its mean in each epoch

    Raises
    ------
    ValueError : images of another size or not finite; fewer images than a batch; boxes that `slots` refuses
    """
    model.check(images)
    if not len(images) == len(boxes) >= batch_size:
        raise ValueError(
            f"expected at least {batch_size} images and a list of boxes for each, got {len(images)} and {len(boxes)}"
        )
    boxes, labels = slots(boxes, excluded, model.size)
    steps = len(images) // batch_size
    pace = keras.optimizers.schedules.CosineDecay(
        1e-5, max(epochs * steps - 60, 1), warmup_target=learning_rate, warmup_steps=60
    )
    model.compile(optimizer=keras.optimizers.AdamW(pace, weight_decay=1e-4, clipnorm=5.0))
    rng = np.random.default_rng(seed)
    history: dict[str, list[float]] = {name: [] for name in model.LOSSES}
    for _ in progress_bar("training", epochs, "epochs", iterable=range(epochs)):
        told = []
        for chosen in rng.permutation(len(images))[: steps * batch_size].reshape(steps, batch_size):
            batch = mirrored({"images": images[chosen], "boxes": boxes[chosen], "labels": labels[chosen]}, rng)
            told.append(model.train_on_batch(batch, return_dict=True))  # of this batch alone
        for name, values in history.items():
            values.append(float(np.mean([losses[name] for losses in told])))
    return history


def detect(model: FasterRCNN, images: np.ndarray, least_score: float = 0.05, threshold: float = 0.3, batch_size=50):
    """What the detector finds in images (N, H, W, 1): lists of boxes (d, 4) and of scores (d,), highest score first.

    least_score : below it nothing is reported; threshold : of the last non-maximum suppression

    Raises ValueError for images of another size, or not finite.
    """
    model.check(images)
    found_boxes, found_scores = [], []
    for k in range(0, len(images), batch_size):
        batch = images[k : k + batch_size]
        spare = np.repeat(batch[:1], batch_size - len(batch), axis=0)  # another shape would have to be compiled anew
        all_boxes, all_scores = model.predict_on_batch(np.concatenate([batch, spare]))
        for boxes, scores in zip(all_boxes[: len(batch)], all_scores, strict=False):
            boxes, scores = boxes[scores >= least_score], scores[scores >= least_score]
            kept = nms(boxes, scores, threshold)
            found_boxes.append(boxes[kept])
            found_scores.append(scores[kept])
    return found_boxes, found_scores
