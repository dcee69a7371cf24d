"""Where things lie: the course folder, the learner's progress, the cache."""

import atexit
import functools
import os
import shutil
import sys
import tempfile
from pathlib import Path

COURSE = Path(__file__).resolve().parent.parent


def headless() -> bool:
    """True when nobody is there to answer: builds, tests, `course.py run`."""
    return os.environ.get("COURSE_HEADLESS") == "1"


@functools.cache
def _throwaway() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="course-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def progress_file() -> Path:
    """The one file that holds what a learner has solved.

    Headless runs get a temporary one. COURSE_PROGRESS moves it. On Colab it lies on Google Drive when that is mounted
    (a Colab machine forgets its disk); otherwise in my/, beside the learner's notebooks.
    """
    if headless():
        return _throwaway() / "progress.json"
    if os.environ.get("COURSE_PROGRESS"):
        return Path(os.environ["COURSE_PROGRESS"])
    drive = Path("/content/drive/MyDrive")
    if "google.colab" in sys.modules and drive.is_dir():
        return drive / "medical-imaging-course" / "progress.json"
    return COURSE / "my" / "progress.json"


def cache_folder() -> Path:
    """Where trained models and phantoms are kept: COURSE_CACHE, or .cache in the course folder."""
    return Path(os.environ.get("COURSE_CACHE") or COURSE / ".cache")


def data_folder() -> Path:
    """Where downloaded sets lie: COURSE_DATA, or data/ in the cache."""
    return Path(os.environ.get("COURSE_DATA") or cache_folder() / "data")
