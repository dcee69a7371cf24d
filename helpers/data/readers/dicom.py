"""DICOM, the format of hospitals: one file a slice, or one file of many frames, each with its place in the patient."""

import math
import mmap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from helpers.data.case import Scan
from helpers.data.errors import DataError
from helpers.data.intensity import hounsfield
from helpers.data.readers.files import AGAIN, check_size, existing_file, reading, to_scan

# Facts that name nobody. Descriptions of series and studies are free text, in which names have been found: left out.
_ABOUT = {
    "modality": "Modality",
    "body part": "BodyPartExamined",
    "manufacturer": "Manufacturer",
    "kernel": "ConvolutionKernel",
    "slice thickness": "SliceThickness",
    "photometric interpretation": "PhotometricInterpretation",
}
_DEFLATED = b"1.2.840.10008.1.2.1.99"  # the transfer syntax
_FLOAT = 4  # bytes of a float32
_SAME_PLACE = 1e-3  # mm
_UNEVEN = 0.1  # share of a slice step by which a slice may be off


@dataclass(frozen=True)
class _Image:
    """What the header of one file says of its F frames."""

    path: Path
    header: object  # pydicom's, without the pixels
    series: str  # its UID
    matrix: tuple[int, ...]  # rows, columns, samples a pixel
    positions: np.ndarray  # (F, 3) mm, the centre of the first pixel; nan: not told
    axes: np.ndarray  # (2, 3), the way along a row (x) and along a column (y)
    rescale: np.ndarray  # (F, 2) slope, intercept
    spacing: np.ndarray  # (3,) mm (z, y, x); nan: not told


def read_dicom(path: str | Path | Sequence[str | Path], series: int | str | None = None) -> Scan:
    """One series of DICOM images as a volume.

    Slices are put in order by where they lie, never by file name or number: z goes along the cross product of the row
    and column directions. With a tilted gantry the affine is oblique, the voxels stay. A slice that is there twice is
    taken once, which `about` tells; a missing one is an error. What is no image (reports, plans, DICOMDIR) is passed
    over in a folder.

    Parameters
    ----------
    path : a folder, searched with all its subfolders for files that are DICOM whatever their names; a list of files;
        or one file, which may hold many frames
    series : which one where there are several: its place in the list that the error shows, from 1, or its Series
        Instance UID

    Returns
    -------
    Scan with values (Z, Y, X), or (Z, Y, X, 3) in colour. Rescale Slope and Intercept are applied slice by slice: int16
        where the slope is 1 and the intercept one whole number (CT, in HU), float32 otherwise, and the stored type
        where there is nothing to apply. Without PixelSpacing the detector's is taken (X-ray), or the scale of an
        ultrasound region. A single image without thickness counts as 1 mm thick, which `about` tells; frames that have
        neither positions nor a spacing, such as films, are no volume.

    Raises
    ------
    DataError : nothing to read, damaged, several series, missing slices, two images at one place, no spacing, pixels
        packed in a way that no installed package unpacks, or too large
    ValueError : there is no such series

    References
    ----------
    DICOM PS3.3, C.7.6.2 (Image Plane), C.7.6.16 (Multi-frame Functional Groups), C.11.1 (Modality LUT)
    """
    files, source = _find(path)
    with reading(source, f"holds damaged DICOM. {AGAIN}"):
        stacks = _stacks(_images(files, source))
        listed = "\n".join(f"{place}. {_described(stack)}" for place, stack in enumerate(stacks, 1))
        names = [(str(place), stack[0].series) for place, stack in enumerate(stacks, 1)]
        chosen = [stack for stack, name in zip(stacks, names, strict=True) if series is None or str(series) in name]
        if len(chosen) > 1:
            said = f"{source.name} holds {len(stacks)} series. Choose one by its place in this list, such as series=1"
            raise DataError(f"{said}:\n{listed}")
        if chosen:
            return _volume(chosen[0], source)
    raise ValueError(f"{source.name} has no series {series!r}. Give its place in this list, from 1:\n{listed}")


def _find(path: str | Path | Sequence[str | Path]) -> tuple[list[Path], Path]:
    """The files, and what to call them all in messages."""
    if isinstance(path, (str, Path)):
        source = Path(path)
        files = sorted(filter(_may_be_dicom, source.rglob("*"))) if source.is_dir() else [source]
    else:
        files = [Path(file) for file in path]
        source = files[0].parent if files else Path("The list of files")
    if not files:
        raise DataError(f"{source.name} holds no DICOM file. Check that it is the right folder.")
    return files, source


