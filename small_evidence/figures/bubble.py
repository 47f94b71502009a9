"""Bubble plot of a meta-regression: a circle a study, its area the number of patients, and the fitted proportion."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

LARGEST_AREA = 400.0  # square points, of the study with most patients
BLUE, BAND = "#1F4E79", "#C9D9E8"


def bubble_plot(arms: pd.DataFrame, fitted: pd.DataFrame, covariate: str) -> Figure:
    """Studies and fitted line along one covariate.

    Parameters
    ----------
    arms : DataFrame with responders, n and the covariate, a row a study arm
    fitted : DataFrame of `heterogeneity.predict_regression`, in the order of the covariate
    covariate : its name, written below the axis
    """
    figure = Figure(figsize=(5.5, 4.0), layout="constrained")
    axes = figure.add_subplot()
    at = fitted[covariate]
    lower, upper = (100 * fitted[name].astype(float) for name in ("ci_lb", "ci_ub"))
    axes.fill_between(at, lower, upper, color=BAND, linewidth=0, label="confidence interval")
    axes.plot(at, 100 * fitted["estimate"].astype(float), color=BLUE, label="fitted proportion")
    n = arms["n"].to_numpy(float)
    share = np.divide(arms["responders"].to_numpy(float), n, out=np.full(n.size, np.nan), where=n > 0)
    area = LARGEST_AREA * n / n.max()
    axes.scatter(arms[covariate], 100 * share, s=area, facecolor="none", edgecolor="black", label="study")
    axes.set(xlabel=covariate, ylabel="Responders, %", ylim=(-4, 104))
    axes.spines[["top", "right"]].set_visible(False)
    return figure
