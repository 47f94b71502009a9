"""What a review leaves out and what is taken for it, and names that people typed in their own spelling.

Five facts are enough: study, therapy, disease, n and responders. What is missing is never made
up: it limits what can be said (no design: not gradable), and each default that was taken is a warning.
"""

import re
import unicodedata
from collections.abc import Collection, Container, Iterable

import pandas as pd

from small_evidence import shown
from small_evidence.extraction.schema import (
    LONGEST_SLUG,
    MISSING,
    SILENT,
    TABLES,
    RowFault,
    check_cell,
    columns,
    default_cell,
    empty_table,
    humanise,
    is_made,
    is_quiet,
    labels,
    numbers,
    reference,
)

# The outcome of a review that names none: its column `responders` counts responders.
RESPONSE = {
    "outcome": "response",
    "label": "Response",
    "event_singular": "had a response",
    "event_plural": "had a response",
    "noun_singular": "responder",
    "noun_plural": "responders",
}
NAMED = ("studies", "therapies", "diseases", "outcomes")  # tables that are made where a review has none
MOST_NAMED = 3  # changes that a warning spells out
RULES = {
    "made_table": ("warning", "The tables of studies, therapies and diseases are there; else they are made."),
    "made_column": ("warning", "A column that matters is there; else its default is taken."),
    "column_as_typed": ("warning", "Columns are named as in the data dictionary."),
    "word_as_typed": ("warning", "Words of a vocabulary are written as in the data dictionary."),
    "name_as_typed": ("warning", "Names that join tables are slugs; else a slug is made and the name kept as label."),
    "names_alike": ("error", "Two names do not become the same slug."),
    "no_review_outcome": ("warning", "A study has the review's outcome for each therapy, disease and unit."),
}


# ------------------------------------------------------------------------------------------------ spelling


def plain(word: str) -> str:
    """A word without case, with one underscore for blanks and hyphens: "Case series" and "case-series" are alike."""
    return re.sub(r"[\s_\-]+", "_", str(word).strip().casefold())


def slug(name: str) -> str:
    """A slug made of a name that begins with a letter or digit and is no path; "" where none can be made."""
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().strip()
    if not letters[:1].isalnum() or re.search(r"[\\/<>=|`$\x00-\x1f]", name):
        return ""
    return re.sub(r"[^a-z0-9]+", "_", letters.lower()).strip("_")[:LONGEST_SLUG]


def same_word(table: str, column: str, cell: str) -> str:
    """The word of the vocabulary that a cell writes in another case, with blanks, or as its label; "" for no or two."""
    known = labels(table, column)
    meant = {word for word, label in known.items() if plain(cell) in (plain(word), plain(label))}
    return meant.pop() if len(meant) == 1 else ""


def as_typed(changes: dict[str, str]) -> str:
    """The sentence of a warning on cells that were read as something else."""
    first = list(changes.items())[:MOST_NAMED]
    more = f" and {len(changes) - len(first)} more" if len(changes) > len(first) else ""
    return ", ".join(f"{shown(typed)} is read as {read}" for typed, read in first) + more


# ------------------------------------------------------------------------------------------------- columns


def fill_columns(table: str, frame: pd.DataFrame, absent: Container[str]) -> pd.DataFrame:
    """The table with the default of each column that it lacks, and of empty cells where the default is clear.

    Parameters
    ----------
    frame : DataFrame of str with the columns of the schema and _row; cells in their normal form
    absent : columns that the table lacks
    """
    frame = frame.copy()
    for name in columns(table):
        if default := default_cell(table, name):
            stands_for = is_quiet(table, name) and default not in MISSING
            is_gap = frame[name].eq("") & (name in absent or stands_for)
            frame[name] = frame[name].mask(is_gap, default)
    if table in NAMED:
        key = frame.iloc[:, 0]
        frame["label"] = frame["label"].mask(frame["label"].eq(""), key.map(humanise))
    if table == "therapies":
        frame["therapy_class"] = frame["therapy_class"].mask(frame["therapy_class"].eq(""), frame["therapy"])
        order = pd.Series(range(1, len(frame) + 1), index=frame.index).astype("str")
        frame["display_order"] = frame["display_order"].mask(frame["display_order"].eq(""), order)
    if table == "responses":
        frame = _fill_responses(frame, absent)
    return frame


def _fill_responses(frame: pd.DataFrame, absent: Container[str]) -> pd.DataFrame:
    """The outcome and the name of a row of responses; which outcome is primary is chosen with all tables at hand."""
    if "outcome" in absent:
        frame["outcome"] = RESPONSE["outcome"]
    name = frame["study_id"].map(slug) + "_" + frame["therapy"].map(slug)
    name = name.str.slice(0, LONGEST_SLUG - 5)
    number = name.groupby(name).cumcount() + 1
    name = name.where(number.eq(1), name + "_" + number.astype("str"))
    frame["response_id"] = frame["response_id"].mask(frame["response_id"].eq(""), name)
    return frame


# ---------------------------------------------------------------------------------------- primary outcomes


