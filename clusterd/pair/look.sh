# look.sh PROGRAM…: what `clusterd pair` wants to know of a machine, one fact a line: a word, a space, the rest. POSIX sh.
#
# Runs on a bare machine, so it needs nothing but coreutils and iproute2, and it changes nothing. Texts of files travel in
# base64: whatever is in them, a fact stays one line.

file() {
  if [ -f "$2" ] && [ "$(wc -c <"$2")" -lt 1000000 ]; then echo "$1 $(printf %s "$2" | base64 -w0) $(base64 -w0 <"$2") $(stat -c %Y "$2")"; fi
}

echo "host $(uname -n | cut -d. -f1)"
echo "uid $(id -u)"
echo "arch $(uname -s)-$(uname -m)"
if [ -d /run/systemd/system ]; then echo "init systemd"; elif [ -d /etc/init.d ]; then echo "init sysv"; else echo "init none"; fi
# The socket's file outlives a daemon that has ended; its entry here does not.
! grep -q ' /run/clusterd/clusterd.sock$' /proc/net/unix || echo "daemon runs"
echo "addresses $(ip -j -d address show | tr -d '\n')"
echo "routes $(ip -j -4 route show default | tr -d '\n')"
for nic in /sys/class/net/*; do
  [ ! -e "$nic/phy80211" ] || echo "wireless ${nic##*/}"
done
for program in "$@" apt-get; do
  ! command -v "$program" >/dev/null || echo "program $program"
done
if [ -d /etc/cluster.d ]; then find /etc/cluster.d -type f; fi | sort | while read -r path; do
  case ${path##*/} in .*|*~|*.bak|*.orig|*.swp|*.new-*) ;; *) file config "$path" ;; esac
done
for sign in /run/NetworkManager /run/systemd/netif/state; do [ ! -e "$sign" ] || echo "manager $sign"; done
for path in /etc/network/interfaces /etc/network/interfaces.d/*; do file boot "$path"; done
echo "end"
