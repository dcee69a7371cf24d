"""Every way a download can go wrong: what comes of it, what is on disk afterwards, what the learner is told."""

import contextlib
import errno
import gzip
import hashlib
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from email.utils import formatdate
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from helpers.data import download
from helpers.data.download import NoNetwork, RemoteFile, check_file, fetch
from helpers.data.errors import DataError
from tests.helpers.web import Answer, Server, on_disk, until

BODY = np.random.default_rng(0).bytes(100_000)
OTHER = np.random.default_rng(1).bytes(100_000)
PAGE = b"\n<!DOCTYPE html>\n<html><body>Please log in</body></html>"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
ABOUT = "Licence: CC BY 4.0. Page: https://example.org/set"


def md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def remote(url: str, name: str = "set.npz", **other) -> RemoteFile:
    return RemoteFile(url, name, **{"bytes": len(BODY), "md5": md5(BODY)} | other)


def unknown(url: str, **other) -> RemoteFile:
    """A file of which neither size nor checksum is known."""
    return RemoteFile(url, "set.npz", **other)


WHOLE = {"set.npz", "set.npz.checked"}
PART = {"set.npz.part", "set.npz.part.json"}


def comes(path: Path, content: bytes = BODY) -> None:
    """The file is there, whole, and nothing else is."""
    assert path.read_bytes() == content
    assert on_disk(path.parent) == WHOLE


