import hashlib

import pytest

from small_evidence import ReviewError
from small_evidence.extraction.checks import refuse_changed
from small_evidence.places import contents
from small_evidence.release.provenance import provenance
from small_evidence.saving import save_json


def test_same_inputs_give_the_same_record(tmp_path):
    table = tmp_path / "studies.csv"
    table.write_text("study_id\na\n")
    record = provenance([str(table)], [], {"synthesis": {"conf_level": 0.95}})
    assert record["inputs"] == {table.as_posix(): hashlib.sha256(b"study_id\na\n").hexdigest()}
    assert record["config"] == {"synthesis": {"conf_level": 0.95}}
    assert {"pandas", "statsmodels", "matplotlib"} <= set(record["packages"])
    save_json(record, tmp_path / "one.json")
    save_json(provenance([str(table)], [], {"synthesis": {"conf_level": 0.95}}), tmp_path / "two.json")
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()


def test_a_changed_input_changes_the_record(tmp_path):
    table = tmp_path / "studies.csv"
    table.write_text("a")
    before = provenance([str(table)], [], {})
    table.write_text("b")
    assert provenance([str(table)], [], {}) != before


def test_a_table_saved_after_it_was_read_is_named_and_the_record_shows_what_was_read(tmp_path):
    table, other = tmp_path / "studies.csv", tmp_path / "responses.csv"
    table.write_text("a")
    other.write_text("a")
    read = contents(map(str, (table, other)))
    refuse_changed(read)
    table.write_text("b")
    record = provenance([], [], {}, read=read)
    assert record["inputs"] == read
    assert record["changed_since_read"] == [str(table)]
    with pytest.raises(ReviewError, match=r"studies\.csv: saved while it was read") as error:
        refuse_changed(read)
    assert "responses.csv" not in str(error.value)
