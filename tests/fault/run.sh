#!/usr/bin/env bash
# The fault tests by hand: real servers in network namespaces (docs/testing.md).
#
#   tests/fault/run.sh                         every fault once, three servers, then five
#   tests/fault/run.sh --minutes 10            kill -9 of each of three in rotation, partitions between
#   tests/fault/run.sh --minutes 10 five       of five servers; --seed N repeats the clients' choices
#
# The servers are those of build/release/bin, or of PADDOCK_BIN_DIR.
set -euo pipefail
cd "$(dirname "$0")"
export PYTHONDONTWRITEBYTECODE=1

case " $* " in
  *" three "* | *" five "*) exec python3 fault_test.py "$@" ;;
  *--minutes*) exec python3 fault_test.py three "$@" ;;
esac
python3 fault_test.py three "$@"
python3 fault_test.py five "$@"