def outcome_order(outcomes: pd.DataFrame, responses: pd.DataFrame, chosen: Iterable[str] = ()) -> list[str]:
    """Slugs of all outcomes: those that the config names, those of the table, then those that most studies have.

    As many studies: the one whose first row is the higher one in the table of responses.
    """
    studies = responses.groupby("outcome", sort=False)["study_id"].nunique().sort_values(ascending=False, kind="stable")
    return [name for name in dict.fromkeys([*chosen, *outcomes["outcome"], *studies.index]) if name not in SILENT]


def review_outcomes(outcomes: pd.DataFrame, responses: pd.DataFrame, chosen: Collection[str] = ()) -> list[str]:
    """Slugs of the outcomes that are pooled as one response: those that the config names, else the first of all."""
    return list(chosen) or outcome_order(outcomes, responses)[:1]


def fill_primary(
    tables: dict[str, pd.DataFrame], responses: pd.DataFrame, chosen: Collection[str], absent: Container[str]
) -> tuple[pd.DataFrame, list[RowFault]]:
    """The responses with the primary outcomes, and what is pooled, where they have no such columns.

    The primary outcome of an arm is the first of its outcomes in the order of `outcome_order`, whichever row is first.

    Parameters
    ----------
    tables : dict of DataFrames of str with _row; the first extraction, from which the order is made
    responses : DataFrame of str with _row; those of `tables`, or of a second extraction
    chosen : slugs of the outcomes that the config names
    absent : columns that the responses to fill lack

    Returns
    -------
    (responses, issues): issues as of `fill_tables`, one for each row of an arm without the review's outcome
    """
    frame = responses.copy()
    issues: list[RowFault] = []
    if "primary_outcome" in absent:
        outcomes = tables.get("outcomes", empty_table("outcomes"))
        first = _named_alike(tables, tables.get("responses", empty_table("responses")))
        named = _named_alike(tables, frame)
        place = {name: number for number, name in enumerate(outcome_order(outcomes, first, chosen))}
        rank = named["outcome"].map(place).fillna(len(place))
        arm = named["arm"].where(named["arm"].ne(""), named["therapy"])
        best = rank.groupby([named["study_id"], arm, named["disease"], named["unit"]]).transform("min")
        frame["primary_outcome"] = rank.eq(best).map({True: "yes", False: "no"})
        wanted = review_outcomes(outcomes, first, chosen)
        other = frame["primary_outcome"].eq("yes") & ~named["outcome"].isin(wanted)
        for row in frame[other].to_dict("records"):
            words = f"no row of this study for {row['therapy']}, {row['disease']}, {row['unit']} has the outcome "
            words += f"{' or '.join(wanted)}; {row['outcome']} is its primary outcome and is not pooled"
            issues.append(("no_review_outcome", "responses", row["_row"], "primary_outcome", row["study_id"], words))
    return _fill_pool(frame, absent), issues


def _named_alike(tables: dict[str, pd.DataFrame], responses: pd.DataFrame) -> pd.DataFrame:
    """The responses with the names that `fill_tables` will give to their studies, therapies, diseases and outcomes."""
    known = {target: tables.get(target, empty_table(target)) for target in NAMED} | {"responses": responses}
    read = {}
    for column in columns("responses"):
        target, also = reference("responses", column)
        if target in NAMED:
            found = _names(known, "responses", column, also, not len(known[target]))
            read[column] = responses[column].replace(found)
    return responses.assign(**read)


def _fill_pool(frame: pd.DataFrame, absent: Container[str]) -> pd.DataFrame:
    """Whether a row of responses may be pooled, and why not, as far as its own cells say it."""
    if "pool" in absent:
        counted = numbers(frame["n"]).gt(0) & numbers(frame["responders"]).notna()
        is_second, is_lesion = frame["primary_outcome"].eq("no"), frame["unit"].ne("patient")
        offered = counted & ~is_second & ~is_lesion & ~frame["therapy"].isin(MISSING)
        frame["pool"] = offered.map({True: "yes", False: "no"})
        code = pd.Series("other", index=frame.index).mask(is_lesion, "lesion_unit").mask(is_second, "not_primary")
        code = code.mask(~counted, "counts_missing")
        gap = ~offered & frame["pool_reason_code"].eq("")
        frame["pool_reason_code"] = frame["pool_reason_code"].mask(gap, code)
        unnamed = gap & code.eq("other") & frame["pool_reason"].eq("")
        frame["pool_reason"] = frame["pool_reason"].mask(unnamed, "therapy not reported")
    gap = frame["pool"].eq("no") & frame["pool_reason_code"].eq("") & ~frame["pool_reason"].isin(SILENT)
    frame["pool_reason_code"] = frame["pool_reason_code"].mask(gap, "other")
    return frame


def made_columns(table: str, absent: list[str]) -> str:
    """What was taken for the columns that a table lacks, in words; "" where nothing need be said."""
    taken = [
        name for name in absent if (default_cell(table, name) or is_made(table, name)) and not is_quiet(table, name)
    ]
    words = [f"{name} ({default_cell(table, name) or 'made from the rows'})" for name in taken]
    return f"defaults of columns that are not there: {', '.join(words)}" if words else ""


# ---------------------------------------------------------------------------------------------- whole tables


