"""What lies beside rules in SigmaHQ's collection: regression tests; and files of values for placeholders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from zona_core.domain.detection import RegressionTest, RuleFault
from zona_core.errors import Fault, InvalidInput

__all__ = ["placeholders_in", "tests_in"]


def tests_in(origin: str, text: str) -> Iterator[RegressionTest]:
    """The tests of one ``info.yml``, which may have none; never raises for what it says."""
    try:
        info = yaml.load(text, yaml.CSafeLoader)
        tests = info.get("regression_tests_info") or []
        rules = tuple(str(each["id"]) for each in info["rule_metadata"])
    except (yaml.YAMLError, RecursionError, AttributeError, ValueError, TypeError, KeyError):
        tests, rules = None, ()
    if not rules or not isinstance(tests, list):
        message = "the file is no YAML with rule_metadata, a list of rules by id, and regression_tests_info"
        yield _unusable(origin, message)
        return
    for number, test in enumerate(tests):
        yield _test(origin, rules, test, f"regression_tests_info[{number}]")


def _test(origin: str, rules: tuple[str, ...], test: Any, where: str) -> RegressionTest:
    if not isinstance(test, dict) or not isinstance(test.get("path"), str):
        return _unusable(origin, "a test names the file of its events", f"{where}.path", rules)
    count = test.get("match_count")
    if count is not None and (isinstance(count, bool) or not isinstance(count, int) or count < 0):
        return _unusable(origin, "how often a rule fires is a whole number", f"{where}.match_count", rules)
    return RegressionTest(origin=origin, name=str(test.get("name") or ""), rules=rules, path=test["path"], count=count)


def _unusable(origin: str, message: str, path: str = "", rules: tuple[str, ...] = ()) -> RegressionTest:
    fault = RuleFault(code="invalid_test", message=message, path=path)
    return RegressionTest(origin=origin, rules=rules, unusable=fault)


def placeholders_in(text: str) -> Mapping[str, Sequence[str]]:
    """Values by placeholder; raises ``InvalidInput`` (``invalid_placeholders``)."""
    try:
        given = yaml.load(text, yaml.CSafeLoader)
    except (yaml.YAMLError, RecursionError, ValueError) as exc:
        raise _no_placeholders(Fault("", "it is not YAML that can be read", "name: [value, …]")) from exc
    if not isinstance(given, dict):
        raise _no_placeholders(Fault("", "it is no mapping", "name: [value, …]"))
    values: dict[str, Sequence[str]] = {}
    for name, value in given.items():
        listed = value if isinstance(value, list) else [value]
        if not all(isinstance(each, str | int | float) for each in listed):
            raise _no_placeholders(Fault(str(name), "it has no values", "a text, a number, or a list of these"))
        values[str(name).strip("%")] = [str(each) for each in listed]
    return values


def _no_placeholders(fault: Fault) -> InvalidInput:
    return InvalidInput(
        f"The values of placeholders cannot be used: {fault}", code="invalid_placeholders", faults=(fault,)
    )
