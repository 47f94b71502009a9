"""The report: one page in which every number leads back to the row and the source it came from.

The only module that knows how the report is put together; words of tables and texts are made elsewhere.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd
from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup

from small_evidence.documents.text import Heading, Item, Text
from small_evidence.documents.webpage import LANGUAGE, STYLE, fragment, hashed, linked, table_data
from small_evidence.extraction.checks import fault_lines
from small_evidence.extraction.screening import flow_shown
from small_evidence.figures import COMPARISON, FOREST, bubble_names, review_figure
from small_evidence.figures.comparison import comparison_names
from small_evidence.figures.page import TooNarrowError
from small_evidence.figures.render import svg
from small_evidence.figures.style import SCREEN, Style
from small_evidence.pooling.methods import ESTIMANDS, METHODS
from small_evidence.pooling.prediction import NEXT_PATIENTS
from small_evidence.pooling.record import MEAN_CODES
from small_evidence.presentation.facets import facet_values, facets_of, with_facets
from small_evidence.presentation.manuscript import methods_text
from small_evidence.presentation.summary import about_review, evidence_map_table, plain_summary
from small_evidence.presentation.whatif import whatif_data
from small_evidence.reasons import agreement_words, not_pooled_reason, study_level_words, therapy_level_words
from small_evidence.release.sentences import changes_text
from small_evidence.review import Analysis, Review
from small_evidence.saving import save_bytes
from small_evidence.synthesis.analyses import over_all
from small_evidence.tables import evidence_tables
from small_evidence.tables.awaiting import missing_counts_words
from small_evidence.tables.certainty import ratings
from small_evidence.tables.claims import claim_words
from small_evidence.tables.findings import LIMITS
from small_evidence.tables.harms import NO_STATEMENT
from small_evidence.tables.parts import (
    RESPONSE,
    Treatment,
    appraisal_words,
    comparison_group_words,
    counts_head,
    published_verdicts,
    response_cell,
    treatments,
)
from small_evidence.tables.responses import STARRED, analysis_table
from small_evidence.tables.scenarios import caveat_table
from small_evidence.tables.table import Column, Table
from small_evidence.tables.trace import row_table, sensitivity_table
from small_evidence.wording import (
    NOTHING,
    capital,
    counted,
    coverage,
    coverage_of,
    estimate,
    ids_in,
    interval,
    joined,
    level_text,
    missing,
    next_patients,
    note_words,
    percent,
    rounded,
    word,
)

PAGE = "report.html.j2"
SCRIPTS = (  # in this order
    "report_page.js", "report_model.js", "report_arms.js", "report_tables.js", "report_whatif.js", "report.js",
)  # fmt: skip
PLACES = {  # of the page, and what a link there is called
    "forest": "Forest plot", "table-iv": "Table IV", "findings": "Summary of findings",
    "studies": "Studies", "missing": "The list", "claims": "Published claims", "risk-of-bias": "Risk of bias",
}  # fmt: skip
PLAIN = ("Outcome", LIMITS, "Published verdict", "What is changed", "To", "Interval")  # of an analysis, without links
STATUS = ("included", "awaiting", "excluded")  # of the studies of a review
PHONE_MM = 100  # about the width of a phone's screen
NAMED = 3  # treatments in a sentence; more are counted
Fact = tuple[str, str, list[tuple[str, str]]]  # term, words, and links in them

# What is written of a source, and where that leads. A mark at the end belongs to the sentence.
_END = r"(?=[.,;)\]]*(?:\s|$))"
SOURCES = (
    (re.compile(rf"doi:(10\.\d{{4,9}}/\S+?){_END}"), "https://doi.org/"),
    (re.compile(r"(?i:pmid)[: ]\s?(\d{1,9})\b"), "https://pubmed.ncbi.nlm.nih.gov/"),
    (re.compile(rf"(https?://\S+?){_END}"), ""),
)


def report(
    review: Review,
    release: str = "",
    *,
    record: Mapping[str, Any],
    templates: Mapping[str, str],
    tables: Iterable[Table] | None = None,
) -> str:
    """The report of a review as one HTML page that needs nothing else.

    Parameters
    ----------
    review : with every result, extraction_issues and places, and changes where there is an earlier release
    release : the version that changes are listed since
    record : from `provenance.provenance` over the inputs
    templates : from `read_templates`
    tables : those of `evidence_tables`, where they were made already
    """
    page = Environment(
        loader=DictLoader(templates), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    ).get_template(PAGE)
    script = "".join(templates[name] for name in SCRIPTS)
    style = STYLE + templates["report.css"]
    links, facets = links_of(review), facets_of(review)
    responses = review["responses"]
    others = responses[~responses["therapy"].isin(review["therapies"]["therapy"])]
    versions = {name: record[name] for name in ("small_evidence", "python")} | record["packages"]
    by_name = {table.name: table for table in (evidence_tables(review) if tables is None else tables)}
    by_name["table_ii"] = _with_rows(by_name["table_ii"], review)
    by_name["table_iv"] = _on_screen(by_name["table_iv"], review)
    by_name["reconciliation"] = _with_sources(by_name["reconciliation"])

    def as_data(table: Table) -> dict[str, Any]:
        return table_data(with_facets(table, facets), links)

    classes, without = _classes(review, by_name, as_data)
    return page.render(
        language=LANGUAGE,
        address=_address,
        title=review.config["review"]["title"],
        style=Markup(style),
        style_hash=Markup(hashed(style)),
        script=Markup(script),
        script_hash=Markup(hashed(script)),
        whatif=whatif_data(review),
        written=lambda table: Markup(fragment(with_facets(table, facets), links, role="group")),
        data=as_data,
        json=lambda part: Markup(_json(part)),
        link=lambda words, links=None: Markup(linked(words, sources_in(words) if links is None else links)),
        overview=overview(review),
        places=PLACES | {"treatments": capital(review.subject.plural)},
        subject=review.subject,
        outcome=review.response,
        changes=_blocks(changes_text(review["changes"], release)) if "changes" in review else None,
        summary=_for_phone("summary_forest", review),
        tables=by_name,
        comparisons=[_for_phone(f"{COMPARISON}{name}", review) for name in comparison_names(review, counted=True)],
        facets=[dict(zip(("name", "label", "values"), one, strict=True)) for one in facet_values(review)],
        caveats=caveat_table(review),
        classes=classes,
        without=without,
        flow=_flow(review),
        map=evidence_map_table(review),
        about=about_review(review, release, versions),
        plain=plain_summary(review),
        others=row_table(review, others, name="rows-others", title=f"Rows that name no {review.subject.singular}"),
        sensitivity=sensitivity_table(review),
        warnings=_warnings(review["extraction_issues"]),
        methods=_blocks(methods_text(review, versions)),
        versions=versions,
        inputs=record["inputs"],
        changed=record["changed_since_read"],
    )


def read_templates(paths: Iterable[str | Path]) -> dict[str, str]:
    """Page, style and script of the report by their file names."""
    return {Path(path).name: Path(path).read_text(encoding="utf-8") for path in paths}


def save_report(page: str, path: str | Path) -> None:
    """Write the page."""
    save_bytes(page.encode("utf-8"), path)


def sources_in(words: str) -> list[tuple[str, str]]:
    """What in a text is the address of a source, and where it leads; nothing but DOI, PubMed and the web does.

    >>> sources_in("doi:10.1000/a; see https://a.org/b.")
    [('doi:10.1000/a', 'https://doi.org/10.1000/a'), ('https://a.org/b', 'https://a.org/b')]
    >>> sources_in("javascript:alert(1)")
    []
    """
    found = [
        (match.start(), match[0], base + (quote(match[1], safe="/:;().-_~") if base else match[1]))
        for pattern, base in SOURCES
        for match in pattern.finditer(words)
    ]
    places, end = [], 0
    for start, text, address in sorted(found):
        if start >= end:  # an address may hold another
            places.append((text, address))
            end = start + len(text)
    return places


def _json(data: Any) -> str:
    """Data as JSON that stays inside its element whatever a cell may hold."""
    return json.dumps(data, ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c")


# Links -----------------------------------------------------------------------------------------------------


def links_of(review: Review) -> Callable[[str, Mapping[str, str], str], list[tuple[str, str]]]:
    """Function that finds the links of a cell: from a number to its analysis, from there to its rows and sources.

    It takes the name of a column, what the row is about (`Table.about`) and the text of the cell, and gives pairs of
    words and address; a row does not lead to itself.
    """

    def links(column: str, about: Mapping[str, str], text: str) -> list[tuple[str, str]]:
        own = about.get("id", "").split()
        return [link for link in _links(column, about, text, review) if link[1][1:] not in own]

    return links


def _links(column: str, about: Mapping[str, str], text: str, review: Review) -> list[tuple[str, str]]:
    labels = review.labels
    responses = [f"#row-{response}" for response in ids_in(about.get("response"))]
    if column in ("Study", "References"):
        return [(labels.study[study], f"#study-{study}") for study in ids_in(about.get("study"))]
    if column == "Treatments":
        therapies = [slug for slug in ids_in(about.get("therapy")) if slug in labels.therapy]
        return [(labels.therapy[slug], f"#therapy-{slug}") for slug in therapies]
    if column == "Rows":
        return list(zip(text.split("; "), responses, strict=bool(responses)))
    if column == RESPONSE and responses and "study" in about:
        return [(text, responses[0])]
    analysis = review.analyses.get(about.get("analysis", ""))
    if analysis is None or text == NOTHING or column in PLAIN:
        return sources_in(text)
    if column in ("Treatment", "Level"):
        return [(text, f"#{analysis.scope}-{analysis.therapy}")]
    here = review.analysis_of(analysis.scope, analysis.therapy, column)  # columns by disease have its name
    return [(text, f"#analysis-{(here or analysis).name}")]


def _row_numbers(places: pd.DataFrame, table: str) -> Callable[[str], str]:
    """Function from names of rows of a table, joined by ";", to their numbers in one text: "5; 7"."""
    own = places[places["table"] == table]
    rows = dict(zip(own["id"], own["row"], strict=True))
    return lambda ids: "; ".join(str(rows.get(row, row)) for row in ids_in(ids)) or NOTHING


def _with_rows(table: Table, review: Review) -> Table:
    """Table II with what the level is based on, and the rows of the study."""
    places = review["places"]
    studies = [row["study"] for row in table.about]
    rules = [study_level_words(review.study_grades[study], review) for study in studies]
    own, below = (_row_numbers(places, name) for name in ("studies", "responses"))
    files = joined(dict.fromkeys(places["file"]), ", ")
    shown = [column.name for column in table.columns if column.name not in ("Controlled", "In published review")]
    table = (
        table.showing(*shown)
        .adding(Column("Basis of the level", 22), rules)
        .adding(Column("Row", 5), [own(study) for study in studies])
        .adding(Column("Rows", 8), [below(row["response"]) for row in table.about])
    )
    return replace(table, footnotes=(*table.footnotes, f"Row: of the study; rows: of its responses; in {files}."))


def _on_screen(table: Table, review: Review) -> Table:
    """Table IV at the width of a screen, with a mark on the rows that the published review advises against.

    These never lead by their level. The studies of a row are a link away, in the part on its treatment.
    """
    claims = review["reconciliation"]
    warned = claims[(claims["quantity"] == "recommendation") & (claims["claimed"] == "against")]
    against = {
        *warned["therapy"],
        *(review.analyses[one].therapy for one in warned["analysis"] if one in review.analyses),
    }
    about = tuple({**row, "against": "yes" if row["therapy"] in against else "no"} for row in table.about)
    notes = tuple(note for note in table.footnotes if note != STARRED)
    notes += ("Sorted by level, what the published review advises against comes last.",) * bool(against)
    columns = (replace(one, width=20) if one.name == RESPONSE else one for one in table.columns)
    shown = tuple(column for column in columns if column.name != "References")
    return replace(table, columns=shown, about=about, footnotes=notes)


def _with_sources(table: Table) -> Table:
    return table.adding(Column("Source", 20), [row["source"] for row in table.about])


# What is known, how sure, what is missing --------------------------------------------------------------------


def overview(review: Review) -> list[tuple[str, list[tuple[str, str]]]]:
    """The state of the evidence in numbers, never in advice.

    Returns
    -------
    list of (heading, sentences); a sentence is a pair of its words and the place on the page that has more (PLACES)
    """
    return [
        ("What is known", _known(review)),
        ("How certain that is", _certain(review)),
        ("What is missing", _missing(review)),
    ]


def _known(review: Review) -> list[tuple[str, str]]:
    single = review.studied
    done = [one for one in single if one.pooled]
    few = [one for one in single if not one.pooled and one.result["k"]]
    entered, units = _entered(review), word("unit", review.policy["unit"])
    words = f"{len(done)} of {counted(len(single), *review.subject)} could be pooled"
    if 0 < len(done) <= NAMED:
        words += f" ({'; '.join(_pooled_words(one, review) for one in done)})"
    words += f". Intervals against {_threshold(review)}: {_directions(done)}." if done else "."
    sentences = [(words, "forest")]
    if few:
        words = (
            f"{counted(len(few), *review.subject)} with too few studies to pool {'has' if len(few) == 1 else 'have'} "
        )
        words += f"summed counts; intervals against {_threshold(review)}: {_directions(few)}."
        sentences.append((words, "findings"))
    studies, sizes = counted(entered["study_id"].nunique(), "study", "studies"), Counter(review["studies"]["status"])
    arms = f"{counted(len(entered), 'study arm')} with {entered['n'].sum():,.0f} {units} from {studies}"
    flow = (
        f"{counted(len(review['studies']), 'study', 'studies')} in the tables: {sizes['included']} included, "
        f"{sizes['awaiting']} awaiting counts, {sizes['excluded']} excluded."
    )
    return [*sentences, (f"{arms} included in an analysis.", "table-iv"), (flow, "studies")]


def _pooled_words(analysis: Analysis, review: Review) -> str:
    """'Drug: 21 of 41 patients responded in 4 studies, pooled 54.8% [18.8, 91.4] in the median study'."""
    result, response = analysis.result, review.response
    event = response.event_singular if result["events"] == 1 else response.event_plural
    units = word("unit", review.policy["unit"])
    mean = estimate(result["mean_proportion"], result["mean_ci_lb"], result["mean_ci_ub"])
    whose = ESTIMANDS[METHODS[result["method"]].estimand]
    beside = "" if mean == NOTHING else f" ({mean}% in the mean study)"
    return (
        f"{analysis.label}: {result['events']:,.0f} of {result['n']:,.0f} {units} {event} in "
        f"{counted(int(result['k']), 'study', 'studies')}, pooled {percent(result['estimate'])} "
        f"{interval(result['ci_lb'], result['ci_ub'])} in {whose}{beside}"
    )


def _certain(review: Review) -> list[tuple[str, str]]:
    levels, entered = over_all(review["therapy_levels"]), _entered(review)
    sizes = Counter(levels["level"].map(level_text))
    best = [f"{level}, {sizes[level]}" for level in (*review.scheme["order"], level_text("")) if sizes[level]]
    sentences = [
        (
            f"{capital(review.subject.plural)} by their highest level of evidence: {'; '.join(best) or 'none'}.",
            "table-iv",
        )
    ]
    if len(entered):
        bases = Counter(basis for ids in entered["evidence_basis"] for basis in ids_in(ids))
        read = [f"{word('evidence_basis', basis)}, {number}" for basis, number in bases.most_common()]
        words = f"Where the counts of the {counted(len(entered), 'arm')} were read: {'; '.join(read)}."
        sentences.append((words, "treatments"))
        if not bases["full_text"]:
            sentences.append(("No count was read in the full text of a study.", "treatments"))
        used = set(entered["study_id"])
        sentences.append((f"With a comparison group: {comparison_group_words(used, review)}.", "studies"))
    predicted = [one for one in review.studied if one.pooled and not missing(one.result["pi_lb"])]
    if 0 < len(predicted) <= NAMED:
        bounds = [f"{one.label}, {interval(one.result['pi_lb'], one.result['pi_ub'])}%" for one in predicted]
        sentences.append((f"Expected in a further study: {'; '.join(bounds)}.", "findings"))
    return [*sentences, (f"{appraisal_words(review['appraisal'])}.", "risk-of-bias")]


def _missing(review: Review) -> list[tuple[str, str]]:
    single = review.studied
    sentences = [(missing_counts_words(review), "missing")]
    none = [one for one in single if not one.result["k"]]
    if none:
        reasons = Counter(not_pooled_reason(one.result, review) for one in none)
        words = f"Without an arm that can be analysed: {len(none)} of {counted(len(single), *review.subject)}"
        listed = "; ".join(f"{reason}, {number}" for reason, number in reasons.most_common())
        sentences.append((f"{words} ({listed}).", "table-iv"))
    active = set(review["studies"].loc[review["studies"]["status"] != "excluded", "study_id"])
    silent = active - set(review["adverse_events"]["study_id"])
    words = f"Without a statement on adverse events: {len(silent)} of "
    words += f"{counted(len(active), 'eligible study', 'eligible studies')}; silence is not zero."
    sentences.append((words, "treatments"))
    if len(review["reconciliation"]):
        sentences.append((claim_words(review["reconciliation"]), "claims"))
    return sentences


def _entered(review: Review) -> pd.DataFrame:
    """Arms that are included in an analysis of a single treatment over all diseases."""
    return over_all(review["arms"][review["arms"]["entered"] == "yes"])


def _threshold(review: Review) -> str:
    """The response that intervals are held against: "50%"."""
    return f"{review.response_threshold * 100:g}%"


def _directions(analyses: Iterable[Analysis]) -> str:
    sizes = Counter(one.result["direction"] for one in analyses)
    return ", ".join(f"{sizes[direction]} {direction}" for direction in ("above", "below", "across"))


# Parts -----------------------------------------------------------------------------------------------------


def _picture(name: str, review: Review, style: Style = SCREEN) -> dict[str, Any]:
    """A figure with its description and its size on a screen."""
    drawing = review_figure(review, name, style)
    width, height = (round(points * 4 / 3) for points in (drawing.width, drawing.height))
    picture = {"name": name, "title": drawing.title, "svg": svg(drawing).decode("utf-8"), "alt": drawing.alt_text}
    return picture | {"width": width, "height": height}


def _address(picture: str) -> Markup:
    """A figure as an image that is part of the page; a script or an id in it reaches nothing else.

    Nothing in it ends an attribute, nor an address among several, which a blank does.
    """
    return Markup("data:image/svg+xml," + quote(picture, safe="!$()*+-./:;=?@_~'<>"))


def _for_phone(name: str, review: Review) -> dict[str, Any]:
    """A figure with a narrow variant beside it; without one where its columns need more room."""
    try:
        narrow = _picture(name, review, replace(SCREEN, width_mm=PHONE_MM))
    except TooNarrowError:
        narrow = None
    return _picture(name, review) | {"narrow": narrow}


def _flow(review: Review) -> dict[str, Any]:
    """The flow of records as a figure, whose it is, and the studies of this review by what became of them."""
    sizes = Counter(review["studies"]["status"])
    found, published = flow_shown(review["screening"], review["records"])
    return {
        "picture": _for_phone("prisma_flow", review) if len(found) else None,
        "published": published,
        "studies": [("in the tables", len(review["studies"])), *((word("status", one), sizes[one]) for one in STATUS)],
    }


def _classes(
    review: Review, tables: Mapping[str, Table], as_data: Callable[[Table], dict[str, Any]]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Parts, one a class, with a section for each treatment and one for the class; and the sections without counts."""
    section = _sections(review, tables, as_data)
    named = set(review["responses"]["therapy"]) | set(review["adverse_events"]["therapy"])
    made: list[dict[str, Any]] = []
    without: list[dict[str, Any]] = []
    for group, members in groupby(treatments(review), key=lambda treatment: treatment.group):
        sections: list[dict[str, Any]] = []
        for one in members:
            analysis = review.analysis_of(one.scope, one.slug)
            if one.slug in named if one.scope == "therapy" else analysis:
                counted_here = analysis is not None and analysis.result["k"]
                (sections if counted_here else without).append(section(one, analysis))
        if sections:
            made.append({"label": group, "sections": sections})
    return made, without


