"""Change the library in one place at a time and see whether its tests notice: `make mutations`.

Each mutation changes one comparison, boundary, constant, operator or condition, or drops one statement. It is made in a
copy of the project. One run of the tests there notes which drawn statements each test runs and how long it takes. A
mutation is tried against every test that runs its statement, the quick ones first, until one notices it; of a statement
that runs while its file is read these are the tests that run a statement which names what it defines. Tests that run
the library in another process are not among them. What was tried is in benchmarks/reliability, so that a stopped run
goes on.
"""

import argparse
import ast
import builtins
import csv
import gc
import importlib
import inspect
import json
import os
import random
import resource
import shutil
import signal
import sys
import time
from bisect import bisect
from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, NamedTuple

# The first of these are here so that they are loaded once and not for every mutation
import hypothesis
import matplotlib.figure  # noqa: F401
import openpyxl  # noqa: F401
import pandas  # noqa: F401
import pytest
import scipy.stats  # noqa: F401
import statsmodels.stats.proportion  # noqa: F401
import typst  # noqa: F401

PROJECT = Path(__file__).parents[1]
PLACE = PROJECT / ".mutations"
COPY = PLACE / "copy"
LIBRARY = COPY / "small_evidence"
MEASURED = PLACE / "measured.json"  # which tests run the drawn statements, and their seconds
PASSED = PLACE / "passed.json"  # tests that did not notice mutations which are not finished
NOTICED = PLACE / "noticed"  # the test that noticed the present mutation
RECORD = PROJECT / "benchmarks/reliability/mutations.csv"
REASONS = RECORD.with_name("survivors.csv")  # why some are not noticed; these are tried last
COLUMNS = ["package", "file", "line", "kind", "before", "after", "outcome", "noticed_by"]
SEED = 16
LONGEST = 10  # a test that takes more seconds of processor time is not measured
FIRST = 6.0  # seconds of tests that every mutation is tried on before the others of those left
TYPICAL = 30  # drawn statements that a test runs
QUICK = (0.1, 1.0, 5.0)  # seconds that part tests into those that are tried first, next, later and last
SLOWER, LEAST = 10, 30  # a test ends if it takes this many times its time, and so many seconds
BROKEN = 70  # exit code of a child that could not do its task
RUNS = {"calcinosis", "copy_review", "review_in"}  # fixtures that run the whole workflow
PYTEST = ("-n0", "-q", "-p", "no:cacheprovider")
TESTS = ("tests", LIBRARY.name)  # the examples of the library among them
RUN_FILES = ("faults", "test_workflow.py", "test_module.py", "test_cluster.py", "test_packaging.py", "test_walk.py")
LEFT_OUT = [f"--ignore={COPY / 'tests' / name}" for name in RUN_FILES]
COMPARISONS = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
               ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is}  # fmt: skip
OPERATORS = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.BitAnd: ast.BitOr,
             ast.BitOr: ast.BitAnd}  # fmt: skip


class Mutation(NamedTuple):
    """One change: the place is that of the node among all nodes of its file."""

    path: Path
    place: int
    line: int
    statement: int  # the place of the statement that it is in
    names: frozenset[str]  # what that gives a value to, and the functions and classes that it is in
    at_import: bool  # whether it runs while its file is read

    @property
    def name(self) -> str:
        return self.path.relative_to(COPY).as_posix()

    @property
    def key(self) -> str:
        return f"{self.path.relative_to(LIBRARY)} {self.place}"

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
    """Every change that can be made in a file, outside annotations and the bases of classes."""
    left_out = {
        id(inner)
        for node, _ in parts_of(path)
        for part in (getattr(node, "annotation", None), getattr(node, "returns", None), *getattr(node, "bases", ()))
        if part
        for inner in ast.walk(part)
    }
    parts = parts_of(path)
    places = {id(node): place for place, (node, _) in enumerate(parts)}
    return [
        Mutation(path, place, node.lineno, places[id(around[-1])], names_of(around), is_outside(node, around), kind)
        for place, (node, around) in enumerate(parts)
        if id(node) not in left_out and (kind := kind_of(node))
    ]


