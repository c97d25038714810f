import json
import os
import subprocess
import sys
from pathlib import Path

from app.cli.main import COMMANDS

# Runs the command line with each of the lists of words, then prints what all of them imported.
RUN = """
import json, sys
from app.cli.main import cli
for words in json.loads(sys.argv[1]):
    try:
        cli(words, prog_name="circuits")
    except SystemExit:
        pass
sys.stdout.flush()
print(*sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""
OURS = {"app", "extract", "graph"}  # units, records and errors, which need the standard library alone
TYPER = {  # typer, and what it needs to print help and to read options
    *("typer", "annotated_doc", "rich", "pygments", "markdown_it", "mdurl", "shellingham", "typing_extensions"),
    *("attr", "pydantic", "pydantic_core", "annotated_types", "typing_inspection"),
}
INSTALLED = ("_virtualenv", "_distutils_hack", "sitecustomize", "__editable__", "_sysconfigdata", "__main__")


def imported(tmp_path: Path, *lists: list[str], **environment: str) -> tuple[set[str], str]:
    """The packages that the command line imported, and what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, json.dumps(lists)],
        env=os.environ | environment, cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    names = set(done.stderr.splitlines()[-1].split())
    return {name for name in names - sys.stdlib_module_names if not name.startswith(INSTALLED)}, done.stdout


def test_help_and_mistakes_import_typer_and_the_commands_alone(tmp_path: Path) -> None:
    mistakes = [["no-such-command"], ["find", "--by", "luck"], ["unit"], ["label", "no-such-command"]]
    helps = [["--help"], ["--version"], ["label", "add", "--help"], *([name, "--help"] for name in COMMANDS)]

    names, printed = imported(tmp_path, *mistakes, *helps)

    assert names <= OURS | TYPER
    assert printed.count("Usage: ") == len(helps) - 1


def test_completion_imports_typer_and_the_command_alone(tmp_path: Path) -> None:
    for words, answer in (("circuits fi", "find"), ("circuits unit --li", "--limit")):
        place = str(words.count(" "))
        asked = {"_CIRCUITS_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": place}

        names, printed = imported(tmp_path, [], **asked)

        assert answer in printed.split()
        assert names <= OURS | TYPER - {"rich"}
