// Old command lines as the start and stop of a service: words only, since nothing passes through a shell here.

import { append, note } from "./draft.ts";
import type { Draft, DraftService, Where } from "./draft.ts";
import { placeOf } from "./addresses.ts";

export interface OldCommand { readonly text: string; readonly where: Where }
export interface OldCommands { readonly start: OldCommand | null; readonly stop: OldCommand | null }

const INIT = /^\/etc\/(?:rc\.d\/)?init\.d\/([A-Za-z0-9_.+-]+)\s+(start|stop)$/;
const UNIT = /^(?:\/usr)?\/?(?:bin\/)?(systemctl|service)\s+(.*)$/;

export function takeCommands(draft: Draft, service: DraftService, { start, stop }: OldCommands): void {
  if (start === null && stop === null) return;
  const action = sameAction(start?.text ?? "", stop?.text ?? "");
  if (action !== null) {
    append(service.service, "start", action);
    for (const one of [start, stop]) if (one !== null) note(draft, "carried", one.where, `${placeOf(service)} start = ${action}`);
    return;
  }
  const missing = start === null ? "start" : stop === null ? "stop" : null;
  for (const one of [start, stop]) {
    const why = one === null ? null : whyNoWords(one.text);
    if (one !== null && (why ?? missing) !== null) note(draft, "lost", one.where, why ?? `there is nothing that would ${missing} it again, and a service needs both`, "start_command and stop_command in the service's file: full paths, no shell");
  }
  if (missing !== null || [start, stop].some((one) => one !== null && whyNoWords(one.text) !== null)) return;
  for (const [key, one] of [["start_command", start], ["stop_command", stop]] as const) {
    if (one === null || whyNoWords(one.text) !== null) continue;
    append(service.service, key, one.text.trim().split(/\s+/).join(" "));
    note(draft, "carried", one.where, `${placeOf(service)} ${key}`);
  }
}

/** `/etc/init.d/x start` and `… stop` are the script; `systemctl start x` and `… stop x` the unit. */
function sameAction(start: string, stop: string): string | null {
  const [, script, verb] = INIT.exec(start) ?? [];
  if (script !== undefined && verb === "start" && INIT.exec(stop)?.[1] === script && INIT.exec(stop)?.[2] === "stop") return `init:${script}`;
  const [up, down] = [unitOf(start, "start"), unitOf(stop, "stop")];
  return up !== null && up === down ? up : null;
}

function unitOf(text: string, verb: string): string | null {
  const [, program, rest = ""] = UNIT.exec(text) ?? [];
  const words = rest.split(/\s+/);
  const name = program === "systemctl" && words[0] === verb ? words[1] : program === "service" && words[1] === verb ? words[0] : undefined;
  return name === undefined || words.length !== 2 || !/^[A-Za-z0-9][A-Za-z0-9@._-]*$/.test(name) ? null : `${program === "systemctl" ? "systemd" : "init"}:${name}`;
}

export function whyNoWords(text: string): string | null {
  if (/[|&;<>()$`"'\\*?#~]/.test(text)) return "it needs a shell, and nothing passes through one here";
  return text.trim().startsWith("/") ? null : "its program has no full path";
}