def is_outside(node: ast.AST, around: Sequence[Any]) -> bool:
    """Whether a part runs while its file is read: outside functions, or in the first line of an outermost one."""
    functions = [part for part in around if isinstance(part, ast.FunctionDef)]
    return not functions or (around[-1] is functions[0] and node not in functions[0].body)


@cache
def parts_of(path: Path) -> list[tuple[Any, list[Any]]]:
    """The nodes of a file and the statements that each is in, the outermost first and itself the last."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    around: dict[ast.AST, list[Any]] = {}
    parts = []
    for node in ast.walk(tree):
        inside = [*around.get(node, []), *([node] if isinstance(node, ast.stmt) else [])]
        around |= dict.fromkeys(ast.iter_child_nodes(node), inside)
        parts.append((node, inside))
    return parts


def names_of(around: Sequence[Any]) -> frozenset[str]:
    """What a statement gives a value to: the functions and classes that it is in, or variables outside functions."""
    names = {part.name for part in around if isinstance(part, ast.FunctionDef | ast.ClassDef)}
    if not any(isinstance(part, ast.FunctionDef) for part in around):
        targets = getattr(around[-1], "targets", [getattr(around[-1], "target", ast.Pass())])
        names |= {node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)}
    return frozenset(names)


def mutated(mutation: Mutation) -> tuple[ast.Module, str, str]:
    """The file with the change, and the changed part before and after it."""
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
        return ast.fix_missing_locations(tree), before, "pass"
    return ast.fix_missing_locations(tree), before, ast.unparse(node)


# Which tests run a line -------------------------------------------------------------------------------------------


def places_of(mutations: Sequence[Mutation]) -> dict[Path, dict[int, list[str]]]:
    """Of each file the statements at which a test comes to a mutation: its own, or those that name what it defines."""
    found: dict[Path, dict[int, list[str]]] = {path: {} for path in sorted(LIBRARY.rglob("*.py"))}
    for mutation in mutations:
        if not mutation.at_import:
            found[mutation.path].setdefault(mutation.statement, []).append(mutation.key)
            continue
        names, used = set(mutation.names), set[str]()
        while names - used:
            used |= names
            for path in found:
                parts = parts_of(path)
                places = {id(node): place for place, (node, _) in enumerate(parts)}
                for node, around in parts:
                    if getattr(node, "id", getattr(node, "attr", None)) in used:
                        if isinstance(around[-1], ast.Assign | ast.AnnAssign) and is_outside(node, around):
                            names |= names_of(around)
                        keys = found[path].setdefault(places[id(around[-1])], [])
                        if mutation.key not in keys:
                            keys.append(mutation.key)
    return found


def noting(path: Path, places: dict[int, list[str]]) -> ast.Module:
    """A file that calls `_came_to` with each key before the statements at these places."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    notes = {
        node: [ast.copy_location(ast.parse(f"_came_to({key!r})").body[0], node) for key in places[place]]
        for place, node in enumerate(ast.walk(tree))
        if place in places
    }
    for node in list(ast.walk(tree)):
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list):
                block[:] = [after for part in block for after in (*notes.get(part, ()), part)]
    return ast.fix_missing_locations(tree)


