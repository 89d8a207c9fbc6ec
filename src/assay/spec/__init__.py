"""Floor 2, TEXT -> MODEL: reads a description of any OpenAPI 3 version into the one model.

The rule of this room: all knowledge of OpenAPI versions and of files ends here.
"""
