"""What every ``Streams`` must do, as tests.

An adapter's author subclasses ``StreamsContract`` in a test module and gives it the fixtures ``streams`` and
``options``::

    class TestMyStreams(StreamsContract):
        @pytest.fixture
        def streams(self):
            return MyStreams()

        @pytest.fixture
        def options(self):
            name = new_name()
            return lambda group: {"name": name, "group": group}

The suite closes what it opens. This module needs pytest.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from typing import Any, Final

import pytest

from zona_core.domain.network import NetworkPolicy
from zona_core.domain.values import value_faults
from zona_core.errors import StreamFailed
from zona_core.ports.streams import EventSink, EventSource, Message, Streams

from ._contract_base import in_threads

__all__ = ["StreamsContract"]

#: longer than anything here takes; reached only where something hangs
PATIENCE: Final = 60.0

OptionsOf = Callable[[str], Mapping[str, Any]]
OpenSource = Callable[..., EventSource]


class StreamsContract:
    """What holds for every one; see ``zona_core.ports.streams``."""

    @pytest.fixture
    def streams(self) -> Streams:
        """The streams under test."""
        raise pytest.UsageError("the subclass of StreamsContract lacks the fixture streams")

    @pytest.fixture
    def options(self) -> OptionsOf:
        """Options of one stream of the test's own for readers of a group: empty, shared by two of them, read whole."""
        raise pytest.UsageError("the subclass of StreamsContract lacks the fixture options")

    @pytest.fixture
    def network(self) -> NetworkPolicy:
        """What the tenant allows: servers on this machine."""
        return NetworkPolicy(private_networks=("127.0.0.0/8", "::1/128"))

    @pytest.fixture
    def cleanup(self) -> Iterator[ExitStack]:
        """Closes what a test opened."""
        with ExitStack() as stack:
            yield stack

    @pytest.fixture
    def sink(self, streams: Streams, options: OptionsOf, network: NetworkPolicy, cleanup: ExitStack) -> EventSink:
        """A writer of the test's stream."""
        return cleanup.enter_context(closing(streams.sink(options("one"), network)))

    @pytest.fixture
    def open_source(
        self, streams: Streams, options: OptionsOf, network: NetworkPolicy, cleanup: ExitStack
    ) -> OpenSource:
        """Opens a reader of the test's stream, in the group ``one`` or another."""

        def opened(group: str = "one") -> EventSource:
            return cleanup.enter_context(closing(streams.source(options(group), network)))

        return opened

    def test_options_say_what_they_are(self, streams: Streams, options: OptionsOf) -> None:
        """Each is a field with a name of its own; those of the test fit, each by itself and together."""
        fields = {each.name: each for each in streams.options}
        assert len(fields) == len(streams.options) > 0
        given = options("one")
        assert [fault for name, value in given.items() for fault in value_faults(fields[name], value)] == []
        assert streams.faults(given) == []

    def test_what_is_sent_is_read(self, sink: EventSink, open_source: OpenSource) -> None:
        """Values and keys come byte by byte; each message has a place of its own, and nothing is amiss with it."""
        sent = [
            Message(value=b"one", key=b"k"),
            Message(value=bytes(range(256)), key=bytes(range(256))),
            Message(value=b"x" * 100_000),
            Message(value=b""),
        ]
        sink.send(sent, PATIENCE)
        got = _read(open_source(), len(sent))
        assert sorted((each.value, each.key) for each in got) == sorted((each.value, each.key) for each in sent)
        assert len({each.place for each in got if each.place}) == len(sent)
        assert {each.lack for each in got} == {""}

    def test_what_has_one_key_stays_in_order(self, sink: EventSink, open_source: OpenSource) -> None:
        """Messages of a key come as they were sent, in however many calls that was."""
        for start in range(0, 60, 20):
            sink.send(_numbered(start, start + 20), PATIENCE)
        by_key = defaultdict(list)
        for each in _read(open_source(), 60):
            by_key[each.key].append(int(each.value))
        assert all(numbers == sorted(numbers) for numbers in by_key.values())
        assert len(by_key) == 10

    def test_reading_has_bounds(self, sink: EventSink, open_source: OpenSource) -> None:
        """Never more than was asked for; none where nothing comes in time."""
        source = open_source()
        sink.send(_numbered(0, 10), PATIENCE)
        got: list[Message] = []
        ends = time.monotonic() + PATIENCE
        while len(got) < 10:
            assert time.monotonic() < ends, "they never came"
            some = source.read(3, 1.0)
            assert len(some) <= 3
            got += some
        assert list(source.read(3, 0.05)) == []

    def test_a_waiting_reader_hears_of_what_comes(self, sink: EventSink, open_source: OpenSource) -> None:
        """A message that is sent while a reader waits is read."""
        source = open_source()
        got: list[Message] = []
        in_threads([lambda: got.extend(_read(source, 1)), lambda: sink.send([Message(value=b"now")], PATIENCE)])
        assert [each.value for each in got] == [b"now"]

    def test_sending_nothing(self, sink: EventSink, open_source: OpenSource) -> None:
        """It is nothing."""
        sink.send([], PATIENCE)
        assert list(open_source().read(10, 0.2)) == []

    def test_what_was_not_committed_comes_again(self, sink: EventSink, open_source: OpenSource) -> None:
        """Closing commits nothing."""
        sink.send(_numbered(0, 10), PATIENCE)
        first = open_source()
        before = _read(first, 10)
        first.close()
        assert _places(_read(open_source(), 10)) == _places(before)

    def test_what_was_committed_does_not(self, sink: EventSink, open_source: OpenSource) -> None:
        """A commit is about all that was read, and about nothing else."""
        sink.send(_numbered(0, 10), PATIENCE)
        first = open_source()
        before = _read(first, 4, at_once=1)
        first.commit()
        first.commit()
        first.close()
        after = _read(open_source(), 6)
        assert len(_places(before) | _places(after)) == 10

    def test_committing_without_having_read(self, sink: EventSink, open_source: OpenSource) -> None:
        """It says nothing of what is there."""
        sink.send(_numbered(0, 3), PATIENCE)
        first = open_source()
        first.commit()
        assert len(_read(first, 3)) == 3
        first.close()
        assert len(_read(open_source(), 3)) == 3

    def test_each_group_reads_all(self, sink: EventSink, open_source: OpenSource) -> None:
        """What one group commits is still there for another."""
        sink.send(_numbered(0, 10), PATIENCE)
        one = open_source("one")
        _read(one, 10)
        one.commit()
        assert len(_read(open_source("other"), 10)) == 10

    def test_two_readers_of_a_group_share(self, sink: EventSink, open_source: OpenSource) -> None:
        """There comes a time when each message is read by one of them, and both read some; and nothing is left out.

        What changes hands may be read by two: a group may give a part of its stream to another whenever it likes to.
        """
        readers = [open_source(), open_source()]
        _shared(sink, readers)
        sink.send(_numbered(0, 100), PATIENCE)
        _read_by_all(readers, 100)

    def test_what_is_taken_from_a_reader_comes_at_another(self, sink: EventSink, open_source: OpenSource) -> None:
        """A commit leaves out what another reader has got meanwhile: if that one does not commit it, it comes again."""
        sink.send(_numbered(0, 40), PATIENCE)
        first = open_source()
        _read(first, 40)
        second = open_source()
        taken: list[Message] = []
        ends = time.monotonic() + PATIENCE
        while not taken:
            assert time.monotonic() < ends, "nothing was ever given to the second reader"
            first.read(100, 0.1)
            taken = list(second.read(100, 0.1))
        first.commit()
        first.close()
        second.close()
        assert _places(taken) <= _places(_read_until_quiet(open_source()))

    def test_sending_from_threads(self, sink: EventSink, open_source: OpenSource) -> None:
        """Several threads use one writer."""
        in_threads([lambda: sink.send([Message(value=b"x")] * 25, PATIENCE)] * 4)
        assert len(_places(_read(open_source(), 100))) == 100

    def test_closing(self, streams: Streams, options: OptionsOf, network: NetworkPolicy) -> None:
        """Closed twice, used or not, they refuse what comes after."""
        for used in (False, True):
            source, sink = streams.source(options("one"), network), streams.sink(options("one"), network)
            if used:
                sink.send([Message(value=b"x")], PATIENCE)
                _read(source, 1)
            for each in (source, sink, source, sink):
                each.close()
            with pytest.raises(StreamFailed):
                source.read(1, 0.01)
            with pytest.raises(StreamFailed):
                source.commit()
            with pytest.raises(StreamFailed):
                sink.send([Message(value=b"x")], 1.0)


