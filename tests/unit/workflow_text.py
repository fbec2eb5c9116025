"""The workflow as text: its rules, also those that the default config leaves out, and what its code imports."""

import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
WORKFLOW = ROOT / "workflow"
SCRIPTS = WORKFLOW / "scripts"


def rules():
    """Map each rule's name to its directives, {keyword: text}; those of ``use rule BASE as NAME with`` and BASE's."""
    own, base_of = {}, {}
    for file in [ROOT / "Snakefile", *sorted(WORKFLOW.glob("rules/*.smk"))]:
        lines = file.read_text().splitlines()
        for start, line in enumerate(lines):
            if match := re.match(r"( *)(?:rule|checkpoint|use rule (?P<base>\w+) as) (?P<name>\w+)(?: with)?:", line):
                name = match["name"]
                assert name not in own, f"Rule {name} is defined twice, the second time in {file.name}."
                own[name] = _directives(lines[start + 1 :], len(match[1]) + 4)
                if match["base"]:
                    base_of[name] = match["base"]
    return {name: own.get(base_of.get(name), {}) | directives for name, directives in own.items()}


def _directives(lines, indent):
    directives, keyword = {}, None
    for line in lines:
        depth = len(line) - len(line.lstrip())
        if line.strip() and depth < indent:
            break
        if depth == indent and (match := re.match(r"(\w+):(.*)", line.strip())):
            keyword, text = match.groups()
            directives[keyword] = text
        elif keyword:
            directives[keyword] += f"\n{line}"
    return directives


def script_rules():
    """The rules that run a script: all but the targets."""
    return {name: directives for name, directives in rules().items() if "script" in directives}


def script_of(rule):
    """Path of a rule's script, from its directives."""
    return (WORKFLOW / "rules" / rule["script"].strip().strip('"')).resolve()


def third_party_imports(script):
    """Top-level names, neither ours nor Python's own, that a script and our modules it imports import."""
    seen, todo, names = set(), [script], set()
    while todo:
        path = todo.pop()
        seen.add(path)
        for name in _imported(path):
            module = SCRIPTS.joinpath(*name.split("."))
            own = [p for p in (module.with_suffix(".py"), module / "__init__.py") if p.is_file() and p not in seen]
            todo += own
            names.add(name.split(".")[0])
    return names - {"aisi", "snakemake"} - sys.stdlib_module_names


def _imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
