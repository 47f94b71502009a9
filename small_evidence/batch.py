"""Many reviews at once: each folder below one is checked, graded and pooled in worker processes that stay alive.

A review gets the checked tables, levels, arms, pooled proportions and comparisons that a run of it alone writes, byte
for byte; figures, documents and the sensitivity analyses are left to such a run.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from small_evidence import ReviewError, __version__
from small_evidence.appraisal.levels import grade_studies
from small_evidence.config import FILE, read_config
from small_evidence.extraction.checks import check_review
from small_evidence.made import maker_of
from small_evidence.places import contents
from small_evidence.review import (
    PROCESSED,
    RESULTS,
    Review,
    read_result,
    save_csv,
    save_results,
    save_tables,
)
from small_evidence.saving import read_json, save_json
from small_evidence.standards import standards_of
from small_evidence.synthesis.analyses import pool_ahead, pool_graded
from small_evidence.synthesis.each import LIBRARIES, MODULES, answers_kept
from small_evidence.synthesis.policy import select_arms

RAW = Path("data/raw")
WRITTEN = ("study_levels", "arms", "pooled", "comparisons", "therapy_levels")
RECORD = Path("results/batch.json")  # what the results of one review were made of
AT_ONCE = 16  # reviews that a worker pools together
ANALYSES = "batch_analyses.csv"
REVIEWS = "batch_reviews.csv"
DONE = ("review", "state", "warnings", "message")
SHOWN = (
    "analysis", "scope", "therapy", "disease", "pooled", "reason", "k", "k_arms", "events", "n", "estimate", "ci_lb",
    "ci_ub", "mean_proportion", "tau2", "status", "direction",
)  # fmt: skip
KEY = ["scope", "therapy", "disease"]


@dataclass(frozen=True)
class Done:
    """What became of one review.

    Attributes
    ----------
    review : its folder below the one of the batch, with / between the parts
    state : "done", "unchanged" since an earlier batch, or "failed"
    warnings : int; of the check, 0 where it failed
    message : what has to be corrected, "" where nothing has
    """

    review: str
    state: str
    warnings: int = 0
    message: str = ""


@dataclass(frozen=True)
class Begun:
    """A review that was checked, with its arms, and is still to be pooled.

    Attributes
    ----------
    issues : DataFrame; what the check found
    made_of : for RECORD
    """

    review: Review
    issues: pd.DataFrame
    made_of: Mapping[str, Any]


Result = TypeVar("Result")


def run_batch(
    folder: Path,
    *,
    workers: int | None = None,
    part: tuple[int, int] | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> list[Done]:
    """Check, grade and pool every review below a folder, and collect what they found in two tables there.

    A faulty review is recorded and the others go on. A review whose tables and choices are those of an earlier batch by
    this version is not computed again, so that a batch that was stopped goes on where it was.

    Parameters
    ----------
    folder : holds reviews, folders with data/raw, at any depth
    workers : processes; the cores of this machine if None
    part : (i, m): only every m-th review from the i-th on, and no tables of all, which a call without part makes
    progress : gets a line now and then

    Raises
    ------
    ReviewError: there is no review below the folder, or a worker was killed
    """
    found = reviews_below(folder)
    if not found:
        raise ReviewError(f"{folder}: no review below it; a review is a folder with {RAW.as_posix()}")
    chosen = found if part is None else reviews_of_part(found, part)
    done = []
    for one in _each(folder, chosen, workers or os.cpu_count() or 1):
        done.append(one)
        failed = sum(past.state == "failed" for past in done)
        progress(f"{len(done)} of {len(chosen)} reviews, {failed} with errors: {one.review}")
    if part is None:
        collect(folder, done)
    return done


def reviews_below(folder: Path) -> list[str]:
    """Folders with data/raw below a folder, by name, with / between the parts."""
    raw = (Path(place) for place, below, _ in os.walk(folder) if "raw" in below and Path(place).name == "data")
    return sorted(path.parent.relative_to(folder).as_posix() for path in raw)


def reviews_of_part(found: Sequence[str], part: tuple[int, int]) -> Sequence[str]:
    """Every m-th review from the i-th on, of the part (i, m)."""
    number, parts = part
    return found[number - 1 :: parts]


def content_of_part(folder: Path, names: Iterable[str]) -> str:
    """One hash of the tables and choices of these reviews and of the version that reads them."""
    content = {name: _content(folder / name) for name in names}
    return hashlib.sha256(json.dumps([__version__, content], sort_keys=True).encode("utf-8")).hexdigest()


def largest_tables(folder: Path, names: Iterable[str]) -> float:
    """Megabytes of the raw tables of the largest of these reviews."""
    sizes = [sum(path.stat().st_size for path in (folder / name / RAW).rglob("*") if path.is_file()) for name in names]
    return max(sizes, default=0) / 2**20


def _each(folder: Path, names: Sequence[str], workers: int) -> Iterator[Done]:
    parts = [names[start : start + AT_ONCE] for start in range(0, len(names), AT_ONCE)]
    if workers == 1 or len(parts) == 1:
        for part in parts:
            yield from _some(folder, part)
        return
    # A spawned worker shares no state with this process, on every system.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        try:
            for done in pool.map(_some, [folder] * len(parts), parts):
                yield from done
        except BrokenProcessPool as error:
            words = "a worker process was killed, perhaps for want of memory; run the same command again to go on"
            raise ReviewError(f"{folder}: {words}, with fewer workers if it happens again") from error


def _some(folder: Path, names: Sequence[str]) -> list[Done]:
    """Check, grade and pool some reviews; what they have alike to compute is computed at once."""
    begun = {name: _tried(name, partial(_begin, name, folder / name)) for name in names}
    opened = [one for one in begun.values() if isinstance(one, Begun)]
    with answers_kept(cores=1):
        with suppress(Exception):  # of a review that nobody thought of; it is named when it is pooled by itself
            pool_ahead([one.review for one in opened])
        return [
            _tried(name, partial(_finish, name, folder / name, one)) if isinstance(one, Begun) else one
            for name, one in begun.items()
        ]


def _tried(name: str, work: Callable[[], Result]) -> Result | Done:
    """The result, or what failed; whatever is wrong with a review is its own matter."""
    try:
        return work()
    except ReviewError as error:
        return Done(name, "failed", message=str(error))
    except Exception as error:  # one review that nobody thought of must not stop five thousand
        return Done(name, "failed", message=f"{type(error).__name__}: {error}")


def _begin(name: str, place: Path) -> Begun | Done:
    """Check a review, grade its studies and select its arms, unless nothing of it changed since an earlier batch."""
    made_of = {"content": _content(place), "version": __version__, "maker": maker_of(MODULES, LIBRARIES)}
    earlier = read_json(place / RECORD) if (place / RECORD).exists() else {}
    if earlier.get("made_of") == made_of:
        return Done(name, "unchanged", earlier["warnings"])
    config = read_config(place)
    tables, issues = check_review(place, config)
    review = Review(tables, config, standards=standards_of(place))
    return Begun(
        review.with_results({"study_levels": grade_studies(review), "arms": select_arms(review)}), issues, made_of
    )


def _finish(name: str, place: Path, begun: Begun) -> Done:
    """Pool a review and write its results, last of all what they were made of."""
    review = pool_graded(begun.review)
    save_tables(review.tables, place / PROCESSED)
    save_csv(begun.issues, place / RESULTS / "extraction_issues.csv")
    save_results(review, [place / RESULTS / f"{result}.csv" for result in WRITTEN])
    save_json({"made_of": begun.made_of, "warnings": len(begun.issues)}, place / RECORD)
    return Done(name, "done", len(begun.issues))


def _content(place: Path) -> dict[str, str]:
    """Hashes of a review's tables and choices by their place in it."""
    files = [place / FILE, *sorted((place / RAW).rglob("*"))]
    return {Path(path).relative_to(place).as_posix(): digest for path, digest in contents(map(str, files)).items()}


