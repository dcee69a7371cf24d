"""Files from the network: whole and checked, or a message that says what to do instead."""

import contextlib
import errno
import hashlib
import itertools
import json
import os
import re
import shutil
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path

from helpers.data.errors import DataError
from helpers.places import COURSE
from helpers.waiting import progress_bar

CONNECT_TIMEOUT = 10.0  # s
READ_TIMEOUT = 30.0  # s without a single byte
TRIES = 5  # one after the other that bring nothing new
TRIES_TO_REACH = 2  # of a server that never answered: who is offline should soon know
FIRST_WAIT = 1.0  # s, doubled from try to try
MOST_WAIT = 60.0  # s, also where a server asks for more
MOST_UNSAID = 2 * 10**9  # bytes of a file whose size nobody told
CHUNK = 1 << 16  # bytes
NO_DATA = {  # how a file starts that holds something else: what it is
    (b"<!doctype html", b"<html", b"<head"): "is a web page (HTML), not the file: perhaps a log-in or an error page",
    b"version https://git-lfs.github.com/spec": "is a git LFS pointer, not the file it points to",
    b"/annex/objects/": "is a git-annex pointer, not the file it points to",
}


class NoNetwork(DataError):
    """The server cannot be reached at all, or COURSE_OFFLINE=1. A phantom may stand in."""


class _Trouble(Exception):
    """Of one request. passes: to ask again may help; wait: seconds that the server asks for; reached: it answered."""

    def __init__(self, message: str, passes: bool = False, wait: float | None = None, reached: bool = True):
        super().__init__(message)
        self.passes, self.wait, self.reached = passes, wait, reached


@dataclass(frozen=True)
class RemoteFile:
    """A file as its publisher gives it out. What is not known is None; without a checksum only the size is checked.

    url; name: what it is called on disk; bytes; md5 and sha256 in hexadecimal, sha256 goes first.
    """

    url: str
    name: str
    bytes: int | None = None
    md5: str | None = None
    sha256: str | None = None

    def __post_init__(self):
        if not self.name.strip(".") or re.search(r"[/\\:]", self.name):
            raise ValueError(f"the name of a file, without a folder, was expected, not {self.name!r}")

    @property
    def checksum(self) -> str | None:
        """The better one of those known, as "sha256:..." or "md5:..."."""
        if self.sha256:
            return f"sha256:{self.sha256.lower()}"
        return f"md5:{self.md5.lower()}" if self.md5 else None


def fetch(file: RemoteFile, folder: Path, about: str = "") -> Path:
    """The path of the whole, checked file in a folder; downloaded only if it is not there.

    A wrong file in its place is kept as NAME.bad and downloaded anew. What arrives lies in NAME.part, and the next call
    goes on from there. Of two notebooks at once, one downloads and the other waits.

    Parameters
    ----------
    folder : made if need be
    about : licence, citation, web page: shown when the download fails, with what to do by hand

    Raises
    ------
    NoNetwork : no server can be reached, or COURSE_OFFLINE=1
    DataError : everything else that keeps the file from coming
    """
    path = Path(folder) / file.name
    try:
        with contextlib.suppress(DataError):
            check_file(path, file)  # before the lock: a read-only folder serves as well
            return path
        if os.environ.get("COURSE_OFFLINE") == "1":
            if os.path.lexists(path):
                check_file(path, file)  # says what is wrong with it: a phantom must not hide that
            raise NoNetwork(f"{path} is not there, and COURSE_OFFLINE=1 forbids to download it.")
        path.parent.mkdir(parents=True, exist_ok=True)
        with one_at_a_time(path, f"{file.name}: another notebook is downloading it. Waiting until it is done."):
            try:
                check_file(path, file)
            except DataError as trouble:
                if os.path.lexists(path):  # it may be the learner's own: every one is kept
                    names = (_beside(path, f".bad{number}") for number in itertools.chain([""], itertools.count(2)))
                    aside = path.rename(next(name for name in names if not os.path.lexists(name)))
                    print(f"{trouble} The wrong one is kept as {aside.name}.")
                _download(file, path)
    except DataError as trouble:
        raise type(trouble)(f"{trouble}\n{_advice(file, path, about)}") from trouble
    except OSError as trouble:
        needed = file.bytes and file.bytes - _size(_beside(path, ".part"))
        raise DataError(f"{disk_trouble(trouble, path.parent, needed)}\n{_advice(file, path, about)}") from trouble
    return path