def _may_be_dicom(file: Path) -> bool:
    """What calls itself .dcm has to be: a damaged slice is not passed over."""
    if not file.is_file() or file.name.startswith("."):
        return False
    with reading(file), file.open("rb") as stream:
        return file.suffix.lower() == ".dcm" or stream.read(132)[128:] == b"DICM"


def _load(path: Path, pixels: bool):
    """What pydicom reads, from a map of the file: a length in a damaged header cannot ask for more than there is."""
    import pydicom

    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as view:
        if view[128:132] != b"DICM":
            raise DataError(f"{path.name} is no DICOM file: the letters DICM do not stand at byte 128. {AGAIN}")
        if view.find(_DEFLATED, 0, 2**20) >= 0:  # pydicom would unpack it, to any size
            raise DataError(f"{path.name} is deflated as a whole, which is not read. Convert it with dcmtk's dcmconv.")
        return pydicom.dcmread(view, stop_before_pixels=not pixels)


def _images(files: list[Path], source: Path) -> list[_Image]:
    """Those files that hold images."""
    images, others = [], []
    for file in map(existing_file, files):
        with reading(file, f"is a damaged DICOM file. {AGAIN}"):
            header = _load(file, pixels=False)
            if "Rows" in header and "DoseGridScaling" not in header:
                images.append(_image(file, header))
            else:
                others.append(header)
    if not images:
        kind = others[0].get("SOPClassUID") or others[0].file_meta.get("MediaStorageSOPClassUID")
        kind = kind.name if kind and kind.name != kind else "something unknown"
        said = f"{kind}, modality {_words(others[0], 'Modality')}"
        raise DataError(f"{source.name} holds no image but {said}. Choose the file or folder of the images.")
    return images


def _words(header, key: str) -> str:
    """A value of the header as people may see it, without the dirt that damage leaves."""
    return "".join(letter for letter in str(header.get(key, "unknown")) if letter.isprintable())[:60]


def _image(path: Path, header) -> _Image:
    """The facts of one header, once its claims are bearable."""
    from pydicom.pixels.utils import get_expected_length

    if "ModalityLUTSequence" in header:
        raise DataError(f"{path.name} gives its values by a table, which is not read. Use pydicom for it.")
    count, groups = int(header.get("NumberOfFrames") or 1), header.get("PerFrameFunctionalGroupsSequence")
    if groups and len(groups) != count:
        raise DataError(f"{path.name} is damaged: NumberOfFrames is {count}, described are {len(groups)}. {AGAIN}")
    matrix = tuple(int(header[key].value) for key in ("Rows", "Columns", "SamplesPerPixel"))
    check_size(path, count * math.prod(matrix) * _FLOAT)
    least = count if header.file_meta.TransferSyntaxUID.is_encapsulated else get_expected_length(header)
    if least > path.stat().st_size:
        raise DataError(f"{path.name} is cut short: it is smaller than the pixels that it claims. {AGAIN}")
    shared = (header.get("SharedFunctionalGroupsSequence") or [{}])[0]

    def told(sequence: str, key: str, default=None) -> list:
        """For every frame: by its own description, else by the one that all frames share, else by the file's."""
        found = []
        for group in groups or [header] * count:
            places = [(place.get(sequence) or [{}])[0] for place in (group, shared)] + [header]
            found.append(next((place.get(key) for place in places if place.get(key) is not None), default))
        return found

    slopes = told("PixelValueTransformationSequence", "RescaleSlope", default=1)
    intercepts = told("PixelValueTransformationSequence", "RescaleIntercept", default=0)
    rescale = np.array([slopes, intercepts], float).T
    if not np.isfinite(rescale).all():
        raise DataError(f"{path.name} is damaged: its Rescale Slope or Intercept is no number. {AGAIN}")
    positions = told("PlanePositionSequence", "ImagePositionPatient")
    axes = told("PlaneOrientationSequence", "ImageOrientationPatient")
    if all(positions) and all(axes) and (count == 1 or groups):
        positions, axes = _places(path, positions, axes)
    else:
        positions, axes = np.full((count, 3), np.nan), np.eye(3)[:2]
    series = str(header.get("SeriesInstanceUID"))
    return _Image(path, header, series, matrix, positions, axes, rescale, _spacing(header, told))


def _places(path: Path, positions: list, axes: list) -> tuple[np.ndarray, np.ndarray]:
    """Positions (F, 3) and the axes (2, 3) that all frames share."""
    positions, axes = np.array(positions, float).reshape(-1, 3), np.array(axes, float).reshape(-1, 2, 3)
    if not np.isfinite(positions).all() or not np.abs(axes @ axes.swapaxes(1, 2) - np.eye(2)).max() < 0.01:
        raise DataError(f"{path.name} is damaged: its position or its orientation cannot be. {AGAIN}")
    if np.ptp(axes, axis=0).max() > 1e-3:
        raise DataError(f"{path.name} holds frames of several orientations, no volume. Use pydicom for it.")
    return positions, axes[0]


