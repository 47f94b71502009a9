"""The report: one page in which every number leads back to the row and the source it came from.

The only module that knows how the report is put together; words of tables and texts are made elsewhere.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from urllib.parse import quote

import pandas as pd
from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup

from small_evidence.documents.text import Heading, Item, Text
from small_evidence.documents.webpage import LANGUAGE, STYLE, fragment, linked
from small_evidence.extraction.checks import fault_lines
from small_evidence.extraction.schema import ALL
from small_evidence.figures import FOREST, review_figure
from small_evidence.figures.render import svg
from small_evidence.figures.style import SCREEN
from small_evidence.presentation.manuscript import methods_text
from small_evidence.release.sentences import changes_text
from small_evidence.synthesis.analyses import analysis_id, over_all
from small_evidence.tables import evidence_tables
from small_evidence.tables.claims import claim_words
from small_evidence.tables.parts import appraisal_words, by_key, scheme_of, therapy_order
from small_evidence.tables.responses import analysis_table
from small_evidence.tables.table import Column, Table
from small_evidence.tables.trace import row_table, sensitivity_table
from small_evidence.wording import (
    NOTHING,
    all_of,
    class_label,
    counted,
    coverage_of,
    estimate,
    fraction,
    ids_in,
    interval,
    joined,
    labels_of,
    level_text,
    missing,
    percent,
    short_labels,
    word,
)

PAGE = "report.html.j2"
PLACES = {  # of the page, and what a link there is called
    "forest": "Forest plot", "table-iv": "Table IV", "findings": "Summary of findings", "treatments": "Treatments",
    "studies": "Studies", "missing": "The list", "claims": "Published claims", "risk-of-bias": "Risk of bias",
}  # fmt: skip
PLAIN = (
    "Outcome",
    "What limits certainty",
    "What is changed",
    "To",
    "Interval",
)  # columns of an analysis without links
NAMED = 3  # treatments in a sentence; more are counted

# What is written of a source, and where that leads. A mark at the end belongs to the sentence.
_END = r"(?=[.,;)\]]*(?:\s|$))"
SOURCES = (
    (re.compile(rf"doi:(10\.\d{{4,9}}/\S+?){_END}"), "https://doi.org/"),
    (re.compile(r"(?i:pmid)[: ]\s?(\d{1,9})\b"), "https://pubmed.ncbi.nlm.nih.gov/"),
    (re.compile(rf"(https?://\S+?){_END}"), ""),
)


def report(
    frames: Mapping[str, pd.DataFrame],
    schemes: Mapping,
    instruments: Mapping,
    templates: Mapping[str, str],
    record: Mapping,
    release: str = "",
) -> str:
    """The report of a review as one HTML page that needs nothing else.

    Parameters
    ----------
    frames : mapping; checked extraction tables and results by name, as `tables.evidence_tables` takes them, with
        sensitivity, heterogeneity, extraction_issues, places (of `extraction.read_places`) and, where there is an
        earlier release, changes
    schemes, instruments : mappings from `grading.read_schemes` and `appraisal.read_instruments`
    templates : mapping from `read_templates`
    record : mapping from `provenance.provenance` over the inputs; holds the review's choices
    release : str; the version that changes are told since
    """
    page = Environment(
        loader=DictLoader(templates), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    ).get_template(PAGE)
    config, script = record["config"], templates["report.js"]
    links = _Links(frames)
    others = frames["responses"][~frames["responses"]["therapy"].isin(frames["therapies"]["therapy"])]
    versions = {name: record[name] for name in ("small_evidence", "python")} | record["packages"]
    tables = {table.name: table for table in evidence_tables(frames, schemes, config, instruments)}
    tables["table_ii"] = _with_rows(tables["table_ii"], frames)
    tables["reconciliation"] = _with_sources(tables["reconciliation"])
    return page.render(
        language=LANGUAGE,
        title=config["review"]["title"],
        style=Markup(STYLE + templates["report.css"]),
        script=Markup(script),
        script_hash=b64encode(sha256(script.encode("utf-8")).digest()).decode("ascii"),
        table=links.table,
        link=lambda words, links=None: Markup(linked(words, sources_in(words) if links is None else links)),
        overview=overview(frames, schemes, config),
        places=PLACES,
        changes=_blocks(changes_text(frames["changes"], release)) if "changes" in frames else None,
        summary=_picture("summary_forest", frames, config),
        tables=tables,
        classes=_classes(frames, config, tables),
        others=_rows("rows-others", "Rows that name no treatment", others, frames, config["synthesis"]),
        sensitivity=_sensitivity(frames, config),
        warnings=_warnings(frames["extraction_issues"]),
        methods=_blocks(methods_text(frames, schemes, config, versions)),
        versions=versions,
        inputs=record["inputs"],
    )


def read_templates(paths: Iterable[str | Path]) -> dict[str, str]:
    """Page, style and script of the report by their file names."""
    return {Path(path).name: Path(path).read_text(encoding="utf-8") for path in paths}


def save_report(page: str, path: str | Path) -> None:
    """Write the page."""
    Path(path).write_text(page, encoding="utf-8", newline="\n")


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


# Links -----------------------------------------------------------------------------------------------------


class _Links:
    """Tables of the report with their links: from a number to its analysis, from there to its rows and sources."""

    def __init__(self, frames: Mapping[str, pd.DataFrame]) -> None:
        self._studies = labels_of(frames["studies"], "study_id")
        self._therapies = labels_of(frames["therapies"], "therapy")
        self._diseases = {label: slug for slug, label in short_labels(frames["diseases"]).items()}
        pooled = frames["pooled"]
        self._analyses = set(pooled["analysis"])
        self._sections = {
            analysis_id(line.scope, line.therapy): f"{line.scope}-{line.therapy}" for line in pooled.itertuples()
        }

    def table(self, table: Table) -> Markup:
        """A table with its links."""
        return Markup(fragment(table, self._links, role="group"))

    def _links(self, column: str, about: Mapping[str, str], text: str) -> list[tuple[str, str]]:
        """Words of a cell and where they lead; a row does not lead to itself."""
        return [link for link in self._all_links(column, about, text) if link[1][1:] not in about.get("id", "").split()]

    def _all_links(self, column: str, about: Mapping[str, str], text: str) -> list[tuple[str, str]]:
        responses = [f"#row-{response}" for response in ids_in(about.get("response"))]
        if column in ("Study", "References"):
            return [(self._studies[study], f"#study-{study}") for study in ids_in(about.get("study"))]
        if column == "Treatments":
            therapies = ids_in(about.get("therapy"))
            return [(self._therapies[slug], f"#therapy-{slug}") for slug in therapies if slug in self._therapies]
        if column == "Rows":
            return list(zip(text.split("; "), responses, strict=bool(responses)))
        if column == "Responders/n (%)" and responses and "study" in about:
            return [(text, responses[0])]
        analysis = about.get("analysis")
        if not analysis or text == NOTHING or column in PLAIN:
            return sources_in(text)
        if column in ("Treatment", "Level"):
            return [(text, f"#{self._sections[analysis]}")]
        disease = f"{analysis}-{self._diseases.get(column)}"
        return [(text, f"#analysis-{disease if disease in self._analyses else analysis}")]


def _row_numbers(places: pd.DataFrame, table: str, names: Iterable[str]) -> list[str]:
    """Numbers of rows of a table, one text for each ";"-joined list of their names: "5; 7"."""
    rows = places[places["table"] == table].set_index("id")["row"]
    return ["; ".join(str(rows.get(row, row)) for row in ids_in(ids)) or NOTHING for ids in names]


def _with_rows(table: Table, frames: Mapping[str, pd.DataFrame]) -> Table:
    """Table II with the rule that gave the level, and the rows of the study."""
    rules, places = frames["study_levels"].set_index("study_id")["rule"], frames["places"]
    studies = [row["study"] for row in table.about]
    files = joined(dict.fromkeys(places["file"]), ", ")
    shown = [column.name for column in table.columns if column.name not in ("Controlled", "In earlier review")]
    table = (
        table.showing(*shown)
        .adding(Column("Why this level", 22), [rules[study] for study in studies])
        .adding(Column("Row", 5), _row_numbers(places, "studies", studies))
        .adding(Column("Rows", 8), _row_numbers(places, "responses", (row["response"] for row in table.about)))
    )
    return replace(table, footnotes=(*table.footnotes, f"Row: of the study; rows: of its responses; in {files}."))


def _with_sources(table: Table) -> Table:
    return table.adding(Column("Source", 20), [row["source"] for row in table.about])


# What is known, how sure, what is missing --------------------------------------------------------------------


def overview(frames: Mapping[str, pd.DataFrame], schemes: Mapping, config: Mapping) -> list[tuple[str, list]]:
    """The state of the evidence in numbers, never in advice.

    Returns
    -------
    list of (heading, sentences); a sentence is a pair of its words and the place on the page that has more (PLACES)
    """
    return [
        ("What is known", _known(frames, config)),
        ("How sure that is", _sure(frames, schemes)),
        ("What is missing", _missing(frames)),
    ]


def _known(frames, config) -> list[tuple[str, str]]:
    single, entered = over_all(frames["pooled"]), _entered(frames["arms"])
    labels, units = labels_of(frames["therapies"], "therapy"), word("unit", config["synthesis"]["unit"])
    done, few = single[single["pooled"] == "yes"], single[(single["pooled"] != "yes") & (single["k"] > 0)]
    line = _line(config)
    words = f"{len(done)} of {counted(len(single), 'treatment')} could be pooled"
    if 0 < len(done) <= NAMED:
        told = [
            f"{labels[row.therapy]}: {row.events:.0f} of {row.n:.0f} {units} responded in "
            f"{counted(int(row.k), 'study', 'studies')}, pooled {percent(row.estimate)} "
            f"{interval(row.ci_lb, row.ci_ub)}"
            for row in done.itertuples()
        ]
        words += f" ({'; '.join(told)})"
    words += f". Intervals against {line}: {_directions(done)}." if len(done) else "."
    said = [(words, "forest")]
    if len(few):
        words = f"{counted(len(few), 'treatment')} with too few studies to pool {'has' if len(few) == 1 else 'have'} "
        words += f"summed counts; intervals against {line}: {_directions(few)}."
        said.append((words, "findings"))
    studies = counted(entered["study_id"].nunique(), "study", "studies")
    arms = f"{counted(len(entered), 'study arm')} with {entered['n'].sum():.0f} {units} from {studies}"
    sizes = Counter(frames["studies"]["status"])
    flow = (
        f"{counted(len(frames['studies']), 'study', 'studies')} in the tables: {sizes['included']} included, "
        f"{sizes['awaiting']} awaiting counts, {sizes['excluded']} excluded."
    )
    return [*said, (f"{arms} entered an analysis.", "table-iv"), (flow, "studies")]


def _sure(frames, schemes) -> list[tuple[str, str]]:
    levels, entered = over_all(frames["therapy_levels"]), _entered(frames["arms"])
    sizes = Counter(levels["level"].map(level_text))
    order = map(str, schemes["schemes"][scheme_of(levels, schemes)]["order"])
    told = [f"{level}, {sizes[level]}" for level in (*order, "not gradable") if sizes[level]]
    said = [(f"Treatments by their highest level of evidence: {'; '.join(told) or 'none'}.", "table-iv")]
    if len(entered):
        bases = Counter(basis for ids in entered["evidence_basis"] for basis in ids_in(ids))
        told = [f"{word('evidence_basis', basis)}, {number}" for basis, number in bases.most_common()]
        said.append(
            (f"Where the counts of the {counted(len(entered), 'arm')} were read: {'; '.join(told)}.", "treatments")
        )
        controlled = frames["studies"].set_index("study_id")["controlled"].reindex(entered["study_id"].unique())
        total = counted(len(controlled), "study", "studies")
        said.append((f"With a comparison group: {(controlled == 'yes').sum()} of {total}.", "studies"))
    done = over_all(frames["pooled"]).query("pooled == 'yes' and pi_lb == pi_lb")
    if 0 < len(done) <= NAMED:
        labels = labels_of(frames["therapies"], "therapy")
        told = [f"{labels[row.therapy]}, {interval(row.pi_lb, row.pi_ub)}%" for row in done.itertuples()]
        said.append((f"Where the response of a further study would lie: {'; '.join(told)}.", "findings"))
    return [*said, (f"{appraisal_words(frames['appraisal'])}.", "risk-of-bias")]


def _missing(frames) -> list[tuple[str, str]]:
    awaiting, single = frames["awaiting"], over_all(frames["pooled"])
    allows = int((awaiting["would_allow_pooling"] == "yes").sum())
    words = f"Counts are missing of {counted(len(awaiting), 'study', 'studies')}"
    words += f"; {allows} of them would make an analysis large enough to pool" * bool(len(awaiting))
    said = [(f"{words}.", "missing")]
    none = single[single["k"] == 0]
    if len(none):
        told = [f"{reason}, {number}" for reason, number in Counter(none["reason"]).most_common()]
        words = f"Without an arm that can be analysed: {len(none)} of {counted(len(single), 'treatment')}"
        said.append((f"{words} ({'; '.join(told)}).", "table-iv"))
    active = set(frames["studies"].loc[frames["studies"]["status"] != "excluded", "study_id"])
    silent = active - set(frames["adverse_events"]["study_id"])
    words = f"Without a statement on adverse events: {len(silent)} of {counted(len(active), 'study', 'studies')}"
    said.append((f"{words} that {'is' if len(active) == 1 else 'are'} eligible; silence is not zero.", "treatments"))
    if len(frames["reconciliation"]):
        said.append((claim_words(frames["reconciliation"]), "claims"))
    return said


def _entered(arms: pd.DataFrame) -> pd.DataFrame:
    return over_all(arms[arms["entered"] == "yes"])


def _line(config: Mapping) -> str:
    """The response that intervals are held against: "50%"."""
    return percent(config["grading"]["response_threshold"]).replace(".0%", "%")


def _directions(lines: pd.DataFrame) -> str:
    sizes = Counter(lines["direction"])
    return ", ".join(f"{sizes[direction]} {direction}" for direction in ("above", "below", "across"))


# Parts -----------------------------------------------------------------------------------------------------


def _picture(name: str, frames, config) -> dict:
    """A figure as an image that is part of the page; a script or an id in it reaches nothing else."""
    drawing = review_figure(name, frames, config, SCREEN)
    address = "data:image/svg+xml," + quote(svg(drawing).decode("utf-8"), safe=" !$()*+,-./:;=?@_~'")
    width, height = (round(points * 4 / 3) for points in (drawing.width, drawing.height))
    return {"title": drawing.title, "src": address, "alt": drawing.alt_text, "width": width, "height": height}


def _classes(frames, config, tables) -> list[dict]:
    """A part a class, with a section for each of its treatments and one for the class as a whole."""
    labels = labels_of(frames["therapies"], "therapy")
    told = set(frames["responses"]["therapy"]) | set(frames["adverse_events"]["therapy"])
    analysed = set(frames["pooled"]["analysis"])
    tell = _Sections(frames, config, tables)
    made = []
    for slug, members in therapy_order(frames["therapies"]):
        group = class_label(slug, config["review"]["class_labels"])
        sections = [tell.section("therapy", member, labels[member]) for member in members if member in told]
        if analysis_id("class", slug) in analysed:
            sections.append(tell.section("class", slug, all_of(group)))
        if sections:
            made.append({"label": group, "sections": sections})
    return made


def _rows(name: str, title: str, responses: pd.DataFrame, frames, policy) -> Table:
    parts = (frames[part] for part in ("arms", "studies", "diseases", "places"))
    return row_table(name, title, responses, *parts, policy)


class _Sections:
    """Sections on one treatment or class, with what they need of the frames."""

    def __init__(self, frames, config, tables) -> None:
        self._frames, self._config, self._tables = frames, config, tables
        key = ("scope", "therapy", "disease")
        self._lines, self._levels = by_key(frames["pooled"], key), by_key(frames["therapy_levels"], key)
        self._studies = labels_of(frames["studies"], "study_id")
        self._limits = {
            about["analysis"]: limits
            for about, limits in zip(
                tables["findings"].about, tables["findings"].frame["What limits certainty"], strict=True
            )
        }

    def section(self, scope: str, slug: str, label: str) -> dict:
        line = self._lines.get((scope, slug, ALL))
        made = {"id": f"{scope}-{slug}", "label": label, "facts": [("Level", "No eligible study.", [])]}
        made |= {"picture": None, "results": None, "rows": None, "harms": None, "silent": ""}
        frames, policy = self._frames, self._config["synthesis"]
        if line:
            made["facts"] = self._facts(line, self._levels[scope, slug, ALL])
            parts = (frames[name] for name in ("arms", "pooled", "studies", "responses", "diseases"))
            results = analysis_table(scope, slug, label, *parts, policy)
            rows = _row_numbers(frames["places"], "responses", (row.get("response", "") for row in results.about))
            made["results"] = results.adding(Column("Rows", 7), rows)
            if line["k"]:
                made["picture"] = _picture(f"{FOREST}{line['analysis']}", frames, self._config)
        if scope == "therapy":
            own = frames["responses"][frames["responses"]["therapy"] == slug]
            made["rows"] = _rows(f"rows-{slug}", f"{label}: the rows that were extracted", own, frames, policy)
            made |= self._harms(slug, label)
        return made

    def _facts(self, line: Mapping, level: Mapping) -> list[tuple[str, str, list[tuple[str, str]]]]:
        """What is known of a treatment over all diseases: term, words, and links in them."""
        level_words = str(level["rule"])
        if level["agreement"] not in ("only this level", "", None) and not missing(level["agreement"]):
            level_words += f". Lower levels: {level['agreement']}"
            level_words += "" if missing(level["agreement_note"]) else f" ({level['agreement_note']})"
        facts = [("Level", level_words, [])]
        sums = f"{fraction(line['events'], line['n'])} {interval(line['crude_ci_lb'], line['crude_ci_ub'])} in "
        sums += counted(int(line["k"]), "study", "studies")
        own = f"#analysis-{line['analysis']}"
        if line["k"]:
            facts.append(("Responders", sums, [(sums, own)]))
        if line["pooled"] == "yes":
            pooled = f"{estimate(line['estimate'], line['ci_lb'], line['ci_ub'])}%"
            how = f"{pooled}, {coverage_of(line['conf_level'], line['interval'])}"
            facts.append(("Pooled", how, [(pooled, own)]))
        else:
            facts.append(("Pooled", f"no: {line['reason']}", []))
        if not missing(line["direction"]):
            facts.append(("Direction", f"the interval lies {line['direction']} {_line(self._config)}", []))
        if line["analysis"] in self._limits:
            facts.append(("What limits certainty", self._limits[line["analysis"]], []))
        if line["k_awaiting"]:
            waiting = ids_in(line["awaiting"])
            words = joined(self._studies[study] for study in waiting)
            facts.append(("Counts awaited of", words, [(self._studies[study], f"#study-{study}") for study in waiting]))
        return facts

    def _harms(self, therapy: str, label: str) -> dict:
        """The statements on harm of a treatment; the studies that say nothing in a sentence."""
        whole = self._tables["adverse_events"].rows_about(therapy=therapy)
        table = replace(whole, name=f"harms-{therapy}", title=f"{label}: adverse events", group="", footnotes=())
        table = _with_sources(table)
        if len(table.frame) and set(table.frame["Statement"]) == {"no statement found"}:
            return {"silent": table.frame["Study"].iloc[0]}
        return {"harms": table if len(table.frame) else None}


def _sensitivity(frames, config) -> Table:
    parts = (frames[name] for name in ("sensitivity", "pooled", "studies", "therapies", "diseases"))
    return sensitivity_table(*parts, config["review"]["class_labels"], config["synthesis"]["conf_level"])


def _warnings(issues: pd.DataFrame) -> list[str]:
    """Warnings of the check, a line each, with file, row and column."""
    texts = issues.drop(columns="row").fillna("")
    return fault_lines(texts.assign(row=issues["row"].astype("Int64")))


def _blocks(text: Text) -> list[tuple[str, object]]:
    """A text in parts as a page has them: heading, paragraph, table, numbered or other list of words."""

    def kind(block) -> str:
        if isinstance(block, Item):
            return "numbered" if block.number else "list"
        return {Heading: "heading", Table: "table"}.get(type(block), "paragraph")

    made: list[tuple[str, object]] = []
    for name, blocks in groupby(text.blocks, key=kind):
        if name in ("numbered", "list"):
            made.append((name, [block.words for block in blocks]))
        else:
            made += [(name, block) for block in blocks]
    return made
