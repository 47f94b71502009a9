"""Studies compared by their covariates: subgroups of a categorical one, the slope on a numeric one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from small_evidence.extraction.schema import ALL, humanise
from small_evidence.pooling.heterogeneity import REGRESSION_CODES, STUDIES_PER_COEFFICIENT, TEST_CODES
from small_evidence.review import Review
from small_evidence.synthesis.analyses import COVARIATE, TOGETHER
from small_evidence.tables.parts import RESPONSE, response_column
from small_evidence.tables.table import Column, Table
from small_evidence.wording import NOTHING, coverage, estimate, fraction, missing, odds_ratio, p_value, variance

PER_UNIT = "One unit more"  # the row of a numeric covariate


def covariate_table(review: Review) -> Table:
    """A row a group of studies, or a row a numeric covariate, for each pooled analysis over all diseases."""
    rows = []
    for analysis in review.analyses.values():
        tests = analysis.tests
        if analysis.disease != ALL or not len(tests):
            continue
        for name, found in tests[tests["factor"] == COVARIATE].groupby("covariate", sort=False):
            lines = found.to_dict("records")
            slope = missing(lines[0]["subgroup"])
            rows += [
                _row(line, first=at == 0, slope=slope) | {"Covariate": humanise(str(name))}
                for at, line in enumerate(lines)
            ]
            for row in rows[-len(lines) :]:
                row |= {"Treatment": analysis.label, "about": {"analysis": analysis.name}}
        before = ""
        for line in tests[tests["factor"] == TOGETHER].to_dict("records"):
            cells = _row(line, first=line["covariate"] != before, slope=True)
            group = PER_UNIT if line["subgroup"] == line["covariate"] else str(line["subgroup"])
            label = f"{humanise(str(line['covariate']))}, with the others"
            about = {"Treatment": analysis.label, "about": {"analysis": analysis.name}}
            rows.append(cells | {"Covariate": label, "Group": group} | about)
            before = line["covariate"]
    conf = coverage(review.conf_level)
    columns = (
        Column("Covariate", 16),
        Column("Group", 20),
        Column("Studies", 7, "center"),
        response_column(review),
        Column("Pooled", 16, "right", heading=f"Pooled % [{conf} CI]"),
        Column("OR", 18, "right", heading=f"Odds ratio [{conf} CI]"),
        Column("tau²", 7, "right"),
        Column("P", 8, "right"),
        Column("Not tested", 18),
    )
    notes = (
        "Binomial-normal model with one tau² for all groups; P of the F distribution, for the penalised likelihood "
        "ratio of the whole covariate, one covariate at a time. Intervals by penalised profile likelihood, "
        "exact where all or none respond in a group. Groups have "
        "a test where each has two studies or more and all together have four or more. Several covariates are also "
        f"fitted in one model (with the others) where there are at least {STUDIES_PER_COEFFICIENT} studies for each "
        "coefficient.",
        "A covariate is numeric where every study that reports it gives a number, otherwise categorical. Studies that "
        "do not report it are left out. Differences between studies are no differences between patients, and with "
        "several covariates some P values are small by chance; with fewer than "
        f"{STUDIES_PER_COEFFICIENT} studies for each coefficient P is a hint at most. Arms of one study count as "
        "independent in P and in the intervals.",
    )
    frame = pd.DataFrame(rows, columns=["Treatment", *(column.name for column in columns)])
    return Table(
        "covariates", "", "Studies compared by covariates", frame, columns, group="Treatment", footnotes=notes,
        about=tuple(row["about"] for row in rows),
    )  # fmt: skip


def _row(line: Mapping[Any, Any], first: bool, slope: bool) -> dict[str, Any]:
    """Cells of a group, or of a coefficient; the test stands in the first row of its covariate."""
    limits = line["ci_lb"], line["ci_ub"]
    return {
        "Group": PER_UNIT if slope else str(line["subgroup"]),
        "Studies": int(line["k"]),
        RESPONSE: fraction(line["events"], line["n"]),
        "Pooled": NOTHING if slope else estimate(line["estimate"], *limits),
        "OR": odds_ratio(line["b"], *limits) if slope else NOTHING,
        "tau²": variance(line["tau2"]),
        "P": p_value(line["p"]) if first else "",
        "Not tested": _why_not_tested(line, slope) if first else "",
    }


def _why_not_tested(line: Mapping[Any, Any], slope: bool) -> str:
    """Why there is no test, in words; NOTHING where there is one."""
    if not missing(line["p"]):
        return NOTHING
    words = REGRESSION_CODES if slope else TEST_CODES
    code = "" if missing(line["test_note"]) else line["test_note"]
    return words.get(code, code).format(k=int(line["k"]), coefficients=2) or NOTHING
