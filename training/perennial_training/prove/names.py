"""Which of scikit-learn's scorers fits what, and what to write where one does not."""

from __future__ import annotations

import difflib

from sklearn.metrics import get_scorer_names

REGRESSION = (
    "r2",
    "explained_variance",
    "neg_mean_absolute_error",
    "neg_mean_squared_error",
    "neg_root_mean_squared_error",
    "neg_median_absolute_error",
    "neg_mean_absolute_percentage_error",
    "neg_mean_squared_log_error",
    "neg_root_mean_squared_log_error",
    "neg_mean_poisson_deviance",
    "neg_mean_gamma_deviance",
    "neg_max_error",
    "d2_absolute_error_score",
)
"""Metrics of numbers; all others are of classes."""

USUAL = {
    "Classification": "roc_auc, average_precision, accuracy, f1 or neg_log_loss",
    "Regression": "r2, neg_mean_absolute_error or neg_root_mean_squared_error",
}

ONE_POSITIVE = frozenset(
    {
        "f1",
        "jaccard",
        "neg_negative_likelihood_ratio",
        "positive_likelihood_ratio",
        "precision",
        "recall",
    }
)
"""Metrics of labels in which one class stands against all others."""

FOR_MANY = {
    "roc_auc": "roc_auc_ovr (or roc_auc_ovr_weighted, roc_auc_ovo)",
    "f1": "f1_macro or f1_weighted",
    "jaccard": "jaccard_macro or jaccard_weighted",
    "precision": "precision_macro or precision_weighted",
    "recall": "recall_macro or recall_weighted",
    "neg_negative_likelihood_ratio": "recall_macro or balanced_accuracy",
    "positive_likelihood_ratio": "precision_macro or balanced_accuracy",
}
"""What to write for three classes or more instead of a metric of two."""

PROBABILITIES = frozenset(
    {
        "average_precision",
        "d2_brier_score",
        "d2_log_loss_score",
        "neg_brier_score",
        "neg_log_loss",
        "roc_auc",
        "roc_auc_ovo",
        "roc_auc_ovo_weighted",
        "roc_auc_ovr",
        "roc_auc_ovr_weighted",
        "top_k_accuracy",
    }
)

EVERY_CLASS = frozenset(
    {
        "average_precision",
        "matthews_corrcoef",
        "roc_auc",
        "roc_auc_ovo",
        "roc_auc_ovo_weighted",
        "roc_auc_ovr",
        "roc_auc_ovr_weighted",
    }
)
"""Metrics that say nothing where a class is in none of the rows."""

NO_INTERVAL = frozenset({"neg_max_error"})
"""The bootstrap does not hold for the largest of many (Bickel and Freedman, 1981)."""

LOWEST = {
    "neg_mean_squared_log_error": (-1.0, "above -1"),
    "neg_root_mean_squared_log_error": (-1.0, "above -1"),
    "neg_mean_gamma_deviance": (0.0, "above 0"),
}
"""Metrics whose targets must be above a number, and the words for it."""

NOT_NEGATIVE = frozenset({"neg_mean_poisson_deviance"})
"""Metrics whose targets may be 0, but not less."""


def known(name: str) -> bool:
    """Return whether scikit-learn has such a scorer."""
    return name in get_scorer_names()


def task_of(name: str) -> str:
    """Return the task that a metric is for."""
    return "Regression" if name in REGRESSION else "Classification"


def similar(name: str) -> str:
    """Return advice what to write for a name that is no scorer."""
    close = difflib.get_close_matches(name.lower().replace("-", "_"), get_scorer_names(), 1, 0.75)
    if close:
        return f"write {close[0]}"
    return "write one such as roc_auc, accuracy, r2 or neg_mean_absolute_error"
