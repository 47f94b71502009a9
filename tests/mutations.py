"""Change the library in one place at a time and see whether its tests notice: `make mutations`.

Each mutation changes one comparison, boundary, constant, operator or condition, or drops one statement. It is made in a
copy of the project and run against tests that import its module. What was tried is in benchmarks/reliability, so that a
stopped run goes on. A survivor may still be noticed by another file of tests.
"""

import argparse
import ast
import csv
import os
import random
import shutil
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

# The first of these are here so that they are loaded once and not for every mutation
import hypothesis  # noqa: F401
import openpyxl  # noqa: F401
import pandas  # noqa: F401
import pytest
import scipy.stats  # noqa: F401
import statsmodels.stats.proportion  # noqa: F401
import typst  # noqa: F401

PROJECT = Path(__file__).parents[1]
LIBRARY = PROJECT / "small_evidence"
RECORD = PROJECT / "benchmarks/reliability/mutations.csv"
COLUMNS = ["package", "file", "line", "kind", "before", "after", "tests", "outcome"]
SEED = 16
MOST = 3  # test files of a mutation
SECONDS = 600  # a mutation whose tests take longer counts neither as noticed nor as not
# Tests of whole runs take long and would notice late what the tests of the module notice
SLOW = ("test_workflow.py", "test_module.py", "test_cluster.py", "test_packaging.py", "test_kills.py", "test_faults.py")
COMPARISONS = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
               ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is}  # fmt: skip
OPERATORS = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.BitAnd: ast.BitOr,
             ast.BitOr: ast.BitAnd}  # fmt: skip


class Mutation(NamedTuple):
    """One change: the place is that of the node among all nodes of its file."""

    path: Path
    place: int
    line: int
    kind: str


def kind_of(node: ast.AST) -> str:
    """What can be changed in a node; "" if nothing."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in COMPARISONS:
        return "comparison"
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS and not _is_text(node):
        return "operator"
    if isinstance(node, ast.BoolOp):
        return "and, or"
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return "not"
    if isinstance(node, ast.Constant) and type(node.value) in (int, float, bool):
        return "constant"
    if isinstance(node, ast.Continue | ast.Break) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)):
        return "dropped statement"
    return "dropped statement" if isinstance(node, ast.AugAssign) else ""


def _is_text(node: ast.BinOp) -> bool:
    """Whether a sum is one of texts, or an alternative of types."""
    parts = (node.left, node.right)
    return any(isinstance(part, ast.JoinedStr) or isinstance(getattr(part, "value", None), str) for part in parts) or (
        isinstance(node.op, ast.BitOr) and any(isinstance(part, ast.Constant) and part.value is None for part in parts)
    )


def mutations_of(path: Path) -> list[Mutation]:
    """Every change that can be made in a file, outside annotations and the sizes and places of figures."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    left_out = {
        id(inner)
        for node in ast.walk(tree)
        for part in (getattr(node, "annotation", None), getattr(node, "returns", None), *getattr(node, "bases", ()))
        if part
        for inner in ast.walk(part)
    }
    return [
        Mutation(path, place, getattr(node, "lineno", 0), kind)
        for place, node in enumerate(ast.walk(tree))
        if id(node) not in left_out and (kind := kind_of(node))
    ]


def mutated(mutation: Mutation) -> tuple[str, str, str]:
    """The file's text with the change, and the changed part before and after it."""
    tree = ast.parse(mutation.path.read_text(encoding="utf-8"))
    node = list(ast.walk(tree))[mutation.place]
    before = ast.unparse(node)
    if isinstance(node, ast.Compare):
        node.ops = [COMPARISONS[type(node.ops[0])]()]
    elif isinstance(node, ast.BinOp):
        node.op = OPERATORS[type(node.op)]()
    elif isinstance(node, ast.BoolOp):
        node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    elif isinstance(node, ast.UnaryOp):
        node.op, node.operand = ast.Not(), ast.UnaryOp(ast.Not(), node.operand)
    elif isinstance(node, ast.Constant):
        node.value = not node.value if isinstance(node.value, bool) else node.value + 1
    else:
        for parent in ast.walk(tree):
            for name in ("body", "orelse", "finalbody"):
                block = getattr(parent, name, None)
                if isinstance(block, list) and node in block:
                    block[block.index(node)] = ast.copy_location(ast.Pass(), node)
        return ast.unparse(ast.fix_missing_locations(tree)), before, "pass"
    return ast.unparse(ast.fix_missing_locations(tree)), before, ast.unparse(node)


# Which tests use a module -----------------------------------------------------------------------------------------


