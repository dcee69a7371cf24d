"""Reads a handed-in notebook as it is: damaged, split, duplicated. Finds each answer in the source; runs nothing.

Standard library alone, and no other module of the course: marking copies this file into its sandbox.
"""

import ast
import hashlib
import json
import re
import symtable
import textwrap
from dataclasses import dataclass, field

MOST_CODE = 2_000_000  # characters of code in one notebook; more is no homework
HOMEWORK = re.compile(r"# homework: (\S+) \| student: (\S+) \| seal: (\S+)")
_CHECK = re.compile(r"""\bcheck\(\s*["'](\d+\.\d+)["']""")
_OWN_LIBRARIES = {"numpy", "math"}  # calling these is how the tasks are meant to be solved


@dataclass
class Cell:
    """One cell: its place in the notebook counted from 1, whether it is code, and its text."""

    number: int
    is_code: bool
    text: str


@dataclass
class Unit:
    """One top-level statement of a notebook: where it stands, the names it binds and those it needs."""

    cell: Cell
    node: ast.stmt
    binds: set[str]
    needs: set[str]


@dataclass
class Answer:
    """What a notebook holds for one task. `units` are the statements to run; the last result is in `name`."""

    name: str
    cell: int
    source: str
    stub: bool = False
    flags: list[str] = field(default_factory=list)
    likeness: str | None = None
    units: list[Unit] = field(default_factory=list)
    problem: str = ""  # why it cannot be run


def read_cells(data: bytes) -> tuple[list[Cell], list[str]]:
    """The cells of a notebook, and notes on what could not be read.

    Raises
    ------
    ValueError : nothing in the file is a cell
    """
    text, notes = _decoded(data), []
    try:
        raw = _cells_of(json.loads(text))
    except (ValueError, RecursionError):
        raw = _salvaged(text)
        notes.append(f"The file is cut off or damaged; {len(raw)} of its cells could still be read.")
    cells = []
    for number, cell in enumerate(raw, 1):
        source = cell.get("source", cell.get("input", ""))
        source = "".join(map(str, source)) if isinstance(source, list) else str(source)
        source = source.replace("\r\n", "\n").replace("\r", "\n")
        cells.append(Cell(number, cell.get("cell_type") == "code", source))
    if not cells:
        raise ValueError("There is no cell in this file: it is no notebook, or an empty one.")
    if sum(len(cell.text) for cell in cells) > MOST_CODE:
        raise ValueError(f"The cells hold more than {MOST_CODE:,} characters: this is no homework.")
    return cells, notes


def _decoded(data: bytes) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", errors="replace")
    return data.decode("utf-8-sig", errors="replace")


def _cells_of(notebook: object) -> list[dict]:
    if not isinstance(notebook, dict):
        return []
    sheets = notebook.get("worksheets")  # notebooks before 2015
    cells = notebook.get("cells") or (sheets[0].get("cells") if isinstance(sheets, list) and sheets else [])
    return [cell for cell in cells if isinstance(cell, dict)] if isinstance(cells, list) else []


def _salvaged(text: str) -> list[dict]:
    """Every whole cell in what is left of a notebook."""
    found, place, decoder = [], 0, json.JSONDecoder()
    for match in re.finditer(r'\{\s*"(?:attachments|cell_type|execution_count|id|metadata|outputs|source)"', text):
        if match.start() < place:
            continue
        try:
            cell, place = decoder.raw_decode(text, match.start())
        except (ValueError, RecursionError):
            continue
        if isinstance(cell, dict) and "cell_type" in cell:
            found.append(cell)
    return found


def stamp(cells: list[Cell]) -> tuple[str, str, str] | None:
    """Assignment, student and seal as the homework cell says them; the last such line counts."""
    found = [match for cell in cells if cell.is_code for match in HOMEWORK.finditer(cell.text)]
    return found[-1].groups() if found else None


