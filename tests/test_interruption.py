from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from afterlaunch.interruption import Interrupted, Interruption


def send(number: int) -> None:
    os.kill(os.getpid(), number)
    time.sleep(0.05)


@pytest.mark.parametrize(
    ("number", "exit_code", "reason"),
    [
        (signal.SIGTERM, 143, "was ended by SIGTERM"),
        (signal.SIGINT, 130, "was ended by SIGINT"),
    ],
)
def test_a_signal_ends_what_is_running(number, exit_code, reason):
    with Interruption(60) as interruption, pytest.raises(Interrupted) as caught:
        send(number)
    assert (caught.value.exit_code, str(caught.value), caught.value.is_timeout) == (exit_code, reason, False)
    assert interruption.is_asked


def test_the_time_limit_ends_what_is_running():
    with Interruption(0.05), pytest.raises(Interrupted) as caught:
        time.sleep(5)
    assert (caught.value.exit_code, str(caught.value)) == (124, "was ended by its time limit of 0.05 s")
    assert caught.value.is_timeout


def test_nothing_that_catches_exceptions_swallows_it():
    assert not issubclass(Interrupted, Exception)


def test_a_held_signal_waits_to_be_asked_for():
    with Interruption(60) as interruption:
        with interruption.held():
            assert not interruption.is_asked
            send(signal.SIGTERM)
            assert interruption.is_asked
        with pytest.raises(Interrupted, match=r"^was ended by SIGTERM$"):
            interruption.check()


def test_only_the_first_request_counts():
    with Interruption(60) as interruption:
        with pytest.raises(Interrupted):
            send(signal.SIGTERM)
        send(signal.SIGINT)
        assert interruption.exit_code == 143


def test_while_publishing_nothing_counts():
    with Interruption(0.02) as interruption:
        interruption.stop_listening()
        time.sleep(0.05)
        send(signal.SIGTERM)


def test_what_handled_the_signals_before_handles_them_again():
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM)}
    with Interruption(60):
        assert signal.getsignal(signal.SIGTERM) != before[signal.SIGTERM]
    assert {number: signal.getsignal(number) for number in before} == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_a_signal_that_is_to_be_ignored_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Interruption(60) as interruption:
            send(signal.SIGINT)
            assert not interruption.is_asked
    finally:
        signal.signal(signal.SIGINT, before)


def test_outside_the_main_thread_the_time_limit_still_holds():
    asked = []

    def work():
        with Interruption(0.02) as interruption:
            time.sleep(0.05)
            asked.append((interruption.is_asked, interruption.is_timeout))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert asked == [(True, True)]
