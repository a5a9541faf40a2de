"""Propose a deployment: a commit on a branch of its own that sets `global.sha` in the chart's values, and nothing else.

The commit is made beside the working tree: what is checked out, staged or half edited here stays as it is.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

VALUES = "charts/umbrella/values.yaml"
SHA = re.compile(r"[0-9a-f]{40}")
# One value on one line: what stands before it, the value with its quotes or without, and what follows it.
LINE = re.compile(
    r"""(?P<before>\s+sha:)(?P<gap>[ \t]*)(?P<value>"[^"\n]*"|'[^'\n]*'|[^\s#"'&*!|>{}\[\]][^\s#]*)?(?P<after>[ \t]*(?:[ \t]\#.*)?\r?\n?)"""
)


class Refused(Exception):
    """Nothing was changed, and the sentence says why and what to do."""


@dataclass(frozen=True)
class Arguments:
    """What is asked for."""

    sha: str
    file: str
    branch: str
    push: str | None
    only_forward: bool


def split(text: str) -> list[str]:
    """The lines with their ends; joined they are the text again."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def global_sha(text: str, file: str = VALUES) -> tuple[int, re.Match[str]]:
    """Where the line of `global.sha` is, and its parts.

    The file is read line by line, because a YAML parser would lose its comments on the way back.
    """
    lines = split(text)
    found: list[tuple[int, re.Match[str]]] = []
    inside, indent = False, None
    for number, line in enumerate(lines):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        depth = len(line) - len(line.lstrip(" "))
        if depth == 0:
            inside, indent = re.match(r"""(["']?)global\1:\s*(#.*)?$""", line) is not None, None
        elif inside:
            indent = indent or depth
            if depth == indent and line.lstrip(" ").startswith("sha:"):
                match = LINE.fullmatch(line)
                if match is None:
                    raise Refused(f'{file}:{number + 1} is not a value on one line: write it as `sha: "<commit>"`.')
                found.append((number, match))
    if len(found) != 1:
        count = f"has {len(found)} times" if found else "does not have"
        raise Refused(
            f'{file} {count} the key `global.sha`: under `global:` in a block of its own there must be one line `sha: "<commit>"`.'
        )
    return found[0]


def current(text: str, file: str = VALUES) -> str:
    """The SHA that the values name."""
    return (global_sha(text, file)[1]["value"] or "").strip("\"'")


def bumped(text: str, sha: str, file: str = VALUES) -> str:
    """The same text with another SHA on its one line, in quotes: YAML reads forty digits, or digits around an `e`, as a number."""
    number, match = global_sha(text, file)
    quote = "'" if (match["value"] or "").startswith("'") else '"'
    lines = split(text)
    lines[number] = f"{match['before']}{match['gap'] or ' '}{quote}{sha}{quote}{match['after']}"
    return "".join(lines)


def git(*arguments: str, given: bytes | None = None, index: str | None = None) -> bytes:
    """What git answers; what it refuses is refused here, in its own words."""
    environment = {**os.environ, "GIT_INDEX_FILE": index} if index else None
    result = subprocess.run(["git", *arguments], input=given, capture_output=True, env=environment, check=False)
    if result.returncode:
        words = result.stderr.decode(errors="replace").strip() or f"it ended with {result.returncode}"
        raise Refused(f"`git {' '.join(arguments[:2])}` failed: {words}")
    return result.stdout


def line(*arguments: str, given: bytes | None = None, index: str | None = None) -> str:
    """The same, where git answers with one line."""
    return git(*arguments, given=given, index=index).decode().strip()


def holds(*arguments: str) -> bool:
    """Whether git says yes."""
    return subprocess.run(["git", *arguments], capture_output=True, check=False).returncode == 0


def text_at(commit: str, file: str) -> str:
    """The file as it is in a commit, byte by byte."""
    try:
        return git("cat-file", "blob", f"{commit}:{file}").decode()
    except Refused:
        raise Refused(f"There is no {file} in commit {commit[:12]}: name the file from the repository's root with --file.") from None


def tip(branch: str) -> str | None:
    """The commit that a branch here is at, if there is such a branch."""
    reference = f"refs/heads/{branch}"
    return line("rev-parse", reference) if holds("show-ref", "--verify", "--quiet", reference) else None


def remote_tip(remote: str, branch: str) -> str | None:
    """The commit that a branch of the remote is at, fetched, if there is such a branch."""
    answer = line("ls-remote", remote, f"refs/heads/{branch}")
    if not answer:
        return None
    git("fetch", "--quiet", "--no-tags", remote, f"refs/heads/{branch}")
    return answer.split()[0]


def refuse_others_work(commit: str, head: str, file: str, branch: str) -> None:
    """A branch with anything else on it is somebody's work: it is not overwritten."""
    changed = set(git("diff", "--name-only", "-z", f"{head}...{commit}").decode().split("\0")) - {"", file}
    if changed:
        raise Refused(
            f"The branch {branch} changes other files too ({', '.join(sorted(changed))}): name another with --branch, or delete it."
        )


def commit_of(head: str, file: str, text: str, message: str) -> str:
    """A commit on `head` that changes one file, made in an index of its own."""
    mode = line("ls-tree", "--full-tree", head, "--", file).split()[0]
    with tempfile.TemporaryDirectory() as folder:
        index = str(Path(folder) / "index")
        git("read-tree", head, index=index)
        blob = line("hash-object", "-w", "--stdin", given=text.encode())
        git("update-index", "--cacheinfo", f"{mode},{blob},{file}", index=index)
        tree = line("write-tree", index=index)
    return line("commit-tree", tree, "-p", head, given=message.encode())


def bump(asked: Arguments) -> str:
    """Do it, and say what was done and what comes next."""
    if not SHA.fullmatch(asked.sha):
        raise Refused(
            f"{asked.sha!r} is not a commit's SHA: give all 40 hexadecimal digits in lower case, as `git rev-parse main` prints them."
        )
    if not holds("check-ref-format", f"refs/heads/{asked.branch}"):
        raise Refused(f"{asked.branch!r} cannot be the name of a branch: name another with --branch.")
    head = line("rev-parse", "HEAD^{commit}")
    before = text_at(head, asked.file)
    was = current(before, asked.file)
    if was == asked.sha:
        return f"{asked.file} names {asked.sha} already: nothing to do."
    if asked.only_forward and SHA.fullmatch(was) and holds("merge-base", "--is-ancestor", asked.sha, was):
        return f"{asked.file} names {was}, which came after {asked.sha}: nothing to do. Leave out --only-forward to go back."
    if line("rev-parse", "--symbolic-full-name", "HEAD") == f"refs/heads/{asked.branch}":
        raise Refused(f"{asked.branch} is checked out here: go back to main with `git switch main` first.")

    after = bumped(before, asked.sha, asked.file)
    here, there = tip(asked.branch), remote_tip(asked.push, asked.branch) if asked.push else None
    for existing in filter(None, (here, there)):
        refuse_others_work(existing, head, asked.file, asked.branch)
    made = next((each for each in (there, here) if each and _is_that(each, head, asked.file, after)), None)
    said = f"The branch {asked.branch} proposes {asked.sha} already: no new commit."
    if made is None:
        subject = f"Deploy {asked.sha[:12]}"
        made = commit_of(head, asked.file, after, f"{subject}\n\nglobal.sha of {asked.file}: {was or 'nothing'} -> {asked.sha}\n")
        said = f"Committed to {asked.branch}: {subject}, where {asked.file} named {was or 'nothing'} before."
    if made != here:
        git("update-ref", "-m", f"bump to {asked.sha}", f"refs/heads/{asked.branch}", made, here or "")
    if asked.push is None:
        return f"{said}\nNext: `git push origin {asked.branch}`, then open a pull request; once it is merged, Argo CD deploys."
    if made != there:
        # Only over what was looked at above: a branch that somebody moved meanwhile is left alone.
        lease = f"--force-with-lease=refs/heads/{asked.branch}:{there or ''}"
        git("push", "--quiet", lease, asked.push, f"{made}:refs/heads/{asked.branch}")
        said += f"\nPushed to {asked.push}."
    return f"{said}\nNext: open a pull request of {asked.branch} into main; once it is merged, Argo CD deploys."


def _is_that(commit: str, head: str, file: str, text: str) -> bool:
    parents = line("rev-list", "--parents", "--max-count=1", commit).split()[1:]
    return parents == [head] and text_at(commit, file) == text


def arguments(given: list[str] | None = None) -> Arguments:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="bump_manifest.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sha", metavar="SHA", help="the commit whose images are to run: 40 hexadecimal digits")
    parser.add_argument("--file", default=VALUES, help="the values, from the repository's root (%(default)s)")
    parser.add_argument("--branch", help="the branch that gets the commit (bump/SHA)")
    parser.add_argument("--push", metavar="REMOTE", help="push the branch there")
    parser.add_argument("--only-forward", action="store_true", help="do nothing when the values name a later commit")
    read = parser.parse_args(given)
    return Arguments(read.sha, read.file, read.branch or f"bump/{read.sha}", read.push, read.only_forward)


def main() -> int:
    """Exit code 0: done, or nothing to do. 1: refused, nothing changed. 2: the command line is wrong."""
    try:
        print(bump(arguments()))
    except Refused as refusal:
        print(f"bump_manifest.py: {refusal}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
