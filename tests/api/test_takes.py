"""`/api/scenes/{reference}/takes`, and `fresh` of `/generate`."""

import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from models.enums import ApiScope, SceneStatus
from models.inputs import ApiKeyDraft
from runtime.catalog.apikeys import create_api_key, revoke_api_key
from runtime.settings import ROOT
from tests.api.conftest import Api, Live
from tests.api.test_catalog import ANY, code_of
from tests.api.test_runs import until_over
from tests.support.takes import add_takes

TAKES = "/scenes/welcome/takes"


@pytest.fixture
async def scene(api: Api, tmp_path: Path) -> dict[str, Any]:
    """A scene with two takes, the second of which is current."""
    scene = await api.make("scenes", name="welcome")
    await add_takes(api.services.database, api.services.parts.objects, tmp_path, scene["id"])
    return scene


@pytest.mark.usefixtures("scene")
async def test_looking_at_takes(api: Api) -> None:
    """All in short, one in full, and two side by side; names are spelled as everywhere in the API."""
    listed = (await api.ask("GET", TAKES)).json()
    one = (await api.ask("GET", f"{TAKES}/1")).json()
    diff = (await api.ask("GET", f"{TAKES}/diff?from=2&to=1")).json()

    shown = [(each["number"], each["current"], each["startedBy"], each["fresh"]) for each in listed["items"]]
    assert (shown, listed["currentTake"]) == ([(1, False, None, []), (2, True, "anna", ["image"])], 2)
    assert "inputs" not in listed["items"][0]
    assert one["inputs"]["scene"]["moodLighting"] == "light 1"
    assert one["inputs"]["plan"]["speech"]["voice"] == {"voiceId": "v"}
    assert (one["artifacts"]["film"]["mediaType"], len(one["artifacts"]["clips"])) == ("video/mp4", 1)
    assert {each["field"]: (each["before"], each["after"]) for each in diff["inputs"]} == {
        "scene.moodLighting": ("light 2", "light 1"),
        "imageSeed": (2, 1),
    }
    assert [each["name"] for each in diff["artifacts"]] == ["film"]
    assert diff["from"] == {"number": 2, "costMicros": 200_000, "startedBy": "anna"}
    assert (diff["to"]["number"], diff["costDifferenceMicros"]) == (1, -100_000)


@pytest.mark.usefixtures("scene")
async def test_an_older_take_is_used(api: Api) -> None:
    """The scene shows it, and the edit is counted: the tag that was read before is old by then."""
    tag = {"If-Match": (await api.ask("GET", "/scenes/welcome")).headers["etag"]}
    used = await api.ask("POST", f"{TAKES}/1/use", headers=tag)
    again = await api.ask("POST", f"{TAKES}/2/use", headers=tag)
    shown = await api.ask("GET", "/scenes/welcome")
    assert (used.status_code, used.json()["current"]) == (200, True)
    assert (shown.json()["currentTake"], shown.json()["artifacts"]) == (1, used.json()["artifacts"])
    assert shown.headers["etag"] == used.headers["etag"] != tag["If-Match"]
    assert code_of(again)[0] == 412


async def test_refused(api: Api, scene: dict[str, Any]) -> None:
    """What is not there, an edit without a tag, an object that is gone, a scene that is generating."""
    for path in ("/scenes/nothing/takes", f"{TAKES}/3", f"{TAKES}/diff?from=1&to=3"):
        assert (await api.ask("GET", path)).status_code == 404
    for path in (f"{TAKES}/0", f"{TAKES}/x", f"{TAKES}/diff?from=1"):
        assert (await api.ask("GET", path)).status_code == 422
    assert (await api.ask("POST", f"{TAKES}/1/use")).status_code == 428
    assert (await api.ask("POST", f"{TAKES}/3/use", headers=ANY)).status_code == 404

    async with api.services.database.transaction() as tx:
        found = await tx.scenes.get(scene["id"])
        assert found is not None
        found.status = SceneStatus.GENERATING
    busy = await api.ask("POST", f"{TAKES}/1/use", headers=ANY)
    film = (await api.ask("GET", f"{TAKES}/1")).json()["artifacts"]["film"]["key"]
    await api.services.parts.objects.delete(film)
    gone = await api.ask("POST", f"{TAKES}/1/use", headers=ANY)
    assert (busy.status_code, "is generating" in busy.text) == (409, True)
    assert (gone.status_code, film in gone.text) == (409, True)


@pytest.mark.parametrize(
    ("fresh", "status", "word"),
    [(["image"], 422, "seed is 7"), (["join"], 422, "not bought"), (["everything"], 422, "fresh"), ([], 503, "")],
)
async def test_what_cannot_be_made_anew(sqlite_api: Api, fresh: list[str], status: int, word: str) -> None:
    """Refused before Temporal is asked for, which is away here."""
    identity = await sqlite_api.make("identities", voiceId="v")
    await sqlite_api.make("scenes", name="welcome", seed=7, identity=identity["name"])
    answer = await sqlite_api.ask("POST", "/scenes/welcome/generate", json={"fresh": fresh})
    assert (answer.status_code, word in answer.text) == (status, True), answer.text


async def test_takes_of_runs(live: Live, tmp_path: Path) -> None:
    """Who started a run is kept with its take, by the key's name; a link's signature is nowhere in it.

    While a run is under way, nothing can be made anew.
    """
    headshot = Path(shutil.copy(ROOT / "tests/media/photographs/sunak.jpg", tmp_path))
    kept = await live.services.workshop.keep(headshot, "image/jpeg")
    link = live.services.parts.objects.sign(kept.key, expires=timedelta(hours=1))
    scene = await live.scene("Who did this?", headshot=link)
    key = await create_api_key(live.services.database, ApiKeyDraft(name="robot", scopes=frozenset({ApiScope.GENERATE})))
    try:
        by_key = {"Authorization": f"Bearer {key.token}"}
        assert (await live.ask("POST", f"/scenes/{scene}/generate", headers=by_key)).status_code == 202
    finally:
        await revoke_api_key(live.services.database, key.key.id)
    refused = await live.ask("POST", f"/scenes/{scene}/generate", json={"fresh": ["video"]})
    await until_over(live, scene)
    await live.ask("POST", f"/scenes/{scene}/generate", json={"fresh": ["lipsync"]})
    await until_over(live, scene)

    listed = (await live.ask("GET", f"/scenes/{scene}/takes")).json()["items"]
    one = (await live.ask("GET", f"/scenes/{scene}/takes/1")).json()
    assert (refused.status_code, "under way" in refused.text) == (409, True)
    assert [(each["startedBy"], each["fresh"]) for each in listed] == [("robot", []), ("local", ["lipsync"])]
    assert link.partition("?")[2]
    assert not {word for word in (link.partition("?")[2], kept.key, "http") if word in json.dumps(one)}
