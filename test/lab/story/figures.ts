// The story's figures, each beside what is promised for it. Pure.

export interface Figures {
  readonly outage_ms: number;
  readonly outage_frozen_arp_ms: number;
  readonly http_outage_ms: number;
  readonly after_claim_ms: number;
  readonly two_owners_ms: number;
  readonly files_mirrored: number;
  readonly versions_lost: number;
  readonly conflicts_kept: number;
  readonly failback_gap_ms: number;
}

interface Promise_ {
  readonly figure: keyof Figures;
  readonly says: string;
  /** The worst that still keeps the promise. */
  readonly limit: number;
  readonly kept: "at most" | "at least";
  readonly unit: string;
}

const LONGEST_OUTAGE = { fast: 450, balanced: 1100, safety: 3850 } as const;
export type Profile = keyof typeof LONGEST_OUTAGE;

export const promises = (profile: Profile): readonly Promise_[] => [
  { figure: "outage_ms", says: "power cut, until the client is answered again", limit: LONGEST_OUTAGE[profile], kept: "at most", unit: "ms" },
  { figure: "outage_frozen_arp_ms", says: "the same, for a client whose ARP entry never changes", limit: LONGEST_OUTAGE[profile], kept: "at most", unit: "ms" },
  { figure: "http_outage_ms", says: "the same for pages: the web server must start", limit: LONGEST_OUTAGE[profile] + 1500, kept: "at most", unit: "ms" },
  // Promised is a median of 15 ms; a single run may meet one pause of a busy machine.
  { figure: "after_claim_ms", says: "of that, from the last claim on the wire to the first answer", limit: 100, kept: "at most", unit: "ms" },
  { figure: "two_owners_ms", says: "time with two owners, by the sniffer", limit: 0, kept: "at most", unit: "ms" },
  { figure: "files_mirrored", says: "files of a real tree identical on the peer, by checksum", limit: 2000, kept: "at least", unit: "" },
  { figure: "versions_lost", says: "closed versions that are nowhere at the end", limit: 0, kept: "at most", unit: "" },
  { figure: "conflicts_kept", says: "versions that only serv1 had at the cut, found among the kept ones", limit: 1, kept: "at least", unit: "" },
  // Promised is a median of 20 ms without services to stop and start.
  { figure: "failback_gap_ms", says: "failback, as the client sees it", limit: 100, kept: "at most", unit: "ms" },
];

export const isKept = ({ limit, kept }: Promise_, value: number): boolean =>
  Number.isFinite(value) && (kept === "at most" ? value <= limit : value >= limit);

export function table(figures: Figures, profile: Profile): string {
  const rows = promises(profile).map((promise) => {
    const value = figures[promise.figure];
    const verdict = isKept(promise, value) ? "kept" : "BROKEN";
    const number = `${Number.isInteger(value) ? value : value.toFixed(1)} ${promise.unit}`.trim();
    return [promise.figure, number, `${promise.kept} ${promise.limit} ${promise.unit}`.trim(), verdict, promise.says] as const;
  });
  const width = (column: 0 | 1 | 2 | 3): number => Math.max(...rows.map((row) => row[column].length));
  return rows.map((row) => `  ${row[0].padEnd(width(0))}  ${row[1].padStart(width(1))}   ${row[2].padEnd(width(2))}  ${row[3].padEnd(width(3))}  ${row[4]}`).join("\n");
}
