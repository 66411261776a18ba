"""A column of sections that fold."""

from __future__ import annotations

from functools import partial

from qtpy.QtCore import QEvent, QObject, QSize, Qt, QTimer, Signal
from qtpy.QtWidgets import QFrame, QScrollArea, QSizePolicy, QVBoxLayout, QWidget
from superqt import QCollapsible

# No colours: the theme's own, without the box of a checked button around them.
_HEADER = """
QPushButton { text-align: left; border: none; font-weight: bold; padding: 2px 1px; }
QPushButton:!hover { background-color: transparent; }
QPushButton:focus { text-decoration: underline; }
"""
# napari's themes do not show where the keyboard is; this grey is seen on both.
_FOCUS = """
QPushButton:focus, QComboBox:focus, QAbstractSpinBox:focus, QLineEdit:focus,
QTableView:focus, QListView:focus,
QCheckBox::indicator:focus, QSlider::handle:focus { border: 1px solid #909090; }
QCheckBox::indicator:focus { width: 14px; height: 14px; }
"""
_UNLIMITED = (1 << 24) - 1  # QWIDGETSIZE_MAX, which the bindings do not have


class Sections(QScrollArea):
    """Folding sections, one below the other; scrolls downwards only."""

    expanded_changed = Signal(str, bool)
    font_resized = Signal(int)
    """The theme has another size of letters, in pixels."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._sections: dict[str, QCollapsible] = {}
        self._revealed = ""
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self._scroll)
        self._inner = QWidget()
        self._column = QVBoxLayout(self._inner)
        self._column.setContentsMargins(4, 2, 4, 2)
        self._column.setSpacing(3)
        self._column.addStretch(1)
        self._inner.setStyleSheet(_FOCUS)
        self._letters = 0
        self._styled = QTimer(self)
        self._styled.setSingleShot(True)
        self._styled.timeout.connect(self._follow_font)
        self.setWidget(self._inner)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # Tab goes to the controls

    def add_section(
        self, title: str, widget: QWidget, *, expanded: bool = True
    ) -> None:
        """Append a section below the others."""
        section = QCollapsible(title)
        section.setDuration(0)
        # policy and alignment cut off text that wraps into more lines than hoped for
        section.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        layout = section.layout()
        if layout is not None:
            layout.setAlignment(Qt.AlignmentFlag(0))
            layout.setContentsMargins(0, 0, 0, 0)
            layout.setSpacing(3)
        section.toggleButton().setStyleSheet(_HEADER)
        placeholder = section.content()
        section.setContent(widget)
        placeholder.setParent(None)
        placeholder.deleteLater()
        self._sections[title] = section
        self._column.insertWidget(len(self._sections) - 1, section)
        self._show_expanded(title, expanded)
        section.toggled.connect(partial(self._on_section_toggled, title))

    @property
    def titles(self) -> tuple[str, ...]:
        """Titles, from top to bottom."""
        return tuple(self._sections)

    def is_expanded(self, title: str) -> bool:
        """Whether the section is unfolded."""
        return bool(self._sections[title].isExpanded())

    def set_expanded(self, title: str, expanded: bool) -> None:
        """Fold or unfold a section; tells nobody."""
        section = self._sections[title]
        blocked = section.blockSignals(True)
        self._show_expanded(title, expanded)
        section.blockSignals(blocked)

    def reveal(self, title: str) -> None:
        """Unfold a section and scroll to it, once it has taken its room."""
        if not self.is_expanded(title):
            self.set_expanded(title, expanded=True)
        self._revealed = title
        self._soon.start(0)

    def minimumSizeHint(self) -> QSize:
        """Return the width below which controls would be cut off."""
        bar = self.verticalScrollBar()
        bar_width = 0 if bar is None else bar.sizeHint().width()
        return QSize(self._inner.minimumSizeHint().width() + bar_width, 120)

    def _scroll(self) -> None:
        self.ensureWidgetVisible(self._sections[self._revealed], 0, 0)

    def event(self, a0: QEvent | None) -> bool:
        """Follow the theme."""
        if a0 is not None and a0.type() in (QEvent.Type.Show, QEvent.Type.StyleChange):
            self._styled.start(0)  # once the style is with the children
        return super().event(a0)

    def eventFilter(self, a0: QObject | None, a1: QEvent | None) -> bool:
        """Ask the dock for more width when the controls need it: larger letters."""
        done = super().eventFilter(a0, a1)
        if a1 is not None and a1.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return done

    def _follow_font(self) -> None:
        """Give tables and lists the letters that napari gives to labels only."""
        for section in self._sections.values():
            letters = section.toggleButton().fontInfo().pixelSize()
            if letters != self._letters:
                self._letters = letters
                font = f"QAbstractItemView, QHeaderView {{ font-size: {letters}px; }}"
                self._inner.setStyleSheet(_FOCUS + font)
                self.font_resized.emit(letters)
            return

    def _show_expanded(self, title: str, expanded: bool) -> None:
        section = self._sections[title]
        if expanded:
            section.expand(animate=False)
        else:
            section.collapse(animate=False)
        self._settle(title, expanded)

    def _settle(self, title: str, expanded: bool) -> None:
        section = self._sections[title]
        content, button = section.content(), section.toggleButton()
        content.setMaximumHeight(_UNLIMITED if expanded else 0)  # contents may grow
        content.setVisible(expanded)  # else Tab would go into what is folded away
        # A sign in the text follows the theme; QCollapsible's drawn icon does not.
        button.setIconSize(QSize(0, 0))
        button.setText(f"{'▾' if expanded else '▸'}  {title}")
        button.setAccessibleName(title)
        button.setToolTip(f"{'Fold' if expanded else 'Unfold'} “{title}”.")
        self.updateGeometry()

    def _on_section_toggled(self, title: str, expanded: bool) -> None:
        self._settle(title, expanded)
        self.expanded_changed.emit(title, expanded)
