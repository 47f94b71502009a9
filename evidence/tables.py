"""Tables for people, as DataFrames ready to print: the only module that knows how a number is worded.

Vocabulary: a `Table` is a frame of finished cells with its caption, footnotes and layout; `documents` writes it
to files. Cells are text or whole numbers. Proportions arrive as 0..1 and leave as per cent, here and nowhere else.
`—` is nothing or not applicable, `NR` is not reported: the two are never exchanged, and neither is ever a zero.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

import pandas as pd

from evidence.pooling.proportions import proportion_interval
from evidence.schema import LABELS, empty_table, humanise, numbers

NOTHING = "—"
ALL = "all"  # the value of `disease` in a row over all diseases
MARKS = ("†", "‡", "§", "¶", "‖", "††", "‡‡", "§§", "¶¶", "‖‖")
WIDE_INTERVAL = (
    0.80  # a pooled interval wider than this leaves nearly every response possible; it is shown, with a note
)
SILENT = ("", "NR", "UNCLEAR")

ACRONYMS = ("ocebm", "eular", "grade", "jaad", "nice", "sign")  # of bodies that publish schemes of levels

MODELS = {
    "glmm": "binomial-normal random-effects model on the logit scale, by maximum likelihood",
    "beta_binomial": "beta-binomial model, by maximum likelihood",
    "bayes": "Bayesian binomial-normal model with weakly informative priors",
    "inverse_variance": "inverse-variance random-effects model",
    "single": "proportion of one study",
    "crude": "summed counts",
}
INTERVALS = {
    "profile": "profile likelihood",
    "wald_z": "Wald, normal quantiles",
    "wald_t": "Wald, t quantiles with k − 1 degrees of freedom",
    "hk": "Hartung-Knapp",
    "hk_adhoc": "Hartung-Knapp, never narrower than the normal one",
    "clopper_pearson": "exact (Clopper-Pearson)",
    "wilson": "Wilson",
    "jeffreys": "Jeffreys",
    "credible": "credible interval",
}
NOTE_NR = f"NR, not reported in the text that was read (neither zero nor none); {NOTHING}, nothing or not applicable."


@dataclass(frozen=True)
class Column:
    """A column of a printed table.

    Attributes
    ----------
    name : str; the column of the frame
    width : float; wished width in characters of the body text
    align : "left", "center" or "right"
    over : str; heading shared with the neighbours that have the same one ("" = none)
    heading : str; what is printed, when it is not the name
    """

    name: str
    width: float
    align: str = "left"
    over: str = ""
    heading: str = ""

    @property
    def title(self) -> str:
        """The heading as printed."""
        return self.heading or self.name


@dataclass(frozen=True)
class Table:
    """A table ready to print.

    Attributes
    ----------
    name : str; stem of its files
    number, title : str; "Table IV" ("" = a table without a number) and the caption that follows it
    frame : DataFrame; a row a printed row, cells are str or int; the columns of `columns` and `group`
    columns : tuple of Column
    group : str; column of the frame whose changes make a heading row ("" = no groups)
    emphasised : tuple of int; positions of the rows set in bold (totals, pooled lines)
    footnotes : tuple of str
    landscape : bool
    listed : bool; a machine table has the same rows under the same name, so that a second CSV would only overwrite it
    """

    name: str
    number: str
    title: str
    frame: pd.DataFrame
    columns: tuple[Column, ...]
    group: str = ""
    emphasised: tuple[int, ...] = ()
    footnotes: tuple[str, ...] = ()
    landscape: bool = True
    listed: bool = False

    @property
    def caption(self) -> str:
        """Number and title in one line."""
        return f"{self.number}. {self.title}" if self.number else self.title


# Numbers ---------------------------------------------------------------------------------------------------


def per_cent(proportion: float) -> str:
    """A proportion as per cent, one decimal, no sign; what is not quite 0 or 100 is not printed as such.

    >>> per_cent(0.625), per_cent(0.0625), per_cent(0.00004), per_cent(0.99996), per_cent(1), per_cent(float("nan"))
    ('62.5', '6.3', '<0.1', '>99.9', '100.0', '—')
    """
    if _missing(proportion):
        return NOTHING
    # repr() gives the shortest decimal of the float, so that 1/16 is 6.25 and rounds as by hand, half up.
    tenths = (Decimal(repr(float(proportion))) * 100).quantize(Decimal("0.1"), ROUND_HALF_UP)
    if tenths == 0 and proportion > 0:
        return "<0.1"
    if tenths == 100 and proportion < 1:
        return ">99.9"
    return str(abs(tenths))


def percent(proportion: float) -> str:
    """A proportion as per cent, with the sign.

    >>> percent(0.625), percent(float("nan"))
    ('62.5%', '—')
    """
    number = per_cent(proportion)
    return number if number == NOTHING else f"{number}%"


def fraction(x: float, n: float) -> str:
    """Responders of patients with their share.

    >>> fraction(5, 8), fraction(0, 6), fraction(float("nan"), 8), fraction(float("nan"), float("nan"))
    ('5/8 (62.5%)', '0/6 (0.0%)', 'NR/8', '—')
    """
    if _missing(x) and _missing(n):
        return NOTHING
    if _missing(x) or _missing(n) or n == 0:
        return f"{count(x)}/{count(n)}"
    return f"{count(x)}/{count(n)} ({percent(x / n)})"


def interval(lower: float, upper: float) -> str:
    """An interval of proportions in per cent.

    >>> interval(0.24486, 0.91477), interval(float("nan"), 1)
    ('[24.5, 91.5]', '—')
    """
    if _missing(lower) or _missing(upper):
        return NOTHING
    return f"[{per_cent(lower)}, {per_cent(upper)}]"


def estimate(proportion: float, lower: float, upper: float) -> str:
    """An estimate with its interval, in per cent.

    >>> estimate(0.548, 0.351, 0.7)
    '54.8 [35.1, 70.0]'
    """
    if _missing(proportion):
        return NOTHING
    bounds = interval(lower, upper)
    return per_cent(proportion) if bounds == NOTHING else f"{per_cent(proportion)} {bounds}"


def count(value: float) -> str:
    """A count as text, NR where it is not known.

    >>> count(12.0), count(float("nan"))
    ('12', 'NR')
    """
    return "NR" if _missing(value) else f"{value:.0f}"


def p_value(p: float) -> str:
    """A p value with two digits that matter.

    >>> p_value(0.2345), p_value(0.0345), p_value(0.00001), p_value(float("nan"))
    ('0.23', '0.035', '<0.001', '—')
    """
    if _missing(p):
        return NOTHING
    if p < 0.001:
        return "<0.001"
    return _rounded(p, 2 if p >= 0.1 else 3)


def variance(tau2: float) -> str:
    """A between-study variance with sensible digits.

    >>> variance(0.45643), variance(0.0), variance(0.0031), variance(1e-7), variance(12.345)
    ('0.46', '0', '0.003', '<0.001', '12.3')
    """
    if _missing(tau2):
        return NOTHING
    if tau2 == 0:
        return "0"
    if tau2 < 0.001:
        return "<0.001"
    return _rounded(tau2, 3 if tau2 < 0.01 else 2 if tau2 < 10 else 1)


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun.

    >>> counted(1, "study", "studies"), counted(2, "study", "studies"), counted(0, "patient")
    ('1 study', '2 studies', '0 patients')
    """
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def _rounded(value: float, digits: int) -> str:
    return str(Decimal(repr(float(value))).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP))


