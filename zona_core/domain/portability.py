"""What must not travel with an app: literal secrets in its configuration (SPEC §4.2).

Secrets belong in instances, which never travel. An author may have written one into an app all the same: a token in a
header, a password in a URL. What a name, its place or its own shape says to be secret, and is no template, is left out
and told. Of texts for people only what has the shape of a secret.
"""

from __future__ import annotations

import re
from typing import Any, Final

from attrs import define, field

from .secret_names import says_credential, says_secret
from .secret_texts import is_supplied, may_be_dirty, without_named, without_shapes

__all__ = ["RULES", "without_secrets"]

#: the version of what is found here and in ``secret_names`` and ``secret_texts``: whatever changes that raises it, and
#: what was stored before is looked at again
RULES: Final = 1

#: in fewer characters there is no secret by its shape or with its name
_SHORTEST: Final = 8
_LOOKED_INTO: Final = frozenset({dict, list, tuple})
#: parts of a request that have credentials (those of a path name things)
_LOCATIONS: Final = ("query", "header", "cookie")
#: whose value names what is around it, or tells its kind
_NAMING: Final = ("name", "key", "type")
#: names known to say nothing, how many are remembered, and how long they may be
_HARMLESS: Final[set[str]] = set()
_MOST_NAMES: Final = 10_000
_LONGEST_REMEMBERED: Final = 64
#: what holds the value of what the mapping names, or describes it with values of its own (JSON Schema)
_VALUES: Final = frozenset({
    "value", "default", "example", "examples", "const", "enum", "choices",
    "schema", "items", "anyOf", "oneOf", "allOf",
})  # fmt: skip
#: what may be one of these words, whatever it belongs to, and what need not be there at all
_CHOSEN: Final = frozenset({"enum", "choices"})
_OPTIONAL: Final = frozenset({"default", "example"})
_CHOICE: Final = re.compile(r"[A-Za-z][A-Za-z_ -]{0,23}")
#: what a value is, rather than a value: kept whatever it belongs to
_DESCRIBING: Final = frozenset({"type", "in", "name", "kind", "$ref", "format"})
_DESCRIPTIONS: Final = frozenset({"$ref", "kind", "in", "properties", "items", "anyOf", "oneOf", "allOf", "enum"})
_SCHEMA_TYPES: Final = frozenset({"object", "array", "string", "number", "integer", "boolean", "null"})
#: texts for people: never secret by the name of what is around them
_PROSE: Final = frozenset({"description", "help", "label", "summary"})
#: and names: kept whatever they look like
_TEXTS: Final = _PROSE | {"title", "name", "task_tag", "logo"}
#: mappings by names of headers, parameters, variables; and by names of what their values, paths, lead to
_CREDENTIAL_PLACES: Final = frozenset({"headers", "cookies", "parameters", "environment", "env"})
_MAPPINGS: Final = frozenset({"field_mapping", "data_mapping"})
#: the http handler's authentication schemes, and what is secret in one: many an API's key is sent as a user's name
_AUTH: Final = "auth"
_SCHEME: Final = "auth/"
_OF_SCHEME: Final = frozenset({"value", "token", "username", "password", "client_secret"})
_PLACES: Final = _CREDENTIAL_PLACES | {_AUTH}
#: a mapping with one of these needs a second look
_TELLING: Final = _PLACES.union(_NAMING, ("in",))
#: an argument of a command: ``--password=hunter2``, or ``--password`` and the next one
_OPTION: Final = re.compile(r"--?([A-Za-z][\w.-]{0,100})(?:=(.*))?", re.DOTALL)
#: in a number with fewer there is no secret
_FEWEST_DIGITS: Final = 4
_GONE: Final = object()


def without_secrets(value: Any, path: str = "") -> tuple[Any, list[str]]:
    """``value`` (JSON data) without literal secrets, and the paths where there was one; the same object if none was."""
    cleaner = _Cleaner()
    return (cleaner.clean(value, path, secret=False) if _suspicious(value) else value), cleaner.found


def _suspicious(value: Any) -> bool:
    """Whether there may be a secret in it: a quick look without recursion, as most data has none."""
    texts: set[str] = set()
    stack = [value]
    while stack:
        part = stack.pop()
        if isinstance(part, dict):
            if not _HARMLESS.issuperset(part) and any(map(_may_be_secret, part)):
                return True
            if not _TELLING.isdisjoint(part) and _tells(part):
                return True
            for item in part.values():
                kind = type(item)
                if kind is str:
                    texts.add(item)
                elif kind in _LOOKED_INTO:
                    stack.append(item)
        elif isinstance(part, str):
            # It may be an option of a command, and the next one what its name is about.
            if part.startswith("-") or _is_dirty(part):
                return True
        else:
            stack += (item for item in part if type(item) in _LOOKED_INTO or type(item) is str)
    # One look at all of them tells most often that there is nothing in any.
    return may_be_dirty("\n".join(texts)) and any(map(_is_long_and_dirty, texts))


def _is_long_and_dirty(text: str) -> bool:
    return len(text) >= _SHORTEST and may_be_dirty(text) and _is_dirty(text)


