"""Worked examples, each with real data that the repository ships."""
