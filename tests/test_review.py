"""The tables of a review on disk: written and read back by name."""

import pandas as pd
import pytest

from small_evidence.review import read_frames, save_frames


def test_tables_come_back_by_name(tmp_path):
    frames = {
        "therapies": pd.DataFrame({"therapy": ["a"], "label": ["007"], "therapy_class": ["b"]}),
        "pooled": pd.DataFrame({"analysis": ["a"], "estimate": [1 / 3], "k": [7]}),
    }
    paths = {name: tmp_path / f"{name}.csv" for name in frames}
    save_frames(frames, paths)
    again = read_frames(paths | {"standard": "levels.yaml"})  # no table: left out
    assert list(again) == list(frames)
    assert again["therapies"].loc[0, "label"] == "007"
    assert again["pooled"].loc[0].tolist() == ["a", 1 / 3, 7]


@pytest.mark.parametrize(("tables", "files"), [(["arms"], ["arms", "trace"]), (["arms", "trace"], ["arms"])])
def test_nothing_is_written_unless_every_table_has_its_file(tmp_path, tables, files):
    paths = {name: tmp_path / f"{name}.csv" for name in files}
    with pytest.raises(ValueError, match=r"^tables and paths differ in trace$"):
        save_frames({name: pd.DataFrame({"k": [1]}) for name in tables}, paths)
    assert not list(tmp_path.iterdir())
