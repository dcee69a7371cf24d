"""Exercises, predictions and quiz of chapter 05, training."""

import copy
import math
from collections.abc import Callable

import numpy as np

from helpers import nn
from helpers.exercises import chapter05_loops as loops
from helpers.exercises.chapter05_loops import train
from helpers.exercises.exercise import Case, Exercise, Misconception, compare
from helpers.exercises.registry import ComesTrue, Option, Question


def _sgd_cases(rng: np.random.Generator) -> list[Case]:
    return [
        Case((np.array([1.0, -2.0]), np.array([0.5, 4.0]), 0.1)),
        Case((rng.normal(size=(3, 4)), rng.normal(size=(3, 4)), 0.03), "a matrix of weights"),
        Case((rng.normal(size=(2, 2, 1, 3)), rng.normal(size=(2, 2, 1, 3)), 0.5), "kernels"),
        Case((rng.normal(size=5), np.array([0.0, -3.0, 0.0, 1e-6, 20.0]), 0.2), "gradients of very different size"),
    ]


SGD_STEP = Exercise(
    id="5.2",
    reference=nn.sgd_step,
    cases=_sgd_cases,
    hints=(
        "The gradient points uphill. Which sign takes you down?",
        "How far you go is the learning rate times the gradient, entry by entry. NumPy needs no loop for it.",
        "Write `theta - ...` and return that. `theta -= ...` would change the caller's parameters too.",
    ),
    why="Against the gradient, times the learning rate; a new array, so that the caller keeps the old parameters.",
    misconceptions=(
        Misconception(
            "uphill",
            "The loss grows: you went *along* the gradient. It points to where the loss rises fastest. Go the other "
            "way.",
            (lambda theta, g, learning_rate: theta + learning_rate * g,),
        ),
        Misconception(
            "changes the caller's parameters",
            "The result is right, but theta itself was overwritten: whoever keeps it, to compare or to go back, has "
            "lost it. Make a new array.",
            (loops.sgd_in_place, loops.sgd_whole_list),
        ),
        Misconception(
            "learning rate forgotten",
            "You went the full length of the gradient. The learning rate says how much of it: without it the step is "
            "often far too long.",
            (lambda theta, g, learning_rate: theta - g,),
        ),
        Misconception(
            "the step in place of the parameters",
            "That is the step. What is asked for is where you stand after it.",
            (lambda theta, g, learning_rate: -learning_rate * g, lambda theta, g, learning_rate: learning_rate * g),
        ),
        Misconception(
            "only the sign counts",
            "Every entry moved by the same amount, or the whole step has length learning_rate. Gradient descent takes "
            "the gradient as it is: where it is steep the step is long. (Adam, section 5.6, comes near to this idea.)",
            (
                lambda theta, g, learning_rate: theta - learning_rate * np.sign(g),
                lambda theta, g, learning_rate: theta - learning_rate * g / np.linalg.norm(g),
                lambda theta, g, learning_rate: theta - learning_rate * g / np.abs(g).max(),
            ),
        ),
        Misconception(
            "the loss in place of its gradient shrinks",
            "You multiplied theta by something close to 1. The gradient already says what changes: subtract it, scaled "
            "by the learning rate.",
            (
                lambda theta, g, learning_rate: theta * (1 - learning_rate * g),
                lambda theta, g, learning_rate: theta - learning_rate * g * theta,
                lambda theta, g, learning_rate: (1 - learning_rate) * theta - learning_rate * g,
            ),
        ),
        Misconception(
            "one mean gradient for all",
            "All entries moved alike. Each parameter has a slope of its own: no mean and no sum over them.",
            (
                lambda theta, g, learning_rate: theta - learning_rate * g.mean(),
                lambda theta, g, learning_rate: theta - learning_rate * g.sum(),
            ),
        ),
    ),
)


def _train_cases(rng: np.random.Generator) -> list[Case]:
    def case(N: int, D: int, epochs: int, batch_size: int, note: str) -> Case:
        X, y = rng.normal(size=(N, D)), 3 * rng.normal(size=N)
        chance = np.random.default_rng(rng.integers(1 << 30))
        return Case((rng.normal(size=D), loops.squared_error_gradient, X, y, epochs, batch_size, 0.05, chance), note)

    return [
        case(6, 2, 1, 3, "6 examples, 2 batches, one epoch"),
        case(20, 3, 3, 4, "20 examples, 5 batches an epoch, three epochs"),
        case(11, 2, 2, 4, "11 examples: the last batch of an epoch holds 3"),
        case(9, 4, 4, 9, "one batch holds everything"),
        case(7, 2, 2, 1, "batches of one"),
    ]


def _verify_train(case: Case, value) -> str | None:
    """Shuffling what is shuffled already is as good as a new order of the whole."""
    problems = [
        compare(fn(*copy.deepcopy(case.args)), value, 1e-9) for fn in (train, loops.trainer(order="shuffled on"))
    ]
    return None if None in problems else problems[0]


