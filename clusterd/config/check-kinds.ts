// How checks of running services are written: `check[] = http 80/health status 200 expect "all well"`, `restarts = 3 within 10m`.

import { reasonOf } from "../base/errors.ts";
import { parseDuration } from "../base/time.ts";
import { isAddress4 } from "./addresses.ts";
import { one, repeated, takeStart } from "./kinds.ts";
import type { Kind, Word } from "./kinds.ts";
import { didYouMean } from "./suggest.ts";

/** A check as it is written; `address` null: the service's own. */
export type CheckWords =
  | { readonly kind: "tcp"; readonly address: string | null; readonly port: number; readonly send: string; readonly expect: string | null }
  | { readonly kind: "http"; readonly address: string | null; readonly port: number; readonly path: string; readonly status: number; readonly expect: string | null }
  | { readonly kind: "command"; readonly words: readonly string[] }
  | { readonly kind: "output"; readonly expect: string; readonly words: readonly string[] }
  | { readonly kind: "unit"; readonly unit: string }
  | { readonly kind: "running" };

const CHECKS: Readonly<Record<CheckWords["kind"], (words: readonly string[]) => Word<CheckWords>>> = {
  tcp: ([place = "", ...more]) => {
    const [at, given] = [takePlace(place), takePairs(more, ["send", "expect"])];
    return "fault" in at ? at : "fault" in given ? given : { value: { kind: "tcp", ...at.value, send: withLineEnds(given.value["send"] ?? ""), expect: given.value["expect"] ?? null } };
  },
  http: ([where = "", ...more]) => {
    const [, place = "", path] = /^([^/]*)(\/.*)?$/.exec(where.replace(/^http:\/\//, "")) ?? [];
    const [at, given] = [takePlace(place), takePairs(more, ["status", "expect"])];
    if ("fault" in at) return at;
    if ("fault" in given) return given;
    if (path !== undefined && !/^[\x21-\x7e]+$/.test(path)) return { fault: `the path "${path}" holds what an address cannot`, hint: "Write spaces and other letters as %20 and the like." };
    const status = given.value["status"] ?? "200";
    if (!/^[1-5]\d\d$/.test(status)) return { fault: `"${status}" is no status of HTTP` };
    return { value: { kind: "http", ...at.value, path: path ?? "/", status: Number(status), expect: given.value["expect"] ?? null } };
  },
  command: (words) => {
    const program = takeProgram(words);
    return "fault" in program ? program : { value: { kind: "command", words } };
  },
  output: ([expect = "", ...words]) => {
    const [program, wrong] = [takeProgram(words), whyNoRegex(expect)];
    return "fault" in program ? program : wrong !== null ? { fault: wrong } : { value: { kind: "output", expect, words } };
  },
  unit: ([unit = "", ...more]) => {
    const read = takeStart(`systemd:${unit}`);
    return "fault" in read || more.length > 0 ? { fault: `"${[unit, ...more].join(" ")}" is no unit` } : { value: { kind: "unit", unit: (read.value as { readonly unit: string }).unit } };
  },
  running: (more) => more.length === 0 ? { value: { kind: "running" } } : { fault: "running takes no further words" },
};

export const checks: Kind<readonly CheckWords[]> = repeated("tcp, http, command, output, unit or running, and what belongs to it", ({ words: [kind = "", ...more] }) =>
  Object.hasOwn(CHECKS, kind) ? CHECKS[kind as CheckWords["kind"]](more) : { fault: `"${kind}" is no kind of check`, hint: didYouMean(kind, Object.keys(CHECKS)) });

const takeProgram = ([program = ""]: readonly string[]): Word<string> => program.startsWith("/") ? { value: program }
  : { fault: `"${program}" is no full path`, hint: "check[] = command /usr/local/sbin/check-shop --quick; nothing passes through a shell." };

/** [ADDRESS:]PORT */
function takePlace(text: string): Word<{ readonly address: string | null; readonly port: number }> {
  const [, host, port] = /^(?:([^:]*):)?(\d{1,5})$/.exec(text) ?? [];
  if (port === undefined || Number(port) < 1 || Number(port) > 65535) return { fault: `"${text}" is no port, nor ADDRESS:PORT` };
  return host === undefined || isAddress4(host) ? { value: { address: host ?? null, port: Number(port) } } : { fault: `"${host}" is no IPv4 address` };
}

/** KEY VALUE KEY VALUE, each key at most once. */
function takePairs(words: readonly string[], known: readonly string[]): Word<Readonly<Record<string, string>>> {
  const found: Record<string, string> = {};
  for (let at = 0; at < words.length; at += 2) {
    const [key = "", value] = words.slice(at, at + 2);
    if (!known.includes(key) || key in found) return { fault: `"${key}" is ${key in found ? "there twice" : "not known here"}`, hint: `It takes ${known.map((one) => `${one} …`).join(" and ")}; quote what holds spaces.` };
    if (value === undefined) return { fault: `nothing stands behind ${key}` };
    found[key] = value;
  }
  const wrong = found["expect"] === undefined ? null : whyNoRegex(found["expect"]);
  return wrong === null ? { value: found } : { fault: wrong };
}

function whyNoRegex(text: string): string | null {
  try {
    new RegExp(text, "m");
    return null;
  } catch (error) {
    return reasonOf(error);
  }
}

const LINE_ENDS: Readonly<Record<string, string>> = { r: "\r", n: "\n", t: "\t", "\\": "\\" };
const withLineEnds = (text: string): string => text.replace(/\\([rnt\\])/g, (_, letter: string) => LINE_ENDS[letter] ?? "");

export interface Restarts { readonly most: number; readonly within: number }

export const restarts: Kind<Restarts> = one("a number within a time, such as 3 within 10m", (text) => {
  const [, most, time = ""] = /^(\d{1,3}) within (\S+)$/.exec(text) ?? [];
  const within = parseDuration(time);
  if (most === undefined || within === null || within < 1000 || within > 86_400_000) return { fault: `"${text}" is not a number within a time between 1s and a day` };
  return { value: { most: Number(most), within } };
});
