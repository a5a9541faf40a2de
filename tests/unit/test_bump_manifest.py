"""A deployment is proposed by a commit that changes one line, on a real git repository with a real remote."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
import yaml

GITHUB = Path(__file__).parents[2] / ".github"
SCRIPT = GITHUB / "scripts" / "bump_manifest.py"
VALUES = "charts/umbrella/values.yaml"
OLD, NEW, NEWER = "0123456789abcdef0123456789abcdef01234567", "a" * 40, "b" * 40
TEXT = f"""\
# What every part of the chart shares.
global:
  # The images' tag: the bot's line.
  sha: "{OLD}"   # a commit of main
  registry: ghcr.io/somebody

api:
    sha: not this one
    replicas:   2
"""
Bump = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone of a bare remote, with the chart's values committed on main."""
    for name in [each for each in os.environ if each.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "Vigía bot")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "bot@vigia.example")
    clone = tmp_path / "clone"
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", "remote.git")
    git(tmp_path, "init", "--quiet", "--initial-branch=main", "clone")
    git(clone, "remote", "add", "origin", str(tmp_path / "remote.git"))
    write(clone, TEXT)
    git(clone, "push", "--quiet", "origin", "main")
    return clone


@pytest.fixture
def bump(repository: Path) -> Bump:
    """The script as it is started from a shell in the clone."""

    def run(*arguments: str, folder: Path = repository) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, str(SCRIPT), *arguments], cwd=folder, capture_output=True, text=True, check=False)

    return run


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True).stdout.strip()


def write(repository: Path, text: str, file: str = VALUES) -> str:
    """Commit a file on what is checked out."""
    path = repository / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
    git(repository, "add", file)
    git(repository, "commit", "--quiet", "--message", f"Write {file}")
    return git(repository, "rev-parse", "HEAD")


def shown(repository: Path, revision: str) -> str:
    return subprocess.run(["git", "show", f"{revision}:{VALUES}"], cwd=repository, capture_output=True, check=True).stdout.decode()


def refs(repository: Path) -> str:
    return git(repository, "for-each-ref")


def test_one_line_changes_and_every_comment_stays(repository: Path, bump: Bump) -> None:
    assert bump(NEW).returncode == 0
    assert shown(repository, f"bump/{NEW}") == TEXT.replace(OLD, NEW)
    assert git(repository, "diff", "--numstat", "main", f"bump/{NEW}") == f"1\t1\t{VALUES}"


def test_the_commit_is_on_a_branch_of_its_own_and_says_what_is_deployed(repository: Path, bump: Bump) -> None:
    result = bump(NEW)
    main, branch = git(repository, "rev-parse", "main"), f"bump/{NEW}"
    assert git(repository, "rev-list", f"main..{branch}").split() == [git(repository, "rev-parse", branch)]
    assert git(repository, "rev-parse", f"{branch}^") == main
    message = git(repository, "log", "-1", "--format=%B", branch)
    assert message == f"Deploy {NEW[:12]}\n\nglobal.sha of {VALUES}: {OLD} -> {NEW}"
    assert git(repository, "log", "-1", "--format=%an <%ae>", branch) == "Vigía bot <bot@vigia.example>"
    assert f"Next: `git push origin {branch}`" in result.stdout


def test_what_is_checked_out_staged_and_half_edited_stays_as_it_is(repository: Path, bump: Bump) -> None:
    (repository / "staged.txt").write_text("staged")
    git(repository, "add", "staged.txt")
    (repository / VALUES).write_text("half edited")
    before = git(repository, "status", "--porcelain=v2", "--branch")
    assert bump(NEW, folder=repository / "charts").returncode == 0
    assert git(repository, "status", "--porcelain=v2", "--branch") == before
    assert git(repository, "diff", "--name-only", "main", f"bump/{NEW}") == VALUES


def test_the_branch_and_the_file_can_be_named(repository: Path, bump: Bump) -> None:
    write(repository, "global:\n  sha:\n", "deploy/values.yaml")
    assert bump(NEW, "--branch", "deploy/next", "--file", "deploy/values.yaml").returncode == 0
    assert git(repository, "show", "deploy/next:deploy/values.yaml") == f'global:\n  sha: "{NEW}"'


def test_a_second_run_changes_nothing(repository: Path, bump: Bump) -> None:
    bump(NEW, "--push", "origin")
    before = refs(repository)
    again = bump(NEW, "--push", "origin")
    assert (again.returncode, refs(repository)) == (0, before)
    assert "already: no new commit" in again.stdout


