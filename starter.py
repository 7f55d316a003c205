"""The command line: `python starter.py --help`."""

from cli.app import app

if __name__ == "__main__":
    app()
