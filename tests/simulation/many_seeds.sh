#!/bin/sh
# Runs many more seeds of the simulation than the tests do, on all cores, and says which failed.
#
#     tests/simulation/many_seeds.sh [ENGINE_SEEDS] [WHOLE_SEEDS] [SIMULATION_TEST]
#
# 16000 of engines alone and 4000 of whole replicas unless told; and for every four of the latter
# one more with clients who change the ensemble.
set -eu

engine=${1:-16000}
whole=${2:-4000}
reconfig=$((whole / 4))
program=${3:-$(dirname "$0")/../../build/release/bin/simulation_test}

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
cat >"$out/run_shard" <<'END'
#!/bin/sh
# run_shard OUT PROGRAM SUITE SEEDS SHARD
if ! "$2" "--seeds=$4" "--gtest_filter=Shards/$3.*/$5" >"$1/$3.$5" 2>&1; then
  cat "$1/$3.$5"
  echo "$3, shard $5: FAILED"
  exit 1
fi
END
chmod +x "$out/run_shard"

shards() {
  for shard in 0 1 2 3 4 5 6 7; do echo "$1 $2 $shard"; done
}
began=$(date +%s)
{ shards WholeReconfigSeeds "$reconfig"; shards WholeSeeds "$whole"; shards Seeds "$engine"; } |
  xargs -P "$(nproc)" -L 1 "$out/run_shard" "$out" "$program"
echo "$engine seeds of engines, $whole of whole replicas, $reconfig of whole replicas that change:" \
  "none failed, $(($(date +%s) - began)) s"
