"""What a stored number means: Hounsfield units, and the grey in which they are shown."""

import numpy as np


def hounsfield(stored: np.ndarray, slope: float, intercept: float) -> np.ndarray:
    """Stored CT values to Hounsfield units: air -1000, water 0.

    Parameters
    ----------
    stored : any shape, integers (signed or not) as they lie in the file
    slope, intercept : Rescale Slope and Rescale Intercept of the file's header

    Returns
    -------
    float64, same shape, in HU

    References
    ----------
    DICOM PS3.3, C.11.1.1.2 (Modality LUT)
    """
    return slope * np.asarray(stored).astype(np.float64) + intercept


def window(hu: np.ndarray, level: float, width: float) -> np.ndarray:
    """Hounsfield units to grey levels: `level` in the middle, `width` values from black to white.

    The window holds `width` whole numbers, so it takes width - 1 steps from the first (0) to the last (255).

    Parameters
    ----------
    hu : any shape, in HU
    level, width : centre and width of the window in HU, width above 1

    Returns
    -------
    uint8, same shape, rounded to the nearest grey level; 0 below the window, 255 above

    Raises
    ------
    ValueError : the width is 1 or less

    References
    ----------
    DICOM PS3.3, C.11.2.1.2.1 (VOI LUT function LINEAR)
    """
    if width <= 1:
        raise ValueError(f"a window needs a width above 1, got {width}")
    grey = 255 * ((np.asarray(hu, np.float64) - (level - 0.5)) / (width - 1) + 0.5)
    return np.rint(np.clip(grey, 0, 255)).astype(np.uint8)
