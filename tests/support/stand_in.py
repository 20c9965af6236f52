"""The environment in which other people's harnesses start our server where they would start Java.

See tests/interop/stand_in/java.
"""

import os

from paddock_process import BIN_DIR, SOURCE_DIR, chosen_server, java_command

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
