"""Models become documents and come back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from typing import Any, ClassVar

import orjson
import pytest
from attrs import Factory, define, field, frozen, setters
from hypothesis import given
from hypothesis import strategies as st

from zona_core.domain.apps import AppStatus, Integration, RetryPolicy, Task
from zona_core.domain.fields import Field, FieldKind, Rules
from zona_core.domain.instances import Credential, Instance
from zona_core.domain.runs import Attempt, Execution, RunStatus
from zona_core.domain.secrets import Secret
from zona_core.domain.tenants import Tenant
from zona_core.errors import StoreUnavailable
from zona_core.persistence import _codegen
from zona_core.persistence.collections import APPS, INSTANCES
from zona_core.persistence.converter import datetime_text, new_converter
from zona_core.persistence.database import Database
from zona_core.persistence.tenancy import tenant_collection
from zona_core.testing.memory_store import MemoryStore

CONVERTER = new_converter(text_datetimes=True)
NOW = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)


@given(st.datetimes(timezones=st.timezones()))
def test_datetimes_come_back_equal_and_in_utc(moment: datetime) -> None:
    """Every aware datetime has one text, which means the same moment."""
    try:
        text = CONVERTER.unstructure(moment)
    except OverflowError:
        assert moment.year in (1, 9999)
        return
    found = CONVERTER.structure(text, datetime)
    assert found.tzinfo is UTC
    assert found == moment.astimezone(UTC)
    assert len(text) == 27


@given(st.lists(st.datetimes(timezones=st.just(UTC)), min_size=2))
def test_the_order_of_texts_is_the_order_of_times(moments: list[datetime]) -> None:
    """Sorting texts sorts times."""
    assert sorted(map(datetime_text, moments)) == [datetime_text(moment) for moment in sorted(moments)]


def test_datetimes_have_one_form() -> None:
    """UTC, six digits, Z; without a zone there is no form."""
    assert datetime_text(datetime(2024, 1, 2, 3, tzinfo=UTC)) == "2024-01-02T03:00:00.000000Z"
    assert (
        datetime_text(datetime(2024, 1, 2, 3, 4, 5, 6, timezone(timedelta(hours=2)))) == "2024-01-02T01:04:05.000006Z"
    )
    with pytest.raises(ValueError, match="without time zone"):
        datetime_text(datetime(2024, 1, 2))  # noqa: DTZ001  # without a zone on purpose
    with pytest.raises(ValueError, match="no time zone"):
        CONVERTER.structure("2024-01-02T03:04:05", datetime)


def test_a_database_with_times_of_its_own_gets_datetimes() -> None:
    """Without text datetimes they pass as they are."""
    converter = new_converter(text_datetimes=False)
    document = converter.unstructure(Attempt(started_at=NOW, duration_ms=1.0, status=RunStatus.SUCCESS))
    assert document == {"started_at": NOW, "duration_ms": 1.0, "status": "success"}
    assert converter.structure(document, Attempt).started_at is NOW


def test_defaults_are_left_out_of_parts() -> None:
    """Of a part of a document only what differs from its defaults is written, and its states."""
    assert CONVERTER.unstructure(Field(name="a")) == {"name": "a", "kind": "text"}
    assert CONVERTER.unstructure(Field(name="a", item_kind=FieldKind.URL, rules=Rules(maximum=3))) == {
        "name": "a",
        "kind": "text",
        "item_kind": "url",
        "rules": {"maximum": 3},
    }
    assert CONVERTER.unstructure(RetryPolicy(attempts=3)) == {"attempts": 3}


def test_documents_keep_what_queries_ask_for() -> None:
    """States, booleans and numbers of a document are written in any case; empty texts and collections are not."""
    credential = Credential(id=1, title="t", rotated_ts=NOW, created_ts=NOW, updated_ts=NOW)
    assert CONVERTER.unstructure(credential) == {
        "id": 1,
        "title": "t",
        "deleted": False,
        "revision": 0,
        **dict.fromkeys(("rotated_ts", "created_ts", "updated_ts"), "2024-05-06T07:08:09.000000Z"),
    }
    task = CONVERTER.unstructure(
        Task(id=1, integration_id=2, name="n", task_tag="t", task_handler="h", created_ts=NOW, updated_ts=NOW)
    )
    assert (task["status"], task["timeout"], task["execution_order"]) == ("active", 60.0, 0)
    assert not {"description", "inputs", "outputs", "error_handling", "logo"} & task.keys()


def test_a_document_is_json() -> None:
    """A document is made of plain JSON types, enum members and tuples included."""
    app = Integration(
        integration_id=1,
        title="t",
        status=AppStatus.DRAFT,
        fields=(Field(name="c", kind=FieldKind.CHOICE, choices=("a", 1)),),
        created_ts=NOW,
        updated_ts=NOW,
    )
    document = CONVERTER.unstructure(app)
    assert orjson.loads(orjson.dumps(document, option=orjson.OPT_PASSTHROUGH_SUBCLASS)) == document
    assert type(document["status"]) is str
    assert document["fields"] == [{"name": "c", "kind": "choice", "choices": ["a", 1]}]


MODELS: list[Any] = [
    Integration(integration_id=1, title="t", created_ts=NOW, updated_ts=NOW),
    Integration(
        integration_id=1,
        title="t",
        fields=(
            Field(name="a", id=1, kind=FieldKind.LIST, item_kind=FieldKind.FILE, schema={}, default=False, example=0),
            Field(name="b", rules=Rules(integer=True, pattern="x"), choices=(None, "")),
        ),
        metadata={"when": "now", "nested": [{}]},
        generic_app=False,
        created_ts=NOW,
        updated_ts=NOW,
    ),
    Execution(
        id="x",
        integration_id=1,
        task_id=2,
        app_title="a",
        task_tag="t",
        results={},
        error=None,
        attempts=(Attempt(started_at=NOW, duration_ms=0.5, status=RunStatus.TIMEOUT, error={}),),
        created_at=NOW,
        started_at=NOW,
    ),
    Tenant(tenant_code="t", name="n", created_ts=NOW, updated_ts=NOW),
]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_models_come_back_equal(model: Any) -> None:
    """What was written as JSON text is read as an equal model, empty values included."""
    document = orjson.loads(orjson.dumps(CONVERTER.unstructure(model)))
    found = CONVERTER.structure(document, type(model))
    assert found == model
    assert type(found) is type(model)


def test_a_model_that_was_read_is_as_immutable_as_one_that_was_made() -> None:
    """The shortcut by which models are read leaves no way to alter them."""
    read = CONVERTER.structure({"name": "a"}, Field)
    with pytest.raises(AttributeError):
        read.name = "b"
    assert repr(read) == repr(Field(name="a"))


def test_containers_are_not_shared_between_models() -> None:
    """Each model has default collections of its own."""
    first, second = (
        CONVERTER.structure(
            {"instance_id": 1, "integration_id": 1, "title": "t", "created_ts": text, "updated_ts": text}, Instance
        )
        for text in [datetime_text(NOW)] * 2
    )
    first.values["a"] = 1
    assert second.values == {}


def test_what_is_unknown_is_ignored_and_what_is_missing_is_the_default() -> None:
    """Documents of other versions are read."""
    found = CONVERTER.structure({"_id": "k", "name": "a", "later": {"x": 1}}, Field)
    assert found == Field(name="a")
    with pytest.raises(KeyError, match="name"):
        CONVERTER.structure({}, Field)


def test_an_unknown_state_is_an_error_that_names_it() -> None:
    """A value that no member has is not read as anything."""
    with pytest.raises(ValueError, match="'odd' is not a valid FieldKind"):
        CONVERTER.structure({"name": "a", "kind": "odd"}, Field)


def test_secrets_pass_in_both_directions() -> None:
    """A Secret stays the object that it is."""
    secret = Secret("x")
    credential = Credential(id=1, title="t", secrets={"k": secret}, rotated_ts=NOW, created_ts=NOW, updated_ts=NOW)
    document = CONVERTER.unstructure(credential)
    assert document["secrets"]["k"] is secret
    assert CONVERTER.structure(document, Credential).secrets["k"] is secret
    assert CONVERTER.unstructure(secret) is secret


class _Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@define(kw_only=True)
class _Checked:
    """A class whose __init__ does more than set attributes."""

    size: int = field(default=1, converter=int)
    colour: _Colour = _Colour.RED
    _hidden: str = ""
    twice: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.twice = 2 * self.size


@define(kw_only=True, on_setattr=setters.frozen)
class _Tree:
    """A class that holds itself."""

    name: str
    children: tuple[_Tree, ...] = ()
    parent: _Tree | None = None
    colours: dict[str, _Colour] = Factory(dict)
    at: datetime | None = None


def test_classes_with_more_in_their_init_are_read_through_it() -> None:
    """Converters, private names and post-init work as attrs says."""
    found = CONVERTER.structure({"size": "4", "hidden": "h", "_hidden": "h", "colour": "blue"}, _Checked)
    assert (found.size, found.twice, found.colour, found._hidden) == (4, 8, _Colour.BLUE, "h")
    assert CONVERTER.unstructure(_Checked())["colour"] == "red"


def test_recursive_classes_are_read_and_written() -> None:
    """A class may hold itself, mappings of enum members and optional times."""
    tree = _Tree(
        name="root",
        children=(_Tree(name="a", colours={"x": _Colour.BLUE}), _Tree(name="b", at=NOW)),
        parent=_Tree(name="up"),
    )
    document = orjson.loads(orjson.dumps(CONVERTER.unstructure(tree)))
    assert document["children"][1] == {"name": "b", "at": "2024-05-06T07:08:09.000000Z"}
    assert CONVERTER.structure(document, _Tree) == tree


def test_a_recursive_class_costs_one_function(monkeypatch: pytest.MonkeyPatch) -> None:
    """Making a class's functions does not begin anew for each level of itself."""
    made: list[Any] = []
    compiled = _codegen.Source.compiled
    monkeypatch.setattr(_codegen.Source, "compiled", lambda *given: made.append(given) or compiled(*given))
    converter = new_converter(text_datetimes=True)
    tree = converter.structure({"name": "a", "children": [{"name": "b"}], "parent": {"name": "c"}}, _Tree)
    assert len(made) == 1
    converter.unstructure(tree)
    assert len(made) == 2


