// Several at a time, never more than `most`, the results in the order of what was given. Pure but for what `act` does.

/** `goOn` is asked after each result; once it says no, nothing further is begun. */
export async function inParallel<Item, Result>(items: readonly Item[], most: number, act: (item: Item) => Promise<Result>, goOn: (result: Result) => boolean = () => true): Promise<readonly Result[]> {
  const results = new Map<number, Result>();
  let [next, going] = [0, true];
  const worker = async (): Promise<void> => {
    while (going && next < items.length) {
      const at = next;
      next += 1;
      const result = await act(items[at] as Item);
      results.set(at, result);
      going &&= goOn(result);
    }
  };
  await Promise.all(Array.from({ length: Math.min(most, items.length) }, worker));
  return [...results].sort(([a], [b]) => a - b).map(([, result]) => result);
}
