"""Random inputs to readers, importers, choices and pooling: each is taken or refused in words, never a crash or a NaN.

A few of always the same inputs here; `make fuzz FUZZ_EXAMPLES=920` tries 100,000 new ones and counts them.
"""

import math
import os
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from scipy.special import expit

from small_evidence import ReviewError
from small_evidence.config import FILE, complete_config, read_config, schema
from small_evidence.extraction.checks import check_extraction
from small_evidence.extraction.reference_files import read_text
from small_evidence.extraction.screening_files import read_decisions
from small_evidence.pooling import pool_many
from small_evidence.pooling.methods import METHODS
from small_evidence.pooling.record import STATUSES
from tests.conftest import PROJECT
from tests.damage import spoilt

EXAMPLES = os.environ.get("FUZZ_EXAMPLES", "")
RECORD = os.environ.get("FUZZ_RECORD", "")
MINIMAL = PROJECT / "tests/data/minimal/data/raw"
REFERENCES = sorted(path for path in (PROJECT / "tests/data/references").rglob("*.*") if path.stat().st_size < 20_000)
TRIED: Counter[str] = Counter()
SLACK = 1e-9  # rounding of a limit that is the estimate itself


def some(times):
    """Settings for inputs that cost little (many times) or much (few times)."""
    return settings(
        max_examples=int(EXAMPLES) * times if EXAMPLES else 4 * times,
        derandomize=not EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


@pytest.fixture(autouse=True)
def tried(request):
    """Adds the number of inputs of each test, and whether all were taken or refused, to the record of `make fuzz`."""
    before, failed = TRIED.copy(), request.session.testsfailed
    yield
    if RECORD:
        outcome = "0" if request.session.testsfailed == failed else "1"
        with Path(RECORD).open("a", encoding="utf-8") as file:
            file.writelines(f"{name},{number},{outcome}\n" for name, number in (TRIED - before).items())


# Readers and importers ---------------------------------------------------------------------------------------

SPOILS = st.lists(
    st.tuples(
        st.floats(0, 0.999),
        st.integers(0, 40),
        st.binary(max_size=6) | st.sampled_from([b'"', b",", b"\n", b";", b"\t", b"{", b"}", b"TY  - ", b"@", b"</"]),
    ),
    max_size=4,
)


@given(st.sampled_from(sorted(path.name for path in MINIMAL.glob("*.csv"))), SPOILS)
@some(1)
def test_readers_take_a_spoilt_table_or_name_its_errors(tmp_path_factory, name, changes):
    TRIED["readers"] += 1
    folder = tmp_path_factory.getbasetemp() / "spoilt"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(MINIMAL, folder)
    (folder / name).write_bytes(spoilt((folder / name).read_bytes(), changes))
    try:
        tables, _ = check_extraction(folder, year=2026)
    except ReviewError:
        return
    counts = tables["responses"][["responders", "n"]].apply(pd.to_numeric, errors="coerce")
    assert not (counts["responders"] > counts["n"]).any()


@given(st.sampled_from(REFERENCES), SPOILS)
@some(32)
def test_importers_take_a_spoilt_file_or_name_what_is_not_read(source, changes):
    TRIED["importers of references"] += 1
    text = spoilt(source.read_bytes(), changes).decode("utf-8", "replace")
    references, unread = read_text(text, source.name)
    assert all(part.words for part in unread)
    assert all(reference.file == source.name and reference.line > 0 for reference in references)


@given(st.sampled_from(REFERENCES), SPOILS)
@some(4)
def test_importers_of_decisions_take_a_spoilt_file_or_say_why_not(tmp_path_factory, source, changes):
    TRIED["importers of decisions"] += 1
    path = tmp_path_factory.getbasetemp() / source.name
    path.write_bytes(spoilt(source.read_bytes(), changes))
    try:
        found = read_decisions([path])
    except ReviewError:
        return
    assert found["record_id"].all()


# Choices -----------------------------------------------------------------------------------------------------

ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("NR"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
KEYS = [(section, key) for section, part in schema()["properties"].items() for key in part["properties"]]
NUMBERS = st.floats() | st.sampled_from([0, 1, -1, 1e6, 1e308, 5e-324, 0.9999999999999999, math.inf, math.nan])
CHOICES = st.lists(
    st.tuples(st.sampled_from(KEYS), ANY | NUMBERS | st.fixed_dictionaries({"b_sd": NUMBERS})), max_size=3
)


def numbers_in(value):
    if isinstance(value, dict):
        return [number for inner in value.values() for number in numbers_in(inner)]
    if isinstance(value, list):
        return [number for inner in value for number in numbers_in(inner)]
    return [value] if isinstance(value, int | float) and not isinstance(value, bool) else []


@given(CHOICES)
@some(24)
def test_choices_are_complete_and_within_their_ranges_or_refused(choices):
    TRIED["choices"] += 1
    given_choices = {}
    for (section, key), value in choices:
        given_choices.setdefault(section, {})[key] = value
    try:
        config = complete_config(given_choices)
    except ReviewError:
        return
    assert all(math.isfinite(number) for number in numbers_in(config))
    assert 0.5 <= config["synthesis"]["conf_level"] <= 0.9999
    assert all(0.01 <= prior <= 100 for prior in config["synthesis"]["priors"].values())
    assert complete_config(config) == config


@given(SPOILS)
@some(8)
def test_a_spoilt_file_of_choices_is_read_or_refused(tmp_path_factory, changes):
    TRIED["files of choices"] += 1
    folder = tmp_path_factory.getbasetemp() / "choices"
    (folder / "config").mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_bytes(spoilt((PROJECT / FILE).read_bytes(), changes))
    try:
        config = read_config(folder)
    except ReviewError:
        return
    assert yaml.safe_dump(config)


# Pooling -----------------------------------------------------------------------------------------------------

SETS = 40  # data sets pooled in one call, which costs a third of one by one


def counts_of(seed):
    """Counts of 1 to 12 arms in SETS data sets: arms of 1 to 100,000, proportions often at 0, at 1 or at both."""
    chance = np.random.default_rng(seed)
    rows = []
    for number in range(SETS):
        largest = chance.choice([3, 12, 60, 2000, 100_000], p=[0.3, 0.3, 0.3, 0.08, 0.02])
        sizes = chance.integers(1, largest, chance.integers(1, 13), endpoint=True)
        middle, spread = chance.uniform(-6, 6), chance.choice([0, 0.3, 1, 3, 30])
        proportions = expit(chance.normal(middle, spread, len(sizes)))
        rows += [(number, int(chance.binomial(n, p)), int(n)) for n, p in zip(sizes, proportions, strict=True)]
    return pd.DataFrame(rows, columns=["set", "responders", "n"])


WAYS = [
    *((name, {"interval": interval}) for name, method in METHODS.items() for interval in method.intervals),
    *(
        ("inverse_variance", {"measure": measure, "tau2_method": tau2})
        for measure in ("PLO", "PAS", "PFT", "PR")
        for tau2 in ("DL", "REML", "ML", "PM", "EB", "HE", "SJ")
    ),
]
TAU2_NOTES = {"tau2_outside_interval", "tau2_interval_empty", "no_tau2_limit", "tau2_limit_not_found"}


@given(st.integers(0, 2**32), st.sampled_from(WAYS), st.sampled_from([0.5, 0.8, 0.95, 0.9999]))
@some(1)
def test_a_pooled_result_lies_in_its_intervals_or_says_why_not(seed, way, conf_level):
    TRIED["data sets pooled"] += SETS
    frame, (method, options) = counts_of(seed), way
    for row in pool_many(frame, by=["set"], method=method, conf_level=conf_level, **options).to_dict("records"):
        arms = frame.loc[frame["set"] == row["set"], ["responders", "n"]].to_numpy().tolist()
        said = (arms, method, options, conf_level, row["status"], row["note"])
        limits = np.array([row[name] for name in ("ci_lb", "estimate", "ci_ub")])
        tau2 = np.array([row[name] for name in ("tau2_lb", "tau2", "tau2_ub")])
        assert row["status"] in STATUSES, said
        assert row["status"] == "not_converged" or not np.isnan(limits).any(), (said, limits)
        known = limits[~np.isnan(limits)]
        assert ((known >= 0) & (known <= 1)).all(), (said, limits)
        assert (np.diff(known) >= -SLACK).all(), (said, limits)
        if not TAU2_NOTES & set(row["note"].split(";")):
            assert (np.diff(tau2[~np.isnan(tau2)]) >= -SLACK * np.nanmax([1, *tau2])).all(), (said, tau2)
