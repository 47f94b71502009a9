"""The library and the workflow know no review: no word of the bundled one stands in them."""

from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
WORDS = (
    "calcino", "traineau", "warfarin", "diltiazem", "rituximab", "minocycline", "pamidronate", "colchicine", "cdasi",
    "thiosulfate", "dermatomyositis", "scleroderma", "sclerosis", "lithotripsy", "palmieri", "vayssairat", "balin",
)  # fmt: skip
CODE = [PROJECT / "Snakefile", PROJECT / "workflow/Snakefile"] + [
    path
    for folder in ("small_evidence", "workflow", "profiles")
    for path in sorted((PROJECT / folder).rglob("*"))
    if path.suffix in (".py", ".smk", ".yaml", ".yml", ".j2", ".css", ".js", ".md", ".typ")
]


def found(path: Path) -> list[str]:
    """Lines of a file with a word of the bundled review, as `12: word`."""
    lines = path.read_text(encoding="utf-8").lower().splitlines()
    return [f"{at}: {word}" for at, line in enumerate(lines, 1) for word in WORDS if word in line]


@pytest.mark.parametrize("path", CODE, ids=lambda path: path.relative_to(PROJECT).as_posix())
def test_no_word_of_the_bundled_review(path):
    assert found(path) == []


def test_the_words_are_those_of_the_bundled_review():
    """Each is in its tables or its config, so that the test above can fail."""
    tables = [*sorted((PROJECT / "data/raw").glob("*.csv")), PROJECT / "config/config.yaml"]
    text = " ".join(path.read_text(encoding="utf-8").lower() for path in tables)
    assert [word for word in WORDS if word not in text] == []
