"""Every rule and every script keeps the habits on which reruns, clusters and debugging rest."""

import ast
import importlib
import inspect
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest
import yte

from workflow_text import ROOT, SCRIPTS, WORKFLOW, rules, script_rules

RULES = script_rules()
SCRIPT_OF = {name: re.search(r"(\w+)\.py", rule["script"])[1] for name, rule in RULES.items()}
"""The script of each rule; rules made by ``use rule`` share one."""
LOCAL = set(re.findall(r"^    (\w+),$", (ROOT / "Snakefile").read_text(), re.MULTILINE))
"""Rules that run where Snakemake does."""
BY_HAND = {"compare_runs"}
"""Scripts that a person calls, not a rule."""
FILES = sorted(file for file in SCRIPTS.glob("*.py") if file.stem not in BY_HAND)


def named(directive):
    """Names of a directive's own entries, without those inside calls and brackets."""
    return re.findall(r"^ {8,12}(\w+)=", directive, re.MULTILINE)


def test_each_rule_has_its_script():
    assert sorted(set(SCRIPT_OF.values())) == [file.stem for file in FILES]
    assert set(SCRIPT_OF.values()) <= set(RULES), "One of the rules that share a script has the script's name."


def test_each_constant_of_the_rules_has_one_home():
    homes = {}
    for file in sorted(WORKFLOW.glob("rules/*.smk")):
        # "else" may assign what "if" assigns, so names count once a file
        found = re.findall(r"^ *((?:[A-Z][A-Z0-9_]+, )*[A-Z][A-Z0-9_]+) = ", file.read_text(), re.MULTILINE)
        for name in {name for names in found for name in names.split(", ")}:
            homes.setdefault(name, []).append(file.name)
    assert len(homes) > 40
    assert {name: files for name, files in homes.items() if len(files) > 1} == {}


def test_targets_only_ask_for_files():
    for name, rule in rules().items():
        if name not in RULES:
            assert set(rule) <= {"input", "message", "default_target", "localrule"}, name


@pytest.mark.parametrize("name", RULES)
def test_rule(name):
    rule = RULES[name]
    assert {"output", "log", "benchmark", "message", "conda", "threads", "resources", "params"} <= set(rule)
    assert not {"shell", "run"} & set(rule)
    assert rule["script"].strip() == f'"../scripts/{SCRIPT_OF[name]}.py"'
    assert f"/{name}" in rule["log"] and f"/{name}" in rule["benchmark"]
    assert {"mem_mb", "runtime"} <= set(named(rule["resources"]))
    inherits = rule["params"] == RULES[SCRIPT_OF[name]]["params"]
    assert f'code=code_digest("{SCRIPT_OF[name] if inherits else name}"' in rule["params"]
    assert rule["message"].strip().endswith('."')
    environment = WORKFLOW / "rules" / rule["conda"].strip().strip('"')
    assert environment.is_file()
    assert "mem_mb=growing(" in rule["resources"]
    # A training takes the GPUs of one node, as one task; any other job of a network takes one.
    if environment.stem == "torch" and name not in LOCAL:
        gpus = "gpu=config['gpus'],nodes=1" if name.startswith("train_") else "gpu=min(1,config['gpus'])"
        assert gpus in "".join(rule["resources"].split()).replace('"', "'")
    else:
        assert "gpu" not in rule["resources"]
    for directive in {"input", "output", "params"} & set(rule):
        assert named(rule[directive]), f"Rule {name}: name what stands in {directive}."


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_script(file):
    text = file.read_text()
    tree = ast.parse(text)
    guard = tree.body[-1]
    main = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "main")
    assert main.end_lineno - main.body[0].lineno < 30  # without its arguments
    assert ast.get_docstring(tree) and ast.get_docstring(main)
    opening = "if 'snakemake' in globals():\n    with log_to(snakemake.log[0]):\n        "
    call = "on_gpus(main, snakemake.resources.gpu)(" if file.stem.startswith("train_") else "main("
    assert ast.unparse(guard).startswith(opening + call)
    assert "snakemake" not in text[: text.index('if "snakemake" in globals()')]
    assert not guard.body[0].body[0].value.args, "Call main with keyword arguments alone."
    assert "snakemake.config" not in text


@pytest.mark.parametrize("name", RULES)
def test_script_takes_what_its_rule_gives(name, tmp_path):
    """Run the guard with a fake snakemake that holds the rule's names, and with main's signature."""
    rule, script = RULES[name], SCRIPT_OF[name]
    job = SimpleNamespace(
        input=Named(rule.get("input", "")),
        output=Named(rule["output"]),
        params=Named(rule["params"]),
        wildcards=SimpleNamespace(**dict.fromkeys(re.findall(r"(?<!{){(\w+)", rule["output"]), "0")),
        threads=1,
        resources=SimpleNamespace(gpu=1, tensorboard=0),
        log=Log(tmp_path),
    )
    module = importlib.import_module(script)
    signature = inspect.signature(module.main)
    calls = []
    guard = ast.parse((SCRIPTS / f"{script}.py").read_text()).body[-1]
    scope = {**vars(module), "snakemake": job, "main": lambda **values: calls.append(signature.bind(**values))}
    exec(compile(ast.Module([guard], []), name, "exec"), scope)
    assert len(calls) == 1


class Log(list):
    """A job's log and, by name, the times of a training."""

    def __init__(self, folder):
        super().__init__([folder / "job.log"])
        self.times = folder / "times.csv"


class Named(dict):
    """Snakemake's named lists as far as scripts use them: by attribute, by item, as a mapping."""

    def __init__(self, directive):
        super().__init__({name: name for name in named(directive)})

    def __getattr__(self, name):
        if name not in self:
            raise AttributeError(f"The script asks for {name}, its rule names {', '.join(self)}.")
        return self[name]


def imports(modules, name):
    """Whether importing modules in a fresh Python imports ``name``."""
    code = (
        f"import importlib, sys\nfor name in {modules}: importlib.import_module(name)\nprint({name!r} in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=SCRIPTS, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return run.stdout == "True\n"


def test_scripts_and_library_import_without_snakemake():
    library = [file.relative_to(SCRIPTS).with_suffix("").parts for file in SCRIPTS.glob("aisi/**/*.py")]
    assert not imports([*(file.stem for file in FILES), *map(".".join, library)], "snakemake")


def test_only_networks_import_torch():
    assert not imports([SCRIPT_OF[name] for name, rule in RULES.items() if "torch.yaml" not in rule["conda"]], "torch")


def test_slurm_profile_knows_the_rules_of_networks():
    profile = yte.process_yaml((WORKFLOW.parent / "profiles/slurm/config.yaml").read_text())
    networks = {name for name, rule in RULES.items() if "torch.yaml" in rule["conda"]} - LOCAL
    assert set(profile["set-resources"]) == networks, "Name them in gpu_rules of the profile."
    assert set(profile["slurm-array-jobs"].split(", ")) | set(profile["groups"]) <= set(RULES)


def test_the_table_of_photos_is_checked_before_any_other_job():
    priorities = {name: int(text.split()[0]) for name, rule in rules().items() if (text := rule.get("priority"))}
    assert len(priorities) > 2 and max(priorities, key=priorities.get) == "index_images"