def _missing(value) -> bool:
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value)) or value is pd.NA


# Words -----------------------------------------------------------------------------------------------------


def cell(value) -> str:
    """A cell of the extraction as people read it: blanks closed up, empty and unclear said.

    >>> cell(" two  words "), cell(""), cell("NR"), cell("UNCLEAR")
    ('two words', '—', 'NR', 'unclear')
    """
    if _missing(value):
        return NOTHING
    text = " ".join(str(value).split())
    return {"": NOTHING, "UNCLEAR": "unclear"}.get(text, text)


def word(vocabulary: str, value: str) -> str:
    """The label of a word of a closed vocabulary."""
    if value in SILENT:
        return cell(value)
    return LABELS.get(vocabulary, {}).get(value) or humanise(value)


def short_label(label: str, synonyms: str) -> str:
    """A label for a narrow column: the first synonym, else the label up to its first comma or bracket.

    >>> short_label("Systemic sclerosis", "SSc;scleroderma"), short_label("Other or not separable (SLE, ...)", "")
    ('SSc', 'Other or not separable')
    """
    first = synonyms.split(";")[0].strip()
    return first or re.split(r" \(|,", label)[0].strip()


def with_labels(text: str, labels: Mapping[str, str]) -> str:
    """Text of a machine table with its study ids replaced by the labels of the studies.

    >>> with_labels("IB: 1 randomised trial, berger1987", {"berger1987": "Berger 1987"})
    'IB: 1 randomised trial, Berger 1987'
    """
    if not labels:
        return text
    longest_first = sorted(map(re.escape, labels), key=len, reverse=True)
    return re.sub(rf"(?<![\w-])(?:{'|'.join(longest_first)})(?![\w-])", lambda match: labels[match[0]], text)


def _labels(frame: pd.DataFrame, key: str) -> dict[str, str]:
    """Slug to label; a slug without one is made readable."""
    return {
        slug: humanise(slug) if label in SILENT else cell(label)
        for slug, label in zip(frame[key], frame["label"], strict=True)
    }


def _short_labels(diseases: pd.DataFrame) -> dict[str, str]:
    """Slug to a short label; where two would be the same, the whole labels tell them apart."""
    whole = _labels(diseases, "disease")
    short = {
        row.disease: short_label(whole[row.disease], "" if row.synonyms in SILENT else row.synonyms)
        for row in diseases.itertuples()
    }
    taken = Counter(short.values())
    return {slug: label if taken[label] == 1 else f"{whole[slug]} ({slug})" for slug, label in short.items()}


def _class_label(slug: str, class_labels: Mapping[str, str]) -> str:
    if slug in SILENT:
        return "Class not stated"
    return class_labels.get(slug) or humanise(slug)


def _all_of(class_label: str) -> str:
    """'All bisphosphonates', but 'All TNF inhibitors'."""
    ordinary = class_label[1:2].islower()
    return "All " + (class_label[0].lower() + class_label[1:] if ordinary else class_label)


def _level(value) -> str:
    """A level as text; a scheme with levels 1 to 5 comes back from a CSV as numbers."""
    if _missing(value):
        return "not gradable"
    return f"{value:.0f}" if isinstance(value, float) else str(value)


def _joined(words: Iterable[str], separator: str = "; ") -> str:
    """Different words in their order."""
    return separator.join(dict.fromkeys(words)) or NOTHING


def _ids(text) -> list[str]:
    return [] if _missing(text) else [part.strip() for part in str(text).split(";") if part.strip()]


def _abbreviations(slugs: Iterable[str], diseases: pd.DataFrame) -> list[str]:
    """A footnote that spells out the short names of the diseases used."""
    used = set(slugs)
    short, long = _short_labels(diseases), _labels(diseases, "disease")
    pairs = [
        long[slug] if long[slug].startswith(short[slug]) else f"{short[slug]}, {long[slug]}"
        for slug in diseases["disease"]
        if slug in used and short[slug] != long[slug]
    ]
    return ["; ".join(pairs) + "."] if pairs else []


class _Marks:
    """Footnote marks in the order of their first use; notes are printed in the same order."""

    def __init__(self) -> None:
        self.notes: dict[str, str] = {}

    def mark(self, note: str) -> str:
        position = list(self.notes).index(note) if note in self.notes else len(self.notes)
        sign = MARKS[position] if position < len(MARKS) else f"({position + 1})"
        return self.notes.setdefault(note, sign)

    def footnotes(self) -> list[str]:
        return [f"{sign} {note}" for note, sign in self.notes.items()]


# Shared parts ----------------------------------------------------------------------------------------------


def level_note(schemes: Mapping, scheme: str) -> list[str]:
    """The scheme of the levels and what to know about it; printed wherever a level is printed."""
    if not scheme:
        return []
    facts = schemes["schemes"][scheme]
    note = f"Levels of evidence: {facts['title']}."
    return [note + (f" {' '.join(facts['note'].split())}" if facts["note"] else "")]


def _scheme_name(slug: str) -> str:
    """'OCEBM 2009' of ocebm_2009: the first word is an acronym unless it is a name.

    >>> _scheme_name("ocebm_2009"), _scheme_name("shekelle_1999")
    ('OCEBM 2009', 'Shekelle 1999')
    """
    first, _, rest = slug.partition("_")
    return f"{first.upper() if first in ACRONYMS else humanise(first)} {rest.replace('_', ' ')}".strip()


def _scheme_of(levels: pd.DataFrame, schemes: Mapping) -> str:
    return levels["scheme"].iloc[0] if len(levels) else schemes["default"]


