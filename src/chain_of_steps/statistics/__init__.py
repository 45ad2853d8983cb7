"""Means with intervals, paired tests, and how they are judged and printed.

    resampling   the one bootstrap
    clusters     rows, clusters and strata as numbers
    cases        means over cases: interval, test, smallest effect that is found
    means        means and medians with bootstrap intervals, alone and for each group of a table
    rates        shares and their Wilson intervals
    tests        paired differences, sign flips, McNemar, the smallest difference that is found
    verdicts     the five verdicts on a claim; on which side of a bound an interval lies
    text         the one way to print a number with its interval, and a p

A row is a run; runs of one case (its seeds, its steps) are not independent, so a case is a
cluster and whole clusters are resampled. `strata` keeps the number of clusters per task fixed.
"""
