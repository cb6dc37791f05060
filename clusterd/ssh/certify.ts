// The certificates of this node's host keys, where sshd finds them: what is to be written, and telling sshd.
//
//   /etc/ssh/clusterd/ssh_host_*_key-cert.pub   one for each host key
//   /etc/ssh/clusterd/known_hosts               the line for clients
//   /etc/ssh/sshd_config.d/clusterd.conf        HostCertificate …

import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { reasonOf } from "../base/errors.ts";
import { describe, run } from "../base/exec.ts";
import { writeDurably } from "../base/files.ts";
import type { Config } from "../config/config.ts";
import { loadKey } from "../heartbeat/key.ts";
import type { Step } from "../install/keys.ts";
import { authorityOf, hostCertificate } from "./certificate.ts";
import type { Authority } from "./certificate.ts";
import { knownHostsLine, namesOf } from "./names.ts";

const FOLDER = "/etc/ssh/clusterd";
const DROP_IN = "/etc/ssh/sshd_config.d/clusterd.conf";
/** Everybody on the node may read it. */
export const CLIENTS = `${FOLDER}/known_hosts`;
const PATIENCE = 10_000;

/** Throws why the heartbeat key cannot be used. */
export function authority(root: string, { cluster: { name } }: Config): Authority {
  const key = loadKey(join(root, "/var/lib/clusterd/keys/heartbeat.key"));
  if (!key.ok) throw new Error(key.reason);
  return authorityOf(key.key, name);
}

/** Path and text of each file, as it should be. */
export function certificateFiles(root: string, config: Config): ReadonlyMap<string, string> {
  const [ours, node] = [authority(root, config), config.nodes[config.self]];
  const keys = existsSync(join(root, "/etc/ssh")) ? readdirSync(join(root, "/etc/ssh")).filter((name) => /^ssh_host_\w+_key\.pub$/.test(name)).sort() : [];
  if (keys.length === 0) throw new Error("no host key in /etc/ssh: is the OpenSSH server installed?");
  const certificates = keys.map((name) => {
    const [type = "", base64 = ""] = readFileSync(join(root, "/etc/ssh", name), "utf8").trim().split(/\s+/);
    return [`${FOLDER}/${name.replace(/\.pub$/, "-cert.pub")}`, `${hostCertificate(ours, `${type} ${base64}`, namesOf(config, node), `clusterd-${config.cluster.name}-${node.name}`)}\n`] as const;
  });
  return new Map([
    ...certificates, [CLIENTS, `${knownHostsLine(config, ours)}\n`],
    [DROP_IN, ["# Of `clusterd keys certify`: after a takeover the other node answers under the same names.", ...certificates.map(([path]) => `HostCertificate ${path}`), ""].join("\n")],
  ]);
}

/** Whatever the umask. */
function writeForAll(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  if (dirname(path).endsWith(FOLDER)) chmodSync(dirname(path), 0o755);
  writeDurably(path, text, 0o644);
  chmodSync(path, 0o644);
}

const textOf = (path: string): string | null => (existsSync(path) ? readFileSync(path, "utf8") : null);

/** Nothing when all is as it should be. */
export function certifySteps(root: string, config: Config): readonly Step[] {
  const files = certificateFiles(root, config);
  const old = (existsSync(join(root, FOLDER)) ? readdirSync(join(root, FOLDER)) : []).map((name) => `${FOLDER}/${name}`).filter((path) => !files.has(path));
  const written = [...files].filter(([path, text]) => textOf(join(root, path)) !== text).map(([path, text]): Step => ({
    what: `write   ${path}`, act: () => writeForAll(join(root, path), text),
  }));
  const removed = old.map((path): Step => ({ what: `remove  ${path}: there is no such host key`, act: () => rmSync(join(root, path)) }));
  const all = [...written, ...removed];
  return all.length === 0 || root !== "/" ? all : [...all, { what: "tell    sshd to read its configuration again", act: () => tellSshd(files) }];
}

/** `uninstall`. */
export function uncertifySteps(root: string): readonly Step[] {
  const there = [DROP_IN, FOLDER].filter((path) => existsSync(join(root, path)));
  return there.length === 0 ? [] : [
    ...there.map((path): Step => ({ what: `remove  ${path}`, act: () => rmSync(join(root, path), { recursive: true }) })),
    ...(root === "/" ? [{ what: "tell    sshd to read its configuration again", act: reload }] : []),
  ];
}

/** Certificates that somebody else's configuration has sshd show; ours would stand against them. */
export async function foreignCertificates(): Promise<readonly string[]> {
  return (await shownBySshd()).filter((path) => dirname(path) !== FOLDER && path !== "none");
}

async function shownBySshd(): Promise<readonly string[]> {
  // Who a Match block asks for; without -C sshd refuses to say anything where there is one.
  const ran = await run(["/usr/sbin/sshd", "-T", "-C", "user=root,host=localhost,addr=127.0.0.1"], { timeout: PATIENCE });
  return ran.stdout.split("\n").flatMap((line) => /^hostcertificate (.+)$/.exec(line)?.[1] ?? []);
}

/** A configuration that sshd would not start with is taken away again. */
async function tellSshd(files: ReadonlyMap<string, string>): Promise<void> {
  const sound = await run(["/usr/sbin/sshd", "-t"], { timeout: PATIENCE });
  if (sound.failure !== null) { rmSync(DROP_IN, { force: true }); throw new Error(`sshd would not take it, so ${DROP_IN} was removed: ${describe(sound)}`); }
  const shown = await shownBySshd();
  const unread = [...files.keys()].filter((path) => path.endsWith("-cert.pub") && !shown.includes(path));
  if (unread.length > 0) throw new Error(`sshd does not read ${DROP_IN}: put \`Include /etc/ssh/sshd_config.d/*.conf\` at the top of /etc/ssh/sshd_config, then \`clusterd keys certify\` again`);
  await reload();
}

/** As the init system does it; whoever is logged in stays so. Where sshd is started for each connection there is nobody to tell. */
async function reload(): Promise<void> {
  const pid = Number(textOf("/run/sshd.pid")?.trim() ?? Number.NaN);
  if (Number.isInteger(pid) && pid > 1 && textOf(`/proc/${pid}/comm`)?.trim() === "sshd") process.kill(pid, "SIGHUP");
}

/** Why clients would be alarmed after a takeover; null: all is well. Undefined: there are no certificates here. */
export async function certificateProblem(config: Config): Promise<string | null | undefined> {
  if (!existsSync(DROP_IN)) return undefined;
  try {
    if (certifySteps("/", config).length > 0) return "they are not those for today's host keys and names";
    const certificates = [...certificateFiles("/", config)].filter(([path]) => path.endsWith("-cert.pub")).map(([, text]) => text.split(" ")[1] ?? "");
    const { heartbeat: { address } } = config.nodes[config.self];
    const { stdout } = await run(["ssh-keyscan", "-c", "-T", "3", "-p", String(config.cluster.sshPort), address], { timeout: PATIENCE });
    return certificates.some((one) => stdout.includes(one)) ? null : `sshd shows none of them at ${address}`;
  } catch (error) {
    return reasonOf(error);
  }
}
