"""Who is it? DICOM without the patient: the Basic Application Level Confidentiality Profile of DICOM PS3.15, Annex E.

`confidentiality.csv` is table E.1-1 of the standard (basic profile: 2026c; Clean Descriptors Option: September 2024,
what came later is removed): what to do with each attribute that may say who someone is. Action D: a dummy. Z: empty.
X: removed. U: another UID, the same one wherever the old one stood. Where the table leaves the choice to what kind of
object it is (X/Z/D), the one that leaves every kind valid is taken. Sequences that stay are cleaned within. What else
could say a name goes beyond the table: see `deidentify`.
"""

import copy
import csv
import datetime
import functools
import hmac
import re
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from pydicom import Dataset
from pydicom.datadict import dictionary_VR, keyword_for_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.tag import BaseTag
from pydicom.uid import UID_dictionary

_TABLE = Path(__file__).with_name("confidentiality.csv")
_TEXT = {"PN", "LO", "SH", "LT", "ST", "UT", "UC", "UR", "AE", "AS"}
_WHEN = {"DA", "DT", "TM"}
# Text that is neither in the table nor free: it says what a device did
_KEPT = set(
    "Manufacturer ManufacturerModelName SoftwareVersions SecondaryCaptureDeviceManufacturer DetectorManufacturerName "
    "DetectorManufacturerModelName SequenceName PulseSequenceName ImagedNucleus FilterType ConvolutionKernel "
    "ReceiveCoilName TransmitCoilName MultiCoilElementName AcquisitionMode ContrastBolusRoute Radionuclide "
    "Radiopharmaceutical RescaleType ModalityLUTType StackID TransducerData MIMETypeOfEncapsulatedDocument "
    "AttenuationCorrectionMethod ReconstructionMethod ScatterCorrectionMethod CodingSchemeVersion".split()
)
_KEPT_BYTES = {"PixelData", "ICCProfile", "WaveformData"}
# Codes of these are public words; a scheme of a hospital's own may say anything
_SCHEMES = set("DCM SCT SRT SNM3 99SDM LN UCUM RADLEX FMA MDC NCIt UMLS I10 I9C RXNORM BI ACR C4 UBERON".split())
_DUMMY = {"AS": "000Y", "UR": "http://removed.invalid", "DA": "19000101", "DT": "19000101000000", "TM": "000000"}
_DUMMY |= {"OB": b"\0\0", "OW": b"\0\0", "UN": b"\0\0", "OF": bytes(4), "OL": bytes(4), "OD": bytes(8), "OV": bytes(8)}
_DUMMY |= dict.fromkeys(("IS", "DS"), "0") | dict.fromkeys(("US", "SS", "UL", "SL", "FL", "FD", "AT", "UV", "SV"), 0)
_KIND = {"PN": "name of a person", "UI": "UID", "SQ": "sequence"}
_KIND |= dict.fromkeys(_TEXT - {"PN"} | {"CS"}, "text") | dict.fromkeys(_WHEN, "date or time")
_METHODS = {  # DICOM PS3.16, CID 7050
    "113100": "Basic Application Confidentiality Profile",
    "113101": "Clean Pixel Data Option",
    "113105": "Clean Descriptors Option",
    "113107": "Retain Longitudinal Temporal Information Modified Dates Option",
}
_STRUCTURE = {"ValueType", "RelationshipType", "ContinuityOfContent", "GraphicType", "GraphicAnnotationUnits"}
_DATES = {"DA": r"\d{8}", "DT": r"(\d{4}|\d{6}|\d{8}(\d{2}){0,3}(\.\d{1,6})?)([+-]\d{4})?", "TM": r"[\d.]{2,13}"}
# What a value that stays must look like. In a damaged file any may have swallowed its neighbours
_VALID = {"CS": r"[A-Z0-9_ ]{0,16}", "UI": r"[0-9.]{0,64}", "IS": r"[-+0-9 ]{0,12}", "DS": r"[-+0-9.eE ]{0,16}"}
_VALID |= dict.fromkeys(_TEXT, r"[^\x00-\x1f\x7f]{0,64}")
_NOT_MOVED = {"PatientBirthDate", "PatientBirthTime", "GPSTimeStamp"}
# What a description may say; any other word is dropped
_WORDS = set(Path(__file__).with_name("description_words.txt").read_text(encoding="ascii").split())

Row = tuple[str, str, str]


