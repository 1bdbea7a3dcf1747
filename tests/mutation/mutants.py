"""Every way in which one place of a module is changed.

Left out by rule, because a change there is none of behaviour, or one that mypy refuses:

- texts for people: f-strings, strings that hold a space, docstrings;
- log calls and remarks for the log, and the names of loggers;
- annotations, decorators, `assert`, `TypeVar` and `if TYPE_CHECKING`.
"""

from __future__ import annotations

import ast
import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from types import CodeType
from typing import Any

from attrs import field, frozen

PACKAGE = Path(__file__).parents[2] / "meetstream_async"

_COMPARED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_COMPUTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Pow: ast.Mult,
}
_SWAPPED = {"min": "max", "max": "min", "any": "all", "all": "any"}
_REMOVED = (ast.Expr, ast.AugAssign, ast.Raise, ast.Continue, ast.Break, ast.Delete)
_UNTOUCHED_CALLS = frozenset({"Remark", "TypeVar", "getLogger"})

Change = Callable[[Any], ast.AST]


@frozen
class Mutant:
    """One module with one change."""

    module: str
    """Its path below the package."""
    where: str
    """The class and function, dotted."""
    change: str
    """The text before and after, numbered where a function holds the same one several times."""
    lines: range = field(eq=False)
    """Lines that are changed."""
    place: int = field(eq=False)
    """Which node of the module, in the order of `ast.walk`."""
    make: Change = field(eq=False, repr=False)
    source: str = field(eq=False, repr=False)
    """The module as it was when its places were counted."""

    @property
    def name(self) -> str:
        return f"{self.module} {self.where}: {self.change}"

    @property
    def at_import(self) -> bool:
        """It is outside all functions, so every test of the module may notice."""
        return self.where[-2:] != "()"

    def rank(self, seed: int) -> str:
        """Its place in the draw. A change elsewhere in the source does not move it."""
        return hashlib.sha256(f"{seed} {self.name}".encode()).hexdigest()

    def code(self) -> CodeType:
        """The mutated module, compiled."""
        path = PACKAGE / self.module
        tree = ast.parse(self.source)
        for place, node in enumerate(list(ast.walk(tree))):
            if place == self.place:
                _Replace(node, self.make(node)).visit(tree)
                break
        return compile(ast.fix_missing_locations(tree), str(path), "exec")


class _Replace(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self._old, self._new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        if node is self._old:
            return ast.copy_location(self._new, node)
        return self.generic_visit(node)


@cache
def mutants_of(module: str) -> list[Mutant]:
    """All mutants of a module, in the order of its text."""
    source = (PACKAGE / module).read_text(encoding="utf-8")
    tree = ast.parse(source)
    places = {node: place for place, node in enumerate(ast.walk(tree))}
    seen: Counter[tuple[str, str]] = Counter()
    found = []
    for node, where in _touched(tree, ""):
        for make in _changes(node):
            before = ast.unparse(node)
            after = ast.unparse(ast.fix_missing_locations(make(_copy(node))))
            change = f"{_short(before)} -> {_short(after)}"
            seen[where, change] += 1
            if (number := seen[where, change]) > 1:
                change += f" #{number}"
            lines = range(node.lineno, (node.end_lineno or node.lineno) + 1)
            found.append(Mutant(module, where or "module", change, lines, places[node], make, source))
    return found


def _copy(node: ast.AST) -> ast.AST:
    fields = {
        name: list(value) if isinstance(value, list) else value for name, value in ast.iter_fields(node)
    }
    return ast.copy_location(type(node)(**fields), node)


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 90 else f"{text[:60]} ... {text[-25:]}"


def _touched(node: ast.AST, where: str) -> Iterator[tuple[ast.expr | ast.stmt, str]]:
    """The nodes that may be changed, with the class and function around them."""
    for child in _children(node):
        inside = where
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            call = "" if isinstance(child, ast.ClassDef) else "()"
            inside = f"{where.removesuffix('()')}.{child.name}{call}".lstrip(".")
        elif isinstance(child, ast.expr | ast.stmt):
            yield child, where
        yield from _touched(child, inside)


def _children(node: ast.AST) -> Iterator[ast.AST]:
    left_out: list[object] = []
    if isinstance(node, ast.Assert | ast.JoinedStr) or (
        isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ):
        return
    if isinstance(node, ast.ClassDef):
        left_out += [*node.decorator_list, *node.bases]
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        left_out += [*node.decorator_list, node.returns]
    elif isinstance(node, ast.AnnAssign | ast.arg):
        left_out += [node.annotation]
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.annotation) == "TypeAlias":
            return
    elif isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == "Callable":
        return
    for child in ast.iter_child_nodes(node):
        if child not in left_out and not _is_untouched(child):
            yield child


