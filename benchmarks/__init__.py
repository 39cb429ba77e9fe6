"""``python -m benchmarks [TOPIC ...]``: ratios from one run, of the topics that are named or of all.

Each pair is timed in turn, round by round, in one process with the same threads, so that whatever else the
machine does meets both; a row is the median over the rounds. A table is printed, and results.json is written
beside this file.
"""
