"""Holds back every packet of the netfilter queue 0 of this network namespace for a while.

    packet_delay.py DELAY_MS JITTER_MS

Each waits for DELAY_MS +- JITTER_MS. (tc's netem does the same where the kernel has it; Debian's
does, kernels made for virtual machines often do not.) Prints "ready", and ends when its input does;
what it still holds then is let through.

Source: linux/netfilter/nfnetlink_queue.h, nfnetlink.h and netlink.h.
"""

import heapq
import random
import select
import socket
import struct
import sys
import time

NETLINK_NETFILTER = 12
NLM_F_REQUEST, NLM_F_ACK, NLMSG_ERROR = 1, 4, 2
QUEUE = 3 << 8  # the subsystem
PACKET, VERDICT, CONFIG = QUEUE | 0, QUEUE | 1, QUEUE | 2
PACKET_HDR, VERDICT_HDR = 1, 2
CFG_CMD, CFG_PARAMS, CFG_QUEUE_MAXLEN = 1, 2, 3
BIND, COPY_META, ACCEPT = 1, 1, 1
QUEUE_LENGTH = 20000
RECEIVE_BYTES = 1 << 16


def aligned(size):
    return (size + 3) & ~3


def attribute(kind, data):
    return (struct.pack("=HH", 4 + len(data), kind) + data).ljust(aligned(4 + len(data)), b"\0")


def message(kind, flags, *attributes):
    body = struct.pack(">BBH", socket.AF_UNSPEC, 0, 0) + b"".join(attributes)
    return struct.pack("=IHHII", 16 + len(body), kind, NLM_F_REQUEST | flags, 0, 0) + body


def messages(data):
    """(type, what follows the header) of each."""
    offset = 0
    while offset < len(data):
        size, kind = struct.unpack_from("=IH", data, offset)
        yield kind, data[offset + 16:offset + size]
        offset += aligned(size)


def packet_id(body):
    offset = 4
    while offset < len(body):
        size, kind = struct.unpack_from("=HH", body, offset)
        if kind & 0x7fff == PACKET_HDR:
            return struct.unpack_from(">I", body, offset + 4)[0]
        offset += aligned(size)
    raise ValueError("a packet without its header")


def open_queue():
    queue = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
    queue.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    queue.bind((0, 0))
    for each in (attribute(CFG_CMD, struct.pack(">BBH", BIND, 0, socket.AF_INET)),
                 attribute(CFG_PARAMS, struct.pack(">IB", 0, COPY_META)),
                 attribute(CFG_QUEUE_MAXLEN, struct.pack(">I", QUEUE_LENGTH))):
        queue.send(message(CONFIG, NLM_F_ACK, each))
        for kind, body in messages(queue.recv(RECEIVE_BYTES)):
            error = struct.unpack_from("=i", body)[0] if kind == NLMSG_ERROR else 0
            if error:
                raise OSError(-error, "netfilter's queue")
    return queue


def accept(queue, number):
    queue.send(message(VERDICT, 0, attribute(VERDICT_HDR, struct.pack(">II", ACCEPT, number))))


def main(delay_s, jitter_s):
    queue, held = open_queue(), []
    print("ready", flush=True)
    while True:
        wait_s = max(0, held[0][0] - time.monotonic()) if held else None
        readable, _, _ = select.select([queue, sys.stdin], [], [], wait_s)
        if queue in readable:
            for kind, body in messages(queue.recv(RECEIVE_BYTES)):
                if kind == PACKET:
                    due = time.monotonic() + delay_s + random.uniform(-jitter_s, jitter_s)
                    heapq.heappush(held, (due, packet_id(body)))
        is_over = sys.stdin in readable
        while held and (is_over or held[0][0] <= time.monotonic()):
            accept(queue, heapq.heappop(held)[1])
        if is_over:
            return


if __name__ == "__main__":
    main(*(float(argument) / 1000 for argument in sys.argv[1:3]))