def _tells(value: dict[str, Any]) -> bool:
    """Whether a mapping says that it has a secret: of itself, or by names that are secret in their place."""
    for naming in _NAMING:
        if naming in value:
            said = value[naming]
            if type(said) is str and said not in _HARMLESS and _may_be_secret(said):
                return True
    if "in" in value and value["in"] in _LOCATIONS and says_credential(value.get("name")):
        return True
    if _PLACES.isdisjoint(value):
        return False
    places = ((name, item) for name, item in value.items() if name in _PLACES and type(item) is dict)
    return any(name == _AUTH or any(map(says_credential, item)) for name, item in places)


def _may_be_secret(name: Any) -> bool:
    """Whether a name says so; one that does not is remembered."""
    if says_secret(name):
        return True
    if len(_HARMLESS) < _MOST_NAMES and len(str(name)) <= _LONGEST_REMEMBERED:
        _HARMLESS.add(name)
    return False


@define
class _Cleaner:
    """Goes through data; ``found`` are the paths of what it left out."""

    found: list[str] = field(factory=list)

    def clean(self, value: Any, path: str, *, secret: bool, around: str = "") -> Any:
        """``value`` without secrets. ``secret``: its name says that it is one; ``around``: what it is an entry of."""
        if isinstance(value, str):
            return self._text(value, path, secret=secret)
        if isinstance(value, dict):
            return self._mapping(value, path, secret=secret, around=around)
        if isinstance(value, list | tuple):
            return self._list(value, path, secret=secret)
        return self._told("", path) if secret and _is_long_number(value) else value

    def _mapping(self, value: dict[str, Any], path: str, *, secret: bool, around: str) -> dict[str, Any]:
        described = around != _SCHEME and (secret or _names_secret(value))
        plain = secret and not _describes(value)
        changed = {}
        for name, item in value.items():
            inner = f"{path}.{name}" if path else str(name)
            if isinstance(item, str) and name in _TEXTS:
                new = self._prose(item, inner) if name in _PROSE else item
            elif described and name in _VALUES:
                new = self._of_secret(name, item, inner)
            else:
                entry = _SCHEME if around == _AUTH else str(name)
                new = self.clean(item, inner, secret=_is_secret(name, item, around, plain=plain), around=entry)
            if new is not item:
                changed[name] = new
        return {name: new for name, new in {**value, **changed}.items() if new is not _GONE} if changed else value

    def _of_secret(self, name: str, item: Any, path: str) -> Any:
        """What stands under ``name`` in the description of something secret."""
        if name in _CHOSEN and isinstance(item, list | tuple):
            kept = [each if isinstance(each, str) and _CHOICE.fullmatch(each) else "" for each in item]
            return item if kept == list(item) else self._told(kept, path)
        new = self.clean(item, path, secret=True)
        return _GONE if new == "" and new is not item and name in _OPTIONAL else new

    def _list(self, value: list[Any] | tuple[Any, ...], path: str, *, secret: bool) -> Any:
        cleaned, follows = [], False
        for index, item in enumerate(value):
            name, given = _option(item)
            new = self.clean(item, f"{path}[{index}]", secret=secret or (follows and not name))
            if new is item and given and says_secret(name) and not is_supplied(given):
                new = self._told(item.removesuffix(given), f"{path}[{index}]")
            cleaned.append(new)
            follows = not given and says_secret(name)
        return cleaned if any(new is not old for new, old in zip(cleaned, value, strict=True)) else value

    def _text(self, text: str, path: str, *, secret: bool) -> Any:
        if (secret and text and not is_supplied(text)) or without_shapes(text) != text:
            return self._told("", path)
        bare = without_named(text)
        return text if bare == text else self._told(bare, path)

    def _prose(self, text: str, path: str) -> Any:
        masked = without_shapes(text)
        return text if masked == text else self._told(masked, path)

    def _told(self, new: Any, path: str) -> Any:
        self.found.append(path)
        return new


def _is_secret(name: str, item: Any, around: str, *, plain: bool) -> bool:
    """Whether an entry is secret by its name or its place. ``plain``: what it is an entry of is, as a whole."""
    if (around == _AUTH and isinstance(item, dict)) or around in _MAPPINGS:
        return False
    if plain or (around == _SCHEME and name in _OF_SCHEME):
        return name not in _DESCRIBING
    says = says_credential if around in _CREDENTIAL_PLACES else says_secret
    counts = type(item) in (int, float) and name.lower().endswith("s")  # ``tokens: 4096``
    return says(name) and not counts


def _names_secret(value: dict[str, Any]) -> bool:
    """Whether a mapping says of itself that its value is secret."""
    says = says_credential if value.get("in") in _LOCATIONS else says_secret
    return any(map(says, filter(None, map(value.get, _NAMING))))


def _describes(value: dict[str, Any]) -> bool:
    """Whether a mapping is the description of a value: a schema, a field, a parameter."""
    kind = value.get("type")
    is_kind = isinstance(kind, list) or (isinstance(kind, str) and kind in _SCHEMA_TYPES)
    return is_kind or not _DESCRIPTIONS.isdisjoint(value)


def _option(argument: Any) -> tuple[str, str]:
    """The name of an option of a command, and its value if it has that with it; empty if it is none."""
    found = _OPTION.fullmatch(argument) if isinstance(argument, str) else None
    return (found[1], found[2] or "") if found else ("", "")


def _is_dirty(text: str) -> bool:
    return without_shapes(text) != text or without_named(text) != text


def _is_long_number(value: Any) -> bool:
    return type(value) in (int, float) and sum(map(str.isdigit, repr(value))) >= _FEWEST_DIGITS
