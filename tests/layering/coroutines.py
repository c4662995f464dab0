"""Finds coroutines whose parameters are references or views: what they refer to may be gone when they start."""

import re

KEYWORD = re.compile(r"\bco_(?:await|return|yield)\b")
DECLARED = re.compile(r"\bawaitable<[^;{}()]*>\s+(?:\w+::)*(\w+)\s*\(")
NOT_A_FUNCTION = re.compile(r"\b(?:if|for|while|switch|catch|constexpr)\s*$")
VIEW = re.compile(r"&|\b(?:string_view|span|Sql)\b")
# Blanked before anything is looked for, line by line, so that positions stay.
ASIDE = re.compile(r"//[^\n]*|\"(?:\\.|[^\"\\\n])*\"")


def without_template_arguments(text: str) -> str:
    inner = re.compile(r"<[^<>]*>")
    while inner.search(text):
        text = inner.sub("", text)
    return text


def parameters_at(text: str, opening: int) -> str:
    """What stands between the parenthesis at `opening` and its partner."""
    depth = 0
    for position in range(opening, len(text)):
        depth += {"(": 1, ")": -1}.get(text[position], 0)
        if depth == 0:
            return text[opening + 1 : position]
    return ""


def function_around(text: str, position: int) -> tuple[str, str] | None:
    """Name and parameters of the function, or of the lambda ("]"), whose body `position` is in."""
    depth = 0
    for place in range(position - 1, -1, -1):
        depth += {"}": 1, "{": -1}.get(text[place], 0)
        if depth >= 0:
            continue
        depth = 0
        # The head is what comes before the brace, back to the end of the declaration in front of it.
        start = max(text.rfind(end, 0, place) for end in ";{}") + 1
        head = text[start:place]
        opening = head.find("(")
        while opening >= 0:
            before = head[:opening].rstrip()
            name = re.search(r"(\w+|\])$", without_template_arguments(before))
            if name and not NOT_A_FUNCTION.search(before) and name.group(1) not in ("requires", "decltype"):
                return name.group(1), parameters_at(head, opening)
            opening = -1 if NOT_A_FUNCTION.search(before) else head.find("(", opening + 1)
    return None


def complaints(name: str, text: str) -> list[str]:
    text = ASIDE.sub(lambda found: " " * len(found.group()), text)
    found: dict[tuple[str, str], int] = {}
    for keyword in KEYWORD.finditer(text):
        function = function_around(text, keyword.start())
        if function:
            found.setdefault(function, keyword.start())
    for declared in DECLARED.finditer(text):
        found.setdefault((declared.group(1), parameters_at(text, declared.end() - 1)), declared.start())
    return [
        f"{name}:{text.count(chr(10), 0, place) + 1}: the coroutine {function} takes a reference or a view: ({parameters})"
        for (function, parameters), place in found.items()
        if VIEW.search(without_template_arguments(parameters))
    ]