class Handin:
    """The statements of a notebook, ready to be asked for answers. `notes` says which cells could not be read."""

    def __init__(self, data: bytes) -> None:
        self.cells, self.notes = read_cells(data)
        self.units: list[Unit] = []
        self.broken: dict[str, tuple[Cell, str, str]] = {}  # function -> cell, its text, what is wrong
        code = [cell for cell in self.cells if cell.is_code]
        skip = 0
        for k, cell in enumerate(code):
            if skip:
                skip -= 1
                continue
            skip = self._read(cell, code[k + 1 : k + 3])

    def _read(self, cell: Cell, following: list[Cell]) -> int:
        """Take the statements of a cell; return how many of the following cells were needed to complete it."""
        text = plain_python(cell.text)
        first_error = None
        for joined in range(len(following) + 1):
            whole = "\n".join([text, *(plain_python(c.text) for c in following[:joined])])
            for candidate in (whole, textwrap.dedent(whole).expandtabs(8)):
                tree = _parsed(candidate)
                if isinstance(tree, ast.Module):
                    if joined:
                        self.notes.append(f"Cells {cell.number} and {following[joined - 1].number} are read as one.")
                    self._take(Cell(cell.number, True, candidate), tree)
                    return joined
                first_error = first_error or tree
            if following and joined == 0 and not _unfinished(text):
                break
        self.notes.append(f"Cell {cell.number} cannot be read as Python: {first_error}.")
        self._take_blocks(cell, text)
        return 0

    def _take(self, cell: Cell, tree: ast.Module) -> None:
        for node in tree.body:
            binds, needs = _names(node)
            self.units.append(Unit(cell, node, binds, needs))

    def _take_blocks(self, cell: Cell, text: str) -> None:
        """From a cell that is no Python: each function and import that is, by itself."""
        lines = text.split("\n")
        starts = [i for i, line in enumerate(lines) if re.match(r"(def|import|from)\b|@", line)]
        for start in starts:
            end = start + 1
            while end < len(lines) and (not lines[end].strip() or lines[end][0] in " \t)"):
                end += 1
            block = "\n".join(lines[start:end]).rstrip()
            tree = _parsed(block)
            if isinstance(tree, ast.Module):
                padded = "\n" * start + block
                self._take(Cell(cell.number, True, padded), ast.parse(padded))
            elif name := re.match(r"def\s+(\w+)", block):
                self.broken[name[1]] = (cell, block, str(tree))

    def function(self, id: str, name: str) -> Answer | None:
        """The learner's function for exercise `id`: what its last `check` call names, else the last `def` of `name`.

        A stub does not displace a written function. None: the notebook holds nothing of the kind.
        """
        calls = [(unit, call) for unit in self.units for call in _check_calls(unit.node, id)]
        if calls and len(calls[-1][1].args) > 1:
            unit, call = calls[-1]
            given = call.args[1]
            if isinstance(given, ast.Name):
                name = given.id if self._definitions(given.id) or given.id in self.broken else name
            else:
                return self._expression(unit, given, name)
        found = self._definitions(name)
        if not found and name in self.broken:
            cell, text, problem = self.broken[name]
            return Answer(name, cell.number, text, problem=problem)
        if not found:
            return None
        written = [unit for unit in found if not is_stub(unit.node)]
        unit = (written or found)[-1]
        needed = self._closure(unit)
        answer = Answer(name, unit.cell.number, _text_of(unit), not written, units=needed)
        answer.flags, answer.likeness = _flags(unit.node, needed), likeness(unit.node)
        return answer

    def _expression(self, unit: Unit, given: ast.expr, name: str) -> Answer:
        """`relu = check("2.3", lambda X: ...)`: the second argument is the answer."""
        target = ast.Name(name, ast.Store(), lineno=given.lineno, col_offset=0)
        node = ast.fix_missing_locations(ast.copy_location(ast.Assign([target], given), given))
        binds, needs = _names(node)
        needed = self._closure(Unit(unit.cell, node, binds, needs))
        text = ast.get_source_segment(unit.cell.text, given) or ""
        return Answer(name, unit.cell.number, text, flags=_flags(node, needed), likeness=likeness(node), units=needed)

    def _definitions(self, name: str) -> list[Unit]:
        return [unit for unit in self.units if name in unit.binds and not _only_checks(unit.node)]

    def _closure(self, unit: Unit) -> list[Unit]:
        """The statements that `unit` needs, and itself, in the order of the notebook; the last binding of a name
        counts, with those before it where it only adds to them."""
        chosen, names = [unit], sorted(unit.needs)
        seen = set(unit.binds)
        while names:
            name = names.pop()
            if name in seen:
                continue
            seen.add(name)
            for other in reversed(self._definitions(name)):
                if other not in chosen:
                    chosen.append(other)
                    names.extend(other.needs)
                if not isinstance(other.node, ast.AugAssign):
                    break
        stars = [u for u in self.units if isinstance(u.node, ast.ImportFrom) and u.node.names[0].name == "*"]
        chosen += [u for u in stars if u not in chosen]
        wanted = set().union(*(u.needs for u in chosen))
        place = {id(u): k for k, u in enumerate(self.units)}
        chosen.sort(key=lambda u: place.get(id(u), len(place)))
        return [_narrowed(u, wanted | unit.binds) for u in chosen]

    def value(self, name: str) -> Answer | None:
        """What was last assigned to a variable, written out in the source: a number, a list, text, `np.array` of it."""
        found = [u for u in self.units if name in u.binds and isinstance(u.node, ast.Assign)]
        if not found:
            return None
        unit = found[-1]
        node = unit.node.value
        while isinstance(node, ast.Call) and len(node.args) >= 1:  # np.array([[1, 2]]), float(3)
            node = node.args[0]
        answer = Answer(name, unit.cell.number, (ast.get_source_segment(unit.cell.text, unit.node.value) or "")[:5000])
        answer.stub = isinstance(node, ast.Constant) and node.value in (None, ...)
        try:
            json.dumps(ast.literal_eval(node))
            answer.likeness = json.dumps(ast.literal_eval(node))
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            answer.problem = "" if answer.stub else "what stands there is no number, list or text written out"
        return answer

    def written(self, id: str) -> Answer | None:
        """The sentences below the line that begins the answer to task `id` ("3.4w")."""
        pattern = re.compile(rf"(?im)^.*\byour answer to {re.escape(id)}\b.*$")
        for cell in reversed(self.cells):
            match = None if cell.is_code else pattern.search(cell.text)
            if match:
                text = cell.text[match.end() :].strip()
                text = "" if text in ("...", "…", "*(write here)*") else text
                return Answer(id, cell.number, text[:20000], stub=not text)
        return None