def _spacing(header, told: Callable) -> np.ndarray:
    """(3,) mm (z, y, x), nan where it is not told; by the first frame."""
    in_plane, between, thickness = (
        told("PixelMeasuresSequence", key)[0] for key in ("PixelSpacing", "SpacingBetweenSlices", "SliceThickness")
    )
    in_plane = in_plane or header.get("ImagerPixelSpacing")
    regions = header.get("SequenceOfUltrasoundRegions") or []
    if not in_plane and len(regions) == 1 and regions[0].get("PhysicalUnitsXDirection") == 3:  # centimetres
        in_plane = [10 * abs(regions[0].PhysicalDeltaY), 10 * abs(regions[0].PhysicalDeltaX)]
    y, x = in_plane or (np.nan, np.nan)
    return np.array([between or thickness or np.nan, y, x], float)


def _stacks(images: list[_Image]) -> list[list[_Image]]:
    """By series, matrix and orientation: a scout with another orientation counts as a series of its own."""
    stacks: list[list[_Image]] = []
    for image in images:
        for stack in stacks:
            same = (image.series, image.matrix) == (stack[0].series, stack[0].matrix)
            if same and np.allclose(image.axes, stack[0].axes, atol=1e-3):
                stack.append(image)
                break
        else:
            stacks.append([image])
    return sorted(stacks, key=lambda stack: (str(stack[0].header.get("SeriesNumber")).zfill(12), -len(stack)))


def _described(stack: list[_Image]) -> str:
    header, (rows, columns, _) = stack[0].header, stack[0].matrix
    modality, number, name = (_words(header, key) for key in ("Modality", "SeriesNumber", "SeriesDescription"))
    scout = ", localizer" if "LOCALIZER" in (header.get("ImageType") or []) else ""
    what = f"{modality}, series number {number}, description {name!r}, {rows} x {columns}{scout}"
    return f"{what}, files: {len(stack)}, {stack[0].path.name} first"


def _volume(images: list[_Image], source: Path) -> Scan:
    check_size(source, sum(len(image.rescale) * math.prod(image.matrix) * _FLOAT for image in images))
    sizes = np.array([image.spacing[1:] for image in images])
    if np.isnan(sizes).any():
        use = "pydicom.dcmread(path).pixel_array gives the pixels alone"
        raise DataError(f"{source.name} does not say how many mm a pixel is (no PixelSpacing): {use}.")
    if not np.allclose(sizes, sizes[0], rtol=1e-3):
        raise DataError(f"{source.name} holds several pixel sizes, which make no volume. Read the files one at a time.")
    first, frames = images[0], [frame for image in images for frame in _frames(image)]
    rescale = np.concatenate([image.rescale for image in images])
    positions = np.concatenate([image.positions for image in images])
    about = {name: _words(first.header, key) for name, key in _ABOUT.items() if first.header.get(key)}
    if "PixelSpacing" not in first.header and "ImagerPixelSpacing" in first.header:
        about["spacing"] = "at the detector: the patient, nearer to the tube, is shown larger than life"
    affine = np.eye(4)
    if np.isfinite(positions).all():
        kept = _in_order(positions, np.cross(*first.axes), frames, rescale, source)
        if len(kept) < len(frames):
            about["left out"] = f"{len(frames) - len(kept)} of {len(frames)} slices: copies of others"
        frames, rescale, positions = [frames[k] for k in kept], rescale[kept], positions[kept]
        affine[:3, 3] = positions[0]
    elif len(images) > 1:
        raise DataError(f"{source.name}: not all images have a position in the patient. Read them one at a time.")
    else:
        about["position"] = "not in the header: the first voxel stands at 0"
    affine[:3, 0] = _step(first, positions, about, source)
    affine[:3, 1], affine[:3, 2] = first.axes[1] * first.spacing[1], first.axes[0] * first.spacing[2]
    return to_scan(source, _rescaled(frames, rescale), affine, about)


