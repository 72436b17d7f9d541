"""Many lines: sounds one after the other, or a table of lines on several workers or machines."""
