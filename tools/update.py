"""Bring newer chapters by git and leave the learner's copies alone. Reads on Python 3.7 and newer."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tools import copies
from tools.common import COURSE, Problem, relative, say

ZIP_WAY = (
    "Download the course again, unpack it beside this folder, and copy your folder my/ into it: "
    f"`{COURSE} update` there puts newer chapters beside your copies."
)


def update(root: Path) -> int:
    """Pull by fast-forward only, then put chapters that changed beside the learner's copies.

    Raises
    ------
    Problem
        If the folder cannot be brought forward; nothing has changed then.
    """
    if not _is_clone(root):
        _place(root)  # a download that was unpacked over this folder, or my/ copied into a newer one
        raise Problem(
            "Newer chapters come by git, and this folder is no git clone (or git is not installed).\n" + ZIP_WAY
        )
    copies.adopt(root)
    before = _git(root, "rev-parse", "HEAD")
    _refuse_local_changes(root)
    _fetch(root)
    _go_forward(root)
    after = _git(root, "rev-parse", "HEAD")
    if before == after:
        say("There is nothing newer.")
    else:
        count = _git(root, "rev-list", "--count", f"{before}..{after}")
        say(f"Brought {count} change{'s' if count != '1' else ''}.")
        if _git(root, "diff", "--name-only", before, after, "--", "requirements.txt"):
            say(f"What the course needs has changed: the next `{COURSE} lab` installs it.")
    _place(root)
    return 0


def _is_clone(root: Path) -> bool:
    """Whether the course folder itself is a clone (a .git further up belongs to something else)."""
    return shutil.which("git") is not None and (root / ".git").exists()


def _refuse_local_changes(root: Path) -> None:
    changed = _git(root, "status", "--porcelain", "--untracked-files=no")
    if changed:
        raise Problem(
            "Files of the course were changed here, so nothing was brought:\n"
            + "\n".join("    " + line for line in changed.splitlines())
            + "\nIf these are your answers, copy the files into my/ first. Then put the changes aside by `git stash`\n"
            f"(`git stash pop` brings them back), and run `{COURSE} update` again."
        )


def _fetch(root: Path) -> None:
    if _try_git(root, "rev-parse", "--abbrev-ref", "@{upstream}").returncode:
        raise Problem(
            "This clone is not on a branch that follows the published course, so nothing was brought.\n"
            "Usually `git checkout main` mends that; then run the command again."
        )
    done = _try_git(root, "fetch", "--quiet")
    if done.returncode:
        raise Problem(
            "The published course could not be reached (is there a network?), so nothing was brought. Git says:\n"
            + "\n".join("    " + line for line in done.stderr.strip().splitlines()[-3:])
        )


def _go_forward(root: Path) -> None:
    if not _try_git(root, "merge-base", "--is-ancestor", "@{upstream}", "HEAD").returncode:
        return
    if _try_git(root, "merge-base", "--is-ancestor", "HEAD", "@{upstream}").returncode:
        raise Problem(
            "This clone has commits of its own that the published course does not have, so nothing was brought.\n"
            "To take both: `git pull --rebase`. To have only the published course: clone it anew beside this folder\n"
            "and copy your folder my/ into it."
        )
    done = _try_git(root, "merge", "--ff-only", "--quiet", "@{upstream}")
    if done.returncode:  # for example a file of yours that is not tracked stands where a new one comes
        raise Problem(
            "Git could not bring the files, and has left everything as it was. It says:\n"
            + "\n".join("    " + line for line in done.stderr.strip().splitlines())
            + "\nMove the files it names out of the way, then run the command again."
        )


def _place(root: Path) -> None:
    placed = copies.put_newer_beside(root)
    for path in placed:
        say(f"A newer version of a chapter you have is beside your copy: {relative(path, root)}")
    if placed:
        copies.write_start_page(root)


def _git(root: Path, *arguments: str) -> str:
    done = _try_git(root, *arguments)
    if done.returncode:
        raise Problem(f"`git {' '.join(arguments)}` failed, nothing was changed. Git says:\n    {done.stderr.strip()}")
    return done.stdout.rstrip("\n")


def _try_git(root: Path, *arguments: str) -> subprocess.CompletedProcess:
    # No question for a password: nobody may be there to answer. English, because the messages are shown beside ours.
    variables = dict(os.environ, GIT_TERMINAL_PROMPT="0", LC_ALL="C")
    return subprocess.run(
        ["git", *arguments], cwd=str(root), env=variables, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
