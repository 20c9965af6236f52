"""The environment in which other people's harnesses start our server where they would start Java.

See tests/interop/stand_in/java.
"""

import contextlib
import os
import signal
import subprocess

from paddock_process import BIN_DIR, SOURCE_DIR, chosen_server, die_with_parent, java_command

_FOLDER = os.path.join(SOURCE_DIR, "tests/interop/stand_in")


def environment(properties, **more):
    """properties: of ZooKeeper, as -D arguments, for each server that is started."""
    if chosen_server() == "paddock":
        command, main = os.path.join(BIN_DIR, "paddock-server"), ""
    else:
        *words, main = java_command("org.apache.zookeeper.server.quorum.QuorumPeerMain", ())
        command = " ".join(["/usr/bin/" + words[0], *words[1:]])
    return dict(os.environ, PATH=_FOLDER + ":" + os.environ["PATH"], SERVER_COMMAND=command,
                SERVER_MAIN=main, SERVER_PROPERTIES=" ".join(properties), **more)


def run(command, folder, env):
    """Exit code and output of other people's tests; no server that they leave behind survives."""
    process = subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, start_new_session=True,
                               preexec_fn=die_with_parent)
    try:
        output, _ = process.communicate()
        return process.returncode, output
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
