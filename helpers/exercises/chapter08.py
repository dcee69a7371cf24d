"""Exercises, predictions and quiz of chapter 08, detection of lung nodules."""

from helpers.exercises.chapter08_boxes import ENCODE_BOXES, IOU, MATCH_ANCHORS, NMS
from helpers.exercises.chapter08_scoring import CPM, FROC
from helpers.exercises.registry import ComesTrue, Option, Question

EXERCISES = (IOU, MATCH_ANCHORS, ENCODE_BOXES, NMS, FROC, CPM)

PREDICTIONS = {
    "8.1a": ComesTrue(0, "A disc of 7.5 pixels across: 44 pixels of 16,384."),
    "8.2a": ComesTrue(3, "The overlap is 4 x 4 = 16. Together they cover 25 + 25 - 16 = 34. 16 / 34 = 0.47."),
    "8.3a": ComesTrue(2, "A box of 6 mm has 7.5 x 7.5 = 56 pixels, the anchor 32 x 32 = 1024. 56 / 1024 = 0.05."),
    "8.4a": ComesTrue(0, "Only an anchor of about the right size, nearly on the nodule, shares half of its area."),
    "8.6a": ComesTrue(0, "A convolution asks the same question at every cell. 16 pixels are 4 cells."),
    "8.7a": ComesTrue(1, "Boxes whose IoU is 0.8 all stay. Most nodules have several proposals, and each is kept."),
    "8.8a": ComesTrue(2, "Each edge moves by up to 2 pixels, and the whole box is only about 6 wide."),
    "8.10a": ComesTrue(1, "Small nodules are harder, and their boxes miss 0.5 by a pixel. Both count in AP50 of all."),
    "8.11a": ComesTrue(2, "A nodule shows in several slices, and each of them was counted as a nodule found."),
    "8.12a": ComesTrue(2, "60 x 1/8 = 7.5. The eighth false positive lies beyond the point."),
    "8.13a": ComesTrue(1, "`merge_slices` makes one mark of all boxes in one place, so copies are no false positives."),
    "8.14a": ComesTrue(0, "IoU 0.5 or more, and the best anchor of each nodule. Half of the slices have none."),
    "8.14b": ComesTrue(1, "Nearly all random ones lie on plain lung or muscle, which the network knows by now."),
    "8.15a": ComesTrue(1, "They show in one or two slices, and a vessel cut across looks the same."),
    "8.16a": ComesTrue(0, "The head also sorts: which of the proposals is a nodule, and which a vessel."),
    "8.17a": ComesTrue(0, "It is large, bright, alone in the lung. One nodule says little of small ones."),
    "8.18a": ComesTrue(2, "Its radius is the root of 5 squared minus 3 squared, 4 mm: the disc is 8 mm wide."),
}

