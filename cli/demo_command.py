"""The command `demo`."""

from pathlib import Path
from typing import Annotated

import typer

from cli.demo import demo, script_of
from cli.output import run
from runtime.settings import load_settings

Script = Annotated[str | None, typer.Option(help="What the person says, instead of the example.")]
ScriptFile = Annotated[Path | None, typer.Option(help="A text file with what the person says.")]
Picture = Annotated[str, typer.Option(help="The studio's largest picture, WIDTHxHEIGHT.")]
Keep = Annotated[bool, typer.Option(help="Leave the servers up until Ctrl-C.")]


def demo_command(
    script: Script = None, script_file: ScriptFile = None, picture: Picture = "1024x576", keep: Keep = False
) -> None:
    """Film the example scene on this machine alone: no key, no account, no money."""

    async def work() -> int:
        return await demo(script_of(script, script_file), load_settings().data_dir, picture=picture, keep=keep)

    raise typer.Exit(run(work()))
