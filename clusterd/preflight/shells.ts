// Does the other node refuse what our two keys are not for? Tried with a command that no forced command knows, over connections of
// their own: a second, older line in authorized_keys may let a key do anything, and only sshd knows which line it takes.

import { run } from "../base/exec.ts";
import { KEYS } from "../base/paths.ts";
import { MIRROR_KEY } from "../../mirror/keys.ts";
import { sshOptions } from "../../mirror/ssh.ts";
import type { Peer } from "../../mirror/ssh.ts";
import type { Facts } from "./facts.ts";

const PATIENCE = 8000;
const WORD = "clusterd-got-a-shell";
/** ssh's own, for whatever kept it from running anything (ssh(1)). */
const NOT_CONNECTED = 255;

export async function shellsGiven(peer: Peer): Promise<Facts["shells"]> {
  const [mirror, control] = await Promise.all([MIRROR_KEY, `${KEYS}/control_ed25519`].map((key) => shellFor(peer, key)));
  return { mirror: mirror ?? null, control: control ?? null };
}

/** Null: nobody could be asked. */
async function shellFor(peer: Peer, key: string): Promise<boolean | null> {
  const ran = await run(["ssh", "-o", "ControlMaster=no", "-o", "ControlPath=none", ...sshOptions(peer, key), peer.address, `echo ${WORD}`], { timeout: PATIENCE });
  return ran.stdout.includes(WORD) ? true : ran.exitCode === null || ran.exitCode === NOT_CONNECTED ? null : false;
}
