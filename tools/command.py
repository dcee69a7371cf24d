"""The commands of course.py and their options."""

from __future__ import annotations

import argparse
import subprocess
from pathlib import Path

from tools import doctor, environment, lab, testing, update
from tools.common import COURSE, Problem, say

ROOT = Path(__file__).resolve().parent.parent

# Commands that are programs of their own, and whether they need requirements-dev.txt.
PROGRAMS = {"run": False, "build": True, "homework": False}


def run_command(argv: list[str], root: Path = ROOT) -> int:
    """Run the command `argv[0]`; return the exit code. A `Problem` is printed without a traceback."""
    try:
        if argv[0] in PROGRAMS:
            return _program(root, argv[0], argv[1:])
        options = _parser().parse_args(argv)
        return options.act(root, options)
    except Problem as problem:
        say(str(problem))
        return 1
    except KeyboardInterrupt:
        say("\nInterrupted. Nothing is lost: the same command goes on from here.")
        return 130


def _program(root: Path, name: str, rest: list[str]) -> int:
    here = rest[:1] == ["--here"]
    target = environment.ensure(root, dev=PROGRAMS[name], here=here)
    command = [str(target.python), "-m", f"tools.{name}", *rest[int(here) :]]
    process = subprocess.Popen(command, cwd=root, env=target.variables())
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:  # the program hears Ctrl-C as well, and ends in its own way: wait for that
            continue


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=COURSE, description="A course in ten notebooks.")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    command = commands.add_parser("lab", help="open the chapters in JupyterLab")
    command.add_argument("chapter", nargs="?", metavar="NN", help="open this chapter, for example 02")
    command.add_argument(
        "--fresh", metavar="NN", help="keep your copy of chapter NN under a dated name, and start anew"
    )
    command.add_argument("--port", type=int, metavar="P", help="the port of JupyterLab (default: a free one from 8888)")
    _add_here(command)
    command.set_defaults(
        act=lambda root, o: lab.open_lab(root, chapter=o.chapter, fresh=o.fresh, port=o.port, here=o.here)
    )

    command = commands.add_parser("test", help="every test, the notebooks included")
    command.add_argument("--long", action="store_true", help="the tests marked `long` as well")
    where = command.add_mutually_exclusive_group()
    where.add_argument(
        "--stack",
        choices=environment.STACKS,
        default="newest",
        help="newest (default): the packages of .venv; colab: those of Google Colab, in .venv-colab, for exercises, "
        "helpers and chapters, in kernels that take themselves for Colab's",
    )
    _add_here(where)
    command.set_defaults(
        act=lambda root, o: testing.run_tests(root, long=o.long, here=o.here, stack=environment.STACKS[o.stack])
    )

    for name in PROGRAMS:  # named here for --help and for mistyped commands; dispatched before parsing
        commands.add_parser(name, help=f"python -m tools.{name}; `{name} --help` says more")

    command = commands.add_parser("doctor", help="what is wrong with the set-up, and what to do")
    _add_here(command)
    command.set_defaults(act=lambda root, o: doctor.examine(root, here=o.here))

    command = commands.add_parser("update", help="bring newer chapters; my/ is left alone")
    command.set_defaults(act=lambda root, o: update.update(root))
    return parser


def _add_here(command: argparse._ActionsContainer) -> None:
    command.add_argument("--here", action="store_true", help="use the Python that runs this command; install nothing")
