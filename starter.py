"""The command line: `python starter.py --help`."""

import sys

if __name__ == "__main__":
    try:
        from cli.app import app

        app()
    except KeyboardInterrupt:
        sys.exit(130)