def _model_notes(pooled: pd.DataFrame, policy: Mapping) -> list[str]:
    """Model and intervals of the pooled values, and which arms could enter."""
    level = f"{policy['level']:.0%}"
    notes = []
    done = pooled[pooled["pooled"] == "yes"]
    if len(done):
        models = _joined(MODELS.get(name, humanise(name)) for name in done["method"] if not _missing(name))
        kinds = _joined(INTERVALS.get(name, humanise(name)) for name in done["interval"] if not _missing(name))
        notes.append(f"Pooled %: {models}; {level} confidence interval by {kinds}.")
    notes.append(
        f"Responders/n: summed counts of the study arms that entered, with the exact (Clopper-Pearson) {level} "
        "interval."
    )
    unit = policy["unit"]
    notes.append(
        f"Pooled from {counted(policy['least_studies'], 'study', 'studies')} on; arms of fewer than "
        f"{counted(policy['least_arm'], unit)} are shown in Table III and do not enter."
    )
    return notes


def _therapy_order(therapies: pd.DataFrame) -> list[tuple[str, list[str]]]:
    """Classes in the order of their first therapy, each with its therapies in display order."""
    order = numbers(therapies["display_order"]).fillna(math.inf)
    ordered = therapies.assign(order=order).sort_values("order", kind="stable")
    return [(slug, list(rows["therapy"])) for slug, rows in ordered.groupby("therapy_class", sort=False)]


def _references(arms: pd.DataFrame, labels: Mapping[str, str]) -> str:
    """Studies of an analysis, those that entered first, each group by year; a star marks the others."""
    by_year = arms.sort_values(["year", "study_id"], na_position="last", kind="stable")
    entered = dict.fromkeys(by_year.loc[by_year["entered"] == "yes", "study_id"])
    others = [study for study in dict.fromkeys(by_year["study_id"]) if study not in entered]
    return _joined([labels.get(s, s) for s in entered] + [labels.get(s, s) + "*" for s in others])


def treated(arms: pd.DataFrame, studies: pd.DataFrame, responses: pd.DataFrame, unit: str = "patient") -> pd.Series:
    """Patients of all studies of an analysis whose number is known, those without usable counts too; a cohort once.

    Returns
    -------
    Series of float by analysis; NaN where no study tells its number
    """
    rows = arms.assign(response_id=arms["response_ids"].map(_ids)).explode("response_id")
    facts = responses.set_index("response_id")
    rows["unit"] = rows["response_id"].map(facts["unit"])
    rows["size"] = rows["response_id"].map(numbers(facts["n"]))
    cohorts = studies.set_index("study_id")["cohort_id"]
    rows["cohort"] = rows["study_id"].map(cohorts)
    rows["cohort"] = rows["cohort"].where(~rows["cohort"].isin(SILENT), rows["study_id"])
    rows = rows[rows["unit"] == unit].drop_duplicates(["analysis", "response_id"])
    sums = rows.groupby(["analysis", "cohort", "study_id", "arm_therapy"])["size"].sum(min_count=1)
    return sums.groupby(["analysis", "cohort"]).max().groupby("analysis").sum(min_count=1)


def _number(value: float) -> int | str:
    """A count as a number that stays a number in a spreadsheet, NR where not known."""
    return "NR" if _missing(value) else int(value)


# Tables ----------------------------------------------------------------------------------------------------


def evidence_tables(frames: Mapping[str, pd.DataFrame], schemes: Mapping, config: Mapping) -> list[Table]:
    """Every printed table of a review, in the order of the paper.

    Parameters
    ----------
    frames : mapping; the checked extraction tables and the results by name (`review.read_frames`): studies, responses,
        therapies, diseases, arms, pooled, study_levels, therapy_levels; adverse_events and level_sensitivity may be
        absent, and without reconciliation and awaiting there is no such table
    schemes : mapping from `grading.read_schemes`
    config : mapping; the sections review, grading and synthesis
    """
    names = ("studies", "responses", "therapies", "diseases", "arms", "pooled", "study_levels", "therapy_levels")
    studies, responses, therapies, diseases, arms, pooled, graded, levels = (frames[name] for name in names)
    events = frames.get("adverse_events")
    events = empty_table("adverse_events") if events is None else events
    review, policy = config["review"], config["synthesis"]
    class_labels, follows = review["class_labels"], "" if review["follows"] == "none" else review["follows"]
    made = [
        table_i(schemes, config["grading"]["scheme"], graded),
        table_ii(studies, responses, therapies, diseases, graded, schemes, review["condition"], follows),
        table_iii(arms, pooled, studies, responses, therapies, diseases, policy, class_labels),
        table_iv(
            pooled, arms, levels, studies, responses, therapies, diseases, schemes, policy,
            config["grading"]["reference_line"], class_labels, review["condition"],
        ),
        adverse_event_table(events, studies, responses, therapies),
        level_table(
            levels, therapies, diseases, studies, schemes, class_labels, frames.get("level_sensitivity")
        ),
    ]  # fmt: skip
    if "reconciliation" in frames:
        made.append(reconciliation_table(frames["reconciliation"]))
    if "awaiting" in frames:
        made.append(awaiting_table(frames["awaiting"], schemes, config["grading"]["scheme"]))
    return made


def table_i(schemes: Mapping, scheme: str, study_levels: pd.DataFrame | None = None) -> Table:
    """Table I: the levels of evidence of a scheme and their meaning.

    Parameters
    ----------
    schemes : mapping; the file of the level schemes
    scheme : str; the scheme used
    study_levels : DataFrame of `grading.grade_studies`; adds how many studies of the review have each level
    """
    facts = schemes["schemes"][scheme]
    judged = set(facts.get("judgements", ()))
    rows = []
    for level in facts["order"]:
        designs = [
            word("design", design) + ("*" if design in judged else "")
            for design, given in facts["designs"].items()
            if given == level and design in LABELS["design"]
        ]
        meaning = cell(facts["levels"][level]["meaning"])
        row = {"Level": level, "Meaning": meaning, "Designs graded so": _joined(designs)}
        if study_levels is not None:
            row["Studies"] = int((study_levels["level"].map(_level) == level).sum())
        rows.append(row)
    columns = [
        Column("Level", 8),
        Column("Meaning", 48),
        Column("Designs graded so", 52),
    ]
    notes = [f"Scheme: {facts['title']}. {cell(facts['citation'])}"]
    if facts["note"]:
        notes.append(cell(facts["note"]))
    if facts.get("confidence") in ("low", "medium"):
        notes.append(f"Certainty that these are the published definitions: {facts['confidence']}.")
    if any("*" in row["Designs graded so"] for row in rows):
        notes.append("* The scheme does not spell this design out; it was placed by judgement.")
    if study_levels is not None:
        columns.append(Column("Studies", 9, "center"))
        active = study_levels[study_levels["status"] != "excluded"]
        ungraded = int((active["gradable"] != "yes").sum())
        notes.append(
            "Studies: included ones and those awaiting counts; a level needs the design, not the counts."
            + (f" {counted(ungraded, 'study', 'studies')} could not be graded." if ungraded else "")
        )
    frame = pd.DataFrame(rows, columns=[column.name for column in columns])
    return Table(
        "table_i", "Table I", "Levels of evidence and their meaning", frame, tuple(columns), footnotes=tuple(notes),
        landscape=False,
    )  # fmt: skip


