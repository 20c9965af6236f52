#!/bin/sh
# Runs every fuzz target for SECONDS (20 unless told), each from its seed corpus, two at a time.
#
#     tests/fuzz/run.sh [SECONDS] [BUILD_FOLDER]
#
# Builds them first. Fails if one crashes, leaks, hangs or runs out of memory; what made it do so
# is kept in BUILD_FOLDER/artifacts, and the command that repeats it is printed. Nothing is written
# into the source tree.
set -eu

seconds=${1:-20}
source=$(cd "$(dirname "$0")/../.." && pwd)
build=${2:-$source/build/fuzz}

[ -f "$build/build.ninja" ] || (cd "$source" && cmake --preset fuzz -B "$build" >/dev/null)
ninja -C "$build" fuzz

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 "$source/tests/fuzz/make_corpus.py" "$scratch/seeds"
mkdir -p "$build/artifacts"

cat >"$scratch/run_one" <<'EOF'
#!/bin/sh
# run_one NAME SECONDS BUILD SCRATCH
mkdir -p "$4/seeds/$1" "$4/found/$1"
if "$3/bin/$1_fuzz" -max_total_time="$2" -timeout=10 -rss_limit_mb=1024 -malloc_limit_mb=256 \
    -max_len=65536 -artifact_prefix="$3/artifacts/$1-" -print_final_stats=1 \
    "$4/found/$1" "$4/seeds/$1" >"$4/$1.log" 2>&1; then
  echo "$1: $(sed -n 's/^stat::number_of_executed_units: *//p' "$4/$1.log") inputs, none failed"
else
  cat "$4/$1.log"
  echo "$1: FAILED. Repeat it with: $3/bin/$1_fuzz <the file named above>"
  exit 1
fi
EOF
chmod +x "$scratch/run_one"

for target in "$build"/bin/*_fuzz; do basename "$target" _fuzz; done |
  xargs -P 2 -I NAME "$scratch/run_one" NAME "$seconds" "$build" "$scratch"
