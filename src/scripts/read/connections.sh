# Sockets of TCP and UDP, and which process holds them. $1: rows kept of each state and protocol, all are counted.
section() { printf '\036%s\n' "$1"; }

exec 2>/dev/null
export LC_ALL=C
section sockets
for proto in tcp tcp6 udp udp6; do
  [ -r "/proc/net/$proto" ] || continue
  # Columns of proc_net_tcp(5): local, remote, state, inode.
  awk -v proto="$proto" -v most="$1" '
    NR > 1 { if (count[$4]++ < most) print "row", proto, $2, $3, $4, $10 }
    END { print "read", proto; for (state in count) print "count", proto, state, count[state] }
  ' "/proc/net/$proto"
done
section user
id -u
section holders
# `p12` begins a process, a bare number is the inode of a socket it holds. ls writes control characters in names as `?`.
hide=''
ls -q / >/dev/null && hide=q
# shellcheck disable=SC2012 # only numbers and link targets are read
ls -ln$hide /proc/[0-9]*/fd |
  sed -n -e 's/^\/proc\/\([0-9]*\)\/fd:$/p\1/p' -e 's/^l[^>]* -> socket:\[\([0-9]*\)\]$/\1/p'
section names
grep -sH '' /proc/[0-9]*/comm
exit 0
