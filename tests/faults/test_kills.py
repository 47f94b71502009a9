"""A run that is killed at any moment: nothing of the last good run is lost, and the same command finishes.

`make faults` kills many runs; the suite kills one. Moments, signals and commands come from a seed.
"""

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
CHANGED = {
    "tests/data/minimal": (",17,4,5,8,9,", ",17,4,6,7,10,"),
    ".": ("4 years,12,NR,3,NR,3,", "4 years,12,NR,3,NR,4,"),
}
SNAKEMAKE = ("-m", "snakemake", "--snakefile", str(PROJECT / "Snakefile"))
COMMANDS = {"snakemake": SNAKEMAKE, "small-evidence run": ("-m", "small_evidence.cli", "run", ".")}


class Point(NamedTuple):
    """When and how a run is killed, and whether the changed table is put back before the next run."""

    command: str
    signal: signal.Signals
    group: bool  # all processes of the run, or only the one that was started
    moment: float  # share of the time that a whole run takes
    put_back: bool

    def __str__(self) -> str:
        return f"{self.command}-{self.signal.name}-{'all' if self.group else 'one'}-{self.moment:.2f}"


def points(number):
    """Seeded kills: each signal, each command, one process or all, at any moment."""
    chance = random.Random(SEED)
    signals = (signal.SIGKILL, signal.SIGINT, signal.SIGTERM)
    return [
        Point(
            command=chance.choice(list(COMMANDS)),
            signal=signals[index % 3],
            group=bool(chance.getrandbits(1)),
            moment=chance.uniform(0.05, 1),
            put_back=index % 2 == 0,
        )
        for index in range(number)
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
    """A review after a good run, and the seconds that it took."""
    folder = tmp_path_factory.mktemp("kills") / "good"
    folder.mkdir()
    for part in ("config", "data"):
        shutil.copytree(PROJECT / REVIEW / part, folder / part, ignore=shutil.ignore_patterns("processed"))
    began = time.monotonic()
    assert start(folder, "snakemake").wait(600) == 0
    return folder, time.monotonic() - began


@pytest.fixture(scope="module")
def clean(good, tmp_path_factory):
    """Bytes of a clean run by whether the changed table was put back."""
    known = {True: results(good[0])}

    def of(put_back):
        if put_back not in known:
            folder = tmp_path_factory.mktemp("clean") / "changed"
            shutil.copytree(good[0], folder, ignore=shutil.ignore_patterns("results", "processed", ".snakemake"))
            change(folder)
            assert start(folder, "snakemake").wait(600) == 0
            known[put_back] = results(folder)
        return known[put_back]

    return of


def change(folder):
    Run(folder).edit("data/raw/responses.csv", *CHANGED[REVIEW])


@pytest.mark.parametrize("point", points(KILLS), ids=str)
def test_after_a_kill_results_stay_and_the_same_command_finishes(good, clean, tmp_path, point):
    folder, seconds = good[0].parent / "killed", good[1]
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(good[0], folder)
    change(folder)
    stay = [path for part in ("results", "data/processed") for path in (folder / part).rglob("*.*")]
    with Watch([path for path in stay if path.is_file() and "logs" not in path.parts]) as watch:
        run = start(folder, point.command)
        time.sleep(seconds * point.moment)
        ended = run.poll() is not None
        if not ended:
            (os.killpg if point.group else os.kill)(run.pid, point.signal)
        run.wait(600)
        if point.put_back:
            shutil.copy2(
                good[0] / "data/raw/responses.csv", folder / "data/raw/responses.csv"
            )  # older than the results
        code = start(folder, point.command).wait(600)
    now, wanted = results(folder), clean(point.put_back)
    differ = sorted(name for name in now.keys() | wanted.keys() if now.get(name) != wanted.get(name))
    note(point, ended, watch.lost, code, differ)
    assert (sorted(watch.lost), code, differ) == ([], 0, []), (folder.parent / "killed.log").read_text()[-3000:]


def note(point, ended, lost, code, differ):
    """Add the outcome to the record of `make faults`."""
    if not RECORD:
        return
    row = [
        REVIEW, point.command, point.signal.name, "all processes" if point.group else "one process",
        f"{point.moment:.2f}" + " (had ended)" * ended, len(lost),
        "table put back" if point.put_back else "table changed",
        "yes" if code == 0 else "no", "no" if differ else "yes",
    ]  # fmt: skip
    path = Path(RECORD) / "kills.csv"
    is_new = not path.exists()
    with path.open("a", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(([COLUMNS] if is_new else []) + [row])
