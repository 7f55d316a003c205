"""The commands of `starter.py`: what each subject has stands in its own file.

The vendors' SDKs take a second to import, so `runtime.wiring` is imported by the commands that need it, when they run.
"""

from pathlib import Path
from typing import Annotated

import typer

from cli import (
    apikeys,
    approvals,
    artifacts,
    assets,
    costs,
    identities,
    identity_checks,
    jobs,
    logs,
    plan,
    portable,
    projects,
    runs,
    scenes,
    system_settings,
    takes,
    temporal,
)
from cli.output import AsJson, run
from runtime.settings import load_settings

app = typer.Typer(
    name="starter.py",
    help="Devatar: a written scene and an identity become a talking video.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for command in (plan.plan, runs.generate, runs.status, logs.logs, runs.cancel, takes.takes, takes.use, takes.diff):
    scenes.app.command(command.__name__)(command)
for command in (approvals.approval, approvals.approve, approvals.reject, approvals.redraw):
    scenes.app.command(command.__name__)(command)
scenes.app.command("import")(portable.bring_scenes)
identities.app.command("test")(identity_checks.check)
identities.app.command("status")(identity_checks.status)
app.command("cost")(costs.cost)
app.command("export")(portable.export)
app.command("import")(portable.bring)
app.add_typer(identities.app, name="identity")
app.add_typer(projects.app, name="project")
app.add_typer(scenes.app, name="scene")
app.add_typer(assets.app, name="asset")
app.add_typer(artifacts.app, name="artifacts")
app.add_typer(system_settings.app, name="setting")
app.add_typer(apikeys.app, name="apikey")
app.add_typer(jobs.app, name="jobs")
app.add_typer(temporal.app, name="temporal")


@app.callback()
def main() -> None:
    """Devatar: a written scene and an identity become a talking video."""


@app.command()
def demo(
    script: Annotated[str | None, typer.Option(help="What the person says, instead of the example.")] = None,
    script_file: Annotated[Path | None, typer.Option(help="A text file with what the person says.")] = None,
    picture: Annotated[str, typer.Option(help="The studio's largest picture, WIDTHxHEIGHT.")] = "1024x576",
    keep: Annotated[bool, typer.Option(help="Leave the servers up until Ctrl-C.")] = False,
) -> None:
    """Film the example scene on this machine alone: no key, no account, no money."""
    from cli.demo import demo, script_of

    async def work() -> int:
        return await demo(script_of(script, script_file), load_settings().data_dir, picture=picture, keep=keep)

    raise typer.Exit(run(work()))


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Check every setting and every service with free calls. Exit code 0 only when a scene can be filmed."""
    from cli.doctor import examine

    raise typer.Exit(examine(as_json=as_json))
