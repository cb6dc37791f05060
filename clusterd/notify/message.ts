// A notice as a mail and as JSON. Pure.

import { printable } from "../base/errors.ts";
import type { WallTime } from "../base/time.ts";
import type { Notice } from "./notifier.ts";

export interface From { readonly cluster: string; readonly node: string }

/** What stands in the subject: one glance says whether to get up. */
const subjectOf = ({ cluster, node }: From, { event, about, because }: Notice): string =>
  `[${cluster}] ${node}: ${event}${about === "-" ? "" : ` ${about}`}: ${because}`;

const SUBJECT = 150;

/** RFC 5322, for the standard input of sendmail; it adds From's domain, Message-ID and what else is missing. */
export function mailText(from: From, to: readonly string[], notice: Notice, at: WallTime): string {
  const subject = printable(subjectOf(from, notice));
  return [
    `From: clusterd on ${from.node} <root>`, `To: ${to.join(", ")}`, `Subject: ${encodedWord(subject.length > SUBJECT ? `${subject.slice(0, SUBJECT)} ...` : subject)}`, `Date: ${rfc5322(at)}`,
    "Auto-Submitted: auto-generated", "MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: base64", "",
    ...base64(bodyOf(from, notice)), "",
  ].join("\n");
}

const bodyOf = ({ cluster, node }: From, { event, about, because }: Notice): string => [
  ...because.split("; ").map((line) => printable(line)), "",
  `event    ${printable(event)}`, ...(about === "-" ? [] : [`about    ${printable(about)}`]), `node     ${node} of cluster ${cluster}`, "",
  "clusterd status        both nodes now", "clusterd history       the decisions, with their reasons", "",
].join("\n");

/** Base64, so that no line is too long and no dot stands alone. */
const base64 = (text: string): readonly string[] => Buffer.from(text, "utf8").toString("base64").match(/.{1,76}/g) ?? [];

/** RFC 2047, in words of at most 75 characters, where ASCII does not do. */
function encodedWord(text: string): string {
  if (/^[\x20-\x7e]*$/.test(text)) return text;
  const words: string[] = [];
  for (const char of text) {
    const longer = (words.at(-1) ?? "") + char;
    if (words.length === 0 || Buffer.byteLength(longer) > 45) words.push(char);
    else words[words.length - 1] = longer;
  }
  return words.map((word) => `=?UTF-8?B?${Buffer.from(word).toString("base64")}?=`).join("\n ");
}

const rfc5322 = (at: WallTime): string => new Date(at).toUTCString().replace("GMT", "+0000");

/** One object; grows only by new members within a version. */
export const webhookText = (from: From, notice: Notice, at: WallTime): string =>
  JSON.stringify({ version: 1, cluster: from.cluster, node: from.node, at: new Date(at).toISOString(), event: notice.event, about: notice.about === "-" ? null : notice.about, because: notice.because });
