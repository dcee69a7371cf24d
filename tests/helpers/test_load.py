"""One door: `load` by name, for phantoms and for real sets, with clear words for every wrong wish."""

import dataclasses
import hashlib
import json
import os
import shutil
from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image

from helpers import datasets, load
from helpers.data import registry
from helpers.data.case import Case
from helpers.data.errors import DataError
from helpers.data.phantoms.store import makers
from helpers.data.registry import entries, find
from tests.helpers.dicom_files import write_series
from tests.helpers.web import Answer, Server


@pytest.fixture(autouse=True)
def own_place(tmp_path, monkeypatch):
    """Nothing of this computer's cache is used; no test reaches the network."""
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COURSE_OFFLINE", "1")
    monkeypatch.delenv("COURSE_DATA", raising=False)


@pytest.fixture
def change(monkeypatch):
    """Other facts about a set, such as fewer cases than published."""

    def to(name: str, **facts) -> None:
        table = {**entries(), name: dataclasses.replace(find(name), **facts)}
        monkeypatch.setattr(registry, "entries", lambda: table)

    return to


# What there is


def test_the_table_of_sets_is_complete():
    for name, entry in entries().items():
        assert entry.kind in ("phantom", "shipped", "real"), name
        assert entry.licence, name
        assert entry.citation, name
        assert entry.split, name
        assert not entry.real or entry.real in entries(), name
        assert entry.kind != "real" or entry.needs_path or entry.files, name
        for file in entry.files:
            assert file["url"].startswith("https://"), file
            assert len(file["md5"]) == 32 if "md5" in file else len(file["sha256"]) == 64, file
        for option, values in entry.options.items():
            assert {file["value"] for file in entry.files if file.get("option") == option} == set(values), name
    assert {name for name, _ in makers()} == {name for name, entry in entries().items() if entry.kind == "phantom"}


def test_datasets_lists_every_set_with_size_licence_and_whether_it_is_here():
    table = datasets()
    html, text = table._repr_html_(), repr(table)
    for name, entry in entries().items():
        assert name in html
        assert name in text
        assert entry.licence in text
    assert "6.8 GB" in text
    rows = {row[0]: row for row in table.rows()}
    assert rows["chest_ct"][-1] == "yes"
    assert rows["mnist"][-1] == "no"


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: load("breast"), ValueError, "no set 'breast'. Did you mean 'breast_us'"),
        (lambda: load("MNIST"), ValueError, "Did you mean 'mnist'"),
        (lambda: load("xyz"), ValueError, "There are: breast_us, chest_ct"),
        (lambda: load("breast_us", "tset"), ValueError, "splits train, val, test; got 'tset'"),
        (lambda: load("breast_us", "all"), ValueError, "splits train, val, test; got 'all'"),
        (lambda: load("breast_us", sise=64), ValueError, "no option 'sise'. It has: size, kind, site"),
        (lambda: load("breast_us", size=2), ValueError, "at least"),
        (lambda: load("breast_us", scans=True), ValueError, "no whole scans"),
        (lambda: load("breast_us", path="x"), ValueError, "made, not read"),
        (lambda: load("breast_us", n=0), ValueError, "1 to 1000000; got 0"),
        (lambda: load("breast_us", n=2.5), ValueError, "n is a whole number, got 2.5"),
        (lambda: load("breast_us", size="64"), ValueError, "size is a whole number, got '64'"),
        (lambda: load("breast_us", size=10_000), ValueError, "at most 1024 pixels, got 10000"),
        (lambda: load("breast_us", shortcut="no"), ValueError, "shortcut is True or False, got 'no'"),
        (lambda: load("breast_us", source="reel"), ValueError, '"phantom" or "real", got'),
        (lambda: load("digits", n=5000), ValueError, "has 1197 cases; n = 5000 is more"),
        (lambda: load("digits", size=28), ValueError, "no option 'size'. It has none"),
        (lambda: load("pneumoniamnist", size=32), ValueError, "size 28, 64, 128, 224; got 32"),
        (lambda: load("brats"), ValueError, "say where, path="),
        (lambda: load("mnist", path="/no/such/place"), DataError, "already on this computer"),
    ],
)
def test_a_wrong_wish_is_answered_with_what_there_is(call, error, words):
    with pytest.raises(error, match=words):
        call()


