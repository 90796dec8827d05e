// The smallest test kit: collects checks by name, and says what differed.
export const checks = [];
export const check = (name, run) => checks.push({ name, run });

export function equal(found, wanted, what = '') {
  const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (a !== b) throw new Error(`${what} found ${a}, wanted ${b}`);
}

export async function until(condition, what = 'condition', timeoutMs = 3000) {
  const end = performance.now() + timeoutMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
