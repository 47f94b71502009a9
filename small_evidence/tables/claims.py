"""Published claims beside these tables, and published sources that contradict each other, as tables for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pandas as pd

from small_evidence.extraction.schema import ALL, CLAIM_UNITS, LABELS, SILENT, humanise
from small_evidence.reasons import not_pooled_reason, therapy_level_words
from small_evidence.review import Review
from small_evidence.synthesis.claims import followed_name, is_followed
from small_evidence.tables.table import Column, Table
from small_evidence.wording import (
    NOTE_NR,
    NOTHING,
    cell,
    counted,
    fraction,
    ids_in,
    interval,
    level_text,
    missing,
    percent,
)

VERDICTS = {"agrees": "agrees", "differs": "differs", "not_assessable": "not assessable"}
# Cause -> a sentence; {studies} are the labels of the studies that it is about, the other names columns of the claim
CAUSES = {
    "same_number": "The number is the same.",
    "same_range": "The smallest and the largest study of known size are the same.",
    "same_level": "The same level follows from the studies in these tables.",
    "same_counts": "A row has the same counts.",
    "within_intervals": "Each value lies in the interval of the other.",
    "other_number": "The number is another one.",
    "other_level": "The studies in these tables give level {level}; the publication may have graded other studies.",
    "other_counts": "The same source was extracted with other counts; check it.",
    "more_studies": "More studies are marked as its own ({k:.0f}) than it counts.",
    "list_differs": "The list of its references has {k_listed:.0f} studies.",
    "outside_range": "A study marked as its own lies outside the range.",
    "outside_our_interval": "The published value lies outside our interval.",
    "outside_their_interval": "Our value lies outside the published interval.",
    "judgement": "A recommendation is a judgement of its authors and is not judged here.",
    "other_quantity": "Another quantity than these tables count.",
    "other_scope": "{review} covers other studies; these tables follow {follows}.",
    "no_review_followed": "These tables follow no published review.",
    "not_recorded": "These tables do not give this number.",
    "not_a_number": "The claim is not a plain number.",
    "studies_unknown": "No study is marked as one of this publication.",
    "studies_not_identified": "Not every study of this publication has been identified.",
    "sizes_unknown": "The size of some of its studies is not known.",
    "range_not_reached": "The known sizes lie within the range but do not reach both ends.",
    "counts_missing": "Counts of these studies are not available: {studies}.",
    "counts_not_found": "No row of these tables has these counts.",
    "no_denominator": "The number of patients is not reported.",
    "no_study": "No study of this {subject} is in these tables.",
    "not_gradable": "None of the studies can be graded.",
}
REMARKS = {
    "likely_studies": "Some of these studies are likely, not proven, to be those of the publication.",
    "narrower_response": "The claim counts only one kind of response; these tables count any response.",
    "other_unit": "The row does not count {unit} and is in no pool of them.",
    "whole_class": "",
    "set_by_hand": "Level set by the authors: {studies}.",
    "sizes_missing": "The size of some of its studies is not known.",
}
INDEPENDENCE = {
    "own_sources": "Read from sources of its own.",
    "copied": "Not independent: both were read in the same source.",
    "matched_by_counts": "Not independent: the row was found by its counts.",
    "own_list": "Not independent: it counts the studies that the publication names.",
    "likely_studies": "Not independent: which studies are those of the publication was inferred.",
    "own_scheme": "Not independent: the scheme of levels was written from this publication.",
    "set_by_hand": "Not independent: a level was set by the authors.",
    "": "",
}
DIRECTIONS = {
    "above": "; the interval lies above the threshold",
    "below": "; the interval lies below the threshold",
    "across": "; the interval includes the threshold",
    "": "",
}
KINDS = {
    "values": "Different values",
    "words": "Recommendations in different words",
    "fewer_trials_than_listed": "Fewer trials than the list of the other publication",
    "fewer_trials_than_found": "Fewer trials than in these tables",
}
INTERVALS = {"apart": "The published intervals do not overlap.", "overlap": "The published intervals overlap.", "": ""}
SINGULAR = {"studies": "study", "classes": "class"}

Row = Mapping[Any, Any]


def reconciliation_table(review: Review) -> Table:
    """Published claims beside what these tables give; of a review with the result reconciliation."""
    columns = (
        Column("About", 22),
        Column("Quantity", 18),
        Column("Published", 18),
        Column("These tables", 28),
        Column("Verdict", 12),
        Column("Independent", 10),
        Column("Reason", 44),
    )
    rows: list[dict[str, Any]] = [
        {
            "about": {
                "source": cell(claim["source"]),
                "therapy": claim["therapy"],
                "diseases": "" if claim["disease"] == ALL else claim["disease"],
            },
            "Publication": cell(claim["review"]),
            "About": about_words(claim, review),
            "Quantity": quantity_words(claim, review),
            "Published": claimed_words(claim),
            "These tables": ours_words(claim, review),
            "Verdict": VERDICTS[claim["verdict"]],
            "Independent": claim["independent"] or NOTHING,
            "Reason": reason_words(claim, review),
        }
        for claim in review["reconciliation"].to_dict("records")
    ]
    # One heading a publication, also where its claims are not beside each other.
    order = list(dict.fromkeys(row["Publication"] for row in rows))
    rows.sort(key=lambda row: order.index(row["Publication"]))
    frame = pd.DataFrame(rows, columns=["Publication", *(column.name for column in columns)])
    notes = [claim_words(review["reconciliation"])] * bool(len(frame))
    notes += [
        "Not assessable: the claim depends on studies whose counts are not available, on another outcome, or is a "
        "judgement; this is neither agreement nor disagreement. Independent: whether the claim and our value were read "
        "from different sources, whatever the verdict.",
        NOTE_NR,
    ]
    return Table(
        "reconciliation", "", "Published claims beside these tables", frame, columns,
        group="Publication", footnotes=tuple(notes), listed=True, about=tuple(row["about"] for row in rows),
    )  # fmt: skip


def contradictions_table(review: Review) -> Table:
    """Published sources that contradict each other; of a review with the result contradictions."""
    columns = (
        Column("About", 24),
        Column("Quantity", 20),
        Column("One publication", 34),
        Column("Another", 34),
        Column("Remark", 34),
    )
    rows = []
    for found in review["contradictions"].to_dict("records"):
        values = [claimed_words(_as_claim(found, side)) for side in ("a", "b")]
        other = cell(found["review_b"]) if found["review_b"] else "These tables"
        names = "; ".join(review.labels.study[study] for study in ids_in(found["studies"]))
        rows.append(
            {
                "Kind": KINDS[found["kind"]],
                "About": about_words(found, review),
                "Quantity": quantity_words(found, review),
                "One publication": f"{cell(found['review_a'])}: {values[0]}",
                "Another": f"{other}: {values[1]}" + f" ({names})" * bool(names),
                "Remark": INTERVALS[found["intervals"]] or NOTHING,
            }
        )
    rows.sort(key=lambda row: list(KINDS.values()).index(row["Kind"]))
    frame = pd.DataFrame(rows, columns=["Kind", *(column.name for column in columns)])
    notes = (
        f"Listed are claims of different publications about the same {review.subject.singular}, disease and quantity "
        "with different values, recommendations in different words, and claims of fewer trials than another source "
        "shows. The list does not say which of them is right.",
        NOTE_NR,
    )
    title = "Published sources that contradict each other"
    return Table("contradictions", "", title, frame, columns, group="Kind", footnotes=notes, listed=True)


def claim_words(reconciliation: pd.DataFrame) -> str:
    """How many published claims agree with these results, and how many of these agreements are independent evidence."""
    verdicts = Counter(reconciliation["verdict"])
    own = reconciliation[(reconciliation["verdict"] == "agrees") & (reconciliation["independent"] == "yes")]
    agree = f"{verdicts['agrees']} {'agrees' if verdicts['agrees'] == 1 else 'agree'}"
    agree += f" ({len(own) or 'none'} of them independently)" * bool(verdicts["agrees"])
    differ = f"{verdicts['differs']} {'differs' if verdicts['differs'] == 1 else 'differ'}"
    unknown = f"{verdicts['not_assessable']} {'is' if verdicts['not_assessable'] == 1 else 'are'} not assessable"
    total = counted(len(reconciliation), "published claim")
    return f"Of {total} compared with these results, {agree}, {differ} and {unknown}."


def about_words(claim: Row, review: Review) -> str:
    """Treatment and disease that a claim is about."""
    therapy, disease = claim["therapy"], claim["disease"]
    labels = review.labels
    what = f"All {review.subject.plural}" if therapy == ALL else labels.therapy.get(therapy) or humanise(therapy)
    return what if disease == ALL else f"{what}: {labels.disease.get(disease) or humanise(disease)}"


def quantity_words(claim: Row, review: Review) -> str:
    """What a claim is a value of."""
    words = LABELS["quantity"].get(claim["quantity"]) or humanise(claim["quantity"]).lower()
    outcome = _outcome(claim["outcome"], review)
    if claim["quantity"] == "other":
        return outcome or words
    return f"{words} ({outcome})" if outcome else words


def claimed_words(claim: Row) -> str:
    """The value of a claim as printed, with its unit.

    >>> claim = {"quantity": "other", "unit": "days", "claimed": "12", "claimed_n": "", "claimed_i2": "",
    ...          "claimed_ci_lb": "", "claimed_ci_ub": ""}
    >>> claimed_words(claim), claimed_words(claim | {"unit": "EUR", "claimed": "3500"})
    ('12 days', '3,500 EUR')
    >>> claimed_words(claim | {"unit": "share", "claimed": "0.22", "claimed_ci_lb": "0", "claimed_ci_ub": "0.53"})
    '22% [0, 53]'
    """
    quantity, value, n, unit = claim["quantity"], claim["claimed"], claim["claimed_n"], claim["unit"]
    if quantity == "responders":
        return f"{value}/{n or 'NR'}"
    if quantity in ("level", "recommendation"):
        return str(cell(value))
    scale = _hundredfold if unit == "share" else _number
    bounds = [claim["claimed_ci_lb"], claim["claimed_ci_ub"]]
    words: str = scale(value) + "%" * (unit == "share")
    if not any(bound in SILENT for bound in bounds):
        words += f" [{scale(bounds[0])}, {scale(bounds[1])}]"
    if claim["claimed_i2"] not in SILENT:
        words += f", I² {_hundredfold(claim['claimed_i2'])}%"
    if unit == "share":
        return words if n in SILENT else f"{words} of {_number(n)}"
    named = str(CLAIM_UNITS.get(unit, unit))
    if value == "1" and named in CLAIM_UNITS.values():
        named = SINGULAR.get(named) or named.removesuffix("s")
    return f"{words} {named}".strip()


def ours_words(claim: Row, review: Review) -> str:
    """What these tables give beside a claim."""
    quantity = claim["quantity"]
    if quantity == "responders" and claim["response_id"]:
        responses = review["responses"]
        row = responses[responses["response_id"] == claim["response_id"]].iloc[0]
        unit, study = LABELS["unit"].get(row["unit"], row["unit"]), review.labels.study[row["study_id"]]
        return f"{fraction(claim['events'], claim['n'])} {unit}, {_outcome(row['outcome'], review)}, {study}"
    if quantity == "n_identified":
        return NOTHING if missing(claim["records"]) else f"{claim['records']:,.0f} records (table screening)"
    if quantity in ("n_studies", "n_patients", "size_range"):
        return (_counts_of_own if is_followed(claim, review) else _counts_here)(claim, review)
    if quantity == "level":
        return _levels(claim, review)
    if quantity == "recommendation":
        whole = "as a class: " * ("whole_class" in ids_in(claim["remarks"]))
        return f"{whole}level {level_text(claim['level'])}; {_response(claim, review)}"
    return _response(claim, review) if claim["analysis"] else NOTHING


def reason_words(claim: Row, review: Review) -> str:
    """Why a claim agrees, differs or is not assessable, and whether that is independent evidence."""
    names = "; ".join(review.labels.study[study] for study in ids_in(claim["studies"]))
    unit = LABELS["unit"].get(review.policy["unit"], review.policy["unit"])
    given = {**claim, "studies": names, "follows": followed_name(review), "unit": unit}
    given["subject"] = review.subject.singular
    parts = [CAUSES[claim["cause"]], *(REMARKS[code] for code in ids_in(claim["remarks"]))]
    if claim["verdict"] != "not_assessable":
        parts.append(INDEPENDENCE[claim["independence"]])
    return " ".join(part.format(**given) for part in parts if part)


def _counts_of_own(claim: Row, review: Review) -> str:
    """Studies, patients or sizes of the studies of the publication that is followed."""
    k, likely = int(claim["k"]), int(claim["k_likely"])
    own = f"{counted(k, 'study', 'studies')} of that publication"
    own += f" ({likely} likely, not proven)" * bool(likely)
    if claim["quantity"] == "size_range":
        if missing(claim["smallest"]):
            return f"no known size among {own}"
        return f"{claim['smallest']:.0f}-{claim['largest']:.0f} patients in {claim['k_sized']:.0f} of {own}"
    with_counts = f"{claim['k_counted']:.0f} with counts in an analysis, {counted(int(claim['n_counted']), 'patient')}"
    if claim["quantity"] == "n_patients":
        sizes = f"{counted(int(claim['n']), 'patient')} in the {claim['k_sized']:.0f} of known size among {own}"
        return f"{sizes}; {with_counts}"
    if missing(claim["k_listed"]):
        return f"{own}; {with_counts}"
    designs = Counter(review["published_review"]["design_as_published"])
    split = ", ".join(
        f"{designs[slug]} {label}" for slug, label in LABELS["design_as_published"].items() if designs[slug]
    )
    return f"{own}; {with_counts}; {claim['k_listed']:.0f} in its list of references ({split})"


def _counts_here(claim: Row, review: Review) -> str:
    """Studies, patients or sizes in these tables, beside a publication about other studies."""
    k, sized = int(claim["k"]), int(claim["k_sized"])
    where = " in these tables" + " (whole class)" * ("whole_class" in ids_in(claim["remarks"]))
    if claim["quantity"] == "n_studies":
        return counted(k, "study", "studies") + where
    if not sized:
        return f"no known size{where}"
    if claim["quantity"] == "size_range":
        return f"{claim['smallest']:.0f}-{claim['largest']:.0f} patients{where}"
    of = "" if sized == k else f"{sized} of "
    return f"{counted(int(claim['n']), 'patient')} in {of}{counted(k, 'study', 'studies')}{where}"


def _levels(claim: Row, review: Review) -> str:
    """The level of the therapy, and of its class where the therapy is named like it."""
    therapy, disease = claim["therapy"], claim["disease"]
    single = review.level_of("therapy", therapy, disease)
    parts = [therapy_level_words(single, review)] if single else []
    if "whole_class" in ids_in(claim["remarks"]):
        therapies = review["therapies"]
        group = therapies.loc[therapies["therapy"] == therapy, "therapy_class"].iloc[0]
        whole = therapy_level_words(review.level_of("class", group, disease), review)
        parts.append(f"{review.labels.therapy_class[group]} as a class: {whole}")
    return ". ".join(parts) or NOTHING


def _response(claim: Row, review: Review) -> str:
    """The response of an analysis."""
    if not claim["analysis"]:
        return "no study in these tables"
    result = review.analyses[claim["analysis"]].result
    waiting = int(result["k_awaiting"])
    awaited = f"; {counted(waiting, 'study', 'studies')} without counts" * bool(waiting)
    if not result["k"]:
        return f"not pooled ({not_pooled_reason(result, review)}){awaited}"
    values = f"{percent(claim['estimate'])} {interval(claim['ci_lb'], claim['ci_ub'])}"
    counts = f"{claim['events']:.0f}/{claim['n']:.0f} in {counted(int(claim['k']), 'study', 'studies')}"
    how = "pooled" if result["pooled"] == "yes" else f"not pooled ({not_pooled_reason(result, review)})"
    direction = DIRECTIONS[result["direction"]] if claim["quantity"] == "recommendation" else ""
    return f"{values}, {counts}, {how}{awaited}{direction}"


def _as_claim(found: Row, side: str) -> Row:
    """A side of a contradiction as the columns of a claim."""
    blank = dict.fromkeys(("claimed_ci_lb", "claimed_ci_ub", "claimed_i2", "claimed_n"), "")
    unit = found["unit"] or ("share" if found["quantity"] == "pooled_response" else "")
    return {**found, **blank, "claimed": found[f"value_{side}"], "unit": unit}


def _outcome(slug: str, review: Review) -> str:
    label = "" if slug in SILENT else review.outcome(slug).label
    return label[:1].lower() + label[1:]


def _number(text: str) -> str:
    """A printed number with separators and a minus sign, other text as it is: "3500" -> "3,500".

    >>> _number("3500"), _number("-17.67"), _number("3-78"), _number("4.90"), _number(">5")
    ('3,500', '−17.67', '3-78', '4.90', '>5')
    """
    sign, digits = ("−", text[1:]) if text[:1] == "-" else ("", text)
    whole, point, decimals = digits.partition(".")
    if not whole.isdecimal() or not (decimals or "0").isdecimal():
        return text
    return f"{sign}{int(whole):,}{point}{decimals}"


def _hundredfold(text: str) -> str:
    """A printed share as per cent with the digits it was printed with.

    >>> _hundredfold("0.859"), _hundredfold(">0.11"), _hundredfold("0.07"), _hundredfold("NR")
    ('85.9', '>11', '7', 'NR')
    """
    mark = text[: len(text) - len(text.lstrip("<>≤≥~ "))]
    digits = text[len(mark) :]
    if not digits.removeprefix("-").replace(".", "", 1).isdecimal():
        return text
    return mark + _number(f"{(Decimal(digits) * 100).normalize():f}")