def table_ii(
    studies: pd.DataFrame,
    responses: pd.DataFrame,
    therapies: pd.DataFrame,
    diseases: pd.DataFrame,
    study_levels: pd.DataFrame,
    schemes: Mapping,
    condition: str = "the condition",
    follows: str = "",
) -> Table:
    """Table II: characteristics of the studies; included, awaiting counts, and excluded with the reason.

    Parameters
    ----------
    studies, responses, therapies, diseases : extraction tables
    study_levels : DataFrame of `grading.grade_studies`
    schemes : mapping; the file of the level schemes
    condition : str; what the patients counted have
    follows : str; the earlier review that `published_review` refers to ("" = none, then no such column)
    """
    therapy_labels, short = _labels(therapies, "therapy"), _short_labels(diseases)
    treatments = responses.groupby("study_id")["therapy"].unique()
    illnesses = responses.groupby("study_id")["disease"].unique()
    graded = study_levels.set_index("study_id")
    patients = f"Patients with {condition}"
    marks = _Marks()
    rows = []
    titles = {"included": "Included", "awaiting": "Awaiting counts", "excluded": "Excluded"}
    ordered = studies.assign(name=studies["label"].str.casefold()).sort_values("name", kind="stable")
    for status, title in titles.items():
        for study in ordered[ordered["status"] == status].itertuples():
            level = NOTHING
            if status != "excluded":
                grade = graded.loc[study.study_id]
                level = _level(grade["level"])
                if not _missing(grade["override"]):
                    level += marks.mark(
                        f"Level set by hand from {_level(grade['level_by_design'])}: {cell(grade['override_reason'])}"
                    )
            identifiers = [f"doi:{study.doi}"] * (study.doi not in SILENT) + [f"PMID {study.pmid}"] * (
                study.pmid not in SILENT
            )
            rows.append(
                {
                    "Status": title,
                    "Study": cell(study.label),
                    "Year": _whole(study.year),
                    "Design": word("design", study.design),
                    "Controlled": cell(study.controlled),
                    patients: _whole(study.n_patients),
                    "Diseases": _joined(short.get(s, cell(s)) for s in illnesses.get(study.study_id, [])),
                    "Treatments": _joined(therapy_labels.get(s, cell(s)) for s in treatments.get(study.study_id, [])),
                    "Level": level,
                    "DOI, PMID": _joined(identifiers) if identifiers else "NR",
                    "In earlier review": word("published_review", study.published_review),
                    "What is missing, or why excluded": cell(study.status_reason),
                }
            )
    columns = [
        Column("Study", 18),
        Column("Year", 6, "center"),
        Column("Design", 13),
        Column("Controlled", 9),
        Column(patients, 10, "center"),
        Column("Diseases", 9),
        Column("Treatments", 21),
        Column("Level", 7),
        Column("DOI, PMID", 22),
        Column("In earlier review", 8.5),
        Column("What is missing, or why excluded", 33),
    ]
    if not follows:
        columns = [column for column in columns if column.name != "In earlier review"]
    frame = pd.DataFrame(rows, columns=["Status", *(column.name for column in columns)])
    sizes = studies["status"].value_counts()
    notes = [
        "; ".join(f"{title}: {int(sizes.get(status, 0))}" for status, title in titles.items())
        + " studies. Awaiting counts: eligible, but the number of patients or of responders is not in hand; graded, "
        "not pooled.",
        *_abbreviations(set(responses["disease"]), diseases),
        *level_note(schemes, _scheme_of(study_levels, schemes)),
        *marks.footnotes(),
    ]
    if follows:
        notes.append(f"In earlier review: whether the study is one of those of {follows}, as far as could be told.")
    notes.append(NOTE_NR)
    return Table(
        "table_ii", "Table II", "Characteristics of the studies", frame, tuple(columns), group="Status",
        footnotes=tuple(notes),
    )  # fmt: skip


