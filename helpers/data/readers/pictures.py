"""Plain pictures: PNG, JPEG and TIFF, as radiology teaching sets and screenshots come."""

from pathlib import Path

import numpy as np

from helpers.data.errors import DataError
from helpers.data.readers.files import AGAIN, existing_file, reading

SIGNATURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"MM\0*")
_FORMATS = ("PNG", "JPEG", "TIFF")
_MILLIONS = 100  # of pixels; a mammogram has 20


def read_picture(path: str | Path) -> np.ndarray:
    """The pixels of a PNG, JPEG or TIFF file.

    Parameters
    ----------
    path : one picture; what it is follows from its first bytes, not from its name

    Returns
    -------
    (H, W) grey or (H, W, 3) red, green, blue; uint8, or uint16 where the file has 16 bits of grey. A palette becomes
    colours, black and white becomes 0 and 255, an alpha channel that hides nothing is dropped.

    Raises
    ------
    DataError : no such picture, damaged, several pictures in one, see-through, above 100 million pixels, or numbers
        that are neither 8 nor 16 bit
    """
    from PIL import Image

    path = existing_file(path)
    with reading(path, f"is a damaged picture. {AGAIN}"), path.open("rb") as stream:
        if not stream.read(8).startswith(SIGNATURES):
            raise DataError(f"{path.name} is no PNG, JPEG or TIFF picture. Check that it is the right file.")
        Image.open(stream, formats=_FORMATS).verify()  # the checksums of PNG; the picture cannot be used after it
        with Image.open(stream, formats=_FORMATS) as picture:
            return _pixels(path, picture)


def _pixels(path: Path, picture) -> np.ndarray:
    """Once it is sure that nothing is lost by them."""
    width, height = picture.size
    if width * height > _MILLIONS * 10**6:
        raise DataError(f"{path.name} claims {width} x {height} pixels, at most {_MILLIONS} million are read.")
    if getattr(picture, "n_frames", 1) > 1:
        raise DataError(f"{path.name} holds {picture.n_frames} pictures. Save the one you want as a file of its own.")
    grey, deep = picture.mode in ("1", "L", "LA"), picture.mode.startswith("I;16")
    deep_colour = not deep and any(";16" in str(tile[3]) for tile in picture.tile)
    if deep_colour or picture.mode not in ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "I;16", "I;16B", "I;16L"):
        kind = "16-bit colour" if deep_colour else f"the colour mode {picture.mode}"
        raise DataError(f"{path.name} has {kind}, which is not read. Save it as 8-bit colour or as 8- or 16-bit grey.")
    if picture.has_transparency_data:
        clear = picture.convert("LA" if grey else "RGBA")
        if deep or clear.getchannel("A").getextrema() != (255, 255):
            raise DataError(f"{path.name} is see-through in places. Save it on a background, without an alpha channel.")
        picture = clear
    pixels = np.array(picture if deep else picture.convert("L" if grey else "RGB"))
    return pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
