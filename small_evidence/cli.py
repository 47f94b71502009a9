"""The command `small-evidence`: start, check or run a review, run many, or draw a forest plot of three columns."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from small_evidence import ReviewError, __version__

RAW = "data/raw"
PLOT_FORMATS = (".svg", ".pdf", ".png", ".eps", ".tiff")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code is 0 unless something has to be corrected."""
    given = _parser().parse_args(arguments)
    try:
        return int(given.command(given))
    except ReviewError as error:
        print(error, file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="small-evidence", description=__doc__)
    parser.add_argument("--version", action="version", version=f"small-evidence {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    new = commands.add_parser("new", help="make a folder for a review of your own")
    new.add_argument("folder", metavar="FOLDER", type=Path)
    new.add_argument("--title", default="", help="title of the review")
    new.set_defaults(command=_new)

    check = commands.add_parser("check", help="report every error in the tables of a review, without a run")
    check.add_argument("folder", metavar="FOLDER", type=Path, nargs="?", default=Path())
    check.set_defaults(command=_check)

    run = commands.add_parser("run", help="run a review: what changed since the last run, and what depends on it")
    run.add_argument("folder", metavar="FOLDER", type=Path, nargs="?", default=Path())
    run.add_argument(
        "targets", metavar="FILE", nargs="*", help="files to make, such as results/figures/x.tiff; all if none"
    )
    run.add_argument("--cores", type=int, help="cores to use; all if none")
    run.set_defaults(command=_run)

    batch = commands.add_parser("batch", help="check, grade and pool every review below a folder")
    batch.add_argument("folder", metavar="FOLDER", type=Path)
    batch.add_argument("--workers", type=int, help="processes to use; the cores of this machine if none")
    batch.add_argument("--part", type=_part, metavar="I/M", help="only every M-th review from the I-th on")
    batch.set_defaults(command=_batch)

    migrate = commands.add_parser("migrate", help="bring a review of an earlier version to this one")
    migrate.add_argument("folder", metavar="FOLDER", type=Path, nargs="?", default=Path())
    migrate.set_defaults(command=_migrate)

    forest = commands.add_parser("forest", help="pool and draw a file with three columns: study, responders, patients")
    forest.add_argument("counts", metavar="COUNTS.csv", type=Path)
    forest.add_argument(
        "-o", "--output", type=Path, default=Path("forest.pdf"), help=f"one of {', '.join(PLOT_FORMATS)}"
    )
    forest.add_argument("--x", help="column of responders; the second if none")
    forest.add_argument("--n", help="column of patients; the third if none")
    forest.add_argument("--label", help="column of studies; the first if none")
    forest.add_argument("--title", default="", help="title of the figure")
    forest.set_defaults(command=_forest)
    return parser


def _new(given: argparse.Namespace) -> int:
    from small_evidence.starting import new_review

    for path in new_review(given.folder, given.title):
        print(path.as_posix())
    print(
        f"\nFill in {given.folder / RAW / 'extraction.xlsx'} (delete its EXAMPLE rows), then:\n"
        f"  small-evidence check {given.folder}\n  small-evidence run {given.folder}"
    )
    return 0


def _check(given: argparse.Namespace) -> int:
    from small_evidence.extraction.checks import check_review, grouped_lines
    from small_evidence.starting import check_folder
    from small_evidence.wording import counted

    check_folder(given.folder)
    _, issues = check_review(given.folder)
    for line in grouped_lines(issues):
        print(f"warning: {line}")
    print(f"{given.folder / RAW}: no error, {counted(len(issues), 'warning')}")
    return 0


def _run(given: argparse.Namespace) -> int:
    from small_evidence.running import run_review

    return run_review(given.folder, given.targets, given.cores)


def _part(words: str) -> tuple[int, int] | None:
    """The part 3/40 as numbers; the one part of a batch that is not divided is no part.

    >>> _part("3/40"), _part("1/1")
    ((3, 40), None)
    """
    number, parts = (int(word) for word in words.split("/"))
    if not 1 <= number <= parts:
        raise ValueError(words)
    return (number, parts) if parts > 1 else None


def _batch(given: argparse.Namespace) -> int:
    from small_evidence.batch import ANALYSES, REVIEWS, run_batch

    is_watched = sys.stdout.isatty() and not os.environ.get("CI")
    done = run_batch(
        given.folder,
        workers=given.workers,
        part=given.part,
        progress=(lambda line: print(f"\r\033[K{line}", end="", flush=True)) if is_watched else (lambda line: None),
    )
    failed = [one for one in done if one.state == "failed"]
    print("\n" * is_watched + f"{len(done)} reviews, {len(failed)} with errors")
    if given.part is None:
        print(f"Open {given.folder / ANALYSES}; errors are in {given.folder / REVIEWS}")
    return int(bool(failed))


def _migrate(given: argparse.Namespace) -> int:
    from small_evidence.migration import REPORT, migrate
    from small_evidence.starting import check_folder

    check_folder(given.folder)
    steps = migrate(given.folder)
    for step in steps:
        print(f"{step.file}, {step.place}: {step.before or 'added'} -> {step.after}; {step.reason}")
    if steps:
        print(f"\nThe changes are in {given.folder / REPORT}. Next: small-evidence check {given.folder}")
    else:
        print(f"{given.folder}: nothing to do, the review is of the present version")
    return 0


def _forest(given: argparse.Namespace) -> int:
    from small_evidence.starting import save_forest

    save_forest(given.counts, given.output, x=given.x, n=given.n, label=given.label, title=given.title)
    return 0


if __name__ == "__main__":
    sys.exit(main())
