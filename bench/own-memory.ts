import { readFileSync } from "node:fs";

/** Memory of a process and its children that is theirs alone, in MB: without mapped files, whose pages are the system's, and counted as often as they are mapped. */
export function ownMemory(pid: number): number {
  const own = /RssAnon:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? "0";
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  return Number(own) / 1024 + (children === "" ? 0 : children.split(" ").reduce((sum, child) => sum + ownMemory(Number(child)), 0));
}