QUIZ = (
    Question(
        "Two boxes of 10 x 10 pixels, one 5 pixels further right. Their IoU?",
        (
            Option("1/2.", "Half of each is shared. But together they cover 150 pixels, and 50 / 150 is a third."),
            Option("1/3.", "50 pixels shared, 150 covered together.", True),
            Option("2/3.", "That is 100 / 150, one box over both. Shared are only 50."),
        ),
    ),
    Question(
        "A nodule of 4 mm has an IoU of at most 0.4 with any anchor. Positive means 0.5 or more. What follows?",
        (
            Option(
                "Without forcing nobody is taught to find it.",
                "All its anchors would be ignored or negative. Forcing gives it the best one.",
                True,
            ),
            Option("Nothing: the deltas will fix it.", "Deltas are learned from positive anchors. It has none."),
            Option("It becomes an excluded finding.", "No. It counts in the test, found or not."),
        ),
    ),
    Question(
        "Why are anchors with an IoU between 0.3 and 0.5 left out of the loss?",
        (
            Option("To save time.", "They are few. The background is what costs time."),
            Option("They lie on excluded findings.", "Those are ignored too, for another reason."),
            Option(
                "They show part of a nodule: neither answer would be right.",
                "Called negative, they would teach the network to reject what looks like a nodule.",
                True,
            ),
        ),
    ),
    Question(
        "Two stages. What may the first one, the RPN, get wrong without harm?",
        (
            Option(
                "It may propose vessels.",
                "The head looks at every proposal again, and can reject it.",
                True,
            ),
            Option("It may miss small nodules.", "What has no proposal is never seen by the head."),
            Option(
                "It may give all anchors the same score.",
                "Then nothing would choose the 24 proposals: they would be the first in the list.",
            ),
        ),
    ),
    Question(
        "You lower the threshold of the last NMS from 0.3 to 0.05. What can happen?",
        (
            Option("More copies of each nodule remain.", "The other way round: a low threshold removes more."),
            Option(
                "Of two nodules that touch, one disappears.",
                "Their boxes overlap a little, and the lower score goes.",
                True,
            ),
            Option("The scores fall.", "NMS removes boxes. It changes no score."),
        ),
    ),
    Question(
        "AP50 rises from 0.70 to 0.80 when nodules below 6 mm are left out. What do you know?",
        (
            Option(
                "Nothing yet of how many small ones were found.",
                "Boxes of small nodules miss an IoU of 0.5 by one pixel. Ask for AP30, or for marks.",
                True,
            ),
            Option("Small nodules are mostly missed.", "Perhaps. Or found, with a box that is a pixel off."),
            Option("The detector has become better.", "It is the same detector. The question has changed."),
        ),
    ),
    Question(
        "A paper reports 90 % sensitivity at one false positive per *slice*. A scan has 200 slices. What do you do?",
        (
            Option("Compare it with 90 % at one per scan.", "It may give 200 false alarms a scan."),
            Option("Ask for the curve per scan.", "The unit is part of the number.", True),
            Option("Divide the sensitivity by 200.", "Sensitivity is a share of nodules. The other axis changes."),
        ),
    ),
    Question(
        "Three marks lie on one nodule, with scores 0.9, 0.6 and 0.3. By LUNA16's rules there are",
        (
            Option("three hits.", "One nodule was found. Three hits could lift sensitivity above 100 %."),
            Option("one hit and two false positives.", "They point at a nodule: nobody is alarmed for nothing."),
            Option("one hit, and two marks that count neither way.", "The best score is the hit.", True),
        ),
    ),
    Question(
        "80 scans. At 1/8 false positives per scan your network has 0.60, another one 0.65. Which is better?",
        (
            Option("The other: 0.65 is more.", "Ten false positives decide where both points lie."),
            Option(
                "Draw scans, and look at the interval of the difference.",
                "The paired bootstrap of chapter 07. It will be wide.",
                True,
            ),
            Option("Train both with ten seeds. That decides.", "Seeds move the training. The 80 scans stay the same."),
        ),
    ),
    Question(
        "A detector learned hard negatives from scans in which one of four nodules was never marked. What may happen?",
        (
            Option("Nothing: one in four is a minority.", "Among the *hardest* background they may be many."),
            Option(
                "It learns to miss nodules like the unmarked ones.",
                "They score high and count as background, so they are just what is mined.",
                True,
            ),
            Option("Training fails.", "The loss falls as ever. Nothing in it says that the truth was wrong."),
        ),
    ),
    Question(
        "Found: 9 of 14 ground-glass nodules and 33 of 54 solid ones. What do you say about the kinds?",
        (
            Option(
                "Ground glass is easier.",
                "64 % against 61 %, but the intervals are 39 to 84 % and 48 to 73 %.",
            ),
            Option(
                "Nothing yet: the intervals overlap widely, and the sizes may differ.",
                "Compare kinds at equal size, on more nodules.",
                True,
            ),
            Option("Both are equally hard.", "Not shown to differ is not shown to be equal."),
        ),
    ),
    Question(
        "A phantom-trained detector ranks the only nodule of a real CT first. What does that show?",
        (
            Option("Phantoms can replace real scans.", "One large nodule in one scan. Small ones: unknown."),
            Option(
                "That it can happen.",
                "An anecdote. How often it happens takes many scans with a truth, healthy ones among them.",
                True,
            ),
            Option("Its sensitivity is 100 %.", "1 of 1: Wilson's interval begins at about 20 %."),
        ),
    ),
)