# Phantoms


@pytest.mark.parametrize("name", ["breast_us", "chest_ct", "brain_mri"])
def test_a_phantom_set_has_what_its_card_says(name):
    data = load(name, n=12, size=64)
    assert len(data) == 12
    assert data.images.shape == (12, 64, 64, len(data.card.channels))
    assert set(data.labels) <= set(range(len(data.card.classes)))
    assert len(set(data.patients)) < 12  # several images each
    assert data.spacing.shape == (2,)
    if data.card.tissues:
        assert data.masks.shape == (12, 64, 64)
        assert data.masks.max() < len(data.card.tissues)
    else:
        assert all(boxes.shape[1] == 4 for boxes in data.boxes)
    assert "phantom" in repr(data)
    assert "phantom" in data._repr_html_()


@pytest.mark.parametrize("name", ["breast_us", "chest_ct", "brain_mri"])
def test_no_patient_is_in_two_splits(name):
    patients = [set(load(name, split, n=24, size=64).patients) for split in registry.SPLITS]
    assert not patients[0] & patients[1]
    assert not patients[0] & patients[2]
    assert not patients[1] & patients[2]


@pytest.mark.parametrize("name", ["chest_ct", "brain_mri"])
def test_scans_are_the_patients_of_the_images(name):
    """Patient by patient, in the same order; whatever an image shows is in the scan."""
    images, scans = load(name, n=8, size=64), load(name, n=2, size=64, scans=True)
    assert list(dict.fromkeys(images.patients)) == [scan.patient for scan in scans]
    for scan in scans:
        assert scan.image.ndim == 4
        assert scan.spacing.shape == (3,)


def test_two_sites_show_the_same_patients_differently():
    for name in ("breast_us", "chest_ct", "brain_mri"):
        a, b = (load(name, n=4, size=64, site=site) for site in "AB")
        assert a.labels.tolist() == b.labels.tolist()
        assert not np.array_equal(a.images, b.images)


def test_a_set_that_ships_with_a_package_is_split_in_the_order_of_the_file():
    from sklearn.datasets import load_digits

    parts = [load("digits", split) for split in registry.SPLITS]
    assert np.array_equal(np.concatenate([part.images[..., 0] for part in parts]), load_digits().images)
    assert np.array_equal(np.concatenate([part.labels for part in parts]), load_digits().target)


def test_the_first_8_of_32_are_the_8_in_a_real_set_too():
    few, many, others = load("digits", n=8, seed=1), load("digits", n=32, seed=1), load("digits", n=8, seed=2)
    assert np.array_equal(few.images, many[:8].images)
    assert not np.array_equal(few.images, others.images)


# A real set without a network


@pytest.mark.parametrize(("name", "real"), [("breast_us", "breastmnist"), ("digits", "mnist")])
def test_without_a_network_real_falls_back_to_the_phantom_and_says_so(name, real, capsys):
    data = load(name, "test", n=4, source="real")
    out = capsys.readouterr().out
    assert f"{real} cannot be reached: going on with the {data.card.title}" in out
    assert data.card.name == name
    assert np.array_equal(data.images, load(name, "test", n=4).images)


def test_a_real_set_by_its_own_name_never_falls_back():
    with pytest.raises(DataError, match="(?s)COURSE_OFFLINE.*breastmnist.npz"):
        load("breastmnist")


# A real set from a server


@pytest.fixture
def served(change, monkeypatch, tmp_path):
    """breastmnist with a small file on a server of this computer; what the server gives can be changed."""
    monkeypatch.delenv("COURSE_OFFLINE")
    body = medmnist_file(tmp_path / "served.npz").read_bytes()
    with Server() as server:
        url = server.gives(Answer(body))
        (file, *_) = find("breastmnist").files
        facts = {"url": url, "bytes": len(body), "md5": hashlib.md5(body).hexdigest(), "sha256": None}
        counts = {"train": 12, "val": 4, "test": 6}
        change("breastmnist", counts=counts, class_counts={}, files=[file | facts])
        yield server


