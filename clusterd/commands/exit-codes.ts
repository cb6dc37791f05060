// What the exit codes of `clusterd` mean. One table: code, help and README read the same.

export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  refused: 3,
  notRunning: 4,
  unreachable: 5,
  timeout: 6,
} as const;

export type ExitName = keyof typeof EXIT;

export const EXIT_MEANINGS: Readonly<Record<ExitName, string>> = {
  ok: "done, or nothing to do",
  failed: "it was tried and did not succeed; the reason is printed",
  usage: "wrong use, or the configuration has problems",
  refused: "rightly not done; the reason is printed",
  notRunning: "clusterd does not run on this node",
  unreachable: "the other node cannot be asked",
  timeout: "asked for, but not seen to be done within its time: look at `clusterd status`",
};

export const exitTable = (names: readonly ExitName[] = Object.keys(EXIT) as ExitName[]): readonly (readonly [code: number, meaning: string])[] =>
  names.map((name) => [EXIT[name], EXIT_MEANINGS[name]]);

/** For a command that must not load the command line's libraries. */
export const exitHelp = (names?: readonly ExitName[]): string => `\nExit codes:\n${exitTable(names).map(([code, meaning]) => `  ${code}  ${meaning}`).join("\n")}\n`;
