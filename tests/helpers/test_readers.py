"""Readers: voxels and places as pydicom, nibabel, SimpleITK and pen and paper have them; what is wrong is named."""

import gzip
import importlib.util
import io
import os
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.data import get_testdata_file

from helpers.data.errors import DataError
from helpers.data.geometry import voxel_to_world, world_to_voxel
from helpers.data.readers import read_dicom, read_metaimage, read_nifti, read_picture, read_scan

needs_data = pytest.mark.skipif(
    "COURSE_TEST_DATA" not in os.environ, reason="COURSE_TEST_DATA does not name the folder of real test data"
)
needs_simpleitk = pytest.mark.skipif(
    importlib.util.find_spec("SimpleITK") is None, reason="SimpleITK, the second opinion, is not installed"
)
NIBABEL = Path(nibabel.__file__).parent / "tests" / "data"


def dicom(name: str) -> Path:
    return Path(get_testdata_file(name))


def real(folder: str) -> Path:
    return Path(os.environ["COURSE_TEST_DATA"], folder)


def lps(ras: np.ndarray) -> np.ndarray:
    return ras * [-1, -1, 1]


# DICOM, from slices that the test makes


def a_slice(z: float = 0.0, **changes) -> pydicom.Dataset:
    """pydicom's small CT, 16 x 12 pixels of it, at height z; the pixels tell z, too."""
    dataset = pydicom.dcmread(dicom("CT_small.dcm"))
    pixels = dataset.pixel_array[40:56, 40:52] + np.int16(10 * z)
    dataset.Rows, dataset.Columns, dataset.PixelData = 16, 12, pixels.tobytes()
    dataset.PixelSpacing = [0.5, 0.8]
    dataset.ImagePositionPatient = [-20, 7, z]
    dataset.InstanceNumber = int(100 - z)
    del dataset.DataSetTrailingPadding
    for key, value in changes.items():
        if value is None:
            del dataset[key]
        else:
            setattr(dataset, key, value)
    return dataset


def write(folder: Path, *slices: pydicom.Dataset) -> Path:
    """Under names whose order has nothing to do with the place."""
    folder.mkdir(exist_ok=True)
    for k, dataset in enumerate(slices):
        dataset.save_as(folder / f"{zlib.crc32(bytes([k])):010d}")
    return folder


@pytest.fixture
def stack(tmp_path):
    return write(tmp_path / "stack", *(a_slice(z) for z in (5, -2.5, 0, 2.5)))


def test_slices_are_put_in_order_by_where_they_lie(stack):
    scan = read_dicom(stack)
    expected = [a_slice(z).pixel_array.astype(int) - 1024 for z in (-2.5, 0, 2.5, 5)]
    assert scan.values.dtype == np.int16
    assert np.array_equal(scan.values, expected)
    assert scan.spacing == pytest.approx([2.5, 0.5, 0.8])
    # by hand: row 3, column 4 of the third slice
    assert voxel_to_world(scan.affine, np.array([[2, 3, 4]]))[0] == pytest.approx([-20 + 4 * 0.8, 7 + 3 * 0.5, 2.5])


@pytest.mark.parametrize(
    "orientation", [[1, 0, 0, 0, 1, 0], [-1, 0, 0, 0, 1, 0], [0, 1, 0, 0, 0, -1], [0.8, 0, 0.6, 0, 1, 0]]
)
def test_flipped_and_oblique_axes_are_honoured(tmp_path, orientation):
    """The world of a voxel by the formula of DICOM PS3.3, C.7.6.2.1.1; z goes along the cross product."""
    x, y = np.reshape(orientation, (2, 3))
    normal, start = np.cross(x, y), np.array([-20.0, 7, 30])
    slices = [
        a_slice(ImageOrientationPatient=orientation, ImagePositionPatient=list(start + k * 3 * normal))
        for k in (2, 0, 1)
    ]
    scan = read_dicom(write(tmp_path / "slices", *slices))
    voxels = np.argwhere(np.ones(scan.values.shape))
    expected = start + voxels[:, :1] * 3 * normal + voxels[:, 1:2] * 0.5 * y + voxels[:, 2:] * 0.8 * x
    assert np.allclose(voxel_to_world(scan.affine, voxels), expected)
    assert np.allclose(world_to_voxel(scan.affine, expected), voxels)


def test_a_tilted_gantry_gives_an_oblique_affine(tmp_path):
    slices = [a_slice(ImagePositionPatient=[-20, 7 + 0.4 * k, 2.5 * k]) for k in range(4)]
    scan = read_dicom(write(tmp_path / "tilted", *slices))
    assert voxel_to_world(scan.affine, np.array([[3, 0, 0]]))[0] == pytest.approx([-20, 8.2, 7.5])
    assert scan.spacing[0] == pytest.approx(np.hypot(0.4, 2.5))


