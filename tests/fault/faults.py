"""The faults: each takes an ensemble and a load, holds for a while, and is over when it returns."""

import itertools

from network import CLIENTS

HOLD_S = 4  # beyond the two seconds in which a silent server is given up
RECOVERY_S = 6  # beyond that, a quorum whose members reach one another serves so soon
DELAY_MS, JITTER_MS = 40, 30


def numbers(members):
    return [m.number for m in members]


def split(ensemble, *groups):
    """No server reaches one of another group. Clients reach all."""
    for one, other in itertools.combinations(groups, 2):
        for a, b in itertools.product(one, other):
            ensemble.network.cut_both(a, b)


def held(ensemble, load, hold_s=HOLD_S, serves=True):
    """Lets what was done to the network be, and undoes it."""
    with ensemble.network.healed_after():
        load.run_for(hold_s)
        if serves:  # though some servers do not
            load.progress(RECOVERY_S)


def leader_is_cut_off(ensemble, load):
    leader = ensemble.wait_for_leader()
    split(ensemble, [leader.number], numbers(ensemble.others(leader)))
    held(ensemble, load)


def leader_is_cut_off_from_clients_too(ensemble, load):
    leader = ensemble.wait_for_leader()
    split(ensemble, [leader.number], [*numbers(ensemble.others(leader)), CLIENTS])
    held(ensemble, load)


def follower_is_cut_off(ensemble, load):
    follower = ensemble.others(ensemble.wait_for_leader())[0]
    split(ensemble, [follower.number], numbers(ensemble.others(follower)))
    held(ensemble, load)


def nobody_reaches_anybody(ensemble, load):
    split(ensemble, *([m.number] for m in ensemble))
    held(ensemble, load, serves=False)


def minority_with_the_leader(ensemble, load):
    leader = ensemble.wait_for_leader()
    others = ensemble.others(leader)
    half = len(list(ensemble)) // 2
    split(ensemble, numbers([leader, *others[:half - 1]]), numbers(others[half - 1:]))
    held(ensemble, load)


def bridge(ensemble, load):
    """Two halves that only one server, not the leader, reaches both of."""
    leader = ensemble.wait_for_leader()
    _, *others = ensemble.others(leader)  # the first is in neither half
    half = len(others) // 2
    split(ensemble, numbers([leader, *others[:half]]), numbers(others[half:]))
    held(ensemble, load)


def ring(ensemble, load):
    """Each server reaches its two neighbours: of five, still a quorum for each."""
    servers = numbers(ensemble)
    for a, b in itertools.combinations(range(len(servers)), 2):
        if (b - a) not in (1, len(servers) - 1):
            ensemble.network.cut_both(servers[a], servers[b])
    held(ensemble, load)


def leader_is_not_heard(ensemble, load):
    leader = ensemble.wait_for_leader()
    for other in ensemble.others(leader):
        ensemble.network.cut(leader.number, other.number)
    held(ensemble, load)


def leader_does_not_hear(ensemble, load):
    leader = ensemble.wait_for_leader()
    for other in ensemble.others(leader):
        ensemble.network.cut(other.number, leader.number)
    held(ensemble, load)


def one_way_between_two(ensemble, load):
    leader = ensemble.wait_for_leader()
    follower = ensemble.others(leader)[-1]
    ensemble.network.cut(leader.number, follower.number)
    held(ensemble, load)


def delay_and_jitter(ensemble, load):
    for member in ensemble:
        ensemble.network.delay(member.number, DELAY_MS, JITTER_MS)
    held(ensemble, load)


def packet_loss(ensemble, load):
    everybody = [CLIENTS, *numbers(ensemble)]
    for sender, receiver in itertools.permutations(everybody, 2):
        ensemble.network.lose(sender, receiver, 0.05)
    held(ensemble, load, serves=False)  # TCP gets through, at times late


def connections_are_reset(ensemble, load):
    """All connections of each server in turn."""
    for member in ensemble:
        for other in (CLIENTS, *numbers(ensemble.others(member))):
            ensemble.network.reset(member.number, other)
        held(ensemble, load, 0.3, serves=False)
        load.run_for(0.7)


def leader_stands_still(ensemble, load):
    stand_still(ensemble.wait_for_leader(), load)


def follower_stands_still(ensemble, load):
    stand_still(ensemble.others(ensemble.wait_for_leader())[0], load)


def stand_still(member, load):
    member.pause()
    try:
        load.run_for(HOLD_S)
        load.progress(RECOVERY_S)
    finally:
        member.resume()


def each_is_killed(ensemble, load):
    """kill -9 of each in turn, the leader last."""
    leader = ensemble.wait_for_leader()
    for member in (*ensemble.others(leader), leader):
        kill(ensemble, member, load)


def kill(ensemble, member, load, away_s=1.0):
    member.kill()
    load.run_for(away_s)
    load.progress(RECOVERY_S)
    ensemble.start([member])


def killed_while_the_leader_is_cut_off(ensemble, load, member):
    """It may be the leader itself, or one of those who elect another."""
    leader = ensemble.wait_for_leader()
    with ensemble.network.healed_after():
        split(ensemble, [leader.number], numbers(ensemble.others(leader)))
        load.run_for(1)
        member.kill()
        load.run_for(2)
    ensemble.start([member])


def all_are_killed(ensemble, load):
    """At once, as when the power fails; what was acknowledged is on their disks."""
    for member in ensemble:
        member.kill()
    load.run_for(0.5)
    ensemble.start()


def leader_stops(ensemble, load):
    leader = ensemble.wait_for_leader()
    code = leader.stop()
    assert code == 0, "SIGTERM of %s: exit code %r" % (leader, code)
    load.progress(RECOVERY_S)
    ensemble.start([leader])


# By the number of servers.
LISTED = {
    3: [leader_is_cut_off, leader_is_cut_off_from_clients_too, follower_is_cut_off,
        nobody_reaches_anybody, leader_is_not_heard, leader_does_not_hear, one_way_between_two,
        delay_and_jitter, packet_loss, connections_are_reset, leader_stands_still,
        follower_stands_still, each_is_killed, all_are_killed, leader_stops],
    5: [minority_with_the_leader, bridge, ring, leader_is_not_heard, leader_stands_still,
        each_is_killed],
}
PARTITIONS = [leader_is_cut_off, leader_is_cut_off_from_clients_too, follower_is_cut_off,
              leader_is_not_heard, leader_does_not_hear, one_way_between_two, leader_stands_still]
