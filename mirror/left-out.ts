// Does a job's `exclude` leave this path out? rsync(1), PATTERN MATCHING RULES, for where rsync itself does not ask: of a listed path it looks
// at that path alone, not at the folders above it, so what lies in an excluded folder would go over, or be deleted there. Pure.

/** Of a path below the tree: is it, or a folder above it, left out? `folder`: null when nobody knows any more. Names are bytes (latin1). */
export type LeftOut = (name: string, folder: boolean | null) => boolean;

interface Rule { readonly out: boolean; readonly onlyFolders: boolean; /** `folder/***` means the folder, too. */ readonly withFolder: boolean; readonly matches: (name: string) => boolean }

export function leftOut(exclude: readonly string[]): LeftOut {
  if (exclude.length === 0) return () => false;
  const rules = exclude.reduce<readonly Rule[]>((before, pattern) => (pattern === "!" ? [] : [...before, toRule(Buffer.from(pattern).toString("latin1"))]), []);
  const out = (name: string, folder: boolean): boolean => rules.find(({ onlyFolders, withFolder, matches }) => (folder || !onlyFolders) && (matches(name) || (folder && withFolder && matches(`${name}/`))))?.out ?? false;
  return (name, folder) => name !== "" && (above(name).some((one) => out(one, true)) || (folder !== false && out(name, true)) || (folder !== true && out(name, false)));
}

/** "a/b/c" → "a", "a/b". */
const above = (name: string): readonly string[] => name.split("/").slice(0, -1).map((_, at, parts) => parts.slice(0, at + 1).join("/"));

function toRule(text: string): Rule {
  const [, sign = "", pattern = ""] = /^([+-] )?(.*)$/s.exec(text) ?? [];
  const onlyFolders = pattern.length > 1 && pattern.endsWith("/");
  const bare = onlyFolders ? pattern.slice(0, -1) : pattern;
  const anchored = bare.startsWith("/");
  const whole = new RegExp(`^${toSource(anchored ? bare.slice(1) : bare)}$`, "s");
  // Without an anchor it may match the end of the path, from any name in it on; two stars at its beginning may stand for no folder at all.
  const matches = (name: string): boolean => whole.test(name) || (bare.startsWith("**") && whole.test(`/${name}`)) || (!anchored && name.split("/").some((_, at, parts) => at > 0 && whole.test(parts.slice(at).join("/"))));
  return { out: sign !== "+ ", onlyFolders, withFolder: bare.endsWith("/***"), matches };
}

function toSource(pattern: string): string {
  if (!/[*?[]/.test(pattern)) return literal(pattern); // a backslash is one, then
  let source = "";
  for (let at = 0; at < pattern.length; at += 1) {
    const rest = pattern.slice(at);
    const many = /^\*+/.exec(rest)?.[0].length ?? 0;
    const set = /^\[([!^]?)(\]?(?:\[:[a-z]+:\]|\\.|[^\]\\])*)\]/s.exec(rest);
    if (many > 0) { source += many > 1 ? ".*" : "[^/]*"; at += many - 1; }
    else if (rest.startsWith("?")) source += "[^/]";
    else if (set !== null) { source += `(?!/)[${set[1] === "" ? "" : "^"}${members(set[2] ?? "")}]`; at += set[0].length - 1; }
    else if (rest.startsWith("\\") && rest.length > 1) { source += literal(rest[1] as string); at += 1; }
    else source += literal(rest[0] as string);
  }
  return source;
}

const literal = (text: string): string => text.replace(/[.*+?^${}()|[\]\\/-]/g, "\\$&");

const CLASSES: Readonly<Record<string, string>> = { alnum: "a-zA-Z0-9", alpha: "a-zA-Z", digit: "0-9", lower: "a-z", upper: "A-Z", space: "\\s", punct: "!-\\/:-@\\[-`{-~", xdigit: "0-9a-fA-F" };
const members = (set: string): string => set.replace(/\[:([a-z]+):\]|\\(.)|([\]^[])/gs, (_, name: string | undefined, escaped: string | undefined, special: string | undefined) => name !== undefined ? CLASSES[name] ?? "" : `\\${escaped ?? special}`);
