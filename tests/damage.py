"""Damage to the bytes of a file."""


def spoilt(raw, changes):
    """The bytes with some replaced by others; a change is the place (0..1), how many go, and what comes instead."""
    raw = bytearray(raw)
    for at, width, new in changes:
        place = int(at * len(raw))
        raw[place : place + width] = new
    return bytes(raw)
