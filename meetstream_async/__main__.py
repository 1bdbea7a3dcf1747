"""``python -m meetstream_async``: the command line, which needs the extra ``cli``."""

from .cli import main

if __name__ == "__main__":
    main()
