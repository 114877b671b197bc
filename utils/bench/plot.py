#!/usr/bin/python3
"""Draws throughput.json as bars: server CPU time an operation, Redis's taken as 1.

    plot.py build/bench/throughput.json build/bench/throughput.png
"""
import json
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

SIDES = (("holdfast", "#2a6f97"), ("redis", "#b0b7bf"), ("memcached", "#d8b26e"),
         ("floor", "#e4e7ea"))
UNIT = "ns of CPU"
RATIO_SHOWN_MAX = 1.6  # taller bars are cut, with their figure written on them


def median(row, side):
    return (row.get(side) or {}).get("median")


def draw(report, path):
    rows = [row for row in report["rows"] if row["unit"] == UNIT]
    figure, axes = plt.subplots(figsize=(10, 4.5), dpi=120)
    width = 0.8 / len(SIDES)
    for place, (side, colour) in enumerate(SIDES):
        for index, row in enumerate(rows):
            value, redis = median(row, side), median(row, "redis")
            if value is None or not redis:
                continue
            x = index + (place - (len(SIDES) - 1) / 2) * width
            height = min(value / redis, RATIO_SHOWN_MAX)
            axes.bar(x, height, width, color=colour, label=side if index == 0 else None)
            axes.text(x, height + 0.02, f"{value:.0f}", ha="center", va="bottom", fontsize=6,
                      rotation=90)
    for index, row in enumerate(rows):
        if row.get("bound"):
            axes.plot([index - 0.45, index + 0.45], [row["bound"]] * 2, color="#a4243b",
                      linewidth=1, linestyle="--", label="to reach" if index == 0 else None)
    axes.set_xticks(range(len(rows)), [row["label"].replace(" pipeline", "\npipeline")
                                       for row in rows], fontsize=7)
    axes.set_ylabel("server CPU an operation (redis-server 7.0.15 = 1)\nwritten: nanoseconds")
    axes.set_ylim(0, RATIO_SHOWN_MAX + 0.25)
    axes.legend(fontsize=8, ncols=5, loc="upper right", frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as file:
        draw(json.load(file), sys.argv[2])


main()