def test_every_slice_is_rescaled_by_its_own_slope(tmp_path):
    """As PET has it."""
    slices = [a_slice(z, RescaleSlope=slope, RescaleIntercept=0) for z, slope in ((0, 0.5), (1, 2), (2, 0.25))]
    scan = read_dicom(write(tmp_path / "pet", *slices))
    assert scan.values.dtype == np.float32
    assert np.array_equal(scan.values, [s.pixel_array * float(s.RescaleSlope) for s in slices])


def test_values_that_do_not_fit_16_bits_become_floats(tmp_path):
    high = a_slice(PixelRepresentation=0, PixelData=np.full((16, 12), 60000, np.uint16).tobytes())
    scan = read_dicom(write(tmp_path / "high", high))
    assert scan.values.dtype == np.float32
    assert (scan.values == 60000 - 1024).all()


def test_values_without_a_rescale_stay_as_they_are_stored():
    assert np.array_equal(
        read_dicom(dicom("MR_small.dcm")).values[0], pydicom.dcmread(dicom("MR_small.dcm")).pixel_array
    )


def test_a_missing_slice_is_an_error_that_says_where(tmp_path):
    folder = write(tmp_path / "gap", *(a_slice(z) for z in (0, 2.5, 7.5, 10, 12.5)))
    with pytest.raises(DataError, match=r"gap lacks slices: .* at 2\.5 mm .* 5\.00 mm, elsewhere 2\.50 mm"):
        read_dicom(folder)


def test_a_slice_that_is_there_twice_is_taken_once_and_told(tmp_path):
    scan = read_dicom(write(tmp_path / "twice", *(a_slice(z) for z in (0, 2.5, 5, 2.5))))
    assert scan.values.shape == (3, 16, 12)
    assert scan.about["left out"] == "1 of 4 slices: copies of others"


def test_two_different_images_at_one_place_are_an_error(tmp_path):
    other = a_slice(2.5, PixelData=bytes(16 * 12 * 2))
    with pytest.raises(DataError, match="two different images at one place"):
        read_dicom(write(tmp_path / "echoes", a_slice(0), a_slice(2.5), a_slice(5), other))


def test_frames_of_several_orientations_are_no_volume(tmp_path):
    dataset = many_frames([0, 2])
    turned = pydicom.Dataset()
    turned.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]
    dataset.PerFrameFunctionalGroupsSequence[1].PlaneOrientationSequence = pydicom.Sequence([turned])
    with pytest.raises(DataError, match="frames of several orientations"):
        read_dicom(write(tmp_path / "turned", dataset))


def test_slices_that_are_not_behind_one_another_are_an_error(tmp_path):
    slices = [a_slice(ImagePositionPatient=[x, 0, z]) for x, z in ((0, 0), (1, 2), (-1, 4), (0, 6))]
    with pytest.raises(DataError, match="not behind one another"):
        read_dicom(write(tmp_path / "askew", *slices))


def test_several_series_are_listed_and_chosen_from(tmp_path):
    soft = [a_slice(z) for z in (0, 2.5, 5)]
    sharp = [a_slice(z, SeriesInstanceUID="1.2.3", SeriesNumber=7, SeriesDescription="LUNG") for z in (0, 2.5)]
    folder = write(tmp_path / "both", *soft, *sharp)
    with pytest.raises(
        DataError, match=r"holds 2 series.*\n1\. CT.*files: 3.*\n2\. CT, series number 7, .*'LUNG'.*files: 2"
    ):
        read_dicom(folder)
    assert len(read_dicom(folder, series=1).values) == 3
    assert len(read_dicom(folder, series=2).values) == len(read_dicom(folder, series="1.2.3").values) == 2
    for wrong in (0, 3, -1, "1.2", True):
        with pytest.raises(ValueError, match="no series"):
            read_dicom(folder, series=wrong)


