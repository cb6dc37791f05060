// Two planted machines as look.sh finds them: eth0 on the LAN with the default route, eth1 the private cable, eth2 the spare.

import type { Machine, Nic } from "../../../clusterd/pair/machine.ts";

export const nic = (name: string, mac: string, address: string | null = null, more: Partial<Nic> = {}): Nic => ({
  name, mac, up: true, carrier: true, wireless: false, master: null, kind: null, addresses: address === null ? [] : [{ address, prefix: 24, dynamic: false }], ...more,
});

export const PROGRAMS = ["ip", "perl", "rsync", "ssh", "sshd", "ssh-keygen", "setpriv", "nft", "cron", "apt-get"];

export function machine(n: 1 | 2, more: Partial<Machine> = {}): Machine {
  return {
    name: `serv${n}`, uid: 0, arch: "Linux-x86_64", init: "systemd", programs: PROGRAMS, runs: false, config: new Map(), changed: new Map(), boot: new Map(), managed: false, gateway: { address: "192.168.50.251", nic: "eth0" },
    nics: [nic("eth0", `02:00:00:00:00:0${n}`, `192.168.50.${n}`), nic("eth1", `02:00:00:00:01:0${n}`, `10.50.0.${n}`), nic("eth2", `02:00:00:00:02:0${n}`)], ...more,
  };
}

/** The machine's NICs, one of them changed, or further ones added. */
export const withNics = (of: Machine, ...changed: readonly Nic[]): Machine =>
  ({ ...of, nics: [...of.nics.map((old) => changed.find(({ name }) => name === old.name) ?? old), ...changed.filter(({ name }) => !of.nics.some((old) => old.name === name))] });
