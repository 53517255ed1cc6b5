"""From a push to a live index: fetch, check, build beside, compare, switch.

Above the indexer, below the edges.
"""
