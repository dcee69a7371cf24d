"""A process of its own for one hand-in: no network, no files but the libraries, little memory, and an end.

Bubblewrap makes it (Linux). As an ordinary user it opens a user namespace; as root it drops to an ordinary user id,
because limits on processes do not bind root. Whether that works is found out by trying.
"""

import contextlib
import functools
import os
import queue
import secrets
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from pathlib import Path

from tools.chapter import tree_memory
from tools.common import Problem
from tools.homework import wire

MEMORY = 4_000_000_000  # bytes of address space a process, and of memory all processes of a hand-in together
PROCESSES = 64  # threads count too: TensorFlow starts some forty
FILE, SCRATCH = 20_000_000, 64_000_000  # bytes of one file, and of all of /tmp
FIRST_USER = 60001  # user ids without a name; one a worker, since the limit on processes counts by user
START = 60  # seconds until Python and NumPy are there

NO_SANDBOX = (
    "Marking runs the students' code, and this machine cannot lock it in: {reason}\n"
    "On Debian or Ubuntu:  sudo apt install bubblewrap   (Windows: inside WSL 2; macOS: in a Linux machine.)\n"
    "With --unsafe it runs as yourself: it could read your files, other hand-ins and the marks, use the network, and\n"
    "change or delete what you can. Do that only with hand-ins that you would run by hand, on a machine that holds\n"
    "nothing of value."
)


class Died(Exception):
    """The process ended, or broke the rules of the line; the message says what is known."""


class OverTime(Exception):
    """No answer in time."""


def require() -> None:
    """Make sure that hand-ins can be locked in.

    Raises
    ------
    Problem : they cannot; the message says why, and what `--unsafe` means
    """
    reason = _missing()
    if reason:
        raise Problem(NO_SANDBOX.format(reason=reason))


