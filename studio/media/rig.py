"""The rig: every number a portrait is drawn from; it travels inside pictures and films so that all can be redrawn."""

import hashlib
import json
import random
import re
from dataclasses import asdict, dataclass
from typing import Any

from studio.media.timeline import STUDIO_MARK

SKINS = ("#f6d3bd", "#eec1a2", "#e0ab86", "#c98e66", "#a86f4b", "#84543a", "#633d2b")
HAIRS = ("#17130f", "#2b1d16", "#4a2f1e", "#6f4a2a", "#a1743f", "#cfa866", "#8a3f1f", "#8d8b88", "#d9d5cf")
EYES = ("#4a2e1c", "#6b4526", "#5d7d3a", "#3f7fae", "#5f7686", "#2f5f5a")
SHIRTS = ("#24364f", "#6d2f3a", "#3c5a48", "#8a8f98", "#d9d4c8", "#2a2a30", "#8a5a34", "#3f6f94")
HAIR_STYLES = ("crop", "side", "curly", "bob", "long", "bun", "bald")
LONG_STYLES = ("bob", "long", "bun")
CLOTHES = ("shirt", "suit", "sweater", "tee", "hoodie")
COLOURS = {
    "black": "#26262b", "white": "#ece9e2", "grey": "#82868d", "gray": "#82868d", "charcoal": "#3a3d44",
    "red": "#a8322f", "burgundy": "#6d2433", "orange": "#c8702e", "yellow": "#d9b13d", "green": "#3c7a4c",
    "olive": "#6b6b3a", "teal": "#2c7a7b", "blue": "#2f64a8", "navy": "#1f2f54", "purple": "#65408c",
    "pink": "#d27a98", "brown": "#6d4a30", "beige": "#cdbb9c", "cream": "#e8dec6", "gold": "#b8913e",
}  # fmt: skip
_CLOTHES_WORDS = {
    "suit": "suit", "blazer": "suit", "jacket": "suit", "coat": "suit", "turtleneck": "sweater", "sweater": "sweater",
    "jumper": "sweater", "cardigan": "sweater", "hoodie": "hoodie", "sweatshirt": "hoodie", "t-shirt": "tee",
    "tee": "tee", "dress": "tee", "shirt": "shirt", "blouse": "shirt", "top": "tee",
}  # fmt: skip
_BACKDROP_WORDS = {
    "office": "office|boardroom|desk|workplace|conference|startup|newsroom|classroom|laboratory|lab",
    "city": "city|street|night|neon|skyline|downtown|rooftop|urban|cyberpunk|subway",
    "nature": "forest|park|garden|nature|outdoors?|trees?|meadow|field|jungle|mountains?",
    "beach": "beach|ocean|sea|coast|desert|shore|sunset|lake",
    "home": "home|kitchen|living room|cafe|café|coffee|library|bookshel(?:f|ves)|bedroom|cozy|house|restaurant|bar",
    "studio": "studio|plain|seamless|backdrop|grey background|gray background|white background",
}
_LIGHT_WORDS = {
    "warm": "warm|golden|sunset|candle|cozy|tungsten|sunrise",
    "cool": "cool|blue hour|neon|moon|night|overcast|winter",
}
_HAIR_WORDS = {
    "#d6ae68": "blond(?:e)?", "#8a3f1f": "red(?:-| )?hair(?:ed)?|ginger|auburn", "#17130f": "black hair|dark hair",
    "#4a2f1e": "brown hair|brunette", "#c9c6c1": "gr[ea]y hair|white hair|silver hair|elderly",
}  # fmt: skip


@dataclass(frozen=True)
class Rig:
    """A person and a scene as plain values; lengths are shares of the head unless the name says otherwise."""

    width: int
    height: int
    skin: str
    hair_colour: str
    hair_style: str
    eye_colour: str
    brow_weight: float
    face_width: float
    jaw: float
    nose: float
    lips: float
    lip_tint: float
    eye_size: float
    beard: float
    glasses: bool
    clothes: str
    shirt: str
    backdrop: str
    backdrop_hue: float
    light: str
    tilt_deg: float
    offset: float
    seed: int

    def to_json(self) -> str:
        """One line of JSON that begins with the studio mark and holds all that is needed to redraw."""
        return json.dumps({"mark": STUDIO_MARK, "rig": asdict(self)}, separators=(",", ":"))