TRAIN = Exercise(
    id="5.4",
    reference=train,
    cases=_train_cases,
    points=2,
    verify=_verify_train,
    hints=(
        "Two loops, one in the other: the outer over epochs, the inner over the batches of an epoch.",
        "The order is drawn once an epoch, so it stands between the two `for` lines. Batch, gradient and step happen "
        "once a batch, so they stand inside the inner loop, in this order.",
        "`return` has the indentation of the outer `for`: it comes when all epochs are over. Three of the lines are "
        "not needed at all: one does not shuffle, one takes the gradient over the whole set, one goes uphill.",
    ),
    why="Once an epoch a new order; once a batch a gradient and a step. The last batch may be smaller.",
    misconceptions=(
        Misconception(
            "not shuffled",
            "The examples came in the order of the file. Where that is sorted, by class, by day, by hospital, each "
            "batch pulls another way. Draw a new order every epoch.",
            (loops.trainer(order="none"),),
        ),
        Misconception(
            "shuffled once",
            "The order was drawn before the first epoch and never again: every epoch has the same batches in the same "
            "order. Draw inside the loop over epochs.",
            (loops.trainer(order="once"),),
        ),
        Misconception(
            "shuffled at every batch",
            "A new order was drawn for every batch. Then some examples come twice in an epoch and others not at all. "
            "Draw once an epoch, outside the loop over batches.",
            (loops.trainer(order="every batch"),),
        ),
        Misconception(
            "the gradient of the whole set",
            "Each step used all examples, and `batch` was never used. A minibatch step looks at X[batch] and y[batch] "
            "only: that is what makes it cheap.",
            (loops.trainer(full=True),),
        ),
        Misconception(
            "uphill",
            "The parameters went along the gradient, so the loss grows. The step goes against it.",
            (loops.trainer(sign=1),),
        ),
        Misconception(
            "one step an epoch",
            "The step stands outside the loop over batches: the gradients of all batches but the last were thrown "
            "away. Indent it one level further.",
            (loops.trainer(update="every epoch"),),
        ),
        Misconception(
            "stopped too early",
            "`return` stands inside a loop, so training ended after the first round. A function is over when it "
            "returns: move the line to the left.",
            (loops.trainer(stop="batch"), loops.trainer(stop="epoch")),
        ),
        Misconception(
            "loops exchanged",
            "The loop over epochs stands inside the loop over batches: one batch serves all epochs, then the next. "
            "An epoch goes through all batches, so its loop is the outer one.",
            (loops.loops_exchanged(True), loops.loops_exchanged(False)),
        ),
        Misconception(
            "two updates",
            "After the right step came a second one, uphill or over the whole set. One step a batch: delete the other.",
            (loops.trainer(undo=True), loops.trainer_with_the_whole_set),
        ),
        Misconception(
            "batches that overlap",
            "`start` went up by 1, so each example came in many batches. The third argument of `range` is the step.",
            (loops.trainer(stride=1),),
        ),
        Misconception(
            "labels left behind",
            "The rows of X were shuffled and their labels were not: every picture got somebody else's label. Index "
            "both with `batch`.",
            (loops.trainer(labels="left behind"),),
        ),
        Misconception(
            "the last batch dropped",
            "When the examples do not fill the last batch, yours were left out. A slice that runs over the end gives "
            "what is there, so a smaller last batch needs no extra line.",
            (loops.trainer(drop_last=True),),
        ),
        Misconception(
            "no step in the loop",
            "The parameters came back as they went in: no gradient was used. In the article's loop, too, "
            "no step is made.",
            (lambda theta, *rest: theta, loops.trainer(update="never")),
        ),
        Misconception(
            "changes the caller's parameters",
            "The result is right, but `theta -= ...` wrote into the caller's array: a second training from the same "
            "start would begin where the first ended.",
            (loops.in_place_trainer,),
        ),
    ),
)


def _momentum_cases(rng: np.random.Generator) -> list[Case]:
    def case(shape, learning_rate: float, beta: float, note: str) -> Case:
        return Case((*(rng.normal(size=shape) for _ in range(3)), learning_rate, beta), note)

    return [
        Case((np.array([1.0, -2.0]), np.array([0.5, 4.0]), np.array([0.2, -1.0]), 0.1, 0.5)),
        case((3, 4), 0.02, 0.9, "a matrix of weights"),
        Case((rng.normal(size=4), rng.normal(size=4), np.zeros(4), 0.1, 0.9), "the first step: m is 0"),
        Case((rng.normal(size=4), np.zeros(4), rng.normal(size=4), 0.3, 0.8), "a gradient of 0: it rolls on"),
        case((2, 3), 0.5, 0.0, "beta = 0: plain gradient descent"),
    ]


