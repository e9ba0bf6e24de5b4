"""POST /anomalies/import: a CSV file with a column mapping."""

from __future__ import annotations

import csv
import io

import httpx
import pytest

from tests.integration.http.stage import Api, Platform, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

MAP = ["anomaly_id=id", "description=text", "timestamp=when", "attributes=FM"]
FILE = """id,when,text,FM
1,2004-07-01,Bucket won't open,Leak
2,2004-02-30,Bucket cracked,
3,2005-03-20,,
1,2005-03-20,Once more,
4,2005-03-20,"Vérin, cassé",
"""


async def send(api: Api, content: str | bytes = FILE, words: list[str] = MAP) -> httpx.Response:
    raw = content if isinstance(content, bytes) else content.encode()
    return await api.post("/anomalies/import", files={"file": raw}, data={"map": words})


async def test_what_can_be_read_is_taken_and_the_rest_can_be_fetched(api: Api) -> None:
    answer = await send(api)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    where = told.pop("rejects")
    assert told == {"accepted": 2, "added": 2, "updated": 0, "unchanged": 0, "rejected": 3}
    stored = (await api.get("/anomalies/1")).json()
    assert stored["description"] == "Bucket won't open"
    assert (stored["timestamp"], stored["attributes"]) == ("2004-07-01T00:00:00Z", {"FM": "Leak"})

    rejects = await api.get(where)
    assert rejects.status_code == 200
    assert rejects.headers["content-type"].startswith("text/csv")
    assert "attachment" in rejects.headers["content-disposition"]
    rows = list(csv.reader(io.StringIO(rejects.text)))
    assert rows[0] == ["line", "reason", "text"]
    assert [(row[0], row[1].partition(":")[0]) for row in rows[1:]] == [
        ("3", "timestamp"),
        ("4", "description"),
        ("5", "the id stands in an earlier row"),
    ]


async def test_the_same_file_twice_changes_nothing(api: Api) -> None:
    await send(api)
    before = (await api.get("/anomalies")).json()
    told = (await send(api)).json()
    assert (told["added"], told["updated"], told["unchanged"]) == (0, 0, 2)
    assert (await api.get("/anomalies")).json() == before


async def test_a_file_without_mistakes_has_no_rejects(api: Api) -> None:
    told = (await send(api, "text\nLeaks\n", ["description=text"])).json()
    assert (told["accepted"], told["rejects"]) == (1, None)
    assert (await send(api, "text\n", ["description=text"])).json()["accepted"] == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["description=texte"], "Unknown columns: texte. The file has id, when, text, FM."),
        (["descripton=text"], "there is no such field"),
        (["severity=FM"], "Map the description"),
    ],
)
async def test_a_mapping_that_does_not_fit_is_refused_with_what_would(
    api: Api, words: list[str], said: str
) -> None:
    answer = await send(api, words=words)
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert (error["code"], error["details"][0]["field"]) == ("import_refused", "body.map")
    assert said in error["message"]
    assert (await api.get("/anomalies")).json()["anomalies"] == []


async def test_a_form_that_does_not_fit_is_refused(api: Api) -> None:
    no_file = await api.post("/anomalies/import", data={"map": MAP})
    no_map = await api.post("/anomalies/import", files={"file": FILE.encode()})
    more = await api.post(
        "/anomalies/import", files={"file": FILE.encode()}, data={"map": MAP, "x": "y"}
    )
    not_a_form = await api.post("/anomalies/import", json={"map": MAP})
    for answer in (no_file, no_map, more, not_a_form):
        assert answer.status_code == 422, answer.text


async def test_a_file_may_be_larger_than_other_bodies_and_has_a_limit(api: Api) -> None:
    words = ["description=text"]
    large = "text\n" + "x" * 9_000 + "\n"
    more = "".join(f"Leaks {n} {'.' * 1_000}\n" for n in range(1_500))
    told = (await send(api, large + more, words)).json()
    assert (told["accepted"], told["rejected"]) == (1_501, 0)
    answer = await send(api, b"text\n" + b"x" * (16 * 1024 * 1024), words)
    assert answer.status_code == 413


async def test_rejects_belong_to_their_workspace_and_cleanups_forget_them(
    api: Api, platform: Platform
) -> None:
    where = (await send(api)).json()["rejects"]
    async with platform.client(f"{api.workspace}-2") as other:
        assert (await other.get(where)).status_code == 404
    assert (await api.get("/imports/nothing")).status_code == 404
    async with platform.client(api.workspace, "anomalies:read") as reader:
        assert (await reader.get(where)).status_code == 200
        assert (await send(reader)).status_code == 403
    await api.get("/cleanup")
    await until(lambda: is_gone(api, where))


async def is_gone(api: Api, where: str) -> bool:
    return (await api.get(where)).status_code == 404
