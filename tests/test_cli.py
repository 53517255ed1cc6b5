"""The commands: what they print, where, and with which exit status.

Most calls run `kb.cli.main` in this process, because starting one takes a second or two; the contract of
the process (status, streams, terminal, pipe) is shown by real ones.
"""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

import pytest
from trees import SHOP, folders, found, index, live, write

from kb.cli import main
from kb.errors import IndexMissing
from kb.index.generation import live_folder
from kb.index.layout import locale_folder
from kb.model import Audience
from kb.processes import heard

KB = [sys.executable, "-m", "kb"]


class Ran(NamedTuple):
    status: int
    out: str
    err: str


Kb = Callable[..., Ran]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `articles`, indexed in `var`; never changed."""
    base = tmp_path_factory.mktemp("shop")
    index(write(base / "articles", SHOP), base / "var")
    return base


@pytest.fixture
def kb(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Kb:
    """Runs `kb` with these arguments."""

    def run(*arguments: object) -> Ran:
        monkeypatch.setattr(sys, "argv", ["kb", *map(str, arguments)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        return Ran(int(ended.value.code or 0), *capfd.readouterr())

    return run


def refusal(ran: Ran) -> str:
    """The one line of a command that could not do its work."""
    assert ran.status == 2
    assert ran.out == ""
    assert ran.err.startswith("kb: ")
    assert ran.err.count("\n") == 1
    return ran.err.removeprefix("kb: ").strip()


# ---------------------------------------------------------------- the process


def test_index_and_search_as_processes(tmp_path: Path) -> None:
    write(tmp_path / "articles", SHOP)
    done = subprocess.run([*KB, "index"], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("6 articles, 8 sections (6 analysed, 0 removed) in ")
    assert done.stdout.endswith(" s; 6 files, 0 skipped\n")
    asked = subprocess.run([*KB, "search", "返金"], cwd=tmp_path, capture_output=True, text=True)
    assert (asked.returncode, asked.stderr) == (0, "")
    assert "orders/refund" in asked.stdout
    refused = subprocess.run(
        [*KB, "search", "返金", "--var", "none"], cwd=tmp_path, capture_output=True, text=True
    )
    assert refusal(Ran(refused.returncode, refused.stdout, refused.stderr)) == (
        "none/index: there is no index yet; run `kb index` or `kb publish`"
    )


def test_the_installed_command_is_the_module() -> None:
    script = Path(sys.executable).with_name("kb")
    if not script.exists():
        pytest.skip("kb is not installed: make install")
    versions = [subprocess.check_output([*each, "--version"]) for each in (KB, [script])]
    assert versions[0] == versions[1]


def test_a_progress_bar_is_shown_on_a_terminal_only(shop: Path, tmp_path: Path) -> None:
    command = [*KB, "index", "--articles", shop / "articles", "--var", tmp_path / "var"]
    master, slave = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=slave, env=environment)
    os.close(slave)
    shown = b"".join(read_all(master))
    out, _ = process.communicate()
    assert process.returncode == 0
    assert b"writing" in shown
    assert b"6/6" in shown
    assert b"writing" not in out


def read_all(descriptor: int) -> Iterator[bytes]:
    """Everything that a terminal shows until nobody writes to it any more."""
    while heard(descriptor, 60):
        try:
            chunk = os.read(descriptor, 65536)
        except OSError:  # Linux's way to tell the end of a terminal
            break
        if not chunk:
            break
        yield chunk
    os.close(descriptor)


def test_whoever_stops_reading_gets_no_traceback(shop: Path, tmp_path: Path) -> None:
    root = write(tmp_path / "articles", {f"en/a{n}.md": f"# A\n\n[dead](no{n}.md)\n" for n in range(2500)})
    process = subprocess.Popen(
        [*KB, "check", "--articles", root], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.read(10)
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() == 1


# ---------------------------------------------------------------- wrong use


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["serach"], "No such command 'serach'. Did you mean 'search'? See `kb --help`."),
        (["search"], "Missing argument 'QUERY'. See `kb search --help`."),
        (["search", "a", "--limit", "0"], "Invalid value for '--limit': 0 is not in the range 1<=x<=50. See `kb search --help`."),
        (["search", "a", "--nope"], "No such option '--nope'. See `kb search --help`."),
        (["check", "--format", "xml"], "Invalid value for '--format': 'xml' is not one of 'github', 'json', 'sarif', 'text'. See `kb check --help`."),
    ],
)  # fmt: skip
def test_wrong_use_is_one_line(kb: Kb, arguments: list[str], line: str) -> None:
    assert refusal(kb(*arguments)).replace(": --nope", " '--nope'") == line


def test_help_is_help(kb: Kb) -> None:
    ran = kb("index", "--help")
    assert (ran.status, ran.err) == (0, "")
    assert "--rebuild" in ran.out
    assert "Commands:" in kb().err


# ---------------------------------------------------------------- index


def test_index_tells_what_it_did_and_why_files_were_skipped(kb: Kb, tmp_path: Path) -> None:
    root = write(tmp_path / "articles", SHOP)
    write(
        root,
        {
            "en/broken.md": "---\ntitle: [\n---\n# Broken\n",
            "en/binary.md": b"\xff\xfe\x00",
            "en/draft.md": "---\nstatus: draft\n---\n# Draft\n\nText.\n",
            "en/old.md": "---\nstatus: archived\n---\n# Old\n\nText.\n",
            "en/empty.md": "\n",
            "en/twin.md": "# Twin\n\nText.\n",
            "en/twin.markdown": "# Twin\n\nText.\n",
        },
    )
    var = tmp_path / "var"
    ran = kb("index", "--articles", root, "--var", var)
    assert ran.status == 0
    assert ran.out.startswith("7 articles, 9 sections (7 analysed, 0 removed) in ")
    assert "; 13 files, 4 skipped, 1 archived, 1 draft" in ran.out
    assert [line.split(": ")[0].split(":")[0] for line in ran.err.splitlines()] == [
        "en/binary.md",
        "en/broken.md",
        "en/empty.md",
        "en/twin.md",
    ]
    assert "en/broken.md:3:1: error: left out: " in ran.err
    again = kb("index", "--articles", root, "--var", var)
    assert "(nothing changed)" in again.out
    assert again.err == ran.err
    assert "(7 analysed, 0 removed)" in kb("index", "--articles", root, "--var", var, "--rebuild").out


def test_index_repairs_a_damaged_index_and_says_why(kb: Kb, tmp_path: Path) -> None:
    root, var = write(tmp_path / "articles", SHOP), tmp_path / "var"
    index(root, var)
    file = locale_folder(var, live_folder(var), Audience.PUBLIC, "ja") / "snapshot/small.bin"
    file.unlink()
    damaged = f"{file}: cannot be read (No such file or directory)"
    assert refusal(kb("search", "返金", "--var", var)) == f"{damaged}; run `kb index` to make it anew"
    ran = kb("index", "--articles", root, "--var", var)
    assert ran.status == 0
    assert ran.err == f"everything was analysed again: {damaged}\n"
    assert "orders/refund" in kb("search", "返金", "--var", var).out


def test_a_pointer_that_names_no_index_is_told_by_serve_and_replaced_by_index(
    kb: Kb, shop: Path, tmp_path: Path
) -> None:
    var = tmp_path / "var"
    pointer = var / "index/current"
    pointer.parent.mkdir(parents=True)
    pointer.write_text("../elsewhere\n", "utf-8")
    line = refusal(kb("serve", "--var", var, "--port", "0"))
    assert line == f"{pointer}: does not name a generation; run `kb index` to make it anew"
    assert kb("index", "--articles", shop / "articles", "--var", var).status == 0
    assert kb("search", "返金", "--var", var).status == 0


def test_index_without_articles_says_where_they_should_be(kb: Kb, tmp_path: Path) -> None:
    line = refusal(kb("index", "--articles", tmp_path / "none", "--var", tmp_path / "var"))
    assert line == f"{tmp_path / 'none'}: cannot be listed: No such file or directory"
    write(tmp_path, {"kb.yml": "locales: nonsense: [\n"})
    assert refusal(kb("index", "--articles", tmp_path, "--var", tmp_path / "var")).startswith("kb.yml:1:18: ")
    assert not (tmp_path / "var").exists()


def test_index_says_when_the_state_folder_cannot_be_written(kb: Kb, shop: Path, tmp_path: Path) -> None:
    (tmp_path / "var").write_text("a file")
    line = refusal(kb("index", "--articles", shop / "articles", "--var", tmp_path / "var"))
    assert line == f"{tmp_path / 'var'}: cannot write the index: File exists"


@pytest.mark.parametrize("locale", ["../../elsewhere", "", "klingon", "ja/en"])
def test_a_locale_that_is_no_language_is_refused_and_nothing_is_written(
    kb: Kb, tmp_path: Path, locale: str
) -> None:
    root = write(tmp_path / "tree", {"a.md": "# A\n\nText.\n"})
    line = refusal(kb("index", "--articles", root, "--var", tmp_path / "var", "--locale", locale))
    assert line == f"--locale: {locale!r} is no language like ja, en or pt-BR"
    assert {path.name for path in tmp_path.iterdir()} == {"tree"}


# ---------------------------------------------------------------- search, why


def test_search_prints_ranked_hits(kb: Kb, shop: Path) -> None:
    lines = kb("search", "refund", "--locale", "en", "--var", shop / "var").out.splitlines()
    assert lines[0] == "1 articles match"
    assert lines[1].split() == ["1", lines[1].split()[1], "orders/refund"]
    assert lines[2].startswith("    When you get your refund — ")


def test_search_says_what_was_searched_instead(kb: Kb, shop: Path) -> None:
    ran = kb("search", "overseass", "--locale", "en", "--var", shop / "var")
    assert ran.out.startswith("nothing matches as typed; searched for: overseas\n")


def test_search_gives_json_in_the_shape_of_the_api(kb: Kb, shop: Path) -> None:
    ran = kb("search", "期限", "--json", "--limit", "1", "--var", shop / "var")
    answer = json.loads(ran.out)
    (hit,) = answer["hits"]
    assert (answer["query"], answer["locale"], answer["total"], answer["corrected"]) == (
        "期限",
        "ja",
        1,
        None,
    )
    assert answer["generation"] == live(shop / "var").name
    assert (hit["id"], hit["title"], hit["audience"]) == ("orders/refund", "返金について", "public")
    assert hit["url"] == "/ja/articles/orders/refund#%E8%BF%94%E9%87%91%E3%81%AE%E6%9C%9F%E9%99%90"
    assert hit["section"]["anchor"] == "返金の期限"
    assert hit["score"] > 0


def test_search_explains_each_score_by_field_and_term(kb: Kb, shop: Path) -> None:
    plain = kb("search", "refund", "--locale", "en", "--explain", "--var", shop / "var").out
    assert "word      title     refund" in plain
    answer = json.loads(
        kb("search", "refund", "--locale", "en", "--explain", "--json", "--var", shop / "var").out
    )
    explained = answer["explanations"]["orders/refund"]
    assert sum(part["score"] for part in explained["parts"]) == pytest.approx(
        answer["hits"][0]["score"], abs=0.01
    )


def test_search_keeps_the_audiences_apart(kb: Kb, shop: Path) -> None:
    assert "agents/tricks" not in kb("search", "返金の裏技", "--var", shop / "var").out
    assert "agents/tricks" in kb("search", "返金の裏技", "--audience", "agent", "--var", shop / "var").out


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["search", "a", "--locale", "fr"], "--locale: 'fr' is not one of en, ja"),
        (["search", "  "], "QUERY: is empty"),
        (["search", "a\x00b"], "QUERY: holds the control character U+0000"),
        (["search", "あ" * 401], "QUERY: is longer than 400 characters"),
        (["why", "orders/none", "返金"], "ja/orders/none: is not in the public index: unknown, a draft, archived, or for agents only"),
        (["why", "agents/tricks", "返金"], "ja/agents/tricks: is not in the public index: unknown, a draft, archived, or for agents only"),
    ],
)  # fmt: skip
def test_what_cannot_be_searched_is_one_line(kb: Kb, shop: Path, arguments: list[str], line: str) -> None:
    assert refusal(kb(*arguments, "--var", shop / "var")) == line


def test_why_tells_rank_parts_what_is_missing_and_what_stands_above(kb: Kb, shop: Path) -> None:
    lines = kb(
        "why", "orders/cancel", "refund parcel", "--locale", "en", "--var", shop / "var"
    ).out.splitlines()
    assert lines[0].startswith("en/orders/cancel: rank ")
    assert any(line.split()[1:] == ["word", "body", "parcel"] for line in lines)
    assert "not in it: refund" in lines
    none = kb("why", "shipping", "parcel", "--locale", "en", "--var", shop / "var").out
    assert "no word of the query matches strictly" in none
    assert "above it: " in none


# ---------------------------------------------------------------- eval


def test_eval_of_golden_queries_holds_or_names_what_is_lost(kb: Kb, tmp_path: Path) -> None:
    root, var, table = write(tmp_path / "articles", SHOP), tmp_path / "var", tmp_path / "ranks.tsv"
    held = kb("eval", "--articles", root, "--var", var, "--ranks", table)
    assert (held.status, held.err) == (0, "")
    assert "1.0000" in held.out
    assert table.read_text() == "locale\tarticle\tquery\trank\nja\torders/refund\t返金の期限\t1\n"
    write(root, {"en/shipping.md": "---\ngolden: [bananas]\n---\n# Shipping overseas\n\nBy sea.\n"})
    lost = kb("eval", "--articles", root, "--var", var)
    assert lost.status == 1
    assert lost.err == "golden query lost: en 'bananas': shipping at rank > 50\n"


def test_eval_leaves_what_is_served_as_it_is(kb: Kb, tmp_path: Path) -> None:
    root, var = write(tmp_path / "articles", SHOP), tmp_path / "var"
    index(root, var)
    write(root, {"en/shipping.md": "---\ngolden: [balloon]\n---\n# Shipping overseas\n\nBy balloon.\n"})
    assert kb("eval", "--articles", root, "--var", var).status == 0
    assert found(live(var), "en", "balloon") == []
    fresh = tmp_path / "fresh"
    assert kb("eval", "--articles", root, "--var", fresh).status == 0
    with pytest.raises(IndexMissing):
        live(fresh)


def test_eval_of_a_truth_file_asks_the_live_index(kb: Kb, shop: Path, tmp_path: Path) -> None:
    truth = tmp_path / "truth.jsonl"
    judged = [
        {"query": "refund", "locale": "en", "articles": {"orders/refund": 1}},
        {"query": "overseas", "locale": "en", "articles": {"orders/cancel": 1}},
        {"query": "裏技", "locale": "ja", "articles": {"agents/tricks": 2}, "audience": "agent"},
    ]
    truth.write_text("".join(json.dumps(each) + "\n" for each in judged))
    before = folders(shop / "var")
    ran = kb("eval", truth, "--var", shop / "var")
    assert (ran.status, ran.err) == (0, "")
    assert "0.6667" in ran.out
    assert folders(shop / "var") == before
    assert not (shop / "var/eval").exists()


def test_eval_of_a_relevance_set_indexes_its_documents_by_themselves(kb: Kb, tmp_path: Path) -> None:
    documents = {"1": ("Refund", "Money comes back."), "2": ("Shipping", "The parcel is sent by sea.")}
    write(
        tmp_path / "set",
        {
            "ABOUT.md": "# A set\n\n- language: en\n",
            "corpus.jsonl": "".join(
                json.dumps({"_id": each, "title": title, "text": text}) + "\n"
                for each, (title, text) in documents.items()
            ),
            "queries.jsonl": '{"_id": "a", "text": "money"}\n{"_id": "b", "text": "parcel"}\n',
            "qrels.tsv": "query-id\tcorpus-id\tscore\na\t1\t1\nb\t2\t1\n",
        },
    )
    ran = kb("eval", tmp_path / "set", "--var", tmp_path / "var")
    assert ran.status == 0
    assert "1.0000" in ran.out
    assert not (tmp_path / "var").exists()


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (None, "truth.jsonl: cannot be read: No such file or directory"),
        ("", "truth.jsonl: holds no judged queries"),
        ('{"query": "a"}', "truth.jsonl:1: Object missing required field `locale`"),
        ('\n{"query": "a", "locale": "fr", "articles": {"a": 1}}', "'a': there is no index of locale 'fr'"),
    ],
)
def test_eval_names_what_is_wrong_with_a_truth_file(
    kb: Kb, shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None, line: str
) -> None:
    monkeypatch.chdir(tmp_path)
    if content is not None:
        Path("truth.jsonl").write_text(content)
    assert refusal(kb("eval", "truth.jsonl", "--var", shop / "var")).startswith(line)


def test_eval_says_when_the_ranks_cannot_be_written(kb: Kb, shop: Path, tmp_path: Path) -> None:
    table = tmp_path / "none/ranks.tsv"
    ran = kb("eval", "--articles", shop / "articles", "--var", tmp_path / "var", "--ranks", table)
    assert ran.status == 2
    assert ran.err == f"kb: {table}: cannot be written: No such file or directory\n"


# ---------------------------------------------------------------- check


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout that we are in: a sound article, one with a warning, one with an error."""
    monkeypatch.chdir(tmp_path)
    root = write(tmp_path / "articles", {"kb.yml": "locales: [ja]\n"})
    write(root, {"ja/good/a.md": "# よい記事\n\nよい内容です。\n"})
    write(root, {"ja/odd/b.md": "---\ncolour: blue\n---\n# 変な記事\n\n変な内容のものです。\n"})
    return write(root, {"ja/bad/c.md": "# 悪い記事\n\n[先](nowhere.md)がありません。\n"})


