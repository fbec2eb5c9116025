"""What the pages name exists: paths, links, names of the library; the architecture page tells what holds."""

import ast
import pkgutil
import re
from pathlib import Path

import pytest
import snakemake

import draw_architecture
from workflow_text import ROOT, SCRIPTS

FOLDERS_OF_PAGES = ("", "config/", "docs/", "resources/weights/")
PAGES = [page for folder in FOLDERS_OF_PAGES for page in sorted(ROOT.glob(f"{folder}*.md"))]
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()
EXAMPLES = {"count_tags.py", "tag_counts.py", "greedy.py", "mine.yaml", "my_solver.py", "my_networks.py", "this.py"}
"""Files that the recipes of CONTRIBUTING.md, and people with photos, write."""
FOLDERS = r"\.ci|\.github|benchmarks|config|docs|profiles|resources|tests|tools|workflow"
PATHS = {
    rf"(?<![\w/.-])((?:{FOLDERS})/[\w./*-]*[\w*])": "{}",
    r"(?<![\w/.~-])(aisi/[\w./]*\w)": "workflow/scripts/{}",
    r"`(\w+\.smk)`": "workflow/rules/{}",
    r"(?<![\w/.*-])(\w+\.py)\b": "**/{}",
}
"""What looks like a path of the repository, and where it is."""


def test_pages_are_found():
    assert {"README.md", "INTERFACE.md", "CONTRIBUTING.md", "architecture.md"} <= {page.name for page in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_paths_exist(page):
    found = [(name, place) for pattern, place in PATHS.items() for name in re.findall(pattern, page.read_text())]
    missing = [
        name
        for name, place in found
        if not re.search(r"\b[A-Z]{4,}\b", name)  # config/FILE.yaml
        and name.rsplit("/", 1)[-1] not in EXAMPLES
        and not any(ROOT.glob(place.format(name)))
    ]
    assert missing == [], f"{page.name} names files that do not exist."


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_exist(page):
    links = re.findall(r"\]\((?!https?:)([^)#\s]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_architecture_names_the_library():
    names = re.findall(r"`(aisi\.[\w.]+)`", ARCHITECTURE)
    assert len(names) >= 8
    for name in names:
        pkgutil.resolve_name(name)


def test_each_equation_has_a_place():
    assert re.findall(r"^\| §\S+ \| eq\. (\d)", ARCHITECTURE, re.MULTILINE) == list("12345678")


def test_floors_are_those_of_the_imports():
    rows = ARCHITECTURE[ARCHITECTURE.index("| floor |") : ARCHITECTURE.index("`planning` is what")].splitlines()[2:]
    floors = {name: floor for floor, row in enumerate(rows) for name in re.findall(r"`(\w+)`", row)}
    library = SCRIPTS / "aisi"
    parts = {path.stem for path in library.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    assert set(floors) == parts - {"__init__"}
    for file in library.glob("**/*.py"):
        own = file.relative_to(library).parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "aisi":
                other = [*node.module.split("."), node.names[0].name][1]
                assert own == other or floors[own] < floors[other], f"{file.name} imports {other} from above."


def test_the_picture_is_what_its_command_draws(tmp_path):
    draw_architecture.main(tmp_path / "drawn.svg")
    drawn = (tmp_path / "drawn.svg").read_bytes()
    assert drawn == draw_architecture.PICTURE.read_bytes(), "Run: python tools/draw_architecture.py"


def quoted_messages():
    """Error messages in the tables of pages, each as its words between names and numbers."""
    for page in PAGES:
        for table in re.findall(r"^\| message \| do \|\n(?:\|.*\n)+", page.read_text(), re.MULTILINE):
            for row in table.splitlines()[2:]:
                for message in re.findall(r"`([^`]+)`", row.split(" | ")[0]):
                    yield message, re.split(r"'[^']*'|\d+|\.{3}|[\[\]:;]|\w+\.\w+|\bnan\b|\S*/\S*|expected .*", message)


def test_quoted_messages_are_those_of_the_code():
    code = " ".join(file.read_text() for file in SCRIPTS.glob("**/*.py"))
    code = re.sub(r'"\s*\n\s*f?"', "", code)
    messages = list(quoted_messages())
    assert len(messages) > 15
    for message, parts in messages:
        words = [part.strip(" ,.") for part in parts if " " in part.strip(" ,.")]
        assert all(part in code for part in words), f"No error says {message!r}."


def test_quoted_messages_of_snakemake_are_those_of_its_code():
    code = " ".join(file.read_text() for file in Path(snakemake.__file__).parent.glob("**/*.py"))
    code += "FileNotFoundError: No such file or directory"
    table = (ROOT / "docs" / "photos.md").read_text().partition("| it says | do |\n|---|---|\n")[2].partition("\n\n")[0]
    messages = re.findall(r"^\| `([^`]+)`", table, re.MULTILINE)[1:]  # the first one is the shell's
    stopped = re.search(r'STOPPED = "(.+)"', (ROOT / "workflow/rules/closing_words.smk").read_text())[1]
    assert len(messages) > 5
    for message in (*messages, stopped):
        words = re.sub(r"^Config (?=file)|: '.*| mask$", "", message)
        assert words in code, f"Snakemake does not say {message!r}."
