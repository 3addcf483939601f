# Looks at a file or folder within the allowed roots, decided on what was really opened.
# $1: info, read, old, list, names or contents. $2: path, absolute, without `.` and `..`. $3: roots, one a line.
# $4: patterns of secret files, one a line. read: $5 first byte, or `end` for the last ones, $6 bytes. old: $6 most bytes.
# names, contents: $5 text to find, $6 hits at most, $7 levels of folders, $8 seconds.
# Prints one word, then fields that end with NUL; contents in base64 or hex, so that no text can pass for anything else.
# shellcheck disable=SC3013,SC2015 # dash and busybox know -ef; `a && b || end` is meant as it reads
exec 2>/dev/null
export LC_ALL=C
set -f
newline='
'
IFS=$newline
action=$1 path=$2 given=$3 secrets=$4

end() {
  printf '%s\000' "$1"
  exit 0
}
# The kernel's own word for where we stand, and for what is open. The dot keeps newlines at the end of a name.
here() {
  at=$(readlink /proc/self/cwd && echo .) && at=${at%"$newline".} && [ . -ef "$at" ]
}
opened() {
  real=$(readlink /proc/self/fd/3 && echo .) && real=${real%"$newline".} && [ /proc/self/fd/3 -ef "$real" ]
}
within() {
  for root in $2; do
    case $1/ in "${root%/}"/*) return 0 ;; esac
  done
  return 1
}
is_secret() {
  for pattern in $secrets; do
    # shellcheck disable=SC2254 # it is a pattern
    case $1 in $pattern) return 0 ;; esac
  done
  return 1
}
# What the kernel makes up while it is read has no size and may have side effects.
is_pseudo() {
  case $1/ in /proc/* | /sys/* | /dev/*) return 0 ;; esac
  case $(stat -f -c %t "$2") in 9fa0 | 62656572 | 64626720 | 74726163 | 63677270 | 27e0eb) return 0 ;; esac
  return 1
}
encoded() {
  if command -v base64 >/dev/null; then
    printf 'base64\000'
    base64
  else
    printf 'hex\000'
    od -A n -v -t x1
  fi
}
facts() {
  stat -L -c '%f %s %Y %u:%g %U' "$1"
}

# Why it cannot be opened; what lies outside the roots gets one answer, whether it is there or not.
explain_absence() {
  place=$path why=missing
  [ -e "$path" ] && why=forbidden
  while :; do
    if [ -d "$place" ] && cd -P "$place"; then
      here && within "$at" "$roots" || end outside
      [ "$action" = old ] && [ "$why" = missing ] && describe_absent
      end "$why"
    fi
    [ -L "$place" ] && end outside
    [ -d "$place" ] && why=forbidden
    place=${place%/*}
    place=${place:-/}
  done
}
describe_absent() {
  [ "$place" = "${path%/*}" ] || [ "$place/" = "${path%/*}/" ] || end no_folder
  real=${at%/}/${path##*/}
  is_secret "$real" && end secret
  is_pseudo "$real" . && end irregular
  printf 'absent\000%s\000%s\000' "$real" "$root"
  exit 0
}

