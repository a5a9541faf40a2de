"""Who installs the package has the contract's files."""

import subprocess
import sys
import zipfile
from pathlib import Path

from tests.published import ROOT


def test_the_wheel_holds_every_file_of_the_contract(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)], cwd=ROOT.parent, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    files = {path.relative_to(ROOT.parent).as_posix() for path in ROOT.rglob("*") if path.suffix in (".json", ".yaml", ".toml", ".py")}
    assert len(files) > 100
    assert files <= packed
