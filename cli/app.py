"""The commands of `starter.py`: what each subject has stands in its own file."""

import typer

from cli import doctor, identities, jobs, logs, runs, scenes, temporal
from cli.demo_command import demo_command

app = typer.Typer(
    name="starter.py",
    help="Devatar: a written scene and an identity become a talking video.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for command in (runs.generate, runs.status, logs.logs, runs.cancel):
    scenes.app.command(command.__name__)(command)

app.command("demo")(demo_command)
app.command("doctor")(doctor.doctor)
app.add_typer(identities.app, name="identity")
app.add_typer(scenes.app, name="scene")
app.add_typer(jobs.app, name="jobs")
app.add_typer(temporal.app, name="temporal")


@app.callback()
def main() -> None:
    """Devatar: a written scene and an identity become a talking video."""