MOMENTUM_STEP = Exercise(
    id="5.5",
    reference=nn.momentum_step,
    returns=("theta", "m"),
    cases=_momentum_cases,
    hints=(
        "Two lines: first the new m, then the step with it. Both are returned.",
        "The new m is beta times the old one, plus the gradient of this step.",
        "`return theta - learning_rate * m, m`, where m is already the new one.",
    ),
    why="The memory is updated first, and the step follows the memory. Both go back, because the next step needs m.",
    misconceptions=(
        Misconception(
            "averaged",
            "Your gradient counts (1 - beta) times. That is momentum as a running *mean*; this step keeps the plain "
            "sum, as PyTorch does, and its memory is 1 / (1 - beta) times larger. Both exist: learning rates "
            "cannot be carried over from one to the other.",
            (
                loops.momentum(lambda theta, g, m, r, beta: (theta - r * (beta * m + (1 - beta) * g),
                                                        beta * m + (1 - beta) * g)),
            ),
        ),
        Misconception(
            "learning rate inside the memory",
            "The learning rate went into m. The parameters come out the same, as long as the learning rate never "
            "changes; a schedule (section 5.13) would then act late. Here m remembers gradients, not steps. "
            "(Keras keeps it your way.)",
            (
                loops.momentum(lambda theta, g, m, r, beta: (theta - (beta * m + r * g), beta * m + r * g)),
                loops.momentum(lambda theta, g, m, r, beta: (theta + beta * m - r * g, beta * m - r * g)),
            ),
        ),
        Misconception(
            "the old m",
            "The step used the m of the step before: the gradient you have just computed had no say. Update m first.",
            (loops.momentum(lambda theta, g, m, r, beta: (theta - r * m, beta * m + g)),),
        ),
        Misconception(
            "no memory",
            "The old m had no influence on the step: that is plain gradient descent.",
            (
                loops.momentum(lambda theta, g, m, r, beta: (theta - r * g, g)),
                loops.momentum(lambda theta, g, m, r, beta: (theta - r * g, beta * m + g)),
                loops.momentum(lambda theta, g, m, r, beta: (theta - r * g, m)),
            ),
        ),
        Misconception(
            "m is not handed back",
            "The parameters alone came back. Without the new m the next step remembers nothing: return both.",
            (loops.momentum(lambda theta, g, m, r, beta: theta - r * (beta * m + g)),),
        ),
        Misconception(
            "the old m is handed back",
            "The parameters are right, but you returned the m that came in: the next step remembers nothing of this "
            "one. Return the new m.",
            (loops.momentum(lambda theta, g, m, r, beta: (theta - r * (beta * m + g), m)),),
        ),
        Misconception(
            "results exchanged",
            "Both values are right and came in the other order: theta first, then m.",
            (loops.momentum(lambda theta, g, m, r, beta: (beta * m + g, theta - r * (beta * m + g))),),
        ),
        Misconception(
            "learning rate forgotten",
            "The step went the full length of m. The learning rate says how much of it.",
            (loops.momentum(lambda theta, g, m, r, beta: (theta - (beta * m + g), beta * m + g)),),
        ),
        Misconception(
            "beta as a constant",
            "Your function always keeps 0.9 of m. Use the argument `beta`; 0.9 is only its default.",
            (loops.momentum(lambda theta, g, m, r, beta: (theta - r * (0.9 * m + g), 0.9 * m + g)),),
        ),
        Misconception(
            "minus inside the memory",
            "You subtracted g from the memory. m is a *sum* of gradients; the minus stands in the step.",
            (
                loops.momentum(lambda theta, g, m, r, beta: (theta - r * (beta * m - g), beta * m - g)),
                loops.momentum(lambda theta, g, m, r, beta: (theta + r * (beta * m - g), beta * m - g)),
            ),
        ),
        Misconception(
            "nothing is forgotten",
            "beta is missing: m adds up all gradients for ever, the oldest as loud as the newest.",
            (loops.momentum(lambda theta, g, m, r, beta: (theta - r * (m + g), m + g)),),
        ),
        Misconception(
            "beta on the gradient",
            "beta belongs to what is *remembered*: it shrinks the old m. Yours shrinks the new gradient.",
            (loops.momentum(lambda theta, g, m, r, beta: (theta - r * (m + beta * g), m + beta * g)),),
        ),
        Misconception(
            "uphill",
            "The step went along m, so the loss grows. Subtract.",
            (loops.momentum(lambda theta, g, m, r, beta: (theta + r * (beta * m + g), beta * m + g)),),
        ),
        Misconception(
            "changes the caller's m",
            "The values are right, but m was overwritten in place. Make a new array: somebody may want to repeat the "
            "step.",
            (loops.momentum_in_place,),
        ),
        Misconception(
            "one step ahead",
            "That is Nesterov's variant, which adds the gradient once more. It is good too, and another step.",
            (loops.momentum(lambda theta, g, m, r, beta: (theta - r * (g + beta * (beta * m + g)), beta * m + g)),),
        ),
    ),
)  # fmt: skip


def _adam_cases(rng: np.random.Generator) -> list[Case]:
    def state(shape) -> tuple:
        return rng.normal(size=shape), rng.uniform(0.5, 2, size=shape)

    three = [Case((np.array([1.0, -2.0]), np.array([0.5, -4.0]), np.zeros(2), np.zeros(2), 1, 0.1), "the first step")]
    for t in (2, 3):
        theta, m, q = nn.adam_step(*three[-1].args)
        three.append(Case((theta, rng.normal(size=2), m, q, t, 0.1), f"step {t} of the same parameters"))
    tiny, large = np.array([1e-9, -3e-9, 2e-8]), np.array([1e3, -4e3, 2e2])
    zeros = np.zeros(3)
    return [
        *three,
        Case((zeros, tiny, zeros, zeros, 1, 0.01), "gradients near 0, where eps matters"),
        Case((zeros, large, zeros, zeros, 1, 0.01), "gradients of 1000"),
        Case((rng.normal(size=(2, 3)), rng.normal(size=(2, 3)), *state((2, 3)), 7, 0.02, 0.8, 0.95, 1e-3),
             "other betas and another eps"),
        Case((rng.normal(size=4), rng.normal(size=4), *state(4), 5000, 0.01), "after 5000 steps"),
    ]  # fmt: skip


