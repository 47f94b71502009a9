"""Disks, clocks, users, places and languages that a run meets: it ends with the same results or names what is wrong.

A run for each takes a quarter of a minute, so that only `make faults` makes them; the suite tries the files alone.
"""

import contextlib
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest
from snakemake.scheduling.job_scheduler import JobScheduler

from small_evidence.keeping import keep_results
from small_evidence.saving import at_once, beside, clear_unfinished, delete, save_bytes
from tests.conftest import PROJECT, Run

MINIMAL = PROJECT / "tests/data/minimal"
TARGETS = ("results/figures/preflight.csv",)
FULL_BYTES = 20_000  # less than a figure needs, more than a table
NOBODY = 65534
COMMAND = [sys.executable, "-m", "snakemake", "--snakefile", str(PROJECT / "Snakefile"), *TARGETS]
SMALL_EVIDENCE = [sys.executable, "-m", "small_evidence.cli", "run", ".", *TARGETS]
# The rights of root are dropped, who could write every file of another user
WITHOUT_RIGHTS = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
in_make_faults = pytest.mark.skipif("FAULTS_ALL" not in os.environ, reason="a run of its own: make faults")
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs another user")


def review(folder):
    """A small review in a new folder."""
    for part in ("config", "data"):
        shutil.copytree(MINIMAL / part, folder / part, ignore=shutil.ignore_patterns("processed"))
    return folder


def run(folder, *more, command=COMMAND, code=0, before=None, **environment):
    """What a run prints; its exit code must be `code`."""
    surroundings = {**os.environ, "PYTHONPATH": str(PROJECT), **environment}
    done = subprocess.run(
        [*command, *more], cwd=folder, env=surroundings, preexec_fn=before, capture_output=True, text=True, check=False
    )
    printed = done.stdout + done.stderr
    assert done.returncode == code, printed
    return printed


