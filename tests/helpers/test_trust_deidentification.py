"""Who is it? Nothing planted is left in any DICOM file at hand, and what an image is stays as it was."""

import copy
import csv
import gzip
import io
import os
import re
import warnings
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
from PIL import Image, ImageDraw, ImageFont
from pydicom.data import get_testdata_file, get_testdata_files
from pydicom.datadict import dictionary_VR, keyword_for_tag
from pydicom.errors import InvalidDicomError
from pydicom.sequence import Sequence
from pydicom.uid import UID

import helpers.trust.deidentification as module
from helpers.trust import deidentify, find_burned_in_text, identifiers_left
from tests.helpers.dicom_files import write_series
from tests.helpers.planting import AFTERNOON, DAY, NAME, NUMBER, PLANTED, ROOT, TEXT, WORD, item, own_identifiers, plant

pytestmark = pytest.mark.filterwarnings("ignore")  # pydicom about what is wrong in its own test files
SALT = b"sixteen or more bytes"
WITH_ALL = {"modified_dates": True, "clean_descriptors": True}
GEOMETRY = (
    "Rows Columns NumberOfFrames PixelSpacing ImagePositionPatient ImageOrientationPatient SliceThickness "
    "SpacingBetweenSlices RescaleSlope RescaleIntercept WindowCenter WindowWidth BitsStored HighBit "
    "PixelRepresentation PhotometricInterpretation SamplesPerPixel PlanarConfiguration Modality SOPClassUID "
    "InstanceNumber"
).split()
FRAMES = ("PixelMeasuresSequence", "PlanePositionSequence", "PlaneOrientationSequence")


NOT_DICOM = {".txt", ".json", ".dump", ".icc", ".py"}


def shipped() -> list[str]:
    """All files that come with pydicom and nibabel and may be DICOM."""
    nibabels = Path(nibabel.__file__).parent.rglob("*.dcm*")
    found = [*get_testdata_files(), *map(str, nibabels)]
    return sorted(path for path in found if not Path(path).is_dir() and Path(path).suffix not in NOT_DICOM)


SHIPPED = shipped()
CT = (
    sorted((Path(os.environ["COURSE_TEST_DATA"]) / "ct_cptac_lscc").glob("*"))
    if "COURSE_TEST_DATA" in os.environ
    else []
)
real_ct = pytest.mark.skipif(
    "COURSE_TEST_DATA" not in os.environ, reason="needs a real CT: set COURSE_TEST_DATA to the folder of real test data"
)


def read(path) -> pydicom.Dataset:
    """Also without a preamble, where it is called .dcm; gz unpacked."""
    data = gzip.decompress(Path(path).read_bytes()) if str(path).endswith(".gz") else Path(path).read_bytes()
    return pydicom.dcmread(io.BytesIO(data), force=".dcm" in Path(path).name)


def saved(dataset) -> tuple[pydicom.Dataset, bytes]:
    """Written, and opened again."""
    stream = io.BytesIO()
    dataset.save_as(stream)
    return pydicom.dcmread(io.BytesIO(stream.getvalue()), force=True), stream.getvalue()


def shipped_file(name: str) -> str:
    return get_testdata_file(name, download=False)


def small() -> pydicom.Dataset:
    return pydicom.dcmread(shipped_file("CT_small.dcm"))


def nothing_left_and_image_as_it_was(path, **options):
    given = read(path)
    # a file from which dates were taken before may have the very dummy
    planted, own = plant(given), own_identifiers(given) - {"19000101"}
    planted_texts = [text for text in PLANTED if text != AFTERNOON or not options]  # times of day stay with moved dates
    result, report = deidentify(planted, salt=SALT, **options)
    again, written = saved(result)
    assert identifiers_left(result, [*planted_texts, *own]) == identifiers_left(again, [*planted_texts, *own]) == []
    assert not [text for text in planted_texts if text.lower().encode() in written.lower()]
    for keyword in GEOMETRY:
        if (Path(path).name, keyword) == ("badVR.dcm", "NumberOfFrames"):
            continue  # "1A", on purpose
        assert again.get(keyword) == given.get(keyword), keyword
    for group in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        for was, now in zip(given.get(group, []), again.get(group, []), strict=True):
            assert all(was.get(keyword) == now.get(keyword) for keyword in FRAMES)
    assert again.get("PixelData") == given.get("PixelData")
    assert again.SOPInstanceUID == again.file_meta.get("MediaStorageSOPInstanceUID", again.SOPInstanceUID)
    assert again.PatientIdentityRemoved == "YES"
    try:
        pixels = given.pixel_array
    except Exception:
        return  # not an image, or packed in a way that nothing installed unpacks: the bytes are the same
    np.testing.assert_array_equal(again.pixel_array, pixels)