def _frames(image: _Image) -> np.ndarray:
    """Stored pixels (F, Y, X) or (F, Y, X, 3) of one file."""
    from pydicom.pixels import apply_color_lut, get_decoder, pixel_array
    from pydicom.pixels.utils import get_expected_length

    path, syntax, trouble = image.path, image.header.file_meta.TransferSyntaxUID, f"has damaged pixels. {AGAIN}"
    if syntax.is_encapsulated:
        packed = f"holds {syntax.name[:100]} pixels"
        install = f"pip install pylibjpeg pylibjpeg-{'openjpeg' if '2000' in packed else 'libjpeg'}"
        with reading(path, f"{packed}, a way of packing that pydicom does not know. Convert it with another program."):
            if not get_decoder(syntax).is_available:
                raise DataError(f"{path.name} {packed}, which nothing here unpacks. Run: {install}")
        if "JPEG" in packed:  # some kinds only pylibjpeg can unpack
            trouble = f"{packed} that could not be unpacked: they are damaged, or `{install}` helps."
    with reading(path, trouble):
        whole = _load(path, pixels=True)
        if "PixelData" not in whole:
            raise DataError(f"{path.name} has no pixels, only a header. {AGAIN}")
        stored, claimed = len(whole.PixelData), get_expected_length(whole)
        if not syntax.is_encapsulated and stored - claimed not in (0, claimed % 2):  # an even number is stored
            said = f"{whole.Rows} rows of {whole.Columns} pixels take {claimed}"
            raise DataError(f"{path.name} holds {stored} bytes of pixels, but its {said}: damaged. {AGAIN}")
        pixels = pixel_array(whole)
        if whole.PhotometricInterpretation == "PALETTE COLOR":
            return apply_color_lut(pixels, whole).reshape(len(image.rescale), *image.matrix[:2], 3)
        return pixels.reshape(len(image.rescale), *image.matrix[: 2 + (image.matrix[2] > 1)])


def _in_order(positions, normal: np.ndarray, frames, rescale, source: Path) -> list[int]:
    """Indices of the frames along the normal, each place once."""
    order = np.argsort(positions @ normal, kind="stable")
    kept = [order[0]]
    for k in order[1:]:
        if np.linalg.norm(positions[k] - positions[kept[-1]]) > _SAME_PLACE:
            kept.append(k)
        elif not np.array_equal(frames[k], frames[kept[-1]]) or not np.array_equal(rescale[k], rescale[kept[-1]]):
            two = "two different images at one place, such as two times or two echoes"
            raise DataError(f"{source.name} holds {two}. Give read_dicom a list of the files of one of them.")
    return kept


def _step(first: _Image, positions: np.ndarray, about: dict[str, str], source: Path) -> np.ndarray:
    """From one slice to the next (3,) in mm: measured where there are two places, else by the header."""
    normal, count = np.cross(*first.axes), len(positions)
    if count == 1 or np.isnan(positions).any():
        thickness = first.spacing[0]
        if np.isnan(thickness) and count > 1:
            use = "pydicom.dcmread(path).pixel_array gives them"
            raise DataError(f"{source.name} holds {count} frames without a place, like a film, no volume: {use}.")
        if np.isnan(thickness):
            about["thickness"] = "not in the header: 1 mm stands in for it"
            thickness = 1.0
        return normal * thickness

    heights = positions @ normal
    steps = np.diff(heights)
    usual = np.median(steps)
    far = np.flatnonzero(np.abs(steps - usual) > _UNEVEN * usual)
    if len(far):
        where = f"from the one at {heights[far[0]]:.1f} mm to the next it is {steps[far[0]]:.2f} mm"
        raise DataError(f"{source.name} lacks slices: {where}, elsewhere {usual:.2f} mm. Copy the whole series again.")
    step = (positions[-1] - positions[0]) / (count - 1)  # where the gantry was tilted it leaves the normal
    if np.abs(positions - positions[0] - np.arange(count)[:, None] * step).max() > _UNEVEN * usual:
        raise DataError(f"{source.name} holds slices that are not behind one another. Give the files of one stack.")
    return step


def _rescaled(frames: list[np.ndarray], rescale: np.ndarray) -> np.ndarray:
    """Stored values to what they mean, slice by slice."""
    slope, intercept = rescale[0]
    whole = (rescale == rescale[0]).all() and slope == 1 and intercept == int(intercept)
    if whole and intercept == 0:
        return np.stack(frames)
    lowest, highest = (int(edge) + intercept for edge in (min(map(np.min, frames)), max(map(np.max, frames))))
    fits = whole and np.iinfo(np.int16).min <= lowest and highest <= np.iinfo(np.int16).max
    values = np.empty((len(frames), *frames[0].shape), np.int16 if fits else np.float32)
    for value, frame, (slope, intercept) in zip(values, frames, rescale, strict=True):
        value[...] = hounsfield(frame, slope, intercept)
    return values
