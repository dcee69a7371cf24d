"""What the exercises of chapter 06 say to answers that come close."""

import os

import numpy as np
import pytest

from helpers.exercises.chapter06 import CONFUSION, CURVE, ONE_HOT, REPAIR, SHAPES, learning_curve


@pytest.fixture(scope="module")
def losses():
    """Keras's losses: importing them takes longer than an answer may."""
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    from keras import losses

    return losses


def test_both_repairs_pass_as_keras_objects_and_functions(losses):
    for answer in (
        lambda y: (losses.SparseCategoricalCrossentropy(), y),
        lambda y: (losses.CategoricalCrossentropy(), np.eye(10)[y]),
        lambda y: (losses.sparse_categorical_crossentropy, y),
        lambda y: (losses.categorical_crossentropy, np.eye(10, dtype="float32")[y]),
    ):
        verdict = REPAIR.judge(answer)
        assert verdict.status == "passed", verdict.text


def test_from_logits_with_a_softmax_does_not_pass(losses):
    verdict = REPAIR.judge(lambda y: (losses.SparseCategoricalCrossentropy(from_logits=True), y))
    assert verdict.status == "wrong"
    assert "the listing's are probabilities" in verdict.text


def test_another_keras_loss_is_named(losses):
    verdict = REPAIR.judge(lambda y: (losses.MeanSquaredError(), np.eye(10)[y]))
    assert verdict.misconception == "another loss"


def test_the_class_of_a_loss_is_told_from_a_loss(losses):
    verdict = REPAIR.judge(lambda y: (losses.SparseCategoricalCrossentropy, y))
    assert "put brackets behind it" in verdict.text


def test_changed_labels_do_not_pass():
    for wrong in (
        lambda y: ("sparse_categorical_crossentropy", y[::-1]),
        lambda y: ("categorical_crossentropy", np.eye(10)[9 - y]),
        lambda y: ("sparse_categorical_crossentropy", y / 255),
    ):
        verdict = REPAIR.judge(wrong)
        assert verdict.status == "wrong"
        assert "with other values" in verdict.text


def test_labels_of_the_wrong_width_are_not_called_of_this_shape():
    for wrong in (
        lambda y: ("categorical_crossentropy", y),
        lambda y: ("sparse_categorical_crossentropy", np.eye(10)[y]),
    ):
        assert "of this shape" not in REPAIR.judge(wrong).text


def test_a_list_of_labels_is_asked_for_as_an_array():
    assert "`fit` stops at lists" in REPAIR.judge(lambda y: ("sparse_categorical_crossentropy", y.tolist())).text


@pytest.mark.parametrize("name", ["binary_crossentropy", "categorical_focal_crossentropy", "kl_divergence", "poisson"])
def test_a_loss_that_exists_is_not_called_misspelt(name):
    assert REPAIR.judge(lambda y: (name, np.eye(10)[y])).misconception == "another loss"


@pytest.mark.parametrize("answer", [None, 3, ("a", "b", "c"), (1, 2)], ids=str)
def test_what_is_no_pair_is_told_what_was_expected(answer):
    assert "expected" in REPAIR.judge(lambda y: answer).text


def test_a_shape_with_fractions_is_told_so():
    def halves(input_shape, layers):
        shapes = SHAPES.reference(input_shape, layers)
        return [tuple(float(n) for n in shape) for shape in shapes]

    verdict = SHAPES.judge(halves)
    assert "whole number" in verdict.text
    assert verdict.misconception is None


def test_a_number_in_place_of_a_shape_is_told_how_to_write_it():
    def bare(input_shape, layers):
        return [shape if len(shape) > 1 else shape[0] for shape in SHAPES.reference(input_shape, layers)]

    verdict = SHAPES.judge(bare)
    assert "written (36,)" in verdict.text
    assert verdict.misconception is None


def test_one_wrong_layer_is_named_by_its_number_and_kind():
    verdict = SHAPES.judge(lambda input_shape, layers: [*SHAPES.reference(input_shape, layers)[:-1], (3,)])
    assert "('dense', 5)" in verdict.text


def test_shapes_that_are_missing_are_counted():
    verdict = SHAPES.judge(lambda input_shape, layers: SHAPES.reference(input_shape, layers)[:-1])
    assert "4 shapes were expected; 3 came" in verdict.text


def test_a_curve_that_makes_its_own_chance_does_not_pass():
    verdict = CURVE.judge(lambda fit, X, y, sizes, rng: learning_curve(fit, X, y, sizes, np.random.default_rng(0)))
    assert "does not come from `rng`" in verdict.text


def test_a_curve_that_shuffles_the_caller_s_images_is_told_so():
    def in_place(fit, X, y, sizes, rng):
        order = rng.permutation(len(X))
        X[:], y[:] = X[order], y[order]
        return np.array([fit(X[:n], y[:n]) for n in sizes])

    assert "`X` and `y` changed" in CURVE.judge(in_place).text


def test_images_and_labels_of_unequal_length_show_what_fit_says():
    verdict = CURVE.judge(lambda fit, X, y, sizes, rng: np.array([fit(X[:n], y) for n in sizes]))
    assert "3 images and 12 labels" in verdict.text


def test_lists_come_close():
    assert "NumPy array" in ONE_HOT.judge(lambda y, C: np.eye(C)[y].tolist()).text
    assert "NumPy array" in CONFUSION.judge(lambda *args: CONFUSION.reference(*args).tolist()).text
