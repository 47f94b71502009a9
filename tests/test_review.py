"""The tables of a review on disk: written and read back by name."""

import json

import pandas as pd

from small_evidence.config import complete_config
from small_evidence.review import Review, read_release, save_csv
from tests import made_up


def test_tables_of_a_release_come_back_by_name(tmp_path):
    frames = {
        "therapies": pd.DataFrame({"therapy": ["a"], "label": ["007"], "therapy_class": ["b"]}),
        "pooled": pd.DataFrame({"analysis": ["a"], "estimate": [1 / 3], "k": [7]}),
    }
    paths = {name: tmp_path / f"{name}.csv" for name in frames}
    for name, frame in frames.items():
        save_csv(frame, paths[name])
    record = tmp_path / "provenance.json"
    record.write_text(json.dumps({"config": {"synthesis": {"min_studies": 4}}}), encoding="utf-8")
    again, config = read_release([*paths.values(), record])  # a record is no table
    assert list(again) == list(frames)
    assert again["therapies"].loc[0, "label"] == "007"
    assert again["pooled"].loc[0].tolist() == ["a", 1 / 3, 7]
    assert config["synthesis"]["min_studies"] == 4


def test_a_class_of_one_therapy_has_the_name_of_the_therapy():
    row = {"therapy": "by_colonoscopy", "label": "By colonoscopy, SYNTHETIC", "therapy_class": "by_colonoscopy"}
    therapies = made_up.frame("therapies", [row])
    review = Review({"therapies": therapies})
    assert review.labels.of("class", "by_colonoscopy") == "By colonoscopy, SYNTHETIC"
    named = complete_config({"review": {"class_labels": {"by_colonoscopy": "Endoscopic"}}})
    assert Review({"therapies": therapies}, named).labels.of("class", "by_colonoscopy") == "Endoscopic"
