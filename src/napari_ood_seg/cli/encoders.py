"""``napari-ood-seg encoders``."""

from typing import Annotated

import typer

encoders = typer.Typer(
    no_args_is_help=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@encoders.callback(invoke_without_command=True)
def listed(context: typer.Context) -> None:
    """List pretrained encoders with licence and size, or download one."""
    if context.invoked_subcommand is not None:
        return
    from rich.console import Console

    from napari_ood_seg.core.features.catalogue import CATALOGUE
    from napari_ood_seg.core.io.hub import is_on_disk

    console = Console(highlight=False)
    for encoder in CATALOGUE:
        there = "on disk" if is_on_disk(encoder.name) else "to download"
        terms = "; terms to accept first" if encoder.gated else ""
        size = f"{encoder.megabytes} MB, {there}"
        console.print(encoder.name, style="bold", soft_wrap=True)
        console.print(f"  {encoder.title}: {encoder.purpose}; {size}", soft_wrap=True)
        console.print(f"  licence: {encoder.licence}{terms}", soft_wrap=True)
        console.print(f"  {encoder.source}", soft_wrap=True)


@encoders.command()
def download(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            show_default=False,
            help="A name from the list, or any other model of Hugging Face as "
            "owner/name.",
        ),
    ],
) -> None:
    """Get an encoder from Hugging Face, once; Ctrl+C stops, again goes on."""
    from napari_ood_seg.cli.progress import progress_bar
    from napari_ood_seg.core.io.download import download as steps
    from napari_ood_seg.core.io.hub import is_on_disk

    there = is_on_disk(name)
    with progress_bar(name) as show:
        for progress in steps(name):
            show(progress)
    print(f"{name} is on this machine{' already' if there else ' now'}")