@functools.cache
def _table() -> dict[int, tuple[str, bool]]:
    """Tag -> action of the basic profile (D, Z, X or U), and whether the Clean Descriptors Option may keep words."""
    valid = {"Z/D": "D", "X/Z": "Z", "X/D": "D", "X/Z/D": "D", "X/Z/U*": "K"}  # K: a sequence, cleaned within
    with open(_TABLE, encoding="ascii", newline="") as lines:
        rows = list(csv.DictReader(lines))
    return {
        int(row["tag"], 16): (valid.get(row["basic_profile"], row["basic_profile"]), row["clean_descriptors"] == "C")
        for row in rows
    }


def deidentify(
    dataset: Dataset,
    *,
    salt: bytes,
    modified_dates: bool = False,
    clean_pixels: Sequence[tuple[int, int, int, int]] = (),
    clean_descriptors: bool = False,
) -> tuple[Dataset, list[Row]]:
    """A copy of one DICOM object after the Basic Application Level Confidentiality Profile, and what was done.

    Beyond the table go: private elements; curves and overlays (groups 50xx and 60xx); elements that the dictionary of
    pydicom does not know or that cannot be read; of all else, free text, names, dates and bytes that are not on a short
    list of technical ones; codes of a scheme that is not public; codes, numbers and UIDs that do not look like it; the
    preamble; of the file meta, all but class, instance and transfer syntax. PatientID becomes a pseudonym, so that
    images of one patient still belong together. Set are PatientIdentityRemoved, DeidentificationMethod with its codes
    and LongitudinalTemporalInformationModified.

    What stays: pixels, geometry, numbers, manufacturer and model, the order of images. A face can be rendered from a
    head scan, text can be burned into pixels, and a rare image is known by who has seen it. A structured report
    loses its content: keeping some is another option (Clean Structured Content), which is not here.

    Parameters
    ----------
    dataset : as `pydicom.dcmread` gives it; it stays as it was
    salt : secret of 16 bytes or more, the same for all files that belong together; who has it can look for a patient
        by trying numbers. Throw it away when all is done
    modified_dates : Retain Longitudinal Temporal Information with Modified Dates: all dates of a patient are moved back
        by the same 1 to 3650 days, times of day stay; a date of birth does not. Without: no dates
    clean_pixels : boxes (row, column, height, width) in pixels, filled with the darkest value on every frame
    clean_descriptors : Clean Descriptors: descriptions keep their words of a list of 150 such as CT or CHEST, and lose
        the others; without: no descriptions

    Returns
    -------
    dataset, report : of what was changed, rows (path, action, kind) without values: ("StudyDate", "Z", "date or time").
        Actions D, Z, X and U as above, C: cleaned. One row tells of a thing kept: ("PixelData", "K", "burned-in text"),
        where BurnedInAnnotation says that there is some and no box was given

    Raises
    ------
    ValueError : a short salt; no dataset, or a DICOMDIR; boxes outside the image; boxes, or an old overlay in unused
        bits of the pixels, where pixels are compressed, big-endian, packed or in a palette

    References
    ----------
    DICOM PS3.15, E.1 to E.3; PS3.16, CID 7050
    """
    if not isinstance(salt, bytes) or len(salt) < 16:
        got = f"{len(salt)} bytes" if isinstance(salt, bytes) else type(salt).__name__
        raise ValueError(f"expected a salt of 16 bytes or more, such as secrets.token_bytes(16), got {got}")
    if not isinstance(dataset, Dataset) or "DirectoryRecordSequence" in dataset:
        got = "a DICOMDIR: make a new one from the files made here" if isinstance(dataset, Dataset) else type(dataset)
        raise ValueError(f"expected a dataset that is an image, a report or the like, got {got}")
    meta = getattr(dataset, "file_meta", None)
    cleaner = _Cleaner(salt, modified_dates, clean_descriptors, _patient(dataset))
    result = cleaner.cleaned(dataset, "")
    implicit, little = dataset.original_encoding
    result.set_original_encoding(implicit, little, dataset.original_character_set)
    if meta is not None:
        result.file_meta = cleaner.cleaned_meta(meta)
        if "SOPInstanceUID" in result:
            result.file_meta.MediaStorageSOPInstanceUID = result.SOPInstanceUID
        result.preamble = bytes(128)
    _clear_hidden_overlays(dataset, result, cleaner.report)
    if clean_pixels:
        _fill(result, clean_pixels)
        result.BurnedInAnnotation = "NO"
        cleaner.report.append(("PixelData", "C", "pixels"))
    elif result.get("BurnedInAnnotation") == "YES":
        cleaner.report.append(("PixelData", "K", "burned-in text"))
    codes = ["113100"]
    codes += ["113101"] * bool(clean_pixels) + ["113105"] * clean_descriptors + ["113107"] * modified_dates
    result.PatientIdentityRemoved = "YES"
    result.DeidentificationMethod = [_METHODS[code] for code in codes]
    result.DeidentificationMethodCodeSequence = Items([_code(code) for code in codes])
    result.LongitudinalTemporalInformationModified = "MODIFIED" if modified_dates else "REMOVED"
    return result, cleaner.report


