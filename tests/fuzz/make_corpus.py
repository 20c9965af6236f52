#!/usr/bin/env python3
"""Writes the seed corpora of the fuzz targets: what ZooKeeper itself put on the wire and on disk
(tests/vectors), cut to the form that each target reads.

    make_corpus.py FOLDER      makes FOLDER/<target>/<seed>
"""
import glob
import hashlib
import json
import os
import re
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.dirname(HERE)
VECTORS = os.path.join(TESTS, "vectors")
CONF = os.path.join(os.path.dirname(TESTS), "conf")

# The number of a request's operation -> the number of its record in record_fuzz.cc.
RECORD_OF_OP = {1: 8, 15: 8, 19: 8, 21: 9, 2: 10, 13: 10, 3: 11, 4: 11, 8: 11, 12: 11, 5: 12,
                7: 13, 17: 14, 18: 14, 106: 14, 100: 15, 101: 16, 105: 17, 16: 18, 14: 5, 22: 5}

# A handshake that asks for a new session of 30 s, with its length in front.
NEW_SESSION = bytes.fromhex("0000002d00000000" + "00" * 8 + "00007530" + "00" * 8 + "00000010"
                            + "00" * 16 + "00")


class Corpus:
    def __init__(self, folder):
        self.folder = folder
        self.counts = {}

    def add(self, target, seed):
        folder = os.path.join(self.folder, target)
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, hashlib.sha1(seed).hexdigest()), "wb") as out:
            out.write(seed)
        self.counts[target] = self.counts.get(target, 0) + 1


def steps():
    for name in sorted(glob.glob(os.path.join(VECTORS, "client", "*.jsonl"))):
        with open(name, encoding="utf-8") as lines:
            for line in lines:
                yield os.path.basename(name), json.loads(line)


def add_client_seeds(corpus):
    conversations = {}
    for name, step in steps():
        request = bytes.fromhex(step.get("request_hex") or "")
        reply = bytes.fromhex(step.get("reply_hex") or "")
        if step["kind"] in ("4lw", "raw"):
            corpus.add("session", b"\1" + request)
            continue
        if not request:
            if step["kind"] == "event":
                corpus.add("record", b"\x06" + reply[20:])
                if len(reply) < 256:  # see the commands of client_session_fuzz.cc
                    corpus.add("client_session", b"\x0c" + bytes([0, len(reply)]) + reply)
            continue
        if step["kind"] == "connect":
            corpus.add("session", b"\7" + request)
            corpus.add("record", b"\x00" + request[4:])
            corpus.add("record", b"\x01" + reply[4:])
        elif step["kind"] == "request" and len(request) >= 12:
            op = struct.unpack(">i", request[8:12])[0]
            corpus.add("record", b"\x02" + request[4:])
            corpus.add("record", b"\x03" + reply[4:])
            if 20 <= len(reply) < 4096:
                size = len(reply) - 20
                corpus.add("client_session", b"\x0c\x04\x00"
                           + bytes([1 + 16 * (size >> 8), size & 255]) + reply[20:])
            if op in RECORD_OF_OP:
                corpus.add("record", bytes([RECORD_OF_OP[op]]) + request[12:])
            key = (name, step["case"], step["conn"])
            conversations[key] = conversations.get(key, b"") + request
    for conversation in conversations.values():
        corpus.add("session", b"\x20" + NEW_SESSION + conversation)
        for settings in (0, 1, 2 + 16, 4 + 8):  # see flags_of() in request_fuzz.cc
            corpus.add("request", bytes([settings]) + conversation)


def log_records(content):
    at = 16
    while at + 12 <= len(content):
        length = struct.unpack(">i", content[at + 8:at + 12])[0]
        if length <= 0 or at + 12 + length > len(content):
            return
        yield content[at + 12:at + 12 + length]
        at += 12 + length + 1


def add_storage_seeds(corpus):
    for name in sorted(glob.glob(os.path.join(VECTORS, "storage", "*", "version-2", "*"))):
        with open(name, "rb") as file:
            content = file.read()
        base = os.path.basename(name)
        if base.startswith("log."):
            # Most of a log is the zeros it was preallocated with; a few tell as much.
            for make_checksums_right in (b"\0", b"\1"):
                corpus.add("log", make_checksums_right + content.rstrip(b"\0") + bytes(64))
            for record in log_records(content):
                corpus.add("txn", record)
        elif base.startswith("snapshot."):
            compression = 1 if base.endswith(".gz") else 2 if base.endswith(".snappy") else 0
            corpus.add("snapshot", bytes([compression]) + content)