def results(folder):
    return Run(folder).files("results", "data/processed")


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A review after a good run."""
    folder = review(tmp_path_factory.mktemp("faults") / "good")
    run(folder)
    return folder


@pytest.fixture
def changed(good, tmp_path):
    """The same review with another count since its run, and what its results were."""
    shutil.copytree(good, tmp_path / "changed")
    Run(tmp_path / "changed").edit("data/raw/responses.csv", ",17,4,5,8,9,", ",17,4,6,7,10,")
    return tmp_path / "changed", results(good)


# Runs --------------------------------------------------------------------------------------------------------


@in_make_faults
def test_place_language_and_time_zone_change_no_byte(good, tmp_path):
    folder = review(tmp_path / "ä b #1 100% it's {x}")
    run(folder, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0", TZ="Pacific/Kiritimati")
    assert results(folder) == results(good)


@in_make_faults
@pytest.mark.parametrize("command", [COMMAND, SMALL_EVIDENCE], ids=["snakemake", "small-evidence run"])
def test_a_home_that_cannot_be_written_changes_no_byte(good, tmp_path, command):
    """Snakemake has a cache there, for which a folder of the review is taken."""
    folder = review(tmp_path / "review")
    run(folder, command=command, HOME="/dev/null/none", XDG_CACHE_HOME="/dev/null/none")
    assert results(folder) == results(good)


@in_make_faults
@pytest.mark.parametrize("locale", ["tr_TR.UTF-8", "de_DE.UTF-8"])
def test_a_locale_changes_no_byte(good, tmp_path, locale):
    folder = review(tmp_path / "review")
    run(folder, LC_ALL=locale, LANGUAGE=locale)
    assert results(folder) == results(good)


@in_make_faults
def test_a_file_that_cannot_be_written_whole_leaves_every_result_of_its_step(changed):
    """The system refuses files above a size, as a full disk does."""
    folder, old = changed
    limit = (FULL_BYTES, FULL_BYTES)
    printed = run(folder, code=1, before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit))
    assert "File too large" in printed
    now = results(folder)
    figures = [name for name in old if name.startswith("results/figures")]
    assert figures
    assert {name: now[name] for name in figures} == {name: old[name] for name in figures}
    run(folder)
    assert results(folder).keys() == old.keys()


@in_make_faults
@as_root
def test_a_full_disk_leaves_every_result(good, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "none", disk], check=False).returncode:
        pytest.skip("no disk of its own can be mounted here")
    try:
        folder = shutil.copytree(good, disk / "review")
        Run(folder).edit("data/raw/responses.csv", ",17,4,5,8,9,", ",17,4,6,7,10,")
        with (disk / "rest").open("wb") as rest:
            free = shutil.disk_usage(disk).free
            rest.write(bytes(free - 4096))
        old = results(folder)
        run(folder, code=1)
        now = results(folder)
        assert [name for name, data in old.items() if "logs" not in name and now.get(name) != data] == []
        (disk / "rest").unlink()
        run(folder)
        changed = review(tmp_path / "clean")
        Run(changed).edit("data/raw/responses.csv", ",17,4,5,8,9,", ",17,4,6,7,10,")
        run(changed)
        assert results(folder) == results(changed)
    finally:
        subprocess.run(["umount", disk], check=True)


@in_make_faults
@as_root
def test_results_that_are_read_only_are_named_and_stay(changed):
    folder, old = changed
    place = folder / "results/figures"
    for options in (["--bind", place], ["-o", "remount,ro,bind"]):
        if subprocess.run(["mount", *options, place], check=False).returncode:
            pytest.skip("no folder can be made read-only here")
    try:
        printed = run(folder, code=1)
    finally:
        subprocess.run(["umount", place], check=True)
    assert "results/figures/preflight.csv" in printed
    now = results(folder)
    assert {name: data for name, data in now.items() if "figures/" in name and "logs" not in name} == {
        name: data for name, data in old.items() if "figures/" in name and "logs" not in name
    }


@in_make_faults
@as_root
@pytest.mark.parametrize("command", [COMMAND, SMALL_EVIDENCE], ids=["snakemake", "small-evidence run"])
def test_results_of_another_user_are_named_and_stay(changed, command):
    folder, old = changed
    for path in [folder / "results", *(folder / "results").rglob("*")]:
        os.chown(path, NOBODY, NOBODY)
        path.chmod(0o755 if path.is_dir() else 0o644)
    printed = run(folder, command=[*WITHOUT_RIGHTS, *command], code=1)
    lines = [line for line in printed.splitlines() if "is not yours to change" in line]
    assert len(lines) == 1
    assert lines[0].startswith("results/")
    assert results(folder) == old


@in_make_faults
def test_of_two_runs_at_once_one_is_refused_and_names_the_other(changed):
    folder, _ = changed
    both = [
        subprocess.Popen(COMMAND, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(2)
    ]
    printed = [one.communicate()[0] for one in both]
    codes = [one.returncode for one in both]
    assert sorted(codes) == [0, 1], printed
    refused, other = codes.index(1), codes.index(0)
    assert f"another run is at work here (process {both[other].pid} on" in printed[refused]


@in_make_faults
def test_tables_and_programs_dated_in_the_future_are_used_once(good, tmp_path):
    """As after the clock was set back; the hashes of the inputs decide."""
    folder = shutil.copytree(good, tmp_path / "review")
    table = folder / "data/raw/responses.csv"
    Run(folder).edit("data/raw/responses.csv", ",17,4,5,8,9,", ",17,4,6,7,10,")
    os.utime(table, (time.time() + 1e8,) * 2)
    run(folder)
    assert "Nothing to be done" in run(folder, "--dry-run")
    Run(folder).edit("data/raw/responses.csv", ",17,4,6,7,10,", ",17,4,5,8,9,")
    os.utime(table, (time.time() + 1e8,) * 2)
    run(folder)
    assert results(folder) == results(good)


@in_make_faults
def test_figures_need_no_font_of_the_machine(good, tmp_path):
    folder = review(tmp_path / "review")
    run(folder, FONTCONFIG_FILE="/dev/null", FONTCONFIG_PATH="/dev/null", XDG_DATA_HOME="/dev/null")
    assert results(folder) == results(good)


@in_make_faults
@pytest.mark.parametrize("target", [("results/tables/pooled.csv",), TARGETS], ids=["one", "all"])
def test_a_step_that_failed_is_never_called_up_to_date(changed, target):
    """Also where only a file after it is asked for, and the clock of the results is later than that of the tables."""
    folder, _ = changed
    Run(folder).edit("data/raw/responses.csv", ",17,4,6,7,10,", ",17,4,6,7,99,")
    for _ in range(2):
        printed = run(folder, *target, code=1)
        assert "99 of n = 17" in printed


def test_a_signal_to_end_does_not_wait_for_the_code_that_it_interrupts():
    """Snakemake handles it where its scheduler may hold the lock that the handler takes."""
    keep_results()
    scheduler = JobScheduler.__new__(JobScheduler)
    scheduler._lock, scheduler._open_jobs = threading.Lock(), threading.Semaphore(0)
    handler = threading.Thread(target=scheduler.exit_gracefully, args=(signal.SIGTERM, None), daemon=True)
    with scheduler._lock:
        handler.start()
        handler.join(5)
        assert not handler.is_alive()
    assert scheduler._open_jobs.acquire(timeout=5)
    assert scheduler._user_kill == "graceful"


# Files -------------------------------------------------------------------------------------------------------


def test_a_file_keeps_its_content_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "table.csv"
    save_bytes(b"old", path)
    with contextlib.suppress(ZeroDivisionError), beside(path) as place:
        place.write_bytes(b"ne")
        assert path.read_bytes() == b"old"
        raise ZeroDivisionError
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {"table.csv": b"old"}


@pytest.mark.parametrize("fails", [False, True])
def test_what_is_saved_at_once_takes_effect_together_or_not_at_all(tmp_path, fails):
    paths = [tmp_path / name for name in ("a", "b", "gone")]
    for path in paths:
        save_bytes(b"old", path)
    try:
        with at_once():
            save_bytes(b"new", paths[0])
            delete(paths[2])
            save_bytes(b"new", paths[1])
            assert [path.read_bytes() for path in paths] == [b"old"] * 3
            if fails:
                raise ZeroDivisionError
    except ZeroDivisionError:
        assert fails
    found = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert found == ({"a": b"old", "b": b"old", "gone": b"old"} if fails else {"a": b"new", "b": b"new"})


def test_a_full_disk_leaves_what_was_there(tmp_path):
    """A child process, since the limit stays with its process."""
    (tmp_path / "a").write_bytes(b"old")
    (tmp_path / "b").write_bytes(b"old")
    code = (
        "import resource; from pathlib import Path; from small_evidence.saving import at_once, save_bytes\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))\n"
        "with at_once():\n    save_bytes(b'new', Path('a'))\n    save_bytes(b'new' * 10, Path('b'))"
    )
    surroundings = {**os.environ, "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=surroundings, capture_output=True, check=False
    )
    assert b"File too large" in done.stderr
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"old", "b": b"old"}


def test_what_a_killed_process_began_is_cleared(tmp_path):
    (tmp_path / "tables/.4711").mkdir(parents=True)
    (tmp_path / "tables/.4711/a.csv").write_text("beg")
    (tmp_path / "tables/.hidden").mkdir()
    (tmp_path / "tables/a.csv").write_text("whole")
    clear_unfinished([tmp_path, tmp_path / "none"])
    assert sorted(path.name for path in (tmp_path / "tables").iterdir()) == [".hidden", "a.csv"]
