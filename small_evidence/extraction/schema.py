"""The only module that knows the tables: their columns, meanings, units, words and defaults, as pydantic models.

Forms, checks and the data dictionary are made from these models. A cell is a string exactly as a person
typed it: empty means "not applicable", `NR` "not reported", `UNCLEAR` "not clear from the text"; the three are
never numbers and stay apart to the end.
"""

import datetime
import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal, LiteralString, NamedTuple

import pandas as pd
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, GetCoreSchemaHandler, TypeAdapter, ValidationError
from pydantic.config import JsonDict
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from small_evidence import shown, unprintable

MISSING = ("NR", "UNCLEAR")
SILENT = ("", *MISSING)  # cells that say nothing
# Designs that compare groups of patients
CONTROLLED_DESIGNS = ("rct", "controlled_nonrandomised", "cohort_controlled", "case_control")
UNCONTROLLED_DESIGNS = (
    "case_series_prospective", "case_series_retrospective", "case_series", "case_report", "single_arm_trial",
    "cohort_uncontrolled",
)  # fmt: skip
ALL = "all"  # the value of `therapy` or `disease` where all of them are meant
LARGEST_COUNT = 10_000_000  # more patients or records than any review has: a typing error
LONGEST_TEXT = 32_767  # characters a cell of a spreadsheet can hold
LONGEST_SLUG = 100  # two of them and a suffix still make a file name

_NOT_REPORTED = {"NR": "not reported", "UNCLEAR": "unclear"}
_YES_NO = {"yes": "yes", "no": "no"}

# Column -> word in the table -> words for people. The order is the order of forms and tables. A column that two tables
# have with different words is named with its table.
LABELS = {
    "design": {
        "rct": "randomised controlled trial",
        "controlled_nonrandomised": "controlled trial without randomisation",
        "cohort_controlled": "cohort study with controls",
        "case_control": "case-control study",
        "case_series_prospective": "prospective case series",
        "case_series_retrospective": "retrospective case series",
        "case_series": "case series, direction not stated",
        "case_report": "case report",
        "single_arm_trial": "single-arm trial",
        "before_after": "before-after study",
        "cohort_uncontrolled": "cohort study without controls",
        "registry": "registry study",
        "cross_sectional": "cross-sectional study",
        "systematic_review": "systematic review",
        "expert_opinion": "expert opinion",
        **_NOT_REPORTED,
    },
    "controlled": {**_YES_NO, **_NOT_REPORTED},
    "published_review": {"yes": "yes", "likely": "likely", "no": "no", "unknown": "unknown"},
    "status": {"included": "included", "awaiting": "awaiting counts", "excluded": "excluded"},
    "responses.role": {"treatment": "treatment", "comparator": "comparator"},
    "primary_outcome": _YES_NO,
    "unit": {"patient": "patients", "lesion": "lesions"},
    "evidence_basis": {
        "full_text": "full text",
        "abstract": "abstract",
        "secondary": "secondary source",
        **_NOT_REPORTED,
    },
    "confidence": {"high": "high", "medium": "medium", "low": "low", **_NOT_REPORTED},
    "pool": _YES_NO,
    "pool_reason_code": {
        "counts_missing": "counts missing",
        "counts_unverified": "counts not verified",
        "not_primary": "not the primary outcome",
        "subgroup": "subgroup of a row that is pooled",
        "lesion_unit": "lesions, not patients",
        "same_patients": "same patients as another row",
        "out_of_scope": "outside the question of the review",
        "stabilisation_counted": "stabilisation counted as response",
        "identity_unknown": "identity of the study or patient unknown",
        "other": "other reason",
    },
    "serious": {**_YES_NO, **_NOT_REPORTED},
    "reporting": {
        "reported": "reported",
        "reported_none": "reported that none occurred",
        "not_reported": "not reported",
        "unclear": "unclear",
    },
    "kind": {
        "drug": "drug",
        "surgery": "surgery",
        "physical": "physical treatment",
        "combination": "combination",
        "test": "diagnostic test",
        "exposure": "exposure",
        "none": "no treatment or placebo",
        **_NOT_REPORTED,
    },
    "design_as_published": {
        "rct": "randomised",
        "prospective": "prospective",
        "retrospective": "retrospective",
        **_NOT_REPORTED,
    },
    "in_table_iv": {**_YES_NO, **_NOT_REPORTED},
    "quantity": {
        "n_studies": "studies",
        "n_patients": "patients",
        "n_identified": "records identified",
        "pooled_response": "pooled response",
        "responders": "responders",
        "level": "level of evidence",
        "recommendation": "recommendation",
        "size_range": "smallest and largest study",
        "other": "other",
    },
    "flow": {"review": "this review", "published": "the published review"},
    "screening_stage": {
        "identification": "before screening",
        "title_abstract": "title and abstract",
        "retrieval": "retrieval",
        "full_text": "full text",
    },
    "screening_decision": {"include": "include", "exclude": "exclude"},
    "exclusion_reason": {
        "duplicate": "duplicate record",
        "automation": "marked ineligible by a program",
        "not_retrieved": "not retrieved",
        "wrong_population": "wrong population",
        "wrong_intervention": "wrong intervention",
        "wrong_comparator": "wrong comparator",
        "wrong_outcome": "wrong outcome",
        "wrong_design": "wrong design",
        "wrong_publication_type": "wrong publication type",
        "wrong_language": "other language",
        "no_counts": "no counts of patients",
        "same_patients": "same patients as another report",
        "retracted": "retracted",
        "reasons_differ": "reviewers gave different reasons",
        "other": "other reason",
    },
    "source_kind": {
        "database": "database",
        "register": "register",
        "website": "website",
        "organisation": "organisation",
        "citation": "citation searching",
    },
    "stage": {"identification": "Identification", "screening": "Screening", "included": "Included"},
    "scenarios.role": {"first": "first choice", "add": "in addition", "consider": "to consider", "adjunct": "adjunct"},
    "decision": {"same_patients": "the same patients", "distinct": "different patients", "undecided": "undecided"},
    "good": _YES_NO,
    "domain": {
        "start": "starting level",
        "risk_of_bias": "risk of bias",
        "inconsistency": "inconsistency",
        "indirectness": "indirectness",
        "imprecision": "imprecision",
        "publication_bias": "publication bias",
        "overall": "overall certainty",
    },
    # GRADE: of start and overall a certainty, of the other domains how serious the concern is
    "certainty.judgement": {
        "high": "high",
        "moderate": "moderate",
        "low": "low",
        "very_low": "very low",
        "not_serious": "not serious",
        "serious": "serious",
        "very_serious": "very serious",
        "extremely_serious": "extremely serious",
    },
}

