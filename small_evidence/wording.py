"""How a number or a word is printed: the only module that turns values into text for people.

Proportions arrive as 0..1 and leave as per cent, here and nowhere else. `—` is nothing or not applicable, `NR` is not
reported: the two are never exchanged, and neither is ever a zero.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple

import pandas as pd

from small_evidence.extraction.schema import LABELS, SILENT, humanise
from small_evidence.pooling.methods import INTERVALS, MEASURES, METHODS

NOTHING = "—"
RETRACTED = "[retracted]"
MOST_RATIO = 1e6  # the largest ratio that is printed
LARGEST_LOG = math.log(MOST_RATIO)  # an odds ratio beyond this is without bound

UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufdd0-\ufdef\ufffe\uffff\ud800-\udfff]")

SPANS = re.compile(r"(\[[<>]?[\d.]+,) ([<>]?[\d.]+\])")

ACRONYMS = ("ocebm", "eular", "grade", "jaad", "nice", "sign")  # of bodies that publish schemes of levels

NOTE_NR = f"NR, not reported in the text that was read (neither zero nor none); {NOTHING}, nothing or not applicable."

COMPARISON_METHOD_LABELS = {
    "glmm": "Hypergeometric-normal",
    "mantel_haenszel": "Mantel-Haenszel",
    "peto": "Peto",
    "beta_binomial": "Beta-binomial",
    "exact": "Exact, one odds ratio for all",
}
# How limits and P of a comparison were made: a test, and the interval that contains what it does not reject
COMPARISON_INTERVALS = {
    "profile_student": "penalised profile likelihood with Student's critical value",
    "profile": "profile likelihood",
    "wald_z": "normal interval",
    "exact": "exact interval and test",
    "score": "score interval and test",
}
# What therapies of a kind are called, one and several; those of any other kind are treatments
SUBJECTS = {"treatment": "treatments", "test": "tests", "exposure": "exposures"}
NO_SUBJECT = "none"  # the kind of what therapies are only compared with
# Signs of risk-of-bias judgements, as robvis draws them, and letters for the answers of a checklist. From good to bad:
# of several judgements the last one here is the gravest.
SIGNS = {
    "low": "+", "yes": "Y", "probably_yes": "PY", "not_applicable": "/", "some_concerns": "−", "moderate": "−",
    "unclear": "?", "no_information": "?", "probably_no": "PN", "no": "N", "high": "×", "serious": "×", "critical": "!",
}  # fmt: skip


class Subject(NamedTuple):
    """What the therapies of a review are called, one and several."""

    singular: str
    plural: str


def subject_of(kinds: Iterable[str]) -> Subject:
    """Words for what is studied by the kinds of the therapies; where they differ, each of them.

    >>> subject_of(["drug", "surgery", "none"]).plural, subject_of(["test"]).singular, subject_of(["test", "NR"]).plural
    ('treatments', 'test', 'treatments or tests')
    """
    found = {kind if kind in SUBJECTS else "treatment" for kind in kinds if kind != NO_SUBJECT} or {"treatment"}
    named = [one for one in SUBJECTS if one in found]
    return Subject(" or ".join(named), " or ".join(SUBJECTS[one] for one in named))


# Numbers ---------------------------------------------------------------------------------------------------


def per_cent(proportion: float) -> str:
    """A proportion as per cent, one decimal, no sign; what is not quite 0 or 100 is not printed as such.

    >>> per_cent(0.625), per_cent(0.0625), per_cent(0.00004), per_cent(0.99996), per_cent(1), per_cent(float("nan"))
    ('62.5', '6.3', '<0.1', '>99.9', '100.0', '—')
    """
    if missing(proportion):
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
    if missing(x) and missing(n):
        return NOTHING
    if missing(x) or missing(n) or n == 0:
        return f"{count(x)}/{count(n)}"
    return f"{count(x)}/{count(n)} ({percent(x / n)})"


def interval(lower: float, upper: float) -> str:
    """An interval of proportions in per cent.

    >>> interval(0.24486, 0.91477), interval(float("nan"), 1)
    ('[24.5, 91.5]', '—')
    """
    if missing(lower) or missing(upper):
        return NOTHING
    return f"[{per_cent(lower)}, {per_cent(upper)}]"


def estimate(proportion: float, lower: float, upper: float) -> str:
    """An estimate with its interval, in per cent.

    >>> estimate(0.548, 0.351, 0.7)
    '54.8 [35.1, 70.0]'
    """
    if missing(proportion):
        return NOTHING
    bounds = interval(lower, upper)
    return per_cent(proportion) if bounds == NOTHING else f"{per_cent(proportion)} {bounds}"


def next_patients(result: Mapping[str, Any]) -> str:
    """Responders among the next patients: "2 to 9".

    >>> next_patients({"next_lb": 2.0, "next_ub": 9.0}), next_patients({"next_lb": float("nan"), "next_ub": 1.0})
    ('2 to 9', '—')
    """
    if missing(result["next_lb"]):
        return NOTHING
    return f"{result['next_lb']:.0f} to {result['next_ub']:.0f}"


def note_words(codes: str) -> list[str]:
    """Remarks on a pooled result in words.

    >>> note_words("giant_arm;cut"), note_words("")
    (['one study has four fifths of the patients or more', 'limits are cut at 0 and 1'], [])
    """
    return [NOTES[code] for code in ids_in(codes)]


def sentence(words: str) -> str:
    """Words as a sentence.

    >>> sentence("limits are cut")
    'Limits are cut.'
    """
    return words[:1].upper() + words[1:] + ("" if words[-1:] == "." else ".")


def odds_ratio(b: float, lower: float, upper: float) -> str:
    """Odds ratio with its interval from log odds; limits that are not known are left out.

    >>> odds_ratio(0.0, math.log(0.5), math.inf), odds_ratio(math.nan, 0.0, 1.0)
    ('1.00 [0.50, ∞]', '—')
    """
    if missing(b):
        return NOTHING
    value, *bounds = (
        NOTHING if missing(x) else "∞" if x > LARGEST_LOG else rounded(math.exp(x), 2) for x in (b, lower, upper)
    )
    return value if NOTHING in bounds else f"{value} [{', '.join(bounds)}]"


def effect_number(value: float, measure: str) -> str:
    """A ratio with two decimals, a risk difference in percentage points with one and a true minus sign.

    >>> effect_number(1.234, "OR"), effect_number(math.inf, "RR"), effect_number(-0.0123, "RD")
    ('1.23', '∞', '−1.2')
    >>> [effect_number(value, "OR") for value in (0.0, 0.001, 1234.5, 4e8)]
    ['0.00', '<0.01', '1,235', '>1,000,000']
    >>> effect_number(0.998, "OR"), effect_number(1.0, "OR")
    ('0.998', '1.00')
    """
    if math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return "∞"
    if measure == "RD":
        return rounded(100 * value, 1).replace("-", "−")
    if value > MOST_RATIO:
        return f">{count(MOST_RATIO)}"
    if 0 < value < 0.005:
        return "<0.01"
    if value != 1 and rounded(value, 2) == "1.00":  # a limit on one side of no effect stays on it
        return rounded(value, 3 if rounded(value, 3) != "1.000" else 4)
    return rounded(value, 2) if value < 1000 else count(float(rounded(value, 0)))


def coverage(conf_level: float) -> str:
    """Coverage of an interval in per cent, with all its digits.

    >>> coverage(0.95), coverage(0.975)
    ('95%', '97.5%')
    """
    return f"{conf_level * 100:.6g}%"


def coverage_of(level: float, kind: str) -> str:
    """What an interval is called, with how it was made.

    >>> coverage_of(0.95, "profile"), coverage_of(0.9, "credible")
    ('95% confidence interval by profile likelihood', '90% credible interval')
    """
    if kind == "credible":
        return f"{coverage(level)} credible interval"
    return f"{coverage(level)} confidence interval by {interval_label(kind)}"


def method_label(slug: str, short: bool = False) -> str:
    """What a pooling method is called.

    >>> method_label("crude"), method_label("glmm", short=True)
    ('summed counts', 'binomial-normal')
    """
    if slug not in METHODS:
        return str(humanise(slug))
    return METHODS[slug].short_label if short else METHODS[slug].label


def interval_label(slug: str, short: bool = False) -> str:
    """How an interval was made.

    >>> interval_label("clopper_pearson"), interval_label("clopper_pearson", short=True)
    ('exact (Clopper-Pearson)', 'exact interval')
    """
    if slug not in INTERVALS:
        return str(humanise(slug))
    return INTERVALS[slug].short_label if short else INTERVALS[slug].label


def measure_label(slug: str, short: bool = False) -> str:
    """The scale on which a two-step model pools.

    >>> measure_label("PFT"), measure_label("PFT", short=True)
    ('Freeman-Tukey double arcsine', 'Freeman-Tukey')
    """
    return slug if slug not in MEASURES else MEASURES[slug][1 if short else 0]


def count(value: float) -> str:
    """A count as text, NR where it is not known.

    >>> count(12.0), count(28708), count(float("nan"))
    ('12', '28,708', 'NR')
    """
    return "NR" if missing(value) else f"{value:,.0f}"


def p_value(p: float) -> str:
    """A p value with two digits that matter.

    >>> p_value(0.2345), p_value(0.0345), p_value(0.00001), p_value(float("nan"))
    ('0.23', '0.035', '<0.001', '—')
    """
    if missing(p):
        return NOTHING
    if p < 0.001:
        return "<0.001"
    return rounded(p, 2 if p >= 0.1 else 3)


def variance(tau2: float) -> str:
    """A between-study variance with sensible digits.

    >>> variance(0.45643), variance(0.0), variance(0.0031), variance(1e-7), variance(12.345)
    ('0.46', '0', '0.003', '<0.001', '12.3')
    """
    if missing(tau2):
        return NOTHING
    if tau2 == 0:
        return "0"
    if tau2 < 0.001:
        return "<0.001"
    return rounded(tau2, 3 if tau2 < 0.01 else 2 if tau2 < 10 else 1)


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun.

    >>> counted(1, "study", "studies"), counted(2, "study", "studies"), counted(0, "patient")
    ('1 study', '2 studies', '0 patients')
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def rounded(value: float, digits: int) -> str:
    return str(Decimal(repr(float(value))).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP))


def missing(value: object) -> bool:
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value)) or value is pd.NA


# Words -----------------------------------------------------------------------------------------------------


def cell(value: object) -> str:
    """A cell of the extraction as people read it: blanks closed up, empty and unclear said.

    >>> cell(" two  words "), cell(""), cell("NR"), cell("UNCLEAR")
    ('two words', '—', 'NR', 'unclear')
    """
    if missing(value):
        return NOTHING
    text = " ".join(str(value).split())
    return {"": NOTHING, "UNCLEAR": "unclear"}.get(text, text)


def judgement_sign(slug: str) -> str:
    """Sign of a judgement; a word of another instrument has its first two letters, no judgement a dot.

    >>> judgement_sign("some_concerns"), judgement_sign("poor"), judgement_sign("")
    ('−', 'PO', '·')
    """
    return SIGNS.get(slug, slug[:2].upper() or "·")


def printable(value: object) -> str:
    r"""Text without the characters that no document may hold; nothing for a value that is missing.

    >>> printable("a\x07b\ud800"), printable(3), printable(float("nan"))
    ('ab', '3', '')
    """
    return "" if missing(value) else UNPRINTABLE.sub("", str(value))


def unbroken(text: str) -> str:
    """Text whose intervals are not torn apart at the end of a line.

    >>> unbroken("54.8 [25.4, 90.6]") == "54.8 [25.4,\N{NO-BREAK SPACE}90.6]"
    True
    """
    return SPANS.sub("\\1\N{NO-BREAK SPACE}\\2", text)


def word(vocabulary: str, value: str) -> str:
    """The label of a word of a closed vocabulary."""
    if value in SILENT:
        return cell(value)
    return LABELS.get(vocabulary, {}).get(value) or humanise(value)


def short_label(label: str, synonyms: str) -> str:
    """A label for a narrow column: the first synonym, else the label up to its first comma or bracket.

    >>> short_label("Atrial fibrillation", "AF;arrhythmia"), short_label("Other or not separable (SLE, ...)", "")
    ('AF', 'Other or not separable')
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


