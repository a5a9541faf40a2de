"""What a stack is made of, decided without starting anything."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from local import stack, state
from local.jars import lock
from local.log import Log, readable
from local.part import bound
from local.ports import free_ports
from local.settings import PORTS, StackSettings
from local.supervisor import MAX_BACK_OFF, back_off, stop_order


@pytest.fixture
def settings(tmp_path) -> StackSettings:
    return StackSettings(vigia_data_dir=tmp_path, postgres_password="p@ss/wörd", neo4j_password="graph-secret")


def test_an_offset_moves_every_port():
    shifted = StackSettings(vigia_port_offset=100)
    assert {name: shifted.port(name) for name in PORTS} == {name: StackSettings().port(name) + 100 for name in PORTS}


def test_a_subprocess_reads_the_same_settings(settings, monkeypatch):
    chosen = StackSettings(**{**settings.model_dump(), "simulate": False, **free_ports()})
    for name, value in chosen.environment().items():
        monkeypatch.setenv(name, value)
    assert StackSettings() == chosen.model_copy(update={"vigia_data_dir": chosen.data})


def test_a_relative_data_directory_is_the_same_in_a_subprocess_elsewhere(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert StackSettings(vigia_data_dir=Path("here")).environment()["VIGIA_DATA_DIR"] == str(tmp_path / "here")


def test_a_password_with_any_character_makes_a_sound_address(settings):
    assert settings.database_url("raw", "postgres_raw_port") == "postgresql://vigia:p%40ss%2Fw%C3%B6rd@127.0.0.1:5432/raw"


def test_no_command_line_shows_a_password(settings):
    text = " ".join(argument for part in stack.parts(settings) for argument in part.command)
    assert "p@ss" not in text
    assert "p%40" not in text
    assert "graph-secret" not in text


def test_everything_is_stopped_before_what_it_needs(settings):
    order = [{part.name for part in generation} for generation in stop_order(stack.parts(settings))]
    rank = {name: number for number, names in enumerate(order) for name in names}
    for part in stack.parts(settings):
        for needed in part.after:
            assert rank[part.name] < rank[needed]
    assert rank["simulate"] == 0


def test_only_the_named_parts_are_in_a_stack(settings):
    assert [part.name for part in stack.parts(settings, ["kafka", "graph"])] == ["kafka", "graph"]


def test_without_simulation_there_is_no_traffic(settings):
    assert "simulate" not in [part.name for part in stack.parts(settings.model_copy(update={"simulate": False}))]


def test_the_first_restart_is_at_once_and_later_ones_wait_longer_up_to_a_limit():
    waits = [back_off(restarts) for restarts in range(1, 10)]
    assert waits[0] == 0
    assert waits == sorted(waits)
    assert waits[-1] == MAX_BACK_OFF


@pytest.mark.parametrize("server", lock.ROOTS)
def test_the_locks_hold_what_we_ask_for(server):
    jars = lock.load(server)
    pinned = {f"{jar.group}:{jar.artifact}:{jar.version}" for jar in jars}
    assert set(lock.ROOTS[server]) <= pinned
    assert len({jar.file_name for jar in jars}) == len(jars)
    assert lock.parse("\n".join(jar.to_line() for jar in jars)) == jars


def test_a_broken_lock_line_is_named():
    with pytest.raises(ValueError, match="no:lock"):
        lock.parse("no:lock line")


def test_a_process_is_known_by_its_command_line_and_birth_not_by_its_pid_alone():
    me = psutil.Process()
    born, command = me.create_time(), me.cmdline()
    assert state.alive(os.getpid(), born, command)
    assert state.alive(os.getpid(), born - 60, command) is None
    assert state.alive(os.getpid(), born, ["another", "program"]) is None
    assert state.alive(None, born, command) is None


def test_the_state_file_is_read_as_it_was_written(tmp_path):
    status = state.StackStatus(1, 2.0, ["x"], parts={"kafka": state.PartStatus("Kafka", "127.0.0.1:9092", "ready", 7, 8.0, ["java"])})
    status.write(tmp_path)
    assert state.read(tmp_path) == status
    assert [file.name for file in tmp_path.iterdir()] == [state.FILE]


def test_a_state_file_of_another_version_counts_as_none(tmp_path):
    (tmp_path / state.FILE).write_text('{"pid": 1, "parts": {}, "color": "blue"}')
    assert state.read(tmp_path) is None


def test_a_log_quotes_only_what_this_start_wrote(tmp_path):
    log = Log(tmp_path / "part.log")
    log.path.write_text("old error\n")
    log.begin()
    assert log.lines(5) == []
    with log.path.open("a") as file:
        file.write('{"level": "ERROR", "message": "Kafka refused"}\nbye\n')
    assert log.trouble() == "Kafka refused"
    assert log.last_line() == "bye"


def test_colours_and_control_characters_are_not_quoted():
    assert readable("\x1b[31mred\x1b[0m\x07") == "red"


def test_a_bound_command_takes_the_place_of_the_process_that_binds_it():
    with subprocess.Popen(bound([sys.executable, "-c", "import os; print(os.getpid())"]), stdout=subprocess.PIPE, text=True) as process:
        assert int(process.communicate()[0]) == process.pid


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_under_root_a_bound_command_can_be_another_user_and_still_reach_our_files(tmp_path):
    secret = tmp_path / "closed" / "secret"
    secret.parent.mkdir(mode=0o700)
    secret.write_text("read")
    secret.chmod(0o600)
    program = f"import os; print(os.geteuid(), open({str(secret)!r}).read())"
    said = subprocess.run(bound([sys.executable, "-c", program], user=65534), capture_output=True, text=True, check=True, cwd="/")
    assert said.stdout.split() == ["65534", "read"]
