"""The limit on how much may go to the dead letters: when nearly everything is rejected, the fault is not in the messages."""

from collections import deque
from collections.abc import Sequence

from core.errors import ConfigurationError


class TooManyRejectedError(ConfigurationError):
    """Nearly everything in the window was rejected: the worker stops before it empties the topic into the dead letters."""


class RejectionGuard:
    """Watches the share of rejected messages among the last `window` or so."""

    def __init__(self, window: int, share: float) -> None:
        self.window = window
        self.share = share
        self._batches: deque[tuple[int, int]] = deque()
        self._messages = 0
        self._rejected = 0

    def admit(self, messages: int, reasons: Sequence[str]) -> None:
        """Counts a batch and the reasons of its rejections before it is committed; raises TooManyRejectedError when it must not be."""
        self._batches.append((messages, len(reasons)))
        self._messages += messages
        self._rejected += len(reasons)
        while self._messages - self._batches[0][0] >= self.window:
            old_messages, old_rejected = self._batches.popleft()
            self._messages -= old_messages
            self._rejected -= old_rejected
        if self.share < 1 and self._messages >= self.window and self._rejected > self.share * self._messages:
            last = reasons[-1] if reasons else "none in this batch"
            raise TooManyRejectedError(
                f"{self._rejected:,} of the last {self._messages:,} messages were rejected (the last: {last}), so the topic is not what "
                f"this worker expects. Nothing of the last batch was consumed. Mend the producer or the topic's name, or set "
                f"MAX_REJECTED_SHARE=1 to send everything to the dead letters"
            )
