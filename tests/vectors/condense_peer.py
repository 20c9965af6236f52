#!/usr/bin/env python3
"""Condense recordings of the traffic between ZooKeeper servers to what the tests need.

    condense_peer.py RECORDINGS OUT

RECORDINGS holds one folder for each recording, and in it one file NN-PLANE-A-to-B.jsonl for each
direction of each connection, with one JSON object for each frame (seq, kind, hex, and what the
recorder decoded). OUT/<recording>.txt gets, for each direction, a line `stream NN-PLANE-A-to-B` and
below it a line `SEQ WHAT HEX` for each frame:
  SEQ   order over all connections of the recording; - if the frame was cut off
  WHAT  hello (the opening) or the state of the sender, on the election plane; the packet's type on
        the quorum plane; snapshot (the raw stream behind SNAP), sasl, or incomplete on either
  HEX   the whole frame; one behind the other they are the exact stream
"""
import glob
import json
import os
import sys


def what(frame):
    return {"packet": frame.get("type"), "notification": frame.get("state")}.get(
        frame["kind"], frame["kind"])


def condense(folder):
    for path in sorted(glob.glob(os.path.join(folder, "*-*-*-to-*.jsonl"))):
        yield "stream " + os.path.splitext(os.path.basename(path))[0]
        with open(path, encoding="utf-8") as lines:
            for frame in map(json.loads, lines):
                seq = "-" if frame["seq"] is None else frame["seq"]
                yield f"{seq} {what(frame)} {frame['hex']}"


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: condense_peer.py RECORDINGS OUT")
    recordings, out = sys.argv[1:]
    for folder in sorted(glob.glob(os.path.join(recordings, "*", ""))):
        name = os.path.basename(os.path.dirname(folder))
        with open(os.path.join(out, name + ".txt"), "w", encoding="utf-8") as file:
            for line in condense(folder):
                file.write(line + "\n")


if __name__ == "__main__":
    main()
