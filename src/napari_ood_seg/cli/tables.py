"""How results are printed."""

from rich.table import Table
from rich.text import Text


def class_name(name: str, color: str) -> Text:
    """Return the name of a class after a patch of its colour."""
    return Text.assemble(("  ", f"on {color}"), " ", name)


def make_table(title: str, *columns: str) -> Table:
    """Return a table whose columns but the first hold numbers."""
    table = Table(title=Text(title) if title else None, title_justify="left")
    for i, name in enumerate(columns):
        table.add_column(name, justify="right" if i else "left")
    return table