@pytest.fixture
def web(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    with Server() as server:
        yield server


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "data" / "set"


@pytest.fixture(autouse=True)
def waits(monkeypatch):
    """The seconds that a learner would have waited between two tries."""
    seconds = []
    monkeypatch.setattr(download, "time", SimpleNamespace(sleep=seconds.append))
    monkeypatch.delenv("COURSE_OFFLINE", raising=False)
    return seconds


def impatient(monkeypatch, answers: list[Answer]) -> None:
    """Short time-outs where the server will be silent; elsewhere a busy machine may take its time."""
    if any(answer.silent for answer in answers):
        monkeypatch.setattr(download, "READ_TIMEOUT", 0.3)


# What passes: the file comes all the same.

PASSES = {
    "nothing wrong": [Answer(BODY)],
    "an error 500, then fine": [Answer(status=500), Answer(BODY)],
    "an error 502, then fine": [Answer(status=502), Answer(BODY)],
    "four errors 503, then fine": [*[Answer(status=503)] * 4, Answer(BODY)],
    "too many requests (429), then fine": [Answer(status=429), Answer(BODY)],
    "hung up without a word, then fine": [Answer(status=0), Answer(BODY)],
    "silent before the first byte, then fine": [Answer(BODY, stops=0, silent=True), Answer(BODY)],
    "silent in the middle, then fine": [Answer(BODY, stops=50_000, silent=True), Answer(BODY)],
    "cut before the first byte": [Answer(BODY, stops=0), Answer(BODY)],
    "cut before the last byte": [Answer(BODY, stops=99_999), Answer(BODY)],
    "cut while sent in chunks": [Answer(BODY, stops=30_000, length="chunked"), Answer(BODY)],
    "cut where the size is not told": [Answer(BODY, stops=30_000, length="untold"), Answer(BODY)],
    "cut, and the server does not know Range": [Answer(BODY, ranges=False, stops=60_000), Answer(BODY, ranges=False)],
    "redirected": [Answer(status=302, headers={"Location": "/elsewhere"})],
    "the size is not told": [Answer(BODY, length="untold")],
    "sent in chunks": [Answer(BODY, length="chunked")],
    "a weak ETag": [Answer(BODY, stops=50_000, version='W/"1"'), Answer(BODY, version='W/"1"')],
}


@pytest.mark.parametrize("answers", PASSES.values(), ids=PASSES)
def test_passes(web, folder, answers, monkeypatch):
    impatient(monkeypatch, answers)
    web.gives(Answer(BODY), path="/elsewhere")
    comes(fetch(remote(web.gives(*answers)), folder))
    assert len(web.asked) == len(answers) + ("Location" in answers[0].headers)


@pytest.mark.parametrize("tenth", range(1, 10))
def test_cut_at_a_tenth_goes_on_from_there(web, folder, tenth):
    comes(fetch(remote(web.gives(Answer(BODY, stops=tenth * 10_000), Answer(BODY))), folder))
    assert web.ranges() == [None, f"bytes={tenth * 10_000}-"]


def test_cut_at_every_tenth_in_turn_is_no_reason_to_give_up(web, folder):
    """More cuts than tries: a try that brings something new does not count."""
    comes(fetch(remote(web.gives(Answer(BODY, stops=10_000))), folder))
    assert web.ranges() == [None, *(f"bytes={start}-" for start in range(10_000, 100_000, 10_000))]
    assert len(web.asked) > download.TRIES


def test_cut_file_without_checksum_goes_on_where_the_server_names_its_version(web, folder):
    cut = Answer(BODY, stops=40_000, version='"1"')
    comes(fetch(unknown(web.gives(cut, Answer(BODY, version='"1"'))), folder), BODY)
    assert web.ranges() == [None, "bytes=40000-"]
    assert web.asked[1]["If-Range"] == '"1"'


def test_cut_file_without_checksum_or_version_starts_over(web, folder):
    """Two halves of different files could not be told from a whole one."""
    comes(fetch(unknown(web.gives(Answer(OTHER, stops=40_000), Answer(BODY))), folder))
    assert web.ranges() == [None, None]


@pytest.mark.parametrize("knows_if_range", [True, False], ids=["If-Range known", "If-Range ignored"])
@pytest.mark.parametrize("make", [remote, unknown], ids=["checksum known", "no checksum"])
def test_changed_on_the_server_between_two_tries_is_not_glued(web, folder, make, knows_if_range):
    new = Answer(BODY, version='"new"')
    if not knows_if_range:
        stretch = {"Content-Range": f"bytes 40000-{len(BODY) - 1}/{len(BODY)}", "Content-Length": "60000"}
        web.gives(Answer(BODY[40_000:], 206, stretch, version='"new"', length="untold"), new, path="/file")
        late = web.answers["/file"]
    else:
        late = [new]
    comes(fetch(make(web.gives(Answer(OTHER, stops=40_000, version='"old"'), *late)), folder))
    assert web.asked[1]["If-Range"] == '"old"'


def test_part_left_by_an_earlier_call_is_gone_on_from(web, folder):
    folder.mkdir(parents=True)
    (folder / "set.npz.part").write_bytes(BODY[:70_000])
    comes(fetch(remote(web.gives(Answer(BODY))), folder))
    assert web.ranges() == ["bytes=70000-"]


def test_whole_part_left_by_an_earlier_call_needs_no_network(web, folder):
    folder.mkdir(parents=True)
    (folder / "set.npz.part").write_bytes(BODY)
    comes(fetch(remote(web.url()), folder))
    assert not web.asked


def test_whole_part_of_unknown_size_is_taken_at_416(web, folder):
    folder.mkdir(parents=True)
    (folder / "set.npz.part").write_bytes(BODY)
    comes(fetch(unknown(web.gives(Answer(BODY)), md5=md5(BODY)), folder))
    assert web.ranges() == ["bytes=100000-"]


def test_part_longer_than_the_file_starts_over(web, folder):
    folder.mkdir(parents=True)
    (folder / "set.npz.part").write_bytes(BODY + b"more")
    comes(fetch(remote(web.gives(Answer(BODY))), folder))
    assert web.ranges() == [None]


def test_part_longer_than_the_servers_file_starts_over_at_416(web, folder):
    folder.mkdir(parents=True)
    (folder / "set.npz.part").write_bytes(BODY + b"more")
    comes(fetch(unknown(web.gives(Answer(BODY)), md5=md5(BODY)), folder))
    assert web.ranges() == ["bytes=100004-", None]


def test_another_stretch_than_asked_for_starts_over(web, folder):
    wrong = Answer(BODY[30_000:], 206, {"Content-Range": f"bytes 30000-99999/{len(BODY)}"})
    comes(fetch(remote(web.gives(Answer(BODY, stops=50_000), wrong, Answer(BODY))), folder))
    assert web.ranges() == [None, "bytes=50000-", None]


# What does not pass: no file, and words that say why and what to do.

GIVES_UP = {  # fault: (what the server does, how often it is asked, words of the message, what stays on disk)
    "404": ([Answer(status=404)], 1, "gone .status 404.*page of the data set", set()),
    "403": ([Answer(status=403)], 1, "refused .status 403.*log-in", set()),
    "418": ([Answer(status=418)], 1, "status 418, not with the file", set()),
    "500 for good": ([Answer(status=500)], 5, "problem .status 500", set()),
    "429 for good": ([Answer(status=429)], 5, "too many requests .status 429", set()),
    "429 with a nonsense date": (
        [Answer(status=429, headers={"Retry-After": "soon"})],
        5,
        "too many requests .status 429",
        set(),
    ),
    "always hung up": ([Answer(status=0)], 5, "the connection was cut", set()),
    "always silent": ([Answer(BODY, stops=0, silent=True)], 5, "said nothing for 0.3 s", set()),
    "cut, then nothing new": ([Answer(BODY, stops=40_000), Answer(status=0)], 6, "cut.*so far is kept", PART),
    "cut, then silent": ([Answer(BODY, stops=40_000), Answer(BODY, stops=0, silent=True)], 6, "nothing.*is kept", PART),
    "always cut, Range unknown": ([Answer(BODY, ranges=False, stops=40_000)], 6, "connection was cut.*is kept", PART),
    "redirected in a circle": ([Answer(status=302, headers={"Location": "/file"})], 31, "redirects in a circle", set()),
    "redirected to a strange place": (
        [Answer(status=302, headers={"Location": "ftp://example.org/file"})],
        1,
        "the request failed: No connection adapters",
        set(),
    ),
    "another size": ([Answer(BODY[1:])], 1, "has a file of 99,999 bytes, 100,000 expected", set()),
    "more than it should be": ([Answer(BODY * 50, length="chunked")], 1, "sends more than 100,000 bytes", set()),
    "a web page": ([Answer(PAGE)], 1, "what the server sends is a web page .HTML", set()),
    "a git LFS pointer": ([Answer(POINTER)], 1, "what the server sends is a git LFS pointer", set()),
    "packed on the way": (
        [Answer(gzip.compress(BODY), headers={"Content-Encoding": "gzip"})],
        1,
        "packs the file",
        set(),
    ),
}


@pytest.mark.parametrize(("answers", "asked", "says", "stays"), GIVES_UP.values(), ids=GIVES_UP)
def test_gives_up(web, folder, answers, asked, says, stays, monkeypatch):
    impatient(monkeypatch, answers)
    file = remote(web.gives(*answers), sha256=sha256(BODY))
    with pytest.raises(DataError, match=f"(?s)set.npz could not be downloaded.*{says}") as caught:
        fetch(file, folder, ABOUT)
    assert not isinstance(caught.value, NoNetwork)
    assert len(web.asked) == asked
    assert on_disk(folder) == stays
    by_hand = (
        f"By hand: download {file.url}\n  and save it as {folder / 'set.npz'} (100,000 bytes, sha256:{sha256(BODY)})"
    )
    assert by_hand in str(caught.value)
    assert str(caught.value).endswith(ABOUT)


def test_endless_body_does_not_fill_the_disk(web, folder, monkeypatch):
    """Nobody knows the size: then there is a limit, and nothing is written beyond it."""
    monkeypatch.setattr(download, "MOST_UNSAID", 50_000)
    written, discard = [], download._discard
    monkeypatch.setattr(download, "_discard", lambda part: written.append(part.stat().st_size) or discard(part))
    with pytest.raises(DataError, match="sends more than 50,000 bytes"):
        fetch(unknown(web.gives(Answer(BODY * 50, length="chunked")), md5=md5(BODY)), folder)
    assert on_disk(folder) == set()
    assert max(written) <= 50_000


def test_gz_file_that_the_server_calls_packed_is_kept_as_it_is(web, folder):
    """Some servers say Content-Encoding: gzip of every .gz file. The publisher's checksum is that of the packed one."""
    body = gzip.compress(BODY)
    url = web.gives(Answer(body, headers={"Content-Encoding": "gzip"}))
    assert fetch(RemoteFile(url, "set.gz", len(body), md5(body)), folder).read_bytes() == body


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7), (formatdate(usegmt=True), 0), ("86400", 60), ("soon", 1), (None, 1)],
    ids=["seconds", "a date", "a day is capped", "nonsense", "nothing"],
)
def test_retry_after(web, folder, waits, capsys, header, seconds):
    busy = Answer(status=429, headers={"Retry-After": header} if header else {})
    comes(fetch(remote(web.gives(busy, Answer(BODY))), folder))
    assert waits == [pytest.approx(seconds, abs=0.01)]
    assert (f"too many requests (status 429). Next try in {seconds} s." in capsys.readouterr().out) == (seconds >= 5)