@functools.cache
def _missing() -> str:
    """Why there is no sandbox; empty where one starts."""
    if not shutil.which("bwrap"):
        return "there is no bubblewrap (bwrap)."
    if os.getuid() == 0 and not shutil.which("setpriv"):
        return "setpriv (util-linux) is missing, which root needs to drop its rights."
    try:
        code = f"import os, sys; sys.path.append({str(_site())!r}); import numpy; print(os.getuid())"
        program = [sys._base_executable, "-I", "-S", "-c", code]
        done = subprocess.run([*_walls(Path(__file__).parent, 0), *program], capture_output=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"bubblewrap does not start ({error})."
    if done.returncode:
        return f"bubblewrap does not start ({done.stderr.decode(errors='replace').strip()[-300:]})."
    return "" if done.stdout.strip() != b"0" or os.getuid() else "root's rights could not be dropped."


def _site() -> Path:
    """Where the packages are."""
    return Path(sysconfig.get_path("purelib")).resolve()


def _libraries() -> list[Path]:
    """The folders outside /usr that Python and its packages lie in."""
    folders = {Path(os.path.realpath(sys.base_prefix)), _site()}
    return sorted(folder for folder in folders if not folder.is_relative_to("/usr"))


def _walls(judge: Path, slot: int) -> list[str]:
    """The command that shuts in whatever follows it."""
    root = os.getuid() == 0
    command = ["bwrap", "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
    command += ["--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    if root:
        command += [part for name in ("SETUID", "SETGID", "SETPCAP") for part in ("--cap-add", f"CAP_{name}")]
    else:
        command += ["--unshare-user", "--disable-userns"]
    command += ["--ro-bind", "/usr", "/usr"]
    for name in ("bin", "lib", "lib64"):
        if os.path.islink(f"/{name}"):
            command += ["--symlink", f"usr/{name}", f"/{name}"]
        elif os.path.isdir(f"/{name}"):
            command += ["--ro-bind", f"/{name}", f"/{name}"]
    for path in ("/etc/ld.so.cache", "/etc/alternatives"):
        command += ["--ro-bind-try", path, path]
    command += ["--proc", "/proc", "--dev", "/dev", "--size", str(SCRATCH), "--tmpfs", "/dev/shm"]
    command += ["--perms", "1777", "--size", str(SCRATCH), "--tmpfs", "/tmp"]
    made = {Path("/tmp")}  # before the libraries, which may lie below it
    for folder in _libraries():
        for parent in reversed(folder.parents):
            if parent != Path("/") and parent not in made:
                command += ["--perms", "0755", "--dir", str(parent)]
                made.add(parent)
        command += ["--ro-bind", str(folder), str(folder)]
    command += ["--ro-bind", str(judge), "/judge", "--remount-ro", "/dev", "--remount-ro", "/"]
    command += ["--chdir", "/tmp", "--clearenv"]
    for name, value in _variables("/tmp").items():
        command += ["--setenv", name, value]
    if root:
        user = str(FIRST_USER + slot)
        command += ["setpriv", "--reuid", user, "--regid", user, "--clear-groups", "--inh-caps=-all"]
        command += ["--bounding-set=-all", "--no-new-privs"]
    command += ["prlimit", f"--as={MEMORY}", f"--nproc={PROCESSES}", f"--fsize={FILE}", "--nofile=256", "--core=0"]
    return command


def _variables(home: str) -> dict[str, str]:
    one = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return one | {"PATH": "/usr/bin:/bin", "HOME": home, "LANG": "C.UTF-8", "MPLBACKEND": "agg"} | {
        "TF_ENABLE_ONEDNN_OPTS": "0", "TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_HOME": home, "PYTHONHASHSEED": "0",
        "COURSE_HEADLESS": "1",
    }  # fmt: skip


class Sandbox:
    """One process for one hand-in. Start it ahead of time: Python and NumPy are there when it is needed."""

    def __init__(self, judge: Path, slot: int = 0, unsafe: bool = False) -> None:
        self.scratch = None
        variables, folder = None, None
        inside = [sys._base_executable, "-I", "-S", "-B", "/judge/inside.py", str(_site())]
        inside.append(f"worker-{slot}")  # so that `ps` tells whose it is
        command = [*_walls(judge, slot), *inside]
        if unsafe:
            self.scratch = tempfile.mkdtemp(prefix="homework-")
            inside[4], variables, folder = str(judge / "inside.py"), _variables(self.scratch), self.scratch
            command = inside
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env=variables,
            start_new_session=True,
        )
        self.lines: queue.Queue = queue.Queue(maxsize=64)
        self.token, self.number = "", 0
        self.closed = False
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        left = 4 * wire.MOST_BYTES
        with contextlib.suppress(OSError, ValueError):
            while left > 0:
                text = self.process.stdout.readline(left)
                left -= len(text)
                self.lines.put(text)
                if not text:
                    return
        self.lines.put(b"")

    def hand_over(self, data: bytes, tasks: dict) -> dict:
        """Give the notebook; what was found in it comes back."""
        self.receive(START)
        token = secrets.token_hex(16)
        self.send({"token": token, "bytes": len(data), "tasks": tasks})
        self.token = token
        try:
            self.process.stdin.write(data)
            self.process.stdin.flush()
        except OSError:
            raise Died("it ended while the notebook was read") from None
        return self.receive(START)

    def send(self, message: dict) -> None:
        """One message to the inside."""
        self.number += 1  # a reply to an earlier message is none to this one
        try:
            self.process.stdin.write(wire.line(message | {"number": self.number}))
            self.process.stdin.flush()
        except (OSError, ValueError):
            raise Died("the process had ended") from None

    def receive(self, seconds: float) -> dict:
        """The next message from the inside.

        Raises
        ------
        Died, OverTime : none came, or what came was not from the course's own part of the process
        """
        end = time.monotonic() + seconds
        while True:
            try:
                text = self.lines.get(timeout=max(0.01, min(0.25, end - time.monotonic())))
                break
            except queue.Empty:
                if tree_memory(self.process.pid) > MEMORY:
                    raise Died(f"it took more than {MEMORY / 1e9:.0f} GB of memory") from None
                if time.monotonic() > end:
                    raise OverTime from None
        if not text:
            raise Died(self._last_words())
        try:
            message = wire.json.loads(text)
            right = isinstance(message, dict)
            right = right and (message.get("token"), message.get("number")) == (self.token, self.number)
        except (ValueError, RecursionError):
            right = False
        if not right:
            raise Died("something was written into the judge's own line")
        return message

    def _last_words(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = self.process.wait(2)
            if code in (128 + signal.SIGXCPU, -signal.SIGXCPU):
                return "it computed for longer than it may"
            if code in (128 + signal.SIGKILL, -signal.SIGKILL):
                return "it was ended by the system (memory or processor time)"
            return f"the process ended by itself (exit code {code})"
        return "the process ended by itself"

    def close(self) -> None:
        """End the process and everything it started; what it wrote is gone."""
        if self.closed:
            return
        self.closed = True
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if hasattr(os, "killpg"):
                os.killpg(self.process.pid, signal.SIGKILL)
            else:
                self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()
        if self.scratch:
            shutil.rmtree(self.scratch, ignore_errors=True)
