"""What the user sees: panels, operators, properties, preferences. Thin: the work is done in `core` and `scene`."""