def test_retry_after_a_later_date(web, folder, waits):
    import time

    busy = Answer(status=503, headers={"Retry-After": formatdate(time.time() + 30, usegmt=True)})
    comes(fetch(remote(web.gives(busy, Answer(BODY))), folder))
    assert waits == [pytest.approx(29.5, abs=1.5)]


def test_waits_double(web, folder, waits):
    with pytest.raises(DataError):
        fetch(remote(web.gives(Answer(status=500))), folder)
    assert waits == [1, 2, 4, 8]


def refused_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def no_names(*_, **__):
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def test_no_connection(web, folder):
    with pytest.raises(NoNetwork, match="(?s)could not be downloaded.*no connection; is this computer online.*By hand"):
        fetch(remote(f"http://127.0.0.1:{refused_port()}/file"), folder)
    assert on_disk(folder) == set()


def test_no_name_resolution(web, folder, monkeypatch, waits):
    monkeypatch.setattr(socket, "getaddrinfo", no_names)
    with pytest.raises(NoNetwork, match="no connection; is this computer online"):
        fetch(remote("https://zenodo.example/file"), folder)
    assert on_disk(folder) == set()
    assert sum(waits) <= 1  # who is offline should soon know


def test_proxy_that_is_not_there(folder, monkeypatch):
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{refused_port()}")
    with pytest.raises(NoNetwork, match="no connection"):
        fetch(remote("http://example.org/file"), folder)
    assert on_disk(folder) == set()