def imports_of(path: Path) -> set[str]:
    """Modules of the library that a file imports itself, by their dotted names."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(LIBRARY.name):
            found |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


def tests_by_module() -> dict[str, list[str]]:
    """Test files by module: those that import it, or else one that uses it; at most MOST.

    First those named after the module, then those that import the fewest modules.
    """
    uses = {dotted(path): imports_of(path) for path in LIBRARY.rglob("*.py")}
    near: dict[str, list[str]] = {}
    far: dict[str, list[str]] = {}
    tests = {path: imports_of(path) & set(uses) for path in sorted((PROJECT / "tests").rglob("test_*.py"))}
    for test, direct in sorted(tests.items(), key=lambda item: len(item[1])):
        if test.name in SLOW:
            continue
        for module in direct:
            near.setdefault(module, []).append(test.relative_to(PROJECT).as_posix())
            for used in uses[module] & set(uses):
                far.setdefault(used, []).append(test.relative_to(PROJECT).as_posix())
    found = {module: list(dict.fromkeys(near.get(module) or far.get(module, []))) for module in uses}
    return {
        module: sorted(tests, key=lambda test: module.rpartition(".")[2] not in test)[:MOST]
        for module, tests in found.items()
    }


def dotted(path: Path) -> str:
    """The name by which a module is imported."""
    return ".".join(path.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__")


# The run ----------------------------------------------------------------------------------------------------------


def chosen(number: int) -> list[Mutation]:
    """A seeded sample, from each package as many as it has places, one at the least."""
    chance = random.Random(SEED)
    places: dict[str, list[Mutation]] = {}
    for path in sorted(LIBRARY.rglob("*.py")):
        places.setdefault(package_of(path), []).extend(mutations_of(path))
    everything = sum(map(len, places.values()))
    sample = []
    for found in places.values():
        sample += chance.sample(found, min(len(found), max(1, round(number * len(found) / everything))))
    chance.shuffle(sample)
    return sample


def package_of(path: Path) -> str:
    """The package of a file; that of the modules beside the packages is the library itself."""
    inside = path.relative_to(LIBRARY).parts
    return inside[0] if len(inside) > 1 else "small_evidence"


def outcome_of(copy: Path, mutation: Mutation, text: str, tests: list[str]) -> str:
    """Whether the tests notice a change: killed, survived or out of time."""
    path = copy / mutation.path.relative_to(PROJECT)
    kept = path.read_text(encoding="utf-8")
    path.write_text(text, encoding="utf-8")
    child = os.fork()
    if not child:
        signal.alarm(SECONDS)
        os._exit(_run_tests(copy, tests))
    _, status = os.waitpid(child, 0)
    path.write_text(kept, encoding="utf-8")
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM:
        return "out of time"
    return "killed" if status else "survived"


def _run_tests(copy: Path, tests: list[str]) -> int:
    """Exit code of tests in a copy of the project; the libraries that take long to load are there already."""
    os.chdir(copy)
    sys.path[:] = [str(copy), *(place for place in sys.path if Path(place).resolve() != PROJECT)]
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    for name in [name for name in sys.modules if name.split(".")[0] in ("tests", LIBRARY.name)]:
        del sys.modules[name]
    return int(pytest.main(["-n0", "-x", "-q", "-p", "no:cacheprovider", *tests]))


def run(number: int, packages: list[str], minutes: float, place: Path) -> None:
    """Try the mutations that the record does not have yet, as long as there is time."""
    tests_of = tests_by_module()
    tried = {(row["file"], row["line"], row["before"], row["after"]) for row in read_record()}
    copy, until = place / "copy", time.monotonic() + 60 * minutes
    shutil.rmtree(copy, ignore_errors=True)
    left_out = shutil.ignore_patterns(place.name, ".venv", ".git", ".snakemake", "results", "__pycache__")
    shutil.copytree(PROJECT, copy, ignore=left_out)
    (copy / ".venv").symlink_to(PROJECT / ".venv")
    for mutation in chosen(number):
        text, before, after = mutated(mutation)
        name, module = mutation.path.relative_to(PROJECT).as_posix(), dotted(mutation.path)
        if packages and package_of(mutation.path) not in packages:
            continue
        if time.monotonic() > until or (name, str(mutation.line), before, after) in tried:
            continue
        tests = tests_of[module]
        outcome = outcome_of(copy, mutation, text, tests) if tests else "no test"
        row = [package_of(mutation.path), name, mutation.line, mutation.kind, before, after, len(tests), outcome]
        add_to_record(row)
        print(*row, sep=" | ", flush=True)


def read_record() -> list[dict[str, str]]:
    """Rows of mutations.csv."""
    if not RECORD.exists():
        return []
    with RECORD.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def add_to_record(row: list[object]) -> None:
    """Add a row to mutations.csv."""
    is_new = not RECORD.exists()
    with RECORD.open("a", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(([COLUMNS] if is_new else []) + [row])


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("number", type=int, nargs="?", default=240, help="mutations to try")
    parser.add_argument("--minutes", type=float, default=600, help="begin no mutation after this time")
    parser.add_argument("--packages", nargs="*", default=[], help="only mutations of these; all if none")
    given = parser.parse_args()
    run(given.number, given.packages, given.minutes, PROJECT / ".mutations")
    print(Counter(row["outcome"] for row in read_record()))


if __name__ == "__main__":
    main()
