# Interfaces, addresses, default routes and name servers.
section() { printf '\036%s\n' "$1"; }

exec 2>/dev/null
export LC_ALL=C
section links
for name in flags operstate mtu speed; do
  grep -sH '' /sys/class/net/*/"$name"
done
section dev
cat /proc/net/dev
section if_inet6
cat /proc/net/if_inet6
section route
cat /proc/net/route
section ipv6_route
grep '^0\{32\} 00 ' /proc/net/ipv6_route
section addresses
# In a sandbox ip may be there and say nothing: it ends when it may not drop its capabilities.
if ! ip -o addr; then section fib_trie; cat /proc/net/fib_trie; fi
section resolv
grep -E '^[[:blank:]]*(nameserver|search|domain)[[:blank:]]' /etc/resolv.conf
section uplinks
grep '^nameserver' /run/systemd/resolve/resolv.conf
exit 0
