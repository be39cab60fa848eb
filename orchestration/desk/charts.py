"""A figure over loads as a small SVG chart with its limits, and as a table for those who hear it.

No script, no library: a line, a band, dots. Add here: another way to draw a figure.
Keep out: where figures come from (reading).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

WIDTH, HEIGHT = 560, 150
LEFT, RIGHT, TOP, BOTTOM = 66, 14, 12, 26


@dataclass(frozen=True)
class Point:
    """A load's figure. label: the period on the axis. now: the load of the page."""

    label: str
    value: float
    now: bool = False


@dataclass(frozen=True)
class Chart:
    """title: what is drawn. points: oldest first. low, high: the limits for the last point, or
    None. write: a value as text."""

    title: str
    points: Sequence[Point]
    low: float | None
    high: float | None
    write: Callable[[float], str]

    @property
    def outside(self) -> bool:
        """Whether the page's load lies beyond a limit."""
        value = self.points[-1].value
        return (self.low is not None and value < self.low) or (
            self.high is not None and value > self.high
        )

    @property
    def svg(self) -> Markup:
        """The drawing, with a text alternative."""
        values = [p.value for p in self.points]
        marks = values + [v for v in (self.low, self.high) if v is not None]
        bottom, top = min(marks), max(marks)
        pad = (top - bottom) * 0.12 or abs(top) * 0.1 or 1.0
        bottom, top = max(0.0, bottom - pad) if bottom >= 0 else bottom - pad, top + pad
        inner = WIDTH - LEFT - RIGHT
        step = inner / max(1, len(values) - 1)

        def x(i: int) -> float:
            return LEFT + (inner / 2 if len(values) == 1 else i * step)

        def y(value: float) -> float:
            return TOP + (HEIGHT - TOP - BOTTOM) * (1 - (value - bottom) / (top - bottom))

        parts = []
        if self.low is not None or self.high is not None:
            upper = y(self.high if self.high is not None else top)
            lower = y(self.low if self.low is not None else bottom)
            parts.append(
                f'<rect class="band" x="{LEFT}" y="{upper:.1f}" width="{inner}" '
                f'height="{max(1.0, lower - upper):.1f}"/>'
            )
        for value in dict.fromkeys(v for v in (self.low, self.high) if v is not None):
            parts.append(
                f'<line class="limit" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(value):.1f}" '
                f'y2="{y(value):.1f}"/><text class="tick" x="{LEFT - 8}" y="{y(value) + 4:.1f}" '
                f'text-anchor="end">{escape(self.write(value))}</text>'
            )
        line = " ".join(f"{x(i):.1f},{y(v):.1f}" for i, v in enumerate(values))
        parts.append(f'<polyline class="line" points="{line}"/>')
        every = max(1, len(values) // 6)
        for i, point in enumerate(self.points):
            state = (" out" if self.outside else " now") if point.now else ""
            parts.append(
                f'<circle class="dot{state}" cx="{x(i):.1f}" cy="{y(point.value):.1f}" '
                f'r="{5 if point.now else 3}"/>'
            )
            if i % every == 0 or point.now:
                anchor = "end" if i == len(values) - 1 and i else "middle"
                parts.append(
                    f'<text class="tick" x="{x(i):.1f}" y="{HEIGHT - 8}" '
                    f'text-anchor="{anchor}">{escape(point.label)}</text>'
                )
        return Markup(
            f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(self.spoken)}">'
            + "".join(parts)
            + "</svg>"
        )

    @property
    def spoken(self) -> str:
        """The chart in one sentence."""
        last = self.points[-1]
        limits = [
            f"{word} {self.write(value)}"
            for word, value in (("at least", self.low), ("at most", self.high))
            if value is not None
        ]
        said = f"{self.title}: {self.write(last.value)} in {last.label}"
        return f"{said}, limits {' and '.join(limits)}" if limits else said

    @property
    def rows(self) -> list[tuple[str, str]]:
        return [(p.label, self.write(p.value)) for p in self.points]
