import assert from "node:assert/strict";
import { test } from "node:test";
import { classFor, lifetimes } from "../../../clusterd/takeover/kernel-lease.ts";

const PROFILES = [{ lease: 150, release: 80 }, { lease: 500, release: 100 }, { lease: 2000, release: 500 }];

test("the kernel falls silent by L + S and never before L, at any age of the acknowledgement", () => {
  for (const { lease, release } of PROFILES) {
    const lives = lifetimes(lease + release, release);
    for (let left = lease; left > 1; left -= 0.7) {
      const life = lives[classFor(lives, left + release) ?? -1];
      assert.ok(life !== undefined && life <= left + release && life >= left, `${left} ms of a lease of ${lease} + ${release} left: ${life}`);
    }
  }
});

test("a lease that is over gets no lifetime", () => {
  assert.equal(classFor(lifetimes(600, 100), 5), null);
});
