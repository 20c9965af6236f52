"""Runs a program against a server of its own: with_server.py KEY=VALUE... -- PROGRAM ARGUMENT...

KEY=VALUE are lines of zoo.cfg. The program finds the server's HOST:PORT in SERVER_ADDRESS; its exit
code is passed on, and when it fails the server's log is printed.
"""

import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from paddock_process import ServerProcess, die_with_parent


def main(arguments):
    split = arguments.index("--")
    config = dict(line.split("=", 1) for line in arguments[:split])
    with ServerProcess(config) as server:
        environment = dict(os.environ, SERVER_ADDRESS=server.address)
        code = subprocess.call(arguments[split + 1:], env=environment, preexec_fn=die_with_parent)
        if code:
            print("The server logged:\n%s" % server.log()[-8000:], file=sys.stderr)
        return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
