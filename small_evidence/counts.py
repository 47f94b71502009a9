"""Pool, compare and draw the counts of a DataFrame or of lists, without a review: x of n patients responded, by study.

The functions name their columns and hand on to `pooling` and `figures`; what they return prints itself.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from html import escape
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy as np
import pandas as pd

from small_evidence import ReviewError
from small_evidence.extraction.schema import nearest
from small_evidence.pooling import comparisons, heterogeneity, pool_many, sensitivity
from small_evidence.pooling.comparisons import COMPARISON_NOTES, COMPARISON_STATUSES, MEASURES
from small_evidence.pooling.heterogeneity import REGRESSION_CODES, TEST_CODES, has_value, read_covariate
from small_evidence.pooling.methods import ESTIMANDS, METHODS
from small_evidence.pooling.record import STATUSES
from small_evidence.wording import (
    COMPARISON_INTERVALS,
    COMPARISON_METHOD_LABELS,
    NOTHING,
    coverage,
    effect_number,
    estimate,
    fraction,
    interval,
    missing,
    note_words,
    p_value,
    variance,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from small_evidence.figures.drawing import Drawing

ANALYSIS, GROUP = "counts", "patients"  # the one therapy and the one disease of a review made of counts
SILENT_STATUSES = ("ok", "tau2_zero")  # nothing to explain
OTHER_NAMES = {"level": "conf_level", "alpha": "conf_level", "ci": "conf_level"}  # what other programs call an option
POOL_OPTIONS = ("method", "interval", "measure", "tau2_method", "priors")  # of `pooling.pool_responses`

P = ParamSpec("P")
R = TypeVar("R")


def _options_named(function: Callable[P, R]) -> Callable[P, R]:
    """The function, which names the nearest option where it is given one that it does not have."""
    named = [*inspect.signature(function).parameters]
    known = [*named[:-1], *POOL_OPTIONS] if named[-1] == "options" else named

    @wraps(function)
    def checked(*args: P.args, **options: P.kwargs) -> R:
        for name in options:
            if name not in known:
                near = OTHER_NAMES.get(name) or nearest(name, known)
                hint = f"; nearest is {near!r}" if near else ""
                raise ReviewError(f"{function.__name__} has no option {name!r}{hint}; it takes {', '.join(known)}")
        return function(*args, **options)

    return checked


@dataclass(frozen=True)
class Result:
    """A result that prints itself.

    Attributes
    ----------
    title : what it is
    table : DataFrame of text; what is printed
    frame : DataFrame; every number, proportions 0..1, b, se and tau2 on the scale of the model
    notes : what has to be known to read the table: studies left out, what was not done and why
    """

    title: str
    table: pd.DataFrame
    frame: pd.DataFrame
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        table = [] if self.table.empty else [self.table.to_string(index=False)]
        return "\n".join([self.title, *table, *(f"Note: {note}." for note in self.notes)])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        notes = "".join(f"<p>Note: {escape(note)}.</p>" for note in self.notes)
        return f"<p>{escape(self.title)}</p>{self.table.to_html(index=False, escape=True)}{notes}"

    def __getitem__(self, name: str) -> Any:
        """A number where there is one row, else a column."""
        column = self.frame[_known(self.frame, name)]
        return column.iloc[0] if len(column) == 1 else column

    def to_frame(self) -> pd.DataFrame:
        """Every number."""
        return self.frame.copy()


@dataclass(frozen=True, repr=False)
class Regression(Result):
    """A meta-regression, which predicts and draws itself.

    Attributes
    ----------
    arms : DataFrame of `arms_of`; what it was fitted to
    covariates : names of columns of the data
    conf_level : coverage of the intervals
    """

    arms: pd.DataFrame = field(default_factory=pd.DataFrame)
    covariates: Sequence[str] = ()
    conf_level: float = 0.95

    def predict(self, at: pd.DataFrame | Mapping[str, Sequence[Any]]) -> pd.DataFrame:
        """Proportion expected in studies with other covariates; columns as of `heterogeneity.predict_regression`."""
        return _with_own_names(self._predict(pd.DataFrame(at)), self.covariates)

    def _predict(self, at: pd.DataFrame) -> pd.DataFrame:
        wanted = pd.DataFrame({_inner(name): at[_known(at, name)] for name in self.covariates})
        return heterogeneity.predict_regression(self.arms, wanted.columns.tolist(), wanted, self.conf_level)

    def bubble_plot(self, covariate: str = "") -> Figure:
        """Studies and the fitted proportion along one numeric covariate, the others at their mean or commonest value.

        Raises
        ------
        ReviewError: a covariate that is not of the model, or is not numeric
        """
        from small_evidence.figures.bubble import bubble_plot

        name = covariate or self.covariates[0]
        if name not in self.covariates:
            raise ReviewError(f"no covariate {name!r} in this model; it has {', '.join(self.covariates)}")
        along = self.arms[_inner(name)]
        if not pd.api.types.is_numeric_dtype(along):
            raise ReviewError(f"covariate {name!r} is not numeric: a bubble plot needs a scale")
        steps = np.linspace(along.min(), along.max(), 61)
        others = {other: _typical(self.arms[_inner(other)]) for other in self.covariates if other != name}
        figure = bubble_plot(self.arms, self._predict(pd.DataFrame({name: steps, **others})), _inner(name))
        figure.axes[0].set_xlabel(name)
        shown = [
            f"{other} {value:.4g}" if isinstance(value, float) else f"{other} {value}"
            for other, value in others.items()
        ]
        figure.axes[0].set_title(f"Fitted at {', '.join(shown)}" if shown else "", fontsize="small", loc="left")
        return figure


@_options_named
def pool(
    data: Any,
    n: Any = "n",
    label: Any = "study",
    *,
    x: str = "responders",
    by: str | Sequence[str] = (),
    conf_level: float = 0.95,
    **options: Any,
) -> Result:
    """Pool proportions.

    Parameters
    ----------
    data : DataFrame, a row a study; or the numbers of responders, one number for one study
    n, label : names of columns of `data`, or the numbers of patients and the names of the studies
    x : name of the column of responders
    by : columns whose values make groups that are pooled one by one
    conf_level, options : method, interval, measure, tau2_method and priors, as in `pooling.pool_responses`

    Examples
    --------
    >>> pool([3, 4, 9, 5], [12, 4, 17, 8])
    Pooled proportion of the median study (binomial-normal)
     studies       x/n (%) pooled % [95% CI] mean study % [95% CI] 95% prediction  tau2 [95% CI] status
           4 21/41 (51.2%) 54.8 [18.8, 93.3]     54.3 [26.6, 84.2]    2.7 to 99.3 0.46 [0, 11.8]     ok
    """
    groups = [by] if isinstance(by, str) else list(by)
    arms = arms_of(data, n, label, x=x, more=groups)
    frame = pool_many(arms, [_inner(name) for name in groups], conf_level=conf_level, **options)
    frame = _with_own_names(frame, groups)
    notes = [*_without_patients(arms), *_pooled_notes(frame, groups)]
    return Result(_pooled_title(frame), _pooled_table(frame, groups, conf_level), frame, tuple(notes))


@_options_named
def forest(
    data: Any,
    n: Any = "n",
    label: Any = "study",
    *,
    x: str = "responders",
    title: str = "",
    conf_level: float = 0.95,
    preset: str = "screen",
) -> Drawing:
    """Forest plot of counts; in a notebook it shows itself, `save_figure` of `small_evidence.figures.render` writes it.

    Parameters
    ----------
    data, n, label, x : as in `pool`
    title : of the figure
    preset : a preset of journals, such as "bmj/single"
    """
    from small_evidence.figures.forest import forest_plot as draw
    from small_evidence.figures.style import named_style
    from small_evidence.standards import Standards

    arms = arms_of(data, n, label, x=x)
    if arms.empty:
        raise ReviewError("no studies: there is nothing to draw")
    review = _review_of(arms, title, conf_level)
    return draw(review, ANALYSIS, named_style(Standards().journals, preset), title=title or "Pooled proportion")


@_options_named
def subgroups(
    data: Any,
    by: str,
    *,
    x: str = "responders",
    n: str = "n",
    label: str = "study",
    conf_level: float = 0.95,
) -> Result:
    """Pool subgroups of studies with one tau2 for all, and test whether they differ; see `heterogeneity.subgroups`."""
    if not isinstance(by, str):
        raise ReviewError(f"subgroups takes one column, not {by!r}; for several, make a column of their combinations")
    arms = arms_of(data, n, label, x=x, more=[by])
    arms[_inner(by)] = _labels(arms[_inner(by)])
    of_studies = arms.rename(columns={"study": "study_id"})
    frame = _with_own_names(heterogeneity.subgroups(of_studies, _inner(by), conf_level), [by])
    notes = [*_without_patients(arms), *_left_out(arms, [by])]
    single = frame.loc[frame["status"] == "single_study", by].astype(str).tolist()
    if single:
        notes.append(f"{', '.join(single)}: one study, which is not a subgroup and has no estimate of its own")
    code = frame["test_code"].iloc[0] if len(frame) else "fewer_than_two_groups"
    unpooled = frame.loc[frame["estimate"].isna() & (frame["status"] != "single_study"), by].astype(str).tolist()
    if unpooled:
        notes.append(f"{', '.join(unpooled)}: not pooled ({TEST_CODES[code] or 'the maximum was not found'})")
    shown = frame[~frame[by].astype(str).isin([*single, *unpooled])]
    words = _test_words(frame.iloc[0]) if not code else f"no test: {TEST_CODES[code]}"
    title = f"Subgroups by {by}, proportions of the median study ({words})"
    return Result(title, _pooled_table(frame, [by], conf_level), frame, (*notes, *_pooled_notes(shown, [by])))


@_options_named
def meta_regression(
    data: Any,
    covariates: str | Sequence[str],
    *,
    x: str = "responders",
    n: str = "n",
    label: str = "study",
    conf_level: float = 0.95,
) -> Regression:
    """Regress the log odds of response on covariates of the studies; see `heterogeneity.meta_regression`.

    Intervals are those of the profile likelihood, so that they agree with P, which is that of F for the likelihood
    ratio. Text that is a number is read as one; studies without a value (empty, NR, UNCLEAR) are left out and named.
    """
    names = [covariates] if isinstance(covariates, str) else list(covariates)
    arms = arms_of(data, n, label, x=x, more=names)
    inner = [_inner(name) for name in names]
    frame = heterogeneity.meta_regression(arms, inner, conf_level)
    arms = arms.assign(**{name: read_covariate(arms[name]) for name in inner})
    notes = [*_without_patients(arms), *_left_out(arms, names), *_mixed(arms, names)]
    kept = arms[arms[inner].notna().all(axis=1) & (pd.to_numeric(arms["n"]) > 0)]
    for name in names:
        mine = frame["covariate"] == _inner(name)
        frame.loc[mine, "term"] = frame.loc[mine, "term"].str.replace(_inner(name), str(name), n=1, regex=False)
        frame.loc[mine, "covariate"] = name
    for code, own in frame[frame["code"] != ""].groupby("code", sort=False):
        words = REGRESSION_CODES[str(code)].format(k=own["k"].iloc[0], coefficients=len(frame))
        notes.append(f"{', '.join(own['term'])}: {words}" if len(own) < len(frame) else words)
    fitted = frame["status"].isin(SILENT_STATUSES).all()
    if fitted and len(kept) < heterogeneity.STUDIES_PER_COEFFICIENT * (len(frame) - 1):
        notes.append(f"fewer than {heterogeneity.STUDIES_PER_COEFFICIENT} studies for each coefficient: a hint at most")
    limits = zip(frame["ci_lb"], frame["ci_ub"], strict=True)
    table = pd.DataFrame(
        {
            "term": frame["term"],
            "log odds": [NOTHING if missing(b) else f"{b:.3g}" for b in frame["b"].astype(float)],
            f"{coverage(conf_level)} CI": [
                NOTHING if missing(low) or missing(high) else f"{low:.3g} to {high:.3g}" for low, high in limits
            ],
            "P": [NOTHING if missing(p) else p_value(p) for p in frame["lr_p"].astype(float)],
            "status": frame["status"],
        }
    )
    title = f"Meta-regression of the log odds of response, {len(kept)} studies"
    return Regression(title, table, frame, tuple(notes), kept, names, conf_level)


@_options_named
def leave_one_out(
    data: Any,
    n: Any = "n",
    label: Any = "study",
    *,
    x: str = "responders",
    conf_level: float = 0.95,
    **options: Any,
) -> Result:
    """Pool without one study, for every study in turn."""
    arms = arms_of(data, n, label, x=x)
    frame = sensitivity.leave_one_out(arms, study="study", conf_level=conf_level, prediction=True, **options)
    shown = frame.assign(left_out=frame["left_out"].replace("", "none"))
    notes = (*_without_patients(arms), *_pooled_notes(shown.rename(columns={"left_out": "without"}), ["without"]))
    if frame.empty:
        notes = (*notes, STATUSES["no_data"])
    title = f"Leave-one-out analysis: {_pooled_title(frame)[0].lower()}{_pooled_title(frame)[1:]}"
    return Result(title, _pooled_table(shown, ["left_out"], conf_level), frame, notes)


@_options_named
def compare(
    data: Any,
    n1: Any = "n1",
    x2: Any = "x2",
    n2: Any = "n2",
    *,
    x1: str = "x1",
    measure: str = "OR",
    method: str | None = None,
    interval: str | None = None,
    conf_level: float = 0.95,
) -> Result:
    """Compare two arms of the same studies: x1 of n1 treated patients responded, x2 of n2 of the comparison.

    Parameters
    ----------
    data : DataFrame, a row a study; or the numbers x1, one number for one study
    n1, x2, n2 : names of columns of `data`, or numbers
    x1 : name of a column of `data`
    measure, method, interval, conf_level : as in `pooling.comparisons.compare`
    """
    if isinstance(data, pd.DataFrame):
        arms = [data[_known(data, name)] for name in (x1, n1, x2, n2)]
    else:
        arms = [data, n1, x2, n2]
        absent = [name for name, arm in zip(("n1", "x2", "n2"), arms[1:], strict=True) if isinstance(arm, str)]
        if absent:
            raise ReviewError(f"{', '.join(absent)}: numbers are missing: compare([8, 5], [10, 9], [3, 2], [10, 8])")
    found = comparisons.compare(*arms, measure=measure, method=method, interval=interval, conf_level=conf_level)
    counted = [pd.to_numeric(pd.Series(np.ravel(arm))).to_numpy(float) for arm in arms]
    unit = ", percentage points" if measure == "RD" else ""
    ends = [effect_number(float(found[name]), measure) for name in ("estimate", "ci_lb", "ci_ub")]
    shown = {
        "studies": found["k"],
        "treated": fraction(found["events1"], found["n1"]),
        "comparison": fraction(found["events2"], found["n2"]),
        MEASURES[measure] + unit: ends[0],
        f"{coverage(conf_level)} CI": NOTHING if NOTHING in ends[1:] else f"{ends[1]} to {ends[2]}",
        "P": p_value(float(found["p"])),
        "status": found["status"],
    }
    if found["method"] == "glmm":
        bounds = [variance(found[name]) for name in ("tau2", "tau2_lb", "tau2_ub")]
        shown["tau2"] = bounds[0] if NOTHING in bounds else f"{bounds[0]} [{bounds[1]}, {bounds[2]}]"
    return Result(
        _comparison_title(found), pd.DataFrame([shown]), found.to_frame().T, tuple(_comparison_notes(found, counted))
    )


def _comparison_title(found: pd.Series) -> str:
    """What was used, which need not be what was asked for."""
    used = COMPARISON_INTERVALS[found["interval"]]
    if found["interval"] not in ("exact", "score"):
        used = f"{COMPARISON_METHOD_LABELS[found['method']]}, {used}"
    measure = MEASURES[found["measure"]]
    return f"{measure[:1].upper()}{measure[1:]} of two arms" + ("" if missing(found["p"]) else f" ({used})")


def _comparison_notes(found: pd.Series, arms: Sequence[np.ndarray]) -> list[str]:
    """What was left out or not done; studies by their place in the data."""
    x1, n1, x2, n2 = arms
    studies = np.arange(1, x1.size + 1)
    empty = (n1 == 0) | (n2 == 0)
    responders, patients = x1 + x2, n1 + n2
    silent = ~empty & ((responders == 0) | (responders == patients))
    which = {"empty_arms": studies[empty], "no_information": studies[silent]}
    notes = []
    for code in filter(None, found["note"].split(";")):
        places = ", ".join(map(str, which.get(code, ())))
        notes.append(COMPARISON_NOTES[code] + (f" (study {places})" if places else ""))
    if found["status"] not in SILENT_STATUSES:
        notes.append(COMPARISON_STATUSES[found["status"]])
    return notes


def arms_of(
    data: Any, n: Any = "n", label: Any = "study", *, x: str = "responders", more: Sequence[str] = ()
) -> pd.DataFrame:
    """Counts under the names of the library.

    Returns
    -------
    DataFrame with study (text, 1, 2, ... where there are no names), responders, n and the columns of `more`, these
    under their `_inner` names: a covariate may be called n or responders itself

    Raises
    ------
    ReviewError: a column that is not there, with the nearest one and those that are; numbers that do not go together
    """
    if isinstance(data, Mapping):
        data = pd.DataFrame(data)
    if not isinstance(data, pd.DataFrame):
        if more:
            raise ReviewError(f"lists have no column {more[0]!r}: a DataFrame is needed")
        if isinstance(n, str):
            raise ReviewError("the numbers of patients are missing: pool([5, 7, 0], [8, 7, 3])")
        responders, patients = _as_list(data), _as_list(n)
        if len(responders) != len(patients):
            raise ReviewError(f"{len(responders)} numbers of responders but {len(patients)} of patients")
        names = range(1, len(responders) + 1) if isinstance(label, str) else list(label)
        if len(names) != len(responders):
            raise ReviewError(f"{len(responders)} numbers of responders but {len(names)} names of studies")
        return pd.DataFrame({"study": [str(name) for name in names], "responders": responders, "n": patients})
    numbered = label == "study" and label not in data
    studies = pd.Series(range(1, len(data) + 1), data.index) if numbered else data[_known(data, label)]
    named = {"study": studies.astype(str), "responders": data[_known(data, x)], "n": data[_known(data, n)]}
    return pd.DataFrame(named | {_inner(name): data[_known(data, name)] for name in more}).reset_index(drop=True)


def _as_list(numbers: Any) -> list[Any]:
    """Numbers of one row; one number is a study by itself."""
    if isinstance(numbers, str) or not isinstance(numbers, Iterable):
        return [numbers]
    if getattr(numbers, "ndim", 1) > 1:
        raise ReviewError(f"a row of numbers is needed, not {getattr(numbers, 'shape', '')}")
    return list(numbers)


def _inner(name: str) -> str:
    """Name of a covariate or a group within the engine, which no column of its own has."""
    return f"column {name}"


def _with_own_names(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """What the engine gives, under the names of the data."""
    both = [name for name in names if name in frame]
    if both:
        raise ReviewError(f"the result has a column {both[0]!r} of its own: rename that of the data")
    return frame.rename(columns={_inner(name): name for name in names})


def _known(frame: pd.DataFrame, name: Any) -> str:
    columns = [str(column) for column in frame.columns]
    if not isinstance(name, Hashable):
        raise ReviewError(f"the name of a column is needed, not {name!r}; there are {', '.join(columns)}")
    if name in frame:
        if (frame.columns == name).sum() > 1:
            raise ReviewError(f"{(frame.columns == name).sum()} columns are called {name!r}: rename all but one")
        return name  # type: ignore[return-value]  # numbers may name columns too
    near = nearest(str(name), columns)
    raise ReviewError(f"no column {name!r}{f'; nearest is {near!r}' if near else ''}; there are {', '.join(columns)}")


def _pooled_title(frame: pd.DataFrame) -> str:
    """Whose proportion was pooled, and how."""
    method = METHODS[frame["method"].iloc[0] if len(frame) else "glmm"]
    return f"Pooled proportion of {ESTIMANDS[method.estimand]} ({method.short_label})"


def _pooled_table(frame: pd.DataFrame, groups: Sequence[str], conf_level: float) -> pd.DataFrame:
    """What people read of pooled rows: studies, counts, the estimate and its intervals in per cent."""
    sure = f"[{coverage(conf_level)} CI]"

    def printed(words: Callable[..., str], *names: str) -> list[str]:
        return [words(*map(float, row)) for row in frame[list(names)].itertuples(index=False)]

    def ranged(low: float, high: float) -> str:
        return interval(low, high).strip("[]").replace(", ", " to ")

    def spread(tau2: float, low: float, high: float) -> str:
        known = not (missing(low) or missing(high))
        return f"{variance(tau2)} [{variance(low)}, {variance(high)}]" if known else variance(tau2)

    table = pd.DataFrame(
        {
            "studies": frame["k"],
            "x/n (%)": printed(fraction, "events", "n"),
            f"pooled % {sure}": printed(estimate, "estimate", "ci_lb", "ci_ub"),
            f"mean study % {sure}": printed(estimate, "mean_proportion", "mean_ci_lb", "mean_ci_ub"),
            f"{coverage(conf_level)} prediction": printed(ranged, "pi_lb", "pi_ub"),
            f"tau2 {sure}": printed(spread, "tau2", "tau2_lb", "tau2_ub"),
            "status": frame["status"],
        }
    )
    # Of several rows a column that has nothing to say in any of them is left out.
    blank = [name for name in table if len(frame) > 1 and (table[name] == NOTHING).all()]
    return pd.concat([frame[list(groups)], table.drop(columns=blank)], axis=1)  # a group may be called studies too


def _pooled_notes(frame: pd.DataFrame, groups: Sequence[str]) -> list[str]:
    """Statuses and remarks in words, each once, with the rows that it is about where there are several."""
    about: dict[str, list[str]] = {}
    for row in frame.to_dict("records"):
        name = ", ".join(str(row[group]) for group in groups)
        words = note_words(";".join(code for code in row["note"].split(";") if code != "empty_arms"))
        if row["status"] not in SILENT_STATUSES:
            words.insert(0, STATUSES[row["status"]])
        for one in words:
            about.setdefault(one, []).append(name)
    return [one if len(frame) == 1 else f"{'; '.join(names)}: {one}" for one, names in about.items()]


def _labels(values: pd.Series) -> pd.Series:
    """Names of groups, so that 1 and "1", and "oral" and "oral ", are one."""
    read = read_covariate(values)
    if pd.api.types.is_numeric_dtype(read):
        return read.map(lambda number: np.format_float_positional(number, trim="-"), na_action="ignore")
    return read


def _without_patients(arms: pd.DataFrame) -> list[str]:
    """A note on studies without patients, which are left out."""
    empty = arms.loc[pd.to_numeric(arms["n"]) == 0, "study"]
    return [f"left out, no patients: {', '.join(empty)}"] if len(empty) else []


def _left_out(arms: pd.DataFrame, names: Sequence[str]) -> list[str]:
    """Notes on studies left out because a column says nothing of them."""
    silent = {name: arms.loc[~has_value(arms[_inner(name)]), "study"] for name in names}
    return [f"left out, no value of {name}: {', '.join(studies)}" for name, studies in silent.items() if len(studies)]


def _mixed(arms: pd.DataFrame, names: Sequence[str]) -> list[str]:
    """Notes on covariates of which some values are numbers and others are not, so that all are taken as words."""
    notes = []
    for name in names:
        given = arms[_inner(name)].dropna()
        if pd.api.types.is_numeric_dtype(given):
            continue
        wordy = given[pd.to_numeric(given.astype(str), errors="coerce").isna()]
        if 0 < len(wordy) < len(given):
            notes.append(f"{name} is taken as words, each a category: {wordy.iloc[0]!r} is no number")
    return notes


def _test_words(test: pd.Series[Any]) -> str:
    """The test between subgroups, with the degrees of freedom of F."""
    p = f"P {p_value(test['p'])}" if test["p"] < 0.001 else f"P = {p_value(test['p'])}"
    return f"test between subgroups: {p}, F with {test['df']:.0f} and {test['ddf']:.0f} df"


def _review_of(arms: pd.DataFrame, title: str, conf_level: float) -> Any:
    """The counts as a review of one therapy, pooled."""
    from small_evidence.appraisal.levels import grade_studies
    from small_evidence.config import complete_config
    from small_evidence.extraction.checks import check_tables
    from small_evidence.review import Review
    from small_evidence.synthesis.analyses import pool_review

    pool_many(arms)  # refuses counts that cannot be, in the words of counts
    slugs = [f"study_{number}" for number in range(1, len(arms) + 1)]
    studies = pd.DataFrame({"study_id": slugs, "label": arms["study"].tolist()})
    responses = pd.DataFrame({"study_id": slugs, "therapy": ANALYSIS, "disease": GROUP})
    counts = {name: [f"{value:.0f}" for value in arms[name]] for name in ("n", "responders")}
    tables, _ = check_tables({"studies": studies, "responses": responses.assign(**counts)})
    choices = {"conf_level": conf_level, "min_studies": 2, "min_arm_size": 1}
    config = complete_config({"review": {"title": title or "Pooled proportion"}, "synthesis": choices})
    review = Review(tables, config)
    return pool_review(review.with_results({"study_levels": grade_studies(review)}))


def _typical(column: pd.Series) -> Any:
    return column.mean() if pd.api.types.is_numeric_dtype(column) else column.mode().iloc[0]
