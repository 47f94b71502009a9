"""Make a SYNTHETIC second extraction: the tables of a real review with recorded errors, names and order of its own.

No second person has read anything: it shows whether differences between two extractions are found.
Run as ``python tests/data/make_second_extraction.py data/raw SYNTHETIC_second_extraction``.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

SEED = 20260
MARK = "SYNTHETIC second extraction"
ROW = "(row)"
WORDS = {
    "studies": {
        "design": ("case_series", "case_report"),
        "controlled": ("yes", "no"),
        "status": ("included", "awaiting"),
    },
    "responses": {
        "evidence_basis": ("full_text", "abstract", "secondary"),
        "confidence": ("high", "medium", "low"),
        "pool": ("yes", "no"),
    },
    "adverse_events": {"serious": ("yes", "no"), "reporting": ("reported", "unclear")},
}
COUNTS = {
    "studies": ("n_patients", "year"),
    "responses": ("n", "n_complete", "n_partial", "responders"),
    "adverse_events": ("n_patients", "n_at_risk"),
}
TEXTS = {"studies": ("doi", "pmid")}
KEYS = {
    "studies": ["study_id"],
    "responses": ["study_id", "therapy", "disease", "outcome", "unit"],
    "adverse_events": ["study_id", "therapy", "term"],
}


def make_second_extraction(raw: Path, target: Path, seed: int = SEED, errors: int = 12) -> pd.DataFrame:
    """Write the second extraction to `target` and return its errors.

    Parameters
    ----------
    raw : folder of the first extraction
    target : folder to write, its name must say SYNTHETIC
    errors : changed words, and changed counts, of each table; besides, two rows lost and one row made up

    Returns
    -------
    DataFrame: table, key (the cells that name what the row is about, joined by " | "), column, first, second
    """
    assert "SYNTHETIC" in target.name
    rng = np.random.default_rng(seed)
    target.mkdir(parents=True)
    recorded = []
    for table, key in KEYS.items():
        first = pd.read_csv(raw / f"{table}.csv", dtype=str, keep_default_na=False)
        second = first.copy()
        alone = np.flatnonzero(~first.duplicated(key, keep=False))  # rows that nothing else could be taken for
        chosen = list(rng.permutation(alone))
        for number in range(2 * errors):
            row = chosen.pop()
            if number % 2:
                column = str(rng.choice(list(WORDS[table])))
                value = str(rng.choice([word for word in WORDS[table][column] if word != first.loc[row, column]]))
            else:
                column = str(rng.choice([*COUNTS[table], *TEXTS.get(table, ())]))
                value = _another(first.loc[row, column], column, rng)
            second.loc[row, column] = value
            recorded.append((table, _key(first, row, key), column, first.loc[row, column], value))
        lost = [chosen.pop(), chosen.pop()]
        recorded += [(table, _key(first, row, key), ROW, "present", "absent") for row in lost]
        made_up = second.loc[[chosen.pop()]].copy()
        column = {"studies": "study_id", "responses": "outcome", "adverse_events": "term"}[table]
        made_up[column] = {"studies": "synthetic_study", "responses": "symptom_response", "adverse_events": MARK}[table]
        recorded.append((table, _key(made_up, made_up.index[0], key), ROW, "absent", "present"))
        second = pd.concat([second.drop(index=lost), made_up], ignore_index=True)
        if table == "responses":
            second["response_id"] = [f"synthetic_{number}" for number in range(len(second))]
        second["notes"] = MARK
        second = second.iloc[rng.permutation(len(second))]
        second.to_csv(target / f"{table}.csv", index=False, lineterminator="\n")
    return pd.DataFrame(recorded, columns=["table", "key", "column", "first", "second"])


def _key(frame, row, key):
    return " | ".join(frame.loc[row, key])


def _another(cell, column, rng):
    """A value that somebody in a hurry might have typed instead."""
    if column == "doi":
        return "10.9999/synthetic" if cell in ("", "NR") else cell + "0"
    if column in ("pmid", "year"):
        return "1999" if cell in ("", "NR") else str(int(cell) - 1)
    if not cell.isdigit():
        return str(rng.integers(1, 9))
    near = [str(int(cell) + 1), str(max(int(cell) - 1, 0)), str(int(cell) + 10), "NR"]
    return str(rng.choice([value for value in near if value != cell]))


if __name__ == "__main__":
    print(make_second_extraction(Path(sys.argv[1]), Path(sys.argv[2])).to_string())