def test_a_scout_of_the_same_series_counts_as_a_series_of_its_own(tmp_path):
    scout = a_slice(ImageOrientationPatient=[0, 1, 0, 0, 0, -1], ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    folder = write(tmp_path / "scout", scout, a_slice(0), a_slice(2.5))
    with pytest.raises(DataError, match="localizer, files: 1"):
        read_dicom(folder)
    assert read_dicom(folder, series=1).spacing[0] == pytest.approx(2.5)


def test_a_folder_is_searched_and_what_is_no_image_is_passed_over(stack):
    whole = read_dicom(stack)
    deeper = stack / "disc" / "a"
    deeper.mkdir(parents=True)
    sorted(stack.glob("*"))[0].rename(deeper / "IM1")
    for other in ("DICOMDIR", "rtplan.dcm", "reportsi.dcm", "rtdose_1frame.dcm"):
        shutil.copy(dicom(other), stack)
    (stack / "readme.txt").write_text("scanned on a Monday")
    (stack / "._IM1.dcm").write_bytes(b"\0\5\26\7 what macOS leaves")
    assert np.array_equal(read_dicom(stack).values, whole.values)
    assert np.array_equal(read_scan(stack).values, whole.values)
    assert np.array_equal(
        read_dicom([file for file in stack.rglob("*") if not file.suffix and file.is_file()]).values, whole.values
    )


def test_a_damaged_slice_is_not_passed_over(stack):
    (stack / "lost.dcm").write_bytes(b"<html>404</html>")
    with pytest.raises(DataError, match=r"lost\.dcm is no DICOM file"):
        read_dicom(stack)


def many_frames(positions, **changes) -> pydicom.Dataset:
    """An enhanced file: places, sizes and slopes stand in sequences, for each frame or for all."""

    def sequence(**values):
        item = pydicom.Dataset()
        for key, value in values.items():
            setattr(item, key, value)
        return pydicom.Sequence([item])

    dataset = a_slice(ImagePositionPatient=None, ImageOrientationPatient=None, PixelSpacing=None, SliceThickness=None)
    dataset.NumberOfFrames = len(positions)
    dataset.PixelData = np.concatenate([np.full((16, 12), 10 * k, np.int16) for k in range(len(positions))]).tobytes()
    dataset.SharedFunctionalGroupsSequence = sequence(
        PlaneOrientationSequence=sequence(ImageOrientationPatient=[1, 0, 0, 0, 1, 0]),
        PixelMeasuresSequence=sequence(PixelSpacing=[0.5, 0.8], SliceThickness=2.5),
    )
    dataset.PerFrameFunctionalGroupsSequence = pydicom.Sequence(
        sequence(
            PlanePositionSequence=sequence(ImagePositionPatient=[0, 0, z]),
            PixelValueTransformationSequence=sequence(RescaleSlope=k + 1, RescaleIntercept=-5),
        )[0]
        for k, z in enumerate(positions)
    )
    for key, value in changes.items():
        setattr(dataset, key, value)
    return dataset


def test_frames_of_an_enhanced_file_go_by_their_own_places_and_slopes(tmp_path):
    scan = read_dicom(write(tmp_path / "enhanced", many_frames([6, 2, 4])))
    assert scan.spacing == pytest.approx([2, 0.5, 0.8])
    assert scan.affine[:3, 3] == pytest.approx([0, 0, 2])
    assert scan.values[:, 0, 0].tolist() == [10 * 2 - 5, 20 * 3 - 5, 0 - 5]


def test_frames_without_a_place_need_a_spacing(tmp_path):
    """A film of ultrasound is no volume; frames of a classic file one behind the other are."""
    with pytest.raises(DataError, match=r"30 frames without a place.*no volume"):
        read_dicom(dicom("examples_ybr_color.dcm"))
    classic = pydicom.dcmread(dicom("SC_rgb_rle_2frame.dcm"))
    classic.SpacingBetweenSlices = 3
    scan = read_dicom(write(tmp_path / "classic", classic))
    assert scan.values.shape == (2, 100, 100, 3)
    assert scan.spacing == pytest.approx([3, 1, 1])
    assert scan.about["position"].startswith("not in the header")


def test_colour_becomes_red_green_blue(tmp_path):
    small = read_dicom(dicom("SC_rgb_small_odd.dcm"))
    assert np.array_equal(small.values[0], pydicom.dcmread(dicom("SC_rgb_small_odd.dcm")).pixel_array)
    palette = pydicom.dcmread(dicom("examples_palette.dcm"))
    palette.PixelSpacing = [0.3, 0.3]
    values = read_dicom(write(tmp_path / "palette", palette)).values[0]
    assert np.array_equal(values, pydicom.pixels.apply_color_lut(palette.pixel_array, palette))


def test_spacing_comes_from_where_there_is_one(tmp_path):
    detector = a_slice(PixelSpacing=None, ImagerPixelSpacing=[0.1, 0.2])
    assert read_dicom(write(tmp_path / "x-ray", detector)).spacing[1:] == pytest.approx([0.1, 0.2])
    region = pydicom.Dataset()
    region.PhysicalUnitsXDirection, region.PhysicalDeltaX, region.PhysicalDeltaY = 3, 0.03, 0.02  # cm
    probe = a_slice(PixelSpacing=None, SequenceOfUltrasoundRegions=pydicom.Sequence([region]))
    assert read_dicom(write(tmp_path / "probe", probe)).spacing[1:] == pytest.approx([0.2, 0.3])
    with pytest.raises(DataError, match=r"bare .*no PixelSpacing"):
        read_dicom(write(tmp_path / "bare", a_slice(PixelSpacing=None)))


def test_a_single_image_without_thickness_says_so(tmp_path):
    scan = read_dicom(write(tmp_path / "thin", a_slice(SliceThickness=None, SpacingBetweenSlices=None)))
    assert scan.spacing[0] == 1
    assert "1 mm stands in" in scan.about["thickness"]


@pytest.mark.parametrize(
    "name", ["MR_small_RLE.dcm", "MR_small_jp2klossless.dcm", "MR_small_bigendian.dcm", "MR_small_implicit.dcm"]
)
def test_every_way_of_packing_gives_the_same_voxels(name):
    assert np.array_equal(read_dicom(dicom(name)).values, read_dicom(dicom("MR_small.dcm")).values)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("MR_small_jpeg_ls_lossless.dcm", "JPEG-LS Lossless.* pip install pylibjpeg pylibjpeg-libjpeg"),
        ("JPGExtended.dcm", "JPEG Extended .*damaged, or `pip install pylibjpeg pylibjpeg-libjpeg` helps"),
        ("image_dfl.dcm", "deflated as a whole"),
        ("MR_truncated.dcm", "holds 8130 bytes of pixels, but its 64 rows of 64 pixels take 8192"),
        ("MR_small_padded.dcm", "holds 8320 bytes of pixels, but its 64 rows of 64 pixels take 8192"),
        ("reportsi.dcm", "no image but Basic Text SR Storage, modality SR"),
        ("rtplan.dcm", "no image but RT Plan Storage, modality RTPLAN"),
        ("rtdose.dcm", "no image but RT Dose Storage"),
        ("DICOMDIR", "no image but Media Storage Directory Storage"),
        ("rtstruct.dcm", "is no DICOM file: the letters DICM do not stand at byte 128"),
        ("examples_rgb_color.dcm", "no PixelSpacing"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_named(name, says):
    with pytest.raises(DataError, match=f"{name} .*{says}"):
        read_dicom(dicom(name))


@pytest.mark.parametrize(("rows", "columns"), [(15, 12), (17, 12), (16, 11), (16, 6), (65535, 65535)])
def test_wrong_rows_or_columns_are_noticed(tmp_path, rows, columns):
    folder = write(tmp_path / "wrong", a_slice(Rows=rows, Columns=columns))
    with pytest.raises(DataError, match="bytes of pixels|cut short|claims"):
        read_dicom(folder)


def test_nothing_that_names_the_patient_is_told(tmp_path):
    secret = dict(
        PatientName="Doe^Jane",
        PatientID="4711",
        AccessionNumber="A99",
        StudyDate="20240229",
        PatientBirthDate="19700102",
    )
    secret |= dict(SeriesDescription="JANE DOE chest", InstitutionName="St Elsewhere", SeriesInstanceUID="1.2.3.4.5")
    about = read_dicom(write(tmp_path / "secret", a_slice(**secret))).about
    assert about["modality"] == "CT"
    assert about["kernel"] == "STANDARD"
    told = " ".join(about.values()).lower()
    assert not any(part in told for part in ("doe", "jane", "4711", "a99", "2024", "1970", "elsewhere", "1.2.3"))


# NIfTI


def nifti_world(path: Path, voxels: np.ndarray) -> np.ndarray:
    """(k, j, i) voxels in LPS, by nibabel."""
    return lps(nibabel.affines.apply_affine(nibabel.load(path).affine, voxels[:, ::-1]))


@pytest.mark.parametrize(
    "name",
    [
        "anatomical.nii",
        "example4d.nii.gz",
        "standard.nii.gz",
        "example_nifti2.nii.gz",
        "functional.nii",
        "reoriented_anat_moved.nii",
    ],
)
def test_nifti_voxels_and_places_equal_nibabels(name):
    scan, image = read_nifti(NIBABEL / name), nibabel.load(NIBABEL / name)
    data = np.asarray(image.dataobj)
    assert scan.values.shape == data.transpose(2, 1, 0, *range(3, data.ndim)).shape
    assert np.allclose(scan.values, data.swapaxes(0, 2), rtol=1e-6)
    voxels = np.random.default_rng(0).uniform(0, 30, (20, 3))
    assert np.allclose(voxel_to_world(scan.affine, voxels), nifti_world(NIBABEL / name, voxels), atol=1e-4)
    assert scan.spacing == pytest.approx(nibabel.affines.voxel_sizes(image.affine)[::-1])
    assert np.array_equal(read_scan(NIBABEL / name).values, scan.values, equal_nan=True)


def save(path: Path, data: np.ndarray, affine=None, **changes) -> Path:
    image = nibabel.Nifti1Image(data, np.diag([2.0, 3, 4, 1]) if affine is None else affine)
    for key, value in changes.items():
        image.header[key] = value
    image.to_filename(path)
    return path


def test_nifti_units_become_millimetres(tmp_path):
    data = np.zeros((4, 5, 6), np.int16)
    for units, factor in ((1, 1000), (2, 1), (3, 0.001), (0, 1)):
        scan = read_nifti(
            save(tmp_path / "a.nii", data, np.diag([0.02, 0.03, 0.04, 1]) if units == 1 else None, xyzt_units=units)
        )
        assert scan.spacing == pytest.approx(np.array([0.04, 0.03, 0.02] if units == 1 else [4, 3, 2]) * factor)


def test_nifti_without_a_place_says_so(tmp_path):
    image = nibabel.Nifti1Image(np.zeros((4, 5, 6), np.int16), None)
    image.to_filename(tmp_path / "a.nii")
    assert "not in the header" in read_nifti(tmp_path / "a.nii").about["position"]


def test_nifti_colours_and_channels_stand_last(tmp_path):
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (4, 5, 6, 3), np.uint8)
    packed = rgb.copy().view([(name, "u1") for name in "RGB"])[..., 0]
    assert np.array_equal(read_nifti(save(tmp_path / "rgb.nii", packed)).values, rgb.swapaxes(0, 2))
    vectors = rng.random((4, 5, 6, 1, 2), np.float32)
    assert np.array_equal(
        read_nifti(save(tmp_path / "vectors.nii", vectors)).values, vectors[:, :, :, 0].swapaxes(0, 2)
    )
    one = rng.random((4, 5, 6, 1), np.float32)
    assert read_nifti(save(tmp_path / "one.nii", one)).values.shape == (6, 5, 4)


def test_nifti_with_a_long_extension_of_its_header_is_read(tmp_path):
    """Programs write their history there."""
    image = nibabel.Nifti1Image(np.arange(60, dtype=np.int16).reshape(3, 4, 5), np.eye(4))
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"smoothed, then moved. " * 100))
    nibabel.save(image, tmp_path / "a.nii.gz")
    assert np.array_equal(read_nifti(tmp_path / "a.nii.gz").values, image.get_fdata().transpose(2, 1, 0))


