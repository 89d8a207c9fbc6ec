"""Floor 5, THE DOORS: the only room that opens sockets or wraps other people's clients and servers.

The rule of this room: an adapter translates messages and keeps no opinion of them.
"""
