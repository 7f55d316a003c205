"""Options that several commands share: the fields of what is added and edited, each declared once."""

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from models.enums import AspectRatio, ClipPolicy, FluxModel, GenerationMode

FieldsFile = Annotated[Path | None, typer.Option("--file", help="YAML or JSON with the fields; options win over it.")]
IfVersion = Annotated[int | None, typer.Option(help="Refuse when it has been changed since this version.")]
Reset = Annotated[list[str] | None, typer.Option(metavar="FIELD", help="Give this field its default; may be repeated.")]

Budget = Annotated[
    str | None, typer.Option("--budget", metavar="USD", help="The most that may be bought, such as 2.50; none: no cap.")
]
Approval = Annotated[
    bool | None, typer.Option("--approval/--no-approval", help="A person approves the picture before video is bought.")
]


class IdentityOptions:
    """The fields of `IdentityDraft`."""

    name: Annotated[str | None, typer.Option(help="Lower-case letters, digits and dashes.")]
    display_name: Annotated[str | None, typer.Option(help="The name that people read.")]
    description: Annotated[str | None, typer.Option(help="For people only.")]
    subject_description: Annotated[str | None, typer.Option(help="The person's looks, for the prompts.")]
    trigger_word: Annotated[str | None, typer.Option(help="The word that the LoRA was trained on.")]
    lora_key: Annotated[str | None, typer.Option(help="Id of a LORA_MODEL asset; goes before --lora-url.")]
    lora_url: Annotated[str | None, typer.Option(help="Where the LoRA (.safetensors) is fetched.")]
    lora_scale: Annotated[float | None, typer.Option(help="0 to 1, default 0.95.")]
    base_model: Annotated[FluxModel | None, typer.Option(help="For pictures without the LoRA.")]
    voice_id: Annotated[str | None, typer.Option(help="ElevenLabs voice id.")]
    voice_model: Annotated[str | None, typer.Option(help="ElevenLabs model id.")]
    voice_stability: Annotated[float | None, typer.Option(help="0 to 1.")]
    voice_similarity: Annotated[float | None, typer.Option(help="0 to 1.")]
    voice_style: Annotated[float | None, typer.Option(help="0 to 1.")]
    voice_speaker_boost: Annotated[bool | None, typer.Option("--speaker-boost/--no-speaker-boost")]
    is_default: Annotated[bool | None, typer.Option("--default/--no-default", help="Of scenes without one.")]
    is_active: Annotated[bool | None, typer.Option("--active/--inactive")]


class SceneOptions:
    """The fields of `SceneDraft`."""

    name: Annotated[str | None, typer.Option(help="Lower-case letters, digits and dashes.")]
    dialogue: Annotated[str | None, typer.Option(help="What the person says.")]
    project: Annotated[str | None, typer.Option(help="Id or name; the scene comes last in it.")]
    identity: Annotated[str | None, typer.Option(help="Id or name; default: the default identity.")]
    generation_mode: Annotated[
        GenerationMode | None, typer.Option("--generation-mode", "--mode", help="Default: standard.")
    ]
    environment: Annotated[str | None, typer.Option(help="Where it plays.")]
    wardrobe: Annotated[str | None, typer.Option(help="What the person wears.")]
    movement: Annotated[str | None, typer.Option(help="How the person moves.")]
    camera: Annotated[str | None, typer.Option(help="Framing and camera.")]
    mood_lighting: Annotated[str | None, typer.Option(help="Light and mood.")]
    prompt: Annotated[str | None, typer.Option(help="Further words for the picture.")]
    aspect_ratio: Annotated[AspectRatio | None, typer.Option(help="Default: 16:9.")]
    clip_policy: Annotated[ClipPolicy | None, typer.Option(help="Default: loop.")]
    headshot: Annotated[str | None, typer.Option(help="A picture file, a HEADSHOT asset's id or a web address.")]
    voice_id: Annotated[str | None, typer.Option(help="ElevenLabs voice id, before the identity's.")]
    seed: Annotated[int | None, typer.Option(help="Makes the picture repeatable.")]
    budget_usd: Budget
    approval: Approval


class ProjectOptions:
    """The fields of `ProjectDraft`."""

    name: Annotated[str | None, typer.Option(help="Lower-case letters, digits and dashes.")]
    display_name: Annotated[str | None, typer.Option(help="The name that people read.")]
    description: Annotated[str | None, typer.Option(help="For people only.")]
    budget_usd: Budget
    approval: Approval


def taking(options: type) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options that a class declares; those that were given arrive as the dict `given`."""
    declared = get_type_hints(options, include_extras=True)

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def with_options(**arguments: Any) -> None:
            values = {name: arguments.pop(name) for name in declared}
            command(**arguments, given={name: value for name, value in values.items() if value is not None})

        keyword = inspect.Parameter.KEYWORD_ONLY
        own = [parameter.replace(kind=keyword) for parameter in inspect.signature(command).parameters.values()]
        added = [inspect.Parameter(name, keyword, default=None, annotation=kind) for name, kind in declared.items()]
        last = [parameter for parameter in own if parameter.name == "as_json"]
        first = [parameter for parameter in own if parameter.name not in ("as_json", "given")]
        with_options.__dict__["__signature__"] = inspect.Signature([*first, *added, *last])  # Typer reads it
        return with_options

    return decorate