@pytest.mark.parametrize("path", SHIPPED, ids=[Path(path).name for path in SHIPPED])
def test_nothing_is_left_in_any_file_that_ships(path):
    try:
        listing = "DirectoryRecordSequence" in read(path)
    except InvalidDicomError:
        assert Path(path).name == "README"
        return
    if listing:
        with pytest.raises(ValueError, match="DICOMDIR"):
            deidentify(read(path), salt=SALT)
        return
    nothing_left_and_image_as_it_was(path)


@pytest.mark.parametrize("path", SHIPPED[::8], ids=[Path(path).name for path in SHIPPED[::8]])
def test_nothing_is_left_with_options(path):
    if "DICOMDIR" not in path and Path(path).name != "README":
        nothing_left_and_image_as_it_was(path, **WITH_ALL)


def test_the_files_that_ship_are_many():
    with warnings.catch_warnings(action="ignore"):
        kinds = {str(read(path).get("Modality")) for path in SHIPPED if Path(path).name != "README"}
    assert len(SHIPPED) > 150
    assert {"CT", "MR", "US", "SR", "RTDOSE", "RTPLAN", "ECG"} <= kinds


@real_ct
@pytest.mark.parametrize("path", CT, ids=[path.name for path in CT])
def test_nothing_is_left_in_a_real_ct(path):
    nothing_left_and_image_as_it_was(path)


@real_ct
def test_a_real_ct_is_still_one_volume(tmp_path):
    from helpers.data.readers import read_dicom

    for path in CT:
        deidentify(pydicom.dcmread(path), salt=SALT, **WITH_ALL)[0].save_as(tmp_path / path.name)
    was, now = read_dicom(CT[0].parent), read_dicom(tmp_path)
    np.testing.assert_array_equal(now.values, was.values)
    np.testing.assert_array_equal(now.affine, was.affine)


# The table

with open(module._TABLE, newline="") as lines:
    TABLE = list(csv.DictReader(lines))


def value_for(vr: str) -> object:
    values = {"DA": DAY, "DT": DAY + "1200", "TM": "154237.118203", "UI": f"{ROOT}.42", "AS": "089Y", "PN": NAME}
    values |= {"OB": TEXT.encode() + b" ", "UN": TEXT.encode() + b" ", "DS": "77410093", "IS": "77410093", "US": 7741}
    values |= {"SQ": [item(PatientName=NAME, TextValue=TEXT)], "AE": WORD, "SH": NUMBER, "CS": WORD.upper()}
    return values.get(vr, TEXT[:60])


@pytest.mark.parametrize("nested", [False, True])
def test_every_row_of_the_table(nested):
    assert len(TABLE) == 652
    for row in TABLE:
        tag = int(row["tag"], 16)
        if tag >> 16 == 2:
            continue  # file meta
        vr = dictionary_VR(tag).split(" or ")[0] if keyword_for_tag(tag) else "LO"
        inner, value = pydicom.Dataset(), value_for(vr)
        inner.add_new(tag, vr, Sequence(value) if vr == "SQ" else value)
        outer = item(DerivationImageSequence=[inner]) if nested else inner
        outer.SOPInstanceUID = outer.get("SOPInstanceUID", "1.2.3")
        result = deidentify(outer, salt=SALT)[0]
        result = result.DerivationImageSequence[0] if nested else result
        action, name = row["basic_profile"], row["keyword"]
        if action == "X":
            assert tag not in result, name
        elif action in ("Z", "X/Z") and name != "PatientID":
            assert result[tag].is_empty, name
        elif action == "U":
            assert str(result[tag].value).startswith("2.25."), name
        else:
            assert not result[tag].is_empty, name
            assert result[tag].value != inner[tag].value, name
        assert identifiers_left(result, [*PLANTED, "77410093"]) == [], name