def test_a_real_set_is_downloaded_once_checked_and_kept(served, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "elsewhere"))
    first = load("breastmnist", "test")
    assert "CC BY 4.0. Cite Yang et al. 2023" in capsys.readouterr().out
    again = load("breastmnist", "test")
    assert len(served.asked) == 1
    assert (tmp_path / "elsewhere" / "breastmnist" / "breastmnist.npz").exists()
    assert np.array_equal(first.images, again.images)
    assert {row[0]: row[-1] for row in datasets().rows()}["breastmnist"] == "yes"


def test_source_real_takes_the_real_set_and_leaves_out_what_only_phantoms_have(served):
    data = load("breast_us", "test", source="real", size=28, site="A")
    assert data.card.name == "breastmnist"
    assert data.images.shape == (6, 28, 28, 1)


def test_a_wrong_file_is_an_error_and_no_reason_for_a_phantom(served):
    served.gives(Answer(b"<!doctype html><title>Log in</title>"))
    with pytest.raises(DataError, match="(?s)HTML.*CC BY 4.0"):
        load("breast_us", source="real")


def test_a_server_that_is_not_there_is_a_reason_for_a_phantom(served, capsys):
    served.__exit__()
    assert load("breast_us", n=2, source="real").card.kind == "phantom"
    assert "breastmnist cannot be reached" in capsys.readouterr().out


def test_a_set_in_an_archive_is_downloaded_and_unpacked_once(change, monkeypatch, tmp_path):
    monkeypatch.delenv("COURSE_OFFLINE")
    root = decathlon(tmp_path / "Task04_Hippocampus")
    body = Path(shutil.make_archive(str(tmp_path / "task"), "tar", tmp_path, root.name)).read_bytes()
    with Server() as server:
        facts = {"url": server.gives(Answer(body)), "md5": hashlib.md5(body).hexdigest()}
        (file,) = find("msd_hippocampus").files
        change("msd_hippocampus", files=[file | facts | {"unpacked": 10}])
        assert len(load("msd_hippocampus", "all")) == 10
        assert len(load("msd_hippocampus", "train")) == 6
        assert len(server.asked) == 1
        change("msd_hippocampus", files=[file | facts | {"unpacked": 11}])
        with pytest.raises(DataError, match="holds 10 images, expected 11"):
            load("msd_hippocampus")


def test_luna16_comes_as_tables_and_archives(change, monkeypatch, tmp_path):
    monkeypatch.delenv("COURSE_OFFLINE")
    monkeypatch.setattr("helpers.data.sets.LUNA_NODULES", 2)
    root = luna(tmp_path / "luna")
    (root / "evaluationScript" / "annotations").mkdir(parents=True)
    (root / "annotations_excluded.csv").rename(root / "evaluationScript/annotations/annotations_excluded.csv")
    bodies = {"annotations.csv": (root / "annotations.csv").read_bytes()}
    for name in ("evaluationScript", "subset0"):
        archive = shutil.make_archive(str(tmp_path / name), "zip", root, name)
        bodies[f"{name}.zip"] = Path(archive).read_bytes()
    with Server() as server:
        files = []
        for file in find("luna16").chosen_files({"subset": 0}):
            body = bodies[file["name"]]
            url = server.gives(Answer(body), path=f"/{file['name']}")
            facts = {"url": url, "bytes": len(body), "md5": hashlib.md5(body).hexdigest()}
            files.append(file | facts | ({"unpacked": 2} if "unpacked" in file else {}))
        change("luna16", files=files)
        (first, second) = load("luna16", "all")
        assert first.nodules.diameters_mm == second.excluded.diameters_mm == pytest.approx(6.4)
        assert len(server.asked) == 3


# Sets in one .npz file


def medmnist_file(path: Path, **changes) -> Path:
    """A small file laid out as MedMNIST's: 12, 4 and 6 images of two classes."""
    rng, arrays = np.random.default_rng(0), {}
    for split, count in (("train", 12), ("val", 4), ("test", 6)):
        arrays[f"{split}_images"] = rng.integers(0, 255, (count, 28, 28), np.uint8)
        arrays[f"{split}_labels"] = (np.arange(count) % 2).astype(np.uint8)[:, None]
    arrays |= changes
    np.savez(path, **{name: values for name, values in arrays.items() if values is not None})
    return path


@pytest.fixture
def small(change):
    change("breastmnist", counts={"train": 12, "val": 4, "test": 6}, class_counts={"train": [6, 6]})


def from_file(path: Path, split: str = "train"):
    return load("breastmnist", split, path=path, unverified=True)


