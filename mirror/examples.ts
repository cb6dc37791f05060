// Examples of each command of `mirror`, for its help and its man page.

type Examples = readonly (readonly [line: string, meaning: string])[];

export const EXAMPLES: Readonly<Record<string, Examples>> = {
  run: [["mirror run www", "one job, now"], ["mirror run --all --quiet", "as a crontab line: silent when all went well"], ["mirror run www --dry-run", "what it would copy and delete"]],
  pass: [["mirror pass --identity serv1 --final", "as a handover does it last"], ["mirror pass --identity serv1 --recovery", "as it begins when a node comes back"]],
  plan: [["mirror plan www", "the rsync command lines, and what would be deleted on the peer"]],
  check: [["mirror check", "each job that this node owns: what is in order, and what to do about what is not"], ["mirror check www --json | jq '.jobs[].findings[] | select(.state != \"ok\")'", "for programs"]],
  list: [["mirror list --json | jq -r '.jobs[].name'", "the names of all jobs"]],
  status: [["mirror status", "each job's last good run, and what stands in the way"]],
  ledger: [["mirror ledger", "what the other node lacks now; after a takeover: what may be stale here"]],
  conflicts: [["mirror conflicts www", "what the last recovery set aside"]],
  approve: [["mirror plan www && mirror approve www", "look first, then allow these deletions once"]],
  mark: [["mirror mark www", "a new tree that is meant to be empty, or a disk that was replaced"]],
  backups: [["mirror backups www", "the dated directories of one job"], ["mirror backups www /srv/www/index.html", "each kept version of one file, on both nodes"]],
  diff: [["mirror diff www /srv/www/index.html --at '2h ago'", "what has changed since"]],
  restore: [["mirror restore www /srv/www/index.html --at '14:05'", "as it was then; what it replaces is kept too"], ["mirror restore www /srv/www/ --at '2h ago' --to /tmp/look", "a whole folder, beside and not into place"]],
  prune: [["mirror prune --dry-run", "what is older, more or larger than is kept"]],
  confirm: [["mirror confirm www RUN", "a recovery, as `mirror backups www` lists it: what it set aside is no longer needed"]],
  scrub: [["mirror scrub www", "all of it, now"], ["mirror scrub --for 30m --every 7d --quiet", "as a crontab line: half an hour each night, once through in seven days at most"], ["mirror diff www PATH && mirror scrub www --repair", "look which copy is the good one first"]],
  watch: [["mirror watch", "what is not there yet, how fast changes travel, and how late they are"], ["mirror watch --json --for 10s | jq '.jobs[].rate'", "changes a second, for programs"]],
  "setup-keys": [["mirror setup-keys", "prints the line that the peer needs; `clusterd keys export` does it all"]],
  daemon: [["mirror daemon", "by hand, to look on; the init system starts it otherwise"]],
};
