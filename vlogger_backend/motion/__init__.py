"""The ground floor: what a performance is, as numpy arrays and plain dataclasses."""
