"""SYNTHETIC references with known duplicates: one report as two databases write it, and others that look alike."""

from __future__ import annotations

import random

import pandas as pd

WORDS = """
calcinosis diltiazem warfarin bisphosphonate rituximab infliximab colchicine minocycline surgery lithotripsy laser
thiosulfate pamidronate sclerosis dermatomyositis juvenile cutaneous systemic limited diffuse digital ulcers pain
treatment outcome long-term follow-up safety efficacy cohort series report children adults women hands lesions skin
subcutaneous topical oral intravenous dose response imaging ultrasound radiography markers serum inflammation
vitamin calcium phosphate bone deposition regression progression recurrence quality life multicentre national
registry pilot
"""
SURNAMES = "Doe Roe Poe Müller García Nguyễn Øster Sánchez Kim Lee Wang Żak O'Brien D'Angelo Berg Dahl Ek Falk Ge Ho"
JOURNALS = [("Annals of SYNTHETIC Disease", "Ann SYNTHETIC Dis"), ("SYNTHETIC Journal of Skin", "SYNTHETIC J Skin")]


def made(size: int, seed: int = 1) -> tuple[pd.DataFrame, set[tuple[int, int]]]:
    """Records and the true pairs (later position, earlier position): a third are duplicates of an earlier one."""
    rng = random.Random(seed)
    rows: list[dict[str, str]] = []
    truth = set()
    originals: list[int] = []
    while len(rows) < size:
        if originals and rng.random() < 1 / 3:
            earlier = rng.choice(originals)
            truth.add((len(rows), earlier))
            originals.remove(earlier)  # each report twice at most
            rows.append(_other_form(rows[earlier], rng))
        else:
            like = rows[rng.choice(originals)] if originals and rng.random() < 0.1 else None
            originals.append(len(rows))
            rows.append(_lookalike(like, len(rows), rng) if like else _report(len(rows), rng))
    return pd.DataFrame(rows), truth


def _report(number: int, rng: random.Random) -> dict[str, str]:
    words = rng.sample(WORDS.split(), rng.randint(5, 11))
    title = f"SYNTHETIC {' '.join(words[:-3])}: {' '.join(words[-3:])}"
    start = rng.randint(100, 1900)
    return {
        "title": title, "surname": rng.choice(SURNAMES.split()), "year": str(rng.randint(1985, 2024)),
        "doi": f"10.1000/syn.{number}" if rng.random() < 0.75 else "",
        "pmid": str(10_000_000 + number) if rng.random() < 0.6 else "",
        "journal": rng.choice(JOURNALS)[0], "volume": str(rng.randint(1, 90)), "pages": f"{start}-{start + 8}",
    }  # fmt: skip


def _other_form(row: dict[str, str], rng: random.Random) -> dict[str, str]:
    """The same report from another database: what is known, and how it is written, differs."""
    other = dict(row)
    if rng.random() < 0.5:
        other["doi"] = ""
    elif row["doi"]:
        other["doi"] = rng.choice([f"https://doi.org/{row['doi']}", row["doi"].upper(), f"doi: {row['doi']}."])
    other["pmid"] = row["pmid"] if rng.random() < 0.4 else ""
    form = rng.randrange(6)
    if form == 0:
        other["title"] = row["title"].upper()
    elif form == 1:
        other["title"] = row["title"].replace(":", " -").replace("-", " ")
    elif form == 2:
        other["title"] = row["title"].partition(":")[0]  # without its subtitle
    elif form == 3:
        at = rng.randrange(10, len(row["title"]) - 1)
        other["title"] = row["title"][:at] + row["title"][at + 1 :]  # a letter lost
    elif form == 4:
        other["title"] = f"SYNTHETIC Übersetzung {rng.randrange(10**6)} {rng.randrange(10**6)}"  # translated
    other["surname"] = row["surname"].replace("ü", "u").replace("í", "i").replace("á", "a")
    if rng.random() < 0.15:
        other["year"] = str(int(row["year"]) + rng.choice([-1, 1]))
    start, _, end = row["pages"].partition("-")
    other["pages"] = rng.choice([row["pages"], f"{start}-{end[-1]}", start, ""])
    return other


def _lookalike(row: dict[str, str], number: int, rng: random.Random) -> dict[str, str]:
    """Another report that is nearly the same on paper: a second part, an erratum, a later follow-up, the same title."""
    other = _report(number, rng) | {"surname": row["surname"]}
    kind = rng.randrange(4)
    if kind == 0:
        other["title"] = f"{row['title']} part 2"
    elif kind == 1:
        other |= {"title": f"Erratum: {row['title']}", "year": row["year"]}
    elif kind == 2:
        other["title"] = row["title"]  # again years later
        other["year"] = str(int(row["year"]) - rng.randint(3, 9))
    else:
        other["title"] = "SYNTHETIC reply"
    return other


def scores(found: pd.DataFrame, truth: set[tuple[int, int]]) -> dict[str, float]:
    """Precision and recall of the pairs found."""
    pairs = set(zip(found["record"], found["other"], strict=True))
    hits = len(pairs & truth)
    return {"found": len(pairs), "precision": hits / max(len(pairs), 1), "recall": hits / len(truth)}