# What the value of a published claim is a number of, and its words after the number. A claim of quantity `other` may
# have any unit, in its own words.
CLAIM_UNITS = {
    "share": "",
    "patients": "patients",
    "lesions": "lesions",
    "studies": "studies",
    "records": "records",
    "classes": "classes",
    "points": "points",
    "days": "days",
    "weeks": "weeks",
    "months": "months",
    "years": "years",
}
# Quantity -> the units that its claims may have; the first is the one of a claim that names none, "" has no number.
QUANTITY_UNITS = {
    "n_studies": ("studies",),
    "n_patients": ("patients", "lesions"),
    "n_identified": ("records", "studies"),
    "pooled_response": ("share",),
    "responders": ("patients", "lesions"),
    "level": ("",),
    "recommendation": ("",),
    "size_range": ("patients", "lesions"),
}

# Names Windows keeps for devices, and words that mean something else where a slug stands.
_RESERVED = {"con", "prn", "aux", "nul", "all", "total", "nr", "unclear"}
EXAMPLE = "example"  # the row that the form shows, in small or capital letters
_RESERVED |= {f"{port}{number}" for port in ("com", "lpt") for number in range(10)}
_RESERVED_GROUP = {"class", "summary"}  # they begin the names of analyses and figures

_SLUG = re.compile(r"[a-z0-9][a-z0-9_]*")
_COUNT = re.compile(r"0*([0-9]{1,15})(?:\.0+)?")
_NUMBER = re.compile(r"-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)")
_DECIMAL_COMMA = re.compile(r"[-<>=≤≥]*[0-9]+(?:,[0-9]+)+")
_DOI = re.compile(r"10\.[0-9]{4,9}/\S+")
_PMID = re.compile(r"0*([1-9][0-9]{0,8})(?:\.0+)?")
_LEVEL = re.compile(r"(?:[1-5]|I{1,3}|IV|V)[A-Ca-c]?[+-]?")
# "1.000" is one to some people and a thousand to others
_THOUSANDS = re.compile(r"[1-9][0-9]{0,2}\.000")


def nearest(word: str, allowed: Iterable[str], cutoff: float = 0.6) -> str:
    """The allowed word most like `word`, or "" when none is as near as `cutoff` (1 = the same)."""
    lowered = {name.lower(): name for name in reversed(list(allowed))}
    wanted = str(word).strip().lower().replace(" ", "_")
    matches = difflib.get_close_matches(wanted, lowered, n=1, cutoff=cutoff)
    return lowered[matches[0]] if matches else ""


def labels(table: str, column: str) -> dict[str, str]:
    """The vocabulary of a column with its words for people; {} where the column has none."""
    return LABELS.get(f"{table}.{column}") or LABELS.get(column, {})


def claim_unit(quantity: str, unit: str, outcome_unit: str = "") -> str:
    """The unit of a published claim: as typed, else that of its quantity, or of quantity other that of its outcome."""
    return unit or (QUANTITY_UNITS[quantity][0] if quantity in QUANTITY_UNITS else outcome_unit or "share")


def _fault(rule: LiteralString, words: str) -> PydanticCustomError:
    # the whole sentence is the context, so that braces in a cell are text
    return PydanticCustomError(rule, "{words}", {"words": words})


def _text(value: str) -> str:
    if words := unprintable(value):
        raise _fault("control_character", words)
    if len(value) > LONGEST_TEXT:
        raise _fault("text_too_long", f"{len(value)} characters; the limit of a spreadsheet cell is {LONGEST_TEXT}")
    return value


def _filled(value: str) -> str:
    if not value:
        raise _fault("blank_cell", "empty; write NR if it is not reported")
    return value


def _named(value: str) -> str:
    if not value:
        raise _fault("blank_cell", "empty; every row needs its name")
    return value


def _slug(value: str) -> str:
    if _named(value).strip().lower() == EXAMPLE:
        raise _fault("example_row", f"{shown(value)} marks the made-up row of the form; delete the row")
    if not _SLUG.fullmatch(_named(value)) or len(value) > LONGEST_SLUG:
        raise _fault(
            "not_a_slug",
            f"{shown(value)} cannot be part of a path: use at most {LONGEST_SLUG} small letters, digits and "
            "underscores, as in doe_2022",
        )
    if value in _RESERVED:
        raise _fault("reserved_name", f"{shown(value)} is a reserved name; choose another")
    return value


def _group_slug(value: str) -> str:
    if value in _RESERVED_GROUP:
        raise _fault("reserved_name", f"{shown(value)} is a reserved name; choose another")
    return _slug(value)


def _count(value: str) -> str:
    if not value or value in MISSING:
        return value
    match = _COUNT.fullmatch(value)
    if _THOUSANDS.fullmatch(value):
        one, thousand = value.partition(".")[0], value.replace(".", "")
        raise _fault("not_a_count", f"{shown(value)} may mean {one} or {thousand}; write {one} or {thousand}")
    if not match:
        raise _fault("not_a_count", f"{shown(value)} is not a count: a whole number from 0 on, NR, UNCLEAR or empty")
    if int(match[1]) > LARGEST_COUNT:
        raise _fault("not_a_count", f"{shown(value)} is more than {LARGEST_COUNT}")
    return str(int(match[1]))


