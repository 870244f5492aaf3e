import { workerData } from "node:worker_threads";
import { type Phase, TreeShare } from "../models/trees/tree-share.ts";
import { awaitChange, CONTROL, type TreeThreadData } from "./tree-control.ts";

const { memory, options, share, control } = workerData as TreeThreadData;
const own = new TreeShare(memory, share, options);
// Until the thread is terminated.
for (let turn = 0; ; turn++) {
  awaitChange(control, CONTROL.turn, turn, Number.POSITIVE_INFINITY);
  own.run(control[CONTROL.phase] as Phase, control[CONTROL.nodes]!);
  Atomics.add(control, CONTROL.done, 1);
  Atomics.notify(control, CONTROL.done);
}