@pytest.mark.parametrize(
    ("keyword", "action"),
    [
        ("PatientName", "Z"),
        ("StudyDescription", "X"),
        ("SOPInstanceUID", "U"),
        ("ContentSequence", "D"),
        ("AcquisitionDateTime", "X/Z/D"),
        ("SourceImageSequence", "X/Z/U*"),
        ("PatientAge", "X"),
        ("ReferencedFrameOfReferenceUID", "U"),
    ],
)
def test_some_rows_as_the_standard_has_them(keyword, action):
    assert [row["basic_profile"] for row in TABLE if row["keyword"] == keyword] == [action]


def test_beyond_the_table():
    """Of what it does not name: free text and own codes go, what a device did and public codes stay."""
    public = item(CodeValue="T-28000", CodingSchemeDesignator="SRT", CodeMeaning="Lung")
    own = item(CodeValue=NUMBER, CodingSchemeDesignator="99HOME", CodeMeaning=TEXT[:60])
    given = item(Manufacturer="ACME", ConvolutionKernel="B30", SegmentLabel=TEXT[:60], DoseComment=TEXT[:60])
    given.AnatomicRegionSequence, given.BodyPartExamined = [public, own, item(CodeMeaning=TEXT[:60])], "CHEST"
    given.add_new("ViewPosition", "CS", f"as {WORD} said")
    result = deidentify(given, salt=SALT)[0]
    assert (result.Manufacturer, result.ConvolutionKernel, result.BodyPartExamined) == ("ACME", "B30", "CHEST")
    assert result.SegmentLabel == result.DoseComment == result.ViewPosition == "REMOVED"  # type 1 in some objects
    assert result.AnatomicRegionSequence[0] == public
    assert {element.value for kept in result.AnatomicRegionSequence[1:] for element in kept} == {"REMOVED"}


def test_a_report_keeps_its_structure_only():
    result = deidentify(plant(small()), salt=SALT)[0]
    (node,) = result.ContentSequence
    assert (node.ValueType, node.TextValue, node.ContentSequence[0].ValueType) == ("TEXT", "REMOVED", "PNAME")
    assert (node.ContentSequence[0].PersonName, node.ObservationDateTime) == ("REMOVED", "19000101000000")


def test_a_value_that_swallowed_its_neighbours_does_not_stay():
    """A damaged length makes one value of several elements."""
    given = item(PatientName=NAME)
    rest = f"\x10\x00 {WORD}"
    for keyword, vr in [("Manufacturer", "LO"), ("SOPClassUID", "UI"), ("BodyPartExamined", "CS"), ("CodeValue", "SH")]:
        given.add(pydicom.DataElement(keyword, vr, f"1{rest}"))
    given["SliceThickness"] = pydicom.dataelem.RawDataElement(
        pydicom.tag.Tag(0x0018, 0x0050), "DS", 20, b"2.5" + rest.encode(), 0, False, True
    )
    assert identifiers_left(given, [WORD]) != []
    assert identifiers_left(deidentify(given, salt=SALT)[0], [WORD]) == []


@pytest.mark.parametrize("name", ["CT_small.dcm", "test-SR.dcm"])
def test_a_damaged_file_is_cleaned_or_refused(name):
    """Random bytes in the header: nothing but ValueError, and what comes out can be searched."""
    rng, written = np.random.default_rng(0), np.frombuffer(saved(plant(pydicom.dcmread(shipped_file(name))))[1], "u1")
    cleaned = 0
    for _ in range(60):
        damaged = written.copy()
        damaged[rng.integers(132, 8000, rng.integers(1, 30))] = rng.integers(256)
        try:
            dataset = pydicom.dcmread(io.BytesIO(damaged.tobytes()))
        except Exception:
            continue  # for pydicom it is no DICOM
        result, _ = deidentify(dataset, salt=SALT)
        assert "preamble" not in identifiers_left(result, PLANTED)
        cleaned += "PatientName" not in identifiers_left(result, PLANTED)
    assert cleaned > 50


# UIDs


