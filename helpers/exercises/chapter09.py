"""Exercises, predictions and quiz of chapter 09, segmentation of brain tumours."""

from helpers.exercises.chapter09_masks import DICE, HAUSDORFF95, REGIONS
from helpers.exercises.chapter09_network import CONV_BLOCK, SOFT_DICE_LOSS, UNET
from helpers.exercises.chapter09_windows import SLIDING_WINDOW
from helpers.exercises.registry import ComesTrue, Option, Question

EXERCISES = (REGIONS, DICE, HAUSDORFF95, CONV_BLOCK, UNET, SOFT_DICE_LOSS, SLIDING_WINDOW)

PREDICTIONS = {
    "9.1a": ComesTrue(2, "An outline made of steps of 35 mm cannot follow a tumour that is a few centimetres wide."),
    "9.2a": ComesTrue(1, "0.10 + 0.25 + 0.25 = 0.60. But no single label has more than the 0.40 of background."),
    "9.3a": ComesTrue(2, "A tumour fills about one voxel in a hundred, and some patients have none."),
    "9.3b": ComesTrue(1, "In a small mask more of the voxels lie at the rim, and the rim is what a shift loses."),
    "9.4a": ComesTrue(1, "HD95 leaves out a twentieth of the surface. The square is more than a twentieth of it."),
    "9.5a": ComesTrue(1, "Group normalisation divides each image by its own deviation: it forgets how loud it was."),
    "9.6a": ComesTrue(2, "Every pooling doubles the width of a step, so the later convolutions reach far."),
    "9.7a": ComesTrue(1, "The mean runs over pixels: 1024 missed pixels weigh 64 times as much as 16."),
    "9.8a": ComesTrue(0, "What pooling has thrown away cannot be made up on the way back. The skips hand it over."),
    "9.9a": ComesTrue(1, "A few patients near 0 drag the mean down. The median does not look at how low they are."),
    "9.10a": ComesTrue(1, "Only T1c shows where the contrast medium is. The oedema still shines in FLAIR and T2."),
    "9.11a": ComesTrue(1, "A convolution takes what lies at one place for one tissue. It has never seen a shift."),
    "9.12a": ComesTrue(1, "It is called automation bias. That is why some slices are outlined without a proposal."),
    "9.13a": ComesTrue(2, "With so few steps the seed decides. No loss was ahead with all of them."),
    "9.14a": ComesTrue(1, "It has never seen a window: less around it, and hardly any air."),
    "9.15a": ComesTrue(1, "One look is undecided along the same outlines. Six looks cost six times as much."),
    "9.16a": ComesTrue(2, "Drawing lots is a strong rival."),
    "9.17a": ComesTrue(1, "Most of it is found, by a network that has seen nine volumes. Its outlines are rough."),
    "9.18a": ComesTrue(1, "27 weights in a kernel instead of 9; up-convolutions have 8 instead of 4."),
}

