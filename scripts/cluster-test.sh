#!/usr/bin/env bash
# Takes a real cluster through its life: start, write, lose a node, grow, shrink, stop, start again.
# What every step must answer is written beside it. Ports are 181gi, away from a user's own cluster.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

SHARDKV_CLUSTER_DIR=$(mktemp -d)
SHARDKV_PORT_BASE=${SHARDKV_PORT_BASE:-18100}
export SHARDKV_CLUSTER_DIR SHARDKV_PORT_BASE
export SHARDKV_SNAPSHOT_BYTES=65536
KEYS=50

cluster() { scripts/cluster.sh "$@"; }
cli() { cluster cli "$@" --timeout 20s; }

finish() {
  local status=$?
  if ((status != 0)); then
    echo "cluster-test.sh: failed; the ends of the nodes' logs:"
    for log in "$SHARDKV_CLUSTER_DIR"/*/log; do
      echo "--- $log"
      tail -n 5 "$log" || true
    done
  fi
  cluster clean >/dev/null 2>&1 || true
  rm -rf "$SHARDKV_CLUSTER_DIR"
}
trap finish EXIT

expect() {
  local wanted=$1 got
  shift
  got=$("$@")
  if [[ $got != "$wanted" ]]; then
    echo "cluster-test.sh: '$*' answered '$got' instead of '$wanted'"
    return 1
  fi
}

# refused STATUS TEXT COMMAND...: the command ends with STATUS and says TEXT.
refused() {
  local wanted=$1 text=$2 status=0 got
  shift 2
  got=$("$@" 2>&1) || status=$?
  if ((status != wanted)) || [[ $got != *"$text"* ]]; then
    echo "cluster-test.sh: '$*' ended with $status and '$got' instead of $wanted and '$text'"
    return 1
  fi
}

# contains TEXT COMMAND...: the command ends with 0 and says TEXT.
contains() { refused 0 "$@"; }

step() { printf '%3d s  %s\n' "$SECONDS" "$*"; }

write_all() { for ((i = 0; i < KEYS; i++)); do cli append "key$i" "$1" >/dev/null; done; }
read_all() { for ((i = 0; i < KEYS; i++)); do expect "$1" cli get "key$i"; done; }

step "start 3 controllers and 2 groups of 3"
cluster up --detach --fresh >/dev/null 2>&1
step "write and read $KEYS keys"
write_all a
read_all a
step "change only the configuration that was seen, and refuse leases that no clock could keep"
refused 1 "is the newest, not 0" cli move 0 2 --expect 0
refused 64 "a lease would end after" "${SHARDKV_BIN:-.build/release}/shardkv-server" \
  run --data "$SHARDKV_CLUSTER_DIR/none" --read-lease --clock-drift-max 1000
step "look at folders and snapshots of running nodes"
SERVER=${SHARDKV_BIN:-.build/release}/shardkv-server
# More than SHARDKV_SNAPSHOT_BYTES, so that each group makes a snapshot.
for ((i = 0; i < 4; i++)); do cli put "large$i" "$(printf '%080000d' "$i")" >/dev/null; done
snapshots=0
for node in c1 g1n1 g1n2 g2n1; do
  data=$SHARDKV_CLUSTER_DIR/$node/data
  contains ": sound" "$SERVER" journal verify "$data"
  contains "in use by process" "$SERVER" journal inspect "$data"
  for snapshot in "$data"/snap-*[0-9a-f]; do
    if [[ -f $snapshot ]]; then
      contains "its state can be restored" "$SERVER" snapshot verify "$snapshot"
      contains "configuration" "$SERVER" snapshot inspect "$snapshot"
      snapshots=$((snapshots + 1))
    fi
  done
done
if ((snapshots == 0)); then
  echo "cluster-test.sh: no node has made a snapshot"
  exit 1
fi
refused 66 "no replica in it" "$SERVER" journal verify "$SHARDKV_CLUSTER_DIR/g1n1"
refused 66 "No such file" "$SERVER" journal inspect "$SHARDKV_CLUSTER_DIR/none"
refused 64 "none of: inspect, verify" "$SERVER" snapshot show "$SHARDKV_CLUSTER_DIR/none"
step "damage copies of a folder"
cp -r "$SHARDKV_CLUSTER_DIR/g1n1/data" "$SHARDKV_CLUSTER_DIR/copy"
segment=$(find "$SHARDKV_CLUSTER_DIR/copy" -name 'wal-*.log' | sort | head -n 1)
printf 'X' | dd of="$segment" bs=1 seek=200 conv=notrunc status=none
refused 65 "$(basename "$segment"), byte " "$SERVER" journal verify "$SHARDKV_CLUSTER_DIR/copy"
refused 65 "damaged at byte" "$SERVER" snapshot verify "$segment"
step "kill a node of each group without warning, write, start them again"
cluster kill g1n1 g2n2
write_all b
cluster start g1n1 g2n2
read_all ab
step "pause a node, write, let it go on"
cluster stop g1n2
write_all c
cluster cont g1n2
step "add a group: shards move to it"
cluster add-group
read_all abc
step "write and remove the first group: its shards move away"
write_all d
cluster remove-group 1
read_all abcd
step "stop everything and start it again"
cluster down 2>/dev/null
cluster up --detach >/dev/null 2>&1
read_all abcd
step "done"
