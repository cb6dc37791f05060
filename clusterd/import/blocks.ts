// Words, and blocks in braces: the common ground of keepalived.conf and lvs.cf.
//
// A statement is one line of words; "…" joins; a brace may stand on the line or on the next one. What is not closed, or
// closed once too often, is said with its line.

export interface Statement {
  readonly line: number;
  readonly words: readonly string[];
  /** What stands in the braces behind it; null: no braces. */
  readonly body: readonly Statement[] | null;
}

export interface Blocks { readonly statements: readonly Statement[]; readonly faults: readonly { readonly line: number; readonly text: string }[] }

interface Open { readonly line: number; readonly words: readonly string[]; readonly body: Statement[] }

/** `comment`: the characters that begin one. */
export function parseBlocks(lines: readonly { readonly line: number; readonly text: string }[], comment: string): Blocks {
  const top: Open = { line: 0, words: [], body: [] };
  const open: Open[] = [top];
  const faults: { line: number; text: string }[] = [];
  let words: string[] = [];
  for (const { line, text } of lines) {
    const inner = (): Statement[] => (open.at(-1) as Open).body;
    const end = (): void => { if (words.length > 0) inner().push({ line, words, body: null }); words = []; };
    for (const { token, quoted } of tokens(text, comment, (why) => faults.push({ line, text: why }))) {
      if (token === "{" && !quoted) {
        const before = words.length > 0 ? { line, words } : inner().pop();
        if (before === undefined) faults.push({ line, text: "a { with nothing before it" });
        open.push({ line: before?.line ?? line, words: before?.words ?? [], body: [] });
        words = [];
      } else if (token === "}" && !quoted) {
        end();
        const closed = open.length > 1 ? open.pop() as Open : null;
        if (closed === null) faults.push({ line, text: "a } that closes nothing" });
        else inner().push({ line: closed.line, words: closed.words, body: closed.body });
      } else words.push(token);
    }
    end();
  }
  for (let left = open.pop() as Open; left !== top; left = open.pop() as Open) {
    faults.push({ line: left.line, text: `the { of ${left.words.join(" ")} is never closed` });
    (open.at(-1) as Open).body.push({ line: left.line, words: left.words, body: left.body });
  }
  return { statements: top.body, faults };
}

function* tokens(text: string, comment: string, fault: (why: string) => void): Generator<{ readonly token: string; readonly quoted: boolean }> {
  for (let i = 0; i < text.length;) {
    const c = text.charAt(i);
    if (/\s/.test(c)) { i += 1; continue; }
    if (comment.includes(c)) return;
    if (c === "{" || c === "}") { yield { token: c, quoted: false }; i += 1; continue; }
    if (c === '"') {
      const close = text.indexOf('"', i + 1);
      if (close === -1) fault('a " that is never closed');
      yield { token: text.slice(i + 1, close === -1 ? undefined : close), quoted: true };
      i = close === -1 ? text.length : close + 1;
      continue;
    }
    const word = /^[^\s{}"]+/.exec(text.slice(i))?.[0] ?? c;
    const cut = [...word].findIndex((letter, at) => at > 0 && comment.includes(letter));
    yield { token: cut === -1 ? word : word.slice(0, cut), quoted: false };
    if (cut !== -1) return;
    i += word.length;
  }
}
