"""Marking English source strings for translation, without translating them.

The core returns numbers and keys, never translated text. Where it must speak (an error, the
name of a preset), it marks the English sentence with :func:`N_`, so that the catalogue holds it,
and the page translates it when it draws it.
"""


def N_(message: str) -> str:
    """Return `message` unchanged; Babel collects its argument for the catalogue."""
    return message
