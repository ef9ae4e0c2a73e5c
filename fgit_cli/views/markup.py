"""HTML whose text is escaped because of how it is made: `tag` escapes every child that is not markup already."""

from html import escape


class Html(str):
    """Text that is markup; any other string is text."""

    __slots__ = ()


def text(value: str) -> Html:
    """Text as markup. What no page may hold (control characters but tab and newline) is shown as a picture of it."""
    shown = "".join(chr(0x2400 + ord(c)) if ord(c) < 32 and c not in "\n\t" else c for c in value)
    return Html(escape(shown, quote=True))


def join(*children: str) -> Html:
    return Html("".join(child if isinstance(child, Html) else text(child) for child in children))


def tag(element: str, /, *children: str, **attributes: str | bool | None) -> Html:
    """An element. `class_` and `for_` lose their underscore, other underscores become hyphens; True is a bare
    attribute, False and None leave it out."""
    written = ""
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        key = key.removesuffix("_").replace("_", "-")
        written += f" {key}" if value is True else f' {key}="{text(str(value))}"'
    inside = join(*children)
    return Html(f"<{element}{written}>" if element in VOID else f"<{element}{written}>{inside}</{element}>")


VOID = ("br", "hr", "input", "meta")