def test_nifti_scale_is_applied(tmp_path):
    path = save(tmp_path / "a.nii", np.arange(120, dtype=np.int16).reshape(4, 5, 6))
    body = bytearray(path.read_bytes())
    body[112:120] = np.array([0.5, -10], "<f4").tobytes()
    path.write_bytes(body)
    values = read_nifti(path).values
    assert values.dtype == np.float32
    assert values[1, 2, 3] == pytest.approx((3 * 30 + 2 * 6 + 1) * 0.5 - 10)


def test_nifti_one_flipped_bit_under_gzip_never_changes_a_voxel(tmp_path):
    """The file has a checksum: it is read to its end."""
    whole = (NIBABEL / "standard.nii.gz").read_bytes()
    values, refused = read_nifti(NIBABEL / "standard.nii.gz").values, 0
    for k in range(10, len(whole)):
        (tmp_path / "a.nii.gz").write_bytes(whole[:k] + bytes([whole[k] ^ 4]) + whole[k + 1 :])
        try:
            assert np.array_equal(read_nifti(tmp_path / "a.nii.gz").values, values)
        except DataError:
            refused += 1
    assert refused > 0.9 * len(whole) - 30  # the name and time in its first bytes are free


def test_nifti_size_and_shape_must_fit(tmp_path):
    path = save(tmp_path / "a.nii", np.zeros((4, 5, 6), np.int16))
    whole = path.read_bytes()
    for changed in (whole[:-1], whole + b"\0"):
        path.write_bytes(changed)
        with pytest.raises(DataError, match=rf"a\.nii holds {len(changed)} bytes, but its header says {len(whole)}"):
            read_nifti(path)
        (tmp_path / "a.nii.gz").write_bytes(gzip.compress(changed))
        with pytest.raises(DataError, match=rf"a\.nii\.gz holds .* bytes, but its header says {len(whole)}"):
            read_nifti(tmp_path / "a.nii.gz")
    save(path, np.zeros((4, 5), np.int16))
    with pytest.raises(DataError, match=r"shape \(4, 5\), 3-D or 4-D was expected"):
        read_nifti(path)