def test_values_that_name_the_commit_already_need_no_branch(repository: Path, bump: Bump) -> None:
    before = refs(repository)
    result = bump(OLD, "--push", "origin")
    assert (result.returncode, refs(repository)) == (0, before)
    assert "already: nothing to do" in result.stdout


def test_a_push_reaches_the_remote(repository: Path, bump: Bump) -> None:
    result = bump(NEW, "--push", "origin")
    remote = repository.parent / "remote.git"
    assert git(remote, "rev-parse", f"bump/{NEW}") == git(repository, "rev-parse", f"bump/{NEW}")
    assert shown(remote, f"bump/{NEW}") == TEXT.replace(OLD, NEW)
    assert shown(remote, "main") == TEXT
    assert "Pushed to origin." in result.stdout


def test_a_fresh_clone_finds_the_proposal_that_another_one_pushed(repository: Path, bump: Bump) -> None:
    bump(NEW, "--push", "origin")
    pushed = git(repository, "rev-parse", f"bump/{NEW}")
    git(repository.parent, "clone", "--quiet", "remote.git", "fresh")
    result = bump(NEW, "--push", "origin", folder=repository.parent / "fresh")
    assert "already: no new commit" in result.stdout
    assert git(repository.parent / "remote.git", "rev-parse", f"bump/{NEW}") == pushed
    assert git(repository.parent / "fresh", "rev-parse", f"bump/{NEW}") == pushed


def test_a_proposal_is_made_anew_when_main_has_moved_on(repository: Path, bump: Bump) -> None:
    bump(NEW, "--push", "origin")
    remote = repository.parent / "remote.git"
    for file, text in (("code.py", "one"), (VALUES, TEXT.replace("replicas:   2", "replicas:   3"))):
        main = write(repository, text, file)
        assert bump(NEW, "--push", "origin").returncode == 0
        assert git(remote, "rev-parse", f"bump/{NEW}^") == main
    assert "replicas:   3" in shown(remote, f"bump/{NEW}")


def test_somebodys_work_on_the_branch_is_not_overwritten(repository: Path, bump: Bump) -> None:
    git(repository, "switch", "--quiet", "--create", f"bump/{NEW}")
    write(repository, "work", "notes.txt")
    git(repository, "push", "--quiet", "origin", f"bump/{NEW}")
    git(repository, "switch", "--quiet", "main")
    git(repository, "branch", "--quiet", "--delete", "--force", f"bump/{NEW}")
    before = git(repository.parent / "remote.git", "for-each-ref")
    result = bump(NEW, "--push", "origin")
    assert result.returncode == 1
    assert "changes other files too (notes.txt)" in result.stderr
    assert git(repository.parent / "remote.git", "for-each-ref") == before


def test_the_branch_that_is_checked_out_is_not_moved_under_the_reader(repository: Path, bump: Bump) -> None:
    git(repository, "switch", "--quiet", "--create", "here")
    result = bump(NEW, "--branch", "here")
    assert result.returncode == 1
    assert "git switch main" in result.stderr


def test_a_build_that_is_started_again_does_not_go_back(repository: Path, bump: Bump) -> None:
    older, later = (write(repository, text, "code.py") for text in ("one", "two"))
    write(repository, TEXT.replace(OLD, later))
    held = bump(older, "--only-forward")
    assert held.returncode == 0
    assert f"names {later}, which came after {older}" in held.stdout
    assert "bump/" not in refs(repository)
    assert bump(older).returncode == 0
    assert older in shown(repository, f"bump/{older}")


def test_a_build_goes_forward(repository: Path, bump: Bump) -> None:
    older, later = (write(repository, text, "code.py") for text in ("one", "two"))
    write(repository, TEXT.replace(OLD, older))
    bump(later, "--only-forward")
    assert later in shown(repository, f"bump/{later}")


@pytest.mark.parametrize("sha", ["main", NEW[:12], NEW + "a", "g" * 40, NEW.upper(), f"{NEW}\n", ""])
def test_what_is_not_a_whole_sha_is_refused_with_a_sentence(repository: Path, bump: Bump, sha: str) -> None:
    before = refs(repository)
    result = bump(sha)
    assert (result.returncode, refs(repository), result.stdout) == (1, before, "")
    assert result.stderr.startswith(f"bump_manifest.py: {sha!r} is not a commit's SHA: give all 40 hexadecimal digits in lower case")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("api:\n  sha: x\n", "does not have the key `global.sha`"),
        ("global:\n  images:\n    sha: x\n", "does not have the key `global.sha`"),
        ("global:\n  note: |\n    sha: x\n", "does not have the key `global.sha`"),
        ("# global:\n#   sha: x\n", "does not have the key `global.sha`"),
        ('global: {sha: "x"}\n', "does not have the key `global.sha`"),
        ("", "does not have the key `global.sha`"),
        ("global:\n  sha: x\n  sha: y\n", "has 2 times the key `global.sha`"),
        ("global:\n  registry: x\n  sha: |\n    x\n", f"{VALUES}:3 is not a value on one line"),
        ("global:\n  sha: &tag x\n", f"{VALUES}:2 is not a value on one line"),
    ],
)
def test_values_without_one_line_for_the_sha_are_refused_with_a_sentence(repository: Path, bump: Bump, text: str, why: str) -> None:
    write(repository, text)
    before = refs(repository)
    result = bump(NEW)
    assert (result.returncode, refs(repository)) == (1, before)
    assert result.stderr.startswith(f"bump_manifest.py: {VALUES}")
    assert why in result.stderr
    assert '`sha: "<commit>"`' in result.stderr