class Measuring:
    """Part of pytest that notes which places each test and each shared fixture comes to, and the seconds of each."""

    def __init__(self) -> None:
        self.at = [""]  # what runs now, the innermost last
        self.places: dict[str, set[str]] = {"": set()}
        self.seconds: Counter[str] = Counter()
        self.fixtures: dict[str, list[str]] = {}  # of the tests that passed
        self.note()

    def note(self) -> None:
        """Count what is come to as that of what runs now."""
        builtins._came_to = self.places.setdefault(self.at[-1], set()).add  # type: ignore[attr-defined]

    @contextmanager
    def running(self, name: str) -> Iterator[None]:
        """Count the places and seconds of a block as those of `name`, without what runs inside under another name."""
        began = time.process_time()
        self.at.append(name)
        self.note()
        try:
            yield
        finally:
            self.at.pop()
            self.note()
            taken = time.process_time() - began
            self.seconds[name] += taken
            self.seconds[self.at[-1]] -= taken

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if not RUNS & set(getattr(item, "fixturenames", ()))]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        signal.setitimer(signal.ITIMER_PROF, LONGEST)
        with self.running(item.nodeid):
            result = yield
        signal.setitimer(signal.ITIMER_PROF, 0)
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[object]) -> Generator[None, object, object]:
        if fixturedef.scope == "function":
            return (yield)
        signal.setitimer(signal.ITIMER_PROF, 0)
        with self.running(fixturedef.argname):
            result = yield
        signal.setitimer(signal.ITIMER_PROF, LONGEST)
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if call.when == "call" and report.passed:
            self.fixtures[item.nodeid] = list(getattr(item, "fixturenames", ()))
        return report


def measure(number: int, tests: Sequence[str]) -> None:
    """Copy the project and measure its tests; only these (files or single ones), copied again, if any are named."""
    if tests:
        for test in tests:
            file = test.split("::")[0]
            shutil.copy2(PROJECT / file, COPY / file)
    else:
        shutil.rmtree(PLACE, ignore_errors=True)
        left_out = shutil.ignore_patterns(PLACE.name, ".venv", ".git", ".snakemake", "results", "__pycache__")
        shutil.copytree(PROJECT, COPY, ignore=left_out)
        (COPY / ".venv").symlink_to(PROJECT / ".venv")
    status = in_child(lambda: _measured(number, tests))
    if status:
        raise SystemExit(f"the tests could not be measured ({status})")


def _measured(number: int, tests: Sequence[str]) -> int:
    """Write what each test comes to and takes to MEASURED; what was there of other tests stays."""
    signal.signal(signal.SIGPROF, lambda *_: pytest.skip(f"takes longer than {LONGEST} s"))
    noted = {str(path): noting(path, places) for path, places in places_of(chosen(number)).items()}
    read = SourceFileLoader.get_code

    def get_code(loader: SourceFileLoader, name: str) -> CodeType | None:
        return compile(noted[loader.path], loader.path, "exec") if loader.path in noted else read(loader, name)

    SourceFileLoader.get_code = get_code  # type: ignore[method-assign]
    known = json.loads(MEASURED.read_text()) if MEASURED.exists() else {"places": {}, "seconds": {}, "fixtures": {}}
    measuring = Measuring()
    code = pytest.main([*PYTEST, *LEFT_OUT, *(tests or TESTS)], plugins=[measuring])
    kept = {test: names for test, names in known["fixtures"].items() if test.split("::")[0] not in tests}
    measuring.places[""] |= set(known["places"].get("", ()))
    places = {name: sorted(keys) for name, keys in measuring.places.items()}
    found = {
        "places": known["places"] | places,
        "seconds": known["seconds"] | measuring.seconds,
        "fixtures": kept | measuring.fixtures,
    }
    MEASURED.write_text(json.dumps(found, indent=0), encoding="utf-8")
    return int(code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED))