class _Cleaner:
    """The rules with one salt, one patient and the chosen options, and the report as it grows."""

    def __init__(self, salt: bytes, modified_dates: bool, clean_descriptors: bool, patient: str):
        self.salt, self.modified_dates, self.clean_descriptors = salt, modified_dates, clean_descriptors
        self.days = 1 + int.from_bytes(self.keyed("days", patient)) % 3650
        self.report: list[Row] = []

    def keyed(self, purpose: str, value: str) -> bytes:
        return hmac.digest(self.salt, f"{purpose}\0{value}".encode(), "sha256")

    def new_uid(self, uid: str) -> str:
        """The same UID for the same one; UIDs of the standard itself stay."""
        uid = uid.strip(" \0")
        if uid in UID_dictionary or not uid:
            return uid
        return f"2.25.{uuid.UUID(bytes=self.keyed('uid', uid)[:16], version=4).int}"

    def cleaned(self, dataset: Dataset, place: str) -> Dataset:
        result = Dataset()
        for tag in dataset.keys():
            path = _path(tag, place)
            try:
                element = dataset[tag]
                action, value = self.decide(element, path, dataset)
            except Exception:  # whatever pydicom stumbles over, in a file of anyone's make
                self.report.append((path, "X", "unreadable"))
                continue
            if action != "K":
                kind = "private" if tag.is_private else _KIND.get(element.VR, "data")
                self.report.append((path, action, kind))
            if action != "X":
                new = copy.deepcopy(element) if value is element.value else DataElement(tag, element.VR, value)
                result.add(new)
        return result

    def decide(self, element: DataElement, path: str, dataset: Dataset) -> tuple[str, object]:
        """What is done with an element, and its value afterwards; "K" for what stays as it was."""
        tag, keyword, value = element.tag, _keyword(element.tag), element.value
        vrs = {element.VR, *(dictionary_VR(tag).split(" or ") if keyword else ())}
        action, is_descriptor = _table().get(int(tag), (None, False))
        if tag.is_private or tag.group >> 8 in (0x50, 0x60) or tag.group == 2 or tag.element == 0:
            return "X", None
        if action is None:
            action, is_descriptor = self.beyond_the_table(element, keyword, vrs, dataset), True
        if action == "K" and element.VR == "SQ":
            return "K", Items([self.cleaned(item, f"{path}[{k}].") for k, item in enumerate(value)])
        if action == "K" or element.is_empty:
            return ("X", None) if action == "X" else ("K", value)
        if keyword == "PatientID":
            return "D", f"P{self.keyed('patient', str(value).strip()).hex()[:12]}"
        if self.modified_dates and vrs & _WHEN and keyword not in _NOT_MOVED:
            moved = [_moved(str(one), element.VR, self.days) for one in _each(element)]
            if all(moved):
                return "C", moved if len(moved) > 1 else moved[0]
        if self.clean_descriptors and is_descriptor:
            if element.VR == "SQ":
                return "C", Items([self.cleaned(item, f"{path}[{k}].") for k, item in enumerate(value)])
            words = [word for word in re.findall(r"\w+", str(value)) if word.lower() in _WORDS]
            if words and vrs & _TEXT and "PN" not in vrs:
                return "C", " ".join(words)[: 16 if element.VR == "SH" else 64].strip()
        if action == "U":
            new = [self.new_uid(str(one)) for one in _each(element)]
            same = new == [str(one) for one in _each(element)]
            return ("K", value) if same else ("U", new if len(new) > 1 else new[0])
        if action == "D":
            return "D", self.dummy(element)
        return action, element.empty_value

    def beyond_the_table(self, element: DataElement, keyword: str, vrs: set[str], dataset: Dataset) -> str:
        """Whether something that the table does not name may stay."""
        if not keyword or element.VR == "UN":
            return "X"
        if keyword in ("CodeValue", "LongCodeValue", "CodeMeaning", "CodingSchemeDesignator"):
            public = str(dataset.get("CodingSchemeDesignator")).strip() in _SCHEMES
            return "K" if public and _is_valid(element) else "D"
        if vrs & (_TEXT | _WHEN):
            return "K" if keyword in _KEPT and _is_valid(element) else "D"
        if "UI" in vrs:
            return "K" if ("Class" in keyword or "TransferSyntax" in keyword) and _is_valid(element) else "U"
        if keyword != "SpecificCharacterSet" and not _is_valid(element):
            return "D" if "CS" in vrs else "X"
        if element.VR == "OB" and keyword not in _KEPT_BYTES and element.tag.group != 0x7FE0:
            return "X"
        return "K"

    def dummy(self, element: DataElement) -> object:
        """A value that is valid and says nothing; of a sequence, its first item full of such values."""
        if element.VR == "SQ":
            item = Dataset()
            for inner in element.value[0]:
                known = _keyword(inner.tag) and not inner.is_private and inner.VR != "UN"
                if known and not inner.is_empty:
                    item.add_new(inner.tag, inner.VR, self.dummy(inner))
            return Items([item])
        if _keyword(element.tag) in _STRUCTURE and _is_valid(element):
            return element.value
        if element.VR == "UI":
            return [self.new_uid(str(one)) for one in _each(element)]
        return _DUMMY.get(element.VR, "REMOVED")

    def cleaned_meta(self, meta: Dataset) -> FileMetaDataset:
        result = FileMetaDataset()
        for tag in meta.keys():
            path = _path(tag, "file_meta.")
            try:
                element = meta[tag]
            except Exception:  # as in `cleaned`
                self.report.append((path, "X", "unreadable"))
                continue
            keyword = _keyword(tag)
            if keyword in ("MediaStorageSOPClassUID", "TransferSyntaxUID") and _is_valid(element):
                result.add(copy.deepcopy(element))
            elif keyword == "MediaStorageSOPInstanceUID":
                result.MediaStorageSOPInstanceUID = self.new_uid(str(element.value))
                self.report.append((path, "U", "UID"))
            elif keyword not in ("FileMetaInformationGroupLength", "FileMetaInformationVersion"):
                self.report.append((path, "X", _KIND.get(element.VR, "data")))
        return result