# MetaImage


def metaimage(
    path: Path, values: np.ndarray, matrix="1 0 0 0 1 0 0 0 1", offset="-10 20.5 30", data=None, **changes
) -> Path:
    names = {
        "int16": "SHORT",
        "uint8": "UCHAR",
        "float32": "FLOAT",
        "float64": "DOUBLE",
        "uint16": "USHORT",
        "int32": "INT",
    }
    where = "LOCAL" if path.suffix == ".mha" else f"{path.stem}.raw"
    header = dict(
        ObjectType="Image", NDims=3, BinaryData=True, BinaryDataByteOrderMSB=False, CompressedData=False,
        TransformMatrix=matrix, Offset=offset, ElementSpacing="0.7 0.8 2.5",
        DimSize=" ".join(map(str, values.shape[2::-1])), ElementType=f"MET_{names[values.dtype.name]}",
    )  # fmt: skip
    header |= changes
    header.setdefault("ElementDataFile", where)
    text = "".join(f"{key} = {value}\n" for key, value in header.items() if value is not None).encode()
    data = values.tobytes() if data is None else data
    path.write_bytes(text + data if where == "LOCAL" else text)
    if where != "LOCAL":
        path.with_suffix(".raw").write_bytes(data)
    return path


@pytest.fixture
def voxels():
    return np.random.default_rng(0).integers(-1000, 1000, (4, 6, 5)).astype(np.int16)


