"""The Blender add-on: takes become Actions on characters, and leave as FBX.

`core` is plain Python and numpy; `scene` is everything that touches Blender. Nothing here imports the backend.
"""