ADAM_STEP = Exercise(
    id="5.6",
    reference=nn.adam_step,
    returns=("theta", "m", "q"),
    cases=_adam_cases,
    points=2,
    hints=(
        "Four lines: the new m, the new q, the step, the return. Both means have the same form, beta times the old, "
        "(1 - beta) times the new; m takes g, q takes g squared.",
        "Both start at 0 and are too small at first. Divide m by `1 - beta1**t`, q by `1 - beta2**t`, for the step "
        "only: what you return are the means themselves.",
        "The step is learning_rate times the corrected m, divided by (the root of the corrected q, plus `eps`), "
        "which stands outside the root.",
    ),
    why="The corrections undo the start at 0. The root of q has the size of a gradient, so the step has about that of "
    "the learning rate, whatever the loss is multiplied by.",
    misconceptions=(
        Misconception(
            "no bias correction",
            "m and q start at 0 and are too small at first, q by far more than m. Without the correction the first "
            "step is 0.1 / `sqrt(0.001)`, about 3.2 times the learning rate.",
            (loops.adam(first=False, second=False),),
        ),
        Misconception(
            "only m corrected",
            "m was corrected and q was not: the first step is `1 / sqrt(0.001)`, about 31.6, times too long.",
            (loops.adam(second=False),),
        ),
        Misconception(
            "only q corrected",
            "q was corrected and m was not: the first step is only a tenth of what it should be.",
            (loops.adam(first=False),),
        ),
        Misconception(
            "power in the wrong place",
            "In the corrections t is an exponent, and it belongs to beta alone: 1 minus (beta to the power t). Yours "
            "is right at t = 1 only.",
            (loops.adam(bracket=lambda beta, t: (1 - beta) ** t), loops.adam(bracket=lambda beta, t: 1 - beta)),
        ),
        Misconception(
            "eps beside the uncorrected q",
            "The same but for where `eps` enters: yours joins the root of q *before* the correction and weighs more.",
            (loops.adam_short,),
        ),
        Misconception(
            "betas exchanged",
            "beta1 belongs to m and beta2 to q. Yours are the other way round.",
            (loops.adam(exchanged=True),),
        ),
        Misconception(
            "learning rate forgotten",
            "The fraction is about 1 in size. The learning rate times it is the step.",
            (loops.adam(rate=False),),
        ),
        Misconception(
            "q of m",
            "q averages the square of m in your code. It takes the square of this step's gradient g.",
            (loops.adam(of="m"),),
        ),
        Misconception(
            "results exchanged",
            "The values are right and came in another order: theta, then m, then q.",
            (loops.adam(keep="last"), loops.adam(keep="q first")),
        ),
        Misconception(
            "eps inside the root",
            "It stands outside: `sqrt(q) + eps`. Inside, 1e-8 acts like 1e-4, and small gradients move nothing.",
            (loops.adam(inside=True),),
        ),
        Misconception(
            "t counted from 0",
            "The number of the step is taken as one too small (or too large). At t = 1 the correction is 1 - beta; "
            "with t = 0 it would be 1 - 1, a division by 0.",
            (loops.adam(power=lambda t: t - 1), loops.adam(power=lambda t: t + 1)),
        ),
        Misconception(
            "gradient not squared",
            "q averages the *square* of the gradient. Without it q can be negative, and its root is nan.",
            (loops.adam(square=False),),
        ),
        Misconception(
            "this step's gradient only",
            "The step uses g of this step above the fraction bar, not the running mean m: that is RMSProp with a "
            "correction. Adam has both memories.",
            (loops.adam(memory=False), loops.adam(memory=False, first=False)),
        ),
        Misconception(
            "corrected means handed on",
            "The parameters are right, but m and q came back corrected: the next step would correct them a second "
            "time. The correction is for this step only.",
            (loops.adam(keep="corrected"),),
        ),
        Misconception(
            "m and q are not handed back",
            "Without the new m and q the next step starts from nothing again: return all three.",
            (loops.adam(keep="nothing"), loops.adam_old_state),
        ),
        Misconception(
            "root forgotten",
            "q has the size of a gradient *squared*. Divide by its root, or small gradients make huge steps.",
            (loops.adam(root=False),),
        ),
        Misconception(
            "sums in place of means",
            "The new gradient counts (1 - beta) times in a running mean. Yours counts fully, so m and q grow to 10 "
            "and 1000 times a mean.",
            (loops.adam_sums,),
        ),
        Misconception(
            "uphill",
            "The step went along the gradient, so the loss grows. Subtract.",
            (loops.adam(sign=1),),
        ),
        Misconception(
            "no eps",
            "`eps` is missing. It keeps the step finite where q is 0, and small where the gradient is hardly more than "
            "rounding.",
            (loops.adam(eps_on=False),),
        ),
        Misconception(
            "changes the caller's m and q",
            "The values are right, but m and q were overwritten in place: `m *= ...` writes into the caller's arrays. "
            "Make new ones.",
            (loops.adam_in_place,),
        ),
    ),
)


def _he_cases(rng: np.random.Generator) -> list[Case]:
    def case(shape: tuple[int, ...], note: str) -> Case:
        return Case((shape, np.random.default_rng(rng.integers(1 << 30))), note)

    return [
        case((300, 50), "a dense layer, 300 inputs, 50 units"),
        case((60, 400), "a dense layer, 60 inputs, 400 units"),
        case((3, 3, 16, 40), "kernels of 3 x 3 over 16 channels, 40 output channels"),
        case((5, 5, 30, 8), "kernels of 5 x 5 over 30 channels, 8 output channels"),
    ]


def _weights(case: Case, value) -> bool:
    right = isinstance(value, np.ndarray) and value.shape == case.args[0] and value.dtype.kind == "f"
    return right and bool(np.isfinite(value).all())