def check_file(path: Path, file: RemoteFile, unverified: bool = False) -> None:
    """Make sure that a file is the one it should be.

    It is hashed once: NAME.checked beside it remembers that, until size or time change; not in a read-only folder.

    Parameters
    ----------
    unverified : take it whatever its size and checksum; a web page or a pointer in its place is refused all the same

    Raises
    ------
    DataError : it is not there, or something else
    """
    refuse_no_data(path)
    status, checked = path.stat(), _beside(path, ".checked")
    found, expected = None, file.checksum
    facts = {"bytes": status.st_size, "mtime_ns": status.st_mtime_ns, "checksum": expected}
    if unverified or (expected and read_note(checked) == facts):
        return
    if file.bytes not in (None, status.st_size):
        found, expected = f"{status.st_size:,} bytes", f"{file.bytes:,}"
    elif expected:
        kind = expected.partition(":")[0]
        with open(path, "rb") as stream:
            found = f"{kind}:{_digest(kind, stream, path.name)}"
    if found != expected:
        said = f"{found} found, {expected} expected"
        raise DataError(f"{path} is not the file it should be: {said}. It has to be downloaded again.")
    with contextlib.suppress(OSError):
        checked.write_text(json.dumps(facts), encoding="utf-8")


def _digest(kind: str, stream, name: str) -> str:
    value = hashlib.new(kind)
    with progress_bar(f"checking {name}", os.fstat(stream.fileno()).st_size, unit="B") as bar:
        while chunk := stream.read(1 << 20):
            value.update(chunk)
            bar.update(len(chunk))
    return value.hexdigest()


def refuse_no_data(path: Path) -> None:
    """DataError for what is not there, or is a folder, a web page or a pointer instead of data."""
    if path.is_file():
        with open(path, "rb") as stream:
            instead = _no_data(stream.read(1024))
    elif path.exists():
        instead = "is a folder, not a file (some browsers unpack what they download)"
    elif not path.is_symlink():
        instead = "is not there"
    elif "annex/objects" in Path(os.readlink(path)).as_posix():
        instead = "is a git-annex link without its content"
    else:
        instead = "is a link to a file that is not there"
    if instead:
        raise DataError(f"{path} {instead}. It has to be downloaded.")


def _no_data(start: bytes) -> str | None:
    """What a file is instead of data, seen by how it starts; None: it may be data."""
    start = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return next((instead for starts, instead in NO_DATA.items() if start.startswith(starts)), None)


def one_at_a_time(path: Path, waiting: str):
    """Hold the lock that belongs to a path; `waiting` is printed while another process has it. Dead ones have none."""
    from filelock import FileLock, Timeout

    lock = FileLock(_beside(path, ".lock"))
    try:
        return lock.acquire(timeout=0)
    except Timeout:
        print(waiting, flush=True)
        return lock.acquire()


def disk_trouble(error: OSError, folder: Path, needed: int | None = None) -> str:
    """Words for an error of the disk. needed: bytes still to be written, where that is known."""
    said, other = f"{folder} cannot be used ({error.strerror or error}). Set", "that you may write to"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        more = f"{needed / 1e6:,.1f} MB more are needed, " if needed else ""
        free = shutil.disk_usage(next(place for place in (folder, *folder.absolute().parents) if place.exists())).free
        said = f"The disk is full: {more}{free / 1e6:,.1f} MB are free for {folder}. Make room, or set"
        other = "on another disk"
    return f"{said} the environment variable COURSE_DATA to a folder {other}, and run this again."