def test_a_file_that_is_not_there_is_refused_with_a_sentence(bump: Bump) -> None:
    result = bump(NEW, "--file", "values.yml")
    assert result.returncode == 1
    assert "There is no values.yml in commit" in result.stderr
    assert "--file" in result.stderr


def test_a_remote_that_is_not_there_is_named(repository: Path, bump: Bump) -> None:
    before = refs(repository)
    result = bump(NEW, "--push", "nowhere")
    assert (result.returncode, refs(repository)) == (1, before)
    assert "'nowhere'" in result.stderr


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("global:\n  sha: main\n", f'global:\n  sha: "{NEW}"\n'),
        ("global:\n  sha: 'main' # why\n", f"global:\n  sha: '{NEW}' # why\n"),
        ('global:\n  sha: ""\n', f'global:\n  sha: "{NEW}"\n'),
        ("global:\n  sha:   main", f'global:\n  sha:   "{NEW}"'),
        ("x: 1\r\nglobal: # all\r\n\r\n    # tag\r\n    sha: main\r\n", f'x: 1\r\nglobal: # all\r\n\r\n    # tag\r\n    sha: "{NEW}"\r\n'),
        ("global:\n  á: ü\n  deep:\n    sha: x\n  sha: y\nz: 1\n", f'global:\n  á: ü\n  deep:\n    sha: x\n  sha: "{NEW}"\nz: 1\n'),
    ],
)
def test_the_file_keeps_its_format(repository: Path, bump: Bump, before: str, after: str) -> None:
    write(repository, before)
    assert bump(NEW).returncode == 0
    assert shown(repository, f"bump/{NEW}") == after


def test_the_chart_s_own_values_change_in_one_line_too(repository: Path, bump: Bump) -> None:
    text = (GITHUB.parent / VALUES).read_bytes().decode()
    write(repository, text)
    assert bump(NEW).returncode == 0
    proposed = shown(repository, f"bump/{NEW}")
    assert [new for old, new in zip(text.split("\n"), proposed.split("\n"), strict=True) if old != new] == [f'  sha: "{NEW}"']
    assert yaml.safe_load(proposed)["global"]["sha"] == NEW


def test_two_proposals_stand_beside_each_other(repository: Path, bump: Bump) -> None:
    for sha in (NEW, NEWER):
        bump(sha, "--push", "origin")
    assert git(repository.parent / "remote.git", "for-each-ref", "--format=%(refname:short)").split() == [
        f"bump/{NEW}",
        f"bump/{NEWER}",
        "main",
    ]


@pytest.mark.parametrize(
    ("changed", "builds"),
    [
        ([VALUES], False),
        ([VALUES, "core/scoring.py"], True),
        (["docs/learning.md"], False),
        (["charts/umbrella/prometheus/kafka-jmx.yml"], True),
    ],
)
def test_a_merge_that_only_changes_the_sha_builds_no_images_and_so_proposes_nothing(changed: list[str], builds: bool) -> None:
    # PyYAML reads the key `on` as true. As GitHub reads the patterns: the last one that fits a file decides.
    patterns = yaml.safe_load((GITHUB / "workflows" / "build-images.yml").read_text("utf-8"))[True]["push"]["paths"]
    deciding = [next(each for each in reversed(patterns) if fnmatchcase(file, each.removeprefix("!"))) for file in changed]
    assert any(not each.startswith("!") for each in deciding) == builds


def test_what_is_built_is_what_must_be_signed_before_it_is_proposed() -> None:
    built = yaml.safe_load((GITHUB / "workflows" / "build-images.yml").read_text("utf-8"))["jobs"]["image"]["strategy"]["matrix"]["target"]
    assert f"for target in {' '.join(built)}; do" in (GITHUB / "workflows" / "bump-manifest.yml").read_text("utf-8")
