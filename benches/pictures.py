#!/usr/bin/env python3
"""Draws docs/pictures and writes docs/measured.md from what benches/all has measured.

    pip install -r benches/requirements.txt && benches/pictures.py [FILE] [--check]

FILE is docs/measured.json. The same file gives the same bytes, with the version of matplotlib in requirements.txt. --check writes
nothing, and ends with 1 if something there is not what would be drawn.

Each bar is the speed relative to the best of the others, which is the line: to its right is better. Bars end at twice its speed.
"""
import argparse
import io
import json
import os
import re
import sys

import matplotlib

matplotlib.use("svg")
# After the choice of what it draws with.
from matplotlib import pyplot  # noqa: E402
from matplotlib.patches import PathPatch  # noqa: E402
from matplotlib.path import Path  # noqa: E402

import page  # noqa: E402
import side_by_side  # noqa: E402
from side_by_side import YARDSTICK, best_other, figure, groups, is_ours, speed, times  # noqa: E402

# They can be told from a white and from a dark page.
TEXT, LINE = "#717b86", "#717b86"
OURS, LOST, OTHERS, LIMIT = "#2f81f7", "#d4820c", "#9aa4ae", "#8b949e59"
MOST = 2.0
ROW, BAR = 17, 11
WIDTH, LABEL = 760, 218

matplotlib.rcParams.update({
    "svg.fonttype": "none",
    "svg.hashsalt": "sendall",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "path.simplify": False,
})


class Canvas:
    """A picture in points, from its upper left corner. Bars of one colour are one path."""

    def __init__(self, width, height):
        self.figure = pyplot.figure(figsize=(width / 72, height / 72))
        self.axes = self.figure.add_axes([0, 0, 1, 1])
        self.axes.set_xlim(0, width)
        self.axes.set_ylim(height, 0)
        self.axes.axis("off")
        self.bars = {}

    def text(self, x, y, text, size=11, align="left", bold=False):
        self.axes.text(x, y, text, fontsize=size, ha=align, va="baseline", color=TEXT, weight="bold" if bold else "normal",
                       parse_math=False)

    def bar(self, x, y, width, height, colour):
        corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height), (x, y)]
        self.bars.setdefault(colour, []).append(Path(corners, closed=True))

    def svg(self):
        for colour, paths in self.bars.items():
            path = Path.make_compound_path(*paths)
            self.axes.add_patch(PathPatch(path, facecolor=colour, edgecolor="none", clip_on=False))
        out = io.StringIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        self.figure.savefig(out, format="svg", transparent=True, metadata=nothing)
        pyplot.close(self.figure)
        # Each text stands in a comment beside itself, and in a group of its own.
        text = re.sub(r" *<!--.*?-->\n", "", out.getvalue())
        text = re.sub(r' *<g id="text_\d+">\n *(<text .*?</text>)\n *</g>\n', r"\1\n", text)
        return re.sub(r' transform="rotate\(-?0 [^)]*\)"', "", text)


def drawn(canvas, x, y, width, row, best):
    """One bar. Its ratio as text."""
    ratio = speed(row, best)
    colour = LIMIT if row["program"].startswith(YARDSTICK) else OTHERS
    if is_ours(row):
        colour = LOST if page.is_lost(ratio) else OURS
    canvas.bar(x, y + (ROW - BAR) / 2, max(width * min(ratio, MOST) / MOST, 1), BAR, colour)
    return times(ratio)