def plain_python(text: str) -> str:
    """A cell without IPython's own lines: magics, shell commands and help; a cell for another language is empty."""
    head = re.match(r"\s*%%(\w+)", text)
    if head and head[1] not in ("time", "timeit", "capture", "prun"):
        return ""
    lines = [re.sub(r"^(\s*)(%|!).*$", r"\1pass", line) for line in text.split("\n")]
    return "\n".join("" if re.fullmatch(r"\s*\??[\w.]+\?{1,2}\s*|\s*\?[\w.]+", line) else line for line in lines)


def _parsed(text: str) -> ast.Module | str:
    """The tree, or what is wrong in words."""
    try:
        return ast.parse(text)
    except SyntaxError as error:
        return f"line {error.lineno}: {error.msg}"
    except (ValueError, RecursionError, MemoryError) as error:
        return f"{type(error).__name__}: {error}"


def _unfinished(text: str) -> bool:
    """Whether a cell may go on in the next one: a header without a body, an open bracket."""
    problem = _parsed(text)
    said = problem if isinstance(problem, str) else ""
    return "expected an indented block" in said or "was never closed" in said or "unexpected EOF" in said


def _names(node: ast.stmt) -> tuple[set[str], set[str]]:
    """The names that a statement binds at the top level, and those it takes from there."""
    try:
        table = symtable.symtable(ast.unparse(node), "cell", "exec")
    except (SyntaxError, ValueError, RecursionError):
        return set(), set()
    binds = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    needs = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_referenced()}
    tables = list(table.get_children())
    while tables:
        inner = tables.pop()
        needs |= {symbol.get_name() for symbol in inner.get_symbols() if symbol.is_global()}
        tables.extend(inner.get_children())
    return binds, needs


def _check_calls(node: ast.stmt, id: str) -> list[ast.Call]:
    """Calls of `check` for exercise `id` in a statement."""
    return [
        part
        for part in ast.walk(node)
        if isinstance(part, ast.Call)
        and getattr(part.func, "id", getattr(part.func, "attr", "")) == "check"
        and part.args
        and isinstance(part.args[0], ast.Constant)
        and part.args[0].value == id
    ]


def _only_checks(node: ast.stmt) -> bool:
    """`relu = check("2.3", relu)`: binds the name, but defines nothing."""
    value = getattr(node, "value", None)
    called = getattr(value, "func", None)
    return isinstance(value, ast.Call) and getattr(called, "id", getattr(called, "attr", "")) == "check"


