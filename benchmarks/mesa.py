"""Makes a crash of Mesa's software OpenGL rarer; import it before a viewer is made.

What was seen with Mesa 22.3 (llvmpipe): a null pointer right below `glDrawArrays` (one
native stack), with valid buffers and a linked program, in a frame that began with the
program that the last one ended with (three recordings of three), as is so once all
layers were removed. What it is taken for: when a context is made current, Mesa frees
shaders that were deleted while another context was, takes the vertex shader out of use
for that, and puts one back only if another program is drawn with than the last time. So
each frame begins with a point that is drawn with no program, into nothing. With it a
run that had died within 300 actions took 1,000, then died when napari's window was
closed: no cure.
"""

from __future__ import annotations

from typing import Any

from vispy.gloo import gl
from vispy.gloo.glir import GlirProgram

_COLOR_MASK = 0x0C23
_DEPTH_MASK = 0x0B72


def _draw_nothing(program: Any) -> None:  # noqa: ANN401 - vispy is untyped
    """Draw one point with no program, into nothing."""
    color, depth = gl.glGetParameter(_COLOR_MASK), gl.glGetParameter(_DEPTH_MASK)
    gl.glUseProgram(0)
    gl.glColorMask(False, False, False, False)
    gl.glDepthMask(False)
    gl.glDrawArrays(gl.GL_POINTS, 0, 1)
    gl.glColorMask(*(bool(c) for c in color))
    gl.glDepthMask(bool(depth))
    program._parser.env["current_program"] = 0  # noqa: SLF001 - no other way


def _install() -> None:
    draw = GlirProgram.draw

    def draw_after_nothing(self: Any, *args: Any, **more: Any) -> None:  # noqa: ANN401
        if self._parser.env.get("current_program") is None:  # the frame begins
            _draw_nothing(self)
        draw(self, *args, **more)

    GlirProgram.draw = draw_after_nothing


_install()