def fill_tables(tables: dict[str, pd.DataFrame]) -> tuple[dict[str, pd.DataFrame], list[RowFault]]:
    """The tables with those that a review lacks, made from its responses, and with names in place of labels.

    Parameters
    ----------
    tables : dict of DataFrames of str with _row; cells in their normal form, columns filled

    Returns
    -------
    (tables, issues): issues as (rule, table, row, column, study_id, words)
    """
    tables = dict(tables)
    issues: list[RowFault] = []
    if "responses" not in tables or not len(tables["responses"]):
        return tables, issues
    made = [target for target in NAMED if target in tables and not len(tables[target])]
    typed: dict[str, dict[str, str]] = {target: {} for target in made}
    # responses first: a table that is made gets its rows, in their order
    for table in sorted(tables, key=lambda name: name != "responses"):
        for column in columns(table):
            target, also = reference(table, column)
            if target in tables and len(tables[table]):
                found = _names(tables, table, column, also, target in made)
                issues += _typed_issues(found, table, column, tables[table])
                if target in made:
                    typed[target] |= {read: name for name, read in reversed(found.items())}
                tables[table] = tables[table].assign(**{column: tables[table][column].replace(found)})
    for target in made:
        issues += _unusable(target, tables["responses"])
        tables[target] = _made(target, tables["responses"], typed[target])
        if target != "outcomes":
            count = len(tables[target])
            words = f"not there; made from responses ({count} {'row' if count == 1 else 'rows'})"
            issues.append(("made_table", target, None, "", "", words))
    return tables, issues


def _names(
    tables: dict[str, pd.DataFrame], table: str, column: str, also: tuple[str, ...], is_made_up: bool
) -> dict[str, str]:
    """The cells of a column that name a row in other words than its slug, with the slug."""
    target = tables[reference(table, column)[0]]
    known = {*target.iloc[:, 0], *also}
    spelled = {plain(name): name for name in reversed(list(also))}
    for name, label in zip(target.iloc[:, 0], target.get("label", target.iloc[:, 0]), strict=True):
        for word in (name, label, slug(label)):
            spelled.setdefault(plain(word), name)
    found = {}
    for cell in dict.fromkeys(tables[table][column]):
        if not cell or cell in known:
            continue
        read = spelled.get(plain(cell)) or (slug(cell) if slug(cell) in known or is_made_up else "")
        if read and read != cell:
            found[cell] = read
    return found


def _typed_issues(found: dict[str, str], table: str, column: str, frame: pd.DataFrame) -> list[RowFault]:
    issues: list[RowFault] = [("name_as_typed", table, None, column, "", as_typed(found))] if found else []
    first: dict[str, str] = {}
    for name, read in found.items():
        other = first.setdefault(read, name)
        if plain(other) != plain(name):
            row = int(frame.loc[frame[column].eq(name), "_row"].iloc[0])
            words = f"{shown(name)} and {shown(other)} both become {read}; write slugs that differ"
            issues.append(("names_alike", table, row, column, "", words))
    return issues


def _unusable(target: str, responses: pd.DataFrame) -> list[RowFault]:
    """Names in the responses that cannot be slugs of a table that is made from them."""
    column, issues = TABLES[target].key[0], []
    also = (*reference("responses", column)[1], "")
    cells = zip(responses["_row"], responses["study_id"], responses[column], strict=True)
    for row, study, cell in cells:
        _, rule, words = check_cell(target, column, cell) if cell not in also else ("", "", "")
        if rule:
            issues.append((rule, "responses", row, column, study, words))
    return issues


def _made(target: str, responses: pd.DataFrame, typed: dict[str, str]) -> pd.DataFrame:
    column = TABLES[target].key[0]
    also = (*reference("responses", column)[1], "")
    if target == "outcomes":
        return outcomes_of(outcome_order(empty_table(target), responses), typed)
    named = [name for name in dict.fromkeys(responses[column]) if name not in also]
    made = pd.DataFrame(dict.fromkeys(columns(target), ""), index=range(len(named)), dtype="str")
    made[column] = pd.Series(named, dtype="str")
    made["label"] = pd.Series([typed.get(name, "") for name in named], dtype="str")
    return fill_columns(target, made, columns(target)[1:]).assign(_row=range(2, len(named) + 2))


def outcomes_of(named: list[str], typed: dict[str, str]) -> pd.DataFrame:
    """The table outcomes of a review without one: a row for each outcome, in words made from its name."""
    rows = [RESPONSE if name == RESPONSE["outcome"] else _outcome(name, typed.get(name, "")) for name in named]
    made = pd.DataFrame(rows, columns=columns("outcomes"))
    return made.assign(good="yes", unit="share").astype("str").assign(_row=range(2, len(made) + 2))


def _outcome(name: str, typed: str) -> dict[str, str]:
    label = typed or humanise(name)
    words = label[:1].lower() + label[1:]
    return {
        "outcome": name,
        "label": label,
        "event_singular": f"had {words}",
        "event_plural": f"had {words}",
        "noun_singular": f"patient with {words}",
        "noun_plural": f"patients with {words}",
    }
