"""Answers in sentences: shown side by side, marked by a person in a CSV, kept from run to run."""

import csv
import html
import io
import json
from pathlib import Path

from tools.common import Problem, write_whole
from tools.homework import collect
from tools.homework.assignment import Assignment
from tools.homework.questions import Question
from tools.homework.tables import bare, cell, read_table

SHEET, PAGE = "written.csv", "written.html"
COLUMNS = ("student", "task", "answer", "points", "comment")
CHANGED = "(answer changed since it was marked)"  # stands before a comment until somebody takes it away


def write_sheet(assignment: Assignment, marks: dict[str, dict], questions: dict[str, Question]) -> tuple[Path, Path]:
    """written.csv and a page to mark on; points and comments that are there already stay, also without the answer.

    marks : student id -> what `grade` stored
    """
    old = read_sheet(assignment)
    rows = []
    for task in assignment.tasks:
        if task.kind != "written":
            continue
        answers = {id: own["tasks"][task.id]["source"] for id, own in marks.items() if _waits(own, task.id)}
        done = {
            id for (id, its), (points, comment, _) in old.items() if its == task.id and (comment or points is not None)
        }
        for id in sorted(answers.keys() | done):
            points, comment, seen = old.get((id, task.id), (None, "", answers.get(id)))
            answer = answers.get(id, seen)
            if points is not None and bare(seen).split() != bare(answer).split() and CHANGED not in comment:
                comment = f"{CHANGED} {comment}".strip()
            rows.append((id, task.id, answer, "" if points is None else f"{points:g}", comment))
    page = _page(assignment, rows, questions)
    write_whole(assignment.folder / PAGE, page.encode())
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerows([COLUMNS, *([cell(part) for part in row] for row in rows)])
    write_whole(assignment.folder / SHEET, text.getvalue().encode("utf-8-sig"))
    return assignment.folder / SHEET, assignment.folder / PAGE


def _waits(marks: dict, task: str) -> bool:
    return marks.get("tasks", {}).get(task, {}).get("status") == "to be marked"


def read_sheet(assignment: Assignment) -> dict[tuple[str, str], tuple[float | None, str, str]]:
    """(student, task) -> points (None: not marked yet), comment, the answer that was marked.

    Raises
    ------
    Problem : points that are no number from 0 to the task's, a task or a student that there is not, a line twice
    """
    path = assignment.folder / SHEET
    if not path.exists():
        return {}
    header, rows = read_table(path)
    if tuple(header) != COLUMNS:
        raise Problem(f"{SHEET}: expected the columns {', '.join(COLUMNS)}, got {', '.join(header)}.")
    most = {task.id: task.points for task in assignment.tasks}
    known = {student.id for student in assignment.students}
    known |= {entry["student"] for entry in collect.load_index(assignment)["entries"]}
    found, lines = {}, {}
    for line, row in rows:
        id, task = row["student"], row["task"]
        if task not in most:
            raise Problem(f"{SHEET}, line {line}: there is no task {task!r} in this homework.")
        if id not in known:
            raise Problem(f"{SHEET}, line {line}: there is no student {id!r}. Mend the id, or take the line out.")
        if (id, task) in lines:
            raise Problem(
                f"{SHEET}, line {line}: {id}, {task} is already in line {lines[id, task]}. Leave one of them."
            )
        lines[id, task] = line
        text = row["points"].strip().replace(",", ".")
        try:
            points = float(text) if text else None
        except ValueError:
            points = -1.0
        if points is not None and not 0 <= points <= most[task]:
            raise Problem(
                f"{SHEET}, line {line} ({id}, {task}): points must be a number from 0 to {most[task]:g}, or empty, "
                f"not {row['points']!r}."
            )
        found[id, task] = (points, bare(row["comment"]), bare(row["answer"]))
    return found


_SCRIPT = """
const key = "written-" + document.body.dataset.name;
const fields = [...document.querySelectorAll("input, textarea")];
const kept = JSON.parse(localStorage.getItem(key) || "{}");
for (const field of fields) {  // what was typed counts until the field comes filled otherwise out of written.csv
  const typed = kept[field.id];
  if (typed && typed.was === field.defaultValue) field.value = typed.now;
  field.addEventListener("input", () => {
    kept[field.id] = {was: field.defaultValue, now: field.value};
    localStorage.setItem(key, JSON.stringify(kept)); count();
  });
}
function count() {
  const points = fields.filter(f => f.tagName === "INPUT");
  document.getElementById("state").textContent =
    points.filter(f => f.value !== "").length + " of " + points.length + " marked";
}
document.getElementById("save").addEventListener("click", () => {
  const quote = text => '"' + text.replaceAll('"', '""') + '"';
  const rows = JSON.parse(document.getElementById("rows").textContent);
  const lines = [JSON.parse(document.getElementById("columns").textContent).join(",")];
  rows.forEach(([code, ...row]) => lines.push([...row, document.getElementById("points" + code).value,
    document.getElementById("comment" + code).value].map(quote).join(",")));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(["\\ufeff" + lines.join("\\r\\n") + "\\r\\n"], {type: "text/csv"}));
  link.download = "written.csv"; link.click();
});
count();
"""


def _page(assignment: Assignment, rows: list[tuple], questions: dict[str, Question]) -> str:
    from tools.homework.pages import page

    most, parts, shown = {task.id: task.points for task in assignment.tasks}, [], None
    # a field is known by its class, student and answer, so that what was typed never turns up beside another's
    codes = [assignment.seed("field", *row[:3]) for row in rows]
    for k, (id, task, answer, points, comment) in zip(codes, rows, strict=True):
        if task != shown:
            shown, question = task, questions.get(task)
            parts.append(f"<h2>{task}, {most[task]:g} points</h2>")
            if question:
                rubric = "".join(f"<li>{html.escape(line)}</li>" for line in question.rubric)
                parts.append(f"<p>{html.escape(question.text)}</p><ul>{rubric}</ul>")
        parts.append(
            f"<section class='answer'><h3>{html.escape(id)}</h3><p class='said'>{html.escape(answer)}</p>"
            f"<label for='points{k}'>Points, 0 to {most[task]:g}</label> <input id='points{k}' type='number' "
            f"min='0' max='{most[task]:g}' step='0.25' value='{points}'> <label for='comment{k}'>Comment</label> "
            f"<textarea id='comment{k}' rows='1'>{html.escape(comment)}</textarea></section>"
        )
    fixed = [[code, *map(cell, row[:3])] for code, row in zip(codes, rows, strict=True)]
    data = "".join(
        f"<script type='application/json' id='{name}'>{json.dumps(value).replace('<', chr(92) + 'u003c')}</script>"
        for name, value in (("rows", fixed), ("columns", COLUMNS))
    )
    foot = (
        "<p><button id='save'>Save written.csv</button> <span id='state' role='status'></span></p>"
        "<p>Put the file in the place of written.csv in the folder of this homework and run <code>report</code>. "
        f"Until then what you type is kept in this browser alone.</p>{data}<script>{_SCRIPT}</script>"
    )
    body = "".join(parts) + foot if rows else "<p>There is no written answer to mark.</p>"
    return page(f"Homework {assignment.name}: written answers", body, name=assignment.name)
