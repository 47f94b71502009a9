import hashlib

from small_evidence.release.provenance import provenance
from small_evidence.review import save_json


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
