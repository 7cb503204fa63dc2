"""The page to try a model: what it is told, and what a person meets in a real browser."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
from chromium import PROGRAM, Browser, browser
from echoing import PAIR, TEXT, TOKENS, Echo

from tfclassify.serving.loaded import Loaded
from tfclassify.serving.page import Page, page
from tfclassify.serving.served import Served
from tfclassify.serving.signatures import Signature, TensorInfo
from tfclassify.serving.status import Code, Refusal

needs_browser = pytest.mark.skipif(PROGRAM is None, reason="no Chromium is installed")

HOSTILE = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'


@dataclass(frozen=True)
class Status:
    version: int
    state: str


@dataclass
class FakeModels:
    """Models of one signature each; version 3 is on its way."""

    signatures: dict[str, Signature]
    folder: Path
    states: tuple[Status, ...] = (Status(1, "END"), Status(2, "AVAILABLE"), Status(3, "LOADING"))

    def statuses(self, name):
        if name not in self.signatures:
            raise Refusal(Code.NOT_FOUND, f"Could not find any versions of model {name}")
        return list(self.states)

    def use(self, name, *, version):
        if version != 2:
            raise Refusal(Code.NOT_FOUND, "gone")
        echo = Echo()
        loaded = Loaded(name, version, {"serving_default": self.signatures[name]}, {}, echo.call, echo.close)
        return nullcontext(Served(loaded, lambda *asked: None, self.folder))  # type: ignore[arg-type, return-value]


def golden(folder, **inputs):
    (folder / "golden.json").write_text(json.dumps({"signature": "serving_default", "inputs": inputs, "outputs": {}}))
    return folder


def described(signature, folder):
    shown = page(FakeModels({"m": signature}, folder), lambda: ["m"])
    return json.loads(shown.models_json())["models"][0]["versions"]


# What the page is told


def test_models_and_their_versions_newest_first(tmp_path):
    assert described(TEXT, golden(tmp_path, text=["first", "second"])) == [
        {"version": "3", "state": "LOADING", "inputs": None, "examples": []},
        {
            "version": "2",
            "state": "AVAILABLE",
            "inputs": [{"name": "text", "field": "text"}],
            "examples": [{"text": "first"}, {"text": "second"}],
        },
        {"version": "1", "state": "END", "inputs": None, "examples": []},
    ]


def test_a_model_that_is_not_there_has_no_versions(tmp_path):
    shown = page(FakeModels({}, tmp_path), lambda: ["gone", "m<>"])
    assert json.loads(shown.models_json()) == {
        "models": [{"name": "gone", "versions": []}, {"name": "m<>", "versions": []}]
    }


def test_a_version_that_goes_meanwhile_has_no_inputs(tmp_path):
    models = FakeModels({"m": TEXT}, tmp_path, (Status(7, "AVAILABLE"),))
    shown = json.loads(page(models, lambda: ["m"]).models_json())
    assert shown["models"][0]["versions"] == [{"version": "7", "state": "AVAILABLE", "inputs": None, "examples": []}]


def test_texts_come_first_and_other_inputs_by_kind(tmp_path):
    kinds = {"price": 1, "text_b": 7, "count": 9, "sold": 10, "text": 7, "area": 7}
    signature = Signature({name: TensorInfo(name, kind, (-1,)) for name, kind in kinds.items()}, {}, "")
    inputs = described(signature, tmp_path)[1]["inputs"]
    assert [(each["name"], each["field"]) for each in inputs] == [
        ("text", "text"),
        ("text_b", "text"),
        ("area", "text"),
        ("count", "whole"),
        ("price", "number"),
        ("sold", "boolean"),
    ]


def test_numbers_that_are_features_may_be_missing(tmp_path):
    facts = {"data": {"features": {"price": "number", "area": "category"}}}
    (tmp_path / "servable.json").write_text(json.dumps(facts))
    kinds = {"text": 7, "price": 1, "area": 7, "size": 1}
    signature = Signature({name: TensorInfo(name, kind, (-1,)) for name, kind in kinds.items()}, {}, "")
    assert described(signature, tmp_path)[1]["inputs"] == [
        {"name": "text", "field": "text"},
        {"name": "area", "field": "text"},
        {"name": "price", "field": "number", "optional": True},
        {"name": "size", "field": "number"},
    ]


def test_what_a_person_cannot_fill_in_has_no_fields(tmp_path):
    assert described(TOKENS, tmp_path)[1]["inputs"] is None


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"inputs": {}}', '{"inputs": {"text": 7}}', '{"inputs": {"text": [["nested"]]}}', "\ud800"]
)
def test_golden_examples_that_cannot_be_read_are_none(tmp_path, text):
    (tmp_path / "golden.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    assert described(TEXT, tmp_path)[1]["examples"] == []


def test_examples_are_few_and_short(tmp_path):
    golden(tmp_path, text=["long " * 1000, *(f"text {number}" for number in range(20))])
    assert described(TEXT, tmp_path)[1]["examples"] == [{"text": f"text {number}"} for number in range(6)]


def test_columns_of_unequal_length_are_no_examples(tmp_path):
    golden(tmp_path, text=["a", "b"], text_b=["c"])
    assert described(PAIR, tmp_path)[1]["examples"] == []


def test_the_policy_names_the_page_s_own_style_and_script(tmp_path):
    shown = page(FakeModels({}, tmp_path), list)
    html = shown.html.decode()
    for tag in ("style", "script"):
        (text,) = re.findall(rf"<{tag}[^>]*>(.*?)</{tag}>", html, flags=re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in shown.content_security_policy
    assert shown.content_security_policy.startswith("default-src 'none'; ")
    assert "unsafe" not in shown.content_security_policy


def test_the_page_names_no_other_place_and_writes_no_markup(tmp_path):
    html = page(FakeModels({}, tmp_path), list).html.decode()
    assert re.findall(r"https?://|//[a-z]+\.|@import|url\(|\ssrc=", html) == []
    for means in ("innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval", "localStorage", "cookie"):
        assert means not in html
    assert re.findall(r"\son[a-z]+=|\sstyle=", html) == []


# Colours


def palettes(html):
    light, dark = re.findall(r":root \{([^}]*--page[^}]*)\}", html)
    return {
        name: dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block))
        for name, block in (("light", light), ("dark", dark))
    }


def contrast(first, second):
    def luminance(colour):
        parts = np.array([int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)])
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return float(linear @ (0.2126, 0.7152, 0.0722))

    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_words_and_controls_have_contrast(tmp_path, mode):
    """WCAG 2.2: at least 4.5 for text, 3 for what a control or a picture is known by."""
    colours = palettes(page(FakeModels({}, tmp_path), list).html.decode())[mode]
    pairs = [("text", "page"), ("text", "card"), ("text", "plate"), ("soft", "page"), ("soft", "card")]
    pairs += [("on-accent", "accent"), ("on-accent", "accent-strong"), ("accent", "card"), ("soft", "plate")]
    pairs += [("good", "good-plate"), ("bad", "bad-plate"), ("text", "bad-plate")]
    for words, ground in pairs:
        assert contrast(colours[words], colours[ground]) >= 4.5, (words, ground)
    for mark, ground in (("edge", "card"), ("bar", "card"), ("bar-soft", "card"), ("bar", "plate"), ("accent", "card")):
        assert contrast(colours[mark], colours[ground]) >= 3, (mark, ground)


# In a browser


def answer(labels, **other):
    left = 0.9371
    scores = [left, *(0.0629 / max(1, len(labels) - 1) for _ in labels[1:])]
    return {
        "labels": labels,
        "scores": scores,
        "label": labels[0],
        "score": left,
        "in_scope": True,
        "scope_score": 0.912,
        "route": "full",
        "rule": "",
        "masked": 0,
        **other,
    }


LABELS = ["card_arrival", "card_delivery_estimate", "lost_or_stolen_card", "card_linking", "order_physical_card"]
LABELS += ["activate_my_card", "card_not_working", "getting_spare_card", "visa_or_mastercard", "contactless", "pin"]


@dataclass
class Canned:
    """What the server answers to a prediction, and what it was asked."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    key: str | None = None
    asked: list[tuple[str, Any, str | None]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    gone: bool = False


class Handler(BaseHTTPRequestHandler):
    shown: Page
    canned: Canned

    def reply(self, status, body, headers):
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.canned.paths.append(self.path)
        if self.path == "/":
            policy = {"Content-Security-Policy": self.shown.content_security_policy}
            return self.reply(200, self.shown.html, {"Content-Type": "text/html; charset=utf-8", **policy})
        if self.canned.key and self.headers["Authorization"] != f"Bearer {self.canned.key}":
            return self.reply(401, b'{"error": "no key"}', {})
        return self.reply(200, self.shown.models_json(), {"Content-Type": "application/json"})

    def do_POST(self):
        # A connection made ahead of need is still served when the server takes no more of them.
        if self.canned.gone:
            return
        canned = self.canned
        canned.paths.append(self.path)
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        canned.asked.append((unquote(self.path), body, self.headers["Authorization"]))
        made = canned.body if isinstance(canned.body, bytes) else json.dumps(canned.body).encode()
        self.reply(canned.status, made, canned.headers)

    def log_message(self, *words):
        pass


@contextmanager
def site(shown, canned) -> Iterator[str]:
    handler = type("Handler", (Handler,), {"shown": shown, "canned": canned})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        canned.gone = True
        server.shutdown()


@pytest.fixture(scope="module")
def tab(tmp_path_factory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as made:
        yield made


@pytest.fixture
def models(tmp_path):
    golden(tmp_path, text=["Where is my new card?", "I lost my card"], text_b=["It was due on Monday", ""])
    return FakeModels({"support": TEXT, "pairs <b>": PAIR, "tokens": TOKENS}, tmp_path)


def shown_page(models):
    return page(models, lambda: list(models.signatures))


def ask_for(tab, text):
    tab.until("document.querySelector('textarea') && document.getElementById('model').value")
    tab.value("document.querySelector('textarea').focus()")
    tab.type(text)
    tab.press("Enter", control=True)


def text_of(tab, selector):
    return tab.value(
        f"[...document.querySelectorAll({selector!r})].filter(e => e.checkVisibility()).map(e => e.innerText)"
    )


ANSWERED = "document.getElementById('foot').textContent.includes('answered')"


@needs_browser
def test_an_answer(tab, models):
    canned = Canned({"predictions": [answer(LABELS, rule="refunds", masked=2)]})
    with site(shown_page(models), canned) as address:
        tab.open(address)
        ask_for(tab, "Where is my card? héllo")
        tab.until(ANSWERED)
        assert canned.asked == [
            ("/v1/models/support:predict", {"instances": [{"text": "Where is my card? héllo"}]}, None)
        ]
        assert text_of(tab, ".label") == ["card_arrival"]
        marks = ["✓ In scope · 0.912", "Rule: refunds", "Route: full", "2 parts masked"]
        assert text_of(tab, "#marks li") == marks
        assert text_of(tab, "tbody bdi") == LABELS[:8]
        assert text_of(tab, "td.number")[0] == "93.7\u2009%"
        assert re.fullmatch(r"support, latest version · answered in [\d.]+ ms", text_of(tab, "#foot")[0])
        widths = tab.value(
            "[...document.querySelectorAll('.track')].map(e => [e.offsetWidth, e.firstChild.offsetWidth])"
        )
        assert widths[0][1] / widths[0][0] == pytest.approx(0.937, abs=0.02)
        assert tab.value("document.getElementById('said').textContent").startswith("card_arrival, 93.7")
        assert tab.complaints() == []
        assert set(canned.paths) == {"/", "/page/models", "/v1/models/support:predict"}


@needs_browser
def test_more_scores_on_demand(tab, models):
    with site(shown_page(models), Canned({"predictions": [answer(LABELS)]})) as address:
        tab.open(address)
        ask_for(tab, "a")
        tab.until(ANSWERED)
        assert text_of(tab, "#more") == ["Show 3 more"]
        tab.value("document.getElementById('more').focus()")
        tab.press(" ")
        tab.until("document.querySelectorAll('tbody tr').length === 11")
        assert text_of(tab, "#more") == ["Show fewer"]
        assert tab.value("document.getElementById('more').getAttribute('aria-expanded')") == "true"


@needs_browser
def test_nothing_moves_when_an_answer_comes(tab, models):
    things = "[...document.querySelectorAll('#form, #answer, .ask, #answer-title')]"
    places = things + ".map(e => JSON.stringify(e.getBoundingClientRect()))"
    with site(shown_page(models), Canned({"predictions": [answer(LABELS[:8])]})) as address:
        tab.open(address)
        tab.until("document.getElementById('model').value && document.querySelector('.examples button')")
        before = tab.value(places)
        ask_for(tab, "a")
        tab.until(ANSWERED)
        assert tab.value(places) == before


@needs_browser
@pytest.mark.parametrize("width", [1200, 360])
@pytest.mark.parametrize("dark", [False, True])
def test_it_fits_and_can_be_seen(tab, models, width, dark, tmp_path):
    labels = ["a_label_of_" + "very_" * 20 + "long_name", *LABELS]
    canned = Canned({"predictions": [answer(labels, in_scope=False, rule="r" * 200, masked=1)]})
    with site(shown_page(models), canned) as address:
        tab.open(address, width=width, dark=dark)
        ask_for(tab, "w" * 500)
        tab.until(ANSWERED)
        assert tab.value("document.documentElement.scrollWidth") <= width
        ground = tab.value("getComputedStyle(document.body).backgroundColor")
        assert ground == ("rgb(18, 21, 26)" if dark else "rgb(244, 245, 247)")
        assert len(tab.picture()) > 10_000
        controls = "[...document.querySelectorAll('button, select, input, textarea, summary')]"
        heights = tab.value(controls + ".filter(e => e.checkVisibility()).map(e => e.offsetHeight)")
        assert min(heights) >= 24


@needs_browser
def test_hostile_names_are_text(tab, tmp_path):
    golden(tmp_path, text=[HOSTILE])
    hostile = FakeModels({HOSTILE: TEXT}, tmp_path)
    canned = Canned({"predictions": [answer([HOSTILE, "\u202eb"], rule=HOSTILE, route=HOSTILE)]})
    with site(shown_page(hostile), canned) as address:
        tab.open(address)
        ask_for(tab, HOSTILE)
        tab.until(ANSWERED)
        assert text_of(tab, ".label") == [HOSTILE]
        assert text_of(tab, ".examples button") == [HOSTILE]
        assert tab.value("document.getElementById('model').selectedOptions[0].textContent") == HOSTILE
        assert tab.value("window.hacked === undefined && document.images.length === 0")
        assert canned.asked[0][0] == f"/v1/models/{HOSTILE}:predict"
        assert tab.complaints() == []


@needs_browser
def test_a_pair_a_version_and_an_example(tab, models):
    canned = Canned({"predictions": [answer(["same", "other"])]})
    with site(shown_page(models), canned) as address:
        tab.open(address)
        tab.until("document.getElementById('model').options.length === 3")
        choose = "(e => {{ e.value = {!r}; e.dispatchEvent(new Event('change')); }})(document.getElementById({!r}))"
        tab.value(choose.format("pairs <b>", "model"))
        tab.value(choose.format("2", "version"))
        assert text_of(tab, ".field > span")[:4] == ["Model", "Version", "Text", "Second text"]
        assert tab.value("[...document.getElementById('version').options].map(e => e.textContent + e.disabled)") == [
            "latestfalse",
            "3 (loading)true",
            "2false",
            "1 (end)true",
        ]
        tab.value("document.querySelector('.examples button').click()")
        tab.until(ANSWERED)
        instance = {"text": "Where is my new card?", "text_b": "It was due on Monday"}
        assert canned.asked == [("/v1/models/pairs <b>/versions/2:predict", {"instances": [instance]}, None)]


@needs_browser
def test_a_model_without_texts_is_not_asked(tab, models):
    canned = Canned()
    with site(page(models, lambda: ["tokens"]), canned) as address:
        tab.open(address)
        tab.until("document.body.innerText.includes('does not take texts')")
        tab.value("document.querySelector('.ask').click()")
        tab.until("document.getElementById('message').checkVisibility()")
        assert canned.asked == []


@needs_browser
def test_several_labels_and_none(tab, models):
    several = answer(["joy", "love", "anger"], chosen=[True, True, False])
    with site(shown_page(models), canned := Canned({"predictions": [several]})) as address:
        tab.open(address)
        ask_for(tab, "a")
        tab.until(ANSWERED)
        assert text_of(tab, ".label") == ["joy", "love"]
        assert text_of(tab, "#lead") == ["2 labels apply"]
        canned.body = {"predictions": [{**several, "chosen": [False] * 3, "in_scope": False}]}
        tab.press("Enter", control=True)
        tab.until("document.querySelector('.label').textContent === 'No label applies'")


@needs_browser
def test_answers_of_other_models_are_shown_as_they_are(tab, models):
    with site(shown_page(models), Canned({"predictions": [[0.25, HOSTILE]]})) as address:
        tab.open(address)
        ask_for(tab, "a")
        tab.until(ANSWERED)
        assert json.loads(text_of(tab, "#raw")[0]) == [0.25, HOSTILE]
        assert text_of(tab, "#scores") == []


@needs_browser
@pytest.mark.parametrize(
    ("status", "body", "headers", "words"),
    [
        (400, {"error": "odd <b>"}, {}, ["The server did not accept this.", "odd <b>"]),
        (404, {"error": "x"}, {}, ["This model is not there any more.", "x"]),
        (413, b"", {}, ["This text is too long for the server.", ""]),
        (
            429,
            {"error": "x"},
            {"Retry-After": "2"},
            ["Too many requests with this key.", "Try again in 2 seconds. x"],
        ),
        (503, {}, {"Retry-After": "1"}, ["The server is busy or not ready.", "Try again in 1 second."]),
        (504, [], {}, ["The model took too long.", ""]),
        (500, b"<html>", {}, ["Something went wrong in the server (500).", ""]),
        (200, b"{", {}, ["The server gave an answer that cannot be read.", ""]),
        (200, {"x": 1}, {}, ["The server gave an answer that cannot be read.", ""]),
    ],
)
def test_errors_in_plain_words(tab, models, status, body, headers, words):
    with site(shown_page(models), Canned(body, status, headers)) as address:
        tab.open(address)
        ask_for(tab, "a")
        tab.until("document.getElementById('message').checkVisibility()")
        strong = tab.value("document.querySelector('#message strong').textContent")
        assert [strong, tab.value("document.querySelector('#message span').textContent").strip()] == words
        assert tab.value("document.getElementById('said').textContent").strip() == " ".join(words).strip()
        assert tab.value("document.querySelector('textarea').value") == "a"


@needs_browser
def test_a_server_that_is_gone(tab, models):
    with site(shown_page(models), Canned()) as address:
        tab.open(address)
        tab.until("document.getElementById('model').value")
    ask_for(tab, "a")
    tab.until("document.querySelector('#message strong').textContent === 'The server cannot be reached.'")


@needs_browser
def test_a_key_is_asked_for_and_kept_nowhere(tab, models):
    canned = Canned({"predictions": [answer(LABELS)]}, key="secret-key")
    with site(shown_page(models), canned) as address:
        tab.open(address)
        tab.until("document.getElementById('key-part').open")
        assert text_of(tab, "#message strong") == ["The server asks for an API key."]
        tab.value("document.getElementById('key').focus()")
        tab.type("secret-key")
        tab.press("Tab")
        tab.until("document.getElementById('model').value")
        assert text_of(tab, "#message") == []
        ask_for(tab, "a")
        tab.until(ANSWERED)
        assert [key for _, _, key in canned.asked] == ["Bearer secret-key"]
        assert tab.value("localStorage.length + sessionStorage.length + document.cookie.length") == 0
        assert "secret" not in tab.value("location.href") + " ".join(canned.paths)
        tab.open(address)
        assert tab.value("document.getElementById('key').value") == ""


@needs_browser
def test_a_model_that_becomes_ready_is_found(tab, models):
    states, models.states = models.states, (Status(2, "LOADING"),)
    with site(shown_page(models), Canned()) as address:
        tab.open(address)
        tab.until("document.querySelector('#message strong').textContent === 'No model is ready yet.'")
        models.states = states
        tab.until("!document.getElementById('message').checkVisibility()")
        assert text_of(tab, "#empty") == ["Write a text, or choose an example, and the answer will appear here."]


@needs_browser
def test_extra_inputs_are_sent_by_kind(tab, tmp_path):
    kinds = {"text": 7, "price": 1, "count": 3, "sold": 10, "area": 7}
    signature = Signature({name: TensorInfo(name, kind, (-1,)) for name, kind in kinds.items()}, {}, "")
    with site(shown_page(FakeModels({"m": signature}, tmp_path)), canned := Canned({"predictions": [1]})) as address:
        tab.open(address)
        tab.until("document.querySelector('[data-input=price]')")
        for name, value in {"price": "1.5", "count": "x", "area": "north", "sold": "true"}.items():
            tab.value(f"document.querySelector('[data-input={name}]').value = {value!r}")
        ask_for(tab, "t")
        tab.until("document.getElementById('message').checkVisibility()")
        assert text_of(tab, "#message") == ["This cannot be asked.\ncount has to be a whole number."]
        tab.value("document.querySelector('[data-input=count]').value = '3'")
        tab.press("Enter", control=True)
        tab.until(ANSWERED)
    instance = {"text": "t", "area": "north", "count": 3, "price": 1.5, "sold": True}
    assert [asked[1] for asked in canned.asked] == [{"instances": [instance]}]


@needs_browser
def test_a_number_that_is_missing_is_sent_as_such(tab, tmp_path):
    (tmp_path / "servable.json").write_text(json.dumps({"data": {"features": {"price": "number"}}}))
    kinds = {"text": 7, "price": 1, "size": 1}
    signature = Signature({name: TensorInfo(name, kind, (-1,)) for name, kind in kinds.items()}, {}, "")
    with site(shown_page(FakeModels({"m": signature}, tmp_path)), canned := Canned({"predictions": [1]})) as address:
        tab.open(address)
        tab.until("document.querySelector('[data-input=price]')")
        ask_for(tab, "NaN")
        tab.until(ANSWERED)
    ((_, body, _),) = canned.asked
    (instance,) = body["instances"]
    assert (instance["text"], instance["size"]) == ("NaN", 0)
    assert instance["price"] != instance["price"]


@needs_browser
def test_everything_has_a_name_for_those_who_hear_it(tab, models):
    with site(shown_page(models), Canned({"predictions": [answer(LABELS)]})) as address:
        tab.open(address)
        ask_for(tab, "a")
        tab.until(ANSWERED)
        names = tab.names()
    assert {"Model", "Version"} <= set(names["combobox"])
    assert "Text" in names["textbox"]
    assert {"Classify", "Show 3 more"} <= set(names["button"])
    assert [name.replace(" ", "") for name in names["rowheader"]] == LABELS[:8]
    assert "Scores" in names["table"]
    assert "Answer" in names["region"]
    for role in ("combobox", "textbox", "button", "table", "list"):
        assert all(names[role]), role


@needs_browser
def test_the_keyboard_reaches_everything_in_order(tab, models):
    with site(shown_page(models), Canned({"predictions": [answer(LABELS)]})) as address:
        tab.open(address)
        ask_for(tab, "a")
        tab.until(ANSWERED)
        tab.value("document.getElementById('model').focus()")
        reached = []
        for _ in range(8):
            reached.append(
                tab.value(
                    "document.activeElement.id || document.activeElement.innerText || document.activeElement.tagName"
                )
            )
            tab.press("Tab")
        assert reached == [
            "model",
            "version",
            "TEXTAREA",
            "Where is my new card?",
            "I lost my card",
            "Classify",
            "API key",
            "more",
        ]