def labels_of(frame: pd.DataFrame, key: str) -> dict[str, str]:
    """Slug to label; a slug without one is made readable."""
    return {
        slug: humanise(slug) if label in SILENT else cell(label)
        for slug, label in zip(frame[key], frame["label"], strict=True)
    }


def study_labels(studies: pd.DataFrame, retracted: Collection[str]) -> dict[str, str]:
    """study_id to label, with the words "[retracted]" where the report was retracted."""
    labels = labels_of(studies, "study_id")
    return {slug: f"{label} {RETRACTED}" if slug in retracted else label for slug, label in labels.items()}


def short_labels(diseases: pd.DataFrame) -> dict[str, str]:
    """Slug to a short label; where two would be the same, the whole labels tell them apart."""
    whole = labels_of(diseases, "disease")
    short = {
        slug: short_label(whole[slug], "" if synonyms in SILENT else synonyms)
        for slug, synonyms in zip(diseases["disease"], diseases["synonyms"], strict=True)
    }
    taken = Counter(short.values())
    return {slug: label if taken[label] == 1 else f"{whole[slug]} ({slug})" for slug, label in short.items()}


def class_label(slug: str, class_labels: Mapping[str, str]) -> str:
    if slug in SILENT:
        return "Class not stated"
    return class_labels.get(slug) or humanise(slug)