def test_connection_never_answered(folder, monkeypatch):
    """A firewall that swallows everything: a listening socket with a full queue stands for it."""
    with socket.socket() as deaf, contextlib.ExitStack() as waiting:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        for _ in range(3):
            other = waiting.enter_context(socket.socket())
            other.setblocking(False)
            other.connect_ex(deaf.getsockname())
        monkeypatch.setenv("NO_PROXY", "*")
        monkeypatch.setattr(download, "CONNECT_TIMEOUT", 0.3)
        with pytest.raises(NoNetwork, match="no connection"):
            fetch(remote(f"http://127.0.0.1:{deaf.getsockname()[1]}/file"), folder)
    assert on_disk(folder) == set()


def test_network_lost_in_the_middle_keeps_the_part(web, folder, monkeypatch, waits):
    """It was reached before, so it is given all five tries."""
    url = web.gives(Answer(BODY, stops=40_000))

    def lose(seconds):
        waits.append(seconds)
        monkeypatch.setattr(socket, "create_connection", no_names)
        monkeypatch.setattr(socket, "getaddrinfo", no_names)

    monkeypatch.setattr(download, "time", SimpleNamespace(sleep=lose))
    with pytest.raises(NoNetwork, match="(?s)no connection.*so far is kept"):
        fetch(remote(url), folder)
    assert waits == [1, 1, 2, 4, 8]
    assert on_disk(folder) == PART


