"""Exercises, predictions and quiz of chapter 10, trust."""

from helpers.exercises.chapter10_behaviour import FUSE, GRAD_CAM, INTEGRATED_GRADIENTS, QUANTISE
from helpers.exercises.chapter10_privacy import DEIDENTIFY, ENCRYPT_VOLUME
from helpers.exercises.chapter10_training import CLIP_AND_NOISE, FEDERATED_AVERAGE, MEMBERSHIP_ATTACK
from helpers.exercises.registry import ComesTrue, Option, Question

EXERCISES = (
    DEIDENTIFY,
    ENCRYPT_VOLUME,
    MEMBERSHIP_ATTACK,
    CLIP_AND_NOISE,
    FEDERATED_AVERAGE,
    GRAD_CAM,
    INTEGRATED_GRADIENTS,
    QUANTISE,
    FUSE,
)

PREDICTIONS = {
    "10.1a": ComesTrue(2, "A description, a field in a sequence and a private element hold it too."),
    "10.1b": ComesTrue(2, "Twenty visits of a day fall into about a hundred pairs of sex and age."),
    "10.3a": ComesTrue(2, "Forehead, ears and the outline of the skull are still there."),
    "10.4a": ComesTrue(1, "The cipher is in a library, and fast. Who has the key has everything."),
    "10.5a": ComesTrue(1, "Many others are easy cases, with a loss as small as that of the members."),
    "10.6a": ComesTrue(1, "With twice the patients each is drawn half as often, and gives away less."),
    "10.7a": ComesTrue(0, "The features exist; 2113 weights in a hundred steps bear that much noise."),
    "10.8a": ComesTrue(2, "Each of the 64 features is locked by itself, with numbers of nearly two thousand digits."),
    "10.9a": ComesTrue(2, "It has learned that cancer is common, for among its own patients it is."),
    "10.10a": ComesTrue(2, "Every pixel was multiplied by the same delta, and the bias tells what it was."),
    "10.11a": ComesTrue(
        1, "A place of this layer covers a quarter of the image's side, and it often lies beside the mass."
    ),
    "10.14a": ComesTrue(2, "It draws edges that the first convolutions find, whatever the upper layers know."),
    "10.15a": ComesTrue(1, "Grad-CAM of the third layer goes there less often."),
    "10.16a": ComesTrue(3, "It is the only one that has seen images of scanner B."),
    "10.17a": ComesTrue(1, "Rounding to 255 levels a channel is a small noise for a network like this one."),
    "10.18a": ComesTrue(1, "Age says little that the image does not, but some."),
    "10.19a": ComesTrue(2, "The young have few cancers, and only those count for the sensitivity."),
    "10.21a": ComesTrue(1, "On B the probabilities are too high, so nearly everybody is above the threshold."),
}

QUIZ = (
    Question(
        'A colleague sends CT files: "anonymised, I deleted PatientName". What do you ask for?',
        (
            Option(
                "That everything goes but what a list allows, and a look at the pixels.",
                "A list of what to keep ends. Pixels and faces are in no list.",
                True,
            ),
            Option("Nothing: nobody is named.", "Descriptions, sequences and private elements may name her."),
            Option("The hash of the patient's number instead of the number.", "Who tries all numbers finds it."),
        ),
    ),
    Question(
        "A membership attack on a network has an AUC of 0.51. What is proven?",
        (
            Option("That the network gives nobody away.", "This attack failed. Another one may not."),
            Option(
                "That this attack finds little in the mean.",
                "Look at low false-positive rates too. A promise for all attacks needs a proof, such as DP.",
                True,
            ),
            Option("That it was trained with differential privacy.", "Stopping early does as much to this attack."),
        ),
    ),
    Question(
        "Which of these does DP-SGD with a small epsilon protect?",
        (
            Option("Images that are sent to the network for an answer.", "The promise is about training patients."),
            Option("The files on the disk of the hospital.", "They lie there as before. Encrypt them."),
            Option(
                "That a patient took part in the training.",
                "With or without her, the weights come out nearly as often.",
                True,
            ),
        ),
    ),
    Question(
        "Each patient has 20 slices. You clip the gradient of every slice. What happens to epsilon?",
        (
            Option(
                "It holds for a slice, and promises too much for a patient.",
                "Take the patient's mean gradient first, then clip.",
                True,
            ),
            Option("It holds for patients.", "A patient then pushes with 20 clipped gradients, not with one."),
            Option("It holds if slices are drawn by lot.", "Her 20 slices still belong to one person."),
        ),
    ),
    Question(
        "A map of guided backpropagation outlines the tumour sharply. What do you do first?",
        (
            Option("Show it to the clinicians.", "It may look the same for a network that knows nothing."),
            Option("Measure how often it points at the tumour.", "An edge detector points at tumours too."),
            Option(
                "Give the network random weights and draw it again.",
                "If it stays, it shows the image, not what was learned.",
                True,
            ),
        ),
    ),
    Question(
        "Integrated gradients add up to the difference of the logits. So the map is right?",
        (
            Option("Yes: completeness proves it.", "From another baseline another map adds up as well."),
            Option(
                "It is complete for this baseline; whether the baseline says nothing is another question.",
                "From black, a dark mass can get no large part.",
                True,
            ),
            Option("Only with enough steps.", "Steps decide how well it adds up, not what is measured."),
        ),
    ),
    Question(
        "Sensitivity: men 0.91 (0.88 to 0.93), women 0.90 (0.71 to 0.97). What can you say?",
        (
            Option("Too few women to tell; test more.", "The interval is the answer, not the point.", True),
            Option("The network is fair.", "For women it may be as low as 0.71. Nobody knows yet."),
            Option("The network is worse for women.", "The intervals do not show that either."),
        ),
    ),
    Question(
        "A network moves to a hospital with another scanner. What do you check first?",
        (
            Option("Its AUC in the paper.", "Measured on other patients and another scanner."),
            Option("That the threshold is the same.", "The same threshold can call nearly everybody."),
            Option(
                "AUC and calibration on patients of that hospital, before anyone is called.",
                "The order may hold while every probability is wrong, or both may fall.",
                True,
            ),
        ),
    ),
)
