"""The documents of the project, and what stands where in them."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])


def read(name):
    return (ROOT / name).read_text()


def section(text, heading):
    """What stands below a heading, up to the next of its level or above."""
    level, title = heading.split(" ", 1)
    match = re.search(
        rf"^{level} {re.escape(title)}$(.*?)(?=^#{{1,{len(level)}}} |\Z)",
        text,
        re.MULTILINE | re.DOTALL,
    )
    assert match, f"there is no {heading}"
    return match[1]


def rows(text):
    """The cells of all table rows but heads and rules."""
    lines = re.findall(r"^\|(.+)\|$", text, re.MULTILINE)
    heads = {lines[at - 1] for at, line in enumerate(lines) if set(line) <= {"|", "-"}}
    return [
        [cell.strip() for cell in line.split("|")]
        for line in lines
        if line not in heads and not set(line) <= {"|", "-"}
    ]


def blocks(text, *languages):
    """The blocks of code in these languages."""
    fenced = re.findall(r"^ *```(\w*)\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    return [block for language, block in fenced if language in languages]


def prose(text):
    """A document without its blocks of code."""
    return re.sub(r"^ *```.*?^ *```$", "", text, flags=re.MULTILINE | re.DOTALL)


def typed_in(text):
    """What a document says to type: blocks for a shell, and code in sentences."""
    indented = re.findall(r"^\n((?:    .+\n)+)", prose(text), re.MULTILINE)
    inline = re.findall(r"`([^`]+)`", prose(text))
    return "\n".join([*blocks(text, "sh", "console", "ini", ""), *indented, *inline])


def commands_in(text):
    """What follows `uploadsvc` where a document says to type it: command, options, the rest."""
    command = r"\buploadsvc (?=((?:--config \S+ )?(?:--version|--help|[a-z]+\b).*))"
    return re.findall(command, typed_in(text))


def slug(heading):
    """The anchor that a heading gets."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def groups_of_settings():
    """The groups in settings.py: their titles, and the settings in each."""
    groups = []
    text = read("src/uploadsvc/settings.py").partition("class Settings(")[2]
    for line in text.partition("@classmethod")[0].splitlines():
        if title := re.fullmatch(r"    # (.+)", line):
            groups.append((title[1], []))
        elif name := re.match(r"    ([a-z_]+):", line):
            groups[-1][1].append(name[1])
    return groups
