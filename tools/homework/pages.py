"""The pages of a report: self-contained HTML, no script needed, readable on paper, on a phone and in the dark."""

import collections
import html
import re
import statistics
import urllib.parse

from helpers.display import to_html
from helpers.exercises import registry
from tools.homework.assignment import Assignment

_STYLE = """
:root{color-scheme:light dark;--ink:#1d2226;--paper:#fff;--soft:#f1f4f6;--line:#c5ced4;--good:#0b6b3a;--bad:#a3261b;
--open:#7a5200;--link:#0a58a8}
@media(prefers-color-scheme:dark){:root{--ink:#e6eaed;--paper:#14181b;--soft:#20262a;--line:#46525a;--good:#6fd19b;
--bad:#ff9a8f;--open:#f0c060;--link:#8ec5ff}}
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:62rem;margin:0 auto;
padding:1rem;overflow-wrap:anywhere}
a{color:var(--link)}h1{font-size:1.5rem}h2{font-size:1.2rem;margin-top:2rem}h3{font-size:1rem;margin:1rem 0 .2rem}
table{border-collapse:collapse;width:100%}th,td{border-bottom:1px solid var(--line);padding:.25rem .5rem;
text-align:left;vertical-align:top;overflow-wrap:normal}td.n,th.n{text-align:right;white-space:nowrap}
th.n{white-space:normal}.wide{overflow-x:auto}.words{min-width:11rem}svg{max-width:100%;height:auto}
pre{background:var(--soft);padding:.6rem;overflow-x:auto;font-size:.9rem}code{font-size:.92em}
.good{color:var(--good)}.bad{color:var(--bad)}.open{color:var(--open)}
.task,.answer{border-left:4px solid var(--line);padding:0 0 0 .8rem;margin:1rem 0}.said{white-space:pre-wrap}
ul.plain{list-style:none;padding:0}svg text{fill:var(--ink);font-size:11px}svg rect{fill:var(--link)}
textarea{width:min(36rem,95%);vertical-align:top}
@media print{body{max-width:none}a{color:inherit;text-decoration:none}}
"""
# status -> letter in the table, colour, words for a student
_STATES = {
    "passed": ("P", "good", "right"),
    "wrong": ("W", "bad", "not right"),
    "raised": ("E", "bad", "stopped with an error"),
    "stopped": ("S", "bad", "was stopped"),
    "not attempted": ("-", "open", "not written"),
    "missing": ("?", "open", "not found in the notebook"),
    "to be marked": ("T", "open", "to be marked by a person"),
    "marked": ("M", "good", "marked by a person"),
}


def page(title: str, body: str, name: str = "") -> str:
    """A whole page around `body`."""
    return (
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        f"<meta name='viewport' content='width=device-width'>"
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head><body data-name='{html.escape(name)}'>"
        f"<h1>{html.escape(title)}</h1>{body}</body></html>\n"
    )


def _number(points: float | None) -> str:
    return "" if points is None else f"{points:.2f}".rstrip("0").rstrip(".")


def student_page(assignment: Assignment, grade, questions: dict) -> str:
    """What one student gets to see: points, gap, reason, where to look again, the code as it was marked."""
    name = grade.student.name or grade.student.id
    parts = []
    if grade.marks is None:
        parts.append("<p>This hand-in is not marked yet.</p>")
    elif grade.marks["problem"]:
        parts.append(f"<p class='bad'><b>It could not be marked.</b> {html.escape(grade.marks['problem'])}</p>")
    else:
        parts.append(f"<p><b>{_number(grade.points)} of {_number(assignment.most)} points</b>{_open(grade)}</p>")
        parts.append(_points_table(assignment, grade))
        parts += [_task(assignment, grade, task, questions) for task in assignment.tasks]
        notes = "".join(f"<li>{html.escape(note)}</li>" for note in grade.marks["notes"])
        parts.append(f"<h2>What marking noted</h2><ul>{notes}</ul>" if notes else "")
    return page(f"Homework {assignment.name}: {name}", "".join(parts))


def _open(grade) -> str:
    return ", without the written answers that are still to be marked" if None in grade.tasks.values() else ""


def _points_table(assignment: Assignment, grade) -> str:
    rows = []
    for task in assignment.tasks:
        _, colour, words = _STATES[_state(grade, task)]
        points = grade.tasks.get(task.id)
        rows.append(
            f"<tr><th scope='row'>{task.id}</th><td class='{colour}'>{words}</td>"
            f"<td class='n'>{_number(points)} of {_number(task.points)}</td></tr>"
        )
    if grade.keeps < 1:
        lost = sum(points or 0.0 for points in grade.tasks.values()) - grade.points
        rows.append(
            f"<tr><th scope='row'>late</th><td>handed in {grade.late_minutes / 60:,.1f} hours late: "
            f"{100 - 100 * grade.keeps:.0f} % less</td><td class='n'>{'&minus;' * (lost > 0)}{_number(lost)}</td></tr>"
        )
    head = "<tr><th scope='col'>task</th><th scope='col'>result</th><th scope='col' class='n'>points</th></tr>"
    return f"<div class='wide'><table>{head}{''.join(rows)}</table></div>"