def table_iii(
    arms: pd.DataFrame,
    pooled: pd.DataFrame,
    studies: pd.DataFrame,
    responses: pd.DataFrame,
    therapies: pd.DataFrame,
    diseases: pd.DataFrame,
    policy: Mapping,
    class_labels: Mapping[str, str] | None = None,
) -> Table:
    """Table III: responses by treatment, each study arm and then the pooled line or why there is none.

    Arms that did not enter are listed with the reason, and so are further outcomes of the same studies.

    Parameters
    ----------
    arms, pooled : DataFrames of `synthesis.select_arms` and `synthesis.pool_arms`
    studies, responses, therapies, diseases : extraction tables
    policy : mapping; the section `synthesis` of the config
    class_labels : mapping from the slug of a class to its label
    """
    class_labels = class_labels or {}
    study_labels, therapy_labels = _labels(studies, "study_id"), _labels(therapies, "therapy")
    short = _short_labels(diseases)
    facts = responses.set_index("response_id").to_dict("index")
    over_all = pooled[pooled["disease"] == ALL]
    whole = _by_key(over_all, ("scope", "therapy"))
    arms_of = dict(list(arms[arms["disease"] == ALL].groupby(["scope", "therapy"], sort=False)))
    active = studies.loc[studies["status"] != "excluded", "study_id"]
    further = responses[(responses["primary_outcome"] != "yes") & responses["study_id"].isin(active)]
    further = further.assign(x=numbers(further["responders"]), n=numbers(further["n"]))
    bounds_of = _exact_bounds([*arms["responders"], *further["x"]], [*arms["n"], *further["n"]], policy["level"])
    marks = _Marks()
    rows, emphasised, used = [], [], set()

    def arm_row(title, study, response_ids, x, n, role):
        told = [facts[response] for response in response_ids if response in facts]
        used.update(row["disease"] for row in told)
        units = [u for u in dict.fromkeys(row["unit"] for row in told) if u not in ("patient", *SILENT)]
        return {
            "Treatment": title,
            "Study": study_labels.get(study, study),
            "Disease": _joined(short.get(row["disease"], cell(row["disease"])) for row in told),
            "Outcome": _joined(word("outcome", row["outcome"]) for row in told),
            "Response defined as": _joined(cell(row["response_definition"]) for row in told),
            "Follow-up": _joined(cell(row["follow_up"]) for row in told),
            "Known from": _joined(word("evidence_basis", row["evidence_basis"]) for row in told),
            "Responders/n (%)": "NR" if _missing(x) and _missing(n) else fraction(x, n),
            "interval": bounds_of.get((x, n), NOTHING),
            "In the analysis": role + "".join(f"; {word('unit', u)}" for u in units if word("unit", u) not in role),
        }

    def add_summary(title, scope, therapy):
        line = whole[scope, therapy]
        blank = dict.fromkeys(("Disease", "Outcome", "Follow-up", "Known from", "In the analysis"), NOTHING)
        done = line["pooled"] == "yes"
        summed = {
            "Treatment": title,
            "Study": f"Summed, {counted(int(line['k']), 'study', 'studies')}"
            if done
            else f"Not pooled: {line['reason']}",
            "Response defined as": NOTHING,
            "Responders/n (%)": fraction(line["events"], line["n"]) if line["k"] else NOTHING,
            "interval": interval(line["crude_ci_lb"], line["crude_ci_ub"]) if line["k"] else NOTHING,
        }
        model = {
            "Treatment": title,
            "Study": f"Pooled, {counted(int(line['k']), 'study', 'studies')}",
            "Response defined as": _spread(line),
            "Responders/n (%)": percent(line["estimate"]) + "".join(_pooled_marks(line, marks)),
            "interval": interval(line["ci_lb"], line["ci_ub"]),
        }
        for row in (summed, model) if done else (summed,):
            emphasised.append(len(rows))
            rows.append(row | blank)

    for therapy_class, members in _therapy_order(therapies):
        for therapy in members:
            if ("therapy", therapy) not in whole:
                continue
            title = therapy_labels[therapy]
            own = arms_of.get(("therapy", therapy), arms.iloc[:0])
            own = own.sort_values(["entered", "year"], ascending=[False, True], na_position="last", kind="stable")
            for arm in own.itertuples():
                role = "yes" if arm.entered == "yes" else f"no: {with_labels(arm.reason, study_labels)}"
                rows.append(arm_row(title, arm.study_id, _ids(arm.response_ids), arm.responders, arm.n, role))
            listed = {response for ids in own["response_ids"] for response in _ids(ids)}
            for extra in further[(further["therapy"] == therapy) & ~further["response_id"].isin(listed)].itertuples():
                role = f"no: {extra.pool_reason or 'further outcome'}"
                rows.append(arm_row(title, extra.study_id, [extra.response_id], extra.x, extra.n, role))
            add_summary(title, "therapy", therapy)
        if ("class", therapy_class) in whole:
            add_summary(_all_of(_class_label(therapy_class, class_labels)), "class", therapy_class)
    bounds = f"{policy['level']:.0%} CI, %"
    columns = (
        Column("Study", 21),
        Column("Disease", 10),
        Column("Outcome", 12),
        Column("Response defined as", 30),
        Column("Follow-up", 14),
        Column("Known from", 10),
        Column("Responders/n (%)", 14, "right"),
        Column(bounds, 13, "right"),
        Column("In the analysis", 27),
    )
    frame = pd.DataFrame(rows, columns=["Treatment", *(c.name if c.name != bounds else "interval" for c in columns)])
    frame = frame.rename(columns={"interval": bounds})
    notes = [
        *_model_notes(over_all, policy),
        f"{bounds}: exact (Clopper-Pearson) for arms and sums, of the model for pooled values.",
        "Between-study variance (tau²) is on the logit scale; a prediction interval is where the response of a "
        "further study would lie."
        if (over_all["pooled"] == "yes").any()
        else "",
        "Known from: the abstract, the full text, or a secondary source (someone else's account of the study).",
        *marks.footnotes(),
        *_abbreviations(used, diseases),
        NOTE_NR,
    ]
    return Table(
        "table_iii", "Table III", "Responses by treatment", frame, columns, group="Treatment",
        emphasised=tuple(emphasised), footnotes=tuple(note for note in notes if note),
    )  # fmt: skip