@define(kw_only=True, on_setattr=setters.frozen)
class _Definition:
    """A base class."""

    name: str
    size: int = 1
    colour: _Colour = _Colour.RED
    parts: tuple[_Tree, ...] = ()
    values: dict[str, Any] = Factory(dict)


@define(kw_only=True, on_setattr=setters.frozen)
class _Stored(_Definition):
    """A subclass with attributes before and after the inherited ones, and another default of one of those."""

    id: int
    size: int = 5
    at: datetime | None = None
    revision: int = 0


@define(kw_only=True, on_setattr=setters.frozen)
class _Special(_Stored):
    """A subclass of the subclass, which holds one of the first."""

    inner: _Definition | None = None


def test_inherited_attributes_are_attributes() -> None:
    """Subclasses are written and read with what they inherit, their own defaults, and as their own class."""
    tree = _Tree(name="t")
    models = [
        _Definition(name="a", parts=(tree,)),
        _Stored(id=1, name="a"),
        _Stored(id=1, name="a", size=1, colour=_Colour.BLUE, parts=(tree,), values={"x": None}, at=NOW),
        _Special(id=2, name="b", inner=_Definition(name="c", size=0)),
    ]
    for model in models:
        found = CONVERTER.structure(orjson.loads(orjson.dumps(CONVERTER.unstructure(model))), type(model))
        assert (type(found), found, repr(found)) == (type(model), model, repr(model))
        with pytest.raises(AttributeError):
            found.name = "other"
    assert CONVERTER.unstructure(models[1]) == {"name": "a", "colour": "red", "id": 1, "size": 5, "revision": 0}
    assert CONVERTER.structure({"name": "a", "id": 1}, _Stored).size == 5
    assert CONVERTER.structure({"name": "a"}, _Definition).size == 1


