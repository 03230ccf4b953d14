"""From rows to a fitted model: preprocessing, algorithms, parameters, search."""
