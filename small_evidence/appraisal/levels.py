"""Levels of evidence: the only module that turns a study design into a level and says by which rule.

Schemes are data (workflow/standards/levels.yaml). A study is graded by its design, or by an override with a
reason; a therapy by its best study. What a design alone cannot tell (NR, or a systematic review of studies that
are not recorded) is not graded.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import yaml

from small_evidence import ReviewError
from small_evidence.extraction.schema import ALL, LABELS, SILENT, numbers

NAMED_STUDIES = 3  # a rule names its studies up to this many; the column `studies` has all of them

NOT_REPORTED = "design not reported"
# Up to the semicolon this is also the short form, for the rule of a therapy.
REVIEW_OF_UNKNOWN = "systematic review; what it reviewed is not recorded, so a level needs level_override with a reason"

STUDY_LEVELS = [
    "study_id", "status", "design", "controlled", "gradable", "level", "level_by_design", "judgement", "rule",
    "override", "override_reason", "scheme", "note",
]  # fmt: skip

TEXT_COLUMNS = {*STUDY_LEVELS, "scope", "therapy", "disease", "studies", "direction", "agreement", "agreement_note",
                "pooled", "reason", "awaiting", "entered"}  # fmt: skip


class GradingError(ReviewError):
    """Faults in overrides or in a file of schemes; all of them in one message."""


def read_schemes(path: str | Path) -> dict:
    """Read the schemes of levels.

    Returns
    -------
    dict with `default`, `overrides_written_in` and `schemes` (scheme id -> title, citation, confidence, note,
    order, levels, designs, judgements), levels best first

    Raises
    ------
    GradingError: a design or judgement points to a level or design that its scheme does not have
    """
    with Path(path).open(encoding="utf-8") as file:
        standard = yaml.safe_load(file)
    faults = []
    for name, scheme in standard["schemes"].items():
        if set(scheme["order"]) != set(scheme["levels"]):
            faults.append(f"{name}: order and levels do not name the same levels")
        faults += [
            f"{name}: {design} -> {level}, which is no level of this scheme"
            for design, level in scheme["designs"].items()
            if level not in scheme["order"]
        ]
        faults += [
            f"{name}: {design} is called a judgement but has no level"
            for design in scheme["judgements"]
            if design not in scheme["designs"]
        ]
    faults += [
        f"{key}: {standard[key]} is none of {', '.join(standard['schemes'])}"
        for key in ("default", "overrides_written_in")
        if standard[key] not in standard["schemes"]
    ]
    if faults:
        raise GradingError(f"{path}: " + "; ".join(faults))
    return standard


def grade_studies(studies: pd.DataFrame, standard: dict, scheme: str | None = None) -> pd.DataFrame:
    """Level of each study: by design, or by its override.

    Included and awaiting studies are graded, since a level needs the design and not the counts.

    Parameters
    ----------
    studies : DataFrame; the checked table (text cells)
    standard : dict from `read_schemes`
    scheme : str; a scheme of the standard, its default if None

    Returns
    -------
    DataFrame with the columns STUDY_LEVELS, one row a study. `judgement` is yes where the scheme does not settle
    the place of the design; `note` is the caveat that belongs beside every level of this scheme.

    Raises
    ------
    GradingError: unknown scheme; an override that is no level of the scheme it is written in, or has no reason

    Notes
    -----
    An override is written in the words of `overrides_written_in` and states what design the study amounts to.
    Under another scheme it is carried over as that design (IV under modified Oxford = uncontrolled series = III
    under Shekelle), because the same numeral means something else there.
    """
    name, rules = _scheme(standard, scheme)
    _check_overrides(studies, standard)
    home = standard["overrides_written_in"]
    rows = []
    for study in studies.to_dict("records"):
        graded = _grade(study, rules, None if name == home else standard["schemes"][home])
        kept = {key: study[key] for key in ("study_id", "status", "design", "controlled")}
        rows.append(
            kept
            | graded
            | {
                "override": _known(study["level_override"]),
                "override_reason": _known(study["level_override_reason"]),
                "scheme": name,
                "note": rules["note"],
            }
        )
    return pd.DataFrame(rows, columns=STUDY_LEVELS)


def grade_therapies(
    study_levels: pd.DataFrame,
    studies: pd.DataFrame,
    responses: pd.DataFrame,
    therapies: pd.DataFrame,
    diseases: pd.DataFrame,
    pooled: pd.DataFrame,
    arms: pd.DataFrame,
    standard: dict,
    *,
    response_threshold: float = 0.5,
    classes_not_combined: tuple[str, ...] | list[str] = (),
    unit: str = "patient",
) -> pd.DataFrame:
    """Level of each therapy and class, over all diseases and by disease: the best level among its studies.

    A study counts for a therapy and disease through any of its response rows; a row whose therapy is not reported
    counts for none, one whose disease is not reported only for all diseases.

    Parameters
    ----------
    study_levels : DataFrame from `grade_studies`
    studies, responses, therapies, diseases : DataFrame; checked tables (text cells)
    pooled, arms : DataFrame; the analyses and the study arms in them
    standard : dict from `read_schemes`
    response_threshold : float in (0, 1); the response whose two sides `agreement` compares
    classes_not_combined : classes that get no row of their own
    unit : what is counted (patient or lesion)

    Returns
    -------
    DataFrame: scope, therapy, disease, scheme, level, rule, k (graded studies), k_not_gradable, then for each
    level k_, patients_ (sum of the known n) and counts_ (studies whose counts may be used), studies, direction,
    agreement, agreement_note, note

    Notes
    -----
    patients_: a study gives the sum of its disjoint disease rows. Over the therapies of a class the same patients
    may return, so the sum is capped at the study's n_patients, or where that is not known only the largest
    therapy is counted. Reports of one cohort give their largest number once.
    """
    study_levels, pooled, arms = as_text(study_levels), as_text(pooled), as_text(arms)
    name = study_levels["scheme"].iloc[0] if len(study_levels) else standard["default"]
    rules = _scheme(standard, name)[1]
    graded = study_levels.set_index("study_id").to_dict("index")
    facts = studies.set_index("study_id").to_dict("index")
    groups = _members(studies, responses, therapies, diseases, classes_not_combined)
    patients, usable = _patients(studies, responses, unit)
    sizes = dict(zip(studies["study_id"], numbers(studies["n_patients"]), strict=True))
    directions = {(row.scope, row.therapy, row.disease): row.direction for row in pooled.itertuples(index=False)}
    entered = defaultdict(dict)
    for arm in arms[arms["entered"] == "yes"].itertuples(index=False):
        entered[arm.scope, arm.therapy, arm.disease][arm.study_id] = (float(arm.responders), float(arm.n))

    rows = []
    for key, members in groups.items():
        of_level = defaultdict(list)
        for study in members:
            of_level[graded[study]["level"] if graded[study]["gradable"] == "yes" else ""].append(study)
        ungraded = of_level.pop("", [])
        level = next((name for name in rules["order"] if name in of_level), "")
        row = dict(zip(("scope", "therapy", "disease"), key, strict=True)) | {
            "scheme": name,
            "level": level,
            "rule": _rule(level, of_level, ungraded, graded, facts, rules),
            "k": sum(map(len, of_level.values())),
            "k_not_gradable": len(ungraded),
        }
        for one in rules["order"]:
            there = of_level.get(one, [])
            row[f"k_{one}"] = len(there)
            row[f"patients_{one}"] = _sum_patients(there, members, patients, sizes, facts)
            row[f"counts_{one}"] = sum(
                any((study, therapy, disease) in usable for therapy, disease in members[study]) for study in there
            )
        row["studies"] = ";".join(study for study in members if graded[study]["gradable"] == "yes")
        row["direction"] = directions.get(key, "")
        row["agreement"], row["agreement_note"] = _agreement(level, of_level, entered[key], facts, response_threshold)
        row["note"] = rules["note"]
        rows.append(row)
    levels = [f"{what}_{one}" for one in rules["order"] for what in ("k", "patients", "counts")]
    columns = [
        "scope", "therapy", "disease", "scheme", "level", "rule", "k", "k_not_gradable", *levels,
        "studies", "direction", "agreement", "agreement_note", "note",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def level_sensitivity(
    studies: pd.DataFrame,
    responses: pd.DataFrame,
    therapies: pd.DataFrame,
    diseases: pd.DataFrame,
    standard: dict,
    *,
    classes_not_combined: tuple[str, ...] | list[str] = (),
) -> pd.DataFrame:
    """Level of each therapy and class under every scheme of the standard.

    Returns
    -------
    DataFrame: scope, therapy, disease, one column a scheme, differs (yes where the main numbers of the levels are
    not all the same: IV, 4 and 4 do not differ, IV and III do; only schemes that give a level are compared)
    """
    groups = _members(studies, responses, therapies, diseases, classes_not_combined)
    table = pd.DataFrame(list(groups), columns=["scope", "therapy", "disease"])
    main = []
    for name, rules in standard["schemes"].items():
        graded = grade_studies(studies, standard, name)
        level_of = dict(zip(graded["study_id"], graded["level"], strict=True))
        best = [
            next((one for one in rules["order"] if any(level_of[study] == one for study in members)), "")
            for members in groups.values()
        ]
        table[name] = best
        main.append([rules["levels"][one]["number"] if one else None for one in best])
    table["differs"] = ["yes" if len(set(given) - {None}) > 1 else "no" for given in zip(*main, strict=True)]
    return table


def therapy_results(
    frames: Mapping[str, pd.DataFrame], standard: dict, policy: dict, response_threshold: float
) -> dict[str, pd.DataFrame]:
    """Levels of the therapies under the scheme of the review, and under every other scheme.

    Parameters
    ----------
    frames : the checked tables studies, responses, therapies, diseases and the results study_levels, pooled, arms
    standard : dict from `read_schemes`
    policy : dict; the section `synthesis` of the config
    response_threshold : float in (0, 1); see `grade_therapies`

    Returns
    -------
    dict: therapy_levels from `grade_therapies`, level_sensitivity from `level_sensitivity`
    """
    tables = {name: frames[name] for name in ("studies", "responses", "therapies", "diseases")}
    results = {name: frames[name] for name in ("study_levels", "pooled", "arms")}
    unlike = policy["classes_not_combined"]
    levels = grade_therapies(
        **tables,
        **results,
        standard=standard,
        response_threshold=response_threshold,
        classes_not_combined=unlike,
        unit=policy["unit"],
    )
    other = level_sensitivity(**tables, standard=standard, classes_not_combined=unlike)
    return {"therapy_levels": levels, "level_sensitivity": other}


def as_text(result: pd.DataFrame) -> pd.DataFrame:
    """A table of levels or analyses read back from CSV, its words as text again and nothing as "".

    A scheme with levels 1 to 5 comes back as numbers, and a column without any entry as missing numbers.
    """
    text = result.copy()
    for column in TEXT_COLUMNS.intersection(text.columns):
        text[column] = [_word(value) for value in text[column]]
    return text


def _word(value) -> str:
    if value is None or value != value:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _scheme(standard: dict, name: str | None) -> tuple[str, dict]:
    name = name or standard["default"]
    if name not in standard["schemes"]:
        raise GradingError(f"scheme {name!r} is none of {', '.join(standard['schemes'])}")
    return name, standard["schemes"][name]


def _known(cell: str) -> str:
    return "" if cell in SILENT else cell


def _check_overrides(studies: pd.DataFrame, standard: dict) -> None:
    home = standard["overrides_written_in"]
    allowed = standard["schemes"][home]["order"]
    faults = []
    for row, study in enumerate(studies.to_dict("records"), start=2):
        level, reason = _known(study["level_override"]), _known(study["level_override_reason"])
        place = f"studies, row {row}, column"
        if level and level not in allowed:
            faults.append(
                f"{place} level_override: {level!r} is no level of {home}: {', '.join(allowed)}"
                f" (study {study['study_id']})"
            )
        if level and not reason:
            faults.append(f"{place} level_override_reason: empty beside {level} (study {study['study_id']})")
    if faults:
        raise GradingError("\n".join(faults))


def _grade(study: dict, rules: dict, home: dict | None) -> dict:
    """Level of one study; `home` is the scheme its override is written in, None if that is `rules` itself."""
    design, override = study["design"], _known(study["level_override"])
    label = LABELS["design"].get(design, design)
    if study["status"] == "excluded":
        reason = _known(study["status_reason"]) or "no reason recorded"
        return _no_level("", f"excluded: {reason}")
    by_design = rules["designs"].get(design, "")
    if override:
        reason = study["level_override_reason"]
        instead = f"its design ({label}) alone would give {by_design}" if by_design else f"design: {label}"
        if home is None:
            level, words = override, f"{override}, set by hand ({instead}). Reason: {reason}"
        else:
            meant = home["levels"][override]["stands_for"]
            level = rules["designs"].get(meant, "")
            if not level:
                return _no_level(
                    by_design, f"not gradable: set by hand to {override} of another scheme, without counterpart here"
                )
            words = (
                f"{level}: set by hand to {override} of another scheme, which stands for"
                f" {LABELS['design'].get(meant, meant.replace('_', ' '))} ({instead}). Reason: {reason}"
            )
        return {"gradable": "yes", "level": level, "level_by_design": by_design, "judgement": "no", "rule": words}
    if not by_design:
        words = REVIEW_OF_UNKNOWN if design == "systematic_review" else NOT_REPORTED
        return _no_level("", f"not gradable: {words}")
    judgement = design in rules["judgements"]
    words = f"{by_design}: {label}" + (" (placed there by judgement)" * judgement)
    return {
        "gradable": "yes",
        "level": by_design,
        "level_by_design": by_design,
        "judgement": "yes" if judgement else "no",
        "rule": words,
    }


def _no_level(by_design: str, words: str) -> dict:
    return {"gradable": "no", "level": "", "level_by_design": by_design, "judgement": "no", "rule": words}


def _members(studies, responses, therapies, diseases, classes_not_combined) -> dict:
    """(scope, therapy or class, disease) -> {study: its (therapy, disease) cells}, in printing order."""
    live = set(studies.loc[studies["status"] != "excluded", "study_id"])
    cells = [
        cell
        for cell in zip(responses["study_id"], responses["therapy"], responses["disease"], strict=True)
        if cell[0] in live and cell[1] not in SILENT
    ]
    class_of = dict(zip(therapies["therapy"], therapies["therapy_class"], strict=True))
    in_class = defaultdict(set)
    for _, therapy, _ in cells:
        in_class[class_of.get(therapy, "")].add(therapy)
    not_combined = {*classes_not_combined, *SILENT}
    combined = {name for name, members in in_class.items() if len(members) >= 2 and name not in not_combined}

    groups = defaultdict(lambda: defaultdict(list))
    for study, therapy, disease in dict.fromkeys(cells):
        places = [("therapy", therapy)]
        if class_of.get(therapy) in combined:
            places.append(("class", class_of[therapy]))
        for place in places:
            groups[*place, ALL][study].append((therapy, disease))
            if disease not in (*SILENT, ALL):
                groups[*place, disease][study].append((therapy, disease))
    order = {name: rank for rank, name in enumerate(dict.fromkeys([*therapies["therapy"], *class_of.values()]))}
    rank_disease = {name: rank for rank, name in enumerate([ALL, *diseases["disease"]])}
    keys = sorted(
        groups,
        key=lambda key: (key[0] == "class", order.get(key[1], len(order)), rank_disease.get(key[2], len(rank_disease))),
    )
    return {key: dict(groups[key]) for key in keys}


def _patients(studies, responses, unit) -> tuple[dict, set]:
    """Known patients by (study, therapy, disease), and the cells whose counts may be used."""
    status = dict(zip(studies["study_id"], studies["status"], strict=True))
    rows = responses[(responses["primary_outcome"] == "yes") & (responses["unit"] == unit)]
    rows = rows.assign(n=numbers(rows["n"]), responders=numbers(rows["responders"]))
    patients, usable = {}, set()
    for row in rows.itertuples(index=False):
        cell = (row.study_id, row.therapy, row.disease)
        if row.n == row.n:
            patients[cell] = row.n
        both = row.n == row.n and row.responders == row.responders
        if both and row.pool == "yes" and status.get(row.study_id) == "included":
            usable.add(cell)
    return patients, usable


def _sum_patients(there, members, patients, sizes, facts) -> int:
    of_cohort = defaultdict(float)
    for study in there:
        by_therapy = defaultdict(float)
        for therapy, disease in members[study]:
            by_therapy[therapy] += patients.get((study, therapy, disease), 0)
        n = sum(by_therapy.values())
        if len(by_therapy) > 1:
            n = min(n, max(by_therapy.values()) if math.isnan(sizes[study]) else sizes[study])
        cohort = _known(facts[study]["cohort_id"]) or study
        of_cohort[cohort] = max(of_cohort[cohort], n)
    return int(sum(of_cohort.values()))


def _plural(label: str) -> str:
    """Plural of a design's label; the noun stands before any `with`, `without` or bracket.

    >>> _plural("controlled study without randomisation"), _plural("retrospective case series"), _plural("case report")
    ('controlled studies without randomisation', 'retrospective case series', 'case reports')
    """
    cut = min((at for at in map(label.find, (" with", " without", " (", ",")) if at > 0), default=len(label))
    noun, rest = label[:cut], label[cut:]
    if noun.endswith("series"):
        return label
    return (noun[:-1] + "ies" if noun.endswith("y") else noun + "s") + rest


def _rule(level, of_level, ungraded, graded, facts, rules) -> str:
    """The rule in words: what kinds of study stand at the best level, and what could not be graded."""
    why = list(dict.fromkeys(graded[study]["rule"].removeprefix("not gradable: ") for study in ungraded))
    if not level:
        return "not gradable: " + ". ".join(why)
    left = f"{len(ungraded)} not gradable ({', '.join(words.partition(';')[0] for words in why)})"
    best = of_level[level]
    kinds = defaultdict(list)
    for study in best:
        kinds[bool(graded[study]["override"]), graded[study]["design"]].append(facts[study]["label"])
    rank = {design: at for at, design in enumerate(rules["designs"])}
    parts = []
    for by_hand, design in sorted(kinds, key=lambda kind: (kind[0], rank.get(kind[1], len(rank)))):
        names = kinds[by_hand, design]
        label = LABELS["design"].get(design, design)
        words = f"{len(names)} {label if len(names) == 1 else _plural(label)}"
        if by_hand:
            words += f" set to {level} by hand"
        if by_hand or len(best) <= NAMED_STUDIES:
            words += f" ({'; '.join(names)})"
        parts.append(words)
    return f"{level}: " + "; ".join(parts) + (f"; {left}" if ungraded else "")


def _agreement(level, of_level, entered, facts, line) -> tuple[str, str]:
    """Does the best level lie on the same side of the line as the rest? Only arms that entered the analysis speak."""
    if not level:
        return "", ""
    rest = [study for one, there in of_level.items() if one != level for study in there]
    if not rest:
        return "only this level", ""
    sums = []
    for words, there in ((f"level {level}", of_level[level]), ("lower levels", rest)):
        speaking = [entered[study] for study in there if study in entered]
        if not speaking:
            names = "; ".join(facts[study]["label"] for study in there)
            return "cannot be told", f"no counts of {words} entered the analysis ({names})"
        sums.append((words, sum(x for x, _ in speaking), sum(n for _, n in speaking)))
    note = ", ".join(f"{words}: {x:.0f}/{n:.0f}" for words, x, n in sums)
    (_, x1, n1), (_, x2, n2) = sums
    if x1 / n1 == line or x2 / n2 == line:
        return "cannot be told", f"{note}; one lies on the line of {100 * line:g}%"
    same = (x1 / n1 > line) == (x2 / n2 > line)
    where = "the same side" if same else "different sides"
    return ("agrees" if same else "differs"), f"{note}; {where} of the line of {100 * line:g}%"
