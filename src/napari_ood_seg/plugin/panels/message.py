"""One message of at most three lines, with an icon for its kind."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QRect, Qt
from qtpy.QtGui import QAction, QFontMetrics, QGuiApplication, QPixmap, QResizeEvent
from qtpy.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QStyle, QWidget

MAX_LINES = 3
ICONS = {
    "info": QStyle.StandardPixmap.SP_MessageBoxInformation,
    "warning": QStyle.StandardPixmap.SP_MessageBoxWarning,
    "error": QStyle.StandardPixmap.SP_MessageBoxCritical,
}


def wrapped_height(text: str, *, metrics: QFontMetrics, width: int) -> int:
    """Return the height of `text` wrapped at `width` pixels."""
    box = QRect(0, 0, width, 1 << 20)
    return metrics.boundingRect(box, Qt.TextFlag.TextWordWrap.value, text).height()


def elided(text: str, *, metrics: QFontMetrics, width: int, lines: int) -> str:
    """Return the longest beginning of `text` that wraps into `lines` lines."""
    limit = (lines + 0.5) * metrics.lineSpacing()  # heights are rounded up
    if wrapped_height(text, metrics=metrics, width=width) <= limit:
        return text
    fits, too_long = 0, len(text)
    while too_long - fits > 1:
        middle = (fits + too_long) // 2
        head = text[:middle].rstrip() + "…"
        if wrapped_height(head, metrics=metrics, width=width) <= limit:
            fits = middle
        else:
            too_long = middle
    return text[:fits].rstrip() + "…"


class MessageLine(QWidget):
    """Shows a message; what does not fit is in the tooltip and can be copied.

    The height is always that of `lines` lines, so that nothing below jumps.
    """

    def __init__(
        self, *, lines: int = MAX_LINES, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._lines, self._full, self._kind = lines, "", "info"
        self._pictures: dict[tuple[str, int], QPixmap] = {}  # Qt never frees one
        self._icon, self._label = QLabel(), QLabel()
        self._label.setIndent(0)
        self._label.setWordWrap(True)
        self._label.setTextFormat(Qt.TextFormat.PlainText)
        self._label.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._label.setSizePolicy(
            QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred
        )
        self._label.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        copy = QAction("Copy message", self._label)
        copy.triggered.connect(self._on_copy_triggered)
        self._label.addAction(copy)
        self._label.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        row.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self._label, 1)
        self._fit()

    def set_message(self, text: str, kind: str = "info") -> None:
        """Show `text` with the icon of `kind`: info, warning or error."""
        self._full, self._kind = text, kind
        self._label.setToolTip(text)
        self._label.setAccessibleName(f"{kind}: {text}" if text else "")
        self._show_icon()
        self._show_text()

    def text(self) -> str:
        """Return the whole message."""
        return self._full

    def kind(self) -> str:
        """Return the kind of the message."""
        return self._kind

    def resizeEvent(self, a0: QResizeEvent | None) -> None:
        """Wrap again."""
        super().resizeEvent(a0)
        self._show_text()

    def changeEvent(self, a0: QEvent | None) -> None:
        """Follow the theme: its font may be another one."""
        super().changeEvent(a0)
        if a0 is not None and a0.type() in (
            QEvent.Type.FontChange,
            QEvent.Type.StyleChange,
        ):
            self._pictures.clear()
            self._fit()

    def _fit(self) -> None:
        self._label.ensurePolished()
        metrics = self._label.fontMetrics()
        self._icon.setFixedWidth(metrics.lineSpacing() + 2)
        self.setFixedHeight(self._lines * metrics.lineSpacing() + 4)
        self._show_icon()
        self._show_text()

    def _show_icon(self) -> None:
        self._icon.setVisible(self._full != "")
        style = self.style()
        if style is None:
            return
        edge = self._label.fontMetrics().lineSpacing()
        key = self._kind, edge
        if key not in self._pictures:
            icon = style.standardIcon(ICONS[self._kind], None, self)
            self._pictures[key] = icon.pixmap(edge, edge)
        self._icon.setPixmap(self._pictures[key])

    def _show_text(self) -> None:
        left = self._icon.width() + 8  # with spacing and padding
        text = elided(
            self._full,
            metrics=self._label.fontMetrics(),
            width=max(self.width() - left, 1),
            lines=self._lines,
        )
        if text != self._label.text():  # else keep what is selected
            self._label.setText(text)

    def _on_copy_triggered(self) -> None:
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(self._full)