def _patient(dataset: Dataset) -> str:
    """What stands for the patient when dates are moved; without number and name, the study."""
    for keyword in ("PatientID", "PatientName", "StudyInstanceUID"):
        try:
            value = str(dataset.get(keyword) or "").strip()
        except Exception:  # as in `cleaned`
            continue
        if value:
            return f"{keyword} {value}"
    return ""


def _keyword(tag: BaseTag) -> str:
    return "" if tag.is_private else keyword_for_tag(tag)


def _path(tag: BaseTag, place: str) -> str:
    return place + (_keyword(tag) or f"({tag.group:04x},{tag.element:04x})")


def _each(element: DataElement) -> Sequence:
    return element.value if element.VM > 1 else [element.value]


def _is_valid(element: DataElement) -> bool:
    """Whether all values look as their kind must; what has no rule does."""
    rule = _VALID.get(element.VR)
    return rule is None or all(re.fullmatch(rule, str(one)) for one in _each(element))


def _moved(value: str, vr: str, days: int) -> str | None:
    """A date or a date with time some days earlier, as exact as it was; a time as it is; None for what is no such."""
    value = value.strip()
    if not re.fullmatch(_DATES[vr], value):
        return None
    if vr == "TM":
        return value
    digits = re.match(r"\d{4,8}", value).group()
    try:
        day = datetime.datetime.strptime((digits + "0101")[:8] if len(digits) == 4 else (digits + "01")[:8], "%Y%m%d")
        earlier = day - datetime.timedelta(days=days)
    except (ValueError, OverflowError):
        return None
    return f"{earlier:%Y%m%d}".rjust(8, "0")[: len(digits)] + value[len(digits) :]


def _code(value: str) -> Dataset:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, "DCM", _METHODS[value]
    return code


# Pixels


