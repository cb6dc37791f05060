// What the exit codes of `mirror` and of its receiving side mean. One table: help, README and code read the same.

export const EXIT = {
  ok: 0,
  usage: 1,
  configuration: 2,
  refused: 3,
  approval: 4,
  notOwner: 5,
  busy: 6,
  unreachable: 7,
  incomplete: 8,
  peerRefused: 9,
  differs: 10,
} as const;

/** The receiving side: what a forced command answers. rsync itself never sees these unless the push is accepted. */
export const RECEIVE_EXIT = {
  ok: 0,
  /** Try again: what the sender knows has not been heard here yet, or another run is going on. */
  retry: 75,
  /** Not from this owner, not at this epoch. */
  notOwner: 77,
  /** The tree is not in a state in which it may be written. */
  tree: 78,
  /** Not one of the few requests that are understood at all. */
  forbidden: 126,
} as const;

export const EXIT_MEANINGS: readonly (readonly [number, string])[] = [
  [EXIT.ok, "done; everything asked for is on the peer"],
  [EXIT.usage, "wrong use, or something that should not happen"],
  [EXIT.configuration, "the configuration has problems"],
  [EXIT.refused, "rightly not done: not mounted, no marker, clocks apart, configurations differ …"],
  [EXIT.approval, "too many deletions: look, then `mirror approve JOB`"],
  [EXIT.notOwner, "this node does not own what it was told to mirror"],
  [EXIT.busy, "another run of this job is going on"],
  [EXIT.unreachable, "the peer cannot be reached on any link"],
  [EXIT.incomplete, "rsync did not carry everything over (its codes 23, 24, 30 …)"],
  [EXIT.peerRefused, "the peer refused: its reason is printed"],
  [EXIT.differs, "a scrub found files of equal size and time whose content differs"],
];

export const exitHelp = (): string => `\nExit codes:\n${EXIT_MEANINGS.map(([code, text]) => `  ${code}  ${text}`).join("\n")}\n`;