def _order(value: str) -> str:
    if not _COUNT.fullmatch(value):
        raise _fault("not_a_number", f"{shown(value)} is not a whole number from 0 on")
    return _count(value)


def _year(value: str) -> str:
    if value in MISSING:
        return value
    match = _COUNT.fullmatch(_filled(value))
    if not match or len(match[1]) != 4:
        raise _fault("not_a_year", f"{shown(value)} is not a year: four digits, NR or UNCLEAR")
    return match[1]


def _plain_number(value: str) -> str:
    """A plain number in its shortest form ("0.60" -> "0.6"), so that CSV and spreadsheets agree; else as it is."""
    if not _NUMBER.fullmatch(value):
        return value
    sign, digits = ("-", value[1:]) if value.startswith("-") else ("", value)
    whole, _, part = digits.partition(".")
    whole, part = whole.lstrip("0") or "0", part.rstrip("0")
    number = f"{whole}.{part}" if part else whole
    return number if number == "0" else sign + number


def _value(value: str) -> str:
    if _DECIMAL_COMMA.fullmatch(value):
        raise _fault(
            "not_a_number", f"{shown(value)} has a comma; write a decimal point, and nothing between thousands"
        )
    return _plain_number(value)


def _number(value: str) -> str:
    if not value or value in MISSING:
        return value
    if not _NUMBER.fullmatch(value):
        raise _fault(
            "not_a_number",
            f"{shown(value)} is not a number: digits with a decimal point as in 0.25, NR, UNCLEAR or empty",
        )
    return _plain_number(value)


def _share(value: str) -> str:
    number = _number(value)
    if number and number not in MISSING and not 0 <= float(number) <= 1:
        raise _fault("not_a_share", f"{shown(value)} is not a share from 0 to 1 (57 % is 0.57)")
    return number


def _doi(value: str) -> str:
    if value and value not in MISSING and not _DOI.fullmatch(value):
        raise _fault(
            "not_a_doi",
            f"{shown(value)} is not a DOI: write it without an address, as in 10.1000/xyz123, NR or empty",
        )
    return value


def _pmid(value: str) -> str:
    if not value or value in MISSING:
        return value
    match = _PMID.fullmatch(value)
    if not match:
        raise _fault("not_a_pmid", f"{shown(value)} is not a PMID: digits only, NR or empty")
    return match[1]


def _level(value: str) -> str:
    if value and not _LEVEL.fullmatch(value):
        raise _fault("not_a_level", f"{shown(value)} is not a level such as IV, IIB or 2b")
    return value


def _date(value: str) -> str:
    if value:
        try:
            if datetime.date.fromisoformat(value).isoformat() != value:
                raise ValueError
        except ValueError:
            raise _fault("not_a_date", f"{shown(value)} is not a date: year-month-day, as in 2026-11-28") from None
    return value


def _switch(value: str) -> str:
    # spreadsheets turn yes and no, typed as a formula or by a tick box, into TRUE and FALSE
    return {"TRUE": "yes", "FALSE": "no"}.get(value, value)


@dataclass(frozen=True)
class _Words:
    """A vocabulary as a type: the words of LABELS[vocabulary] and, where it may, nothing."""

    vocabulary: str
    empty: bool = False

    def __get_pydantic_core_schema__(self, source: type, handler: GetCoreSchemaHandler) -> CoreSchema:
        words = core_schema.literal_schema([*LABELS[self.vocabulary], *[""] * self.empty])
        is_switch = "yes" in LABELS[self.vocabulary]
        return core_schema.no_info_before_validator_function(_switch, words) if is_switch else words


# Kind of cell -> what may be in it, in words.
ALLOWED = {
    "note": "text",
    "text": "text, never empty (NR if not reported)",
    "slug": "small letters, digits, underscores",
    "reference": "a name from that table",
    "count": "whole number from 0 on, NR, UNCLEAR or empty",
    "order": "whole number from 0 on",
    "year": "four digits, NR or UNCLEAR",
    "number": "number with a decimal point, NR, UNCLEAR or empty",
    "share": "number from 0 to 1, NR, UNCLEAR or empty",
    "value": "number or text",
    "filled_value": "number or text, never empty",
    "doi": "10.…/…, NR or empty",
    "pmid": "digits, NR or empty",
    "level": "a level of the scheme in use, or empty",
    "date": "a date as 2026-11-28, or empty",
}
_NUMERIC = ("count", "order", "year", "number", "share", "value", "filled_value")


