# One HTTP request to one address; redirects are not followed, and the body is counted and dropped. $1: URL, $2: address,
# $3: port, $4: value of the header Host, $5: GET or HEAD, $6: seconds at most, $7: verify or insecure, $8: most bytes of the
# body, $9: the URL with the address in place of its host.
section() { printf '\036%s\n' "$1"; }
now() {
  stamp=$(date +%s%N)
  case $stamp in
    *[!0-9]* | '') ;;
    ???????????????????) echo "${stamp%???}" ;;
  esac
}
by_curl() {
  # Whatever host curl reads in the URL, it connects to this address: no name is resolved here.
  case $address in *:*) pinned="::[$address]:$port" ;; *) pinned="::$address:$port" ;; esac
  set -- -q --silent --show-error --globoff --noproxy '*' --proto '=http,https' --max-redirs 0 --connect-to "$pinned" \
    --max-time "$seconds" --user-agent tailops --output /dev/fd/4 --url "$url"
  [ "$method" = HEAD ] && set -- "$@" --head
  [ "$verify" = insecure ] && set -- "$@" --insecure
  figures='%{http_code} %{http_version} %{time_namelookup} %{time_connect} %{time_appconnect} %{time_pretransfer} %{time_starttransfer} %{time_total} %{size_download}'
  mark=$(printf '\036')
  section figures
  # 3: our output; 4: the body, of which no more is read than allowed; 5: what curl says.
  exec 3>&1
  said=$({
    {
      curl "$@" --write-out "$figures\n${mark}type\n%{content_type}\n${mark}location\n%{redirect_url}\n" 4>&1 >&3 2>&5
      printf '\036exit\n%s\n' "$?" >&3
    } | head -c "$most" >/dev/null
  } 5>&1)
  section said
  printf '%s\n' "$said" | head -c 1000
}
by_wget() {
  # It cannot be told which address a name has: the URL holds the address, so that no name is sent by TLS (SNI).
  set -- --no-config -e netrc=off --server-response --output-document=- --max-redirect=0 --no-proxy --no-hsts --tries=1 \
    --timeout="$seconds" --no-check-certificate --content-on-error --user-agent=tailops --method="$method" --header="Host: $authority" -- "$by_address"
  exec 3>&1
  from=$(now)
  shown=$({
    {
      if timeout 1 true 2>/dev/null; then timeout "$seconds" wget "$@" 2>&5; else wget "$@" 2>&5; fi
      printf '\036exit\n%s\n' "$?" >&3
    } | head -c "$most" | wc -c >&3
  } 5>&1)
  to=$(now)
  section time
  if [ -n "$from" ] && [ -n "$to" ]; then echo $((to - from)); fi
  section headers
  printf '%s\n' "$shown" | tr -d '\036' | head -c 32768
}

export LC_ALL=C
url=$1 address=$2 port=$3 authority=$4 method=$5 seconds=$6 verify=$7 most=$8 by_address=$9
section program
if command -v curl >/dev/null; then
  echo curl
  by_curl
elif command -v wget >/dev/null && wget --version 2>/dev/null </dev/null | grep -q '^GNU Wget'; then
  echo wget
  by_wget
fi
exit 0