def _verify_he(case: Case, value) -> str | None:
    shape = case.args[0]
    if not _weights(case, value):
        return compare(np.zeros(shape), value, np.inf) or "Your weights hold nan or infinity."
    due = math.sqrt(2 / math.prod(shape[:-1]))
    size = f"Their standard deviation is {value.std():.4f}, expected about {due:.4f}."
    if abs(value.mean()) > max(5 * value.std(), due) / math.sqrt(value.size):
        return f"The mean of your {value.size:,} weights is {value.mean():.4f}, expected about 0. {size}"
    return None if abs(value.std() / due - 1) < 0.05 else f"The mean of your weights is near 0. {size}"


def _std_is(due: Callable[[tuple], float], tolerance: float = 0.03) -> Callable[[Case, object], bool]:
    """A sign: weights around 0 whose standard deviation is that of a wrong rule."""

    def sign(case: Case, value) -> bool:
        if not _weights(case, value) or abs(value.mean()) > 0.2 * value.std():
            return False
        return abs(value.std() / due(case.args[0]) - 1) < tolerance

    return sign


def _he_like(std: Callable[[tuple], float]) -> Callable:
    return lambda shape, rng: rng.normal(0, std(shape), size=shape)


def _inputs(shape) -> int:
    return math.prod(shape[:-1])


def _fans(shape) -> tuple[int, int]:
    return _inputs(shape), math.prod(shape[:-2]) * shape[-1]


def _size_as_mean(case: Case, value) -> bool:
    if not _weights(case, value):
        return False
    return abs(value.std() - 1) < 0.04 and abs(value.mean() * math.sqrt(_inputs(case.args[0]) / 2) - 1) < 0.4