def _is_untouched(node: ast.AST) -> bool:
    if isinstance(node, ast.Expr):
        node = node.value
        if isinstance(node, ast.Constant):  # a docstring
            return True
    if not isinstance(node, ast.Call):
        return False
    function = ast.unparse(node.func)
    return function.startswith("_log.") or function.rpartition(".")[2] in _UNTOUCHED_CALLS


def _changes(node: ast.expr | ast.stmt) -> Iterator[Change]:
    """Every change of this one node."""
    if isinstance(node, ast.Compare):
        for index in range(len(node.ops)):
            yield partial(_recompared, index=index)
    elif isinstance(node, ast.BoolOp):
        yield _other_bool_op
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield lambda node: node.operand
    elif isinstance(node, ast.BinOp) and type(node.op) in _COMPUTED:
        yield lambda node: ast.BinOp(node.left, _COMPUTED[type(node.op)](), node.right)
    elif isinstance(node, ast.Constant):
        yield from _constant(node)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _SWAPPED:
        yield lambda node: ast.Call(ast.Name(_SWAPPED[node.func.id], ast.Load()), node.args, node.keywords)
    elif isinstance(node, ast.If | ast.While | ast.IfExp):
        if not isinstance(node.test, ast.Compare | ast.BoolOp | ast.UnaryOp):
            yield _negated
    elif isinstance(node, ast.Return) and node.value is not None:
        if not (isinstance(node.value, ast.Constant) and node.value.value is None):
            yield lambda node: ast.Return(ast.Constant(None))
    elif isinstance(node, _REMOVED) or _is_bare_return(node) or _stores(node):
        yield lambda node: ast.Pass()


def _constant(node: ast.Constant) -> Iterator[Change]:
    value = node.value
    if isinstance(value, bool):
        yield lambda node: ast.Constant(not node.value)
    elif isinstance(value, int | float):
        yield lambda node: ast.Constant(node.value + 1)
    elif isinstance(value, str) and " " not in value.strip():
        yield lambda node: ast.Constant(f"XX{node.value}")


def _recompared(node: ast.AST, index: int) -> ast.AST:
    assert isinstance(node, ast.Compare)
    ops = list(node.ops)
    ops[index] = _COMPARED[type(ops[index])]()
    return ast.Compare(node.left, ops, node.comparators)


def _other_bool_op(node: ast.AST) -> ast.AST:
    assert isinstance(node, ast.BoolOp)
    return ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)


def _negated(node: ast.AST) -> ast.AST:
    assert isinstance(node, ast.If | ast.While | ast.IfExp)
    copy = _copy(node)
    copy.test = ast.UnaryOp(ast.Not(), node.test)  # type: ignore[attr-defined]
    return copy


def _is_bare_return(node: ast.AST) -> bool:
    return isinstance(node, ast.Return) and node.value is None


def _stores(node: ast.AST) -> bool:
    """An assignment to what others see: without one to a local name, the function would only crash."""
    return isinstance(node, ast.Assign) and any(
        isinstance(target, ast.Attribute | ast.Subscript | ast.Tuple) for target in node.targets
    )
