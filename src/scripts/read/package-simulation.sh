# What the package manager would change; nothing is changed or refreshed. Arguments: upgrade | dist-upgrade | install, then packages.
section() { printf '\036%s\n' "$1"; }
export LC_ALL=C
manager=none
for program in apt-get dnf yum apk zypper pacman; do
  command -v "$program" >/dev/null 2>&1 && manager=$program && break
done
section manager
echo "$manager"
[ "$manager" = apt-get ] || exit 0
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
section list
verb=$1
shift
[ "$verb" = upgrade ] && set -- --with-new-pkgs "$@"
# An empty name keeps apt from writing its caches.
{ said=$(apt-get -s -q -o Debug::NoLocking=true -o APT::Get::Show-User-Simulation-Note=false \
  -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= "$verb" "$@" 2>&1 >&3 3>&- </dev/null); code=$?; } 3>&1
section end
printf '%s\n%s\n' "$code" "$said" | head -c 4000
exit 0
