"""Git, slots, runs, devices, statistics and the merge queue's rule.

Useful on its own: "run this commit on that slot and tell me the score". Knows no language model and no terminal.
"""
