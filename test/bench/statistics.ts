// Median, least, greatest and number of a figure's runs. Pure.

export interface Statistics { readonly median: number; readonly min: number; readonly max: number; readonly n: number }

/** null if there was no run. Rounded to tenths. */
export function statistics(values: readonly number[]): Statistics | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const median = (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2;
  return { median: tenth(median), min: tenth(sorted[0]!), max: tenth(sorted.at(-1)!), n: sorted.length };
}

const tenth = (value: number): number => Math.round(value * 10) / 10;
