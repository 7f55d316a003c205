"""Identities, projects, scenes and settings over HTTP, on both databases."""

from typing import Any

import httpx
import pytest

from tests.api.conftest import Api

ANY = {"If-Match": "*"}


def code_of(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of a problem."""
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == answer.status_code
    return answer.status_code, problem["code"]


@pytest.mark.parametrize("what", ["identities", "projects", "scenes"])
async def test_what_is_created_can_be_read_listed_and_deleted(api: Api, what: str) -> None:
    """The life of a resource, by id and by name."""
    made = await api.make(what)
    listed = (await api.ask("GET", f"/{what}")).json()
    by_name = await api.ask("GET", f"/{what}/{made['name']}")
    gone = await api.ask("DELETE", f"/{what}/{made['id']}", headers=ANY)

    assert by_name.json() == made
    assert by_name.headers["etag"] == '"1"'
    assert (listed["total"], listed["items"]) == (1, [made])
    assert gone.status_code == (200 if what == "projects" else 204)
    assert code_of(await api.ask("GET", f"/{what}/{made['id']}")) == (404, "not_found")


@pytest.mark.parametrize("what", ["identities", "projects", "scenes"])
async def test_an_edit_needs_the_version_that_was_read(api: Api, what: str) -> None:
    """Without If-Match 428, with an old one 412 and nothing changed, with the current one a new version."""
    made = await api.make(what)
    path = f"/{what}/{made['id']}"
    change = {"dialogue": "New."} if what == "scenes" else {"description": "New."}

    without = await api.ask("PATCH", path, json=change)
    good = await api.ask("PATCH", path, json=change, headers={"If-Match": '"1"'})
    stale = await api.ask("PATCH", path, json={"name": "other"}, headers={"If-Match": '"1"'})
    unread = await api.ask("DELETE", path, headers={"If-Match": "W/1"})

    assert code_of(without) == (428, "precondition_required")
    assert (good.status_code, good.headers["etag"]) == (200, '"2"')
    assert code_of(stale) == code_of(unread) == (412, "stale")
    assert (await api.ask("GET", path)).json()["name"] == made["name"]


async def test_a_put_sets_what_is_left_out_to_its_default(api: Api) -> None:
    """PUT is the whole, PATCH the difference."""
    made = await api.make("identities", description="Before", loraScale=0.5)
    body = {"name": "anna", "displayName": "Anna B.", "triggerWord": "TOK_ANNA"}
    put = (await api.ask("PUT", f"/identities/{made['id']}", json=body, headers=ANY)).json()

    assert (put["displayName"], put["description"], put["loraScale"]) == ("Anna B.", None, 0.95)


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/identities", {"name": "Anna B", "displayName": "x", "triggerWord": "t"}, "name"),
        ("/identities", {"name": "a", "displayName": "x", "triggerWord": "two words"}, "triggerWord"),
        ("/identities", {"name": "a", "displayName": "x", "triggerWord": "t", "loraScale": 1.5}, "loraScale"),
        ("/identities", {"name": "a", "displayName": "x", "triggerWord": "t", "lora_scale": 0.5}, "lora_scale"),
        ("/identities", {"name": "a", "displayName": "x", "triggerWord": "t", "loraUrl": "file:///a"}, "loraUrl"),
        ("/identities", {"name": "a", "displayName": "x\x00", "triggerWord": "t"}, "displayName"),
        ("/identities", {"name": "a", "displayName": "x", "triggerWord": "t", "loraKey": "none"}, "loraKey"),
        ("/identities", {"name": "a", "displayName": "x", "triggerWord": "t", "isDefault": True, "isActive": False},
         "isActive"),
        ("/scenes", {"name": "s", "dialogue": ""}, "dialogue"),
        ("/scenes", {"name": "s", "dialogue": "Hi.", "headshot": "/etc/passwd"}, "headshot"),
        ("/scenes", {"name": "s", "dialogue": "Hi.", "headshot": "file:///etc/passwd"}, "headshot"),
        ("/scenes", {"name": "s", "dialogue": "Hi.", "seed": -1}, "seed"),
        ("/scenes", {"name": "s", "dialogue": "Hi.", "extra": 1}, "extra"),
    ],
)  # fmt: skip
async def test_a_bad_value_is_refused_by_its_field(api: Api, path: str, body: dict[str, Any], field: str) -> None:
    """422 with the name that the caller used; nothing is created."""
    answer = await api.ask("POST", path, json=body)

    assert code_of(answer) == (422, "invalid_request")
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert (await api.ask("GET", path)).json()["total"] == 0


@pytest.mark.parametrize(
    ("second", "field"),
    [({"triggerWord": "OTHER"}, "name"), ({"name": "other"}, "triggerWord")],
)
async def test_a_name_or_trigger_word_that_is_taken_is_a_conflict(api: Api, second: dict[str, Any], field: str) -> None:
    """409 says which field and whose."""
    await api.make("identities")
    body = {"name": "anna", "displayName": "Other", "triggerWord": "TOK_ANNA"} | second
    answer = await api.ask("POST", "/identities", json=body)

    assert code_of(answer) == (409, "conflict")
    assert answer.json()["errors"][0]["field"] == field
    assert "'anna'" in answer.json()["detail"]


async def test_an_identity_with_scenes_stays(api: Api) -> None:
    """Deleting says how many scenes use it, and which."""
    identity = await api.make("identities")
    await api.make("scenes", identity="anna")
    refused = await api.ask("DELETE", "/identities/anna", headers=ANY)

    assert code_of(refused) == (409, "conflict")
    assert "1 scene (welcome)" in refused.json()["detail"]
    assert (await api.ask("GET", f"/identities/{identity['id']}")).json()["sceneCount"] == 1


async def test_the_default_moves(api: Api) -> None:
    """set-default leaves exactly one default; an inactive identity is refused."""
    await api.make("identities", isDefault=True)
    await api.make("identities", name="bert", triggerWord="B")
    await api.make("identities", name="cleo", triggerWord="C", isActive=False)
    moved = await api.ask("POST", "/identities/bert/set-default")
    refused = await api.ask("POST", "/identities/cleo/set-default")
    listed = (await api.ask("GET", "/identities")).json()["items"]

    assert moved.json()["isDefault"] is True
    assert code_of(refused) == (409, "conflict")
    assert [item["name"] for item in listed if item["isDefault"]] == ["bert"]


async def test_lists_are_paged_and_narrowed(api: Api) -> None:
    """`limit`, `offset` and filters; the order stays the same from page to page."""
    for name in ("dora", "anna", "cleo", "bert"):
        await api.make("identities", name=name, triggerWord=name, isActive=name != "cleo")
    first = (await api.ask("GET", "/identities", params={"limit": 3})).json()
    rest = (await api.ask("GET", "/identities", params={"limit": 3, "offset": 3})).json()
    active = (await api.ask("GET", "/identities", params={"active": "true"})).json()

    assert [item["name"] for item in first["items"] + rest["items"]] == ["anna", "bert", "cleo", "dora"]
    assert (first["total"], first["limit"], rest["offset"], active["total"]) == (4, 3, 3, 3)


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "offset=-1", "active=perhaps", "page=2"])
async def test_a_bad_query_is_refused(sqlite_api: Api, query: str) -> None:
    """422, also for parameters that do not exist."""
    assert code_of(await sqlite_api.ask("GET", f"/identities?{query}")) == (422, "invalid_request")


async def test_a_projects_scenes_are_ordered_and_go_with_it(api: Api) -> None:
    """Reordering names every scene once; deleting says what goes and does it only when told."""
    await api.make("projects")
    for name in ("one", "two", "three"):
        await api.make("scenes", name=name, project="spring")
    bad = await api.ask("POST", "/projects/spring/reorder", json={"scenes": ["three", "one"]})
    good = await api.ask("POST", "/projects/spring/reorder", json={"scenes": ["three", "one", "two"]})
    listed = (await api.ask("GET", "/scenes?project=spring")).json()["items"]
    refused = await api.ask("DELETE", "/projects/spring", headers=ANY)
    gone = await api.ask("DELETE", "/projects/spring?withScenes=true", headers={"If-Match": good.headers["etag"]})

    assert code_of(bad) == (422, "invalid_request")
    assert [scene["name"] for scene in listed] == ["three", "one", "two"]
    assert code_of(refused) == (409, "conflict")
    assert gone.json()["scenes"] == ["three", "one", "two"]
    assert (await api.ask("GET", "/scenes")).json()["total"] == 0


async def test_settings_go_over_the_environment(api: Api) -> None:
    """A setting tells its source; null gives it back; unknown keys and values of another type are refused."""
    put = (await api.ask("PUT", "/settings/on_missing_lora", json={"value": "fail"})).json()
    back = (await api.ask("PUT", "/settings/on_missing_lora", json={"value": None})).json()

    assert (put["value"], put["source"], put["version"]) == ("fail", "database", 1)
    assert (back["value"], back["source"]) == ("fallback", "default")
    assert code_of(await api.ask("PUT", "/settings/colour", json={"value": 1})) == (404, "not_found")
    assert code_of(await api.ask("PUT", "/settings/safety_checker", json={"value": "yes"}))[0] == 422
    assert len((await api.ask("GET", "/settings")).json()["items"]) > 3


async def test_the_status_says_what_is_missing(api: Api) -> None:
    """Digital Twin, the effective default and its source, and names of keys without their values."""
    await api.make("identities", isDefault=True, voiceId="Voice1")
    status = (await api.ask("GET", "/identities/status")).json()

    assert status["digitalTwin"]["available"] is False
    assert (status["default"]["name"], status["default"]["source"]) == ("anna", "database")
    assert status["configured"]["FAL_KEY"] is False
    assert status["recommendations"]


async def test_a_links_signature_is_not_shown(api: Api) -> None:
    """Users' links may be signed: answers hold them without user, query and fragment."""
    made = await api.make("identities", loraUrl="https://user:pw@example.org/a.safetensors?sig=secret")
    scene = await api.make("scenes", headshot="https://example.org/face.png?sig=secret")

    assert made["loraUrl"] == "https://example.org/a.safetensors"
    assert scene["headshotUrl"] == "https://example.org/face.png"


async def test_a_link_that_comes_back_as_shown_keeps_its_signature(api: Api) -> None:
    """What was read can be sent back by PUT without losing what was not shown."""
    link = "https://example.org/a.safetensors?sig=secret"
    made = await api.make("identities", loraUrl=link)
    body = {"name": "anna", "displayName": "New", "triggerWord": "TOK_ANNA", "loraUrl": made["loraUrl"]}
    await api.ask("PUT", "/identities/anna", json=body, headers=ANY)
    async with api.services.database.transaction() as tx:
        kept = await tx.identities.get(made["id"])

    assert kept is not None
    assert (kept.display_name, kept.lora_url) == ("New", link)


async def test_a_draft_has_no_run_film_or_log(api: Api) -> None:
    """What a scene that never ran answers while Temporal is away."""
    await api.make("scenes")
    status = (await api.ask("GET", "/scenes/welcome/status")).json()

    assert (status["status"], status["temporal"], status["runId"], status["over"]) == ("draft", "away", None, True)
    assert (await api.ask("GET", "/scenes/welcome/logs")).json() == {"items": [], "nextAfter": None}
    assert (await api.ask("GET", "/jobs?scene=welcome")).json() == {
        "items": [],
        "costs": {"spentMicros": 0, "inFlightMicros": 0, "unknownMicros": 0, "savedMicros": 0, "unknownCount": 0},
    }
    assert code_of(await api.ask("GET", "/scenes/welcome/video")) == (404, "not_found")
    assert code_of(await api.ask("GET", "/scenes/welcome/captions?format=vtt")) == (404, "not_found")


async def test_nothing_is_recorded_while_temporal_is_away(api: Api) -> None:
    """generate, cancel and events answer 503 with Retry-After; the idempotency key stays free."""
    await api.make("scenes")
    answers = [
        await api.ask("POST", "/scenes/welcome/generate", headers={"Idempotency-Key": "k"}),
        await api.ask("POST", "/scenes/welcome/generate", headers={"Idempotency-Key": "k"}),
        await api.ask("POST", "/scenes/welcome/cancel"),
        await api.ask("GET", "/scenes/welcome/events"),
    ]

    assert [code_of(answer) for answer in answers] == [(503, "provider_unavailable")] * 4
    assert all(int(answer.headers["retry-after"]) > 0 for answer in answers)
    assert (await api.ask("GET", "/scenes/welcome")).json()["status"] == "draft"
