"""``configuration``: what an instance is set up with → fields."""

from __future__ import annotations

from typing import Final

from zona_core.domain.fields import Field, FieldKind
from zona_drafts.fields import FieldList, with_default, with_options
from zona_drafts.reading import Part
from zona_xsoar._keys import PARAMETER

__all__ = ["read_fields"]

_MOST: Final = 1_000

_KINDS: Final = {
    0: FieldKind.TEXT,  # short text
    1: FieldKind.NUMBER,
    4: FieldKind.SECRET,  # encrypted
    8: FieldKind.BOOLEAN,
    12: FieldKind.TEXT,  # long text
    13: FieldKind.TEXT,  # type of incidents: the values are the installation's
    14: FieldKind.SECRET,  # long, encrypted
    15: FieldKind.TEXT,  # single select
    16: FieldKind.TEXT,  # multiple select
    17: FieldKind.TEXT,  # policy of expiration
    18: FieldKind.TEXT,  # reputation of what a feed brings
    19: FieldKind.NUMBER,  # interval in minutes
    21: FieldKind.TEXT,  # days
}
_CREDENTIALS: Final = 9
_MULTIPLE: Final = 16
_WITH_OPTIONS: Final = (15, _MULTIPLE, 17, 18)
#: a link, a heading, the place of a result, the place of the engine: nothing that has a value
_NO_VALUE: Final = (11, 20, 22, 23)


def read_fields(root: Part) -> tuple[Field, ...]:
    """The fields of an instance, in the order of the parameters."""
    fields = FieldList()
    for part in root.parts("configuration", _MOST):
        part.only(*PARAMETER)
        name = part.name()
        if not name or _is_hidden(part):
            continue
        kind = part.data.get("type")
        if isinstance(kind, str) and kind.strip().isdecimal():
            kind = int(kind[:10])
        if isinstance(kind, bool) or not isinstance(kind, int):
            kind = -1
        if kind == _CREDENTIALS:
            _add_credentials(fields, part, name)
        elif kind in _NO_VALUE:
            part.warn("", "the parameter has no value of its own; it is left out")
        else:
            fields.add(_field(part, kind), name)
    return fields.fields()


def _is_hidden(part: Part) -> bool:
    """Whether XSOAR itself does not show the parameter; ``hidden`` may list the products that do not."""
    hidden = part.data.get("hidden")
    if "xsoar" in hidden if isinstance(hidden, list) else part.flag("hidden"):
        part.warn("", "the parameter is hidden; it is left out")
        return True
    return False


def _field(part: Part, kind: int) -> Field:
    if kind not in _KINDS:
        part.warn("type", "the type is not known; the value is taken as text", "0-23")
    field = Field(
        name="",
        label=part.line("display"),
        kind=_KINDS.get(kind, FieldKind.TEXT),
        required=part.flag("required"),
        help=part.prose("additionalinfo", 2_000),
    )
    if kind in _WITH_OPTIONS:
        field = with_options(field, part, "options", several=kind == _MULTIPLE)
        if not part.data.get("options"):
            part.warn("options", "there are no options to select; any value is taken", "a list of texts")
    return with_default(field, part, "defaultvalue")


def _add_credentials(fields: FieldList, part: Part, name: str) -> None:
    """A pair of user and password; either may be hidden, as where the password is a key that belongs to no user."""
    display, required, info = part.line("display"), part.flag("required"), part.prose("additionalinfo", 2_000)
    has_user, has_password = not part.flag("hiddenusername"), not part.flag("hiddenpassword")
    if not has_user and not has_password:
        part.warn("", "user and password are both hidden; the parameter is left out")
    if has_user:
        user = Field(name="", label=display, required=required, help=info)
        fields.add(with_default(user, part, "defaultvalue"), f"{name}_identifier")
    if has_password:
        label = part.line("displaypassword") or ("Password" if has_user else display)
        password = Field(name="", label=label, kind=FieldKind.SECRET, required=required, help=info)
        fields.add(password if has_user else with_default(password, part, "defaultvalue"), f"{name}_password")