@pytest.mark.parametrize("ending", [".mhd", ".mha"])
def test_metaimage_with_flipped_axes_as_luna16_has_them(tmp_path, voxels, ending):
    """By hand: x and y run to the right and the front, so the first voxel is the last in the patient."""
    path = metaimage(tmp_path / f"a{ending}", voxels, matrix="-1 0 0 0 -1 0 0 0 1", offset="198.1 195 -335.2")
    scan = read_metaimage(path)
    assert np.array_equal(scan.values, voxels)
    assert scan.spacing == pytest.approx([2.5, 0.8, 0.7])
    world = voxel_to_world(scan.affine, np.array([[0, 0, 0], [3, 2, 1]]))
    assert np.allclose(world, [[198.1, 195, -335.2], [198.1 - 0.7, 195 - 2 * 0.8, -335.2 + 3 * 2.5]])
    assert np.allclose(world_to_voxel(scan.affine, world), [[0, 0, 0], [3, 2, 1]])
    assert np.array_equal(read_scan(path).values, voxels)


@needs_simpleitk
@pytest.mark.parametrize("ending", [".mhd", ".mha"])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("dtype", ["int16", "uint8", "float32", "float64", "uint16", "int32"])
def test_metaimage_equals_simpleitk(tmp_path, ending, packed, dtype):
    import SimpleITK

    rng = np.random.default_rng(0)
    image = SimpleITK.GetImageFromArray(rng.integers(0, 100, (4, 6, 5)).astype(dtype))
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    image.SetDirection((rotation * np.sign(np.linalg.det(rotation))).ravel())
    image.SetSpacing((0.7, 0.8, 2.5))
    image.SetOrigin((198.1, -195, 335.2))
    SimpleITK.WriteImage(image, tmp_path / f"a{ending}", packed)
    scan, image = read_metaimage(tmp_path / f"a{ending}"), SimpleITK.ReadImage(tmp_path / f"a{ending}")
    assert np.array_equal(scan.values, SimpleITK.GetArrayFromImage(image))
    assert scan.values.dtype == dtype
    for z, y, x in np.ndindex(scan.values.shape):
        expected = image.TransformIndexToPhysicalPoint((x, y, z))
        assert np.allclose((scan.affine @ [z, y, x, 1])[:3], expected, atol=1e-4)


def test_metaimage_byte_order_channels_and_packed_voxels(tmp_path, voxels):
    swapped = metaimage(tmp_path / "a.mhd", voxels, data=voxels.astype(">i2").tobytes(), BinaryDataByteOrderMSB=True)
    assert np.array_equal(read_metaimage(swapped).values, voxels)
    packed = metaimage(tmp_path / "b.mha", voxels, data=zlib.compress(voxels.tobytes()), CompressedData=True)
    assert np.array_equal(read_metaimage(packed).values, voxels)
    for data in (zlib.compress(voxels.tobytes())[:-2], zlib.compress(voxels.tobytes() + b"\0"), zlib.compress(b"")):
        with pytest.raises(DataError, match=r"b\.mha does not unpack to the 240 bytes"):
            read_metaimage(metaimage(tmp_path / "b.mha", voxels, data=data, CompressedData=True))
    colour = np.random.default_rng(0).integers(0, 256, (4, 6, 5, 3), np.uint8)
    assert np.array_equal(
        read_metaimage(metaimage(tmp_path / "c.mhd", colour, ElementNumberOfChannels=3)).values, colour
    )


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"ElementDataFile": "../b.raw"}, "no file beside it"),
        ({"ElementDataFile": "/etc/passwd"}, "no file beside it"),
        ({"ElementDataFile": "C:\\b.raw"}, "no file beside it"),
        ({"ElementDataFile": "b.raw"}, "'b.raw', no file beside it"),
        ({"ElementDataFile": "LIST"}, "no file beside it"),
        ({"ElementDataFile": "b%03d.raw 1 9 1"}, "no file beside it"),
        ({"NDims": 2}, "not a 3-D binary"),
        ({"BinaryData": False}, "not a 3-D binary"),
        ({"DimSize": "5 6 5"}, "a.raw holds 240 bytes of voxels, a.mhd says 300"),
        ({"DimSize": "5 6 3"}, "a.raw holds 240 bytes of voxels, a.mhd says 180"),
        ({"DimSize": "50000 50000 50000"}, r"claims 2\.33e\+05 GB"),
        ({"DimSize": "5 6 -4"}, "DimSize is '5 6 -4'"),
        ({"ElementType": "MET_OTHER"}, "damaged header"),
        ({"ElementSpacing": "0.7 0 2.5"}, "its axes or its spacing cannot be"),
        ({"ElementSpacing": None}, "no line ElementSpacing"),
        ({"TransformMatrix": "1 0 0 1 0 0 0 0 1"}, "its axes or its spacing cannot be"),
        ({"Offset": "0 0 nan"}, "Offset is '0 0 nan'"),
        ({"CompressedData": "maybe"}, "damaged header"),
        ({"DimSize": None}, "no line DimSize"),
    ],
)  # fmt: skip
def test_damaged_metaimage_headers_are_named(tmp_path, voxels, changes, says):
    with pytest.raises(DataError, match=says):
        read_metaimage(metaimage(tmp_path / "a.mhd", voxels, **changes))