# Types of cells: a string that passes the checks, and its kind.
Note = Annotated[str, AfterValidator(_text), "note"]
Text = Annotated[str, AfterValidator(_text), AfterValidator(_filled), "text"]
Slug = Annotated[str, AfterValidator(_text), AfterValidator(_slug), "slug"]
GroupSlug = Annotated[str, AfterValidator(_text), AfterValidator(_group_slug), "slug"]
Reference = Annotated[str, AfterValidator(_text), AfterValidator(_named), "reference"]
Count = Annotated[str, AfterValidator(_text), AfterValidator(_count), "count"]
Order = Annotated[str, AfterValidator(_text), AfterValidator(_order), "order"]
Year = Annotated[str, AfterValidator(_text), AfterValidator(_year), "year"]
Number = Annotated[str, AfterValidator(_text), AfterValidator(_number), "number"]
Share = Annotated[str, AfterValidator(_text), AfterValidator(_share), "share"]
Value = Annotated[str, AfterValidator(_text), AfterValidator(_value), "value"]
FilledValue = Annotated[str, AfterValidator(_text), AfterValidator(_filled), AfterValidator(_value), "filled_value"]
Doi = Annotated[str, AfterValidator(_text), AfterValidator(_doi), "doi"]
Pmid = Annotated[str, AfterValidator(_text), AfterValidator(_pmid), "pmid"]
Level = Annotated[str, AfterValidator(_text), AfterValidator(_level), "level"]
Date = Annotated[str, AfterValidator(_text), AfterValidator(_date), "date"]
Design = Annotated[str, _Words("design")]
Controlled = Annotated[str, _Words("controlled")]
Status = Annotated[str, _Words("status")]
PublishedReview = Annotated[str, _Words("published_review", empty=True)]
ResponseRole = Annotated[str, _Words("responses.role", empty=True)]
Primary = Annotated[str, _Words("primary_outcome")]
Unit = Annotated[str, _Words("unit")]
EvidenceBasis = Annotated[str, _Words("evidence_basis")]
Confidence = Annotated[str, _Words("confidence")]
Pool = Annotated[str, _Words("pool")]
PoolReasonCode = Annotated[str, _Words("pool_reason_code", empty=True)]
Serious = Annotated[str, _Words("serious")]
Reporting = Annotated[str, _Words("reporting")]
Kind = Annotated[str, _Words("kind")]
DesignAsPublished = Annotated[str, _Words("design_as_published")]
InTableIv = Annotated[str, _Words("in_table_iv")]
Quantity = Annotated[str, _Words("quantity")]
Stage = Annotated[str, _Words("stage")]
ScenarioRole = Annotated[str, _Words("scenarios.role")]
Flow = Annotated[str, _Words("flow", empty=True)]
ScreeningStage = Annotated[str, _Words("screening_stage")]
ScreeningDecision = Annotated[str, _Words("screening_decision", empty=True)]
ExclusionReason = Annotated[str, _Words("exclusion_reason", empty=True)]
SourceKind = Annotated[str, _Words("source_kind", empty=True)]
Decision = Annotated[str, _Words("decision")]
Good = Annotated[str, _Words("good")]
Domain = Annotated[str, _Words("domain")]
CertaintyJudgement = Annotated[str, _Words("certainty.judgement")]


def _column(meaning: str, unit: str = "", default: str | None = None, made: str = "") -> Any:
    """A column: its meaning for people, its unit, and what is taken where a table lacks the column.

    Parameters
    ----------
    default : the cell taken; None where no table may lack the column
    made : in words, what the cell is made from, where that depends on the rest of the table
    """
    default = "" if made else default
    extra: JsonDict = {"unit": unit, "made": made}
    return Field(... if default is None else default, description=meaning, json_schema_extra=extra)


class Row(BaseModel):
    """One row of a table: every cell a string."""

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True, str_strip_whitespace=True)


class Study(Row):
    study_id: Slug = _column("Short name of the study, used in paths and to join the tables.")
    label: Text = _column("Name of the study in tables and figures.", made="the study_id, readable")
    first_author: Note = _column("Surname and initials of the first author.", default="")
    year: Year = _column("Year of publication as printed; NR where no page that was read prints it.", default="NR")
    title: Text = _column(
        "Title. Square brackets mark a description where the printed title was not seen.", default="NR"
    )
    journal: Note = _column("Journal, volume and pages, or where else the report appeared.", default="")
    doi: Doi = _column("DOI of the report.", default="")
    pmid: Pmid = _column("PubMed number of the report.", default="")
    design: Design = _column("Design of the study as far as the text that was read says.", default="NR")
    controlled: Controlled = _column(
        "Whether there was a comparison group, also the patient's other side.", default="NR"
    )
    n_patients: Count = _column(
        "Patients with the condition of the review who were analysed.", "patients", default="NR"
    )
    cohort_id: Note = _column(
        "The same value for reports on the same patients; such reports never enter one pool. Empty: no overlap known.",
        default="",
    )
    published_review: PublishedReview = _column(
        "Whether the study is one of those of the published review that is followed.", default=""
    )
    status: Status = _column(
        "included: counts are available. awaiting: counts are missing or not verified. excluded: outside the question.",
        default="included",
    )
    status_reason: Note = _column("Why the study is awaiting or excluded; needed for both.", default="")
    level_override: Level = _column(
        "A level of evidence set by hand, where the printed design is not the design for this outcome.",
        default="",
    )
    level_override_reason: Note = _column("Why the level was set by hand; needed with it.", default="")
    notes: Note = _column("Anything a later reader should know.", default="")