def test_check_exits_with_1_for_errors_and_with_strict_for_warnings(kb: Kb, here: Path) -> None:
    every = kb("check")
    assert every.status == 1
    assert "ja/bad/c.md:3" in every.out
    assert every.out.endswith("1 error, 1 warning\n")
    assert kb("check", "articles/ja/good").status == 0
    assert kb("check", "articles/ja/odd").status == 0
    assert kb("check", "articles/ja/odd", "--strict").status == 1
    assert kb("check", "articles/ja/good", "articles/ja/bad/c.md").status == 1


def test_check_of_paths_tells_of_those_alone(kb: Kb, here: Path) -> None:
    assert kb("check", "articles/ja/good").out == "0 errors, 0 warnings\n"
    odd = kb("check", "articles/ja/odd").out
    assert "ja/odd/b.md" in odd
    assert "ja/bad/c.md" not in odd
    assert "ja/bad/c.md" in kb("check", here).out


def test_check_refuses_paths_that_are_not_there_or_elsewhere(kb: Kb, here: Path) -> None:
    assert refusal(kb("check", "articles/ja/none")) == "articles/ja/none: does not exist"
    other = f"{here.parent}: is not below articles; name another tree with --articles"
    assert refusal(kb("check", here.parent)) == other
    assert refusal(kb("check", "--articles", "none")) == "none: cannot be listed: No such file or directory"