# rules that count the outputs, or only a part of the inputs of a convolution
_OUTPUTS = (lambda shape: math.sqrt(2 / shape[-1]), lambda shape: math.sqrt(2 / _fans(shape)[1]))
_PARTS = (
    lambda shape: math.sqrt(2 / shape[-2]),
    lambda shape: math.sqrt(2 / shape[0]),
    lambda shape: math.sqrt(2 / math.prod(shape[: len(shape) // 2])),
    lambda shape: math.sqrt(2 / sum(shape[:-1])),
)


def _all_axes(shape) -> float:
    return math.sqrt(2 / math.prod(shape))


def _is_fixed(case: Case, value) -> bool:
    near = (_std_is(lambda shape, size=size: size, 0.04) for size in (1.0, 0.1, 0.05, 0.01, 0.001))
    return any(sign(case, value) for sign in near)


def _uses_the_rng(draw: Callable) -> Callable[[Callable], str | None]:
    """Two draws from one generator differ, two generators of one seed agree."""

    def holds(fn) -> str | None:
        rng = np.random.default_rng(1)
        same_seed = [draw(fn, np.random.default_rng(2)) for _ in range(2)]
        if np.array_equal(draw(fn, rng), draw(fn, rng)) or not np.array_equal(*same_seed):
            return (
                f"Size and mean are right, but the chance does not come from `rng`. Called twice with one generator, "
                f"`{fn.__name__}` should give two different results; called with two generators of the same seed, the "
                "same one twice. Draw with `rng`, and make no generator of your own."
            )
        return None

    return holds


HE_INIT = Exercise(
    id="5.7",
    reference=nn.he_init,
    cases=_he_cases,
    verify=_verify_he,
    holds=_uses_the_rng(lambda fn, rng: fn((20, 30), rng)),
    hints=(
        "How many numbers does one unit add up? For a dense layer (D, M) that is D. For kernels (kh, kw, C_in, C_out) "
        "it is kh * kw * C_in: every axis but the last.",
        "The rule gives the *variance*, 2 / fan_in. `rng.normal` wants the standard deviation, its root.",
        "`rng.normal(0, std, size=shape)`; `np.prod(shape[:-1])` multiplies all axes but the last, for both kinds.",
    ),
    why="fan_in is the product of all axes but the last; the standard deviation is the root of 2 / fan_in. (Any "
    "distribution with this variance and mean 0 passes: the rule is about the variance.)",
    misconceptions=(
        Misconception(
            "variance taken for the standard deviation",
            "2 / fan_in is the *variance*. `rng.normal` takes the standard deviation, its root. Your weights are far "
            "too small, and the signal dies out after a few layers.",
            (_he_like(lambda shape: 2 / _inputs(shape)),),
            sign=_std_is(lambda shape: 2 / _inputs(shape)),
        ),
        Misconception(
            "size given as the mean",
            "The first argument of `rng.normal` is the mean, the second the standard deviation. Yours landed in the "
            "mean, and the size stayed 1.",
            (lambda shape, rng: rng.normal(math.sqrt(2 / _inputs(shape)), size=shape),),
            sign=_size_as_mean,
        ),
        Misconception(
            "all axes counted",
            "You counted every axis. The last one, the outputs, does not belong to fan_in: a unit adds up its inputs.",
            (_he_like(_all_axes),),
            sign=_std_is(_all_axes),
        ),
        Misconception(
            "outputs counted in place of inputs",
            "You counted what a unit sends out. What it *adds up* decides how large its sum gets: fan_in, the inputs.",
            tuple(map(_he_like, _OUTPUTS)),
            sign=lambda case, value: any(_std_is(rule)(case, value) for rule in _OUTPUTS),
        ),
        Misconception(
            "the kernel's area forgotten",
            "Right for dense layers. A unit of a convolution adds up kh * kw * C_in numbers, a product: the patch, "
            "all its channels. With fewer counted the weights are too large.",
            tuple(map(_he_like, _PARTS)),
            sign=lambda case, value: len(case.args[0]) == 4 and any(_std_is(rule)(case, value) for rule in _PARTS),
        ),
        Misconception(
            "the 2 forgotten",
            "1 / fan_in keeps the size of a *linear* layer. ReLU throws away half of what comes through, and the 2 "
            "makes up for it.",
            (_he_like(lambda shape: math.sqrt(1 / _inputs(shape))),),
            sign=_std_is(lambda shape: math.sqrt(1 / _inputs(shape))),
        ),
        Misconception(
            "Glorot's rule",
            "That is 2 / (fan_in + fan_out), the rule of Glorot and Bengio: a compromise for layers without ReLU. "
            "He's rule counts the inputs alone.",
            (nn.glorot_init, _he_like(lambda shape: math.sqrt(2 / sum(_fans(shape))))),
            sign=_std_is(lambda shape: math.sqrt(2 / sum(_fans(shape)))),
        ),
        Misconception(
            "one size for every layer",
            "Your weights have the same size whatever the shape. A unit with 1000 inputs adds up more than one with "
            "10, so its weights must be smaller.",
            (
                lambda shape, rng: rng.normal(size=shape),
                lambda shape, rng: 0.01 * rng.normal(size=shape),
                lambda shape, rng: rng.normal(0, 0.1, size=shape),
            ),
            sign=_is_fixed,
        ),
        Misconception(
            "not around 0",
            "Nearly all your weights have the same sign: the mean is far from 0, and so is every sum. Draw them around "
            "0.",
            (
                lambda shape, rng: rng.random(shape) * math.sqrt(2 / _inputs(shape)),
                lambda shape, rng: np.abs(nn.he_init(shape, rng)),
                lambda shape, rng: rng.random(shape),
            ),
            sign=lambda case, value: (
                _weights(case, value) and abs(value.mean()) > 0.2 * value.std() and np.ptp(value) > 0
            ),
        ),
        Misconception(
            "all weights alike",
            "All your weights are equal. Then all units of the layer compute the same, get the same gradient, and stay "
            "the same for ever.",
            (lambda shape, rng: np.zeros(shape), lambda shape, rng: np.full(shape, math.sqrt(2 / _inputs(shape)))),
            sign=lambda case, value: _weights(case, value) and np.ptp(value) == 0,
        ),
    ),
)


def _dropout_cases(rng: np.random.Generator) -> list[Case]:
    def case(shape, drop: float, note: str) -> Case:
        X = rng.normal(size=shape) + np.where(rng.random(shape) < 0.5, 3, -3)
        return Case((X, drop, np.random.default_rng(rng.integers(1 << 30))), note)

    return [
        Case((np.arange(1.0, 21).reshape(4, 5), 0.25, np.random.default_rng(rng.integers(1 << 30))), "four rows"),
        case((50, 40), 0.4, "two of five are dropped"),
        case((40, 60), 0.2, "a fifth is dropped"),
        case((6, 5, 8, 9), 0.7, "pictures with channels, most are dropped"),
        case((3, 4), 0.0, "nothing is dropped"),
    ]


def _like_X(case: Case, value) -> bool:
    X = case.args[0]
    return isinstance(value, np.ndarray) and value.shape == X.shape and value.dtype.kind == "f"


def _kept_factor(case: Case, value) -> float | None:
    """What the kept entries were multiplied by, if it is the same for all."""
    X, kept = case.args[0], value != 0
    if not kept.any():
        return None
    factors = value[kept] / X[kept]
    return float(factors[0]) if np.allclose(factors, factors[0], rtol=1e-6) else None


def _far(count: float, n: int, share: float) -> bool:
    """Whether `count` of `n` is more than five standard deviations from chance."""
    return abs(count - n * share) > 5 * math.sqrt(n * share * (1 - share)) + 1e-9


def _verify_dropout(case: Case, value) -> str | None:
    X, drop, _ = case.args
    if not _like_X(case, value):
        return compare(X, value, np.inf) or f"Your result holds values of type {value.dtype}; float was expected."
    zeros = int((value == 0).sum())
    expected = f"an entry that is kept should be X / (1 - drop), here {1 / (1 - drop):.4g} times X"
    if zeros and not drop:
        return f"drop is 0, yet {zeros} of {X.size} entries are 0."
    factor = _kept_factor(case, value)
    if factor is None and zeros < X.size:
        return f"The entries that are not 0 are not all the same multiple of X; {expected}."
    if factor is not None and abs(factor * (1 - drop) - 1) > 1e-6:
        return f"An entry that is kept is {factor:.4g} times X; {expected}."
    if X.size >= 500 and _far(zeros, X.size, drop):
        return f"{zeros} of {X.size} entries are 0; a share of {drop:g} would be about {drop * X.size:.0f}."
    if _patterned(case, value):
        return "The zeros do not fall by chance alone: whole rows, columns or blocks are alike."
    return None


def _patterned(case: Case, value) -> bool:
    """Zeros in whole rows, or the same in every row."""
    if not _like_X(case, value) or value.size < 500 or not (value == 0).any():
        return False
    zero = (value == 0).reshape(len(value), -1)
    return bool(
        (zero == zero[0]).all()
        or (zero == zero[:, :1]).all()
        or (zero.ravel()[: zero.sum()]).all()
        or (value == 0).reshape(-1, value.shape[-1]).all(axis=0).any()
    )


def _factor_is(due: Callable[[float], float]) -> Callable[[Case, object], bool]:
    def sign(case: Case, value) -> bool:
        drop, factor = case.args[1], _kept_factor(case, value) if _like_X(case, value) else None
        return factor is not None and 0 < drop and abs(factor - due(drop)) < 1e-6 * abs(due(drop))

    return sign


def _other_chance(case: Case, value) -> bool:
    if not _like_X(case, value) or value.size < 500 or _patterned(case, value):
        return False
    drop, zeros = case.args[1], float((value == 0).mean())
    normal = 0.5 * (1 + math.erf(drop / math.sqrt(2)))
    return 0 < drop and min(abs(zeros - normal), abs(zeros - 0.5)) < 0.03


def _by_value(case: Case, value) -> bool:
    X, drop, _ = case.args
    return (
        _like_X(case, value)
        and (value == 0).any()
        and any(np.array_equal(value != 0, size >= drop) for size in (X, np.abs(X)))
    )


def _keep_and_drop_swapped(case: Case, value) -> bool:
    if not _like_X(case, value):
        return False
    X, drop, _ = case.args
    if not drop:
        return bool((value == 0).all())
    share = X.size >= 500 and abs(float((value == 0).mean()) - (1 - drop)) < 0.05
    return _factor_is(lambda drop: 1 / drop)(case, value) or share


def _dropout(scale: Callable[[float], float], mask: Callable | None = None) -> Callable:
    mask = mask or (lambda X, drop, rng: rng.random(X.shape) >= drop)
    return lambda X, drop, rng: X * mask(X, drop, rng) * scale(drop)


def _dropout_in_place(X, drop, rng):
    X[rng.random(X.shape) < drop] = 0
    return X / (1 - drop)


def _first_entries(X, drop, rng):
    return (np.arange(X.size) >= drop * X.size).reshape(X.shape)


DROPOUT = Exercise(
    id="5.11",
    reference=nn.dropout,
    cases=_dropout_cases,
    verify=_verify_dropout,
    holds=_uses_the_rng(lambda fn, rng: fn(np.ones((20, 30)), 0.5, rng)),
    hints=(
        "Draw one number between 0 and 1 for every entry, `rng.random(X.shape)`, and compare it with `drop`.",
        "The comparison gives True and False; times X it keeps and drops. Which side of the comparison is kept, if a "
        "share of `drop` is to go?",
        "Only a share of 1 - drop is left, so the mean is that much smaller. Divide by 1 - drop to make up for it.",
    ),
    why="One draw an entry; what is kept is divided by its share, so that the mean stays. After training the layer is "
    "left out, with nothing to correct.",
    misconceptions=(
        Misconception(
            "not scaled",
            "The kept entries are as large as before, so the sum that the next layer sees is too small, but only while "
            "training: at test time all units are there and it suddenly sees more. Divide by the share that is kept.",
            (_dropout(lambda drop: 1.0),),
            sign=_factor_is(lambda drop: 1.0),
        ),
        Misconception(
            "scaled the wrong way",
            "The kept entries became *smaller*. Multiplying by 1 - drop is the old recipe, and belongs to test time. "
            "Here the kept entries must make up for the missing ones: divide.",
            (_dropout(lambda drop: 1 - drop),),
            sign=_factor_is(lambda drop: 1 - drop),
        ),
        Misconception(
            "values compared in place of chance",
            "You compared X itself with `drop`: the same entries go every time. Chance decides, not size.",
            (
                _dropout(lambda drop: 1 / (1 - drop), lambda X, drop, rng: X >= drop),
                _dropout(lambda drop: 1 / (1 - drop), lambda X, drop, rng: np.abs(X) >= drop),
            ),
            sign=_by_value,
        ),
        Misconception(
            "chance that is not even",
            "The share of zeros is that of another chance: `rng.normal` is not between 0 and 1, and `rng.integers(0, "
            "2)` drops every second entry whatever `drop` is. `rng.random` is below `drop` with probability drop.",
            (
                _dropout(lambda drop: 1 / (1 - drop), lambda X, drop, rng: rng.normal(size=X.shape) >= drop),
                _dropout(lambda drop: 1 / (1 - drop), lambda X, drop, rng: rng.integers(0, 2, X.shape)),
            ),
            sign=_other_chance,
        ),
        Misconception(
            "dropped and kept exchanged",
            "`drop` is the share that becomes 0. You kept that share (or divided by it). With drop = 0 everything must "
            "pass unchanged. (Some libraries once asked for the share to keep: read which one is meant.)",
            (
                _dropout(lambda drop: 1 / (1 - drop), lambda X, drop, rng: rng.random(X.shape) < drop),
                lambda X, drop, rng: X * (rng.random(X.shape) < drop) / max(drop, 1e-12),
                lambda X, drop, rng: X * (rng.random(X.shape) >= drop) / max(drop, 1e-12),
            ),
            sign=_keep_and_drop_swapped,
        ),
        Misconception(
            "whole rows or columns",
            "The zeros come in whole rows or columns, or at the same places in every row. Each entry is dropped for "
            "itself: the mask has the shape of X.",
            (
                _dropout(lambda drop: 1 / (1 - drop), lambda X, drop, rng: rng.random(X.shape[1:]) >= drop),
                _dropout(lambda drop: 1 / (1 - drop), lambda X, drop, rng: rng.random(X.shape[-1]) >= drop),
                _dropout(
                    lambda drop: 1 / (1 - drop),
                    lambda X, drop, rng: (rng.random(len(X)) >= drop).reshape(-1, *[1] * (X.ndim - 1)),
                ),
                _dropout(lambda drop: 1 / (1 - drop), _first_entries),
            ),
            sign=_patterned,
        ),
        Misconception(
            "the mask in place of the values",
            "That is the mask: True or False (or 0 and a constant). The result is X times the mask.",
            (
                lambda X, drop, rng: rng.random(X.shape) >= drop,
                lambda X, drop, rng: (rng.random(X.shape) >= drop) / (1 - drop),
            ),
            sign=lambda case, value: (
                isinstance(value, np.ndarray)
                and value.shape == case.args[0].shape
                and len(np.unique(value)) <= 2
                and bool(value.any())
            ),
        ),
        Misconception(
            "changes its input",
            "Writing zeros into X destroys what the caller holds: the backward pass still needs it. Multiply by a "
            "mask, and X stays as it is.",
            (_dropout_in_place,),
        ),
        Misconception(
            "noise in place of zeros",
            "Every entry was multiplied by a number of its own. Dropout decides: 0, or 1 / (1 - drop).",
            (
                lambda X, drop, rng: X * rng.random(X.shape) / (1 - drop),
                lambda X, drop, rng: X * (1 - rng.random(X.shape) * drop),
            ),
            sign=lambda case, value: (
                _like_X(case, value) and _kept_factor(case, value) is None and bool((value != 0).all())
            ),
        ),
    ),
)

EXERCISES = (SGD_STEP, TRAIN, MOMENTUM_STEP, ADAM_STEP, HE_INIT, DROPOUT)

PREDICTIONS = {
    "5.1a": ComesTrue(2, "There is a hill between them: the mean of two good networks is no good network."),
    "5.2a": ComesTrue(1, "Across the ravine each step overshoots, and beyond 2 / 20 every jump ends higher up."),
    "5.3a": ComesTrue(1, "The error goes with one over the root of the number of images: the root of 4 is 2."),
    "5.4a": ComesTrue(2, "The only update stands before the loop. In the loop it is a comment."),
    "5.5a": ComesTrue(2, "The edge moves to 2 (1 + beta) / 20: swings from wall to wall are halved in the memory."),
    "5.6a": ComesTrue(2, "The factor stands above and below the fraction and cancels."),
    "5.7a": ComesTrue(1, "Only the last bias gets a gradient, and it can say no more than how frequent a class is."),
    "5.10a": ComesTrue(1, "A random split puts images of the same sheet on both sides; here the test sheets are new."),
    "5.11a": ComesTrue(2, "With enough units and epochs a network learns labels by heart that mean nothing."),
}

QUIZ = (
    Question(
        "What does backpropagation change?",
        (
            Option("The weights, against the gradient.", "That is the optimiser's step. Adam and SGD take the same g."),
            Option("Nothing: it computes the gradient.", "The optimiser then uses it, each in its own way.", True),
            Option("The learning rate.", "A schedule does that (section 5.13), and needs no gradient for it."),
        ),
    ),
    Question(
        "The loss swings and grows from step to step. What do you try first?",
        (
            Option("A smaller learning rate.", "It is beyond the edge of the steepest direction.", True),
            Option(
                "More epochs.", "A walk that diverges gets further away with every step: look at 0.11 in section 5.2."
            ),
            Option(
                "A larger batch.",
                "Less noise moves no edge: the exact gradient diverges too when the learning rate is too large.",
            ),
        ),
    ),
    Question(
        "A ten-class network started at a loss of 2.6, and has stood at 2.30 for an hour. What does that tell you?",
        (
            Option(
                "It converged: 2.30 is its optimum.",
                "2.30 is log 10, what a network costs that knows nothing. No optimum is promised, and this is none.",
            ),
            Option(
                "It knows nothing: count dead units, look for zero weights.",
                "Hold every loss against log C, then look for what is dead.",
                True,
            ),
            Option(
                "The learning rate is too small.",
                "Then it would stay near its *starting* loss (5.8). One large step may have killed the units (5.9).",
            ),
        ),
    ),
    Question(
        "Why must the weights of a layer differ at the start?",
        (
            Option(
                "Equal units get equal gradients and stay equal.",
                "A hundred copies of one unit can do no more than one.",
                True,
            ),
            Option(
                "Equal weights make the loss infinite.", "The loss is finite: with zeros it is log C, and stays there."
            ),
            Option(
                "Chance helps to find the optimum.",
                "There is no one optimum to be found (5.1). The point is that units must be able to become different.",
            ),
        ),
    ),
    Question(
        "Training accuracy 100 %, validation accuracy 84 %. Which remedy is none?",
        (
            Option("More images.", "That is the best remedy: section 5.12 has the curve."),
            Option("Dropout or weight decay.", "Both act against learning by heart. How much they gain must be seen."),
            Option(
                "More epochs.",
                "There is nothing left to learn on the training set: what comes now is memory.",
                True,
            ),
        ),
    ),
    Question(
        "Two papers test the same kind of network on the same images. One reports 98 %, split at random, the other "
        "91 %, split by patient. Which network will do better on new patients?",
        (
            Option(
                "The first: 98 % is more.", "Its test asks about other images of the same patients: an easier test."
            ),
            Option("The second: its authors were careful.", "Care makes its number honest, not its network better."),
            Option(
                "The two numbers do not tell.",
                "They answer different questions. Test both on one split by patient, with several seeds.",
                True,
            ),
        ),
    ),
)
