"""Benchmarks: each is one command, prints medians and ratios of one run, and asserts nothing about time."""
