// "Did you mean …": the known word that a misspelt one is nearest to.

/** How many letters must be added, removed, changed or swapped with their neighbour (optimal string alignment). */
export function distance(from: string, to: string): number {
  let [before, last]: [number[], number[]] = [[], Array.from({ length: to.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= from.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= to.length; j += 1) {
      const same = from[i - 1] === to[j - 1];
      let least = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + (same ? 0 : 1));
      if (i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]) least = Math.min(least, (before[j - 2] ?? 0) + 1);
      row.push(least);
    }
    [before, last] = [last, row];
  }
  return last[to.length] ?? 0;
}

/** A third of a name's letters may be wrong. */
const tolerance = (name: string): number => Math.max(1, Math.floor(name.length / 3));

/** The nearest of `known`, or null when none is near enough to be meant. Case does not count. */
export function suggest(word: string, known: readonly string[]): string | null {
  const near = known.filter((name) => Math.abs(name.length - word.length) <= tolerance(name))
    .map((name) => ({ name, far: distance(word.toLowerCase(), name.toLowerCase()) })).sort((a, b) => a.far - b.far)[0];
  return near !== undefined && near.far <= tolerance(near.name) ? near.name : null;
}

/** "Did you mean deadtime?", or the whole choice when nothing is near. */
export function didYouMean(word: string, known: readonly string[]): string {
  const near = suggest(word, known);
  return near === null ? `Known: ${known.join(" ")}.` : `Did you mean ${near}?`;
}