def _numbered(start: int, end: int) -> list[Message]:
    return [Message(value=str(number).encode(), key=b"key %d" % (number % 10)) for number in range(start, end)]


def _places(messages: Sequence[Message]) -> set[str]:
    return {each.place for each in messages}


def _read(source: EventSource, wanted: int, *, at_once: int = 100) -> list[Message]:
    """So many messages, which have to come."""
    got: list[Message] = []
    ends = time.monotonic() + PATIENCE
    while len(got) < wanted:
        assert time.monotonic() < ends, f"{len(got)} of {wanted} messages came"
        got += source.read(min(at_once, wanted - len(got)), 1.0)
    return got


def _read_until_quiet(source: EventSource) -> list[Message]:
    """What comes to a group's only reader: at least one message, and all behind it that is there."""
    got = _read(source, 1)
    while more := source.read(100, 0.5):
        got += more
    return got


def _read_by_all(readers: Sequence[EventSource], wanted: int) -> list[list[Message]]:
    """What each of them reads until they have so many different ones in all."""
    got: list[list[Message]] = [[] for _ in readers]
    ends = time.monotonic() + PATIENCE
    while len(set().union(*map(_places, got))) < wanted:
        assert time.monotonic() < ends, f"{[len(each) for each in got]} of {wanted} messages came"
        for reader, own in zip(readers, got, strict=True):
            own.extend(reader.read(100, 0.1))
    return got


def _shared(sink: EventSink, readers: Sequence[EventSource]) -> None:
    """Returns once each of them has read something of one batch, and no two the same, and all is committed."""
    ends = time.monotonic() + PATIENCE
    while True:
        assert time.monotonic() < ends, "the stream was never shared"
        sink.send(_numbered(0, 20), PATIENCE)
        got = _read_by_all(readers, 20)
        more = [each for reader in readers for each in reader.read(100, 0.2)]
        for reader in readers:
            reader.commit()
        if all(got) and not more and sum(map(len, got)) == 20:
            return