def table_iv(
    pooled: pd.DataFrame,
    arms: pd.DataFrame,
    therapy_levels: pd.DataFrame,
    studies: pd.DataFrame,
    responses: pd.DataFrame,
    therapies: pd.DataFrame,
    diseases: pd.DataFrame,
    schemes: Mapping,
    policy: Mapping,
    reference_line: float,
    class_labels: Mapping[str, str] | None = None,
    condition: str = "",
) -> Table:
    """Table IV: level of evidence and response of every treatment, over all diseases and by disease.

    A row a treatment with at least one study that is not excluded, in the groups and order of `therapies`; a class
    that is analysed as a whole comes after its members. Treatments whose studies all await counts have their row and
    say so.

    Parameters
    ----------
    pooled, arms : DataFrames of `synthesis.pool_arms` and `synthesis.select_arms`
    therapy_levels : DataFrame of `grading.grade_therapies`
    studies, responses, therapies, diseases : extraction tables
    schemes : mapping; the file of the level schemes
    policy : mapping; the section `synthesis` of the config
    reference_line : float in (0, 1); what `direction` was read against
    class_labels : mapping from the slug of a class to its label
    condition : str; for the caption
    """
    class_labels = class_labels or {}
    study_labels, therapy_labels = _labels(studies, "study_id"), _labels(therapies, "therapy")
    short = _short_labels(diseases)
    shown = [slug for slug in diseases["disease"] if slug in set(pooled["disease"])]
    key = ("scope", "therapy", "disease")
    lines = _by_key(pooled, key)
    arms_of = dict(list(arms.groupby("analysis", sort=False)))
    level_of = {place: _level(row["level"]) for place, row in _by_key(therapy_levels, key).items()}
    patients = treated(arms, studies, responses, policy["unit"])
    marks = _Marks()
    level = f"{policy['level']:.0%}"
    response, result = f"Responders/n (%) [{level} CI]", f"Pooled % [{level} CI]"
    rows, emphasised = [], []

    def row_of(group, label, scope, therapy):
        line = lines[scope, therapy, ALL]
        own = arms_of[line["analysis"]]
        secondary = own.loc[own["entered"] == "yes", "evidence_basis"].map(lambda text: "secondary" in _ids(text)).any()
        values = {
            "Class": group,
            "Treatment": label,
            "Level": level_of.get((scope, therapy, ALL), "not gradable"),
            "Direction": NOTHING if _missing(line["direction"]) else line["direction"],
            "Analysed": int(line["k"]),
            "Left out": int(line["k_left_out"]),
            "Awaiting": int(line["k_awaiting"]),
            "Patients": _number(patients.get(line["analysis"])),
            response: NOTHING,
            result: _pooled_value(line, marks) if line["pooled"] == "yes" else f"not pooled: {line['reason']}",
        }
        if line["k"]:
            values[response] = (
                f"{fraction(line['events'], line['n'])} {interval(line['crude_ci_lb'], line['crude_ci_ub'])}"
            )
            if secondary:
                values[response] += marks.mark(
                    "Rests wholly or partly on counts known from a secondary source only (see Table III)."
                )
        for disease in shown:
            here = (scope, therapy, disease)
            values[short[disease]] = _disease_cell(lines[here], marks) if here in lines else NOTHING
        values["References"] = _references(own, study_labels) if scope == "therapy" else "those of the rows above"
        return values

    for therapy_class, members in _therapy_order(therapies):
        group = _class_label(therapy_class, class_labels)
        for therapy in members:
            if ("therapy", therapy, ALL) in lines:
                rows.append(row_of(group, therapy_labels[therapy], "therapy", therapy))
        if ("class", therapy_class, ALL) in lines:
            emphasised.append(len(rows))
            rows.append(row_of(group, _all_of(group), "class", therapy_class))

    columns = (
        Column("Treatment", 17),
        Column("Level", 6),
        Column("Direction", 8.5),
        Column("Analysed", 7.5, "center", over="Studies"),
        Column("Left out", 5, "center", over="Studies"),
        Column("Awaiting", 7.5, "center", over="Studies"),
        Column("Patients", 7.5, "center"),
        Column(response, 14),
        Column(result, 16),
        *(Column(short[disease], 11.5, over="By disease") for disease in shown),
        Column("References", 25),
    )
    frame = pd.DataFrame(rows, columns=["Class", *(column.name for column in columns)])
    notes = _table_iv_notes(pooled, arms, therapy_labels, policy, reference_line, marks)
    notes[1:1] = level_note(schemes, _scheme_of(therapy_levels, schemes))
    notes += [*_abbreviations(shown, diseases), NOTE_NR]
    title = "Level of evidence and response by treatment and disease" + (f": {condition}" if condition else "")
    return Table(
        "table_iv", "Table IV", title, frame, columns, group="Class", emphasised=tuple(emphasised),
        footnotes=tuple(notes),
    )  # fmt: skip


def _table_iv_notes(pooled, arms, therapy_labels, policy, reference_line, marks) -> list[str]:
    """What the reader of Table IV must know, in the order in which the columns raise the question."""
    single = pooled[(pooled["disease"] == ALL) & (pooled["scope"] == "therapy")]
    in_hand = arms[(arms["disease"] == ALL) & (arms["scope"] == "therapy")]
    entered = set(in_hand.loc[in_hand["entered"] == "yes", "study_id"])
    waiting = {study for ids in single["awaiting"] for study in _ids(ids)} - entered
    only = int(((single["k"] == 0) & (single["k_left_out"] == 0)).sum())
    line = percent(reference_line)
    notes = [
        "Studies: analysed, counts entered the analysis; left out, counts in hand but not entered (reasons in Table "
        "III); awaiting, eligible but the counts are not in hand. Patients: of all studies of the row whose number is "
        "known.",
        f"Direction: the {policy['level']:.0%} interval (pooled; where not pooled, of the summed counts) lies above, "
        f"below or across {line} responders. It is read from the numbers and is no recommendation.",
        *_model_notes(pooled, policy),
    ]
    done = single[single["pooled"] == "yes"]
    spreads = [f"{therapy_labels[row.therapy]} {variance(row.tau2)}" for row in done.itertuples()]
    if spreads:
        untold = f" {NOTHING}, cannot be estimated." if done["tau2"].isna().any() else ""
        notes.append(f"Between-study variance (tau², logit scale): {'; '.join(spreads)}.{untold}")
    missing = [f"Counts of {counted(len(waiting), 'study', 'studies')} are awaited."] if waiting else []
    if only:
        missing.append(f"{counted(only, 'treatment')} {'has' if only == 1 else 'have'} only studies awaiting counts.")
    if missing:
        notes.append(" ".join(missing) + " Missing counts are not taken as no response.")
    without = [label for slug, label in therapy_labels.items() if slug not in set(single["therapy"])]
    if without:
        notes.append(f"Without any eligible study: {'; '.join(without)}.")
    notes.append("* Study of which no arm is in the analysis of all diseases (left out or awaiting counts).")
    return notes + marks.footnotes()


def _exact_bounds(x: Iterable[float], n: Iterable[float], level: float) -> dict[tuple[float, float], str]:
    """Printed exact interval of each pair of counts, from one call.

    Bounds of one arm are descriptive, so a count of lesions has them too.
    """
    known = [pair for pair in dict.fromkeys(zip(x, n, strict=True)) if not any(map(_missing, pair)) and pair[1] > 0]
    lower, upper = proportion_interval([pair[0] for pair in known], [pair[1] for pair in known], level=level)
    return {pair: interval(*bounds) for pair, *bounds in zip(known, lower, upper, strict=True)}


def _by_key(frame: pd.DataFrame, key: tuple[str, ...]) -> dict[tuple, dict]:
    """Rows as dictionaries by their key."""
    return {tuple(row[name] for name in key): row for row in frame.to_dict("records")}


def _pooled_value(line: Mapping, marks: _Marks) -> str:
    """Pooled estimate and interval with the marks of its notes."""
    return estimate(line["estimate"], line["ci_lb"], line["ci_ub"]) + "".join(_pooled_marks(line, marks))


