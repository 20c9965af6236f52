"""What a few znodes answer when nothing happens at the same time: the model of the checks.

A state is a dictionary of (value, version) by path, as a sorted tuple so that it can be hashed.
Requests are tuples that begin with their name; a result is (error code, what was answered).
"""

import raw_client

BAD_VERSION = -103
ANY_VERSION = -1
EMPTY = ()


def create(path, value):
    return ("create", path, value)


def delete(path, version=ANY_VERSION):
    return ("delete", path, version)


def set_data(path, value, version=ANY_VERSION):
    return ("set", path, value, version)


def check_version(path, version):
    return ("check", path, version)


def read(path):
    return ("read", path)


def all_nodes():
    """All that there is, at one moment: no server has such a request."""
    return ("all",)


def multi(*requests):
    return ("multi", *requests)


def step(state, request):
    """(result, state) after the request. All of a multi's requests are done, or none."""
    if request[0] == "multi":
        return _multi(state, request[1:])
    if request[0] == "all":
        return (raw_client.OK, state), state
    nodes = dict(state)
    result = _STEPS[request[0]](nodes, *request[1:])
    return result, tuple(sorted(nodes.items()))


def _multi(state, requests):
    results, after = [], state
    for index, request in enumerate(requests):
        result, after = step(after, request)
        if result[0] != raw_client.OK:
            return (result[0], index), state
        results.append(result)
    return (raw_client.OK, tuple(results)), after


def _create(nodes, path, value):
    if path in nodes:
        return raw_client.NODE_EXISTS, None
    nodes[path] = (value, 0)
    return raw_client.OK, None


def _check(nodes, path, version):
    if path not in nodes:
        return raw_client.NO_NODE, None
    if version not in (ANY_VERSION, nodes[path][1]):
        return BAD_VERSION, None
    return raw_client.OK, None


def _delete(nodes, path, version):
    result = _check(nodes, path, version)
    if result[0] == raw_client.OK:
        del nodes[path]
    return result


def _set(nodes, path, value, version):
    result = _check(nodes, path, version)
    if result[0] != raw_client.OK:
        return result
    nodes[path] = (value, nodes[path][1] + 1)
    return raw_client.OK, nodes[path][1]


def _read(nodes, path):
    if path not in nodes:
        return raw_client.NO_NODE, None
    return raw_client.OK, nodes[path]


_STEPS = {"create": _create, "delete": _delete, "set": _set, "check": _check, "read": _read}
_CODES = {"create": raw_client.CREATE, "delete": raw_client.DELETE, "set": raw_client.SET_DATA,
          "check": raw_client.CHECK, "multi": raw_client.MULTI, "read": raw_client.GET_DATA}
_RECORDS = {"create": raw_client.create, "delete": raw_client.delete,
            "set": raw_client.set_data, "check": raw_client.check, "read": raw_client.read}


def encoded(request):
    """The request as (op code, record)."""
    name, *arguments = request
    if name == "multi":
        return raw_client.MULTI, raw_client.multi([encoded(r) for r in arguments])
    return _CODES[name], _RECORDS[name](*arguments)


def decoded(request, reply):
    """The model's result that a server's reply stands for."""
    name = request[0]
    if name == "multi":
        return _decoded_multi(raw_client.multi_results(reply.body))
    if reply.error != raw_client.OK:
        return reply.error, None
    if name == "read":
        data, stat = raw_client.data_and_stat(reply.body)
        return raw_client.OK, (data, stat.version)
    if name == "set":
        return raw_client.OK, raw_client.stat_at(reply.body).version
    return raw_client.OK, None


def _decoded_multi(results):
    """Where one fails, those before it answer 0 and those behind it RUNTIMEINCONSISTENCY."""
    for index, (_, error, _) in enumerate(results):
        if error != raw_client.OK:
            return error, index
    return raw_client.OK, tuple(
        (raw_client.OK, stat.version if op == raw_client.SET_DATA else None)
        for op, _, stat in results)