@define(kw_only=True)
class _Lenient:
    """Attributes of several types whose defaults are as empty as, or equal to, other values."""

    text: str | None = ""
    number: Any = 0
    flag: Any = False
    rows: tuple[str, ...] | None = ()
    lists: list[int] = Factory(lambda: [1])


@define(kw_only=True, slots=False)
class _LenientBySlowRoad(_Lenient):
    """The same, left to cattrs."""


@pytest.mark.parametrize("kind", [_Lenient, _LenientBySlowRoad])
def test_no_value_is_taken_for_the_default(kind: type[Any]) -> None:
    """None is not the empty text, False is not 0, an empty list is not the default: each comes back."""
    changes: list[dict[str, Any]] = [
        {},
        {"text": None},
        {"number": False},
        {"number": 0.0},
        {"number": ""},
        {"flag": 0},
        {"flag": None},
        {"rows": None},
        {"lists": []},
    ]
    for change in changes:
        model = kind(**change)
        found = CONVERTER.structure(orjson.loads(orjson.dumps(CONVERTER.unstructure(model))), kind)
        assert repr(found) == repr(model)


@define(kw_only=True)
class _OwnInit:
    """A class with a hand-written __init__."""

    size: int = 0

    def __init__(self, size: int) -> None:
        self.__attrs_init__(size=2 * size)


