"""A face in a head scan: the phantom, its picture, the cut, and how many are recognised before and after it."""

import numpy as np
import pytest

from helpers.trust.faces import SURFACE, deface, head_phantom, recognised, render_face

SIZE, PERSONS = 64, 40
FACE = (slice(None), slice(26, 62), slice(16, 48))  # from the brow to the chin, without ears and outline


@pytest.fixture(scope="module")
def head():
    return head_phantom(3, 0, SIZE)


@pytest.fixture(scope="module", params=[0, 1])
def pictures(request):
    """Of 40 persons: visit 0, visit 1, both defaced, each (40, 64, 64); and whether a voxel of a brain changed."""
    found, changed = [], 0
    for person in range(PERSONS * request.param, PERSONS * (request.param + 1)):
        visits = [head_phantom(person, visit, SIZE) for visit in (0, 1)]
        defaced = [deface(*visit) for visit in visits]
        changed += sum((d[b] != v[b]).sum() for d, (v, b) in zip(defaced, visits, strict=True))
        found.append([render_face(volume) for volume in (*(v for v, _ in visits), *defaced)])
    return *np.array(found).swapaxes(0, 1), changed


def test_most_are_recognised_by_the_face_and_few_without_it(pictures):
    first, second, _, defaced, _ = pictures
    assert 0.5 <= recognised(first[FACE], second[FACE]) <= 0.95
    assert recognised(first[FACE], defaced[FACE]) <= 0.2  # chance is 1 of 40


def test_the_outline_and_the_ears_still_tell_people(pictures):
    first, second, first_defaced, defaced, _ = pictures
    whole = recognised(first, second)
    assert 0.2 <= recognised(first, defaced) < whole
    assert recognised(first_defaced, defaced) >= 0.4  # two defaced scans are linked with each other


def test_no_voxel_of_a_brain_is_touched(pictures):
    assert pictures[-1] == 0


def test_strangers_are_recognised_as_chance_would_have_it(pictures):
    first, second = pictures[:2]
    assert recognised(first, np.roll(second, 1, axis=0)) <= 0.1


def test_the_phantom_is_a_head(head):
    volume, brain = head
    assert volume.shape == brain.shape == (SIZE,) * 3
    assert (volume.dtype, brain.dtype) == (np.float32, bool)
    litres = brain.sum() * (256 / SIZE) ** 3 / 1e6
    assert 0.9 < litres < 1.7
    z, y, x = (np.flatnonzero((volume > SURFACE).any(axis=others)) for others in ((1, 2), (0, 2), (0, 1)))
    assert y[0] > 1
    assert y[-1] < SIZE - 2
    assert x[0] > 1
    assert x[-1] < SIZE - 2
    assert z[0] == 0
    assert np.median(volume[brain]) == pytest.approx(0.6, abs=0.01)
    nose = np.argwhere(volume > SURFACE)[:, 1].argmin()
    place = np.argwhere(volume > SURFACE)[nose]
    assert 0.2 < place[0] / SIZE < 0.5
    assert 0.4 < place[2] / SIZE < 0.6


def test_the_same_person_and_visit_are_the_same_and_others_are_not(head):
    np.testing.assert_array_equal(head_phantom(3, 0, SIZE)[0], head[0])
    faces = [render_face(head_phantom(*who, SIZE)[0]).astype(float) for who in ((3, 0), (3, 1), (4, 0))]
    assert 0 < np.abs(faces[0] - faces[1]).mean() < np.abs(faces[0] - faces[2]).mean()


@pytest.mark.parametrize("size", [31, 0])
def test_a_head_of_few_voxels_is_refused(size):
    with pytest.raises(ValueError, match="32 voxels"):
        head_phantom(0, size=size)


def test_a_ball_is_lit_as_the_formula_says():
    z, y, x = np.mgrid[:81, :81, :81] - 40
    r = np.sqrt(z**2 + y**2 + x**2)
    picture = render_face(np.clip((30 - r) / 4 + 0.5, 0, 1), 0.5)  # a ball of radius 30, its edge blurred
    down, across = -z[:, 0], x[:, 0]  # rows of a picture go downwards
    inside = down**2 + across**2 < 24**2
    normal = np.stack([z[:, 0], -np.sqrt(np.maximum(900 - z[:, 0] ** 2 - x[:, 0] ** 2, 0)), x[:, 0]]) / 30
    light = np.clip((0.5 * normal[0] - normal[1]) / np.sqrt(1.25), 0, 1)[::-1] * 255
    assert np.abs(picture - light)[inside].max() < 6
    assert (picture[down**2 + across**2 > 32**2] == 0).all()
    assert picture.shape == (81, 81)
    assert picture[40 - 15, 40] > picture[40 + 15, 40]


def test_a_ray_that_starts_in_the_head_and_an_empty_volume():
    assert (render_face(np.zeros((8, 8, 8))) == 0).all()
    np.testing.assert_array_equal(render_face(np.ones((8, 8, 8))), np.full((8, 8), int(255 / np.sqrt(1.25))))
    with pytest.raises(ValueError, match="volume"):
        render_face(np.zeros((8, 8)))


def test_the_cut_is_in_front_of_and_below_the_brain(head):
    volume, brain = head
    before = volume.copy()
    defaced = deface(volume, brain, margin=2)
    np.testing.assert_array_equal(volume, before)
    assert defaced.dtype == volume.dtype
    np.testing.assert_array_equal(defaced[brain], volume[brain])
    gone = np.argwhere((defaced == 0) & (volume > SURFACE))
    kept = np.argwhere(defaced > SURFACE)
    nearest = np.argwhere(brain)[:, :2].sum(axis=1).min() / np.sqrt(2)
    assert gone[:, :2].sum(axis=1).max() / np.sqrt(2) < nearest - 2 <= kept[:, :2].sum(axis=1).min() / np.sqrt(2)
    assert (deface(volume, brain, 0) == 0).sum() > (defaced == 0).sum()


@pytest.mark.parametrize(
    ("shape", "voxels", "margin"), [((8, 8, 9), 1, 1), ((8, 8, 8), 0, 1), ((8, 8, 8), 1, -1), ((8, 8), 1, 1)]
)
def test_what_cannot_be_defaced(shape, voxels, margin):
    brain = np.zeros(shape, bool)
    brain.flat[:voxels] = True
    with pytest.raises(ValueError, match="brain mask"):
        deface(np.ones((8, 8, 8)), brain, margin)


def test_recognised_counts_persons():
    pictures = np.random.default_rng(0).random((4, 16, 16))
    assert recognised(pictures, pictures * 7 + 3) == 1  # contrast and brightness do not matter
    assert recognised(pictures, pictures[[0, 1, 3, 2]]) == 0.5
    moved = np.roll(pictures, (2, -3), (1, 2))
    assert recognised(pictures, moved) == 1
    assert recognised(pictures, -pictures, reach=0) == 0
    with pytest.raises(ValueError, match="N at least 2"):
        recognised(pictures[:1], pictures[:1])
    with pytest.raises(ValueError, match="stacks"):
        recognised(pictures, pictures[:3])