def _sections(
    review: Review, tables: Mapping[str, Table], as_data: Callable[[Table], dict[str, Any]]
) -> Callable[[Treatment, Analysis | None], dict[str, Any]]:
    """Function that gives what the page has on one treatment or class; what all of them look up is made once."""
    rows = row_table(review, review["responses"], name="rows", title="The rows that were extracted").split("therapy")
    harms = _with_sources(tables["adverse_events"]).split("therapy")
    row_numbers = _row_numbers(review["places"], "responses")
    facts = _facts_of(review, tables["findings"])

    def section(one: Treatment, analysis: Analysis | None) -> dict[str, Any]:
        later: dict[str, Any] = {"pictures": [], "results": None, "rows": None, "harms": None}
        made = {"id": f"{one.scope}-{one.slug}", "label": one.label, "facts": facts(one, analysis), "later": later}
        made["silent"] = ""
        if analysis is not None:
            results = replace(analysis_table(review, analysis), title=f"{one.label}: results and study arms")
            numbers = [row_numbers(row.get("response", "")) for row in results.about]
            later["results"] = as_data(results.adding(Column("Rows", 7), numbers))
            names = [f"{FOREST}{analysis.name}"] * bool(analysis.result["k"])
            later["pictures"] = [_picture(name, review) for name in (*names, *bubble_names(review, analysis.name))]
        if one.scope == "therapy" and one.slug in rows:
            title = f"{one.label}: the rows that were extracted"
            table = as_data(replace(rows[one.slug], name=f"rows-{one.slug}", title=title))
            summary = f"Extracted rows and their sources: {one.label} ({len(table['rows'])})"
            later["rows"] = table | {"summary": summary}
        if one.scope == "therapy" and one.slug in harms:
            own = harms[one.slug]
            if set(own.frame["Statement"]) == {NO_STATEMENT}:
                made["silent"] = own.frame["Study"].iloc[0]
            else:
                title = f"{one.label}: adverse events"
                later["harms"] = as_data(replace(own, name=f"harms-{one.slug}", title=title, group="", footnotes=()))
        return made

    return section


