"""What is exported is what the W3C asks for (Web Annotation Data Model, sections 3 and 4)."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import datetime
from typing import Any

import pytest

from collabchat_asgi.commands.w3c import source_of
from collabchat_asgi.core.model import PageKey
from collabchat_asgi.testing.operations import anchor, create_chat

from .conftest import ANN, PAGES, Run, settle_all

Json = dict[str, Any]

CONTEXT = "http://www.w3.org/ns/anno.jsonld"
IRI = re.compile(r"[a-z][a-z0-9+.-]*:[^\s<>\"{}|\\^`\x00-\x20]+", re.IGNORECASE)
MOTIVATIONS = {
    *("assessing", "bookmarking", "classifying", "commenting", "describing", "editing"),
    *("highlighting", "identifying", "linking", "moderating", "questioning", "replying"),
    "tagging",
}


def must(holds: object, rule: str, what: object) -> None:
    assert holds, f"{rule}: {what}"


def is_iri(value: object) -> bool:
    return isinstance(value, str) and IRI.fullmatch(value) is not None


def check_annotation(one: Json) -> None:
    """The MUSTs that apply to what we use of the model, by section."""
    context = one["@context"]
    if isinstance(context, list):
        must(len(context) > 1, "3.1 a single @context is a string", one)
        must(CONTEXT in context, "3.1 anno.jsonld is one of the contexts", one)
    else:
        must(context == CONTEXT, "3.1 the context is anno.jsonld", one)
    must(is_iri(one["id"]), "3.1 exactly one IRI identifies it", one)
    must(one["type"] == "Annotation", "3.1 its class is Annotation", one)
    must(one["motivation"] in MOTIVATIONS, "3.3.5 a motivation has an IRI of its own", one)
    for name in ("created", "modified"):
        if name in one:
            check_time(one[name])
    check_agent(one["creator"])
    if "body" in one:
        check_body(one["body"])
    check_target(one["target"])


def check_time(text: str) -> None:
    must(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", text), "3.3.1 xsd:dateTime", text)
    datetime.fromisoformat(text)


def check_agent(agent: Json) -> None:
    must(is_iri(agent["id"]), "3.3.2 an agent has an IRI", agent)
    must(agent["type"] in ("Person", "Organization", "Software"), "3.3.2 its class", agent)
    must(isinstance(agent.get("name", ""), str), "3.3.2 its name is a string", agent)


def check_body(body: Json) -> None:
    must(body["type"] == "TextualBody", "3.2.4 its class is TextualBody", body)
    must(isinstance(body["value"], str), "3.2.4 exactly one value, a string", body)
    must(re.fullmatch(r"\w+/\w+", body["format"]), "3.2.4 format is a media type", body)
    must(body["purpose"] in MOTIVATIONS, "3.3.5 a purpose is a motivation", body)
    must("id" not in body or is_iri(body["id"]), "3.2.1 an id is an IRI", body)
    if "creator" in body:
        check_agent(body["creator"])


def check_target(target: str | Json) -> None:
    if isinstance(target, str):
        must(is_iri(target), "3.2.1 a target is an IRI", target)
        return
    must(is_iri(target["source"]), "4.1 exactly one source, an IRI", target)
    must("scope" not in target or is_iri(target["scope"]), "4.4 a scope is an IRI", target)
    if "selector" in target:
        must(target["selector"], "4.2 no relationship is an empty list", target)
        for selector in target["selector"]:
            check_selector(selector)


def check_selector(selector: Json) -> None:
    match selector["type"]:
        case "TextQuoteSelector":
            must(isinstance(selector["exact"], str), "4.2.4 exactly one exact", selector)
            for name in ("prefix", "suffix"):
                must(isinstance(selector.get(name, ""), str), f"4.2.4 {name} is a string", selector)
        case "TextPositionSelector":
            start, end = selector["start"], selector["end"]
            must(type(start) is int, "4.2.5 start is an integer", selector)
            must(type(end) is int and 0 <= start <= end, "4.2.5 end is an integer", selector)
        case "RangeSelector":
            check_selector(selector["startSelector"])
            check_selector(selector["endSelector"])
        case unknown:
            must(False, "4.2 a selector's class", unknown)


def exported(collabchat: Run, url: str, *more: str) -> list[Json]:
    code, out, _ = collabchat("export", "--storage", url, *more)
    assert code == 0
    return [json.loads(line) for line in out.splitlines()]


def test_every_annotation_is_as_the_model_wants_it(filled: str, collabchat: Run) -> None:
    found = exported(collabchat, filled)
    assert len(found) == 9
    for annotation in found:
        check_annotation(annotation)
    assert len({one["id"] for one in found}) == len(found)


def test_a_thread_is_all_there(filled: str, collabchat: Run) -> None:
    page = ("--tenant", "acme", "--page", PAGES[1].url_id)
    first, answer, second = exported(collabchat, filled, *page)
    assert first["body"]["value"] == "first, edited"
    assert first["creator"] == {"id": "urn:collabchat:user:ann", "type": "Person", "name": "Ann"}
    assert "modified" in first["body"]
    assert first["collabchat:resolved"]["collabchat:by"]["name"] == "Ann"
    assert first["body"]["collabchat:reactions"] == [
        {"collabchat:emoji": "👍", "collabchat:by": ["urn:collabchat:user:bob%2F2"]}
    ]
    assert first["target"]["source"] == "https://acme.example/docs?q=ä%20b"
    assert first["target"]["selector"] == anchor()["selector"]
    assert (answer["motivation"], answer["target"]) == ("replying", first["id"])
    assert (answer["body"]["value"], answer["creator"]["name"]) == ("an answer", "Bob 🎈")
    assert second["body"]["value"] == "outlives the first 🎉"
    assert second["creator"]["name"] == "Bob 🎈"
    assert second["body"]["creator"]["name"] == "Ann"


def test_long_quotes_and_scopes(url: str, collabchat: Run) -> None:
    def quote(exact: str) -> Json:
        return {"type": "TextQuoteSelector", "exact": exact}

    ends = {"startSelector": quote("from"), "endSelector": quote("to")}
    long = {"selector": [{"type": "RangeSelector", **ends}], "length": 9, "scope": "a b"}
    asyncio.run(settle_all(url, [(PAGES[0], create_chat(anchor=long), ANN)]))
    [one] = exported(collabchat, url, "--base", "https://acme.example")
    check_annotation(one)
    assert one["target"]["selector"] == long["selector"]
    assert one["target"]["scope"] == "https://acme.example/drafts/1#a%20b"


def test_a_page_as_a_whole_is_a_target_without_a_selector(url: str, collabchat: Run) -> None:
    whole = {"selector": [], "length": 9}
    asyncio.run(settle_all(url, [(PAGES[0], create_chat(anchor=whole), ANN)]))
    [one] = exported(collabchat, url, "--base", "https://acme.example")
    check_annotation(one)
    assert one["target"] == {"source": "https://acme.example/drafts/1"}


def test_one_annotation_page(filled: str, collabchat: Run) -> None:
    _, out, _ = collabchat("export", "--storage", filled, "--format", "w3c-page")
    page = json.loads(out)
    must(page["@context"] == CONTEXT, "5.2 the context is anno.jsonld", page)
    must(is_iri(page["id"]), "5.2 a page has exactly one IRI", page)
    must(page["type"] == "AnnotationPage", "5.2 its class", page)
    assert len(page["items"]) == 9
    for annotation in page["items"]:
        check_annotation(annotation)


def test_nothing_to_export(filled: str, collabchat: Run) -> None:
    assert exported(collabchat, filled, "--tenant", "nobody") == []
    page = ("--format", "w3c-page", "--tenant", "nobody")
    assert json.loads(collabchat("export", "--storage", filled, *page)[1])["items"] == []


@pytest.mark.parametrize(
    ("url_id", "base", "source"),
    [
        ("https://a.example/b#c", "https://no.example", "https://a.example/b#c"),
        ("/b c", "https://a.example/x/", "https://a.example/b%20c"),
        ("b", "", "urn:collabchat:page:acme:b"),
        ("b", "https://a.example", "urn:collabchat:page:acme:b"),
        ("//evil.example/b", "https://a.example", "https://a.example//evil.example/b"),
        ("javascript:alert(1)", "", "urn:collabchat:page:acme:javascript%3Aalert%281%29"),
        ("//evil.example", "", "urn:collabchat:page:acme:%2F%2Fevil.example"),
        ("http://[oops", "https://a.example", "urn:collabchat:page:acme:http%3A%2F%2F%5Boops"),
        ("http://a.example/100% sure%20", "", "http://a.example/100%25%20sure%20"),
    ],
)
def test_sources(url_id: str, base: str, source: str) -> None:
    assert source_of(PageKey("acme", url_id), base) == source
    assert is_iri(source)
