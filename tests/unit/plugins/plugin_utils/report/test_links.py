"""Where a report's names lead to: only to pages that are known, and never where a name of others says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.plugin_utils.remedies import DOCS
from ansible_collections.todo.cloud.plugins.plugin_utils.report.document import About, Told, document_of
from ansible_collections.todo.cloud.plugins.plugin_utils.report.links import commit_page, image_page, web
from ansible_collections.todo.cloud.plugins.plugin_utils.report.markdown import markdown_of
from ansible_collections.todo.cloud.plugins.plugin_utils.report.page import page_of
from markdown_it import MarkdownIt

from tests.support import reported
from tests.unit.plugins.plugin_utils.report.test_page import Elements

SHA = reported.COMMIT
DIGEST = reported.DIGESTS["v1.4.1"]
GITHUB = reported.GITHUB
GITLAB = {"CI_PROJECT_URL": "https://gitlab.example:8443/a/b.c", "CI_COMMIT_SHA": SHA}
# Each of these takes the place of a host, of an owner and of a whole URL.
WRONG = (
    "javascript:alert(1)", "JaVaScRiPt://x.test/%0aalert(1)", "data:text/html,x", "file:///etc/passwd",
    "//evil.test/x", "https:///x", "https:/x.test", "http://[", "http://[::1]/", "https://", "https://-x.test", "",
    'https://x.test/" onclick="alert(1)', "https://x.test/'><script>1</script>", "https://x.test/<b>", "https://x.test/`",
    "https://x.test/a\nb", "https://x.test/a\r\n[x](https://evil.test)", "https://x.test\t/a", "https://x.test/ a",
    "https://x.test\n", "https://todo.example@evil.test/", "https://a:b@evil.test/", "https://x.test\\@evil.test/",
    "https://x.test/\u202egnp.exe", "https://x.t\u200best/", "https://t\u043edo.example/", "https://b\u00fccher.example/",
    "https://x.test/)[x](https://evil.test", "https://x.test/>[x](<https://evil.test>", "[x](https://evil.test)",
    "https://x.test/|a|", "https://x.test/\x1b]8;;https://evil.test\x07", "https://x.test/\x00", "https://x..test/",
    "https://" + "a" * 64 + ".test/", "https://x.test:123456/", "https://x.test/" + "a" * 1000,
)  # fmt: skip


def hrefs(html: str) -> list[str]:
    """Where it leads to, besides our own docs."""
    found = [value for name, value in Elements(html).attributes if name == "href"]
    return [value for value in found if not value.startswith(f"{DOCS}/")]


@pytest.mark.parametrize(
    ("image", "page"),
    [
        (f"ghcr.io/todo-app/frontend:v1@{DIGEST}", "https://ghcr.io/todo-app/frontend"),
        ("ghcr.io/todo-app/team/frontend:v1", "https://ghcr.io/todo-app/team/frontend"),
        ("postgres:17.2", "https://hub.docker.com/_/postgres/tags?name=17.2"),
        ("docker.io/library/redis", "https://hub.docker.com/_/redis"),
        ("index.docker.io/apache/kafka:4.1.0", "https://hub.docker.com/r/apache/kafka/tags?name=4.1.0"),
        ("docker.io/a/b/c:1", ""),
        ("quay.io/strimzi/kafka:0.48", "https://quay.io/repository/strimzi/kafka?tab=tags"),
        (f"quay.io/strimzi/kafka@{DIGEST}", f"https://quay.io/repository/strimzi/kafka/manifest/{DIGEST}"),
        ("registry.digitalocean.com/todo/frontend:v1", ""),
        ("registry.k8s.io/pause:3.10", ""),
        ("GHCR.io/todo-app/frontend:v1", ""),
        ("ghcr.io/frontend:v1", ""),
        ("ghcr.io:443/todo-app/frontend", ""),
        ("ghcr.io.evil.test/todo-app/frontend", ""),
        ("ghcr.io/../frontend", ""),
        (f"ghcr.io/todo-app/{'a' * 300}", ""),
        ("", ""),
        *((f"{host}/{wrong}", "") for wrong in WRONG if wrong for host in ("ghcr.io", "quay.io/a", "docker.io")),
    ],
)  # fmt: skip
def test_the_page_of_an_image(image: str, page: str) -> None:
    assert image_page(image) == page


@pytest.mark.parametrize("url", WRONG)
def test_only_plain_urls_of_the_web(url: str) -> None:
    assert web(url) == ""
    assert commit_page(SHA, {**GITHUB, "GITHUB_SERVER_URL": url}) == ""
    assert commit_page(SHA, {**GITLAB, "CI_PROJECT_URL": url}) == ""


def test_a_commit_has_a_page_where_it_is_the_job_s() -> None:
    assert web("http://xn--bcher-kva.example:8080/a~b/c.d?x=1&y=%20") != ""
    assert commit_page(SHA, GITHUB) == f"https://github.com/todo-app/todo.cloud/commit/{SHA}"
    assert commit_page(SHA, GITLAB) == f"https://gitlab.example:8443/a/b.c/-/commit/{SHA}"
    assert commit_page("0" * 40, GITHUB) == "", "of another repository, maybe"
    assert commit_page(SHA, {}) == ""
    assert commit_page("v1", {**GITHUB, "GITHUB_SHA": "v1"}) == ""


def told(commit: str, url: str, variables: dict[str, str], image: str) -> dict[str, Any]:
    """A report whose names come from others."""
    found = json.loads(json.dumps(reported.failure()))
    found["invocation"]["module_args"] |= {"commit": commit, "run_url": url, "endpoint": {"url": url}}
    for each in found["plan"]:
        each |= {"image": image, "image_before": image}
    lost = {"host": "h", "task": "t", "message": "it fails", "result": found}
    return document_of(Told([lost], [found]), About(["site.yml"], 0, 1, variables=variables))


def test_links_are_in_the_page_and_in_the_markdown() -> None:
    document = told(SHA, "https://ci.example/job/1", GITHUB, f"ghcr.io/todo-app/frontend:v1@{DIGEST}")
    wanted = {
        "https://ci.example/job/1", f"https://github.com/todo-app/todo.cloud/commit/{SHA}", "https://ghcr.io/todo-app/frontend",
    }  # fmt: skip
    page = page_of(document)
    assert set(hrefs(page)) == wanted
    assert page.count("<a ") == page.count(' rel="noopener noreferrer">')
    assert set(hrefs(MarkdownIt("commonmark").enable("table").render(markdown_of(document)))) == wanted
    assert {row["image_url"] for row in document["releases"]} == {"https://ghcr.io/todo-app/frontend"}
    assert document["commit_url"] in wanted


@pytest.mark.parametrize("wrong", WRONG)
def test_nothing_of_others_becomes_a_link(wrong: str) -> None:
    variables = {"GITHUB_SERVER_URL": wrong, "GITHUB_REPOSITORY": wrong, "GITHUB_SHA": SHA}
    document = told(SHA, wrong, variables, f"ghcr.io/{wrong}")
    assert hrefs(page_of(document)) == []
    text = markdown_of(document)
    linked = MarkdownIt("gfm-like", {"linkify": False}).render(text)
    assert hrefs(linked) == [], text
    assert document["commit_url"] == ""
