// The kinds of values: how each is written, and how it is read.
//
// A kind turns what stands in the file into a value, or says what is wrong with it. Not here: which key has which kind
// (options.ts), and how values of different keys must fit together (validate.ts).

import { parseDuration } from "../base/time.ts";
import type { IniKey, IniValue } from "../base/ini.ts";
import { broadcastOf, canonical6, canonicalMac, isAddress4, prefixOfNetmask, whyNoHost, whyNoMac } from "./addresses.ts";
import { didYouMean } from "./suggest.ts";

export interface Fault { readonly line: number; readonly message: string; readonly hint: string | null }
/** Of a repeated key that is wrong in places, `value` holds what is sound, and `lines` where each of it stands. */
export interface Read<T> { readonly value?: T; readonly lines?: readonly number[]; readonly faults: readonly Fault[] }

export interface Kind<T> {
  /** How a value is written, for messages and samples: "a time such as 250ms". */
  readonly says: string;
  readonly repeatable: boolean;
  read(key: IniKey): Read<T>;
}

export type Word<T> = { readonly value: T } | { readonly fault: string; readonly hint?: string };

const fault = (line: number, message: string, hint: string | null = null): { readonly faults: readonly Fault[] } => ({ faults: [{ line, message, hint }] });

/** The value, when there is one and nothing is wrong with it. */
const whole = <T>(read: Read<T>): Read<T> => (read.faults.length > 0 ? { faults: read.faults } : read);

/** A key with one value; `take` sees it without quotes. */
export function one<T>(says: string, take: (text: string) => Word<T>): Kind<T> {
  return {
    says, repeatable: false,
    read({ key, isList, values: [value], line }) {
      if (isList) return fault(line, `${key} takes one value, not a list`, `Write ${key} = …, without [].`);
      const text = value?.text;
      if (text === null) return fault(line, `the quotes of ${key} enclose only a part of its value`, "Put the whole value in quotes, or nothing.");
      if (text === undefined || text === "") return fault(line, `${key} has no value`, `Give it ${says}, or remove the line.`);
      return settle(key, line, says, take(text));
    },
  };
}

/** A key with words: `key = one two "the third"`. The first words may be judged by `take`. */
function several<T>(says: string, take: (word: string, index: number) => Word<T>): Kind<readonly T[]> {
  return {
    says, repeatable: false,
    read({ key, isList, values: [value], line }) {
      if (isList) return fault(line, `${key} takes its words on one line`, `Write ${key} = one two three, without [].`);
      if (value === undefined || value.words.length === 0) return fault(line, `${key} has no value`, `Give it ${says}, or remove the line.`);
      return whole(collect(value.words.map((word, index) => settle(key, line, says, take(word, index)))));
    },
  };
}

/** A key that may be repeated as `key[] = …`; `take` sees one line's value. */
export function repeated<T>(says: string, take: (value: IniValue) => Word<T>): Kind<readonly T[]> {
  return { says, repeatable: true, read: ({ key, values }) => collect(values.map((value) => settle(key, value.line, says, take(value)))) };
}

function settle<T>(key: string, line: number, says: string, word: Word<T>): Read<T> {
  return "value" in word ? { value: word.value, lines: [line], faults: [] } : fault(line, `${key}: ${word.fault}`, word.hint ?? `It takes ${says}.`);
}

function collect<T>(reads: readonly Read<T>[]): Read<readonly T[]> {
  const good = reads.filter(({ faults }) => faults.length === 0);
  return { value: good.map(({ value }) => value as T), lines: good.flatMap(({ lines }) => lines ?? []), faults: reads.flatMap(({ faults }) => faults) };
}

// ---- words and numbers -----------------------------------------------------------------------------------------

const LONGEST_DAYS = 366;

export const name = (says: string): Kind<string> => one(says, takeName);

function takeName(text: string): Word<string> {
  return /^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$/.test(text) ? { value: text } : { fault: `"${text}" is no name`, hint: "At most 32 letters, digits, _ and -." };
}

