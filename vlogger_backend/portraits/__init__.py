"""Portraits: one photo of a person, fitted."""