class Response(Row):
    response_id: Slug = _column("Short name of the row.", made="study_id and therapy, with a number from the second on")
    study_id: Reference = _column("A study_id of the table studies.")
    therapy: Reference = _column("A therapy of the table therapies; NR where not visible (then pool = no).")
    disease: Reference = _column(
        "A disease of the table diseases; all where one row is for all of them; NR where not visible (then the row "
        "enters analyses over all diseases only)."
    )
    arm: Note = _column(
        "Name of the group of patients. Rows of one study with the same arm are the same patients (other outcomes, "
        "time points, diseases); different arms are different patients. Empty: one arm a therapy.",
        default="",
    )
    role: ResponseRole = _column(
        "treatment, or comparator (placebo, no treatment, another therapy it was compared with).", default="treatment"
    )
    outcome: Reference = _column("An outcome of the table outcomes: what was counted.", made="response")
    primary_outcome: Primary = _column(
        "yes for the one outcome that counts for this study, therapy, disease and unit; no for second "
        "outcomes and subgroups.",
        made="yes for one outcome of an arm and disease, the first among those of the config, then of the table "
        "outcomes, then by the number of studies that have it; else no",
    )
    unit: Unit = _column("What n and the counts are counts of.", default="patient")
    dose: Note = _column("Dose and route as given.", default="")
    follow_up: Note = _column("Length of treatment or follow-up as given.", default="")
    time_point_months: Number = _column(
        "When the outcome was counted, where one arm has several time points.", "months", default=""
    )
    n: Count = _column("Evaluable patients (or lesions).", "patients or lesions")
    n_treated: Count = _column(
        "Patients (or lesions) treated, where more than the evaluable n.", "patients or lesions", default=""
    )
    n_complete: Count = _column("Complete responses.", "patients or lesions", default="NR")
    n_partial: Count = _column("Partial responses.", "patients or lesions", default="NR")
    n_none: Count = _column("Without response.", "patients or lesions", default="NR")
    responders: Count = _column(
        'Any response: complete and partial together, or as given by the source ("improved").',
        "patients or lesions",
    )
    response_definition: Note = _column("What the source calls a response.", default="")
    evidence_basis: EvidenceBasis = _column(
        "What was read: the full text, the abstract (or the opening of the paper), or a secondary source.", default="NR"
    )
    source: Text = _column("Where it was read: doi:…, pmid:…, an address, or the title of the page.", default="NR")
    location: Note = _column("Where in the source: abstract, table, page.", default="")
    paraphrase: Note = _column("The finding in the extractor's own words.", default="")
    confidence: Confidence = _column("How sure the extractor is of the counts.", default="NR")
    extracted_by: Note = _column("Who extracted the row: a person, or a program as `program: name`.", default="")
    verified_by: Note = _column("The second person who checked the row against the source.", default="")
    verified_on: Date = _column("When it was checked.", default="")
    pool: Pool = _column(
        "Whether the row may enter a pooled analysis.",
        made="yes for a primary outcome of patients with counts, else no",
    )
    pool_reason_code: PoolReasonCode = _column("Why not, as a code; needed where pool = no.", default="")
    pool_reason: Note = _column("Why not, in own words; needed where the code is other.", default="")
    notes: Note = _column("Anything a later reader should know.", default="")


class AdverseEvent(Row):
    study_id: Reference = _column("A study_id of the table studies.")
    therapy: Reference = _column("A therapy of the table therapies, or NR.")
    term: Text = _column("The event as the source names it.")
    n_patients: Count = _column("Patients with the event.", "patients")
    n_at_risk: Count = _column("Patients watched for it.", "patients")
    serious: Serious = _column("Whether the source calls it serious.")
    reporting: Reporting = _column(
        "reported; reported_none: the source states that there was none; not_reported; unclear. "
        "No row means nothing was visible, never that nothing happened."
    )
    source: Text = _column("Where it was read.")
    notes: Note = _column("Anything a later reader should know.", default="")


class Therapy(Row):
    therapy: GroupSlug = _column("Short name of the therapy, used in paths and to join the tables.")
    label: Text = _column("Name of the therapy in tables and figures.", made="the therapy, readable")
    therapy_class: GroupSlug = _column("Class the therapy is graded and pooled with.", made="the therapy itself")
    kind: Kind = _column("What kind of treatment it is.", default="NR")
    route: Note = _column("Route of administration, for drugs.", default="")
    display_order: Order = _column(
        "Place in tables and figures; the smallest number comes first.", made="the order of the rows"
    )
    synonyms: Note = _column("Other names, separated by semicolons.", default="")


class Disease(Row):
    disease: GroupSlug = _column("Short name of the disease, used in paths and to join the tables.")
    label: Text = _column("Name of the disease in tables and figures.", made="the disease, readable")
    mondo: Note = _column("Identifier in the Mondo disease ontology.", default="")
    synonyms: Note = _column("Other names, separated by semicolons.", default="")


class PublishedReference(Row):
    ref_no: Order = _column("Number of the reference in the published review.")
    design_as_published: DesignAsPublished = _column("Design by which the published review counts it.")
    in_table_iv: InTableIv = _column("Whether the published review's table of therapies cites it.")
    identity: Note = _column("Which study it is, where that is shown; empty where it is not.", default="")
    notes: Note = _column("Anything a later reader should know.", default="")


class PublishedClaim(Row):
    claim_id: Slug = _column("Short name of the claim.")
    review: Text = _column("The publication that prints it.")
    doi: Doi = _column("DOI of that publication.", default="")
    therapy: Reference = _column("A therapy of the table therapies, or all.")
    disease: Reference = _column("A disease of the table diseases, or all.")
    quantity: Quantity = _column("What is claimed. responders is a count out of n.")
    outcome: Note = _column("Outcome, or for quantity other what the value is.", default="")
    unit: Note = _column(
        "What the value is a number of: share (0 to 1), patients, lesions, studies, records, classes, points, days, "
        "weeks, months, years; for quantity other any unit in own words; empty for words.",
        default="",
    )
    value: FilledValue = _column("The value as printed; shares from 0 to 1.", "share, count or word")
    ci_lb: Number = _column("Lower bound of the printed interval.", "as value", default="")
    ci_ub: Number = _column("Upper bound of the printed interval.", "as value", default="")
    i2: Share = _column("Printed I².", "share", default="")
    p: Value = _column("Printed p.", default="")
    n: Count = _column("Patients the value is based on.", "patients", default="")
    statement: Text = _column("The claim in own words, with what limits it.")
    source: Text = _column("Where it was read.")


class ScreeningBox(Row):
    stage: Stage = _column("Stage of the PRISMA flow.")
    label: Text = _column("Text of the box.")
    n: Count = _column("Number in the box; NR where it is not printed.", "records, reports or studies")
    source: Note = _column("Where it was read.", default="")
    flow: Flow = _column("Whose flow it is: of this review (also where empty), or of the published one.", default="")


class ScreenedRecord(Row):
    record_id: Reference = _column("Name of the record; the same in all of its rows.")
    screening_stage: ScreeningStage = _column("Stage at which it was decided on.")
    reviewer: Note = _column("Who decided; consensus where reviewers agreed after they had differed.")
    screening_decision: ScreeningDecision = _column(
        "include: goes on to the next stage; empty: not decided yet. At identification, exclude takes a duplicate away."
    )
    exclusion_reason: ExclusionReason = _column("Why excluded; needed at identification and full text.", default="")
    database: Note = _column("Database, register or place where the record was found.", default="")
    source_kind: SourceKind = _column("What kind of place that is; empty: a database.", default="")
    included_study: Note = _column("The study_id that an included record is a report of.", default="")
    title: Note = _column("Title of the record.", default="")
    doi: Doi = _column("DOI of the record.", default="")
    pmid: Pmid = _column("PubMed number of the record.", default="")
    notes: Note = _column("Anything a later reader should know.", default="")