def test_server_that_does_not_speak_tls(web, folder):
    url = web.gives(Answer(BODY)).replace("http:", "https:")
    with pytest.raises(DataError, match=r"no secure connection \(TLS\); a proxy may be in between") as caught:
        fetch(remote(url), folder)
    assert not isinstance(caught.value, NoNetwork)
    assert on_disk(folder) == set()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
def test_certificate_of_nobody(web, folder, tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=127.0.0.1"
    subprocess.run([*make.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)
    web.secured(certificate, key)
    with pytest.raises(DataError, match=r"no secure connection \(TLS\).*certificate verify failed"):
        fetch(remote(web.gives(Answer(BODY)).replace("http:", "https:")), folder)
    assert on_disk(folder) == set()


# Wrong content.


def test_wrong_download_is_kept_aside_and_downloaded_once_more(web, folder, capsys):
    path = fetch(remote(web.gives(Answer(OTHER), Answer(BODY))), folder)
    assert path.read_bytes() == BODY
    assert (folder / "set.npz.bad").read_bytes() == OTHER
    assert on_disk(folder) == WHOLE | {"set.npz.bad"}
    assert f"md5:{md5(OTHER)} found, md5:{md5(BODY)} expected" in capsys.readouterr().out


def test_wrong_download_twice_is_an_error_and_one_is_kept_aside(web, folder):
    file = remote(web.gives(Answer(OTHER)))
    for _ in range(2):
        with pytest.raises(
            DataError, match=f"(?s)set.npz.*{md5(OTHER)} found, md5:{md5(BODY)} expected.*twice.*By hand"
        ):
            fetch(file, folder)
        assert on_disk(folder) == {"set.npz.bad"}
    assert len(web.asked) == 4


def test_wrong_download_does_not_replace_what_was_put_aside_before(web, folder):
    folder.mkdir(parents=True)
    (folder / "set.npz.bad").write_bytes(b"mine")
    with pytest.raises(DataError, match="expected"):
        fetch(remote(web.gives(Answer(OTHER))), folder)
    assert (folder / "set.npz.bad").read_bytes() == b"mine"
    assert on_disk(folder) == {"set.npz.bad"}


def test_glued_part_of_another_version_is_found_by_the_checksum(web, folder):
    folder.mkdir(parents=True)
    (folder / "set.npz.part").write_bytes(OTHER[:40_000])
    path = fetch(remote(web.gives(Answer(BODY))), folder)
    assert path.read_bytes() == BODY
    assert web.ranges() == ["bytes=40000-", None]


ON_DISK = {
    "another content of the same size": (OTHER, f"md5:{md5(OTHER)} found, md5:{md5(BODY)} expected"),
    "cut short": (BODY[:5000], "5,000 bytes found, 100,000 expected"),
    "empty": (b"", "0 bytes found, 100,000 expected"),
    "a web page": (PAGE, "is a web page .HTML"),
    "a git LFS pointer": (POINTER, "is a git LFS pointer"),
    "a git-annex pointer": (b"/annex/objects/MD5E-s100000--6f.npz\n", "is a git-annex pointer"),
}


@pytest.mark.parametrize(("content", "says"), ON_DISK.values(), ids=ON_DISK)
def test_on_disk_already_but_wrong(web, folder, capsys, content, says):
    """Nobody deletes it: every wrong one is kept, under a name of its own."""
    folder.mkdir(parents=True)
    file = remote(web.gives(Answer(BODY)))
    for aside in ("set.npz.bad", "set.npz.bad2"):
        (folder / "set.npz").write_bytes(content)
        with pytest.raises(DataError, match=f"{folder / 'set.npz'} .*{says}.*has to be downloaded"):
            check_file(folder / "set.npz", file)
        assert fetch(file, folder).read_bytes() == BODY
        assert (folder / aside).read_bytes() == content
        assert f"The wrong one is kept as {aside}." in capsys.readouterr().out
    assert on_disk(folder) == WHOLE | {"set.npz.bad", "set.npz.bad2"}


def test_git_annex_link_without_content_on_disk(web, folder):
    folder.mkdir(parents=True)
    (folder / "set.npz").symlink_to("../.git/annex/objects/3f/9K/MD5E-s100000--6f.npz/MD5E-s100000--6f.npz")
    file = remote(web.gives(Answer(BODY)))
    with pytest.raises(DataError, match="is a git-annex link without its content"):
        check_file(folder / "set.npz", file)
    assert fetch(file, folder).read_bytes() == BODY
    assert (folder / "set.npz.bad").is_symlink()


def test_folder_in_place_of_the_file(web, folder):
    """Some browsers unpack what they download."""
    (folder / "set.npz").mkdir(parents=True)
    (folder / "set.npz" / "images.npy").write_bytes(b"")
    file = remote(web.gives(Answer(BODY)))
    with pytest.raises(DataError, match="is a folder, not a file"):
        check_file(folder / "set.npz", file)
    assert fetch(file, folder).read_bytes() == BODY
    assert (folder / "set.npz.bad" / "images.npy").exists()


def test_sha256_goes_before_md5(web, folder):
    with pytest.raises(DataError, match=f"sha256:{sha256(BODY)} found, sha256:{sha256(OTHER)} expected"):
        fetch(remote(web.gives(Answer(BODY)), sha256=sha256(OTHER)), folder)
    assert not (folder / "set.npz").exists()


def test_unverified_takes_all_but_what_is_no_data(folder):
    folder.mkdir(parents=True)
    (folder / "set.npz").write_bytes(OTHER)
    check_file(folder / "set.npz", remote("http://example.org"), unverified=True)
    assert on_disk(folder) == {"set.npz"}  # and nothing is remembered of it
    (folder / "set.npz").write_bytes(PAGE)
    with pytest.raises(DataError, match="web page"):
        check_file(folder / "set.npz", remote("http://example.org"), unverified=True)


def hashed(monkeypatch) -> list[str]:
    """The names of files as they are hashed."""
    names, digest = [], download._digest
    monkeypatch.setattr(
        download, "_digest", lambda kind, stream, name, *size: names.append(name) or digest(kind, stream, name)
    )
    return names


def test_a_file_is_hashed_once_and_again_when_it_changes(web, folder, monkeypatch):
    names = hashed(monkeypatch)
    file = remote(web.gives(Answer(BODY)))
    path = fetch(file, folder)
    assert names == ["set.npz.part"]
    assert fetch(file, folder) == path
    check_file(path, file)
    assert len(names) == 1
    os.utime(path, ns=(0, 0))
    check_file(path, file)
    assert len(names) == 2
    with pytest.raises(DataError, match="expected"):
        check_file(path, remote(web.url(), md5=md5(OTHER)))  # what was remembered is not what is asked for
    (folder / "set.npz.checked").write_text("[no note")
    check_file(path, file)
    assert len(names) == 4
    assert json.loads((folder / "set.npz.checked").read_text())["checksum"] == f"md5:{md5(BODY)}"
    assert len(web.asked) == 1


# The machine: network forbidden, folders, disks, other processes.


def test_offline(web, folder, monkeypatch):
    monkeypatch.setenv("COURSE_OFFLINE", "1")
    with pytest.raises(NoNetwork, match="(?s)set.npz is not there, and COURSE_OFFLINE=1 forbids.*By hand"):
        fetch(remote(web.gives(Answer(BODY))), folder)
    assert not folder.exists()
    folder.mkdir(parents=True)
    (folder / "set.npz").write_bytes(OTHER)
    with pytest.raises(DataError, match=f"{md5(OTHER)} found") as caught:
        fetch(remote(web.url()), folder)
    assert not isinstance(caught.value, NoNetwork)  # a phantom must not hide that the file is wrong
    assert on_disk(folder) == {"set.npz"}
    (folder / "set.npz").write_bytes(BODY)
    comes(fetch(remote(web.url()), folder))
    assert not web.asked


@pytest.fixture
def read_only():
    """A folder that may not be written to. Root may write everywhere: as root, the test is somebody else meanwhile."""
    if not hasattr(os, "geteuid"):
        pytest.skip("permissions of Unix")
    place, root = Path(tempfile.mkdtemp()), os.geteuid() == 0

    def lock():
        place.chmod(0o555)
        if root:
            os.seteuid(65534)
        return place

    yield SimpleNamespace(place=place, lock=lock)
    if root:
        os.seteuid(0)
    place.chmod(0o755)
    shutil.rmtree(place)


def test_read_only_folder(web, read_only):
    file = remote(web.gives(Answer(BODY)))
    place = read_only.lock()
    with pytest.raises(DataError, match=f"(?s){place} cannot be used .*ermission.*COURSE_DATA.*By hand"):
        fetch(file, place)
    assert on_disk(place) == set()


def test_read_only_folder_that_has_the_file_serves(web, read_only):
    (read_only.place / "set.npz").write_bytes(BODY)
    path = fetch(remote(web.url()), read_only.lock())
    assert path.read_bytes() == BODY
    assert os.listdir(path.parent) == ["set.npz"]


def test_read_only_folder_with_a_wrong_file(web, read_only):
    (read_only.place / "set.npz").write_bytes(OTHER)
    with pytest.raises(DataError, match="COURSE_DATA"):
        fetch(remote(web.gives(Answer(BODY))), read_only.lock())
    assert (read_only.place / "set.npz").read_bytes() == OTHER


def test_file_in_place_of_the_folder(web, folder):
    folder.parent.mkdir()
    folder.write_bytes(b"mine")
    with pytest.raises(DataError, match=f"{folder} cannot be used .*COURSE_DATA"):
        fetch(remote(web.gives(Answer(BODY))), folder)
    assert folder.read_bytes() == b"mine"


def test_too_little_room_is_seen_before_anything_is_written(web, folder, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=60_000))
    with pytest.raises(
        DataError, match=r"(?s)disk is full: 0.1 MB more are needed, 0.1 MB are free for .*COURSE_DATA.*By hand"
    ):
        fetch(remote(web.gives(Answer(BODY))), folder)
    assert on_disk(folder) == set()


def test_disk_full_in_the_middle_keeps_the_part(web, folder, monkeypatch):
    """`open` is replaced: its file takes 70,000 bytes, then fails as on a full disk. Later there is room."""

    class Full(io.FileIO):
        def write(self, data):
            if self.tell() + len(data) > 70_000:
                super().write(data[: 70_000 - self.tell()])
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(data)

    file = remote(web.gives(Answer(BODY)))
    with monkeypatch.context() as full:
        full.setattr(download, "open", Full, raising=False)
        with pytest.raises(
            DataError, match="(?s)The disk is full: 0.0 MB more are needed.*COURSE_DATA.*is kept.*By hand"
        ):
            fetch(file, folder)
    assert (folder / "set.npz.part").read_bytes() == BODY[:70_000]
    assert on_disk(folder) == PART
    comes(fetch(file, folder))
    assert web.ranges() == [None, "bytes=70000-"]


IN_ANOTHER_PROCESS = """
import sys
from pathlib import Path
from helpers.data import download
file = download.RemoteFile(sys.argv[1], "set.npz", 100_000, sys.argv[2])
print(download.fetch(file, Path(sys.argv[3])))
"""


def other_process(web: Server, folder: Path, before: tuple[str, ...] = (), code: str = IN_ANOTHER_PROCESS):
    command = [*before, sys.executable, "-c", code, web.url(), md5(BODY), folder]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_disk_really_full(web, tmp_path):
    """A file system of 64 kB in a name space of its own, where Linux lets us make one."""
    inside = ("unshare", "-rm", "sh", "-c", f'mount -t tmpfs -o size=64k none {tmp_path} && exec "$@"', "sh")
    if shutil.which("unshare") is None or subprocess.run([*inside, "true"], capture_output=True).returncode:
        pytest.skip("no file system of our own can be mounted")
    web.gives(Answer(BODY))
    code = IN_ANOTHER_PROCESS.replace(
        "file =", "download.shutil.disk_usage = lambda folder: type('', (), {'free': 10**9})\nfile ="
    )
    code = code.replace("print(download.fetch(", "try: download.fetch(").replace("))\n", ")\n")
    code += "except Exception as error: print(error, *sorted(path.name for path in Path(sys.argv[3]).iterdir()))"
    out, errors = other_process(web, tmp_path, inside, code).communicate(timeout=20)
    assert "The disk is full: " in out, errors
    assert "COURSE_DATA" in out
    assert "set.npz.part " in out


def test_two_processes_at_once_download_it_once(web, folder):
    web.gives(Answer(BODY, stops=50_000, silent=True))
    first = other_process(web, folder)
    until((folder / "set.npz.part").exists)
    second = other_process(web, folder)
    assert "another notebook is downloading it" in second.stdout.readline()
    web.gives(Answer(BODY))
    web.closing.set()  # the silent answer ends here, and the first process asks for the rest
    for process in (second, first):
        out, errors = process.communicate(timeout=20)
        assert out.strip() == str(folder / "set.npz"), errors
    comes(folder / "set.npz")
    assert web.ranges() == [None, "bytes=50000-"]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="kill -9 is Unix's")
