"""Change the library in one place at a time and see whether its tests notice: `make mutations`.

Each mutation changes one comparison, boundary, constant, operator or condition, or drops one statement. It is made in a
copy of the project. One run of the tests there notes which lines of the library each test runs and how long it takes; a
mutation is tried against the tests that run its line, then against others that run its file, the quickest first, for
some seconds. Tests that run the whole workflow in another process are not among them. What was tried is in
benchmarks/reliability, so that a stopped run goes on.
"""

import argparse
import ast
import csv
import gc
import inspect
import json
import os
import random
import resource
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, NamedTuple

# The first of these are here so that they are loaded once and not for every mutation
import hypothesis
import matplotlib.figure  # noqa: F401
import openpyxl  # noqa: F401
import pandas  # noqa: F401
import pytest
import scipy.stats  # noqa: F401
import statsmodels.stats.proportion  # noqa: F401
import typst  # noqa: F401

if TYPE_CHECKING:  # only `make mutations` installs it
    from coverage import Coverage

PROJECT = Path(__file__).parents[1]
PLACE = PROJECT / ".mutations"
COPY = PLACE / "copy"
LIBRARY = COPY / "small_evidence"
LINES = PLACE / "lines"  # which tests run which lines, as coverage.py keeps it
SECONDS = PLACE / "seconds.json"
NOTICED = PLACE / "noticed"  # the test that noticed the present mutation
RECORD = PROJECT / "benchmarks/reliability/mutations.csv"
COLUMNS = ["package", "file", "line", "kind", "before", "after", "tests", "outcome", "noticed_by"]
SEED = 16
NEAR_SECONDS = 20.0  # of tests that run the line of a mutation, as measured without it
FAR_SECONDS = 5.0  # of other tests that run its file
LONGEST = 10  # a test that takes more seconds of processor time is not measured
ENDLESS = 200  # seconds of processor time after which the tests of a mutation do not end
BROKEN = 70  # exit code of a child that could not do its task
RUNS = {"calcinosis", "copy_review", "review_in"}  # fixtures that run the whole workflow
PYTEST = ("-n0", "-q", "-p", "no:cacheprovider")
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
    end: int  # the last line
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
        Mutation(path, place, getattr(node, "lineno", 0), getattr(node, "end_lineno", 0), kind)
        for place, node in enumerate(ast.walk(tree))
        if id(node) not in left_out and (kind := kind_of(node))
    ]


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


class Measuring:
    """Part of pytest that notes which lines each test and each shared fixture runs, and the seconds of each."""

    def __init__(self, lines: "Coverage") -> None:
        self.lines = lines
        self.at = [""]  # what runs now, the innermost last
        self.seconds: Counter[str] = Counter()
        self.fixtures: dict[str, list[str]] = {}  # of the tests that passed

    @contextmanager
    def running(self, name: str) -> Iterator[None]:
        """Count the lines and seconds of a block as those of `name`, without what runs inside under another name."""
        began = time.process_time()
        self.at.append(name)
        self.lines.switch_context(name)
        try:
            yield
        finally:
            self.at.pop()
            self.lines.switch_context(self.at[-1])
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


def measure(tests: Sequence[str]) -> None:
    """Copy the project and measure its tests; only these files of tests, which are copied again, if any are named."""
    if tests:
        for test in tests:
            shutil.copy2(PROJECT / test, COPY / test)
    else:
        shutil.rmtree(PLACE, ignore_errors=True)
        left_out = shutil.ignore_patterns(PLACE.name, ".venv", ".git", ".snakemake", "results", "__pycache__")
        shutil.copytree(PROJECT, COPY, ignore=left_out)
        (COPY / ".venv").symlink_to(PROJECT / ".venv")
    status = in_child(lambda: _measured(tests))
    if status:
        raise SystemExit(f"the tests could not be measured ({status})")


def _measured(tests: Sequence[str]) -> int:
    """Write what each test runs and takes to LINES and SECONDS; what was there of other tests stays."""
    signal.signal(signal.SIGPROF, lambda *_: pytest.skip(f"takes longer than {LONGEST} s"))
    from coverage import Coverage

    lines = Coverage(data_file=str(LINES), source=[str(LIBRARY)], config_file=False)
    known = json.loads(SECONDS.read_text()) if SECONDS.exists() else {"seconds": {}, "fixtures": {}}
    lines.load()
    lines.start()
    measuring = Measuring(lines)
    code = pytest.main([*PYTEST, *LEFT_OUT, *(tests or ["tests"])], plugins=[measuring])
    lines.stop()
    lines.save()
    kept = {test: names for test, names in known["fixtures"].items() if test.split("::")[0] not in tests}
    found = {"seconds": known["seconds"] | measuring.seconds, "fixtures": kept | measuring.fixtures}
    SECONDS.write_text(json.dumps(found, indent=0), encoding="utf-8")
    return int(code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED))