class Scenario(Row):
    scenario: Slug = _column("Short name of the clinical scenario.")
    scenario_label: Text = _column("The scenario for people.")
    diseases: Note = _column(
        "Diseases of the scenario, of the table diseases, separated by semicolons; empty: any disease.", default=""
    )
    therapy: Reference = _column("A therapy of the table therapies.")
    role: ScenarioRole = _column(
        "Place a guidance page gives it. Not evidence: it is shown beside what the tables show."
    )
    rationale: Text = _column("Why, in own words.")
    source: Text = _column("Where it was read.")


class RiskOfBias(Row):
    study_id: Reference = _column("A study_id of the table studies.")
    result: Note = _column(
        "The result that is judged, where the instrument judges results and not studies; else empty."
    )
    tool: Reference = _column("An instrument of workflow/standards/risk_of_bias.")
    item: Text = _column("An item or domain of the instrument, or overall.")
    answer: Note = _column("The answer to the item, one of those that the instrument allows.", default="")
    judgement: Note = _column("The judgement of the domain or overall, in the instrument's words.", default="")
    support: Note = _column("What the answer or judgement is based on.", default="")
    rater: Note = _column("Who appraised; consensus where several raters agreed on one version.")


class Overlap(Row):
    study_a: Reference = _column("A study_id of the table studies.")
    study_b: Reference = _column("The study_id of a study that may report on the same patients.")
    decision: Decision = _column("Whether the two report on the same patients, as far as is known.")
    keep: Note = _column("The study_id of the report that is pooled; needed for same_patients.", default="")
    reason: Note = _column("What the decision is based on; needed unless undecided.", default="")
    decided_by: Note = _column("Who decided.", default="")


class AdjudicatedCell(Row):
    table: Text = _column("The table that two people extracted.")
    row_key: Text = _column("The row, as results/tables/disagreements.csv names it.")
    column: Text = _column("The column, or (row) where one of the two has no such row.")
    first: Note = _column("Value of the first extraction at the time of the decision.")
    second: Note = _column("Value of the second extraction at the time of the decision.")
    first_source: Note = _column("Where the first extraction has its value from.", default="")
    second_source: Note = _column("Where the second extraction has its value from.", default="")
    pooled: Note = _column("yes where a pooled analysis uses the cell. Not read.", default="")
    state: Note = _column("open, agreed, or out of date. Not read.", default="")
    agreed: Note = _column("The value that both agreed on; empty while undecided. Of (row): present or absent.")
    decided_by: Note = _column("Who decided.", default="")
    reason: Note = _column("What the decision is based on.", default="")


class Caveat(Row):
    topic: Text = _column("What the caveat is about.")
    caveat: Text = _column("The caveat that a guidance page prints beside its suggestions, in own words.")
    source: Text = _column("Where it was read.")


class Outcome(Row):
    outcome: Slug = _column("Short name of the outcome, used to join the tables.")
    label: Text = _column("Name of the outcome in tables and figures.")
    event_singular: Text = _column("What one patient with the outcome did or had: had a stroke, was readmitted.")
    event_plural: Text = _column("The same of several patients: had a stroke, were readmitted.")
    noun_singular: Text = _column("One patient with the outcome: responder, patient with a stroke.")
    noun_plural: Text = _column("Several of them: responders, patients with a stroke.")
    good: Good = _column("Whether the outcome is good for the patient.")
    unit: Note = _column(
        "The unit of published claims on the outcome that name none; share for what a patient has or has not.",
        default="share",
    )


class CertaintyDomain(Row):
    therapy: Reference = _column("A therapy of the table therapies.")
    disease: Reference = _column("A disease of the table diseases, or all.")
    domain: Domain = _column("Domain of GRADE, start (where the certainty begins) or overall.")
    judgement: CertaintyJudgement = _column(
        "How serious the concern is; of start and overall the certainty. It takes the place of the proposed one."
    )
    reason: Text = _column("Why, in own words.")
    confirmed_by: Text = _column("Who judged.")


class OwnColumn(Row):
    """A column of the reviewer's own, beside those of the schema."""

    cell: Note = _column("A column of your own that the config names as a covariate.", default="")


class Table(NamedTuple):
    """One table: its model, the columns that name a row, whether a review must have it, what a row is."""

    model: type[Row]
    key: tuple[str, ...]
    required: bool
    row: str


# What is wrong with a table or between rows: rule, table, row (None = the whole table), column, study_id, words.
RowFault = tuple[str, str, int | None, str, str, str]

TABLES = {
    "studies": Table(Study, ("study_id",), False, "study"),
    "responses": Table(
        Response,
        ("response_id",),
        True,
        "study, therapy, disease, outcome and unit (plus subgroup rows, marked)",
    ),
    "adverse_events": Table(AdverseEvent, ("study_id", "therapy", "term"), False, "statement on adverse events"),
    "therapies": Table(Therapy, ("therapy",), False, "therapy"),
    "diseases": Table(Disease, ("disease",), False, "disease"),
    "published_review": Table(PublishedReference, ("ref_no",), False, "reference number of the published review"),
    "published_claims": Table(
        PublishedClaim, ("claim_id",), False, "figure or grade printed by a review, to compare with ours"
    ),
    "screening": Table(ScreeningBox, ("stage", "label"), False, "box of the PRISMA flow"),
    "records": Table(
        ScreenedRecord, ("record_id", "screening_stage", "reviewer"), False, "record, stage of screening and reviewer"
    ),
    "scenarios": Table(Scenario, ("scenario", "therapy"), False, "clinical scenario and suggested therapy"),
    "caveats": Table(Caveat, ("topic", "caveat"), False, "caveat that a guidance page prints"),
    "outcomes": Table(Outcome, ("outcome",), False, "outcome"),
    "certainty": Table(
        CertaintyDomain, ("therapy", "disease", "domain"), False, "therapy, disease and domain of GRADE, as judged"
    ),
    "risk_of_bias": Table(
        RiskOfBias, ("study_id", "result", "tool", "item", "rater"), False, "study, instrument and item or domain"
    ),
    "overlaps": Table(Overlap, ("study_a", "study_b"), False, "pair of studies that may share patients"),
    "adjudication": Table(
        AdjudicatedCell, ("table", "row_key", "column"), False, "difference between two extractions and its settlement"
    ),
}