class Measured:
    """What was measured: the tests of a mutation, the quick ones first."""

    def __init__(self) -> None:
        found = json.loads(MEASURED.read_text())
        self.places = defaultdict(set, {name: set(keys) for name, keys in found["places"].items()})
        self.seconds: dict[str, float] = found["seconds"]
        self.shared = {test: set(names) & set(self.seconds) for test, names in found["fixtures"].items()}

    def cost(self, test: str) -> float:
        """Seconds of a test run alone."""
        return self.seconds[test] + sum(self.seconds[name] for name in self.shared[test])

    def tests_of(self, mutation: Mutation) -> list[str]:
        """Tests that come to a mutation, the quick ones first, file by file."""
        tests = [
            test
            for test, shared in self.shared.items()
            if any(mutation.key in self.places[name] for name in (test, *shared))
        ]
        return sorted(tests, key=lambda test: (bisect(QUICK, self.cost(test)), test.split("::")[0]))

    def specific(self, mutation: Mutation, tests: Sequence[str]) -> list[str]:
        """The same tests: those in a file named like the module or its package, then those that come to few places."""
        names = (mutation.path.stem, package_of(mutation.path))

        def order(test: str) -> tuple[bool, int, str]:
            file = test.split("::")[0]
            cost = self.cost(test) * len(self.places[test]) / TYPICAL
            return not any(name in file for name in names), bisect(QUICK, cost), file

        return sorted(tests, key=order)

    def within(self, seconds: float, tests: Sequence[str]) -> int:
        """How many of some tests can be run, each shared fixture once."""
        ready: set[str] = set()
        for number, test in enumerate(tests):
            seconds -= self.seconds[test] + sum(self.seconds[name] for name in self.shared[test] - ready)
            ready |= self.shared[test]
            if seconds < 0:
                return max(number, 1)
        return len(tests)


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


class Trying:
    """Part of pytest that tries mutations instead of running the tests that were collected."""

    def __init__(self, number: int, packages: list[str], minutes: float) -> None:
        self.number = number
        self.packages = packages
        self.until = time.monotonic() + 60 * minutes
        self.measured = Measured()

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # after which a changed file is put back
        if session.testsfailed:
            raise RuntimeError("the tests could not be collected")
        items = {item.nodeid: item for item in session.items}
        functions = library_functions()
        gc.freeze()  # children read what is there and need no copy of it
        passed = json.loads(PASSED.read_text()) if PASSED.exists() else {}
        tried = {(row["file"], row["line"], row["before"], row["after"]) for row in read_rows() if is_finished(row)}
        left: list[tuple[Mutation, list[str]]] = []
        for mutation in chosen(self.number):
            _, before, after = mutated(mutation)
            of_package = not self.packages or package_of(mutation.path) in self.packages
            if of_package and (mutation.name, str(mutation.line), before, after) not in tried:
                left.append((mutation, [test for test in self.measured.tests_of(mutation) if test in items]))
        replace_record([row for row in read_rows() if is_finished(row)])
        explained = {(row["file"], row["before"], row["after"]) for row in read_rows(REASONS)}
        for seconds in (FIRST, float("inf")):
            for mutation, tests in left:
                if seconds == FIRST and (mutation.name, *mutated(mutation)[1:]) in explained:
                    continue
                remaining = [test for test in tests if test not in passed.get(mutation.key, ())]
                remaining = self.measured.specific(mutation, remaining) if mutation.key in passed else remaining
                count = 0 if time.monotonic() > self.until else self.measured.within(seconds, remaining)
                now = remaining[:count]
                tree, before, after = mutated(mutation)
                outcome = Outcome("survived" if tests else "no test", "")
                if now:
                    outcome = outcome_of(mutation, tree, [items[test] for test in now], functions, self.measured)
                if outcome.name == "survived" and len(now) < len(remaining):
                    outcome = Outcome("not finished", "")
                    passed[mutation.key] = [*passed.get(mutation.key, ()), *now]
                    PASSED.write_text(json.dumps(passed), encoding="utf-8")
                row = [package_of(mutation.path), mutation.name, mutation.line, mutation.kind, before, after, *outcome]
                shown = " | ".join(map(str, [*row, f"{len(now)} of {len(tests)} tests"]))
                print(f"\n{shown}", end="", file=sys.__stderr__, flush=True)
                if outcome.name != "not finished" or seconds > FIRST:
                    add_to_record(row)
                    tests.clear()
            left = sorted(((mutation, tests) for mutation, tests in left if tests), key=self.remaining(passed))
        return True

    def remaining(self, passed: dict[str, list[str]]) -> Callable[[tuple[Mutation, list[str]]], float]:
        """Function that gives the seconds of the tests that a mutation has not been tried on."""
        return lambda one: sum(self.measured.seconds[test] for test in one[1] if test not in passed.get(one[0].key, ()))


