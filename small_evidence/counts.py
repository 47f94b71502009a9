"""Pool, compare and draw the counts of a DataFrame or of lists, without a review: x of n patients responded, by study.

The functions name their columns and hand on to `pooling` and `figures`; what they return prints itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from small_evidence import ReviewError
from small_evidence.pooling import comparisons, heterogeneity, pool_many, sensitivity
from small_evidence.pooling.comparisons import MEASURES
from small_evidence.wording import estimate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from small_evidence.figures.drawing import Drawing

ANALYSIS, GROUP = "counts", "patients"  # the one therapy and the one disease of a review made of counts


@dataclass(frozen=True)
class Result:
    """A result that prints itself.

    Attributes
    ----------
    title : what it is
    table : DataFrame of text; what is printed
    frame : DataFrame; every number, proportions 0..1, b, se and tau2 on the scale of the model
    """

    title: str
    table: pd.DataFrame
    frame: pd.DataFrame

    def __str__(self) -> str:
        return f"{self.title}\n{self.table.to_string(index=False)}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<p>{escape(self.title)}</p>{self.table.to_html(index=False, escape=True)}"

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
    data : DataFrame, a row a study; or the numbers of responders
    n, label : names of columns of `data`, or the numbers of patients and the names of the studies
    x : name of the column of responders
    by : columns whose values make groups that are pooled one by one
    conf_level, options : method, interval, measure, tau2_method and priors, as in `pooling.pool_responses`

    Examples
    --------
    >>> pool([3, 4, 9, 5], [12, 4, 17, 8])
    Pooled proportion
     studies       x/n (%) pooled % [95% CI] 95% prediction tau2 status
           4 21/41 (51.2%) 54.8 [18.8, 93.3]    2.7 to 99.3 0.46     ok
    """
    groups = [by] if isinstance(by, str) else list(by)
    arms = arms_of(data, n, label, x=x, more=groups)
    frame = pool_many(arms, [_inner(name) for name in groups], conf_level=conf_level, **options)
    frame = _with_own_names(frame, groups)
    return Result("Pooled proportion", _pooled_table(frame, groups, conf_level), frame)


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

    review = _review_of(arms_of(data, n, label, x=x), title, conf_level)
    return draw(review, ANALYSIS, named_style(Standards().journals, preset), title=title or "Pooled proportion")


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
    arms = arms_of(data, n, label, x=x, more=[by])
    frame = _with_own_names(heterogeneity.subgroups(arms, _inner(by), conf_level), [by])
    first = frame.iloc[0] if len(frame) else None
    if first is None:
        words = "no test: no study names a subgroup"
    elif pd.notna(first["p"]):
        words = f"test between subgroups: P = {first['p']:.3f}"
    else:
        words = f"no test: {first['test_note']}"
    return Result(f"Subgroups by {by} ({words})", _pooled_table(frame, [by], conf_level), frame)


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

    Intervals are those of the profile likelihood, so that they agree with the likelihood-ratio P.
    """
    names = [covariates] if isinstance(covariates, str) else list(covariates)
    arms = arms_of(data, n, label, x=x, more=names)
    frame = heterogeneity.meta_regression(arms, [_inner(name) for name in names], conf_level, interval="profile")
    for name in names:
        mine = frame["covariate"] == _inner(name)
        frame.loc[mine, "term"] = frame.loc[mine, "term"].str.replace(_inner(name), str(name), n=1, regex=False)
        frame.loc[mine, "covariate"] = name
    table = pd.DataFrame(
        {
            "term": frame["term"],
            "log odds": frame["b"].map("{:.3f}".format),
            f"{conf_level:.0%} CI": [
                f"{a:.3f} to {b:.3f}" for a, b in zip(frame["ci_lb"], frame["ci_ub"], strict=True)
            ],
            "P": ["" if pd.isna(p) else f"{p:.3f}" for p in frame["lr_p"]],
            "status": frame["status"],
        }
    )
    return Regression("Meta-regression of the log odds of response", table, frame, arms, names, conf_level)


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
    frame = sensitivity.leave_one_out(arms, study="study", conf_level=conf_level, **options)
    shown = frame.assign(left_out=frame["left_out"].replace("", "none"))
    return Result("Leave-one-out analysis", _pooled_table(shown, ["left_out"], conf_level), frame)


def compare(
    data: Any,
    n1: Any = "n1",
    x2: Any = "x2",
    n2: Any = "n2",
    *,
    x1: str = "x1",
    measure: str = "OR",
    method: str | None = None,
    conf_level: float = 0.95,
) -> Result:
    """Compare two arms of the same studies: x1 of n1 treated patients responded, x2 of n2 of the comparison.

    Parameters
    ----------
    data : DataFrame, a row a study; or the numbers x1
    n1, x2, n2 : names of columns of `data`, or numbers
    x1 : name of a column of `data`
    measure, method, conf_level : as in `pooling.comparisons.compare`
    """
    if isinstance(data, pd.DataFrame):
        arms = [data[_known(data, name)] for name in (x1, n1, x2, n2)]
    else:
        arms = [data, n1, x2, n2]
    found = comparisons.compare(*arms, measure=measure, method=method, conf_level=conf_level)
    scale = 100 if measure == "RD" else 1
    ends = " to ".join(f"{scale * found[name]:.2f}" for name in ("ci_lb", "ci_ub"))
    shown = {
        "studies": found["k"],
        "treated": f"{found['events1']}/{found['n1']}",
        "comparison": f"{found['events2']}/{found['n2']}",
        MEASURES[measure] + (", %" if measure == "RD" else ""): f"{scale * found['estimate']:.2f}",
        f"{conf_level:.0%} CI": ends,
        "P": "" if pd.isna(found["p"]) else f"{found['p']:.3f}",
        "status": found["status"],
    }
    return Result(f"Comparison of two arms ({found['method']})", pd.DataFrame([shown]), found.to_frame().T)


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
    ReviewError: a column that is not there, with the nearest one and those that are
    """
    if not isinstance(data, pd.DataFrame):
        if more:
            raise ReviewError(f"lists have no column {more[0]!r}: a DataFrame is needed")
        if isinstance(n, str):
            raise ReviewError("the numbers of patients are missing: pool([5, 7, 0], [8, 7, 3])")
        if len(data) != len(n):
            raise ReviewError(f"{len(data)} numbers of responders but {len(n)} of patients")
        names = range(1, len(data) + 1) if isinstance(label, str) else label
        if len(names) != len(data):
            raise ReviewError(f"{len(data)} numbers of responders but {len(names)} names of studies")
        return pd.DataFrame({"study": [str(name) for name in names], "responders": list(data), "n": list(n)})
    numbered = label == "study" and label not in data
    studies = pd.Series(range(1, len(data) + 1), data.index) if numbered else data[_known(data, label)]
    named = {"study": studies.astype(str), "responders": data[_known(data, x)], "n": data[_known(data, n)]}
    return pd.DataFrame(named | {_inner(name): data[_known(data, name)] for name in more}).reset_index(drop=True)


