#!/usr/bin/env bash
# Sets one shardkv group of 3 beside a 3-member etcd on this machine, in alternating rounds:
# `bench-etcd.sh [ROUNDS]` (default 5), SECONDS_EACH=3, CLIENTS=64, VALUE=256, KEYS=1000.
# Both load generators run a closed loop of CLIENTS clients with one request in flight each and a
# connection each, over the same keys and values; etcd's is its official Go client. Every put is
# synced on a majority before it is answered; gets are linearizable. Only ratios within one run mean
# something. Everything is written below TMPDIR (default /var/tmp), which has to be a real disk.
# Needs etcd, and Go with etcd's client: apt-get install etcd-server golang-go golang-etcd-server-dev
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

ROUNDS=${1:-5}
SECONDS_EACH=${SECONDS_EACH:-3}
CLIENTS=${CLIENTS:-64}
VALUE=${VALUE:-256}
KEYS=${KEYS:-1000}
PORT=${ETCD_PORT:-23790}
export SHARDKV_PORT_BASE=${SHARDKV_PORT_BASE:-19200}

for program in etcd go curl; do
  command -v "$program" >/dev/null || {
    echo "bench-etcd.sh: $program is missing; see the head of this script" >&2
    exit 69
  }
done
work=$(mktemp -d "${TMPDIR:-/var/tmp}/shardkv-etcd.XXXXXX")
export SHARDKV_CLUSTER_DIR=$work/shardkv
members=()
# Invoked by the trap.
# shellcheck disable=SC2317
finish() {
  if ((${#members[@]} > 0)); then
    kill "${members[@]}" 2>/dev/null || true
    wait "${members[@]}" 2>/dev/null || true
  fi
  scripts/cluster.sh clean >/dev/null 2>&1 || true
  chmod -R u+w "$work" && rm -rf "$work"
}
trap finish EXIT
if [[ $(stat -f -c %T "$work") == tmpfs ]]; then
  echo "bench-etcd.sh: $work is in memory: set TMPDIR to a folder on a disk" >&2
  exit 64
fi

GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE=$work/go go build -o "$work/etcd-bench" \
  bench/etcd/main.go

peers="" endpoints=""
for i in 1 2 3; do
  peers+=",m$i=http://127.0.0.1:$((PORT + 10 + i))"
  endpoints+=",127.0.0.1:$((PORT + i))"
done
for i in 1 2 3; do
  etcd --name "m$i" --data-dir "$work/etcd$i" --log-level error \
    --listen-client-urls "http://127.0.0.1:$((PORT + i))" \
    --advertise-client-urls "http://127.0.0.1:$((PORT + i))" \
    --listen-peer-urls "http://127.0.0.1:$((PORT + 10 + i))" \
    --initial-advertise-peer-urls "http://127.0.0.1:$((PORT + 10 + i))" \
    --initial-cluster "${peers#,}" --initial-cluster-state new >"$work/etcd$i.log" 2>&1 &
  members+=($!)
done
scripts/cluster.sh up --detach --groups 1 >/dev/null 2>"$work/up.log" || {
  cat "$work/up.log" >&2
  exit 69
}
mapfile -t nodes < <(cat "$SHARDKV_CLUSTER_DIR"/g1n*/pid | cut -d ' ' -f 1)

field() { sed -n "s/.*\"$1\":\([0-9.e+-]*\).*/\1/p" <<<"$2"; }
# Ticks of processor time that the processes have used.
ticks() {
  local pid stat sum=0
  for pid in "$@"; do
    stat=$(<"/proc/$pid/stat")
    read -ra stat <<<"${stat##*) }"
    sum=$((sum + stat[11] + stat[12]))
  done
  echo "$sum"
}
etcd_syncs() {
  local i sum=0 count
  for i in 1 2 3; do
    count=$(curl -s "http://127.0.0.1:$((PORT + i))/metrics" |
      sed -n 's/^etcd_disk_wal_fsync_duration_seconds_count //p')
    sum=$((sum + ${count:-0}))
  done
  echo "$sum"
}
shardkv_syncs() {
  scripts/cluster.sh cli status --json | sed 's/"group":/\n"group":/g' | grep '"group":1,"member"' |
    grep -o '"syncs":[0-9]*' | awk -F : '{ sum += $2 } END { print sum + 0 }'
}
run_etcd() {
  "$work/etcd-bench" -endpoints "${endpoints#,}" -c "$CLIENTS" -z "$SECONDS_EACH" -warmup 1 \
    -d "$VALUE" -r "$KEYS" -op "$1"
}
run_shardkv() {
  scripts/cluster.sh cli bench -c "$CLIENTS" -z "$SECONDS_EACH" --warmup 1 -d "$VALUE" -r "$KEYS" \
    --mix "$1=100" --json
}
# measure OPERATION SYSTEM PID...: one round; appends rate, p50, p99, CPU and errors to a file.
measure() {
  local operation=$1 system=$2 out before after rate
  shift 2
  before=$(ticks "$@")
  out=$("run_$system" "$operation")
  after=$(ticks "$@")
  rate=$(field operationsPerSecond "$out")
  awk -v rate="$rate" -v p50="$(field p50 "$out")" -v p99="$(field p99 "$out")" \
    -v ticks=$((after - before)) -v hz="$(getconf CLK_TCK)" -v errors="$(field errors "$out")" \
    -v seconds="$SECONDS_EACH" 'BEGIN {
      printf "%.0f %.2f %.2f %.0f %d\n", rate, p50, p99, ticks / hz * 1e6 / (rate * (seconds + 1)), errors
    }' >>"$work/$system.$operation"
  tail -n 1 "$work/$system.$operation" |
    awk -v s="$system" -v o="$operation" '{ printf "  %-8s %s %7d/s  p50 %s ms  p99 %s ms\n", s, o, $1, $2, $3 }'
}
# column FILE NUMBER: median, least and greatest.
column() {
  sort -n -k "$2,$2" "$1" | awk -v c="$2" '{ v[NR] = $c }
    END { print (NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2), v[1], v[NR] }'
}

echo "etcd: $(etcd --version | head -n 1)"
echo "machine: $(nproc) cores, Linux $(uname -r), load before: $(cut -d ' ' -f 1-3 /proc/loadavg)"
echo "$CLIENTS clients, $VALUE-byte values, $KEYS keys, $ROUNDS rounds of $SECONDS_EACH s after 1 s of warm-up"
for operation in put get; do
  etcd_before=$(etcd_syncs) shardkv_before=$(shardkv_syncs)
  for ((round = 1; round <= ROUNDS; round++)); do
    measure "$operation" etcd "${members[@]}"
    measure "$operation" shardkv "${nodes[@]}"
  done
  echo "  syncs in these rounds, all members: etcd $(($(etcd_syncs) - etcd_before))," \
    "shardkv $(($(shardkv_syncs) - shardkv_before))"
done
echo "load after: $(cut -d ' ' -f 1-3 /proc/loadavg)"
echo
printf '%-10s %-8s %-24s %8s %8s %10s\n' operation system "median/s (least-most)" p50 p99 "CPU us/op"
for operation in put get; do
  for system in etcd shardkv; do
    read -r median least most < <(column "$work/$system.$operation" 1)
    read -r p50 _ < <(column "$work/$system.$operation" 2)
    read -r p99 _ < <(column "$work/$system.$operation" 3)
    read -r cpu _ < <(column "$work/$system.$operation" 4)
    errors=$(awk '{ sum += $5 } END { print sum }' "$work/$system.$operation")
    printf '%-10s %-8s %-24s %8s %8s %10s%s\n' "$operation" "$system" "$median ($least-$most)" \
      "$p50" "$p99" "$cpu" "$([[ $errors == 0 ]] || echo "  $errors errors")"
    declare "${system}_median=$median"
  done
  # Assigned by declare above.
  # shellcheck disable=SC2154
  paste -d ' ' <(cut -d ' ' -f 1 "$work/shardkv.$operation") \
    <(cut -d ' ' -f 1 "$work/etcd.$operation") |
    awk '{ print $1 / $2 }' | sort -n | awk -v o="$operation" -v e="$etcd_median" \
      -v s="$shardkv_median" '{ v[NR] = $1 } END {
        printf "%-10s ratio of medians %.2f, by round %.2f-%.2f\n", o, s / e, v[1], v[NR] }'
done