/** RFC 1035 §2.3.1, with the underscores that zones have in practice. */
const HOST_NAME = /^(?=.{1,253}$)([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)*[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.?$/;
export const isHostName = (text: string): boolean => HOST_NAME.test(text);

export const zone: Kind<string> = one("the name of a DNS zone, such as example.net", (text) =>
  isHostName(text) ? { value: text.replace(/\.$/, "") } : { fault: `"${text}" is no name of a zone` });

export const nodeNames: Kind<readonly string[]> = several("the names of the two nodes, as `hostname -s` prints them", takeName);

export function choice<const T extends string>(...known: readonly T[]): Kind<T> {
  return one(known.join(" or "), (text) => {
    const value = known.find((word) => word === text);
    return value !== undefined ? { value } : { fault: `"${text}" is not known`, hint: didYouMean(text, known) };
  });
}

export const duration: Kind<number> = one("a time such as 250ms, 5s, 2m or 1h (a bare number is seconds)", (text) => {
  const value = parseDuration(text);
  if (value === null) return { fault: `"${text}" is no time` };
  if (value <= 0) return { fault: "must be longer than nothing" };
  return value <= LONGEST_DAYS * 86_400_000 ? { value } : { fault: `"${text}" is longer than a year` };
});

const UNITS: Readonly<Record<string, number>> = { "": 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

export function parseSize(text: string): number | null {
  const match = /^(\d{1,12})([KMGT]?)$/.exec(text);
  return match === null ? null : Number(match[1]) * (UNITS[match[2] ?? ""] ?? 1);
}

export const size: Kind<number> = one("a size such as 500M, 20G or 1T (powers of 1024; a bare number is bytes)", (text) => {
  const value = parseSize(text);
  if (value === null) return { fault: `"${text}" is no size` };
  return value > 0 && Number.isSafeInteger(value) ? { value } : { fault: `"${text}" is not between 1 byte and 8000T` };
});

/** A time that something is scheduled by: whole milliseconds, at most ten minutes. */
export const interval: Kind<number> = one("a time such as 250ms or 2s", (text) => {
  const value = parseDuration(text);
  if (value === null) return { fault: `"${text}" is no time` };
  return value >= 1 && value <= 600_000 ? { value: Math.round(value) } : { fault: `"${text}" is not between 1ms and 10m` };
});

export function integer(least: number, most: number): Kind<number> {
  return one(`a whole number from ${least} to ${most}`, (text) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : NaN;
    return value >= least && value <= most ? { value } : { fault: `"${text}" is not a whole number from ${least} to ${most}` };
  });
}

// ---- commands and paths ----------------------------------------------------------------------------------------

/** As a word behind sendmail's --, and in a header: nothing else than an address. */
export const mails: Kind<readonly string[]> = several("mail addresses such as root or admin@example.net", (word) =>
  /^[A-Za-z0-9_][A-Za-z0-9._+-]{0,63}(@[A-Za-z0-9][A-Za-z0-9.-]{0,252})?$/.test(word) ? { value: word } : { fault: `"${word}" is no mail address` });

export const command: Kind<readonly string[]> = several("the full path of a program and its words, without a shell", (word, index) => {
  if (index > 0) return { value: word };
  if (word.startsWith("/") && /\s/.test(word)) return { fault: `the quotes make "${word}" one word`, hint: "Quote only the words that hold spaces themselves." };
  return word.startsWith("/") ? { value: word } : { fault: `"${word}" is no full path`, hint: "Programs are named from / on; nothing is looked up, and nothing passes through a shell." };
});

/** Why a path is not plain; null when it is. A trailing slash is allowed: it makes a tree. */
export function whyNoPath(path: string): { readonly fault: string; readonly hint: string } | null {
  if (/\p{Cc}/u.test(path)) return { fault: `the path ${JSON.stringify(path)} holds a control character`, hint: "Such a name cannot be mirrored by itself; name the folder it lies in." };
  if (!path.startsWith("/")) return { fault: `"${path}" is no full path`, hint: "Paths begin with /." };
  if (/\/(\.{1,2}|)\//.test(`${path}/`.replace(/\/\/$/, "/"))) return { fault: `"${path}" has an empty, . or .. part`, hint: "Write the path as `realpath` prints it, a folder with / at its end." };
  return path.length > 4000 ? { fault: "the path is longer than 4000 characters", hint: "Name a folder above it." } : null;
}

export const entries: Kind<readonly string[]> = repeated("a full path: a tree with / at its end, or a single file without", ({ text }) => {
  if (text === null || text === "") return { fault: "is no path", hint: "One path a line: path[] = /srv/www/ (a tree) or path[] = /etc/hosts (a file). Put a path with spaces in quotes." };
  return whyNoPath(text) ?? { value: text };
});

export const patterns: Kind<readonly string[]> = repeated("an rsync exclude pattern, such as *.tmp or /cache/", ({ text }) => {
  if (text === null || text === "") return { fault: "is no pattern", hint: "One pattern a line: exclude[] = *.tmp. Put a pattern with spaces or # in quotes." };
  return { value: text };
});

export const program: Kind<string> = one("the full path of a program", (text) => {
  const bad = whyNoPath(text) ?? (text.endsWith("/") ? { fault: `"${text}" is a folder` } : null);
  return bad ?? { value: text };
});

export const watchdog: Kind<string> = one("auto, no, or a device such as /dev/watchdog1", (text) =>
  text === "auto" || text === "no" || (/^\/dev\/[A-Za-z0-9_/-]+$/.test(text) && !text.includes("//")) ? { value: text } : { fault: `"${text}" is no watchdog device` });

export const device: Kind<string> = one("a serial device such as /dev/ttyS0", (text) =>
  /^\/dev\/[A-Za-z0-9_/-]+$/.test(text) && !text.includes("//") ? { value: text } : { fault: `"${text}" is no serial device` });

/** The speeds that stty(1) knows on every Linux, from where a heartbeat takes less than a second. */
export const BAUDS: readonly number[] = [2400, 4800, 9600, 19200, 38400, 57600, 115_200, 230_400, 460_800, 921_600];

export const baud: Kind<number> = one(`a speed such as 115200 (${BAUDS.join(", ")})`, (text) => {
  const value = BAUDS.find((each) => String(each) === text);
  return value !== undefined ? { value } : { fault: `"${text}" is no speed of a serial line` };
});

export type StartAction = { readonly kind: "systemd"; readonly unit: string } | { readonly kind: "init"; readonly script: string; readonly args: readonly string[] };

/** systemd:UNIT, init:SCRIPT, init:SCRIPT::ARG::ARG (the words of haresources). A bare script name lies in /etc/init.d. */
export const startAction: Kind<StartAction> = one("systemd:UNIT or init:SCRIPT, also with arguments as in init:maid::vacuum", takeStart);

export function takeStart(text: string): Word<StartAction> {
  const [, kind, rest = ""] = /^([a-z]+):(?!:)(.*)$/.exec(text) ?? [];
  if (kind === "systemd") return /^[A-Za-z0-9][A-Za-z0-9@._\\:-]*$/.test(rest) ? { value: { kind, unit: /\.[a-z]+$/.test(rest) ? rest : `${rest}.service` } } : { fault: `"${rest}" is no unit` };
  if (kind !== "init") return { fault: `"${text}" is neither systemd:UNIT nor init:SCRIPT`, hint: text.startsWith("/") ? "A command is written start_command = … and stop_command = …" : "It takes systemd:UNIT or init:SCRIPT, also with arguments as in init:maid::vacuum." };
  const [script = "", ...args] = rest.split("::");
  if (!/^[A-Za-z0-9_.+/-]+$/.test(script) || script.replace(/^\//, "").split("/").some((part) => /^\.{0,2}$/.test(part)) || script.startsWith(".")) return { fault: `"${script}" is no init script` };
  if (!script.startsWith("/") && script.includes("/")) return { fault: `"${script}" is neither a name in /etc/init.d nor a full path` };
  return { value: { kind, script: script.startsWith("/") ? script : `/etc/init.d/${script}`, args } };
}

// ---- the network -----------------------------------------------------------------------------------------------

export const nic: Kind<string> = one("the name of a network interface, such as eth0", (text) =>
  // netdevice(7): at most 15 bytes, no / and no spaces; lo carries nobody.
  /^[A-Za-z0-9][A-Za-z0-9_.-]{0,14}$/.test(text) && text !== "lo" ? { value: text } : { fault: `"${text}" is no name of a network interface`, hint: "As `ip link` prints it, at most 15 characters; eth0:1 is an old way to write a second address." });

export const mac: Kind<string> = one("a MAC address such as 02:00:5e:50:00:01", (text) => {
  const value = canonicalMac(text);
  if (value === null) return { fault: `"${text}" is no MAC address` };
  const why = whyNoMac(value);
  return why === null ? { value } : { fault: `${value} is ${why}`, hint: "An identity's MAC is that of one NIC: `ip link show eth0` prints it." };
});

export const address: Kind<string> = one("an IPv4 address such as 192.168.50.1", takeAddress);

function takeAddress(text: string): Word<string> {
  if (!isAddress4(text)) return { fault: `"${text}" is no IPv4 address`, ...(text.includes("/") ? { hint: "The prefix length has a key of its own." } : {}) };
  const why = whyNoHost(text);
  return why === null ? { value: text } : { fault: `${text} is ${why}` };
}

export const references: Kind<readonly string[]> = {
  ...several("IPv4 addresses of hosts on the LAN, or the word none", takeAddress),
  read(key) {
    return key.values[0]?.text === "none" ? { value: [], faults: [] } : several("IPv4 addresses of hosts on the LAN, or the word none", takeAddress).read(key);
  },
};

const WITNESS_PORT = 694;

export const witness: Kind<{ readonly address: string; readonly port: number }> = one("the IPv4 address of the witness, with :PORT where it is not 694", (text) => {
  const [, before = "", port] = /^([^:]*)(?::(\d{1,5}))?$/.exec(text) ?? [];
  const place = takeAddress(before);
  if ("fault" in place) return before === "" ? { fault: `"${text}" is no IPv4 address with port` } : place;
  const number = Number(port ?? WITNESS_PORT);
  return number >= 1 && number <= 65535 ? { value: { address: place.value, port: number } } : { fault: `"${port}" is no port` };
});

export const prefix = integer(1, 32);

export const netmask: Kind<number> = one("a netmask such as 255.255.255.0", (text) => {
  const value = prefixOfNetmask(text);
  return value !== null && value > 0 ? { value } : { fault: `"${text}" is no netmask` };
});

export interface Placed { readonly address: string; readonly prefix: number }

export const address6: Kind<Placed> = one("an IPv6 address with its prefix length, such as 2001:db8::1/64", (text) => {
  const [, before = "", after = ""] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? [];
  const value = canonical6(before);
  const length = Number(after);
  if (value === null || after === "" || length < 1 || length > 128) return { fault: `"${text}" is no IPv6 address with prefix length` };
  return /^(ff|::1?$|fe[89ab])/.test(value) ? { fault: `${value} is multicast, loopback or link-local: it cannot move` } : { value: { address: value, prefix: length } };
});

export type ServiceAddress = Placed & { readonly broadcast: string | null };

/** IP/PREFIX [broadcast]. */
export const serviceAddress: Kind<readonly ServiceAddress[]> = repeated("IP/PREFIX and perhaps the broadcast address, such as 192.168.50.101/24", ({ words }) => {
  const [first = "", broadcast = null, ...more] = words;
  const [, host = "", after = ""] = /^([^/]+)\/(\d{1,2})$/.exec(first) ?? [];
  const length = Number(after);
  if (more.length > 0) return { fault: "more than an address and its broadcast address", hint: "One address a line: address[] = IP/PREFIX [broadcast]." };
  if (first.includes(":")) return { fault: `${first} is an IPv6 address`, hint: "IPv6 moves with the identity's MAIN_IPADDR6; services have IPv4 addresses." };
  if (!isAddress4(host) || after === "" || length < 1 || length > 32) return { fault: `"${first}" is not IP/PREFIX` };
  const why = whyNoHost(host, length);
  if (why !== null) return { fault: `${host} is ${why}` };
  if (broadcast !== null && broadcast !== broadcastOf(host, length)) return { fault: `${broadcast} is not the broadcast address of ${host}/${length}`, hint: `That is ${broadcastOf(host, length)}; it may be left out.` };
  return { value: { address: host, prefix: length, broadcast } };
});
