// What somebody with the mirror's stolen key may try over ssh, as data. reliability.md §5.3 is the list of what must be refused.
//
// Every attack is made at the right epoch and with everything else right, so that nothing but the attack itself is in its way.

export interface Attack {
  readonly group: string;
  /** The line for the forced command; undefined: none is sent. */
  readonly line?: string;
  /** Options of the ssh client, beside the stolen key's own. */
  readonly ssh?: readonly string[];
  /** Refused by sshd itself, before any forced command. */
  readonly bySshd?: true;
}

export interface Setting {
  readonly job: string;
  /** The key of a tree of the job, as the requests name it. */
  readonly entry: string;
  readonly epoch: number;
  /** A file that must never come to be. */
  readonly canary: string;
}

const RUN = "2026-11-21T04-05-12Z.0a1b2c";
const LETTERS = "-blHogDtpAXrSe.iLsfxCIvu";
const WORDS = `--server ${LETTERS} --log-format=%i --timeout=60 --backup-dir /x --max-delete=5 --delete-delay --stats -@-1 --partial-dir .clusterd-partial --numeric-ids`;

/** Long options of rsync that a mirror run has no use for, each a way out of the tree, into memory, or around a kept version. */
const OPTIONS = `--sender --daemon --copy-links --copy-dirlinks --keep-dirlinks --copy-unsafe-links --safe-links --munge-links --insecure-links --write-devices --copy-devices --devices --specials --super
--fake-super --remove-source-files --remove-sent-files --files-from=/etc/shadow --from0 --log-file=/etc/cron.d/x --log-file-format=%n --temp-dir=/etc --link-dest=/etc --copy-dest=/etc --compare-dest=/etc
--partial-dir=/etc --partial-dir=../x --debug=ALL --info=ALL --max-alloc=0 --max-alloc=99G --rsync-path=/bin/sh --rsh=/bin/sh -e/bin/sh --rsh --inplace --append --append-verify --no-backup --delete
--delete-before --delete-during --delete-after --delete-excluded --ignore-errors --force --existing --ignore-existing --suffix=x --backup-dir=relative --password-file=/etc/shadow --early-input=/etc/shadow
--exclude-from=/etc/shadow --include-from=/etc/shadow --filter=merge,/etc/shadow --exclude=* --include=* --cvs-exclude --chmod=u+s --chown=root:root --usermap=*:root --groupmap=*:root --numeric-ids=no
--protocol=20 --protocol=99 --iconv=. --skip-compress=x --compress --checksum-choice=none --checksum-seed=0 --write-batch=/etc/x --only-write-batch=/etc/x --read-batch=/etc/x --config=/etc/x --dparam=x
--port=1 --sockopts=x --address=1 --outbuf=L --open-noatime --atimes --crtimes --no-motd --secluded-args --protect-args -s --trust-sender --old-args --stop-after=1 --stop-at=1 --mkpath --relative -R --dirs
--prune-empty-dirs --fuzzy --block-size=1 --whole-file --one-file-system --no-implied-dirs --list-only --version --help --timeout=-1x --max-delete=1e9 --modify-window=0 --log-format=%o`.split(/\s+/);

/** Short options that the joined letters of a mirror run do not have. */
const SHORT = [..."LKkRONUcudmxzwqhFCEIJPTVYZ0123456789@#"];

const PATHS = ["/", "/etc", "/etc/", "../../etc", "entry/..", "entry/../../etc", "./entry", "entry/", "entry /etc", "entry entry", "/dev/sda", "/proc/self/root/etc", "~root", "-entry", "--", "$HOME", "*", "entry;id", "entry\\x00", "%2e%2e", ".", "..", "entry|id", "'entry'", "\"entry\""];

const JOBS = ["nope", "../www", "www/../www", ".www", "-www", "www/", "/etc", "WWW", "www.json", "www;id", "$(id)", "`id`", "w*", "__proto__", "constructor", "toString", "www%00", "w".repeat(64), "w".repeat(3000), "~"];

/** Not the current epoch, or no epoch at all. The current one is put in for E. */
const EPOCHS = ["0", "-E", "+E", "0E", "E.0", "Ee0", "0xC", "E,", "1e1", "NaN", "Infinity", "", "E;id", "999999999999999", "9999999999999999999999", "E-1", "E+1", "E+2", "E-2", "1", "2", "१२", "E\u200b", "E/..", "null"];

