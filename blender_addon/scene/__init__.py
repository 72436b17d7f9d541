"""The part of the add-on that touches Blender's data: characters, Actions, FBX."""