# Columns that name a row of another table, and the words that may stand there instead of a name.
_TARGETS = {
    "study_id": "studies", "study_a": "studies", "study_b": "studies", "therapy": "therapies", "disease": "diseases",
    "responses.outcome": "outcomes",
}  # fmt: skip
_NAMELESS = {
    ("responses", "therapy"): MISSING,
    ("responses", "disease"): (ALL, *MISSING),
    ("adverse_events", "therapy"): MISSING,
    ("published_claims", "therapy"): (ALL, *MISSING),
    ("published_claims", "disease"): (ALL, *MISSING),
    ("certainty", "disease"): (ALL,),
}

COLUMN_ALIASES = {"study": "study_id"}

_ADAPTERS: dict[tuple[str, str], TypeAdapter[str]] = {}


def columns(table: str) -> list[str]:
    """The columns of a table, in order."""
    return list(TABLES[table].model.model_fields)


def needed_columns(table: str) -> list[str]:
    """The columns a table cannot lack."""
    return [name for name, field in TABLES[table].model.model_fields.items() if field.is_required()]


def column_name(name: str) -> str:
    """The name of a column as the tables write it: "Study ID" -> study_id, "Study" -> study_id."""
    plain = re.sub(r"[\s_\-]+", "_", name.strip().casefold()).strip("_")
    return COLUMN_ALIASES.get(plain, plain)


def _field(table: str, column: str) -> FieldInfo:
    """What the schema says of a column; one that it does not know is a column of the reviewer's own."""
    return TABLES[table].model.model_fields.get(column, OwnColumn.model_fields["cell"])


def _said(table: str, column: str, what: Literal["unit", "made"]) -> str:
    """What `_column` was given as unit or as made."""
    extra = _field(table, column).json_schema_extra
    return str(extra[what]) if isinstance(extra, dict) else ""


def default_cell(table: str, column: str) -> str:
    """The cell that is taken where a table lacks the column; "" where none is."""
    field = _field(table, column)
    return "" if field.is_required() else str(field.default)


def is_made(table: str, column: str) -> bool:
    """Whether the cell of a column that a table lacks is made from its other cells."""
    return bool(_said(table, column, "made"))


def is_quiet(table: str, column: str) -> bool:
    """Whether an empty cell of the column is allowed and stands for its default."""
    return not check_cell(table, column, "")[1]


def must_be_filled(table: str, column: str) -> bool:
    """Whether every row needs the cell where the table has the column."""
    is_order_or_name = is_made(table, column) and column in ("response_id", "label", "therapy_class", "display_order")
    return not is_quiet(table, column) and not is_order_or_name


@cache
def numeric_columns(table: str) -> tuple[str, ...]:
    """The columns whose cells may be numbers to reckon with."""
    return tuple(name for name in columns(table) if cell_kind(table, name) in _NUMERIC)


def cell_kind(table: str, column: str) -> str:
    """The kind of a column's cells: one of ALLOWED, or "word" where it has a vocabulary."""
    if allowed_words(table, column):
        return "word"
    return str(_field(table, column).metadata[-1])


def reference(table: str, column: str) -> tuple[str, tuple[str, ...]]:
    """The table whose rows a column names ("" for a column that names none), and the words allowed beside the names."""
    target = _TARGETS.get(f"{table}.{column}") or _TARGETS.get(column, "")
    is_reference = target and TABLES[table].key != (column,)
    return (target, _NAMELESS.get((table, column), ())) if is_reference else ("", ())


def empty_table(table: str) -> pd.DataFrame:
    """The table without rows."""
    return _empty(table).copy()


@cache
def _empty(table: str) -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(dtype="str") for name in columns(table)})


def allowed_words(table: str, column: str) -> list[str]:
    """The vocabulary of a column as a list, or an empty list where the column takes free text or numbers."""
    vocabularies = [kind.vocabulary for kind in _field(table, column).metadata if isinstance(kind, _Words)]
    return [word for vocabulary in vocabularies for word in LABELS[vocabulary]]


def check_cell(table: str, column: str, value: str) -> tuple[str, str, str]:
    """Check one cell against the type of its column.

    Returns
    -------
    (value, rule, words): the value in its normal form ("3.0" -> "3") with rule and words empty, or the value
    as it was, the id of the rule it breaks, and what is wrong
    """
    if words := unprintable(value.strip().replace("\r", "\n")):  # pydantic does not take half a character at all
        return value, "control_character", words
    adapter = _ADAPTERS.get((table, column))
    if adapter is None:
        adapter = _ADAPTERS[table, column] = TypeAdapter(Annotated[(str, *_field(table, column).metadata)])
    try:
        checked = adapter.validate_python(value.strip().replace("\r\n", "\n").replace("\r", "\n"))
        if checked == EXAMPLE.upper():  # left of the made-up row when a person typed over it
            return value, "example_row", f"{shown(value)} is of the made-up row of the form; replace or delete it"
        return checked, "", ""
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
    if first["type"] != "literal_error":
        return value, first["type"], first["msg"]
    allowed = allowed_words(table, column)
    near = nearest(value, allowed)
    return (
        value,
        "unknown_word",
        (f"{shown(value)} is not known" if value.strip() else "empty")
        + (f", nearest is {near}" if near else "")
        + f"; allowed are {', '.join(allowed)}",
    )