def test_references_between_files_hold(tmp_path):
    given = [pydicom.dcmread(path) for path in write_series(tmp_path)]
    for dataset, other in zip(given, given[1:] + given[:1], strict=True):
        dataset.FrameOfReferenceUID = "1.2.3.4"
        dataset.SourceImageSequence = [
            item(ReferencedSOPClassUID=other.SOPClassUID, ReferencedSOPInstanceUID=other.SOPInstanceUID)
        ]
        dataset.ReferencedSeriesSequence = [item(SeriesInstanceUID=other.SeriesInstanceUID)]
    result = [saved(deidentify(dataset, salt=SALT)[0])[0] for dataset in given]
    assert len({dataset.SOPInstanceUID for dataset in result}) == len(result)
    for was, dataset, other in zip(given, result, result[1:] + result[:1], strict=True):
        (source,) = dataset.SourceImageSequence
        assert source.ReferencedSOPInstanceUID == other.SOPInstanceUID == other.file_meta.MediaStorageSOPInstanceUID
        assert source.ReferencedSOPClassUID == other.SOPClassUID == was.SOPClassUID
        assert dataset.ReferencedSeriesSequence[0].SeriesInstanceUID == dataset.SeriesInstanceUID
        for keyword in ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID"):
            assert dataset[keyword].value != was[keyword].value
            assert re.fullmatch(r"2\.25\.\d{30,39}", dataset[keyword].value)
            assert UID(dataset[keyword].value).is_valid
        assert dataset.FrameOfReferenceUID == result[0].FrameOfReferenceUID
        assert dataset.file_meta.TransferSyntaxUID == was.file_meta.TransferSyntaxUID


def test_who_has_another_salt_gets_others():
    first, second = (deidentify(small(), salt=salt)[0] for salt in (SALT, SALT[::-1]))
    for keyword in ("SOPInstanceUID", "StudyInstanceUID", "PatientID"):
        assert first[keyword].value != second[keyword].value
    assert first.PatientID == deidentify(small(), salt=SALT)[0].PatientID
    assert first.PatientID not in ("", small().PatientID)


def test_uids_of_the_standard_stay():
    talairach = "1.2.840.10008.1.4.1.1"
    given = item(FrameOfReferenceUID=talairach, SOPClassUID="1.3.12.2.1107.5.9.1", StudyInstanceUID="1.2.840.10008.77")
    result = deidentify(given, salt=SALT)[0]
    assert (result.FrameOfReferenceUID, result.SOPClassUID) == (talairach, "1.3.12.2.1107.5.9.1")
    assert result.StudyInstanceUID.startswith("2.25.")


# Dates


def dated(patient: str, study: str, series: str) -> pydicom.Dataset:
    return item(
        PatientID=patient, StudyDate=study, SeriesDate=series, StudyTime="101530", PatientBirthDate=DAY,
        AcquisitionDateTime=f"{study}101530.5+0100", SecondaryReviewDate=series, DateOfLastCalibration=[study, series],
        RadiopharmaceuticalInformationSequence=[item(RadiopharmaceuticalStartDateTime=study[:6])],
    )  # fmt: skip


def test_modified_dates_keep_the_distance():
    def days(text):
        return np.datetime64(f"{text[:4]}-{text[4:6]}-{text[6:8]}")

    one, later, other = (
        deidentify(dated(*given), salt=SALT, modified_dates=True)[0]
        for given in [("A", "20200227", "20200302"), ("A ", "20210101", "20210101"), ("B", "20200227", "20200302")]
    )
    moved = days("20200227") - days(one.StudyDate)
    assert 1 <= moved.astype(int) <= 3650
    assert days(one.SeriesDate) - days(one.StudyDate) == np.timedelta64(4, "D")  # a leap year
    assert days("20210101") - days(later.StudyDate) == moved
    assert days("20200227") - days(other.StudyDate) != moved
    assert one.AcquisitionDateTime == f"{one.StudyDate}101530.5+0100"
    assert list(one.DateOfLastCalibration) == [one.StudyDate, one.SeriesDate]
    assert one.SecondaryReviewDate == one.SeriesDate
    assert len(one.RadiopharmaceuticalInformationSequence[0].RadiopharmaceuticalStartDateTime) == 6
    assert (one.StudyTime, one.PatientBirthDate) == ("101530", "")
    assert one.LongitudinalTemporalInformationModified == "MODIFIED"


def test_without_it_there_are_no_dates():
    result, _ = deidentify(dated("A", "20200227", "20200302"), salt=SALT)
    assert (result.StudyDate, result.StudyTime, result.SecondaryReviewDate) == ("", "", "19000101")
    assert identifiers_left(result, ["202002", "101530", "20200302"]) == []
    assert result.LongitudinalTemporalInformationModified == "REMOVED"


