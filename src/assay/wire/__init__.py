"""Floor 2, BYTES <-> VALUES: routing, parameter styles, media types, server-sent events.

The rule of this room: it turns bytes into values and back, and never judges a value by a schema.
"""
