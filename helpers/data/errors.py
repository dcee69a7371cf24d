"""The one error that data can raise."""


class DataError(Exception):
    """A file, a download or a set is not what it should be. The message says what, where, and what to do about it."""
