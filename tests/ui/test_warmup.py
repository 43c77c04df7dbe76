"""Until all is loaded, lessons run one at a time."""

import threading

import pytest

from cnnviz.ui import warmup


@pytest.fixture
def progress(monkeypatch: pytest.MonkeyPatch) -> warmup._Progress:
    fresh = warmup._Progress()
    monkeypatch.setattr(warmup, "_progress", lambda: fresh)
    return fresh


def meets_another(seconds: float) -> bool:
    """Whether two lessons that start together are ever inside at the same moment."""
    both = threading.Barrier(2)
    met = []

    def lesson() -> None:
        with warmup.alone():
            try:
                both.wait(seconds)
                met.append(True)
            except threading.BrokenBarrierError:
                pass

    threads = [threading.Thread(target=lesson) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return bool(met)


def test_one_at_a_time_while_modules_are_loaded(progress: warmup._Progress) -> None:
    assert not meets_another(0.2)
    assert not progress.importing.locked()


def test_side_by_side_afterwards(progress: warmup._Progress) -> None:
    progress.done.set()
    assert meets_another(20)


def test_a_lesson_that_fails_lets_the_next_one_in(progress: warmup._Progress) -> None:
    with pytest.raises(ValueError, match="broken"), warmup.alone():
        raise ValueError("broken")
    assert not progress.importing.locked()


def test_nobody_waits_for_ever(progress: warmup._Progress, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warmup, "LONGEST", 0.05)
    with progress.importing, warmup.alone():
        pass
    assert not progress.importing.locked()