def test_metaimage_without_a_place_says_so(tmp_path, voxels):
    assert "position" in read_metaimage(metaimage(tmp_path / "a.mhd", voxels, TransformMatrix=None)).about
    assert "position" not in read_metaimage(metaimage(tmp_path / "a.mhd", voxels)).about


# Pictures


def test_pictures_keep_what_they_hold(tmp_path):
    rng = np.random.default_rng(0)
    grey, colour = rng.integers(0, 256, (20, 30), np.uint8), rng.integers(0, 256, (20, 30, 3), np.uint8)
    deep = rng.integers(0, 65536, (20, 30), np.uint16)
    for ending in ("png", "tif"):
        for k, pixels in enumerate((grey, colour, deep)):
            Image.fromarray(pixels).save(tmp_path / f"{k}.{ending}")
            found = read_picture(tmp_path / f"{k}.{ending}")
            assert found.dtype == pixels.dtype
            assert np.array_equal(found, pixels)
    palette = Image.fromarray(colour).quantize(8)
    palette.save(tmp_path / "palette.png")
    assert np.array_equal(read_picture(tmp_path / "palette.png"), np.asarray(palette.convert("RGB")))
    Image.fromarray(grey > 99).save(tmp_path / "two.png")
    assert np.array_equal(read_picture(tmp_path / "two.png"), np.where(grey > 99, 255, 0))
    Image.fromarray(np.dstack([colour, np.full_like(grey, 255)])).save(tmp_path / "opaque.png")
    assert np.array_equal(read_picture(tmp_path / "opaque.png"), colour)
    Image.fromarray(grey).resize((300, 200)).save(tmp_path / "photo.jpg", quality=95)
    assert read_picture(tmp_path / "photo.jpg").shape == (200, 300)


def test_a_picture_goes_by_its_bytes_not_by_its_name(tmp_path):
    Image.new("L", (3, 2)).save(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / "a.jpg")
    assert read_picture(tmp_path / "a.jpg").shape == (2, 3)


def test_pictures_that_are_refused(tmp_path):
    def refused(says: str) -> None:
        with pytest.raises(DataError, match=rf"a\.png .*{says}"):
            read_picture(tmp_path / "a.png")

    frames = [Image.new("L", (8, 8), shade) for shade in (0, 99)]
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:])
    refused("holds 2 pictures")
    Image.fromarray(np.full((4, 4, 4), 200, np.uint8)).save(tmp_path / "a.png")
    refused("see-through")
    Image.new("1", (11_000, 10_000)).save(tmp_path / "a.png")
    refused("claims 11000 x 10000 pixels|damaged")
    frames[0].save(tmp_path / "a.png", "GIF")
    refused("no PNG, JPEG or TIFF")
    Image.fromarray(np.zeros((4, 4), np.float32)).save(tmp_path / "a.png", "TIFF")
    refused("colour mode F")
    Image.new("CMYK", (4, 4)).save(tmp_path / "a.png", "JPEG")
    refused("colour mode CMYK")
    (tmp_path / "a.png").write_bytes(deep_colour())
    refused("16-bit colour")


