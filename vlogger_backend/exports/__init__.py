"""Exports: a Motion on an Avatar as a file for other programs."""