def _stored(dataset: Dataset, what_for: str) -> tuple[np.ndarray, np.ndarray]:
    """A copy of the pixels as they are stored, and a view of it: (frames, rows, columns, samples)."""
    syntax = (getattr(dataset, "file_meta", None) or {}).get("TransferSyntaxUID")
    if "PixelData" not in dataset or dataset.get("BitsAllocated") not in (8, 16, 32):
        raise ValueError(f"expected PixelData of 8, 16 or 32 bits {what_for}, got none or another kind")
    if syntax and (syntax.is_encapsulated or not syntax.is_little_endian):
        raise ValueError(f"expected uncompressed, little-endian pixels {what_for}, got {syntax.name}; decompress first")
    if "42" in dataset.PhotometricInterpretation:  # YBR_FULL_422: two pixels share a colour
        raise ValueError(f"expected whole pixels {what_for}, got {dataset.PhotometricInterpretation}")
    frames, samples = int(dataset.get("NumberOfFrames") or 1), dataset.get("SamplesPerPixel", 1)
    plane = (dataset.Rows, dataset.Columns)
    kind = f"<{'i' if dataset.get('PixelRepresentation') else 'u'}{dataset.BitsAllocated // 8}"
    size = frames * samples * plane[0] * plane[1]
    if len(dataset.PixelData) < size * dataset.BitsAllocated // 8:
        raise ValueError(f"expected {size} values of pixels {what_for}, got {len(dataset.PixelData)} bytes")
    pixels = np.frombuffer(dataset.PixelData, kind, count=size).copy()
    if samples > 1 and dataset.get("PlanarConfiguration") == 1:
        return pixels, np.moveaxis(pixels.reshape(frames, samples, *plane), 1, -1)
    return pixels, pixels.reshape(frames, *plane, samples)


def _store(dataset: Dataset, pixels: np.ndarray) -> None:
    dataset["PixelData"].value = pixels.tobytes() + dataset.PixelData[pixels.nbytes :]


def _fill(dataset: Dataset, boxes: Sequence[tuple[int, int, int, int]]) -> None:
    """The darkest value into each box (row, column, height, width) of every frame."""
    pixels, images = _stored(dataset, "to clean")
    kind, (rows, columns) = dataset.PhotometricInterpretation, images.shape[1:3]
    darkest = {"MONOCHROME1": pixels.max(), "MONOCHROME2": pixels.min(), "RGB": 0, "YBR_FULL": (0, 128, 128)}.get(kind)
    if darkest is None:
        raise ValueError(f"expected grey, RGB or YBR_FULL pixels to clean, got {kind}")
    for row, column, height, width in boxes:
        if not (0 <= row < row + height <= rows and 0 <= column < column + width <= columns):
            box = (row, column, height, width)
            raise ValueError(f"expected boxes (row, column, height, width) within {rows} x {columns} pixels, got {box}")
        images[:, row : row + height, column : column + width] = darkest
    _store(dataset, pixels)


def _clear_hidden_overlays(given: Dataset, result: Dataset, report: list[Row]) -> None:
    """Old files keep overlays in bits of the pixels that the image does not use: those bits to 0."""
    hidden = [g for g in range(0x6000, 0x6020, 2) if (g, 0x0010) in given and (g, 0x3000) not in given]
    if not hidden or "PixelData" not in result:
        return
    pixels, _ = _stored(result, "to clear of the overlays within them")
    if pixels.dtype.kind == "i":
        raise ValueError("expected unsigned pixels to clear of the overlays within them, got signed ones")
    pixels &= pixels.dtype.type(((1 << result.BitsStored) - 1) << (result.HighBit + 1 - result.BitsStored))
    _store(result, pixels)
    report.append(("PixelData", "C", "overlay"))


