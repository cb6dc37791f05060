// `clusterd witness`: the third machine. It runs in the foreground, as its systemd unit does, and needs no configuration.

import { parseArgs } from "node:util";
import { deriveWitnessKeys } from "../arbiter/witness-packet.ts";
import { serveWitness } from "../arbiter/witness-server.ts";
import { reasonOf } from "../base/errors.ts";
import { createLog } from "../base/log.ts";
import { STATE, WITNESS_KEY } from "../base/paths.ts";
import { createKey, loadKey } from "../heartbeat/key.ts";
import { EXIT, exitHelp } from "./exit-codes.ts";

const PORT = 694;

const HELP = `Usage: clusterd witness CLUSTER [--port N] [--address A] [--key FILE] [--state FILE] [--json]
       clusterd witness --draw-key [--key FILE]

The third voter of the pair named CLUSTER, on any third machine: it remembers who owned last, and grants each identity to
one node at a time. The pair's cluster.conf says \`witness = ADDRESS[:PORT]\`. One pair, one witness process.

Options:
  --port N      UDP port (default: ${PORT})
  --address A   listen on this address only (default: all)
  --key FILE    the key, the same on the two nodes and here (default: ${WITNESS_KEY})
  --state FILE  what it remembers, in two checksummed slots (default: ${STATE}/witness-CLUSTER)
  --draw-key    draw a new key into FILE, never over one that is there, and end; carry it to the other two by scp
  --json        log as JSON, one object a line

Examples:
  clusterd witness --draw-key && scp ${WITNESS_KEY} serv1:${WITNESS_KEY}
      once; and the same for serv2
  clusterd witness sample
      by hand; with systemd: systemctl enable --now clusterd-witness@sample
${exitHelp(["ok", "failed", "usage"])}`;

const OPTIONS = {
  port: { type: "string", default: String(PORT) }, address: { type: "string", default: "0.0.0.0" }, key: { type: "string", default: WITNESS_KEY },
  state: { type: "string" }, "draw-key": { type: "boolean", default: false }, json: { type: "boolean", default: false }, help: { type: "boolean", short: "h", default: false },
} as const;

/** Resolves to the exit code, or to null while it serves. */
export async function witness(words: readonly string[]): Promise<number | null> {
  const wrong = (why: string): number => {
    process.stderr.write(`clusterd witness: ${why}\n`);
    return EXIT.usage;
  };
  try {
    const { values, positionals } = parseArgs({ args: [...words], options: OPTIONS, allowPositionals: true });
    if (values.help) {
      process.stdout.write(HELP);
      return EXIT.ok;
    }
    if (values["draw-key"]) return draw(values.key);
    const [cluster, ...more] = positionals;
    const port = Number(values.port);
    if (cluster === undefined || more.length > 0) return wrong("it needs the name of one cluster, as `name` in cluster.conf has it (--help)");
    if (!/^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$/.test(cluster)) return wrong(`"${cluster}" is no name of a cluster`);
    if (!Number.isInteger(port) || port < 1 || port > 65535) return wrong(`--port takes a number from 1 to 65535, not ${values.port}`);
    const key = loadKey(values.key);
    if (!key.ok) return wrong(key.reason);
    return await serve({ cluster, port, address: values.address, key: key.key, state: values.state ?? `${STATE}/witness-${cluster}`, json: values.json });
  } catch (error) {
    return wrong(reasonOf(error));
  }
}

function draw(path: string): number {
  const made = createKey(path);
  process[made.ok ? "stdout" : "stderr"].write(made.ok ? `${path} is drawn. Carry it to the other two machines by scp: it is a secret.\n` : `${made.reason}\n`);
  return made.ok ? EXIT.ok : EXIT.failed;
}

interface Serve { readonly cluster: string; readonly port: number; readonly address: string; readonly key: Buffer; readonly state: string; readonly json: boolean }

async function serve({ cluster, port, address, key, state, json }: Serve): Promise<null> {
  const log = createLog({ json, level: "info" });
  const end = async (code: number): Promise<void> => {
    await log.flush();
    process.exit(code);
  };
  const running = await serveWitness({
    cluster, port, address, state, keys: deriveWitnessKeys(key, cluster),
    tell: (event, what) => (event === "witness.remembers" ? log.info(event, what) : log.warn(event, what)),
    failed: (error) => {
      log.error("witness.failed", { because: `${state} cannot be written (${error.message}): a witness that forgets is worse than none` });
      void end(EXIT.failed);
    },
  });
  log.info("witness.started", { cluster, port: running.port, state });
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => void running.close().then(() => end(EXIT.ok)));
  return null;
}
