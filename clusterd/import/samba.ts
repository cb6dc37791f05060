// Samba tells clients the host's own name unless smb.conf says another: after a takeover the share would have another name.

import { append, logicalLines, note } from "./draft.ts";
import type { Draft, Source } from "./draft.ts";

const SAMBA = /^(smb|smbd|nmb|nmbd|samba|samba-ad-dc|winbind)(\.service)?$/;

/** Of smb.conf only the netbios name of [global] is read. */
export function readSmbConf(source: Source, draft: Draft): void {
  draft.netbios ??= "";
  let section = "global";
  for (const { line, text } of logicalLines(source.text, { joined: true })) {
    section = /^\s*\[(.*)\]/.exec(text)?.[1]?.trim().toLowerCase() ?? section;
    const name = /^\s*netbios\s*name\s*=\s*(\S+)/i.exec(text)?.[1];
    if (section !== "global" || name === undefined) continue;
    draft.netbios = name;
    note(draft, "carried", { file: source.file, line, directive: text.trim() }, "the alias of the Samba service");
  }
}

/** Once all is read: Samba's services get the name as their alias, or a warning. */
export function nameSamba(draft: Draft): void {
  for (const service of draft.services) {
    const action = service.service.get("start")?.[0]?.replace(/^[a-z]+:/, "").split("::")[0]?.split("/").at(-1) ?? "";
    const mirrored = service.mirror.get("path")?.some((path) => /\/samba(\/|$)/.test(path)) ?? false;
    if (!SAMBA.test(action) && !mirrored) continue;
    const [from = "", line = "1"] = /^(.*):(\d+)/.exec(service.from[0] ?? "")?.slice(1) ?? [];
    const where = { file: from, line: Number(line), directive: `the service ${service.name}` };
    if (draft.netbios !== null && draft.netbios !== "") append(service.service, "alias", draft.netbios.toLowerCase());
    else note(draft, "warned", where, `Samba without the cluster's netbios name: ${draft.netbios === null ? "smb.conf was not given" : "smb.conf has none"}, so the share would change its name when it moves`, "`netbios name = NAME` in [global] of smb.conf, the same on both nodes, and alias = NAME here");
  }
}
