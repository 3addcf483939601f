# The certificate that a TLS server shows. $1: address, $2: port, $3: name sent to the server (SNI) or empty, $4: host or ip,
# $5: the name or address that the certificate should be for.
section() { printf '\036%s\n' "$1"; }
bounded() {
  # Old BusyBox wants `timeout -t SECS`: there the limit of the whole read must do.
  if timeout 1 true 2>/dev/null; then timeout 12 "$@"; else "$@"; fi
}

export LC_ALL=C
section program
command -v openssl >/dev/null || exit 0
openssl version 2>/dev/null </dev/null
case $1 in *:*) peer="[$1]:$2" ;; *) peer=$1:$2 ;; esac
name="-servername $3"
if [ -z "$3" ]; then
  # Versions before 1.1.1 send no name by themselves and do not know -noservername.
  name=''
  openssl s_client -help 2>&1 </dev/null | grep -q -e -noservername && name=-noservername
fi
# shellcheck disable=SC2086 # an option and a host name
shown=$({
  bounded openssl s_client -connect "$peer" $name -showcerts 2>&1 </dev/null
  printf '\nend %s\n' "$?"
} | head -c 262144)
section session
# What the server says after the handshake stands at the end: nothing of it may look like ours, or be counted.
printf '%s\n' "$shown" | tr -d '\036' | awk '
  /^Server certificate/ && !told { told = 1; print "certificates " count + 0 }
  /^-----BEGIN CERTIFICATE-----/ { if (!told) count++; inside = 1 }
  !inside { if (lines++ < 300) print substr($0, 1, 300) }
  /^-----END CERTIFICATE-----/ { inside = 0 }
'
# The first certificate is the server's own.
leaf=$(printf '%s\n' "$shown" | awk '
  /^-----BEGIN CERTIFICATE-----/ { inside = 1 }
  inside { print }
  /^-----END CERTIFICATE-----/ { exit }
')
[ -n "$leaf" ] || exit 0
x509() { printf '%s\n' "$leaf" | openssl x509 -noout "$@" 2>/dev/null; }
section leaf
x509 -subject -issuer -startdate -enddate -serial -fingerprint -sha256 -nameopt RFC2253
section names
x509 -text | awk '/X509v3 Subject Alternative Name:/ { getline; print substr($0, 1, 4000); exit }'
section match
if [ "$4" = ip ]; then x509 -checkip "$5"; else x509 -checkhost "$5"; fi
exit 0