def find_burned_in_text(image: np.ndarray) -> list[tuple[int, int, int, int]]:
    """Boxes (row, column, height, width) around what looks like burned-in white text.

    Text is in the upper quarter of the image's range, or joined to what is; it stands out by 0.3 of the range (what is
    joined, by 0.2) from all that is 7 pixels wide or more; and it comes in rows: components of 5 to 40 pixels in
    height, three or more side by side on one base line.

    image : (H, W), or (H, W, 3) in colour; larger is brighter

    It misses: grey text and black, text on a bright ground, strokes of 7 pixels and more, letters below 5 or above 40
    pixels, one or two letters alone, upright and slanting rows, handwriting that runs together. It takes some noise and
    some edges of bone for text. White text on a dark ground is found whole. On six slices of a chest CT, with text at
    top left and at bottom left, partly over the skin, half of its pixels were found (51 % in a window of 400 HU, 47 %
    in one of 1500 HU around the lung), text over the organs not at all, and in 400 HU there was a false box in every
    second slice. Look at the boxes, and at the image, before you clean.

    A ValueError for another shape.
    """
    from scipy.ndimage import binary_propagation, find_objects, label, white_tophat

    image = np.asarray(image, float)
    if image.ndim == 3 and image.shape[-1] == 3:
        image = image.mean(axis=-1)
    if image.ndim != 2:
        raise ValueError(f"expected an image (H, W) or (H, W, 3), got shape {image.shape}; give one frame at a time")
    span = np.ptp(image)
    if span == 0:
        return []
    thin = white_tophat(image, size=(7, 7)) / span
    white = (thin > 0.3) & (image > image.max() - 0.25 * span)
    strokes = binary_propagation(white, np.ones((3, 3)), (thin > 0.2) & (image > image.max() - 0.5 * span))
    letters = []
    for rows, columns in find_objects(label(strokes, np.ones((3, 3)))[0]):
        height, width = rows.stop - rows.start, columns.stop - columns.start
        if 5 <= height <= 40 and width <= 1.5 * height:
            letters.append((rows.start, columns.start, height, width))
    boxes = []
    for line in _lines(sorted(letters, key=lambda letter: letter[1])):
        top, left = (max(0, min(letter[k] for letter in line) - 3) for k in (0, 1))
        bottom, right = (min(image.shape[k], max(letter[k] + letter[k + 2] for letter in line) + 3) for k in (0, 1))
        boxes.append((top, left, bottom - top, right - left))
    return sorted(boxes)


def _lines(letters: list[tuple[int, int, int, int]]) -> list[list[tuple[int, int, int, int]]]:
    """Of letters from left to right, rows of three or more: on one base line, of about one height, close together."""
    lines: list[list[tuple[int, int, int, int]]] = []
    for row, column, height, width in letters:
        for line in lines:
            last_row, last_column, last_height, last_width = line[-1]
            level = abs(row + height - last_row - last_height) <= 1
            alike = 2 / 3 <= height / last_height <= 1.5
            if level and alike and column - last_column - last_width < 1.5 * height:
                line.append((row, column, height, width))
                break
        else:
            lines.append([(row, column, height, width)])
    return [line for line in lines if len(line) >= 3]


# The judge


def identifiers_left(dataset: Dataset, planted: Sequence[str]) -> list[str]:
    """Paths of all elements in which one of the strings still stands, in any case and encoding; it knows no table.

    It looks at every element of the dataset, its file meta and preamble, private and nested ones too: at text and
    numbers as written, at a person's name with its components put in a row, and at bytes, pixels included, as Latin-1,
    UTF-8 and UTF-16. Short strings turn up in pixels by chance: plant eight letters or more.

    A ValueError for no strings, and for an empty one.
    """
    if isinstance(planted, str) or not planted or not all(planted):
        raise ValueError(f"expected a list of strings to look for, none empty, got {planted!r}")
    meta = getattr(dataset, "file_meta", None)
    places = [*_values(dataset, ""), *(_values(meta, "file_meta.") if meta else ())]
    places.append(("preamble", getattr(dataset, "preamble", None) or b""))
    texts = {text.casefold() for text in planted}
    written = set()
    for one in texts | {text.upper() for text in texts}:
        for name in ("utf-8", "utf-16-le", "utf-16-be", "latin-1"):
            try:
                written.add(_plain(one.encode(name)))
            except UnicodeEncodeError:
                continue  # no such letter in Latin-1
    left = {}  # a path once, in the order of the elements
    for path, value in places:
        if isinstance(value, str):
            found = any(text in value.casefold() for text in texts)
        else:
            plain = _plain(value)
            found = any(text in plain for text in written)
        if found:
            left[path] = None
    return list(left)


def _plain(value: bytes) -> bytes:
    """Without zeros, which makes UTF-16 look like Latin-1, in lower case."""
    return value.replace(b"\0", b"").lower()


def _values(dataset: Dataset, place: str) -> Iterator[tuple[str, str | bytes]]:
    """The path and the content of every element, as text or as bytes."""
    for tag in dataset.keys():
        path = _path(tag, place)
        raw = dataset.get_item(tag)
        try:
            element = dataset[tag]
        except Exception:  # unreadable for pydicom is not unreadable for others
            yield path, bytes(raw.value or b"")
            continue
        if element.VR == "SQ":
            for k, item in enumerate(element.value):
                yield from _values(item, f"{path}[{k}].")
        elif isinstance(element.value, bytes):
            yield path, element.value
        else:
            yield path, "\\".join(str(one) for one in _each(element))
            if element.VR == "PN":
                yield path, " ".join(re.split(r"[\^=]+", str(element.value)))
