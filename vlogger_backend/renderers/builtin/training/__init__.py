"""Training of the built-in renderer's painter, on people who don't exist."""