@frozen(kw_only=True, cache_hash=True)
class _Hashed:
    """A class whose __init__ also makes room for its hash."""

    size: int = 0


class _Registry:
    """A class that is told of its subclasses."""

    __slots__ = ()
    names: ClassVar[list[str]] = []

    def __init_subclass__(cls) -> None:
        _Registry.names.append(cls.__name__)


@define(kw_only=True)
class _Registered(_Registry):
    """One of them."""

    size: int = 0


def test_classes_with_an_init_of_their_own_are_read_through_it() -> None:
    """A hand-written __init__, a cached hash, a registry of subclasses: nothing is left out and nothing added."""
    assert CONVERTER.structure({"size": 2}, _OwnInit).size == 4
    assert hash(CONVERTER.structure({"size": 2}, _Hashed)) == hash(_Hashed(size=2))
    known = list(_Registry.names)
    assert CONVERTER.structure({"size": 2}, _Registered) == _Registered(size=2)
    assert _Registry.names == known


DAMAGE: list[tuple[dict[str, Any], str]] = [
    ({"title": ...}, "'title' is missing"),
    ({"status": "odd"}, "'odd' is not a valid AppStatus"),
    ({"status": ["active"]}, "unhashable"),
    ({"fields": None}, "not iterable"),
    ({"fields": [7]}, "not iterable"),
    ({"fields": [{}]}, "'name' is missing"),
    ({"created_ts": "yesterday"}, "Invalid isoformat"),
    ({"created_ts": 5}, "must be str"),
    ({"created_ts": "2024-01-01T00:00:00"}, "no time zone"),
]


@pytest.mark.parametrize(("damage", "reason"), DAMAGE, ids=lambda value: str(value)[:30])
def test_a_damaged_document_is_named(damage: dict[str, Any], reason: str) -> None:
    """Whoever reads a document that is no model any more is told collection, key and what does not fit."""
    store = MemoryStore()
    database = Database(store, lambda: None)  # type: ignore[arg-type,return-value]  # apps have no secrets
    app = CONVERTER.unstructure(Integration(integration_id=1, title="t", created_ts=NOW, updated_ts=NOW))
    document = {name: value for name, value in {**app, **damage}.items() if value is not ...}
    tenant_collection(store, APPS.spec, "acme").insert({"_id": "1", **document})
    apps = database.tenant("acme").apps
    for read in (lambda: apps.get(1), apps.find, lambda: apps.need(1), apps.all):
        with pytest.raises(StoreUnavailable, match=reason) as caught:
            read()
        assert (caught.value.code, caught.value.details) == ("document_damaged", {"collection": "apps", "key": "1"})


def test_damaged_secrets_are_named() -> None:
    """Values that are no mapping are a damaged document, too."""
    store = MemoryStore()
    document = {"_id": "1", "instance_id": 1, "integration_id": 1, "title": "t", "values": None}
    times = dict.fromkeys(("created_ts", "updated_ts"), datetime_text(NOW))
    tenant_collection(store, INSTANCES.spec, "acme").insert({**document, **times})
    with pytest.raises(StoreUnavailable) as caught:
        Database(store, lambda: None).tenant("acme").instances.get(1)  # type: ignore[arg-type,return-value]
    assert caught.value.code == "document_damaged"