def _facts_of(review: Review, findings: Table) -> Callable[[Treatment, Analysis | None], list[Fact]]:
    """Function that gives what is known of a treatment over all diseases; what all of them look up is made once."""
    verdicts, rated = published_verdicts(review), ratings(review)
    limits = {row["analysis"]: words for row, words in zip(findings.about, findings.frame[LIMITS], strict=True)}

    def facts(one: Treatment, analysis: Analysis | None) -> list[Fact]:
        if analysis is None:
            return [("Level", "No eligible study.", [])]
        verdict = verdicts.get((one.scope, one.slug), "")
        made = [*_results(analysis, review), *_by_disease(analysis, review)]
        made += [(f"{review.follows} says", verdict, [])] * bool(verdict)
        if analysis.result["k"]:
            rating = rated[analysis.name]
            made.append(("Certainty", f"proposed: {rating.proposed}; confirmed: {rating.confirmed}", []))
        made += [(LIMITS, words, []) for words in (limits.get(analysis.name),) if words]
        if analysis.result["k_awaiting"]:
            named = [(review.labels.study[study], f"#study-{study}") for study in ids_in(analysis.result["awaiting"])]
            made.append(("Without counts", joined(label for label, _ in named), named))
        return made

    return facts


def _results(analysis: Analysis, review: Review) -> list[Fact]:
    """Level, counts, pooled values and direction of an analysis."""
    result, level, own = analysis.result, analysis.level, f"#analysis-{analysis.name}"
    level_words = therapy_level_words(level, review)
    if level["agreement"] in ("agrees", "differs", "on_threshold", "no_counts"):
        level_words += f". Compared with lower levels: {agreement_words(level, review)}"
    facts: list[Fact] = [("Level", level_words, [])]
    if result["k"]:
        sums = f"{response_cell(analysis, review)} in {counted(int(result['k']), 'study', 'studies')}"
        facts.append((counts_head(review).removesuffix("/n (%)"), sums, [(sums, own)]))
    if analysis.pooled:
        pooled = f"{estimate(result['estimate'], result['ci_lb'], result['ci_ub'])}%"
        how = f"{pooled}, {coverage_of(result['conf_level'], result['interval'])}"
        facts.append(("Pooled", f"{how}, {ESTIMANDS[METHODS[result['method']].estimand]}", [(pooled, own)]))
        if METHODS[result["method"]].estimand == "median":
            mean = estimate(result["mean_proportion"], result["mean_ci_lb"], result["mean_ci_ub"])
            lacks = note_words(";".join(code for code in ids_in(result["note"]) if code in MEAN_CODES))
            facts.append(("Mean study", "; ".join([f"{mean}%"] * (mean != NOTHING) + lacks), []))
        if not missing(result["next_lb"]):
            facts.append(("Predicted", _predicted(result, review), []))
    else:
        facts.append(("Pooled", f"no: {not_pooled_reason(result, review)}", []))
        wanting = _wanting(result, review)
        facts += [("Needed to pool", wanting, [])] * bool(wanting)
    if not missing(result["direction"]):
        facts.append(("Direction", f"the interval lies {result['direction']} {_threshold(review)}", []))
    return facts