Functions = dict[tuple[str, str, int], list[FunctionType]]  # by file, name and line


def library_functions() -> Functions:
    """Every function of the library that is there."""
    found: Functions = {}
    for function in gc.get_objects():
        if isinstance(function, FunctionType) and function.__code__.co_filename.startswith(str(LIBRARY)):
            code = function.__code__
            found.setdefault((code.co_filename, code.co_qualname, code.co_firstlineno), []).append(function)
    return found


class Outcome(NamedTuple):
    """What became of a mutation: killed, survived, out of time (a test did not end), no test or not finished."""

    name: str
    noticed_by: str  # the test that failed or did not end


def outcome_of(
    mutation: Mutation, tree: ast.Module, tests: list[pytest.Item], functions: Functions, measured: Measured
) -> Outcome:
    """Try a change on some tests until one notices."""
    path, names = mutation.path, [test.nodeid for test in tests]
    NOTICED.write_text("")
    changed = changed_functions(path, tree)
    there = [(function, code) for place, code in changed.items() for function in functions.get((str(path), *place), ())]
    status = in_child(lambda: _tried(tests, there)) if there else 0
    if not status and (not there or mutation.key in measured.places[""]):
        with changed_file(path, ast.unparse(tree)):
            status = in_child(lambda: _tried_anew(path, names, measured))
    if os.WIFSIGNALED(status):
        return Outcome("out of time", NOTICED.read_text())
    by = NOTICED.read_text()
    is_broken = os.waitstatus_to_exitcode(status) == BROKEN
    if is_broken or (status and not by and in_child(lambda: _tried_anew(path, ["--collect-only", *names], measured))):
        raise RuntimeError(f"{path}: the mutation could not be tried")
    return Outcome("killed", by or "import") if status else Outcome("survived", "")


def changed_functions(path: Path, tree: ast.Module) -> dict[tuple[str, int], CodeType]:
    """What functions of a file become, by name and line; none where something outside functions changes."""
    old = code_of(compile(path.read_text(encoding="utf-8"), path, "exec"))
    new = code_of(compile(tree, path, "exec"))
    if new.keys() != old.keys():
        return {}
    outside = [place for place, code in new.items() if not code.co_flags & inspect.CO_NEWLOCALS]
    different = {place: code for place, code in new.items() if code != old[place] and place not in outside}
    alike = all(code.co_freevars == old[place].co_freevars for place, code in different.items())
    return different if alike and all(own(new[place]) == own(old[place]) for place in outside) else {}


def code_of(code: CodeType) -> dict[tuple[str, int], CodeType]:
    """A piece of code and all those inside it, by name and line."""
    found = {(code.co_qualname, code.co_firstlineno): code}
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            found |= code_of(inner)
    return found


def own(code: CodeType) -> tuple[object, ...]:
    """What a piece of code does, apart from the pieces inside it."""
    constants = tuple((type(part), part) for part in code.co_consts if not isinstance(part, CodeType))
    return code.co_code, constants, code.co_names


@contextmanager
def changed_file(path: Path, text: str) -> Iterator[None]:
    """A file with another text until the end."""
    times = path.stat()
    kept = path.read_text(encoding="utf-8")
    path.write_text(text, encoding="utf-8")
    try:
        yield
    finally:
        path.write_text(kept, encoding="utf-8")
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))  # what was compiled of it stays good


class Noticing:
    """Part of pytest that notes which test runs, and ends the process where one takes far longer than measured."""

    def __init__(self, measured: Measured) -> None:
        self.measured = measured

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        NOTICED.write_text(nodeid, encoding="utf-8")
        longest = LEAST + SLOWER * self.measured.cost(nodeid)
        soft, hard = int(time.process_time() + longest), resource.RLIM_INFINITY
        resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))
        signal.alarm(int(SLOWER * longest))  # where it waits without end


