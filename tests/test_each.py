"""What is computed of an analysis is kept while its arms, options, code and libraries stay, and never longer."""

from collections import Counter

import pandas as pd
import pytest

from small_evidence.names import RESULT_TABLES
from small_evidence.pooling import pool_many
from small_evidence.review import csv_bytes
from small_evidence.synthesis import each as module
from small_evidence.synthesis.analyses import synthesise
from small_evidence.synthesis.each import answers_kept, each
from tests.made_up import review

ARMS = pd.DataFrame(
    {
        "analysis": ["b", "b", "b", "a", "a", "c", "c"],
        "responders": [3, 4, 9, 5, 0, 5, 0],
        "n": [12.0, 4, 17, 8, 6, 8, 6],
    }
)
COMPUTED = Counter()


def pooled(arms, by, **options):
    """Counts the sets that it pools."""
    COMPUTED["sets"] += arms[by].nunique()
    return pool_many(arms, by=by, **options)


def run(path, arms=ARMS, **options):
    """The table, and of how many sets it was computed."""
    COMPUTED.clear()
    with answers_kept(path, cores=1):
        table = each(pooled, arms, **options)
    return csv_bytes(table), COMPUTED["sets"]


PLAIN = csv_bytes(pool_many(ARMS, by="analysis"))


def test_the_same_arms_are_computed_once_and_in_the_order_of_the_analyses(tmp_path):
    assert run(tmp_path / "kept") == (PLAIN, 2)  # a and c have the same arms
    assert csv_bytes(each(pooled, ARMS)) == PLAIN


def test_an_edited_count_computes_its_analysis_alone(tmp_path):
    run(tmp_path / "kept")
    edited = ARMS.assign(responders=[3, 4, 10, 5, 0, 5, 0])
    assert run(tmp_path / "kept", edited) == (csv_bytes(pool_many(edited, by="analysis")), 1)
    assert run(tmp_path / "kept", edited)[1] == 0


@pytest.mark.parametrize("options", [{"conf_level": 0.9}, {"method": "bayes"}, {"interval": "wald_z"}])
def test_another_option_computes_all(tmp_path, options):
    run(tmp_path / "kept")
    assert run(tmp_path / "kept", **options) == (csv_bytes(pool_many(ARMS, by="analysis", **options)), 2)


@pytest.mark.parametrize("cause", ["content_of", "maker_of", "_instructions"])
def test_other_code_libraries_or_processors_compute_all(tmp_path, monkeypatch, cause):
    run(tmp_path / "kept")
    monkeypatch.setattr(module, cause, lambda *parts: ["other"])
    module._maker.cache_clear()
    try:
        assert run(tmp_path / "kept") == (PLAIN, 2)
    finally:
        module._maker.cache_clear()


def damages(content):
    """The file cut, a digit changed, a line lost, bytes that are no text, nothing."""
    lines = content.splitlines(keepends=True)
    digit = content.index(b'"values"')
    changed = content[:digit] + content[digit:].replace(b"3", b"4", 1)
    return [content[:-20], changed, b"".join(lines[:-1]), b"\xff\xfe" + content, b""]


def test_a_damaged_file_is_computed_again_with_the_same_bytes(tmp_path):
    path = tmp_path / "kept"
    run(path)
    whole = path.read_bytes()
    for damaged in damages(whole):
        assert damaged != whole
        path.write_bytes(damaged)
        assert run(path) == (PLAIN, 2)
        assert path.read_bytes() == whole


def test_what_is_no_longer_asked_for_is_not_kept(tmp_path):
    path = tmp_path / "kept"
    run(path)
    size = path.stat().st_size
    run(path, ARMS[ARMS["analysis"] == "b"])
    assert path.stat().st_size < size
    assert run(path) == (PLAIN, 1)


def test_a_run_that_fails_keeps_the_file(tmp_path):
    path = tmp_path / "kept"
    run(path)
    whole = path.read_bytes()
    with pytest.raises(ValueError, match="no column"), answers_kept(path):
        each(pool_many, ARMS.drop(columns="n"))
    assert path.read_bytes() == whole


def test_several_processes_give_the_bytes_of_one(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "WORTH_A_PROCESS", 2)
    with answers_kept(cores=2):
        assert csv_bytes(each(pool_many, ARMS)) == PLAIN


def test_no_arms_have_the_columns_of_some():
    none = each(pool_many, ARMS.iloc[:0])
    assert none.columns.tolist() == pool_many(ARMS, by="analysis").columns.tolist()
    assert none.empty


def made(responders="3"):
    """Two therapies of one class in three studies each; SYNTHETIC."""
    counts = {"a": ((5, 8), (7, 7), (0, 6)), "b": ((responders, 9), (2, 4), (6, 11))}
    rows = [
        (f"{therapy}{at}", {"therapy": therapy, "responders": str(x), "n": str(n), "disease": "dm" if at else "ssc"})
        for therapy, arms in counts.items()
        for at, (x, n) in enumerate(arms)
    ]
    return review({study: {} for study, _ in rows}, rows, {"a": "k", "b": "k"}, min_studies=3)


def test_a_review_with_one_edited_count_has_the_bytes_of_a_clean_run(tmp_path, monkeypatch):
    computed = []
    lines = module._lines

    def counted(compute, cells, places, options):
        computed.extend(tuple(cells["responders"].iloc[place]) for place in places)
        return lines(compute, cells, places, options)

    monkeypatch.setattr(module, "_lines", counted)
    with answers_kept(tmp_path / "kept"):
        synthesise(made())
    computed.clear()
    with answers_kept(tmp_path / "kept"):
        again = synthesise(made("4"))
    # of all that is computed only what has the edited count: of therapy b, of its class, and of both in its disease
    assert computed
    assert all(4.0 in counts for counts in computed)
    clean = synthesise(made("4"))
    assert [name for name in RESULT_TABLES if csv_bytes(again[name]) != csv_bytes(clean[name])] == []