def test_labels_of_breastmnist_are_turned_so_that_1_is_malignant(small, tmp_path, capsys):
    path = medmnist_file(tmp_path / "any.npz")
    data = from_file(path)
    assert "Not checked" in capsys.readouterr().out
    with np.load(path) as file:
        assert np.array_equal(data.labels, 1 - file["train_labels"][:, 0])
        assert np.array_equal(data.images[..., 0], file["train_images"])
    assert data.card.classes == ("normal or benign", "malignant")
    assert any("0 is malignant" in note for note in data.card.notes)
    assert len(from_file(path, "val")) == 4


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"train_labels": None}, "has no train_labels"),
        ({"train_images": np.zeros((12, 32, 32), np.uint8)}, r"expected images uint8 \(N, 28, 28\)"),
        ({"train_images": np.zeros((12, 28, 28), np.float32)}, "got images float32"),
        ({"train_labels": np.zeros((11, 1), np.uint8)}, "12 images and 11 labels"),
        ({"train_labels": np.full((12, 1), 7, np.uint8)}, "labels from 7 to 7, expected 0 to 1"),
        ({"train_labels": np.zeros((12, 1), np.float32)}, "labels of type float32"),
        ({"train_labels": np.eye(2, dtype=np.uint8)[np.zeros(12, int)]}, "one label each"),
        ({"train_labels": np.ones((12, 1), np.uint8)}, "an altered copy"),
        (
            {"train_images": np.zeros((9, 28, 28), np.uint8), "train_labels": np.zeros((9, 1), np.uint8)},
            "published are 12",
        ),
        ({"train_images": np.array([{}], object)}, "is no readable .npz"),
    ],
)
def test_an_altered_npz_is_refused(small, tmp_path, changes, words):
    with pytest.raises(DataError, match=words):
        from_file(medmnist_file(tmp_path / "any.npz", **changes))


def test_what_is_no_npz_is_refused(small, tmp_path):
    (tmp_path / "x.npz").write_bytes(os.urandom(5000))
    with pytest.raises(DataError, match="no readable .npz"):
        from_file(tmp_path / "x.npz")


def test_a_copy_of_the_right_name_and_layout_but_other_content_is_not_taken(small, tmp_path):
    with pytest.raises(DataError, match="breastmnist.npz"):
        load("breastmnist", path=medmnist_file(tmp_path / "breastmnist.npz"))


# Scans: files made here as their publishers lay them out


