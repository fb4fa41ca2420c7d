"""A couplet is found among the words that people put around it; other words are none."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from openai.types import chat

from lianju.config import INSTRUCTION, SYSTEM
from lianju.model import SLOT
from lianju.prompt import LAYOUTS
from lianju.serve import create_app
from lianju.serve.conversation import opening_in
from tests.serve.running import open_service

MOUNTAIN, TOWER = "空山新雨後，天氣晚來秋。", "白日依山盡，黃河入海流。"
SEVEN = "朝辭白帝彩雲間，千里江陵一日還。"
Body = dict[str, Any]

AMONG_WORDS = {
    "alone": (MOUNTAIN, MOUNTAIN),
    "seven characters": (SEVEN, SEVEN),
    "homework": (f"{INSTRUCTION}\n{MOUNTAIN}", MOUNTAIN),
    "homework, with all around it": (str(LAYOUTS["homework"]).replace(SLOT, MOUNTAIN), MOUNTAIN),
    "homework, with its system text": (f"{SYSTEM}\n\n{INSTRUCTION}\n{SEVEN}", SEVEN),
    "quoted": (f"請續寫「{MOUNTAIN}」這首詩。", MOUNTAIN),
    "quoted without the last sign": ("接「空山新雨後，天氣晚來秋」", "空山新雨後，天氣晚來秋"),
    "double quotes": (f"Continue “{MOUNTAIN}” please", MOUNTAIN),
    "straight quotes": (f'Finish "{MOUNTAIN}" for me', MOUNTAIN),
    "title": (f"《山居秋暝》{MOUNTAIN}", MOUNTAIN),
    "title and poet": (f"王維《山居秋暝》：{MOUNTAIN}", MOUNTAIN),
    "title of five, poet": (f"《早發白帝城》李白\n{SEVEN}", SEVEN),
    "title on a line of its own": (f"送友人入蜀\n{MOUNTAIN}", MOUNTAIN),
    "title and poet on lines of their own": (f"山居秋暝\n王維\n{MOUNTAIN}", MOUNTAIN),
    "a request of five before": (f"請續寫此詩，{MOUNTAIN}", MOUNTAIN),
    "a request of five and a colon": (f"請續寫此詩：{MOUNTAIN}", MOUNTAIN),
    "a request of five after": (f"{MOUNTAIN}請幫我續寫。", MOUNTAIN),
    "thanks": (f"{MOUNTAIN}謝謝！", MOUNTAIN),
    "English": (f"Write a poem that begins with {MOUNTAIN} In the style of 王維.", MOUNTAIN),
    "labels": ("上句：空山新雨後，下句：天氣晚來秋。", MOUNTAIN),
    "two lines": ("空山新雨後\n天氣晚來秋", "空山新雨後 天氣晚來秋"),
    "a slash": ("空山新雨後/天氣晚來秋", "空山新雨後 天氣晚來秋"),
    "bold": (f"Poem: **{MOUNTAIN}**", MOUNTAIN),
    "simplified": ("请帮我把这首诗写完：空山新雨后，天气晚来秋。", "空山新雨后，天气晚来秋。"),
    "invisible": ("\ufeff空山新雨後，\u200b天氣晚來秋。", MOUNTAIN),
}
NO_VERSE = [
    "",
    "你好！",
    "你好，請寫一首詩。",
    "請寫一首詩，我想看月亮。",
    "請你寫首詩，給我的朋友。",
    "空山新雨後",
    "空山新雨後，天氣晚",
    "昔我往矣，楊柳依依。",
    "Write me a poem about the moon, please.",
    "今天天氣真好，我想去公園散步，你要一起來嗎？",
    "《靜夜思》",
    INSTRUCTION,
]


@pytest.mark.parametrize(("text", "couplet"), AMONG_WORDS.values(), ids=AMONG_WORDS)
def test_the_couplet_is_found_among_words(text: str, couplet: str) -> None:
    found = opening_in(text)
    assert found and (found.couplet, found.begun) == (couplet, "")


@pytest.mark.parametrize("text", NO_VERSE)
def test_words_are_not_taken_for_verse(text: str) -> None:
    assert opening_in(text) is None


@pytest.mark.parametrize(
    ("text", "begun"),
    [
        (f"{TOWER}欲窮千里目，更上一層樓。", "欲窮千里目，更上一層樓。"),
        (f"《登鸛雀樓》\n{TOWER}\n欲窮千里目，", "欲窮千里目，"),
        (f"{TOWER}欲窮千里", "欲窮千里"),
        (f"{TOWER}欲窮千里目，更上", "欲窮千里目，更上"),
        (f"「{TOWER}」欲窮千里目，請幫我續寫。", "欲窮千里目，"),
        (f"{TOWER} 王之渙", ""),
        (f"{TOWER}請續寫", ""),
        (f"{TOWER}——王之渙", ""),
        (f"{TOWER}{SEVEN}", ""),
    ],
)
def test_lines_that_follow_are_the_poems_beginning(text: str, begun: str) -> None:
    found = opening_in(text)
    assert found and (found.couplet, found.begun) == (TOWER, begun)


@pytest.mark.parametrize("sign", ["《", "空", "空：", "空山新雨後，", "「", " ", "，", "請續"])
def test_long_messages_are_read_in_one_go(sign: str) -> None:
    opening_in(sign * 50_000 + "a" + sign * 50_000)


# --- by HTTP -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with TestClient(create_app(open_service())) as client:
        yield client


def ask(client: TestClient, content: Any, **more: Any) -> Body:
    body = {"messages": [{"role": "user", "content": content}], "seed": 3, "max_tokens": 9}
    response = client.post("/v1/chat/completions", json=body | {"top_p": 1} | more)
    assert response.status_code == 200, response.text
    found: Body = response.json()
    return found


def test_a_chat_writes_what_the_couplet_alone_would_get(client: TestClient) -> None:
    alone = ask(client, TOWER)
    assert alone["lianju"]["notes"] == []
    parts = [{"type": "text", "text": "請續寫"}, {"type": "text", "text": TOWER}]
    for content in (f"{INSTRUCTION}\n{TOWER}", f"《登鸛雀樓》「{TOWER}」", parts):
        found = ask(client, content)
        assert found["choices"] == alone["choices"]
        assert found["lianju"]["notes"] == [f"Of the text only {TOWER} was read."]
    begun = ask(client, f"續寫：{TOWER}欲窮千里目，")
    prefilled = ask(client, TOWER, messages=[*_talk(TOWER), _said("欲窮千里目，")])
    assert begun["choices"] == prefilled["choices"] != alone["choices"]


def _said(text: str) -> Body:
    return {"role": "assistant", "content": text}


def _talk(text: str) -> list[Body]:
    return [{"role": "user", "content": text}]


def test_a_prompt_with_words_around_its_couplet_is_read_too(client: TestClient) -> None:
    plain = {"top_p": 1, "max_tokens": 9, "seed": 3}
    alone, wrapped = (
        client.post("/v1/completions", json=plain | {"prompt": text}).json()
        for text in (TOWER, f"{INSTRUCTION}\n{TOWER}")
    )
    assert wrapped["choices"] == alone["choices"]
    # Any other text is the prompt as it is.
    raw = client.post("/v1/completions", json=plain | {"prompt": "春眠不覺曉"}).json()
    assert raw["choices"][0]["text"] and raw["choices"] != alone["choices"]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("你好，請寫首詩。", "請給我"),
        ("你好，请写首诗。", "请给我"),
        ("A poem, please", "Please"),
    ],
)
def test_a_message_without_verse_is_told_what_to_send(
    client: TestClient, text: str, word: str
) -> None:
    found = ask(client, text, n=2, logprobs=True)
    chat.ChatCompletion.model_validate(found)
    assert [choice["finish_reason"] for choice in found["choices"]] == ["stop"] * 2
    said = found["choices"][1]["message"]
    assert said["role"] == "assistant" and word in said["content"]
    # What it names as an example is found, should somebody send it back.
    assert opening_in(said["content"]) is not None
    assert found["usage"]["completion_tokens"] == 0
    assert "no couplet" in found["lianju"]["notes"][-1]
    streamed = client.post(
        "/v1/chat/completions",
        json={"messages": _talk(text), "stream": True, "stream_options": {"include_usage": True}},
    )
    *events, done, _ = streamed.text.split("\n\n")
    chunks = [json.loads(event.removeprefix("data: ")) for event in events]
    text = "".join(c["choices"][0]["delta"].get("content", "") for c in chunks if c["choices"])
    assert (text, done) == (said["content"], "data: [DONE]")


def test_an_answer_without_text_is_no_success(client: TestClient) -> None:
    first = ask(client, TOWER)["choices"][0]["message"]["content"][0]
    for stream in (False, True):
        body = {"messages": _talk(TOWER), "seed": 3, "top_p": 1, "stop": first, "stream": stream}
        for path, asked in (
            ("chat/completions", body),
            ("completions", {"prompt": TOWER, "seed": 3, "top_p": 1, "stop": first}),
        ):
            response = client.post(f"/v1/{path}", json=asked)
            assert response.status_code == 400, response.text
            assert response.json()["error"]["code"] == "empty_completion"
