"""The result of one set of studies does not depend, to the last digit, on the sets that are pooled with it."""

import numpy as np
import pandas as pd
import pytest

from small_evidence.pooling import pool_many
from small_evidence.pooling.heterogeneity import subgroups_of_many
from small_evidence.pooling.sensitivity import choices_of_all_methods

PARTS, SETS = 3, 18


@pytest.fixture(scope="module")
def arms():
    """Sets of 2 to 30 arms of 1 to 400 patients, SYNTHETIC, from a fixed seed."""
    chance = np.random.default_rng(20)
    rows = []
    for name in range(SETS):
        k, most = int(chance.choice([2, 3, 5, 8, 11, 14, 30])), 400 if name % 4 == 0 else 30
        n = chance.integers(1, most, k)
        proportions = np.clip(chance.uniform(0.05, 0.95) + chance.normal(0, 0.2, k), 0, 1)
        rows += [(name, x, size) for x, size in zip(chance.binomial(n, proportions), n, strict=True)]
    table = pd.DataFrame(rows, columns=["set", "responders", "n"])
    parts, kinds = chance.integers(0, PARTS, SETS), chance.choice(["a", "b", "c"], len(rows))
    return table.assign(part=parts[table["set"]], kind=kinds)


@pytest.mark.parametrize("choice", choices_of_all_methods(), ids=lambda choice: "-".join(choice.values()))
def test_pooled_in_parts_or_at_once(arms, choice):
    at_once = pool_many(arms, by="set", **choice).set_index("set")
    parts = [pool_many(part, by="set", **choice).set_index("set") for _, part in arms.groupby("part")]
    alone = pool_many(arms[arms["set"] == 0], by="set", **choice).set_index("set")
    for some in [*parts, alone]:
        pd.testing.assert_frame_equal(some, at_once.loc[some.index], check_exact=True)


def test_subgroups_of_many_or_one(arms):
    tables = [part for _, part in arms.groupby("set") if len(set(part["kind"])) > 1][:6]
    for alone, among in zip(tables, subgroups_of_many(tables, "kind"), strict=True):
        pd.testing.assert_frame_equal(subgroups_of_many([alone], "kind")[0], among, check_exact=True)