def save_part(done: Iterable[Done], path: str | Path) -> None:
    """Write what became of the reviews of one part, for `collect_parts`."""
    save_csv(pd.DataFrame(list(done), columns=list(DONE)), path)


def collect_parts(folder: Path, paths: Iterable[str | Path]) -> None:
    """Write the tables of all reviews from the files of all parts."""
    rows = [row for path in paths for row in read_result(path).to_dict("records")]
    found = [Done(*(row[name] for name in DONE)) for row in rows]
    collect(folder, sorted(found, key=lambda one: one.review))


def collect(folder: Path, done: Iterable[Done]) -> None:
    """Write what became of each review, and the analyses of those without errors with their levels."""
    done = list(done)
    save_csv(pd.DataFrame(done, columns=list(DONE)), folder / REVIEWS)
    parts = []
    for one in done:
        if one.state != "failed":
            results = folder / one.review / RESULTS
            levels = read_result(results / "therapy_levels.csv")[[*KEY, "level"]]
            pooled = read_result(results / "pooled.csv")[list(SHOWN)].merge(levels, on=KEY, how="left")
            parts.append(pooled.assign(level=pooled["level"].fillna("")))
            parts[-1].insert(0, "review", one.review)
    columns = ["review", *SHOWN, "level"]
    save_csv(pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns), folder / ANALYSES)
