"""The page docs/walk.md shows what is typed and printed today."""

import importlib.util

from small_evidence.config import read_config
from small_evidence.extraction.checks import check_review
from small_evidence.review import Review
from small_evidence.synthesis.analyses import grade_and_pool
from tests.conftest import PROJECT


def test_the_walk_prints_what_its_page_shows(tmp_path, monkeypatch):
    """Every step but the run, whose result is compared with the pooled proportion on the page."""
    spec = importlib.util.spec_from_file_location("make_walk", PROJECT / "docs/make_walk.py")
    walk = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(walk)
    monkeypatch.chdir(tmp_path)
    page = walk.PAGE.read_text(encoding="utf-8")
    parts = walk.walk()
    assert parts["cells"] == 82
    assert [name for name, part in parts.items() if str(part) not in page] == []

    tables, _ = check_review(walk.FOLDER)
    review = grade_and_pool(Review(tables, read_config(walk.FOLDER)))
    result = review.analysis("hyperdynamic_therapy").result
    limits = [f"{100 * result[name]:.1f}" for name in ("estimate", "ci_lb", "ci_ub")]
    assert "{} [{}, {}]".format(*limits) in next(line for line in page.splitlines() if "| IV |" in line)