def _narrowed(unit: Unit, wanted: set[str]) -> Unit:
    """An import of those names alone that are needed: the others may take long, or not be there."""
    if not isinstance(unit.node, ast.ImportFrom) or unit.node.names[0].name == "*":
        return unit
    names = [alias for alias in unit.node.names if (alias.asname or alias.name) in wanted]
    node = ast.copy_location(ast.ImportFrom(unit.node.module, names or unit.node.names, unit.node.level), unit.node)
    return Unit(unit.cell, node, unit.binds, unit.needs)


def _text_of(unit: Unit) -> str:
    return (ast.get_source_segment(unit.cell.text, unit.node) or "")[:20000]


def is_stub(node: ast.stmt) -> bool:
    """True for a function whose body is only a docstring, `...`, `pass`, `return`, or an assignment of `...`."""
    return isinstance(node, ast.FunctionDef) and all(empty(statement) for statement in node.body)


def empty(statement: ast.stmt) -> bool:
    """True for a statement that does nothing yet."""
    if isinstance(statement, ast.Pass):
        return True
    if isinstance(statement, ast.Raise):
        return "NotImplementedError" in ast.dump(statement)
    value = getattr(statement, "value", statement)
    if value is None:
        return True
    nothing = (type(None), type(...), str) if isinstance(statement, ast.Expr) else (type(None), type(...))
    return isinstance(value, ast.Constant) and isinstance(value.value, nothing)


_TELLING = {"open", "exec", "eval", "compile", "__import__", "globals", "vars", "breakpoint", "input"}
_TELLING_MODULES = {"os", "sys", "subprocess", "socket", "ctypes", "inspect", "importlib", "gc", "builtins", "signal",
                    "multiprocessing", "threading", "pathlib", "shutil", "urllib", "requests", "pickle"}  # fmt: skip


def _flags(node: ast.stmt, units: list[Unit]) -> list[str]:
    """What a person should look at: a body that only hands its arguments on, and code no task asks for."""
    modules = {}
    for unit in units:
        for alias in unit.node.names if isinstance(unit.node, ast.Import | ast.ImportFrom) else ():
            whole = f"{unit.node.module}.{alias.name}" if isinstance(unit.node, ast.ImportFrom) else alias.name
            modules[alias.asname or alias.name.split(".")[0]] = whole
    flags = []
    body = [s for s in getattr(node, "body", []) if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))]
    local = [s for s in body if isinstance(s, ast.Import | ast.ImportFrom)]
    for statement in local:
        modules |= {(a.asname or a.name.split(".")[0]): getattr(statement, "module", None) or a.name
                    for a in statement.names}  # fmt: skip
    rest = [s for s in body if s not in local]
    value = getattr(rest[0], "value", None) if len(rest) == 1 else None
    if isinstance(node, ast.Assign):
        value = getattr(node.value, "body", node.value)
    called = ast.unparse(value.func) if isinstance(value, ast.Call) else getattr(value, "id", "")
    home = modules.get(called.split(".")[0], "").split(".")[0]
    if home and home not in _OWN_LIBRARIES:
        flags.append(f"only calls {called} of {home}")
    used = {part.id for unit in units for part in ast.walk(unit.node) if isinstance(part, ast.Name)}
    roots = {whole.split(".")[0] for whole in modules.values()}
    telling = sorted((used & _TELLING - set(modules)) | (roots & _TELLING_MODULES))
    if telling:
        flags.append(f"uses {', '.join(telling)}, which the task does not ask for")
    return flags


class _Anonymous(ast.NodeTransformer):
    """Numbers the names that a function binds itself, in the order they come; other names stay."""

    def __init__(self, own: set[str]) -> None:
        self.own, self.known = own, {}

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(self._new(node.id), ast.Load())

    def visit_arg(self, node: ast.arg) -> ast.arg:
        return ast.arg(self._new(node.arg))

    def _new(self, name: str) -> str:
        return self.known.setdefault(name, f"v{len(self.known)}") if name in self.own else name


def likeness(node: ast.stmt) -> str | None:
    """The same for answers that differ in names, comments and layout alone; None for one too short to tell."""
    body = getattr(node, "body", [node])
    body = [s for s in body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))]
    parts = [part for statement in body for part in ast.walk(statement)]
    if len(parts) < 60:
        return None
    own = {p.id for p in parts if isinstance(p, ast.Name) and isinstance(p.ctx, ast.Store)}
    own |= {p.arg for p in ast.walk(node) if isinstance(p, ast.arg)}
    copied = ast.parse("\n".join(ast.unparse(statement) for statement in body))
    text = ast.dump(_Anonymous(own).visit(copied))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