def _download(file: RemoteFile, path: Path) -> None:
    """Whole, checked, and only then under its name. What has a wrong checksum is downloaded once more."""
    part = _beside(path, ".part")
    for last in (False, True):
        _complete(file, part)
        try:
            check_file(part, file)
            break
        except DataError as trouble:
            aside = _beside(path, ".bad")
            if not os.path.lexists(aside):  # one to look at is enough
                part.rename(aside)
            _discard(part)
            if last:
                raise DataError(f"{trouble} It came so twice: it was replaced, or is changed on its way.") from trouble
            print(f"{trouble} Trying once more.")
    with open(part, "rb+") as stream:
        os.fsync(stream.fileno())
    with contextlib.suppress(OSError):
        os.replace(_beside(part, ".checked"), _beside(path, ".checked"))
    os.replace(part, path)
    _discard(part)


def _complete(file: RemoteFile, part: Path) -> None:
    """Ask until everything is there. A try that brings something new does not count."""
    furthest, failed, tries = _size(part), 0, TRIES_TO_REACH
    while True:
        try:
            return _receive(file, part)
        except _Trouble as trouble:
            tries = TRIES if trouble.reached else tries
            failed = 0 if _size(part) > furthest else failed + 1
            furthest = max(furthest, _size(part))
            if failed == tries or not trouble.passes:
                kind = DataError if trouble.reached else NoNetwork
                raise kind(f"{file.name} could not be downloaded: {trouble}") from trouble
            wait = min(MOST_WAIT, FIRST_WAIT * 2 ** max(failed - 1, 0) if trouble.wait is None else trouble.wait)
            if wait >= 5:
                print(f"{file.name}: {trouble}. Next try in {wait:.0f} s.")
            time.sleep(wait)


def _receive(file: RemoteFile, part: Path) -> None:
    """One request. What it brings is added to the part file; a trouble if that is not all."""
    have, version = _size(part), read_note(_beside(part, ".json")).get(file.url)
    too_many = file.bytes is not None and have > file.bytes
    if too_many or not (version or file.checksum):  # without either, two versions could be glued together unnoticed
        have = 0
    if have and have == file.bytes:
        return
    with _answer(file.url, {"Range": f"bytes={have}-", "If-Range": version} if have else {}) as answer:
        start, total, newest = _place(answer)
        if have and answer.status_code == 416 and total == have:
            return
        if start not in (0, have) or (start and version and newest not in (None, version)):
            _discard(part)
            raise _Trouble("the server sent another stretch or another version of the file than asked for", passes=True)
        first = answer.raw.read(1024, decode_content=False)
        rest = iter(lambda: answer.raw.read1(CHUNK, decode_content=False), b"")  # what is here, at most a chunk
        if start == 0 and (instead := _no_data(first)):
            raise _Trouble(f"what the server sends {instead}")
        if answer.headers.get("Content-Encoding", "identity") != "identity" and not file.name.endswith("gz"):
            raise _Trouble("the server packs the file on its way, though it was asked not to")
        if None not in (file.bytes, total) and total != file.bytes:
            raise _Trouble(f"the server has a file of {total:,} bytes, {file.bytes:,} expected: it was replaced")
        total = total or file.bytes
        if total and total - start > shutil.disk_usage(part.parent).free:
            raise OSError(errno.ENOSPC, "too little room")
        if start == 0:
            _beside(part, ".json").write_text(json.dumps({file.url: newest}), encoding="utf-8")
        done, most = start, total or MOST_UNSAID
        with open(part, "ab" if start else "wb") as out, progress_bar(file.name, total, "B", initial=start) as bar:
            for chunk in itertools.chain([first], rest):
                done += len(chunk)
                if done > most:
                    break
                out.write(chunk)
                bar.update(len(chunk))
    if done > most:
        _discard(part)
        raise _Trouble(f"the server sends more than {most:,} bytes, and the file should not have more")
    if total and done < total:
        raise _Trouble(f"the connection was cut after {done:,} of {total:,} bytes", passes=True)