QUIZ = (
    Question(
        "A network answers background everywhere and has an accuracy of 99 %. What do you learn?",
        (
            Option("It is nearly perfect.", "It has found nothing. 99 % of the pixels are background."),
            Option("How much of the images is background.", "Nothing else. Ask for Dice.", True),
            Option("It finds 99 % of the tumours.", "It finds none. The share is one of pixels."),
        ),
    ),
    Question(
        "On one patient network A has an IoU of 0.60, network B a Dice of 0.72. Which is better?",
        (
            Option("B: 0.72 is more.", "Dice = 2 IoU / (1 + IoU): an IoU of 0.60 is a Dice of 0.75."),
            Option("A.", "An IoU of 0.60 is a Dice of 0.75. (Means over patients do not convert like that.)", True),
            Option("They cannot be compared.", "For one pair of masks each follows from the other."),
        ),
    ),
    Question(
        "A patient has no enhancing tumour. The network marks two voxels as enhancing. Dice of ET?",
        (
            Option("Nearly 1: two voxels are nothing.", "Shared: none. 2 x 0 / (2 + 0) = 0."),
            Option("0.", "And its HD95 is the diagonal of the image.", True),
            Option("It is not defined.", "That would be 0 / 0, if the network had marked none. That counts as 1."),
        ),
    ),
    Question(
        "Mean Dice 0.80, median 0.91. What is likely?",
        (
            Option("Most patients are at 0.80.", "Half of them are above 0.91."),
            Option("A few patients are very low.", "Look at the sorted bars, and at empty regions first.", True),
            Option("The network has not been trained enough.", "Perhaps. But the two numbers do not say so."),
        ),
    ),
    Question(
        "HD95 between two masks is 3, spacing was forgotten. The voxels are 6 x 2 x 2 mm. In mm it is",
        (
            Option("6 mm: twice 3.", "Only if the step lies within a slice."),
            Option("18 mm.", "Only if it goes from slice to slice."),
            Option("not known: compute it again.", "It depends on the directions of the distances.", True),
        ),
    ),
    Question(
        "You train three sigmoid outputs for WT, TC and ET. What can come out?",
        (
            Option("A pixel in ET that is not in WT.", "Nothing ties the outputs. It has to be repaired.", True),
            Option("Probabilities that sum to 1.", "That is softmax. Sigmoids answer one by one."),
            Option("Exactly one region a pixel.", "A pixel of ET should be in all three."),
        ),
    ),
    Question(
        "What do the skip connections of a U-Net carry?",
        (
            Option("The gradient past the bottom, nothing else.", "That too. But first of all: fine detail."),
            Option("Fine maps from before each pooling.", "The way up knows what, and gets where.", True),
            Option("The labels.", "The labels are in the loss alone."),
        ),
    ),
    Question(
        "Why not soft Dice alone, without cross-entropy?",
        (
            Option("It has no gradient.", "Hard Dice has none. Soft Dice takes probabilities."),
            Option(
                "At first it hardly notices right pixels of a rare label.",
                "Too much else is called by that name. Cross-entropy clears it away.",
                True,
            ),
            Option("It needs a background label.", "It leaves the background out."),
        ),
    ),
    Question(
        "A network trained on four sequences gets a patient without T1. What do you do?",
        (
            Option("Fill the channel with 0 and go on.", "It has never seen that, and may fail badly, as in 9.10."),
            Option(
                "Use a network trained with sequences left out, tested on patients without T1.",
                "And look how much it loses there.",
                True,
            ),
            Option("Copy T2 into the channel.", "Bright and dark are exchanged. Nothing in training was like that."),
        ),
    ),
    Question(
        "Ten outlines began as proposals, ten from nothing. The first agree better with the network. So",
        (
            Option("proposals make better outlines.", "Better against what? The network was the one who proposed."),
            Option(
                "people may have kept what was proposed.",
                "Compare with an outline by somebody who has not seen it.",
                True,
            ),
            Option("the network is as good as a person.", "It was compared with its own proposals."),
        ),
    ),
    Question(
        "A volume is read in overlapping windows, blended by a bell curve. No seam is to be seen. What do you know?",
        (
            Option("The answer is as good as at once.", "It is smooth. What a window does not show, no blending adds."),
            Option(
                "Nothing yet of how good it is.",
                "Score it. And train on windows of the size that you read with.",
                True,
            ),
            Option("The windows were large enough.", "Blending hides the seams of small ones too."),
        ),
    ),
    Question(
        "A colleague marks every pixel with a high entropy in red and says: 'the rest is right.' Your answer?",
        (
            Option(
                "A network can be sure and wrong.",
                "Entropy ranks pixels by doubt. A tumour that was missed with certainty is not red.",
                True,
            ),
            Option("Yes, if several looks were averaged.", "That moves the ranking a little. Sure mistakes remain."),
            Option("No: entropy says nothing about errors.", "It does: wrong pixels have more of it, as a rule."),
        ),
    ),
)
