"""Exercises, predictions and quiz of chapter 07, classification of breast cancer."""

from helpers.exercises.chapter07_bootstrap import BOOTSTRAP
from helpers.exercises.chapter07_evaluation import AUC, PREDICTIVE, ROC_CURVE
from helpers.exercises.chapter07_probabilities import CALIBRATION, CLASS_WEIGHTS, ENSEMBLE, PLATT, TEMPERATURE
from helpers.exercises.registry import ComesTrue, Option, Question

EXERCISES = (CLASS_WEIGHTS, ROC_CURVE, AUC, BOOTSTRAP, PREDICTIVE, CALIBRATION, PLATT, TEMPERATURE, ENSEMBLE)

PREDICTIONS = {
    "7.2a": ComesTrue(0, "The other image of a patient shares her layers and scanner settings, and the diagnosis."),
    "7.3a": ComesTrue(0, "Most images are not malignant, and those it gets right more often."),
    "7.4a": ComesTrue(1, "The beam comes from the skin at the top, so a shadow is always below the mass."),
    "7.4b": ComesTrue(2, "Taller than wide was a sign of malignancy. The turn makes it a sign of the opposite."),
    "7.5a": ComesTrue(1, "As a rule most logits rise. The order, which is all that the AUC sees, hardly changes."),
    "7.7a": ComesTrue(2, "Both keep the order, and only the order counts."),
    "7.8a": ComesTrue(1, "The width falls with the square root of the number of patients."),
    "7.9a": ComesTrue(1, "The threshold was fitted to the first half, its chance included."),
    "7.10a": ComesTrue(3, "Of 1000 women about 5 are called back rightly, and a fifth of 994 wrongly: 5 of about 204."),
    "7.12a": ComesTrue(2, "It was trained for a world in which half of the images are malignant."),
    "7.13a": ComesTrue(2, "Dividing by more than 1 makes all logits smaller, and all probabilities less extreme."),
    "7.14a": ComesTrue(1, "Where the networks err differently, the errors partly cancel: more pairs come out right."),
    "7.15a": ComesTrue(1, "Edges, textures and shapes need not be learned again. 100 steps from nothing are too few."),
    "7.16a": ComesTrue(0, "Both others have seen digits; the random start has to find out what a stroke is."),
    "7.17a": ComesTrue(
        2, "The mark had lifted the logits of the cancers above the threshold. Without it most fall below."
    ),
    "7.17b": ComesTrue(1, "It sees the same anatomy in other speckle and other greys, which it has never met."),
}

QUIZ = (
    Question(
        "A paper reports 92 % accuracy for finding cancers. 90 % of its test images show none. What do you ask first?",
        (
            Option("How many epochs it was trained.", "That belongs in the methods. It does not say what 92 % means."),
            Option(
                "How many of the cancers it finds.",
                "Saying no to everybody has 90 %. Sensitivity and specificity show what the two points are made of.",
                True,
            ),
            Option(
                "Nothing: 92 % is more than 90 %.", "It may find one cancer in five, or nearly all. You cannot tell."
            ),
        ),
    ),
    Question(
        "10 seeds gave AUCs from 0.90 to 0.92 on one test set of 80 patients. What does that range say?",
        (
            Option(
                "Where the AUC lies for other patients.",
                "All ten met the same 80 patients. Draw patients for that: the bootstrap.",
            ),
            Option(
                "How much the training alone moves the AUC on these patients.",
                "First weights, order and augmentation changed. The patients did not.",
                True,
            ),
            Option("That 80 patients are enough.", "The bootstrap interval of 80 patients tells, and it will be wide."),
        ),
    ),
    Question(
        "400 images of 100 patients. You bootstrap images instead of patients. What comes out?",
        (
            Option(
                "An interval that is too narrow.",
                "Four images of one patient resemble each other and count for less than four patients.",
                True,
            ),
            Option("The same interval.", "Only if images of one patient were no more alike than those of two."),
            Option("An AUC that is too high.", "The AUC is that of the 400 images. Only its interval goes wrong."),
        ),
    ),
    Question(
        "A threshold was chosen on the test set so that sensitivity is 95 %. What may you write?",
        (
            Option("Sensitivity 95 %.", "On the set it was chosen on. On new patients it is lower, on average."),
            Option(
                "Nothing yet: judge it on patients who did not choose it.",
                "What chooses is used up. Choose on validation data, measure on the test data.",
                True,
            ),
            Option("Sensitivity 95 %, with Wilson's interval.", "The interval knows nothing of the choosing."),
        ),
    ),
    Question(
        "Sensitivity 90 %, specificity 90 %. Of 1000 people 10 are ill. How many of those called are ill?",
        (
            Option("About nine in ten.", "That is the sensitivity: how many of the ill are called."),
            Option("About half.", "Nine are found. The other 990 give 99 false alarms."),
            Option("About one in twelve.", "9 of 9 + 99. Count people, and it is no riddle.", True),
        ),
    ),
    Question(
        "Which repair moves a probability of 0.5 whose logit was shifted by class weights?",
        (
            Option("A temperature.", "Its logit is 0, and 0 divided by anything is 0."),
            Option("Subtracting the shift, or Platt scaling.", "Both have an offset.", True),
            Option("More epochs with the same weights.", "The weights ask for exactly this shift."),
        ),
    ),
    Question(
        "A network has an AUC of 0.95, and all its probabilities lie between 0.40 and 0.45. What do you know?",
        (
            Option("There is a bug: that cannot be.", "The AUC sees the order only. It is possible."),
            Option("It orders well. Its probabilities mean little.", "Fit Platt on validation data.", True),
            Option("It finds no cancer.", "At the threshold 0.5, yes. At 0.42 it may find nearly all."),
        ),
    ),
    Question(
        "A missed cancer costs as much as ten false alarms. You call everybody with p > 1/11. What must hold first?",
        (
            Option("The AUC is above 0.9.", "The AUC sees the order only. All p could still be too high, or too low."),
            Option(
                "The probabilities mean what they say.",
                "Among women with p = 1/11 one in eleven must have cancer. Check the calibration, and repair it.",
                True,
            ),
            Option(
                "1/11 is the cheapest threshold of the test set.",
                "It needs no search. And what is searched on the test set flatters.",
            ),
        ),
    ),
    Question(
        "Two networks, the same test patients: AUC 0.91 (0.88 to 0.94) and 0.90 (0.87 to 0.93). Is the first better?",
        (
            Option(
                "Nobody can tell: the intervals overlap.",
                "Both move together when other patients are drawn. The difference can be sure all the same.",
            ),
            Option("Yes: 0.91 is more than 0.90.", "On these patients. Others may turn it round."),
            Option(
                "Look at the interval of the difference, on the same drawn patients.",
                "That is the paired bootstrap. If it excludes 0, the chance of who was tested hardly explains it.",
                True,
            ),
        ),
    ),
)