def _pooled_marks(line: Mapping, marks: _Marks) -> list[str]:
    """Marks of what must be known of a pooled value: an interval over nearly everything, an answer on the boundary."""
    notes = []
    if line["ci_ub"] - line["ci_lb"] > WIDE_INTERVAL:
        notes.append("The interval covers nearly the whole scale: these data leave almost any response possible.")
    if line["status"] in ("all_responders", "no_responders"):
        words = "Every patient responded" if line["status"] == "all_responders" else "No patient responded"
        notes.append(
            f"{words}: the interval is the exact one of the summed counts; the variance between studies cannot be told."
        )
    elif line["status"] == "tau2_zero":
        notes.append("The variance between studies is estimated as zero, the edge of its range.")
    elif line["status"] != "ok" and not _missing(line["note"]):
        notes.append(cell(line["note"]))
    return [marks.mark(note) for note in notes]


def _spread(line: Mapping) -> str:
    """Prediction interval and variance between studies, then I²."""
    parts = []
    if not _missing(line["pi_lb"]):
        parts.append(f"prediction interval {interval(line['pi_lb'], line['pi_ub'])}%")
    if not _missing(line["tau2"]):
        parts.append(f"tau² {variance(line['tau2'])}")
    if not _missing(line["i2"]):
        parts.append(f"I² {line['i2']:.0%}")
    return ", ".join(parts) or NOTHING


def _disease_cell(line: Mapping, marks: _Marks) -> str:
    """Studies, counts and pooled value of a treatment in one disease; what did not enter is said."""
    parts = []
    if line["k"]:
        parts.append(f"{counted(int(line['k']), 'study', 'studies')}; {fraction(line['events'], line['n'])}")
    if line["pooled"] == "yes":
        parts.append(f"pooled {_pooled_value(line, marks)}")
    if line["k_left_out"]:
        parts.append(f"{int(line['k_left_out'])} left out")
    if line["k_awaiting"]:
        parts.append(f"{int(line['k_awaiting'])} awaiting")
    return "; ".join(parts) or NOTHING


