"""A web server on this machine that misbehaves on order."""

import contextlib
import http.server
import re
import ssl
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Answer:
    """What the server does with one request.

    body: the whole file; ranges: whether Range is understood; version: sent as ETag, and compared with If-Range; stops:
    after so many bytes of what it sends, the server hangs up, or says nothing more if `silent`; length: what it says
    about the size, "told", "chunked" or "untold"; status 0: it hangs up without a word.
    """

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    ranges: bool = True
    version: str | None = None
    stops: int | None = None
    silent: bool = False
    length: str = "told"


class Server:
    """answers: by path, what one request after the other is given, the last one for good; asked: their headers."""

    def __init__(self):
        self.answers: dict[str, list[Answer]] = {}
        self.asked: list[dict[str, str]] = []
        self.closing = threading.Event()
        self._next = threading.Lock()
        self._http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self.port = self._http.server_address[1]

    def url(self, path: str = "/file") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def gives(self, *answers: Answer, path: str = "/file") -> str:
        self.answers[path] = list(answers)
        return self.url(path)

    def ranges(self) -> list[str | None]:
        """The Range header of every request so far."""
        return [headers.get("Range") for headers in self.asked]

    def secured(self, certificate, key) -> None:
        """From now on only TLS is spoken."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._http.socket = context.wrap_socket(self._http.socket, server_side=True)

    def _handler(server):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                with server._next:
                    server.asked.append(dict(self.headers))
                    answers = server.answers.get(self.path, [Answer(status=404)])
                    answer = answers.pop(0) if len(answers) > 1 else answers[0]
                self.close_connection = True
                with contextlib.suppress(ConnectionError):
                    self.give(answer)

            def give(self, answer: Answer):
                if answer.status == 0:
                    return
                status, body, headers = answer.status, answer.body, {"Connection": "close"} | answer.headers
                asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
                same = self.headers.get("If-Range") in (None, answer.version)
                if status == 200 and answer.ranges and asked and same:
                    start = int(asked[1])
                    status, body = (206, body[start:]) if start < len(body) else (416, b"")
                    stretch = f"{start}-{len(answer.body) - 1}" if body else "*"
                    headers = {"Content-Range": f"bytes {stretch}/{len(answer.body)}"} | headers
                if answer.version:
                    headers["ETag"] = answer.version
                if answer.length == "told":
                    headers = {"Content-Length": str(len(body))} | headers
                elif answer.length == "chunked":
                    headers["Transfer-Encoding"] = "chunked"
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.send(body[: answer.stops], answer.length == "chunked", whole=answer.stops is None)
                if answer.silent:
                    server.closing.wait()

            def send(self, body: bytes, chunked: bool, whole: bool):
                for start in range(0, len(body), 10_000):
                    piece = body[start : start + 10_000]
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
                if chunked and whole:
                    self.wfile.write(b"0\r\n\r\n")

            def log_message(self, *said):
                pass

        return Handler

    def __enter__(self):
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()


def on_disk(folder: Path) -> set[str]:
    """The names in a folder. Empty lock files mean nothing: with some versions of filelock they stay behind."""
    return {path.name for path in folder.iterdir() if path.suffix != ".lock"} if folder.is_dir() else set()


def until(condition, seconds: float = 20) -> None:
    """Wait until something is true."""
    for _ in range(int(seconds * 100)):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError(f"not within {seconds} s")
