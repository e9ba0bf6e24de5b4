"""The one sign by which errors of ours are told from those of drivers."""


class Away(ConnectionError):
    """Something that is needed does not answer; the class of the error says what. It passes by itself.

    Drivers say the same with any `OSError`. Whoever translates those lets this pass: code that he was
    given to call has said already what is away.
    """
