"""A run that is killed at any moment: nothing of the last good run is lost, and the same command finishes.

A run is killed after a number of changes on the disk, begun again by the same command and killed again, and at last
left to finish: a chain. Some chains begin with a changed table after a good run, others before the first run. `make
faults` kills many runs of the bundled review; the suite kills one. Moments, signals and commands come from a seed.
"""

import contextlib
import csv
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conftest import PROJECT, Run

SEED = 16
KILLS = int(os.environ.get("FAULTS_KILLS", "1"))
REVIEW = os.environ.get("FAULTS_REVIEW", "tests/data/minimal")
# The suite stops at the figures: the reports take half of a run and are written as every other file
TARGETS = os.environ.get("FAULTS_TARGETS", "results/figures/preflight.csv").split()
RECORD = os.environ.get("FAULTS_RECORD", "")
COLUMNS = ["review", "command", "signal", "to", "moment", "lost", "then", "resumed", "same_bytes"]
IN_A_CHAIN = 10  # kills
CHANGES = 300  # on the disk, at most, before a kill: about as many as a run of the bundled review makes
TABLE = "data/raw/responses.csv"
CHANGED = {
    "tests/data/minimal": (",17,4,5,8,9,", ",17,4,6,7,10,"),
    ".": ("4 years,12,NR,3,NR,3,", "4 years,12,NR,3,NR,4,"),
}
SNAKEMAKE = ("-m", "snakemake", "--snakefile", str(PROJECT / "Snakefile"))
COMMANDS = {"snakemake": SNAKEMAKE, "small-evidence run": ("-m", "small_evidence.cli", "run", ".")}


class Kill(NamedTuple):
    """When and how a run is killed."""

    signal: signal.Signals
    group: bool  # all processes of the run, or only the one that was started
    changes: int  # of files, after which
    seconds: float  # pass before the kill


class Chain(NamedTuple):
    """A run that is killed again and again, and whether the changed table is put back before the last run."""

    command: str
    start: str
    kills: tuple[Kill, ...]

    def __str__(self) -> str:
        return f"{self.command}-{self.start}-{'-'.join(kill.signal.name for kill in self.kills)}"


PUT_BACK = "table changed, then put back"
STARTS = (PUT_BACK, "table changed", "first run")