def test_check_speaks_json_github_and_sarif_with_paths_of_the_checkout(kb: Kb, here: Path) -> None:
    told = json.loads(kb("check", "--format", "json").out)
    assert (told["errors"], told["warnings"]) == (1, 1)
    assert "::error file=articles/ja/bad/c.md,line=3" in kb("check", "--format", "github").out
    (run,) = json.loads(kb("check", "--format", "sarif").out)["runs"]
    places = [each["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for each in run["results"]]
    assert places == ["articles/ja/bad/c.md", "articles/ja/odd/b.md"]


def test_sarif_has_what_the_standard_and_code_scanning_require(kb: Kb, here: Path) -> None:
    write(
        here,
        {"ja/返品 と/返金#1.md": "---\nstatus: 公開\n---\n# 返金\n\n[先](%E7%84%A1.md)\n", "ja/空.md": ""},
    )
    log = json.loads(kb("check", "--format", "sarif").out)
    assert log["version"] == "2.1.0"
    assert "sarif" in log["$schema"]
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert (driver["name"], run["columnKind"]) == ("kb check", "unicodeCodePoints")
    for rule in driver["rules"]:
        assert all(rule[text]["text"] for text in ("shortDescription", "fullDescription", "help"))
    ids = [rule["id"] for rule in driver["rules"]]
    assert len(ids) == len(set(ids))
    assert {result["ruleId"] for result in run["results"]} == set(ids)
    for result in run["results"]:
        assert result["level"] in ("error", "warning")
        assert result["message"]["text"]
        (place,) = (each["physicalLocation"] for each in result["locations"])
        uri = place["artifactLocation"]["uri"]
        assert (here.parent / unquote(uri)).is_file()
        assert re.fullmatch(r"[A-Za-z0-9%/._~-]+", uri)
        assert all(number >= 1 for number in place.get("region", {}).values())


def test_a_broken_kb_yml_is_shown_where_it_is_broken_whatever_was_asked_about(kb: Kb, here: Path) -> None:
    write(here, {"kb.yml": "site_name: ヘルプ\nlocales: [日本語]\n"})
    ran = kb("check", "articles/ja/good", "--format", "github")
    assert ran.status == 1
    assert ran.out.startswith(
        "::error file=articles/kb.yml,line=2,col=11,title=site::locales must be like ja"
    )
    assert "kb.yml:2:11: error: locales must be" in kb("check").out


def test_check_from_elsewhere_names_files_from_the_root_of_the_tree(
    kb: Kb, here: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert "::error file=ja/bad/c.md,line=3" in kb("check", "--format", "github", "--articles", here).out
