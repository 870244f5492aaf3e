/** What work in steps comes to, all steps at once. */
export function complete<T>(work: Generator<void, T>): T {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
  }
}
