"""The house is as ARCHITECTURE.md draws it: the imports are read and held against the table below."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import kb

ROOT = Path(kb.__file__).parent

LAYERS = (
    # from the roof down; each part may import those in lower rows, never one of its own row or above
    ("__main__",),
    ("cli",),  # the commands
    ("serve_cli", "search_cli"),
    ("watch",),
    ("publish_cli", "reports_cli", "tickets_cli", "index_cli", "check_cli"),
    ("records_cli",),
    ("serve",),  # gunicorn
    ("worker",),
    ("lending", "wire"),
    ("api",),  # routes, error table
    ("web",),  # HTTP in and out
    ("publish", "tickets"),  # from a push to a live index · what is filed
    ("indexer", "evaluate", "explain", "desk", "tokens"),
    ("deflection",),  # what happened, what it means
    ("search", "suggest", "related"),  # query → hits · keystrokes → questions
    ("snippets", "spelling"),
    ("plan",),  # query → weighted terms
    ("vocabulary",),
    ("content", "index"),  # files → articles · the index on disk
    ("text", "settings", "signing"),  # the one way words are cut
    ("model", "processes", "ports", "roles", "terminal", "progress", "words", "chance"),  # values
    ("options", "later"),
    ("errors",),  # failures
    ("",),  # kb/__init__.py: the version
)

SERVING = ("serve", "api", "web", "search", "suggest", "related")

READS_ENVIRONMENT = {
    "settings.py": "the settings",
    "serve.py": "writes where prometheus-client looks for its files",
    "content/guard.py": "hands all of it to its other side",
    "content/history.py": "hands it to git",
    "publish/git.py": "hands it to git",
    "deflection/triage.py": "hands it to git",
}
"""Who touches `os.environ`, and why it may."""


@cache
def files() -> dict[str, Path]:
    """Every module by its name without `kb.`; a package by its own."""
    found = {}
    for file in ROOT.rglob("*.py"):
        parts = file.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


@cache
def parsed(module: str) -> ast.Module:
    return ast.parse(files()[module].read_text("utf-8"))


def for_types_only(node: ast.AST) -> bool:
    """`if TYPE_CHECKING:` is never run."""
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def run(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those for types only; those inside functions, too."""
    for child in ast.iter_child_nodes(node):
        if not for_types_only(child):
            yield child
            yield from run(child)


@cache
def imports(module: str) -> frozenset[str]:
    """Modules of ours that a module imports when it is run."""
    found = set()
    for node in run(parsed(module)):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: a relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and ":" in node.value:
            names = [node.value.partition(":")[0]]  # "kb.publish_cli:publish_command", imported by its name
        for name in names:
            own = name.removeprefix("kb.") if name.startswith("kb.") else None
            if own is not None:
                found.add(own if own in files() else own.rpartition(".")[0])
    return frozenset(found & files().keys())


def part(module: str) -> str:
    return module.partition(".")[0]


def level(name: str) -> int:
    return next(number for number, row in enumerate(LAYERS) if name in row)


def reach(start: str, without: str = "") -> set[str]:
    """Everything that is imported when `start` is, by whatever way; not through the part `without`."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        module = waiting.pop()
        if module not in found and not (without and part(module) == without):
            found.add(module)
            waiting += imports(module)
    return found


def modules_of(*parts: str) -> list[str]:
    return [module for module in files() if part(module) in parts]


def test_every_part_has_its_place_in_the_house() -> None:
    assert {part(module) for module in files()} == {name for row in LAYERS for name in row}


@pytest.mark.parametrize("module", sorted(files()))
def test_imports_only_go_down(module: str) -> None:
    up = {
        each
        for each in imports(module)
        if part(each) != part(module) and level(part(each)) <= level(part(module))
    }
    assert up == set()


def test_there_are_no_circles() -> None:
    try:
        order = tuple(TopologicalSorter({module: imports(module) for module in files()}).static_order())
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))
    assert set(order) == set(files())


def test_indexer_and_search_never_import_each_other_by_any_way() -> None:
    assert "search" not in reach("indexer")
    assert "indexer" not in reach("search")


def test_serving_reaches_the_indexer_through_publish_alone() -> None:
    for module in modules_of(*SERVING):
        reached = reach(module, without="publish")
        assert reached.isdisjoint({"indexer", "index.previous", "index.prepared"}), module


def test_the_text_is_cut_in_one_place() -> None:
    cutters = {"sudachipy", "whoosh.lang", "whoosh.analysis"}
    for module in files():
        foreign = {node.module or "" for node in run(parsed(module)) if isinstance(node, ast.ImportFrom)} | {
            alias.name for node in run(parsed(module)) if isinstance(node, ast.Import) for alias in node.names
        }
        cut = {name for name in foreign if any(name.startswith(each) for each in cutters)}
        assert not cut or part(module) == "text", f"{module} imports {cut}"


def test_only_the_settings_read_the_environment() -> None:
    touching = set()
    for file in files().values():
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            named = isinstance(node, ast.Attribute) and node.attr in (
                "environ",
                "environb",
                "getenv",
                "putenv",
            )
            taken = isinstance(node, ast.ImportFrom) and node.module == "os" and "env" in ast.dump(node)
            if named or taken:
                touching.add(str(file.relative_to(ROOT)))
    assert touching == set(READS_ENVIRONMENT)


def test_nobody_but_the_settings_asks_for_a_single_variable() -> None:
    for file in files().values():
        if file.name == "settings.py":
            continue
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "os.environ":
                assert isinstance(node.ctx, ast.Store), f"{file.name}:{node.lineno}"
            if isinstance(node, ast.Call):
                asked = ast.unparse(node.func) in ("os.getenv", "os.environ.get", "os.environ.pop")
                assert not asked, f"{file.name}:{node.lineno}"


def public_functions() -> Iterator[tuple[str, ast.FunctionDef]]:
    """Functions at the top of modules, with `file:name`; generated migrations left out."""
    for file in files().values():
        if "migrations" not in file.parts:
            for node in ast.parse(file.read_text("utf-8")).body:
                if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                    yield f"{file.relative_to(ROOT)}:{node.name}", node


def test_every_public_function_is_annotated() -> None:
    for name, node in public_functions():
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        assert node.returns is not None, name
        assert all(argument.annotation is not None for argument in arguments), name


def test_every_public_function_of_more_than_one_line_says_what_it_does() -> None:
    silent = {
        name
        for name, node in public_functions()
        if len(node.body) > 1 and ast.get_docstring(node) is None and name != "__main__.py:main"
    }
    assert silent == set()


def test_every_module_says_its_place_in_the_flow() -> None:
    silent = {name for name in files() if "migrations" not in name and not ast.get_docstring(parsed(name))}
    assert silent == set()
