"""The numbers of the bundled review change only on purpose: with the file of them, and with a line in the changelog.

After a change that is meant, write the file again and put what this prints into the newest section of CHANGELOG.md:
`python -m tests.test_golden`
"""

import hashlib
from pathlib import Path

import pandas as pd

from small_evidence.names import ALL
from small_evidence.review import read_result

PROJECT = Path(__file__).parents[1]
GOLDEN = PROJECT / "tests/reference/bundled_numbers.csv"
WHOLE = ["analysis", "pooled", "k", "k_arms", "events", "n", "direction", "level"]
SHARES = [
    "crude_ci_lb",
    "crude_ci_ub",
    "estimate",
    "ci_lb",
    "ci_ub",
    "pi_lb",
    "pi_ub",
    "mean_proportion",
    "tau2",
    "q_p",
]
LIMIT = 5e-6  # half a unit of the last digit written, and as much for another build of numpy


def numbers_of(review):
    """Counts, limits and level of each analysis of a synthesised review."""
    key = ["scope", "therapy", "disease"]
    levels = review["therapy_levels"][[*key, "level"]]
    table = review["pooled"].merge(levels, on=key, how="left")
    return table.assign(level=table["level"].fillna(""))[[*WHOLE, *SHARES]].reset_index(drop=True)


def mark(content: bytes) -> str:
    return f"Numbers of the bundled review: {hashlib.sha256(content).hexdigest()[:16]}"


def test_the_numbers_are_those_of_the_file(synthesised):
    there, now = read_result(GOLDEN), numbers_of(synthesised)
    assert there["analysis"].tolist() == now["analysis"].tolist()
    for column in WHOLE:
        assert (there[column] == now[column]).all(), column
    for column in SHARES:
        then, found = there[column].astype(float), now[column].astype(float)
        assert (then.isna() == found.isna()).all(), column
        assert ((then - found).abs().fillna(0) <= 2 * LIMIT).all(), column


def test_the_changelog_names_these_numbers():
    newest = (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8").split("\n## ")[1]
    assert mark(GOLDEN.read_bytes()) in newest, "see the first lines of this file"


def test_the_file_covers_therapies_classes_and_diseases():
    analyses = read_result(GOLDEN)["analysis"]
    assert {"diltiazem", "surgery", "rituximab", "warfarin"} <= set(analyses)
    assert analyses.str.startswith("class-").any()
    assert analyses.str.contains("-").sum() > 20
    assert ALL not in set(analyses)


if __name__ == "__main__":
    from small_evidence.config import read_config
    from small_evidence.extraction.checks import check_review
    from small_evidence.review import Review, save_csv
    from small_evidence.synthesis.analyses import grade_and_pool

    found = numbers_of(grade_and_pool(Review(check_review(PROJECT)[0], read_config(PROJECT))))
    found[SHARES] = found[SHARES].astype(float).round(5)
    save_csv(pd.DataFrame(found), GOLDEN)
    print(mark(GOLDEN.read_bytes()))