def picture(bench):
    """All works of a bench: a bar for each program and unit."""
    works = {}
    for group in groups(bench["rows"]):
        works.setdefault(group[0]["work"], []).append(group)
    lines = sum(len(programs(of_work)) for of_work in works.values())
    height = 20 + len(works) * 40 + lines * ROW
    canvas = Canvas(WIDTH, height)
    y = 18
    for work, of_work in works.items():
        canvas.text(0, y, work, size=12, bold=True)
        columns = len(of_work)
        room = (WIDTH - LABEL) / columns
        top = y + 22
        for column, group in enumerate(of_work):
            x, width = LABEL + column * room, room - 106
            best = best_other(group)
            if work is next(iter(works)):
                canvas.text(x, top - 6, "relative", size=9)
            canvas.text(x + width + 92, top - 6, group[0]["unit"], size=9, align="right")
            rows = {row["program"]: row for row in group}
            for line, program in enumerate(programs(of_work)):
                at = top + line * ROW
                if column == 0:
                    canvas.text(0, at + 12.5, program, size=10, bold=program.startswith(side_by_side.OURS))
                if program not in rows:
                    continue
                if best:
                    text = drawn(canvas, x, at, width, rows[program], best)
                    canvas.text(x + width + 40, at + 12.5, text, size=9, align="right", bold=is_ours(rows[program]))
                canvas.text(x + width + 92, at + 12.5, figure(rows[program]["median"]), size=9, align="right")
            if best:
                canvas.bar(x + width / MOST - 0.4, top, 0.8, len(programs(of_work)) * ROW, LINE)
        y = top + len(programs(of_work)) * ROW + 18
    return canvas.svg()


def programs(of_work):
    """sendall, then the others from the best to the worst of the first unit, then the yardstick."""
    first, best = of_work[0], best_other(of_work[0])
    order = sorted(first, key=lambda row: (not is_ours(row), row["program"].startswith(YARDSTICK),
                                           -speed(row, best) if best and not is_ours(row) else 0))
    names = [row["program"] for row in order]
    return names + [row["program"] for group in of_work[1:] for row in group if row["program"] not in names]


def overview(benches):
    """sendall in each work, beside the best of the others."""
    lines = [(bench, *line) for bench in benches for line in page.summed(bench)]
    height = 46 + len(benches) * 20 + len(lines) * ROW
    canvas = Canvas(WIDTH, height)
    label, width = 300, 230
    canvas.text(label + width / MOST, 14, "the best of the others", size=9, align="center")
    top, y, last = 20, 20, None
    for bench, row, best in lines:
        if bench is not last:
            y += 20
            canvas.text(0, y - 4, page.title(bench), size=11, bold=True)
            last = bench
        text = drawn(canvas, label, y, width, row, best)
        canvas.text(8, y + 12.5, page.named(row), size=10)
        canvas.text(label + width + 42, y + 12.5, text, size=9, align="right", bold=True)
        canvas.text(WIDTH, y + 12.5, best["program"], size=9, align="right")
        y += ROW
    canvas.bar(label + width / MOST - 0.4, top, 0.8, y - top, LINE)
    return canvas.svg()


def made(measured):
    """What is drawn and written, by its path below docs."""
    benches = measured["benches"]
    drawn_from = [bench for bench in benches if bench["rows"]]
    files = {f"pictures/{bench['script']}.svg": picture(bench) for bench in drawn_from}
    files["pictures/overview.svg"] = overview(drawn_from)
    files["measured.md"] = page.text(measured)
    return files


def main():
    docs = os.path.join(side_by_side.ROOT, "docs")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", metavar="FILE", default=os.path.join(docs, "measured.json"))
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--docs", default=docs, help="where they are written, instead of docs")
    args = parser.parse_args()
    with open(args.file) as file:
        files = made(json.load(file))
    pictures = os.path.join(args.docs, "pictures")
    os.makedirs(pictures, exist_ok=True)
    there = {f"pictures/{name}" for name in os.listdir(pictures)}
    stale = sorted(there - set(files))
    for name, text in files.items():
        path = os.path.join(args.docs, name)
        before = None
        if os.path.exists(path):
            with open(path) as file:
                before = file.read()
        if before == text:
            continue
        stale.append(name)
        if not args.check:
            with open(path, "w") as file:
                file.write(text)
    if args.check and stale:
        sys.exit(f"not what {args.file} gives: {', '.join(stale)}; run benches/pictures.py")
    for name in there - set(files):
        os.unlink(os.path.join(args.docs, name))


if __name__ == "__main__":
    main()
