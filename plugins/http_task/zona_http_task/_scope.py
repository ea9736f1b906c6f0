"""What templates see in one call, and which secrets came up in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from zona_core.domain.redaction import Redactor
from zona_core.domain.secrets import Secret
from zona_core.errors import TaskFailed
from zona_templates.templates import EVERYTHING, Expression, Reference, Template, TemplateError, text_of

__all__ = ["Scope", "Structure"]

#: JSON data with templates in the place of strings
Structure = Template | Mapping[str, "Structure"] | tuple["Structure", ...] | str | int | float | bool | None


class Scope:
    """The values that templates are rendered with.

    A ``Secret`` is opened when the first expression that names it is rendered, and told to ``conceal`` at once,
    so that it is masked in whatever comes back.
    """

    def __init__(
        self,
        *,
        instance: Mapping[str, Any],
        inputs: Mapping[str, Any],
        run: Mapping[str, Any],
        conceal: Callable[[str], None],
    ) -> None:
        self._roots: Mapping[str, Mapping[str, Any]] = {"instance": instance, "input": inputs, "run": run}
        self._plain: dict[tuple[str, str], Any] = {}
        self._tell = conceal
        self._redactor = Redactor()

    def value(self, expression: Expression) -> Any:
        """What the expression gives; raises ``TaskFailed`` (``invalid_request``) if it does not fit the values."""
        try:
            return expression.value(self._seen_by(expression))
        except TemplateError as exc:
            problem = str(exc)
        except RecursionError:
            problem = f"{expression.source!r} failed: a value is nested too deeply"
        raise TaskFailed(f"The template expression {problem}", code="invalid_request")

    def render(self, template: Template) -> Any:
        """The template's value: of any type if it is one expression, else a text."""
        if template.whole is not None:
            return self.value(template.whole)
        return "".join(part if isinstance(part, str) else text_of(self.value(part)) for part in template.parts)

    def text(self, template: Template) -> str | None:
        """The template as text; None if it is one expression that gives null."""
        value = self.render(template)
        return None if value is None else text_of(value)

    def fill(self, structure: Structure) -> Any:
        """JSON data with its templates rendered; entries and items whose template gives null are left out."""
        if isinstance(structure, Template):
            return self.render(structure)
        if isinstance(structure, Mapping):
            entries = ((name, part, self.fill(part)) for name, part in structure.items())
            return {name: value for name, part, value in entries if not (isinstance(part, Template) and value is None)}
        if isinstance(structure, tuple):
            items = ((part, self.fill(part)) for part in structure)
            return [value for part, value in items if not (isinstance(part, Template) and value is None)]
        return structure

    def holds_secret(self, structure: Structure) -> bool:
        """Whether a secret goes into what is rendered."""
        if isinstance(structure, Template):
            found = (value for part in structure.expressions for _, _, value in self._referenced(part))
            return any(_has_secret(value) for value in found)
        if isinstance(structure, Mapping):
            return any(map(self.holds_secret, structure.values()))
        return isinstance(structure, tuple) and any(map(self.holds_secret, structure))

    def conceal(self, secret: str) -> None:
        """Makes sure that ``secret``, and what it looks like encoded, is shown nowhere."""
        self._redactor.conceal(secret)
        self._tell(secret)

    def masked(self, text: str) -> str:
        """``text`` with every secret that came up masked."""
        return self._redactor.text(text)

    def masked_octets(self, data: bytes) -> bytes:
        """``data`` with every secret that came up masked."""
        return self._redactor.octets(data)

    @contextmanager
    def guarding(self) -> Iterator[None]:
        """Masks the secrets in a ``TaskFailed`` that passes: no message may show one, whatever a server echoes."""
        try:
            yield
        except TaskFailed as exc:
            exc.message = self.masked(exc.message)
            exc.args = (exc.message,)
            exc.hint = self.masked(exc.hint)
            exc.details = self._redactor.data(exc.details)
            exc.faults = tuple(map(self._redactor.fault, exc.faults))
            raise

    def _seen_by(self, expression: Expression) -> dict[str, dict[str, Any]]:
        """The data with those values only that the expression names: nothing else is opened."""
        seen: dict[str, dict[str, Any]] = {root: {} for root in self._roots}
        for root, name, value in self._referenced(expression):
            if (root, name) not in self._plain:
                self._plain[root, name] = self._opened(value)
            seen[root][name] = self._plain[root, name]
        return seen

    def _referenced(self, expression: Expression) -> Iterator[tuple[str, str, Any]]:
        wanted = expression.references
        for root, values in self._roots.items():
            entire = EVERYTHING in wanted or Reference(root) in wanted
            for name, value in values.items():
                if entire or Reference(root, name) in wanted:
                    yield root, name, value

    def _opened(self, value: Any) -> Any:
        """Plain JSON data: JMESPath knows ``dict`` and ``list`` and nothing like them."""
        if isinstance(value, Secret):
            clear = value.reveal()
            self.conceal(clear)
            return clear
        if isinstance(value, Mapping):
            return {name: self._opened(part) for name, part in value.items()}
        if isinstance(value, list | tuple):
            return [self._opened(part) for part in value]
        return value


def _has_secret(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_has_secret, value.values()))
    return isinstance(value, Secret) or (isinstance(value, list | tuple) and any(map(_has_secret, value)))
