"""Maps of what a score hangs on: held against scores whose reason is known."""

import numpy as np
import pytest

from helpers.trust import occlusion_map


def patch_mean(rows, columns):
    """A score that looks at one patch alone."""
    return lambda images: images[:, rows, columns].astype(float).mean(axis=(1, 2, 3))


@pytest.fixture
def image():
    image = np.random.default_rng(0).integers(0, 100, (32, 48, 1)).astype(np.uint8)
    image[12:20, 28:36] = 240
    return image


def test_it_peaks_where_the_score_looks(image):
    drop = occlusion_map(patch_mean(slice(12, 20), slice(28, 36)), image)
    assert np.unravel_index(drop.argmax(), drop.shape) == (3, 7)
    assert drop[3, 7] == pytest.approx(240 - round(image.mean()))


def test_squares_that_do_not_touch_the_patch_change_nothing(image):
    drop = occlusion_map(patch_mean(slice(12, 20), slice(28, 36)), image)
    touched = np.zeros(drop.shape, bool)
    touched[2:5, 6:9] = True
    assert (drop[~touched] == 0).all()
    assert (drop[touched] > 0).all()


def test_what_speaks_against_is_below_zero(image):
    look = patch_mean(slice(12, 20), slice(28, 36))
    np.testing.assert_array_equal(occlusion_map(lambda images: -look(images), image), -occlusion_map(look, image))


@pytest.mark.parametrize(
    ("size", "stride", "shape"), [(8, 4, (7, 11)), (8, 8, (4, 6)), (5, 3, (10, 15)), (32, 1, (1, 17))]
)
def test_shape(image, size, stride, shape):
    assert occlusion_map(patch_mean(slice(None), slice(None)), image, size, stride).shape == shape


def test_every_entry_is_its_own_square():
    """Counted by hand: the score is the sum of an image of its own, the square is set to 0."""
    image = np.random.default_rng(1).normal(size=(9, 11, 2))
    drop = occlusion_map(lambda images: images.sum(axis=(1, 2, 3)), image, size=4, stride=3, fill=0)
    expected = [[image[i : i + 4, j : j + 4].sum() for j in (0, 3, 6)] for i in (0, 3)]
    np.testing.assert_allclose(drop, expected)


def test_without_a_fill_each_channel_gets_its_own_mean():
    image = np.zeros((8, 8, 2))
    image[..., 0], image[..., 1] = 3, -5
    assert (occlusion_map(lambda images: np.abs(images - image).sum(axis=(1, 2, 3)), image, 4, 4) == 0).all()


def test_the_image_stays_as_it_was(image):
    before = image.copy()
    seen = []
    occlusion_map(lambda images: seen.append(images) or np.zeros(len(images)), image)
    np.testing.assert_array_equal(image, before)
    assert seen[0].dtype == np.uint8
    np.testing.assert_array_equal(seen[0][0], before)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"image": np.zeros((2, 32, 48, 1))}, "one image"),
        ({"image": np.zeros((32, 48))}, "one image"),
        ({"size": 33}, "1 to 32 pixels"),
        ({"size": 0}, "1 to 32 pixels"),
        ({"stride": 0}, "stride"),
        ({"score": lambda images: images.mean(axis=(1, 2))}, "one number an image"),
        ({"score": lambda images: 0.5}, "one number an image"),
    ],
)
def test_wrong_arguments_are_refused(image, wrong, says):
    arguments = {"score": lambda images: np.zeros(len(images)), "image": image} | wrong
    with pytest.raises(ValueError, match=says):
        occlusion_map(**arguments)
