"""Archives: whole in the folder or not there at all, whatever is in them or happened to them."""

import io
import json
import shutil
import stat
import struct
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from helpers.data import archive as room
from helpers.data.archive import MARK, unpack
from helpers.data.errors import DataError
from tests.helpers.web import on_disk

NOISE = np.random.default_rng(0).bytes(100_000)
FILES = {"set/a.txt": b"a" * 1000, "set/deep/er/b.bin": NOISE, "set/empty": b""}
KINDS = ("zip", "tar", "tar.gz", "tar.xz", "tar.bz2")
every = pytest.mark.parametrize("kind", KINDS)


def make(path: Path, files: dict[str, bytes] | list[tuple[str, bytes]] = FILES) -> Path:
    """An archive of the kind that its name says. A name that ends with / is a folder."""
    members = list(files.items()) if isinstance(files, dict) else files
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
            for name, content in members:
                out.writestr(name, content)
        return path
    with tarfile.open(path, f"w:{path.suffix[1:].replace('tar', '')}") as out:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size, info.type = len(content), tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
            out.addfile(info, io.BytesIO(content))
    return path


def content(folder: Path) -> dict[str, bytes]:
    """All files below a folder but the mark."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files if path.name != MARK}


@pytest.fixture
def target(tmp_path):
    return tmp_path / "sets" / "unpacked"


def refused(archive: Path, target: Path, says: str, most_bytes: int = 10**6) -> None:
    """An error that names the archive and says why; nothing stays behind, nothing lies outside."""
    before = archive.read_bytes() if archive.exists() else None
    with pytest.raises(DataError, match=f"{archive}.*{says}"):
        unpack(archive, target, most_bytes)
    assert not on_disk(target.parent)
    assert {path.name for path in archive.parent.iterdir()} <= {archive.name, target.parent.name}
    assert before is None or archive.read_bytes() == before


@every
def test_comes_whole(tmp_path, target, kind):
    archive = make(tmp_path / f"set.{kind}")
    assert unpack(archive, target, 10**6) == target
    assert content(target) == FILES


@every
def test_the_bar_counts_the_bytes_written_of_those_declared(tmp_path, target, kind, monkeypatch):
    """The directory of a zip has the total. A tar has none: it would have to be read twice."""
    monkeypatch.delenv("COURSE_HEADLESS", raising=False)
    bar = room.progress_bar(f"unpacking set.{kind}", unit="B")
    asked = []
    monkeypatch.setattr(room, "progress_bar", lambda *what, **how: asked.append((what, how)) or bar)
    unpack(make(tmp_path / f"set.{kind}"), target, 10**6)
    assert asked == [((f"unpacking set.{kind}",), {"unit": "B"})]
    assert bar.n == 101_000
    assert bar.total == (101_000 if kind == "zip" else None)


@every
def test_empty_archive(tmp_path, target, kind):
    refused(make(tmp_path / f"set.{kind}", {}), target, "is empty")


@every
def test_a_second_call_reads_nothing(tmp_path, target, kind, monkeypatch):
    archive = make(tmp_path / f"set.{kind}")
    unpack(archive, target, 10**6)
    monkeypatch.setattr(room, "_members", None)
    assert unpack(archive, target, 10**6) == target


def test_folder_of_something_else(tmp_path, target):
    """Half unpacked by another program, or from another archive: it is neither taken for whole nor touched."""
    archive = make(tmp_path / "set.zip")
    (target / "set").mkdir(parents=True)
    (target / "set" / "a.txt").write_bytes(b"a")
    with pytest.raises(
        DataError, match=f"{target} is there already, and is not set.zip unpacked and whole. Move it away"
    ):
        unpack(archive, target, 10**6)
    assert content(target) == {"set/a.txt": b"a"}
    shutil.rmtree(target)
    unpack(archive, target, 10**6)
    with pytest.raises(DataError, match="is there already"):
        unpack(make(tmp_path / "other.zip", {"c": b"c"}), target, 10**6)
    with pytest.raises(DataError, match="is there already"):
        unpack(make(archive, {"c": b"c"}), target, 10**6)
    assert content(target) == FILES


def test_empty_folder_is_filled(tmp_path, target):
    target.mkdir(parents=True)
    unpack(make(tmp_path / "set.zip"), target, 10**6)
    assert content(target) == FILES


OUTSIDE = ["../x", "set/../../x", "/tmp/x", "//server/x", "C:x", "C:/x", "set\\..\\..\\x", "\\x", "..", "."]


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_names_that_lead_outside(tmp_path, target, kind, name):
    refused(make(tmp_path / f"set.{kind}", FILES | {name: b"evil"}), target, "the name .* may lead out of the folder")


ALIKE = {
    "twice the same": ("a.txt", "a.txt"),
    "the same by another way": ("set/a.txt", "./set//a.txt"),
    "upper and lower case": ("set/a.txt", "set/A.txt"),
    "folders in upper and lower case": ("set/a.txt", "SET/b.txt"),
    "accents written in two ways": ("\u00e9.txt", "e\u0301.txt"),
    "a file and a folder": ("set", "set/a.txt"),
    "a folder and a file": ("set/a.txt", "set"),
    "our own mark": ("a.txt", MARK),
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("names", ALIKE.values(), ids=ALIKE)
@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_names_that_cannot_be_told_apart(tmp_path, target, kind, names):
    refused(make(tmp_path / f"set.{kind}", [(name, b"x") for name in names]), target, "are one name on many systems")


@pytest.mark.filterwarnings("ignore:Duplicate name")
@every
def test_folders_may_be_named_more_than_once(tmp_path, target, kind):
    make(tmp_path / f"set.{kind}", [("./", b""), ("set/", b""), ("set/a", b"1"), ("set/", b""), ("./set/b", b"2")])
    assert content(unpack(tmp_path / f"set.{kind}", target, 10)) == {"set/a": b"1", "set/b": b"2"}


TAR_TYPES = {
    "symbolic link": tarfile.SYMTYPE,
    "hard link": tarfile.LNKTYPE,
    "character device": tarfile.CHRTYPE,
    "block device": tarfile.BLKTYPE,
    "pipe": tarfile.FIFOTYPE,
}


@pytest.mark.parametrize("type_", TAR_TYPES.values(), ids=TAR_TYPES)
def test_links_and_devices_in_a_tar(tmp_path, target, type_):
    with tarfile.open(tmp_path / "set.tar.gz", "w:gz") as out:
        info = tarfile.TarInfo("set/link")
        info.type, info.linkname = type_, "/etc/passwd"
        out.addfile(info)
    refused(tmp_path / "set.tar.gz", target, "'set/link' in it is a link or a device")


@pytest.mark.parametrize("mode", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO], ids=["symbolic link", "device", "pipe"])
def test_links_and_devices_in_a_zip(tmp_path, target, mode):
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as out:
        info = zipfile.ZipInfo("set/link")
        info.external_attr = (mode | 0o644) << 16
        out.writestr(info, "/etc/passwd")
    refused(tmp_path / "set.zip", target, "'set/link' in it is a link or a device")


@every
def test_bomb(tmp_path, target, kind):
    """5 MB of zeros in some kB. The limit counts before anything of a member is written."""
    archive = make(tmp_path / f"set.{kind}", {"small": b"x" * 600_000, "bomb": bytes(5_000_000)})
    assert archive.stat().st_size < 10**5 or kind == "tar"
    refused(archive, target, "holds more than 1,000,000 bytes")


@every
def test_the_limit_is_exact(tmp_path, target, kind):
    archive = make(tmp_path / f"set.{kind}")
    refused(archive, target, "holds more than 100,999 bytes", most_bytes=100_999)
    assert content(unpack(archive, target, 101_000)) == FILES


@pytest.mark.parametrize("declared", [10, 2_000_000], ids=["fewer", "more"])
def test_zip_that_lies_about_its_size(tmp_path, target, declared, monkeypatch):
    """A member of 1,000,000 bytes declares others. No more than declared is ever written."""
    archive = make(tmp_path / "set.zip", {"bomb": bytes(1_000_000)})
    data, size = archive.read_bytes(), struct.pack("<L", 1_000_000)
    assert data.count(size) == 2  # in front of the member, and in the directory at the end
    archive.write_bytes(data.replace(size, struct.pack("<L", declared)))
    rmtree, written = shutil.rmtree, []

    def watched(folder, **options):
        written.append(sum(path.stat().st_size for path in Path(folder).rglob("*")))
        rmtree(folder, **options)

    monkeypatch.setattr(shutil, "rmtree", watched)
    refused(archive, target, "cut short or damaged", most_bytes=3_000_000)
    assert max(written) <= min(declared, 1_000_000)


def test_reader_that_gives_more_than_declared_is_stopped(tmp_path):
    """zipfile and tarfile do not; the limit must not hang on that."""
    with pytest.raises(DataError, match="has not the 10 bytes it should have"):
        next(room._pieces(tmp_path / "set.zip", lambda: io.BytesIO(NOISE), 10))


@every
def test_too_many_members(tmp_path, target, kind, monkeypatch):
    monkeypatch.setattr(room, "MOST_MEMBERS", 5)
    archive = make(tmp_path / f"set.{kind}", {str(number): b"" for number in range(6)})
    refused(archive, target, "holds more than 5 members")
    make(archive, {str(number): b"" for number in range(5)})
    assert len(content(unpack(archive, target, 10))) == 5


@pytest.mark.parametrize("tenth", range(10))
@every
def test_cut_short(tmp_path, target, kind, tenth):
    archive = make(tmp_path / f"set.{kind}")
    archive.write_bytes(archive.read_bytes()[: archive.stat().st_size * tenth // 10])
    refused(archive, target, "cut short or damaged.*Download it again")


def test_tar_cut_between_two_members(tmp_path, target):
    """tarfile takes that for the end."""
    archive = make(tmp_path / "set.tar")
    with tarfile.open(archive) as file:
        second = file.getmembers()[1].offset
    whole = archive.read_bytes()
    for end in (second, second + 100):
        archive.write_bytes(whole[:end])
        refused(archive, target, "cannot be read .its end is missing")


@every
def test_a_flipped_bit_is_seen(tmp_path, target, kind):
    """In the noise that is packed: a checksum tells. A bare tar has none there, its file's own is looked at before."""
    archive = make(tmp_path / f"set.{kind}")
    data = bytearray(archive.read_bytes())
    data[len(data) // 2] ^= 1
    archive.write_bytes(data)
    if kind == "tar":
        assert content(unpack(archive, target, 10**6)) != FILES
    else:
        refused(archive, target, "cut short or damaged")


def test_damaged_gzip_trailer_is_seen(tmp_path, target):
    """It comes after the last member: only who reads to the end meets it."""
    archive = make(tmp_path / "set.tar.gz")
    data = bytearray(archive.read_bytes())
    data[-6] ^= 1
    archive.write_bytes(data)
    refused(archive, target, "CRC check failed")


def test_crc_error_in_a_zip_names_the_member(tmp_path, target):
    archive = tmp_path / "set.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as out:
        out.writestr("set/slice.dcm", NOISE)
    archive.write_bytes(archive.read_bytes().replace(NOISE[:10], b"0123456789"))
    refused(archive, target, "cannot be read .Bad CRC-32 for file 'set/slice.dcm'")


def test_encrypted_zip(tmp_path, target):
    """zipfile cannot write one; the flag that says so is set by hand."""
    archive = make(tmp_path / "set.zip", {"a": b"secret"})
    data = bytearray(archive.read_bytes())
    for place, signature in ((6, b"PK\x03\x04"), (8, b"PK\x01\x02")):
        data[data.index(signature) + place] |= 1
    archive.write_bytes(data)
    refused(archive, target, "'a' in it is encrypted; unpack it by hand")


def test_method_that_python_does_not_know(tmp_path, target):
    """Deflate64, with which Windows packs what is large."""
    archive = make(tmp_path / "set.zip", {"a": b"text"})
    data = bytearray(archive.read_bytes())
    for place, signature in ((8, b"PK\x03\x04"), (10, b"PK\x01\x02")):
        data[data.index(signature) + place] = 9
    archive.write_bytes(data)
    refused(
        archive,
        target,
        "compression method is not supported.*packed in a way that Python does not know.*unpack it by hand",
    )


NO_ARCHIVES = {
    "noise": (NOISE, "cut short or damaged"),
    "a web page": (b"<!DOCTYPE html><html>", "is a web page"),
    "a git LFS pointer": (b"version https://git-lfs.github.com/spec/v1\n", "is a git LFS pointer"),
}


@pytest.mark.parametrize(("data", "says"), NO_ARCHIVES.values(), ids=NO_ARCHIVES)
def test_no_archive(tmp_path, target, data, says):
    (tmp_path / "set.zip").write_bytes(data)
    refused(tmp_path / "set.zip", target, says)


def test_archive_that_is_not_there(tmp_path, target):
    refused(tmp_path / "set.zip", target, "is not there")


def test_disk_full(tmp_path, target, monkeypatch):
    class Full(io.FileIO):
        def write(self, data):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(
        room, "open", lambda path, mode: open(path, mode) if "r" in mode else Full(path, mode), raising=False
    )
    with pytest.raises(DataError, match="The disk is full: .* MB are free.*COURSE_DATA"):
        unpack(make(tmp_path / "set.zip"), target, 10**6)
    assert not on_disk(target.parent)


def test_file_in_place_of_the_folder_above(tmp_path, target):
    target.parent.write_bytes(b"mine")
    with pytest.raises(DataError, match=f"{target.parent} cannot be used .*COURSE_DATA"):
        unpack(make(tmp_path / "set.zip"), target, 10**6)
    assert target.parent.read_bytes() == b"mine"


SLOW = """
import sys, time
from pathlib import Path
from helpers.data import archive
inside = archive._inside
def slowly(path, name, *rest):
    print(name, flush=True)
    time.sleep(float(sys.argv[3]))
    return inside(path, name, *rest)
archive._inside = slowly
print(archive.unpack(Path(sys.argv[1]), Path(sys.argv[2]), 10**6))
"""


def other_process(archive: Path, target: Path, seconds: float):
    command = [sys.executable, "-c", SLOW, str(archive), str(target), str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_killed_in_the_middle_and_called_again(tmp_path, target):
    archive = make(tmp_path / "set.zip")
    process = other_process(archive, target, 60)
    assert process.stdout.readline() == "set/a.txt\n"
    process.kill()
    process.communicate()
    assert not target.exists()
    (target.parent / "unpacked.unpacking" / "rest").write_bytes(b"of the killed one")
    assert content(unpack(archive, target, 10**6)) == FILES
    assert on_disk(target.parent) == {"unpacked"}


def test_two_processes_at_once_unpack_it_once(tmp_path, target):
    archive = make(tmp_path / "set.zip")
    first = other_process(archive, target, 0.3)
    assert first.stdout.readline() == "set/a.txt\n"
    out, _ = other_process(archive, target, 0).communicate(timeout=20)
    assert out.splitlines() == ["set.zip: another notebook is unpacking it. Waiting until it is done.", str(target)]
    assert first.wait(timeout=20) == 0
    assert content(target) == FILES
    assert json.loads((target / MARK).read_text()) == {"archive": "set.zip", "bytes": archive.stat().st_size}


def test_random_damage_is_always_a_data_error(tmp_path, target):
    """Bytes changed, cut out and put in, in small archives where all is structure."""
    rng = np.random.default_rng(0)
    outcomes = {"whole": 0, "refused": 0}
    for kind in KINDS:
        archive = make(tmp_path / f"small.{kind}", {"set/a": b"abc" * 10, "set/b": b"x"})
        whole = archive.read_bytes()
        used = len(whole.rstrip(b"\0")) if kind == "tar" else len(whole)
        for _ in range(40):
            data = bytearray(whole)
            for _ in range(rng.integers(1, 4)):
                place = int(rng.integers(used))
                data[place : place + rng.integers(2)] = rng.bytes(int(rng.integers(3)))
            archive.write_bytes(data)
            try:
                unpack(archive, target, 10**6)
                outcomes["whole"] += 1
            except DataError:
                outcomes["refused"] += 1
            assert not list(target.parent.glob("*.unpacking"))
            shutil.rmtree(target, ignore_errors=True)
    assert sum(outcomes.values()) == 200
    assert outcomes["refused"] > 100