def _inner(name: str) -> str:
    """Name of a covariate or a group within the engine, which no column of its own has."""
    return f"column {name}"


def _with_own_names(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """What the engine gives, under the names of the data."""
    both = [name for name in names if name in frame]
    if both:
        raise ReviewError(f"the result has a column {both[0]!r} of its own: rename that of the data")
    return frame.rename(columns={_inner(name): name for name in names})


def _known(frame: pd.DataFrame, name: str) -> str:
    from small_evidence.extraction.schema import nearest

    if name in frame:
        return name
    columns = [str(column) for column in frame.columns]
    near = nearest(str(name), columns)
    raise ReviewError(f"no column {name!r}{f'; nearest is {near!r}' if near else ''}; there are {', '.join(columns)}")


def _pooled_table(frame: pd.DataFrame, groups: Sequence[str], conf_level: float) -> pd.DataFrame:
    """What people read of pooled rows: studies, counts, the estimate and its intervals in per cent."""
    shares = [
        f"{x:g}/{n:g} ({100 * x / n:.1f}%)" if n else f"{x:g}/{n:g}"
        for x, n in zip(frame["events"], frame["n"], strict=True)
    ]
    limits = zip(frame["estimate"], frame["ci_lb"], frame["ci_ub"], strict=True)
    prediction = zip(frame["pi_lb"], frame["pi_ub"], strict=True)
    table = pd.DataFrame(
        {
            "studies": frame["k"],
            "x/n (%)": shares,
            f"pooled % [{conf_level:.0%} CI]": ["" if pd.isna(one[0]) else estimate(*one) for one in limits],
            f"{conf_level:.0%} prediction": [
                "" if pd.isna(low) else f"{100 * low:.1f} to {100 * high:.1f}" for low, high in prediction
            ],
            "tau2": ["" if pd.isna(value) else f"{value:.2f}" for value in frame["tau2"].astype(float)],
            "status": frame["status"],
        }
    )
    return pd.concat([frame[list(groups)], table], axis=1)  # a group may be called studies too


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