# fd 3 is the file: nothing is decided by its path any more.
look() {
  opened && within "$real" "$roots" || end outside
  [ -f /proc/self/fd/3 ] || end irregular
  is_pseudo "$real" /proc/self/fd/3 && end irregular
  found=$(facts /proc/self/fd/3) || end missing
  [ "$action" = info ] || ! is_secret "$real" || end secret
  [ "$action" = list ] && end file
  [ "$action" = names ] && end file
  if [ "$action" = contents ]; then
    printf 'found\000%s\000' "${real%/*}"
    hits=0
    file=./${real##*/} && scan
    printf '\n//=done\n'
    exit 0
  fi
  printf 'file\000%s\000%s\000%s\000' "$found" "$real" "$root"
  [ "$action" = info ] || show
  exit 0
}
show() {
  rest=${found#* }
  size=${rest%% *}
  # Opened again through the descriptor, so that the place in fd 3 stays at the beginning.
  nul=$(head -c 8192 </proc/self/fd/3 | tr -dc '\000' | wc -c)
  if [ "$((nul))" -gt 0 ]; then
    printf 'binary\000'
    return
  fi
  if [ "$action" = old ]; then
    [ "$size" -le "$most" ] || { printf 'large\000' && return; }
    offset=0
    most=$((most + 1))
  elif [ "$offset" = end ]; then
    offset=$((size > most ? size - most : 0))
  fi
  printf '%s\000' "$offset"
  # dd only moves the place in the file, which head shares.
  { dd bs=1 skip="$offset" count=0 && head -c "$most"; } <&3 | encoded
}

# Names hold no `/`, and find never prints `//`: a record begins with a line `//`, whatever bytes a name has.
list() {
  printf 'list\000%s\000' "$at"
  find . -maxdepth 1 ! -name . -exec stat -c '//%f %s %Y %u:%g %U %n' {} + | head -c 900000
  exit 0
}

# Every folder is entered and must then be where it was looked for: a link put in its place leads nowhere.
search() {
  is_secret "$at/" && [ "$action" = contents ] && end secret
  printf 'found\000%s\000' "$at"
  top=${at%/} hits=0 seen=0
  read -r up _ </proc/uptime
  deadline=$((${up%%.*} + seconds))
  set -- ''
  while [ $# -gt 0 ]; do
    folder=$1
    shift
    is_pseudo "$top$folder/" . && continue
    cd -P "$top$folder/" && here && [ "${at%/}" = "$top$folder" ] || continue
    depth=$(printf %s "$folder" | tr -dc / | wc -c)
    set +f
    for file in ./* ./.[!.]* ./..?*; do
      # The names are expanded by now; the patterns of secret files must not be.
      set -f
      [ "$hits" -lt "$most" ] || stop hits
      seen=$((seen + 1))
      if [ $((seen % 64)) -eq 0 ] || [ "$action" = contents ]; then
        read -r up _ </proc/uptime
        [ "${up%%.*}" -lt "$deadline" ] || stop time
      fi
      if [ ! -L "$file" ] && [ -d "$file" ]; then
        if [ "$((depth))" -ge "$levels" ]; then deep=1
        elif [ $# -ge 4000 ]; then wide=1
        else set -- "$@" "$folder/${file#./}"
        fi
      elif [ "$action" = contents ] && [ ! -L "$file" ] && [ -f "$file" ]; then
        real=
        scan_opened 3<"$file"
      fi
      [ "$action" = names ] && case ${file#./} in
        *"$pattern_text"*) if [ -L "$file" ] || [ -e "$file" ]; then named; fi ;;
      esac
    done
  done
  [ -n "$wide" ] && stop folders
  [ -n "$deep" ] && stop depth
  stop 'done'
}
stop() {
  printf '\n//=%s\n' "$1"
  exit 0
}
named() {
  if [ -L "$file" ]; then kind='link'
  elif [ -d "$file" ]; then kind=folder
  elif [ -f "$file" ]; then kind='file'
  else kind=other
  fi
  printf '\n//.%s/%s\000%s\n' "$folder" "${file#./}" "$kind"
  hits=$((hits + 1))
}
scan_opened() {
  opened && [ "$real" = "${at%/}/${file#./}" ] && [ -f /proc/self/fd/3 ] || return
  is_secret "$real" && return
  scan
}
# Every line of grep begins with its number, so that none can begin a record.
scan() {
  lines=$(head -c 67108864 <&3 | grep -n -F -m 20 -e "$pattern_text" | head -c 8000 | tr '\000' ' ')
  [ -n "$lines" ] || return
  printf '\n//.%s/%s\000%s\n' "$folder" "${file#./}" "$lines"
  for _ in $lines; do hits=$((hits + 1)); done
}

offset=$5 pattern_text=$5 most=$6 levels=$7 seconds=$8
deep='' wide='' folder='' hits=0 roots=''
for root in $given; do
  cd -P "$root" && here && roots=$roots$at$newline
done
cd /
# A path that does not even look allowed is not touched at all.
within "$path" "$given" || within "$path" "$roots" || end outside
case $action in read | old | contents) is_pseudo "$path" . && end irregular ;; esac

if [ -d "$path" ]; then
  cd -P "$path" || explain_absence
  here && within "$at" "$roots" || end outside
  case $action in
    info) printf 'file\000%s\000%s\000%s\000' "$(facts .)" "$at" "$root" && exit 0 ;;
    list) list ;;
    names | contents) search ;;
    *) end folder ;;
  esac
fi
# Tried first, because opening a FIFO waits for its writer. One that is put here in this very moment is waited for until
# the time limit of the operation, which ends the whole process group: a shell cannot open without waiting.
[ -f "$path" ] && look 3<"$path"
if [ -e "$path" ] && [ ! -f "$path" ] && [ ! -L "$path" ]; then
  cd -P "${path%/*}/" && here && within "$at" "$roots" || end outside
  [ "$action" = info ] || end irregular
  printf 'file\000%s\000%s\000%s\000' "$(stat -c '%f %s %Y %u:%g %U' "./${path##*/}")" "${at%/}/${path##*/}" "$root"
  exit 0
fi
explain_absence
