"""What the spoken test sound says."""

LINE = "Maybe my papa bought a big puppy, and a map of Bombay."