class Measured:
    """What was measured: the tests of a line, the quickest first."""

    def __init__(self) -> None:
        from coverage import CoverageData

        self.lines = CoverageData(str(LINES))
        self.lines.read()
        found = json.loads(SECONDS.read_text())
        self.seconds: dict[str, float] = found["seconds"]
        self.shared = {test: set(names) & set(self.seconds) for test, names in found["fixtures"].items()}

    def cost(self, test: str) -> float:
        """Seconds of a test run alone."""
        return self.seconds[test] + sum(self.seconds[name] for name in self.shared[test])

    def tests_of(self, mutation: "Mutation") -> tuple[list[str], bool]:
        """Tests that run the line, then those that run the file, the quickest first, file by file.

        Also whether the line runs while a file is imported.
        """
        by_line = self.lines.contexts_by_lineno(str(mutation.path))
        near = {name for line in range(mutation.line, mutation.end + 1) for name in by_line.get(line, ())}
        far = {name for names in by_line.values() for name in names}
        ready: set[str] = set()
        found: list[str] = []
        left = 0.0
        for running, seconds in ((near, NEAR_SECONDS), (far, FAR_SECONDS)):
            left += seconds
            tests = [test for test, names in self.shared.items() if test in running or names & running]
            files: dict[str, list[str]] = {}
            for test in sorted(tests, key=self.cost):
                needs = self.seconds[test] + sum(self.seconds[name] for name in self.shared[test] - ready)
                if needs <= left and test not in found:
                    left -= needs
                    ready |= self.shared[test]
                    files.setdefault(test.split("::")[0], []).append(test)
            found += [test for of_file in files.values() for test in of_file]
        return found, "" in near


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
        items = {item.nodeid: item for item in session.items}
        tried = {(row["file"], row["line"], row["before"], row["after"]) for row in read_record()}
        for mutation in chosen(self.number):
            tree, before, after = mutated(mutation)
            package, name = package_of(mutation.path), mutation.path.relative_to(COPY).as_posix()
            if self.packages and package not in self.packages:
                continue
            if time.monotonic() > self.until or (name, str(mutation.line), before, after) in tried:
                continue
            tests, at_import = self.measured.tests_of(mutation)
            outcome, noticed_by = outcome_of(mutation.path, tree, [items[test] for test in tests], at_import)
            row = [package, name, mutation.line, mutation.kind, before, after, len(tests), outcome, noticed_by]
            add_to_record(row)
            print("\n" + " | ".join(map(str, row)), end="", file=sys.__stderr__, flush=True)
        return True


def outcome_of(path: Path, tree: ast.Module, tests: list[pytest.Item], at_import: bool) -> tuple[str, str]:
    """Whether tests notice a change (killed, survived, out of time or no test), and the first test that does."""
    if not tests:
        return "no test", ""
    NOTICED.write_text("")
    functions = changed_functions(path, tree)
    status = in_child(lambda: _tried(tests, functions)) if functions else 0
    if not status and (at_import or not functions):
        with changed_file(path, ast.unparse(tree)):
            status = in_child(lambda: _tried_anew([test.nodeid for test in tests]))
    if os.WIFSIGNALED(status):
        return "out of time", ""
    if os.waitstatus_to_exitcode(status) == BROKEN:
        raise RuntimeError(f"{path}: the mutation could not be tried")
    return ("killed", NOTICED.read_text() or "import") if status else ("survived", "")


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
    """Part of pytest that notes the first test that fails."""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            NOTICED.write_text(report.nodeid, encoding="utf-8")


def _tried(tests: list[pytest.Item], functions: dict[tuple[str, int], CodeType]) -> int:
    """Whether one of the collected tests fails with other code in some functions."""
    places = {(code.co_filename, *place): code for place, code in functions.items()}
    for function in gc.get_objects():
        if isinstance(function, FunctionType):
            code = function.__code__
            new = places.get((code.co_filename, code.co_qualname, code.co_firstlineno))
            function.__code__ = new or code
    _limit()
    for test, after in zip(tests, [*tests[1:], None], strict=True):
        test.config.hook.pytest_runtest_protocol(item=test, nextitem=after)
        if test.session.testsfailed:
            return 1
    return 0


def _tried_anew(tests: list[str]) -> int:
    """Whether one of the tests fails where the library and the tests are read anew."""
    sys.dont_write_bytecode = True  # nothing compiled of the changed file is kept
    for name in [name for name in sys.modules if name.split(".")[0] in ("tests", LIBRARY.name)]:
        del sys.modules[name]
    _limit()
    return int(pytest.main([*PYTEST, "-x", *tests], plugins=[Noticing()]))


def _limit() -> None:
    """End this process when its tests run without end."""
    resource.setrlimit(resource.RLIMIT_CPU, (ENDLESS, ENDLESS))
    signal.alarm(5 * ENDLESS)


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
    return int(pytest.main([*PYTEST, *LEFT_OUT, "tests"], plugins=[trying, Noticing()]))


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


def unchanged() -> int:
    """Status of every test that noticed a mutation, without one: each must pass."""
    names = {row["noticed_by"] for row in read_record()} & set(Measured().shared)
    return in_child(lambda: int(pytest.main([*PYTEST, *sorted(names)])))


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("number", type=int, nargs="?", default=250, help="mutations to try")
    parser.add_argument("--minutes", type=float, default=600, help="begin no mutation after this time")
    parser.add_argument("--packages", nargs="*", default=[], help="only mutations of these; all if none")
    parser.add_argument("--measure", nargs="*", help="measure these files of tests again; all if none")
    parser.add_argument("--again", action="store_true", help="try survivors again")
    given = parser.parse_args()
    hypothesis.settings.register_profile(
        "mutations", deadline=None, database=None, derandomize=True,
        phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
    )  # fmt: skip
    hypothesis.settings.load_profile("mutations")
    if given.measure is not None or not SECONDS.exists():
        measure(given.measure or [])
    if given.again:
        kept = [row for row in read_record() if row["outcome"] in ("killed", "out of time")]
        RECORD.unlink()
        for row in kept:
            add_to_record(list(row.values()))
    if in_child(lambda: run(Trying(given.number, given.packages, given.minutes))):
        raise SystemExit("the tests could not be collected")
    print(Counter(row["outcome"] for row in read_record()))
    if unchanged():
        raise SystemExit("a test that noticed a mutation fails without one too")


if __name__ == "__main__":
    main()
