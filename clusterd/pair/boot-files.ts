// ifupdown's files without the NICs that clusterd raises itself, and as they were before. Pure.
//
// Lines are made comments with a mark of ours, so that `clusterd unpair` finds exactly them, whatever else was edited meanwhile.

const MARK = "#clusterd-pair# ";
/** Starts a stanza (interfaces(5)); what follows, up to the next one, belongs to it. */
const STANZA = /^\s*(iface|mapping|auto|allow-\S+|source|source-directory|rename|no-auto-down|no-scripts)\b/;
const RAISES = /^(auto|allow-\S+)$/;

const wordsOf = (line: string): readonly string[] => line.trim().split(/\s+/);
/** eth0:1 is an address of eth0. */
const isOf = (nics: readonly string[], name = ""): boolean => nics.includes(name.replace(/:.*$/, ""));

/** NICs that have a stanza. */
export const ifacesOf = (text: string): readonly string[] => text.split("\n").map(wordsOf).flatMap(([word, name = ""]) => (word === "iface" ? [name.replace(/:.*$/, "")] : []));

/** `auto eth0 eth1` is followed by `auto eth1`. */
export function withoutNics(text: string, nics: readonly string[]): string {
  let within = false;
  return text.split("\n").flatMap((line): readonly string[] => {
    const [word = "", ...names] = wordsOf(line);
    if (line.startsWith("#")) return [line];
    if (RAISES.test(word)) {
      within = false;
      const kept = names.filter((name) => !isOf(nics, name));
      return kept.length === names.length ? [line] : [MARK + line, ...(kept.length === 0 ? [] : [[word, ...kept].join(" ")])];
    }
    if (STANZA.test(line)) within = word === "iface" && isOf(nics, names[0]);
    return [within && line.trim() !== "" ? MARK + line : line];
  }).join("\n");
}

export function asBefore(text: string): string {
  let rest: readonly string[] = [];
  return text.split("\n").flatMap((line): readonly string[] => {
    const [word = "", ...names] = wordsOf(line);
    const isRest = RAISES.test(word) && word === rest[0] && names.every((name) => rest.includes(name));
    rest = line.startsWith(MARK) ? wordsOf(line.slice(MARK.length)) : [];
    return isRest ? [] : [line.startsWith(MARK) ? line.slice(MARK.length) : line];
  }).join("\n");
}
