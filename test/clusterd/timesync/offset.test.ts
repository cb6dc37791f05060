import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { offsetProblem } from "../../../clusterd/timesync/peer-offset.ts";
import { addSample, createOffsetFilter, offsetOf, offsetSample, type FourTimes, type OffsetFilter } from "../../../clusterd/timesync/offset.ts";

/** One exchange with a clock that is `ahead`, `out` and `back` on the way, `held` by the peer. */
const exchange = (ahead: number, out: number, back: number, t1 = 1_000_000, held = 20): FourTimes =>
  ({ t1, t2: t1 + out + ahead, t3: t1 + out + held + ahead, t4: t1 + out + held + back });
const filled = (...samples: readonly FourTimes[]): OffsetFilter => samples.reduce(addSample, createOffsetFilter(4));

test("nothing heard: nothing known", () => assert.equal(offsetOf(createOffsetFilter()), null));

test("equal ways give the exact offset, ahead or behind", () => {
  assert.deepEqual(offsetSample(exchange(250, 3, 3)), { offset: 250, delay: 6 });
  assert.deepEqual(offsetSample(exchange(-86_400_000, 0.5, 0.5)), { offset: -86_400_000, delay: 1 });
});

test("the error is at most half the delay, whichever way was slow", () => {
  const value = (max: number): fc.Arbitrary<number> => fc.double({ min: 0, max, noNaN: true });
  fc.assert(fc.property(fc.integer({ min: -1e9, max: 1e9 }), value(1000), value(1000), value(5000), (ahead, out, back, held) => {
    const { offset, delay } = offsetSample(exchange(ahead, out, back, 1_795_000_000_000, held));
    assert.ok(Math.abs(offset - ahead) <= delay / 2 + 0.01);
  }));
});

test("believes the exchange that waited least", () =>
  assert.equal(offsetOf(filled(exchange(100, 40, 1), exchange(100, 1, 1), exchange(100, 1, 60))), 100));

test("forgets after its size, so that drift is followed", () => {
  const drifting = Array.from({ length: 40 }, (_, i) => exchange(100 + i, 1, 1 + i / 10));
  const offset = offsetOf(filled(...drifting))!;
  assert.ok(offset > 130, `${offset}`);
});

test("clocks whose rates differ by more than 1 %, outside what leases allow for, are noticed by their offset within two minutes", () => {
  for (const rate of [1.012, 0.988]) {
    let filter = createOffsetFilter();
    let noticed: number | null = null;
    for (let at = 0; at < 120_000 && noticed === null; at += 50) {
      const ahead = at * (rate - 1);
      filter = addSample(filter, exchange(ahead, 0.2, 0.3, 1_000_000 + at));
      assert.ok(Math.abs((offsetOf(filter) ?? 0) - ahead) < 10, "the offset follows");
      if (offsetProblem(offsetOf(filter), 1000) !== null) noticed = at;
    }
    assert.ok(noticed !== null && noticed > 80_000, `${noticed}`);
  }
});

test("a clock that was set is believed at once", () => {
  const steady = filled(exchange(5, 1, 1), exchange(5, 1, 1), exchange(5, 1, 1));
  assert.equal(offsetOf(addSample(steady, exchange(3_600_005, 2, 2))), 3_600_005);
});

test("an exchange in whose middle our clock was set back says nothing, and what was known is void", () => {
  const { t1, t2, t3, t4 } = exchange(5, 1, 1);
  const after = addSample(filled(exchange(5, 1, 1)), { t1, t2, t3, t4: t4 - 5000 });
  assert.equal(offsetOf(after), null);
  assert.equal(offsetOf(addSample(after, exchange(-4995, 1, 1))), -4995);
});

test("a filter is never changed, only followed by another", () => {
  const first = Object.freeze(createOffsetFilter(2));
  const second = addSample(first, exchange(1, 1, 1));
  assert.deepEqual([first.samples.length, second.samples.length], [0, 1]);
});
