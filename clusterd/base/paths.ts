// Where everything lives on a node. One place, so that a test can move the whole node into a folder of its own.
//
// The CLUSTERD_* variables are for tests and the lab; the installed programs do not set them.

const from = (variable: string, fallback: string): string => process.env[variable] ?? fallback;

/** The administrator's files, the same on both nodes. */
export const ETC = from("CLUSTERD_ETC", "/etc/cluster.d");
/** What survives a reboot: journal, generated ifcfg files, keys, mirror reports. Never mirrored. */
export const STATE = from("CLUSTERD_STATE", "/var/lib/clusterd");
/** What does not survive a reboot: control socket, locks, process ids. */
export const RUN = from("CLUSTERD_RUN", "/run/clusterd");
/** File versions that a run replaced or deleted, by service, date and run. */
export const BACKUPS = from("CLUSTERD_BACKUPS", "/var/backups/clusterd");

export const KEYS = `${STATE}/keys`;
export const HEARTBEAT_KEY = `${KEYS}/heartbeat.key`;
/** Of the witness: the same on both nodes and on the third machine, and no other key of theirs. */
export const WITNESS_KEY = `${KEYS}/witness.key`;
export const JOURNAL = `${STATE}/journal`;
export const CONTROL_SOCKET = `${RUN}/clusterd.sock`;
export const GENERATED_SCRIPTS = `${STATE}/network-scripts`;
