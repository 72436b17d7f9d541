"""Renderers: takes as pictures."""
