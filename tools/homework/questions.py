"""The questions that want sentences, with their rubrics: chapters/homework.toml, one table a question."""

from dataclasses import dataclass

from tools import chapter as chapters
from tools.common import Problem
from tools.homework.assignment import Assignment


@dataclass(frozen=True)
class Question:
    """A question, and what an answer must hold for its points: (share of the points, what)."""

    text: str
    rubric: tuple[str, ...]


def all_questions() -> dict[str, Question]:
    """Task id -> question, of all chapters."""
    path = chapters.COURSE / "chapters" / "homework.toml"
    table = chapters.read_toml(path).get("written", {})
    return {f"{id}w": Question(entry["question"], tuple(entry["rubric"])) for id, entry in table.items()}


def read_questions(assignment: Assignment) -> dict[str, Question]:
    """The questions of an assignment.

    Raises
    ------
    Problem : it asks for one that there is not
    """
    known = all_questions()
    wanted = [task.id for task in assignment.tasks if task.kind == "written"]
    unknown = [id for id in wanted if id not in known]
    if unknown:
        of_chapter = [id for id in known if id.split(".")[0] == str(int(assignment.chapter))]
        raise Problem(
            f"There is no written question {', '.join(unknown)}. There are {', '.join(of_chapter) or 'none'}."
        )
    return {id: known[id] for id in wanted}
