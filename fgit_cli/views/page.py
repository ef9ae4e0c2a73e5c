"""Makes every HTML page of fgit: one file with style, scripts and data inside, nothing fetched, light and dark.

Text is escaped because markup.py escapes it. The page's policy lets run only the scripts that are given here, each by
its hash, so that no solution and no instruction can bring one along; data stand in a block that is no script.
"""

import base64
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson

from fgit_cli.views.markup import Html, join, tag

HERE = Path(__file__).parent
WITHOUT_SCRIPTS = "Pairs are drawn by a script that is part of this page; scripts are switched off."


def asset(name: str) -> str:
    """The text of a style sheet or script beside this file."""
    return (HERE / name).read_text(encoding="utf-8")


def page(
    title: str, subtitle: str, body: Html, *, styles: Iterable[str] = (), scripts: Iterable[str] = (), data: Any = None
) -> str:
    """The whole document. `title` and `subtitle` are text, `body` is markup.

    `styles` and `scripts` are texts added to the base style (page.css) and the switch of the theme (theme.js); scripts
    stand after the body. `data` is what they read as JSON from the element `data`.
    """
    theme, after = asset("theme.js"), list(scripts)
    allowed = " ".join(f"'sha256-{digest(script)}'" for script in (theme, *after))
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src {allowed}"
    head = join(
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("title", title),
        tag("style", Html("\n".join([asset("page.css"), *styles]))),
        tag("script", Html(theme)),
    )
    header = tag(
        "header",
        tag("div", tag("span", "fgit", class_="logo"), tag("h1", title), class_="brand"),
        tag("p", subtitle, class_="sub"),
        tag("button", "", id="theme", type="button", title="Light, dark, or as the system has it"),
        class_="top",
    )
    if data is not None:
        body = join(body, tag("noscript", tag("p", WITHOUT_SCRIPTS)), data_block(data))
    document = tag(
        "html",
        tag("head", head),
        tag("body", header, tag("main", body), *(tag("script", Html(script)) for script in after)),
        lang="en",
    )
    return f"<!doctype html>\n{document}\n"


def digest(script: str) -> str:
    """The hash by which a policy names a script: SHA-256, base64."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def data_block(data: Any) -> Html:
    """Data as JSON in an element that no browser runs. Only `<` could end it, and JSON may write that as an escape."""
    return tag("script", Html(orjson.dumps(data).decode().replace("<", "\\u003c")), id="data", type="application/json")