def _place(answer) -> tuple[int, int | None, str | None]:
    """Where in the file an answer starts (-1: not told), the size of the whole file, and its version for If-Range."""
    tag = answer.headers.get("ETag", "W/")  # a weak one will not do
    version = answer.headers.get("Last-Modified") if tag.startswith("W/") else tag
    if answer.status_code == 200:
        return 0, answer.raw.length_remaining, version
    found = re.fullmatch(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)", answer.headers.get("Content-Range", "").strip())
    start, total = found.groups() if found else (None, "*")
    return int(start or -1), None if total == "*" else int(total), version


@contextlib.contextmanager
def _answer(url: str, stretch: dict[str, str | None]):
    """A GET. Whatever goes wrong, also later while the body is read, comes as a trouble."""
    import requests
    import urllib3

    project = tomllib.loads((COURSE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    # Zenodo turns away programs that do not say who they are.
    agent = f"{project['name']}/{project['version']} (+{project['urls']['repository']})"
    headers = {"User-Agent": agent, "Accept-Encoding": "identity"} | stretch  # requests leaves out what is None
    try:
        with requests.get(url, headers=headers, stream=True, timeout=(CONNECT_TIMEOUT, READ_TIMEOUT)) as answer:
            _refuse_status(answer)
            yield answer
    except (requests.RequestException, urllib3.exceptions.HTTPError) as trouble:
        reason = getattr(trouble.args[0] if trouble.args else None, "reason", None) or trouble
        no_connection = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError)
        if isinstance(trouble, requests.exceptions.SSLError):
            said = f"no secure connection (TLS); a proxy may be in between, or the clock wrong: {reason}"
            raise _Trouble(said) from trouble
        if isinstance(trouble, requests.exceptions.ProxyError) or isinstance(reason, no_connection):
            raise _Trouble("no connection; is this computer online?", passes=True, reached=False) from trouble
        if isinstance(trouble, (requests.Timeout, urllib3.exceptions.ReadTimeoutError)):
            raise _Trouble(f"the server said nothing for {READ_TIMEOUT:g} s", passes=True) from trouble
        if isinstance(trouble, (requests.ConnectionError, urllib3.exceptions.HTTPError)):
            raise _Trouble("the connection was cut", passes=True) from trouble
        if isinstance(trouble, requests.TooManyRedirects):
            raise _Trouble("the server redirects in a circle") from trouble
        raise _Trouble(f"the request failed: {trouble}") from trouble


def _refuse_status(answer) -> None:
    import urllib3

    status, wait = answer.status_code, None
    if status in (404, 410):
        raise _Trouble(f"gone (status {status}); the page of the data set may tell where the file is now")
    if status in (401, 403):
        raise _Trouble(f"refused (status {status}); the server wants a log-in, or blocks this network for a while")
    if status in (408, 429) or status >= 500:
        said = "too many requests" if status == 429 else "the server has a problem"
        with contextlib.suppress(ValueError, OverflowError, urllib3.exceptions.InvalidHeader):
            wait = urllib3.Retry().get_retry_after(answer)
        raise _Trouble(f"{said} (status {status})", passes=True, wait=wait)
    if status not in (200, 206, 416):
        raise _Trouble(f"the server answered with status {status}, not with the file")


def _advice(file: RemoteFile, path: Path, about: str) -> str:
    size = "size unknown" if file.bytes is None else f"{file.bytes:,} bytes"
    kept = "What arrived so far is kept: the next try goes on from there.\n" if _size(_beside(path, ".part")) else ""
    by_hand = f"{kept}By hand: download {file.url}\n  and save it as {path.absolute()}"
    return f"{by_hand} ({size}, {file.checksum or 'checksum unknown'}). Then run this again.\n{about}".rstrip()


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


def _discard(part: Path) -> None:
    part.unlink(missing_ok=True)
    _beside(part, ".json").unlink(missing_ok=True)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def read_note(path: Path) -> dict:
    """What a side file says; {}: nothing, it is not there or is damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