def deep_colour() -> bytes:
    """A PNG of 2 x 2 pixels with 16 bits a colour, which Pillow cannot write."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")

    size = (2).to_bytes(4, "big")
    body = chunk(b"IHDR", size + size + bytes([16, 2, 0, 0, 0])) + chunk(b"IDAT", zlib.compress(bytes(2 * 13)))
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


def test_one_flipped_bit_in_a_png_never_changes_a_pixel(tmp_path):
    """Every chunk has a checksum, which Pillow by itself does not look at for the pixels."""
    pixels = np.random.default_rng(0).integers(0, 4, (9, 9), np.uint8)
    stream, refused = io.BytesIO(), 0
    Image.fromarray(pixels).save(stream, "PNG")
    whole = stream.getvalue()
    for k in range(len(whole)):
        (tmp_path / "a.png").write_bytes(whole[:k] + bytes([whole[k] ^ 1]) + whole[k + 1 :])
        try:
            assert np.array_equal(read_picture(tmp_path / "a.png"), pixels)
        except DataError:
            refused += 1
    assert refused > 0.8 * len(whole)


# Whatever lies there


def test_files_that_are_not_there_or_not_readable_are_named(tmp_path):
    (tmp_path / "empty.nii").touch()
    (tmp_path / "page.nii.gz").write_text("<!DOCTYPE html>")
    (tmp_path / "notes.txt").write_text("nothing")
    Image.new("L", (3, 2)).save(tmp_path / "a.png")
    (tmp_path / "folder").mkdir()
    for name, says in {
        "lost.nii": "There is no file lost.nii", "empty.nii": "is empty", "notes.txt": "no DICOM, NIfTI",
        "page.nii.gz": "does not begin as a NIfTI", "a.png": "is a picture.*read_picture",
        "folder": "holds no DICOM file",
    }.items():  # fmt: skip
        with pytest.raises(DataError, match=says):
            read_scan(tmp_path / name)
    with pytest.raises(DataError, match="is a folder"):
        read_nifti(tmp_path / "folder")
    with pytest.raises(DataError, match="list of files holds no DICOM"):
        read_dicom([])


def test_a_scan_goes_by_its_bytes_not_by_its_name(tmp_path, voxels):
    for name, reader in {"standard.nii.gz": read_nifti, "anatomical.nii": read_nifti}.items():
        shutil.copy(NIBABEL / name, tmp_path / "scan")
        assert np.array_equal(read_scan(tmp_path / "scan").values, reader(NIBABEL / name).values)
    shutil.copy(dicom("CT_small.dcm"), tmp_path / "scan")
    assert read_scan(tmp_path / "scan").about["modality"] == "CT"
    metaimage(tmp_path / "b.mha", voxels).rename(tmp_path / "scan")
    assert np.array_equal(read_scan(tmp_path / "scan").values, voxels)
    assert read_scan(NIBABEL / "0.dcm").about["modality"] == "MR"  # what stands before DICM looks like Analyze


def test_small_files_cannot_claim_much_memory(tmp_path, monkeypatch):
    bomb = bytearray(save(tmp_path / "a.nii", np.zeros((4, 5, 6), np.int16)).read_bytes()[:352])
    bomb[42:48] = np.array([1000, 1000, 900], "<i2").tobytes()  # 1.8 GB
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(bytes(bomb) + bytes(100_000)))
    with pytest.raises(DataError, match="more voxels than so small a file can hold"):
        read_nifti(tmp_path / "a.nii.gz")
    monkeypatch.setattr("helpers.data.readers.files.MAX_BYTES", 100_000)
    with pytest.raises(DataError, match=r"claims 0\.\d+ GB of voxels"):
        read_nifti(save(tmp_path / "b.nii.gz", np.zeros((50, 50, 50), np.int16)))


def test_importing_the_readers_imports_no_library():
    code = "import helpers.data.readers, sys; print(sorted({'pydicom', 'nibabel', 'PIL', 'scipy'} & set(sys.modules)))"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )


# Real data


@needs_data
def test_the_real_ct_lies_where_its_headers_say():
    folder = real("ct_cptac_lscc")
    scan = read_dicom(folder)
    assert scan.values.shape == (16, 512, 512)
    assert scan.values.dtype == np.int16
    assert scan.spacing == pytest.approx([3, 0.564453, 0.564453], abs=1e-5)
    slices = sorted((pydicom.dcmread(file) for file in folder.glob("*.dcm")), key=lambda s: s.ImagePositionPatient[2])
    low, high = (np.array(s.ImagePositionPatient, float) for s in (slices[0], slices[-1]))
    across = 511 * 0.564453125
    corners = np.array([[0, 0, 0], [0, 0, 511], [0, 511, 0], [15, 511, 511]])
    expected = [low, low + [across, 0, 0], low + [0, across, 0], high + [across, across, 0]]
    assert np.allclose(voxel_to_world(scan.affine, corners), expected)
    assert np.array_equal(scan.values[3], slices[3].pixel_array.astype(int) - 1024)
    assert -1024 <= scan.values.min() < -990
    assert np.median(scan.values[:, 250:260, 250:260]) == pytest.approx(30, abs=60)  # the middle of the chest: soft


@needs_data
@needs_simpleitk
def test_the_real_ct_equals_simpleitk():
    import SimpleITK

    names = SimpleITK.ImageSeriesReader.GetGDCMSeriesFileNames(str(real("ct_cptac_lscc")))
    image, scan = SimpleITK.ReadImage(names), read_dicom(real("ct_cptac_lscc"))
    assert np.array_equal(SimpleITK.GetArrayFromImage(image), scan.values)
    for z, y, x in ((0, 0, 0), (15, 3, 500), (7, 400, 20)):
        assert np.allclose((scan.affine @ [z, y, x, 1])[:3], image.TransformIndexToPhysicalPoint((x, y, z)))


@needs_data
def test_real_brains_and_their_labels_fit():
    images = sorted(real("msd_hippocampus").glob("imagesTr/*.nii.gz"))
    assert len(images) == 12
    for path in images:
        scan, label = read_nifti(path), read_nifti(path.parents[1] / "labelsTr" / path.name)
        assert np.array_equal(scan.values, np.asarray(nibabel.load(path).dataobj).swapaxes(0, 2))
        assert scan.values.shape == label.values.shape
        assert np.allclose(scan.affine, label.affine)
        assert set(np.unique(label.values)) == {0, 1, 2}
        voxels = np.argwhere(label.values)[::500]
        assert np.allclose(voxel_to_world(scan.affine, voxels), nifti_world(path, voxels))