def all_of(class_label: str) -> str:
    """'All bisphosphonates', but 'All TNF inhibitors'."""
    ordinary = class_label[1:2].islower()
    return "All " + (class_label[0].lower() + class_label[1:] if ordinary else class_label)


def level_text(value: object) -> str:
    """A level as text; a scheme with levels 1 to 5 comes back from a CSV as numbers."""
    if missing(value):
        return "not gradable"
    return f"{value:.0f}" if isinstance(value, float) else str(value)


def joined(words: Iterable[str], separator: str = "; ") -> str:
    """Different words in their order."""
    return separator.join(dict.fromkeys(words)) or NOTHING


def ids_in(text: object) -> list[str]:
    return [] if missing(text) else [part.strip() for part in str(text).split(";") if part.strip()]


def scheme_name(slug: str) -> str:
    """'OCEBM 2009' of ocebm_2009: the first word is an acronym unless it is a name.

    >>> scheme_name("ocebm_2009"), scheme_name("shekelle_1999"), scheme_name("modified_oxford")
    ('OCEBM 2009', 'Shekelle 1999', 'Modified Oxford')
    """
    first, _, rest = slug.partition("_")
    return f"{first.upper() if first in ACRONYMS else humanise(first)} {rest.replace('_', ' ').title()}".strip()


