"""course.py homework: release a chapter to a class, collect, mark, report."""

import argparse
import datetime
import sys
from pathlib import Path

from helpers.exercises import registry
from tools import chapter as chapters
from tools.chapter import ChapterError
from tools.common import Problem, say
from tools.homework import assignment as assignments
from tools.homework.assignment import Assignment, Task, split_task

HERE = Path("homework")


def main(argv: list[str]) -> int:
    """Run one command; return its exit code. A `Problem` is printed without a traceback."""
    options = _parser().parse_args(argv)
    try:
        return options.act(options) or 0
    except (Problem, ChapterError, registry.Unknown) as problem:
        say(str(problem))
        return 1
    except KeyboardInterrupt:
        say("\nInterrupted. Nothing is lost: the same command goes on from here.")
        return 130


def _folder(options: argparse.Namespace) -> Path:
    return Path(options.out) if options.out else HERE / options.name


def _release(options: argparse.Namespace) -> None:
    from tools.homework import release, roster

    folder = _folder(options)
    number = options.chapter or options.name[:2]
    chapter = chapters.find_texts([number])[0]
    students = roster.read_roster(Path(options.students)) if options.students else ()
    if (folder / assignments.FILE).exists():
        old = assignments.load(folder)
        if not options.again:
            raise Problem(
                f"{folder} already holds this homework. With --again its notebooks are made anew, with the same seeds "
                "and seals, and with the --tasks, --students and --due that you give; hand-ins and marks stay. "
                "Another homework gets a name: release 03-winter --chapter 03"
            )
        students = students or old.students
    else:
        old = None
    assignment = _assignment(options, folder, chapter.number, students, old)
    made = release.release(assignment)
    assignments.save(assignment)
    for_whom = f"one for each of {len(made)} students" if assignment.students else "one for everybody"
    say(f"{len(made)} notebook{'s' * (len(made) > 1)}, {for_whom}: {folder / 'release'}")
    say(f"{len(assignment.tasks)} tasks, {assignment.most:g} points. They and the date: {folder / assignments.FILE}")
    say(f"Keep {folder / assignments.KEY} to yourself: with it seeds could be worked out.")
    if not assignment.students:
        say("Students write their id into it. With --students FILE each gets a notebook that holds it already.")


def _assignment(options, folder: Path, number: str, students: tuple, old: Assignment | None) -> Assignment:
    if options.tasks:
        ids = [id for text in options.tasks for id in text.replace(",", " ").split()]
    else:
        ids = [task.id for task in old.tasks] if old else list(registry.exercises(number))
    points = {task.id: task.points for task in old.tasks} if old else {}
    exercises = registry.exercises(number)
    tasks = []
    for id in dict.fromkeys(ids):
        exercise, letter = split_task(id)
        usual = exercises[exercise].points if not letter and exercise in exercises else 1
        tasks.append(Task(id, float(points.get(id, usual))))
    due = _due(options.due) if options.due else old.due if old else None
    name = options.name if not options.chapter or "-" in options.name else options.name
    if not assignments.ID.fullmatch(name):
        raise Problem(f"{name!r} cannot be a name: letters, digits, dots and dashes, such as 03-autumn.")
    key = old.key if old else assignments.new_key()
    extra = {"partial": old.partial, "late": old.late} if old else {}
    return Assignment(folder, old.name if old else name, number, tuple(tasks), key, students, due, **extra)


def _due(text: str) -> datetime.datetime:
    try:
        due = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise Problem(f"--due {text!r} is no time: 2027-01-31T23:59 (this machine's zone) or with +01:00.") from None
    return due if due.tzinfo else due.astimezone()


def _collect(options: argparse.Namespace) -> None:
    from tools.homework import collect

    assignment = assignments.load(_folder(options))
    index = collect.collect(assignment, [Path(path) for path in options.paths])
    say(collect.summary(assignment, index))


def _grade(options: argparse.Namespace) -> None:
    from tools.homework import grade

    assignment = assignments.load(_folder(options))
    if options.unsafe:
        say("Without a sandbox: the students' code runs as you, and could do what you can.")
    done = grade.grade(
        assignment,
        options.workers,
        options.student or (),
        options.task or (),
        options.again,
        options.unsafe,
        options.scheduler or "",
    )
    marked = sum(state == "marked" for state in done.values())
    say(f"{marked} marked, {len(done) - marked} kept from before. Now: course.py homework report {options.name}")


def _report(options: argparse.Namespace) -> None:
    from tools.homework import report

    page = report.report(assignments.load(_folder(options)))
    say(f"The class: {page}\nFor the learning platform: {page.parent / 'moodle.csv'}, canvas.csv, grades.csv")


def _preview(options: argparse.Namespace) -> None:
    from tools.homework import preview

    say(f"As a student sees it: {preview.preview(assignments.load(_folder(options)), options.student)}")


def _dry_run(options: argparse.Namespace) -> None:
    from tools.homework import preview

    say(preview.dry_run(assignments.load(_folder(options)), options.unsafe))


def _export(options: argparse.Namespace) -> None:
    from tools.homework import nbgrader

    say(f"An nbgrader assignment: {nbgrader.export(assignments.load(_folder(options)), Path(options.to))}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="course.py homework", description=__doc__)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def command(name: str, act, help: str) -> argparse.ArgumentParser:
        new = commands.add_parser(name, help=help, description=help)
        new.add_argument("name", metavar="NN", help="the chapter, or the name of the homework")
        new.add_argument("--out", metavar="DIR", help="the folder of this homework (default: homework/NN)")
        new.set_defaults(act=act)
        return new

    new = command("release", _release, "make the students' notebooks of a chapter")
    new.add_argument("--tasks", nargs="+", metavar="TASK", help="3.2 3.4v 3.2x 3.4w (default: every exercise)")
    new.add_argument("--students", metavar="FILE", help="a class list as CSV: plain, of Moodle or of Canvas")
    new.add_argument("--due", metavar="TIME", help="2027-01-31T23:59, in this machine's zone unless it says another")
    new.add_argument("--chapter", metavar="NN", help="the chapter, where the homework has a name of its own")
    new.add_argument("--again", action="store_true", help="make the notebooks anew; seeds, hand-ins and marks stay")

    new = command("collect", _collect, "take in what was handed in; again and again as more comes")
    new.add_argument(
        "paths", nargs="+", metavar="PATH", help="a folder, a notebook, a zip of Moodle or Canvas, an exchange"
    )

    new = command("grade", _grade, "mark what was collected")
    new.add_argument("--workers", type=int, default=0, metavar="N", help="hand-ins at a time (default: all processors)")
    new.add_argument("--student", action="append", metavar="ID", help="only this student (may be repeated)")
    new.add_argument("--task", action="append", metavar="TASK", help="only this task (may be repeated)")
    new.add_argument("--again", action="store_true", help="mark anew what is marked already")
    new.add_argument("--scheduler", metavar="ADDRESS", help="let the workers of this Dask scheduler mark")
    new.add_argument("--unsafe", action="store_true", help="without a sandbox: students' code runs as you")

    command("report", _report, "pages for students and instructor, tables for the learning platform")

    new = command("preview", _preview, "one student's notebook as a page")
    new.add_argument("--student", metavar="ID", help="whose (default: the first of the class list)")

    new = command(
        "dry-run", _dry_run, "hand in an untouched notebook and one with the course's answers, and show the marks"
    )
    new.add_argument("--unsafe", action="store_true", help="without a sandbox")

    new = command("export", _export, "the same homework for nbgrader")
    new.add_argument("--to", required=True, metavar="DIR", help="nbgrader's course folder")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
