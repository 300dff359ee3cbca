"""What may end a run early: SIGTERM, SIGINT (Ctrl-C) and the time limit of the whole run."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import FrameType, TracebackType

_EXIT_CODES: Mapping[int, int] = {signal.SIGALRM: 124, signal.SIGINT: 130, signal.SIGTERM: 143}


class Interrupted(BaseException):
    """The run was asked to end. No ``Exception``: nothing between here and the runner may swallow it."""

    def __init__(self, interruption: Interruption) -> None:
        self.exit_code = interruption.exit_code
        self.is_timeout = interruption.is_timeout
        super().__init__(interruption.reason)


class Interruption:
    """Listens for signals and the time limit while a run lasts.

    A signal raises :class:`Interrupted` at once, except while :meth:`held`: there the run asks
    :attr:`is_asked` itself. Only the first request counts; what follows would only disturb the tidying up.
    Outside the main thread, where no signals can be had, the time limit still holds wherever the run asks.

    Parameters
    ----------
    timeout_s : float
        Seconds that the whole run may take.
    """

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._deadline = time.monotonic() + timeout_s
        self._signal: int | None = None
        self._is_held = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in _EXIT_CODES:
                # Whoever started us in the background with a signal ignored wants it ignored.
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._on_signal)
            signal.setitimer(signal.ITIMER_REAL, self._timeout_s)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before:
            signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @property
    def is_asked(self) -> bool:
        """Whether the run was asked to end."""
        if self._signal is None and time.monotonic() >= self._deadline:
            self._signal = signal.SIGALRM
        return self._signal is not None

    @property
    def is_timeout(self) -> bool:
        """Whether it is the time limit that ends the run."""
        return self._signal == signal.SIGALRM

    @property
    def exit_code(self) -> int:
        """The exit code that the reason calls for."""
        return _EXIT_CODES.get(self._signal or 0, 1)

    @property
    def reason(self) -> str:
        """Why the run was ended, in words."""
        if self.is_timeout:
            return f"was ended by its time limit of {self._timeout_s:g} s"
        name = signal.Signals(self._signal).name if self._signal else "a request"
        return f"was ended by {name}"

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Raise nothing in this block; the block asks :attr:`is_asked` where it can end."""
        self._is_held = True
        try:
            yield
        finally:
            self._is_held = False

    def stop_listening(self) -> None:
        """Let no request count from here on: the report is being published, which takes moments."""
        self._is_held = True
        self._deadline = float("inf")

    def check(self) -> None:
        """Raise :class:`Interrupted` when the run was asked to end."""
        if self.is_asked:
            raise Interrupted(self)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the signature of a handler
        if self._signal is None:
            self._signal = number
            if not self._is_held:
                raise Interrupted(self)
