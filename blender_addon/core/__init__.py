"""The part of the add-on that needs no Blender: reading files, and the arithmetic of rotations."""
