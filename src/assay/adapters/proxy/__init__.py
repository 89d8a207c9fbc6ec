"""The reverse proxy: the gate's middleware before an application that forwards.

The rule of this room: bytes pass as they are, both ways, in bounded memory; what makes a message ambiguous (two
lengths, an odd coding, a second host) is refused before anybody reads it.
"""