def rig_from_json(text: str) -> Rig | None:
    """The rig of a tag, or None when the text is not a rig of ours."""
    try:
        body: Any = json.loads(text)
        if body["mark"] != STUDIO_MARK:
            return None
        fields: dict[str, Any] = body["rig"]
        return Rig(**fields)
    except (ValueError, TypeError, KeyError):
        return None


def _random(*parts: object) -> random.Random:
    digest = hashlib.sha256("\0".join(str(p) for p in parts).encode()).digest()
    return random.Random(int.from_bytes(digest[:8], "big"))


def _first_match(words: dict[str, str], prompt: str) -> str | None:
    """The key whose words come first in the prompt: the subject is described before the mood."""
    found = {key: m.start() for key, pattern in words.items() if (m := re.search(rf"\b(?:{pattern})\b", prompt))}
    return min(found, key=lambda key: found[key]) if found else None


def design_rig(prompt: str, *, face: str, seed: int, width: int, height: int) -> Rig:
    """The rig of a picture: `face` decides the person ("" leaves it to the prompt), prompt and seed the rest."""
    lower = prompt.lower()
    person = design_person(face or f"prompt {lower}", lower if not face else "")
    chance = _random("scene", lower, seed)
    clothes, shirt = _read_clothes(lower)
    scene: dict[str, Any] = {
        "clothes": clothes or chance.choice(CLOTHES),
        "shirt": shirt or chance.choice(SHIRTS),
        "backdrop": _first_match(_BACKDROP_WORDS, lower) or chance.choice(("studio", "office", "home", "nature")),
        "backdrop_hue": round(chance.random(), 3),
        "light": _first_match(_LIGHT_WORDS, lower) or "soft",
        "tilt_deg": round(chance.uniform(-2.5, 2.5), 2),
        "offset": round(chance.uniform(-0.02, 0.02), 4),
        "seed": seed,
    }
    return Rig(width=width, height=height, **person, **scene)


def design_person(identity: str, description: str = "") -> dict[str, Any]:
    """The person fields of a rig: the same identity gives the same person; words of a description steer it."""
    chance = _random("face", identity)
    skin = chance.choice(SKINS)
    dark = SKINS.index(skin) >= 3
    style = chance.choice(HAIR_STYLES)
    person: dict[str, Any] = {
        "skin": skin,
        "hair_colour": chance.choice(HAIRS[:3] if dark else HAIRS),
        "hair_style": style,
        "eye_colour": chance.choice(EYES[:2] if dark else EYES),
        "brow_weight": round(chance.uniform(0.75, 1.25), 3),
        "face_width": round(chance.uniform(0.92, 1.05), 3),
        "jaw": round(chance.random(), 3),
        "nose": round(chance.uniform(0.85, 1.2), 3),
        "lips": round(chance.uniform(0.8, 1.25), 3),
        "lip_tint": round(chance.uniform(0.3, 0.8), 3),
        "eye_size": round(chance.uniform(0.94, 1.1), 3),
        "beard": 0.0 if style in LONG_STYLES else chance.choice((0.0, 0.0, 0.45, 1.0)),
        "glasses": chance.random() < 0.25,
    }
    if description:
        _steer_person(person, description)
    return person


def _steer_person(person: dict[str, Any], description: str) -> None:
    if re.search(r"\b(woman|girl|female|she|lady|her)\b", description):
        person["beard"] = 0.0
        if person["hair_style"] not in (*LONG_STYLES, "curly"):
            person["hair_style"] = "long"
    elif re.search(r"\b(man|boy|male|he|gentleman|his)\b", description) and person["hair_style"] in LONG_STYLES:
        person["hair_style"] = "side"
    if re.search(r"\bbeard(ed)?\b", description):
        person["beard"] = 1.0
    if re.search(r"\b(glasses|spectacles)\b", description):
        person["glasses"] = True
    person["hair_colour"] = _first_match(_HAIR_WORDS, description) or person["hair_colour"]


def _read_clothes(prompt: str) -> tuple[str | None, str | None]:
    """The first garment that the prompt names and the colour up to three words before it."""
    garments = "|".join(sorted(_CLOTHES_WORDS, key=len, reverse=True))
    found = re.search(rf"((?:[\w-]+ ){{0,3}})\b({garments})\b", prompt)
    if not found:
        return None, None
    named = [word for word in re.findall(r"[a-z]+", found.group(1)) if word in COLOURS]
    return _CLOTHES_WORDS[found.group(2)], COLOURS[named[-1]] if named else None