@pytest.mark.parametrize("wrong", ["20201340", "00010101", "1994.11.04", "someday"])
def test_a_date_that_is_none_goes(wrong):
    given = item(PatientID="A")
    given.add_new("StudyDate", "DA", wrong)
    result = deidentify(given, salt=SALT, modified_dates=True)[0]
    assert identifiers_left(result, [wrong]) == []


# Descriptions


def test_descriptions_keep_words_of_the_list_alone():
    given = item(
        SeriesDescription=f"Chest ax. {WORD} 5mm", StudyDescription=WORD, ImageComments="CT\nof Zwetschgenbaum"
    )
    given.RequestAttributesSequence = [item(ScheduledProcedureStepDescription=f"CT Thorax {WORD}")]
    given.SegmentLabel, given.PatientName = "left lung 3", "Left^Lung"
    result = deidentify(given, salt=SALT, clean_descriptors=True)[0]
    assert (result.SeriesDescription, result.ImageComments, result.SegmentLabel) == ("Chest ax", "CT of", "left lung")
    assert "StudyDescription" not in result
    assert result.RequestAttributesSequence[0].ScheduledProcedureStepDescription == "CT Thorax"
    assert result.PatientName == ""
    without = deidentify(given, salt=SALT)[0]
    assert {"SeriesDescription", "ImageComments", "RequestAttributesSequence"} & set(without.dir()) == set()


# What is set, what is reported


@pytest.mark.parametrize(
    ("options", "codes"),
    [
        ({}, ["113100"]),
        ({"clean_pixels": [(0, 0, 4, 4)]}, ["113100", "113101"]),
        (WITH_ALL, ["113100", "113105", "113107"]),
    ],
)
def test_what_was_done_stands_in_the_file(options, codes):
    result = saved(deidentify(small(), salt=SALT, **options)[0])[0]
    method = result.DeidentificationMethodCodeSequence
    assert [code.CodeValue for code in method] == codes
    assert {code.CodingSchemeDesignator for code in method} == {"DCM"}
    names = result.DeidentificationMethod
    assert [code.CodeMeaning for code in method] == ([names] if isinstance(names, str) else list(names))
    assert result.get("BurnedInAnnotation") == ("NO" if "clean_pixels" in options else None)


def test_the_report_says_where_but_not_what():
    _, report = deidentify(plant(small()), salt=SALT)
    for row in [
        ("PatientName", "Z", "name of a person"),
        ("StudyDate", "Z", "date or time"),
        ("StudyDescription", "X", "text"),
        ("(0029,1101)", "X", "private"),
        ("ReferencedImageSequence[0].ReferencedSOPInstanceUID", "U", "UID"),
        ("ReferencedImageSequence[0].(0029,1001)", "X", "private"),
        ("RequestAttributesSequence", "X", "sequence"),
        ("file_meta.SourceApplicationEntityTitle", "X", "text"),
        ("SourceSequence[0].ReferencedRawDataSequence[0].FrameContentSequence[0].FrameComments", "X", "text"),
    ]:
        assert row in report
    assert not {"Rows", "PixelData", "PixelSpacing"} & {path for path, *_ in report}
    told = repr(report).casefold()
    assert not [text for text in PLANTED if text.casefold() in told]


def test_burned_in_text_that_stays_is_told():
    given = small()
    given.BurnedInAnnotation = "YES"
    assert ("PixelData", "K", "burned-in text") in deidentify(given, salt=SALT)[1]
    assert ("PixelData", "K", "burned-in text") not in deidentify(small(), salt=SALT)[1]


def test_the_given_dataset_stays_as_it_was():
    given = plant(small())
    before, written = copy.deepcopy(given), saved(given)[1]
    result, _ = deidentify(given, salt=SALT, clean_pixels=[(0, 0, 9, 9)], **WITH_ALL)
    result.PixelSpacing[0], result.ReferencedImageSequence[0].ReferencedSOPClassUID = 99, "1.2"
    assert given == before
    assert saved(given)[1] == written


@pytest.mark.parametrize("salt", [b"", b"fifteen bytes..", "a string of sixteen or more", None])
def test_a_salt_that_is_none(salt):
    with pytest.raises(ValueError, match="16 bytes"):
        deidentify(small(), salt=salt)