def nifti(path: Path, values: np.ndarray, spacing=(1, 1, 1)) -> None:
    """values (Z, Y, X) or (Z, Y, X, C)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    order = (2, 1, 0, 3)[: values.ndim]
    nibabel.save(nibabel.Nifti1Image(np.ascontiguousarray(values.transpose(order)), np.diag([*spacing[::-1], 1])), path)


def decathlon(root: Path, count: int = 10, labels=("background", "Anterior", "Posterior")) -> Path:
    rng = np.random.default_rng(0)
    for k in range(count):
        shape = (5, 6 + k % 2, 7)
        nifti(root / "imagesTr" / f"h_{k:03d}.nii.gz", rng.integers(0, 200, shape).astype(np.int16), (3, 2, 1))
        nifti(root / "labelsTr" / f"h_{k:03d}.nii.gz", rng.integers(0, len(labels), shape).astype(np.uint8), (3, 2, 1))
    (root / "dataset.json").write_text(json.dumps({"labels": {str(k): name for k, name in enumerate(labels)}}))
    return root


def from_folder(root: Path, name: str = "msd_hippocampus", split: str = "all"):
    return load(name, split, path=root, unverified=True)


def test_decathlon_volumes_come_with_their_masks(tmp_path):
    data = from_folder(decathlon(tmp_path / "Task04"))
    assert len(data) == 10
    case = data[0]
    assert case.image.shape == (5, 6, 7, 1)
    assert case.mask.shape == (5, 6, 7)
    assert case.spacing.tolist() == [3, 2, 1]
    stored = nibabel.load(tmp_path / "Task04/imagesTr/h_000.nii.gz").get_fdata()
    assert np.array_equal(case.image[..., 0], stored.transpose(2, 1, 0))
    parts = [from_folder(tmp_path / "Task04", split=split).table["name"].tolist() for split in registry.SPLITS]
    assert sorted(sum(parts, [])) == data.table["name"].tolist()
    assert [len(part) for part in parts] == [6, 2, 2]


def test_brain_masks_of_the_decathlon_get_the_numbers_of_brats(tmp_path):
    root = tmp_path / "Task01"
    rng = np.random.default_rng(0)
    nifti(root / "imagesTr" / "b.nii.gz", rng.random((4, 5, 6, 4)).astype(np.float32))
    nifti(root / "labelsTr" / "b.nii.gz", (np.arange(120).reshape(4, 5, 6) % 4).astype(np.uint8))
    names = ["background", "edema", "non-enhancing tumor", "enhancing tumour"]
    (root / "dataset.json").write_text(json.dumps({"labels": {str(k): name for k, name in enumerate(names)}}))
    case = from_folder(root, "msd_brain")[0]
    assert case.image.shape == (4, 5, 6, 4)
    assert case.mask.ravel()[:4].tolist() == [0, 2, 1, 3]
    (root / "dataset.json").write_text(json.dumps({"labels": {str(k): name for k, name in enumerate(sorted(names))}}))
    with pytest.raises(DataError, match="would be read wrongly"):
        from_folder(root, "msd_brain")


def test_a_decathlon_folder_with_a_fault_is_refused(tmp_path):
    root = decathlon(tmp_path / "Task04")
    (root / "imagesTr" / "._h_000.nii.gz").write_bytes(b"what a Mac leaves behind")
    assert len(from_folder(root)) == 10
    nifti(root / "labelsTr" / "h_000.nii.gz", np.zeros((5, 5, 5), np.uint8))
    with pytest.raises(DataError, match="h_000.* no one grid"):
        from_folder(root)[0]
    nifti(root / "labelsTr" / "h_000.nii.gz", np.full((5, 6, 7), 9, np.uint8))
    with pytest.raises(DataError, match="holds .9., expected only .0, 1, 2."):
        from_folder(root)[0]
    (root / "labelsTr" / "h_003.nii.gz").unlink()
    with pytest.raises(DataError, match="h_003 has no partner"):
        from_folder(root)
    with pytest.raises(DataError, match="has no folder imagesTr"):
        from_folder(tmp_path / "Task04" / "labelsTr")


def luna(root: Path) -> Path:
    """Two scans, the second with x and y running the other way; one nodule and one excluded finding each."""
    rows = {"annotations.csv": [], "annotations_excluded.csv": []}
    for uid, sign in (("1.2.3", 1), ("1.2.4", -1)):
        folder = root / "subset0"
        folder.mkdir(parents=True, exist_ok=True)
        values = np.full((10, 20, 20), -800, np.int16)
        values[4, 6, 8], values[7, 3, 2] = 50, 400
        (folder / f"{uid}.raw").write_bytes(values.tobytes())
        (folder / f"{uid}.mhd").write_text(
            "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\nCompressedData = False\n"
            f"TransformMatrix = {sign} 0 0 0 {sign} 0 0 0 1\nOffset = -100 50 -200\nElementSpacing = 0.7 0.7 2.5\n"
            f"DimSize = 20 20 10\nElementType = MET_SHORT\nElementDataFile = {uid}.raw\n"
        )
        for name, (z, y, x) in (("annotations.csv", (4, 6, 8)), ("annotations_excluded.csv", (7, 3, 2))):
            place = (-100 + sign * 0.7 * x, 50 + sign * 0.7 * y, -200 + 2.5 * z)
            rows[name].append(f"{uid},{place[0]},{place[1]},{place[2]},6.4")
    for name, lines in rows.items():
        (root / name).write_text("seriesuid,coordX,coordY,coordZ,diameter_mm\r\n" + "\r\n".join(lines) + "\r\n")
    return root


def test_luna16_findings_lie_on_their_voxels_whichever_way_the_axes_run(tmp_path):
    data = load("luna16", "all", path=luna(tmp_path), unverified=True)
    assert len(data) == 2
    for case in data:
        assert case.spacing.tolist() == [2.5, 0.7, 0.7]
        assert np.allclose(np.linalg.norm(case.affine[:3, :3], axis=0), case.spacing)
        for found, value in ((case.nodules, 50), (case.excluded, 400)):
            voxel = tuple(np.rint(found.centres[0]).astype(int))
            assert case.image[voxel] == value
            assert found.diameters_mm.tolist() == [pytest.approx(6.4)]
        assert case.label == 1


def test_luna16_tables_with_a_fault_are_refused(tmp_path):
    root = luna(tmp_path)
    (root / "annotations.csv").write_text("seriesuid,coordX,coordY,coordZ,diameter_mm\n1.2.3,1,2,many,3\n")
    with pytest.raises(DataError, match="annotations.csv, line 2"):
        load("luna16", path=root, unverified=True)
    (root / "annotations.csv").write_text("id,x,y,z\n")
    with pytest.raises(DataError, match="expected the columns seriesuid"):
        load("luna16", path=root, unverified=True)
    (root / "annotations.csv").unlink()
    with pytest.raises(DataError, match="annotations.csv is missing"):
        load("luna16", path=root, unverified=True)


def brats(root: Path) -> Path:
    """One patient as in 2020, one whose mask has a date for a name, two dates of one patient as in 2023."""
    old = np.arange(60).reshape(3, 4, 5) % 4
    old[old == 3] = 4
    for patient, mask in (
        ("BraTS20_Training_001", "BraTS20_Training_001_seg"),
        ("BraTS20_Training_355", "W39_1998.09.19_Segm"),
    ):
        for k, name in enumerate(("flair", "t1", "t1ce", "t2")):
            nifti(root / patient / f"{patient}_{name}.nii.gz", np.full((3, 4, 5), k, np.float32))
        nifti(root / patient / f"{mask}.nii.gz", old.astype(np.uint8))
    for date in ("BraTS-GLI-00005-000", "BraTS-GLI-00005-001"):
        for k, name in enumerate(("t2f", "t1n", "t1c", "t2w")):
            nifti(root / date / f"{date}-{name}.nii.gz", np.full((3, 4, 5), k, np.float32))
        nifti(root / date / f"{date}-seg.nii.gz", (np.arange(60).reshape(3, 4, 5) % 4).astype(np.uint8))
    return root


def test_brats_conventions_are_told_apart(tmp_path):
    data = load("brats", "all", path=brats(tmp_path))
    assert len(data) == 4
    for case in data:
        assert case.image[0, 0, 0].tolist() == [0, 1, 2, 3]  # FLAIR, T1, T1c, T2 in every year
        assert case.mask.ravel()[:4].tolist() == [0, 1, 2, 3]  # 4 became 3
    assert sorted(data.patients) == ["BraTS-GLI-00005"] * 2 + ["BraTS20_Training_001", "BraTS20_Training_355"]
    assert any("2018 to 2021 and 2023" in note for note in data.card.notes)
    for split in registry.SPLITS:  # both dates on one side
        assert list(load("brats", split, path=tmp_path).patients).count("BraTS-GLI-00005") in (0, 2)


def test_brats_folders_with_a_fault_are_refused(tmp_path):
    root = brats(tmp_path)
    wrong = root / "BraTS20_Training_001"
    nifti(wrong / "BraTS20_Training_001_seg.nii.gz", np.full((3, 4, 5), 3, np.uint8))
    with pytest.raises(DataError, match=r"holds \[3\], expected only \[0, 1, 2, 4\]"):
        list(load("brats", "all", path=root))
    (wrong / "BraTS20_Training_001_t1ce.nii.gz").unlink()
    with pytest.raises(DataError, match="BraTS20_Training_001: t1ce missing"):
        load("brats", "all", path=root)
    with pytest.raises(DataError, match="holds no BraTS files"):
        load("brats", "all", path=_empty(tmp_path / "empty"))


def _empty(folder: Path) -> Path:
    folder.mkdir()
    return folder


# The user's own files


@pytest.fixture
def pictures(tmp_path) -> Path:
    """Six 8-bit pictures in two subfolders."""
    root = tmp_path / "own"
    for k in range(6):
        path = root / ("cat" if k % 2 else "dog") / f"{k}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((5, 4), 10 * k, np.uint8)).save(path)
    return root


def table(root: Path, text: str) -> None:
    (root / "labels.csv").write_text(text, encoding="utf-8")


def test_pictures_in_subfolders_are_labelled_by_them(pictures):
    data = load("folder", path=pictures)
    assert data.card.classes == ("cat", "dog")
    assert data.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert data.images[:, 0, 0, 0].tolist() == [10, 30, 50, 0, 20, 40]
    assert any("no patient is named" in note for note in data.card.notes)


def test_a_table_says_labels_patients_splits_and_facts(pictures):
    table(
        pictures,
        "file;label;patient;split;age\ndog/0.png;benign;a;train;40\ncat/1.png;malignant;a;train;40\ncat/3.png;benign;b;test;61,5\n",
    )
    data = load("folder", path=pictures)
    assert data.card.classes == ("benign", "malignant")
    assert data.labels.tolist() == [0, 1, 0]
    assert data.patients.tolist() == ["a", "a", "b"]
    assert data[0].table == {"age": 40.0}
    assert data[2].table == {"age": "61,5"}
    assert any("3 files are not named" in note for note in data.card.notes)
    assert len(load("folder", "train", path=pictures)) == 2
    assert load("folder", "test", path=pictures)[0].patient == "b"


def test_numbers_as_labels_stay_numbers(pictures):
    table(pictures, "file,label\ndog/0.png,2\ncat/1.png,10\n")
    assert load("folder", path=pictures).labels.tolist() == [2, 10]


def test_a_table_as_a_spreadsheet_leaves_it_is_understood(pictures):
    """A line for Excel, capitals, a quoted comma, other spellings of a path, empty rows, an umlaut in two parts."""
    (pictures / "dog" / "0.png").rename(pictures / "dog" / "u\u0308ber 0.png")
    lines = [
        "sep=;",
        'File ;Label;Split;"Age, years"',
        "./dog/\u00fcber 0.png;-1;Train;40",
        "cat/1.PNG;1;test;61",
        ";;;",
        "",
    ]
    text = "\r\n".join(lines)
    (pictures / "Labels.csv").write_text(text, encoding="utf-8-sig")
    data = load("folder", path=pictures)
    assert sorted(data.labels) == [-1, 1]
    assert data[0].table == {"age, years": 40.0}
    assert len(load("folder", "test", path=pictures)) == 1


def test_folders_of_splits_and_masks_are_no_classes(pictures, tmp_path):
    for split in ("Train", "test"):
        for name in ("dog", "cat", "masks"):
            (tmp_path / "tree" / split / name).mkdir(parents=True)
            shutil.copy(pictures / "dog" / "0.png", tmp_path / "tree" / split / name / f"{split}.png")
    data = load("folder", path=tmp_path / "tree")
    assert data.card.classes == ("cat", "dog")
    assert len(data) == 4
    assert len(load("folder", "test", path=tmp_path / "tree")) == 2


def test_the_order_of_classes_can_be_chosen(pictures):
    assert load("folder", path=pictures, classes=["dog", "cat"]).card.classes == ("dog", "cat")
    with pytest.raises(ValueError, match="the classes are .'cat', 'dog'."):
        load("folder", path=pictures, classes=["dog"])


def test_a_file_alone_is_a_case_and_what_is_not_known_is_said(pictures):
    data = load("folder", path=pictures / "cat" / "1.png")
    assert data.images.shape == (1, 5, 4, 1)
    assert "no labels" in repr(data)
    table(pictures, "file,patient,split\ndog/0.png,7,train\ncat/1.png,,\n")
    assert "1 cases have no split" in repr(load("folder", path=pictures))
    assert "1 cases name no patient" in repr(load("folder", path=pictures))


def test_of_a_folder_with_two_series_one_is_chosen(tmp_path):
    for k, slices in enumerate((3, 4)):
        for path in write_series(tmp_path / f"{k}", slices=slices):
            (tmp_path / "both").mkdir(exist_ok=True)
            path.rename(tmp_path / "both" / f"{k}{path.name}")
    with pytest.raises(DataError, match="2 series"):
        load("folder", path=tmp_path / "both")[0]
    depths = {len(load("folder", path=tmp_path / "both", series=which)[0].image) for which in (1, 2)}
    assert depths == {3, 4}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name,label\ndog/0.png,1\n", "one of them `file`"),
        ("file,label\ndog/9.png,1\n", "line 2: there is no image 'dog/9.png'"),
        ("file,label\ndog/0.png,1\ndog/0.png,1\n", "line 3: dog/0.png stands there twice"),
        ("file,split\ndog/0.png,training\n", "line 2: split 'training', expected train, val, test"),
        ("file,label\ndog/0.png\n", "line 2: 1 columns, the first line names 2"),
        ("file,mask\ndog/0.png,../../x.png\n", "lies outside"),
        ("file,patient,split\ndog/0.png,7,train\ncat/1.png,7,test\n", "line 3: patient 7 is in test and in train"),
    ],
)
def test_a_table_with_a_fault_names_the_line(pictures, text, words):
    table(pictures, text)
    with pytest.raises(DataError, match=words):
        load("folder", path=pictures)


def test_masks_of_pictures_come_along(pictures):
    Image.fromarray(np.eye(5, 4, dtype=np.uint8)).save(pictures / "mask.png")
    table(pictures, "file,mask\ndog/0.png,mask.png\n")
    assert load("folder", path=pictures)[0].mask.sum() == 4
    Image.fromarray(np.eye(9, 9, dtype=np.uint8)).save(pictures / "mask.png")
    with pytest.raises(DataError, match=r"shape \(9, 9\), the image \(5, 4\)"):
        load("folder", path=pictures)[0]


def test_a_folder_of_dicom_slices_is_one_scan(tmp_path):
    """The files have no telling names and lie two folders deep, beside a NIfTI volume."""
    write_series(tmp_path / "own" / "patient" / "ct", slices=4)
    nifti(tmp_path / "own" / "other.nii.gz", np.zeros((3, 4, 5), np.float32))
    data = load("folder", path=tmp_path / "own")
    assert [case.image.shape for case in data] == [(3, 4, 5, 1), (4, 16, 12, 1)]


def test_a_folder_without_images_is_refused(tmp_path):
    with pytest.raises(DataError, match="holds no image"):
        load("folder", path=_empty(tmp_path / "nothing"))
    Image.fromarray(np.zeros((5, 4), np.uint8)).save(tmp_path / "1.png")
    with pytest.raises(DataError, match="There is no table"):
        load("folder", path=tmp_path, labels=tmp_path / "none.csv")


# The real thing, where it is


real = pytest.mark.skipif(
    "COURSE_TEST_DATA" not in os.environ, reason="needs real files: set COURSE_TEST_DATA to a folder that has them"
)


@real
def test_real_chest_xrays_have_the_published_counts():
    path = Path(os.environ["COURSE_TEST_DATA"]) / "pneumoniamnist" / "pneumoniamnist_reconstructed.npz"
    train, val, test = (load("pneumoniamnist", split, path=path, unverified=True) for split in registry.SPLITS)
    assert [len(part) for part in (train, val, test)] == [4708, 524, 624]
    assert np.bincount(test.labels).tolist() == [234, 390]
    everything = np.concatenate([part.images.reshape(len(part), -1) for part in (train, val)])
    shared = set(map(bytes, everything[:4708])) & set(map(bytes, everything[4708:]))
    assert len(shared) == 8  # as the card says
    with pytest.raises(DataError, match="pneumoniamnist_reconstructed.npz"):
        load("pneumoniamnist", path=path)


@real
def test_real_hippocampi_have_masks_inside_them():
    data = load(
        "msd_hippocampus", "all", path=Path(os.environ["COURSE_TEST_DATA"]) / "msd_hippocampus", unverified=True
    )
    assert len(data) == 12
    for case in data:
        assert isinstance(case, Case)
        assert case.image.shape[:3] == case.mask.shape
        assert set(np.unique(case.mask)) == {0, 1, 2}
        assert case.spacing.tolist() == [1, 1, 1]


@real
def test_a_real_chest_ct_is_one_scan_of_16_slices():
    (case,) = load("folder", path=Path(os.environ["COURSE_TEST_DATA"]) / "ct_cptac_lscc")
    assert case.image.shape == (16, 512, 512, 1)
    assert case.spacing == pytest.approx([3, 0.5645, 0.5645], abs=1e-3)
    assert 20 < np.median(case.image[(case.image > -20) & (case.image < 120)]) < 80  # muscle and blood
    assert np.percentile(case.image, 20) < -700  # lung
    assert "8 pictures" in load("folder", path=Path(os.environ["COURSE_TEST_DATA"]) / "ct_cptac_lscc")._repr_html_()