const RUNS = ["../../etc", "x", "2026-11-21T04-05-12Z", "2026-11-21T04-05-12Z.0A1B2C", "2026-11-21T04-05-12Z.0a1b2c/..", "2026-11-21T04:05:12Z.0a1b2c", "2026-11-21T04-05-12Z.0a1b2c.normal", ".", "..", "-", "2026-11-21T04-05-12Z.0a1b2", "2026-11-21T04-05-12Z.0a1b2cd", "*", "$(id)", "20261-11-21T04-05-12Z.0a1b2c"];

const ENTRIES = ["000000000000", "ffffffffffff", "0", "../../etc/pw", "ABCDEF012345", "g00000000000", "%00", "--server", "............", "-----------0", "0123456789abc", "/etc/passwd0"];

const KINDS = ["NORMAL", "norma", "normal/..", "../normal", "full", "x", "--server", "recovery/", "final;id", "__proto__"];

/** C: the canary. Put where a shell, if there were one, would find a command. */
const SHELL = ["id", "sh", "bash -i", "sh -c 'touch C'", "touch C", "/bin/touch C", "env touch C", "exec touch C", "; touch C", "| touch C", "& touch C", "&& touch C", "|| touch C", "$(touch C)", "`touch C`", "true; touch C", "\ntouch C", "cat /etc/shadow", "cat /var/lib/clusterd/keys/heartbeat.key",
  "scp -t /etc", "scp -f /etc/shadow", "internal-sftp", "/usr/lib/openssh/sftp-server", "git-shell", "rsync --server --sender -logDtpre.iLsfxC . /etc", "rsync --server -logDtpre.iLsfxC . /etc", "rsync --server --daemon .", "rsync --daemon --config=/dev/stdin", "/usr/bin/rsync --server . /",
  "mirror receive", "clusterd answer", "clusterd force-own serv1", "clusterd v1 status", "clusterd v1 handover serv1", "clusterd-mirror", "clusterd-mirror v1", "clusterd-mirror v0 check", "clusterd-mirror v1 pull", "clusterd-mirror v1 status", "perl -e 'system q(touch C)'", "node -e 0", "python3 -c 0", "sudo touch C", "nohup touch C", "at now", "crontab -", "systemctl reboot", "reboot", "ip link set eth0 down", "nc -l 1", "() { :;}; touch C", "LD_PRELOAD=/x true", "-c 'touch C'", "--", "-", " ", "\t", "%s%n%p"];

/** What is put before, behind and into a request that is right but for it. */
const AROUND: readonly (readonly [string, string])[] = [["", ";touch C"], ["", " ;touch C"], ["", "|touch C"], ["", "&touch C"], ["", "&&touch C"], ["", "$(touch C)"], ["", "`touch C`"], ["", "\ntouch C"], ["", "\r\ntouch C"], ["", ">C"], ["", " >C"], ["", "<C"], ["", " x"], ["", " --server"], ["touch C;", ""], ["(", ")"], ["'", "'"], ["\"", "\""], ["\\", ""], [" ", ""], ["", " "], ["", "\t"], ["#", ""], ["!", ""], ["env ", ""], ["exec ", ""], ["sh -c ", ""], ["A=1 ", ""], ["\u001b[2J", ""], ["", "\u001b]0;x\u0007"], ["\ufeff", ""], ["", "\u202e"], ["", "\u200b"], ["", "\u2028touch C"], ["", "é"], ["", "\u{1f4a5}"], ["ｃ", ""], ["", ` ${"x".repeat(5000)}`], ["", " x".repeat(2000)], ["", ` ${"x".repeat(60_000)}`]];