def add_text_seeds(corpus):
    for path in ("/", "/a", "/a/b-0000000001", "/zookeeper/quota/a/zookeeper_limits", "/a/./b",
                 "/a//b", "/a/", "/ä/ﬀ", "//", "/..", "/a\0b"):
        corpus.add("text", b"\x00" + path.encode())
    for quota in ("count=1,bytes=2", "count=-1,bytes=-1", "count=5,bytes=6=;byteHardLimit=7;"
                  "countHardLimit=8", "count=9223372036854775807,bytes=", ",", "=", "count=x"):
        corpus.add("text", b"\x01" + quota.encode())
    for ip in ("127.0.0.1\x00127.0.0.1", "10.0.0.0/8\x0010.1.2.3", "::1\x00::1", "fe80::/10\x00::",
               "1.2.3\x001.2.3.4", "1.2.3.4/33\x001.2.3.4", "::ffff:1.2.3.4/128\x001.2.3.4",
               "/\x00", "1.2.3.4/0\x00255.255.255.255"):
        corpus.add("text", b"\x02" + ip.encode())
    for _, step in steps():
        record = (step.get("decoded") or {}).get("request", {}).get("record") or {}
        entries = record.get("acl") if isinstance(record, dict) else None
        if isinstance(entries, list):
            corpus.add("text", b"\x03" + encode_acl(entries))
    corpus.add("text", b"\x03" + encode_acl(
        [{"perms": 31, "id": {"scheme": "auth", "id": name}} for name in ("a", "b")]))
    for auth in ("digest\x00bob:secret", "digest\x00", "super\x00super:secret", "ip\x001.2.3.4",
                 "world\x00anyone", "ensemble\x00a", "sasl\x00bob", "x509\x00CN=a", "none\x00"):
        corpus.add("text", b"\x04" + auth.encode())


def encode_acl(entries):
    out = struct.pack(">i", len(entries))
    for entry in entries:
        out += struct.pack(">i", entry["perms"])
        for text in (entry["id"]["scheme"], entry["id"]["id"]):
            raw = (text or "").encode()
            out += struct.pack(">i", len(raw)) + raw
    return out


def add_config_seeds(corpus):
    seeds = [
        b"# comment\n! also\ntickTime=2000\ndataDir = /paddock-fuzz\nclientPort:2181\n"
        b"server.1=a:2888:3888;2181\nserver.2=[::1]:2888:3888:observer;0.0.0.0:2181\n"
        b"group.1=1:2\nweight.1=3\n4lw.commands.whitelist=stat, ruok, \\\n  conf\ninitLimit=10\n",
        b"a\\ b=\\u0041\\t\\n\\\\\nkey\nkey value\n=\n:\n\\\n",
        b"dataDir=/paddock-fuzz\njute.maxbuffer=0x100000\nmaxClientCnxns=-1\ntickTime=x\n"
        b"clientPort=99999\nserver.x=\nsnapCount=1\nautopurge.purgeInterval=0\n",
        b"dataDir=/paddock-fuzz\ndataLogDir=/paddock-fuzz/log\nclientPort=2181\nmaxCnxns=10\n"
        b"minSessionTimeout=1\nmaxSessionTimeout=2\nglobalOutstandingLimit=5\n"
        b"clientPortAddress=::1\npreAllocSize=64\nskipACL=yes\nenforceQuota=true\n"
        b"znode.container.checkIntervalMs=5\nfsync.warningthresholdms=3\nsyncEnabled=false\n",
    ]
    for name in sorted(glob.glob(os.path.join(CONF, "**", "*.cfg"), recursive=True)):
        with open(name, "rb") as file:
            seeds.append(file.read())
    for seed in seeds:
        corpus.add("config", seed)
        for strict in (b"\0", b"\1"):
            corpus.add("options", strict + seed)


def add_peer_seeds(corpus):
    for name in sorted(glob.glob(os.path.join(VECTORS, "peer", "*.txt"))):
        with open(name, encoding="utf-8") as file:
            streams = file.read().split("stream ")[1:]
        for stream in streams:
            title, *frames = stream.splitlines()
            if "-quorum-" not in title:
                for _, what, content in map(str.split, frames):
                    if what == "hello":
                        corpus.add("notification", b"\1" + bytes.fromhex(content))
                    elif what not in ("sasl", "incomplete"):
                        corpus.add("notification", b"\0" + bytes.fromhex(content)[4:])
                continue
            packets = [bytes.fromhex(content) for _, what, content in map(str.split, frames)
                       if what not in ("sasl", "snapshot")]
            corpus.add("quorum_packet", b"\x10" + b"".join(packets))
            for packet in packets:
                corpus.add("quorum_packet", b"\x0a" + packet)
    # Forms that no recording holds: without peerEpoch, without version, an old opening, several
    # addresses; a learner without LearnerInfo.
    vote = bytes.fromhex("00000000" "0000000000000003" "0000000100000002" "0000000000000004")
    for more in (b"", bytes(8) + b"\0\0\0\1", bytes(8) + b"\0\0\0\1" + bytes(4)):
        corpus.add("notification", b"\0" + vote + more)
    corpus.add("notification", b"\1" + struct.pack(">q", 3))
    addresses = b"a.example:3888|[::1]:3889"
    corpus.add("notification", b"\1" + struct.pack(">qqi", -65535, 3, len(addresses)) + addresses)
    corpus.add("quorum_packet", b"\x0a" + struct.pack(">iqii", 16, 1 << 32, -1, -1))


def main():
    if len(sys.argv) != 2:
        sys.exit(re.sub(r"^", "usage: ", __doc__.strip().splitlines()[-1].strip()))
    if not os.path.isdir(os.path.join(VECTORS, "client")):
        sys.exit("make_corpus.py: tests/vectors/client is not there: run it from a whole clone")
    corpus = Corpus(sys.argv[1])
    add_client_seeds(corpus)
    add_storage_seeds(corpus)
    add_peer_seeds(corpus)
    add_text_seeds(corpus)
    add_config_seeds(corpus)
    for target, count in sorted(corpus.counts.items()):
        print(f"{target}: {count} seeds")


if __name__ == "__main__":
    main()
