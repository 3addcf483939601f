# Pings one address. $1: address, $2: number of packets, $3: 4 or 6.
section() { printf '\036%s\n' "$1"; }

export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin"
program=ping
# Where ping6 is a program of its own, ping may know IPv4 only.
[ "$3" = 6 ] && command -v ping6 >/dev/null && program=ping6
section program
command -v "$program" >/dev/null || exit 0
echo "$program"
section ping
# Not -w: with it iputils sends more than -c packets until so many are answered.
said=$("$program" -c "$2" -W 2 "$1" 2>&1 </dev/null)
code=$?
printf '%s\n' "$said" | tail -n 40
section end
echo "$code"
exit 0