/** What ssh itself can ask for beside a command. */
const CLIENT: readonly (Omit<Attack, "group"> & { readonly group?: string })[] = [
  { ssh: ["-tt"], line: "id" }, { ssh: ["-tt"] }, { ssh: ["-tt"], line: "sh" },
  { ssh: ["-A"], line: "ssh-add -l" }, { ssh: ["-X"], line: "id" }, { ssh: ["-Y"], line: "xterm" },
  { ssh: ["-s"], line: "sftp" }, { ssh: ["-s"], line: "shell" }, { ssh: ["-s"], line: "../../bin/sh" }, { ssh: ["-s"], line: "netconf" },
  { ssh: ["-W", "127.0.0.1:22"], bySshd: true }, { ssh: ["-W", "10.77.0.2:2222"], bySshd: true }, { ssh: ["-W", "/run/clusterd/clusterd.sock:0"], bySshd: true },
  ...["-R 2299:127.0.0.1:22", "-R 0:127.0.0.1:22", "-R /tmp/clusterd-attack.sock:127.0.0.1:22", "-R 2299"].map((words) => ({ ssh: ["-N", "-o", "ExitOnForwardFailure=yes", ...words.split(" ")], bySshd: true as const })),
  ...["PATH=/tmp", "LD_PRELOAD=/tmp/x.so", "NODE_OPTIONS=--require=/tmp/x.js", "BASH_ENV=/tmp/x", "ENV=/tmp/x", "SSH_ORIGINAL_COMMAND=id", "CLUSTERD_ETC=/tmp", "CLUSTERD_STATE=/tmp", "CLUSTERD_NODE=serv1", "LC_ALL=() { touch C; }", "LANG=../../x", "RSYNC_RSH=/bin/sh", "NODE_COMPILE_CACHE=/etc"].map((setting) => ({ ssh: ["-o", `SetEnv=${setting.replace("(", "\"(").replace("}", "}\"")}`], line: "id" })),
  ...["nobody", "daemon", "clusterd", "clusterd-mirror", "ROOT", "root@", "-root"].map((user) => ({ ssh: ["-o", `User=${user}`], bySshd: true as const, line: "id" })),
  { ssh: ["-o", "BindAddress=10.99.0.9"], line: "id", bySshd: true },
  { ssh: ["-o", "PubkeyAuthentication=no"], line: "id", bySshd: true },
  { ssh: ["-o", "PubkeyAuthentication=no", "-o", "PreferredAuthentications=password,keyboard-interactive,hostbased,none"], line: "id", bySshd: true },
];

/** Every attack there is. */
export function attacks({ job, entry, epoch, canary }: Setting): readonly Attack[] {
  const fill = (text: string): string => text.replaceAll("C", canary);
  const epochs = EPOCHS.map((text) => ({ "E-1": String(epoch - 1), "E+1": String(epoch + 1), "E+2": String(epoch + 2), "E-2": String(epoch - 2) })[text] ?? text.replaceAll("E", String(epoch)));
  const request = (verb: string, change: { job?: string; epoch?: string; run?: string } = {}): string => `clusterd-mirror v1 ${verb} ${change.job ?? job} ${change.epoch ?? epoch} ${change.run ?? RUN}`;
  const push = (words: string, { at = entry, kind = "normal" }: { at?: string; kind?: string } = {}): string => `${request("push")} ${at} ${kind} ${words}`;
  const all = (group: string, lines: readonly string[]): readonly Attack[] => lines.map((line) => ({ group, line }));
  const verbs = ["check", "fresh", "commit", "list"] as const;
  return [
    ...all("option", OPTIONS.map((option) => push(`${WORDS} ${option} . entry`))),
    ...all("option first", OPTIONS.slice(0, 30).map((option) => push(`--server ${option} ${WORDS.slice(9)} . entry`))),
    ...all("letter", SHORT.map((letter) => push(`${WORDS.replace("-bl", `-b${letter}l`)} . entry`))),
    ...all("left out", ["-b", "--numeric-ids", "--backup-dir /x", "--partial-dir .clusterd-partial", "-@-1", "--delete-delay", "--server"].map((part) => push(`${part === "-b" ? WORDS.replace("-bl", "-l") : WORDS.replace(part, "").replace("  ", " ").trim()} . entry`))),
    ...all("path", PATHS.map((path) => push(`${WORDS} . ${path}`))),
    ...all("source", ["/", "/etc", "..", "entry", "-"].map((source) => push(`${WORDS} ${source} entry`))),
    ...all("job", JOBS.map((name) => request("check", { job: name }))),
    ...all("epoch", epochs.flatMap((word) => [request("check", { epoch: word }), request("push", { epoch: word }) + ` ${entry} normal ${WORDS} . entry`])),
    ...all("run", RUNS.flatMap((word) => [request("list", { run: word }) + " normal", request("push", { run: word }) + ` ${entry} normal ${WORDS} . entry`])),
    ...all("entry", ENTRIES.map((at) => push(`${WORDS} . entry`, { at }))),
    ...all("kind", KINDS.flatMap((kind) => [`${request("commit")} ${kind}`, push(`${WORDS} . entry`, { kind })])),
    ...all("words", verbs.flatMap((verb) => [`${request(verb)} normal normal`, `${request(verb)} --server . entry`])),
    ...all("command", SHELL.map(fill)),
    ...all("around", AROUND.map(([before, behind]) => fill(`${before}${request("check")}${behind}`))),
    ...CLIENT.map((attack): Attack => ({ group: "client", ...attack, ...(attack.ssh === undefined ? {} : { ssh: attack.ssh.map((word) => (word.startsWith("SetEnv") ? fill(word) : word)) }) })),
  ];
}
