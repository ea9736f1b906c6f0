"""Threads that write again and again leave their turn to one that waits."""

from __future__ import annotations

import threading

from zona_sqlite._turns import WriteTurn

PATIENCE = 60.0


def test_one_at_a_time() -> None:
    """Many threads count without losing any, and who cannot wait is told so."""
    turn, counted, threads = WriteTurn(), [0], 8

    def count() -> None:
        for _ in range(500):
            assert turn.acquire(PATIENCE)
            counted[0] += 1
            turn.release()

    running = [threading.Thread(target=count) for _ in range(threads)]
    for each in running:
        each.start()
    for each in running:
        each.join(PATIENCE)
    assert counted == [500 * threads]
    assert turn.acquire(0)
    assert not turn.acquire(0)
    assert not turn.acquire(0.1)
    turn.release()
    assert turn.acquire(0)


def test_who_waits_long_goes_before_who_comes_later() -> None:
    """While one is at the gate nobody else gets in; behind it all goes on as before."""
    turn, order = WriteTurn(), list[str]()
    assert turn.acquire(PATIENCE)

    def take(name: str) -> None:
        assert turn.acquire(PATIENCE)
        order.append(name)
        turn.release()

    waiting = threading.Thread(target=take, args=("waiting",))
    waiting.start()
    while not turn._gate.locked():
        threading.Event().wait(0.001)
    late = [threading.Thread(target=take, args=("late",)) for _ in range(4)]
    for each in late:
        each.start()
    turn.release()
    for each in (waiting, *late):
        each.join(PATIENCE)
    assert order == ["waiting", *["late"] * 4]


def test_hogs_starve_nobody() -> None:
    """Threads that never stop asking cannot keep another one away."""
    turn, enough = WriteTurn(), threading.Event()

    def hog() -> None:
        while not enough.is_set():
            assert turn.acquire(PATIENCE)
            turn.release()

    hogs = [threading.Thread(target=hog) for _ in range(3)]
    for each in hogs:
        each.start()
    try:
        for _ in range(20):
            assert turn.acquire(PATIENCE)
            turn.release()
    finally:
        enough.set()
        for each in hogs:
            each.join(PATIENCE)
