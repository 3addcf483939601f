# What the package manager would change; nothing is changed or refreshed. Arguments: upgrade | install, then whether
# others may be removed: keep | remove, then packages.
section() { printf '\036%s\n' "$1"; }
# Prints the simulation, its exit code and what it said on stderr.
simulate() {
  section list
  { said=$("$@" 2>&1 >&3 3>&- </dev/null); code=$?; } 3>&1
  section end
  printf '%s\n%s\n' "$code" "$said" | head -c 4000
}
# Their simulations end with `root is needed` for others.
only_root() {
  [ "$(id -u)" = 0 ] && return
  section root
  exit 0
}
stamps() {
  section index
  stat -c %Y "$@" 2>/dev/null
}
rpms() {
  section installed
  rpm -qa --qf '%{NAME}.%{ARCH} %|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE}\n' 2>/dev/null
}
export LC_ALL=C
manager=none
for program in apt-get dnf yum apk zypper pacman; do
  command -v "$program" >/dev/null 2>&1 && manager=$program && break
done
section manager
echo "$manager"
verb=$1
others=$2
shift 2
case $manager in
  apt-get)
    section interrupted
    for file in /var/lib/dpkg/updates/[0-9]*; do
      [ -e "$file" ] && echo yes && break
    done
    dpkg --audit 2>/dev/null | head -n 40
    section index
    for file in /var/lib/apt/lists/*_Packages*; do
      [ -e "$file" ] || continue
      for stamp in /var/lib/apt/lists /var/lib/apt/lists/partial /var/lib/apt/periodic/update-success-stamp; do
        [ -e "$stamp" ] && stat -c %Y "$stamp"
      done
      break
    done
    if [ $# -gt 0 ]; then
      verb=install
    elif [ "$others" = remove ]; then
      verb=dist-upgrade
    else
      set -- --with-new-pkgs
    fi
    # An empty name keeps apt from writing its caches.
    simulate apt-get -s -q -o Debug::NoLocking=true -o APT::Get::Show-User-Simulation-Note=false \
      -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= "$verb" "$@"
    ;;
  dnf)
    only_root
    stamps /var/cache/dnf/*/repodata/repomd.xml /var/cache/libdnf5/*/repodata/repomd.xml
    rpms
    section security
    dnf -C -q updateinfo list --security 2>/dev/null </dev/null
    code=$?
    section security_end
    echo "$code "
    # Its packages are name-version.
    for wish; do
      shift
      case $wish in *=*) wish=${wish%%=*}-${wish#*=} ;; esac
      set -- "$@" "$wish"
    done
    [ "$others" = remove ] && set -- --allowerasing "$@"
    simulate dnf -C --assumeno --setopt=exit_on_lock=True "$verb" "$@"
    ;;
  zypper)
    only_root
    stamps /var/cache/zypp/raw/*/repodata/repomd.xml /var/cache/zypp/raw/*/cookie
    rpms
    [ "$others" = remove ] && set -- --force-resolution "$@"
    [ "$verb" = upgrade ] && verb=update
    simulate zypper --non-interactive --no-refresh --xmlout "$verb" --dry-run --details --auto-agree-with-licenses "$@"
    ;;
  pacman)
    stamps /var/lib/pacman/sync /var/lib/pacman/sync/*.db
    section installed
    pacman -Q
    section outdated
    pacman -Qu 2>/dev/null
    if [ "$verb" = upgrade ]; then
      # Who comes new may replace another.
      new=$(pacman -Sup --noconfirm --print-format %n 2>/dev/null </dev/null | while read -r name; do
        pacman -Qq "$name" >/dev/null 2>&1 || echo "$name"
      done)
      section details
      # shellcheck disable=SC2086 # names of packages
      [ -n "$new" ] && pacman -Si $new 2>/dev/null
      simulate pacman -Sup --noconfirm --print-format '%n %v'
    else
      simulate pacman -Sp --noconfirm --needed --print-format '%n %v' -- "$@"
    fi
    ;;
  apk)
    stamps /var/cache/apk/APKINDEX.*.tar.gz /etc/apk/cache/APKINDEX.*.tar.gz
    section installed
    apk info 2>/dev/null
    [ "$verb" = install ] && verb=add
    simulate apk --no-network --simulate --no-progress "$verb" "$@"
    ;;
esac
exit 0