def chains(number):
    """Seeded kills: each signal, each command, one process or all, at any moment."""
    chance = random.Random(SEED)
    signals = (signal.SIGKILL, signal.SIGINT, signal.SIGTERM)
    kills = [
        Kill(signals[index % 3], bool(chance.getrandbits(1)), int(CHANGES ** chance.random()), chance.uniform(0, 4))
        for index in range(number)
    ]
    return [
        Chain(chance.choice(list(COMMANDS)), STARTS[at // IN_A_CHAIN % 3], tuple(kills[at : at + IN_A_CHAIN]))
        for at in range(0, number, IN_A_CHAIN)
    ]


class Watch(threading.Thread):
    """Looks again and again whether a file of the last good run is missing or empty."""

    def __init__(self, files):
        super().__init__(daemon=True)
        self.files, self.lost, self.over = files, set(), threading.Event()

    def run(self):
        while not self.over.wait(0.002):
            self.look()

    def look(self):
        for path in self.files:
            if not path.exists() or not path.stat().st_size:
                self.lost.add(path.name)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *error):
        self.over.set()
        self.join()
        self.look()


def wait_for(run, folder, kill):
    """Wait until so many files have changed or the run has ended; whether it has."""
    before = state(folder)
    while run.poll() is None and len(state(folder) - before) < kill.changes:
        time.sleep(0.02)
    with contextlib.suppress(subprocess.TimeoutExpired):
        run.wait(kill.seconds)
    return run.poll() is not None


def state(folder):
    """Results, what is being written and the notes of Snakemake, with the time of each."""
    found = set()
    for part in ("results", "data/processed", ".snakemake/metadata", ".snakemake/incomplete", ".snakemake/locks"):
        for place, _, names in os.walk(folder / part):  # which takes folders that vanish meanwhile
            for path in map(Path(place).joinpath, names):
                with contextlib.suppress(FileNotFoundError):
                    found.add((path, path.stat().st_mtime_ns))
    return found


def start(folder, command):
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    with (folder.parent / f"{folder.name}.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, *COMMANDS[command], *TARGETS],
            cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip


def results(folder):
    return Run(folder).files("results", "data/processed")


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A review after a good run."""
    folder = tmp_path_factory.mktemp("kills") / "good"
    folder.mkdir()
    for part in ("config", "data"):
        shutil.copytree(PROJECT / REVIEW / part, folder / part, ignore=shutil.ignore_patterns("processed"))
    assert start(folder, "snakemake").wait(600) == 0
    return folder


@pytest.fixture(scope="module")
def clean(good, tmp_path_factory):
    """Function that gives the bytes of a clean run of a review."""
    known = {(good / TABLE).read_bytes(): results(good)}

    def of(review):
        table = (review / TABLE).read_bytes()
        if table not in known:
            folder = tmp_path_factory.mktemp("clean") / "review"
            shutil.copytree(review, folder, ignore=shutil.ignore_patterns("results", "processed", ".snakemake"))
            assert start(folder, "snakemake").wait(600) == 0
            known[table] = results(folder)
        return known[table]

    return of


def change(folder):
    """Type the other one of two counts."""
    old, new = CHANGED[REVIEW]
    was_typed = new in (folder / TABLE).read_text(encoding="utf-8")
    Run(folder).edit(TABLE, *((new, old) if was_typed else (old, new)))


@pytest.mark.parametrize("chain", chains(KILLS), ids=str)
def test_after_kills_results_stay_and_the_same_command_finishes(good, clean, tmp_path, chain):
    folder = tmp_path / "killed"
    if chain.start == "first run":
        shutil.copytree(good, folder, ignore=shutil.ignore_patterns("results", "processed", ".snakemake"))
    else:
        shutil.copytree(good, folder)
        change(folder)
    stay = [path for part in ("results", "data/processed") for path in (folder / part).rglob("*.*")]
    moments = []
    with Watch([path for path in stay if path.is_file() and "logs" not in path.parts]) as watch:
        for kill in chain.kills:
            run = start(folder, chain.command)
            ended = wait_for(run, folder, kill)
            if not ended:
                (os.killpg if kill.group else os.kill)(run.pid, kill.signal)
            else:
                change(folder)  # so that the next run has something to do
            run.wait(600)
            moments.append(f"after {kill.changes} changes and {kill.seconds:.1f} s" + " (had ended)" * ended)
        if chain.start == PUT_BACK:  # with its time, which is older than that of the results
            shutil.copy2(good / TABLE, folder / TABLE)
        code = start(folder, chain.command).wait(600)
    now, wanted = results(folder), clean(folder)
    differ = sorted(name for name in now.keys() | wanted.keys() if now.get(name) != wanted.get(name))
    for kill, moment in zip(chain.kills, moments, strict=True):
        outcome = [len(watch.lost), chain.start, "yes" if code == 0 else "no", "no" if differ else "yes"]
        note([chain.command, kill.signal.name, "all processes" if kill.group else "one process", moment, *outcome])
    assert (sorted(watch.lost), code, differ) == ([], 0, []), (tmp_path / "killed.log").read_text()[-3000:]


def note(row):
    """Add a kill and its outcome to the record of `make faults`."""
    if RECORD:
        with (Path(RECORD) / "kills.csv").open("a", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerow([REVIEW, *row])


@pytest.fixture(scope="module", autouse=True)
def record():
    """The record without earlier kills of this review; those of others stay."""
    if not RECORD:
        return
    path = Path(RECORD) / "kills.csv"
    with path.open(encoding="utf-8", newline="") as file:
        kept = [row for row in csv.reader(file) if row[0] not in (REVIEW, COLUMNS[0])]
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([COLUMNS, *kept])
