"""Everything that cnnviz raises on purpose.

::

    CnnvizError
    ├── PhotoError              an upload that cannot become an RGB array
    │   ├── PhotoEmptyError         nothing in the file
    │   ├── PhotoFormatError        not one of the formats that are read
    │   ├── PhotoDamagedError       the right format, but truncated or broken
    │   └── PhotoTooLargeError      too many bytes or too many pixels
    ├── AnnotationError         a file of truths or detections of which nothing can be read
    ├── SettingError            a layer setting, or a combination, that has no meaning (a ValueError)
    └── ModelError              a network that cannot be built, loaded or run
        └── WeightsError            weights that are missing, damaged or not the expected ones

An error carries an English sentence as a template and the values that fill it, so that a page can
say the same in the reader's language::

    raise SettingError(N_("stride is {stride}; it must be at least 1"), stride=0)
"""


class CnnvizError(Exception):
    """Base of every error here.

    Args:
        message: an English sentence marked with :func:`cnnviz.messages.N_`, with ``{name}`` fields.
        **values: what the fields stand for.
    """

    def __init__(self, message: str, **values: object) -> None:
        super().__init__(message, values)
        self.message = message
        self.values = values

    def __str__(self) -> str:
        return self.message.format(**self.values)


class PhotoError(CnnvizError):
    """An upload cannot become an RGB array."""


class PhotoEmptyError(PhotoError):
    """The file holds nothing."""


class PhotoFormatError(PhotoError):
    """The file is in none of the formats that are read."""


class PhotoDamagedError(PhotoError):
    """The file's format is known, but it is truncated or broken."""


class PhotoTooLargeError(PhotoError):
    """The file has too many bytes or too many pixels."""


class AnnotationError(CnnvizError):
    """Nothing of a file of ground truths or detections can be read."""


class SettingError(CnnvizError, ValueError):
    """A layer setting, or a combination of settings, has no meaning."""


class ModelError(CnnvizError):
    """A network cannot be built, loaded or run."""


class WeightsError(ModelError):
    """Weights are missing, damaged or not the expected ones."""