def _tried(tests: list[pytest.Item], changed: list[tuple[FunctionType, CodeType]]) -> int:
    """Whether one of the collected tests fails with other code in some functions."""
    for function, code in changed:
        function.__code__ = code
    for test, after in zip(tests, [*tests[1:], None], strict=True):
        test.config.hook.pytest_runtest_protocol(item=test, nextitem=after)
        if test.session.testsfailed:
            return 1
    return 0


def _tried_anew(path: Path, tests: list[str], measured: Measured) -> int:
    """Whether the file cannot be read, as its examples are, or one of the tests fails, where all is read anew."""
    sys.dont_write_bytecode = True  # nothing compiled of the changed file is kept
    for name in [name for name in sys.modules if name.split(".")[0] in ("tests", LIBRARY.name)]:
        del sys.modules[name]
    try:
        importlib.import_module(".".join(path.relative_to(COPY).with_suffix("").parts).removesuffix(".__init__"))
    except Exception:
        return 1
    return int(pytest.main([*PYTEST, "-x", *tests], plugins=[Noticing(measured)]))


def in_child(task: Callable[[], int]) -> int:
    """Status of a task in the copy of the project, in a process of its own to which the large libraries are there."""
    child = os.fork()
    if not child:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        code = BROKEN
        with suppress(Exception):
            os.chdir(COPY)
            sys.path[:] = [str(COPY), *(place for place in sys.path if Path(place).resolve() != PROJECT)]
            code = task()
        os._exit(code)
    return os.waitpid(child, 0)[1]


def run(trying: Trying) -> int:
    """Collect the tests once and try mutations on them."""
    return int(pytest.main([*PYTEST, *LEFT_OUT, *TESTS], plugins=[trying, Noticing(trying.measured)]))


def read_rows(path: Path = RECORD) -> list[dict[str, str]]:
    """Rows of a record."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def replace_record(rows: list[dict[str, str]]) -> None:
    """Write mutations.csv with these rows only."""
    RECORD.unlink(missing_ok=True)
    for row in rows:
        add_to_record(list(row.values()))


def is_finished(row: dict[str, str]) -> bool:
    """Whether a mutation was noticed, or tried on all of its tests."""
    return row["outcome"] != "not finished"


def add_to_record(row: list[object]) -> None:
    """Add a row to mutations.csv."""
    is_new = not RECORD.exists()
    with RECORD.open("a", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(([COLUMNS] if is_new else []) + [row])


def unchanged() -> int:
    """Status of every test that noticed a mutation, without one: each must pass."""
    names = {row["noticed_by"] for row in read_rows()} & set(Measured().shared)
    return in_child(lambda: int(pytest.main([*PYTEST, *sorted(names)])))


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("number", type=int, nargs="?", default=250, help="mutations to try")
    parser.add_argument("--minutes", type=float, default=600, help="begin no mutation after this time")
    parser.add_argument("--packages", nargs="*", default=[], help="only mutations of these; all if none")
    parser.add_argument("--measure", nargs="*", help="measure these tests or files of tests again; all if none")
    parser.add_argument("--again", action="store_true", help="try survivors again")
    given = parser.parse_args()
    hypothesis.settings.register_profile(
        "mutations", deadline=None, database=None, derandomize=True,
        phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
    )  # fmt: skip
    hypothesis.settings.load_profile("mutations")
    if given.measure is not None or not MEASURED.exists():
        measure(given.number, given.measure or [])
    if given.again:
        replace_record([row for row in read_rows() if row["outcome"] in ("killed", "out of time")])
    if in_child(lambda: run(Trying(given.number, given.packages, given.minutes))):
        raise SystemExit("the tests could not be collected")
    print(Counter(row["outcome"] for row in read_rows()))
    if unchanged():
        raise SystemExit("a test that noticed a mutation fails without one too")


if __name__ == "__main__":
    main()
