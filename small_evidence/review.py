"""A review as one object: checked tables, results, choices, standards and labels; the only module that reads them.

Everything after the check takes a `Review`: `synthesise(review)` returns it with results; a table, a figure or a text
is a function of it. What a row is called and which rows belong to an analysis is looked up here, once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd

from small_evidence import ReviewError
from small_evidence.config import complete_config, read_config, with_present_keys
from small_evidence.extraction.defaults import review_outcomes
from small_evidence.extraction.schema import (
    ALL,
    CONTROLLED_DESIGNS,
    SILENT,
    TABLES,
    UNCONTROLLED_DESIGNS,
    empty_table,
    humanise,
    nearest,
    numbers,
    rows_of,
)
from small_evidence.names import FOUND, RESULT_TABLES, analysis_id
from small_evidence.pooling.record import RECORD, TEXT_COLUMNS
from small_evidence.saving import at_once, save_bytes
from small_evidence.standards import Standards, standards_of
from small_evidence.wording import NO_SUBJECT, Subject, class_label, labels_of, short_labels, study_labels, subject_of

PROCESSED = Path("data/processed")
RESULTS = Path("results/tables")
# Beside these, where the review has them: what the check found, two extractions compared, places of rows in data/raw.
OPTIONAL_TABLES = (*FOUND, "agreement", "disagreements", "places")

# Columns of results that hold numbers; all others are words, so that a level 1 to 5 stays a word.
NUMERIC = frozenset(RECORD) - frozenset(TEXT_COLUMNS) | {
    "crude", "crude_ci_lb", "crude_ci_ub", "k_arms", "responders", "n_treated", "year", "best_events", "best_n",
    "lower_events", "lower_n", "chi2", "df", "ddf", "p", "priority", "answered", "items", "stars", "stars_max", "row",
    "compared", "agreed", "share_agreed", "kappa", "kappa_ci_lb", "kappa_ci_ub", "both_numbers", "exact", "within_1",
    "only_first", "only_second", "n_counted", "smallest", "largest", "records", "events1", "n1", "events2", "n2",
    "no_information", "unpublished_needed", "next_lb", "next_ub", "further_above",
}  # fmt: skip
_COUNTS_BY_GROUP = ("k_", "patients_", "counts_")  # and what follows, such as k_awaiting or patients_IV
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_GUARDED = re.compile(rb"(?:^|[,\"\r\n])'")  # a cell that may begin with the apostrophe of `csv_bytes`
_PLAIN_NUMBER = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")


@dataclass(frozen=True)
class Labels:
    """What people read in place of the slugs of one review.

    Attributes
    ----------
    study, therapy, disease, disease_short, therapy_class : dict of slug to words; a retracted study is marked as that
    """

    study: Mapping[str, str]
    therapy: Mapping[str, str]
    disease: Mapping[str, str]
    disease_short: Mapping[str, str]
    therapy_class: Mapping[str, str]

    def of(self, scope: str, therapy: str, disease: str = ALL) -> str:
        """Name of a therapy or class, with the disease where it is one of them: "Drug A (adults)"."""
        if scope == "class":
            name = self.therapy_class.get(therapy) or class_label(therapy, {})
        else:
            name = self.therapy.get(therapy) or class_label(therapy, {})
        return name if disease == ALL else f"{name} ({self.disease_short.get(disease, disease)})"


@dataclass(frozen=True)
class Outcome:
    """An outcome in words.

    Attributes
    ----------
    label : "Stroke"
    event_singular, event_plural : what one patient, or several, did or had: "had a stroke", "were readmitted"
    noun_singular, noun_plural : the patients themselves: "responder", "patients with a stroke"
    good : "yes" or "no"
    unit : unit of published values that name none
    """

    label: str
    event_singular: str
    event_plural: str
    noun_singular: str
    noun_plural: str
    good: str = "yes"
    unit: str = "share"

    @classmethod
    def named(cls, label: str) -> Outcome:
        """An outcome of which only the name is known."""
        inside = label[:1].lower() + label[1:]
        event = f"had the outcome ({inside})"
        return cls(label, event, event, f"patient with the outcome ({inside})", f"patients with the outcome ({inside})")


@dataclass(frozen=True)
class Analysis:
    """One therapy or class, over all diseases or in one of them, with everything that is known of it.

    Attributes
    ----------
    name : str; slug in paths and links, such as "drug_a-adults" or "class-class_a"
    scope : "therapy" or "class"
    therapy, disease : slugs; disease may be "all"
    label : str; for people
    result : mapping; its row of `pooled`
    arms : DataFrame; its rows of `arms`, those that entered and those that did not
    level : mapping; its row of `therapy_levels`, empty where there is none
    variants, tests : DataFrames; its rows of `sensitivity` and `heterogeneity`
    """

    name: str
    scope: str
    therapy: str
    disease: str
    label: str
    result: Mapping[str, Any]
    arms: pd.DataFrame
    level: Mapping[str, Any] = field(default_factory=dict)
    variants: pd.DataFrame = field(default_factory=pd.DataFrame)
    tests: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def pooled(self) -> bool:
        """Whether the arms that entered were pooled; else their counts are summed and shown."""
        return bool(self.result["pooled"] == "yes")

    @cached_property
    def entered(self) -> pd.DataFrame:
        """Arms whose counts are in the analysis."""
        return self.arms[self.arms["entered"] == "yes"]

    @cached_property
    def left_out(self) -> pd.DataFrame:
        """Arms with counts that are not in the analysis."""
        counted = self.arms["responders"].notna() & self.arms["n"].notna()
        return self.arms[(self.arms["entered"] == "no") & counted]

    @cached_property
    def variant_rows(self) -> Sequence[Mapping[str, Any]]:
        """Rows of `variants`."""
        return rows_of(self.variants)

    @cached_property
    def arm_rows(self) -> Sequence[Mapping[str, Any]]:
        """Rows of `arms`."""
        return rows_of(self.arms)

    @property
    def estimate(self) -> tuple[float, float, float]:
        """Proportion and interval of the primary analysis: pooled, else of the summed counts."""
        names = ("estimate", "ci_lb", "ci_ub") if self.pooled else ("crude", "crude_ci_lb", "crude_ci_ub")
        first, lower, upper = (float(self.result[name]) for name in names)
        return first, lower, upper


@dataclass(frozen=True)
class Review:
    """A systematic review.

    Attributes
    ----------
    tables : mapping of table name to DataFrame; checked extraction tables, every cell text
    config : mapping; every choice, as `config.complete_config` gives it
    results : mapping of table name to DataFrame; what was computed so far, see RESULT_TABLES and OPTIONAL_TABLES
    standards : Standards

    A table or result is `review["pooled"]`; `"agreement" in review` says whether there is one.
    """

    tables: Mapping[str, pd.DataFrame]
    config: Mapping[str, Any] = field(default_factory=lambda: complete_config({}))
    results: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    standards: Standards = field(default_factory=Standards)

    def __post_init__(self) -> None:
        tables = {name: empty_table(name) for name in TABLES} | dict(self.tables)
        object.__setattr__(self, "tables", MappingProxyType(tables))
        object.__setattr__(self, "results", MappingProxyType(dict(self.results)))

    def __getitem__(self, name: str) -> pd.DataFrame:
        if name in self.tables:
            return self.tables[name]
        if name in self.results:
            return self.results[name]
        known = ", ".join([*self.tables, *self.results])
        raise ReviewError(f"no table or result {name!r} in this review; it has {known}")

    def __contains__(self, name: str) -> bool:
        return name in self.tables or name in self.results

    def __iter__(self) -> Iterator[str]:
        return iter([*self.tables, *self.results])

    @property
    def extracted_twice(self) -> bool:
        """Whether a second extraction was compared with the first."""
        return "agreement" in self and not self["agreement"].empty

    def with_results(self, results: Mapping[str, pd.DataFrame]) -> Review:
        """The review with further results, or with others in place of those of the same name."""
        return replace(self, results={**self.results, **results})

    def with_tables(self, **tables: pd.DataFrame) -> Review:
        """The review with other tables in place of those of the same name, its results as they are."""
        return replace(self, tables={**self.tables, **tables})

    def with_policy(self, **choices: Any) -> Review:
        """The review under other choices of the section `synthesis`, its results as they are."""
        return replace(self, config={**self.config, "synthesis": {**self.policy, **choices}})

    # Choices -------------------------------------------------------------------------------------------

    @property
    def policy(self) -> Mapping[str, Any]:
        """The section `synthesis` of the config."""
        section: Mapping[str, Any] = self.config["synthesis"]
        return section

    @property
    def conf_level(self) -> float:
        """Coverage of every interval."""
        return float(self.policy["conf_level"])

    @property
    def response_threshold(self) -> float:
        """The proportion that an interval lies above, below or across."""
        return float(self.config["grading"]["response_threshold"])

    @cached_property
    def response_outcomes(self) -> Sequence[str]:
        """Slugs of the outcomes that are pooled as one response: those named in the config, else the first of all."""
        return review_outcomes(self["outcomes"], self["responses"], self.policy["outcomes"])

    @cached_property
    def response(self) -> Outcome:
        """Words of the response that is pooled: of the outcome named in the config for it, else of the first."""
        slug = self.policy["outcome"] or next(iter(self.response_outcomes), "")
        return self.outcome(slug)

    @cached_property
    def complete_reported(self) -> bool:
        """Whether any row reports how many responded completely, be it nobody."""
        return bool(numbers(self["responses"]["n_complete"]).notna().any())

    def outcome(self, slug: str) -> Outcome:
        """Words of an outcome of the table outcomes; one that is not there is named after its slug."""
        return self._outcomes.get(slug) or Outcome.named(humanise(slug))

    @cached_property
    def _outcomes(self) -> Mapping[str, Outcome]:
        names = [one.name for one in fields(Outcome)]
        rows = self["outcomes"].to_dict("records")
        return {row["outcome"]: Outcome(**{name: row[name] for name in names}) for row in rows}

    @property
    def scheme_name(self) -> str:
        """Slug of the scheme of levels in use."""
        return str(self.config["grading"]["scheme"])

    @property
    def scheme(self) -> Mapping[str, Any]:
        """The scheme of levels in use: title, citation, note, order, levels, designs, judgements.

        The note is that of the scheme, then what the review says of its use of the scheme.
        """
        scheme: Mapping[str, Any] = self.standards.levels["schemes"][self.scheme_name]
        notes = (scheme["note"], self.config["grading"]["scheme_note"])
        return {**scheme, "note": " ".join(" ".join(note.split()) for note in notes if note)}

    @property
    def follows(self) -> str:
        """How the names of the reports of the published review begin that this one follows; "" if there is none."""
        name = str(self.config["review"]["follows"])
        return "" if name.lower() == "none" else name

    @cached_property
    def subject(self) -> Subject:
        """What the therapies of the review are called by their kinds: treatments, tests, exposures."""
        return subject_of(self["therapies"]["kind"])

    @property
    def condition(self) -> str:
        """The condition of the patients, for captions."""
        return str(self.config["review"]["condition"])

    # Labels and order ----------------------------------------------------------------------------------

    @cached_property
    def labels(self) -> Labels:
        """Words for every slug."""
        therapies = self["therapies"]
        therapy = labels_of(therapies, "therapy")
        # a therapy whose class is not stated is a class of its own, under its own name
        named = {**therapy, **self.config["review"]["class_labels"]}
        return Labels(
            study=study_labels(self["studies"], self.retracted),
            therapy=therapy,
            disease=labels_of(self["diseases"], "disease"),
            disease_short=short_labels(self["diseases"]),
            therapy_class={slug: class_label(slug, named) for slug in dict.fromkeys(therapies["therapy_class"])},
        )

    @cached_property
    def classes(self) -> Sequence[tuple[str, Sequence[str]]]:
        """Classes in the order of their first therapy, each with its therapies in display order."""
        order = numbers(self["therapies"]["display_order"])
        ordered = self["therapies"].assign(order=order).sort_values("order", kind="stable", na_position="last")
        members: dict[str, list[str]] = {}
        for slug, therapy in zip(ordered["therapy_class"], ordered["therapy"], strict=True):
            members.setdefault(slug, []).append(therapy)
        return list(members.items())

    @cached_property
    def diseases(self) -> Sequence[str]:
        """Slugs of the diseases in the order of their table."""
        return [slug for slug in self["diseases"]["disease"] if slug not in SILENT]

    @cached_property
    def controlled(self) -> frozenset[str]:
        """Slugs of the studies with a comparison group: those that say so, and those of a design that has one."""
        return frozenset(study for study, group in self.comparison_group.items() if group == "yes")

    @cached_property
    def comparison_group(self) -> Mapping[str, str]:
        """Whether a study had a comparison group: yes or no by its design or its own word, else what is written."""
        studies = self["studies"].set_index("study_id")
        found = studies["controlled"].mask(studies["design"].isin(UNCONTROLLED_DESIGNS), "no")
        found = found.mask(studies["design"].isin(CONTROLLED_DESIGNS) | studies["controlled"].eq("yes"), "yes")
        return MappingProxyType({str(study): str(group) for study, group in found.items()})

    @cached_property
    def retracted(self) -> frozenset[str]:
        """Slugs of the studies whose report was retracted; their counts stay in every analysis."""
        if "retracted" not in self:
            return frozenset()
        found = self["retracted"]
        return frozenset(found.loc[found["nature"] == "retraction", "study_id"])

    @cached_property
    def covariates(self) -> Mapping[str, pd.Series]:
        """Values of each covariate of the config by study, missing where the table is silent.

        A covariate is numeric if every cell that reports something is a number, else it is categorical (text): the
        rule reads the whole table of studies and no count.
        """
        studies = self["studies"].set_index("study_id")
        found = {}
        for name in self.policy["covariates"]:
            cells = studies[name]
            words = cells.where(~cells.isin((*SILENT, "")))
            numeric = numbers(words)
            found[name] = numeric if numeric.notna().equals(words.notna()) else words
        return MappingProxyType(found)

    @cached_property
    def response_rows(self) -> Mapping[str, Mapping[str, Any]]:
        """Rows of `responses` by their id."""
        return MappingProxyType({row["response_id"]: row for row in self._records("responses")})

    @cached_property
    def judgements(self) -> Mapping[str, frozenset[str]]:
        """Overall judgements of risk of bias by study, one an appraisal."""
        found: dict[str, set[str]] = {}
        for row in self._records("appraisal"):
            found.setdefault(row["study_id"], set()).add(row["overall"])
        return MappingProxyType({study: frozenset(words) for study, words in found.items()})

    @cached_property
    def study_grades(self) -> Mapping[str, Mapping[str, Any]]:
        """Rows of `study_levels` by study."""
        return MappingProxyType({row["study_id"]: row for row in self._records("study_levels")})

    # Analyses ------------------------------------------------------------------------------------------

    @cached_property
    def analyses(self) -> Mapping[str, Analysis]:
        """Every analysis by its name, in the order of `pooled`."""
        arms = self._grouped("arms")
        variants, tests = self._grouped("sensitivity"), self._grouped("heterogeneity")
        found = {}
        for row in self._records("pooled"):
            key = (row["scope"], row["therapy"], row["disease"])
            found[row["analysis"]] = Analysis(
                row["analysis"],
                *key,
                label=self.labels.of(*key),
                result=MappingProxyType(row),
                arms=arms.get(row["analysis"], self["arms"].iloc[:0]),
                level=MappingProxyType(self.level_of(*key)),
                variants=variants.get(row["analysis"], pd.DataFrame()),
                tests=tests.get(row["analysis"], pd.DataFrame()),
            )
        return MappingProxyType(found)

    def analysis(self, name: str) -> Analysis:
        """One analysis by its name.

        Raises
        ------
        ReviewError: there is none of this name; the message has the nearest
        """
        if name not in self.analyses:
            near = nearest(name, self.analyses)
            raise ReviewError(f"no analysis {name!r} in the pooled results" + (f"; nearest is {near}" if near else ""))
        return self.analyses[name]

    def analysis_of(self, scope: str, therapy: str, disease: str = ALL) -> Analysis | None:
        """The analysis of a therapy or class in a disease, None where no study is in it."""
        return self.analyses.get(analysis_id(scope, therapy, disease))

    @cached_property
    def studied(self) -> Sequence[Analysis]:
        """The single therapies over all diseases, without placebo and no treatment."""
        compared = set(self["therapies"].loc[self["therapies"]["kind"] == NO_SUBJECT, "therapy"])
        whole = [one for one in self.analyses.values() if (one.scope, one.disease) == ("therapy", ALL)]
        return [one for one in whole if one.therapy not in compared]

    def level_of(self, scope: str, therapy: str, disease: str = ALL) -> Mapping[str, Any]:
        """The row of `therapy_levels`; empty where no study is about it."""
        return self._levels.get((scope, therapy, disease), {})

    @cached_property
    def _levels(self) -> Mapping[tuple[str, str, str], Mapping[str, Any]]:
        return {(row["scope"], row["therapy"], row["disease"]): row for row in self._records("therapy_levels")}

    def _records(self, name: str) -> list[dict[str, Any]]:
        return rows_of(self[name]) if name in self else []

    def _grouped(self, name: str) -> dict[str, pd.DataFrame]:
        groups = self[name].groupby("analysis", sort=False) if name in self else ()
        return {str(analysis): rows for analysis, rows in groups}


# Reading ---------------------------------------------------------------------------------------------------


def read_review(
    folder: str | Path = ".",
    *,
    config: Mapping[str, Any] | None = None,
    results: bool = True,
    standards: Standards | None = None,
) -> Review:
    """A review that has been checked, or run.

    Parameters
    ----------
    folder : the review's folder, with data/processed and results/tables below it
    config : the choices, complete; those of config/config.yaml in the folder if None
    results : whether its results are read too; they must all be there then
    standards : those of this version, with the instruments of the review, if None

    Raises
    ------
    FileNotFoundError: the review was not checked, or not run, yet
    """
    folder = Path(folder)
    tables = {name: folder / PROCESSED / f"{name}.csv" for name in TABLES}
    found = {name: folder / RESULTS / f"{name}.csv" for name in RESULT_TABLES if results}
    absent = [str(path) for path in [*tables.values(), *found.values()] if not path.exists()]
    if absent:
        raise FileNotFoundError(f"run snakemake first; not found: {', '.join(absent)}")
    optional = {name: folder / RESULTS / f"{name}.csv" for name in OPTIONAL_TABLES if results}
    found |= {name: path for name, path in optional.items() if path.exists()}
    return Review(
        {name: read_processed(path) for name, path in tables.items()},
        read_config(folder) if config is None else config,
        {name: read_result(path) for name, path in found.items()},
        standards_of(folder) if standards is None else standards,
    )


def read_release(paths: Iterable[str | Path]) -> tuple[dict[str, pd.DataFrame], dict[str, Any]]:
    """Tables of a frozen release by the stem of their file, and its choices under the names that their keys have now.

    What the release did not keep, a table or a column, is not there; without a provenance.json there are no choices.
    """
    files = {Path(path).stem: path for path in paths if str(path).endswith(".csv")}
    frames = {name: read_processed(path) if name in TABLES else read_result(path) for name, path in files.items()}
    records = [json.loads(Path(path).read_text(encoding="utf-8")) for path in paths if str(path).endswith(".json")]
    return frames, with_present_keys(records[0]["config"]) if records else {}


def read_processed(path: str | Path) -> pd.DataFrame:
    """A checked table as `save_tables` wrote it: every cell a string, "" and "NR" kept apart."""
    return _read_text(path).astype("str")


def read_result(path: str | Path) -> pd.DataFrame:
    """A table of results: numbers where the column is one of numbers (NUMERIC), else text, "" where there is none."""
    frame = _read_text(path)
    return frame.assign(**{name: _as_numbers(frame[name]) for name in frame.columns if _is_numeric(name)})


def _is_numeric(column: str) -> bool:
    return column in NUMERIC or column.startswith(_COUNTS_BY_GROUP)


def _as_numbers(column: pd.Series) -> pd.Series:
    """Numbers to the last digit, NaN for empty cells; a column with any other text (NR) stays text."""
    try:
        return pd.Series([int(cell) for cell in column], column.index, dtype="int64")
    except ValueError:
        pass
    try:
        return pd.Series([float(cell) if cell else float("nan") for cell in column], column.index, dtype=float)
    except ValueError:
        return column


def _read_text(path: str | Path) -> pd.DataFrame:
    frame = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8", engine="c")
    frame.columns = frame.columns.map(_unguard)
    if not _GUARDED.search(Path(path).read_bytes()):
        return frame
    unguarded: pd.DataFrame = frame.apply(lambda column: column.map(_unguard))
    return unguarded


# Writing ---------------------------------------------------------------------------------------------------


def save_tables(tables: Mapping[str, pd.DataFrame], folder: str | Path = PROCESSED) -> None:
    """Write the checked tables as <folder>/<table>.csv, also those without rows."""
    for table in TABLES:
        save_csv(tables[table], Path(folder) / f"{table}.csv")


def save_results(review: Review, paths: Iterable[str | Path]) -> None:
    """Write results, each to the path whose stem is its name.

    Raises
    ------
    ReviewError: the review has no result of that name
    """
    with at_once():
        for path in map(Path, paths):
            save_csv(review[path.stem], path)


def save_csv(frame: pd.DataFrame, path: str | Path) -> None:
    """Write a table as CSV; see `csv_bytes`."""
    save_bytes(csv_bytes(frame), path)


def csv_bytes(frame: pd.DataFrame) -> bytes:
    """A table as CSV: UTF-8, LF, every digit of a float, no text that a spreadsheet takes for a formula.

    A text or column head that begins with = + - @, a tab or a carriage return gets an apostrophe before it, unless it
    is a plain number (-17.67). `read_processed` and `read_result` take that apostrophe away again, so a table comes
    back as it was, and people can open the file in a spreadsheet.
    """
    safe = frame.copy()
    for position, dtype in enumerate(safe.dtypes):
        if not pd.api.types.is_numeric_dtype(dtype):
            column = safe.iloc[:, position].astype(object)
            safe.isetitem(position, column.map(_guard, na_action="ignore").to_numpy(object))
    safe.columns = [_guard(name) for name in safe.columns]
    return bytes(safe.to_csv(index=False, lineterminator="\n").encode("utf-8"))


def _guard(value: Any) -> Any:
    is_formula = isinstance(value, str) and _FORMULA.match(value) and not _PLAIN_NUMBER.fullmatch(value)
    return "'" + value if is_formula else value


def _unguard(value: Any) -> Any:
    is_guarded = isinstance(value, str) and value.startswith("'") and _FORMULA.match(value)
    return value[1:] if is_guarded else value
