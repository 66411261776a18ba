"""A progress bar with stage and remaining time, on standard error."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich import progress as rich_progress
from rich.console import Console

from napari_ood_seg.core.types import Progress


@contextmanager
def progress_bar(title: str = "") -> Iterator[Callable[[Progress], None]]:
    """Show a bar and give what moves it; nothing is shown where no one watches.

    Parameters
    ----------
    title
        Shown before the stage, for example the name of an image.
    """
    console = Console(stderr=True)
    bars = rich_progress.Progress(
        rich_progress.TextColumn("{task.description}", markup=False),
        rich_progress.BarColumn(),
        rich_progress.MofNCompleteColumn(),
        rich_progress.TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with bars:
        task = bars.add_task(title, total=None)
        stage = ""

        def show(progress: Progress) -> None:
            nonlocal stage
            if progress.stage != stage:  # a new stage has its own pace
                stage = progress.stage
                bars.reset(task, description=f"{title} {stage}".strip())
            bars.update(task, completed=progress.done, total=progress.total or None)

        yield show
