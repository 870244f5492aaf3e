/** The most that a timer takes: one that is set to more would be over at once. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/** Resolves after `ms`, or as soon as the signal aborts. Leaves nothing on the signal, which may live as long as the process. */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  for (let left_ms = ms; ; left_ms -= TIMER_MAX_MS) {
    await timer(Math.min(left_ms, TIMER_MAX_MS), signal);
    if (left_ms <= TIMER_MAX_MS || signal?.aborted === true) return;
  }
}

function timer(ms: number, signal: AbortSignal | undefined): Promise<void> {
  if (signal?.aborted === true) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timeout);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timeout = setTimeout(done, ms);
    signal?.addEventListener("abort", done);
  });
}
