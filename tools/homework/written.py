"""Answers in sentences: shown side by side, marked by a person in a CSV, kept from run to run."""

import csv
import html
import io
import json
from pathlib import Path

from tools.common import Problem, write_whole
from tools.homework.assignment import Assignment
from tools.homework.questions import Question
from tools.homework.tables import cell, read_table

SHEET, PAGE = "written.csv", "written.html"
COLUMNS = ("student", "task", "answer", "points", "comment")


def write_sheet(assignment: Assignment, marks: dict[str, dict], questions: dict[str, Question]) -> tuple[Path, Path]:
    """written.csv and a page to mark on; points and comments that are there already stay.

    marks : student id -> what `grade` stored
    """
    old = read_sheet(assignment)
    rows = []
    for task in assignment.tasks:
        for id in sorted(marks) if task.kind == "written" else ():
            mark = marks[id].get("tasks", {}).get(task.id, {})
            if mark.get("status") == "to be marked":
                points, comment, seen = old.get((id, task.id), (None, "", mark["source"]))
                if points is not None and seen != mark["source"] and "(answer changed" not in comment:
                    comment = f"(answer changed since it was marked) {comment}".strip()
                rows.append((id, task.id, mark["source"], "" if points is None else f"{points:g}", comment))
    page = _page(assignment, rows, questions)
    write_whole(assignment.folder / PAGE, page.encode())
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerows([COLUMNS, *([cell(part) for part in row] for row in rows)])
    write_whole(assignment.folder / SHEET, text.getvalue().encode("utf-8-sig"))
    return assignment.folder / SHEET, assignment.folder / PAGE


def read_sheet(assignment: Assignment) -> dict[tuple[str, str], tuple[float | None, str, str]]:
    """(student, task) -> points (None: not marked yet), comment, the answer that was marked.

    Raises
    ------
    Problem : a line with points that are no number from 0 to the task's, or a task that is not in the homework
    """
    path = assignment.folder / SHEET
    if not path.exists():
        return {}
    header, rows = read_table(path)
    if tuple(header) != COLUMNS:
        raise Problem(f"{SHEET}: expected the columns {', '.join(COLUMNS)}, got {', '.join(header)}.")
    most = {task.id: task.points for task in assignment.tasks}
    found = {}
    for line, row in rows:
        id, task = row["student"], row["task"]
        if task not in most:
            raise Problem(f"{SHEET}, line {line}: there is no task {task!r} in this homework.")
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
        found[id, task] = (points, row["comment"], row["answer"].removeprefix("'"))
    return found


_SCRIPT = """
const key = "written-" + document.body.dataset.name;
const fields = [...document.querySelectorAll("input, textarea")];
const kept = JSON.parse(localStorage.getItem(key) || "{}");
for (const field of fields) {
  if (kept[field.id] !== undefined && field.value === "") field.value = kept[field.id];
  field.addEventListener("input", () => {
    kept[field.id] = field.value; localStorage.setItem(key, JSON.stringify(kept)); count();
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
  rows.forEach((row, k) => lines.push([row[0], row[1], row[2],
    document.getElementById("points" + k).value, document.getElementById("comment" + k).value].map(quote).join(",")));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(["\\ufeff" + lines.join("\\r\\n") + "\\r\\n"], {type: "text/csv"}));
  link.download = "written.csv"; link.click();
});
count();
"""


def _page(assignment: Assignment, rows: list[tuple], questions: dict[str, Question]) -> str:
    from tools.homework.pages import page

    most, parts, shown = {task.id: task.points for task in assignment.tasks}, [], None
    for k, (id, task, answer, points, comment) in enumerate(rows):
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
    data = "".join(
        f"<script type='application/json' id='{name}'>{json.dumps(value).replace('<', chr(92) + 'u003c')}</script>"
        for name, value in (("rows", [[cell(part) for part in row[:3]] for row in rows]), ("columns", COLUMNS))
    )
    foot = (
        "<p><button id='save'>Save written.csv</button> <span id='state' role='status'></span></p>"
        "<p>Put the file in the place of written.csv in the folder of this homework and run <code>report</code>. "
        f"Until then what you type is kept in this browser alone.</p>{data}<script>{_SCRIPT}</script>"
    )
    body = "".join(parts) + foot if rows else "<p>There is no written answer to mark.</p>"
    return page(f"Homework {assignment.name}: written answers", body, name=assignment.name)
