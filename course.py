#!/usr/bin/env python3
"""The one command of the course: `python3 course.py lab` sets everything up and opens the chapters.

This file parses on Python 3.6 and newer, so that an old Python is told so in words. Until the environment `.venv`
exists, nothing but the standard library is used.
"""

import sys

HELP = """\
python3 course.py COMMAND

  lab [NN] [--fresh NN] [--port P] [--here]   open the chapters (or chapter NN) in JupyterLab
  test [--long] [--stack colab | --here]      every test, the notebooks included
  run ...                                     run chapters from the command line (run --help says more)
  build ...                                   make the notebooks from chapters/text (build --help says more)
  homework ...                                release a chapter to a class, collect, mark, report (--help says more)
  doctor [--here]                             what is wrong with this machine's set-up, and what to do
  update                                      bring newer chapters; your copies in my/ are left alone

The first use makes the folder .venv and installs what the course needs. --here uses the Python that runs
this command instead, and installs nothing. Your own copies of the chapters are in my/."""

TOO_OLD = """\
This is Python {}.{}. The course needs Python 3.11, 3.12 or 3.13.
Install one of them (python.org, your system's packages, or conda create -n course python=3.12), and run
this command with it, for example: python3.12 course.py lab"""

# Python 3.6 and older cannot read the modules in tools/.
OLDEST_THAT_READS_TOOLS = (3, 7)


def main(argv: list) -> int:
    """Run one command; return its exit code."""
    if sys.version_info < OLDEST_THAT_READS_TOOLS:
        print(TOO_OLD.format(*sys.version_info[:2]))
        return 1
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(HELP)
        return 0
    from tools.command import run_command

    return run_command(argv)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
