import { mkdir, open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { errorMessage, TidemarkError } from "../lib/errors.ts";
import { defaultEnd, parsePlatform, platformConfig, type PlatformConfig, type PlatformOptions } from "./config.ts";
import type { Calibration } from "./world.ts";

/**
 * `<data_dir>/platform.json`: which platform the data directory holds, so that a later start regenerates the same
 * history; what its calibration found; and the stream that holds the whole history, once one does.
 */
export interface PlatformFile {
  readonly config: PlatformConfig;
  readonly calibration?: Calibration | undefined;
  readonly published_to?: string | undefined;
}

const fileSchema = z.object({
  config: z.unknown(),
  calibration: z.object({ level: z.number(), sessions_per_rate_day: z.number().positive() }).optional(),
  published_to: z.string().optional(),
});

const fileName = (data_dir: string): string => join(data_dir, "platform.json");

/**
 * The platform of this data directory, or, where it holds none, the one that `options` ask for, ending now unless they
 * say when. Writes nothing: only a platform whose calibration succeeded is worth remembering, or an impossible size
 * would block the directory. Throws TidemarkError("platform_differs") when an option contradicts what is remembered.
 */
export async function platformOf(data_dir: string, options: PlatformOptions, now_ms: number): Promise<PlatformFile> {
  const remembered = await readPlatform(data_dir);
  if (remembered === undefined) return { config: platformConfig({ ...options, end_ms: options.end_ms ?? defaultEnd(now_ms) }) };
  const asked = parsePlatform({ ...remembered.config, ...definedOnly(options) });
  for (const key of Object.keys(asked) as (keyof PlatformConfig)[]) {
    if (asked[key] === remembered.config[key]) continue;
    throw new TidemarkError("platform_differs", `${data_dir} holds a platform with ${key} ${remembered.config[key]}, not ${asked[key]}: leave the option out, or use another data directory`);
  }
  return remembered;
}

/** Undefined when the directory holds no platform. Throws TidemarkError("corrupt_platform_file"). */
export async function readPlatform(data_dir: string): Promise<PlatformFile | undefined> {
  let text: string;
  try {
    text = await readFile(fileName(data_dir), "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
  try {
    const { config, ...rest } = fileSchema.parse(JSON.parse(text));
    return { config: parsePlatform(config), ...rest };
  } catch (error) {
    throw new TidemarkError("corrupt_platform_file", `${fileName(data_dir)}: ${errorMessage(error)}`, { cause: error });
  }
}

/** Replaces the file as a whole; a crash leaves the old one or the new one. */
export async function writePlatform(data_dir: string, file: PlatformFile): Promise<void> {
  await mkdir(data_dir, { recursive: true });
  const temporary = `${fileName(data_dir)}.new`;
  const handle = await open(temporary, "w");
  try {
    await handle.writeFile(`${JSON.stringify(file, undefined, 2)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, fileName(data_dir));
}

function definedOnly(options: PlatformOptions): PlatformOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
