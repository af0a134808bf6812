# Writes a history that is linearizable, in the format of `shardkv-cli bench --history`: each
# operation takes effect at one moment somewhere between its call and its return.
#
#   awk -v operations=50000 -v clients=32 -v keys=100 -v versions=1 -f scripts/make-history.awk
#
# mix: parts of get, put, append, cas, delete (default 5,2,2,1,0); bytes: of what is appended;
# unknown: percent of writes whose outcome nobody learned; seed; wrong=1 lets one late read answer
# what its key held when it was first written, which no order explains.
function pick(total) { return int(rand() * total) }
function quoted(value) { return value == absent ? "null" : "\"" value "\"" }
BEGIN {
  srand(seed + 1)
  absent = "\001"
  if (!mix) mix = "5,2,2,1,0"
  split(mix, parts, ",")
  all = parts[1] + parts[2] + parts[3] + parts[4] + parts[5]
  filler = ""
  while (length(filler) < bytes) filler = filler "x"
  for (i = 0; i < keys; i++) held[i] = absent
  for (n = 0; n < operations; n++) {
    # Moments are 1000 ns apart; an operation lasts for about as many of them as there are clients.
    moment = (n + clients) * 1000
    call = moment - 1 - pick(clients * 500)
    end = moment + 1 + pick(clients * 500)
    key = pick(keys)
    token = n filler ","
    which = pick(all)
    op = "delete"
    if (which < parts[1]) op = "get"
    else if (which < parts[1] + parts[2]) op = "put"
    else if (which < parts[1] + parts[2] + parts[3]) op = "append"
    else if (which < all - parts[5]) op = "cas"
    lost = op != "get" && rand() * 100 < unknown
    if (lost && rand() < 0.5) took = 0; else took = 1
    before = held[key]
    expected = rand() < 0.7 ? before : token "?"
    applied = op == "put" || op == "append" || (op == "cas" && expected == before) || (op == "delete" && before != absent)
    if (took && applied) {
      if (op == "put" || op == "cas") held[key] = token
      else if (op == "append") held[key] = (before == absent ? "" : before) token
      else held[key] = absent
      version[key] = op == "delete" ? 0 : version[key] + 1
      if (!(key in first)) first[key] = held[key]
    }
    output = op == "get" ? before : absent
    if (wrong && n > operations * 0.9 && op == "get" && first[key] != before && before != absent) {
      output = first[key]
      wrong = 0
    }
    printf "{\"client\":%d,\"op\":\"%s\",\"key\":\"key%d\",\"value\":%s,", n % clients, op, key, \
      op == "get" || op == "delete" ? "null" : quoted(token)
    if (op == "cas") printf "\"expected\":%s,", quoted(expected)
    printf "\"call\":%d,\"return\":%d,\"result\":\"%s\",\"output\":%s", call, end, lost ? "unknown" : "ok", quoted(output)
    if ((op == "cas" || op == "delete") && !lost) printf ",\"applied\":%s", applied ? "true" : "false"
    if (versions && !lost && (applied || (op == "get" && before != absent))) printf ",\"version\":%d", version[key]
    print "}"
  }
}
