// A pair as in cluster.d/, written out, for tests of the network part.

import type { Config, NodeConfig, Timing, Checking } from "../../../clusterd/config/config.ts";
import { standInMac } from "../../../clusterd/config/stand-in.ts";

const timing: Timing = {
  keepalive: 50, warntime: 150, deadtime: 300, initdead: 5000, lease: 500, release: 100, unheard: 200, claim: 650, holdDown: 5000,
};

const node = (number: 1 | 2): NodeConfig => ({
  name: `serv${number}`,
  main: {
    interface: "eth0", mac: `02:00:5e:50:00:0${number}`, address: `192.168.50.${number}`, prefix: 24, gateway: "192.168.50.251",
    address6: { address: `fd00:50::${number}`, prefix: 64 }, standInMac: standInMac(`02:00:5e:50:00:0${number}`, "main", []),
  },
  heartbeat: { interface: "eth1", address: `10.50.0.${number}`, prefix: 24 },
  redundant: { interface: "eth2", admin: { address: `192.168.50.1${number}`, prefix: 24 }, standInMac: standInMac(`02:00:5e:50:00:0${number}`, "redundant", []) },
  fence: null, serial: null,
});

const plain = (full: NodeConfig): NodeConfig => ({ ...full, main: { ...full.main, address6: null } });

/** `plain`: without IPv6 and service addresses, as the sample pair. */
/** A service that nobody asks how it is. */
export const UNCHECKED: Checking = { checks: [], interval: 10_000, timeout: 5000, rise: 2, fall: 3, restarts: { most: 3, within: 600_000 } };

export function sampleConfig(changes: { readonly self?: 0 | 1; readonly timing?: Partial<Timing>; readonly kernelLease?: "auto" | "yes" | "no"; readonly references?: readonly string[]; readonly plain?: boolean; readonly mainFailure?: "handover" | "redundant" } = {}): Config {
  return {
    cluster: {
      name: "sample", profile: "balanced", timing: { ...timing, ...changes.timing }, policy: "balanced",
      references: changes.references ?? ["192.168.50.251", "192.168.50.252", "192.168.50.253"],
      witness: null, failback: "manual", failbackDelay: 60_000, checkHold: 900_000, mainFailure: changes.mainFailure ?? "handover", divergence: "ask", soloBoot: "ask", soloWait: 60_000, scheduler: "cron", notify: [], notifyMail: [], notifyWebhook: "no", notifyRemind: 14_400_000, notifyLag: 3_600_000, port: 694, serialBaud: 115_200, sshPort: 22, parallel: 2, zone: null,
      offsetLimit: 1000, kernelLease: changes.kernelLease ?? "auto", watchdog: "no", watch: "auto",
    },
    nodes: changes.plain === true ? [plain(node(1)), plain(node(2))] : [node(1), node(2)],
    self: changes.self ?? 1,
    services: changes.plain === true ? [] : [{
      name: "www", home: 0, order: 10, action: null, startTimeout: 1000, stopTimeout: 1000, alias: null, checking: UNCHECKED,
      addresses: [{ address: "192.168.50.77", prefix: 24, broadcast: null }],
    }],
    jobs: [],
    digest: "0123456789abcdef",
  };
}