def _whole(value) -> int | str:
    """A cell that holds a whole number as a number; a column of a machine table may be read back as numbers."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return int(value) if re.fullmatch(r"\d{1,9}", str(value)) else cell(value)


def adverse_event_table(
    adverse_events: pd.DataFrame, studies: pd.DataFrame, responses: pd.DataFrame, therapies: pd.DataFrame
) -> Table:
    """Adverse events by treatment; a stated zero, silence and an unclear statement are kept apart.

    Every treatment with an eligible study has at least one row; studies without any statement are named, since
    silence is not zero.

    Parameters
    ----------
    adverse_events, studies, responses, therapies : extraction tables
    """
    study_labels, therapy_labels = _labels(studies, "study_id"), _labels(therapies, "therapy")
    active = set(studies.loc[studies["status"] != "excluded", "study_id"])
    told = adverse_events[adverse_events["study_id"].isin(active)]
    told = told.assign(x=numbers(told["n_patients"]), n=numbers(told["n_at_risk"]))
    used = responses[responses["study_id"].isin(active)]
    rows = []
    for therapy in (member for _, members in _therapy_order(therapies) for member in members):
        statements = told[told["therapy"] == therapy]
        users = dict.fromkeys(used.loc[used["therapy"] == therapy, "study_id"])
        title = therapy_labels[therapy]
        for event in statements.itertuples():
            rows.append(
                {
                    "Treatment": title,
                    "Study": study_labels.get(event.study_id, event.study_id),
                    "Adverse event": cell(event.term),
                    "Patients (%)": _events(event),
                    "Serious": cell(event.serious),
                    "Statement": word("reporting", event.reporting),
                    "Note": cell(event.notes),
                }
            )
        silent = [study for study in users if study not in set(statements["study_id"])]
        if silent:
            some = bool(len(statements))
            rows.append(
                {
                    "Treatment": title,
                    "Study": _joined(study_labels[study] for study in silent),
                    "Adverse event": "no statement found",
                    "Patients (%)": "NR",
                    "Serious": "NR",
                    "Statement": "no statement found",
                    "Note": "the other studies of this treatment" if some else NOTHING,
                }
            )
    columns = (
        Column("Study", 27),
        Column("Adverse event", 25),
        Column("Patients (%)", 14, "right"),
        Column("Serious", 8),
        Column("Statement", 15),
        Column("Note", 34),
    )
    frame = pd.DataFrame(rows, columns=["Treatment", *(column.name for column in columns)])
    left = adverse_events[~adverse_events["study_id"].isin(active)]
    notes = [
        "Silence is not zero: a study counts as free of an event only where it says so. No statement found: nothing "
        "about harm is visible in the text that was read.",
        "Patients (%): patients with the event of those at risk. An entry may be a withdrawal; terms are those of the "
        "studies.",
    ]
    if len(left):
        notes.append(f"Not shown: {counted(len(left), 'statement')} of excluded studies.")
    notes.append(NOTE_NR)
    return Table(
        "adverse_events", "", "Adverse events by treatment", frame, columns, group="Treatment",
        footnotes=tuple(notes),
    )  # fmt: skip


def level_table(
    therapy_levels: pd.DataFrame,
    therapies: pd.DataFrame,
    diseases: pd.DataFrame,
    studies: pd.DataFrame,
    schemes: Mapping,
    class_labels: Mapping[str, str] | None = None,
    level_sensitivity: pd.DataFrame | None = None,
) -> Table:
    """Levels of evidence by treatment and disease with the rule that gave each.

    Parameters
    ----------
    therapy_levels : DataFrame of `grading.grade_therapies`
    therapies, diseases, studies : extraction tables
    schemes : mapping; the file of the level schemes
    class_labels : mapping from the slug of a class to its label
    level_sensitivity : DataFrame of `grading.level_sensitivity`; adds the levels under the other schemes
    """
    class_labels = class_labels or {}
    scheme = _scheme_of(therapy_levels, schemes)
    others = [name for name in schemes["schemes"] if name != scheme]
    elsewhere = {}
    if level_sensitivity is not None:
        for line in level_sensitivity.to_dict("records"):
            key = (line["scope"], line["therapy"], line["disease"])
            elsewhere[key] = _joined(f"{_scheme_name(name)}: {_level(line[name])}" for name in others)
    order = schemes["schemes"][scheme]["order"]
    therapy_labels, study_labels = _labels(therapies, "therapy"), _labels(studies, "study_id")
    disease_labels = {ALL: "All diseases"} | _labels(diseases, "disease")
    rows, emphasised = [], []
    ranked = [ALL, *diseases["disease"]]
    by_group = dict(list(therapy_levels.groupby(["scope", "therapy"], sort=False)))

    def add(group, label, levels):
        place = levels["disease"].map({slug: rank for rank, slug in enumerate(ranked)})
        for line in levels.assign(place=place).sort_values("place").to_dict("records"):
            at_level = []
            for level in order:
                k = int(line[f"k_{level}"])
                if k:
                    having = f"{counted(k, 'study', 'studies')}, {int(line[f'counts_{level}'])} with counts"
                    at_level.append(f"{level}: {having}, {counted(int(line[f'patients_{level}']), 'patient')}")
            agreement = cell(line["agreement"])
            if not _missing(line["agreement_note"]):
                agreement += f": {with_labels(cell(line['agreement_note']), study_labels)}"
            rows.append(
                {
                    "Class": group,
                    "Treatment": label,
                    "Disease": disease_labels.get(line["disease"], line["disease"]),
                    "Level": _level(line["level"]),
                    "How it was reached": with_labels(cell(line["rule"]), study_labels),
                    "Studies and patients by level": _joined(at_level),
                    "Under other schemes": elsewhere.get((line["scope"], line["therapy"], line["disease"]), NOTHING),
                    "Direction": cell(line["direction"]),
                    "Best level and the rest": agreement,
                }
            )

    for therapy_class, members in _therapy_order(therapies):
        group = _class_label(therapy_class, class_labels)
        for therapy in members:
            if ("therapy", therapy) in by_group:
                add(group, therapy_labels[therapy], by_group["therapy", therapy])
        if ("class", therapy_class) in by_group:
            first = len(rows)
            add(group, _all_of(group), by_group["class", therapy_class])
            emphasised += range(first, len(rows))
    columns = (
        Column("Treatment", 20),
        Column("Disease", 18),
        Column("Level", 7),
        Column("How it was reached", 36),
        Column("Studies and patients by level", 26),
        Column("Under other schemes", 20),
        Column("Direction", 8),
        Column("Best level and the rest", 26),
    )
    if level_sensitivity is None:
        columns = tuple(column for column in columns if column.name != "Under other schemes")
    frame = pd.DataFrame(rows, columns=["Class", *(column.name for column in columns)])
    notes = [
        "A treatment has the best level among its studies that are not excluded, with or without counts.",
        *level_note(schemes, scheme),
        *(
            [f"Other schemes: {_joined(schemes['schemes'][name]['title'] for name in others)}."]
            if level_sensitivity is not None
            else []
        ),
        "Best level and the rest: whether the summed counts at the best level lie on the same side of the reference "
        "line as those at the other levels.",
        NOTE_NR,
    ]
    return Table(
        "levels", "", "Level of evidence by treatment and disease", frame, columns, group="Class",
        emphasised=tuple(emphasised), footnotes=tuple(notes),
    )  # fmt: skip


def reconciliation_table(reconciliation: pd.DataFrame) -> Table:
    """Published claims beside what these tables give.

    Parameters
    ----------
    reconciliation : DataFrame of `reconciliation.reconcile_claims`
    """
    columns = (
        Column("About", 24),
        Column("What", 18),
        Column("Published", 20),
        Column("These tables", 26),
        Column("Verdict", 10),
        Column("Why", 52),
    )
    rows = [
        {
            "Publication": cell(claim.review),
            "About": cell(claim.about),
            "What": cell(claim.measure),
            "Published": cell(claim.claimed),
            "These tables": cell(claim.ours),
            "Verdict": cell(claim.verdict),
            "Why": cell(claim.why),
        }
        for claim in reconciliation.itertuples()
    ]
    frame = pd.DataFrame(rows, columns=["Publication", *(column.name for column in columns)])
    # One heading a publication, also where its claims are not beside each other.
    first = {review: place for place, review in reversed(list(enumerate(frame["Publication"])))}
    frame = frame.sort_values("Publication", key=lambda reviews: reviews.map(first), kind="stable", ignore_index=True)
    sizes = frame["Verdict"].value_counts()
    notes = [
        f"Of {counted(len(frame), 'claim')}: "
        + "; ".join(f"{sizes[verdict]} {verdict}" for verdict in sizes.index)
        + "."
    ] * bool(len(frame))
    notes += [
        "Cannot be told: the claim rests on studies whose counts are not in hand, on another outcome, or is a "
        "judgement. That is neither agreement nor disagreement.",
        NOTE_NR,
    ]
    return Table(
        "reconciliation", "", "Published claims beside these tables", frame, columns,
        group="Publication", footnotes=tuple(notes), listed=True,
    )  # fmt: skip


def awaiting_table(awaiting: pd.DataFrame, schemes: Mapping, scheme: str) -> Table:
    """The reviewer's work list: studies whose counts are missing, most useful first.

    Parameters
    ----------
    awaiting : DataFrame of `reconciliation.awaiting_list`
    schemes : mapping; the file of the level schemes
    scheme : str; the scheme used
    """
    columns = (
        Column("No.", 5, "center"),
        Column("Study", 20),
        Column("Year", 6, "center"),
        Column("Level", 8),
        Column("Treatments", 20),
        Column("Diseases", 18),
        Column("Patients", 8, "center"),
        Column("What is missing", 34),
        Column("Where it may be had", 28),
        Column("What it would add", 34),
    )
    rows = [
        {
            "No.": _number(study.priority),
            "Study": cell(study.label),
            "Year": _whole(study.year),
            "Level": _level(study.level),
            "Treatments": cell(study.therapies),
            "Diseases": cell(study.diseases),
            "Patients": _whole(study.n),
            "What is missing": _joined(cell(text) for text in (study.missing, study.reason) if not _missing(text)),
            "Where it may be had": cell(study.where),
            "What it would add": cell(study.adds),
        }
        for study in awaiting.itertuples()
    ]
    frame = pd.DataFrame(rows, columns=[column.name for column in columns])
    allows = int((awaiting["would_allow_pooling"] == "yes").sum())
    notes = [
        f"{counted(len(frame), 'study', 'studies')}, most useful first; {allows} of them would make an analysis "
        "large enough to pool. Then those of the earlier review, then by level and by number of patients.",
        *level_note(schemes, scheme),
        NOTE_NR,
    ]
    return Table(
        "awaiting", "", "Studies whose counts are missing", frame, columns, footnotes=tuple(notes),
        listed=True,
    )  # fmt: skip


def _events(event) -> str:
    if not _missing(event.x) and not _missing(event.n) and event.n:
        return fraction(event.x, event.n)
    if _missing(event.x) and _missing(event.n):
        return "NR"
    return f"{count(event.x)}/{count(event.n)}"