def test_what_is_no_dataset():
    with pytest.raises(ValueError, match="got .*str"):
        deidentify("file.dcm", salt=SALT)


# Pixels

BOXES = [(2, 3, 5, 7), (20, 0, 1, 4)]


def image(kind: str, shape: tuple, planar: int = 0, bits: int = 8) -> pydicom.Dataset:
    """Values 1 to 200 of (frames, rows, columns, samples)."""
    pixels = np.random.default_rng(0).integers(1, 200, shape).astype(f"<u{bits // 8}")
    made = small()
    made.NumberOfFrames, made.Rows, made.Columns, made.SamplesPerPixel = shape
    made.PhotometricInterpretation, made.PlanarConfiguration, made.PixelRepresentation = kind, planar, 0
    made.BitsAllocated = made.BitsStored = bits
    made.HighBit = bits - 1
    made.PixelData = np.moveaxis(pixels, -1, 1).tobytes() if planar else pixels.tobytes()
    return made


@pytest.mark.parametrize(
    ("kind", "samples", "planar", "bits", "darkest"),
    [
        ("MONOCHROME2", 1, 0, 8, 1),
        ("MONOCHROME2", 1, 0, 16, 1),
        ("MONOCHROME1", 1, 0, 16, 199),
        ("RGB", 3, 0, 8, 0),
        ("RGB", 3, 1, 8, 0),
        ("YBR_FULL", 3, 1, 8, (0, 128, 128)),
    ],
)
def test_boxes_are_dark_on_every_frame_and_nothing_else_is(kind, samples, planar, bits, darkest):
    given = image(kind, (3, 22, 31, samples), planar, bits)
    result, report = deidentify(given, salt=SALT, clean_pixels=BOXES)
    raw = {"raw": True}  # as stored, YBR not made RGB
    was, now = (pydicom.pixels.pixel_array(saved_to(ds), **raw).reshape(3, 22, 31, samples) for ds in (given, result))
    inside = np.zeros((22, 31), bool)
    for row, column, height, width in BOXES:
        inside[row : row + height, column : column + width] = True
    np.testing.assert_array_equal(now[:, ~inside], was[:, ~inside])
    assert (now[:, inside] == np.array(darkest)).all()
    assert ("PixelData", "C", "pixels") in report


def saved_to(dataset) -> io.BytesIO:
    stream = io.BytesIO()
    dataset.save_as(stream)
    stream.seek(0)
    return stream


@pytest.mark.parametrize("box", [(-1, 0, 4, 4), (0, 0, 0, 4), (120, 0, 9, 4), (0, 125, 4, 4)])
def test_a_box_outside_the_image(box):
    with pytest.raises(ValueError, match=r"within 128 x 128 pixels, got \("):
        deidentify(small(), salt=SALT, clean_pixels=[box])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("JPEG2000.dcm", "uncompressed"),
        ("examples_palette.dcm", "PALETTE COLOR"),
        ("MR_small_bigendian.dcm", "Big Endian"),
        ("liver_1frame.dcm", "8, 16 or 32 bits"),
        ("test-SR.dcm", "PixelData"),
        ("SC_ybr_full_422_uncompressed.dcm", "YBR_FULL_422"),
    ],
)
def test_pixels_that_cannot_be_cleaned(name, message):
    with pytest.raises(ValueError, match=message):
        deidentify(pydicom.dcmread(shipped_file(name)), salt=SALT, clean_pixels=[(0, 0, 4, 4)])


def test_an_overlay_hidden_in_unused_bits_goes():
    given = image("MONOCHROME2", (1, 20, 20, 1), bits=16)
    given.BitsStored, given.HighBit = 12, 11
    given.PixelData = (np.frombuffer(given.PixelData, "<u2") | 0x4000).tobytes()
    shown = np.frombuffer(given.PixelData, "<u2") & 0xFFF
    given.add_new((0x6000, 0x0010), "US", 20)
    given.add_new((0x6000, 0x0102), "US", 14)
    result, report = deidentify(given, salt=SALT)
    np.testing.assert_array_equal(np.frombuffer(result.PixelData, "<u2"), shown)
    assert ("PixelData", "C", "overlay") in report


# Burned-in text


def noise(seed: int = 0) -> np.ndarray:
    """A smooth bright blob on a dark, noisy ground."""
    rows, columns = np.mgrid[:300, :400]
    blob = 150 * np.exp(-((rows - 150) ** 2 + (columns - 200) ** 2) / 6000)
    return np.clip(blob + np.random.default_rng(seed).normal(30, 8, blob.shape), 0, 255)