def test_killed_in_the_middle_and_called_again(web, folder):
    web.gives(Answer(BODY, stops=90_000, silent=True), Answer(BODY))
    process = other_process(web, folder)
    part = folder / "set.npz.part"
    until(lambda: part.exists() and part.stat().st_size == 90_000)
    process.kill()
    process.communicate()
    assert on_disk(folder) == PART
    comes(fetch(remote(web.url()), folder))
    assert web.ranges() == [None, "bytes=90000-"]


def test_many_threads_at_once_download_it_once(web, folder):
    from concurrent.futures import ThreadPoolExecutor

    file = remote(web.gives(Answer(BODY)))
    with ThreadPoolExecutor(8) as pool:
        paths = list(pool.map(lambda _: fetch(file, folder), range(8)))
    assert set(paths) == {folder / "set.npz"}
    assert len(web.asked) == 1


def test_the_server_is_told_who_asks(web, folder):
    fetch(remote(web.gives(Answer(BODY))), folder)
    import tomllib

    project = tomllib.loads((download.COURSE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    agent = f"{project['name']}/{project['version']} (+{project['urls']['repository']})"
    assert (web.asked[0]["User-Agent"], web.asked[0]["Accept-Encoding"]) == (agent, "identity")


@pytest.mark.parametrize("name", ["", "..", "a/b", "a\\b", "/etc/passwd", "C:x"])
def test_names_with_a_folder_are_refused(name):
    with pytest.raises(ValueError, match="without a folder"):
        RemoteFile("http://example.org", name)


def test_importing_is_light_and_calls_nobody():
    code = "import socket; socket.socket.connect = None; import helpers.data.download, helpers.data.archive, sys; "
    code += "print({'requests', 'urllib3', 'filelock', 'tqdm'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"
