"""Floor 4, VALUES -> PAGE: one HTML page that needs nothing else, for desk and phone, light and dark.

The rule of this room: it knows nothing of what a page tells; a room that has a page brings its own template.
"""