def _state(grade, task) -> str:
    mark = grade.marks["tasks"].get(task.id)
    state = mark["status"] if mark else "missing"
    return "marked" if state == "to be marked" and grade.tasks.get(task.id) is not None else state


def _task(assignment: Assignment, grade, task, questions: dict) -> str:
    mark = grade.marks["tasks"].get(task.id)
    if mark is None:
        return ""
    parts = [f"<h2>{task.id}{_title(task)}</h2><div class='task'>"]
    if task.kind == "written" and task.id in questions:
        parts.append(f"<p>{html.escape(questions[task.id].text)}</p>")
    if mark["text"]:
        parts.append(to_html(mark["text"]))
    if comment := grade.comments.get(task.id):
        parts.append(f"<p><b>Comment:</b> {html.escape(comment)}</p>")
    if mark["status"] not in ("passed", "to be marked"):
        hint = f', or run <code>hint("{task.exercise}")</code>' if task.kind == "code" else ""
        parts.append(f"<p><b>Look again</b> at section {task.exercise} of chapter {assignment.chapter}{hint}.</p>")
    if mark["source"]:
        where = f"cell {mark['cell']}" if mark["cell"] else "your notebook"
        parts.append(f"<p>As it was marked, from {where}:</p><pre>{html.escape(mark['source'])}</pre>")
    return "".join([*parts, "</div>"])


def _title(task) -> str:
    if task.kind == "code":
        return f" <code>{registry.exercise(task.exercise).function}</code>"
    return {"value": ", on your own numbers", "bug": ", the planted bug"}.get(task.kind, ", in sentences")


def class_page(assignment: Assignment, grades: list, index: dict) -> str:
    """For the instructor: first what needs a person, then numbers, tasks, misconceptions, and everybody in a table."""
    body = [_needs_a_person(assignment, grades, index), _numbers(assignment, grades), _tasks(assignment, grades)]
    body += [_misconceptions(assignment, grades), _stuck(assignment, grades), _everybody(assignment, grades)]
    return page(f"Homework {assignment.name}: the class", "".join(body))


def _link(grade) -> str:
    text = html.escape(" ".join(part for part in (grade.student.id, grade.student.name) if part))
    return f"<a href='students/{urllib.parse.quote(grade.student.id)}.html'>{text}</a>" if grade.entry else text


def _needs_a_person(assignment: Assignment, grades: list, index: dict) -> str:
    lines = []
    for grade in grades:
        if grade.marks and grade.marks["problem"]:
            lines.append(f"<li class='bad'>{_link(grade)}: {html.escape(grade.marks['problem'])}</li>")
        if grade.entry and not grade.marks:
            lines.append(f"<li>{_link(grade)}: not marked yet. Run <code>grade</code>.</li>")
    for entry in index["entries"]:
        if entry["status"] not in ("counts", "older", "same again"):
            why = html.escape(f"{entry['status']}: {entry['origin']}. {' '.join(entry['reasons'])}")
            lines.append(f"<li class='bad'>{html.escape(entry['student'] or 'unknown')}: {why}</li>")
    waiting = sum(None in grade.tasks.values() for grade in grades)
    if waiting:
        lines.append(
            f"<li>Written answers of {waiting} are to be marked: <a href='../written.html'>written.html</a></li>"
        )
    for grade in grades:
        lines += [f"<li class='open'>{_link(grade)}: {html.escape(flag)}</li>" for flag in grade.flags]
    missing = [grade for grade in grades if grade.entry is None]
    if missing:
        names = ", ".join(_link(grade) for grade in missing)
        lines.append(f"<li>Nothing that counts from {len(missing)}, whose grade stays empty: {names}</li>")
    body = f"<ul>{''.join(lines)}</ul>" if lines else "<p>Nothing.</p>"
    return f"<h2>For a person to look at</h2><p>Flags change no points: they are reasons to ask.</p>{body}"


def _numbers(assignment: Assignment, grades: list) -> str:
    points = sorted(grade.points for grade in grades if grade.points is not None)
    if not points:
        return "<h2>Points</h2><p>Nothing is marked yet.</p>"
    quarter = statistics.quantiles(points, n=4, method="inclusive") if len(points) > 1 else points * 3
    text = (
        f"{len(points)} of {len(grades)} are marked. Median {_number(quarter[1])} of {_number(assignment.most)} "
        f"points, middle half from {_number(quarter[0])} to {_number(quarter[2])}."
    )
    counts = [0] * 10
    for value in points:
        counts[min(9, int(10 * value / assignment.most)) if assignment.most else 0] += 1
    tallest = max(counts)
    bars = "".join(
        f"<rect x='{k * 40 + 4}' y='{110 - 90 * n / tallest:.1f}' width='32' height='{90 * n / tallest:.1f}'/>"
        f"<text x='{k * 40 + 20}' y='{106 - 90 * n / tallest:.1f}' text-anchor='middle'>{n}</text>"
        f"<text x='{k * 40 + 20}' y='124' text-anchor='middle'>{k * 10} %</text>"
        for k, n in enumerate(counts)
    )
    said = ", ".join(f"{n} from {k * 10} %" for k, n in enumerate(counts) if n)
    return (
        f"<h2>Points</h2><p>{text}</p><svg viewBox='0 0 400 130' width='400' role='img' aria-label='Students by share "
        f"of the points: {said}'>{bars}</svg>"
    )