@pytest.mark.parametrize("size", [11, 14, 24])
@pytest.mark.parametrize("stored", ["grey", "colour", "HU"])
def test_burned_in_text_is_found_and_masked(size, stored):
    picture, letters = Image.fromarray(noise().astype(np.uint8)), Image.new("L", (400, 300))
    for page in (picture, letters):
        draw, font = ImageDraw.Draw(page), ImageFont.load_default(size)
        draw.text((8, 10), "DOE JANE 12.03.1957", fill=255, font=font)
        draw.text((180, 265), "MRN 77410093", fill=255, font=font)
    pixels = np.asarray(picture)
    pixels = {"grey": pixels, "colour": np.stack([pixels] * 3, -1), "HU": pixels.astype(np.int16) * 8 - 1024}[stored]
    boxes, covered = find_burned_in_text(pixels), np.zeros((300, 400), bool)
    for row, column, height, width in boxes:
        covered[row : row + height, column : column + width] = True
    assert covered[np.asarray(letters) > 128].mean() > 0.95
    assert covered.mean() < 0.2
    assert not covered[60:250].any()
    pixels = pixels.mean(-1) if stored == "colour" else pixels
    assert find_burned_in_text(np.where(covered, pixels.min(), pixels)) == []


@pytest.mark.parametrize("seed", range(5))
def test_no_text_where_there_is_none(seed):
    assert find_burned_in_text(noise(seed)) == []
    assert find_burned_in_text(np.full((40, 50), 7)) == []


@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small.dcm", "rtdose.dcm"])
def test_no_text_in_real_images_without(name):
    pixels = pydicom.dcmread(shipped_file(name)).pixel_array
    assert find_burned_in_text(pixels if pixels.ndim == 2 else pixels[0]) == []


@real_ct
def test_no_text_in_a_real_ct():
    assert [find_burned_in_text(pydicom.dcmread(path).pixel_array) for path in CT] == [[]] * len(CT)


def test_text_in_a_real_ultrasound():
    pixels = pydicom.dcmread(shipped_file("examples_rgb_color.dcm")).pixel_array
    assert len(find_burned_in_text(pixels)) >= 3


@pytest.mark.parametrize("shape", [(4,), (2, 4, 4), (4, 4, 4), (2, 4, 4, 3)])
def test_one_image_at_a_time(shape):
    with pytest.raises(ValueError, match="got shape"):
        find_burned_in_text(np.zeros(shape))


# The judge


def test_the_judge_finds_all_that_was_planted():
    given = plant(small())
    clean = deidentify(small(), salt=SALT)[0]
    clean.file_meta.SourceApplicationEntityTitle = "X"
    assert len(identifiers_left(given, PLANTED)) > 140
    assert {
        "preamble",
        "file_meta.PrivateInformation",
        "OverlayData",
        "(0020,eeee)",
        "(0029,1105)[0].PatientName",
    } <= set(identifiers_left(given, PLANTED))
    assert identifiers_left(clean, PLANTED) == []


@pytest.mark.parametrize(
    "value", [b"..hElga Mu", "hélga müller".encode("latin-1"), "HÉLGA MÜLLER".encode(), "Hélga Müller".encode("utf-16")]
)
def test_the_judge_reads_bytes(value):
    given = item()
    given.add_new((0x0029, 0x1001), "UN", b"\1\0" + value)
    assert identifiers_left(given, ["Helga mu", "hélga Müller"]) == ["(0029,1001)"]
    assert identifiers_left(given, ["Helga X"]) == []


def test_the_judge_reads_names_in_a_row_and_every_value():
    given = item(PatientName="DOE^JANE", OtherPatientIDs=["A", "0815-4711"], PatientWeight="70.25")
    assert identifiers_left(given, ["doe jane"]) == ["PatientName"]
    assert set(identifiers_left(given, ["0815-4711", "70.25"])) == {"OtherPatientIDs", "PatientWeight"}


@pytest.mark.parametrize("planted", [[], [""], ["a", ""], "one string"])
def test_the_judge_needs_something_to_look_for(planted):
    with pytest.raises(ValueError, match="list of strings"):
        identifiers_left(small(), planted)
