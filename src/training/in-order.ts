/** Runs tasks `width` at a time, begun in their order; after the first failure no more are begun, and it is thrown when those under way have ended. */
export async function runInOrder<Task, Result>(tasks: readonly Task[], width: number, run: (task: Task) => Promise<Result>): Promise<Result[]> {
  const results = new Array<Result>(tasks.length);
  let next = 0;
  let failed = false;
  const lane = async (): Promise<void> => {
    while (next < tasks.length && !failed) {
      const at = next++;
      try {
        results[at] = await run(tasks[at]!);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const lanes = await Promise.allSettled(Array.from({ length: Math.min(width, tasks.length) }, lane));
  for (const outcome of lanes) if (outcome.status === "rejected") throw outcome.reason;
  return results;
}
