"""What all phantoms are made of."""

import numpy as np
import pytest

from helpers.data.phantoms.shapes import burn_in, generators, smooth_field


def test_a_smooth_field_has_mean_0_and_deviation_1_and_the_same_shape_at_every_size():
    rng = np.random.default_rng(0)
    fields = np.array([smooth_field(rng, 64, 6) for _ in range(200)])
    assert abs(fields.mean()) < 0.05
    assert fields.std() == pytest.approx(1, abs=0.05)
    coarse, fine = (smooth_field(np.random.default_rng(1), size, 6) for size in (64, 128))
    assert np.allclose(fine.reshape(64, 2, 64, 2).mean(axis=(1, 3)), coarse, atol=0.02)


def test_generators_depend_on_kind_seed_and_index_and_are_independent_of_each_other():
    def first(*arguments) -> list[float]:
        return [rng.random() for rng in generators(*arguments, 3)]

    assert first("a", 1, 2) == first("a", 1, 2)
    numbers = first("a", 1, 2) + first("b", 1, 2) + first("a", 2, 1) + first("a", 1, 20_000_002)
    assert len(set(numbers)) == 12
    with pytest.raises(ValueError, match="seed -1 and index 0"):
        generators("a", -1, 0, 3)


@pytest.mark.parametrize("size", [64, 128, 256])
def test_a_mark_is_small_bright_and_near_a_corner(size):
    for seed in range(20):
        image = np.zeros((size, size, 2), np.int16)
        burn_in(image, np.random.default_rng(seed), 900)
        assert set(np.unique(image)) == {0, 900}
        assert np.array_equal(image[..., 0], image[..., 1])
        rows, columns = np.nonzero(image[..., 0])
        assert 10 < len(rows) < 0.03 * size**2
        for places in (rows, columns):
            assert max(places) < 0.35 * size or min(places) > 0.65 * size
