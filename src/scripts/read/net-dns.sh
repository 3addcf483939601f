# One question to DNS. $1: name, $2: type of record, $3: address of the resolver, or empty for the machine's own.
section() { printf '\036%s\n' "$1"; }
bounded() {
  # Old BusyBox wants `timeout -t SECS`: there the programs' own limits must do.
  if timeout 1 true 2>/dev/null; then timeout 10 "$@"; else "$@"; fi
}

export LC_ALL=C
name=$1 type=$2 resolver=$3
program=none
for candidate in dig drill nslookup host; do
  command -v "$candidate" >/dev/null && program=$candidate && break
done
case $program-$type in
  none-A | none-AAAA) [ -z "$resolver" ] && command -v getent >/dev/null && program=getent ;;
  nslookup-*) nslookup --help 2>&1 </dev/null | grep -q BusyBox && program='busybox nslookup' ;;
esac
section program
echo "$program"
section answer
{
  case $program in
    dig) bounded dig +noall +comments +answer +time=3 +tries=2 ${resolver:+"@$resolver"} -t "$type" -q "$name" ;;
    drill) bounded drill "$name" ${resolver:+"@$resolver"} "$type" ;;
    *nslookup) bounded nslookup "-type=$type" "$name" ${resolver:+"$resolver"} ;;
    host) bounded host -W 3 -t "$type" "$name" ${resolver:+"$resolver"} ;;
    getent) bounded getent ahosts "$name" ;;
  esac
  printf '\n\036end\n%s\n' "$?"
} 2>&1 </dev/null | head -c 65536
exit 0