def _wanting(result: Mapping[str, Any], review: Review) -> str:
    """What an analysis lacks to be pooled: "2 more studies with counts of 3 or more patients; none awaits counts"."""
    policy, waiting = review.policy, int(result["k_awaiting"])
    lacking = int(policy["min_studies"] - result["k"])
    if lacking <= 0:
        return ""
    size = f"{policy['min_arm_size']} or more {word('unit', policy['unit'])}"
    awaiting = f"{counted(waiting, 'study awaits', 'studies await')} counts" if waiting else "none awaits counts"
    return f"{counted(lacking, 'more study', 'more studies')} with counts of {size}; {awaiting}"


def _predicted(result: Mapping[str, Any], review: Review) -> str:
    """What is expected of a further study: "2 to 9 responders among 10 further patients (95%)", and above the line."""
    units, nouns = word("unit", review.policy["unit"]), review.response.noun_plural
    words = f"{next_patients(result)} {nouns} among {NEXT_PATIENTS} further {units} ({coverage(review.conf_level)})"
    above = rounded(result["further_above"], 2)
    return f"{words}; a further study lies above {_threshold(review)} with probability {above}"


def _by_disease(analysis: Analysis, review: Review) -> list[Fact]:
    """Counts of each disease alone with their direction, as a fact with links to them."""
    words, links = [], []
    for disease in review.diseases:
        one = review.analysis_of(analysis.scope, analysis.therapy, disease)
        if one is not None and one.result["k"]:
            counts = f"{review.labels.disease_short[disease]} {response_cell(one, review)}"
            links.append((counts, f"#analysis-{one.name}"))
            direction = one.result["direction"]
            words.append(counts + f", {direction} {_threshold(review)}" * (not missing(direction)))
    return [("By disease", joined(words), links)] if words else []


def _warnings(issues: pd.DataFrame) -> list[str]:
    """Warnings of the check, a line each, with file, row and column."""
    texts = issues.drop(columns="row").fillna("")
    lines: list[str] = fault_lines(texts.assign(row=issues["row"].astype("Int64")))
    return lines


def _blocks(text: Text) -> list[tuple[str, object]]:
    """A text in parts as a page has them: heading, paragraph, table, numbered or other list of words."""

    def kind(block: object) -> str:
        if isinstance(block, Item):
            return "numbered" if block.number else "list"
        return {Heading: "heading", Table: "table"}.get(type(block), "paragraph")

    made: list[tuple[str, object]] = []
    for name, blocks in groupby(text.blocks, key=kind):
        if name in ("numbered", "list"):
            made.append((name, [block.words for block in blocks if isinstance(block, Item)]))
        else:
            made += [(name, block) for block in blocks]
    return made