def number_or_nr(value: float) -> int | str:
    """A count as a number that stays a number in a spreadsheet, NR where not known."""
    return "NR" if missing(value) else int(value)


def whole_or_text(value: object) -> int | str:
    """A cell that holds a whole number as a number; a column of a machine table may be read back as numbers."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return int(str(value)) if re.fullmatch(r"\d{1,9}", str(value)) else cell(value)


# Codes of results ------------------------------------------------------------------------------------------

NOTES = {  # remarks on a pooled result
    "empty_arms": "arms without patients are left out",
    "giant_arm": "one study has four fifths of the patients or more",
    "one_proportion_assumed": "the interval assumes one proportion in all studies",
    "widened_to_estimate": "the interval is widened to the estimate, which lies outside the penalised one",
    "wide_interval": "the interval leaves almost every proportion possible",
    "wide_prediction": "a further study could have almost any proportion",
    "no_mean": "the proportion of the mean study is not estimated",
    "no_mean_interval": "the proportion of the mean study has no interval",
    "no_maximum": "the likelihood has no maximum with tau below 1000",
    "limit_not_found": "a limit of the interval was not found",
    "no_lower_limit": "the data set no lower limit",
    "no_upper_limit": "the data set no upper limit",
    "no_tau2_limit": "tau² has no upper limit below 10,000",
    "tau2_limit_not_found": "a limit of tau² was not found",
    "prior_upper": "all patients had the outcome: the upper limit is the prior's",
    "prior_lower": "no patient had the outcome: the lower limit is the prior's",
    "prior_tau": "the data say nothing of tau, which is the prior's",
    "too_many_patients": "there are too many patients for the sums of this model",
    "prior_overruled": "the data contradict the prior of tau by more than can be computed",
    "corrected": "0.5 was added to studies in which all or none had the outcome",
    "common_effect": "tau² is taken to be 0",
    "tau2_interval_empty": "the interval of tau² is empty: effects are nearly the same",
    "tau2_outside_interval": "tau² lies outside its interval, which does not depend on the estimator",
    "no_width": "the Hartung-Knapp interval has no width: effects are identical",
    "cut": "limits are cut at 0 and 1",
    "common_tau2": "tau² is common to the subgroups",
}

VARIANTS = {
    "leave_one_out": "Leave-one-out",
    "cumulative": "Cumulative by year",
    "method": "Method",
    "without_secondary": "Without secondary sources",
    "arm_size": "With another least size of arms",
    "complete_only": "Complete responses only",
    "without_overlap": "Without overlapping reports",
    "other_report": "With the other report of the same patients",
    "worst_case": "Patients not evaluated counted without the outcome",
    "best_case": "Patients not evaluated counted with the outcome",
    "three_level": "With arms within studies (three levels)",
}
FACTORS = {
    "disease": "Disease",
    "design": "Study design",
    "level": "Level of evidence",
    "source": "Source of the counts",
    "small_studies": "Small-study effects",
}


def variant_label(variant: str, change: str = "") -> str:
    """What is changed in a variant of the sensitivity analyses.

    >>> variant_label("arm_size", "5"), variant_label("complete_only")
    ('With arms of 5 or more', 'Complete responses only')
    """
    return f"With arms of {change} or more" if variant == "arm_size" and change else VARIANTS[variant]


def capital(words: str) -> str:
    """Words with a capital at their beginning, as a label or a sentence has it."""
    return words[:1].upper() + words[1:]


def sort_name(label: str) -> str:
    """A name to sort by: capitals or not, and numbers in it by their value.

    >>> sorted(["trial 10", "Trial 2", "Arm"], key=sort_name)
    ['Arm', 'Trial 2', 'trial 10']
    """
    return re.sub(r"\d+", lambda number: number[0].zfill(9), label.casefold())


def plural(label: str) -> str:
    """Plural of a design's label; the noun stands before any `with`, `without` or bracket.

    >>> plural("controlled study without randomisation"), plural("retrospective case series"), plural("case report")
    ('controlled studies without randomisation', 'retrospective case series', 'case reports')
    """
    cut = min((at for at in map(label.find, (" with", " without", " (", ",")) if at > 0), default=len(label))
    noun, rest = label[:cut], label[cut:]
    if noun.endswith("series"):
        return label
    return (noun[:-1] + "ies" if noun.endswith("y") else noun + "s") + rest