def rows_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as plain values by column, in a third of the time of `DataFrame.to_dict`.

    >>> rows_of(pd.DataFrame({"study_id": ["doe"], "n": [8]}))
    [{'study_id': 'doe', 'n': 8}]
    """
    return [dict(zip(frame.columns, cells, strict=True)) for cells in frame.to_numpy(dtype=object).tolist()]


def numbers(series: pd.Series) -> "pd.Series[float]":
    """The numbers of a column of strings.

    Parameters
    ----------
    series : Series of cells ("12", "-17.67", "NR", "UNCLEAR", ">0.11", ""), or of numbers

    Returns
    -------
    Series of float, NaN where the cell is not a plain number ("3-78", ">0.11" and "1e3" are text)
    """
    if pd.api.types.is_numeric_dtype(series):
        return series.astype(float)
    return pd.Series([number(cell) for cell in series], series.index, dtype=float, name=series.name)


def number(cell: object) -> float:
    """The number of one cell, NaN where it is not a plain number."""
    text = str(cell).strip()
    return float(text) if _NUMBER.fullmatch(text) else float("nan")


def humanise(slug: str) -> str:
    """A slug as words: "calcium_channel_blocker" -> "Calcium channel blocker"."""
    words = str(slug).replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def describe(table: str, own: Iterable[str] = ()) -> pd.DataFrame:
    """One row a column of `table`: column, meaning, unit, allowed, needed (yes/no), default (where it is missing).

    `own` are columns of the reviewer's own, which come after those of the schema.
    """
    rows = []
    for name in (*columns(table), *own):
        field, words = _field(table, name), allowed_words(table, name)
        rows.append(
            {
                "column": name,
                "meaning": field.description,
                "unit": _said(table, name, "unit"),
                "allowed": ", ".join(words) or ALLOWED[cell_kind(table, name)],
                "needed": "yes" if field.is_required() else "no",
                "default": "" if field.is_required() else _said(table, name, "made") or field.default or "empty",
            }
        )
    return pd.DataFrame(rows, dtype="str")


def data_dictionary(rules: Mapping[str, tuple[str, str]], notes: str = "") -> str:
    """The data dictionary of a review as Markdown: tables, columns, words, rules and notes.

    Parameters
    ----------
    rules : dict of rule -> (severity, sentence), as `checks.RULES`
    notes : Markdown put at the end as it is, e.g. where the data of this review come from
    """
    lines = [
        "# Data dictionary",
        "",
        "Generated from `small_evidence/extraction/schema.py`, the rules of `checks.py` and `rules.py` beside it, and",
        "`data/notes.md` by `python -m small_evidence.extraction.checks > data/README.md`; a test fails when this page",
        "is older.",
        "",
        "`raw/` contains one CSV file for each table (`raw/studies.csv`, …; UTF-8, commas or semicolons, one header",
        "row), or one workbook `raw/extraction.xlsx` with a sheet for each table; a table is either a file or a",
        "sheet. The workflow never writes there. `processed/` contains the same tables after checking.",
        "",
        "Optional in `raw/`: `second_extraction/` with the tables of a second person (studies, responses,",
        "adverse_events, risk_of_bias), whose differences are listed in `results/tables/disagreements.xlsx`; that",
        "sheet, filled in and saved as `raw/adjudication.xlsx` (or `.csv`), with the decisions; and `references/`",
        "with exports of databases and reference managers, from which `snakemake",
        "results/tables/import_proposals.csv` proposes rows of `studies`.",
        "",
        "Cells without a value: **empty** = not applicable; **NR** = not reported (not in the text that was read;",
        "never zero, never “none”); **UNCLEAR** = not clear from the text. The three are kept apart in every step.",
        "Whole numbers are written 12 or 12.0; shares lie between 0 and 1. Names that join tables (`study_id`,",
        "`therapy`, `disease`, `outcome`) consist of small letters, digits and underscores, since files are named",
        "after them; people read the labels.",
        "",
        "In `processed/`, numbers are in their shortest form (0.60 is 0.6). A text that a spreadsheet would take",
        "for a formula (it begins with = + - @) is preceded by an apostrophe, which `read_review` removes.",
        "",
        "| table | one row per | columns that name a row | needed |",
        "|---|---|---|---|",
    ]
    for table, (_, key, required, row) in TABLES.items():
        names = ", ".join(f"`{name}`" for name in key)
        lines.append(f"| [{table}](#{table}) | {row} | {names} | {'yes' if required else 'no'} |")
    for table in TABLES:
        lines += ["", f"## {table}", "", "| column | meaning | unit | allowed | needed | where missing |"]
        lines += ["|---|---|---|---|---|---|"]
        for column, *cells in describe(table).to_numpy().tolist():
            lines.append("| " + " | ".join([f"`{column}`", *cells]) + " |")
    lines += ["", "## Words", "", "What the words of the vocabularies are called in tables and figures.", ""]
    lines += ["| column | word | label |", "|---|---|---|"]
    for column, words in LABELS.items():
        lines += [f"| `{column}` | `{word}` | {label} |" for word, label in words.items()]
    lines += ["", "## Rules", ""]
    lines += [
        "An **error** is impossible or incomplete: the run stops and nothing is changed. A **warning** is suspicious",
        "but possible: it is listed in `results/tables/extraction_issues.csv`.",
        "",
        "| rule | severity | what must hold |",
        "|---|---|---|",
    ]
    lines += [f"| `{rule}` | {severity} | {sentence} |" for rule, (severity, sentence) in rules.items()]
    return "\n".join(lines) + "\n" + (f"\n{notes.strip()}\n" if notes else "")
