"""The page docs/measured.md, from what benches/all has measured: machine, medians, commands, and where sendall loses."""
from side_by_side import OURS, YARDSTICK, best_other, figure, groups, is_ours, speed, times

# Less apart than this is as good.
NOISE = 0.03

# Of each script: its title, and what it does.
BENCHES = {
    "stream": ("Raw streams", "`serve` and `connect` beside netcats and socat, and `serve --forward` between two ends."),
    "files": ("Files and folders", "`upload` and `download` in the clear, from memory to memory. Copies are compared byte for byte."),
    "datagrams": ("Datagrams", "`udp-send` and `udp-listen`, as fast as the sender can, into a file."),
    "http_hello": ("HTTP: one answer", "`http-hello`, each server on one thread, under wrk."),
    "web": ("HTTP: files", "`serve --http` beside nginx."),
    "tls": ("TLS", "`serve --tls` and `connect --tls`, TLS 1.3."),
    "ssh": ("Over ssh", "`upload` and `download` with `ssh://`, scp and rsync, over one sshd."),
    "start": ("Start", "The whole life of a process that has little to do."),
    "wan": ("Wide area", "Links with delay, a rate and loss, between network namespaces."),
}

# Of a script, a part of the work's name and of the unit: why sendall loses there, if it does. The first that fits.
REASONS = [
    ("files", "4 KiB", "", "each file is written beside its name, hashed at both ends, synced and renamed; tar writes it"),
    ("files", "", "", "both ends compute BLAKE3 on the cores that move the bytes; curl and tar compute nothing, rsync a cheaper sum"),
    ("ssh", "download of a file", "", "the digests of both ends share the cores with ssh's encryption; scp computes none"),
    ("start", "", "", "more code is loaded and relocated, and all commands and options are built before one is chosen"),
]


def title(bench):
    return BENCHES.get(bench["script"], (bench["script"], ""))[0]


def cell(text):
    return text.replace("|", "\\|")


def is_lost(ratio):
    return ratio < 1 - NOISE


def named(row):
    """'10,000 files of 4 KiB, upload'."""
    variant = row["program"].removeprefix(OURS).strip()
    return f"{row['work']}, {variant}" if variant else row["work"]


def is_effort(row):
    return "CPU" in row["unit"]


def compared(bench):
    """Each row of sendall, and the best of the others beside it."""
    for group in groups(bench["rows"]):
        best = best_other(group)
        yield from ((row, best) for row in group if best and is_ours(row))


def summed(bench):
    """Those that the overview shows: of each work the first unit, which is not processor time if there is another."""
    pairs = list(compared(bench))
    shown = []
    for row, best in pairs:
        of_work = [other for other, _ in pairs if other["work"] == row["work"] and other["program"] == row["program"]]
        if row is next((other for other in of_work if not is_effort(other)), of_work[0]):
            shown.append((row, best))
    return shown


def reason(bench, row):
    for script, work, unit, text in REASONS:
        if script == bench["script"] and work in named(row) and unit in row["unit"]:
            return text
    return ""


def losses(benches):
    lines = []
    for bench in benches:
        for row, best in compared(bench):
            ratio = speed(row, best)
            if is_lost(ratio):
                lines.append((ratio, f"| {title(bench)}: {cell(named(row))} | {figure(row['median'])} {row['unit']} "
                              f"| {figure(best['median'])}, {cell(best['program'])} | {times(ratio)} | {reason(bench, row)} |"))
    return [line for _, line in sorted(lines)]


def table(bench):
    """Medians: a line for each work and program, a column for each unit that they have."""
    lines = []
    works = {}
    for group in groups(bench["rows"]):
        works.setdefault(group[0]["work"], []).append(group)
    for work, of_work in works.items():
        lines += ["", f"| {cell(work)} | {' | '.join(group[0]['unit'] for group in of_work)} |", "|---" * (len(of_work) + 1) + "|"]
        names = {row["program"]: None for group in of_work for row in group}
        for name in names:
            medians = [next((figure(row["median"]) for row in group if row["program"] == name), "") for group in of_work]
            lines.append(f"| {cell(name)} | {' | '.join(medians)} |")
    return lines[1:]


def commands(bench):
    """Of each program the first."""
    found = {}
    for row in bench["rows"]:
        found.setdefault(row["program"], row["command"])
    return [line for name, command in found.items() for line in (f"# {name}", *command.splitlines())]


def part(bench):
    name, about = BENCHES.get(bench["script"], (bench["script"], ""))
    lines = [f"## {name}", "", about, ""] if about else [f"## {name}", ""]
    absent = [line for missing in bench["missing"] for line in (f"Not beside them: {missing}.", "")]
    if not bench["rows"]:
        return lines + absent
    lines += [f"![{name}: speed of each program, relative to the best of the others](pictures/{bench['script']}.svg)", ""]
    rounds = {len(row["values"]) for row in bench["rows"]}
    load = f" Load of the machine: {bench['load'][0]} before, {bench['load'][1]} after." if bench["load"] else ""
    lines += [f"`{bench['command']}`: medians of {min(rounds)} rounds.{load}", ""]
    return lines + absent + ["<details><summary>Medians and commands</summary>", "", *table(bench), "", "```text", *commands(bench), "```",
                    "", "</details>", ""]


def busy(measured):
    """A warning, if more was running than the benches themselves."""
    most = max([load for bench in measured["benches"] for load in bench["load"]], default=0)
    if most <= 2 * int(measured["machine"]["cores"]):
        return []
    return [f"**The machine was busy with other work: its load went up to {most:.0f}.** Of these figures, processor time says more than",
            "time, and neither says much.", ""]


def text(measured):
    machine = measured["machine"]
    lost = losses(measured["benches"])
    count = sum(1 for bench in measured["benches"] for _ in compared(bench))
    lines = [
        "# Measured", "",
        "sendall beside others, on one machine. `benches/all` measures, writes [measured.json](measured.json), and makes this page",
        "of it. Figures depend on the machine and on what else it does: measure on yours.", "",
        "- Programs take turns, in rounds; medians count. Both ends run on the machine, over loopback unless a row says otherwise.",
        "- Copies are compared. A program that is not there, that fails, or whose copy is not whole is named, and has no bar.",
        "- A bar is the speed relative to the best of the others, which is the line. Orange: sendall loses. Bars end at 2.",
        f"- The {YARDSTICK} is a program that does nothing but move bytes. It is not one of the others.", "",
        f"| measured on | {measured['measured']} |", "|---|---|",
        *[f"| {name} | {value} |" for name, value in machine.items()], "", *busy(measured),
        "![Speed of sendall in each work, relative to the best of the others](pictures/overview.svg)", "",
        "## Where sendall loses", "",
        f"In {len(lost)} of {count} comparisons the best of the others is better by more than {100 * NOISE:.0f} %.", "",
    ]
    if lost:
        lines += ["| what | sendall | the best other | speed | why |", "|---|---|---|---|---|", *lost, ""]
    for bench in measured["benches"]:
        lines += part(bench)
    return "\n".join(lines).rstrip() + "\n"