def _tasks(assignment: Assignment, grades: list) -> str:
    head = "".join(f"<th scope='col' class='n'>{words}</th>" for _, _, words in _STATES.values())
    rows = []
    for task in assignment.tasks:
        counts = collections.Counter(
            _state(grade, task) for grade in grades if grade.marks and not grade.marks["problem"]
        )
        cells = "".join(f"<td class='n'>{counts[state] or ''}</td>" for state in _STATES)
        rows.append(f"<tr><th scope='row'>{task.id}{_title(task)}</th>{cells}</tr>")
    return (
        f"<h2>Tasks</h2><div class='wide'><table><tr><th scope='col'>task</th>{head}</tr>{''.join(rows)}</table></div>"
    )


def _misconceptions(assignment: Assignment, grades: list) -> str:
    held = collections.defaultdict(list)
    for grade in grades:
        for id, mark in (grade.marks or {"tasks": {}})["tasks"].items():
            if mark["misconception"]:
                held[id, mark["misconception"]].append(grade)
    rows = []
    for (id, name), who in sorted(held.items(), key=lambda item: (-len(item[1]), item[0])):
        known = {m.name: m.message for m in registry.exercise(re.sub("[a-z]$", "", id)).misconceptions}
        first = re.split(r"(?<=[.!?])\s", known.get(name, ""), maxsplit=1)[0]
        links = ", ".join(_link(grade) for grade in who[:12]) + (f" and {len(who) - 12} more" if len(who) > 12 else "")
        rows.append(
            f"<tr><td class='n'>{len(who)}</td><th scope='row'>{id} {html.escape(name)}</th>"
            f"<td class='words'>{to_html(first)}</td><td class='words'>{links}</td></tr>"
        )
    head = (
        "<tr><th scope='col' class='n'>students</th><th scope='col'>misconception</th><th scope='col'>what it is</th>"
    )
    table = f"<div class='wide'><table>{head}<th scope='col'>who</th></tr>{''.join(rows)}</table></div>"
    return f"<h2>Which misconception, how many</h2>{table if rows else '<p>None was recognised.</p>'}"


def _stuck(assignment: Assignment, grades: list) -> str:
    """Who tried and did not get there, the most tasks first."""
    tried = []
    for grade in grades:
        if grade.marks and not grade.marks["problem"]:
            states = {task.id: _state(grade, task) for task in assignment.tasks}
            wrong = [id for id, state in states.items() if state in ("wrong", "raised", "stopped")]
            open_ = [id for id, state in states.items() if state in ("not attempted", "missing")]
            if wrong or open_:
                tried.append((-len(wrong) - len(open_), grade.student.id, grade, wrong, open_))
    lines = [
        f"<tr><th scope='row' class='words'>{_link(grade)}</th><td>{', '.join(wrong)}</td>"
        f"<td>{', '.join(open_)}</td></tr>"
        for _, _, grade, wrong, open_ in sorted(tried, key=lambda item: item[:2])
    ]
    head = "<tr><th scope='col'>student</th><th scope='col'>tried, not right</th><th scope='col'>not tried</th></tr>"
    table = f"<div class='wide'><table>{head}{''.join(lines)}</table></div>"
    return f"<h2>Who is stuck</h2>{table if lines else '<p>Nobody.</p>'}"


def _everybody(assignment: Assignment, grades: list) -> str:
    key = ", ".join(f"<b>{letter}</b> {words}" for letter, _, words in _STATES.values())
    head = "".join(f"<th scope='col'>{task.id}</th>" for task in assignment.tasks)
    rows = []
    for grade in grades:
        late = f"; late, {100 - 100 * grade.keeps:.0f} % less" if grade.keeps < 1 else ""
        cells = []
        for task in assignment.tasks:
            letter, colour, words = _STATES[_state(grade, task)] if grade.marks else ("", "open", "")
            cells.append(f"<td class='{colour}' title='{words}'>{letter}</td>")
        rows.append(
            f"<tr><th scope='row' class='words'>{_link(grade)}</th><td class='n'>{_number(grade.points)}</td>"
            f"<td>{grade.status}{late}</td>{''.join(cells)}</tr>"
        )
    return (
        f"<h2>Everybody</h2><p>{key}</p><div class='wide'><table><tr><th scope='col'>student</th>"
        f"<th scope='col' class='n'>points</th><th scope='col'>status</th>{head}</tr>{''.join(rows)}</table></div>"
    )
