"""Keeps Mesa's software OpenGL from a crash; import it before a viewer is made.

What was seen with Mesa 22.3 (llvmpipe): a null pointer right below `glDrawArrays` (one
native stack), with valid buffers and a linked program, in a frame that began with the
program that the last one ended with (four recordings of four), as is so once all
layers were removed. What it is taken for: when a context is made current, Mesa frees
shaders that were deleted while another context was, takes the vertex shader out of use
for that, and puts one back only if another program is drawn with than the last time. So
each frame begins with a point that is drawn with no program, into nothing.
"""

from __future__ import annotations

from typing import Any

from vispy.gloo import gl
from vispy.gloo.glir import GlirProgram

_COLOR_MASK = 0x0C23
_DEPTH_MASK = 0x0B72
_BEGUN = "begun with nothing"
"""vispy forgets it when a context is made current: at the begin of a frame."""


def _draw_nothing(program: Any) -> None:  # noqa: ANN401 - vispy is untyped
    """Draw one point with no program, into nothing."""
    color, depth = gl.glGetParameter(_COLOR_MASK), gl.glGetParameter(_DEPTH_MASK)
    gl.glUseProgram(0)
    gl.glColorMask(False, False, False, False)
    gl.glDepthMask(False)
    gl.glDrawArrays(gl.GL_POINTS, 0, 1)
    gl.glColorMask(*(bool(c) for c in color))
    gl.glDepthMask(bool(depth))
    env = program._parser.env  # noqa: SLF001 - no other way
    env["current_program"], env[_BEGUN] = 0, True


def _install() -> None:
    draw = GlirProgram.draw

    def draw_after_nothing(self: Any, *args: Any, **more: Any) -> None:  # noqa: ANN401
        if _BEGUN not in self._parser.env:
            _draw_nothing(self)
        draw(self, *args, **more)

    GlirProgram.draw = draw_after_nothing


_install()
