"""Task attempts that run in this process, to distinguish calls inside a task from calls outside."""

from __future__ import annotations

from designs import context

__all__ = ["Runs", "runs"]


class Runs:
    """Names of running attempts by task id. Thread-safe. An eager retry runs inside its first attempt, with its id."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Drop all attempts; a forked child runs none of its parent's."""
        self._names: dict[str, list[str]] = {}

    def begin(self, task_id: str, name: str) -> None:
        self._names.setdefault(task_id, []).append(name)

    def end(self, task_id: str) -> None:
        names = self._names.get(task_id)
        if names:
            names.pop()
        if not names:
            self._names.pop(task_id, None)

    def around(self) -> list[str]:
        """Return the names of the tasks that the calling code may be part of; empty outside of any task.

        A thread that a task starts does not inherit the context. So a call without a context, while a task runs in
        this process, counts as a call from such a thread.
        """
        run = context.current()
        if run.task_id:
            return [run.task]
        return [name for names in list(self._names.values()) for name in list(names)]


runs = Runs()
