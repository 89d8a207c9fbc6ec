"""Floor 6: commands that have a file of their own.

The rule of this room: arguments in, an exit code and lines out; what a command does lies in the rooms below.
"""
