"""The commands of `starter.py`."""

import typer

from cli.demo_command import demo_command

app = typer.Typer(
    name="starter.py",
    help="Devatar: a written scene and an identity become a talking video.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("demo")(demo_command)


@app.callback()
def main() -> None:
    """Devatar: a written scene and an identity become a talking video."""
