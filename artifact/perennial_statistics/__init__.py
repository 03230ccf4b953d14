"""Statistics: pure functions on counts, and the records that sequential tests carry between looks.

Everything that is decided about live traffic comes from here. No function reads a clock, draws a
random number or needs more than ``math``; nothing of the other rooms is imported.

A canary, look by look (``verdict`` says what follows):
    against_stable  errors, refusals and slow answers beside stable's at the same time
    limits          a share against a fixed limit
    latency         a quantile against a limit, from buckets; bounds to compare stable at
    equal_age       labels beside stable's of predictions of the same age
    means           rewards and losses beside stable's
    one_mean        a mean against a fixed limit
    shift           how far two distributions are apart
    equal_times     how large a difference of shares is, to be shown
    proportions, e_process, bursts, beta_distribution, numbers: what these are made of

Live traffic against a reference:
    drift           which features drifted and which have bad values, all at once
    usual_drift     what comes and goes with the day
    duplicates      rows that are equal to another one
    chosen_effect   other distances than the index, for a threshold of a user's own
    cells, chi_square, f_distribution, design_effect, effect, quality, multiple_testing, distances

Several arms on live traffic:
    stratified_means  means compared within batches and ages only
    best_arm          which is best, how likely, and whether that is certain
    bandit            how much traffic each gets

Outcomes:
    estimated_performance, late_labels, slices, seasonality, intervals
"""
